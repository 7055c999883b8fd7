//! The state of the stages, as it is restored from a changelog.
//!
//! Invariant: a record that is not understood is refused and never passed over, since an
//! incomplete state leads to wrong results.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::sync::Arc;

use super::changelog;
use crate::config::EngineConfig;
use crate::engine::identity::Names;
use crate::engine::oversight::{PeerCounts, Rules, Stage};
use crate::engine::windows::{RestoreError, Windows, checkpoint_key};
use crate::records::{Exposure, Handed, read_node};
use crate::time::{Span, Timestamp};

/// Which stage a changelog belongs to, with what an empty state needs.
#[derive(Clone, Debug)]
pub enum Fresh {
    /// Windows.
    Windows(Box<EngineConfig>),
    /// Reviewers.
    Oversight(Arc<Rules>),
}

/// A partition that a stage can go on with.
#[derive(Debug)]
pub struct Restored {
    /// Which partition.
    pub partition: i32,
    /// Its state.
    pub state: State,
    /// How far its time had come, if that is known. It must not go back.
    pub time: Option<Timestamp>,
}

/// How far a restored time may be ahead of the present: the clocks of two machines are not quite
/// the same.
const AHEAD_MAX: Span = Span::from_mins(1);

impl Restored {
    /// Brings a time that is far ahead of `present` back to it, and returns how far it was ahead.
    /// Whoever wrote it had a wrong clock. Deadlines between the two must not pass at once, and
    /// alerts that fired too early end.
    pub fn not_ahead_of(&mut self, present: Timestamp) -> Option<Span> {
        let ahead = self.time?.since(present);
        if ahead <= AHEAD_MAX {
            return None;
        }
        self.time = Some(present);
        Some(ahead)
    }
}

/// The state of one partition.
#[derive(Debug)]
pub enum State {
    /// Windows, and the names that are linked.
    Windows(Box<Windows>, Names),
    /// Reviewers.
    Oversight(Box<Overseeing>),
}

/// Reviewers and the lists that they are on.
pub(super) type Listed = BTreeSet<String>;

/// Reviewers, and the reviews that wait to be judged.
#[derive(Debug)]
pub struct Overseeing {
    pub(super) stage: Stage,
    /// Reviews that wait, by their key in the changelog. The engine gets them when all
    /// reviewers are restored.
    pub(super) waiting: BTreeMap<Vec<u8>, Vec<u8>>,
    /// Who is on which list, as last published.
    pub(super) listed: Listed,
}

/// Why a record of a changelog is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Its key is none of ours.
    Foreign,
    /// Not a state, or not a whole one.
    Damaged,
    /// The state of another credential or reviewer than its key names.
    OtherKey,
    /// Its layout is of another version than the one that this program reads and writes.
    Version {
        /// The state's version.
        version: u8,
        /// The version that can be read.
        known: u8,
    },
    /// More than may be held.
    TooMany,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refusal::Foreign => f.write_str("not a record of ours"),
            Refusal::Damaged => f.write_str("not a state"),
            Refusal::OtherKey => f.write_str("the state of another name than its key says"),
            Refusal::Version { version, known } => {
                write!(f, "state of version {version}, and this program reads version {known}")
            }
            Refusal::TooMany => f.write_str("more credentials than the configured bound"),
        }
    }
}

impl Fresh {
    /// An empty state.
    pub fn state(&self) -> State {
        match self {
            Fresh::Windows(config) => {
                State::Windows(Box::new(Windows::new((**config).clone())), Names::default())
            }
            Fresh::Oversight(rules) => State::Oversight(Box::new(Overseeing {
                stage: Stage::new(Rules::clone(rules)).noting_changes(),
                waiting: BTreeMap::new(),
                listed: Listed::default(),
            })),
        }
    }
}

impl State {
    /// Credentials, or reviewers and reviews, held.
    pub fn entries(&self) -> usize {
        match self {
            State::Windows(windows, names) => windows.credentials() + names.len(),
            State::Oversight(overseeing) => overseeing.stage.reviewers() + overseeing.waiting.len(),
        }
    }

    /// Credentials held.
    pub fn credentials(&self) -> usize {
        match self {
            State::Windows(windows, _) => windows.credentials(),
            State::Oversight(_) => 0,
        }
    }

    /// What decides on the partition of the record with this key: the name of a credential.
    /// `None` for a changelog of one partition.
    pub fn partitioned_by<'k>(&self, key: &'k [u8]) -> Option<&'k [u8]> {
        match self {
            State::Windows(..) => {
                let slash = key.iter().position(|byte| *byte == b'/')?;
                key.get(slash + 1..)
            }
            State::Oversight(_) => None,
        }
    }

    /// Takes in one record of the changelog. A tombstone, which has no value, deletes what
    /// came before under its key.
    ///
    /// # Errors
    /// Why the record is refused. The state is not to be used then, unless a later record of
    /// the same key is taken.
    pub fn take(&mut self, key: &[u8], value: Option<&[u8]>) -> Result<(), Refusal> {
        match self {
            State::Windows(windows, names) => {
                if let Some(name) = changelog::read_name(key) {
                    let read = |node| read_node(node).ok_or(Refusal::Damaged);
                    names.restore(name, value.map(read).transpose()?);
                    return Ok(());
                }
                let key = changelog::read_key(key).ok_or(Refusal::Foreign)?;
                match value {
                    Some(state) if checkpoint_key(state).is_some_and(|named| named != key) => {
                        Err(Refusal::OtherKey)
                    }
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
                    Some(version) if *version != known => {
                        return Err(Refusal::Version { version: *version, known });
                    }
                    _ if Stage::reviewer_of(state)
                        .is_some_and(|name| changelog::Part::Reviewer.key(name) != key) =>
                    {
                        return Err(Refusal::OtherKey);
                    }
                    _ if !self.stage.restore(state) => return Err(Refusal::Damaged),
                    _ => {}
                }
            }
            (changelog::Part::Period, Some(counts)) => {
                let counts = serde_json::from_slice::<PeerCounts>(counts);
                let counts = counts.map_err(|_| Refusal::Damaged)?;
                if changelog::Part::Period.key(counts.period) != key {
                    return Err(Refusal::OtherKey);
                }
                self.stage.count(&counts);
            }
            (changelog::Part::Listed, value) => {
                let listed = changelog::read_listed(key).ok_or(Refusal::Foreign)?;
                match value {
                    Some(_) => self.listed.insert(listed),
                    None => self.listed.remove(&listed),
                };
            }
            // These are never deleted.
            (_, None) => return Err(Refusal::Damaged),
        }
        Ok(())
    }

    /// Hands the waiting reviews to the engine, once everything else is restored. Returns them by
    /// their keys.
    pub(super) fn resume(&mut self) -> HashMap<Vec<u8>, Vec<u8>> {
        let waiting = std::mem::take(&mut self.waiting);
        for review in waiting.values() {
            if let Ok(Handed::Review { review, former, .. }) = serde_json::from_slice(review) {
                let former: Vec<_> = former.iter().map(Exposure::id).collect();
                let _ = self.stage.handle_renamed(review, &former);
            }
        }
        waiting.into_iter().collect()
    }
}

impl From<RestoreError> for Refusal {
    fn from(error: RestoreError) -> Refusal {
        match error {
            RestoreError::Version { version, known } => Refusal::Version { version, known },
            RestoreError::Damaged => Refusal::Damaged,
            RestoreError::TooMany => Refusal::TooMany,
        }
    }
}
