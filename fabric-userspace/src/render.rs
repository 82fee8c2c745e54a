//! What people see: pictures made of lines, and the two streams they go to.
//!
//! A view (`status`, `tenant`, ...) turns objects of [`crate::api`] into [`Line`]s and does no I/O. Everything that
//! comes from elsewhere is escaped when it becomes part of a line, so no name can move the cursor or forge a line.

pub mod counters;
pub mod doctor;
pub mod document;
pub mod fdb;
pub mod gateway;
pub mod link;
pub mod node;
pub mod numbers;
pub mod output;
pub mod plant;
pub mod port;
pub mod refusal;
pub mod segment;
pub mod status;
pub mod storage;
pub mod table;
pub mod tenant;
pub mod text;
pub mod time;

pub use output::{ColorChoice, Output};
pub use table::Table;
pub use text::{Line, Tone};

#[cfg(test)]
mod tests;
