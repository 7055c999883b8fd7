//! What names send each other.

use std::borrow::Cow;

use super::linked::Linked;
use crate::engine::oversight::HollowReasons;
use crate::engine::windows::{ExposureId, Key, Remembered};
use crate::event::{Event, Relation, Workflow};
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

/// A link between names as a source reported it.
#[derive(Clone, Debug, PartialEq)]
pub struct Reported<'m> {
    /// The name that the event was about.
    pub name: Cow<'m, str>,
    /// The other names.
    pub aliases: Vec<Cow<'m, str>>,
    /// How they belong together.
    pub relation: Relation,
    /// The source.
    pub source: Option<Cow<'m, str>>,
    /// When, by the source's clock.
    pub time: Timestamp,
    /// The event's id.
    pub id: Cow<'m, str>,
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
    /// A source says how the name belongs to others.
    Reported(Reported<'m>),
    /// A root asks to be joined with the name.
    Link {
        /// The root that asks.
        root: Cow<'m, str>,
        /// Its other names.
        aliases: Vec<Cow<'m, str>>,
        /// What it covers.
        covered: Vec<Cow<'m, str>>,
        /// The link that it asks for.
        link: Linked,
    },
    /// Names that belong to the name from now on.
    Join {
        /// The names.
        aliases: Vec<Cow<'m, str>>,
        /// What they cover.
        covered: Vec<Cow<'m, str>>,
        /// Why they belong together.
        links: Vec<Linked>,
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
        fn text(text: Cow<'_, str>) -> Cow<'static, str> {
            Cow::Owned(text.into_owned())
        }
        let texts = |all: Vec<Cow<'_, str>>| all.into_iter().map(text).collect();
        let message = match self.message {
            Message::Event { event, weight, covers, moved } => {
                Message::Event { event: event.into_owned(), weight, covers, moved }
            }
            Message::Reported(Reported { name, aliases, relation, source, time, id }) => {
                Message::Reported(Reported {
                    name: text(name),
                    aliases: texts(aliases),
                    relation,
                    source: source.map(text),
                    time,
                    id: text(id),
                })
            }
            Message::Link { root, aliases, covered, link } => Message::Link {
                root: text(root),
                aliases: texts(aliases),
                covered: texts(covered),
                link,
            },
            Message::Join { aliases, covered, links, remembered, expected } => Message::Join {
                aliases: texts(aliases),
                covered: texts(covered),
                links,
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
