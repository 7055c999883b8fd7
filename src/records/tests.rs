use std::borrow::Cow;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::config::{
    ALIASES_MAX, EngineConfig, Limits, OversightConfig, Profile, Profiles, Targets,
};
use crate::engine::alerts::{Alert, Transition};
use crate::engine::attacker::Race;
use crate::engine::identity::{Joined, Names};
use crate::engine::oversight::Quality;
use crate::engine::oversight::{Certificate, HollowReason, HollowReasons, Judgement, Signal};
use crate::engine::windows::{
    Advice, Decision, ExposureId, Key, Stage, State, Truth, Window, Windows,
};
use crate::event::{
    Action, Body, Event, ExposedAtQuality, IdentityLinked, Kind, Noted, Relation, Severity,
    Workflow,
};
use crate::formats::{Identity, RejectReason};
use crate::time::{Span, Timestamp};

const DETECTED_MS: i64 = 1_800_000_000_000;

fn at(second: i64) -> Timestamp {
    Timestamp::from_millis(DETECTED_MS + second * 1000)
}

fn detected() -> WindowRecord {
    let key = Key { workflow: Workflow::SecretExposure, credential_id: "hmac:1" };
    WindowRecord {
        source: Some("github".to_owned()),
        severity: Some(Severity::High),
        attacker_first: Some(Object(AttackerChance { low: 0.5, high: 0.75, lower_bound: 0.25 })),
        ..WindowRecord::detected(ExposureId { key, detected_at: at(0) })
    }
}

fn open() -> Value {
    serde_json::to_value(detected()).unwrap()
}

fn dismissed() -> Value {
    let minute = Some(Span::from_secs(60));
    let record = WindowRecord {
        state: State::Closed,
        triaged_at: Some(at(10)),
        presented_at: Some(at(10)),
        decided_at: Some(at(60)),
        durations_ms: Object(Durations {
            time_to_review: minute,
            exposure: minute,
            ..Durations::default()
        }),
        recommendation: Some(Action::Dismiss),
        confidence: Some(0.5),
        reviewer: Some("reviewer-03".to_owned()),
        action: Some(Action::Dismiss),
        final_action: Some(Action::Dismiss),
        hollow: Some(HollowReasons::default()),
        effective: Some(true),
        ..detected()
    };
    serde_json::to_value(record).unwrap()
}

fn with(mut record: Value, changes: Value) -> Value {
    for (field, value) in changes.as_object().unwrap() {
        record[field] = value.clone();
    }
    record
}

fn read(record: &Value) -> Result<WindowRecord, RecordError> {
    WindowRecord::read(record.to_string().as_bytes())
}

#[test]
fn an_open_window_has_neither_decision_nor_judgement_to_wait_for() {
    let record = read(&open()).unwrap();
    assert_eq!(record.exposure_id().to_string(), open()["exposure_id"]);
    assert_eq!(record.window().state(), State::Open);
    assert_eq!((record.start(), record.closed_at()), (at(0), None));
    assert_eq!(record.judgement(), Some(Judgement::default()));
    let Object(first) = record.attacker_first.unwrap();
    assert_eq!((first.low, first.high, first.lower_bound), (0.5, 0.75, 0.25));
}

#[test]
fn a_dismissal_is_found_from_the_length_of_the_exposure() {
    let record = read(&dismissed()).unwrap();
    assert_eq!(record.dismissed_at(), Some(at(60)));
    assert_eq!(record.closed_at(), Some(at(60)));
    assert_eq!(record.window().duration(Stage::Exposure), Some(crate::time::Span::from_secs(60)));
    assert_eq!(record.window().agreed(), Some(true));
    assert_eq!(record.judgement().unwrap().quality(), Some(Quality::Meaningful));
    // The clocks contradict the length: closed all the same, and no length is made up.
    let skewed =
        with(dismissed(), json!({"durations_ms": {}, "decided_at": at(-5), "clock_skew": true}));
    let record = read(&skewed).unwrap();
    assert_eq!((record.dismissed_at(), record.closed_at()), (None, Some(at(0))));
    assert_eq!(record.window().duration(Stage::Exposure), None);
    assert!(record.window().clock_skew());
}

