//! Agent, compiler and command line.

pub mod allocate;
pub mod edit;
pub mod error;
pub mod model;
pub mod topology;
pub mod validate;
