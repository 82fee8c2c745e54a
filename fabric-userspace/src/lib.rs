//! Agent, compiler and command line.

pub mod ethtool;
pub mod netlink;
pub mod safety;
