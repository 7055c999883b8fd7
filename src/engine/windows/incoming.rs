//! Names of which events are on their way.
//!
//! When a name moves, its events come one after the other. Windows of some of them would page
//! somebody about an exposure that was answered long ago.

use foldhash::HashMap;

use super::state;
use crate::time::{Span, Timestamp};

/// How long windows wait for events that are on their way. They come from one transaction, so
/// that this is never reached unless a record among them was lost.
const WAIT_MAX: Span = Span::from_mins(10);

/// The names, and since when their windows wait.
#[derive(Debug, Default)]
pub(super) struct Incoming(HashMap<Box<str>, Option<Timestamp>>);

impl Incoming {
    /// Events of `name` are on their way.
    pub(super) fn expect(&mut self, name: &str) {
        self.0.entry(name.into()).or_default();
    }

    /// All events of `name` are there. Says whether some were on their way.
    pub(super) fn is_complete(&mut self, name: &str) -> bool {
        self.0.remove(name).is_some()
    }

    /// Whether the state in `bytes` has to wait at `now`.
    pub(super) fn holds(&mut self, bytes: &[u8], now: Timestamp) -> bool {
        if self.0.is_empty() {
            return false;
        }
        let Some((key, _)) = state::read_key(bytes) else { return false };
        let Some(since) = self.0.get_mut(key.credential_id) else { return false };
        now < *since.get_or_insert(now) + WAIT_MAX
    }
}
