//! Each rule about what a window is, by the smallest story that shows it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::borrow::Cow;
use std::collections::BTreeSet;

use shutterlag::config::{Approver, EngineConfig, OversightConfig, Reopen};
use shutterlag::engine::alerts::{Alert, Cause, Transition};
use shutterlag::engine::attacker::{AttackerFirst, Band, Race};
use shutterlag::engine::windows::{Clock, Stage, State, Window, Windows};
use shutterlag::engine::{Output, Receipt};
use shutterlag::event::{
    Action, Actor, Body, CaseOpened, DecisionMade, Event, Evidence, LeakDetected, Method,
    ReviewOpened, Severity, TriageCompleted, Verdict, Workflow,
};
use shutterlag::time::Span;

use crate::oracle::made::*;

/// What is checked of a window: all of it, with texts of its own.
fn windows<T>(
    config: EngineConfig,
    events: &[Event<'static>],
    of: impl Fn(&Window<'_>) -> T,
) -> Vec<T> {
    let one_way = read(config.clone(), events.iter(), &of);
    let other_way = read(config, events.iter().rev(), &of);
    assert_eq!(one_way.len(), other_way.len(), "the order of arrival does not matter");
    one_way
}

fn read<'e, T>(
    config: EngineConfig,
    events: impl Iterator<Item = &'e Event<'static>>,
    of: &impl Fn(&Window<'_>) -> T,
) -> Vec<T> {
    let mut engine = Windows::new(config);
    for event in events {
        assert_eq!(engine.handle(event), Receipt::Held);
    }
    let mut read = Vec::new();
    let _ = engine.view().for_each(|window| read.push(of(window)));
    read
}

fn all(events: &[Event<'static>]) -> Vec<(State, u64, u64)> {
    windows(EngineConfig::default(), events, |window| {
        (window.state(), window.detections, window.resightings)
    })
}

fn from(source: &'static str, event: Event<'static>) -> Event<'static> {
    Event { source: Some(source.into()), ..event }
}

fn reopened() -> Body<'static> {
    Body::LeakDetected(LeakDetected { reopened: true, ..LeakDetected::default() })
}

fn escalated(reviewer: &'static str) -> Body<'static> {
    let Body::DecisionMade(decision) = decided(Action::Escalate) else { unreachable!() };
    Body::DecisionMade(DecisionMade { reviewer: reviewer.into(), ..decision })
}

fn advised(words: u32, model: &'static str) -> Body<'static> {
    let Body::TriageCompleted(triage) = triage(Action::Dismiss) else { unreachable!() };
    Body::TriageCompleted(TriageCompleted {
        summary_words: Some(words),
        model: Some(model.into()),
        ..triage
    })
}

fn contained(method: Method) -> Body<'static> {
    Body::CredentialContained { method, actor_kind: Actor::Human }
}

fn withdrawn() -> Body<'static> {
    Body::CaseWithdrawn { reason: Some("pattern deleted".into()) }
}

#[test]
fn handing_a_case_on_does_not_end_the_wait() {
    let by_verdict = decided_by(Actor::Human, Action::Revoke, Some(Verdict::Escalate));
    let events = [
        leak().at(0),
        escalated("tier-1").at(60),
        by_verdict.at(70),
        decided(Action::Dismiss).at(7_200),
    ];
    let found = windows(EngineConfig::default(), &events, |window| {
        assert_eq!(window.escalated_at, Some(seconds(60)));
        assert_eq!(window.escalated_by, Some("tier-1"));
        assert_eq!(window.decided_at(), Some(seconds(7_200)));
        assert_eq!(window.duration(Stage::FirstTouch), Some(Span::from_secs(60)));
        (window.escalations, window.further_decisions, window.band())
    });
    assert_eq!(found, [(2, 0, Some(Band::Behind))]);
    assert_eq!(all(&events[..3]), [(State::Open, 1, 0)]);
}

#[test]
fn a_look_is_the_first_touch() {
    let events = [leak().at(0), opened().at(30), decided(Action::Dismiss).at(90)];
    let touch = windows(EngineConfig::default(), &events, |w| w.duration(Stage::FirstTouch));
    assert_eq!(touch, [Some(Span::from_secs(30))]);
}

#[test]
fn a_sighting_of_an_older_exposure_opens_nothing() {
    let events = [
        leak_exposed(-5).at(0),
        decided(Action::Dismiss).at(100),
        leak_exposed(-5).at(90_000),
        leak_exposed(100).at(180_000),
    ];
    assert_eq!(all(&events), [(State::Closed, 1, 2)]);
    let always = EngineConfig { reopen: Reopen::Always, ..EngineConfig::default() };
    assert_eq!(windows(always, &events, |window| window.resightings), [0, 0]);
}

#[test]
fn a_new_exposure_or_an_unknown_one_opens_the_next_window() {
    let closed = [leak_exposed(-5).at(0), decided(Action::Dismiss).at(100)];
    for again in [leak_exposed(101).at(200), leak().at(200)] {
        let events = [&closed[..], &[again]].concat();
        assert_eq!(all(&events), [(State::Closed, 1, 0), (State::Open, 1, 0)]);
    }
}

#[test]
fn a_dead_key_is_not_exposed_again() {
    for (action, method, dead) in [
        (Action::Revoke, Method::Quarantined, true),
        (Action::Quarantine, Method::Expired, true),
        (Action::Quarantine, Method::Quarantined, false),
    ] {
        let events = [
            leak().at(0),
            decided(action).at(100),
            contained(method).at(110),
            leak_exposed(150).at(200),
        ];
        assert_eq!(all(&events).len(), if dead { 1 } else { 2 }, "{action} {method}");
    }
}

#[test]
fn what_the_source_reopens_is_open_even_at_the_moment_of_the_closing() {
    let events = [leak().at(0), decided(Action::Dismiss).at(100), reopened().at(100)];
    assert_eq!(all(&events), [(State::Closed, 1, 0), (State::Open, 1, 0)]);
    // Without the word of the source it is a repeat from before the closing.
    let events = [leak().at(0), decided(Action::Dismiss).at(100), leak().at(100)];
    assert_eq!(all(&events), [(State::Closed, 2, 0)]);
    // An open case is not opened again, and one moment opens one window.
    assert_eq!(all(&[leak().at(0), reopened().at(50)]), [(State::Open, 2, 0)]);
    let again = Event { id: "again".into(), ..reopened().at(0) };
    let events = [leak().at(0), decided(Action::Dismiss).at(0), again];
    assert_eq!(all(&events), [(State::Closed, 2, 0)]);
}

#[test]
fn a_withdrawn_case_waits_for_nobody_and_may_come_again() {
    let events = [leak_exposed(-5).at(0), withdrawn().at(100), leak_exposed(-5).at(200)];
    let found = windows(EngineConfig::default(), &events, |window| {
        (window.state(), window.awaiting().is_some(), window.withdrawn_reason.is_some())
    });
    assert_eq!(found, [(State::Withdrawn, false, true), (State::Open, true, false)]);
    // A person was first: the withdrawal ends the wait for containment, no more.
    let events = [leak().at(0), decided(Action::Revoke).at(50), withdrawn().at(100)];
    assert_eq!(all(&events), [(State::Closed, 1, 0)]);
}

#[test]
fn an_attack_that_was_seen_before_the_leak_was_found_belongs_to_it() {
    let abused = |seconds| abused().at(seconds);
    let found = |events: &[Event<'static>]| {
        windows(EngineConfig::default(), events, |window| {
            let first = window.attacker_first(&Race::default(), seconds(90_000)).unwrap();
            (window.abused_at, window.events, window.clock_skew(), first)
        })
    };
    // Seen eleven hours before anybody found the key, at once and again.
    let early = -11 * 3_600;
    let events = [
        abused(early),
        abused(early + 60),
        leak().at(0),
        decided(Action::Revoke).at(120),
        contained_by(Actor::Human).at(180),
    ];
    assert_eq!(found(&events), [(Some(seconds(early)), 5, false, AttackerFirst::SEEN)]);
    // After half of the orphan timeout it tells of something else.
    let [(abused_at, events, ..)] = found(&[abused(-12 * 3_600 - 1), leak().at(0)])[..] else {
        panic!()
    };
    assert_eq!((abused_at, events), (None, 1));
    // Between two windows it is the earlier one's.
    let events = [
        leak().at(0),
        decided(Action::Revoke).at(120),
        contained_by(Actor::Human).at(180),
        abused(3_600),
        reopened().at(7_200),
    ];
    let abused: Vec<_> = found(&events).into_iter().map(|(abused_at, ..)| abused_at).collect();
    assert_eq!(abused, [Some(seconds(3_600)), None]);
}

#[test]
fn a_detection_that_was_stamped_ahead_does_not_tell_when_the_exposure_was() {
    let detects_at_once = BTreeSet::from(["push-scan".to_owned()]);
    let config = EngineConfig { detects_at_once, ..EngineConfig::default() };
    let mut detection = leak().at(0);
    detection.source = Some("push-scan".into());
    let clock = |detection: &Event<'static>| {
        let events = [detection.clone(), decided(Action::Revoke).at(60)];
        windows(config.clone(), &events, |window| (window.clock(), window.band()))
    };
    assert_eq!(clock(&detection), [(Clock::Exposed, Some(Band::Ahead))]);
    // Its time was corrected to the latest that it can have been.
    detection.noted.clock_skew = true;
    assert_eq!(clock(&detection), [(Clock::Detected, None)]);
}

