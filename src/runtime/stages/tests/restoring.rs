use super::memory::{Memory, Pipe, Sent, after, ago};
use crate::runtime::stages::{Refusal, Restored, Stage, State, Topic};
use crate::time::Span;

const DECISION: &str = r#","reviewer":"kim","action":"revoke","verdict":"approve""#;

fn first_half(pipe: &mut Pipe) {
    for number in 0..12 {
        let credential = format!("acme/case#{number}");
        pipe.event("leak.detected", &format!("d{number}"), &credential, ago(60 - number), "");
        let advice = r#","recommendation":"revoke","summary_words":400"#;
        pipe.event("triage.completed", &format!("t{number}"), &credential, ago(40), advice);
        if number % 2 == 0 {
            let at = ago(12 - number);
            pipe.event("decision.made", &format!("r{number}"), &credential, at, DECISION);
        }
    }
    pipe.pass(ago(1));
}

fn second_half(pipe: &mut Pipe) -> Vec<Sent> {
    pipe.outbox = Memory::default();
    for number in (1..12).step_by(2) {
        let credential = format!("acme/case#{number}");
        pipe.event("decision.made", &format!("r{number}"), &credential, after(1), DECISION);
    }
    pipe.pass(after(2));
    pipe.pass(after(30));
    // In any order: partitions are not ordered among credentials.
    let mut sent = std::mem::take(&mut pipe.outbox.0);
    sent.retain(|sent| sent.topic != Topic::Reviewers);
    sent.sort_by(|a, b| (a.topic, &a.key, &a.value).cmp(&(b.topic, &b.key, &b.value)));
    sent
}

/// Reads the changelogs back, as a restore does.
fn restored(pipe: &Pipe, changelogs: &Memory) -> [State; 2] {
    let mut states = pipe.empty();
    for (state, topic) in states.iter_mut().zip([Topic::State, Topic::Reviewers]) {
        for sent in changelogs.to(topic) {
            state.take(&sent.key, sent.value.as_deref()).unwrap();
        }
    }
    states
}

#[test]
fn stages_that_are_restored_go_on_as_if_nothing_had_been() {
    let mut whole = Pipe::new();
    first_half(&mut whole);

    let mut before = Pipe::new();
    first_half(&mut before);
    before.windows.checkpoint(&mut before.outbox).unwrap();
    before.oversight.checkpoint(&mut before.outbox).unwrap();
    let written = before.outbox.to(Topic::State);
    assert!(written.iter().all(|sent| sent.written_at == Some(ago(1))), "the partition's time");
    let mut after = Pipe::new();
    let states = restored(&after, &before.outbox);
    assert!(states.iter().all(|state| state.entries() > 0));
    after.begin(states);

    let (expected, found) = (second_half(&mut whole), second_half(&mut after));
    assert!(expected.iter().any(|sent| sent.topic == Topic::Findings));
    assert_eq!(found, expected);
}

/// What a changelog is written anew from, so that what came before can go.
#[test]
fn what_is_written_again_is_all_of_the_state() {
    let links = |pipe: &mut Pipe| {
        let aliases = r#","relation":"same","aliases":["gg:1"]"#;
        pipe.event("identity.linked", "l1", "acme/case#1", ago(50), aliases);
        first_half(pipe);
    };
    let mut whole = Pipe::new();
    links(&mut whole);

    let mut before = Pipe::new();
    links(&mut before);
    before.windows.checkpoint(&mut before.outbox).unwrap();
    before.oversight.checkpoint(&mut before.outbox).unwrap();
    before.outbox = Memory::default();
    let mut parts = 0;
    loop {
        let all = before.windows.rewrite(0, 5, &mut before.outbox).unwrap();
        before.windows.checkpoint(&mut before.outbox).unwrap();
        parts += 1;
        assert!(before.outbox.to(Topic::State).len() <= 5 * parts, "no more than asked for");
        if all {
            break;
        }
    }
    assert!(parts > 2);
    while !before.oversight.rewrite(0, 1, &mut before.outbox).unwrap() {
        before.oversight.checkpoint(&mut before.outbox).unwrap();
    }
    before.oversight.checkpoint(&mut before.outbox).unwrap();
    let written = before.outbox.to(Topic::State).len();
    assert_eq!(written, before.windows.held(0), "each entry once");
    let written = before.outbox.to(Topic::Reviewers).len();
    assert!(written >= before.oversight.held(0) && written > 0);

    let mut after = Pipe::new();
    let states = restored(&after, &before.outbox);
    after.begin(states);
    let (expected, found) = (second_half(&mut whole), second_half(&mut after));
    assert!(expected.iter().any(|sent| sent.topic == Topic::Findings));
    assert_eq!(found, expected);
    // And once more: it begins from the beginning again.
    after.windows.checkpoint(&mut after.outbox).unwrap();
    after.outbox = Memory::default();
    while !after.windows.rewrite(0, 1_000, &mut after.outbox).unwrap() {}
    after.windows.checkpoint(&mut after.outbox).unwrap();
    assert_eq!(after.outbox.to(Topic::State).len(), after.windows.held(0));
}

#[test]
fn a_time_that_is_ahead_of_the_present_is_brought_back_to_it() {
    let pipe = Pipe::new();
    let restored = |time| {
        let [state, _] = pipe.empty();
        Restored { partition: 0, state, time }
    };
    for near in [None, Some(ago(5)), Some(ago(0)), Some(after(1))] {
        let mut restored = restored(near);
        assert_eq!(restored.not_ahead_of(ago(0)), None);
        assert_eq!(restored.time, near);
    }
    let mut restored = restored(Some(after(60)));
    assert_eq!(restored.not_ahead_of(ago(0)), Some(Span::from_mins(60)));
    assert_eq!(restored.time, Some(ago(0)));

    // A leak of now is not overdue, as it would be an hour from now.
    let mut pipe = Pipe::new();
    pipe.windows.begin(restored);
    pipe.event("leak.detected", "1", "acme/payments#7", ago(1), "");
    assert!(pipe.windows.punctuate(0, after(0), &mut pipe.outbox).unwrap());
    assert!(pipe.outbox.to(Topic::Alerts).is_empty(), "{:?}", pipe.outbox);
}

#[test]
fn what_is_not_ours_is_refused() {
    let pipe = Pipe::new();
    let [mut windows, mut oversight] = pipe.empty();
    assert_eq!(windows.take(b"x", Some(b"y")), Err(Refusal::Foreign));
    assert_eq!(windows.take(b"secret_exposure/x", Some(b"")), Err(Refusal::Damaged));
    assert_eq!(oversight.take(b"x", None), Err(Refusal::Foreign));
    assert_eq!(oversight.take(b"review/x", Some(b"{}")), Err(Refusal::Damaged));
    assert_eq!(oversight.take(b"reviewer/x", None), Err(Refusal::Damaged), "never deleted");
    let known = crate::engine::oversight::Stage::VERSION;
    assert_eq!(oversight.take(b"reviewer/x", Some(&[known])), Err(Refusal::Damaged));
    for version in [known - 1, known + 1] {
        let refused = oversight.take(b"reviewer/x", Some(&[version]));
        assert_eq!(refused, Err(Refusal::Version { version, known }));
    }
}
