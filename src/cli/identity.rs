//! The key from which secrets and reviewers get their pseudonyms.

use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use data_encoding::HEXLOWER;

use super::CliError;
use crate::formats::Identity;
use crate::runtime::local::{Lock, beside};

/// The environment variable that holds the key.
pub(super) const VARIABLE: &str = "SHUTTERLAG_IDENTITY_KEY";

/// An identity, and whether its key is random.
#[derive(Debug)]
pub(super) struct Keyed {
    /// The identity.
    pub(super) identity: Identity,
    /// Whether the key was generated for this run, because none was set.
    pub(super) random: bool,
}

/// The identity under the key in the environment, or under a random key.
///
/// # Errors
/// A key that is too short or not Unicode, or no source of randomness.
pub(super) fn from_environment() -> Result<Keyed, CliError> {
    let failed = |why: &dyn std::fmt::Display| CliError::Failed(format!("{VARIABLE}: {why}"));
    let (key, random) = match std::env::var(VARIABLE) {
        Ok(key) if !key.is_empty() => (key.into_bytes(), false),
        // The message must not contain the value.
        Err(std::env::VarError::NotUnicode(_)) => return Err(failed(&"not valid Unicode")),
        _ => {
            let mut key = vec![0; 32];
            getrandom::fill(&mut key).map_err(|error| failed(&error))?;
            (key, true)
        }
    };
    let identity = Identity::new(&key).map_err(|error| failed(&error))?;
    Ok(Keyed { identity, random })
}

/// The identity under the key in the environment, or else under the key in the file beside
/// the store that `lock` is for. The first start makes that file: a store that is there
/// already has its key somewhere else.
///
/// # Errors
/// A key that cannot be used, a store without its key, or a file that cannot be read or made.
pub(super) fn from_environment_or_beside(lock: &mut Lock) -> Result<Identity, CliError> {
    let Keyed { identity, random } = from_environment()?;
    if !random {
        return Ok(identity);
    }
    let store = lock.store();
    let path = beside(store, ".key");
    let failed =
        |why: &dyn std::fmt::Display| CliError::Failed(format!("{}: {why}", path.display()));
    let key = match std::fs::read_to_string(&path) {
        Ok(key) => key,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            if std::fs::metadata(store).is_ok_and(|it| it.len() > 0) {
                return Err(failed(&format!(
                    "the key of {} is not there; restore this file, set {VARIABLE} to the key \
                     that the store was made with, or choose another [store] path",
                    store.display()
                )));
            }
            let key = make_key(&path).map_err(|why| failed(&why))?;
            lock.made(path.clone());
            key
        }
        Err(error) => {
            return Err(failed(&format!("{error}; let this user read it, or set {VARIABLE}")));
        }
    };
    Identity::new(key.trim().as_bytes()).map_err(|error| failed(&error))
}

/// The identity of a store that is there: under the key in the environment, or else under the key
/// in the file beside it.
///
/// # Errors
/// A key that cannot be used or read.
pub(super) fn of_store(store: &Path) -> Result<Identity, CliError> {
    let Keyed { identity, random } = from_environment()?;
    if !random {
        return Ok(identity);
    }
    let path = beside(store, ".key");
    let failed =
        |why: &dyn std::fmt::Display| CliError::Failed(format!("{}: {why}", path.display()));
    let key = std::fs::read_to_string(&path)
        .map_err(|error| failed(&format!("{error}; let this user read it, or set {VARIABLE}")))?;
    Identity::new(key.trim().as_bytes()).map_err(|error| failed(&error))
}

/// Makes a key in a new file that only its owner can read.
fn make_key(path: &Path) -> Result<String, String> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|error| error.to_string())?;
    let key = HEXLOWER.encode(&bytes);
    let mut options = std::fs::OpenOptions::new();
    let made = options.create_new(true).write(true).mode(0o600).open(path);
    let written = made.and_then(|mut file| {
        file.write_all(key.as_bytes())?;
        // The store must never be without its key.
        file.sync_all()
    });
    match written {
        Ok(()) => Ok(key),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Err("the directory does not exist; make it, or choose another [store] path".to_owned())
        }
        Err(error) => {
            Err(format!("{error}; let this user write there, or choose another [store] path"))
        }
    }
}
