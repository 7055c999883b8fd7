//! The SQLite file: opening it, its tables, and who may use it.
//!
//! Invariants: one process writes; a file that is not ours or of another version is refused
//! before anything is written to it; the check value of a row tells whether its bytes are
//! those that were written.

use std::fs::OpenOptions;
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension};

use super::lock::{Lock, beside};
use crate::formats::Identity;
use crate::runtime::stages::Fault;

/// The layout of the tables, which `docs/local.md` describes.
const VERSION: i64 = 2;
/// What SQLite notes in the file's head: "shut".
const APPLICATION: i64 = 0x7368_7574;

/// Bytes of a page: a few records of windows fit on one, and what changes little costs little.
const PAGE_BYTES: i64 = 8 << 10;
/// KiB of pages in memory, so that most of what is written to is there.
const CACHE_KIB: i64 = 64 << 10;
/// Pages in SQLite's log after which they go into the file: 32 MiB, which a start reads in a
/// moment, and which holds most pages several times.
const LOG_PAGES: i64 = (32 << 20) / PAGE_BYTES;
/// How much is written to find out whether there is room.
const TRIED_BYTES: usize = 1 << 20;

const TABLES: &str = "
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE events (
    position INTEGER PRIMARY KEY,
    arrived_at INTEGER NOT NULL,
    credential_id TEXT NOT NULL,
    event TEXT NOT NULL,
    sum INTEGER NOT NULL
) STRICT;
CREATE TABLE window_state (
    key BLOB PRIMARY KEY, time INTEGER NOT NULL, value BLOB NOT NULL, sum INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE reviewer_state (
    key BLOB PRIMARY KEY, time INTEGER NOT NULL, value BLOB NOT NULL, sum INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE windows (
    position INTEGER PRIMARY KEY,
    exposure_id TEXT NOT NULL UNIQUE,
    closed_at INTEGER,
    record TEXT NOT NULL,
    sum INTEGER NOT NULL
) STRICT;
CREATE INDEX windows_by_closing ON windows (closed_at);
CREATE TABLE findings (key TEXT PRIMARY KEY, record TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE alerts (
    position INTEGER PRIMARY KEY,
    key TEXT NOT NULL,
    written_at INTEGER NOT NULL,
    firing INTEGER NOT NULL,
    record TEXT NOT NULL
) STRICT;
CREATE INDEX alerts_that_fire ON alerts (key) WHERE firing;
CREATE TABLE dead_letters (
    position INTEGER PRIMARY KEY,
    identity TEXT NOT NULL UNIQUE,
    written_at INTEGER NOT NULL,
    times INTEGER NOT NULL,
    record TEXT NOT NULL
) STRICT;
";

/// The open store.
#[derive(Debug)]
pub struct StoreFile {
    // Closed before the lock is released.
    pub(super) connection: Connection,
    path: PathBuf,
    name: String,
    lock: Option<Lock>,
}

impl StoreFile {
    /// Opens the store that `lock` is for, to write to it, and makes its tables if it is new.
    /// `identity` must be the one that the store was made with: credentials and reviewers are
    /// named by it. Until [`StoreFile::keep`] is called, files that this start made go with it.
    ///
    /// # Errors
    /// Faults that last, unless the disk only has no room.
    pub fn open(mut lock: Lock, identity: &Identity) -> Result<StoreFile, Fault> {
        let name = lock.store().display().to_string();
        make_private(&mut lock)
            .map_err(|why| Fault::Lasting(format!("{name}: it cannot be made: {why}")))?;
        let connection = Connection::open_with_flags(lock.store(), writing())
            .map_err(|error| fault(&name, "opening it", &error))?;
        let path = lock.store().to_owned();
        let store = StoreFile { connection, path, name, lock: Some(lock) };
        store.prepare(identity).map(|()| store)
    }

    /// A store in memory, for the life of the process.
    ///
    /// # Errors
    /// There is no memory.
    pub fn in_memory(identity: &Identity) -> Result<StoreFile, Fault> {
        let name = "the store in memory".to_owned();
        let connection =
            Connection::open_in_memory().map_err(|error| fault(&name, "opening it", &error))?;
        let store = StoreFile { connection, path: PathBuf::new(), name, lock: None };
        store.create(identity).map(|()| store)
    }

    /// Opens the store to read from it, while another process may write to it.
    ///
    /// # Errors
    /// Why it cannot be read.
    pub fn open_to_read(path: &Path) -> Result<StoreFile, Fault> {
        let name = path.display().to_string();
        if !path.exists() {
            return Err(Fault::Lasting(format!("{name}: there is no such file")));
        }
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags)
            .map_err(|error| fault(&name, "opening it", &error))?;
        let store = StoreFile { connection, path: path.to_owned(), name, lock: None };
        match store.version()? {
            Some(VERSION) => Ok(store),
            Some(version) => Err(store.other_version(version)),
            None => Err(store.lasting("it is a database, and not one of shutterlag")),
        }
    }

    /// The store, opened once more to read from it on another thread.
    ///
    /// # Errors
    /// Why it cannot be opened.
    pub(super) fn reader(&self) -> Result<StoreFile, Fault> {
        StoreFile::open_to_read(&self.path)
    }

    /// The start has succeeded: the files that it made stay.
    pub fn keep(&mut self) {
        if let Some(lock) = &mut self.lock {
            lock.keep();
        }
    }

    fn prepare(&self, identity: &Identity) -> Result<(), Fault> {
        match self.version()? {
            None if self.is_empty()? => self.create(identity)?,
            None => {
                return Err(self.lasting(
                    "it is a database, and not one of shutterlag; choose another [store] path",
                ));
            }
            Some(VERSION) => {}
            Some(version) => return Err(self.other_version(version)),
        }
        self.set_up()?;
        let known: Option<String> = self
            .connection
            .query_row("SELECT value FROM meta WHERE name = 'identity'", [], |row| row.get(0))
            .optional()
            .map_err(|error| self.fault("reading it", &error))?;
        match known {
            Some(known) if known == identity.name(CHECKED) => Ok(()),
            Some(_) => Err(self.lasting(
                "it was made with another identity key, so one credential would get two names; \
                 set SHUTTERLAG_IDENTITY_KEY to the key that it was made with, or choose another [store] \
                 path",
            )),
            None => Err(self.lasting("it lacks the check of the identity key; restore a backup")),
        }
    }

    /// Sees to it that a commit returns when the disk has it, and that others may read
    /// meanwhile.
    fn set_up(&self) -> Result<(), Fault> {
        let failed = |error| self.fault("setting it up", &error);
        // SQLite keeps another mode, and says so, where this one is impossible.
        let mode: String = self
            .connection
            .pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))
            .map_err(failed)?;
        if mode != "wal" {
            return Err(self.lasting(
                "its file system has no shared memory, which a store needs; choose a [store] path \
                 on a disk of this machine",
            ));
        }
        let set = |name, value| self.connection.pragma_update(None, name, value).map_err(failed);
        self.connection.pragma_update(None, "synchronous", "FULL").map_err(failed)?;
        // In KiB where it is negative.
        set("cache_size", -CACHE_KIB)?;
        set("wal_autocheckpoint", LOG_PAGES)?;
        // The log grows while somebody reads for long, and gives that back afterwards.
        set("journal_size_limit", 2 * LOG_PAGES * PAGE_BYTES)
    }

    fn create(&self, identity: &Identity) -> Result<(), Fault> {
        let made = (|| {
            self.connection.pragma_update(None, "page_size", PAGE_BYTES)?;
            self.connection.execute_batch("BEGIN IMMEDIATE")?;
            self.connection.execute_batch(TABLES)?;
            self.connection
                .execute("INSERT INTO meta VALUES ('identity', ?1)", [identity.name(CHECKED)])?;
            self.connection.pragma_update(None, "application_id", APPLICATION)?;
            self.connection.pragma_update(None, "user_version", VERSION)?;
            self.connection.execute_batch("COMMIT")
        })();
        made.map_err(|error| self.fault("making its tables", &error))
    }

    /// Writes as much as a usual transaction, and takes it back: whether there is room.
    ///
    /// # Errors
    /// Why nothing can be written.
    pub(super) fn try_to_write(&self) -> Result<(), Fault> {
        let tried = (|| {
            let filler = " ".repeat(TRIED_BYTES);
            self.connection
                .execute("INSERT OR REPLACE INTO meta VALUES ('tried', ?1)", [filler])?;
            self.connection.execute("DELETE FROM meta WHERE name = 'tried'", [])
        })();
        tried.map(drop).map_err(|error| self.fault("writing to it", &error))
    }

    /// The version of the layout; `None` if it is not ours.
    fn version(&self) -> Result<Option<i64>, Fault> {
        let pragma = |name: &str| -> Result<i64, Fault> {
            let value = self.connection.pragma_query_value(None, name, |row| row.get(0));
            value.map_err(|error| self.fault("reading it", &error))
        };
        let ours = pragma("application_id")? == APPLICATION;
        let version = pragma("user_version")?;
        Ok(ours.then_some(version))
    }

    fn is_empty(&self) -> Result<bool, Fault> {
        let tables: i64 = self
            .connection
            .query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))
            .map_err(|error| self.fault("reading it", &error))?;
        Ok(tables == 0)
    }

    /// Whether the file's pages and tables fit each other. This reads the whole file. What the
    /// rows hold is checked when they are read.
    ///
    /// # Errors
    /// A fault that lasts: the file is damaged. Another one if it cannot be read.
    pub(super) fn check(&self) -> Result<(), Fault> {
        let found: String = self
            .connection
            .query_row("PRAGMA quick_check(1)", [], |row| row.get(0))
            .map_err(|error| self.fault("checking it", &error))?;
        if found == "ok" {
            return Ok(());
        }
        // SQLite writes a heading above the fault.
        let found = found.lines().last().unwrap_or_default();
        Err(self.lasting(&format!("it is damaged ({found}); restore a backup")))
    }

    fn other_version(&self, version: i64) -> Fault {
        if version > VERSION {
            return self.lasting("a newer version of shutterlag has made it; use that version");
        }
        self.lasting(
            "an older version of shutterlag has made it; write its events out with that version \
             (`shutterlag export`), choose another [store] path, and deliver them to /in/events",
        )
    }

    pub(super) fn lasting(&self, why: &str) -> Fault {
        Fault::Lasting(format!("{}: {why}", self.name))
    }

    /// What to do about an error of SQLite.
    pub(super) fn fault(&self, doing: &str, error: &rusqlite::Error) -> Fault {
        fault(&self.name, doing, error)
    }

    /// A row of `table` is not what was written.
    pub(super) fn damaged(&self, table: &str) -> Fault {
        self.lasting(&format!("a row of the table {table} is damaged; restore a backup"))
    }
}

