use super::memory::{Pipe, Sent, after, ago, event, record, shown};
use crate::runtime::stages::{Record, Stage, Topic};
use crate::time::Span;

const CREDENTIAL: &str = "acme/payments#7";

fn exposure(minutes_ago: i64) -> String {
    format!("secret_exposure/{CREDENTIAL}/{}", ago(minutes_ago).as_millis())
}

const DECISION: &str = r#","reviewer":"kim","action":"revoke","verdict":"approve""#;

#[test]
fn a_window_its_alerts_and_its_review_go_where_they_belong() {
    let mut pipe = Pipe::new();
    pipe.event("leak.detected", "1", CREDENTIAL, ago(20), "");
    assert!(pipe.windows.punctuate(0, ago(11), &mut pipe.outbox).unwrap());
    let window = &exposure(20);
    let [sent] = pipe.outbox.to(Topic::Windows)[..] else { panic!("{:?}", pipe.outbox) };
    assert_eq!((sent.partition, sent.key()), (Some(0), window.as_str()));
    assert_eq!((&sent.json()["state"], &sent.json()["final"]), (&"open".into(), &false.into()));
    let overdue = format!("ReviewOverdue/{window}");
    assert_eq!(pipe.outbox.last(Topic::Alerts, &overdue)["state"], "firing");
    assert!(pipe.outbox.to(Topic::Reviews).is_empty(), "nobody has decided");

    pipe.event("decision.made", "2", CREDENTIAL, ago(10), DECISION);
    assert!(pipe.windows.punctuate(0, ago(10), &mut pipe.outbox).unwrap());
    let alerts = pipe.outbox.to(Topic::Alerts);
    let of_overdue: Vec<&&Sent> = alerts.iter().filter(|sent| sent.key() == overdue).collect();
    let states: Vec<_> = of_overdue.iter().map(|sent| sent.json()["state"].clone()).collect();
    assert_eq!(states, ["firing".into(), "resolved".into(), serde_json::Value::Null]);
    assert_eq!(of_overdue[1].json()["at"], ago(10).to_string());
    let [review] = pipe.outbox.to(Topic::Reviews)[..] else { panic!("{:?}", pipe.outbox) };
    assert_eq!(review.partition, Some(0));
    assert_eq!(review.key(), "0", "the partition of its window: no name, and no pseudonym");
    assert_eq!(review.json()["review"]["answered"], false);
}

