//! Memory stays bounded, and what is dropped at a bound is counted.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fmt::Write;

use proptest::prelude::*;
use proptest::sample::select;
use shutterlag::config::EngineConfig;
use shutterlag::engine::windows::Windows;
use shutterlag::engine::{Output, Receipt};
use shutterlag::event::Action::{self, Dismiss, Revoke, Rotate};
use shutterlag::event::Actor::{Ai, Human};
use shutterlag::event::{
    Body, Event, ExposedAtQuality, Kind, LeakDetected, ReviewOpened, Workflow,
};
use shutterlag::time::Span;

use crate::oracle::hostile::{self, Events, at};
use crate::oracle::made::*;
use crate::oracle::record::Record;
use crate::oracle::{Ledger, difference, ledger};

fn read(windows: &Windows) -> Ledger {
    let mut records = Vec::new();
    let unplaced = windows.view().for_each(|window| records.push(Record::from(window)));
    let counts = windows.counts();
    assert_eq!((counts.late, unplaced.late, counts.refused), (0, 0, 0), "nothing settles");
    Ledger {
        windows: records,
        accepted: counts.accepted - unplaced.duplicate,
        duplicate: counts.duplicate + unplaced.duplicate,
        orphan: counts.orphan + unplaced.orphan,
    }
}

