//! A ledger that was read.

use crate::report::control::Rows;
use crate::report::control::evidence::Inputs;

/// A ledger that was read.
#[derive(Debug)]
pub struct Loaded {
    /// Its windows.
    pub rows: Rows,
    /// Where they come from, and what is known about their input.
    pub inputs: Inputs,
}
