//! The windows of a set of events, computed as plainly as the rules are written.
//!
//! It follows `docs/semantics.md` only. It knows no order of arrival, no present, no bounds and
//! no settling; it copies everything and need not be fast. Where it and the engine differ, one
//! of them misreads that page.

#![allow(dead_code, reason = "each test file uses its part")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

pub(crate) mod evidence;
pub(crate) mod fields;
mod fold;
pub(crate) mod hostile;
pub(crate) mod incidents;
pub(crate) mod live;
pub(crate) mod made;
pub(crate) mod numbers;
pub(crate) mod record;
pub(crate) mod reviews;
pub(crate) mod setting;
pub(crate) mod summary;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use record::Record;
use shutterlag::event::{Event, Kind, Workflow};

/// How events are read, where that is configurable.
#[derive(Clone, Debug, Default)]
pub(crate) struct Reading {
    /// Whether every detection after a closing opens the next window.
    pub(crate) reopen_always: bool,
    /// Sources whose detection is the moment of the exposure.
    pub(crate) detects_at_once: Vec<String>,
    /// Targets other than the default ones: in time and late in ms, and whether attackers race.
    pub(crate) targets: Vec<(Workflow, (i64, i64), bool)>,
}

/// What a set of events comes to.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Ledger {
    /// Every window, by workflow, credential and time.
    pub(crate) windows: Vec<Record>,
    /// Distinct events.
    pub(crate) accepted: u64,
    /// Repeats of an id of the same credential.
    pub(crate) duplicate: u64,
    /// Distinct events without a window.
    pub(crate) orphan: u64,
}

/// What the events come to under the default configuration.
pub(crate) fn ledger(events: &[Event<'static>]) -> Ledger {
    ledger_by(events, &Reading::default())
}

/// Groups, sorts, drops repeats and folds.
///
/// Of two events of one credential that share id, time and rank but not their
/// content, the one that stands first in `events` counts: see [`readings`].
pub(crate) fn ledger_by(events: &[Event<'static>], reading: &Reading) -> Ledger {
    // The credential has the `/` behind it that its windows' names have.
    let mut keys: BTreeMap<(&str, String), Vec<&Event<'static>>> = BTreeMap::new();
    for event in events {
        let key = (event.workflow.as_str(), format!("{}/", event.credential_id));
        keys.entry(key).or_default().push(event);
    }
    let mut ledger = Ledger::default();
    for (_, mut events) in keys {
        events.sort_by_key(|event| (event.time, rank(event), event.id.as_bytes()));
        let mut seen = BTreeSet::new();
        let (distinct, repeats): (Vec<_>, Vec<_>) =
            events.into_iter().partition(|event| seen.insert(event.id.clone()));
        ledger.accepted += distinct.len() as u64;
        ledger.duplicate += repeats.len() as u64;
        let (windows, orphans) = fold::fold(&distinct, reading);
        ledger.orphan += orphans;
        ledger.windows.extend(fields::records(&windows, reading));
    }
    ledger
}

/// The place of an event among those of the same time.
fn rank(event: &Event<'static>) -> usize {
    const ORDER: [Kind; 9] = [
        Kind::LeakDetected,
        Kind::CaseOpened,
        Kind::TriageCompleted,
        Kind::ReviewOpened,
        Kind::DecisionMade,
        Kind::CredentialContained,
        Kind::CaseWithdrawn,
        Kind::CredentialAbused,
        Kind::TruthEstablished,
    ];
    match event.reopens() {
        true => ORDER.len(),
        false => ORDER.iter().position(|kind| *kind == event.kind()).unwrap(),
    }
}

/// All ways to read `events`: contents that share workflow, credential, id, time
/// and rank are ordered "by content", which the page does not spell out, so any
/// of them may come first.
pub(crate) fn readings(events: &[Event<'static>]) -> Vec<Vec<Event<'static>>> {
    let same_place = |a: &Event<'static>, b: &Event<'static>| {
        (a.workflow, &a.credential_id, &a.id, a.time, rank(a))
            == (b.workflow, &b.credential_id, &b.id, b.time, rank(b))
    };
    let mut readings = vec![Vec::new()];
    for event in events {
        // What the event may be read as: the contents that stand in its place.
        let mut contents: Vec<&Event<'static>> = Vec::new();
        for other in events.iter().filter(|other| same_place(event, other)) {
            if !contents.contains(&other) {
                contents.push(other);
            }
        }
        let mut longer = Vec::new();
        for reading in readings {
            match reading.iter().find(|earlier| same_place(event, earlier)) {
                // Chosen already: all that stand in one place read the same.
                Some(chosen) => {
                    let chosen: Event<'static> = chosen.clone();
                    longer.push([reading, vec![chosen]].concat());
                }
                None => longer.extend(
                    contents.iter().map(|content| [&reading[..], &[(*content).clone()]].concat()),
                ),
            }
        }
        readings = longer;
    }
    readings
}

/// Where two things differ when shown, for a message that can be read.
pub(crate) fn difference(got: &impl fmt::Debug, wanted: &impl fmt::Debug) -> String {
    let (got, wanted) = (format!("{got:#?}"), format!("{wanted:#?}"));
    let (got, wanted): (Vec<_>, Vec<_>) = (got.lines().collect(), wanted.lines().collect());
    let same_head = got.iter().zip(&wanted).take_while(|(got, wanted)| got == wanted).count();
    let (got, wanted) = (&got[same_head..], &wanted[same_head..]);
    let same = |(got, wanted): &(&&str, &&str)| got == wanted;
    let same_tail = got.iter().rev().zip(wanted.iter().rev()).take_while(same).count();
    let trimmed = |lines: &[&str]| {
        lines[..lines.len() - same_tail].iter().map(|line| line.trim()).collect::<String>()
    };
    format!("\n got    {}\n wanted {}", trimmed(got), trimmed(wanted))
}
