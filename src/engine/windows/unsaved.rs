//! What is noted for the next checkpoint.

/// Credentials whose state has changed since it was last handed out.
#[derive(Debug, Default)]
pub(super) struct Unsaved {
    pub(super) changed: Vec<u32>,
    /// Keys of those that are gone, as at the head of a state.
    pub(super) gone: Vec<Box<[u8]>>,
}

/// The length of a checkpoint that may come near the bound.
#[derive(Clone, Copy, Debug)]
pub(super) struct Written {
    pub(super) bytes: usize,
    /// Measured, not estimated: it may be less otherwise.
    pub(super) exact: bool,
}
