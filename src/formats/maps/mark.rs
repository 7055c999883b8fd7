//! Places in a program, which errors name.

/// A place in a program: a line from 1, and the field whose value is made there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mark {
    pub(super) line: usize,
    pub(super) field: String,
    /// The number of the first mark within what this one is around.
    pub(super) first_within: usize,
}
