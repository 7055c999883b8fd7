//! The key under which secrets and reviewers get their names.

use std::error::Error;

use crate::formats::Identity;

/// The environment variable that holds the key.
pub(super) const VARIABLE: &str = "SHUTTERLAG_IDENTITY_KEY";

/// An identity, and whether its key is the operator's.
#[derive(Debug)]
pub(super) struct Keyed {
    /// The identity.
    pub(super) identity: Identity,
    /// Whether the key was made up for this run.
    pub(super) random: bool,
}

/// The identity under the key in the environment, or under a random key.
///
/// # Errors
/// A key that is too short or not Unicode, or no source of randomness.
pub(super) fn from_environment() -> Result<Keyed, Box<dyn Error>> {
    match std::env::var(VARIABLE) {
        Ok(key) if !key.is_empty() => {
            let identity =
                Identity::new(key.as_bytes()).map_err(|error| format!("{VARIABLE}: {error}"))?;
            Ok(Keyed { identity, random: false })
        }
        // The value itself must not get into the message.
        Err(std::env::VarError::NotUnicode(_)) => {
            Err(format!("{VARIABLE}: not valid Unicode").into())
        }
        _ => {
            let mut key = [0; 32];
            getrandom::fill(&mut key)
                .map_err(|error| format!("no randomness for a key: {error}"))?;
            Ok(Keyed { identity: Identity::new(&key)?, random: true })
        }
    }
}
