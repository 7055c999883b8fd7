//! Every format, record by record: what a fixture decodes to, exactly.
//!
//! A line of `<format>.jsonl` is one record; `<format>.expected` holds, under
//! the same number, its events in native form, why it is skipped, or why it is
//! rejected. If they differ, the actual text stays in the build directory.

#![expect(clippy::unwrap_used, reason = "a test may stop where it fails")]

use std::fmt::Write as _;
use std::path::Path;

use shutterlag::config::Limits;
use shutterlag::event::Event;
use shutterlag::formats::maps::Maps;
use shutterlag::formats::{
    Attributes, Context, Decoded, Format, Identity, RejectReason, decode, decode_binary,
};
use shutterlag::time::Timestamp;

fn identity() -> Identity {
    Identity::new(b"a key for tests only").unwrap()
}

fn json(event: &Event<'_>) -> String {
    serde_json::to_string(event).unwrap()
}

/// What becomes of each line of `records`.
fn outcomes(format: Format, records: &str, context: &Context<'_>) -> String {
    let mut text = String::new();
    for (index, record) in records.lines().enumerate() {
        let number = index + 1;
        let mut events = Vec::new();
        match decode(format, record.as_bytes(), context, &mut events) {
            Ok(Decoded::Events) => {
                assert!(!events.is_empty(), "{format} {number}");
                for event in &events {
                    writeln!(text, "{number} {}", json(event)).unwrap();
                }
            }
            Ok(Decoded::Mixed(parts)) => {
                for event in &events {
                    writeln!(text, "{number} {}", json(event)).unwrap();
                }
                for part in parts {
                    match part.outcome {
                        Ok(reason) => writeln!(text, "{number} part skipped {reason}").unwrap(),
                        Err(rejection) => {
                            writeln!(text, "{number} part rejected {rejection}").unwrap();
                        }
                    }
                }
            }
            Ok(Decoded::Skipped(reason)) => {
                assert!(events.is_empty(), "{format} {number}");
                writeln!(text, "{number} skipped {reason}").unwrap();
            }
            Err(rejection) => {
                assert!(events.is_empty(), "{format} {number}");
                writeln!(text, "{number} rejected {rejection}").unwrap();
            }
        }
    }
    text
}

fn fixture(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/formats").join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn check(format: Format) {
    let identity = identity();
    let context = Context {
        identity: &identity,
        detected_at: Timestamp::parse_rfc3339("2026-01-02T12:00:00Z").ok(),
        limits: Limits::DEFAULT,
        maps: Maps::NONE,
    };
    let actual = outcomes(format, &fixture(&format!("{format}.jsonl")), &context);
    let kept = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{format}.expected"));
    std::fs::write(&kept, &actual).unwrap();
    let expected = fixture(&format!("{format}.expected"));
    for (actual, expected) in actual.lines().zip(expected.lines()) {
        assert_eq!(actual, expected, "the whole is in {}", kept.display());
    }
    assert_eq!(actual.lines().count(), expected.lines().count(), "see {}", kept.display());
}

#[test]
fn native() {
    check(Format::Native);
}

#[test]
fn cloudevents() {
    check(Format::CloudEvents);
}

#[test]
fn github() {
    check(Format::Github);
}

#[test]
fn gitleaks() {
    check(Format::Gitleaks);
}

#[test]
fn trufflehog() {
    check(Format::Trufflehog);
}

#[test]
fn eventbridge() {
    check(Format::Eventbridge);
}

#[test]
fn auto() {
    check(Format::Auto);
}

/// With its format recognised, each record comes to the same as with it given.
#[test]
fn recognition_changes_nothing() {
    let identity = identity();
    let context = Context {
        identity: &identity,
        detected_at: Timestamp::parse_rfc3339("2026-01-02T12:00:00Z").ok(),
        limits: Limits::DEFAULT,
        maps: Maps::NONE,
    };
    for &format in Format::ALL {
        for record in fixture(&format!("{format}.jsonl")).lines() {
            let given = outcomes(format, record, &context);
            if !given.contains(" rejected ") {
                assert_eq!(outcomes(Format::Auto, record, &context), given, "{record}");
            }
        }
    }
}

