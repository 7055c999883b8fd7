//! One change of an alert, as a line or a record.

use serde::Serialize;

use crate::engine::alerts::{Alert, Transition, Urgency};
use crate::engine::windows::{ExposureId, Window};
use crate::event::{Action, Severity, Workflow};
use crate::time::Timestamp;

/// An alert about a window begins or ends, with what whoever has to act needs to
/// know of the window at that moment.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct AlertRecord<'a> {
    alert: Alert,
    severity: Urgency,
    state: Transition,
    at: Timestamp,
    exposure_id: ExposureId<'a>,
    workflow: Workflow,
    credential_id: &'a str,
    source: Option<&'a str>,
    location: Option<&'a str>,
    window_severity: Option<Severity>,
    owner: Option<&'a str>,
    recommendation: Option<Action>,
    confidence: Option<f64>,
    started_at: Option<Timestamp>,
    detected_at: Timestamp,
    age_ms: Option<i64>,
}

impl<'a> AlertRecord<'a> {
    /// The change of `alert` at `at`; `exposure` is its subject, `window` what is
    /// known of it, which is nothing any more once a late event has undone it.
    pub fn new(
        alert: Alert,
        state: Transition,
        at: Timestamp,
        exposure: ExposureId<'a>,
        window: Option<&Window<'a>>,
    ) -> AlertRecord<'a> {
        let advice = window.and_then(|window| window.advice);
        let started_at = window.map(Window::start);
        AlertRecord {
            alert,
            severity: alert.urgency(),
            state,
            at,
            exposure_id: exposure,
            workflow: exposure.key.workflow,
            credential_id: exposure.key.credential_id,
            source: window.and_then(|window| window.source),
            location: window.and_then(|window| window.location),
            window_severity: window.and_then(|window| window.severity),
            owner: window.and_then(|window| window.owner),
            recommendation: advice.map(|advice| advice.recommendation),
            confidence: advice.and_then(|advice| advice.confidence),
            started_at,
            detected_at: exposure.detected_at,
            age_ms: started_at
                .and_then(|start| at.since(start).non_negative())
                .map(|age| age.as_millis()),
        }
    }
}