/// What the identity check value is the name of.
pub(super) const CHECKED: &[u8] = b"shutterlag identity check";

fn writing() -> OpenFlags {
    OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_CREATE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX
}

/// Makes the file, if there is none, for its owner alone: it holds the names of reviewers as
/// their sources give them. SQLite gives its log the same mode.
fn make_private(lock: &mut Lock) -> io::Result<()> {
    let path = lock.store().to_owned();
    match OpenOptions::new().create_new(true).write(true).mode(0o600).open(&path) {
        Ok(_) => {
            for ending in ["", "-journal", "-wal", "-shm"] {
                lock.made(beside(&path, ending));
            }
            Ok(())
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
    }
}

fn fault(name: &str, doing: &str, error: &rusqlite::Error) -> Fault {
    let text = |remedy: &str| format!("{name}: {doing}: {error}{remedy}");
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => Fault::Passing(text("; make room on the disk")),
        Some(ErrorCode::SystemIoFailure) => Fault::Passing(text("; see to the disk")),
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            Fault::Passing(text("; another program writes to it"))
        }
        Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => {
            Fault::Lasting(text("; let this user write to the file and its directory"))
        }
        Some(ErrorCode::NotADatabase) => {
            Fault::Lasting(text("; choose another [store] path, or restore a backup"))
        }
        Some(ErrorCode::DatabaseCorrupt) => Fault::Lasting(text("; restore a backup")),
        Some(ErrorCode::CannotOpen) => {
            Fault::Lasting(text("; see that the file and its directory may be used"))
        }
        _ => Fault::Doubtful(text("")),
    }
}

/// The check value of a row.
pub(super) fn sum(key: &[u8], value: &[u8]) -> i64 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&(key.len() as u64).to_le_bytes());
    hasher.update(key);
    hasher.update(value);
    i64::from(hasher.finalize())
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A new store in `directory`.
    pub(in crate::runtime::local) fn new_store(directory: &Path) -> StoreFile {
        let lock = Lock::take(&directory.join("a.db")).unwrap();
        let identity = Identity::new(b"sixteen bytes...").unwrap();
        StoreFile::open(lock, &identity).unwrap()
    }

    /// SQLite's own layer for file systems without locks has no shared memory either.
    #[test]
    fn a_file_system_without_shared_memory_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.db");
        let connection = Connection::open_with_flags_and_vfs(&path, writing(), c"unix-none");
        let (connection, name) = (connection.unwrap(), "a.db".to_owned());
        let store = StoreFile { connection, path, name, lock: None };
        let identity = Identity::new(b"sixteen bytes...").unwrap();
        let refused = store.prepare(&identity).unwrap_err().to_string();
        assert!(refused.contains("a.db: its file system has no shared memory"), "{refused}");
    }
}
