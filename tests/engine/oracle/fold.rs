//! Distinct events of one credential to windows: the table and the rules of *Events to windows*
//! in `docs/semantics.md`, one after the other.

use shutterlag::event::{
    Action, Actor, Body, DecisionMade, Event, ExposedAtQuality, Method, Provenance, Verdict,
};
use shutterlag::time::Timestamp;

use super::Reading;

/// The default of `skew_tolerance`, in ms.
const SKEW_TOLERANCE_MS: i64 = 120_000;

/// How far before a detection a look or an attack may lie: half of the default of `orphan_timeout`, in ms.
const EARLY_LOOK_MS: i64 = 12 * 60 * 60_000;

/// A window: its events in fold order, and what was settled on the way.
#[derive(Clone, Debug)]
pub(super) struct Open {
    pub(super) events: Vec<Event<'static>>,
    pub(super) detected_at: Timestamp,
    /// Looks and attacks from further before the detection than other events may lie.
    pub(super) early_looks: Vec<Event<'static>>,
    /// Events from before the detection.
    pub(super) adopted: u64,
    /// When it was seen again after its closing.
    pub(super) resightings: Vec<Timestamp>,
    pub(super) closed_at: Option<Timestamp>,
    /// Whether a person has decided, and whether it is contained.
    decided: bool,
    contained: bool,
}

/// The windows of one credential and the orphans, from its distinct events in order.
pub(super) fn fold(events: &[&Event<'static>], reading: &Reading) -> (Vec<Open>, u64) {
    let mut windows: Vec<Open> = Vec::new();
    let mut orphans: Vec<Event<'static>> = Vec::new();
    for event in events {
        let event: Event<'static> = (*event).clone();
        if is_detection(&event) {
            match windows.last_mut() {
                Some(window) if window.repeated_by(&event) => window.take(event),
                Some(window) if window.seen_again_by(&event, reading) => {
                    window.resightings.push(event.time);
                }
                _ => windows.push(opened_by(event, &mut orphans)),
            }
            continue;
        }
        let stays = matches!(event.body, Body::CredentialAbused | Body::TruthEstablished { .. });
        match windows.last_mut() {
            Some(window) if window.closed_at.is_none() || stays => window.take(event),
            _ => orphans.push(event),
        }
    }
    (windows, orphans.len() as u64)
}

/// The window that a detection opens, with the orphans from shortly before it.
fn opened_by(detection: Event<'static>, orphans: &mut Vec<Event<'static>>) -> Open {
    let detected_at = detection.time;
    let near = |early: &Event<'static>| {
        detected_at.as_millis() - early.time.as_millis() <= SKEW_TOLERANCE_MS
    };
    let early_look = |early: &Event<'static>| {
        let before = detected_at.as_millis() - early.time.as_millis();
        let early_kind = matches!(early.body, Body::ReviewOpened(_) | Body::CredentialAbused);
        early_kind && before <= EARLY_LOOK_MS
    };
    let (adopted, far): (_, Vec<_>) = std::mem::take(orphans).into_iter().partition(near);
    let (early_looks, far) = far.into_iter().partition(early_look);
    *orphans = far;
    let adopted: Vec<Event<'static>> = adopted;
    let mut window = Open {
        events: Vec::new(),
        detected_at,
        early_looks,
        adopted: adopted.len() as u64,
        resightings: Vec::new(),
        closed_at: None,
        decided: false,
        contained: false,
    };
    window.take(detection);
    adopted.into_iter().for_each(|early| window.take(early));
    window
}

impl Open {
    fn take(&mut self, event: Event<'static>) {
        let closes = dismisses(&event) || matches!(event.body, Body::CaseWithdrawn { .. });
        let at = event.time.max(self.detected_at);
        self.decided |= disposal(&event).is_some();
        self.contained |= matches!(event.body, Body::CredentialContained { .. });
        self.events.push(event);
        if self.closed_at.is_none() && (closes || self.decided && self.contained) {
            self.closed_at = Some(at);
        }
    }

    /// Whether a detection is one more of the same window.
    fn repeated_by(&self, detection: &Event<'static>) -> bool {
        let Some(closed_at) = self.closed_at else { return true };
        let again = detection.reopens() && detection.time > self.detected_at;
        detection.time < closed_at || detection.time == closed_at && !again
    }

