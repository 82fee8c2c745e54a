//! Agent, compiler and command line of the tagging fabric.

pub mod allocate;
pub mod api;
pub mod datapath;
pub mod edit;
pub mod error;
pub mod ethtool;
pub mod model;
pub mod netlink;
pub mod records;
pub mod safety;
pub mod topology;
pub mod validate;
