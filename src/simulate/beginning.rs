//! The beginning of a window: detection, advice, and who gets the case.
//!
//! Invariants: no event gets a true time before the present of the simulation; nothing but
//! the wrong clock of a case makes the stated time of an event differ from its true time.

use std::borrow::Cow;
use std::fmt::Write as _;

use crate::event::{
    Action, Actor, Body, CaseOpened, DecisionMade, Event, LeakDetected, Method, Provenance,
    TriageCompleted, Workflow,
};
use crate::time::{Span, Timestamp};

use super::arrivals::{Arrival, ReLeak};
use super::case::{Advice, Case, Skew, System};
use super::dice::Dice;
use super::organisation;
use super::world::World;

/// A random identifier in the form of a version 4 UUID.
fn event_id(dice: &mut Dice) -> String {
    let (high, low) = (dice.bits(), dice.bits());
    // As long as it gets: `format!` would grow it several times for each of millions.
    let mut id = String::with_capacity(36);
    let written = write!(
        id,
        "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
        high >> 32,
        (high >> 16) & 0xffff,
        high & 0x0fff,
        ((low >> 48) & 0x3fff) | 0x8000,
        low & 0xffff_ffff_ffff
    );
    debug_assert!(written.is_ok(), "a String takes everything");
    id
}

impl World {
    /// Sends an event of `case` on its way. `at` is the true time.
    pub(super) fn happens(
        &mut self,
        case: &mut Case,
        system: System,
        at: Timestamp,
        source: &'static str,
        body: Body<'static>,
    ) {
        let ahead_ms = case.skew.filter(|skew| skew.system == system).map_or(0, |s| s.ahead_ms);
        case.last_event_at = case.last_event_at.max(at);
        let event = Event {
            id: Cow::Owned(event_id(&mut self.dice)),
            time: at + Span::from_millis(ahead_ms),
            credential_id: Cow::Owned(case.credential_id.clone()),
            workflow: case.workflow,
            source: Some(Cow::Borrowed(source)),
            severity: Some(case.severity),
            owner: Some(Cow::Borrowed(case.owner)),
            noted: crate::event::Noted::default(),
            body,
        };
        self.delivery.push(at, event);
    }

    /// Opens a window, or those of all secrets of one commit.
    pub(super) fn begin(&mut self, arrival: Arrival) {
        let mut case = self.new_case(arrival);
        let leaked = case.workflow == Workflow::SecretExposure && case.re_leak_of.is_none();
        let mut others = Vec::new();
        if leaked && self.dice.chance(self.options.incidents) {
            case.incident = Some(format!("commit-{:010x}", self.dice.bits() & 0xff_ffff_ffff));
            let more = self.dice.lognormal(4.0, 0.9).clamp(1.0, 60.0) as i64;
            others = (1..=more).map(|number| self.same_commit(&case, number)).collect();
        }
        self.follow(case);
        others.into_iter().for_each(|other| self.follow(other));
    }

    /// Another secret of the same commit, detected moments later.
    fn same_commit(&mut self, first: &Case, number: i64) -> Case {
        let (detector, dice) = (first.detector, &mut self.dice);
        let leak = ReLeak {
            credential_id: organisation::name_by_place(self.next_case, detector, dice),
            workflow: first.workflow,
            detector,
            severity: first.severity,
            owner: first.owner,
            provider: None,
            after: first.number,
        };
        let at = first.detected_at + Span::from_millis(number * 120);
        let mut case = self.new_case(Arrival { at, again: Some(leak) });
        if let (Some(own), Some(shared)) = (case.exposure, first.exposure) {
            let earlier = own.at.since(shared.at).as_millis();
            case.attacker_at = case.attacker_at.map(|at| at + Span::from_millis(-earlier));
        }
        Case {
            re_leak_of: None,
            incident: first.incident.clone(),
            exposure: first.exposure,
            ..case
        }
    }

    /// Follows a case as far as it is determined: to its end, or into the batch of a reviewer.
    fn follow(&mut self, mut case: Case) {
        self.happens_detected(&mut case);
        let undecided = self.dice.chance(self.options.undecided);
        let who = if self.dice.chance(self.options.specialists) {
            self.people.assign_special(case.detected_at, case.workflow, &mut self.dice)
        } else {
            self.people.assign(case.detected_at, &mut self.dice)
        };
        if !self.dice.chance(0.015) {
            self.advise(&mut case, who);
        }
        self.act_early(&mut case);
        let now = case.detected_at;
        if undecided || !self.people.accepts(who, now) {
            self.conclude(case, None, now);
            return;
        }
        let habits = self.people.get(who).habits(&mut self.dice);
        if !self.dice.chance(habits.batches) {
            let review = self.review(&mut case, who, habits);
            self.conclude(case, Some(review), now);
        } else if self.people.put_off(who, case, now, &mut self.dice)
            && let Some(batch) = self.people.take_batch(who)
        {
            self.review_batch(who, batch.cases, now);
        }
    }

