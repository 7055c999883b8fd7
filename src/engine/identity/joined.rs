//! Names and windows in one place, where every message arrives at once.

use std::collections::VecDeque;

use super::message::{Message, Sent};
use super::names::Names;
use super::refusal::Refusal;
use crate::engine::Receipt;
use crate::engine::windows::Windows;
use crate::event::{Event, Kind};
use crate::time::Timestamp;

/// What was not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotTaken {
    /// The name that did not take it.
    pub name: Box<str>,
    /// Why.
    pub refusal: Refusal,
    /// The event, where it is not the link at hand but one that a covering name handed on.
    pub event: Option<HandedOn>,
}

/// An event that a covering name handed on.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct HandedOn {
    /// Its kind.
    pub kind: Kind,
    /// Its id.
    pub id: Box<str>,
    /// Its time.
    pub time: Timestamp,
    /// How many events it stands for.
    pub weight: u32,
}

impl HandedOn {
    /// The event of a message that comes through a covering name.
    fn of(message: &Message<'_>) -> Option<HandedOn> {
        match message {
            Message::Event { event, weight, covers: 1.., .. } => {
                let (kind, id, time) = (event.kind(), (&*event.id).into(), event.time);
                Some(HandedOn { kind, id, time, weight: *weight })
            }
            _ => None,
        }
    }
}

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
    /// the reason where a link cannot be made as a whole, or where an event belongs to nothing.
    pub fn handle(&mut self, event: &Event<'_>, refuse: &mut dyn FnMut(NotTaken)) -> Receipt {
        let Joined { windows, names, on_their_way } = self;
        let mut send = |sent: Sent<'_>| on_their_way.push_back(sent.into_owned());
        let receipt = match names.handle(event, event.time, windows, &mut send) {
            Ok(receipt) => receipt,
            Err(refusal) => {
                let name = (&*event.credential_id).into();
                refuse(NotTaken { name, refusal, event: None });
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
        refuse: &mut dyn FnMut(NotTaken),
        mut receipt: Receipt,
    ) -> Receipt {
        while let Some(sent) = self.on_their_way.pop_front() {
            let Joined { windows, names, on_their_way } = self;
            let to = sent.to.clone();
            let handed_on = HandedOn::of(&sent.message);
            let mut send = |sent: Sent<'_>| on_their_way.push_back(sent.into_owned());
            match names.take(sent, now, windows, &mut send) {
                Ok(Receipt::Held) => {}
                Ok(other) => receipt = other,
                Err(refusal) => {
                    let name = to.into_owned().into();
                    refuse(NotTaken { name, refusal, event: handed_on });
                }
            }
        }
        receipt
    }
}
