//! Notes about what happened lately: alerts, close calls, and containment before a
//! decision.
//!
//! Invariants: alerts are derived by the engine, and of those about a missing decision each
//! window has the strongest that has begun; nothing is kept between two snapshots.

use serde::Serialize;

use super::strongest::is_superseded;
use super::text;
use crate::config::Profile;
use crate::engine::alerts::{AlertSet, Moments, Urgency};
use crate::engine::identity::NameOrder;
use crate::event::Workflow;
use crate::records::WindowRecord;
use crate::time::{Span, Timestamp};

/// A decision that is in time by no more than this gets a note, where attackers race.
const CLOSE: Span = Span::from_secs(60);

/// One note.
#[derive(Debug, Serialize)]
pub(super) struct Note {
    /// When it began.
    pub(super) at: Timestamp,
    /// When it ended; null while it lasts, and for facts.
    until: Option<Timestamp>,
    /// The alert's name, [`CLOSE_CALL`] or [`CONTAINED_FIRST`].
    what: &'static str,
    /// How urgent it is; null if nothing has to be done.
    urgency: Option<Urgency>,
    /// The name of the window: the address of its page.
    id: String,
    #[serde(flatten)]
    names: text::Names,
    workflow: Workflow,
    /// How long before it was overdue the decision came.
    margin_ms: Option<Span>,
}

/// Decided less than a minute before it was overdue.
const CLOSE_CALL: &str = "CloseCall";
/// Contained before anybody decided.
const CONTAINED_FIRST: &str = "ContainedFirst";

/// The notes of one window up to `now`, by key.
pub(super) fn of(
    record: &WindowRecord,
    profile: &Profile,
    order: &NameOrder,
    now: Timestamp,
) -> Vec<(String, Note)> {
    let window = record.window();
    let name = record.exposure_id.to_string();
    let note = |what, at, until, urgency, margin_ms| {
        let key = format!("{what}-{}", text::key(&name));
        let names = text::Names::of(record, order);
        let workflow = record.workflow;
        let id = name.clone();
        (key, Note { at, until, what, urgency, id, names, workflow, margin_ms })
    };
    let moments = Moments::of(&window, false);
    let begun = || moments.episodes(profile).filter(|episode| episode.from <= now);
    let mut alerts = AlertSet::default();
    begun().for_each(|episode| alerts.insert(episode.alert));
    let mut notes: Vec<_> = begun()
        .filter(|episode| !is_superseded(episode.alert, alerts))
        .map(|episode| {
            let until = episode.until.filter(|until| *until <= now);
            let (what, urgency) = (episode.alert.as_str(), Some(episode.alert.urgency()));
            note(what, episode.from, until, urgency, None)
        })
        .collect();
    let decided = window.decided_at();
    // Without a time of exposure nobody knows whether it was in time.
    let in_time_is_known = profile.targets.raced && window.start_is_known();
    if let Some(decided) = decided.filter(|_| in_time_is_known) {
        let margin = (window.start() + profile.targets.in_time).since(decided);
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
