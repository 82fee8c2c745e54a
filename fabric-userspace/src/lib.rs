//! Agent, compiler and command line of the tagging fabric.

pub mod datapath;
pub mod records;
