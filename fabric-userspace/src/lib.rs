//! Agent, compiler and command line of the tagging fabric.

pub mod records;
