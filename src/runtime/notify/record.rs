//! Reads a record of the alerts' topic.
//!
//! Invariants: from here on texts are short and cannot be taken for markup; labels are
//! made from the whole texts, before they are cut. Unknown fields are ignored, so the
//! records of a later version can be read.

use super::text::plain;
use crate::engine::alerts::{Alert, Transition, Urgency};
use crate::engine::identity::{KnownAs, NameOrder};
use crate::event::{Action, Severity, Workflow};
use crate::formats::Identity;
use crate::records::{AlertRecord, Declared, RECORD_BYTES_MAX, ReviewerAlert, is_pseudonym, label};
use crate::time::Timestamp;

/// Characters of a text that a page shows.
const TEXT_CHARS_MAX: usize = 120;
/// Further names of a credential that a page shows.
const OTHER_NAMES_MAX: usize = 8;
/// Bytes of an exposure's name that a link can hold.
const LINK_BYTES_MAX: usize = 1_024;

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
    /// The credential's best-known name, to be shown.
    pub(super) credential: String,
    /// Its other names, the better-known first.
    pub(super) other_names: Vec<String>,
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
    pub(super) detected_at: Timestamp,
}

impl AlertChange {
    /// Reads the record with the key `alert/subject`; `None` if it is not an alert's.
    pub(super) fn read(
        key: &str,
        value: &[u8],
        names: &Identity,
        order: &NameOrder,
    ) -> Option<AlertChange> {
        if key.len() > RECORD_BYTES_MAX {
            return None;
        }
        let (_, subject) = key.split_once('/')?;
        if let Ok(record) = AlertRecord::read(value) {
            let (alert, urgency, state, at) =
                (record.alert, record.severity, record.state, record.at);
            let subject = Subject::Window(Box::new(WindowDetails::new(record, names, order)));
            return Some(AlertChange { alert, urgency, state, at, subject });
        }
        let record = ReviewerAlert::read(value).ok()?;
        Some(AlertChange {
            alert: record.alert,
            urgency: record.severity,
            state: record.state,
            at: record.at,
            // The record holds a name if the operator wants names. The key never does.
            subject: Subject::Reviewer(reviewer(subject, names)),
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

impl WindowDetails {
    fn new(record: AlertRecord, names: &Identity, order: &NameOrder) -> WindowDetails {
        let shown = |text: Option<String>| {
            text.map(|text| plain(&text, TEXT_CHARS_MAX)).filter(|text| !text.is_empty())
        };
        let exposure_id = record.exposure_id.to_string();
        let aliases = record.aliases.as_deref().unwrap_or_default();
        let KnownAs { best, others } = order.known_as(&record.credential_id, aliases);
        let name = |name: &str| plain(name, TEXT_CHARS_MAX);
        WindowDetails {
            workflow: record.workflow,
            credential_label: label("credential", &record.credential_id, names),
            exposure_label: label("exposure", &exposure_id, names),
            credential: name(best),
            other_names: others.into_iter().take(OTHER_NAMES_MAX).map(name).collect(),
            exposure_id: Some(exposure_id).filter(|id| id.len() <= LINK_BYTES_MAX),
            location: record.location.filter(|text| text.len() <= LINK_BYTES_MAX),
            source: shown(record.source),
            severity: record.window_severity,
            owner: shown(record.owner),
            recommendation: record.recommendation,
            confidence: record.confidence.filter(|share| (0.0..=1.0).contains(share)),
            started_at: record.started_at,
            detected_at: record.detected_at,
        }
    }
}

/// The reviewer's pseudonym: the subject itself, or a pseudonym of a subject that is not one.
fn reviewer(subject: &str, names: &Identity) -> String {
    if is_pseudonym(subject) {
        return subject.to_owned();
    }
    label("reviewer", subject, names)
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
            "workflow":"secret_exposure","credential_id":"c","owner":"a\nb","detected_at":"2026-03-02T09:00:00Z"}"#;
        let change = AlertChange::read(
            "ReviewOverdue/secret_exposure/c/1",
            window,
            &names(),
            &NameOrder::default(),
        )
        .unwrap();
        let about = change.window().unwrap();
        assert_eq!(about.owner.as_deref(), Some("a b"));
        assert!(about.credential_label.starts_with("credential-"));
        assert_eq!(about.credential_label.len(), "credential-".len() + 16);

        let reviewer = br#"{"alert":"RubberStampSuspected","severity":"page","state":"firing",
            "at":"2026-03-02T09:09:00Z","reviewer":"a real name"}"#;
        let read = |key: &str| {
            AlertChange::read(key, reviewer, &names(), &NameOrder::default()).unwrap().subject
        };
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
            assert_eq!(AlertChange::read(key, value, &names(), &NameOrder::default()), None);
        }
        assert_eq!(
            AlertChange::read(
                &"x/".repeat(RECORD_BYTES_MAX / 2 + 1),
                window,
                &names(),
                &NameOrder::default()
            ),
            None
        );
    }
}
