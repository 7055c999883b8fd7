//! Folds the repeats of a credential that never stops into counts.
//!
//! Invariants: up to the limit nothing is lost; beyond it the events that any
//! field of the window comes from stay, and every count stays. Forgotten are the
//! ids of the folded repeats, and where between their first and their last each
//! one stood. Of two or more that are folded, both their first and their last stand
//! for some: so advice that is folded leaves a mark on either side of the gap.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use super::fold::{Fate, escalates};
use super::log::{Head, Log};
use crate::event::{Actor, Body, Event, Evidence, ExposedAtQuality, Kind, Provenance, Severity};
use crate::time::Timestamp;

/// Reviewers whose looks are told apart in one credential; the looks of further
/// ones are folded together.
const LOOKERS_MAX: usize = 4_096;

/// Events that share a window, or the lack of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    /// In this window, or a sighting after it.
    Window(u32),
    /// After so many windows, in none.
    Gap(u32),
    /// After a window that is final.
    Late,
    /// A sighting of a window that is final and gone.
    Gone,
}

/// What makes two events of a place stand for each other.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Class<'l> {
    place: Place,
    decided: bool,
    resighting: bool,
    kind: Kind,
    actor: Option<Actor>,
    takes_effect: bool,
    escalation: bool,
    fallback: bool,
    looker: Option<Cow<'l, str>>,
    evidence: Option<Evidence>,
    /// Whether the look is by another clock than the first.
    other_clock: bool,
}

/// A class: its first event and its last, which stay, and what is between them.
struct Run {
    first: Head,
    middle: Middle,
    last: Option<Head>,
}

enum Middle {
    Nothing,
    /// It stays: alone, it would leave no mark on one of the sides.
    One(Head),
    /// The first has taken over one of them; the last is to take over this one, which stands for
    /// all others.
    Folded(Head),
}

impl Run {
    const fn of(first: Head) -> Run {
        Run { first, middle: Middle::Nothing, last: None }
    }

    fn add(&mut self, head: Head) {
        let Some(middle) = self.last.replace(head) else { return };
        match &mut self.middle {
            Middle::Nothing => self.middle = Middle::One(middle),
            Middle::One(one) => {
                self.first.take_over(*one);
                self.middle = Middle::Folded(middle);
            }
            Middle::Folded(others) => others.take_over(middle),
        }
    }

    fn kept(self) -> impl Iterator<Item = Head> {
        let Run { first, middle, mut last } = self;
        let one = match middle {
            Middle::Nothing => None,
            Middle::One(one) => Some(one),
            Middle::Folded(others) => {
                last.iter_mut().for_each(|last| last.take_over(others));
                None
            }
        };
        [Some(first), one, last].into_iter().flatten()
    }
}

/// A shortened log.
pub(super) struct Short {
    pub(super) log: Vec<u8>,
    /// Events in it.
    pub(super) events: u32,
}

/// The log of a credential that holds more than `limit` events in one place,
/// shortened; `None` when there is nothing to shorten.
pub(super) fn shorten(
    log: Log<'_>,
    heads: &[Head],
    fates: &[Fate],
    limit: usize,
    detects_at_once: &BTreeSet<String>,
) -> Option<Short> {
    let places = places(fates);
    let mut groups: BTreeMap<Place, Group<'_>> = BTreeMap::new();
    for (at, ((head, place), fate)) in heads.iter().zip(&places).zip(fates).enumerate() {
        if let Some(event) = head.event(log) {
            let group = groups.entry(*place).or_default();
            group.events += 1;
            // A sighting after the closing changes no field.
            if !matches!(fate, Fate::Resighting(_)) {
                group.note(at, &event, detects_at_once);
            }
        }
    }
    if groups.values().all(|group| group.events <= limit) {
        return None;
    }
    let mut short = Short { log: Vec::with_capacity(log.bytes.len() / 2), events: 0 };
    let mut runs: BTreeMap<Class<'_>, Run> = BTreeMap::new();
    let mut lookers: BTreeSet<Cow<'_, str>> = BTreeSet::new();
    let mut clocks: BTreeMap<Class<'_>, Option<Cow<'_, str>>> = BTreeMap::new();
    for (at, ((head, place), fate)) in heads.iter().zip(&places).zip(fates).enumerate() {
        let group = groups.get_mut(place)?;
        // The newer half stays whole: a second delivery follows its first.
        let old = group.events > limit && group.seen < group.events - limit / 2;
        group.seen += 1;
        let Some(event) = head.event(log) else { continue };
        let resighting = matches!(fate, Fate::Resighting(_));
        let mut class = Class { resighting, ..class(&event, *place, group.decided, &mut lookers) };
        if class.kind == Kind::ReviewOpened {
            let any = Class { evidence: None, ..class.clone() };
            let first = clocks.entry(any).or_insert_with(|| event.source.clone());
            class.other_clock = *first != event.source;
        }
        group.decided |= class.kind == Kind::DecisionMade
            && class.actor == Some(Actor::Human)
            && !class.escalation;
        if !old || group.is_witness(at) || group.looked_at_most(&class, at) {
            short.keep(log, *head);
            continue;
        }
        match runs.get_mut(&class) {
            None => drop(runs.insert(class, Run::of(*head))),
            Some(run) => run.add(*head),
        }
    }
    runs.into_values().flat_map(Run::kept).for_each(|head| short.keep(log, head));
    Some(short)
}

