//! The directory that `--out` names.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use crate::cli::output::{self, Readers, same_file};

/// The files of one run.
#[derive(Debug)]
pub(super) struct Files {
    directory: PathBuf,
    readers: Readers,
}

impl Files {
    /// Creates the directory if it does not exist. Files whose records name people are for
    /// `readers`.
    pub(super) fn create(directory: &Path, readers: Readers) -> io::Result<Files> {
        fs::create_dir_all(directory).map_err(|error| named(directory, &error))?;
        Ok(Files { directory: directory.to_owned(), readers })
    }

    /// Whether `input` is the file that `name` here would overwrite.
    pub(super) fn would_overwrite(&self, name: &str, input: &Path) -> bool {
        same_file(&self.directory.join(name), input)
    }

    /// Creates `name`, in place of one that is there.
    pub(super) fn open(&self, name: &str) -> io::Result<Output> {
        let path = self.directory.join(name);
        let file = output::create(&path, self.readers).map_err(|error| named(&path, &error))?;
        Ok(Output { path, file: BufWriter::with_capacity(1 << 20, file) })
    }

    /// The path of `name`, for messages.
    pub(super) fn path(&self, name: &str) -> String {
        self.directory.join(name).display().to_string()
    }
}

/// A file being written, whose errors name it.
#[derive(Debug)]
pub(super) struct Output {
    path: PathBuf,
    file: BufWriter<File>,
}

impl Output {
    /// Writes the rest of the buffer. Only then is the file complete.
    pub(super) fn finish(mut self) -> io::Result<()> {
        self.flush()
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes).map_err(|error| named(&self.path, &error))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush().map_err(|error| named(&self.path, &error))
    }
}

fn named(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}
