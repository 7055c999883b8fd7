//! Reads files of records, on as many threads as there are cores.
//!
//! Invariant: records are processed in the order of the input, whichever thread parsed
//! them: chunk `k` goes to parser `k mod n`, and its results are taken in the same order.

use std::path::{Path, PathBuf};

use crossbeam_channel::{Receiver, Sender, bounded};

use super::error::{Damage, LoadError};
use super::hashing::Watched;
use super::loaded::Loaded;
use super::sidecar::{self, Sidecar};
use crate::config::Limits;
use crate::engine::attacker::Race;
use crate::formats::RejectReason;
use crate::records::{Declared, RecordError, WindowRecord};
use crate::report::control::evidence::{self, InputCounts, Source};
use crate::report::control::{Digest, Rows, digest};
use crate::runtime::input::{Chunk, Fault, Input, Inputs, Item, Place};

/// Chunks that may wait before and behind each reader.
const WAITING: usize = 4;

/// A parsed item of a chunk.
enum Read {
    Record(Place, Box<WindowRecord>, Digest),
    Wrong(Place, RecordError),
    Fault(Fault),
}

/// Reads the ledgers at `paths` as one: files of records, or directories that
/// `replay --out` wrote.
///
/// # Errors
/// See [`LoadError`].
pub fn load(paths: &[PathBuf], race: &Race, allow_damage: bool) -> Result<Loaded, LoadError> {
    let (mut inputs, mut watched, mut sidecars) = (Vec::new(), Vec::new(), Vec::new());
    for path in paths {
        let directory = path.is_dir();
        let file = if directory { path.join("windows.ndjson") } else { path.clone() };
        let opened = Watched::input(&file);
        let (input, seen) =
            opened.map_err(|error| LoadError::unreadable(file.display().to_string(), &error))?;
        inputs.push(input);
        watched.push(seen);
        sidecars.push(directory.then(|| sidecar::read(path)).transpose()?);
    }
    let mut taking = Taking {
        rows: Rows::new(),
        records: vec![0; paths.len()],
        wrong: vec![0; paths.len()],
        damage: Damage::default(),
        names: inputs.iter().map(Input::name).collect(),
        unreadable: None,
    };
    run(inputs, &mut |read| taking.take(read, race));
    if let Some(error) = taking.unreadable {
        return Err(error);
    }
    let mut damaged = taking.damage.allowed(allow_damage)?;
    let read = taking.records.iter().zip(&taking.wrong);
    for ((sidecar, path), (records, wrong)) in sidecars.iter().zip(paths).zip(read) {
        let Some(sidecar) = sidecar else { continue };
        damaged += missing(sidecar, path, *records, *wrong, allow_damage)?;
    }
    let sources = watched.iter().zip(&taking.records).map(|(seen, n)| seen.source(*n));
    let inputs = merge(sources.collect(), sidecars, damaged);
    Ok(Loaded { rows: taking.rows, inputs })
}

/// How many windows of the summary the ledger lacks, not counting damaged records.
fn missing(
    sidecar: &Sidecar,
    path: &Path,
    records: u64,
    damaged: u64,
    allow: bool,
) -> Result<u64, LoadError> {
    if sidecar.windows == records {
        return Ok(0);
    }
    if !allow {
        return Err(LoadError::Incomplete {
            name: path.join("windows.ndjson").display().to_string(),
            why: format!(
                "holds {records} windows, but summary.json next to it counts {}; give \
                 --allow-damage to report on what is there",
                sidecar.windows
            ),
        });
    }
    Ok(sidecar.windows.abs_diff(records).saturating_sub(damaged))
}

/// The inputs of several ledgers as one.
fn merge(
    mut sources: Vec<Source>,
    sidecars: Vec<Option<Sidecar>>,
    damaged: u64,
) -> evidence::Inputs {
    let as_of = sidecars.iter().flatten().filter_map(|sidecar| sidecar.as_of).max();
    let complete = sidecars.iter().all(Option::is_some) && !sidecars.is_empty();
    let mut sum = InputCounts::default();
    for sidecar in sidecars.into_iter().flatten() {
        let one = sidecar.counts;
        sum.read += one.read;
        sum.accepted += one.accepted;
        sum.duplicate += one.duplicate;
        sum.rejected += one.rejected;
        sum.unsupported += one.unsupported;
        sum.late += one.late;
        sum.orphan += one.orphan;
        sum.clock_skew += one.clock_skew;
        for (reason, events) in one.by_reason {
            *sum.by_reason.entry(reason).or_default() += events;
        }
        sources.extend(sidecar.sources);
    }
    // Counts of some of the ledgers alone would look like counts of all.
    let counts = complete.then_some(sum);
    evidence::Inputs { sources, counts, as_of, damaged, ..Default::default() }
}

