//! Fixtures: records, and what must become of them.
//!
//! A file `NAME.ndjson` holds one record in each line; `NAME.expected` holds under the same
//! number what becomes of it: `{"events":[…]}`, `{"skipped":"…"}` or
//! `{"rejected":"…","detail":"…"}`; with `"unused":[…]` beside the events if a part was not used.

use std::borrow::Cow;
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

/// What is wrong with a fixture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FixtureFault {
    /// Nobody has written yet what is expected of this one.
    New(Fixture),
    /// Something else became of a record than expected.
    Differs {
        /// The file of records.
        fixture: String,
        /// The number of the record, from 1.
        line: usize,
        /// What was expected, in the form of the file.
        expected: String,
        /// What became of it.
        found: String,
    },
}

impl fmt::Display for FixtureFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FixtureFault::New(Fixture { name, outcomes }) => {
                write!(f, "{name}{RECORDS}: there is no {name}{EXPECTED} yet")?;
                let mut lines = outcomes.lines().zip(1..);
                lines.try_for_each(|(outcome, line)| write!(f, "\n  line {line} {outcome}"))
            }
            FixtureFault::Differs { fixture, line, expected, found } => write!(
                f,
                "{fixture}{RECORDS}, line {line}\n  expected {expected}\n  found    {found}"
            ),
        }
    }
}

/// What became of a record, in the form of the file.
#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum Outcome<'e> {
    Events(&'e [Event<'e>]),
    Skipped(SkipReason),
    #[serde(untagged)]
    Refused(Refused),
    #[serde(untagged)]
    Mixed {
        events: &'e [Event<'e>],
        unused: Vec<Outcome<'e>>,
    },
}

#[derive(Serialize)]
struct Refused {
    rejected: RejectReason,
    detail: Cow<'static, str>,
}

impl From<Rejection> for Outcome<'_> {
    fn from(Rejection { reason, detail }: Rejection) -> Self {
        Outcome::Refused(Refused { rejected: reason, detail })
    }
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
            let outcome = match decode(record.as_bytes(), &context, &mut events) {
                Ok(Decoded::Events) => Outcome::Events(&events),
                Ok(Decoded::Skipped(reason)) => Outcome::Skipped(reason),
                Ok(Decoded::Mixed(parts)) => Outcome::Mixed {
                    events: &events,
                    unused: parts
                        .into_iter()
                        .map(|part| part.outcome.map_or_else(Outcome::from, Outcome::Skipped))
                        .collect(),
                },
                Err(rejection) => rejection.into(),
            };
            outcomes += &line(&outcome);
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
        let Some((_, expected)) = expected else {
            faults.push(FixtureFault::New(Fixture {
                name: name.clone(),
                outcomes: outcomes.clone(),
            }));
            continue;
        };
        let count = outcomes.lines().count().max(expected.lines().count());
        let (mut found, mut wanted) = (outcomes.lines(), expected.lines());
        for line in 1..=count {
            let (found, expected) = (found.next(), wanted.next());
            if found != expected {
                faults.push(FixtureFault::Differs {
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
