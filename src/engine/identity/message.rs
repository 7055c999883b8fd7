//! What names send each other.

use std::borrow::Cow;

use crate::engine::windows::Remembered;
use crate::event::Event;

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
        /// What is remembered of their final windows.
        remembered: Vec<Remembered>,
    },
    /// A shorter way: what the name forwards to belongs to this name.
    Root {
        /// A name that is nearer to the root, or the root itself.
        root: Cow<'m, str>,
    },
}

impl Sent<'_> {
    /// The same, holding its own copy of every text.
    pub fn into_owned(self) -> Sent<'static> {
        let text = |text: Cow<'_, str>| Cow::<'static, str>::Owned(text.into_owned());
        let message = match self.message {
            Message::Event { event, weight, covers } => {
                Message::Event { event: event.into_owned(), weight, covers }
            }
            Message::Link { root, names } => Message::Link { root: text(root), names },
            Message::Join { aliases, covered, remembered } => Message::Join {
                aliases: aliases.into_iter().map(text).collect(),
                covered: covered.into_iter().map(text).collect(),
                remembered,
            },
            Message::Root { root } => Message::Root { root: text(root) },
        };
        Sent { to: text(self.to), from: self.from.map(text), message }
    }
}
