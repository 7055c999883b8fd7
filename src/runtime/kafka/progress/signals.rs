//! What the progress monitor publishes to the workers of this process.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use super::watermark::Watermarks;

/// What workers read and the monitor writes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Signals {
    /// Whether the lag gate is open: nothing is held back before the windows.
    pub(crate) gate_open: Arc<AtomicBool>,
    /// How far the sources have come in our own events.
    pub(crate) events: Arc<Watermarks>,
    /// How far the windows have come in the reviews.
    pub(crate) reviews: Arc<Watermarks>,
}
