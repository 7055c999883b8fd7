//! What names send each other.

use std::borrow::Cow;

use crate::engine::oversight::HollowReasons;
use crate::engine::windows::{ExposureId, Key, Remembered};
use crate::event::{Event, Workflow};
use crate::time::Timestamp;

/// A message on its way to a name.
#[derive(Clone, Debug, PartialEq)]
pub struct Sent<'m> {
    /// The name that gets it.
    pub to: Cow<'m, str>,
    /// The name that forwarded it, which may want to know a shorter way.
    pub from: Option<Cow<'m, str>>,
    /// What is said.
    pub message: Message<'m>,
}

/// What is said to a name.
#[derive(Clone, Debug, PartialEq)]
pub enum Message<'m> {
    /// An event that belongs to the name.
    Event {
        /// The event, under the name that gets it.
        event: Event<'m>,
        /// How many events it stands for.
        weight: u32,
        /// How many covering names it has come through.
        covers: u8,
        /// Whether it was held under a name that moved: the name that gets it expects it.
        moved: bool,
    },
    /// A root asks to be joined with the name.
    Link {
        /// The root that asks.
        root: Cow<'m, str>,
        /// How many names it has.
        names: u32,
    },
    /// Names that belong to the name from now on.
    Join {
        /// The names.
        aliases: Vec<Cow<'m, str>>,
        /// What they cover.
        covered: Vec<Cow<'m, str>>,
        /// What is remembered of their windows.
        remembered: Vec<Remembered>,
        /// How many events that were held under them are on their way; negative if more of them
        /// have arrived than were announced.
        expected: i32,
    },
    /// A decision was judged.
    Judged {
        /// The workflow of its window.
        workflow: Workflow,
        /// The name that the window's credential had when it was handed to the judgement.
        name: Cow<'m, str>,
        /// The detection that the window was named by.
        detected_at: Timestamp,
        /// The decision's mark.
        mark: u32,
        /// Why it is hollow; `None`: it came too late to be judged.
        hollow: Option<HollowReasons>,
    },
    /// A shorter way: what the name forwards to belongs to this name.
    Root {
        /// A name that is nearer to the root, or the root itself.
        root: Cow<'m, str>,
    },
}

impl<'m> Message<'m> {
    /// That the decision with this mark was judged, whose window had this name.
    pub fn judged(exposure: ExposureId<'m>, mark: u32, hollow: Option<HollowReasons>) -> Self {
        let ExposureId { key: Key { workflow, credential_id }, detected_at } = exposure;
        Message::Judged { workflow, name: credential_id.into(), detected_at, mark, hollow }
    }
}

impl Sent<'_> {
    /// The same, holding its own copy of every text.
    pub fn into_owned(self) -> Sent<'static> {
        let text = |text: Cow<'_, str>| Cow::<'static, str>::Owned(text.into_owned());
        let message = match self.message {
            Message::Event { event, weight, covers, moved } => {
                Message::Event { event: event.into_owned(), weight, covers, moved }
            }
            Message::Link { root, names } => Message::Link { root: text(root), names },
            Message::Join { aliases, covered, remembered, expected } => Message::Join {
                aliases: aliases.into_iter().map(text).collect(),
                covered: covered.into_iter().map(text).collect(),
                remembered,
                expected,
            },
            Message::Judged { workflow, name, detected_at, mark, hollow } => {
                Message::Judged { workflow, name: text(name), detected_at, mark, hollow }
            }
            Message::Root { root } => Message::Root { root: text(root) },
        };
        Sent { to: text(self.to), from: self.from.map(text), message }
    }
}
