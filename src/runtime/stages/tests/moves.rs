//! What follows a window that gets another name: its alerts, its judgement, its counters.

use serde_json::{Value, json};

use super::memory::{Pipe, Sent, after, ago, record, shown};
use crate::runtime::stages::{Stage, Topic};
use crate::time::Timestamp;

const OLD: &str = "gg:31605";
const NEW: &str = "AKIA1";
const DECISION: &str = r#","reviewer":"kim","action":"revoke","verdict":"approve""#;

fn exposure(name: &str, minutes_ago: i64) -> String {
    format!("secret_exposure/{name}/{}", ago(minutes_ago).as_millis())
}

impl Pipe {
    /// Lets time pass until nothing is on its way any more, and commits.
    fn settle(&mut self, now: Timestamp) {
        loop {
            self.pass(now);
            if self.outbox.to(Topic::Reviews).is_empty() && self.outbox.to(Topic::Events).is_empty()
            {
                break;
            }
        }
        self.windows.committed();
    }

    fn link(&mut self, now: Timestamp) {
        let alias = format!(r#","aliases":["{NEW}"]"#);
        self.event("identity.linked", "link", OLD, now, &alias);
    }

    /// What was published under the keys that begin like this, in order.
    fn published(&self, topic: Topic, key: &str) -> Vec<Value> {
        let all = self.outbox.to(topic).into_iter();
        all.filter(|sent| sent.key().starts_with(key)).map(Sent::json).collect()
    }

    fn counter(&self, name: &str) -> f64 {
        let shown = shown(&self.context);
        let lines = shown.lines().filter(|line| line.starts_with(name));
        lines.map(|line| line.rsplit_once(' ').unwrap().1.parse::<f64>().unwrap()).sum()
    }
}

#[test]
fn an_alert_goes_on_under_the_name_under_which_it_began() {
    let mut pipe = Pipe::new();
    pipe.event("leak.detected", "1", OLD, ago(20), "");
    pipe.settle(ago(10));
    pipe.link(ago(10));
    pipe.settle(ago(10));
    let key = format!("ReviewOverdue/{}", exposure(OLD, 20));
    let states = |pipe: &Pipe| -> Vec<(Value, Value)> {
        let all = pipe.published(Topic::Alerts, "ReviewOverdue/");
        all.iter().map(|it| (it["state"].clone(), it["renamed_to"].clone())).collect()
    };
    let new = json!(exposure(NEW, 20));
    let began = [(json!("firing"), Value::Null), (json!("firing"), new.clone())];
    assert_eq!(states(&pipe), began);
    assert_eq!(pipe.outbox.last(Topic::Alerts, &key)["exposure_id"], exposure(OLD, 20));
    assert!(pipe.outbox.last(Topic::Windows, &exposure(OLD, 20)).is_null());
    assert_eq!(pipe.outbox.last(Topic::Windows, &exposure(NEW, 20))["state"], "open");

    pipe.event("decision.made", "2", NEW, ago(9), DECISION);
    pipe.settle(ago(9));
    let ended = [(json!("resolved"), new), (Value::Null, Value::Null)];
    assert_eq!(states(&pipe), [began, ended].concat());
    let fired = r#"shutterlag_alerts_total{alert="ReviewOverdue",transition="firing",workflow="secret_exposure"}"#;
    assert_eq!(pipe.counter(fired), 1.0);
}

#[test]
fn of_two_alerts_of_one_exposure_one_ends() {
    let mut pipe = Pipe::new();
    pipe.event("leak.detected", "1", OLD, ago(20), "");
    pipe.event("leak.detected", "1", NEW, ago(19), "");
    pipe.settle(ago(5));
    pipe.link(ago(5));
    pipe.settle(ago(5));
    let last = |name: &str, minutes| {
        let key = format!("ReviewOverdue/{}", exposure(name, minutes));
        pipe.outbox.last(Topic::Alerts, &key)
    };
    let both = [last(OLD, 20), last(NEW, 19)];
    let present = json!(exposure(NEW, 20));
    let firing: Vec<_> = both.iter().filter(|it| it["state"] == "firing").collect();
    assert_eq!((firing.len(), &firing[0]["renamed_to"]), (1, &present), "{both:#?}");
    let all = pipe.published(Topic::Alerts, "ReviewOverdue/");
    let pages = all.iter().filter(|it| it["state"] == "firing" && it["renamed_to"].is_null());
    assert_eq!(pages.count(), 2, "one for each before the link, and none after it");
}

#[test]
fn a_judgement_and_every_counter_follow() {
    let mut pipe = Pipe::new();
    pipe.event("leak.detected", "1", OLD, ago(20), "");
    pipe.event("triage.completed", "2", OLD, ago(19), r#","recommendation":"revoke""#);
    pipe.event("decision.made", "3", OLD, ago(15), DECISION);
    pipe.settle(after(0));
    let counters = [
        "shutterlag_reviews_total{",
        "shutterlag_reviews_due_total{",
        "shutterlag_stage_duration_seconds_count{",
        "shutterlag_verdicts_total{",
        "shutterlag_alerts_total{",
        "shutterlag_hollow_reviews_total{",
    ];
    let before = counters.map(|name| pipe.counter(name));
    assert!(before[..3].iter().all(|count| *count > 0.0), "{}", shown(&pipe.context));
    let standing = pipe.counted_of_kim();
    pipe.link(after(0));
    pipe.settle(after(1));
    let window = pipe.outbox.last(Topic::Windows, &exposure(NEW, 20));
    assert_eq!(window["hollow"], json!(["evidence_unopened"]));
    assert_eq!(counters.map(|name| pipe.counter(name)), before);
    let finding = |name| {
        pipe.outbox.last(Topic::Findings, &format!("evidence_unopened/{}", exposure(name, 20)))
    };
    assert!(finding(OLD).is_null());
    assert_eq!(finding(NEW)["exposure_id"], exposure(NEW, 20));
    assert_eq!(pipe.counted_of_kim(), standing, "the reviewer has decided once");
}

#[test]
fn a_judgement_finds_a_window_that_moved_while_it_was_made() {
    let mut pipe = Pipe::new();
    pipe.event("leak.detected", "1", OLD, ago(20), "");
    pipe.event("triage.completed", "2", OLD, ago(19), r#","recommendation":"revoke""#);
    pipe.event("decision.made", "3", OLD, ago(15), DECISION);
    assert!(pipe.windows.punctuate(0, after(0), &mut pipe.outbox).unwrap());
    for sent in pipe.outbox.take(Topic::Reviews) {
        let record = record(&sent.key, sent.value.as_deref().unwrap());
        pipe.oversight.take(record, &mut pipe.outbox).unwrap();
    }
    assert!(pipe.oversight.punctuate(0, after(0), &mut pipe.outbox).unwrap());
    // The judgement is on its way, and the window moves before it arrives.
    let judged = pipe.outbox.take(Topic::Events);
    assert_eq!(judged.len(), 1);
    pipe.link(after(0));
    for sent in [pipe.outbox.take(Topic::Events), judged].concat() {
        let record = record(&sent.key, sent.value.as_deref().unwrap());
        pipe.windows.take(record, &mut pipe.outbox).unwrap();
    }
    pipe.settle(after(1));
    let window = pipe.outbox.last(Topic::Windows, &exposure(NEW, 20));
    assert_eq!(window["hollow"], json!(["evidence_unopened"]));
    assert_eq!(pipe.counter("shutterlag_reviews_total{"), 1.0);
    let key = format!("evidence_unopened/{}", exposure(NEW, 20));
    assert!(!pipe.outbox.last(Topic::Findings, &key).is_null());
}

#[test]
fn an_alert_outlives_a_restart_in_the_middle_of_a_move() {
    let mut pipe = Pipe::new();
    pipe.event("leak.detected", "1", OLD, ago(20), "");
    pipe.settle(ago(10));
    pipe.link(ago(10));
    let mut state = Vec::new();
    let mut steps = 0;
    loop {
        // One message, then another process goes on from the changelog.
        let mut on_their_way = pipe.outbox.take(Topic::Events).into_iter();
        let Some(next) = on_their_way.next() else { break };
        let record = record(&next.key, next.value.as_deref().unwrap());
        pipe.windows.take(record, &mut pipe.outbox).unwrap();
        let follows = pipe.outbox.take(Topic::Events);
        pipe.outbox.0.extend(on_their_way.chain(follows));
        assert!(pipe.windows.punctuate(0, ago(10), &mut pipe.outbox).unwrap());
        pipe.windows.checkpoint(&mut pipe.outbox).unwrap();
        state.extend(pipe.outbox.take(Topic::State));
        let mut restored = pipe.empty();
        for sent in &state {
            restored[0].take(&sent.key, sent.value.as_deref()).unwrap();
        }
        pipe.windows.revoke(0);
        pipe.begin(restored);
        steps += 1;
    }
    assert!(steps > 3, "{steps}");
    pipe.settle(ago(10));
    let all = pipe.published(Topic::Alerts, "ReviewOverdue/");
    let states: Vec<_> = all.iter().map(|it| &it["state"]).collect();
    assert_eq!(states, ["firing", "firing"], "{all:#?}");
    assert_eq!(all[1]["renamed_to"], exposure(NEW, 20));
}