#[test]
fn a_decision_is_judged_or_not_yet() {
    let unjudged = read(&with(dismissed(), json!({"hollow": null, "effective": null}))).unwrap();
    assert_eq!(unjudged.judgement(), None);
    let hollow = json!({"hollow": ["self_approval", "unauthorized"], "effective": false});
    let judgement = read(&with(dismissed(), hollow)).unwrap().judgement().unwrap();
    let reasons: Vec<_> = judgement.reasons.iter().map(|reason| reason.as_str()).collect();
    assert_eq!(reasons, ["unauthorized", "self_approval"]);
    assert!(judgement.reviewed && !judgement.ahead, "when it was exposed is not known");
    assert_eq!(judgement.quality(), Some(Quality::Hollow));
}

#[test]
fn unknown_fields_are_ignored_and_absent_ones_are_null() {
    let newer =
        with(open(), json!({"a_new_field": {"deep": [1, 2]}, "durations_ms": {"new": "x"}}));
    assert_eq!(read(&newer).unwrap(), read(&open()).unwrap());
    let mut short = open();
    for field in ["source", "owner", "hollow", "effective", "clock", "band", "agreed"] {
        short.as_object_mut().unwrap().remove(field);
    }
    assert_eq!(
        read(&short).unwrap(),
        WindowRecord { source: None, clock: None, ..read(&open()).unwrap() }
    );
}

#[test]
fn what_is_wrong_is_told_with_its_field() {
    let cases = [
        (json!({"state": null}), "field `state`: missing"),
        (json!({"state": "opened"}), "field `state`: a word that it does not have"),
        (json!({"revision": -1}), "field `revision`: not a count"),
        (json!({"revision": 1.5}), "field `revision`: not a count"),
        (json!({"final": "no"}), "field `final`: not true or false"),
        (json!({"final": null}), "field `final`: missing"),
        (json!({"source": 7}), "field `source`: not a text"),
        (
            json!({"detected_at": "2026-01-02T03:04:05"}),
            "field `detected_at`: a time without an offset from UTC",
        ),
        (json!({"abused_at": "soon"}), "field `abused_at`: not an RFC 3339 date and time"),
        (json!({"hollow": "unauthorized"}), "field `hollow`: not a list of texts"),
        (json!({"hollow": ["tired"]}), "field `hollow`: a word that it does not have"),
        (json!({"durations_ms": null}), "field `durations_ms`: missing"),
        (json!({"durations_ms": [1]}), "field `durations_ms`: not an object"),
        (
            json!({"durations_ms": {"exposure": -1}}),
            "field `durations_ms.exposure`: not a length in whole milliseconds",
        ),
        (
            json!({"durations_ms": {"exposure": i64::MAX}}),
            "field `durations_ms.exposure`: not a length in whole milliseconds",
        ),
        (
            json!({"attacker_first": {"low": 2, "high": 1, "lower_bound": 0}}),
            "field `attacker_first.low`: not a number from 0 to 1",
        ),
        (
            json!({"attacker_first": {"low": 1, "high": 1}}),
            "field `attacker_first.lower_bound`: missing",
        ),
        (json!({"credential_id": "hmac:2"}), "field `exposure_id`: contradicts `detected_at`"),
        (json!({"state": "reviewed"}), "field `state`: contradicts `contained_at`"),
        (json!({"state": "closed"}), "field `state`: contradicts `decided_at`"),
        (json!({"reviewer": "reviewer-03"}), "field `reviewer`: contradicts `decided_at`"),
        (json!({"decided_at": at(1), "state": "reviewed"}), "field `reviewer`: missing"),
        (json!({"presented_at": at(1)}), "field `recommendation`: missing"),
        (json!({"recommendation": "revoke"}), "field `presented_at`: missing"),
    ];
    for (change, message) in cases {
        assert_eq!(read(&with(open(), change)).unwrap_err().to_string(), message);
    }
}

