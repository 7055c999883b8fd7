//! The events of a list, and which of them were kept.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};

use crate::event::{Event, Kind, Noted};
use crate::time::Timestamp;

/// The events of a list.
#[derive(Debug, Default)]
pub struct Listed {
    events: Vec<ListedEvent>,
    /// Where each event is, by the name of its credential and its id.
    places: HashMap<(Box<str>, Box<str>), usize>,
    /// The time of the earliest event that was kept.
    kept_since: Option<Timestamp>,
}

#[derive(Debug)]
struct ListedEvent {
    time: Timestamp,
    source: Option<Box<str>>,
    is_decision: bool,
    /// As it is to be delivered.
    json: Vec<u8>,
    kept: bool,
}

/// The events of one source that nobody delivered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct BySource {
    /// All of them.
    pub events: u64,
    /// Those among them that are decisions.
    pub decisions: u64,
}

/// What a comparison found.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub struct Found {
    /// Distinct events in the list.
    pub listed: u64,
    /// Events that were kept.
    pub known: u64,
    /// Events from before the first one that was kept. They are not compared: nobody was to
    /// deliver them here.
    pub older: u64,
    /// What nobody delivered, by the source that the events name; empty for none.
    pub recovered: BTreeMap<String, BySource>,
    /// The events to be delivered, in the order of the list.
    #[serde(skip)]
    pub missing: Vec<Vec<u8>>,
}

/// What tells one kept event from another.
#[derive(Deserialize)]
struct Kept<'k> {
    #[serde(borrow)]
    credential_id: Cow<'k, str>,
    #[serde(borrow)]
    id: Cow<'k, str>,
}

impl Listed {
    /// Adds an event of the list. One that is in it already is not added again.
    ///
    /// # Errors
    /// The JSON library has no errors for events.
    pub fn add(&mut self, event: &Event<'_>) -> Result<(), serde_json::Error> {
        let key = (Box::from(&*event.credential_id), Box::from(&*event.id));
        if self.places.contains_key(&key) {
            return Ok(());
        }
        let marked = Event { noted: Noted { recovered: true, ..event.noted }, ..event.clone() };
        self.places.insert(key, self.events.len());
        self.events.push(ListedEvent {
            time: event.time,
            source: event.source.as_deref().map(Box::from),
            is_decision: event.kind() == Kind::DecisionMade,
            json: serde_json::to_vec(&marked)?,
            kept: false,
        });
        Ok(())
    }

    /// Takes in an event that was kept, as JSON, and when it was. What is no event is passed over.
    pub fn kept(&mut self, event: &[u8], kept_at: Option<Timestamp>) {
        if let Some(at) = kept_at {
            self.kept_since = Some(self.kept_since.map_or(at, |since| since.min(at)));
        }
        let Ok(Kept { credential_id, id }) = serde_json::from_slice(event) else { return };
        let key = (Box::from(&*credential_id), Box::from(&*id));
        if let Some(at) = self.places.get(&key) {
            self.events[*at].kept = true;
        }
    }

    /// What was found, when all events that were kept are taken in.
    pub fn found(self) -> Found {
        let mut found = Found { listed: self.events.len() as u64, ..Found::default() };
        for event in self.events {
            if event.kept {
                found.known += 1;
            } else if self.kept_since.is_some_and(|since| event.time < since) {
                found.older += 1;
            } else {
                let source = event.source.as_deref().unwrap_or_default().to_owned();
                let of_source = found.recovered.entry(source).or_default();
                of_source.events += 1;
                of_source.decisions += u64::from(event.is_decision);
                found.missing.push(event.json);
            }
        }
        found
    }
}

impl Found {
    /// All that nobody delivered.
    pub fn total(&self) -> BySource {
        self.recovered.values().fold(BySource::default(), |sum, one| BySource {
            events: sum.events + one.events,
            decisions: sum.decisions + one.decisions,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Body, Workflow};

    fn event(id: &str, second: i64) -> Event<'_> {
        Event {
            id: id.into(),
            time: Timestamp::from_millis(second * 1_000),
            credential_id: "acme/payments#7".into(),
            workflow: Workflow::SecretExposure,
            source: Some("github".into()),
            severity: None,
            owner: None,
            noted: Noted::default(),
            body: Body::CredentialAbused,
        }
    }

    #[test]
    fn what_was_not_kept_is_found_once_and_marked() {
        let mut listed = Listed::default();
        for (id, second) in [("1", 100), ("2", 200), ("2", 200), ("3", 10)] {
            listed.add(&event(id, second)).unwrap();
        }
        let kept = serde_json::to_vec(&event("1", 100)).unwrap();
        listed.kept(&kept, Some(Timestamp::from_millis(50_000)));
        listed.kept(br#"{"type":"review.judged"}"#, None);
        // The same id of another credential is another event.
        listed.kept(br#"{"credential_id":"other","id":"2"}"#, None);
        let found = listed.found();
        assert_eq!((found.listed, found.known, found.older), (3, 1, 1));
        let one = BySource { events: 1, decisions: 0 };
        assert_eq!((found.total(), &found.recovered["github"]), (one, &one));
        let [missing] = &found.missing[..] else { panic!("{found:?}") };
        let missing: serde_json::Value = serde_json::from_slice(missing).unwrap();
        assert_eq!((&missing["id"], &missing["recovered"]), (&"2".into(), &true.into()));
    }
}
