//! What names send each other among the events, and what is kept of a name in the changelog.
//!
//! Invariant: an event within is in the native form, and is read by the native decoder.

use std::borrow::Cow;
use std::collections::{BTreeSet, VecDeque};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::ser::SerializeStruct;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::value::RawValue;

use super::link::LinkRecord;
use crate::engine::identity::{Kept, Linked, Message, Node, Reported, Sent};
use crate::engine::oversight::HollowReasons;
use crate::engine::windows::Remembered;
use crate::event::{Relation, Workflow};
use crate::formats::{IDENTITY_FORWARDED, native_event};
use crate::time::Timestamp;

/// A message to a name, as a record of the events.
#[derive(Debug)]
pub struct Forwarded<'m>(pub &'m Sent<'m>);

/// What every message begins with, as it is written.
const BEGINNING: &[u8] = b"{\"type\":\"identity.forwarded\",";

impl Serialize for Forwarded<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Sent { to, from, message } = self.0;
        let mut record = serializer.serialize_struct("Forwarded", 6)?;
        record.serialize_field("type", IDENTITY_FORWARDED)?;
        record.serialize_field("credential_id", to)?;
        record.serialize_field("from", from)?;
        match message {
            Message::Event { event, weight, covers, moved } => {
                record.serialize_field("event", event)?;
                record.serialize_field("weight", weight)?;
                record.serialize_field("covers", covers)?;
                record.serialize_field("moved", moved)?;
            }
            Message::Reported(link) => {
                record.serialize_field("reported", &ReportedRecord::from(link))?;
            }
            Message::Link { root, aliases, covered, link } => {
                record.serialize_field("link", root)?;
                record.serialize_field("aliases", aliases)?;
                record.serialize_field("covered", covered)?;
                record.serialize_field("links", &[LinkRecord::<&str>::from(link)])?;
            }
            Message::Join { aliases, covered, links, remembered, expected } => {
                record.serialize_field("aliases", aliases)?;
                record.serialize_field("covered", covered)?;
                let links: Vec<LinkRecord<&str>> = links.iter().map(LinkRecord::from).collect();
                record.serialize_field("links", &links)?;
                let of = |it: &Remembered| {
                    (it.workflow, BASE64.encode(&it.settled), BASE64.encode(&it.former))
                };
                let remembered: Vec<_> = remembered.iter().map(of).collect();
                record.serialize_field("remembered", &remembered)?;
                record.serialize_field("expected", expected)?;
            }
            Message::Judged { workflow, name, detected_at, mark, hollow } => {
                let judged = JudgedRecord {
                    workflow: *workflow,
                    name: name.as_ref().into(),
                    detected_at: *detected_at,
                    mark: *mark,
                    hollow: *hollow,
                };
                record.serialize_field("judged", &judged)?;
            }
            Message::Root { root } => record.serialize_field("root", root)?,
        }
        record.end()
    }
}

/// A link as a source reported it.
#[derive(Serialize, Deserialize)]
struct ReportedRecord<'j> {
    name: Cow<'j, str>,
    aliases: Vec<Cow<'j, str>>,
    relation: Relation,
    source: Option<Cow<'j, str>>,
    time: Timestamp,
    id: Cow<'j, str>,
}

impl<'j> From<&'j Reported<'_>> for ReportedRecord<'j> {
    fn from(link: &'j Reported<'_>) -> ReportedRecord<'j> {
        ReportedRecord {
            name: link.name.as_ref().into(),
            aliases: link.aliases.iter().map(|alias| alias.as_ref().into()).collect(),
            relation: link.relation,
            source: link.source.as_deref().map(Cow::Borrowed),
            time: link.time,
            id: link.id.as_ref().into(),
        }
    }
}

/// The judgement of a decision whose window had this name.
#[derive(Serialize, Deserialize)]
struct JudgedRecord<'j> {
    workflow: Workflow,
    name: Cow<'j, str>,
    detected_at: Timestamp,
    mark: u32,
    hollow: Option<HollowReasons>,
}

