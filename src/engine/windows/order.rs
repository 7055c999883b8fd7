//! Order and uniqueness: a log as it arrived → its events sorted and distinct.
//!
//! Invariants: the order is total (time, rank, id, content), so the result does
//! not depend on arrival; no weight is lost when a repeat is dropped.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use super::log::{self, Head, Log};

/// Up to this many events, comparing all pairs beats building a set.
const PAIRWISE_MAX: usize = 24;

/// Lists the events of `log` in order and without repeats of an id; returns
/// how many repeats were dropped.
pub(super) fn ordered(log: Log<'_>, heads: &mut Vec<Head>) -> u64 {
    log::heads(log, heads);
    let before = |a: &Head, b: &Head| {
        (a.time, a.rank())
            .cmp(&(b.time, b.rank()))
            .then_with(|| a.id(log).cmp(&b.id(log)))
            .then_with(|| content(log, *a).cmp(&content(log, *b)))
    };
    if !heads.is_sorted_by(|a, b| before(a, b).is_le()) {
        heads.sort_unstable_by(before);
    }
    if heads.len() <= PAIRWISE_MAX {
        drop_repeats_pairwise(log, heads)
    } else {
        drop_repeats(log, heads)
    }
}

/// What an event says but for its id, in bytes that are the same in any run: with
/// all texts in full, as their numbers depend on arrival.
fn content(log: Log<'_>, head: Head) -> Vec<u8> {
    let mut content = Vec::new();
    append_content(log, head, &mut content);
    content
}

/// [`content`], appended to `into`.
pub(super) fn append_content(log: Log<'_>, head: Head, into: &mut Vec<u8>) {
    if let Some(event) = head.event(log) {
        log::push(into, &event, head.weight, |_| None);
    }
}

fn drop_repeats_pairwise(log: Log<'_>, heads: &mut Vec<Head>) -> u64 {
    let mut dropped = 0;
    let mut at = 1;
    while at < heads.len() {
        let id = heads[at].written_id(log);
        match heads[..at].iter().position(|first| first.written_id(log) == id) {
            Some(first) => {
                let repeat = heads.remove(at);
                heads[first].absorb(repeat);
                dropped += 1;
            }
            None => at += 1,
        }
    }
    dropped
}

fn drop_repeats(log: Log<'_>, heads: &mut Vec<Head>) -> u64 {
    let mut first_of = HashMap::with_capacity(heads.len());
    let mut kept = Vec::with_capacity(heads.len());
    for head in heads.iter() {
        match first_of.entry(head.written_id(log)) {
            Entry::Occupied(first) => {
                let first: &mut Head = &mut kept[*first.get()];
                first.absorb(*head);
            }
            Entry::Vacant(free) => {
                free.insert(kept.len());
                kept.push(*head);
            }
        }
    }
    let dropped = heads.len() - kept.len();
    *heads = kept;
    dropped as u64
}
