//! Sources of events as label values: a bounded set of names that come from outside.
//!
//! Invariants: the count under a name covers all events of that source, from its first one;
//! in a replay, which names get a label depends on the names only, not on their order; the
//! label of a source never equals that of another source, of no source, or of the rest.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use crate::event::Kind;

/// Sources with a label of their own; the rest share one.
pub const SOURCES_MAX: usize = 64;

/// The label of all sources beyond the bound.
const OTHER: &str = "_other";

/// Whose events are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source<'s> {
    /// Events that name no source.
    None,
    /// Events of this source.
    Named(&'s str),
    /// Events of the sources beyond the bound.
    Other,
}

impl<'s> Source<'s> {
    /// The label's value: empty for none, which to Prometheus is no label at all;
    /// `_other` for the rest. A name of that form (underscores, then `other`) gets
    /// one more underscore, so that every source has a value of its own.
    pub fn label(self) -> Cow<'s, str> {
        match self {
            Source::None => Cow::Borrowed(""),
            Source::Other => Cow::Borrowed(OTHER),
            Source::Named(name) if is_escaped(name) => Cow::Owned(format!("_{name}")),
            Source::Named(name) => Cow::Borrowed(name),
        }
    }
}

impl<'s> From<Option<&'s str>> for Source<'s> {
    fn from(name: Option<&'s str>) -> Source<'s> {
        name.filter(|name| !name.is_empty()).map_or(Source::None, Source::Named)
    }
}

fn is_escaped(name: &str) -> bool {
    name.starts_with('_') && name.trim_start_matches('_') == "other"
}

/// Events by kind and source, for a run that shows its counts only at the end.
///
/// Of more than [`SOURCES_MAX`] names it keeps the smallest in byte order. A name that is
/// among the smallest at the end was among them at every earlier moment, so its count was
/// never dropped and is complete.
#[derive(Clone, Debug, Default)]
pub struct SourceCounts {
    named: BTreeMap<String, [u64; Kind::ALL.len()]>,
    none: [u64; Kind::ALL.len()],
    other: [u64; Kind::ALL.len()],
}

impl SourceCounts {
    /// Adds events of one kind and source.
    pub fn add(&mut self, kind: Kind, source: Option<&str>, count: u64) {
        let mut counts = [0; Kind::ALL.len()];
        counts[kind as usize] = count;
        match Source::from(source) {
            Source::Named(name) => self.add_named(name, &counts),
            Source::None | Source::Other => add(&mut self.none, &counts),
        }
    }

    fn add_named(&mut self, name: &str, counts: &[u64; Kind::ALL.len()]) {
        if let Some(known) = self.named.get_mut(name) {
            return add(known, counts);
        }
        if self.named.len() < SOURCES_MAX {
            self.named.insert(name.to_owned(), *counts);
            return;
        }
        let last = self.named.last_entry().filter(|last| name < last.key().as_str());
        let Some(last) = last else { return add(&mut self.other, counts) };
        let dropped = last.remove();
        add(&mut self.other, &dropped);
        self.named.insert(name.to_owned(), *counts);
    }

    /// Adds all counts of another one.
    pub fn merge(&mut self, from: &SourceCounts) {
        for (name, counts) in &from.named {
            self.add_named(name, counts);
        }
        add(&mut self.none, &from.none);
        add(&mut self.other, &from.other);
    }

    /// Every kind and source with its count unless that is zero, in order.
    pub fn iter(&self) -> impl Iterator<Item = (Kind, Source<'_>, u64)> {
        let named = self.named.iter().map(|(name, counts)| (Source::Named(name), counts));
        let all = [(Source::None, &self.none)].into_iter().chain(named);
        all.chain([(Source::Other, &self.other)]).flat_map(|(source, counts)| {
            Kind::ALL
                .iter()
                .zip(counts)
                .filter(|(_, count)| **count > 0)
                .map(move |(kind, count)| (*kind, source, *count))
        })
    }
}

fn add(to: &mut [u64; Kind::ALL.len()], from: &[u64; Kind::ALL.len()]) {
    to.iter_mut().zip(from).for_each(|(to, n)| *to += n);
}

/// The names with a label of their own in a run without an end. A counter that was shown must
/// not fall, so the first names keep theirs.
#[derive(Debug, Default)]
pub(super) struct SourcesSeen(Mutex<BTreeSet<String>>);

impl SourcesSeen {
    /// The label under which a source counts from now on.
    pub(super) fn bounded<'s>(&self, source: Source<'s>) -> Source<'s> {
        let Source::Named(name) = source else { return source };
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.contains(name) {
            return source;
        }
        if seen.len() >= SOURCES_MAX {
            return Source::Other;
        }
        seen.insert(name.to_owned());
        source
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(counts: &SourceCounts) -> Vec<(String, u64)> {
        counts.iter().map(|(_, source, count)| (source.label().into_owned(), count)).collect()
    }

    #[test]
    fn every_source_has_a_label_of_its_own() {
        let names = [
            "none", "other", "_other", "__other", "_", "__", "_others", "other_", "_Other",
            "a_other",
        ];
        let sources = names.map(Source::Named).into_iter().chain([Source::None, Source::Other]);
        let labels: BTreeSet<String> = sources.map(|source| source.label().into_owned()).collect();
        assert_eq!(labels.len(), names.len() + 2, "{labels:?}");
        assert!(labels.contains("none") && labels.contains("other") && labels.contains("___other"));
        assert_eq!(Source::from(Some("")), Source::None);
    }

    #[test]
    fn beyond_the_bound_neither_order_nor_cut_matters() {
        let events: Vec<(Option<String>, u64)> = (0..3 * SOURCES_MAX as u64)
            .map(|n| (Some(format!("s{:03}", n * 71 % 192)), n + 1))
            .chain([(None, 5), (Some("s000".into()), 7), (Some("other".into()), 3)])
            .collect();
        let count = |events: &mut dyn Iterator<Item = &(Option<String>, u64)>| {
            let mut counts = SourceCounts::default();
            events.for_each(|(name, n)| counts.add(Kind::LeakDetected, name.as_deref(), *n));
            counts
        };
        let forth = told(&count(&mut events.iter()));
        assert_eq!(forth, told(&count(&mut events.iter().rev())));
        for cut in [1, 50, 100, 150] {
            let (head, tail) = events.split_at(cut);
            let mut merged = count(&mut tail.iter());
            merged.merge(&count(&mut head.iter()));
            assert_eq!(told(&merged), forth, "cut at {cut}");
        }
        assert_eq!(forth.len(), SOURCES_MAX + 2);
        assert_eq!(forth[0], (String::new(), 5));
        let sum: u64 = events.iter().map(|(_, n)| n).sum();
        assert_eq!(forth.iter().map(|(_, n)| n).sum::<u64>(), sum);
        assert_eq!(forth[1], ("other".into(), 3));
        assert_eq!(forth[2], ("s000".into(), 1 + 7));
    }

    #[test]
    fn a_label_once_given_is_kept() {
        let seen = SourcesSeen::default();
        let names: Vec<String> = (0..SOURCES_MAX + 10).map(|n| format!("{:03}", 900 - n)).collect();
        for round in 0..2 {
            for (at, name) in names.iter().enumerate() {
                let bounded = seen.bounded(Source::Named(name));
                assert_eq!(bounded == Source::Other, at >= SOURCES_MAX, "{round} {name}");
            }
        }
        assert_eq!(seen.bounded(Source::None), Source::None);
    }
}
