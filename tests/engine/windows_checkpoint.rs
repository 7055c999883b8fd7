//! A run that stops and continues from its checkpoints emits the same as one without a break.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::BTreeMap;

use proptest::prelude::*;
use shutterlag::config::EngineConfig;
use shutterlag::engine::Output;
use shutterlag::engine::windows::{Awaiting, Key, RestoreError, Windows};
use shutterlag::event::{Body, Event, Workflow};
use shutterlag::time::{Span, Timestamp};

use crate::oracle::hostile;

/// Credentials and their states, as a compacted topic would keep them.
type Kept = BTreeMap<(Workflow, String), Vec<u8>>;

fn config() -> EngineConfig {
    EngineConfig { settle: Some(Span::from_mins(10)), checkpoints: true, ..EngineConfig::default() }
}

/// What is said, in an order that does not depend on where a credential lies. Names that did not
/// join are left out: each process reports them anew.
fn advance(windows: &mut Windows, now: Timestamp) -> Vec<String> {
    let mut said = Vec::new();
    windows.advance(now, &mut |output| {
        said.push(match output {
            Output::Unjoined { .. } => return,
            Output::Window { window, is_final, reached, hollow, news, former } => {
                format!("{window:?} {is_final} {reached:?} {hollow:?} {news:?} {former:?}")
            }
            other => format!("{other:?}"),
        });
    });
    said.sort();
    said
}

/// Every word, in order, as in a topic that is not compacted yet.
type Log = Vec<((Workflow, String), Option<Vec<u8>>)>;

fn save(windows: &mut Windows, kept: &mut Kept) -> Log {
    let mut log = Log::new();
    windows.checkpoint(&mut |key, state| {
        let name = (key.workflow, key.credential_id.to_owned());
        log.push((name.clone(), state.map(<[u8]>::to_vec)));
        match state {
            Some(state) => drop(kept.insert(name, state.to_vec())),
            None => drop(kept.remove(&name)),
        }
    });
    log
}

fn replayed(log: &Log) -> Windows {
    let mut windows = Windows::new(config());
    for ((workflow, credential_id), state) in log {
        match state {
            Some(state) => windows.restore(state).unwrap(),
            None => windows.forget(Key { workflow: *workflow, credential_id }),
        }
    }
    windows
}

fn restored(kept: &Kept) -> Windows {
    let mut windows = Windows::new(config());
    for ((workflow, credential_id), state) in kept {
        windows.restore(state).unwrap();
        // As in a topic that is not compacted yet: the same state twice, and a
        // credential that goes and comes back.
        windows.restore(state).unwrap();
        windows.forget(Key { workflow: *workflow, credential_id });
        windows.restore(state).unwrap();
    }
    windows
}

/// Windows that wait, counted from scratch.
fn waiting(windows: &Windows) -> BTreeMap<(Workflow, Awaiting), (u64, i64)> {
    let mut waiting = BTreeMap::new();
    windows.view().for_each(|window| {
        if let Some(awaiting) = window.awaiting() {
            let start = window.start().as_millis().div_euclid(1000) * 1000;
            let (count, oldest) =
                waiting.entry((window.key.workflow, awaiting)).or_insert((0, i64::MAX));
            *count += 1;
            *oldest = start.min(*oldest);
        }
    });
    waiting
}

#[derive(Clone, Debug)]
struct Step {
    events: Vec<Event<'static>>,
    pass_ms: i64,
    breaks: bool,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = (
        proptest::collection::vec(hostile::event(12, 60), 0..6),
        0_i64..20 * 60_000,
        proptest::bool::weighted(0.4),
    )
        .prop_map(|(events, pass_ms, breaks)| Step { events, pass_ms, breaks });
    proptest::collection::vec(step, 1..14)
}

