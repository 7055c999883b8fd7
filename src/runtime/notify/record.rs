//! Reads a record of the alerts' topic.
//!
//! Invariants: from here on texts are short and cannot be taken for markup; labels are
//! made from the whole texts, before they are cut. Unknown fields are ignored, so the
//! records of a later version can be read.

use serde::Deserialize;

use super::text::plain;
use crate::engine::alerts::{Alert, Transition, Urgency};
use crate::event::{Action, Severity, Workflow};
use crate::formats::Identity;
use crate::time::Timestamp;

/// Characters of a text that a page shows.
const TEXT_CHARS_MAX: usize = 120;
/// Bytes of an exposure's name that a link can hold.
const LINK_BYTES_MAX: usize = 1_024;
/// Bytes of a record, and of its key, at most. Real ones are far smaller.
const RECORD_BYTES_MAX: usize = 64 << 10;

/// A change of an alert: it began to fire, or ended.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct AlertChange {
    pub(super) alert: Alert,
    pub(super) urgency: Urgency,
    pub(super) state: Transition,
    pub(super) at: Timestamp,
    pub(super) subject: Subject,
}

/// What an alert is about.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Subject {
    Window(Box<WindowDetails>),
    /// A reviewer's pseudonym.
    Reviewer(String),
}

/// The window that an alert is about.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct WindowDetails {
    pub(super) workflow: Workflow,
    /// Pseudonyms of the credential and of the window, for labels.
    pub(super) credential_label: String,
    pub(super) exposure_label: String,
    /// The credential's name, to be shown.
    pub(super) credential: String,
    /// The window's full name for a link; `None` if it is too long.
    pub(super) exposure_id: Option<String>,
    /// As the source wrote it: attackers' curves are found by it.
    pub(super) location: Option<String>,
    pub(super) source: Option<String>,
    pub(super) severity: Option<Severity>,
    pub(super) owner: Option<String>,
    pub(super) recommendation: Option<Action>,
    pub(super) confidence: Option<f64>,
    pub(super) started_at: Option<Timestamp>,
    pub(super) detected_at: Option<Timestamp>,
}

/// The record's JSON.
#[derive(Deserialize)]
struct Raw {
    alert: Alert,
    severity: Urgency,
    state: Transition,
    at: Timestamp,
    exposure_id: Option<String>,
    workflow: Option<Workflow>,
    credential_id: Option<String>,
    source: Option<String>,
    location: Option<String>,
    window_severity: Option<Severity>,
    owner: Option<String>,
    recommendation: Option<Action>,
    confidence: Option<f64>,
    started_at: Option<Timestamp>,
    detected_at: Option<Timestamp>,
    reviewer: Option<String>,
}

impl AlertChange {
    /// Reads the record with the key `alert/subject`; `None` if it is not an alert's.
    pub(super) fn read(key: &str, value: &[u8], names: &Identity) -> Option<AlertChange> {
        if key.len() > RECORD_BYTES_MAX || value.len() > RECORD_BYTES_MAX {
            return None;
        }
        let raw: Raw = serde_json::from_slice(value).ok()?;
        let (_, subject) = key.split_once('/')?;
        let subject = match (raw.exposure_id, raw.workflow, raw.credential_id, raw.reviewer) {
            (Some(exposure_id), Some(workflow), Some(credential_id), _) => {
                let shown = |text: Option<String>| {
                    text.map(|text| plain(&text, TEXT_CHARS_MAX)).filter(|text| !text.is_empty())
                };
                Subject::Window(Box::new(WindowDetails {
                    workflow,
                    credential_label: label("credential", &credential_id, names),
                    exposure_label: label("exposure", &exposure_id, names),
                    credential: plain(&credential_id, TEXT_CHARS_MAX),
                    exposure_id: Some(exposure_id).filter(|id| id.len() <= LINK_BYTES_MAX),
                    location: raw.location.filter(|text| text.len() <= LINK_BYTES_MAX),
                    source: shown(raw.source),
                    severity: raw.window_severity,
                    owner: shown(raw.owner),
                    recommendation: raw.recommendation,
                    confidence: raw.confidence.filter(|share| (0.0..=1.0).contains(share)),
                    started_at: raw.started_at,
                    detected_at: raw.detected_at,
                }))
            }
            // The record holds a name if the operator wants names. The key never does.
            (None, _, _, Some(_)) => Subject::Reviewer(reviewer(subject, names)),
            _ => return None,
        };
        Some(AlertChange {
            alert: raw.alert,
            urgency: raw.severity,
            state: raw.state,
            at: raw.at,
            subject,
        })
    }

