//! What the API shows: the document and the live maps in the words of people.

mod counters;
mod fdb;
mod links;
mod plant;
mod ports;
mod status;
mod storage;
mod tenants;

pub(super) use counters::counters;
pub(super) use fdb::fdb;
pub(super) use links::links;
pub(super) use plant::{datacenters, node_details};
pub(super) use ports::{doctor, ports, state as port_state};
pub(super) use status::status;
pub(super) use storage::storage;
pub(super) use tenants::tenants;

pub(super) use counters::{reading, traffic};

use super::meter::Sum;
use crate::api;

impl From<Sum> for api::Count {
    fn from(sum: Sum) -> Self {
        Self {
            frames: sum.frames,
            bytes: sum.bytes,
        }
    }
}
