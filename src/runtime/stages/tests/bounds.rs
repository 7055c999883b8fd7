use super::memory::{Memory, ago, context, event, record};
use crate::config::EngineConfig;
use crate::formats::Format;
use crate::runtime::stages::{Fresh, Record, Restored, Stage, Topic, WindowsStage};

/// Takes in an event for a credential of its own in each of two partitions in turn, and returns
/// how many were refused.
fn refused(engine: EngineConfig, kind: &str, more: &str, credentials: i32) -> (usize, usize) {
    let mut stage = WindowsStage::new(&context(), &[Format::Native]);
    let fresh = Fresh::Windows(Box::new(engine));
    for partition in [0, 1] {
        stage.begin(Restored { partition, state: fresh.state(), time: None });
    }
    let mut outbox = Memory::default();
    for number in 0..credentials {
        let name = format!("credential-{number}");
        let value = event(kind, &number.to_string(), &name, ago(5), more);
        let partition = number % 2;
        let record = Record { partition, ..record(name.as_bytes(), value.as_bytes()) };
        stage.take(record, &mut outbox).unwrap();
    }
    stage.checkpoint(&mut outbox).unwrap();
    let letters = outbox.to(Topic::DeadLetters);
    assert!(letters.iter().all(|letter| letter.json()["reason"] == "beyond_bound"));
    let held = outbox.to(Topic::State).iter().filter(|state| state.value.is_some()).count();
    (letters.len(), held)
}

/// The bound is that of the worker, however many partitions it has.
#[test]
fn all_partitions_together_hold_as_many_credentials_as_a_worker_may() {
    let bounded = |credentials, undetected_credentials| EngineConfig {
        checkpoints: true,
        credentials,
        undetected_credentials,
        ..EngineConfig::default()
    };
    assert_eq!(refused(bounded(10, 1_000), "leak.detected", "", 30), (20, 10));
    assert_eq!(refused(bounded(10_000, 10_000), "leak.detected", "", 9_000), (0, 9_000));
    // Those without a detection make room for each other.
    let acts = r#","reviewer":"kim","action":"revoke""#;
    let (refused, held) = refused(bounded(1_000, 10), "decision.made", acts, 30);
    assert!(refused == 0 && (10..=11).contains(&held), "{refused} refused, {held} held");
}
