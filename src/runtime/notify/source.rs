//! Where alerts come from.

use crossbeam_channel::Receiver;

use crate::runtime::kafka::tail::Topic;
use crate::time::Timestamp;

/// Where alerts come from.
#[derive(Clone, Debug)]
pub enum Source {
    /// The alerts' topic.
    Topic(Topic),
    /// The local runtime.
    Local(Receiver<News>),
}

/// What the local runtime tells about alerts.
#[derive(Clone, Debug)]
pub enum News {
    /// All alerts come again: what came before no longer holds.
    Restart,
    /// An alert changed.
    Change {
        /// Its key.
        key: Vec<u8>,
        /// The record; `None` forgets the alert.
        record: Option<Vec<u8>>,
        /// When it was committed.
        at: Timestamp,
    },
    /// Everything that was committed before has been told.
    CaughtUp,
}