/// A value of any type, near the bounds.
fn any_value() -> impl Strategy<Value = Value> {
    const TEXTS: &[&str] =
        &["open", "closed", "high", "revoke", "reviewer-03", "", "2026-01-02T03:04:05.678Z"];
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-2_i64..100_000).prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (-0.5..1.5).prop_map(Value::from),
        proptest::sample::select(TEXTS).prop_map(Value::from),
        Just(json!([])),
        Just(json!(["unauthorized", "self_approval"])),
        Just(json!([0.5, 0.25])),
        Just(json!([60_000])),
        Just(json!({"exposure": 60_000})),
        Just(json!({"exposure": -1})),
        Just(json!({"low": 1, "high": 1, "lower_bound": 0, "new": [{}]})),
        Just(json!({"low": 1, "high": 1, "lower_bound": 1.1})),
        Just(json!({"established_at": at(90), "correct_action": "revoke", "seeded": true})),
        Just(json!({"established_at": at(90), "correct_action": "revoke"})),
    ]
}

proptest! {
    /// The fast reader takes a record exactly where the strict one finds no field wrong.
    #[test]
    fn the_fast_reader_and_the_strict_one_agree(
        closed in any::<bool>(),
        changes in proptest::collection::vec((any::<proptest::sample::Index>(), any_value()), 0..4),
        gone in proptest::option::of(any::<proptest::sample::Index>()),
    ) {
        let mut record = if closed { dismissed() } else { open() };
        let mut fields: Vec<String> = record.as_object().unwrap().keys().cloned().collect();
        fields.push("unknown".to_owned());
        prop_assert!(read(&record).is_ok(), "nothing is wrong with it");
        for (at, value) in changes {
            record[at.get(&fields)] = value;
        }
        if let Some(gone) = gone {
            record.as_object_mut().unwrap().remove(gone.get(&fields));
        }
        let json = record.to_string();
        let strict = WindowRecord::check_fields(&serde_json::from_str(&json).unwrap());
        match serde_json::from_str::<WindowRecord>(&json) {
            Ok(fast) => {
                prop_assert_eq!(strict, Ok(()));
                // Null and absent are the same; nothing else gets lost or changed.
                let again = serde_json::to_value(&fast).unwrap();
                for field in again.as_object().unwrap().keys() {
                    if !["durations_ms", "attacker_first", "confidence"].contains(&field.as_str()) {
                        prop_assert_eq!(&again[field], &record[field], "{}", field);
                    }
                }
                prop_assert_eq!(read(&record), fast.check().map(|()| fast));
            }
            Err(_) => {
                prop_assert!(strict.is_err());
                prop_assert_eq!(read(&record), strict.map(|()| unreachable!()));
            }
        }
    }

    /// A record that was read is written as it was.
    #[test]
    fn a_window_comes_back_as_it_went(window in any_window(), judged in any::<bool>(), is_final in any::<bool>()) {
        let hollow = judged.then(|| [HollowReason::SelfApproval].into_iter().collect());
        let identity = Identity::new(b"a key for tests only").unwrap();
        let mut people = People::pseudonyms(identity);
        let (race, oversight) = (Race::default(), OversightConfig::default());
        let names = crate::engine::identity::Names::default();
        let profile = Profile::of(window.key.workflow);
        let circumstances = Circumstances {
            hollow, profile: &profile, race: &race, oversight: &oversight, names: &names, as_of: at(9_000), is_final,
        };
        let written = serde_json::to_vec(&WindowRecord::new(&window, circumstances, &mut people)).unwrap();
        let read = WindowRecord::read(&written).unwrap();
        prop_assert_eq!(serde_json::to_vec(&read).unwrap(), written);
        let back = read.window();
        prop_assert_eq!(back.state(), window.state());
        for stage in Stage::ALL {
            prop_assert_eq!(back.duration(*stage), window.duration(*stage), "{}", stage);
        }
        prop_assert_eq!((back.band(), back.agreed()), (window.band(), window.agreed()));
    }
}

