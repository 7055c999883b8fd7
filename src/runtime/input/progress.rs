//! How far reading has come, for whoever draws it.
//!
//! Invariants: counts bytes as they lie on disk, before decompression, so that
//! the count and the files' sizes compare; only ever grows.

use std::sync::atomic::{AtomicU64, Ordering};

/// Bytes read so far, of how many. Shared with the reader; cheap to poll.
#[derive(Debug, Default)]
pub struct Progress {
    read: AtomicU64,
    total: Option<u64>,
}

impl Progress {
    pub(super) fn of(total: Option<u64>) -> Progress {
        Progress { read: AtomicU64::new(0), total }
    }

    /// Bytes read so far from all inputs, before decompression.
    pub fn read_bytes(&self) -> u64 {
        self.read.load(Ordering::Relaxed)
    }

    /// Bytes of all inputs together as they were when opened, or `None` when
    /// one of them is a stream without a size. A file that grows meanwhile can
    /// take [`read_bytes`](Progress::read_bytes) past it.
    pub fn total_bytes(&self) -> Option<u64> {
        self.total
    }

    pub(super) fn advance(&self, bytes: usize) {
        // One writer, and readers that only draw: no ordering is needed.
        self.read.fetch_add(bytes as u64, Ordering::Relaxed);
    }
}
