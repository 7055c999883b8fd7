use super::memory::{Memory, NOW, ago, context, event, record, shown};
use crate::formats::Format;
use crate::runtime::stages::{Headers, Intake, Record, Stage, Topic};
use crate::time::{Span, Timestamp};

#[test]
fn events_are_keyed_by_credential_and_bear_the_time_of_the_latest() {
    let (context, mut outbox) = (context(), Memory::default());
    let mut intake = Intake::new(&context, &[Format::Native]);
    let value = event("leak.detected", "1", "acme/payments#7", ago(5), "");
    let time = intake.take(record(b"any", value.as_bytes()), &mut outbox).unwrap();
    assert_eq!(time, Some(ago(5)));
    let [sent] = &outbox.0[..] else { panic!("{outbox:?}") };
    assert_eq!((sent.topic, sent.key()), (Topic::Events, "acme/payments#7"));
    assert_eq!(sent.json()["type"], "leak.detected");
    assert_eq!((sent.partition, sent.written_at), (None, None), "the key and the present decide");

    let future = event("leak.detected", "2", "acme/payments#7", NOW + Span::from_mins(60), "");
    let time = intake.take(record(b"any", future.as_bytes()), &mut outbox).unwrap();
    assert_eq!(time, Some(NOW), "no later than the record itself");
}

#[test]
fn what_cannot_be_decoded_is_a_dead_letter_without_its_content() {
    let (context, mut outbox) = (context(), Memory::default());
    let mut intake = Intake::new(&context, &[Format::Native]);
    let value = br#"{"type":"leak.detected","secret":"canary-1f"#;
    assert_eq!(intake.take(record(b"k", value), &mut outbox).unwrap(), None);
    let [sent] = &outbox.0[..] else { panic!("{outbox:?}") };
    assert_eq!((sent.topic, sent.key()), (Topic::DeadLetters, "input/0/7"));
    let letter = sent.json();
    assert_eq!((&letter["stage"], &letter["reason"]), (&"intake".into(), &"truncated".into()));
    assert_eq!(letter["at"], NOW.to_string());
    assert_eq!(letter["origin"]["offset"], 7);
    assert!(letter["excerpt"].is_string() && !letter.to_string().contains("canary"));

    let counted = "shutterlag_dead_letters_total{reason=\"truncated\"} 1";
    assert!(!shown(&context).contains(counted), "not committed yet");
    intake.committed();
    assert!(shown(&context).contains(counted));
    intake.committed();
    assert!(shown(&context).contains(counted), "once");
}

#[test]
fn an_event_from_the_future_counts_from_its_arrival() {
    let (context, mut outbox) = (context(), Memory::default());
    let mut intake = Intake::new(&context, &[Format::Native]);
    let tomorrow = NOW + Span::from_mins(24 * 60);
    let value = format!(
        r#"{{"type":"leak.detected","id":"1","time":"{tomorrow}","credential_id":"acme/payments#7"}}"#
    );
    let record = Record { written_at: Some(NOW), ..record(b"k", value.as_bytes()) };
    intake.take(record, &mut outbox).unwrap();
    let event = outbox.to(Topic::Events)[0].json();
    assert_eq!(event["time"], (NOW + context.skew_tolerance).to_string());
    assert_eq!(event["clock_skew"], true);
}

struct Binary;

impl Headers for Binary {
    fn all(&self) -> Vec<(&str, &[u8])> {
        vec![
            ("ce_specversion", b"1.0"),
            ("ce_id", b"of the header"),
            ("ce_source", b"//desk"),
            ("ce_type", b"leak.detected"),
            ("ce_time", b"2026-03-01T11:00:00Z"),
            ("content-type", b"application/json"),
        ]
    }
}

#[test]
fn the_headers_of_a_binary_cloudevent_are_read() {
    let (context, mut outbox) = (context(), Memory::default());
    let mut intake = Intake::new(&context, &[Format::Auto]);
    let value = br#"{"credential_id":"acme/payments#7"}"#;
    let record = Record { headers: Some(&Binary), ..record(b"k", value) };
    let time = intake.take(record, &mut outbox).unwrap();
    assert_eq!(time, Some(Timestamp::parse_rfc3339("2026-03-01T11:00:00Z").unwrap()));
    assert_eq!(outbox.to(Topic::Events)[0].json()["id"], "//desk of the header");
}