    fn new_case(&mut self, arrival: Arrival) -> Case {
        let dice = &mut self.dice;
        let number = self.next_case;
        self.next_case += 1;
        let re_leak_of = arrival.again.as_ref().map(|leak| leak.after);
        let ReLeak { credential_id, workflow, detector, severity, owner, provider, .. } =
            arrival.again.unwrap_or_else(|| {
                let workflow = *dice.weighted(organisation::WORKFLOWS);
                let detector = organisation::pick_detector(workflow, dice);
                ReLeak {
                    credential_id: organisation::name_by_place(number, detector, dice),
                    workflow,
                    detector,
                    severity: organisation::pick_severity(detector.public, dice),
                    owner: dice.pick::<&str>(organisation::OWNERS),
                    provider: None,
                    after: 0,
                }
            });
        let detected_at = arrival.at;
        let seeded = dice.chance(self.options.seeded);
        let exposure = (workflow == Workflow::SecretExposure)
            .then(|| organisation::exposure_before(detected_at, dice));
        let skewed = dice.chance(self.options.skew);
        let skew = skewed.then(|| {
            let off_ms = dice.between(15_000, 300_000);
            let ahead_ms = if dice.chance(0.5) { off_ms } else { -off_ms };
            Skew { system: *dice.pick(System::ALL), ahead_ms }
        });
        // A planted case is not really exposed, so no attacker comes for it.
        let found = detector.public && !seeded && dice.chance(self.options.attacked);
        let attacker_at = exposure.filter(|_| found).map(|exposure| {
            exposure.at + Span::from_mins(9) + dice.exponential(Span::from_mins(8))
        });
        Case {
            number,
            // What a detector does not name by its place is named once its kind is known.
            credential_id: credential_id.unwrap_or_default(),
            workflow,
            detector,
            severity,
            owner,
            provider,
            re_leak_of,
            exposure,
            detected_at,
            seeded,
            correct: organisation::pick_correct(workflow, dice),
            advice: None,
            requested_by: None,
            skew,
            attacker_at,
            early_containment: None,
            ai_acted_first: false,
            incident: None,
            last_event_at: detected_at,
        }
    }

    fn happens_detected(&mut self, case: &mut Case) {
        if case.workflow != Workflow::SecretExposure {
            let reopened = case.re_leak_of.is_some();
            self.name(case, organisation::subject_of(case.workflow));
            self.happens_opened(case, case.detected_at, reopened);
            return;
        }
        // Drawn in every case, so that what follows does not depend on the provider.
        let drawn = *self.dice.pick(case.detector.providers);
        let provider = *case.provider.get_or_insert(drawn);
        self.name(case, organisation::kind_of(provider));
        let (exposed_at, exposed_at_quality) = case
            .exposure
            .and_then(|exposure| exposure.reported)
            .map_or((None, None), |(at, quality)| (Some(at), Some(quality)));
        let body = Body::LeakDetected(LeakDetected {
            exposed_at,
            exposed_at_quality,
            location: case.detector.location.map(Cow::Borrowed),
            provider: Some(Cow::Borrowed(provider)),
            requested_by: None,
            incident: case.incident.clone().map(Cow::Owned),
            // Otherwise it would be another sighting of a closed exposure.
            reopened: case.re_leak_of.is_some(),
        });
        self.happens(case, System::Detector, case.detected_at, case.detector.source, body);
    }

    /// Names the credential by its kind, unless it has a name.
    fn name(&self, case: &mut Case, kind: &str) {
        if case.credential_id.is_empty() {
            case.credential_id = organisation::name_by_kind(case.number, self.key, kind);
        }
    }

    /// A case in which nothing leaked is opened, the first time or again.
    pub(super) fn happens_opened(&mut self, case: &mut Case, at: Timestamp, reopened: bool) {
        let body = Body::CaseOpened(CaseOpened {
            started_at: None,
            requested_by: None,
            items: None,
            incident: None,
            reopened,
        });
        self.happens(case, System::Detector, at, case.detector.source, body);
    }

