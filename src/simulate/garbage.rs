//! Malformed lines, each of which any reader of the native form must refuse.

use crate::event::{Event, words};

use super::dice::Dice;

words! {
    /// What is wrong with a line.
    Fault {
        /// The beginning of an event and no end.
        Truncated = "truncated",
        /// Plain text.
        NotJson = "not_json",
        /// A byte that UTF-8 does not have.
        NotUtf8 = "not_utf8",
        /// No `credential_id`.
        MissingField = "missing_field",
        /// A number for a name.
        WrongType = "wrong_type",
        /// A time without an offset from UTC.
        NoOffset = "no_offset",
        /// A time in a year that cannot be meant.
        FarTime = "far_time",
        /// A `type` that is none of the known kinds.
        UnknownType = "unknown_type",
        /// An action that does not exist.
        UnknownAction = "unknown_action",
    }
}

/// A line with the given fault, without its end of line.
pub(super) fn line(fault: Fault, next: &Event<'_>, dice: &mut Dice) -> Vec<u8> {
    let n = dice.below(1_000_000);
    let time = "2026-01-05T12:00:00.000Z";
    match fault {
        Fault::Truncated => {
            let mut whole = serde_json::to_vec(next).unwrap_or_else(|_| b"{\"type\":\"".to_vec());
            let keep = 1 + dice.below(whole.len() as u64 - 1) as usize;
            whole.truncate(keep);
            whole
        }
        Fault::NotJson => format!("connection {n} reset by peer, retrying").into_bytes(),
        Fault::NotUtf8 => {
            let mut bytes = format!(
                r#"{{"type":"leak.detected","id":"bad-{n}","time":"{time}","credential_id":"cred-"#
            )
            .into_bytes();
            bytes.extend_from_slice(b"\xff\"}");
            bytes
        }
        Fault::MissingField => {
            format!(r#"{{"type":"leak.detected","id":"bad-{n}","time":"{time}"}}"#).into_bytes()
        }
        Fault::WrongType => format!(
            r#"{{"type":"leak.detected","id":"bad-{n}","time":"{time}","credential_id":{n}}}"#
        )
        .into_bytes(),
        Fault::NoOffset => format!(
            r#"{{"type":"leak.detected","id":"bad-{n}","time":"2026-01-05T12:00:00","credential_id":"cred-{n}"}}"#
        )
        .into_bytes(),
        Fault::FarTime => format!(
            r#"{{"type":"leak.detected","id":"bad-{n}","time":"1970-01-01T00:00:00Z","credential_id":"cred-{n}"}}"#
        )
        .into_bytes(),
        Fault::UnknownType => format!(
            r#"{{"type":"leak.suspected","id":"bad-{n}","time":"{time}","credential_id":"cred-{n}"}}"#
        )
        .into_bytes(),
        Fault::UnknownAction => format!(
            r#"{{"type":"decision.made","id":"bad-{n}","time":"{time}","credential_id":"cred-{n}","reviewer":"reviewer-001","action":"shrug"}}"#
        )
        .into_bytes(),
    }
}