#[test]
fn a_case_opens_a_window_in_which_nothing_leaked() {
    let case = Body::CaseOpened(CaseOpened {
        started_at: Some(seconds(-60)),
        requested_by: Some("dana".into()),
        items: Some(40),
        incident: Some("campaign-7".into()),
        reopened: false,
    });
    let looked = Body::ReviewOpened(ReviewOpened {
        reviewer: "reviewer-01".into(),
        items_opened: Some(31),
        evidence: Some(Evidence::Raw),
    });
    let events = [case.at(0), looked.at(30), opened().at(40), decided(Action::Monitor).at(86_000)];
    let events = events.map(|event| Event { workflow: Workflow::PolicyChange, ..event });
    let found = windows(EngineConfig::default(), &events, |window| {
        let decision = window.decision.unwrap();
        assert_eq!((window.start(), window.items), (seconds(-60), Some(40)));
        assert_eq!((window.requested_by, window.incident), (Some("dana"), Some("campaign-7")));
        assert_eq!((decision.items_opened, decision.evidence), (Some(31), Some(Evidence::Raw)));
        assert_eq!(decision.first_opened_at, Some(seconds(30)));
        assert_eq!(decision.opened_at, Some(seconds(40)));
        assert_eq!(window.attacker_first(&Race::default(), seconds(90_000)), None);
        window.band()
    });
    // A day is in time here; nine minutes would be for a leak.
    assert_eq!(found, [Some(Band::Ahead)]);
}

