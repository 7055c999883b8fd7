//! A file that grows, and that may be rotated: renamed and begun anew, or cut off.
//!
//! Invariants: what was written to a file before its rotation is read to its end first; a line
//! that was cut off by a rotation is not joined with the first line after it.

use std::fs::{self, File, Metadata};
use std::io::{self, Read, Seek};
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::time::Duration;

/// How often the file is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// The file, read on until `over` says that nobody wants more.
pub(super) struct Growing<F> {
    path: PathBuf,
    source: File,
    /// How far it was read.
    at: u64,
    over: F,
}

/// What became of the file at the path.
#[derive(Debug, PartialEq, Eq)]
enum Rotation {
    /// It is still the file that is open, and no shorter than what was read.
    None,
    /// Another file has its name.
    Replaced,
    /// It is shorter than what was read.
    CutOff,
}

impl<F: Fn() -> bool> Growing<F> {
    /// Opens the file at `path`.
    pub(super) fn open(path: PathBuf, over: F) -> io::Result<Growing<F>> {
        Ok(Growing { source: File::open(&path)?, path, at: 0, over })
    }

    fn rotation(&self) -> io::Result<Rotation> {
        // While it is renamed, there may be no file of this name for a moment.
        let Ok(named) = fs::metadata(&self.path) else { return Ok(Rotation::None) };
        let identity = |metadata: &Metadata| (metadata.dev(), metadata.ino());
        Ok(match self.source.metadata()? {
            open if identity(&open) != identity(&named) => Rotation::Replaced,
            open if open.len() < self.at => Rotation::CutOff,
            _ => Rotation::None,
        })
    }

    /// Goes on at the beginning of the file that is at the path now.
    fn begin_anew(&mut self, rotation: &Rotation) -> io::Result<()> {
        match rotation {
            Rotation::Replaced => self.source = File::open(&self.path)?,
            Rotation::CutOff | Rotation::None => self.source.rewind()?,
        }
        self.at = 0;
        Ok(())
    }
}

impl<F: Fn() -> bool> Read for Growing<F> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let rotation = self.rotation()?;
            // Asked before the read, so that what was written before a rotation is seen by it.
            let count = self.source.read(buffer)?;
            self.at += count as u64;
            if count > 0 || buffer.is_empty() || (self.over)() {
                return Ok(count);
            }
            if rotation == Rotation::None {
                std::thread::sleep(LOOK_EVERY);
                continue;
            }
            match self.begin_anew(&rotation) {
                Ok(()) => {
                    buffer[0] = b'\n';
                    return Ok(1);
                }
                // Renamed again at this very moment.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::io::Write;

    use super::*;

    /// Reads to the end that there is now.
    fn rest<F: Fn() -> bool>(growing: &mut Growing<F>) -> String {
        let mut text = String::new();
        growing.read_to_string(&mut text).unwrap();
        text
    }

    #[test]
    fn a_rotated_file_is_read_to_its_end_and_its_successor_from_the_beginning() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("log");
        fs::write(&path, "a\nb").unwrap();
        // Ends at the second time that there is nothing more: after the look for a rotation.
        let asked = Cell::new(0);
        let over = || {
            asked.set(asked.get() + 1);
            asked.get() % 3 == 0
        };
        let mut growing = Growing::open(path.clone(), over).unwrap();
        assert_eq!(rest(&mut growing), "a\nb");
        let mut file = fs::OpenOptions::new().append(true).open(&path).unwrap();
        file.write_all(b"c").unwrap();
        fs::rename(&path, directory.path().join("log.1")).unwrap();
        assert_eq!(rest(&mut growing), "c", "there is no file of the name yet");
        file.write_all(b"d").unwrap();
        fs::write(&path, "e\n").unwrap();
        assert_eq!(rest(&mut growing), "d\ne\n");
        // Copied and cut off, as some programs rotate.
        fs::write(&path, "f\n").unwrap();
        assert_eq!(rest(&mut growing), "", "as long as before: it cannot be told");
        File::create(&path).unwrap();
        assert_eq!(rest(&mut growing), "\n");
        fs::write(&path, "g\n").unwrap();
        assert_eq!(rest(&mut growing), "g\n");
    }
}
