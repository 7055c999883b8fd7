//! One change of an alert, as a line or a record.

use std::borrow::Cow;

use super::declare::record;
use super::exposure_id::ExposureName;
use crate::engine::alerts::{Alert, Transition, Urgency};
use crate::engine::identity::Names;
use crate::engine::windows::{ExposureId, Window};
use crate::event::{Action, Severity, Workflow};
use crate::time::Timestamp;

record! {
    /// An alert about a window begins or ends, with what whoever has to act needs to
    /// know of the window at that moment.
    #[serde(bound(serialize = "T: AsRef<str> + serde::Serialize"))]
    pub struct AlertRecord<T = String> {
        /// Which alert.
        alert: Alert,
        /// How urgent it is.
        severity: Urgency,
        /// Whether it begins or ends.
        state: Transition,
        /// When.
        at: Timestamp,
        /// The window.
        exposure_id: ExposureName<T>,
        /// The window's kind of process.
        workflow: Workflow,
        /// The credential's non-secret name.
        credential_id: T,
        /// Its other names by now, in order.
        aliases: Option<Vec<T>>,
        /// The window's first source.
        source: Option<T>,
        /// The window's first place.
        location: Option<T>,
        /// The window's highest severity.
        window_severity: Option<Severity>,
        /// The window's last owner.
        owner: Option<T>,
        /// What the AI advises.
        recommendation: Option<Action>,
        /// The AI's own confidence, 0 to 1.
        confidence: Option<f64>,
        /// Where the measurement of the window starts.
        started_at: Option<Timestamp>,
        /// The detection that opened the window.
        detected_at: Timestamp,
        /// The time from the start to `at`, in milliseconds.
        age_ms: Option<i64>,
        /// The name that the window has by now, if it is another one than when the alert began.
        renamed_to: Option<ExposureName<T>>,
    }
}

record! {
    /// An alert about a reviewer begins or ends.
    pub struct ReviewerAlert<T = String> {
        /// Which alert.
        alert: Alert,
        /// How urgent it is.
        severity: Urgency,
        /// Whether it begins or ends.
        state: Transition,
        /// When.
        at: Timestamp,
        /// Whom it is about, as people are shown.
        reviewer: T,
    }
}

impl<'a> AlertRecord<Cow<'a, str>> {
    /// The change of `alert` at `at`. `exposure` is its subject, `window` what is
    /// known of it: nothing any more once a late event has undone it. `names` are those that
    /// credentials have.
    pub fn new(
        alert: Alert,
        state: Transition,
        at: Timestamp,
        exposure: ExposureId<'a>,
        window: Option<&Window<'a>>,
        names: &'a Names,
    ) -> AlertRecord<Cow<'a, str>> {
        let advice = window.and_then(|window| window.advice);
        let started_at = window.map(Window::start);
        let text = |text: Option<&'a str>| text.map(Cow::Borrowed);
        AlertRecord {
            alert,
            severity: alert.urgency(),
            state,
            at,
            exposure_id: exposure.into(),
            workflow: exposure.key.workflow,
            credential_id: exposure.key.credential_id.into(),
            aliases: aliases(names, exposure, window),
            source: text(window.and_then(|window| window.source)),
            location: text(window.and_then(|window| window.location)),
            window_severity: window.and_then(|window| window.severity),
            owner: text(window.and_then(|window| window.owner)),
            recommendation: advice.map(|advice| advice.recommendation),
            confidence: advice.and_then(|advice| advice.confidence),
            started_at,
            detected_at: exposure.detected_at,
            age_ms: started_at
                .and_then(|start| at.since(start).non_negative())
                .map(|age| age.as_millis()),
            renamed_to: window
                .map(|window| ExposureId { key: window.key, detected_at: window.detected_at })
                .filter(|present| *present != exposure)
                .map(Into::into),
        }
    }
}

/// The other names of an alert's credential, of which one may be the smallest by now.
fn aliases<'a>(
    names: &'a Names,
    exposure: ExposureId<'a>,
    window: Option<&Window<'a>>,
) -> Option<Vec<Cow<'a, str>>> {
    let began_as = exposure.key.credential_id;
    let id = window.map_or(began_as, |window| window.key.credential_id);
    let mut all: Vec<&str> = names.aliases(id).chain([id]).filter(|it| *it != began_as).collect();
    all.sort_unstable();
    (!all.is_empty()).then(|| all.into_iter().map(Cow::Borrowed).collect())
}

impl<'a> ReviewerAlert<&'a str> {
    /// The alert about `reviewer` begins or ends at `at`.
    pub fn new(reviewer: &'a str, state: Transition, at: Timestamp) -> ReviewerAlert<&'a str> {
        let alert = Alert::RubberStampSuspected;
        ReviewerAlert { alert, severity: alert.urgency(), state, at, reviewer }
    }
}
