//! Names and windows in one place, where every message arrives at once.

use std::collections::VecDeque;

use super::message::Sent;
use super::names::Names;
use super::refusal::Refusal;
use crate::engine::Receipt;
use crate::engine::windows::Windows;
use crate::event::Event;
use crate::time::Timestamp;

/// Windows of credentials that may have several names.
#[derive(Debug)]
pub struct Joined {
    /// The windows, each under the smallest name of its credential.
    pub windows: Windows,
    /// The names.
    pub names: Names,
    on_their_way: VecDeque<Sent<'static>>,
}

impl Joined {
    /// Joins the names of what comes into `windows`.
    pub fn new(windows: Windows) -> Joined {
        Joined { windows, names: Names::default(), on_their_way: VecDeque::new() }
    }

    /// Takes in an event, with all that follows for other names. `refuse` gets the name and
    /// the reason where a link cannot be made as a whole.
    pub fn handle(&mut self, event: &Event<'_>, refuse: &mut dyn FnMut(&str, Refusal)) -> Receipt {
        let Joined { windows, names, on_their_way } = self;
        let mut send = |sent: Sent<'_>| on_their_way.push_back(sent.into_owned());
        let receipt = match names.handle(event, event.time, windows, &mut send) {
            Ok(receipt) => receipt,
            Err(refusal) => {
                refuse(&event.credential_id, refusal);
                Receipt::Held
            }
        };
        self.deliver(event.time, refuse, receipt)
    }

    /// Delivers the messages that are on their way. `receipt` is what became of the event itself;
    /// where an event that was forwarded is not held, the last such receipt takes its place.
    fn deliver(
        &mut self,
        now: Timestamp,
        refuse: &mut dyn FnMut(&str, Refusal),
        mut receipt: Receipt,
    ) -> Receipt {
        while let Some(sent) = self.on_their_way.pop_front() {
            let Joined { windows, names, on_their_way } = self;
            let to = sent.to.clone();
            let mut send = |sent: Sent<'_>| on_their_way.push_back(sent.into_owned());
            match names.take(sent, now, windows, &mut send) {
                Ok(Receipt::Held) => {}
                Ok(other) => receipt = other,
                Err(refusal) => refuse(&to, refusal),
            }
        }
        receipt
    }
}