#[test]
fn advice_is_judged_by_what_was_known_when_it_was_given() {
    let events = [
        Event { severity: Some(Severity::Low), ..leak().at(0) },
        advised(10, "model-1").at(10),
        advised(20, "model-2").at(20),
        Event { severity: Some(Severity::Critical), ..leak().at(30) },
        decided(Action::Dismiss).at(60),
    ];
    let found = windows(EngineConfig::default(), &events, |window| {
        let advice = window.advice.unwrap();
        assert_eq!(advice.first_presented_at, seconds(10));
        (window.severity, advice.severity, advice.model == Some("model-2"))
    });
    assert_eq!(found, [(Some(Severity::Critical), Some(Severity::Low), true)]);
}

/// The numbers of the events that gave the advice judged and the first advice, of the window
/// that the AI's events about `keys` lead to.
fn given(keys: &[&str], events: &[Event<'static>]) -> Vec<(u32, u32)> {
    let copies = keys.iter().flat_map(|key| {
        let copy = |event: &Event<'static>| event.clone().covering((*key).to_owned().into());
        std::iter::once(leak().of(key, 0)).chain(events.iter().map(copy))
    });
    let copies: Vec<Event<'static>> = copies.collect();
    windows(EngineConfig::default(), &copies, |window| {
        let advice = window.advice.unwrap();
        (advice.event.unwrap().get(), advice.first_event.unwrap().get())
    })
}

#[test]
fn one_text_about_a_ticket_has_one_number_in_every_window() {
    let texts = [advised(120, "m").at(10), advised(121, "m").at(20)];
    let [one, two, three] = given(&["a", "b", "c"], &texts)[..] else { panic!() };
    assert_eq!((one, one), (two, three));
    assert_ne!(one.0, one.1, "the later one is judged, and the first one was there first");
    // A long id, one that is a UUID, and the same id at another time are others.
    let named = |id: &'static str, s| Event { id: id.into(), ..advised(120, "m").at(s) };
    let mut numbers: Vec<u32> = [
        named("0189abcd-ef01-7234-89ab-cdef01234567", 10),
        named("0189abcd-ef01-7234-89ab-cdef01234568", 10),
        named("triage about SEC-7, written by the assistant of the desk", 10),
        named("triage about SEC-8, written by the assistant of the desk", 10),
        named("1", 10),
        named("1", 11),
    ]
    .iter()
    .flat_map(|event| given(&["a"], std::slice::from_ref(event)))
    .map(|(judged, _)| judged)
    .collect();
    numbers.sort_unstable();
    numbers.dedup();
    assert_eq!(numbers.len(), 6);
}

/// A reviewer opens a ticket; later one more key leaks and is put on it.
#[test]
fn a_look_at_the_ticket_is_a_look_at_a_key_that_comes_later() {
    const HOUR: i64 = 3_600;
    let look = |hours_before: i64| {
        let events = [
            opened().at(-hours_before * HOUR),
            triage(Action::Dismiss).at(-hours_before * HOUR + 1),
            leak().at(0),
            decided(Action::Dismiss).at(60),
        ];
        windows(EngineConfig::default(), &events, |window| {
            let decision = window.decision.unwrap();
            assert_eq!(window.touched_at, Some(seconds(60)), "only the decision knows of it");
            assert_eq!((window.adopted, window.clock_skew()), (0, false));
            assert!(window.advice.is_none(), "what was said before is no advice");
            assert_eq!(window.events, 2 + u64::from(decision.opened_at.is_some()));
            decision.opened_at
        })
    };
    assert_eq!(look(1), [Some(seconds(-HOUR))]);
    assert_eq!(look(12), [Some(seconds(-12 * HOUR))]);
    assert_eq!(look(13), [None]);
    // Somebody else's look is none of the reviewer's, and one from before the window that is
    // closed by now belongs to that.
    let events = [
        opened().at(10),
        leak().at(0),
        decided(Action::Dismiss).at(60),
        leak().at(HOUR),
        decided(Action::Dismiss).at(HOUR + 60),
    ];
    let looks =
        windows(EngineConfig::default(), &events, |window| window.decision.unwrap().opened_at);
    assert_eq!(looks, [Some(seconds(10)), None]);
}

#[test]
fn moments_are_of_one_clock_if_one_known_source_tells_them() {
    let clocks = |triage: Option<&'static str>, look: Option<&'static str>| {
        let told = |source: Option<&'static str>, event| match source {
            Some(source) => from(source, event),
            None => event,
        };
        let events = [
            leak().at(0),
            told(triage, advised(10, "model").at(10)),
            told(look, opened().at(20)),
            from("desk", decided(Action::Dismiss).at(60)),
        ];
        windows(EngineConfig::default(), &events, |window| {
            let decision = window.decision.unwrap();
            (decision.advice_same_clock, decision.opening_same_clock)
        })
    };
    assert_eq!(clocks(Some("desk"), Some("desk")), [(true, true)]);
    assert_eq!(clocks(Some("ai"), Some("desk")), [(false, true)]);
    assert_eq!(clocks(Some("desk"), None), [(true, false)]);
}

