//! A member dies.
