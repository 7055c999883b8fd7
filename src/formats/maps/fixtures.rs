//! Fixtures: records, and what must become of them.
//!
//! A file `NAME.ndjson` holds one record in each line; `NAME.expected` holds under the same
//! number what becomes of it: `{"events":[…]}`, `{"skipped":"…"}` or
//! `{"rejected":"…","detail":"…"}`.

use std::fmt;

use serde::Serialize;

use super::catalogue::{Map, Maps};
use crate::config::Limits;
use crate::event::Event;
use crate::formats::context::{Context, Decoded, SkipReason};
use crate::formats::identity::Identity;
use crate::formats::rejection::{RejectReason, Rejection};
use crate::time::Timestamp;

/// The key under which the names in fixtures are made. It is no secret.
const KEY: &[u8] = b"the key of all fixtures";
/// When the records of fixtures arrive: 2026-01-05T12:00:00Z.
const ARRIVAL: Timestamp = Timestamp::from_millis(1_767_614_400_000);
const RECORDS: &str = ".ndjson";
const EXPECTED: &str = ".expected";

/// A file of records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fixture {
    /// Its name without the ending.
    pub name: String,
    /// What becomes of its records, a line for each.
    pub outcomes: String,
}

/// A record of which something else became than expected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FixtureFault {
    /// The file of records.
    pub fixture: String,
    /// The number of the record, from 1.
    pub line: usize,
    /// What was expected, in the form of the file.
    pub expected: String,
    /// What became of it.
    pub found: String,
}

impl fmt::Display for FixtureFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let FixtureFault { fixture, line, expected, found } = self;
        write!(f, "{fixture}{RECORDS}, line {line}\n  expected {expected}\n  found    {found}")
    }
}

#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum Outcome<'e> {
    Events(&'e [Event<'e>]),
    Skipped(SkipReason),
}

#[derive(Serialize)]
struct Refused<'e> {
    rejected: RejectReason,
    detail: &'e str,
}

fn line(outcome: &impl Serialize) -> String {
    serde_json::to_string(outcome).unwrap_or_default()
}

/// What becomes of the records of every fixture of `map`.
///
/// `decode` is the decoder of a record by the map; it is handed in because it lies above.
pub fn outcomes(
    maps: &Maps,
    map: &Map,
    decode: impl for<'r> Fn(&'r [u8], &Context<'_>, &mut Vec<Event<'r>>) -> Result<Decoded, Rejection>,
) -> Vec<Fixture> {
    let Ok(identity) = Identity::new(KEY) else { return Vec::new() };
    let context =
        Context { identity: &identity, detected_at: Some(ARRIVAL), limits: Limits::DEFAULT, maps };
    let files = map.fixtures().iter().filter_map(|(name, text)| {
        let name = name.strip_suffix(RECORDS)?;
        let mut outcomes = String::new();
        for record in text.lines() {
            let mut events = Vec::new();
            outcomes += &match decode(record.as_bytes(), &context, &mut events) {
                Ok(Decoded::Events | Decoded::Mixed(_)) => line(&Outcome::Events(&events)),
                Ok(Decoded::Skipped(reason)) => line(&Outcome::Skipped(reason)),
                Err(Rejection { reason, detail }) => {
                    line(&Refused { rejected: reason, detail: &detail })
                }
            };
            outcomes.push('\n');
        }
        Some(Fixture { name: name.to_owned(), outcomes })
    });
    files.collect()
}

/// Compares outcomes with what the fixtures expect.
pub fn test(map: &Map, outcomes: &[Fixture]) -> Vec<FixtureFault> {
    let mut faults = Vec::new();
    for Fixture { name, outcomes } in outcomes {
        let wanted = format!("{name}{EXPECTED}");
        let expected = map.fixtures().iter().find(|(name, _)| **name == wanted);
        let expected = expected.map(|(_, text)| text.as_ref()).unwrap_or_default();
        let count = outcomes.lines().count().max(expected.lines().count());
        let (mut found, mut wanted) = (outcomes.lines(), expected.lines());
        for line in 1..=count {
            let (found, expected) = (found.next(), wanted.next());
            if found != expected {
                faults.push(FixtureFault {
                    fixture: name.clone(),
                    line,
                    expected: expected.unwrap_or("nothing").to_owned(),
                    found: found.unwrap_or("nothing").to_owned(),
                });
            }
        }
    }
    faults
}