#[test]
fn the_same_advice_decided_before_by_the_same_person_is_known() {
    let again = |words, settle| {
        // Final windows are kept to be read, as in a replay in which windows settle.
        let config = EngineConfig { settle, keep_settled: true, ..EngineConfig::default() };
        let mut engine = Windows::new(config);
        let first =
            [leak_exposed(0).at(0), advised(120, "m").at(20), decided(Action::Dismiss).at(60)];
        let second = [
            leak_exposed(9_000).at(9_000),
            advised(words, "m").at(9_020),
            decided(Action::Dismiss).at(9_025),
        ];
        for events in [first, second] {
            for event in &events {
                assert_eq!(engine.handle(event), Receipt::Held);
            }
            engine.advance(events[2].time + Span::from_mins(60), &mut |_| {});
        }
        engine
    };
    // An AI seldom writes a text twice in the same number of words.
    for (words, known) in [(120, true), (110, true), (135, true), (180, false), (80, false)] {
        for settle in [None, Some(Span::from_mins(10))] {
            let mut repeats = Vec::new();
            let _ = again(words, settle)
                .view()
                .for_each(|window| repeats.push(window.decision.unwrap().repeats_advice));
            assert_eq!(repeats, [false, known], "{words} words, settle {settle:?}");
        }
    }
    // A live run has forgotten the first window, and knows what was decided.
    let mut engine = again(120, Some(Span::from_mins(10)));
    assert_eq!(engine.counts().resighted, 0);
    let leak = leak_exposed(20_000).at(20_000);
    let rest = [leak, advised(120, "m").at(20_001), decided(Action::Dismiss).at(20_002)];
    rest.iter().for_each(|event| assert_eq!(engine.handle(event), Receipt::Held));
    let mut said = Vec::new();
    engine.advance(seconds(20_003), &mut |output| {
        if let Output::Window { window, .. } = output {
            said.push(window.decision.unwrap().repeats_advice);
        }
    });
    assert_eq!(said, [true]);
}

