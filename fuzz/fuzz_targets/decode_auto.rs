//! Any bytes, with the format recognised: an outcome, no panic, all events or
//! none; and what comes out is native form that reads back as the same event.
#![no_main]

use libfuzzer_sys::fuzz_target;
use shutterlag::config::Limits;
use shutterlag::formats::maps::Maps;
use shutterlag::formats::{Context, Decoded, Format, Identity, decode, excerpt};
use shutterlag::time::Timestamp;

fuzz_target!(|record: &[u8]| {
    let identity = Identity::new(b"a key for fuzzing only").unwrap();
    let context = Context {
        identity: &identity,
        detected_at: Some(Timestamp::from_millis(1_767_323_045_000)),
        limits: Limits::DEFAULT,
        maps: Maps::NONE,
    };
    let mut events = Vec::new();
    let outcome = decode(Format::Auto, record, &context, &mut events);
    assert_eq!(matches!(outcome, Ok(Decoded::Events)), !events.is_empty());
    for event in &events {
        let json = serde_json::to_vec(event).unwrap();
        let mut again = Vec::new();
        decode(Format::Native, &json, &context, &mut again).unwrap();
        assert_eq!(again, std::slice::from_ref(event));
    }
    assert!(excerpt(record).chars().count() <= 160);
});