/// The same as it is read.
#[derive(Deserialize)]
struct Read<'j> {
    credential_id: String,
    from: Option<String>,
    #[serde(borrow)]
    event: Option<&'j RawValue>,
    weight: Option<u32>,
    covers: Option<u8>,
    #[serde(default)]
    moved: bool,
    reported: Option<ReportedRecord<'static>>,
    link: Option<String>,
    #[serde(default)]
    links: Vec<LinkRecord>,
    aliases: Option<Vec<String>>,
    covered: Option<Vec<String>>,
    #[serde(default)]
    remembered: Vec<(Workflow, String, String)>,
    expected: Option<i32>,
    judged: Option<JudgedRecord<'static>>,
    root: Option<String>,
}

impl Forwarded<'_> {
    /// Whether the bytes are a message, by their beginning.
    pub fn is(bytes: &[u8]) -> bool {
        bytes.starts_with(BEGINNING)
    }

    /// Reads one; `None` when the bytes are something else.
    pub fn read(bytes: &[u8]) -> Option<Sent<'static>> {
        if !Forwarded::is(bytes) {
            return None;
        }
        let read: Read<'_> = serde_json::from_slice(bytes).ok()?;
        let texts = |texts: Vec<String>| texts.into_iter().map(Cow::Owned).collect();
        let message = if let Some(event) = read.event {
            let (weight, covers) = (read.weight?, read.covers?);
            Message::Event { event: native_event(event.get())?, weight, covers, moved: read.moved }
        } else if let Some(link) = read.reported {
            let ReportedRecord { name, aliases, relation, source, time, id } = link;
            Message::Reported(Reported { name, aliases, relation, source, time, id })
        } else if let Some(root) = read.link {
            let (aliases, covered) = (texts(read.aliases?), texts(read.covered?));
            let link = read.links.into_iter().next()?.into();
            Message::Link { root: root.into(), aliases, covered, link }
        } else if let Some(root) = read.root {
            Message::Root { root: root.into() }
        } else if let Some(judged) = read.judged {
            let JudgedRecord { workflow, name, detected_at, mark, hollow } = judged;
            Message::Judged { workflow, name, detected_at, mark, hollow }
        } else {
            let remembered = read.remembered.into_iter().map(|(workflow, settled, former)| {
                let settled = BASE64.decode(settled).ok()?;
                Some(Remembered { workflow, settled, former: BASE64.decode(former).ok()? })
            });
            let remembered = remembered.collect::<Option<_>>()?;
            let (aliases, covered) = (texts(read.aliases?), texts(read.covered?));
            let links = read.links.into_iter().map(Linked::from).collect();
            Message::Join { aliases, covered, links, remembered, expected: read.expected? }
        };
        Some(Sent { to: read.credential_id.into(), from: read.from.map(Cow::Owned), message })
    }
}

/// What is known of a name, as a record of the changelog: a child has a parent, and a root the
/// other fields.
#[derive(Default, Serialize, Deserialize)]
struct NodeRecord {
    parent: Option<Box<str>>,
    aliases: BTreeSet<Box<str>>,
    covered: BTreeSet<Box<str>>,
    kept: Vec<KeptRecord>,
    /// Events on their way.
    expected: i32,
    links: Vec<LinkRecord>,
    /// In milliseconds since 1970: a partition's time may be one that no event can have.
    used: i64,
}

#[derive(Serialize, Deserialize)]
struct KeptRecord {
    event: Box<RawValue>,
    weight: u32,
    covers: u8,
}

/// The node as bytes of the changelog.
///
/// # Errors
/// None but those of the JSON library, which has none for these types.
pub fn write_node(node: &Node) -> serde_json::Result<Vec<u8>> {
    let record = match node.clone() {
        Node::Child { parent, used } => {
            NodeRecord { parent: Some(parent), used: used.as_millis(), ..NodeRecord::default() }
        }
        Node::Root { aliases, covered, kept, expected, links, used } => {
            let links = links.iter().map(LinkRecord::from).collect();
            let kept = kept.into_iter().map(|kept| {
                let event = serde_json::value::to_raw_value(&kept.event)?;
                Ok(KeptRecord { event, weight: kept.weight, covers: kept.covers })
            });
            let kept = kept.collect::<serde_json::Result<_>>()?;
            NodeRecord {
                parent: None,
                aliases,
                covered,
                kept,
                expected,
                links,
                used: used.as_millis(),
            }
        }
    };
    serde_json::to_vec(&record)
}