fn replay(config: EngineConfig, events: &[Event<'static>]) -> Ledger {
    let mut windows = Windows::new(config);
    for event in events {
        assert_eq!(windows.handle(event), Receipt::Held);
    }
    read(&windows)
}

fn in_order(events: &mut [Event<'static>]) {
    events.sort_by_key(|event| (event.time, event.reopens(), event.kind(), event.id.clone()));
}

/// The event, with another id than every other `n`.
fn numbered(n: usize, mut event: Event<'static>) -> Event<'static> {
    event.id = format!("event-{n:07}").into();
    event
}

/// Distinct events of one window from just before the zero on, which no person decides and no
/// source withdraws.
fn undecided() -> impl Strategy<Value = Events> {
    let event = (hostile::event(1, 24), select(&[Action::Revoke, Action::Escalate][..]));
    prop::collection::vec(event, 0..60).prop_map(|events| {
        let mut all = vec![numbered(0, leak().of("credential-b", -1))];
        for (n, (mut event, action)) in events.into_iter().enumerate() {
            event.workflow = Workflow::SecretExposure;
            event.credential_id = "credential-b".into();
            match &mut event.body {
                Body::DecisionMade(decision) if decision.actor_kind == Human => {
                    decision.action = action;
                    decision.actor_kind = Ai;
                }
                withdrawn @ Body::CaseWithdrawn { .. } => *withdrawn = Body::CredentialAbused,
                _ => {}
            }
            all.push(numbered(n + 1, event));
        }
        Events(all)
    })
}

proptest! {
    #![proptest_config(crate::seeded::cases(1_000))]

    #[test]
    fn beyond_the_cap_events_that_come_in_order_come_to_the_same(
        events in hostile::events(),
        cap in select(&[4_u32, 8, 16][..]),
    ) {
        let mut all: Vec<_> =
            events.0.into_iter().enumerate().map(|(n, event)| numbered(n, event)).collect();
        in_order(&mut all);
        // Without those that have no window when they come: it is windows that have the cap.
        let mut events = Vec::new();
        for event in all {
            events.push(event);
            if ledger(&events).orphan > 0 {
                events.pop();
            }
        }
        let config = EngineConfig { events_per_window: cap, ..EngineConfig::default() };
        let (got, wanted) = (replay(config, &events), ledger(&events));
        prop_assert!(got == wanted, "{}\n{:?}", difference(&got, &wanted), Events(events));
    }

    #[test]
    fn beyond_the_cap_an_undecided_window_comes_to_the_same_in_any_order(
        events in undecided()
            .prop_flat_map(|Events(events)| {
                // The detection comes in first, all else as it likes.
                let first = events[0].clone();
                let others = Just(events[1..].to_vec()).prop_shuffle();
                others.prop_map(move |others| Events([vec![first.clone()], others].concat()))
            }),
        cap in select(&[8_u32, 16][..]),
    ) {
        let config = EngineConfig { events_per_window: cap, ..EngineConfig::default() };
        let (got, wanted) = (replay(config, &events.0), ledger(&events.0));
        prop_assert!(got == wanted, "{}", difference(&got, &wanted));
    }
}

proptest! {
    #![proptest_config(crate::seeded::cases(1_000))]

    #[test]
    fn beyond_the_cap_a_late_decision_has_its_own_advice_or_none(
        (events, at_s) in undecided().prop_flat_map(|Events(events)| {
            let first = events[0].clone();
            let others = Just(events[1..].to_vec()).prop_shuffle();
            let all = others.prop_map(move |others| [vec![first.clone()], others].concat());
            (all, 0_i64..1500)
        }),
        cap in select(&[8_u32, 16][..]),
    ) {
        let mut events = events;
        let mut decision = decided(Revoke).of("credential-b", at_s);
        decision.workflow = Workflow::SecretExposure;
        events.push(numbered(events.len(), decision));
        let config = EngineConfig { events_per_window: cap, ..EngineConfig::default() };
        let (got, wanted) = (replay(config, &events), ledger(&events));
        let (got, wanted) = (&got.windows[0].advice, &wanted.windows[0].advice);
        prop_assert!(got == wanted || got.is_none(), "{got:?}, not {wanted:?}: {:?}", Events(events));
    }
}

#[test]
fn a_late_decision_among_folded_advice_is_not_judged_by_another() {
    let advice = |n: i64| {
        let mut event = triage(if n < 3 { Rotate } else { Revoke }).at(10 + n);
        if let Body::TriageCompleted(triage) = &mut event.body {
            triage.summary_words = Some(if n < 3 { 30 } else { 3_000 });
        }
        event
    };
    let mut events = vec![leak().at(0)];
    events.extend((0..260).map(advice));
    events.push(decided(Revoke).at(130));
    let mut events: Vec<_> = events.into_iter().enumerate().map(|(n, e)| numbered(n, e)).collect();
    let late = replay(EngineConfig::default(), &events);
    assert_eq!(late.windows[0].advice, None);
    assert!(late.windows[0].decision.is_some());
    // Before the folded ones, after them, and in order, it is known.
    for at_s in [10, 269, 400] {
        let mut decision = decided(Revoke).at(at_s);
        decision.id = "decision".into();
        let events = [&events[..261], &[decision][..]].concat();
        assert_eq!(replay(EngineConfig::default(), &events).windows, ledger(&events).windows);
    }
    in_order(&mut events);
    same_as_without_a_cap(&events);
}

#[test]
fn a_window_of_a_hundred_thousand_events_has_every_field_right() {
    let mut events = vec![leak().at(0)];
    for n in 0..100_000 {
        let s = 1 + n / 10;
        let mut event = match n % 7 {
            0 => leak_exposed(-(n % 500)).at(s),
            1 => triage(if n % 2 == 0 { Revoke } else { Rotate }).at(s),
            2 => opened().at(s),
            3 => decided_by(Ai, Revoke, None).at(s),
            4 => abused().at(s),
            5 => truth(Rotate).at(s),
            // The first decision has a long past of every kind.
            _ if n > 50_000 => decided(Revoke).at(s),
            _ => triage(Rotate).at(s),
        };
        if n % 1000 == 999 {
            event.owner = Some(format!("example-org/team-{n}").into());
        }
        events.push(event);
    }
    let mut events: Vec<_> = events.into_iter().enumerate().map(|(n, e)| numbered(n, e)).collect();
    in_order(&mut events);
    let wanted = ledger(&events);
    let window = &wanted.windows[0];
    assert!(window.detections > 10_000 && window.further_decisions > 1_000);
    assert_eq!(replay(EngineConfig::default(), &events), wanted);
}

/// Eight events are held; the ninth folds the older ones.
fn eight_held() -> EngineConfig {
    EngineConfig { events_per_window: 8, ..EngineConfig::default() }
}

#[track_caller]
fn same_as_without_a_cap(events: &[Event<'static>]) {
    let (got, wanted) = (replay(eight_held(), events), ledger(events));
    assert!(got == wanted, "{}", difference(&got, &wanted));
}

#[test]
fn folding_does_not_move_a_source_ahead_of_an_earlier_one() {
    let mut events = vec![leak().at(0), triage(Revoke).at(1)];
    events.push(Event { source: Some("earlier".into()), ..leak().at(2) });
    events.push(Event { source: Some("later".into()), ..triage(Revoke).at(3) });
    events.extend((4..20).map(|s| triage(Revoke).at(s)));
    same_as_without_a_cap(&events);
}

#[test]
fn folding_does_not_move_an_owner_behind_an_earlier_one() {
    let mut events = vec![leak().at(0), triage(Revoke).at(1)];
    events.push(Event { owner: Some("example-org/earlier".into()), ..leak().at(2) });
    events.push(Event { owner: Some("example-org/later".into()), ..triage(Revoke).at(3) });
    events.extend((4..20).map(|s| triage(Revoke).at(s)));
    same_as_without_a_cap(&events);
}

#[test]
fn folding_keeps_the_better_quality_of_the_earliest_exposure() {
    let exposed = |s: i64, quality| {
        let leak = LeakDetected {
            exposed_at: Some(seconds(-60)),
            exposed_at_quality: Some(quality),
            ..LeakDetected::default()
        };
        Body::LeakDetected(leak).at(s)
    };
    let mut events = vec![leak().at(0)];
    events.push(exposed(1, ExposedAtQuality::Commit));
    events.push(exposed(2, ExposedAtQuality::Exact));
    events.extend((3..20).map(|s| leak().at(s)));
    same_as_without_a_cap(&events);
}

#[test]
fn a_decision_read_before_its_detection_is_not_lost_to_the_cap() {
    let mut events: Vec<_> = (1..20).map(|s| opened().at(s)).collect();
    events.push(decided(Revoke).at(20));
    events.extend((21..40).map(|s| opened().at(s)));
    // Read last, though it happened first.
    events.push(leak().at(0));
    let got = replay(eight_held(), &events);
    let decision = got.windows[0].decision.as_ref().map(|decision| decision.decided_at);
    assert_eq!((decision, got.orphan), (Some(seconds(20)), 0));
}

#[test]
fn a_dismissal_among_many_decisions_is_not_folded_away() {
    let mut events = vec![leak().at(100)];
    for n in 0..600 {
        let action = if n == 2 { Dismiss } else { Revoke };
        let mut decision = numbered(n, decided(action).at(0));
        decision.time = decision.time + Span::from_millis(n as i64);
        events.push(decision);
    }
    let got = replay(EngineConfig::default(), &events);
    let wanted = ledger(&events);
    assert!(wanted.windows[0].closed_at.is_some());
    assert!(got == wanted, "{}", difference(&got, &wanted));
}

#[test]
fn of_a_thousand_reviewers_who_looked_the_deciding_one_s_look_is_known() {
    let mut events = vec![leak().at(0)];
    for n in 0..1000 {
        let reviewer = format!("reviewer-{n:04}");
        events.push(numbered(n, Body::ReviewOpened(ReviewOpened::by(reviewer)).at(1 + n as i64)));
    }
    let mut decision = decided(Revoke).at(2000);
    if let Body::DecisionMade(decision) = &mut decision.body {
        decision.reviewer = "reviewer-0500".into();
    }
    events.push(decision);
    let wanted = ledger(&events);
    assert_eq!(wanted.windows[0].decision.as_ref().unwrap().opened_at, Some(seconds(501)));
    let got = replay(EngineConfig::default(), &events);
    assert!(got == wanted, "{}", difference(&got, &wanted));
}

#[test]
fn a_credential_detected_a_million_times_is_one_window() {
    const REPEATS: u64 = 1_000_000;
    let mut windows = Windows::new(EngineConfig::default());
    let mut event = leak().at(0);
    let mut id = String::new();
    for n in 0..REPEATS {
        id.clear();
        write!(id, "{n}").unwrap();
        event.id = std::mem::take(&mut id).into();
        event.time = at(n as i64);
        assert_eq!(windows.handle(&event), Receipt::Held);
        if n % 100_000 == 0 {
            windows.advance(event.time, &mut |_| {});
        }
        id = std::mem::take(&mut event.id).into_owned();
    }
    let ledger = read(&windows);
    assert_eq!(ledger.windows.len(), 1);
    let window = &ledger.windows[0];
    assert_eq!((window.detections, window.events, window.detected_at), (REPEATS, REPEATS, at(0)));
    assert_eq!((ledger.accepted, ledger.duplicate, ledger.orphan), (REPEATS, 0, 0));
}

#[test]
fn a_million_credentials_are_held() {
    const CREDENTIALS: usize = 1_000_000;
    let mut windows = Windows::new(EngineConfig::default());
    let mut event = leak().at(0);
    for n in 0..CREDENTIALS {
        event.credential_id = format!("credential-{n:07}").into();
        assert_eq!(windows.handle(&event), Receipt::Held);
    }
    assert_eq!(windows.credentials(), CREDENTIALS);
    let mut seen = 0;
    let unplaced = windows.view().for_each(|window| {
        if seen % 99_991 == 0 {
            assert_eq!(window.key.credential_id, format!("credential-{seen:07}"), "in order");
        }
        seen += 1;
    });
    assert_eq!((seen, unplaced.orphan), (CREDENTIALS, 0));
}

/// Detections of a window whose events are delivered in this order, of the one credential.
fn detections(order: impl Iterator<Item = usize>) -> u64 {
    let mut windows = Windows::new(EngineConfig::default());
    for n in order {
        let event = numbered(n, leak().at(n as i64));
        assert_eq!(windows.handle(&event), Receipt::Held);
    }
    let mut found = 0;
    windows.view().for_each(|window| found += window.detections);
    found
}

/// `docs/semantics.md` says from where on a delivery may count again.
#[test]
fn half_of_the_events_held_count_once_however_often_they_come() {
    const HELD: usize = 256;
    for count in [1, HELD / 2 - 1, HELD / 2] {
        // A step without a common divisor reaches all of them, each round in another order.
        let rounds =
            (0..8).flat_map(|round| (0..count).map(move |n| (n * 101 + round * 31) % count));
        assert_eq!(detections(rounds), count as u64);
    }
    // Of more, those that have fewer than 64 newer ones beside them.
    for count in [HELD, 1_000, 5_000] {
        let newest = count - HELD / 4..count;
        assert_eq!(detections((0..count).chain(newest)), count as u64);
        let older = 10..11;
        assert_eq!(detections((0..count).chain(older)), count as u64 + 1, "its id is forgotten");
    }
}

#[test]
fn a_flood_of_events_without_a_detection_is_counted_to_the_last() {
    const FLOOD: u64 = 1_200_000;
    const HELD: usize = 10_000;
    let undetected_credentials = HELD;
    let mut windows =
        Windows::new(EngineConfig { undetected_credentials, ..EngineConfig::default() });
    let mut event = opened().at(0);
    let mut said = 0;
    let mut note = |output: Output<'_>| match output {
        Output::Orphan { kind: Kind::ReviewOpened, .. } => said += 1,
        other => panic!("{other:?}"),
    };
    for n in 0..FLOOD {
        event.credential_id = format!("credential-{n}").into();
        event.time = at(n as i64 / 100);
        assert_eq!(windows.handle(&event), Receipt::Held);
        if n % 50_000 == 0 {
            windows.advance(event.time, &mut note);
        }
    }
    assert!(windows.credentials() <= HELD, "{}", windows.credentials());
    // The youngest are held, and find their window yet.
    event.body = leak();
    event.id = "detection".into();
    event.time = event.time + Span::from_secs(1);
    assert_eq!(windows.handle(&event), Receipt::Held);
    let mut adopted = 0;
    let unplaced = windows.view().for_each(|window| adopted += window.adopted);
    let counts = windows.counts();
    assert_eq!(adopted, 1);
    assert_eq!(counts.orphan + unplaced.orphan, FLOOD - 1);
    assert_eq!((counts.accepted, counts.refused), (FLOOD + 1, 0));
    // Live, the rest is given up a day later, and each was said.
    let mut note = |output: Output<'_>| {
        if let Output::Orphan { .. } = output {
            said += 1;
        }
    };
    windows.advance(event.time + Span::from_mins(24 * 60), &mut note);
    assert_eq!((windows.counts().orphan, windows.credentials()), (FLOOD - 1, 1));
    assert!(said >= HELD as u64 - 1);
}

#[test]
fn a_detected_credential_is_not_given_up_for_those_that_are_not() {
    let config = EngineConfig { undetected_credentials: 2, ..EngineConfig::default() };
    let mut windows = Windows::new(config);
    let mut handle = |event: Event<'static>| assert_eq!(windows.handle(&event), Receipt::Held);
    handle(leak().of("detected", 0));
    handle(triage(Revoke).of("waiting-longest", 1));
    handle(triage(Revoke).of("waiting", 2));
    handle(triage(Revoke).of("waiting-too", 3));
    handle(leak().of("waiting-longest", 10));
    handle(leak().of("waiting", 10));
    handle(leak().of("waiting-too", 10));
    let ledger = read(&windows);
    let adopted: Vec<_> =
        ledger.windows.iter().map(|w| (w.credential_id.as_str(), w.adopted)).collect();
    assert_eq!(
        adopted,
        [("detected", 0), ("waiting-longest", 0), ("waiting-too", 1), ("waiting", 1)]
    );
    assert_eq!((ledger.accepted, ledger.orphan), (7, 1));
}

#[test]
fn the_longest_waiting_is_given_up_though_others_left_before() {
    let config = EngineConfig { undetected_credentials: 2, ..EngineConfig::default() };
    let mut windows = Windows::new(config);
    let late_s = 24 * 3600;
    assert_eq!(windows.handle(&triage(Revoke).of("leaves", 0)), Receipt::Held);
    assert_eq!(windows.handle(&triage(Revoke).of("waiting-longest", 100)), Receipt::Held);
    windows.advance(seconds(late_s), &mut |_| {});
    assert_eq!((windows.credentials(), windows.counts().orphan), (1, 1));
    for name in ["waiting", "waiting-too"] {
        assert_eq!(windows.handle(&triage(Revoke).of(name, late_s)), Receipt::Held);
    }
    for name in ["waiting-longest", "waiting", "waiting-too"] {
        let s = if name == "waiting-longest" { 110 } else { late_s + 10 };
        assert_eq!(windows.handle(&leak().of(name, s)), Receipt::Held);
    }
    let ledger = read(&windows);
    let adopted: Vec<_> =
        ledger.windows.iter().map(|w| (w.credential_id.as_str(), w.adopted)).collect();
    assert_eq!(adopted, [("waiting-longest", 0), ("waiting-too", 1), ("waiting", 1)]);
}

#[test]
fn credentials_beyond_the_bound_are_refused_and_counted() {
    let config = EngineConfig { credentials: 1_000, ..EngineConfig::default() };
    let mut windows = Windows::new(config);
    let name = |n: usize| format!("credential-{n}");
    let refused =
        (0..1_500).filter(|n| windows.handle(&leak().of(&name(*n), 0)) == Receipt::Refused).count();
    assert_eq!((refused, windows.counts().refused, windows.credentials()), (500, 500, 1_000));
    // Those that are held go on.
    assert_eq!(windows.handle(&contained_by(Human).of(&name(0), 5)), Receipt::Held);
    assert_eq!(windows.counts().accepted, 1_001);
}

#[test]
fn a_checkpoint_stays_within_the_bound_whatever_is_shared_in_memory() {
    for text_bytes in [20, 250, 4_000] {
        let bytes = 100_000;
        let config =
            EngineConfig { checkpoints: true, credential_bytes: bytes, ..EngineConfig::default() };
        let mut windows = Windows::new(config);
        let long = |n: usize, what: &str| format!("{what}-{n:0>text_bytes$}");
        // In memory each text is a number.
        let opening = |n: usize, credential: &str| {
            let body = Body::ReviewOpened(ReviewOpened::by(long(n % 500, "reviewer")));
            let mut event = body.of(credential, n as i64);
            event.source = Some(long(n % 7, "source").into());
            event.owner = Some(long(n % 5, "owner").into());
            event
        };
        assert_eq!(windows.handle(&leak().of("hot", 0)), Receipt::Held);
        let (mut refused, mut longest) = (0, 0);
        for n in 1..3_000 {
            refused += usize::from(windows.handle(&opening(n, "hot")) == Receipt::Refused);
            if n % 100 == 0 {
                windows.advance(seconds(n as i64), &mut |_| {});
                let mut each =
                    |state: Option<&[u8]>| longest = longest.max(state.map_or(0, <[u8]>::len));
                windows.checkpoint(&mut |_, state| each(state));
            }
        }
        assert!(refused > 0, "of {text_bytes} bytes nothing was refused");
        let most = bytes + 3 * text_bytes + 1_000;
        assert!((bytes / 2..most).contains(&longest), "{longest} bytes");
        // Others are not concerned.
        assert_eq!(windows.handle(&opening(1, "cold")), Receipt::Held);
    }
}

#[test]
fn late_events_take_no_room() {
    let config = EngineConfig {
        checkpoints: true,
        credential_bytes: 60_000,
        settle: Some(Span::from_mins(10)),
        ..EngineConfig::default()
    };
    let mut windows = Windows::new(config);
    let opening = |windows: &mut Windows, n: usize, s: i64| {
        let reviewer = format!("reviewer-{n:0>200}");
        windows.handle(&Body::ReviewOpened(ReviewOpened::by(reviewer)).of("one", s))
    };
    for event in [leak().of("one", 0), decided(Dismiss).of("one", 10), leak().of("one", 5_000)] {
        assert_eq!(windows.handle(&event), Receipt::Held);
    }
    windows.advance(seconds(5_000), &mut |_| {});
    for n in 1..200 {
        assert_eq!(opening(&mut windows, n, 5_000 + n as i64), Receipt::Held);
    }
    (1..1_000).for_each(|n| assert_eq!(opening(&mut windows, n, 5), Receipt::Late));
    assert_eq!(opening(&mut windows, 1_000, 6_000), Receipt::Held, "there is room");
}
