//! A credential's events, in order, to its windows. This is the semantics.
//!
//! Invariants: a pure function of the ordered events, so of their set; windows
//! come out in time order, each once; every event has exactly one fate.

use std::borrow::Cow;

use super::log::{Head, Key, Log};
use super::window::{Advice, Decision, Truth, Window};
use crate::event::{
    Actor, Body, DecisionMade, Event, ExposedAtQuality, Kind, LeakDetected, Provenance,
    TriageCompleted,
};
use crate::time::{Span, Timestamp};

/// Where an event went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// Into the window with this number, counted from the oldest.
    Window(u32),
    /// Nowhere: it needs a window and there was none.
    Orphan,
    /// To no window: it happened more than the settle time after the last one closed.
    Late,
}

/// What the fold needs beside the events.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rules {
    /// How far before a detection an event may lie and still belong to it.
    pub(super) skew_tolerance: Span,
    /// The closing of the key's last window that is final and gone.
    pub(super) settled_at: Option<Timestamp>,
    /// How long after closing a window still takes abuse and truth; `None`: for ever.
    pub(super) settle: Option<Span>,
}

impl Rules {
    /// Whether abuse or truth at `time` comes too late for a window closed at `closed`.
    fn too_late(&self, closed: Option<Timestamp>, time: Timestamp) -> bool {
        closed.zip(self.settle).is_some_and(|(closed, settle)| time > closed + settle)
    }
}

/// Folds `heads` (sorted, distinct) and hands each window to `each`, oldest
/// first; `fates` receives one entry per event.
pub(super) fn fold<'l>(
    log: Log<'l>,
    heads: &[Head],
    rules: Rules,
    fates: &mut Vec<Fate>,
    mut each: impl FnMut(u32, &Window<'l>),
) {
    fates.clear();
    fates.resize(heads.len(), Fate::Orphan);
    let mut latest: Option<Open<'l>> = None;
    // Events since the last window closed that wait for a detection.
    let mut waiting = 0;
    for (at, head) in heads.iter().enumerate() {
        let Some(event) = head.event(log) else { continue };
        match &event.body {
            Body::LeakDetected(_) => {
                if let Some(open) = latest.as_mut().filter(|open| open.takes_detection(event.time))
                {
                    open.apply(&event, *head, log, &heads[..at], fates);
                    fates[at] = Fate::Window(open.number);
                    continue;
                }
                let number = match latest.take() {
                    Some(open) => {
                        each(open.number, &open.window);
                        open.number + 1
                    }
                    None => 0,
                };
                let mut open = Open { number, from: waiting, window: empty(log.key, event.time) };
                open.apply(&event, *head, log, &heads[..at], fates);
                fates[at] = Fate::Window(number);
                for early in waiting..at {
                    let near = event.time.since(heads[early].time) <= rules.skew_tolerance;
                    if near && fates[early] == Fate::Orphan {
                        adopt(&mut open, early, log, heads, fates);
                    }
                }
                latest = Some(open);
                waiting = at + 1;
            }
            Body::CredentialAbused | Body::TruthEstablished { .. } => match &mut latest {
                Some(open) if rules.too_late(open.window.closed_at, event.time) => {
                    fates[at] = Fate::Late;
                }
                Some(open) => {
                    open.apply(&event, *head, log, &heads[..at], fates);
                    fates[at] = Fate::Window(open.number);
                }
                None if rules.settled_at.is_some_and(|settled| event.time > settled) => {
                    fates[at] = Fate::Late;
                }
                None => {}
            },
            _ => {
                if let Some(open) = latest.as_mut().filter(|open| open.window.closed_at.is_none()) {
                    open.apply(&event, *head, log, &heads[..at], fates);
                    fates[at] = Fate::Window(open.number);
                }
            }
        }
    }
    if let Some(open) = latest {
        each(open.number, &open.window);
    }
}

fn adopt<'l>(open: &mut Open<'l>, at: usize, log: Log<'l>, heads: &[Head], fates: &mut [Fate]) {
    if let Some(event) = heads[at].event(log) {
        open.apply(&event, heads[at], log, &heads[..at], fates);
        open.window.adopted += u64::from(heads[at].weight);
        fates[at] = Fate::Window(open.number);
    }
}

fn empty(key: Key<'_>, detected_at: Timestamp) -> Window<'_> {
    Window {
        key,
        source: None,
        location: None,
        severity: None,
        owner: None,
        exposed_at: None,
        exposed_at_quality: None,
        detected_at,
        triaged_at: None,
        advice: None,
        decision: None,
        final_action: None,
        further_decisions: 0,
        nonhuman_decisions: 0,
        dismissed_at: None,
        contained_at: None,
        abused_at: None,
        truth: None,
        ai_acted_first_at: None,
        detections: 0,
        events: 0,
        last_event_at: detected_at,
        adopted: 0,
        closed_at: None,
        incident: None,
        withdrawn_at: None,
    }
}

/// The window being built.
struct Open<'l> {
    number: u32,
    /// No event before this one is in it.
    from: usize,
    window: Window<'l>,
}

impl<'l> Open<'l> {
    /// A detection repeats an unclosed window. It also repeats one that events
    /// from before its own detection closed at the very same time.
    fn takes_detection(&self, time: Timestamp) -> bool {
        self.window.closed_at.is_none_or(|closed| time <= closed)
    }

