//! A record of the alerts' topic, read.
//!
//! Invariants: texts are bounded and harmless from here on; what is needed for
//! labels is taken before anything is cut off. A record of a later version with
//! more fields is read as well.

use super::text::plain;
use crate::engine::alerts::{Alert, Transition, Urgency};
use crate::event::{Action, Severity, Workflow};
use crate::formats::Identity;
use crate::records::{
    AlertRecord, Declared, RECORD_BYTES_MAX, ReviewerAlert, is_pseudonym, pseudonym,
};
use crate::time::Timestamp;

/// Characters of a text that a page shows.
const TEXT_CHARS_MAX: usize = 120;
/// Bytes of an exposure's name that a link has room for.
const LINK_BYTES_MAX: usize = 1_024;
/// Hex digits of a pseudonym in a label: labels have one length, whatever the text.
const MARK_DIGITS: usize = 16;

/// One change of an alert.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Told {
    pub(super) alert: Alert,
    pub(super) urgency: Urgency,
    pub(super) state: Transition,
    pub(super) at: Timestamp,
    pub(super) subject: Subject,
}

/// What an alert is about.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Subject {
    Window(Box<About>),
    /// A reviewer's pseudonym.
    Reviewer(String),
}

/// What is told of a window.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct About {
    pub(super) workflow: Workflow,
    /// Pseudonyms of the credential and of the window, for labels.
    pub(super) credential_mark: String,
    pub(super) exposure_mark: String,
    /// To be shown.
    pub(super) credential: String,
    /// The window's name as it is, for a link; `None` if it is too long for one.
    pub(super) exposure_id: Option<String>,
    /// As the source has it, to find its curve by.
    pub(super) location: Option<String>,
    pub(super) source: Option<String>,
    pub(super) severity: Option<Severity>,
    pub(super) owner: Option<String>,
    pub(super) recommendation: Option<Action>,
    pub(super) confidence: Option<f64>,
    pub(super) started_at: Option<Timestamp>,
    pub(super) detected_at: Timestamp,
}

impl Told {
    /// Reads a record under its key, `alert/subject`; `None` if it is none.
    pub(super) fn read(key: &str, value: &[u8], names: &Identity) -> Option<Told> {
        if key.len() > RECORD_BYTES_MAX {
            return None;
        }
        let (_, subject) = key.split_once('/')?;
        if let Ok(record) = AlertRecord::read(value) {
            let (alert, urgency, state, at) =
                (record.alert, record.severity, record.state, record.at);
            let subject = Subject::Window(Box::new(About::new(record, names)));
            return Some(Told { alert, urgency, state, at, subject });
        }
        let record = ReviewerAlert::read(value).ok()?;
        Some(Told {
            alert: record.alert,
            urgency: record.severity,
            state: record.state,
            at: record.at,
            // The record may show a name, where the operator wants that; the key never does.
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

    /// What is told of the window, if it is about one.
    pub(super) fn window(&self) -> Option<&About> {
        match &self.subject {
            Subject::Window(about) => Some(about),
            Subject::Reviewer(_) => None,
        }
    }
}

impl About {
    fn new(record: AlertRecord, names: &Identity) -> About {
        let shown = |text: Option<String>| {
            text.map(|text| plain(&text, TEXT_CHARS_MAX)).filter(|text| !text.is_empty())
        };
        let exposure_id = record.exposure_id.to_string();
        About {
            workflow: record.workflow,
            credential_mark: pseudonym("credential", &record.credential_id, MARK_DIGITS, names),
            exposure_mark: pseudonym("exposure", &exposure_id, MARK_DIGITS, names),
            credential: plain(&record.credential_id, TEXT_CHARS_MAX),
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

/// A pseudonym as keys have it; of any other text, a pseudonym.
fn reviewer(subject: &str, names: &Identity) -> String {
    if is_pseudonym(subject) {
        return subject.to_owned();
    }
    pseudonym("reviewer", subject, MARK_DIGITS, names)
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
        let told = Told::read("ReviewOverdue/secret_exposure/c/1", window, &names()).unwrap();
        let about = told.window().unwrap();
        assert_eq!(about.owner.as_deref(), Some("a b"));
        assert!(about.credential_mark.starts_with("credential-"));
        assert_eq!(about.credential_mark.len(), "credential-".len() + 16);

        let reviewer = br#"{"alert":"RubberStampSuspected","severity":"page","state":"firing",
            "at":"2026-03-02T09:09:00Z","reviewer":"a real name"}"#;
        let read = |key: &str| Told::read(key, reviewer, &names()).unwrap().subject;
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
            assert_eq!(Told::read(key, value, &names()), None);
        }
        assert_eq!(Told::read(&"x/".repeat(40_000), window, &names()), None);
    }
}
