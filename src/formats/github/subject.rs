//! What the events of one case at GitHub share.

use std::borrow::Cow;

use crate::event::{Body, Event, Workflow};
use crate::formats::field::too_long;
use crate::formats::{Context, Rejection, names};
use crate::time::Timestamp;

/// The name of GitHub as a source, and as an actor where it acts itself.
pub(super) const SOURCE: &str = "github";

/// An alert, or a request to bypass the protection.
pub(super) struct Subject<'c> {
    pub(super) credential_id: String,
    pub(super) workflow: Workflow,
    pub(super) context: &'c Context<'c>,
}

impl<'c> Subject<'c> {
    /// The case of this name.
    pub(super) fn new(
        credential_id: String,
        workflow: Workflow,
        context: &'c Context<'c>,
    ) -> Result<Subject<'c>, Rejection> {
        let bytes_max = context.limits.credential_id_bytes;
        if credential_id.len() > bytes_max {
            return Err(too_long("repository.full_name", credential_id.len(), bytes_max));
        }
        Ok(Subject { credential_id, workflow, context })
    }

    /// An event of it, with an id that follows its content.
    pub(super) fn event<'a>(&self, time: Timestamp, body: Body<'a>) -> Event<'a> {
        let mut event = Event {
            id: Cow::Borrowed(""),
            time,
            credential_id: Cow::Owned(self.credential_id.clone()),
            workflow: self.workflow,
            source: Some(Cow::Borrowed(SOURCE)),
            severity: None,
            owner: None,
            noted: crate::event::Noted::default(),
            body,
        };
        event.id = Cow::Owned(names::event_id(&event, "", self.context.identity));
        event
    }
}
