//! The shape of a rejected record, for people who must find the fault without
//! seeing the content.
//!
//! Invariants: the output consists of JSON punctuation, lengths, and words of a fixed
//! vocabulary; the name of a field is shown only where a name belongs, and a word only as the
//! value of a field that has a closed set of words.

use std::fmt::Write as _;

/// How many bytes of a record are read.
const BYTES_MAX: usize = 512;
/// The longest excerpt.
const CHARS_MAX: usize = 160;

/// Names of fields that may be shown, and whether their words may be.
const FIELDS: &[(&str, bool)] = &[
    ("type", true),
    ("id", false),
    ("time", false),
    ("credential_id", false),
    ("workflow", true),
    ("source", false),
    ("severity", true),
    ("owner", false),
    ("exposed_at", false),
    ("exposed_at_quality", true),
    ("location", false),
    ("provider", false),
    ("recommendation", true),
    ("model", false),
    ("confidence", false),
    ("summary_words", false),
    ("provenance", true),
    ("requested_by", false),
    ("reviewer", false),
    ("action", true),
    ("actor_kind", true),
    ("verdict", true),
    ("rationale_words", false),
    ("rationale_digest", false),
    ("batch_id", false),
    ("batch_size", false),
    ("authorized", false),
    ("method", true),
    ("correct_action", true),
    ("seeded", false),
    ("specversion", false),
    ("datacontenttype", false),
    ("data", false),
    ("data_base64", false),
    ("alert", false),
    ("number", false),
    ("state", true),
    ("secret", false),
    ("secret_type", false),
    ("created_at", false),
    ("updated_at", false),
    ("resolved_at", false),
    ("resolved_by", false),
    ("resolution", true),
    ("resolution_comment", false),
    ("push_protection_bypassed_at", false),
    ("repository", false),
    ("full_name", false),
    ("login", false),
    ("RuleID", false),
    ("Secret", false),
    ("Match", false),
    ("Line", false),
    ("Date", false),
    ("Fingerprint", false),
    ("SourceMetadata", false),
    ("Data", false),
    ("timestamp", false),
    ("DetectorName", false),
    ("DecoderName", false),
    ("Verified", false),
    ("Raw", false),
    ("RawV2", false),
    ("Redacted", false),
    ("detail-type", false),
    ("detail", false),
    ("service", false),
    ("eventTypeCode", true),
    ("startTime", false),
    ("affectedEntities", false),
    ("entityValue", false),
    ("resource", false),
    ("accessKeyDetails", false),
    ("accessKeyId", false),
    ("eventFirstSeen", false),
    ("additionalInfo", false),
    ("sample", false),
];

/// Words of the other sources; those of the native form come from its enums.
const WORDS: &[&str] = &[
    "open",
    "resolved",
    "created",
    "clock_skew",
    "recovered",
    "reopened",
    "revoked",
    "publicly_leaked",
    "validated",
    "false_positive",
    "wont_fix",
    "used_in_tests",
    "pattern_deleted",
    "pattern_edited",
    "AWS_RISK_CREDENTIALS_EXPOSED",
    "AWS_RISK_CREDENTIALS_EXPOSURE_SUSPECTED",
    "AWS_RISK_CREDENTIALS_COMPROMISED",
    "AWS_RISK_IAM_QUARANTINE",
];