#[test]
fn a_judgement_comes_back_into_its_window() {
    let mut pipe = Pipe::new();
    pipe.event("leak.detected", "1", CREDENTIAL, ago(20), "");
    pipe.event("triage.completed", "2", CREDENTIAL, ago(19), r#","recommendation":"revoke""#);
    pipe.event("decision.made", "3", CREDENTIAL, ago(15), DECISION);
    pipe.pass(after(0));
    let window = &exposure(20);
    let record = pipe.outbox.last(Topic::Windows, window);
    assert_eq!(record["hollow"], serde_json::json!(["evidence_unopened"]));
    let alert = pipe.outbox.last(Topic::Alerts, &format!("HollowApproval/{window}"));
    assert_eq!((&alert["state"], &alert["at"]), (&"firing".into(), &ago(15).to_string().into()));
    let finding = pipe.outbox.last(Topic::Findings, &format!("evidence_unopened/{window}"));
    assert_eq!(finding["reviewer"], record["reviewer"]);
    let judged = "shutterlag_reviews_total{";
    assert!(!shown(&pipe.context).lines().any(|it| it.starts_with(judged) && it.ends_with(" 1")));
    pipe.windows.committed();
    assert!(shown(&pipe.context).lines().any(|it| it.starts_with(judged) && it.ends_with(" 1")));
}

#[test]
fn an_earlier_detection_takes_back_what_was_published_under_the_old_name() {
    let mut pipe = Pipe::new();
    pipe.event("leak.detected", "1", CREDENTIAL, ago(20), "");
    pipe.event("triage.completed", "2", CREDENTIAL, ago(19), r#","recommendation":"revoke""#);
    pipe.event("decision.made", "3", CREDENTIAL, ago(15), DECISION);
    pipe.pass(after(0));
    let old = &exposure(20);
    pipe.event("leak.detected", "0", CREDENTIAL, ago(30), "");
    pipe.pass(after(1));
    assert!(pipe.outbox.last(Topic::Windows, old).is_null());
    let alert = pipe.outbox.last(Topic::Alerts, &format!("HollowApproval/{old}"));
    assert_eq!((&alert["state"], &alert["renamed_to"]), (&"firing".into(), &exposure(30).into()));
    let finding =
        |name: &str, window: &str| pipe.outbox.last(Topic::Findings, &format!("{name}/{window}"));
    assert!(finding("evidence_unopened", old).is_null());
    let all = pipe.outbox.to(Topic::Findings);
    assert!(all.iter().any(|sent| sent.key() == format!("ai_acted_first/{old}")));
    let new = pipe.outbox.last(Topic::Windows, &exposure(30));
    assert_eq!(new["decided_at"], ago(15).to_string());
    // The same decision is not judged twice, whatever its window is called.
    assert_eq!(new["hollow"], serde_json::json!(["evidence_unopened"]));
    assert!(!finding("evidence_unopened", &exposure(30)).is_null());
}

#[test]
fn a_record_under_another_key_is_refused_with_the_name_of_its_event() {
    let mut pipe = Pipe::new();
    let value = event("leak.detected", "1", CREDENTIAL, ago(20), "");
    let record = Record { input: 1, ..record(b"another", value.as_bytes()) };
    assert_eq!(pipe.windows.take(record, &mut pipe.outbox).unwrap(), None);
    let letter = pipe.outbox.last(Topic::DeadLetters, "input/0/7");
    assert_eq!(letter["reason"], "invalid_value");
    assert_eq!(letter["event"]["credential_id"], CREDENTIAL);
    assert!(letter.get("excerpt").is_none());
    pipe.pass(after(0));
    assert!(pipe.outbox.to(Topic::Windows).is_empty());
}

#[test]
fn an_event_for_a_final_window_is_late() {
    let mut pipe = Pipe::new();
    pipe.event("leak.detected", "1", CREDENTIAL, ago(300), "");
    let dismissed = r#","reviewer":"kim","action":"dismiss""#;
    pipe.event("decision.made", "2", CREDENTIAL, ago(290), dismissed);
    pipe.pass(after(0));
    // It stays for as long after its judgement as after its closing.
    pipe.pass(after(60));
    assert_eq!(pipe.outbox.last(Topic::Windows, &exposure(300))["final"], true);
    pipe.event("triage.completed", "3", CREDENTIAL, ago(295), r#","recommendation":"revoke""#);
    pipe.pass(after(61));
    let letters = pipe.outbox.to(Topic::DeadLetters);
    let [letter] = letters[..] else { panic!("{letters:?}") };
    assert_eq!(
        (letter.json()["reason"].clone(), letter.json()["event"]["id"].clone()),
        ("late".into(), "3".into())
    );
}

#[test]
fn what_is_told_late_of_an_attack_counts_when_the_window_is_final() {
    let mut pipe = Pipe::new();
    let exposed = format!(r#","exposed_at":"{}""#, ago(301));
    pipe.event("leak.detected", "1", CREDENTIAL, ago(300), &exposed);
    pipe.event("decision.made", "2", CREDENTIAL, ago(299), DECISION);
    pipe.event("credential.contained", "3", CREDENTIAL, ago(297), r#","method":"revoked""#);
    let ends = |pipe: &Pipe| {
        let of = |end| format!("shutterlag_attacker_first_expected_total{{end=\"{end}\"");
        let page = shown(&pipe.context);
        ["low", "high"].map(|end| {
            let of = of(end);
            let lines = page.lines().filter(|line| line.starts_with(&of));
            lines.map(|line| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap()).sum::<f64>()
        })
    };
    pipe.pass(ago(296));
    pipe.windows.committed();
    assert_eq!(ends(&pipe), [0.0, 0.0], "it may still become known");
    // Used before it was contained, and told after.
    pipe.event("credential.abused", "4", CREDENTIAL, ago(298), "");
    pipe.pass(after(0));
    pipe.pass(after(60));
    pipe.windows.committed();
    assert_eq!(pipe.outbox.last(Topic::Windows, &exposure(300))["final"], true);
    assert_eq!(ends(&pipe), [1.0, 1.0]);
    pipe.pass(after(120));
    pipe.windows.committed();
    assert_eq!(ends(&pipe), [1.0, 1.0], "once");
}

#[test]
fn a_final_window_of_unknown_exposure_counts_as_a_range() {
    let mut pipe = Pipe::new();
    pipe.event("leak.detected", "1", CREDENTIAL, ago(300), "");
    pipe.event("decision.made", "2", CREDENTIAL, ago(299), DECISION);
    pipe.event("credential.contained", "3", CREDENTIAL, ago(297), r#","method":"revoked""#);
    pipe.pass(after(0));
    pipe.pass(after(60));
    pipe.windows.committed();
    let page = shown(&pipe.context);
    for (end, value) in [("low", "0"), ("high", "1")] {
        let name = "shutterlag_attacker_first_expected_total";
        let line = format!("{name}{{end=\"{end}\",workflow=\"secret_exposure\"}} {value}\n");
        assert!(page.contains(&line), "{line} in {page}");
    }
}

#[test]
fn a_partition_that_is_not_held_takes_nothing_in() {
    let mut pipe = Pipe::new();
    pipe.event("leak.detected", "1", CREDENTIAL, ago(20), "");
    pipe.windows.committed();
    assert!(shown(&pipe.context).contains("shutterlag_state_credentials{partition=\"0\"} 1"));
    pipe.windows.revoke(0);
    assert!(!shown(&pipe.context).contains("shutterlag_state_credentials{"));
    pipe.event("leak.detected", "1", CREDENTIAL, ago(20), "");
    assert!(pipe.windows.punctuate(0, after(0), &mut pipe.outbox).unwrap());
    assert!(pipe.outbox.0.is_empty() && pipe.windows.time(0).is_none());
}

#[test]
fn a_decision_about_another_name_is_reported_and_expires_as_a_dead_letter() {
    let mut pipe = Pipe::new();
    pipe.event("leak.detected", "1", CREDENTIAL, ago(30), "");
    let decision = format!(r#"{DECISION},"source":"slack""#);
    pipe.event("decision.made", "2", "acme/payments/7", ago(20), &decision);
    pipe.pass(ago(12));
    assert_eq!(pipe.context.unjoined.totals().names, 0, "it has waited for eight minutes");
    assert_eq!(pipe.windows.next_punctuation(0), Some(ago(11)));
    pipe.pass(ago(11));
    let [name] = &pipe.context.unjoined.latest(None, 10)[..] else { panic!("one name") };
    assert_eq!(name.credential_id, "acme/payments/7");
    assert_eq!(name.unjoined.source.as_deref(), Some("slack"));
    assert!(pipe.outbox.to(Topic::DeadLetters).is_empty(), "it still waits");
    pipe.pass(ago(20) + Span::from_mins(24 * 60));
    assert_eq!(pipe.context.unjoined.totals().names, 0);
    let letter = pipe.outbox.last(Topic::DeadLetters, "acme/payments/7");
    assert_eq!((&letter["reason"], &letter["event"]["id"]), (&"not_joined".into(), &"2".into()));
    pipe.windows.committed();
    let metrics = shown(&pipe.context);
    assert!(metrics.contains("shutterlag_dead_letters_total{reason=\"not_joined\"} 1\n"));
    let rejected = metrics.lines().find(|line| line.contains("rejected_total{reason=\"not_joined"));
    assert_eq!(rejected, None, "it was accepted");
    pipe.windows.revoke(0);
    assert!(pipe.context.unjoined.totals().partitions.is_empty());
}

#[test]
fn a_judgement_that_cannot_be_read_is_a_dead_letter_and_the_others_count() {
    let mut pipe = Pipe::new();
    pipe.event("leak.detected", "1", CREDENTIAL, ago(20), "");
    pipe.event("decision.made", "3", CREDENTIAL, ago(15), DECISION);
    assert!(pipe.windows.punctuate(0, ago(14), &mut pipe.outbox).unwrap());
    let [review] = &pipe.outbox.take(Topic::Reviews)[..] else { panic!("one review") };
    let handed = record(&review.key, review.value.as_deref().unwrap());
    pipe.oversight.take(handed, &mut pipe.outbox).unwrap();
    assert!(pipe.oversight.punctuate(0, after(0), &mut pipe.outbox).unwrap());
    let [judged] = &pipe.outbox.take(Topic::Events)[..] else { panic!("one judgement") };
    assert_eq!((judged.partition, judged.key()), (Some(0), "0"));
    let mut value = b"{\"type\":\"review.judged\",\"mark\":\"none\"}\n".to_vec();
    value.extend_from_slice(judged.value.as_deref().unwrap());
    pipe.windows.take(record(b"0", &value), &mut pipe.outbox).unwrap();
    assert_eq!(pipe.outbox.last(Topic::DeadLetters, "input/0/7")["reason"], "invalid_value");
    assert!(pipe.windows.punctuate(0, after(0), &mut pipe.outbox).unwrap());
    assert!(!pipe.outbox.last(Topic::Windows, &exposure(20))["hollow"].is_null());
}
