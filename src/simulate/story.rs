//! A short story among the events of the organisation. Within an hour it shows what otherwise
//! takes a day: a key that nearly loses the race, a key that its provider quarantines, a
//! reviewer who stops reading, and a planted case that is approved.
//!
//! Invariants: the same beginning gives the same events; the good work of the reviewer is
//! before the beginning, and everything else is in the hour after it; the story contains
//! events only, never conclusions.

use std::borrow::Cow;

use crate::event::{
    Action, Actor, Body, DecisionMade, Event, ExposedAtQuality, LeakDetected, Method, Provenance,
    ReviewOpened, Severity, TriageCompleted, Verdict, Workflow,
};
use crate::time::{Span, Timestamp};

use super::delivery::{Delivered, Way};

/// The reviewer who reads every case until the story begins, and none after that.
const REVIEWER: &str = "reviewer-story-1";
/// The reviewer of the other two cases.
const COLLEAGUE: &str = "reviewer-story-2";

/// Cases that were read, at a fixed distance, the last an hour before the story.
const READ: i64 = 24;
const READ_EVERY_MIN: i64 = 23;

/// Cases that are approved unread.
const WAVED_THROUGH: i64 = 8;
/// Which of these was planted.
const PLANTED: i64 = 2;

/// The events of the story, in order of delivery; the story begins at `start`.
pub fn story(start: Timestamp) -> Vec<Delivered> {
    let mut teller = Teller { events: Vec::new() };
    for number in 0..READ {
        let minutes = 60 + (READ - number) * READ_EVERY_MIN;
        teller.read(number, start + Span::from_mins(-minutes));
    }
    teller.nearly_lost(start + Span::from_mins(5));
    teller.quarantined(start + Span::from_mins(9));
    for number in 0..WAVED_THROUGH {
        let at = start + Span::from_secs(12 * 60 + number * 95);
        teller.waved_through(number, at, number == PLANTED);
    }
    // The sort is stable: a detection stays before events of the same time that follow from it.
    teller.events.sort_by_key(|delivered| delivered.at);
    teller.events
}

struct Teller {
    events: Vec<Delivered>,
}

/// What all events of one case share.
#[derive(Clone, Copy)]
struct Case<'c> {
    credential: &'c str,
    severity: Severity,
    detected_at: Timestamp,
}

/// Where a credential leaked, who found it there, and whose it is: as its name says.
struct Place {
    location: &'static str,
    source: &'static str,
    owner: &'static str,
}

impl Place {
    fn of(credential: &str) -> Place {
        let (location, source) = match credential.split(':').next() {
            Some("npm") => ("npm", "package-registry-watch"),
            _ => ("github", "github-secret-scanning"),
        };
        let owners = [
            ("search-indexer", "team-search-ranking@engineering.example.org"),
            ("identity-service", "team-identity@engineering.example.org"),
            ("checkout-web", "team-checkout@engineering.example.org"),
        ];
        let owner = owners.into_iter().find(|(repository, _)| credential.contains(repository));
        let owner = owner.map_or("team-payments@engineering.example.org", |(_, owner)| owner);
        Place { location, source, owner }
    }
}

impl Teller {
    /// A decision after reading, in time and with reasons of its own; sometimes
    /// against the advice.
    fn read(&mut self, number: i64, at: Timestamp) {
        let credential = format!("github:example-org/search-indexer-{}#read-{number}", number % 7);
        let severity = [Severity::Medium, Severity::High, Severity::Low][(number % 3) as usize];
        let case = Case { credential: &credential, severity, detected_at: at };
        let words = 90 + (number * 37 % 80) as u32;
        let presented = self.leak(case, Span::from_secs(25 + number % 9), Action::Rotate, words);
        let opened = presented + Span::from_secs(50 + number * 11 % 60);
        let decided = opened + Span::from_millis(i64::from(words) * 290 + 9_000);
        let modified = number % 6 == 4;
        let (verdict, action) = if modified {
            (Verdict::Modify, Action::Revoke)
        } else {
            (Verdict::Approve, Action::Rotate)
        };
        self.open(case, opened, REVIEWER);
        let reasons = format!("story-reasons-{number}");
        self.decide(case, decided, REVIEWER, (verdict, action), &reasons);
        self.contain(case, decided + Span::from_mins(3), Method::Rotated, Actor::Human);
    }

    /// Nobody looks for seven minutes. The decision comes seconds before the fastest attackers.
    fn nearly_lost(&mut self, at: Timestamp) {
        let credential = "github:example-org/payments-api#AKIAIOSFODNN7EXAMPLE";
        let case = Case { credential, severity: Severity::Critical, detected_at: at };
        let presented = self.leak(case, Span::from_secs(40), Action::Revoke, 120);
        let opened = presented + Span::from_secs(7 * 60);
        let decided = opened + Span::from_secs(48);
        self.open(case, opened, COLLEAGUE);
        self.decide(
            case,
            decided,
            COLLEAGUE,
            (Verdict::Approve, Action::Revoke),
            "story-reasons-a",
        );
        self.contain(case, decided + Span::from_secs(75), Method::Revoked, Actor::Human);
    }

