//! Names on which somebody acted and under which nothing was detected.

use super::log::{Head, Log};
use crate::event::Kind;
use crate::time::Timestamp;

/// Events of people or of an AI about a name that no detection has: a typing error, or a name
/// that another source gave to the same credential.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unjoined {
    /// The kind of the first of them.
    pub kind: Kind,
    /// The source of the first of them.
    pub source: Option<Box<str>>,
    /// The time of the first of them.
    pub time: Timestamp,
    /// How many there are.
    pub events: u64,
}

impl Unjoined {
    /// What is known of a name if none of its events opens a window and somebody acted on
    /// it. Abuse and truth do not count: they can be the first that is heard of a credential.
    pub(super) fn of(log: Log<'_>, heads: &[Head]) -> Option<Unjoined> {
        if heads.iter().any(|head| head.kind.opens()) {
            return None;
        }
        let mut acts = heads.iter().filter(|head| is_act(head.kind));
        let first = acts.next()?;
        let event = first.event(log)?;
        let more: u64 = acts.map(|head| u64::from(head.weight)).sum();
        Some(Unjoined {
            kind: first.kind,
            source: event.source.as_deref().map(Box::from),
            time: event.time,
            events: u64::from(first.weight) + more,
        })
    }
}

/// Whether an event of this kind needs a window: what it says is about one.
pub(super) fn is_act(kind: Kind) -> bool {
    !kind.opens() && !matches!(kind, Kind::CredentialAbused | Kind::TruthEstablished)
}
