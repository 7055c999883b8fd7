//! A live run: events arrive, time passes, and what the engine emits is recorded.

use std::collections::{BTreeMap, BTreeSet};

use shutterlag::config::EngineConfig;
use shutterlag::engine::alerts::{Alert, Cause, Transition};
use shutterlag::engine::effective::Due;
use shutterlag::engine::windows::{ExposureId, Unjoined, Windows};
use shutterlag::engine::{Output, Receipt};
use shutterlag::event::{Event, Kind, Workflow};
use shutterlag::time::Timestamp;

use super::record::Record;

/// What names a window: workflow, credential, detection.
pub(crate) type Name = (Workflow, String, Timestamp);

/// The same, in the order of the ledger.
pub(crate) type Sortable = (&'static str, String, Timestamp);

/// One output, owned.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Said {
    Window(Box<Record>),
    Final(Box<Record>),
    ReviewDue(Name, Due),
    Retracted(Name),
    /// The name under which the alert began comes first.
    Alert(Name, Alert, Transition),
    /// The alert that began under the first name goes on for a window of the second one.
    Renamed(Name, Alert, Name),
    Orphan(Workflow, String, String, Kind, u64),
    /// What was emitted of a name that did not join, and what holds now.
    Unjoined(Workflow, String, Option<Unjoined>, Option<Unjoined>),
    Late(Workflow, String, String, Kind, u64),
}

/// The engine, what it said and when, and what stands after all that.
#[derive(Debug)]
pub(crate) struct Live {
    pub(crate) windows: Windows,
    pub(crate) said: Vec<(Timestamp, Said)>,
    /// The last word on each window that was not retracted.
    pub(crate) ledger: BTreeMap<Sortable, Record>,
    finals: BTreeMap<Sortable, u32>,
    /// Windows by the names under which the alerts began.
    firing: BTreeMap<(Sortable, Alert), Sortable>,
    /// The windows of which it was said what came of their review.
    due: BTreeSet<Sortable>,
    /// The names that did not join, as they stand.
    pub(crate) unjoined: BTreeMap<(&'static str, String), Unjoined>,
    pub(crate) late_receipts: u64,
    /// Whether an event came in since time last moved.
    arrived: bool,
}

pub(crate) fn sortable(name: &Name) -> Sortable {
    (name.0.as_str(), name.1.clone(), name.2)
}

fn name(exposure: ExposureId<'_>) -> Name {
    (exposure.key.workflow, exposure.key.credential_id.to_owned(), exposure.detected_at)
}

fn said(output: Output<'_>) -> Said {
    match output {
        Output::Window { window, is_final: false, .. } => Said::Window(Box::new(window.into())),
        Output::Window { window, is_final: true, .. } => Said::Final(Box::new(window.into())),
        Output::ReviewDue { window, due, .. } => Said::ReviewDue(name(window.exposure_id()), due),
        Output::Retracted { exposure } => Said::Retracted(name(exposure)),
        Output::Alert { exposure, window, alert, transition, change, .. } => {
            if change.cause == Cause::Renamed {
                assert_eq!(transition, Transition::Firing);
                return Said::Renamed(name(exposure), alert, name(window.unwrap().exposure_id()));
            }
            if let Some(window) = window.filter(|_| transition == Transition::Firing) {
                assert_eq!(window.exposure_id(), exposure, "an alert begins with its own window");
            }
            Said::Alert(name(exposure), alert, transition)
        }
        Output::Orphan { key, id, kind, events, .. } => {
            Said::Orphan(key.workflow, key.credential_id.to_owned(), id.to_owned(), kind, events)
        }
        Output::Unjoined { key, before, after } => {
            let name = key.credential_id.to_owned();
            Said::Unjoined(key.workflow, name, before.cloned(), after.cloned())
        }
        Output::Late { key, id, kind, events } => {
            Said::Late(key.workflow, key.credential_id.to_owned(), id.to_owned(), kind, events)
        }
    }
}

impl Live {
    pub(crate) fn new(config: EngineConfig) -> Live {
        Live {
            windows: Windows::new(config),
            said: Vec::new(),
            ledger: BTreeMap::new(),
            finals: BTreeMap::new(),
            firing: BTreeMap::new(),
            due: BTreeSet::new(),
            unjoined: BTreeMap::new(),
            late_receipts: 0,
            arrived: false,
        }
    }

    /// Hands in one event.
    pub(crate) fn arrives(&mut self, event: &Event<'static>) {
        self.arrived = true;
        match self.windows.handle(event) {
            Receipt::Held => {}
            Receipt::Late => self.late_receipts += 1,
            Receipt::Refused => panic!("refused: {event:?}"),
        }
    }