#[test]
fn a_live_run_knows_a_sighting_after_the_window_is_gone() {
    let config = EngineConfig { settle: Some(Span::from_mins(10)), ..EngineConfig::default() };
    let mut engine = Windows::new(config);
    for event in [leak_exposed(-5).at(0), decided(Action::Dismiss).at(100)] {
        assert_eq!(engine.handle(&event), Receipt::Held);
    }
    engine.advance(seconds(1_000), &mut |_| {});
    // Every night, for longer than anything is remembered that is not seen.
    for night in 1..40 {
        let event = leak_exposed(-5).at(night * 86_400);
        assert_eq!(engine.handle(&event), Receipt::Held);
        engine.advance(event.time, &mut |output| panic!("{output:?}"));
    }
    engine.advance(seconds(40 * 86_400), &mut |output| panic!("{output:?}"));
    assert_eq!((engine.counts().resighted, engine.credentials()), (39, 1));
    engine.advance(seconds(80 * 86_400), &mut |output| panic!("{output:?}"));
    assert_eq!(engine.credentials(), 0, "it is forgotten in the end");
}

#[test]
fn the_detection_of_a_source_that_detects_at_once_is_the_exposure() {
    let detects_at_once = BTreeSet::from(["push-scan".to_owned()]);
    let config = EngineConfig { detects_at_once, ..EngineConfig::default() };
    let known = |source| {
        let events = [from(source, leak().at(5))];
        windows(config.clone(), &events, |window| window.exposed_at)
    };
    assert_eq!(known("push-scan"), [Some(seconds(5))]);
    assert_eq!(known("nightly-scan"), [None]);
}

#[test]
fn an_attack_is_an_alert_until_the_credential_is_contained() {
    let mut engine = Windows::new(EngineConfig::default());
    let mut said = Vec::new();
    for (s, body) in [
        (0, leak()),
        (30, abused()),
        (40, decided(Action::Revoke)),
        (50, contained(Method::Revoked)),
    ] {
        assert_eq!(engine.handle(&body.at(s)), Receipt::Held);
        engine.advance(seconds(s), &mut |output| {
            if let Output::Alert { alert, transition, change, .. } = output {
                said.push((alert, transition, change.at, change.cause));
            }
        });
    }
    let attack = Alert::AttackObserved;
    let fires = (attack, Transition::Firing, seconds(30), Cause::Fact);
    assert_eq!(said, [fires, (attack, Transition::Resolved, seconds(50), Cause::Answered)]);
    // After the containment there is nothing left to save.
    let events = [leak().at(0), contained(Method::Quarantined).at(10), abused().at(20)];
    let mut engine = Windows::new(EngineConfig::default());
    events.iter().for_each(|event| assert_eq!(engine.handle(event), Receipt::Held));
    engine.advance(seconds(30), &mut |output| {
        assert!(!matches!(output, Output::Alert { .. }), "{output:?}");
    });
}

