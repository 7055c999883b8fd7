//! Opening an input: where its bytes come from, how they were compressed, and how its text is
//! encoded.
//!
//! Invariants: compression is told by the first bytes, never by a name;
//! decompressed bytes are only ever streamed, so a small file that unpacks to
//! terabytes costs time and no memory; nothing is read ahead of need from a
//! stream beyond one buffer.

use std::fs::{self, File};
use std::io::{self, BufReader, Cursor, Read};
use std::path::PathBuf;
use std::sync::Arc;

use super::progress::Progress;
use super::utf16::FromUtf16;
use crate::formats::Utf16;

/// Where records come from.
pub enum Input {
    /// The standard input.
    Stdin,
    /// A file, or anything else that opens like one.
    Path(PathBuf),
    /// Anything that reads, under a name of its own.
    Reader(String, Box<dyn Read + Send>),
}

impl Input {
    /// What to call it to people.
    pub fn name(&self) -> String {
        match self {
            Input::Stdin => "stdin".to_owned(),
            Input::Path(path) => path.display().to_string(),
            Input::Reader(name, _) => name.clone(),
        }
    }

    /// Its size on disk; `None` when it has none. One that cannot be opened
    /// later adds nothing to read.
    pub(super) fn size(&self) -> Option<u64> {
        let Input::Path(path) = self else { return None };
        match fs::metadata(path) {
            Ok(metadata) if metadata.is_file() => Some(metadata.len()),
            Ok(metadata) if !metadata.is_dir() => None,
            _ => Some(0),
        }
    }
}

/// `-` is the standard input, as everywhere.
impl From<PathBuf> for Input {
    fn from(path: PathBuf) -> Input {
        if path.as_os_str() == "-" { Input::Stdin } else { Input::Path(path) }
    }
}

impl std::fmt::Debug for Input {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Input").field(&self.name()).finish()
    }
}

/// An open input.
pub(super) struct Opened {
    reader: Box<dyn Read + Send>,
    read_bytes_max: usize,
}

impl Opened {
    /// Opens `input` and looks at its first bytes.
    pub(super) fn open(input: Input, progress: Arc<Progress>) -> io::Result<Opened> {
        let source: Box<dyn Read + Send> = match input {
            // A lock for each read, not one for good: that could not be moved to
            // another thread. Reads are large, so it costs nothing.
            Input::Stdin => Box::new(io::stdin()),
            Input::Path(path) => Box::new(File::open(path)?),
            Input::Reader(_, reader) => reader,
        };
        decompress(Counting { source, progress })
    }

    /// The same in UTF-8, if it is UTF-16.
    fn into_utf8(mut self) -> io::Result<Opened> {
        let mut first = [0; Utf16::START_BYTES];
        let (known, read) = self.fill(&mut first);
        let order = Utf16::of(&first[..known]);
        // What comes first is put back, a fault included.
        let fault = read.err().map(Fault);
        let start = Cursor::new(first[..known].to_vec());
        let read_bytes_max = self.read_bytes_max;
        let reader: Box<dyn Read + Send> = match fault {
            Some(fault) => Box::new(start.chain(fault)),
            None => Box::new(start.chain(self.reader)),
        };
        Ok(match order {
            Some(order) => {
                Opened { reader: Box::new(FromUtf16::new(reader, order)), read_bytes_max }
            }
            None => Opened { reader, read_bytes_max },
        })
    }

    /// Reads into `buffer` until it is full: how much, and what ended it early
    /// (`Ok(true)`: nothing, `Ok(false)`: the end).
    pub(super) fn fill(&mut self, buffer: &mut [u8]) -> (usize, io::Result<bool>) {
        let mut filled = 0;
        while filled < buffer.len() {
            let end = buffer.len().min(filled.saturating_add(self.read_bytes_max));
            match self.reader.read(&mut buffer[filled..end]) {
                Ok(0) => return (filled, Ok(false)),
                Ok(count) => filled += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return (filled, Err(error)),
            }
        }
        (filled, Ok(true))
    }
}

/// Reads the source's bytes and tells how many.
struct Counting {
    source: Box<dyn Read + Send>,
    progress: Arc<Progress>,
}

impl Read for Counting {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.source.read(buffer)?;
        self.progress.advance(count);
        Ok(count)
    }
}

/// Reads nothing but an error, once.
struct Fault(io::Error);

impl Read for Fault {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(std::mem::replace(&mut self.0, io::ErrorKind::UnexpectedEof.into()))
    }
}

/// Compressed bytes fetched at a time.
const COMPRESSED_BYTES: usize = 128 << 10;
/// Decompressed bytes asked for at a time. A decompressor that meets damage
/// keeps what the same call had already unpacked, so calls are kept small.
const UNPACKED_BYTES: usize = 32 << 10;

fn decompress(mut source: Counting) -> io::Result<Opened> {
    let mut magic = [0; 4];
    let mut known = 0;
    while known < magic.len() {
        match source.read(&mut magic[known..]) {
            Ok(0) => break,
            Ok(count) => known += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            // Bytes that could be read are read; the fault comes up again.
            Err(error) if known == 0 => return Err(error),
            Err(_) => break,
        }
    }
    let whole = Cursor::new(magic[..known].to_vec()).chain(source);
    let opened = match magic {
        [0x1F, 0x8B, ..] => {
            let packed = BufReader::with_capacity(COMPRESSED_BYTES, whole);
            let reader = Box::new(flate2::bufread::MultiGzDecoder::new(packed));
            Opened { reader, read_bytes_max: UNPACKED_BYTES }
        }
        // A frame, or one to be skipped such as parallel compressors put first.
        [0x28, 0xB5, 0x2F, 0xFD] | [0x50..=0x5F, 0x2A, 0x4D, 0x18] => {
            let packed = BufReader::with_capacity(COMPRESSED_BYTES, whole);
            let reader = Box::new(zstd::stream::read::Decoder::with_buffer(packed)?);
            Opened { reader, read_bytes_max: UNPACKED_BYTES }
        }
        _ => Opened { reader: Box::new(whole), read_bytes_max: usize::MAX },
    };
    opened.into_utf8()
}