struct Taking {
    rows: Rows,
    /// Records by input.
    records: Vec<u64>,
    /// Damaged records by input.
    wrong: Vec<u64>,
    damage: Damage,
    names: Vec<String>,
    unreadable: Option<LoadError>,
}

impl Taking {
    fn take(&mut self, read: Read, race: &Race) {
        match read {
            Read::Record(place, record, digest) => {
                if let Some(records) = self.records.get_mut(place.input as usize) {
                    *records += 1;
                }
                self.rows.take(&record, digest, race);
            }
            Read::Wrong(place, error) => {
                self.is_wrong(place.input);
                let name = self.name(place.input);
                self.damage.add(format!("{name}:{}: {error}", place.line));
            }
            Read::Fault(fault) => {
                let name = self.name(fault.input);
                let line = fault.line.map_or(String::new(), |line| format!(":{line}"));
                let rejection = &fault.rejection;
                if rejection.reason == RejectReason::Unreadable {
                    // The rest of the file is unknown, so it cannot be left out and counted.
                    let why = rejection.detail.to_string();
                    let error = LoadError::Unreadable { name: format!("{name}{line}"), why };
                    self.unreadable.get_or_insert(error);
                } else {
                    self.is_wrong(fault.input);
                    self.damage.add(format!("{name}{line}: {}", rejection.detail));
                }
            }
        }
    }

    fn is_wrong(&mut self, input: u32) {
        if let Some(wrong) = self.wrong.get_mut(input as usize) {
            *wrong += 1;
        }
    }

    fn name(&self, input: u32) -> String {
        self.names.get(input as usize).cloned().unwrap_or_default()
    }
}

fn run(inputs: Vec<Input>, take: &mut dyn FnMut(Read)) {
    let readers = std::thread::available_parallelism().map_or(1, usize::from);
    let mut inputs = Inputs::new(inputs, Limits::DEFAULT);
    let (recycle, recycled) = bounded::<Chunk>(readers * WAITING * 2);
    std::thread::scope(|scope| {
        let (mut feeds, mut turns) = (Vec::new(), Vec::new());
        for _ in 0..readers {
            let (feed, chunks) = bounded(WAITING);
            let (done, batches) = bounded(WAITING);
            let recycle = recycle.clone();
            scope.spawn(move || parse(&chunks, &done, &recycle));
            feeds.push(feed);
            turns.push(batches);
        }
        scope.spawn(move || frame(&mut inputs, &feeds, &recycled));
        for turn in (0..readers).cycle() {
            // A parser that has nothing in its turn has reached the end.
            let Ok(batch) = turns[turn].recv() else { break };
            batch.into_iter().for_each(&mut *take);
        }
    });
}

fn frame(inputs: &mut Inputs, feeds: &[Sender<Chunk>], recycled: &Receiver<Chunk>) {
    for feed in feeds.iter().cycle() {
        let Some(chunk) = inputs.next_chunk(recycled.try_recv().unwrap_or_default()) else {
            return;
        };
        if feed.send(chunk).is_err() {
            return;
        }
    }
}

fn parse(chunks: &Receiver<Chunk>, done: &Sender<Vec<Read>>, recycle: &Sender<Chunk>) {
    for chunk in chunks {
        let read = |item: Item<'_>| match item {
            Item::Record(place, bytes) => match WindowRecord::read(bytes) {
                Ok(record) => Read::Record(place, Box::new(record), digest(bytes)),
                Err(error) => Read::Wrong(place, error),
            },
            Item::Fault(fault) => Read::Fault(fault.clone()),
        };
        let batch = chunk.items().map(read).collect();
        // When the channel is full the chunk's memory is freed.
        let _ = recycle.try_send(chunk);
        if done.send(batch).is_err() {
            return;
        }
    }
}
