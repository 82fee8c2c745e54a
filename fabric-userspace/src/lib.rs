//! Agent, compiler and command line of the tagging fabric.

pub mod allocate;
pub mod compile;
pub mod diff;
pub mod edit;
pub mod error;
pub mod ids;
pub mod model;
pub mod records;
pub mod topology;
pub mod validate;
