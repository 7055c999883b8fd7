//! The windows of a ledger, as little of each as the report needs.
//!
//! Invariants: of several records of one exposure the last one counts, and a
//! tombstone makes it void; a row has a fixed size and texts are held once, so that
//! a million windows fit a third of a gigabyte; [`Rows::in_order`] gives the rows by
//! `exposure_id`, whatever order they came in.

use std::hash::BuildHasher;
use std::num::NonZeroU32;

use foldhash::quality::RandomState;
use hashbrown::HashTable;

use super::held::{Names, Pieces, Shared};
use super::row::{Digest, Row};
use crate::config::Targets;
use crate::engine::attacker::Race;
use crate::engine::identity::{KnownAs, NameOrder};
use crate::engine::oversight::{Judgement, Review};
use crate::engine::windows::{Advice, Decision, ExposureId, Key, Truth, Window};
use crate::records::{self, WindowRecord};
use crate::time::Timestamp;

/// How records fared on their way in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Records taken in.
    pub read: u64,
    /// … that a later record of the same exposure replaced.
    pub superseded: u64,
    /// … that a tombstone made void.
    pub void: u64,
    /// Tombstones.
    pub tombstones: u64,
}

/// The windows of a ledger.
#[derive(Debug, Default)]
pub struct Rows {
    rows: Pieces<Row>,
    index: HashTable<u32>,
    hasher: RandomState,
    credentials: Names,
    /// Further names of credentials that have any.
    aliases: Vec<Vec<Box<str>>>,
    shared: Shared,
    counts: Counts,
}

impl Rows {
    /// Nothing taken in yet.
    pub fn new() -> Rows {
        Rows::default()
    }

    /// Takes in the next record; one of the same exposure before it counts no more.
    pub fn take(&mut self, record: &WindowRecord, digest: Digest, race: &Race) {
        self.counts.read += 1;
        let found = self.find(record.exposure_id());
        let credential = match found {
            Some(place) => self.rows.get(place).credential,
            None => self.credentials.push(&record.credential_id),
        };
        let known = found.and_then(|place| self.rows.get(place).aliases);
        let aliases = self.take_aliases(record, known);
        let row = Row { aliases, ..Row::of(record, credential, digest, race, &mut self.shared) };
        let Some(place) = found else {
            let place = self.rows.push(row);
            let hash = self.hash(record.exposure_id());
            let (rows, hasher, credentials) = (&self.rows, &self.hasher, &self.credentials);
            self.index.insert_unique(hash, place, |place| {
                hasher.hash_one(exposure(credentials, rows.get(*place)))
            });
            return;
        };
        let replaced = self.rows.get_mut(place);
        // What a tombstone made void counts as that.
        self.counts.superseded += u64::from(!replaced.void);
        *replaced = row;
    }

    /// Takes in the further names of a record's credential, in place of those `known`.
    fn take_aliases(
        &mut self,
        record: &WindowRecord,
        known: Option<NonZeroU32>,
    ) -> Option<NonZeroU32> {
        let names = record.aliases.as_deref().filter(|names| !names.is_empty())?;
        let names = names.iter().map(|name| name.as_str().into()).collect();
        if let Some(list) = known.and_then(|at| self.aliases.get_mut(at.get() as usize - 1)) {
            *list = names;
            return known;
        }
        self.aliases.push(names);
        u32::try_from(self.aliases.len()).ok().and_then(NonZeroU32::new)
    }

    /// Takes in a tombstone: the exposure never was.
    pub fn void(&mut self, exposure: ExposureId<'_>) {
        self.counts.tombstones += 1;
        if let Some(place) = self.find(exposure) {
            let row = self.rows.get_mut(place);
            self.counts.void += u64::from(!row.void);
            row.void = true;
        }
    }

    /// How records fared.
    pub const fn counts(&self) -> Counts {
        self.counts
    }

