//! One message that a name handles.

use std::borrow::Cow;

use super::linked::Linked;
use super::message::{Message, Sent};
use crate::engine::windows::Windows;
use crate::event::Event;
use crate::time::Timestamp;

/// One message that a name handles: when, with which windows, and where its own messages go.
pub(super) struct Turn<'t> {
    pub(super) now: Timestamp,
    pub(super) windows: &'t mut Windows,
    pub(super) send: &'t mut dyn FnMut(Sent<'_>),
    /// Whether the name was not used for a while.
    pub(super) refreshes: bool,
}

/// A root that asks to be joined with another one.
pub(super) struct Asking<'a> {
    pub(super) root: Cow<'a, str>,
    pub(super) aliases: Vec<Cow<'a, str>>,
    pub(super) covered: Vec<Cow<'a, str>>,
    pub(super) link: Linked,
}

impl Turn<'_> {
    /// Sends on what a child got, and tells who sent it the shorter way.
    pub(super) fn forward(
        &mut self,
        child: &str,
        from: Option<Cow<'_, str>>,
        parent: &str,
        message: Message<'_>,
    ) {
        if let Some(from) = from {
            let message = Message::Root { root: parent.into() };
            (self.send)(Sent { to: from, from: None, message });
        }
        let message = match message {
            Message::Event { event, weight, covers, moved } => {
                let event = Event { credential_id: parent.into(), ..event };
                Message::Event { event, weight, covers, moved }
            }
            other => other,
        };
        (self.send)(Sent { to: parent.into(), from: Some(child.into()), message });
    }
}