    /// Whether a detection after the closing is of no new exposure.
    fn seen_again_by(&self, detection: &Event<'static>, reading: &Reading) -> bool {
        let Some(closed_at) = self.closed_at else { return false };
        if reading.reopen_always || detection.reopens() || self.is_withdrawn() {
            return false;
        }
        let old = reading.exposed_at(detection).is_some_and(|exposed| exposed <= closed_at);
        old || matches!(detection.body, Body::LeakDetected(_)) && self.is_dead()
    }

    /// The state of that name: the source closed it, and nobody decided.
    pub(super) fn is_withdrawn(&self) -> bool {
        self.withdrawal().is_some() && self.decision().is_none()
    }

    /// The first `case.withdrawn`: when, and why.
    pub(super) fn withdrawal(&self) -> Option<(Timestamp, Option<String>)> {
        self.events.iter().find_map(|event| match &event.body {
            Body::CaseWithdrawn { reason } => {
                Some((event.time, reason.as_deref().map(str::to_owned)))
            }
            _ => None,
        })
    }

    /// Whether the credential is of no use to anybody.
    pub(super) fn is_dead(&self) -> bool {
        let for_good = |event: &Event<'static>| {
            matches!(
                event.body,
                Body::CredentialContained {
                    method: Method::Revoked | Method::Rotated | Method::Expired,
                    ..
                }
            )
        };
        let meant = matches!(self.final_action(), Some(Action::Revoke | Action::Rotate));
        self.containments().any(for_good) || meant && self.containments().next().is_some()
    }

    pub(super) fn containments(&self) -> impl Iterator<Item = &Event<'static>> {
        self.events.iter().filter(|event| matches!(event.body, Body::CredentialContained { .. }))
    }

    /// Place and content of the human decisions that dispose, in fold order.
    pub(super) fn decisions(&self) -> impl Iterator<Item = (usize, &DecisionMade<'static>)> {
        let disposing = |(at, event)| Some((at, disposal(event)?));
        self.events.iter().enumerate().filter_map(disposing)
    }

    /// *The* decision.
    pub(super) fn decision(&self) -> Option<(usize, &DecisionMade<'static>)> {
        self.decisions().next()
    }

    pub(super) fn final_action(&self) -> Option<Action> {
        self.decisions().last().map(|(_, decision)| decision.action)
    }
}

pub(super) fn is_detection(event: &Event<'static>) -> bool {
    matches!(event.body, Body::LeakDetected(_) | Body::CaseOpened(_))
}

/// A decision by a person.
pub(super) fn human<'e>(event: &'e Event<'static>) -> Option<&'e DecisionMade<'static>> {
    match &event.body {
        Body::DecisionMade(decision) if decision.actor_kind == Actor::Human => Some(decision),
        _ => None,
    }
}

/// A decision by a person that hands the case on.
pub(super) fn escalation<'e>(event: &'e Event<'static>) -> Option<&'e DecisionMade<'static>> {
    human(event).filter(|decision| {
        decision.action == Action::Escalate || decision.verdict == Some(Verdict::Escalate)
    })
}

/// A decision by a person that does not.
pub(super) fn disposal<'e>(event: &'e Event<'static>) -> Option<&'e DecisionMade<'static>> {
    human(event).filter(|_| escalation(event).is_none())
}

/// Whether it is a decision by a person to dismiss or monitor.
pub(super) fn dismisses(event: &Event<'static>) -> bool {
    disposal(event)
        .is_some_and(|decision| matches!(decision.action, Action::Dismiss | Action::Monitor))
}

/// Whether it is advice: what a stand-in says is none.
pub(super) fn advises(event: &Event<'static>) -> bool {
    matches!(&event.body, Body::TriageCompleted(triage)
        if triage.provenance != Some(Provenance::Fallback))
}

impl Reading {
    /// When the event says that the exposure began.
    pub(super) fn exposed_at(&self, event: &Event<'static>) -> Option<Timestamp> {
        self.exposure(event).map(|(exposed, _)| exposed)
    }

    /// The same, with how well it is known.
    pub(super) fn exposure(
        &self,
        event: &Event<'static>,
    ) -> Option<(Timestamp, Option<ExposedAtQuality>)> {
        match &event.body {
            Body::LeakDetected(leak) => match leak.exposed_at {
                Some(exposed) => Some((exposed, leak.exposed_at_quality)),
                None => {
                    let source = event.source.as_deref()?;
                    let at_once = self.detects_at_once.iter().any(|name| name == source);
                    at_once.then_some((event.time, Some(ExposedAtQuality::Exact)))
                }
            },
            Body::CaseOpened(case) => case.started_at.map(|started| (started, None)),
            _ => None,
        }
    }
}
