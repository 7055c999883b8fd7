//! What a stage takes in.

use std::fmt;

use crate::time::Timestamp;

/// One record of one of a stage's inputs. It borrows everything from whatever read it.
#[derive(Clone, Copy)]
pub struct Record<'r> {
    /// Which of the stage's inputs it comes from, counted from 0.
    pub input: usize,
    /// The name of that input, which dead letters cite.
    pub topic: &'r str,
    /// The partition of the input.
    pub partition: i32,
    /// Its place in the partition.
    pub offset: i64,
    /// When it was written, as its producer or the broker noted.
    pub written_at: Option<Timestamp>,
    /// Its key.
    pub key: Option<&'r [u8]>,
    /// Its value; empty where it has none.
    pub value: &'r [u8],
    /// Its headers. They are read only when a stage asks for them, since looking for
    /// them takes a tenth of the time of decoding.
    pub headers: Option<&'r dyn Headers>,
}

/// The headers of a record.
pub trait Headers {
    /// Name and value of each header whose name is UTF-8, in order.
    fn all(&self) -> Vec<(&str, &[u8])>;
}

impl Record<'_> {
    /// `latest`, the time of the latest event in this record, but no later than the
    /// record itself: an event from the future must not take the present with it.
    pub(super) fn bound(&self, latest: Option<Timestamp>) -> Option<Timestamp> {
        latest.map(|latest| self.written_at.map_or(latest, |written| latest.min(written)))
    }
}

impl fmt::Debug for Record<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Never the content, which may hold a secret.
        write!(f, "{}/{}/{}", self.topic, self.partition, self.offset)
    }
}

/// The messages in a record between stages, which has one a line.
pub(super) fn lines(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|byte| *byte == b'\n').filter(|line| !line.is_empty())
}
