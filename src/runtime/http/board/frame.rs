//! Pictures as bytes of the stream: all of one, or what changed since the one before.
//!
//! Invariants: whoever has frame *n* and applies the change of frame *n + 1* has what
//! the whole of frame *n + 1* says; both are made once.

use std::collections::BTreeMap;

use hyper::body::Bytes;
use serde::Serialize;
use serde_json::value::RawValue;

/// Rows by name, each as JSON.
pub(super) type Rows = BTreeMap<String, Box<RawValue>>;

/// Everything that the board shows at one moment.
#[derive(Debug, Default)]
pub(super) struct Picture {
    /// Parts that are replaced as a whole.
    pub(super) parts: BTreeMap<&'static str, Box<RawValue>>,
    /// Parts that are lists, which change by row.
    pub(super) lists: BTreeMap<&'static str, Rows>,
}

/// A picture, to be sent.
#[derive(Debug)]
pub(super) struct Frame {
    pub(super) number: u64,
    /// For who has the frame before.
    pub(super) change: Bytes,
    /// For everybody else.
    pub(super) whole: Bytes,
}

#[derive(Serialize)]
struct Told<'p> {
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

impl Picture {
    /// The frame that shows this picture after `before`.
    pub(super) fn frame(&self, number: u64, before: &Picture) -> Frame {
        let nothing = Picture::default();
        Frame {
            number,
            change: self.told(number, "change", before),
            whole: self.told(number, "whole", &nothing),
        }
    }

    fn told(&self, n: u64, name: &str, before: &Picture) -> Bytes {
        let parts = self.parts.iter().filter(|(part, now)| {
            before.parts.get(**part).is_none_or(|before| before.get() != now.get())
        });
        let empty = Rows::new();
        let lists = self.lists.iter().filter_map(|(list, rows)| {
            let before = before.lists.get(list);
            let change = Change::of(rows, before.unwrap_or(&empty));
            // An empty list has to be known of, too.
            let tell = before.is_none() || !change.set.is_empty() || !change.gone.is_empty();
            tell.then_some((*list, change))
        });
        let told = Told {
            n,
            parts: parts.map(|(part, now)| (*part, &**now)).collect(),
            lists: lists.collect(),
        };
        // Texts and numbers always are JSON; nothing is what would be left. JSON of
        // this library has no line ends, which would end the message.
        let json = serde_json::to_string(&told).unwrap_or_default();
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

    fn picture(part: &str, rows: &[(&str, i32)]) -> Picture {
        let rows = rows.iter().map(|(name, row)| ((*name).to_owned(), to_raw_value(row).unwrap()));
        Picture {
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
        let before = picture("a", &[("x", 1), ("y", 2)]);
        let frame = picture("a", &[("y", 3), ("z", 4)]).frame(7, &before);
        let told = json!({"n": 7, "parts": {}, "lists": {"list": {"set": {"y": 3, "z": 4}, "gone": ["x"]}}});
        assert_eq!(read(&frame.change), told);
        assert!(frame.change.starts_with(b"event: change\n"));
        let all =
            json!({"n": 7, "parts": {"part": "a"}, "lists": {"list": {"set": {"y": 3, "z": 4}}}});
        assert_eq!(read(&frame.whole), all);
    }

    #[test]
    fn what_stays_is_not_told_again_but_an_empty_list_is_told_once() {
        let before = picture("a", &[]);
        let frame = picture("b", &[]).frame(2, &before);
        assert_eq!(read(&frame.change), json!({"n": 2, "parts": {"part": "b"}, "lists": {}}));
        let whole = json!({"n": 2, "parts": {"part": "b"}, "lists": {"list": {}}});
        assert_eq!(read(&frame.whole), whole);
    }
}