/// A window that the engine could give.
fn any_window() -> impl Strategy<Value = Window<'static>> {
    const NAMES: &[&str] = &["hmac:1", "a/b", "with \"quotes\"\n", "ü", "/"];
    let name = || proptest::sample::select(NAMES);
    let time = || (-500..5_000_i64).prop_map(at);
    let maybe = proptest::option::of(time());
    let times = (maybe.clone(), maybe.clone(), maybe.clone(), maybe.clone(), maybe.clone(), maybe);
    let texts = (name(), proptest::option::of(name()), proptest::option::of(name()));
    let advice = proptest::option::of((time(), proptest::option::of(0.0..=1.0), any::<u32>()));
    let act = (proptest::sample::select(Action::ALL), proptest::sample::select(Action::ALL));
    (times, texts, advice, act, any::<(bool, u64, u32)>()).prop_map(
        |((exposed, triaged, decided, contained, abused, truth), texts, advice, act, rest)| {
            let (credential_id, reviewer, batch_id) = texts;
            let (seeded, detections, adopted) = rest;
            let decided = decided.zip(reviewer);
            let dismissed_at = decided.map(|(at, _)| at).filter(|_| act.1 == Action::Dismiss);
            let dismissed_at = dismissed_at.filter(|_| contained.is_none());
            let closed_at = decided.and(contained).or(dismissed_at).map(|at| at.max(self::at(0)));
            let key = Key { workflow: Workflow::SecretExposure, credential_id };
            Window {
                source: batch_id,
                location: Some("public"),
                severity: Some(Severity::High),
                owner: None,
                exposed_at: exposed,
                exposed_at_quality: exposed.map(|_| ExposedAtQuality::Exact),
                triaged_at: triaged,
                advice: advice.map(|(presented_at, confidence, words)| Advice {
                    confidence,
                    summary_words: Some(words),
                    model: batch_id,
                    event: std::num::NonZeroU32::new(words),
                    first_event: std::num::NonZeroU32::new(detections as u32),
                    ..Advice::of(act.0, presented_at)
                }),
                decision: decided.map(|(decided_at, reviewer)| Decision {
                    opened_at: triaged,
                    first_opened_at: triaged,
                    repeats_advice: seeded,
                    recovered: seeded,
                    rationale_digest: batch_id,
                    batch_id,
                    ..Decision::of(act.1, reviewer, decided_at)
                }),
                final_action: decided.map(|_| act.1),
                further_decisions: detections / 2,
                touched_at: decided.map(|(at, _)| at),
                escalated_at: triaged,
                escalated_by: batch_id,
                escalations: detections / 3,
                resightings: detections / 4,
                dismissed_at,
                contained_at: contained,
                abused_at: abused,
                truth: truth.map(|established_at| Truth {
                    established_at,
                    correct_action: act.0,
                    seeded,
                }),
                ai_acted_first_at: abused.filter(|_| seeded),
                detections,
                events: detections,
                last_event_at: at(5_000),
                adopted: adopted.into(),
                closed_at,
                ..Window::opened(key, Targets::of(key.workflow), at(0))
            }
        },
    )
}

/// Writes a record, reads it and writes it again.
fn again<R: Declared + serde::Serialize>(written: &impl serde::Serialize) {
    let written = serde_json::to_string(written).unwrap();
    let read = R::read(written.as_bytes()).unwrap();
    assert_eq!(serde_json::to_string(&read).unwrap(), written);
}