impl Short {
    fn keep(&mut self, log: Log<'_>, head: Head) {
        head.copy(log, &mut self.log);
        self.events += 1;
    }
}

/// A place's events: how many, and which of them the window's fields come from.
#[derive(Default)]
struct Group<'l> {
    events: usize,
    seen: usize,
    decided: bool,
    opener: Option<usize>,
    source: Option<usize>,
    location: Option<usize>,
    owner: Option<usize>,
    /// The highest so far, and each event that was higher than all before it: what was known
    /// when advice was given.
    highest: Option<Severity>,
    severities: Vec<usize>,
    /// The last owner that was known at the decision.
    decided_owner: Option<usize>,
    disposed: bool,
    exposed: Option<(Timestamp, bool, usize)>,
    incident: Option<usize>,
    requester: Option<usize>,
    items: Option<(u32, usize)>,
    /// The first thing that a person did, and the first escalation.
    touch: Option<usize>,
    escalation: Option<usize>,
    /// The first advice, with its source, and the first from another one.
    advice: Option<(usize, Option<Cow<'l, str>>)>,
    other_advice: Option<usize>,
    /// The first containment for good.
    kill: Option<usize>,
    /// The most items that each reviewer looked at.
    looks: BTreeMap<Cow<'l, str>, (u32, usize)>,
}

impl<'l> Group<'l> {
    fn note(&mut self, at: usize, event: &Event<'l>, detects_at_once: &BTreeSet<String>) {
        if event.source.is_some() {
            self.source = self.source.or(Some(at));
        }
        if event.owner.is_some() {
            self.owner = Some(at);
        }
        if event.severity > self.highest {
            self.highest = event.severity;
            self.severities.push(at);
        }
        match &event.body {
            Body::CaseOpened(case) => {
                self.opener = self.opener.or(Some(at));
                if case.incident.is_some() {
                    self.incident = self.incident.or(Some(at));
                }
                if case.requested_by.is_some() {
                    self.requester = self.requester.or(Some(at));
                }
                if let Some(items) = case.items
                    && self.items.is_none_or(|(most, _)| items > most)
                {
                    self.items = Some((items, at));
                }
                if let Some(started) = case.started_at {
                    let here = (started, true, at);
                    self.exposed = Some(self.exposed.map_or(here, |known| known.min(here)));
                }
            }
            Body::ReviewOpened(opened) => {
                self.touch = self.touch.or(Some(at));
                if let Some(items) = opened.items_opened {
                    let most = self.looks.entry(opened.reviewer.clone()).or_insert((items, at));
                    if items > most.0 {
                        *most = (items, at);
                    }
                }
            }
            Body::DecisionMade(decision) if decision.actor_kind == Actor::Human => {
                self.touch = self.touch.or(Some(at));
                if escalates(decision) {
                    self.escalation = self.escalation.or(Some(at));
                } else if !self.disposed {
                    self.disposed = true;
                    self.decided_owner = self.owner;
                }
            }
            Body::TriageCompleted(triage) if triage.provenance != Some(Provenance::Fallback) => {
                match &self.advice {
                    None => self.advice = Some((at, event.source.clone())),
                    Some((_, first)) if *first != event.source => {
                        self.other_advice = self.other_advice.or(Some(at));
                    }
                    Some(_) => {}
                }
            }
            Body::CredentialContained { method, .. } if method.kills() => {
                self.kill = self.kill.or(Some(at));
            }
            _ => {}
        }
        if let Body::LeakDetected(leak) = &event.body {
            self.opener = self.opener.or(Some(at));
            if leak.incident.is_some() {
                self.incident = self.incident.or(Some(at));
            }
            if leak.requested_by.is_some() {
                self.requester = self.requester.or(Some(at));
            }
            if leak.location.is_some() {
                self.location = self.location.or(Some(at));
            }
            let at_once =
                || event.source.as_deref().is_some_and(|source| detects_at_once.contains(source));
            let stated = leak.exposed_at.map(|exposed| (exposed, leak.exposed_at_quality));
            let exact = Some(ExposedAtQuality::Exact);
            let exposed = stated.or_else(|| at_once().then_some((event.time, exact)));
            if let Some((exposed, quality)) = exposed {
                // The earliest; of equal ones an exact one, else the first.
                let inexact = quality != exact;
                let here = (exposed, inexact, at);
                self.exposed = Some(self.exposed.map_or(here, |known| known.min(here)));
            }
        }
    }