proptest! {
    #![proptest_config(crate::seeded::cases(600))]

    #[test]
    fn a_broken_run_says_the_same(steps in steps()) {
        let mut whole = Windows::new(config());
        let mut broken = Windows::new(config());
        let (mut kept, mut log) = (Kept::new(), Log::new());
        let mut now = hostile::at(0);
        for step in steps {
            now = now + Span::from_millis(step.pass_ms);
            for event in &step.events {
                prop_assert_eq!(whole.handle(event), broken.handle(event));
            }
            prop_assert_eq!(advance(&mut whole, now), advance(&mut broken, now));
            log.extend(save(&mut broken, &mut kept));
            if step.breaks {
                // Before the topic is compacted, or after.
                broken = if step.pass_ms % 2 == 0 { restored(&kept) } else { replayed(&log) };
                let again = advance(&mut broken, now);
                prop_assert!(again.is_empty(), "said again: {again:?}");
                let mut unchanged = Kept::new();
                save(&mut broken, &mut unchanged);
                prop_assert!(unchanged.is_empty(), "a restart alone changes nothing");
            }
            prop_assert_eq!(whole.next_deadline(), broken.next_deadline());
            prop_assert_eq!(whole.credentials(), broken.credentials());
            prop_assert_eq!(kept.len(), broken.credentials());
            prop_assert_eq!(whole.state_bytes(), broken.state_bytes());
            prop_assert!((broken.state_bytes() == 0) == kept.is_empty());
            let standing: BTreeMap<_, _> = broken
                .standings()
                .iter()
                .filter(|queue| queue.windows > 0)
                .map(|queue| {
                    let oldest = queue.oldest_start.unwrap().as_millis();
                    ((queue.workflow, queue.awaiting), (queue.windows, oldest))
                })
                .collect();
            prop_assert_eq!(standing, waiting(&broken));
        }
    }

    #[test]
    fn foreign_bytes_are_refused(
        events in proptest::collection::vec(hostile::event(12, 60), 1..6),
        cut in any::<proptest::sample::Index>(),
        noise in any::<u8>(),
    ) {
        let mut windows = Windows::new(config());
        for event in &events {
            let _ = windows.handle(event);
        }
        advance(&mut windows, hostile::at(0));
        let mut kept = Kept::new();
        save(&mut windows, &mut kept);
        let state = kept.values().next().unwrap();
        let mut other = Windows::new(config());
        let at = cut.index(state.len());
        let shortened = other.restore(&state[..at]);
        // What is left may by chance end where an event ended.
        prop_assert!(shortened.is_err() || other.credentials() == 1);
        let mut changed = state.clone();
        changed[at] = noise;
        // Must not panic, whatever is found; time may pass over it.
        let _ = other.restore(&changed);
        advance(&mut other, hostile::at(0));
    }
}

#[test]
fn state_of_another_version_is_refused_by_its_number() {
    let mut windows = Windows::new(config());
    // The bytes of a real state, so that nothing but its version can be wrong.
    let _ = windows.handle(&Event {
        id: "1".into(),
        time: hostile::at(0),
        credential_id: "acme/payments#7".into(),
        workflow: Workflow::SecretExposure,
        source: None,
        severity: None,
        owner: None,
        noted: shutterlag::event::Noted::default(),
        body: Body::CredentialAbused,
    });
    let mut kept = Kept::new();
    save(&mut windows, &mut kept);
    let state = kept.values().next().unwrap().clone();
    let known = state[1];
    assert_eq!(Windows::new(config()).restore(&state), Ok(()));
    for version in [known - 1, known + 1] {
        let mut other = state.clone();
        other[1] = version;
        let refused = Windows::new(config()).restore(&other).unwrap_err();
        assert_eq!(refused, RestoreError::Version { version, known });
        let told = format!("state of version {version}, and this program reads version {known}");
        assert_eq!(refused.to_string(), told);
    }
    for foreign in [&b""[..], b"{\"a\":1}", &[0xE5], &[0xE5, known, 0, 9, 0, 1]] {
        assert_eq!(windows.restore(foreign), Err(RestoreError::Damaged));
    }
}
