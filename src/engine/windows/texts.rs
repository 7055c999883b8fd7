//! Texts that many events share (sources, owners, places, people), held once.
//!
//! Invariants: a text keeps its number as long as the table lives; the table is
//! bounded, and what comes after the bound stays where it is used.

use std::sync::Arc;

use foldhash::{HashMap, HashMapExt};

/// Texts held, and bytes of them: far more than an organisation has, far less
/// than a hostile input can make up.
const TEXTS_MAX: usize = 1 << 16;
const BYTES_MAX: usize = 4 << 20;

/// The table.
#[derive(Debug)]
pub(super) struct Texts {
    numbers: HashMap<Arc<str>, u32>,
    texts: Vec<Arc<str>>,
    bytes: usize,
}

impl Texts {
    pub(super) fn new() -> Texts {
        Texts { numbers: HashMap::new(), texts: Vec::new(), bytes: 0 }
    }

    /// The number of `text`, if it is held.
    pub(super) fn number(&self, text: &str) -> Option<u32> {
        self.numbers.get(text).copied()
    }

    /// The number of `text`, which is taken in if there is room.
    pub(super) fn take_in(&mut self, text: &str) -> Option<u32> {
        let known = self.number(text);
        if known.is_some() || self.texts.len() >= TEXTS_MAX || self.bytes + text.len() > BYTES_MAX {
            return known;
        }
        let number = self.texts.len() as u32;
        let shared: Arc<str> = text.into();
        self.numbers.insert(Arc::clone(&shared), number);
        self.texts.push(shared);
        self.bytes += text.len();
        Some(number)
    }

    /// The text with this number.
    pub(super) fn get(&self, number: u32) -> Option<&str> {
        self.texts.get(number as usize).map(|text| &**text)
    }
}
