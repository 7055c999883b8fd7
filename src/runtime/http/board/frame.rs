//! Snapshots as bytes of the stream: a whole one, or the change since the one before.
//!
//! Invariants: frame *n* with the change of frame *n + 1* applied equals the whole of frame
//! *n + 1*; both are encoded once, however many boards there are.

use std::collections::BTreeMap;

use hyper::body::Bytes;
use serde::Serialize;
use serde_json::value::RawValue;

/// Rows by name, each as JSON.
pub(super) type Rows = BTreeMap<String, Box<RawValue>>;

/// Everything that the board shows at one moment.
#[derive(Debug, Default)]
pub(super) struct Snapshot {
    /// Parts that are replaced as a whole.
    pub(super) parts: BTreeMap<&'static str, Box<RawValue>>,
    /// Parts that are lists, which change by row.
    pub(super) lists: BTreeMap<&'static str, Rows>,
}

/// An encoded snapshot.
#[derive(Debug)]
pub(super) struct Frame {
    pub(super) number: u64,
    /// The change, for boards that have the frame before.
    pub(super) change: Bytes,
    /// The whole, for all other boards.
    pub(super) whole: Bytes,
}

#[derive(Serialize)]
struct Message<'p> {
    n: u64,
    parts: BTreeMap<&'static str, &'p RawValue>,
    lists: BTreeMap<&'static str, Change<'p>>,
}

#[derive(Default, Serialize)]
struct Change<'p> {
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    set: BTreeMap<&'p str, &'p RawValue>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    gone: Vec<&'p str>,
}

impl Snapshot {
    /// The frame of this snapshot when the one before it was `before`.
    pub(super) fn frame(&self, number: u64, before: &Snapshot) -> Frame {
        let nothing = Snapshot::default();
        Frame {
            number,
            change: self.message(number, "change", before),
            whole: self.message(number, "whole", &nothing),
        }
    }

    fn message(&self, n: u64, name: &str, before: &Snapshot) -> Bytes {
        let parts = self.parts.iter().filter(|(part, now)| {
            before.parts.get(**part).is_none_or(|before| before.get() != now.get())
        });
        let empty = Rows::new();
        let lists = self.lists.iter().filter_map(|(list, rows)| {
            let before = before.lists.get(list);
            let change = Change::of(rows, before.unwrap_or(&empty));
            // A new list is sent even if it is empty.
            let send = before.is_none() || !change.set.is_empty() || !change.gone.is_empty();
            send.then_some((*list, change))
        });
        let message = Message {
            n,
            parts: parts.map(|(part, now)| (*part, &**now)).collect(),
            lists: lists.collect(),
        };
        // Texts and numbers can always be written as JSON. It has no line ends here, which
        // would end the message.
        let json = serde_json::to_string(&message).unwrap_or_default();
        Bytes::from(format!("event: {name}\ndata: {json}\n\n"))
    }
}

impl<'p> Change<'p> {
    fn of(rows: &'p Rows, before: &'p Rows) -> Change<'p> {
        let changed = rows
            .iter()
            .filter(|(name, row)| before.get(*name).is_none_or(|before| before.get() != row.get()));
        Change {
            set: changed.map(|(name, row)| (name.as_str(), &**row)).collect(),
            gone: before
                .keys()
                .filter(|name| !rows.contains_key(*name))
                .map(String::as_str)
                .collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json, value::to_raw_value};

    use super::*;

    fn snapshot(part: &str, rows: &[(&str, i32)]) -> Snapshot {
        let rows = rows.iter().map(|(name, row)| ((*name).to_owned(), to_raw_value(row).unwrap()));
        Snapshot {
            parts: [("part", to_raw_value(part).unwrap())].into(),
            lists: [("list", rows.collect())].into(),
        }
    }

    fn read(bytes: &Bytes) -> Value {
        let text = std::str::from_utf8(bytes).unwrap();
        let (_, data) = text.split_once("\ndata: ").unwrap();
        serde_json::from_str(data.strip_suffix("\n\n").unwrap()).unwrap()
    }

    #[test]
    fn a_change_holds_what_changed_and_what_is_gone() {
        let before = snapshot("a", &[("x", 1), ("y", 2)]);
        let frame = snapshot("a", &[("y", 3), ("z", 4)]).frame(7, &before);
        let expected = json!({"n": 7, "parts": {}, "lists": {"list": {"set": {"y": 3, "z": 4}, "gone": ["x"]}}});
        assert_eq!(read(&frame.change), expected);
        assert!(frame.change.starts_with(b"event: change\n"));
        let all =
            json!({"n": 7, "parts": {"part": "a"}, "lists": {"list": {"set": {"y": 3, "z": 4}}}});
        assert_eq!(read(&frame.whole), all);
    }

    #[test]
    fn unchanged_parts_are_not_sent_again_but_an_empty_list_is_sent_once() {
        let before = snapshot("a", &[]);
        let frame = snapshot("b", &[]).frame(2, &before);
        assert_eq!(read(&frame.change), json!({"n": 2, "parts": {"part": "b"}, "lists": {}}));
        let whole = json!({"n": 2, "parts": {"part": "b"}, "lists": {"list": {}}});
        assert_eq!(read(&frame.whole), whole);
    }
}
