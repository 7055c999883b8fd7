//! The windows of a ledger, as little of each as the report needs.
//!
//! Invariants: of several records of one exposure the last one counts, and a
//! tombstone makes it void; a row has a fixed size and texts are held once, so that
//! a million windows fit a third of a gigabyte; [`Rows::in_order`] gives the rows by
//! `exposure_id`, whatever order they came in.

use std::hash::BuildHasher;
use std::num::NonZeroU32;

use foldhash::quality::RandomState;
use foldhash::{HashMap, HashMapExt};
use hashbrown::HashTable;
use sha2::{Digest as _, Sha256};

use crate::config::Targets;
use crate::engine::attacker::Race;
use crate::engine::identity::{KnownAs, NameOrder};
use crate::engine::oversight::{HollowReasons, Judgement, Quality, Review};
use crate::engine::windows::{Advice, Decision, ExposureId, Key, State, Truth, Window};
use crate::event::{Action, Evidence, ExposedAtQuality, Severity, Verdict, Workflow};
use crate::records::{self, Object, WindowRecord};
use crate::time::Timestamp;

/// SHA-256 of some bytes.
pub type Digest = [u8; 32];

/// SHA-256 of one record, as it stands in the ledger without the line's end.
pub fn digest(record: &[u8]) -> Digest {
    Sha256::digest(record).into()
}

/// Where a credential's name stands.
#[derive(Clone, Copy, Debug)]
struct Name {
    page: u32,
    at: u32,
    length: u32,
}

/// The names of all credentials, in pages: none is ever moved.
#[derive(Debug, Default)]
struct Names(Vec<String>);

impl Names {
    /// Bytes of a page; a longer name has one of its own.
    const PAGE: usize = 1 << 20;

    fn push(&mut self, name: &str) -> Name {
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

    fn get(&self, name: Name) -> &str {
        let at = name.at as usize;
        let page = self.0.get(name.page as usize);
        page.and_then(|page| page.get(at..at + name.length as usize)).unwrap_or_default()
    }
}

/// Rows in pieces: none is ever moved, and none of the memory is needed twice
/// while they grow.
#[derive(Debug, Default)]
struct Pieces(Vec<Vec<Row>>);

impl Pieces {
    const PIECE: usize = 1 << 13;

    fn push(&mut self, row: Row) -> u32 {
        if self.0.last().is_none_or(|piece| piece.len() == Pieces::PIECE) {
            self.0.push(Vec::with_capacity(Pieces::PIECE));
        }
        let before = (self.0.len() - 1) * Pieces::PIECE;
        let here = self.0.last_mut().map_or(0, |piece| {
            piece.push(row);
            piece.len() - 1
        });
        (before + here) as u32
    }

    fn get(&self, place: u32) -> &Row {
        &self.0[place as usize / Pieces::PIECE][place as usize % Pieces::PIECE]
    }

    fn get_mut(&mut self, place: u32) -> &mut Row {
        &mut self.0[place as usize / Pieces::PIECE][place as usize % Pieces::PIECE]
    }
}

/// One window of the ledger. Texts are numbers; [`Rows::window`] puts them back.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    digest: Digest,
    credential: Name,
    /// Which of the lists of further names.
    aliases: Option<NonZeroU32>,
    source: Option<NonZeroU32>,
    location: Option<NonZeroU32>,
    owner: Option<NonZeroU32>,
    reviewer: Option<NonZeroU32>,
    batch: Option<NonZeroU32>,
    incident: Option<NonZeroU32>,
    model: Option<NonZeroU32>,
    advice_source: Option<NonZeroU32>,
    advice_event: Option<NonZeroU32>,
    first_advice_event: Option<NonZeroU32>,
    /// Which of the targets told apart.
    targets: u32,
    detected_at: Timestamp,
    exposed_at: Option<Timestamp>,
    triaged_at: Option<Timestamp>,
    presented_at: Option<Timestamp>,
    opened_at: Option<Timestamp>,
    decided_at: Option<Timestamp>,
    dismissed_at: Option<Timestamp>,
    contained_at: Option<Timestamp>,
    closed_at: Option<Timestamp>,
    abused_at: Option<Timestamp>,
    truth_at: Option<Timestamp>,
    first_presented_at: Option<Timestamp>,
    first_opened_at: Option<Timestamp>,
    withdrawn_at: Option<Timestamp>,
    confidence: Option<f64>,
    summary_words: Option<u32>,
    summary_chars: Option<u32>,
    rationale_words: Option<u32>,
    workflow: Workflow,
    severity: Option<Severity>,
    state: State,
    exposed_at_quality: Option<ExposedAtQuality>,
    recommendation: Option<Action>,
    action: Option<Action>,
    verdict: Option<Verdict>,
    correct_action: Option<Action>,
    seeded: bool,
    clock_skew: bool,
    ai_acted_first: bool,
    hollow: Option<HollowReasons>,
    quality: Option<Quality>,
    advised_severity: Option<Severity>,
    evidence: Option<Evidence>,
    advice_same_clock: bool,
    opening_same_clock: bool,
    repeats_advice: bool,
    recovered: bool,
    other_curve: bool,
    void: bool,
}

