//! Why the guard ends a program.

/// Why a program was stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// It took too many steps.
    Steps,
    /// Its calls, or a value, are nested too deep.
    Depth,
    /// A text or a list became too long.
    Size,
    /// It asked for the time of detection, and there is none.
    NoDetectionTime,
}
