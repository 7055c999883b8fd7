//! The end of a window: containment, attackers, what was right, and the next leak.
//!
//! Invariants: whatever is decided here happens after the simulation's present; a
//! credential leaks again only after everything about its closed window happened.

use std::borrow::Cow;

use crate::event::{Action, Actor, Body, LeakDetected, Method, Workflow};
use crate::time::{Span, Timestamp};

use super::arrivals::ReLeak;
use super::case::{Case, Review, System};
use super::organisation;
use super::review::alternative;
use super::truth::WindowTruth;
use super::world::World;

impl World {
    /// Follows `case` to its end. `now` is the simulation's present.
    pub(super) fn conclude(&mut self, mut case: Case, review: Option<Review>, now: Timestamp) {
        let handed_on = review.as_ref().filter(|review| review.action == Action::Escalate);
        let escalated_at = handed_on.map(|review| review.decided_at);
        let review = match review {
            Some(review) if escalated_at.is_some() => self.take_up(&mut case, &review),
            review => review,
        };
        let last = review.as_ref().map(|review| self.last_decision(&mut case, review));
        let waits = review.is_none() && escalated_at.is_none();
        let withdrawn_at = if waits { self.withdraw(&mut case, now) } else { None };
        let contained = match withdrawn_at {
            Some(_) => None,
            None => self.contain(&mut case, last),
        };
        let closing = last.filter(|(_, action)| action.closes()).map(|(at, _)| at);
        let complete = contained
            .zip(review.as_ref())
            .map(|((contained_at, _), review)| contained_at.max(review.decided_at));
        let closed_at = match (closing, complete) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b).or(withdrawn_at),
        };
        self.detect_again(&mut case, now, closed_at);
        let abuse_seen_at = self.abuse(&mut case, now, contained.map(|(at, _)| at));
        let truth_at = match withdrawn_at {
            Some(_) => None,
            None => self.establish(&mut case, now, review.as_ref()),
        };
        if closed_at.is_some() && truth_at.is_none() && self.dice.chance(self.options.re_leaks) {
            let rest = Span::from_mins(30) + self.dice.exponential(Span::from_mins(480));
            let leak = ReLeak {
                credential_id: Some(case.credential_id.clone()),
                workflow: case.workflow,
                detector: case.detector,
                severity: case.severity,
                owner: case.owner,
                provider: case.provider,
                after: case.number,
            };
            self.arrivals.leak_again(case.last_event_at + rest, leak);
        }
        self.windows.push_back(WindowTruth::new(
            case,
            review,
            super::truth::Ending {
                contained,
                escalated_at,
                withdrawn_at,
                closed_at,
                abuse_seen_at,
                truth_at,
            },
        ));
    }

    /// Somebody, mostly somebody else, decides most of the cases that were handed on.
    fn take_up(&mut self, case: &mut Case, handed_on: &Review) -> Option<Review> {
        if !self.dice.chance(0.9) {
            return None;
        }
        let at = handed_on.decided_at + self.dice.span(Span::from_mins(5), Span::from_mins(60));
        let action = case.correct;
        let reviewer = self.second_opinion(case, at, action);
        let advice = case.advice.as_ref().filter(|advice| !advice.fallback);
        Some(Review {
            opened_at: handed_on.opened_at.filter(|_| reviewer == handed_on.reviewer),
            reviewer,
            decision_number: None,
            decided_at: at,
            verdict: None,
            action,
            agreed: advice.map(|advice| advice.recommendation == action),
            batch_id: None,
        })
    }

    /// The source takes back some of the cases that nobody decides and in which nothing leaked.
    fn withdraw(&mut self, case: &mut Case, now: Timestamp) -> Option<Timestamp> {
        let leaked = case.workflow == Workflow::SecretExposure;
        let planted = case.seeded || case.early_containment.is_some() || case.ai_acted_first;
        if leaked || planted || !self.dice.chance(self.options.withdrawn) {
            return None;
        }
        let from = now.max(case.last_event_at);
        let at = from + self.dice.span(Span::from_mins(60), Span::from_mins(2 * 24 * 60));
        let body = Body::CaseWithdrawn { reason: Some(Cow::Borrowed("request closed")) };
        let skew = case.skew.take();
        self.happens(case, System::Desk, at, case.detector.source, body);
        case.skew = skew;
        Some(at)
    }

    /// The decision that counts in the end, and when it was taken.
    fn last_decision(&mut self, case: &mut Case, review: &Review) -> (Timestamp, Action) {
        let first = (review.decided_at, review.action);
        if review.action.takes_effect() && self.dice.chance(0.03) {
            let at = review.decided_at + self.dice.span(Span::from_secs(20), Span::from_mins(6));
            self.second_opinion(case, at, alternative(review.action));
            (at, alternative(review.action))
        } else {
            first
        }
    }

    /// The first containment, by whomever; a second one may follow a quarantine.
    fn contain(
        &mut self,
        case: &mut Case,
        last: Option<(Timestamp, Action)>,
    ) -> Option<(Timestamp, Actor)> {
        let early = case.early_containment;
        let (at, method, actor_kind) = match last {
            Some((decided_at, action)) if action.takes_effect() => {
                if self.dice.chance(self.options.uncontained) {
                    return early;
                }
                let taken = self.dice.lognormal_span(Span::from_mins(5), 1.0);
                let by_person = self.dice.chance(0.85);
                (
                    decided_at + Span::from_secs(5) + taken,
                    match action {
                        Action::Rotate => Method::Rotated,
                        Action::Quarantine => Method::Quarantined,
                        _ => Method::Revoked,
                    },
                    if by_person { Actor::Human } else { Actor::Automation },
                )
            }
            // Nobody decided, and some day the credential runs out.
            None if early.is_none() && self.dice.chance(0.1) => {
                let rest = self.dice.span(Span::from_mins(24 * 60), Span::from_mins(6 * 24 * 60));
                (case.detected_at + rest, Method::Expired, Actor::Automation)
            }
            _ => return early,
        };
        let body = Body::CredentialContained { method, actor_kind };
        self.happens(case, System::Provider, at, organisation::PROVIDER_EVENTS, body);
        match early {
            Some(early) if early.0 <= at => Some(early),
            _ => Some((at, actor_kind)),
        }
    }

    /// Other detectors find the same exposure while its window is open.
    fn detect_again(&mut self, case: &mut Case, now: Timestamp, closed_at: Option<Timestamp>) {
        if !self.dice.chance(self.options.repeats) {
            return;
        }
        let from = now.max(case.detected_at) + Span::from_secs(1);
        let ordinary = from + Span::from_mins(120);
        let room = closed_at.map_or(ordinary, |at| at.min(ordinary)).since(from);
        let times = 1 + self.dice.below(2);
        for _ in 0..times {
            if room <= Span::ZERO {
                return;
            }
            let at = from + self.dice.span(Span::ZERO, room);
            if case.workflow != Workflow::SecretExposure {
                let skew = case.skew.take();
                self.happens_opened(case, at, false);
                case.skew = skew;
                self.repeats += 1;
                continue;
            }
            let body = Body::LeakDetected(LeakDetected {
                location: case.detector.location.map(Cow::Borrowed),
                ..LeakDetected::default()
            });
            // Not the detector whose clock may be wrong.
            let skew = case.skew.take();
            self.happens(case, System::Detector, at, organisation::SECOND_DETECTOR, body);
            case.skew = skew;
            self.repeats += 1;
        }
    }

    /// An attacker who comes before the containment uses the credential; somebody
    /// may notice, some minutes later.
    fn abuse(
        &mut self,
        case: &mut Case,
        now: Timestamp,
        contained_at: Option<Timestamp>,
    ) -> Option<Timestamp> {
        let attacker_at = case.attacker_at?;
        if contained_at.is_some_and(|at| at <= attacker_at)
            || !self.dice.chance(self.options.observed)
        {
            return None;
        }
        let lag = self.dice.lognormal_span(Span::from_mins(4), 0.7);
        let known = (case.detected_at + Span::from_secs(30)).max(now);
        let at = (attacker_at + lag).max(known);
        self.happens(
            case,
            System::Provider,
            at,
            organisation::PROVIDER_EVENTS,
            Body::CredentialAbused,
        );
        Some(at)
    }

    /// The right answer becomes known: of planted cases always.
    fn establish(
        &mut self,
        case: &mut Case,
        now: Timestamp,
        review: Option<&Review>,
    ) -> Option<Timestamp> {
        if !case.seeded && !self.dice.chance(self.options.revealed) {
            return None;
        }
        let from = review.map_or(case.detected_at, |review| review.decided_at).max(now);
        let delay = if case.seeded {
            self.dice.span(Span::from_mins(60), Span::from_mins(48 * 60))
        } else {
            self.dice.span(Span::from_mins(240), Span::from_mins(5 * 24 * 60))
        };
        let at = from + delay;
        let body = Body::TruthEstablished { correct_action: case.correct, seeded: case.seeded };
        let source = if case.seeded { organisation::SEEDING } else { organisation::POST_INCIDENT };
        self.happens(case, System::Desk, at, source, body);
        Some(at)
    }
}