impl Row {
    /// SHA-256 of its record.
    pub const fn digest(&self) -> &Digest {
        &self.digest
    }

    /// The detection that opened the window: what decides whether it is of a period.
    pub const fn detected_at(&self) -> Timestamp {
        self.detected_at
    }

    /// The kind of process.
    pub const fn workflow(&self) -> Workflow {
        self.workflow
    }

    /// The highest severity stated.
    pub const fn severity(&self) -> Option<Severity> {
        self.severity
    }

    /// Why its decision is hollow, as recorded; `None` while it has not been judged.
    pub const fn hollow(&self) -> Option<HollowReasons> {
        self.hollow
    }

    /// How far the window has come, as recorded.
    pub const fn state(&self) -> State {
        self.state
    }

    /// Whether its record holds another chance of the attacker than the curves of
    /// this report give.
    pub const fn other_curve(&self) -> bool {
        self.other_curve
    }

    /// Whether the record says that clocks contradict each other in it.
    pub const fn clock_skew(&self) -> bool {
        self.clock_skew
    }
}

/// Texts told apart by number.
#[derive(Debug, Default)]
struct Texts {
    numbers: HashMap<Box<str>, NonZeroU32>,
    all: Vec<Box<str>>,
}

impl Texts {
    fn number(&mut self, text: &str) -> NonZeroU32 {
        if let Some(number) = self.numbers.get(text) {
            return *number;
        }
        self.all.push(text.into());
        let number = NonZeroU32::MIN.saturating_add(self.all.len() as u32 - 1);
        self.numbers.insert(text.into(), number);
        number
    }

    fn get(&self, number: NonZeroU32) -> &str {
        self.all.get(number.get() as usize - 1).map_or("", |text| text)
    }
}

/// Targets told apart by number. There are as many as configurations were in force.
#[derive(Debug)]
struct AllTargets {
    numbers: HashMap<(i64, i64, bool), u32>,
    all: Vec<Targets>,
}

impl Default for AllTargets {
    fn default() -> AllTargets {
        AllTargets { numbers: HashMap::new(), all: Vec::new() }
    }
}

impl AllTargets {
    fn number(&mut self, targets: Targets) -> u32 {
        let Targets { in_time, late, raced } = targets;
        let all = &mut self.all;
        *self.numbers.entry((in_time.as_millis(), late.as_millis(), raced)).or_insert_with(|| {
            all.push(targets);
            all.len() as u32 - 1
        })
    }
}

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
    rows: Pieces,
    index: HashTable<u32>,
    hasher: RandomState,
    credentials: Names,
    /// Further names of credentials that have any.
    aliases: Vec<Vec<Box<str>>>,
    texts: Texts,
    targets: AllTargets,
    counts: Counts,
}

impl Rows {
    /// Nothing taken in yet.
    pub fn new() -> Rows {
        Rows { texts: Texts { numbers: HashMap::new(), all: Vec::new() }, ..Rows::default() }
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
        let row = Row { aliases, ..self.row(record, credential, digest, race) };
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
        let mut rows: Vec<&Row> = self.rows.0.iter().flatten().filter(|row| !row.void).collect();
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
        row.reviewer.map(|number| self.texts.get(number))
    }

    /// The owner.
    pub fn owner(&self, row: &Row) -> Option<&str> {
        row.owner.map(|number| self.texts.get(number))
    }

    /// The place of exposure.
    pub fn location(&self, row: &Row) -> Option<&str> {
        row.location.map(|number| self.texts.get(number))
    }

