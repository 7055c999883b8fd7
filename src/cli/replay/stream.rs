//! Inputs that may never end: the standard input, and a file that grows. Ctrl-C ends them, and
//! the run tells what came so far.
//!
//! Invariants: every record that was read as a whole before the interruption is used, and one that was
//! not is passed over; a second Ctrl-C ends the process.

use std::io::{self, Read};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, bounded};

use super::super::signals::Signals;
use super::growing::Growing;
use crate::runtime::input::{Input, stopped};

/// Bytes read from the standard input at a time.
const PIECE_BYTES: usize = 256 << 10;
/// Pieces that may wait to be used.
const PIECES_WAITING: usize = 4;
/// How often somebody who waits for more looks whether to stop.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// The status of a process that a second Ctrl-C ended, as shells have it.
const INTERRUPTED: i32 = 130;

/// Whether the person at the terminal wants no more.
#[derive(Clone, Debug, Default)]
struct Stop(Arc<AtomicBool>);

impl Stop {
    fn is_asked(&self) -> bool {
        // A flag alone, which guards no other memory.
        self.0.load(Ordering::Relaxed)
    }

    /// Sets the flag at the first signal, and ends the process at the second.
    fn watch(&self) -> io::Result<()> {
        let mut signals = Signals::new()?;
        let stop = self.clone();
        std::thread::spawn(move || {
            signals.wait(|| false);
            stop.0.store(true, Ordering::Relaxed);
            signals.wait(|| false);
            std::process::exit(INTERRUPTED);
        });
        Ok(())
    }
}

/// The inputs of a run. With `follow`, the last file is read on as it grows.
pub(super) fn inputs(files: &[PathBuf], follow: bool) -> io::Result<Vec<Input>> {
    let stop = Stop::default();
    if follow || files.iter().any(|file| file.as_os_str() == "-") {
        stop.watch()?;
    }
    let last = files.len().saturating_sub(1);
    files
        .iter()
        .enumerate()
        .map(|(index, file)| {
            if file.as_os_str() == "-" {
                let reader = Pieces::of(io::stdin(), stop.clone());
                return Ok(Input::Reader("stdin".to_owned(), Box::new(reader)));
            }
            if follow && index == last {
                let name = file.display().to_string();
                let stop = stop.clone();
                let growing = Growing::open(file.clone(), move || stop.is_asked())
                    .map_err(|error| io::Error::new(error.kind(), format!("{name}: {error}")))?;
                return Ok(Input::Reader(name, Box::new(growing)));
            }
            Ok(Input::from(file.clone()))
        })
        .collect()
}

/// What a thread of its own reads, so that a read that waits for ever can be left.
struct Pieces {
    pieces: Receiver<io::Result<Vec<u8>>>,
    stop: Stop,
    piece: Vec<u8>,
    at: usize,
    /// Pieces asked for since somebody wanted no more.
    after_stop: usize,
}

impl Pieces {
    fn of(mut source: impl Read + Send + 'static, stop: Stop) -> Pieces {
        let (give, pieces) = bounded(PIECES_WAITING);
        std::thread::spawn(move || {
            loop {
                let mut piece = vec![0; PIECE_BYTES];
                let read = match source.read(&mut piece) {
                    Ok(0) => return,
                    Ok(count) => {
                        piece.truncate(count);
                        Ok(piece)
                    }
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                    Err(error) => Err(error),
                };
                let failed = read.is_err();
                if give.send(read).is_err() || failed {
                    return;
                }
            }
        });
        Pieces { pieces, stop, piece: Vec::new(), at: 0, after_stop: 0 }
    }
}

impl Pieces {
    /// The next piece; `None` at the end.
    fn next(&mut self) -> io::Result<Option<Vec<u8>>> {
        loop {
            // Asked before each piece: a source that never pauses has to be left as well.
            if self.stop.is_asked() {
                self.after_stop += 1;
                return match self.pieces.try_recv() {
                    Ok(piece) if self.after_stop <= PIECES_WAITING => piece.map(Some),
                    _ => Err(stopped()),
                };
            }
            match self.pieces.recv_timeout(LOOK_EVERY) {
                Ok(piece) => return piece.map(Some),
                Err(RecvTimeoutError::Disconnected) => return Ok(None),
                Err(RecvTimeoutError::Timeout) => {}
            }
        }
    }
}

impl Read for Pieces {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.at == self.piece.len() {
            match self.next()? {
                Some(piece) => self.piece = piece,
                None => return Ok(0),
            }
            self.at = 0;
        }
        let rest = &self.piece[self.at..];
        let count = rest.len().min(buffer.len());
        buffer[..count].copy_from_slice(&rest[..count]);
        self.at += count;
        Ok(count)
    }
}
