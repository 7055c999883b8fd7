//! The formats by their names.

use std::fmt;

use serde::{Serialize, Serializer};

use super::maps::is_name;

/// The formats a record can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Format {
    /// Recognise each record by itself.
    Auto,
    /// One flat JSON object, the project's own.
    Native,
    /// CloudEvents 1.0, structured, around any of the others.
    CloudEvents,
    /// GitHub `secret_scanning_alert` webhooks.
    Github,
    /// gitleaks v8 findings.
    Gitleaks,
    /// TruffleHog v3 findings.
    Trufflehog,
    /// AWS Health `RISK` events and GuardDuty findings from EventBridge.
    Eventbridge,
    /// The map with this name, which need not exist.
    Map(&'static str),
}

impl Format {
    /// Every format but those of maps.
    pub const ALL: &'static [Format] = &[
        Format::Auto,
        Format::Native,
        Format::CloudEvents,
        Format::Github,
        Format::Gitleaks,
        Format::Trufflehog,
        Format::Eventbridge,
    ];

    /// The word used in settings and arguments.
    pub const fn as_str(self) -> &'static str {
        match self {
            Format::Auto => "auto",
            Format::Native => "native",
            Format::CloudEvents => "cloudevents",
            Format::Github => "github",
            Format::Gitleaks => "gitleaks",
            Format::Trufflehog => "trufflehog",
            Format::Eventbridge => "eventbridge",
            Format::Map(name) => name,
        }
    }

    /// The format that `word` names: one of [`Format::ALL`], else a map, whether or not there is
    /// one. `None` for what cannot be the name of a map.
    pub fn parse(word: &str) -> Option<Format> {
        let known = Format::ALL.iter().copied().find(|format| format.as_str() == word);
        known.or_else(|| {
            // Settings and arguments name a handful, once for each process.
            is_name(word).then(|| Format::Map(Box::leak(word.to_owned().into_boxed_str())))
        })
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Format {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}
