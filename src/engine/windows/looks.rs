//! What one reviewer is known to have looked at before deciding.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::log::{Head, Log};
use crate::config::canonical;
use crate::event::{Body, Evidence, Kind};
use crate::time::Timestamp;

/// The looks of one reviewer in one window, up to a decision.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Looks<'l> {
    /// The first.
    pub(super) first_at: Option<Timestamp>,
    /// The last.
    pub(super) last_at: Option<Timestamp>,
    /// The one source of all of them, empty if it is not named; `None` if there are several.
    pub(super) source: Option<&'l str>,
    /// The most items looked at.
    pub(super) items: Option<u32>,
    /// The most that was looked at.
    pub(super) evidence: Option<Evidence>,
}

impl<'l> Looks<'l> {
    /// The looks of `person` under any id among `heads`, which are in order.
    pub(super) fn of(
        person: &str,
        aliases: &BTreeMap<String, String>,
        heads: impl Iterator<Item = Head>,
        log: Log<'l>,
    ) -> Looks<'l> {
        let mut looks = Looks::default();
        for head in heads.filter(|head| head.kind == Kind::ReviewOpened) {
            let Some(event) = head.event(log) else { continue };
            let Body::ReviewOpened(opened) = &event.body else { continue };
            if canonical(aliases, &opened.reviewer) != person {
                continue;
            }
            let source = clock_of(event.source.as_ref());
            let is_first = looks.first_at.is_none();
            looks.source = source.filter(|_| is_first || looks.source == source);
            looks.first_at = looks.first_at.or(Some(head.time));
            looks.last_at = Some(head.time);
            looks.items = looks.items.max(opened.items_opened);
            looks.evidence = looks.evidence.max(opened.evidence);
        }
        looks
    }
}

/// Whose clock an event's time is by. Events that name no source count as those of one:
/// nothing says that there are several.
pub(super) fn clock_of<'l>(source: Option<&Cow<'l, str>>) -> Option<&'l str> {
    match source {
        Some(Cow::Borrowed(source)) => Some(source),
        Some(Cow::Owned(_)) => None,
        None => Some(""),
    }
}
