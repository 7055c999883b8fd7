//! What happened lately: alerts that began, and what is worth seeing beside them.
//!
//! Invariants: an alert is what the engine derives from the window; nothing is
//! remembered between two pictures.

use serde::Serialize;

use super::reviews::Told;
use super::text;
use crate::config::{FASTEST_ATTACKER, Profile};
use crate::engine::alerts::{Moments, Urgency};
use crate::event::Workflow;
use crate::report::ledger::LedgerRecord;
use crate::time::{Span, Timestamp};

/// How close to the fastest attackers a decision is worth a note.
const CLOSE: Span = Span::from_secs(60);

/// One note.
#[derive(Debug, Serialize)]
pub(super) struct Note {
    /// When it began.
    pub(super) at: Timestamp,
    /// When it ended; null while it lasts, or where it is a fact.
    until: Option<Timestamp>,
    /// The alert's name, or one of the two below.
    what: &'static str,
    /// How urgent; null where nothing has to be done.
    urgency: Option<Urgency>,
    credential: String,
    workflow: Workflow,
    /// By how much it was in time.
    margin_ms: Option<Span>,
}

/// Decided within a minute of the fastest attackers.
const CLOSE_CALL: &str = "CloseCall";
/// Contained before anybody had decided.
const CONTAINED_FIRST: &str = "ContainedFirst";

/// The notes of one window up to `now`, by key.
pub(super) fn of(
    told: &Told,
    record: &LedgerRecord,
    profile: &Profile,
    now: Timestamp,
) -> Vec<(String, Note)> {
    let mut window = record.window();
    window.truth = told.truth();
    let note = |what, at, until, urgency, margin_ms| {
        let key = format!("{what}-{}", text::key(&told.exposure_id));
        let credential = text::shown(&told.credential_id);
        let workflow = told.workflow;
        (key, Note { at, until, what, urgency, credential, workflow, margin_ms })
    };
    let mut notes: Vec<_> = Moments::of(&window, false)
        .episodes(profile)
        .filter(|episode| episode.from <= now)
        .map(|episode| {
            let until = episode.until.filter(|until| *until <= now);
            let (what, urgency) = (episode.alert.as_str(), Some(episode.alert.urgency()));
            note(what, episode.from, until, urgency, None)
        })
        .collect();
    let decided = window.decided_at();
    if let Some(decided) = decided {
        let margin = (window.start() + FASTEST_ATTACKER).since(decided);
        if margin > Span::ZERO && margin <= CLOSE {
            notes.push(note(CLOSE_CALL, decided, None, None, Some(margin)));
        }
    }
    if let Some(contained) = window.contained_at
        && decided.is_none_or(|decided| contained < decided)
        && contained <= now
    {
        notes.push(note(CONTAINED_FIRST, contained, None, None, None));
    }
    notes
}
