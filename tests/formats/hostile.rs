//! Hostile input: whatever the bytes, a decoder gives an outcome, does not change the events
//! that are already there, and appends all events of a record or none.

#![expect(clippy::unwrap_used, reason = "a test may stop where it fails")]

use std::path::Path;

use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;
use shutterlag::config::{COVERED_MAX, Limits};
use shutterlag::event::{Body, Event, ReviewOpened};
use shutterlag::formats::maps::Maps;
use shutterlag::formats::{Context, Decoded, Format, Identity, decode, excerpt};
use shutterlag::time::Timestamp;

/// Every record of every fixture, valid and invalid.
fn records() -> Vec<Vec<u8>> {
    let mut records = Vec::new();
    for format in Format::ALL {
        let path = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("tests/fixtures/formats")
            .join(format!("{format}.jsonl"));
        let text = std::fs::read_to_string(path).unwrap();
        records.extend(text.lines().map(|line| line.as_bytes().to_vec()));
    }
    assert!(records.len() > 100);
    // Some of each source in every encoding that is read.
    let plain: Vec<Vec<u8>> = records.iter().step_by(5).cloned().collect();
    for record in plain {
        let text = String::from_utf8_lossy(&record).into_owned();
        let little: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let big: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
        let form =
            form_urlencoded::Serializer::new(String::new()).append_pair("payload", &text).finish();
        let listed = format!(r#"{{"Findings":[{text},{text}]}}"#);
        records.extend([
            [&b"\xFF\xFE"[..], &little].concat(),
            [&b"\xFE\xFF"[..], &big].concat(),
            little,
            big,
            form.into_bytes(),
            [&b"\0\0\0\0\x07"[..], &record].concat(),
            [&record[..], b"\0\0"].concat(),
            listed.into_bytes(),
        ]);
    }
    records
}

/// Checks what holds for every outcome.
fn check(record: &[u8]) -> Result<(), TestCaseError> {
    let identity = Identity::new(b"a key for tests only").unwrap();
    let limits = Limits { events_per_record: 3, text_bytes: 40, ..Limits::DEFAULT };
    let detected_at = Some(Timestamp::from_millis(1_767_323_045_000));
    let context = Context { identity: &identity, detected_at, limits, maps: Maps::NONE };
    for &format in Format::ALL {
        let mut events = Vec::new();
        decode(
            Format::Native,
            br#"{"type":"credential.abused","id":"before","time":"2026-01-02T03:04:05Z","credential_id":"c"}"#,
            &context,
            &mut events,
        )
        .unwrap();
        let outcome = decode(format, record, &context, &mut events);
        prop_assert_eq!(&events[0].id, "before");
        let appended = &events[1..];
        match outcome {
            Ok(Decoded::Events) => prop_assert!((1..=3).contains(&appended.len())),
            Ok(Decoded::Mixed(ref parts)) => {
                prop_assert!(appended.len() <= 3 && (1..=3).contains(&parts.len()));
                for part in parts {
                    prop_assert!(part.excerpt.chars().count() <= 160);
                }
            }
            Ok(Decoded::Skipped(_)) | Err(_) => prop_assert!(appended.is_empty()),
        }
        for event in appended {
            check_event(event, &limits)?;
        }
        // The same bytes come to the same events.
        let mut again = events[..1].to_vec();
        prop_assert_eq!(decode(format, record, &context, &mut again), outcome);
        prop_assert_eq!(&again, &events);
    }
    prop_assert!(excerpt(record).chars().count() <= 160);
    Ok(())
}

pub(crate) fn check_event(event: &Event<'_>, limits: &Limits) -> Result<(), TestCaseError> {
    prop_assert!((1..=limits.id_bytes).contains(&event.id.len()));
    prop_assert!((1..=limits.credential_id_bytes).contains(&event.credential_id.len()));
    prop_assert!((Timestamp::MIN..=Timestamp::MAX).contains(&event.time));
    let mut texts = vec![&event.source, &event.owner];
    match &event.body {
        Body::LeakDetected(leak) => {
            texts.extend([&leak.location, &leak.provider, &leak.incident, &leak.requested_by])
        }
        Body::CaseOpened(case) => texts.extend([&case.requested_by, &case.incident]),
        Body::CaseWithdrawn { reason } => texts.push(reason),
        Body::TriageCompleted(triage) => {
            texts.extend([&triage.model, &triage.requested_by]);
            prop_assert!(triage.confidence.is_none_or(|value| (0.0..=1.0).contains(&value)));
        }
        Body::DecisionMade(decision) => {
            texts.extend([&decision.rationale_digest, &decision.batch_id]);
            prop_assert!((1..=limits.text_bytes).contains(&decision.reviewer.len()));
        }
        Body::ReviewOpened(ReviewOpened { reviewer, .. }) => {
            prop_assert!((1..=limits.text_bytes).contains(&reviewer.len()));
        }
        Body::IdentityLinked(link) => {
            for alias in &link.aliases {
                prop_assert!((1..=limits.credential_id_bytes).contains(&alias.len()));
            }
            prop_assert!((1..=COVERED_MAX).contains(&link.aliases.len()));
        }
        Body::CredentialContained { .. }
        | Body::CredentialAbused
        | Body::TruthEstablished { .. } => {}
    }
    for text in texts.into_iter().flatten() {
        prop_assert!((1..=limits.text_bytes).contains(&text.len()));
    }
    Ok(())
}

/// One change to a record.
#[derive(Clone, Debug)]
pub(crate) enum Change {
    Cut(Index),
    Remove(Index, Index),
    Repeat(Index, Index),
    Overwrite(Index, u8),
    Insert(Index, String),
    /// A whole value by another one.
    Swap(Index, &'static str),
}

pub(crate) fn change() -> impl Strategy<Value = Change> {
    let tokens = select(vec![
        "null",
        "true",
        "0",
        "-1",
        "1e999",
        "\"\"",
        "[]",
        "{}",
        "[[[]]]",
        "\"\\ud800\"",
        "\"x\"",
        "18446744073709551616",
        "0.5",
        "\"2026-01-02T03:04:05Z\"",
        "\"REDACTED\"",
    ]);
    prop_oneof![
        any::<Index>().prop_map(Change::Cut),
        any::<(Index, Index)>().prop_map(|(from, to)| Change::Remove(from, to)),
        any::<(Index, Index)>().prop_map(|(from, to)| Change::Repeat(from, to)),
        any::<(Index, u8)>().prop_map(|(at, byte)| Change::Overwrite(at, byte)),
        (any::<Index>(), r#"[\PC"{}\[\],:\\]{1,8}"#)
            .prop_map(|(at, text)| Change::Insert(at, text)),
        (any::<Index>(), tokens).prop_map(|(at, token)| Change::Swap(at, token)),
    ]
}

pub(crate) fn apply(record: &mut Vec<u8>, change: &Change) {
    if record.is_empty() {
        return;
    }
    let range = |a: &Index, b: &Index| {
        let (a, b) = (a.index(record.len()), b.index(record.len()));
        a.min(b)..a.max(b).min(a.min(b) + 64)
    };
    match change {
        Change::Cut(at) => record.truncate(at.index(record.len())),
        Change::Remove(a, b) => {
            let range = range(a, b);
            record.drain(range);
        }
        Change::Repeat(a, b) => {
            let range = range(a, b);
            let part = record[range.clone()].to_vec();
            record.splice(range.end..range.end, part);
        }
        Change::Overwrite(at, byte) => {
            let at = at.index(record.len());
            record[at] = *byte;
        }
        Change::Insert(at, text) => {
            let at = at.index(record.len());
            record.splice(at..at, text.bytes());
        }
        Change::Swap(at, token) => {
            let colons: Vec<usize> =
                (0..record.len() - 1).filter(|&i| &record[i..i + 2] == b"\":").collect();
            if colons.is_empty() {
                return;
            }
            let start = colons[at.index(colons.len())] + 2;
            let end = record[start..]
                .iter()
                .position(|byte| matches!(byte, b',' | b'}' | b']'))
                .map_or(record.len(), |offset| start + offset);
            record.splice(start..end, token.bytes());
        }
    }
}

/// How many cases each property has. The long form of these tests sets the variable:
/// `SHUTTERLAG_MUTATIONS=200000 cargo test --locked --test formats hostile`.
fn cases() -> u32 {
    asked_cases().unwrap_or(2_000)
}

pub(crate) fn asked_cases() -> Option<u32> {
    std::env::var("SHUTTERLAG_MUTATIONS").ok().map(|cases| cases.parse().unwrap())
}

/// Resident memory of this process, in KiB.
pub(crate) fn resident_kib() -> i64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    let pages: i64 = statm.split(' ').nth(1).unwrap().parse().unwrap();
    pages * rustix::param::page_size() as i64 / 1024
}

/// In the long form the process must not grow: a record that left a kilobyte behind would make
/// it grow by 200 MB. In the short form tests of other things run beside this one.
#[test]
#[cfg(target_os = "linux")]
fn changed_records_leave_nothing_behind() {
    const GROWTH_KIB_MAX: i64 = 48 << 10;
    let mut runner = TestRunner::new(crate::seeded::cases(cases()));
    let strategy = (select(records()), proptest::collection::vec(change(), 0..5));
    let mut at_first = 0;
    for case in 0..cases() {
        let (mut record, changes) = strategy.new_tree(&mut runner).unwrap().current();
        changes.iter().for_each(|change| apply(&mut record, change));
        check(&record).unwrap();
        if case == cases() / 4 {
            at_first = resident_kib();
        }
    }
    let grown = resident_kib() - at_first;
    println!("{} changed records, the last three quarters added {grown} KiB", cases());
    assert!(asked_cases().is_none() || grown < GROWTH_KIB_MAX, "{grown} KiB");
}

proptest! {
    #![proptest_config(crate::seeded::cases(cases()))]

    #[test]
    fn any_bytes_come_to_an_outcome(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        check(&bytes)?;
    }

    #[test]
    fn any_punctuation_comes_to_an_outcome(text in r#"[\[\]{}",:\\ a0e.+tn-]{0,200}"#) {
        check(text.as_bytes())?;
    }

    #[test]
    fn changed_records_come_to_an_outcome(
        record in select(records()),
        changes in proptest::collection::vec(change(), 0..5),
    ) {
        let mut record = record;
        for change in &changes {
            apply(&mut record, change);
        }
        check(&record)?;
    }

    /// Native events with any printable texts come back as they went in.
    #[test]
    fn native_events_survive_a_round_trip(
        id in r"\PC{1,40}",
        credential_id in r#"[\PC"\\\n\u{1f600}]{1,40}"#,
        owner in proptest::option::of(r"\PC{1,9}"),
        ms in Timestamp::MIN.as_millis()..=Timestamp::MAX.as_millis(),
        confidence in proptest::option::of(0.0..=1.0_f64),
        summary_words in proptest::option::of(any::<u32>()),
        recommendation in select(shutterlag::event::Action::ALL),
    ) {
        let identity = Identity::new(b"a key for tests only").unwrap();
        let context = Context { identity: &identity, detected_at: None, limits: Limits::DEFAULT, maps: Maps::NONE };
        let event = Event {
            id: id.into(),
            time: Timestamp::from_millis(ms),
            credential_id: credential_id.into(),
            workflow: shutterlag::event::Workflow::PolicyChange,
            source: None,
            severity: None,
            owner: owner.map(Into::into),
            noted: shutterlag::event::Noted { clock_skew: true, recovered: true },
            body: Body::TriageCompleted(shutterlag::event::TriageCompleted {
                recommendation,
                model: None,
                confidence,
                summary_words,
                summary_chars: None,
                provenance: None,
                requested_by: None,
            }),
        };
        let json = serde_json::to_vec(&event).unwrap();
        for format in [Format::Native, Format::Auto] {
            let mut events = Vec::new();
            prop_assert_eq!(decode(format, &json, &context, &mut events), Ok(Decoded::Events));
            let decoded = &events[0];
            // To the last bit of `confidence`.
            prop_assert_eq!(decoded, &event);
        }
    }
}
