//! The key from which secrets and reviewers get their pseudonyms.

use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use data_encoding::HEXLOWER;

use super::CliError;
use crate::formats::Identity;

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
/// `store`, which is made if it is not there.
///
/// # Errors
/// A key that cannot be used, or a file that cannot be read or made.
pub(super) fn from_environment_or_beside(store: &Path) -> Result<Identity, CliError> {
    let Keyed { identity, random } = from_environment()?;
    if !random {
        return Ok(identity);
    }
    let mut name = store.as_os_str().to_owned();
    name.push(".key");
    let path = PathBuf::from(name);
    let failed =
        |why: &dyn std::fmt::Display| CliError::Failed(format!("{}: {why}", path.display()));
    let key = match std::fs::read_to_string(&path) {
        Ok(key) => key,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let mut bytes = [0; 32];
            getrandom::fill(&mut bytes).map_err(|error| failed(&error))?;
            let key = HEXLOWER.encode(&bytes);
            let mut options = std::fs::OpenOptions::new();
            let made = options.create_new(true).write(true).mode(0o600).open(&path);
            let written = made.and_then(|mut file| {
                file.write_all(key.as_bytes())?;
                // The store must never be without its key.
                file.sync_all()
            });
            written.map_err(|error| failed(&error))?;
            key
        }
        Err(error) => return Err(failed(&error)),
    };
    Identity::new(key.trim().as_bytes()).map_err(|error| failed(&error))
}
