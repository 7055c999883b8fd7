//! A credential's events, in order, to its windows. This is the semantics.
//!
//! Invariants: a pure function of the ordered events, so of their set; windows
//! come out in time order, each once; every event has exactly one fate.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU32;

use super::log::{Head, Log};
use super::looks::{Looks, clock_of};
use super::settled::{Closing, Decided, Detection, Settled};
use super::window::{Advice, Decision, Truth, Window};
use crate::config::{Profiles, Reopen, canonical};
use crate::event::{
    Action, Actor, Body, CaseOpened, DecisionMade, Event, ExposedAtQuality, Kind, LeakDetected,
    Provenance, TriageCompleted, Verdict,
};
use crate::time::{Span, Timestamp};

/// Where an event went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// Into the window with this number, counted from the oldest.
    Window(u32),
    /// A detection after the closing of the window with this number, of no new exposure.
    Resighting(u32),
    /// As a resighting, of a window that is final and gone, or that is about to be.
    Gone,
    /// Nowhere: it needs a window and there was none.
    Orphan,
    /// To no window: it happened more than the settle time after the last one closed.
    Late,
}

/// What the fold needs beside the events.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rules<'r> {
    /// How far before a detection an event may lie and still belong to it.
    pub(super) skew_tolerance: Span,
    /// How far before a detection a look may lie and still be a look at the case, and an attack
    /// be one by the leak that it found.
    pub(super) early_look: Span,
    /// What is held of the key's windows that are final and gone.
    pub(super) settled: Option<Settled>,
    /// How long after closing a window still takes abuse and truth; `None`: for ever.
    pub(super) settle: Option<Span>,
    /// When a detection after a closing opens the next window.
    pub(super) reopen: Reopen,
    /// Sources whose detections are as old as the exposure.
    pub(super) detects_at_once: &'r BTreeSet<String>,
    /// Further ids of people.
    pub(super) aliases: &'r BTreeMap<String, String>,
    /// How fast decisions have to be.
    pub(super) profiles: &'r Profiles,
}

impl Rules<'_> {
    /// Whether abuse, truth or a sighting at `time` comes too late for a window closed at
    /// `closed`.
    fn too_late(&self, closed: Option<Timestamp>, time: Timestamp) -> bool {
        closed.zip(self.settle).is_some_and(|(closed, settle)| time > closed + settle)
    }

    /// When the exposure began that `event` detected, and how well that is known.
    fn exposed(&self, event: &Event<'_>) -> Option<(Timestamp, Option<ExposedAtQuality>)> {
        match &event.body {
            Body::LeakDetected(leak) => match leak.exposed_at {
                Some(exposed) => Some((exposed, leak.exposed_at_quality)),
                None => {
                    let source = event.source.as_deref()?;
                    // A time that had to be corrected is the latest that it can have been.
                    let known = !event.noted.clock_skew;
                    let at_once = known && self.detects_at_once.contains(source);
                    at_once.then_some((event.time, Some(ExposedAtQuality::Exact)))
                }
            },
            Body::CaseOpened(case) => case.started_at.map(|started| (started, None)),
            _ => None,
        }
    }

    fn detection(&self, event: &Event<'_>) -> Detection {
        Detection {
            exposed_at: self.exposed(event).map(|(exposed, _)| exposed),
            reopens: event.reopens(),
            of_leak: matches!(event.body, Body::LeakDetected(_)),
        }
    }
}