    /// When a decision about it was in time, as its record says.
    pub fn targets(&self, row: &Row) -> Targets {
        let targets = self.targets.all.get(row.targets as usize);
        targets.copied().unwrap_or(Targets::of(row.workflow))
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
            source: row.source.map(|number| self.texts.get(number)),
            location: self.location(row),
            severity: row.severity,
            owner: self.owner(row),
            exposed_at,
            exposed_at_quality: row.exposed_at_quality,
            triaged_at: row.triaged_at,
            incident: row.incident.map(|number| self.texts.get(number)),
            withdrawn_at: row.withdrawn_at,
            advice: advice.map(|(presented_at, recommendation)| Advice {
                first_presented_at: row.first_presented_at.unwrap_or(presented_at),
                source: row.advice_source.map(|number| self.texts.get(number)),
                event: row.advice_event,
                first_event: row.first_advice_event,
                model: row.model.map(|number| self.texts.get(number)),
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
                batch_id: row.batch.map(|number| self.texts.get(number)),
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

    fn row(&mut self, record: &WindowRecord, credential: Name, digest: Digest, race: &Race) -> Row {
        let WindowRecord { in_time_ms: in_time, late_ms: late, raced, .. } = *record;
        let targets = self.targets.number(Targets { in_time, late, raced });
        let mut number = |text: Option<&str>| text.map(|text| self.texts.number(text));
        let truth = record.truth.map(|Object(truth)| truth);
        Row {
            digest,
            credential,
            aliases: None,
            source: number(record.source.as_deref()),
            location: number(record.location.as_deref()),
            owner: number(record.owner.as_deref()),
            reviewer: number(record.reviewer.as_deref()),
            batch: number(record.batch_id.as_deref()),
            incident: number(record.incident.as_deref()),
            model: number(record.model.as_deref()),
            advice_source: number(record.advice_source.as_deref()),
            advice_event: record.advice_event,
            first_advice_event: record.first_advice_event,
            targets,
            detected_at: record.detected_at,
            exposed_at: record.exposed_at,
            triaged_at: record.triaged_at,
            presented_at: record.presented_at,
            opened_at: record.opened_at,
            evidence: record.evidence,
            decided_at: record.decided_at,
            dismissed_at: record.dismissed_at(),
            contained_at: record.contained_at,
            closed_at: record.closed_at(),
            abused_at: record.abused_at,
            truth_at: truth.map(|truth| truth.established_at),
            first_presented_at: record.first_presented_at,
            first_opened_at: record.first_opened_at,
            withdrawn_at: record.withdrawn_at,
            confidence: record.confidence,
            summary_words: record.summary_words,
            summary_chars: record.summary_chars,
            rationale_words: record.rationale_words,
            workflow: record.workflow,
            severity: record.severity,
            state: record.state,
            exposed_at_quality: record.exposed_at_quality,
            recommendation: record.recommendation,
            action: record.action,
            verdict: record.verdict,
            correct_action: truth.map(|truth| truth.correct_action),
            seeded: truth.is_some_and(|truth| truth.seeded),
            clock_skew: record.clock_skew,
            ai_acted_first: record.ai_acted_first,
            hollow: record.hollow,
            quality: record.quality,
            advised_severity: record.advised_severity,
            advice_same_clock: record.advice_same_clock,
            opening_same_clock: record.opening_same_clock,
            repeats_advice: record.repeats_advice,
            recovered: record.recovered,
            other_curve: other_curve(record, race),
            void: false,
        }
    }
}

fn exposure<'c>(credentials: &'c Names, row: &Row) -> ExposureId<'c> {
    let credential_id = credentials.get(row.credential);
    ExposureId { key: Key { workflow: row.workflow, credential_id }, detected_at: row.detected_at }
}

/// Whether a record was written under another curve: told by windows that have an
/// end, whose chance no longer depends on when it is told.
fn other_curve(record: &WindowRecord, race: &Race) -> bool {
    let window = record.window();
    let ended = window.contained_at.is_some() || window.decision.is_some();
    let recorded = record.attacker_first.map(|Object(recorded)| recorded).filter(|_| ended);
    let ours = window.attacker_first(race, record.detected_at);
    recorded.zip(ours).is_some_and(|(recorded, ours)| (recorded.low - ours.low).abs() > 1e-9)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::attacker::AttackerFirst;
    use crate::records::AttackerChance;

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

    #[test]
    fn a_row_stays_small() {
        assert!(size_of::<Row>() <= 320, "{}", size_of::<Row>());
    }

    #[test]
    fn a_curve_that_the_record_was_not_written_under_is_noticed() {
        let mut decided = record("a", Severity::Low, 0);
        decided.state = State::Contained;
        decided.contained_at = Some(decided.detected_at + crate::time::Span::from_mins(30));
        let curve = |race: &Race| decided.window().attacker_first(race, decided.detected_at);
        let own = Race::default();
        let other = Race::from_settings(["1m,3m".parse().unwrap()]).unwrap();
        decided.attacker_first = curve(&own).map(|first| {
            let AttackerFirst { low, high, lower_bound } = first;
            Object(AttackerChance { low, high, lower_bound })
        });
        assert!(!other_curve(&decided, &own) && other_curve(&decided, &other));
        decided.attacker_first = None;
        assert!(!other_curve(&decided, &other), "nothing is told of");
    }
}
