//! What the rows of a ledger share: texts and targets, each held once and told apart by
//! number; and rooms that grow without moving what is in them.

use std::num::NonZeroU32;

use foldhash::HashMap;

use crate::config::Targets;

/// Where a credential's name stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Name {
    page: u32,
    at: u32,
    length: u32,
}

/// The names of all credentials, in pages: none is ever moved.
#[derive(Debug, Default)]
pub(super) struct Names(Vec<String>);

impl Names {
    /// Bytes of a page; a longer name has one of its own.
    const PAGE: usize = 1 << 20;

    pub(super) fn push(&mut self, name: &str) -> Name {
        let full = |page: &String| page.len() + name.len() > page.capacity();
        if self.0.last().is_none_or(full) {
            self.0.push(String::with_capacity(Names::PAGE.max(name.len())));
        }
        let page = self.0.len() as u32 - 1;
        let at = self.0.last_mut().map_or(0, |page| {
            page.push_str(name);
            page.len() - name.len()
        });
        Name { page, at: at as u32, length: name.len() as u32 }
    }

    pub(super) fn get(&self, name: Name) -> &str {
        let at = name.at as usize;
        let page = self.0.get(name.page as usize);
        page.and_then(|page| page.get(at..at + name.length as usize)).unwrap_or_default()
    }
}

/// Values in pieces: none is ever moved, and none of the memory is needed twice
/// while they gvalue.
#[derive(Debug)]
pub(super) struct Pieces<T>(Vec<Vec<T>>);

impl<T> Default for Pieces<T> {
    fn default() -> Pieces<T> {
        Pieces(Vec::new())
    }
}

impl<T> Pieces<T> {
    const PIECE: usize = 1 << 13;

    pub(super) fn push(&mut self, value: T) -> u32 {
        if self.0.last().is_none_or(|piece| piece.len() == Self::PIECE) {
            self.0.push(Vec::with_capacity(Self::PIECE));
        }
        let before = (self.0.len() - 1) * Self::PIECE;
        let here = self.0.last_mut().map_or(0, |piece| {
            piece.push(value);
            piece.len() - 1
        });
        (before + here) as u32
    }

    pub(super) fn get(&self, place: u32) -> &T {
        &self.0[place as usize / Self::PIECE][place as usize % Self::PIECE]
    }

    pub(super) fn get_mut(&mut self, place: u32) -> &mut T {
        &mut self.0[place as usize / Self::PIECE][place as usize % Self::PIECE]
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &T> {
        self.0.iter().flatten()
    }
}

/// Texts told apart by number.
#[derive(Debug, Default)]
pub(super) struct Texts {
    numbers: HashMap<Box<str>, NonZeroU32>,
    all: Vec<Box<str>>,
}

impl Texts {
    pub(super) fn number(&mut self, text: &str) -> NonZeroU32 {
        if let Some(number) = self.numbers.get(text) {
            return *number;
        }
        self.all.push(text.into());
        let number = NonZeroU32::MIN.saturating_add(self.all.len() as u32 - 1);
        self.numbers.insert(text.into(), number);
        number
    }

    pub(super) fn get(&self, number: NonZeroU32) -> &str {
        self.all.get(number.get() as usize - 1).map_or("", |text| text)
    }
}

/// Targets told apart by number. There are as many as configurations were in force.
#[derive(Debug, Default)]
pub(super) struct AllTargets {
    numbers: HashMap<(i64, i64, bool), u32>,
    all: Vec<Targets>,
}

impl AllTargets {
    pub(super) fn number(&mut self, targets: Targets) -> u32 {
        let Targets { in_time, late, raced } = targets;
        let all = &mut self.all;
        *self.numbers.entry((in_time.as_millis(), late.as_millis(), raced)).or_insert_with(|| {
            all.push(targets);
            all.len() as u32 - 1
        })
    }

    pub(super) fn get(&self, number: u32) -> Option<Targets> {
        self.all.get(number as usize).copied()
    }
}

/// What rows hold by number.
#[derive(Debug, Default)]
pub(super) struct Shared {
    pub(super) texts: Texts,
    pub(super) targets: AllTargets,
}

impl Shared {
    /// The text of this number.
    pub(super) fn text(&self, number: Option<NonZeroU32>) -> Option<&str> {
        number.map(|number| self.texts.get(number))
    }
}