/// Folds `heads` (sorted, distinct) and hands each window to `each`, oldest
/// first; `fates` receives one entry per event.
pub(super) fn fold<'l>(
    log: Log<'l>,
    heads: &[Head],
    rules: Rules<'_>,
    fates: &mut Vec<Fate>,
    mut each: impl FnMut(u32, &Window<'l>),
) {
    fates.clear();
    fates.resize(heads.len(), Fate::Orphan);
    let mut latest: Option<Open<'l, '_>> = None;
    // Events since the last window closed that wait for a detection.
    let mut waiting = 0;
    let mut decided = rules.settled.map_or(Decided::default(), |settled| settled.decided);
    for (at, head) in heads.iter().enumerate() {
        let Some(event) = head.event(log) else { continue };
        match &event.body {
            Body::LeakDetected(_) | Body::CaseOpened(_) => {
                if let Some(open) = latest.as_mut().filter(|open| open.takes_detection(&event)) {
                    open.apply(&event, *head, log, &heads[..at], fates);
                    fates[at] = Fate::Window(open.number);
                    continue;
                }
                let closing = match &latest {
                    Some(open) => Closing::of(&open.window),
                    None => rules.settled.map(|settled| settled.closing),
                };
                let detection = rules.detection(&event);
                let again = |closing: Closing| closing.is_seen_again_by(&detection, rules.reopen);
                if closing.is_some_and(again) {
                    fates[at] = match &mut latest {
                        Some(open) if rules.too_late(open.window.closed_at, event.time) => {
                            Fate::Gone
                        }
                        Some(open) => {
                            let weight = u64::from(head.weight);
                            open.window.resightings += weight;
                            open.window.events += weight;
                            open.window.last_event_at = open.window.last_event_at.max(event.time);
                            Fate::Resighting(open.number)
                        }
                        None => Fate::Gone,
                    };
                    continue;
                }
                let number = match latest.take() {
                    Some(open) => {
                        each(open.number, &open.window);
                        decided.note(&open.window, rules.aliases);
                        open.number + 1
                    }
                    None => 0,
                };
                let targets = rules.profiles.get(log.key.workflow).targets;
                let window = Window::opened(log.key, targets, event.time);
                let (from, advice_folded) = (waiting, false);
                let mut open = Open { number, from, window, rules, decided, advice_folded };
                open.apply(&event, *head, log, &heads[..at], fates);
                fates[at] = Fate::Window(number);
                for early in waiting..at {
                    if fates[early] == Fate::Orphan {
                        take_early(&mut open, early, log, heads, fates);
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
                None if rules.settled.is_some_and(|settled| event.time > settled.closing.at) => {
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

/// Takes in an event from before the detection, if it is near enough.
fn take_early<'l>(
    open: &mut Open<'l, '_>,
    at: usize,
    log: Log<'l>,
    heads: &[Head],
    fates: &mut [Fate],
) {
    let head = heads[at];
    let before = open.window.detected_at.since(head.time);
    if before <= open.rules.skew_tolerance {
        let Some(event) = head.event(log) else { return };
        open.apply(&event, head, log, &heads[..at], fates);
        open.window.adopted += u64::from(head.weight);
    } else if head.kind == Kind::ReviewOpened && before <= open.rules.early_look {
        // Whoever looked at a ticket need not look again because one more key is put on it.
        // Only what is known of the decision takes it in.
        open.window.events += u64::from(head.weight);
    } else if head.kind == Kind::CredentialAbused
        && open.rules.settled.is_none()
        && before <= open.rules.early_look
    {
        // An attack is often seen before anybody finds the leak. Of a credential that had a
        // window before it tells of that one.
        open.window.events += u64::from(head.weight);
        open.window.abused_at = open.window.abused_at.or(Some(head.time));
    } else {
        return;
    }
    fates[at] = Fate::Window(open.number);
}

/// The window being built.
struct Open<'l, 'r> {
    number: u32,
    /// No event before this one is in it.
    from: usize,
    window: Window<'l>,
    rules: Rules<'r>,
    /// Who decided about which advice in the windows before.
    decided: Decided,
    /// Whether the latest advice and the next are the two sides of a fold: advice between them is
    /// forgotten.
    advice_folded: bool,
}

impl<'l> Open<'l, '_> {
    /// A detection repeats an unclosed window. It also repeats one that events
    /// from before its own detection closed at the very same time, unless the source says
    /// that it opens the case again. No window follows one of the same detection time.
    fn takes_detection(&self, event: &Event<'_>) -> bool {
        let Some(closed) = self.window.closed_at else { return true };
        let reopens = event.reopens() && event.time > self.window.detected_at;
        event.time < closed || event.time == closed && !reopens
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
        window.stamped_ahead += if event.noted.clock_skew { weight } else { 0 };
        window.last_event_at = window.last_event_at.max(event.time);
        window.source = window.source.or(borrowed(event.source.as_ref()));
        window.owner = borrowed(event.owner.as_ref()).or(window.owner);
        window.severity = window.severity.max(event.severity);
        match &event.body {
            Body::LeakDetected(leak) => {
                window.detections += weight;
                exposed(window, self.rules.exposed(event));
                leaked(window, leak);
            }
            Body::CaseOpened(case) => {
                window.detections += weight;
                exposed(window, self.rules.exposed(event));
                case_opened(window, case);
            }
            Body::TriageCompleted(triage) => {
                // On each side of a fold, advice stands for more than itself.
                let is_advice = triage.provenance != Some(Provenance::Fallback);
                self.advice_folded ^= is_advice && weight > 1;
                triaged(window, event, triage, head.number(log));
            }
            // Only the decider's looks count further; they are found again from the decision.
            Body::ReviewOpened(_) => touched(window, event.time),
            Body::DecisionMade(decision) if decision.actor_kind == Actor::Human => {
                touched(window, event.time);
                if escalates(decision) {
                    window.escalations += weight;
                    if window.escalated_at.is_none() {
                        window.escalated_at = Some(event.time);
                        window.escalated_by = borrowed(Some(&decision.reviewer));
                    }
                } else if window.decision.is_none() {
                    window.further_decisions += weight - 1;
                    self.first_decision(event, decision, log, before, fates);
                    disposed(&mut self.window, event.time, decision.action);
                } else {
                    window.further_decisions += weight;
                    disposed(window, event.time, decision.action);
                }
            }
            Body::DecisionMade(decision) => {
                window.nonhuman_decisions += weight;
                if decision.actor_kind == Actor::Ai && !escalates(decision) {
                    ai_acted(window, event.time);
                }
            }
            Body::CredentialContained { actor_kind, method } => {
                if *actor_kind == Actor::Ai {
                    ai_acted(window, event.time);
                }
                window.contained_at = window.contained_at.or(Some(event.time));
                window.killed |= method.kills();
                if window.decision.is_some() {
                    close(window, event.time);
                }
            }
            Body::CaseWithdrawn { reason } => {
                if window.withdrawn_at.is_none() {
                    window.withdrawn_at = Some(event.time);
                    window.withdrawn_reason = borrowed(reason.as_ref());
                }
                close(window, event.time);
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
            Body::IdentityLinked(_) => {}
        }
    }

    fn first_decision(
        &mut self,
        event: &Event<'l>,
        decision: &DecisionMade<'l>,
        log: Log<'l>,
        before: &[Head],
        fates: &[Fate],
    ) {
        let from = self.from.min(before.len());
        let mine = |fate: &Fate| *fate == Fate::Window(self.number);
        let heads = before[from..].iter().zip(&fates[from..]);
        let heads = heads.filter(|(_, fate)| mine(fate)).map(|(head, _)| *head);
        let aliases = self.rules.aliases;
        let person = canonical(aliases, &decision.reviewer);
        let looks = Looks::of(person, aliases, heads, log);
        let window = &mut self.window;
        if self.advice_folded {
            // The person may have had advice that is forgotten. Other advice must not stand for it.
            window.advice = None;
        }
        let source = clock_of(event.source.as_ref());
        let reviewer = borrowed(Some(&decision.reviewer)).unwrap_or_default();
        let advice = window.advice.as_ref();
        let same_clock = |other: Option<&str>| other.is_some() && other == source;
        window.decision = Some(Decision {
            decided_at: event.time,
            reviewer,
            action: decision.action,
            verdict: decision.verdict,
            first_opened_at: looks.first_at,
            opened_at: looks.last_at,
            items_opened: looks.items.max(decision.items_opened),
            evidence: looks.evidence,
            advice_same_clock: advice.is_some_and(|advice| same_clock(advice.source)),
            opening_same_clock: same_clock(looks.source),
            repeats_advice: advice.is_some_and(|advice| self.decided.knows(person, advice)),
            owner: window.owner,
            rationale_words: decision.rationale_words,
            rationale_digest: borrowed(decision.rationale_digest.as_ref()),
            batch_id: borrowed(decision.batch_id.as_ref()),
            authorized: decision.authorized,
            recovered: event.noted.recovered,
        });
    }
}

/// Whether a human decision hands the case on instead of disposing of it.
pub(super) fn escalates(decision: &DecisionMade<'_>) -> bool {
    !decision.action.disposes() || decision.verdict == Some(Verdict::Escalate)
}

fn touched(window: &mut Window<'_>, time: Timestamp) {
    window.touched_at = window.touched_at.or(Some(time));
}

fn exposed(window: &mut Window<'_>, exposed: Option<(Timestamp, Option<ExposedAtQuality>)>) {
    let Some((exposed, quality)) = exposed else { return };
    let known = window.exposed_at;
    if known.is_none_or(|known| exposed < known) {
        window.exposed_at = Some(exposed);
        window.exposed_at_quality = quality;
    } else if known == Some(exposed) && quality == Some(ExposedAtQuality::Exact) {
        // The same moment from a better source.
        window.exposed_at_quality = quality;
    }
}

fn leaked<'l>(window: &mut Window<'l>, leak: &LeakDetected<'l>) {
    window.location = window.location.or(borrowed(leak.location.as_ref()));
    window.incident = window.incident.or(borrowed(leak.incident.as_ref()));
    window.requested_by = window.requested_by.or(borrowed(leak.requested_by.as_ref()));
}

fn case_opened<'l>(window: &mut Window<'l>, case: &CaseOpened<'l>) {
    window.incident = window.incident.or(borrowed(case.incident.as_ref()));
    window.requested_by = window.requested_by.or(borrowed(case.requested_by.as_ref()));
    window.items = window.items.max(case.items);
}

fn triaged<'l>(
    window: &mut Window<'l>,
    event: &Event<'l>,
    triage: &TriageCompleted<'l>,
    number: NonZeroU32,
) {
    window.triaged_at = window.triaged_at.or(Some(event.time));
    // A stand-in for a failed model is no advice; after the decision none counts.
    if window.decision.is_some() || triage.provenance == Some(Provenance::Fallback) {
        return;
    }
    let source = clock_of(event.source.as_ref());
    let before = window.advice;
    window.advice = Some(Advice {
        presented_at: event.time,
        first_presented_at: before.map_or(event.time, |advice| advice.first_presented_at),
        event: Some(number),
        first_event: before.map_or(Some(number), |advice| advice.first_event),
        source: source.filter(|_| before.is_none_or(|advice| advice.source == source)),
        model: borrowed(triage.model.as_ref()),
        severity: window.severity,
        recommendation: triage.recommendation,
        confidence: triage.confidence,
        summary_words: triage.summary_words,
        summary_chars: triage.summary_chars,
        requested_by: borrowed(triage.requested_by.as_ref()),
    });
}

/// A human decision to do something about the credential.
fn disposed(window: &mut Window<'_>, time: Timestamp, action: Action) {
    window.final_action = Some(action);
    if action.closes() {
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
