//! How many changes make one name of another.
//!
//! The optimal string alignment distance: letters that are put in, left out, replaced, or swapped
//! with their neighbour. All rows of the table are computed at once, a bit for each letter (Hyyrö
//! 2003, "A bit-vector algorithm for computing Levenshtein and Damerau edit distances").

/// Letters of the longest name that is compared bit by bit.
const BITS: usize = u128::BITS as usize;

/// A name that is compared with many others.
pub(super) struct Spelling {
    /// For each ASCII letter, where it stands in the name.
    places: Box<[u128; 128]>,
    letters: usize,
}

impl Spelling {
    /// `None` for an empty name, one that is longer than [`BITS`], or not ASCII.
    pub(super) fn new(name: &str) -> Option<Spelling> {
        if name.is_empty() || name.len() > BITS || !name.is_ascii() {
            return None;
        }
        let mut places = Box::new([0; 128]);
        for (at, letter) in name.bytes().enumerate() {
            places[usize::from(letter)] |= 1 << at;
        }
        Some(Spelling { places, letters: name.len() })
    }

    /// The number of changes to `other`; `None` if that is not ASCII.
    pub(super) fn changes(&self, other: &str) -> Option<usize> {
        if !other.is_ascii() {
            return None;
        }
        let last = 1_u128 << (self.letters - 1);
        let (mut up, mut down, mut same, mut before) = (u128::MAX, 0_u128, 0_u128, 0_u128);
        let mut changes = self.letters;
        for letter in other.bytes() {
            let here = self.places[usize::from(letter)];
            let swapped = ((!same & here) << 1) & before;
            same = ((here & up).wrapping_add(up) ^ up) | here | down | swapped;
            let (more, less) = (down | !(same | up), same & up);
            changes += usize::from(more & last != 0);
            changes -= usize::from(less & last != 0);
            let (more, less) = (more << 1 | 1, less << 1);
            (up, down) = (less | !(same | more), more & same);
            before = here;
        }
        Some(changes)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn changes_are_those_of_the_plain_table(a in "[a-d]{1,128}", b in "[a-e]{0,140}") {
            let spelling = Spelling::new(&a).unwrap();
            prop_assert_eq!(spelling.changes(&b), Some(strsim::osa_distance(&a, &b)));
        }

        #[test]
        fn so_are_those_of_short_names(a in "[a-c]{1,8}", b in "[a-c]{0,8}") {
            let spelling = Spelling::new(&a).unwrap();
            prop_assert_eq!(spelling.changes(&b), Some(strsim::osa_distance(&a, &b)));
        }
    }

    #[test]
    fn what_has_no_bits_is_left_to_others() {
        assert!(Spelling::new("").is_none());
        assert!(Spelling::new("zürich").is_none());
        assert!(Spelling::new(&"a".repeat(129)).is_none());
        assert_eq!(Spelling::new("zurich").unwrap().changes("zürich"), None);
    }
}