#[test]
fn nobody_races_against_a_change_of_policy() {
    let mut engine = Windows::new(EngineConfig::default());
    let event = Event { workflow: Workflow::PolicyChange, ..leak().at(0) };
    assert_eq!(engine.handle(&event), Receipt::Held);
    let mut said = Vec::new();
    for hours in [1, 16, 24, 24 * 30] {
        engine.advance(seconds(hours * 3_600), &mut |output| {
            if let Output::Alert { alert, change, .. } = output {
                said.push((hours, alert, change.cause));
            }
        });
    }
    let due = (16, Alert::ReviewDueSoon, Cause::Deadline);
    assert_eq!(said, [due, (24, Alert::ReviewOverdue, Cause::Deadline)]);
}

#[test]
fn who_may_decide_is_for_the_rule_to_say_where_it_can() {
    let config = OversightConfig {
        owners: [("payments".to_owned(), BTreeSet::from(["ann".to_owned()]))].into(),
        aliases: [("ann@old.example".to_owned(), "ann".to_owned())].into(),
        ..OversightConfig::default()
    };
    let may =
        |approver, owner, reviewer, stated| config.authorized(approver, owner, reviewer, stated);
    let payments = Some("payments");
    assert_eq!(may(Approver::Group, payments, "ann@old.example", Some(false)), Some(true));
    assert_eq!(may(Approver::Group, payments, "bob", Some(true)), Some(false));
    assert_eq!(may(Approver::Group, Some("search"), "bob", Some(true)), Some(true));
    assert_eq!(may(Approver::Owner, Some("ann@old.example"), "ann", None), Some(true));
    assert_eq!(may(Approver::Owner, None, "ann", None), None);
    assert_eq!(may(Approver::Any, payments, "bob", Some(false)), Some(false));
}

#[test]
fn the_owner_is_the_one_that_was_known_at_the_decision() {
    let owned = |owner: &'static str, event| Event { owner: Some(Cow::Borrowed(owner)), ..event };
    let events = [
        owned("payments", leak().at(0)),
        decided(Action::Revoke).at(60),
        owned("search", contained(Method::Revoked).at(90)),
    ];
    let owners = windows(EngineConfig::default(), &events, |window| {
        (window.owner == Some("search"), window.decision.unwrap().owner == Some("payments"))
    });
    assert_eq!(owners, [(true, true)]);
}

#[test]
fn a_look_under_another_id_of_the_same_person_is_a_look() {
    let looked = Body::ReviewOpened(ReviewOpened::by("ann@example.org"));
    // By `reviewer-01`.
    let events = [
        leak().at(0),
        triage(Action::Dismiss).at(1),
        looked.at(20),
        decided(Action::Revoke).at(60),
    ];
    let opened_at = |config: EngineConfig| {
        windows(config, &events, |window| window.decision.and_then(|it| it.opened_at))
    };
    assert_eq!(opened_at(EngineConfig::default()), [None]);
    let aliases = [("ann@example.org".to_owned(), "reviewer-01".to_owned())].into();
    assert_eq!(opened_at(EngineConfig { aliases, ..EngineConfig::default() }), [Some(seconds(20))]);
}

#[test]
fn an_ai_that_decides_before_any_person_acted_first_whatever_it_decides() {
    let acted = |events: &[Event<'static>]| {
        windows(EngineConfig::default(), events, |window| window.ai_acted_first_at)
    };
    for action in Action::ALL.iter().copied().filter(|action| action.disposes()) {
        let by_ai = |s| decided_by(Actor::Ai, action, None).at(s);
        assert_eq!(acted(&[leak().at(0), by_ai(10)]), [Some(seconds(10))], "{action}");
        let escalated = escalated("tier-1").at(5);
        assert_eq!(acted(&[leak().at(0), escalated, by_ai(10)]), [Some(seconds(10))], "{action}");
        let person = decided(Action::Monitor).at(5);
        assert_eq!(acted(&[leak().at(0), person, by_ai(10)])[0], None, "{action}");
        let automation = decided_by(Actor::Automation, action, None).at(10);
        assert_eq!(acted(&[leak().at(0), automation]), [None], "{action}");
        let handed_on = decided_by(Actor::Ai, action, Some(Verdict::Escalate)).at(10);
        assert_eq!(acted(&[leak().at(0), handed_on]), [None], "{action}");
    }
    let handed_on = decided_by(Actor::Ai, Action::Escalate, None).at(10);
    assert_eq!(acted(&[leak().at(0), handed_on]), [None]);
}
