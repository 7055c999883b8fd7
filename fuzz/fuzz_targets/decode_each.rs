//! Any bytes, with each format given, under narrow limits and without a
//! detection time: an outcome, no panic, all events or none.
#![no_main]

use libfuzzer_sys::fuzz_target;
use shutterlag::config::Limits;
use shutterlag::formats::maps::Maps;
use shutterlag::formats::{Context, Decoded, Format, Identity, decode};

fuzz_target!(|input: (u8, &[u8])| {
    let (choice, record) = input;
    let format = Format::ALL[usize::from(choice) % Format::ALL.len()];
    let identity = Identity::new(b"a key for fuzzing only").unwrap();
    let limits = Limits {
        record_bytes: 4096,
        depth: 8,
        id_bytes: 64,
        credential_id_bytes: 64,
        text_bytes: 32,
        events_per_record: 4,
    };
    let context = Context { identity: &identity, detected_at: None, limits, maps: Maps::NONE };
    let mut events = Vec::new();
    let outcome = decode(format, record, &context, &mut events);
    assert_eq!(matches!(outcome, Ok(Decoded::Events)), !events.is_empty());
    assert!(events.len() <= limits.events_per_record);
    assert!(events.iter().all(|event| event.id.len() <= limits.id_bytes));
    assert!(events.iter().all(|event| event.credential_id.len() <= limits.credential_id_bytes));
});