    /// The window's workflow.
    pub(super) fn workflow(&self) -> Option<Workflow> {
        self.window().map(|about| about.workflow)
    }

    /// The window's severity.
    pub(super) fn severity(&self) -> Option<Severity> {
        self.window()?.severity
    }

    /// The window, if the alert is about one.
    pub(super) fn window(&self) -> Option<&WindowDetails> {
        match &self.subject {
            Subject::Window(about) => Some(about),
            Subject::Reviewer(_) => None,
        }
    }
}

/// A label's value for any text. It has a fixed length, and depends on the text and the
/// identity key only.
fn label(kind: &str, text: &str, names: &Identity) -> String {
    let digest = names.name(format!("{kind}\0{text}").as_bytes());
    format!("{kind}-{}", digest.trim_start_matches("hmac:").get(..16).unwrap_or_default())
}

/// The reviewer's pseudonym: the subject itself, or a label for a subject that is not one.
fn reviewer(subject: &str, names: &Identity) -> String {
    let digits = subject.strip_prefix("reviewer-").unwrap_or_default();
    let is_pseudonym =
        digits.len() == 12 && digits.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    if is_pseudonym { subject.to_owned() } else { label("reviewer", subject, names) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> Identity {
        Identity::new(b"a key for tests only").unwrap()
    }

    #[test]
    fn both_shapes_are_read_and_nothing_else() {
        let window = br#"{"alert":"ReviewOverdue","severity":"page","state":"firing",
            "at":"2026-03-02T09:09:00Z","exposure_id":"secret_exposure/c/1","later":[1],
            "workflow":"secret_exposure","credential_id":"c","owner":"a\nb","age_ms":1}"#;
        let change =
            AlertChange::read("ReviewOverdue/secret_exposure/c/1", window, &names()).unwrap();
        let about = change.window().unwrap();
        assert_eq!(about.owner.as_deref(), Some("a b"));
        assert!(about.credential_label.starts_with("credential-"));
        assert_eq!(about.credential_label.len(), "credential-".len() + 16);

        let reviewer = br#"{"alert":"RubberStampSuspected","severity":"page","state":"firing",
            "at":"2026-03-02T09:09:00Z","reviewer":"a real name"}"#;
        let read = |key: &str| AlertChange::read(key, reviewer, &names()).unwrap().subject;
        let known = "RubberStampSuspected/reviewer-0123456789ab";
        assert_eq!(read(known), Subject::Reviewer("reviewer-0123456789ab".to_owned()));
        let Subject::Reviewer(shown) = read("RubberStampSuspected/a real name") else { panic!() };
        assert!(!shown.contains("name"), "{shown}");

        for (key, value) in [
            ("ReviewOverdue/x", &b"{}"[..]),
            ("ReviewOverdue/x", b"\xff"),
            ("x", window),
            (
                "x/y",
                br#"{"alert":"ReviewOverdue","severity":"page","state":"firing","at":"2026-03-02T09:09:00Z"}"#,
            ),
        ] {
            assert_eq!(AlertChange::read(key, value, &names()), None);
        }
        assert_eq!(AlertChange::read(&"x/".repeat(40_000), window, &names()), None);
    }
}
