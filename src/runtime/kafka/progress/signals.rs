//! What the progress monitor publishes to the workers of this process.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use super::watermark::Watermarks;

/// What workers read and the monitor writes.
#[derive(Clone, Debug, Default)]
pub(in crate::runtime::kafka) struct Signals {
    /// Whether the lag gate is open: nothing is held back before the windows.
    pub(in crate::runtime::kafka) gate_open: Arc<AtomicBool>,
    /// How far the sources have come in our own events.
    pub(in crate::runtime::kafka) events: Arc<Watermarks>,
    /// How far the windows have come in the reviews.
    pub(in crate::runtime::kafka) reviews: Arc<Watermarks>,
}
