//! What the stages hold, as it comes back from a changelog.
//!
//! Invariant: a record that is not understood is refused, never passed over: a
//! state that lacks something would say what is wrong.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use super::changelog;
use super::reviews::Handed;
use crate::config::EngineConfig;
use crate::engine::oversight::{PeerCounts, Rules, Stage};
use crate::engine::windows::{RestoreError, Windows};

/// What a changelog's records are the state of.
#[derive(Clone, Debug)]
pub(super) enum Fresh {
    /// Windows.
    Windows(Box<EngineConfig>),
    /// Reviewers.
    Oversight(Arc<Rules>),
}

/// The state of one partition.
#[derive(Debug)]
pub(super) enum State {
    /// Windows.
    Windows(Box<Windows>),
    /// Reviewers.
    Oversight(Box<Overseeing>),
}

/// Reviewers and the lists that they are on.
pub(super) type Listed = BTreeSet<String>;

/// Reviewers, and what waits for its turn.
#[derive(Debug)]
pub(super) struct Overseeing {
    pub(super) stage: Stage,
    /// Reviews that wait, by their key in the changelog. They are handed in when
    /// all reviewers are known.
    pub(super) waiting: BTreeMap<Vec<u8>, Vec<u8>>,
    /// Who is on which list, as last told.
    pub(super) listed: Listed,
}

/// Why a record is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// Its key is none of ours.
    Foreign,
    /// Not a state, or not a whole one.
    Damaged,
    /// Of a version that this program does not know.
    Newer { version: u8, known: u8 },
    /// More than may be held.
    TooMany,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refusal::Foreign => f.write_str("not a record of ours"),
            Refusal::Damaged => f.write_str("not a state"),
            Refusal::Newer { version, known } => {
                write!(f, "state of version {version}, and this program knows up to {known}")
            }
            Refusal::TooMany => f.write_str("more credentials than the configured bound"),
        }
    }
}

impl Fresh {
    /// Nothing yet.
    pub(super) fn state(&self) -> State {
        match self {
            Fresh::Windows(config) => State::Windows(Box::new(Windows::new((**config).clone()))),
            Fresh::Oversight(rules) => State::Oversight(Box::new(Overseeing {
                stage: Stage::new(Rules::clone(rules)).noting_changes(),
                waiting: BTreeMap::new(),
                listed: Listed::default(),
            })),
        }
    }
}

impl State {
    /// Credentials or reviewers held.
    pub(super) fn entries(&self) -> usize {
        match self {
            State::Windows(windows) => windows.credentials(),
            State::Oversight(overseeing) => overseeing.stage.reviewers() + overseeing.waiting.len(),
        }
    }

    /// Credentials held.
    pub(super) fn credentials(&self) -> usize {
        match self {
            State::Windows(windows) => windows.credentials(),
            State::Oversight(_) => 0,
        }
    }

    /// Takes in one record of the changelog; one without a value takes back what
    /// was there before under its key.
    pub(super) fn take(&mut self, key: &[u8], value: Option<&[u8]>) -> Result<(), Refusal> {
        match self {
            State::Windows(windows) => {
                let key = changelog::read_key(key).ok_or(Refusal::Foreign)?;
                match value {
                    Some(state) => windows.restore(state).map_err(Refusal::from),
                    None => {
                        windows.forget(key);
                        Ok(())
                    }
                }
            }
            State::Oversight(overseeing) => overseeing.take(key, value),
        }
    }
}

impl Overseeing {
    fn take(&mut self, key: &[u8], value: Option<&[u8]>) -> Result<(), Refusal> {
        let Some(part) = changelog::Part::of(key) else { return Err(Refusal::Foreign) };
        match (part, value) {
            (changelog::Part::Review, Some(review)) => {
                serde_json::from_slice::<Handed<'_>>(review).map_err(|_| Refusal::Damaged)?;
                drop(self.waiting.insert(key.to_vec(), review.to_vec()));
            }
            (changelog::Part::Review, None) => drop(self.waiting.remove(key)),
            (changelog::Part::Reviewer, Some(state)) => {
                let known = Stage::VERSION;
                match state.first() {
                    Some(version) if *version > known => {
                        return Err(Refusal::Newer { version: *version, known });
                    }
                    _ if !self.stage.restore(state) => return Err(Refusal::Damaged),
                    _ => {}
                }
            }
            (changelog::Part::Period, Some(counts)) => {
                let counts = serde_json::from_slice::<PeerCounts>(counts);
                self.stage.count(&counts.map_err(|_| Refusal::Damaged)?);
            }
            (changelog::Part::Listed, value) => {
                let listed = changelog::read_listed(key).ok_or(Refusal::Foreign)?;
                match value {
                    Some(_) => self.listed.insert(listed),
                    None => self.listed.remove(&listed),
                };
            }
            // Nothing of these is ever taken back.
            (_, None) => return Err(Refusal::Damaged),
        }
        Ok(())
    }

    /// Hands in the reviews that wait, once all else is there.
    pub(super) fn go_on(&mut self) {
        for review in std::mem::take(&mut self.waiting).values() {
            if let Ok(Handed::Review { review, .. }) = serde_json::from_slice(review) {
                let _ = self.stage.handle(review);
            }
        }
    }
}

impl From<RestoreError> for Refusal {
    fn from(error: RestoreError) -> Refusal {
        match error {
            RestoreError::Newer { version, known } => Refusal::Newer { version, known },
            RestoreError::Damaged => Refusal::Damaged,
            RestoreError::TooMany => Refusal::TooMany,
        }
    }
}
