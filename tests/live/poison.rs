//! Records that no run may stumble over.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::case::Case;
use crate::client::Sent;
use crate::harness::dice::Dice;

/// More than a record may have (1 MiB).
const HUGE: usize = (1 << 20) + 1;

/// A text that stands in every poison that can hold one: nothing of it may come
/// out anywhere.
pub(crate) const CANARY: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";

/// One of each kind, and why it is refused: the reason must be one of these.
pub(crate) fn kinds() -> Vec<(Sent, &'static [&'static str])> {
    let event = |fields: &str| {
        format!(
            r#"{{"type":"leak.detected","id":"poison","credential_id":"poison","{CANARY}":1{fields}}}"#
        )
    };
    let sent = |value: Vec<u8>| Sent::new("poison", value);
    let mut without_key = sent(event("").into_bytes());
    without_key.key = None;
    vec![
        (sent(format!("{CANARY} is no JSON").into_bytes()), &["invalid_json"]),
        (sent(event("").as_bytes()[..40].to_vec()), &["truncated"]),
        (sent([CANARY.as_bytes(), b"\xff\xfe"].concat()), &["invalid_utf8", "invalid_json"]),
        (sent(event(",\"time\":\"yesterday\"").into_bytes()), &["invalid_time"]),
        (without_key, &["missing_field"]),
        (sent([CANARY.as_bytes(), &vec![b' '; HUGE]].concat()), &["too_large"]),
        (sent(vec![b'['; 100_000]), &["too_deep", "invalid_json"]),
        (Sent { key: Some(b"poison".to_vec()), ..Sent::default() }, &["empty"]),
    ]
}

/// One of the smaller kinds.
pub(crate) fn any(dice: &mut Dice) -> Sent {
    let mut kinds = kinds();
    kinds.retain(|(sent, _)| sent.value.as_ref().is_some_and(|value| value.len() < HUGE));
    kinds.swap_remove(dice.below(kinds.len())).0
}

/// Asserts that every poisoned record of a case has exactly one dead letter that
/// names its origin, that there are no others, and that none repeats its content.
#[track_caller]
pub(crate) fn all_are_told(case: &Case) {
    let told = all_are_told_at_least_once(case);
    let twice: Vec<_> = told.iter().filter(|(_, reasons)| reasons.len() != 1).collect();
    assert!(twice.is_empty(), "told more than once: {twice:?}");
}

/// The same where a letter may come twice. Returns the reasons by origin.
#[track_caller]
pub(crate) fn all_are_told_at_least_once(case: &Case) -> BTreeMap<(i32, i64), Vec<String>> {
    let mut told: BTreeMap<(i32, i64), Vec<String>> = BTreeMap::new();
    for letter in case.dead_letters() {
        let text = String::from_utf8(letter.value.clone().expect("a value")).unwrap();
        assert!(!text.contains(CANARY), "{text}");
        assert!(
            !letter.key_text().contains(CANARY)
                && !format!("{:?}", letter.headers).contains(CANARY)
        );
        let value: Value = serde_json::from_str(&text).unwrap();
        let origin = &value["origin"];
        assert_eq!(origin["topic"], case.source.as_str(), "{text}");
        let number = |field: &str| origin[field].as_i64().unwrap_or_else(|| panic!("{text}"));
        let origin = (number("partition") as i32, number("offset"));
        told.entry(origin)
            .or_default()
            .push(value["reason"].as_str().expect("a reason").to_owned());
    }
    let poisoned = case.poisoned();
    assert!(told.keys().eq(poisoned.iter()), "told {told:?}, sent {poisoned:?}");
    told
}
