//! One change of an alert, as a line or a record.

use serde::Serialize;

use crate::engine::alerts::{Alert, Transition, Urgency};
use crate::engine::windows::ExposureId;
use crate::event::Workflow;
use crate::time::Timestamp;

/// An alert about a window begins or ends.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct AlertRecord<'a> {
    alert: Alert,
    severity: Urgency,
    state: Transition,
    at: Timestamp,
    exposure_id: ExposureId<'a>,
    workflow: Workflow,
    credential_id: &'a str,
}

impl<'a> AlertRecord<'a> {
    /// The change of `alert` at `at`; `exposure_id` is its subject.
    pub fn new(
        alert: Alert,
        state: Transition,
        at: Timestamp,
        exposure_id: ExposureId<'a>,
    ) -> AlertRecord<'a> {
        AlertRecord {
            alert,
            severity: alert.urgency(),
            state,
            at,
            exposure_id,
            workflow: exposure_id.key.workflow,
            credential_id: exposure_id.key.credential_id,
        }
    }
}
