//! Who linked two names.
//!
//! Invariant: which links are remembered of a credential depends on the set of its links, never
//! on their order.

use std::collections::BTreeSet;

use crate::time::Timestamp;

/// Links that are remembered of a credential; those last in order are left out.
const LINKS_MAX: usize = 128;

/// Two names that are one credential because a source said so.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Linked {
    /// The name that the source's event was about.
    pub name: Box<str>,
    /// The other name.
    pub alias: Box<str>,
    /// The source.
    pub source: Option<Box<str>>,
    /// When, by the source's clock.
    pub time: Timestamp,
    /// The event's id.
    pub id: Box<str>,
}

impl Linked {
    /// Bytes of its texts.
    pub fn bytes(&self) -> usize {
        let source = self.source.as_deref().map_or(0, str::len);
        self.name.len() + self.alias.len() + source + self.id.len()
    }

    fn says_the_same(&self, other: &Linked) -> bool {
        (&self.name, &self.alias, &self.source) == (&other.name, &other.alias, &other.source)
    }
}

/// Adds a link: of one source's links between two names the first counts. Says whether anything
/// has changed.
pub(super) fn add(links: &mut BTreeSet<Linked>, link: Linked) -> bool {
    match links.iter().find(|known| known.says_the_same(&link)) {
        Some(known) if (known.time, &known.id) <= (link.time, &link.id) => return false,
        Some(known) => {
            let known = known.clone();
            links.remove(&known);
        }
        None => {}
    }
    let added = link.clone();
    links.insert(link);
    while links.len() > LINKS_MAX {
        links.pop_last();
    }
    links.contains(&added)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link(alias: usize, ms: i64) -> Linked {
        Linked {
            name: "a".into(),
            alias: format!("b{alias:03}").into(),
            source: None,
            time: Timestamp::from_millis(ms),
            id: "1".into(),
        }
    }

    #[test]
    fn what_is_remembered_does_not_depend_on_the_order() {
        let all: Vec<Linked> =
            (0..300).map(|n| link(n * 7 % 150, i64::try_from(n * 13 % 41).unwrap())).collect();
        let of = |links: &mut dyn Iterator<Item = &Linked>| {
            let mut known = BTreeSet::new();
            for link in links {
                add(&mut known, link.clone());
            }
            known
        };
        let known = of(&mut all.iter());
        assert_eq!(known, of(&mut all.iter().rev()));
        assert_eq!(known.len(), LINKS_MAX);
    }

    #[test]
    fn of_one_source_the_first_link_counts() {
        let mut known = BTreeSet::new();
        assert!(add(&mut known, link(0, 5)));
        assert!(!add(&mut known, link(0, 6)));
        assert!(add(&mut known, link(0, 4)));
        assert_eq!(known.into_iter().collect::<Vec<_>>(), [link(0, 4)]);
    }
}
