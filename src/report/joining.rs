//! What did not join: names on which somebody acted and under which nothing was detected, each
//! with the nearest names of windows.
//!
//! Invariants: the time is bounded by the names of the windows and [`SUGGESTED_MAX`]; no name is
//! suggested that belongs to another workflow.

use std::fmt;

use serde::Serialize;

use super::spelling::Spelling;
use crate::engine::windows::{Key, Unjoined};
use crate::event::{Kind, Workflow};
use crate::time::Timestamp;

/// How many names get suggestions: to compare each with all others takes time.
const SUGGESTED_MAX: usize = 50;
/// Suggestions for one name.
const NEAREST_MAX: usize = 3;
/// The similarity from which on a name is suggested. Of two names with three parts each, two of
/// which are the same, 2/3 are shared.
const SIMILAR: f64 = 0.65;
/// Below this share of common parts, letters are not compared.
const COMPARED: f64 = 0.3;
/// Names up to this length are compared by their letters whatever parts they share: an access
/// key id has no parts.
const SHORT_BYTES: usize = 24;

/// One name that did not join.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct NotJoined {
    /// The name that the events have.
    pub credential_id: String,
    /// Their workflow.
    pub workflow: Workflow,
    /// The kind of the first of them.
    pub kind: Kind,
    /// The source of the first of them.
    pub source: Option<String>,
    /// The time of the first of them.
    pub time: Timestamp,
    /// How long ago that was at the moment of the report, in milliseconds.
    pub age_ms: i64,
    /// How many events have the name.
    pub events: u64,
    /// Names of windows that are most like it, the nearest first.
    pub nearest: Vec<String>,
}

/// The name, what has it, and what it may have meant.
impl fmt::Display for NotJoined {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of `{}` found no window", self.kind, self.credential_id)?;
        if let Some((last, others)) = self.nearest.split_last() {
            let others: String = others.iter().map(|name| format!("`{name}`, ")).collect();
            let or = if others.is_empty() { "" } else { "or " };
            write!(f, ": did you mean {others}{or}`{last}`?")?;
        }
        Ok(())
    }
}

/// A name that is looked for.
struct Wanted {
    name: String,
    workflow: Workflow,
    /// Its parts, in order.
    parts: Vec<String>,
    spelling: Option<Spelling>,
    /// The best so far, with their similarity.
    nearest: Vec<(f64, String)>,
}

impl NotJoined {
    /// What did not join under the name of `key`, as of a moment, without suggestions.
    pub fn new(key: Key<'_>, unjoined: &Unjoined, as_of: Timestamp) -> NotJoined {
        NotJoined {
            credential_id: key.credential_id.to_owned(),
            workflow: key.workflow,
            kind: unjoined.kind,
            source: unjoined.source.as_deref().map(str::to_owned),
            time: unjoined.time,
            age_ms: as_of.since(unjoined.time).as_millis(),
            events: unjoined.events,
            nearest: Vec::new(),
        }
    }
}

/// Takes a name, and a question whether it is one of a window: few are near enough to ask.
type Consider<'c> = dyn FnMut(Key<'_>, &mut dyn FnMut() -> bool) + 'c;