/// What a decoder prints is native form, and reads back as the same event.
#[test]
fn events_of_every_format_survive_their_native_form() {
    let identity = identity();
    let context = Context {
        identity: &identity,
        detected_at: Timestamp::parse_rfc3339("2026-01-02T12:00:00Z").ok(),
        limits: Limits::DEFAULT,
        maps: Maps::NONE,
    };
    let mut read = 0;
    for &format in Format::ALL {
        let records = fixture(&format!("{format}.jsonl"));
        for record in records.lines() {
            let mut events = Vec::new();
            let _ = decode(format, record.as_bytes(), &context, &mut events);
            for event in events {
                let printed = json(&event);
                let mut again = Vec::new();
                decode(Format::Native, printed.as_bytes(), &context, &mut again).unwrap();
                assert_eq!(again, [event]);
                read += 1;
            }
        }
    }
    assert!(read > 40, "{read}");
}

/// A redelivery is the same event; another find, detection or key is not.
#[test]
fn derived_ids_follow_the_content() {
    let identity = identity();
    let other = Identity::new(b"another key for tests").unwrap();
    let at = |ms: i64| Some(Timestamp::from_millis(1_767_323_045_000 + ms));
    let id = |record: &str, identity: &Identity, detected_at| {
        let context = Context { identity, detected_at, limits: Limits::DEFAULT, maps: Maps::NONE };
        let mut events = Vec::new();
        decode(Format::Gitleaks, record.as_bytes(), &context, &mut events).unwrap();
        events[0].id.clone().into_owned()
    };
    let record = r#"{"RuleID":"r","Secret":"synthetic-secret-1","Fingerprint":"a"}"#;
    let moved = r#"{"RuleID":"r","Secret":"synthetic-secret-1","Fingerprint":"b"}"#;
    assert_eq!(id(record, &identity, at(0)), id(record, &identity, at(0)));
    assert_ne!(id(record, &identity, at(0)), id(moved, &identity, at(0)));
    assert_ne!(id(record, &identity, at(0)), id(record, &identity, at(1)));
    assert_ne!(id(record, &identity, at(0)), id(record, &other, at(0)));
}

/// The scanners, AWS Health and GuardDuty call one AWS key by one name.
#[test]
fn the_streams_of_one_aws_key_join() {
    let identity = identity();
    let context = Context {
        identity: &identity,
        detected_at: Timestamp::parse_rfc3339("2026-01-02T12:00:00Z").ok(),
        limits: Limits::DEFAULT,
        maps: Maps::NONE,
    };
    for name in ["gitleaks", "trufflehog", "eventbridge"] {
        let records = fixture(&format!("{name}.jsonl"));
        let joined = records.lines().filter(|record| {
            let mut events = Vec::new();
            let _ = decode(Format::Auto, record.as_bytes(), &context, &mut events);
            events.iter().any(|event| event.credential_id == "AKIAIOSFODNN7EXAMPLE")
        });
        assert!(joined.count() >= 1, "{name}");
    }
}

fn rejected(format: Format, record: &[u8], limits: Limits) -> (RejectReason, String) {
    let identity = identity();
    let context = Context { identity: &identity, detected_at: None, limits, maps: Maps::NONE };
    let mut events = Vec::new();
    let rejection = decode(format, record, &context, &mut events).unwrap_err();
    assert!(events.is_empty());
    (rejection.reason, rejection.detail.into_owned())
}