    /// The provider acts minutes before any person. The review is still due.
    fn quarantined(&mut self, at: Timestamp) {
        let credential = "npm:example-org/checkout-web#quarantined-by-provider";
        let case = Case { credential, severity: Severity::High, detected_at: at };
        let presented = self.leak(case, Span::from_secs(25), Action::Rotate, 140);
        let contained = at + Span::from_secs(67);
        self.contain(case, contained, Method::Quarantined, Actor::Automation);
        let opened = presented + Span::from_mins(14);
        let decided = opened + Span::from_secs(65);
        self.open(case, opened, COLLEAGUE);
        self.decide(
            case,
            decided,
            COLLEAGUE,
            (Verdict::Approve, Action::Rotate),
            "story-reasons-b",
        );
    }

    /// The reviewer approves two to four seconds after the advice, without opening it, in the
    /// same words.
    fn waved_through(&mut self, number: i64, at: Timestamp, planted: bool) {
        let credential = if planted {
            "github:example-org/identity-service#planted".to_owned()
        } else {
            format!("github:example-org/identity-service#waved-{number}")
        };
        let case = Case { credential: &credential, severity: Severity::High, detected_at: at };
        // In the planted case, the advice calls a key harmless that has to be revoked.
        let advised = if planted { Action::Dismiss } else { Action::Revoke };
        let words = 130 + (number * 17 % 60) as u32;
        let presented = self.leak(case, Span::from_secs(20 + number * 3), advised, words);
        let decided = presented + Span::from_millis(2_100 + number * 260);
        self.decide(case, decided, REVIEWER, (Verdict::Approve, advised), "story-reasons-stock");
        if planted {
            let correct = Action::Revoke;
            let body = Body::TruthEstablished { correct_action: correct, seeded: true };
            let at = decided + Span::from_mins(13);
            self.push(case, at, "truth", "seeded-case-registry", body);
        } else {
            self.contain(case, decided + Span::from_mins(2), Method::Revoked, Actor::Human);
        }
    }

    /// Adds the detection and the advice; returns the time of the advice.
    fn leak(&mut self, case: Case<'_>, taken: Span, advised: Action, words: u32) -> Timestamp {
        let exposed = case.detected_at + Span::from_secs(-20);
        let place = Place::of(case.credential);
        let leak = Body::LeakDetected(LeakDetected {
            exposed_at: Some(exposed),
            exposed_at_quality: Some(ExposedAtQuality::Exact),
            location: Some(Cow::Borrowed(place.location)),
            provider: Some(Cow::Borrowed("aws")),
            ..LeakDetected::default()
        });
        self.push(case, case.detected_at, "leak", place.source, leak);
        let presented = case.detected_at + taken;
        let triage = Body::TriageCompleted(TriageCompleted {
            recommendation: advised,
            model: Some(Cow::Borrowed("triage-assistant-2026-01")),
            confidence: Some(0.93),
            summary_words: Some(words),
            summary_chars: None,
            provenance: Some(Provenance::Model),
            requested_by: None,
        });
        self.push(case, presented, "triage", "triage-service-eu-1", triage);
        presented
    }

    fn open(&mut self, case: Case<'_>, at: Timestamp, reviewer: &'static str) {
        let body = Body::ReviewOpened(ReviewOpened::by(Cow::Borrowed(reviewer)));
        self.push(case, at, "open", "review-desk-eu-1", body);
    }

    fn decide(
        &mut self,
        case: Case<'_>,
        at: Timestamp,
        reviewer: &'static str,
        (verdict, action): (Verdict, Action),
        reasons: &str,
    ) {
        let body = Body::DecisionMade(DecisionMade {
            verdict: Some(verdict),
            rationale_words: Some(14),
            rationale_digest: Some(Cow::Owned(reasons.to_owned())),
            authorized: Some(true),
            ..DecisionMade::by(Cow::Borrowed(reviewer), Actor::Human, action)
        });
        self.push(case, at, "decision", "review-desk-eu-1", body);
    }

    fn contain(&mut self, case: Case<'_>, at: Timestamp, method: Method, actor_kind: Actor) {
        let body = Body::CredentialContained { method, actor_kind };
        self.push(case, at, "contained", "provider-event-bridge", body);
    }

    fn push(
        &mut self,
        case: Case<'_>,
        at: Timestamp,
        what: &str,
        source: &'static str,
        body: Body<'static>,
    ) {
        let event = Event {
            id: Cow::Owned(format!("story-{what}-{}-{}", case.credential, at.as_millis())),
            time: at,
            credential_id: Cow::Owned(case.credential.to_owned()),
            workflow: Workflow::SecretExposure,
            source: Some(Cow::Borrowed(source)),
            severity: Some(case.severity),
            owner: Some(Cow::Borrowed(Place::of(case.credential).owner)),
            noted: crate::event::Noted::default(),
            body,
        };
        self.events.push(Delivered { at, way: Way::Prompt, event });
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_story_is_told_in_order_within_the_hour() {
        let start = Timestamp::from_millis(1_767_690_000_000);
        let told = story(start);
        assert!(told.is_sorted_by_key(|delivered| delivered.at));
        let within = |delivered: &&Delivered| delivered.at >= start;
        let last = told.iter().filter(within).map(|delivered| delivered.at).max();
        assert!(last.is_some_and(|last| last < start + Span::from_mins(40)), "{last:?}");
        let ids: BTreeSet<_> = told.iter().map(|delivered| &delivered.event.id).collect();
        assert_eq!(ids.len(), told.len(), "every event has an id of its own");
        assert_eq!(told, story(start));
    }
}
