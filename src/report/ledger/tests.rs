use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::config::{FiguresConfig, Profiles};
use crate::engine::attacker::Race;
use crate::engine::effective::Outcome;
use crate::engine::oversight::Quality;
use crate::engine::summary::FigureRules;
use crate::engine::windows::Stage;

const DETECTED_MS: i64 = 1_800_000_000_000;

fn at(second: i64) -> Timestamp {
    Timestamp::from_millis(DETECTED_MS + second * 1000)
}

fn open() -> Value {
    json!({
        "exposure_id": format!("secret_exposure/hmac:1/{DETECTED_MS}"),
        "workflow": "secret_exposure", "credential_id": "hmac:1",
        "source": "github", "location": null, "severity": "high", "owner": null,
        "state": "open", "revision": 1, "final": false, "clock": "detected", "clock_skew": false,
        "exposed_at": null, "exposed_at_quality": null, "detected_at": at(0),
        "triaged_at": null, "presented_at": null, "opened_at": null, "decided_at": null,
        "contained_at": null, "abused_at": null,
        "durations_ms": {"detection": null, "triage": null, "review": null,
            "time_to_review": null, "containment": null, "exposure": null},
        "band": null, "attacker_first": {"probability": 0.5, "lower_bound": 0.25},
        "detections": 1, "recommendation": null, "confidence": null, "reviewer": null,
        "verdict": null, "action": null, "final_action": null, "further_decisions": 0,
        "agreed": null, "ai_acted_first": false, "hollow": null, "effective": null,
    })
}

fn dismissed() -> Value {
    with(
        open(),
        json!({
            "state": "closed", "decided_at": at(60), "reviewer": "reviewer-03", "action": "dismiss",
            "final_action": "dismiss", "durations_ms": {"time_to_review": 60_000, "exposure": 60_000},
            "presented_at": at(10), "triaged_at": at(10), "recommendation": "dismiss",
            "confidence": 0.5, "summary_words": 120, "hollow": [], "effective": true,
        }),
    )
}

fn with(mut record: Value, changes: Value) -> Value {
    for (field, value) in changes.as_object().unwrap() {
        record[field] = value.clone();
    }
    record
}

fn read(record: &Value) -> Result<LedgerRecord, LedgerError> {
    LedgerRecord::parse(record.to_string().as_bytes())
}

#[test]
fn an_open_window_has_neither_decision_nor_judgement_to_wait_for() {
    let record = read(&open()).unwrap();
    assert_eq!(record.exposure_id().to_string(), open()["exposure_id"]);
    assert_eq!(record.window().state(), State::Open);
    assert_eq!((record.start(), record.closed_at()), (at(0), None));
    assert_eq!(record.judgement(), Some(Judgement::default()));
    let first = record.attacker_first.unwrap();
    assert_eq!((first.probability, first.lower_bound), (0.5, 0.25));
}

#[test]
fn a_dismissal_is_found_from_the_length_of_the_exposure() {
    let record = read(&dismissed()).unwrap();
    assert_eq!(record.dismissed_at, Some(at(60)));
    assert_eq!(record.closed_at(), Some(at(60)));
    assert_eq!(record.window().duration(Stage::Exposure), Some(crate::time::Span::from_secs(60)));
    assert_eq!(record.window().agreed(), Some(true));
    assert_eq!(record.judgement().unwrap().quality(), Some(Quality::Unassessed), "no advice");
    // The clocks contradict the length: closed all the same, and no length is made up.
    let skewed =
        with(dismissed(), json!({"durations_ms": {}, "decided_at": at(-5), "clock_skew": true}));
    let record = read(&skewed).unwrap();
    assert_eq!((record.dismissed_at, record.closed_at()), (None, Some(at(0))));
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
    assert!(judgement.reviewed && judgement.ahead && !judgement.effective());
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
    assert_eq!(read(&short).unwrap(), LedgerRecord { source: None, ..read(&open()).unwrap() });
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
            json!({"attacker_first": {"probability": 2, "lower_bound": 0}}),
            "field `attacker_first.probability`: not a number from 0 to 1",
        ),
        (
            json!({"attacker_first": {"probability": 1}}),
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
        Just(json!({"probability": 1, "lower_bound": 0, "new": [{}]})),
        Just(json!({"probability": 1, "lower_bound": 1.1})),
        Just(json!({"established_at": at(90), "correct_action": "revoke", "seeded": true})),
        Just(json!({"established_at": at(90), "correct_action": "revoke"})),
    ]
}

