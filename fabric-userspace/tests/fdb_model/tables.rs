//! In place of `fabric-common/src/tables.rs`: as much of it as the FDB needs.

use common::maps::Segment;

use crate::buckets::Bucket;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Table {
    Fdb,
    Tags,
}

pub trait Tables {
    fn seed(&self) -> [u64; 2];
    fn mask(&self, table: Table) -> u32;
    fn damping_ticks(&self) -> u32;
    fn now(&self) -> u32;
    fn bucket(&self, table: Table, index: u32) -> Option<&Bucket>;
    fn segment(&self, id: u32) -> Option<&Segment>;
}
