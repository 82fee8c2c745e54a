//! Agent, compiler and command line.
