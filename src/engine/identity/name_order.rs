//! Which of a credential's names people know best.
//!
//! Invariants: the choice depends on the set of names alone; the id of a credential stays the
//! smallest of its names, whatever is shown.

use std::fmt;

use super::name_kind::NameKind;

/// Which names are shown before others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NameOrder(Vec<Preferred>);

/// Names that come at one place of the order.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Preferred {
    Kind(NameKind),
    /// Names that begin so.
    Prefix(String),
}

/// The names of one credential as they are shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownAs<'n> {
    /// The best-known one.
    pub best: &'n str,
    /// The others, the better-known first.
    pub others: Vec<&'n str>,
}

/// Why an order is none. The texts are not quoted: they may be anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NameOrderError {
    /// One of them is no kind and does not end in `*`.
    Unknown,
    /// One of them is there twice.
    Twice,
}

impl fmt::Display for NameOrderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NameOrderError::Unknown => {
                let kinds: Vec<&str> = NameKind::ALL.iter().map(|kind| kind.as_str()).collect();
                write!(
                    f,
                    "each must be one of {}, or the beginning of names and a `*`, like \
                     \"payments-*\"",
                    kinds.join(", ")
                )
            }
            NameOrderError::Twice => f.write_str("one is there twice; remove it"),
        }
    }
}

impl std::error::Error for NameOrderError {}

/// All kinds: what people say to each other first, digests last.
impl Default for NameOrder {
    fn default() -> NameOrder {
        NameOrder(NameKind::ALL.iter().map(|kind| Preferred::Kind(*kind)).collect())
    }
}

impl NameOrder {
    /// Reads the names of kinds, and beginnings of names that end in `*`.
    ///
    /// # Errors
    /// A text that is neither, or one that is there twice.
    pub fn parse<T: AsRef<str>>(words: &[T]) -> Result<NameOrder, NameOrderError> {
        let mut order = Vec::with_capacity(words.len());
        for word in words {
            let word = word.as_ref();
            let preferred = match (NameKind::parse(word), word.strip_suffix('*')) {
                (Some(kind), _) => Preferred::Kind(kind),
                (None, Some(prefix)) if !prefix.is_empty() => Preferred::Prefix(prefix.to_owned()),
                _ => return Err(NameOrderError::Unknown),
            };
            if order.contains(&preferred) {
                return Err(NameOrderError::Twice);
            }
            order.push(preferred);
        }
        Ok(NameOrder(order))
    }

    /// What [`NameOrder::parse`] reads.
    pub fn words(&self) -> Vec<String> {
        let word = |preferred: &Preferred| match preferred {
            Preferred::Kind(kind) => kind.to_string(),
            Preferred::Prefix(prefix) => format!("{prefix}*"),
        };
        self.0.iter().map(word).collect()
    }

    /// The names of a credential, the best-known first: by the order, and in the order of bytes
    /// within one place of it. Names that the order does not mention come last.
    pub fn known_as<'n, T: AsRef<str>>(&self, id: &'n str, aliases: &'n [T]) -> KnownAs<'n> {
        if aliases.is_empty() {
            return KnownAs { best: id, others: Vec::new() };
        }
        let mut all: Vec<&str> = aliases.iter().map(AsRef::as_ref).chain([id]).collect();
        all.sort_by_cached_key(|name| (self.place(name), *name));
        all.dedup();
        KnownAs { best: all.remove(0), others: all }
    }

    fn place(&self, name: &str) -> usize {
        let kind = NameKind::of(name);
        let is = |preferred: &Preferred| match preferred {
            Preferred::Kind(own) => *own == kind,
            Preferred::Prefix(prefix) => name.starts_with(prefix.as_str()),
        };
        self.0.iter().position(is).unwrap_or(self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "AKIAIOSFODNN7EXAMPLE";
    const OTHERS: [&str; 4] =
        ["SEC-42", "gg:31605", "github:github.com/4711#12", "hmac:0ed7535498493b33"];

    #[test]
    fn the_ticket_is_known_best_and_the_digest_least() {
        let shown = NameOrder::default().known_as(ID, &OTHERS);
        assert_eq!(shown.best, "SEC-42");
        assert_eq!(shown.others, ["gg:31605", "github:github.com/4711#12", ID, OTHERS[3]]);
    }

    #[test]
    fn the_order_of_the_names_does_not_matter() {
        let mut turned = OTHERS;
        turned.reverse();
        let order = NameOrder::default();
        assert_eq!(order.known_as(ID, &OTHERS), order.known_as(ID, &turned));
    }

    #[test]
    fn an_own_order_counts_and_what_it_does_not_mention_comes_last() {
        let order = NameOrder::parse(&["key_id", "gg:*"]).unwrap();
        let shown = order.known_as(ID, &OTHERS);
        assert_eq!(shown.best, ID);
        assert_eq!(shown.others, ["gg:31605", "SEC-42", "github:github.com/4711#12", OTHERS[3]]);
        let none: [&str; 0] = [];
        let smallest = NameOrder::parse(&none).unwrap();
        assert_eq!(smallest.known_as(ID, &OTHERS).best, ID, "without an order the id is shown");
        assert_eq!(order.known_as("a", &none), KnownAs { best: "a", others: Vec::new() });
    }

    #[test]
    fn an_order_is_read_as_it_is_written() {
        let words = ["payments-*", "ticket", "digest"];
        assert_eq!(NameOrder::parse(&words).unwrap().words(), words);
        assert_eq!(NameOrder::parse(&["tickets"]), Err(NameOrderError::Unknown));
        assert_eq!(NameOrder::parse(&["*"]), Err(NameOrderError::Unknown));
        assert_eq!(NameOrder::parse(&["alert", "alert"]), Err(NameOrderError::Twice));
    }
}
