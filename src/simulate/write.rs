//! Simulations as bytes: one event per line, and the truth in a file of its own.
//!
//! Invariants: one thread simulates and one writes; the output has the order of the
//! simulation; the memory between the two is bounded.

use std::fmt;
use std::io::{self, Seek, SeekFrom, Write};

use crossbeam_channel::{Sender, bounded};
use serde::Serialize;

use crate::event::Event;

use super::{Output, Simulation, Summary};

/// How many outputs are handed over at once, and how many such batches may wait.
const LOAD: usize = 512;
const LOADS_WAITING: usize = 8;
/// Bytes gathered before they are written.
const BUFFER_BYTES: usize = 1 << 17;
/// Bytes reserved for the first line of the truth, which is known last: ten times what it
/// needs.
const HEAD_BYTES: usize = 16_384;

/// Why a simulation could not be written.
#[derive(Debug)]
pub enum WriteError {
    /// The events could not be written.
    Events(io::Error),
    /// The truth could not be written.
    Truth(io::Error),
}

impl fmt::Display for WriteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            WriteError::Events(error) => write!(f, "the events cannot be written: {error}"),
            WriteError::Truth(error) => write!(f, "the truth cannot be written: {error}"),
        }
    }
}

impl std::error::Error for WriteError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            WriteError::Events(error) | WriteError::Truth(error) => Some(error),
        }
    }
}

/// Runs `simulation` to its end, writing its lines and, if wanted, its truth.
///
/// The truth begins at the present position of `truth` with one line that holds the
/// [`Summary`] padded with spaces, then has one line per window in the order in
/// which their stories were completed, then one per reviewer.
///
/// # Errors
/// The first write that failed.
pub fn write<L: Write, T: Write + Seek>(
    simulation: Simulation,
    lines: &mut L,
    truth: Option<&mut T>,
) -> Result<Summary, WriteError> {
    let (sender, receiver) = bounded::<Vec<Output>>(LOADS_WAITING);
    std::thread::scope(|scope| {
        let story = scope.spawn(move || tell(simulation, &sender));
        let mut book = Book { lines, truth, bytes: Vec::new(), truths: Vec::new(), head_at: 0 };
        let mut written = book.open();
        for load in &receiver {
            written = written.and_then(|()| book.add(&load));
            if written.is_err() {
                break;
            }
        }
        // Without a receiver the simulation ends by itself.
        drop(receiver);
        let simulation = story.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        written?;
        book.close(&simulation)
    })
}

fn tell(mut simulation: Simulation, sender: &Sender<Vec<Output>>) -> Simulation {
    loop {
        let load: Vec<Output> = simulation.by_ref().take(LOAD).collect();
        if load.is_empty() || sender.send(load).is_err() {
            return simulation;
        }
    }
}

struct Book<'a, L, T> {
    lines: &'a mut L,
    truth: Option<&'a mut T>,
    bytes: Vec<u8>,
    truths: Vec<u8>,
    head_at: u64,
}

impl<L: Write, T: Write + Seek> Book<'_, L, T> {
    fn open(&mut self) -> Result<(), WriteError> {
        if let Some(truth) = self.truth.as_mut() {
            self.head_at = truth.stream_position().map_err(WriteError::Truth)?;
            self.truths.resize(HEAD_BYTES - 1, b' ');
            self.truths.push(b'\n');
        }
        Ok(())
    }

    fn add(&mut self, load: &[Output]) -> Result<(), WriteError> {
        for output in load {
            match output {
                Output::Event(delivered) => {
                    write_event(&delivered.event, &mut self.bytes).map_err(WriteError::Events)?;
                    self.bytes.push(b'\n');
                }
                Output::Garbage(_, line) => {
                    self.bytes.extend_from_slice(line);
                    self.bytes.push(b'\n');
                }
                Output::Window(window) if self.truth.is_some() => {
                    line(&mut self.truths, window)?;
                }
                Output::Window(_) => {}
            }
        }
        if self.bytes.len() >= BUFFER_BYTES {
            self.flush_lines()?;
        }
        if self.truths.len() >= BUFFER_BYTES {
            self.flush_truths()?;
        }
        Ok(())
    }

    fn flush_lines(&mut self) -> Result<(), WriteError> {
        self.lines.write_all(&self.bytes).map_err(WriteError::Events)?;
        self.bytes.clear();
        Ok(())
    }

    fn flush_truths(&mut self) -> Result<(), WriteError> {
        if let Some(truth) = self.truth.as_mut() {
            truth.write_all(&self.truths).map_err(WriteError::Truth)?;
        }
        self.truths.clear();
        Ok(())
    }

    fn close(mut self, simulation: &Simulation) -> Result<Summary, WriteError> {
        self.flush_lines()?;
        self.lines.flush().map_err(WriteError::Events)?;
        let summary = simulation.summary();
        if self.truth.is_some() {
            for reviewer in simulation.reviewers() {
                line(&mut self.truths, &reviewer)?;
            }
            self.flush_truths()?;
            line(&mut self.truths, &summary)?;
            // The reserved line keeps its own end.
            self.truths.pop();
            if self.truths.len() >= HEAD_BYTES {
                let error = io::Error::other("the summary is longer than its reserved line");
                return Err(WriteError::Truth(error));
            }
        }
        if let Some(truth) = self.truth.as_mut() {
            truth.seek(SeekFrom::Start(self.head_at)).map_err(WriteError::Truth)?;
            truth.write_all(&self.truths).map_err(WriteError::Truth)?;
            truth.seek(SeekFrom::End(0)).map_err(WriteError::Truth)?;
            truth.flush().map_err(WriteError::Truth)?;
        }
        Ok(summary)
    }
}

fn line(bytes: &mut Vec<u8>, record: &impl Serialize) -> Result<(), WriteError> {
    serde_json::to_writer(&mut *bytes, record).map_err(|error| WriteError::Truth(error.into()))?;
    bytes.push(b'\n');
    Ok(())
}

/// Writes one event in its native form, without an end of line.
///
/// # Errors
/// None in practice: memory does not refuse bytes.
pub fn write_event(event: &Event<'_>, bytes: &mut Vec<u8>) -> io::Result<()> {
    serde_json::to_writer(bytes, event).map_err(io::Error::from)
}