/// The node that [`write_node`] wrote; `None` for anything else.
pub fn read_node(bytes: &[u8]) -> Option<Node> {
    let record: NodeRecord = serde_json::from_slice(bytes).ok()?;
    let NodeRecord { parent, aliases, covered, kept, expected, links, used } = record;
    let used = Timestamp::from_millis(used);
    if let Some(parent) = parent {
        return Some(Node::Child { parent, used });
    }
    let kept = kept.into_iter().map(|kept| {
        let event = native_event(kept.event.get())?;
        Some(Kept { event, weight: kept.weight, covers: kept.covers })
    });
    let kept: VecDeque<Kept> = kept.collect::<Option<_>>()?;
    let links = links.into_iter().map(Linked::from).collect();
    Some(Node::Root { aliases, covered, kept, expected, links, used })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Body, Event, Relation};

    fn event(body: Body<'static>) -> Event<'static> {
        Event {
            id: "e\"1".into(),
            time: Timestamp::from_millis(1_800_000_000_000),
            credential_id: "SEC-42".into(),
            workflow: Workflow::SocClassification,
            source: Some("desk".into()),
            severity: None,
            owner: None,
            noted: crate::event::Noted::default(),
            body,
        }
    }

    #[test]
    fn messages_come_back_as_they_went() {
        let link = || Linked {
            name: "a".into(),
            alias: "b".into(),
            source: Some("scan".into()),
            time: Timestamp::from_millis(1_800_000_000_000),
            id: "1".into(),
        };
        let messages = [
            Message::Event {
                event: event(Body::CredentialAbused),
                weight: 3,
                covers: 1,
                moved: true,
            },
            Message::Reported(Reported {
                name: "a".into(),
                aliases: vec!["é".into()],
                relation: Relation::Covers,
                source: None,
                time: Timestamp::from_millis(1_800_000_000_000),
                id: "1".into(),
            }),
            Message::Link {
                root: "a".into(),
                aliases: vec!["b".into()],
                covered: vec![],
                link: link(),
            },
            Message::Join {
                aliases: vec!["b".into(), "c".into()],
                covered: vec![],
                links: vec![link()],
                remembered: vec![Remembered {
                    workflow: Workflow::PolicyChange,
                    settled: vec![0, 1, 255],
                    former: vec![7],
                }],
                expected: -2,
            },
            Message::Root { root: "a\\b".into() },
            Message::Judged {
                workflow: Workflow::PolicyChange,
                name: "b".into(),
                detected_at: Timestamp::from_millis(1_800_000_000_000),
                mark: 7,
                hollow: Some(HollowReasons::default()),
            },
        ];
        for message in messages {
            for from in [None, Some("child".into())] {
                let sent = Sent { to: "SEC-42".into(), from, message: message.clone() };
                let bytes = serde_json::to_vec(&Forwarded(&sent)).unwrap();
                assert_eq!(Forwarded::read(&bytes), Some(sent));
            }
        }
        assert_eq!(Forwarded::read(b"{\"type\":\"review.judged\"}"), None);
        assert_eq!(Forwarded::read(b"{\"type\":\"identity.forwarded\",\"root\":1}"), None);
    }

    #[test]
    fn nodes_come_back_as_they_went() {
        let used = Timestamp::from_millis(1);
        let kept = Kept { event: event(Body::CredentialAbused), weight: 2, covers: 1 };
        let link = Linked {
            name: "a".into(),
            alias: "b".into(),
            source: None,
            time: Timestamp::from_millis(1_800_000_000_000),
            id: "1".into(),
        };
        let root = Node::Root {
            aliases: ["b".into(), "c".into()].into(),
            covered: ["k".into()].into(),
            kept: [kept].into(),
            expected: 3,
            links: [link].into(),
            used,
        };
        for node in [Node::Child { parent: "a".into(), used }, root] {
            let bytes = write_node(&node).unwrap();
            assert_eq!(read_node(&bytes), Some(node));
        }
        assert_eq!(read_node(b"{}"), None);
    }
}