/// Adds to the first `SUGGESTED_MAX` of `found` the nearest names of windows. `names` hands the
/// names that there are to the function that it is given; one may come more than once.
pub fn suggest(found: &mut [NotJoined], names: impl FnOnce(&mut Consider<'_>)) {
    let count = found.len().min(SUGGESTED_MAX);
    if count == 0 {
        return;
    }
    let mut wanted: Vec<Wanted> =
        found[..count].iter().map(|name| Wanted::new(&name.credential_id, name.workflow)).collect();
    let mut lower = String::new();
    names(&mut |key, detected| {
        let name = key.credential_id;
        if !wanted.iter().any(|wanted| wanted.workflow == key.workflow) {
            return;
        }
        lower_into(name, &mut lower);
        let its_parts = parts(&lower);
        for wanted in wanted.iter_mut().filter(|wanted| wanted.workflow == key.workflow) {
            wanted.consider(name, &its_parts, detected);
        }
    });
    for (wanted, name) in wanted.into_iter().zip(found) {
        name.nearest = wanted.nearest.into_iter().map(|(_, name)| name).collect();
    }
}

impl Wanted {
    fn new(name: &str, workflow: Workflow) -> Wanted {
        let mut lower = String::new();
        lower_into(name, &mut lower);
        let parts = parts(&lower).into_iter().map(str::to_owned).collect();
        let (name, spelling) = (name.to_owned(), Spelling::new(name));
        Wanted { name, workflow, parts, spelling, nearest: Vec::new() }
    }

    fn consider(&mut self, name: &str, its_parts: &[&str], detected: &mut dyn FnMut() -> bool) {
        let worst = self.nearest.get(NEAREST_MAX - 1);
        let enough = worst.map_or(SIMILAR, |(worst, _)| SIMILAR.max(*worst));
        let similarity = self.similarity(name, its_parts, enough);
        // Of names that are equally near, the first in order stands first, whenever it comes.
        let key = Key { workflow: self.workflow, credential_id: name };
        let before = |(other, known): &(f64, String)| {
            let known = Key { credential_id: known, ..key };
            *other > similarity || (*other == similarity && known < key)
        };
        if similarity < SIMILAR || worst.is_some_and(before) {
            return;
        }
        if self.nearest.iter().any(|(_, known)| known == name) || !detected() {
            return;
        }
        let at = self.nearest.partition_point(before);
        self.nearest.insert(at, (similarity, name.to_owned()));
        self.nearest.truncate(NEAREST_MAX);
    }

    /// From 0 to 1: the share of common parts (Dice's coefficient), or of letters that stay in
    /// their order, whichever is more. Letters are left out where they come to less than `enough`.
    fn similarity(&self, name: &str, its_parts: &[&str], enough: f64) -> f64 {
        let has = |part: &&String| its_parts.binary_search(&part.as_str()).is_ok();
        let common = self.parts.iter().filter(has).count() as f64;
        let parts = (self.parts.len() + its_parts.len()).max(1) as f64;
        let shared = 2.0 * common / parts;
        let short = self.name.len() <= SHORT_BYTES && name.len() <= SHORT_BYTES;
        if shared < COMPARED && !short || letters_at_most(&self.name, name) < enough {
            return shared;
        }
        shared.max(self.letters(name))
    }

    /// The share of letters that stay in their order.
    fn letters(&self, name: &str) -> f64 {
        let changes = self.spelling.as_ref().and_then(|spelling| spelling.changes(name));
        let changes = changes.unwrap_or_else(|| strsim::osa_distance(&self.name, name));
        let letters = self.name.chars().count().max(name.chars().count()).max(1);
        1.0 - changes as f64 / letters as f64
    }
}

/// A bound on the share of letters that stay in their order, which takes a small part of the time:
/// every letter that one name has more of than the other is a change.
fn letters_at_most(a: &str, b: &str) -> f64 {
    if !a.is_ascii() || !b.is_ascii() {
        return 1.0;
    }
    let mut more = [0_i32; 128];
    a.bytes().for_each(|letter| more[usize::from(letter)] += 1);
    b.bytes().for_each(|letter| more[usize::from(letter)] -= 1);
    let of_a: i32 = more.iter().filter(|more| **more > 0).sum();
    let of_b: i32 = -more.iter().filter(|more| **more < 0).sum::<i32>();
    1.0 - f64::from(of_a.max(of_b)) / a.len().max(b.len()).max(1) as f64
}

/// Writes a name in lower case.
fn lower_into(name: &str, into: &mut String) {
    into.clear();
    if name.is_ascii() {
        // The same, but faster.
        into.push_str(name);
        into.make_ascii_lowercase();
    } else {
        into.extend(name.chars().flat_map(char::to_lowercase));
    }
}

/// The words and numbers of a name in lower case, in order, each once.
fn parts(lower: &str) -> Vec<&str> {
    let parts = lower.split(|c: char| !c.is_alphanumeric());
    let mut parts: Vec<_> = parts.filter(|part| !part.is_empty()).collect();
    parts.sort_unstable();
    parts.dedup();
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(name: &str) -> Wanted {
        Wanted::new(name, Workflow::SecretExposure)
    }

    fn like(a: &str, b: &str) -> bool {
        let mut lower = String::new();
        lower_into(b, &mut lower);
        wanted(a).similarity(b, &parts(&lower), SIMILAR) >= SIMILAR
    }

    #[test]
    fn the_bound_on_letters_is_one() {
        let names = [
            "",
            "c01",
            "c-01",
            "10c",
            "AKIAIOSFODNN7EXAMPEL",
            "AKIAIOSFODNN7EXAMPLE",
            "github:acme/paymnets#7",
            "github:acme/payments#7",
            "zürich",
        ];
        for (a, b) in names.iter().flat_map(|a| names.iter().map(move |b| (a, b))) {
            let letters = wanted(a).letters(b);
            assert!(letters_at_most(a, b) >= letters - 1e-12, "{a} {b}");
        }
        assert!(letters_at_most("c01", "x99") < 0.1);
    }

    #[test]
    fn the_order_of_names_does_not_matter() {
        let names = ["acme/pay#1", "acme/pay#2", "acme/pay#3", "acme/pay#4", "acme/pay#77", "c01"];
        let nearest = |names: &mut dyn Iterator<Item = &&str>| {
            let (key, time) = (
                Key { workflow: Workflow::SecretExposure, credential_id: "acme/pay#7" },
                Timestamp::MIN,
            );
            let unjoined = Unjoined { kind: Kind::DecisionMade, source: None, time, events: 1 };
            let mut found = [NotJoined::new(key, &unjoined, time)];
            suggest(&mut found, |consider| {
                names.for_each(|name| consider(Key { credential_id: name, ..key }, &mut || true));
            });
            found[0].nearest.clone()
        };
        assert_eq!(nearest(&mut names.iter()), ["acme/pay#77", "acme/pay#1", "acme/pay#2"]);
        assert_eq!(nearest(&mut names.iter().rev()), nearest(&mut names.iter()));
    }

    #[test]
    fn other_spellings_of_a_name_are_similar_and_other_names_are_not() {
        for (a, b) in [
            ("acme/payments#7", "github:acme/payments#7"),
            ("github:acme/payments/7", "github:acme/payments#7"),
            ("GITHUB:ACME/PAYMENTS#7", "github:acme/payments#7"),
            ("github:acme/paymnets#7", "github:acme/payments#7"),
            ("AKIAIOSFODNN7EXAMPEL", "AKIAIOSFODNN7EXAMPLE"),
            ("c01", "c-01"),
        ] {
            assert!(like(a, b), "{a} {b}");
        }
        for (a, b) in [
            ("github:acme/payments#7", "hmac:5f2a9c1e"),
            ("incident-4411", "github:acme/payments#7"),
            ("c1", "x9"),
        ] {
            assert!(!like(a, b), "{a} {b}");
        }
    }
}