    /// The rows that count, by `exposure_id`.
    pub fn in_order(&self) -> Vec<&Row> {
        let mut rows: Vec<&Row> = self.rows.iter().filter(|row| !row.void).collect();
        if !rows.is_sorted_by_key(|row| self.exposure_id(row)) {
            rows.sort_unstable_by_key(|row| self.exposure_id(row));
        }
        rows
    }

    /// The window's name.
    pub fn exposure_id(&self, row: &Row) -> ExposureId<'_> {
        exposure(&self.credentials, row)
    }

    /// The names of its credential, the best-known first.
    pub fn known_as<'r>(&'r self, row: &Row, order: &NameOrder) -> KnownAs<'r> {
        let aliases = row.aliases.and_then(|at| self.aliases.get(at.get() as usize - 1));
        let aliases = aliases.map_or(&[][..], Vec::as_slice);
        order.known_as(self.exposure_id(row).key.credential_id, aliases)
    }

    /// Who decided, as the ledger shows people.
    pub fn reviewer(&self, row: &Row) -> Option<&str> {
        self.shared.text(row.reviewer)
    }

    /// The owner.
    pub fn owner(&self, row: &Row) -> Option<&str> {
        self.shared.text(row.owner)
    }

    /// The place of exposure.
    pub fn location(&self, row: &Row) -> Option<&str> {
        self.shared.text(row.location)
    }

    /// When a decision about it was in time, as its record says.
    pub fn targets(&self, row: &Row) -> Targets {
        self.shared.targets.get(row.targets).unwrap_or(Targets::of(row.workflow))
    }

    /// The latest moment that the row's record tells of as past.
    pub fn latest(&self, row: &Row) -> Timestamp {
        let told = [
            row.triaged_at,
            row.presented_at,
            row.opened_at,
            row.decided_at,
            row.dismissed_at,
            row.contained_at,
            row.abused_at,
            row.truth_at,
        ];
        told.into_iter().flatten().fold(row.detected_at, Timestamp::max)
    }

    /// The window of a row, as far as its record holds it.
    pub fn window<'r>(&'r self, row: &Row) -> Window<'r> {
        let ExposureId { key, detected_at } = self.exposure_id(row);
        let exposed_at = row.exposed_at;
        let late_exposure = exposed_at.is_some_and(|exposed| exposed > detected_at);
        let advice = row.presented_at.zip(row.recommendation);
        let decided = row.decided_at.zip(row.action).zip(self.reviewer(row));
        let truth = row.truth_at.zip(row.correct_action);
        Window {
            source: self.shared.text(row.source),
            location: self.location(row),
            severity: row.severity,
            owner: self.owner(row),
            exposed_at,
            exposed_at_quality: row.exposed_at_quality,
            triaged_at: row.triaged_at,
            incident: self.shared.text(row.incident),
            withdrawn_at: row.withdrawn_at,
            advice: advice.map(|(presented_at, recommendation)| Advice {
                first_presented_at: row.first_presented_at.unwrap_or(presented_at),
                source: self.shared.text(row.advice_source),
                event: row.advice_event,
                first_event: row.first_advice_event,
                model: self.shared.text(row.model),
                severity: row.advised_severity,
                confidence: row.confidence,
                summary_words: row.summary_words,
                summary_chars: row.summary_chars,
                ..Advice::of(recommendation, presented_at)
            }),
            decision: decided.map(|((decided_at, action), reviewer)| Decision {
                verdict: row.verdict,
                first_opened_at: row.first_opened_at,
                opened_at: row.opened_at,
                evidence: row.evidence,
                advice_same_clock: row.advice_same_clock,
                opening_same_clock: row.opening_same_clock,
                repeats_advice: row.repeats_advice,
                recovered: row.recovered,
                rationale_words: row.rationale_words,
                batch_id: self.shared.text(row.batch),
                ..Decision::of(action, reviewer, decided_at)
            }),
            final_action: row.action,
            dismissed_at: row.dismissed_at,
            contained_at: row.contained_at,
            abused_at: row.abused_at,
            truth: truth.map(|(established_at, correct_action)| Truth {
                established_at,
                correct_action,
                seeded: row.seeded,
            }),
            ai_acted_first_at: row.ai_acted_first.then_some(detected_at),
            detections: 1,
            events: 1,
            last_event_at: self.latest(row),
            adopted: u64::from(row.clock_skew && !late_exposure),
            closed_at: row.closed_at,
            ..Window::opened(key, self.targets(row), detected_at)
        }
    }

    /// The judgement of its decision as recorded ([`records::judgement`]).
    pub fn judgement(&self, row: &Row, window: &Window<'_>) -> Option<Judgement> {
        records::judgement(window, row.hollow, row.quality)
    }

    /// The review of a decided window, for judging it again ([`records::review`]).
    /// Rows do not hold the reasons given, so these are not compared anew.
    pub fn review<'r>(&'r self, row: &Row, expects_opening: bool) -> Option<Review<'r>> {
        records::review(&self.window(row), row.hollow, expects_opening)
    }

    fn find(&self, exposure: ExposureId<'_>) -> Option<u32> {
        let hash = self.hash(exposure);
        let same = |place: &u32| self.exposure_id(self.rows.get(*place)) == exposure;
        self.index.find(hash, same).copied()
    }

    fn hash(&self, exposure: ExposureId<'_>) -> u64 {
        self.hasher.hash_one(exposure)
    }
}

