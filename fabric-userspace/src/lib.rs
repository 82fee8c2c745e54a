//! Agent, compiler and command line of the tagging fabric.

pub mod agent;
pub mod agent_options;
pub mod allocate;
pub mod api;
pub mod budget;
pub mod by_name;
pub mod cli;
pub mod client;
pub mod compile;
pub mod datapath;
pub mod diff;
pub mod edit;
pub mod error;
pub mod ethtool;
pub mod ids;
pub mod list;
pub mod model;
pub mod netlink;
pub mod records;
pub mod render;
pub mod safety;
mod storage;
pub mod store;
pub mod topology;
pub mod validate;
mod wall;
