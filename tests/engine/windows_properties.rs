//! The engine compared with the oracle, on small sets of events that collide.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use proptest::prelude::*;
use shutterlag::config::{EngineConfig, Reopen};
use shutterlag::engine::Receipt;
use shutterlag::engine::windows::Windows;
use shutterlag::event::Event;
use shutterlag::time::Timestamp;

use crate::oracle::hostile::{self, Events};
use crate::oracle::record::Record;
use crate::oracle::{Ledger, Reading, ledger, ledger_by, readings};

/// More readings of one set of events than this are not worth going through.
const READINGS_MAX: usize = 256;

fn handle(windows: &mut Windows, events: &[Event<'static>]) {
    for event in events {
        assert_eq!(windows.handle(event), Receipt::Held);
    }
}

/// What the engine makes of all it was handed.
fn read(windows: &Windows) -> Ledger {
    let mut records = Vec::new();
    let unplaced = windows.view().for_each(|window| records.push(Record::from(window)));
    let counts = windows.counts();
    assert_eq!((counts.late, unplaced.late, counts.refused), (0, 0, 0), "nothing settles");
    Ledger {
        windows: records,
        accepted: counts.accepted - unplaced.duplicate,
        duplicate: counts.duplicate + unplaced.duplicate,
        orphan: counts.orphan + unplaced.orphan,
    }
}

fn replay(events: &[Event<'static>]) -> Ledger {
    replay_by(EngineConfig::default(), events)
}

fn replay_by(config: EngineConfig, events: &[Event<'static>]) -> Ledger {
    let mut windows = Windows::new(config);
    handle(&mut windows, events);
    read(&windows)
}

proptest! {
    #![proptest_config(crate::seeded::cases(1_000))]

    #[test]
    fn the_engine_agrees_with_the_oracle(events in hostile::events()) {
        let readings = readings(&events.0);
        prop_assume!(readings.len() <= READINGS_MAX);
        let got = replay(&events.0);
        let mut wanted = readings.iter().map(|reading| ledger(reading));
        if !wanted.any(|wanted| wanted == got) {
            // None matches: show one of them.
            prop_assert_eq!(got, ledger(&events.0));
        }
    }

    #[test]
    fn so_it_does_where_detections_are_read_otherwise(
        events in hostile::events(),
        reopen_always in any::<bool>(),
        at_once in any::<bool>(),
    ) {
        let readings = readings(&events.0);
        prop_assume!(readings.len() <= READINGS_MAX);
        let sources = if at_once { vec!["scanner".to_owned()] } else { Vec::new() };
        let config = EngineConfig {
            reopen: if reopen_always { Reopen::Always } else { Reopen::NewExposure },
            detects_at_once: sources.iter().cloned().collect(),
            ..EngineConfig::default()
        };
        let rules =
            Reading { reopen_always, detects_at_once: sources, ..Reading::default() };
        let got = replay_by(config, &events.0);
        if !readings.iter().any(|reading| ledger_by(reading, &rules) == got) {
            prop_assert_eq!(got, ledger_by(&events.0, &rules));
        }
    }

    #[test]
    fn order_and_repeated_delivery_change_nothing(
        (events, shuffled, repeats) in hostile::events().prop_flat_map(|events| {
            let repeats = prop::collection::vec(any::<prop::sample::Index>(), 0..20);
            (Just(events.clone()), Just(events.0).prop_shuffle(), repeats)
        }),
        at in any::<prop::sample::Index>(),
    ) {
        let mut delivered = shuffled;
        let mut repeated = 0;
        for repeat in repeats.iter().filter(|_| !events.0.is_empty()) {
            let event = delivered[repeat.index(delivered.len())].clone();
            delivered.insert(at.index(delivered.len() + 1), event);
            repeated += 1;
        }
        let mut wanted = replay(&events.0);
        wanted.duplicate += repeated;
        prop_assert_eq!(replay(&delivered), wanted, "delivered: {:?}", Events(delivered));
    }

    #[test]
    fn looking_in_between_changes_nothing(
        events in hostile::events(),
        looks in prop::collection::vec((any::<prop::sample::Index>(), -3..1_400_i64), 0..12),
    ) {
        let wanted = replay(&events.0);
        let mut windows = Windows::new(EngineConfig::default());
        for (n, event) in events.0.iter().enumerate() {
            handle(&mut windows, std::slice::from_ref(event));
            for (_, minutes) in looks.iter().filter(|(at, _)| at.index(events.0.len()) == n) {
                let now = Timestamp::from_millis(hostile::ZERO_MS + minutes * 60_000);
                windows.advance(now, &mut |_| {});
            }
        }
        prop_assert_eq!(read(&windows), wanted);
    }
}