    /// Lets time come to `now`, and checks all that is said by itself: nothing is
    /// said twice, nothing after the last word, alerts begin before they end. It comes
    /// in slices, whose size must not matter.
    pub(crate) fn advance(&mut self, now: Timestamp) -> Vec<Said> {
        let mut outputs = Vec::new();
        let most = 1 + self.said.len() % 3;
        while !self.windows.advance_some(now, most, &mut |output| outputs.push(said(output))) {}
        for output in &outputs {
            self.note(now, output);
        }
        self.arrived = false;
        let next = self.windows.next_deadline();
        assert!(next.is_none_or(|next| next > now), "at {now}, {next:?} is due still");
        self.said.extend(outputs.iter().map(|output| (now, output.clone())));
        outputs
    }

    fn note(&mut self, now: Timestamp, output: &Said) {
        match output {
            Said::Window(record) | Said::Final(record) => {
                let name = sortable(&record.name());
                assert_eq!(
                    self.finals.get(&name),
                    None,
                    "at {now}, after the last word: {output:?}"
                );
                let is_final = matches!(output, Said::Final(_));
                if is_final {
                    self.finals.insert(name.clone(), 1);
                }
                let before = self.ledger.insert(name, (**record).clone());
                // An event can take the place of one that says the same.
                let news = before.as_ref() != Some(&**record) || is_final || self.arrived;
                assert!(news, "at {now}, no news: {output:?}");
            }
            Said::Retracted(exposure) => {
                let name = sortable(exposure);
                assert_eq!(
                    self.finals.get(&name),
                    None,
                    "at {now}, after the last word: {output:?}"
                );
                assert!(self.ledger.remove(&name).is_some(), "at {now}, of nothing: {output:?}");
                // All that was said of it is void: a window of that name may come again.
                self.due.remove(&name);
            }
            Said::Alert(exposure, alert, Transition::Firing) => {
                let name = sortable(exposure);
                let before = self.firing.insert((name.clone(), *alert), name);
                assert_eq!(before, None, "at {now}, fires already: {output:?}");
            }
            Said::Renamed(exposure, alert, window) => {
                let Some(before) = self.firing.get_mut(&(sortable(exposure), *alert)) else {
                    panic!("at {now}, does not fire: {output:?}");
                };
                let after = sortable(window);
                assert_ne!(*before, after, "at {now}, no news: {output:?}");
                *before = after;
            }
            Said::Alert(exposure, alert, Transition::Resolved) => {
                let before = self.firing.remove(&(sortable(exposure), *alert));
                assert!(before.is_some(), "at {now}, never fired: {output:?}");
            }
            Said::ReviewDue(exposure, _) => {
                let first = self.due.insert(sortable(exposure));
                assert!(first, "at {now}, said before: {output:?}");
            }
            Said::Unjoined(workflow, name, before, after) => {
                let name = (workflow.as_str(), name.clone());
                assert_ne!(before, after, "at {now}, no news: {output:?}");
                let known = match after {
                    Some(after) => self.unjoined.insert(name, after.clone()),
                    None => self.unjoined.remove(&name),
                };
                assert_eq!(&known, before, "at {now}, said otherwise before: {output:?}");
            }
            Said::Orphan(..) | Said::Late(..) => {}
        }
    }

    /// Goes on to `until`, stopping wherever the engine asks to.
    pub(crate) fn run(&mut self, until: Timestamp) {
        while let Some(next) = self.windows.next_deadline().filter(|next| *next < until) {
            self.advance(next);
        }
        self.advance(until);
    }

    /// The last words, in order.
    pub(crate) fn records(&self) -> Vec<Record> {
        self.ledger.values().cloned().collect()
    }

    /// Names of the windows that are final.
    pub(crate) fn finals(&self) -> Vec<Sortable> {
        self.finals.keys().cloned().collect()
    }

    /// What fires now, and since when.
    pub(crate) fn firing(&self) -> Vec<(Sortable, Alert)> {
        let mut firing: Vec<_> =
            self.firing.iter().map(|((_, alert), window)| (window.clone(), *alert)).collect();
        firing.sort();
        firing
    }

    /// Every transition of every alert: seconds after the zero, which, and how.
    pub(crate) fn transitions(&self) -> Vec<(i64, Alert, Transition)> {
        self.said
            .iter()
            .filter_map(|(now, said)| match said {
                Said::Alert(_, alert, transition) => {
                    let ms = now.as_millis() - super::hostile::ZERO_MS;
                    Some((ms / 1000, *alert, *transition))
                }
                _ => None,
            })
            .collect()
    }

    pub(crate) fn late(&self) -> u64 {
        self.said.iter().map(|(_, said)| if let Said::Late(.., n) = said { *n } else { 0 }).sum()
    }

    pub(crate) fn orphans(&self) -> u64 {
        self.said.iter().map(|(_, said)| if let Said::Orphan(.., n) = said { *n } else { 0 }).sum()
    }
}
