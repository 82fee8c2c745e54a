//! Two machines with one identity never both speak.
