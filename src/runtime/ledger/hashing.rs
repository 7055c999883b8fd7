//! A file that is digested while it is read.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};

use crate::report::control::evidence::Source;
use crate::runtime::input::Input;

/// What was read so far.
#[derive(Debug, Default)]
struct Seen {
    bytes: u64,
    hash: Sha256,
}

/// Reads and digests.
struct Hashing {
    source: Box<dyn Read + Send>,
    seen: Arc<Mutex<Seen>>,
}

impl Read for Hashing {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.source.read(buffer)?;
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.bytes += count as u64;
        seen.hash.update(&buffer[..count]);
        Ok(count)
    }
}

/// The digest of a file that is being read.
#[derive(Debug)]
pub(super) struct Watched {
    name: String,
    seen: Arc<Mutex<Seen>>,
}

impl Watched {
    /// Opens `path`; `-` is the standard input.
    pub(super) fn open(path: &Path) -> io::Result<(Box<dyn Read + Send>, Watched)> {
        let stdin = path.as_os_str() == "-";
        let source: Box<dyn Read + Send> =
            if stdin { Box::new(io::stdin()) } else { Box::new(File::open(path)?) };
        let name = match path.file_name() {
            Some(name) if !stdin => name.to_string_lossy().into_owned(),
            _ => "stdin".to_owned(),
        };
        let seen = Arc::new(Mutex::new(Seen::default()));
        let watched = Watched { name, seen: Arc::clone(&seen) };
        Ok((Box::new(Hashing { source, seen }), watched))
    }

    /// The same as an input of records, called as it was given.
    pub(super) fn input(path: &Path) -> io::Result<(Input, Watched)> {
        let (source, watched) = Watched::open(path)?;
        let name =
            if watched.name == "stdin" { watched.name.clone() } else { path.display().to_string() };
        Ok((Input::Reader(name, source), watched))
    }

    /// The file, once it is read to its end.
    pub(super) fn source(&self, records: u64) -> Source {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        Source::File {
            name: self.name.clone(),
            bytes: seen.bytes,
            sha256: HEXLOWER.encode(&seen.hash.clone().finalize()),
            records,
        }
    }
}