/// The record's shape in at most 160 characters: punctuation and known words
/// as they are, every other text or number as `‹length in characters›`.
pub fn excerpt(record: &[u8]) -> String {
    let head = record.get(..BYTES_MAX).unwrap_or(record);
    let text = String::from_utf8_lossy(head);
    let mut shape = Shape { text: String::new(), chars: 0, whole: head.len() == record.len() };
    let mut rest = text.as_ref();
    // Whether the last key is one whose words may be shown.
    let mut has_words = false;
    while let Some(first) = rest.chars().next() {
        let room = match first {
            '{' | '}' | '[' | ']' | ':' | ',' => {
                rest = &rest[1..];
                if matches!(first, ',' | '{' | '[') {
                    has_words = false;
                }
                shape.push(first.encode_utf8(&mut [0; 4]))
            }
            '"' => {
                let (content, after, closed) = string(&rest[1..]);
                rest = after;
                let is_key = rest.trim_start().starts_with(':');
                let known = closed
                    && if is_key {
                        let field = FIELDS.iter().find(|(name, _)| *name == content);
                        has_words = field.is_some_and(|(_, words)| *words);
                        field.is_some()
                    } else {
                        has_words && is_word(content)
                    };
                let shown = if known { content.to_owned() } else { hidden(content) };
                shape.push(&format!("\"{shown}{}", if closed { "\"" } else { "" }))
            }
            c if c.is_whitespace() => {
                rest = &rest[c.len_utf8()..];
                true
            }
            _ => {
                let end = rest
                    .find(|c: char| c.is_whitespace() || "{}[]:,\"".contains(c))
                    .unwrap_or(rest.len());
                let (bare, after) = rest.split_at(end);
                rest = after;
                match bare {
                    "true" | "false" | "null" => shape.push(bare),
                    _ => shape.push(&hidden(bare)),
                }
            }
        };
        if !room {
            return shape.text;
        }
    }
    if !shape.whole {
        shape.text.push('…');
    }
    shape.text
}

struct Shape {
    text: String,
    chars: usize,
    whole: bool,
}

impl Shape {
    /// Appends a token, or the mark of an early end if there is no room.
    fn push(&mut self, token: &str) -> bool {
        let chars = token.chars().count();
        if self.chars + chars >= CHARS_MAX {
            self.text.push('…');
            return false;
        }
        self.text.push_str(token);
        self.chars += chars;
        true
    }
}

/// The text before the closing quote, the text after it, and whether there is a quote.
fn string(text: &str) -> (&str, &str, bool) {
    let mut escaped = false;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return (&text[..at], &text[at + 1..], true),
            _ => {}
        }
    }
    (text, "", false)
}

fn hidden(text: &str) -> String {
    let mut mark = String::new();
    if !text.is_empty() {
        // Into a String: cannot fail.
        let _ = write!(mark, "‹{}›", text.chars().count());
    }
    mark
}

fn is_word(text: &str) -> bool {
    use crate::event::*;
    fn of<W: super::field::Word>(text: &str) -> bool {
        W::named(text).is_some()
    }
    WORDS.contains(&text)
        || of::<Kind>(text)
        || of::<Workflow>(text)
        || of::<Severity>(text)
        || of::<Action>(text)
        || of::<Verdict>(text)
        || of::<Actor>(text)
        || of::<Method>(text)
        || of::<ExposedAtQuality>(text)
        || of::<Provenance>(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_the_shape_and_hides_the_content() {
        assert_eq!(
            excerpt(br#"{"type": "leak.detected", "time":"noon", "n":{"Secret":"low"}, "v":[-1.5e3,true]}"#),
            r#"{"type":"leak.detected","time":"‹4›","‹1›":{"Secret":"‹3›"},"‹1›":[‹6›,true]}"#
        );
        assert_eq!(excerpt("{\"severity\":\"hunter2 Ä\",".as_bytes()), "{\"severity\":\"‹9›\",");
        assert_eq!(excerpt(br#"{"severity":{"x":"low"}}"#), r#"{"severity":{"‹1›":"‹3›"}}"#);
        assert_eq!(excerpt(b"password=hunter2 low"), "‹16›‹3›");
        assert_eq!(excerpt(b"\"type"), "\"‹4›");
        assert_eq!(excerpt(b"\xff\xfe{"), "‹2›{");
        assert_eq!(excerpt(b""), "");
    }

    #[test]
    fn is_short_whatever_the_record() {
        for record in
            [vec![b'{'; 1 << 20], vec![b'a'; 4096], vec![0xff; 700], b"\"a\",".repeat(500)]
        {
            let shape = excerpt(&record);
            assert!(shape.chars().count() <= CHARS_MAX, "{shape}");
            assert!(shape.ends_with('…'), "{shape}");
        }
    }
}
