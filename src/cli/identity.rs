//! The key from which secrets and reviewers get their pseudonyms.

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
