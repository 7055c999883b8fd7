use super::memory::{Pipe, after, ago, record};
use crate::runtime::stages::{Stage, Topic};

#[test]
fn a_record_that_is_no_review_is_a_dead_letter() {
    let mut pipe = Pipe::new();
    pipe.oversight.take(record(b"k", b"{\"review\":7}"), &mut pipe.outbox).unwrap();
    let letter = pipe.outbox.last(Topic::DeadLetters, "input/0/7");
    assert_eq!(
        (&letter["stage"], &letter["reason"]),
        (&"oversight".into(), &"invalid_value".into())
    );
}

/// Decides a case of its own for each number, a minute apart, by the same reviewer.
fn decide(pipe: &mut Pipe, numbers: std::ops::Range<i64>, more: &str) {
    let count = numbers.end;
    for number in numbers {
        let credential = format!("acme/case#{number}");
        let start = count - number + 20;
        let decision = format!(r#","reviewer":"kim","action":"revoke","verdict":"approve"{more}"#);
        pipe.event("leak.detected", &format!("d{number}"), &credential, ago(start + 2), "");
        let advice = r#","recommendation":"revoke","summary_words":400"#;
        pipe.event("triage.completed", &format!("t{number}"), &credential, ago(start + 1), advice);
        pipe.event("decision.made", &format!("r{number}"), &credential, ago(start), &decision);
    }
}

#[test]
fn an_alert_about_a_reviewer_is_shown_once_it_is_committed() {
    let mut pipe = Pipe::new();
    decide(&mut pipe, 0..40, "");
    pipe.pass(after(0));
    let alerts = pipe.outbox.to(Topic::Alerts);
    let about: Vec<_> =
        alerts.iter().filter(|sent| sent.key().starts_with("RubberStampSuspected/")).collect();
    let [alert] = about[..] else { panic!("{about:?}") };
    assert_eq!((&alert.json()["state"], alert.partition), (&"firing".into(), None));
    let findings = pipe.outbox.to(Topic::Findings);
    let reviewer = alert.key().split_once('/').unwrap().1;
    for name in ["rubber_stamp_suspected", "flagged"] {
        let found = findings.iter().filter(|sent| sent.key().contains(reviewer));
        let found = found.filter(|sent| sent.json()["finding"].to_string().contains(name));
        assert!(found.count() > 0, "{name}: {findings:#?}");
    }
    assert!(pipe.context.reviewer_alerts.all().0.is_empty(), "not committed yet");
    pipe.oversight.committed();
    let (shown, _) = pipe.context.reviewer_alerts.all();
    assert_eq!((shown.len(), shown[0].reviewer.as_str()), (1, reviewer));
    pipe.oversight.revoke(0);
    assert!(pipe.context.reviewer_alerts.all().0.is_empty());
}

#[test]
fn a_review_waits_in_the_changelog_until_it_is_judged() {
    let mut pipe = Pipe::new();
    decide(&mut pipe, 0..1, "");
    // Decided 21 minutes ago, and judged ten minutes after that.
    pipe.pass(ago(15));
    assert!(pipe.outbox.to(Topic::Reviewers).is_empty(), "it may be judged before the commit");
    pipe.oversight.checkpoint(&mut pipe.outbox).unwrap();
    let waits = pipe.outbox.take(Topic::Reviewers);
    let [review] = &waits[..] else { panic!("{waits:?}") };
    assert!(review.key().starts_with("review/secret_exposure/acme/case#0/"), "{}", review.key());
    assert!(review.value.is_some());
    pipe.pass(after(0));
    pipe.oversight.checkpoint(&mut pipe.outbox).unwrap();
    let settled = pipe.outbox.to(Topic::Reviewers);
    assert!(settled.iter().any(|sent| sent.key == review.key && sent.value.is_none()));
    assert!(settled.iter().any(|sent| sent.key() == "reviewer/kim" && sent.value.is_some()));
    assert!(settled.iter().all(|sent| sent.written_at == Some(after(0))));
}

#[test]
fn a_review_that_is_judged_before_the_commit_is_never_written() {
    let mut pipe = Pipe::new();
    decide(&mut pipe, 0..1, "");
    pipe.pass(after(0));
    pipe.oversight.checkpoint(&mut pipe.outbox).unwrap();
    let written = pipe.outbox.to(Topic::Reviewers);
    assert!(written.iter().any(|sent| sent.key() == "reviewer/kim"));
    assert!(written.iter().all(|sent| !sent.key().starts_with("review/")), "{written:?}");
}
