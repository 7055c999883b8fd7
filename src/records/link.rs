//! Why two names are one credential, as a record.

use super::declare::record;
use super::field::Field;
use super::object::Object;
use crate::engine::identity::Linked;
use crate::time::Timestamp;

record! {
    /// A source said that two names are one credential.
    pub struct LinkRecord<T = String> {
        /// The name that the source's event was about.
        name: T,
        /// The other name.
        alias: T,
        /// The source.
        source: Option<T>,
        /// When, by the source's clock.
        time: Timestamp,
        /// The event's id.
        id: T,
    }
}

impl Field for Vec<Object<LinkRecord>> {
    const FORM: &'static str = "a list of links";
}

impl<'l, T: From<&'l str>> From<&'l Linked> for LinkRecord<T> {
    fn from(link: &'l Linked) -> LinkRecord<T> {
        let text = |text: &'l str| T::from(text);
        LinkRecord {
            name: text(&link.name),
            alias: text(&link.alias),
            source: link.source.as_deref().map(text),
            time: link.time,
            id: text(&link.id),
        }
    }
}

impl From<LinkRecord> for Linked {
    fn from(link: LinkRecord) -> Linked {
        Linked {
            name: link.name.into(),
            alias: link.alias.into(),
            source: link.source.map(Into::into),
            time: link.time,
            id: link.id.into(),
        }
    }
}
