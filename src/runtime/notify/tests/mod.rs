//! Pushing alerts, by hand-made records and made-up Alertmanagers.

mod alertmanager;
mod pushing;
mod store;

use std::sync::Arc;

use super::postable::{Guide, PostableAlert};
use super::store::{AlertStore, Applied, PushKey};
use crate::config::Profiles;
use crate::engine::alerts::{Alert, Transition, Urgency};
use crate::engine::attacker::Race;
use crate::engine::identity::NameOrder;
use crate::event::{Action, Severity, Workflow};
use crate::formats::Identity;
use crate::records::{AlertRecord, exposure_id};
use crate::settings::Alerts;
use crate::time::{Span, Timestamp};

/// A moment, so many milliseconds into a morning.
fn at(ms: i64) -> Timestamp {
    Timestamp::parse_rfc3339("2026-03-02T09:00:00Z").unwrap() + Span::from_millis(ms)
}

const SECOND: i64 = 1_000;
const MINUTE: i64 = 60 * SECOND;

fn store(settings: Alerts) -> AlertStore {
    let names = Identity::new(b"a key for tests only").unwrap();
    let guide = Guide::new(&settings, Race::default(), Profiles::default(), NameOrder::default());
    AlertStore::new(Arc::new(settings), guide, names)
}

/// The record of a change, as the windows stage writes it, of a window that began
/// six minutes before.
fn record(alert: &str, credential: &str, state: &str, ms: i64) -> (String, String) {
    record_of(Workflow::SecretExposure, alert, credential, state, ms, 6 * MINUTE)
}

/// A record with further names of its credential.
fn named(credential: &str, names: &[&str]) -> (String, String) {
    let (key, record) = record("ReviewOverdue", credential, "firing", 0);
    let mut record: serde_json::Value = serde_json::from_str(&record).unwrap();
    record["aliases"] = names.into();
    (key, record.to_string())
}

/// The same of `workflow`, `age` milliseconds after the window began.
fn record_of(
    workflow: Workflow,
    alert: &str,
    credential: &str,
    state: &str,
    ms: i64,
    age: i64,
) -> (String, String) {
    let (moment, start) = (at(ms), at(ms - age));
    let exposure = format!("{workflow}/{credential}/1");
    let record = AlertRecord {
        alert: Alert::parse(alert).unwrap(),
        severity: Urgency::Warning,
        state: Transition::parse(state).unwrap(),
        at: moment,
        exposure_id: exposure_id::parse(&exposure).unwrap().into(),
        workflow,
        credential_id: credential,
        aliases: None,
        source: Some("github"),
        location: Some("github"),
        window_severity: Some(Severity::High),
        owner: Some("platform"),
        recommendation: Some(Action::Revoke),
        confidence: Some(0.9),
        started_at: Some(start),
        detected_at: start,
        age_ms: Some(age),
        renamed_to: None,
    };
    (format!("{alert}/{exposure}"), serde_json::to_string(&record).unwrap())
}

impl AlertStore {
    /// Takes in a change that is published as it happens.
    fn say(&mut self, alert: &str, credential: &str, state: &str, ms: i64) {
        let (key, value) = record(alert, credential, state, ms);
        assert_eq!(self.apply(&key, Some(value.as_bytes()), at(ms)), Applied::Taken);
        if state == "resolved" {
            assert_eq!(self.apply(&key, None, at(ms)), Applied::Taken);
        }
    }

    /// What is pushed at a moment.
    fn pushed(&mut self, ms: i64) -> Vec<PostableAlert> {
        let keys = self.due(at(ms));
        keys.iter()
            .filter_map(|key| {
                let page = self.content(key, at(ms));
                self.accepted(key);
                page
            })
            .collect()
    }

    /// Everything that is pushed until a moment, asked for every 100 ms: when,
    /// about what, and whether it fires.
    fn follow(&mut self, from: i64, to: i64) -> Vec<(i64, String, bool)> {
        let mut all = Vec::new();
        for ms in (from..=to).step_by(100) {
            for page in self.pushed(ms) {
                all.push((ms, name(&page), page.ended.is_none()));
            }
        }
        all
    }
}

/// What a page is about, in short.
fn name(page: &PostableAlert) -> String {
    let about = page.annotations.get("credential").or(page.annotations.get("count"));
    format!("{} {}", page.labels["alertname"], about.map_or("", String::as_str))
}

/// A name for what waits.
fn push_key(key: &str) -> PushKey {
    PushKey::Alert(key.into())
}
