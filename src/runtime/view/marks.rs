//! Marks of the names in a record: who need not unpack it to know that a name is not in it.
//!
//! Invariant: what a record has is never denied. What it does not have may be affirmed: of a
//! reviewer once in 256 times, of a name of a record that has one once in 500 times.

use std::hash::BuildHasher;

use foldhash::fast::FixedState;

use crate::records::WindowRecord;

/// The bits that tell of a reviewer. All others tell of the credential's names.
const REVIEWER_BITS: u32 = 8;
const NAME_BITS: u32 = u32::BITS - REVIEWER_BITS;
/// How many of them each name sets, as in a Bloom filter (Bloom 1970).
const BITS_SET: u32 = 3;

/// The marks of one record: as many bytes as a row has to spare.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Marks(u32);

impl Marks {
    /// Those of a record.
    pub(super) fn of(record: &WindowRecord) -> Marks {
        let aliases = record.aliases.iter().flatten();
        let names = std::iter::once(&record.credential_id).chain(aliases);
        let names = names.fold(0, |marks, name| marks | of_name(name));
        Marks(names | record.reviewer.as_deref().map_or(0, of_reviewer))
    }

    /// Whether the decision may be this reviewer's.
    pub(super) fn may_be_by(self, reviewer: &str) -> bool {
        self.0 % (1 << REVIEWER_BITS) == of_reviewer(reviewer)
    }

    /// Whether this may be a name of the credential.
    pub(super) fn may_be_of(self, name: &str) -> bool {
        let marks = of_name(name);
        self.0 & marks == marks
    }
}

fn of_reviewer(reviewer: &str) -> u32 {
    hash(reviewer) % (1 << REVIEWER_BITS)
}

fn of_name(name: &str) -> u32 {
    let mut rest = hash(name);
    let mut marks = 0;
    for _ in 0..BITS_SET {
        marks |= 1 << (REVIEWER_BITS + rest % NAME_BITS);
        rest /= NAME_BITS;
    }
    marks
}

fn hash(text: &str) -> u32 {
    FixedState::with_seed(0).hash_one(text) as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::records::exposure_id;

    fn record(name: &str, aliases: &[&str], reviewer: Option<&str>) -> WindowRecord {
        let id = format!("secret_exposure/{name}/1800000000000");
        WindowRecord {
            aliases: Some(aliases.iter().copied().map(str::to_owned).collect()),
            reviewer: reviewer.map(str::to_owned),
            ..WindowRecord::detected(exposure_id::parse(&id).unwrap())
        }
    }

    #[test]
    fn what_a_record_has_is_never_denied_and_most_else_is() {
        let texts: Vec<String> = (0..500).map(|n| format!("name-{n}")).collect();
        let (mut by, mut of) = (0, 0);
        for text in &texts {
            let marks = Marks::of(&record(text, &[], Some(text)));
            assert!(marks.may_be_by(text) && marks.may_be_of(text), "{text}");
            by += texts.iter().filter(|other| marks.may_be_by(other)).count();
            of += texts.iter().filter(|other| marks.may_be_of(other)).count();
            let marks = Marks::of(&record("another", &["a", text, "b"], None));
            assert!(["another", "a", text, "b"].iter().all(|name| marks.may_be_of(name)), "{text}");
        }
        let pairs = texts.len() * texts.len();
        assert!(by < pairs / 128 && of < pairs / 200, "{by} and {of} of {pairs}");
    }
}
