//! What the findings of secret scanners have in common.
//!
//! Invariants: a finding of a scanner has neither a detection time nor an id; the caller gives
//! the time, and the content gives the id; only the name of a secret leaves.

use std::borrow::Cow;

use super::{Context, RejectReason, Rejection, names};
use crate::event::{Body, Event, LeakDetected, Workflow};

/// The detection of `secret` by the scanner `source`. `place` separates findings of one secret
/// in several places.
pub(super) fn finding<'a>(
    source: &'static str,
    secret: &str,
    leak: LeakDetected<'a>,
    place: &str,
    context: &Context<'_>,
) -> Result<Event<'a>, Rejection> {
    let time = context.detected_at.ok_or_else(|| {
        Rejection::new(
            RejectReason::NoDetectionTime,
            "scanner findings have no time of detection: pass --detected-at",
        )
    })?;
    let mut event = Event {
        id: Cow::Borrowed(""),
        time,
        credential_id: Cow::Owned(names::credential(secret, context.identity)),
        workflow: Workflow::SecretExposure,
        source: Some(Cow::Borrowed(source)),
        severity: None,
        owner: None,
        noted: crate::event::Noted::default(),
        body: Body::LeakDetected(leak),
    };
    event.id = Cow::Owned(names::event_id(&event, place, context.identity));
    Ok(event)
}