    /// Whether no look of this reviewer was at more items.
    fn looked_at_most(&self, class: &Class<'_>, at: usize) -> bool {
        let most = class.looker.as_ref().and_then(|looker| self.looks.get(looker));
        most.is_some_and(|(_, witness)| *witness == at)
    }

    fn is_witness(&self, at: usize) -> bool {
        let exposed = self.exposed.map(|(_, _, at)| at);
        let items = self.items.map(|(_, at)| at);
        let advice = self.advice.as_ref().map(|(at, _)| *at);
        [
            self.opener,
            self.source,
            self.location,
            self.owner,
            self.decided_owner,
            exposed,
            items,
            self.incident,
            self.requester,
            self.touch,
            self.escalation,
            advice,
            self.other_advice,
            self.kill,
        ]
        .contains(&Some(at))
            || self.severities.contains(&at)
    }
}

fn places(fates: &[Fate]) -> Vec<Place> {
    let mut windows = 0;
    fates
        .iter()
        .map(|fate| match fate {
            Fate::Window(number) => {
                windows = windows.max(number + 1);
                Place::Window(*number)
            }
            Fate::Resighting(number) => Place::Window(*number),
            Fate::Orphan => Place::Gap(windows),
            Fate::Late => Place::Late,
            Fate::Gone => Place::Gone,
        })
        .collect()
}

fn class<'l>(
    event: &Event<'l>,
    place: Place,
    decided: bool,
    lookers: &mut BTreeSet<Cow<'l, str>>,
) -> Class<'l> {
    let (actor, takes_effect) = match &event.body {
        // What a person's decision does to a window is to close it or not.
        Body::DecisionMade(decision) if decision.actor_kind == Actor::Human => {
            (Some(Actor::Human), decision.action.closes() && !escalates(decision))
        }
        // What an AI's does is to act before a person, or not.
        Body::DecisionMade(decision) => (Some(decision.actor_kind), !escalates(decision)),
        Body::CredentialContained { actor_kind, .. } => (Some(*actor_kind), false),
        _ => (None, false),
    };
    let looker = match &event.body {
        Body::ReviewOpened(opened) => {
            let reviewer = &opened.reviewer;
            if lookers.len() < LOOKERS_MAX {
                lookers.insert(reviewer.clone());
            }
            lookers.get(reviewer).cloned()
        }
        _ => None,
    };
    let fallback = matches!(&event.body, Body::TriageCompleted(triage)
        if triage.provenance == Some(Provenance::Fallback));
    let escalation = matches!(&event.body, Body::DecisionMade(decision)
        if decision.actor_kind == Actor::Human && escalates(decision));
    Class {
        place,
        decided,
        resighting: false,
        kind: event.kind(),
        actor,
        takes_effect,
        escalation,
        fallback,
        looker,
        evidence: match &event.body {
            Body::ReviewOpened(opened) => opened.evidence,
            _ => None,
        },
        other_clock: false,
    }
}