    fn apply(
        &mut self,
        event: &Event<'l>,
        head: Head,
        log: Log<'l>,
        before: &[Head],
        fates: &[Fate],
    ) {
        let weight = u64::from(head.weight);
        let window = &mut self.window;
        window.events += weight;
        window.last_event_at = window.last_event_at.max(event.time);
        window.source = window.source.or(borrowed(event.source.as_ref()));
        window.owner = borrowed(event.owner.as_ref()).or(window.owner);
        window.severity = window.severity.max(event.severity);
        match &event.body {
            Body::LeakDetected(leak) => {
                window.location = window.location.or(borrowed(leak.location.as_ref()));
                detected(window, leak, weight);
            }
            Body::TriageCompleted(triage) => triaged(window, event.time, triage),
            // Found again from the decision: only the decider's look counts.
            Body::ReviewOpened { .. } => {}
            Body::DecisionMade(decision) if decision.actor_kind == Actor::Human => {
                let first = window.decision.is_none();
                let opened_at = first
                    .then(|| self.last_opening(&decision.reviewer, log, before, fates))
                    .flatten();
                decided(&mut self.window, event.time, decision, weight, opened_at);
            }
            Body::DecisionMade(decision) => {
                window.nonhuman_decisions += weight;
                if decision.actor_kind == Actor::Ai && decision.action.takes_effect() {
                    ai_acted(window, event.time);
                }
            }
            Body::CredentialContained { actor_kind, .. } => {
                if *actor_kind == Actor::Ai {
                    ai_acted(window, event.time);
                }
                window.contained_at = window.contained_at.or(Some(event.time));
                if window.decision.is_some() {
                    close(window, event.time);
                }
            }
            Body::CredentialAbused => {
                window.abused_at = window.abused_at.or(Some(event.time));
            }
            Body::TruthEstablished { correct_action, seeded } => {
                window.truth = Some(Truth {
                    established_at: event.time,
                    correct_action: *correct_action,
                    seeded: *seeded,
                });
            }
        }
    }

    /// The reviewer's last opening in this window up to the decision.
    fn last_opening(
        &self,
        reviewer: &str,
        log: Log<'l>,
        before: &[Head],
        fates: &[Fate],
    ) -> Option<Timestamp> {
        let mine = |head: &Head| match head.event(log)?.body {
            Body::ReviewOpened { reviewer: who } if who == reviewer => Some(head.time),
            _ => None,
        };
        before[self.from.min(before.len())..]
            .iter()
            .zip(&fates[self.from..])
            .rev()
            .filter(|(head, fate)| {
                head.kind == Kind::ReviewOpened && **fate == Fate::Window(self.number)
            })
            .find_map(|(head, _)| mine(head))
    }
}

fn detected(window: &mut Window<'_>, leak: &LeakDetected<'_>, weight: u64) {
    window.detections += weight;
    if let Some(exposed) = leak.exposed_at {
        let known = window.exposed_at;
        if known.is_none_or(|known| exposed < known) {
            window.exposed_at = Some(exposed);
            window.exposed_at_quality = leak.exposed_at_quality;
        } else if known == Some(exposed) && leak.exposed_at_quality == Some(ExposedAtQuality::Exact)
        {
            // The same moment from a better source.
            window.exposed_at_quality = leak.exposed_at_quality;
        }
    }
}

fn triaged<'l>(window: &mut Window<'l>, time: Timestamp, triage: &TriageCompleted<'l>) {
    window.triaged_at = window.triaged_at.or(Some(time));
    // A stand-in for a failed model is no advice; after the decision none counts.
    if window.decision.is_none() && triage.provenance != Some(Provenance::Fallback) {
        window.advice = Some(Advice {
            presented_at: time,
            recommendation: triage.recommendation,
            confidence: triage.confidence,
            summary_words: triage.summary_words,
            requested_by: borrowed(triage.requested_by.as_ref()),
        });
    }
}

fn decided<'l>(
    window: &mut Window<'l>,
    time: Timestamp,
    decision: &DecisionMade<'l>,
    weight: u64,
    opened_at: Option<Timestamp>,
) {
    if window.decision.is_some() {
        window.further_decisions += weight;
    } else {
        window.further_decisions += weight - 1;
        window.decision = Some(Decision {
            decided_at: time,
            reviewer: borrowed(Some(&decision.reviewer)).unwrap_or_default(),
            action: decision.action,
            verdict: decision.verdict,
            opened_at,
            rationale_words: decision.rationale_words,
            rationale_digest: borrowed(decision.rationale_digest.as_ref()),
            batch_id: borrowed(decision.batch_id.as_ref()),
            authorized: decision.authorized,
        });
    }
    window.final_action = Some(decision.action);
    if decision.action.closes() {
        window.dismissed_at = window.dismissed_at.or(Some(time));
        close(window, time);
    } else if window.contained_at.is_some() {
        close(window, time);
    }
}

fn ai_acted(window: &mut Window<'_>, time: Timestamp) {
    if window.decision.is_none() {
        window.ai_acted_first_at = window.ai_acted_first_at.or(Some(time));
    }
}

fn close(window: &mut Window<'_>, time: Timestamp) {
    window.closed_at = window.closed_at.or(Some(time.max(window.detected_at)));
}

/// The text itself: what is read from a log always borrows from it.
fn borrowed<'l>(text: Option<&Cow<'l, str>>) -> Option<&'l str> {
    match text {
        Some(Cow::Borrowed(text)) => Some(text),
        _ => None,
    }
}
