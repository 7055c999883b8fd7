//! Who may write to a store, and what a first start leaves behind.
//!
//! Invariants: one process at most holds the lock of a store; a start that fails removes the
//! files that it made, and no others, while it still holds the lock.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use crate::runtime::stages::Fault;

/// The lock of a store. It is held as long as this exists.
#[derive(Debug)]
pub struct Lock {
    /// The system releases the lock when this is closed.
    _file: File,
    store: PathBuf,
    /// What this start made. It is removed unless the start succeeds.
    made: Vec<PathBuf>,
}

impl Lock {
    /// Locks the store at `store`, which need not exist yet.
    ///
    /// # Errors
    /// A fault that lasts: another process has the lock, or the lock's file cannot be made.
    pub fn take(store: &Path) -> Result<Lock, Fault> {
        let name = beside(store, "-lock");
        let failed = |why: String| Fault::Lasting(format!("{}: {why}", store.display()));
        let (file, new) = loop {
            let (file, new) = open(&name).map_err(&failed)?;
            file.try_lock().map_err(|error| {
                failed(match error {
                    TryLockError::WouldBlock => {
                        "another process uses it; stop that one, or choose \
                                                 another [store] path"
                            .to_owned()
                    }
                    TryLockError::Error(error) => format!("it cannot be locked: {error}"),
                })
            })?;
            // A start that failed may just have removed this file: then the next process makes
            // another one, and this lock keeps nobody out.
            if is_at(&file, &name) {
                break (file, new);
            }
        };
        let made = if new { vec![name] } else { Vec::new() };
        Ok(Lock { _file: file, store: store.to_owned(), made })
    }

    /// Where the store is.
    pub fn store(&self) -> &Path {
        &self.store
    }

    /// This start made `path`. If the start fails, the file goes again.
    pub fn made(&mut self, path: PathBuf) {
        self.made.push(path);
    }

    /// The start has succeeded: all files stay.
    pub fn keep(&mut self) {
        self.made.clear();
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // The lock's own file was made first and goes last. A file that was never made, or that
        // cannot be removed, changes nothing about why the start failed.
        for path in self.made.iter().rev() {
            let _ = fs::remove_file(path);
        }
    }
}

/// The path of `store` with `ending` appended.
pub fn beside(store: &Path, ending: &str) -> PathBuf {
    let mut name = store.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
}

/// Opens the lock's file, and tells whether this made it.
fn open(name: &Path) -> Result<(File, bool), String> {
    let options = |new: bool| {
        let mut options = OpenOptions::new();
        options.create(!new).create_new(new).truncate(false).write(true).mode(0o600);
        options
    };
    let opened = match options(true).open(name) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            options(false).open(name).map(|file| (file, false))
        }
        made => made.map(|file| (file, true)),
    };
    opened.map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => {
            format!("{} cannot be made: the directory does not exist", name.display())
        }
        _ => format!("{} cannot be made: {error}", name.display()),
    })
}

/// Whether `file` is what lies at `path`.
fn is_at(file: &File, path: &Path) -> bool {
    let identity = |it: fs::Metadata| (it.dev(), it.ino());
    match (file.metadata(), fs::metadata(path)) {
        (Ok(held), Ok(there)) => identity(held) == identity(there),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(directory: &Path) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(directory)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn a_start_that_fails_removes_what_it_made_and_nothing_else() {
        let directory = tempfile::tempdir().unwrap();
        let store = directory.path().join("a.db");
        fs::write(directory.path().join("there"), "before").unwrap();
        let mut lock = Lock::take(&store).unwrap();
        fs::write(&store, "made").unwrap();
        lock.made(store.clone());
        lock.made(directory.path().join("never made"));
        drop(lock);
        assert_eq!(names(directory.path()), ["there"]);

        let mut lock = Lock::take(&store).unwrap();
        fs::write(&store, "made").unwrap();
        lock.made(store.clone());
        lock.keep();
        drop(lock);
        assert_eq!(names(directory.path()), ["a.db", "a.db-lock", "there"]);
        // A later start that fails made none of these.
        drop(Lock::take(&store).unwrap());
        assert_eq!(names(directory.path()), ["a.db", "a.db-lock", "there"]);
    }

    #[test]
    fn a_lock_on_a_file_that_was_removed_keeps_nobody_out_and_is_taken_again() {
        let directory = tempfile::tempdir().unwrap();
        let store = directory.path().join("a.db");
        let name = beside(&store, "-lock");
        let (stale, new) = open(&name).unwrap();
        assert!(new && is_at(&stale, &name));
        fs::remove_file(&name).unwrap();
        assert!(!is_at(&stale, &name));
        let _held = Lock::take(&store).unwrap();
        assert!(!is_at(&stale, &name));
        let refused = Lock::take(&store).unwrap_err().to_string();
        assert!(refused.contains("another process uses it"), "{refused}");
    }
}