proptest! {
    /// Wherever the reading in one pass gives a record, the careful one gives the same.
    #[test]
    fn both_ways_of_reading_agree(
        closed in any::<bool>(),
        changes in proptest::collection::vec((any::<proptest::sample::Index>(), any_value()), 0..4),
        gone in proptest::option::of(any::<proptest::sample::Index>()),
    ) {
        let mut record = if closed { dismissed() } else { open() };
        let mut fields: Vec<String> = record.as_object().unwrap().keys().cloned().collect();
        let others = ["summary_words", "batch_id", "rationale_digest", "truth", "unknown"];
        fields.extend(others.map(str::to_owned));
        let whole = plain::record(&record.to_string());
        prop_assert!(whole.is_some(), "nothing is wrong with it");
        for (at, value) in changes {
            record[at.get(&fields)] = value;
        }
        if let Some(gone) = gone {
            record.as_object_mut().unwrap().remove(gone.get(&fields));
        }
        let json = record.to_string();
        let careful = read::field_by_field(&json);
        match plain::record(&json) {
            Some(read) => prop_assert_eq!(careful, Ok(read)),
            // Nothing is lost but time.
            None => prop_assert_eq!(LedgerRecord::parse(json.as_bytes()), careful),
        }
    }
}

#[test]
fn a_name_is_compared_as_it_is_shown() {
    for (text, same) in [("7/8", true), ("7/88", false), ("7/", false), ("", false)] {
        assert_eq!(plain::says(text, format_args!("{}/{}", 7, 8)), same);
    }
}

#[test]
fn what_is_no_record_is_refused_whole() {
    let twice = open().to_string().replacen('{', "{\"state\":\"open\",", 1);
    let long = format!("{{\"x\":\"{}\"}}", "y".repeat(RECORD_BYTES_MAX));
    for (bytes, reason) in [
        (&b""[..], "not_an_object"),
        (b"null", "not_an_object"),
        (b"[]", "not_an_object"),
        (b"[null, \"secret_exposure\"]", "not_an_object"),
        (b"{\"state\":\"open\"", "not_an_object"),
        (b"{\"owner\":\"\xff\"}", "not_an_object"),
        (b"{} {}", "not_an_object"),
        (b"{}", "missing"),
        (twice.as_bytes(), "not_an_object"),
        (long.as_bytes(), "too_large"),
    ] {
        let error = LedgerRecord::parse(bytes).unwrap_err();
        assert_eq!(error.reason(), reason, "{:?}", String::from_utf8_lossy(bytes));
    }
}

#[test]
fn an_unjudged_review_is_neither_meaningful_nor_hollow() {
    let (race, profiles, config) = (Race::default(), Profiles::default(), FiguresConfig::default());
    let rules = FigureRules { race: &race, profiles: &profiles, figures: &config };
    let advised = json!({"exposed_at": at(0), "presented_at": at(1), "recommendation": "dismiss",
        "summary_words": 120});
    let known = with(dismissed(), advised);
    let records = [known.clone(), with(known, json!({"hollow": null})), open()];
    let figures = |records: &[Value]| {
        let mut tally = LedgerTally::new();
        records.iter().for_each(|record| tally.add(&read(record).unwrap(), &rules, at(600)));
        tally.figures(&rules, at(600))
    };
    let all = figures(&records);
    assert_eq!((all.oversight.reviews, all.oversight.judged), (2, 1));
    assert_eq!((all.oversight.meaningful, all.oversight.hollow), (Some(1), Some(0)));
    let rate = all.effective_review_rate;
    assert_eq!((rate.low, rate.high), (Some(1.0 / 3.0), Some(2.0 / 3.0)));
    assert_eq!(rate.outcomes.get(Outcome::Unjudged), 1);
    // Without a time of exposure nobody knows whether a decision in time was.
    let unknown = with(records[0].clone(), json!({"exposed_at": null}));
    let unknown = figures(&[unknown]).effective_review_rate;
    assert_eq!((unknown.low, unknown.high), (Some(0.0), Some(1.0)));

    let none = figures(&records[1..]);
    assert_eq!((none.oversight.meaningful, none.oversight.hollow), (None, None));
    assert_eq!(none.oversight.by_reason, None);

    // A late decision cannot become effective: the rate is known without its judgement.
    let late = with(
        records[1].clone(),
        json!({"decided_at": at(541), "durations_ms": {"exposure": 541_000}}),
    );
    let rate = figures(&[late, open()]).effective_review_rate;
    assert_eq!((rate.low, rate.high), (Some(0.0), Some(0.0)));
    assert_eq!(figures(&[]).effective_review_rate.low, None);
    assert_eq!(figures(&[]).oversight.meaningful, Some(0));
}
