//! Which partitions a client has fetched up to their ends, as its statistics say.
//!
//! librdkafka reports the end of a partition when a fetch brings nothing. Where records keep
//! coming, no fetch does, though the client may be no further behind than a few milliseconds. Its
//! statistics tell the two apart without a request to the brokers.

use std::borrow::Cow;
use std::collections::HashMap;

use serde::Deserialize;

use crate::time::Span;

/// How often the client reports.
pub(super) const EVERY: Span = Span::from_millis(250);

/// A partition of which everything is fetched that the latest answer of its broker knew.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fetched {
    pub(super) topic: String,
    pub(super) partition: i32,
    /// The next offset to be fetched.
    pub(super) next: i64,
}

#[derive(Deserialize)]
struct Statistics<'j> {
    #[serde(borrow, default)]
    topics: HashMap<Cow<'j, str>, Topic>,
}

#[derive(Deserialize)]
struct Topic {
    partitions: HashMap<i32, Partition>,
}

/// Both are negative or zero before the first answer. The end is that of the records that
/// readers of committed records may see.
#[derive(Deserialize)]
struct Partition {
    next_offset: i64,
    ls_offset: i64,
}

/// Reads librdkafka's statistics. What cannot be read says nothing.
pub(super) fn read(json: &[u8]) -> Vec<Fetched> {
    let Ok(Statistics { topics }) = serde_json::from_slice(json) else { return Vec::new() };
    let mut fetched = Vec::new();
    for (topic, Topic { partitions }) in topics {
        let up_to_end = |at: &Partition| at.ls_offset >= 0 && at.next_offset >= at.ls_offset;
        for (partition, at) in partitions.iter().filter(|(_, at)| up_to_end(at)) {
            let (topic, next) = (topic.clone().into_owned(), at.next_offset);
            fetched.push(Fetched { topic, partition: *partition, next });
        }
    }
    fetched
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_fetched_up_to_its_end_counts() {
        let json = br#"{ "name": "c", "ts": 5, "brokers": {}, "topics": { "events": {
            "topic": "events", "partitions": {
            "0": { "partition": 0, "next_offset": 7, "ls_offset": 7, "hi_offset": 9 },
            "1": { "partition": 1, "next_offset": 6, "ls_offset": 7, "hi_offset": 9 },
            "2": { "partition": 2, "next_offset": 0, "ls_offset": -1001, "hi_offset": -1001 },
            "-1": { "partition": -1, "next_offset": 0, "ls_offset": -1001 } } } } }"#;
        let at = Fetched { topic: "events".to_owned(), partition: 0, next: 7 };
        assert_eq!(read(json), [at]);
        assert_eq!(read(b"{}"), []);
        assert_eq!(read(b"no JSON"), []);
    }
}