fn exposure<'c>(credentials: &'c Names, row: &Row) -> ExposureId<'c> {
    let credential_id = credentials.get(row.credential);
    ExposureId { key: Key { workflow: row.workflow, credential_id }, detected_at: row.detected_at }
}

#[cfg(test)]
mod tests {
    use super::super::row::digest;
    use super::*;
    use crate::event::{Severity, Workflow};

    const DETECTED_MS: i64 = 1_800_000_000_000;

    fn record(credential_id: &str, severity: Severity, at: i64) -> WindowRecord {
        let key = Key { workflow: Workflow::SecretExposure, credential_id };
        let detected_at = Timestamp::from_millis(DETECTED_MS + at);
        let severity = Some(severity);
        WindowRecord { severity, ..WindowRecord::detected(ExposureId { key, detected_at }) }
    }

    fn told(rows: &Rows) -> Vec<(String, Option<Severity>)> {
        let told = |row: &&Row| (rows.exposure_id(row).to_string(), row.severity());
        rows.in_order().iter().map(told).collect()
    }

    #[test]
    fn the_last_record_counts_and_a_tombstone_makes_void() {
        let (race, mut rows) = (Race::default(), Rows::new());
        let digest = digest(b"");
        let (b, a) = (record("b", Severity::Low, 0), record("a", Severity::High, 5));
        rows.take(&b, digest, &race);
        rows.take(&a, digest, &race);
        rows.take(&record("b", Severity::Critical, 0), digest, &race);
        let name = |credential: &str, at: i64| {
            format!("secret_exposure/{credential}/{}", DETECTED_MS + at)
        };
        let both = [(name("a", 5), Some(Severity::High)), (name("b", 0), Some(Severity::Critical))];
        assert_eq!(told(&rows), both, "by exposure, whatever the order");
        rows.void(a.exposure_id());
        rows.void(a.exposure_id());
        rows.void(record("c", Severity::Low, 9).exposure_id());
        assert_eq!(told(&rows), both[1..]);
        let counts = Counts { read: 3, superseded: 1, void: 1, tombstones: 3 };
        assert_eq!(rows.counts(), counts);
        // What comes after the tombstone counts again.
        rows.take(&a, digest, &race);
        assert_eq!(told(&rows), both);
        assert_eq!(rows.counts(), Counts { read: 4, ..counts });
    }
}
