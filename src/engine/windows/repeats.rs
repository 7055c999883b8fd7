//! Folds the repeats of a credential that never stops into counts.
//!
//! Invariants: up to the limit nothing is lost; beyond it every count and every
//! field of a window stays what it was, only the ids of the folded repeats are
//! forgotten (a second delivery of one counts again) and a window that a later
//! arrival splits in the middle of them splits at their first.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use super::fold::Fate;
use super::log::{self, Head, Log};
use crate::event::{Actor, Body, Event, Kind, Provenance};

/// Kinds of repeat told apart in one window; beyond that, all looks are one kind.
const CLASSES_MAX: usize = 64;

/// What makes two events of a window stand for each other.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Class {
    window: u32,
    decided: bool,
    opener: bool,
    kind: Kind,
    actor: Option<Actor>,
    takes_effect: bool,
    fallback: bool,
    looker: Option<String>,
}

/// The events that share a window, or that have none.
#[derive(Default)]
struct Group {
    events: usize,
    seen: usize,
    opened: bool,
    decided: bool,
}

/// Where a class stands: its first event, what was folded into it, and the
/// last one, which stays itself.
struct Run<'l> {
    first: Event<'l>,
    weight: u32,
    last: Option<Head>,
}

/// A shortened log.
pub(super) struct Short {
    pub(super) log: Vec<u8>,
    /// Events in it.
    pub(super) events: u32,
    /// Orphans no longer in it.
    pub(super) forgotten: u64,
}

/// The log of a credential whose windows hold more than `limit` events,
/// shortened; `None` when there is nothing to shorten.
pub(super) fn shorten(log: Log<'_>, heads: &[Head], fates: &[Fate], limit: usize) -> Option<Short> {
    let mut groups: BTreeMap<Option<u32>, Group> = BTreeMap::new();
    for fate in fates {
        groups.entry(window_of(*fate)).or_default().events += 1;
    }
    if groups.values().all(|group| group.events <= limit) {
        return None;
    }
    let mut short = Vec::with_capacity(log.bytes.len() / 2);
    let mut events = 0;
    let mut runs: BTreeMap<Class, Run<'_>> = BTreeMap::new();
    let mut forgotten = 0;
    for (head, fate) in heads.iter().zip(fates) {
        let window = window_of(*fate);
        let group = groups.get_mut(&window)?;
        // The newer half stays whole: a second delivery follows its first.
        let old = group.events > limit && group.seen < group.events - limit / 2;
        group.seen += 1;
        let Some(number) = window else {
            if old {
                forgotten += u64::from(head.weight);
            } else {
                head.copy(log, &mut short);
                events += 1;
            }
            continue;
        };
        let Some(event) = head.named_event(log).filter(|_| old) else {
            head.copy(log, &mut short);
            events += 1;
            continue;
        };
        let opener = head.kind == Kind::LeakDetected && !std::mem::replace(&mut group.opened, true);
        let decided = group.decided;
        let class = class(&event, number, decided, opener, runs.len() >= CLASSES_MAX);
        group.decided |= class.kind == Kind::DecisionMade && class.actor == Some(Actor::Human);
        match runs.entry(class) {
            Entry::Vacant(free) => {
                free.insert(Run { first: event, weight: head.weight, last: None });
            }
            Entry::Occupied(run) => {
                let run = run.into_mut();
                if let Some(middle) = run.last.replace(*head) {
                    run.weight = run.weight.saturating_add(middle.weight);
                    if let Some(middle) = middle.event(log) {
                        merge(&mut run.first, middle);
                    }
                }
            }
        }
    }
    for run in runs.values() {
        log::push(&mut short, &run.first, run.weight, |text| log.texts.number(text));
        events += 1 + u32::from(run.last.is_some());
        if let Some(last) = run.last {
            last.copy(log, &mut short);
        }
    }
    Some(Short { log: short, events, forgotten })
}

fn window_of(fate: Fate) -> Option<u32> {
    match fate {
        Fate::Window(number) => Some(number),
        Fate::Orphan | Fate::Late => None,
    }
}

fn class(event: &Event<'_>, window: u32, decided: bool, opener: bool, crowded: bool) -> Class {
    let (actor, takes_effect) = match &event.body {
        Body::DecisionMade(decision) => (Some(decision.actor_kind), decision.action.takes_effect()),
        Body::CredentialContained { actor_kind, .. } => (Some(*actor_kind), false),
        _ => (None, false),
    };
    let looker = match &event.body {
        Body::ReviewOpened { reviewer } if !crowded => Some(reviewer.to_string()),
        _ => None,
    };
    let fallback = matches!(&event.body, Body::TriageCompleted(triage)
        if triage.provenance == Some(Provenance::Fallback));
    // A person's further decisions are one class: the last of all is the final one.
    let takes_effect = takes_effect && actor != Some(Actor::Human);
    Class { window, decided, opener, kind: event.kind(), actor, takes_effect, fallback, looker }
}

/// Lets `first` speak for `middle` as well.
fn merge<'l>(first: &mut Event<'l>, middle: Event<'l>) {
    let or = |a: &mut Option<Cow<'l, str>>, b: Option<Cow<'l, str>>| *a = a.take().or(b);
    or(&mut first.source, middle.source);
    first.owner = middle.owner.or(first.owner.take());
    first.severity = first.severity.max(middle.severity);
    if let (Body::LeakDetected(leak), Body::LeakDetected(repeat)) = (&mut first.body, middle.body) {
        or(&mut leak.location, repeat.location);
        let earlier = match (leak.exposed_at, repeat.exposed_at) {
            (Some(known), Some(exposed)) => exposed < known,
            (None, Some(_)) => true,
            (_, None) => false,
        };
        if earlier {
            (leak.exposed_at, leak.exposed_at_quality) =
                (repeat.exposed_at, repeat.exposed_at_quality);
        }
    }
}