#[test]
fn every_limit_is_enforced_and_named() {
    let limits = Limits {
        record_bytes: 400,
        depth: 5,
        id_bytes: 8,
        credential_id_bytes: 9,
        text_bytes: 10,
        events_per_record: 2,
    };
    let native = |fields: &str| {
        let record = format!(
            r#"{{"type":"leak.detected","time":"2026-01-02T03:04:05Z",{fields},"credential_id":"c"}}"#
        );
        rejected(Format::Native, record.as_bytes(), limits)
    };
    assert_eq!(
        native(r#""id":"123456789""#),
        (RejectReason::TooLong, "field `id`: 9 bytes, the limit is 8".to_owned())
    );
    assert_eq!(
        native(r#""id":"1","owner":"ääääää""#),
        (RejectReason::TooLong, "field `owner`: 12 bytes, the limit is 10".to_owned())
    );
    assert_eq!(native(r#""x":[[[[[]]]]]"#).0, RejectReason::TooDeep);
    assert_eq!(native(&format!(r#""x":"{}""#, "y".repeat(400))).0, RejectReason::TooLarge);
    let entities = r#"{"id":"1","detail-type":"AWS Health Event","time":"2026-01-02T03:04:05Z","detail":{"eventTypeCode":"AWS_RISK_CREDENTIALS_COMPROMISED","affectedEntities":[{"entityValue":"a"},{"entityValue":"b"}]}}"#;
    assert_eq!(
        rejected(Format::Eventbridge, entities.as_bytes(), limits),
        (RejectReason::TooLong, "stands for 4 events, the limit is 2".to_owned())
    );
}

#[test]
fn hostile_bytes_are_rejected_without_harm() {
    let limits = Limits::DEFAULT;
    for &format in Format::ALL {
        let reason = |record: &[u8]| rejected(format, record, limits).0;
        assert_eq!(reason(b""), RejectReason::Truncated);
        assert_eq!(reason(b"{\"id\":\"\xff\"}"), RejectReason::InvalidUtf8);
        assert_eq!(reason("[".repeat(10_000).as_bytes()), RejectReason::TooDeep);
        assert_eq!(reason("{\"a\":".repeat(10_000).as_bytes()), RejectReason::TooDeep);
        assert_eq!(reason(b"\"text\""), RejectReason::WrongType);
        assert_eq!(reason(b"7"), RejectReason::WrongType);
        assert_eq!(reason(b"{\"id\":1,}"), RejectReason::InvalidJson);
        assert_eq!(reason(b"{\"id\":\"\\ud800\"}x"), RejectReason::InvalidJson);
        // Deeper than any recursive reader's stack, were the limit lifted.
        let deep = format!("{{\"x\":{}{}}}", "[".repeat(200_000), "]".repeat(200_000));
        let lifted = Limits { depth: usize::MAX, ..limits };
        rejected(format, deep.as_bytes(), lifted);
    }
}

#[test]
fn findings_without_any_time_say_how_to_give_one() {
    let record = br#"{"RuleID":"r","Secret":"synthetic-secret-1"}"#;
    let (reason, detail) = rejected(Format::Gitleaks, record, Limits::DEFAULT);
    assert_eq!(reason, RejectReason::NoDetectionTime);
    assert!(detail.contains("--detected-at"), "{detail}");
}

/// Both modes of a CloudEvent mean the same.
#[test]
fn cloudevents_in_binary_mode() {
    let identity = identity();
    let context = Context {
        identity: &identity,
        detected_at: None,
        limits: Limits::DEFAULT,
        maps: Maps::NONE,
    };
    let attributes = Attributes {
        specversion: Some("1.0"),
        id: Some("e1"),
        source: Some("/console/reviews"),
        kind: Some("org.example.review.opened"),
        time: Some("2026-01-02T03:06:00Z"),
        content_type: Some("application/json"),
    };
    let structured = fixture("cloudevents.jsonl");
    let structured = structured.lines().next().unwrap();
    let mut expected = Vec::new();
    decode(Format::CloudEvents, structured.as_bytes(), &context, &mut expected).unwrap();
    let record = br#"{"credential_id":"c","reviewer":"reviewer-03"}"#;
    let mut events = Vec::new();
    decode_binary(&attributes, record, &context, &mut events).unwrap();
    assert_eq!(events, expected);

    let reason = |attributes: &Attributes<'static>, record: &'static [u8]| {
        let mut events = Vec::new();
        let rejection = decode_binary(attributes, record, &context, &mut events).unwrap_err();
        assert!(events.is_empty());
        rejection.to_string()
    };
    let without_id = Attributes { id: None, ..attributes };
    assert_eq!(reason(&without_id, record), "missing_field: field `id` is required");
    let other = Attributes { content_type: Some("text/plain"), ..attributes };
    assert!(reason(&other, record).starts_with("invalid_value: field `datacontenttype`"));
    assert!(reason(&attributes, br#"{"specversion":"1.0"}"#).starts_with("unrecognised"));
}
