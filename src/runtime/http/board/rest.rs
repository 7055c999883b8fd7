//! A figure that reads all windows is made anew only after a rest.

use crate::runtime::clock;
use crate::time::Span;

/// The rest is this many times as long as the figure took to make.
const REST_SHARE: i64 = 20;
/// The rest at least.
const REST_MIN_MS: i64 = 1_000;

/// Something that is costly to make, and when it may be made anew, as uptime.
#[derive(Debug)]
pub(super) struct Rested<T>(Option<(Span, T)>);

impl<T: Clone> Rested<T> {
    /// Nothing was made yet.
    pub(super) const fn new() -> Rested<T> {
        Rested(None)
    }

    /// What was made last, or what `make` makes now if the rest is over.
    pub(super) fn get(&mut self, make: impl FnOnce() -> T) -> T {
        let began = clock::uptime();
        if let Some((next, made)) = &self.0
            && began < *next
        {
            return made.clone();
        }
        let made = make();
        let took_ms = clock::uptime().as_millis() - began.as_millis();
        let rest = Span::from_millis((took_ms * REST_SHARE).max(REST_MIN_MS));
        self.0 = Some((began + rest, made.clone()));
        made
    }
}