    /// Makes the AI's advice, which is wrong on purpose if the case is planted.
    fn advise(&mut self, case: &mut Case, who: usize) {
        let dice = &mut self.dice;
        let taken = if dice.chance(0.05) {
            dice.span(Span::from_mins(2), Span::from_mins(10))
        } else {
            dice.lognormal_span(Span::from_secs(25), 0.8)
        };
        let fallback = !case.seeded && dice.chance(0.02);
        let upgraded = case.detected_at >= self.options.upgraded_at();
        let accuracy = match upgraded {
            true => self.options.upgraded_accuracy,
            false => self.options.ai_accuracy,
        };
        let wrong = !fallback && (case.seeded || !dice.chance(accuracy));
        let recommendation = match (fallback, wrong) {
            (true, _) => Action::Escalate,
            (false, true) => organisation::pick_wrong(case.correct, dice),
            (false, false) => case.correct,
        };
        if case.workflow == Workflow::PolicyChange {
            let own = dice.chance(0.04);
            case.requested_by = Some(if own {
                self.people.get(who).name.clone()
            } else {
                format!("engineer-{:03}", dice.below(120))
            });
        }
        let triaged_at = case.detected_at + taken;
        let summary_words = dice.lognormal(130.0, 0.5).clamp(20.0, 900.0) as u32;
        case.advice = Some(Advice {
            triaged_at,
            presented_at: triaged_at,
            recommendation,
            fallback,
            wrong,
            summary_words: if fallback { 12 } else { summary_words },
        });
        self.happens_triaged(case, triaged_at);
    }

    /// Sends the advice of `case`, the first time or again.
    pub(super) fn happens_triaged(&mut self, case: &mut Case, at: Timestamp) {
        let Some(advice) = case.advice.as_ref() else { return };
        let dice = &mut self.dice;
        // Right advice is more confident, but the ranges overlap: confidence alone does not
        // show which advice is wrong.
        let percent = if advice.wrong {
            dice.between(45, 96)
        } else {
            99 - dice.between(0, 35).min(dice.between(0, 35))
        };
        let [before, after] = organisation::MODELS;
        let upgraded = case.detected_at >= self.options.upgraded_at();
        let body = Body::TriageCompleted(TriageCompleted {
            recommendation: advice.recommendation,
            model: Some(Cow::Borrowed(if upgraded { after } else { before })),
            confidence: (!advice.fallback).then(|| percent as f64 / 100.0),
            summary_words: Some(advice.summary_words),
            summary_chars: None,
            provenance: Some(if advice.fallback {
                Provenance::Fallback
            } else {
                Provenance::Model
            }),
            requested_by: case.requested_by.clone().map(Cow::Owned),
        });
        self.happens(case, System::Triage, at, organisation::TRIAGE_SERVICE, body);
    }

    /// What machines do before a person can: the provider's quarantine, and an AI that acts
    /// without authority.
    fn act_early(&mut self, case: &mut Case) {
        if case.detector.public && self.dice.chance(self.options.quarantine) {
            let taken = self.dice.span(Span::from_secs(20), Span::from_mins(4));
            let at = case.detected_at + taken;
            case.early_containment = Some((at, Actor::Automation));
            if self.dice.chance(0.1) {
                let by = organisation::AUTOMATION;
                self.happens_machine(case, at, by, Action::Quarantine, Actor::Automation);
            }
            let body = Body::CredentialContained {
                method: Method::Quarantined,
                actor_kind: Actor::Automation,
            };
            self.happens(case, System::Provider, at, organisation::PROVIDER_EVENTS, body);
        }
        let advised = case.advice.as_ref().filter(|advice| !advice.fallback);
        let Some(triaged_at) = advised.map(|advice| advice.triaged_at) else { return };
        if !self.dice.chance(self.options.ai_first) {
            return;
        }
        // At once, so that no person is quicker, whatever their behaviour.
        let at = triaged_at + self.dice.span(Span::from_millis(20), Span::from_millis(250));
        case.ai_acted_first = true;
        if self.dice.chance(0.6) {
            self.happens_machine(case, at, organisation::AI_AGENT, Action::Revoke, Actor::Ai);
        } else {
            let body = Body::CredentialContained { method: Method::Revoked, actor_kind: Actor::Ai };
            self.happens(case, System::Provider, at, organisation::TRIAGE_SERVICE, body);
            if case.early_containment.is_none_or(|(first, _)| at < first) {
                case.early_containment = Some((at, Actor::Ai));
            }
        }
    }

    fn happens_machine(
        &mut self,
        case: &mut Case,
        at: Timestamp,
        by: &'static str,
        action: Action,
        actor_kind: Actor,
    ) {
        let body = Body::DecisionMade(DecisionMade::by(Cow::Borrowed(by), actor_kind, action));
        self.happens(case, System::Desk, at, organisation::REVIEW_DESK, body);
    }
}
