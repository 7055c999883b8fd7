//! A finding that says that keys are in use by somebody else, as events.

use std::borrow::Cow;
use std::collections::BTreeSet;

use crate::config::Limits;
use crate::event::{Body, Event, Noted, Severity, Workflow};
use crate::formats::field::too_long;
use crate::formats::{Decoded, RejectReason, Rejection};
use crate::time::Timestamp;

/// Checks that one record does not stand for more events than are allowed.
pub(super) fn bounded(keys: &BTreeSet<Cow<'_, str>>, limits: &Limits) -> Result<(), Rejection> {
    let (events, most) = (keys.len(), limits.events_per_record);
    if events <= most {
        return Ok(());
    }
    let why = format!("stands for {events} events, the limit is {most}");
    Err(Rejection::new(RejectReason::TooLong, why))
}

/// What a finding says of all keys in it.
pub(super) struct Uses<'a> {
    pub(super) source: &'static str,
    /// Where its id stands, for a rejection.
    pub(super) id_field: &'static str,
    pub(super) id: Cow<'a, str>,
    pub(super) time: Timestamp,
    pub(super) severity: Option<Severity>,
}

impl<'a> Uses<'a> {
    /// The events: one for each key. A finding that grows worse is another event, so its
    /// severity is in their ids.
    pub(super) fn of(
        self,
        keys: BTreeSet<Cow<'a, str>>,
        limits: &Limits,
        out: &mut Vec<Event<'a>>,
    ) -> Result<Decoded, Rejection> {
        let Uses { source, id_field, id, time, severity } = self;
        let mut id = id.into_owned();
        if let Some(severity) = severity {
            id.push_str(&format!("/{severity}"));
        }
        let several = keys.len() > 1;
        for credential_id in keys {
            let id = if several { format!("{id}/{credential_id}") } else { id.clone() };
            if id.len() > limits.id_bytes {
                return Err(too_long(id_field, id.len(), limits.id_bytes));
            }
            out.push(Event {
                id: Cow::Owned(id),
                time,
                credential_id,
                workflow: Workflow::SecretExposure,
                source: Some(Cow::Borrowed(source)),
                severity,
                owner: None,
                noted: Noted::default(),
                body: Body::CredentialAbused,
            });
        }
        Ok(Decoded::Events)
    }
}
