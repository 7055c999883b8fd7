//! The SQLite file: opening it, its tables, and who may use it.
//!
//! Invariants: one process writes; a file that is not ours, newer than this program or
//! damaged is refused before anything is written to it; the check value of a row tells
//! whether its bytes are those that were written.

use std::fmt;
use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension};

use crate::formats::Identity;
use crate::runtime::stages::Fault;

/// The layout of the tables, which `docs/local.md` describes.
const VERSION: i64 = 1;
/// What SQLite notes in the file's head: "shut".
const APPLICATION: i64 = 0x7368_7574;

const TABLES: &str = "
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE events (
    position INTEGER PRIMARY KEY AUTOINCREMENT,
    arrived_at INTEGER NOT NULL,
    credential_id TEXT NOT NULL,
    event TEXT NOT NULL,
    sum INTEGER NOT NULL
) STRICT;
CREATE INDEX events_by_arrival ON events (arrived_at);
CREATE TABLE window_state (
    key BLOB PRIMARY KEY, time INTEGER NOT NULL, value BLOB NOT NULL, sum INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE reviewer_state (
    key BLOB PRIMARY KEY, time INTEGER NOT NULL, value BLOB NOT NULL, sum INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE windows (
    exposure_id TEXT PRIMARY KEY,
    closed_at INTEGER,
    record TEXT NOT NULL,
    sum INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX windows_by_closing ON windows (closed_at);
CREATE TABLE findings (key TEXT PRIMARY KEY, record TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE alerts (
    position INTEGER PRIMARY KEY AUTOINCREMENT,
    key TEXT NOT NULL,
    written_at INTEGER NOT NULL,
    record TEXT NOT NULL
) STRICT;
CREATE INDEX alerts_by_key ON alerts (key, position);
CREATE TABLE dead_letters (
    position INTEGER PRIMARY KEY AUTOINCREMENT,
    key TEXT NOT NULL,
    written_at INTEGER NOT NULL,
    record TEXT NOT NULL
) STRICT;
";

/// Where the store is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// In a file.
    File(PathBuf),
    /// In memory, for the life of the process.
    Memory,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::File(path) => path.display().fmt(f),
            Place::Memory => f.write_str("memory"),
        }
    }
}

/// The open store.
#[derive(Debug)]
pub struct StoreFile {
    pub(super) connection: Connection,
    place: Place,
    /// Held as long as the store is open.
    _lock: Option<File>,
}

impl StoreFile {
    /// Opens the store to write to it, and makes its tables if it is new. `identity` must be
    /// the one that the store was made with: credentials and reviewers are named by it.
    ///
    /// # Errors
    /// Faults that last, unless the disk only has no room.
    pub fn open(place: &Place, identity: &Identity) -> Result<StoreFile, Fault> {
        let (connection, lock) = match place {
            Place::Memory => (Connection::open_in_memory(), None),
            Place::File(path) => {
                let lock = lock(path).map_err(|why| Fault::Lasting(format!("{place}: {why}")))?;
                make_private(path)
                    .map_err(|why| Fault::Lasting(format!("{place}: it cannot be made: {why}")))?;
                (Connection::open_with_flags(path, writing()), Some(lock))
            }
        };
        let connection = connection.map_err(|error| fault(place, "opening it", &error))?;
        let store = StoreFile { connection, place: place.clone(), _lock: lock };
        store.prepare(identity).map(|()| store)
    }

    /// Opens the store to read from it, while another process may write to it.
    ///
    /// # Errors
    /// Why it cannot be read.
    pub fn open_to_read(path: &Path) -> Result<StoreFile, Fault> {
        let place = Place::File(path.to_owned());
        if !path.exists() {
            return Err(Fault::Lasting(format!("{place}: there is no such file")));
        }
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags)
            .map_err(|error| fault(&place, "opening it", &error))?;
        let store = StoreFile { connection, place, _lock: None };
        match store.version()? {
            Some(VERSION) => Ok(store),
            Some(_) => Err(store.newer()),
            None => Err(store.lasting("it is a database, and not one of shutterlag")),
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
            Some(version) if version > VERSION => return Err(self.newer()),
            Some(_) => self.check()?,
        }
        // A commit returns when the disk has it.
        for (pragma, value) in [("journal_mode", "WAL"), ("synchronous", "FULL")] {
            let set = self.connection.pragma_update(None, pragma, value);
            set.map_err(|error| self.fault("setting it up", &error))?;
        }
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

    fn create(&self, identity: &Identity) -> Result<(), Fault> {
        let made = (|| {
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

    /// Whether the file's pages and tables fit each other. What they hold is checked when it
    /// is read.
    fn check(&self) -> Result<(), Fault> {
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

    fn newer(&self) -> Fault {
        self.lasting("a newer version of shutterlag has made it; use that version")
    }

    pub(super) fn lasting(&self, why: &str) -> Fault {
        Fault::Lasting(format!("{}: {why}", self.place))
    }

    /// What to do about an error of SQLite.
    pub(super) fn fault(&self, doing: &str, error: &rusqlite::Error) -> Fault {
        fault(&self.place, doing, error)
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
fn make_private(path: &Path) -> io::Result<()> {
    match OpenOptions::new().create_new(true).write(true).mode(0o600).open(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

/// Takes the lock that lies beside the file. The database itself stays open for readers.
fn lock(path: &Path) -> Result<File, String> {
    let mut name = path.as_os_str().to_owned();
    name.push("-lock");
    let lock = OpenOptions::new().create(true).truncate(false).write(true).open(&name);
    let lock = lock.map_err(|error| {
        let name = Path::new(&name).display();
        match error.kind() {
            io::ErrorKind::NotFound => {
                format!("{name} cannot be made: the directory does not exist")
            }
            _ => format!("{name} cannot be made: {error}"),
        }
    })?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => {
            Err("another process uses it; stop that one, or choose another [store] path".to_owned())
        }
        Err(TryLockError::Error(error)) => Err(format!("it cannot be locked: {error}")),
    }
}

fn fault(place: &Place, doing: &str, error: &rusqlite::Error) -> Fault {
    let text = |remedy: &str| format!("{place}: {doing}: {error}{remedy}");
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