#[test]
fn alerts_findings_and_dead_letters_come_back_as_they_went() {
    let record = WindowRecord::read(dismissed().to_string().as_bytes()).unwrap();
    let window = record.window();
    let exposure = window.exposure_id();
    for window in [Some(&window), None] {
        let alert = Alert::ReviewOverdue;
        again::<AlertRecord>(&AlertRecord::new(
            alert,
            Transition::Firing,
            at(9),
            exposure,
            window,
            &Names::default(),
        ));
    }
    again::<ReviewerAlert>(&ReviewerAlert::new("reviewer-1", Transition::Resolved, at(9)));

    let certificate = Some(Certificate {
        from: at(50),
        to: at(60),
        cases: 2,
        needed: Span::from_secs(20),
        unread: Span::from_secs(3),
        available: Span::from_secs(10),
    });
    let judgement = Judgement { certificate, ..Judgement::default() };
    let (reason, rules) = (HollowReason::ImpossibleReading, OversightConfig::default());
    let hollow = Finding::hollow(reason, exposure, at(60), Some("reviewer-1"), &judgement, &rules);
    // Evidence of any form is read as JSON, whose fields have no order.
    let written = serde_json::to_value(&hollow).unwrap();
    let read = Finding::read(written.to_string().as_bytes()).unwrap();
    assert_eq!(serde_json::to_value(&read).unwrap(), written);
    let written = serde_json::to_string(&hollow.evidence).unwrap();
    assert_eq!(serde_json::from_str::<WindowEvidence>(&written).unwrap(), hollow.evidence);

    let path = PathStep {
        at: at(1),
        exposure_id: exposure.to_string(),
        signs: [(Signal::Dwell, true), (Signal::Agreement, false)].into(),
        statistic: 1.5,
    };
    let signal = SignalEvidence {
        signal: Signal::Dwell,
        observed: 7,
        signs: 3,
        statistic: None,
        log10_e_value: Some(1.25),
    };
    let rules = RulesShown::new(&OversightConfig::default(), &Profiles::default());
    let evidence = ReviewerEvidence {
        since: None,
        statistic: None,
        threshold: None,
        log10_e_value: Some(0.5),
        log10_threshold: Some(0.25),
        reviewers: Some(12),
        signals: vec![signal],
        sight: None,
        path: vec![path],
        rules: Cow::Owned(rules),
    };
    let written = serde_json::to_string(&evidence).unwrap();
    assert_eq!(serde_json::from_str::<ReviewerEvidence<'_>>(&written).unwrap(), evidence);

    let origin = Origin { topic: "in", partition: 3, offset: 1 << 40 };
    let event = EventName { credential_id: "a/b", id: "1", kind: Kind::LeakDetected, events: 2 };
    for (origin, event, excerpt) in
        [(Some(origin), None, Some("{\"a\":…}")), (None, Some(event), None)]
    {
        again::<DeadLetter>(&DeadLetter {
            at: at(1),
            stage: "windows",
            reason: RejectReason::Late,
            detail: "too late",
            origin: origin.map(Object),
            event: event.map(Object),
            excerpt,
        });
    }
}

/// A window, its alert, and the names of its credential, which are as many and as long as may be, of
/// characters that are long as JSON.
#[test]
fn the_longest_record_can_be_read() {
    let name = |n: usize| {
        let number = format!("{n:02}");
        let long = "\u{1}".repeat(Limits::DEFAULT.credential_id_bytes - number.len());
        number + &long
    };
    let mut joined = Joined::new(Windows::new(EngineConfig::default()));
    for n in 0..ALIASES_MAX - 1 {
        for number in 0..3 {
            let text = |bytes| format!("{number}{}", "\u{1}".repeat(bytes - 1)).into();
            let event = Event {
                id: text(Limits::DEFAULT.id_bytes),
                time: at(0),
                credential_id: name(n).into(),
                workflow: Workflow::SecretExposure,
                source: Some(text(Limits::DEFAULT.text_bytes)),
                severity: None,
                owner: None,
                noted: Noted::default(),
                body: Body::IdentityLinked(IdentityLinked {
                    aliases: vec![name(n + 1).into()],
                    relation: Relation::Same,
                }),
            };
            let _ = joined.handle(&event, &mut |it| panic!("{it:?}"));
        }
    }
    let id = name(0);
    assert_eq!(joined.names.aliases(&id).count(), ALIASES_MAX - 1);
    assert!(joined.names.links(&id).count() > 64);
    let key = Key { workflow: Workflow::SecretExposure, credential_id: &id };
    let window = Window::opened(key, Targets::of(key.workflow), at(0));
    let (profile, race, oversight) =
        (Profile::default(), Race::default(), OversightConfig::default());
    let circumstances = Circumstances {
        hollow: None,
        profile: &profile,
        race: &race,
        oversight: &oversight,
        names: &joined.names,
        as_of: at(9),
        is_final: false,
    };
    let mut people = People::pseudonyms(Identity::new(b"a key for tests only").unwrap());
    again::<WindowRecord>(&WindowRecord::new(&window, circumstances, &mut people));
    let (alert, exposure) = (Alert::ReviewOverdue, window.exposure_id());
    again::<AlertRecord>(&AlertRecord::new(
        alert,
        Transition::Firing,
        at(9),
        exposure,
        Some(&window),
        &joined.names,
    ));
}

#[test]
fn an_alert_has_the_names_of_its_credential_but_the_one_under_which_it_began() {
    let mut joined = Joined::new(Windows::new(EngineConfig::default()));
    let link = |name: &'static str, alias: &'static str| Event {
        id: alias.into(),
        time: at(0),
        credential_id: name.into(),
        workflow: Workflow::SecretExposure,
        source: None,
        severity: None,
        owner: None,
        noted: Noted::default(),
        body: Body::IdentityLinked(IdentityLinked {
            aliases: vec![alias.into()],
            relation: Relation::Same,
        }),
    };
    for event in [link("gg:31605", "AKIA1"), link("gg:31605", "github:o/r#12")] {
        let _ = joined.handle(&event, &mut |it| panic!("{it:?}"));
    }
    let key = Key { workflow: Workflow::SecretExposure, credential_id: "AKIA1" };
    let window = Window::opened(key, Targets::of(key.workflow), at(0));
    let began = ExposureId { key: Key { credential_id: "gg:31605", ..key }, detected_at: at(0) };
    let aliases = |exposure, window| {
        let (alert, state) = (Alert::ReviewOverdue, Transition::Firing);
        AlertRecord::new(alert, state, at(9), exposure, window, &joined.names).aliases
    };
    let names = |names: [&'static str; 2]| Some(names.map(Cow::Borrowed).to_vec());
    assert_eq!(aliases(began, Some(&window)), names(["AKIA1", "github:o/r#12"]));
    assert_eq!(aliases(window.exposure_id(), Some(&window)), names(["gg:31605", "github:o/r#12"]));
    let alone = ExposureId { key: Key { credential_id: "other", ..key }, detected_at: at(0) };
    assert_eq!(aliases(alone, None), None);
}

#[test]
fn what_is_no_record_is_refused_whole() {
    let twice = open().to_string().replacen('{', "{\"state\":\"open\",", 1);
    let long = format!("{{\"x\":\"{}\"}}", "y".repeat(RECORD_BYTES_MAX));
    for (bytes, fault) in [
        (&b""[..], Fault::NotAnObject),
        (b"null", Fault::NotAnObject),
        (b"[]", Fault::NotAnObject),
        (b"[null, \"secret_exposure\"]", Fault::NotAnObject),
        (b"{\"state\":\"open\"", Fault::NotAnObject),
        (b"{\"owner\":\"\xff\"}", Fault::NotAnObject),
        (b"{} {}", Fault::NotAnObject),
        (b"{}", Fault::Missing),
        (twice.as_bytes(), Fault::NotAnObject),
        (long.as_bytes(), Fault::TooLarge),
    ] {
        let error = WindowRecord::read(bytes).unwrap_err();
        assert_eq!(error.fault, fault, "{:?}", String::from_utf8_lossy(bytes));
    }
}
