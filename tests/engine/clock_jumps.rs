//! The clock jumps an hour ahead or back and is set right again: the engine emits nothing that
//! it would not have emitted otherwise, and nothing late.
//!
//! As in a live run, a clock that may be wrong drives the engine: once directly, and once
//! through the clock that doubts jumps.

use shutterlag::config::EngineConfig;
use shutterlag::engine::alerts::Transition;
use shutterlag::engine::windows::Windows;
use shutterlag::engine::{Output, Receipt};
use shutterlag::event::{Body, Event, LeakDetected, Workflow};
use shutterlag::runtime::clock::Steady;
use shutterlag::time::{Span, Timestamp};

const MINUTES: i64 = 240;
/// When the clock is wrong.
const WRONG: std::ops::Range<i64> = 60 * 60..60 * 60 + 240;

fn truth(second: i64) -> Timestamp {
    Timestamp::from_millis(1_800_000_000_000 + second * 1000)
}

fn leak(number: i64, time: Timestamp) -> Event<'static> {
    Event {
        id: format!("e{number}").into(),
        time,
        credential_id: format!("c{number}").into(),
        workflow: Workflow::SecretExposure,
        source: None,
        severity: None,
        owner: None,
        noted: shutterlag::event::Noted::default(),
        body: Body::LeakDetected(LeakDetected::default()),
    }
}

/// What is said, each with the second in which it was: a leak each minute, nobody
/// ever decides.
fn said(clock: &mut dyn FnMut(i64) -> Timestamp) -> Vec<(i64, String)> {
    let mut windows = Windows::new(EngineConfig::default());
    let mut said = Vec::new();
    for second in 0..MINUTES * 60 {
        if second % 60 == 0 {
            // Sources have clocks of their own, which are right.
            let receipt = windows.handle(&leak(second / 60, truth(second)));
            assert_eq!(receipt, Receipt::Held);
        }
        windows.advance(clock(second), &mut |output| {
            if let Output::Alert { exposure, alert, transition, .. } = output {
                assert_eq!(transition, Transition::Firing);
                said.push((second, format!("{alert}/{exposure}")));
            }
        });
    }
    said
}

#[test]
fn an_hour_ahead_or_back_for_four_minutes_changes_nothing() {
    let right = said(&mut truth);
    assert!(right.len() > 600);
    for off in [Span::from_mins(60), Span::from_mins(-60)] {
        let wrong = |second: i64| {
            if WRONG.contains(&second) { truth(second) + off } else { truth(second) }
        };
        let mut steady = Steady::new(truth(0), Span::ZERO);
        let doubted = said(&mut |second| steady.read(wrong(second), Span::from_secs(second)).0);
        assert_eq!(doubted, right);
        // Without the doubt there is a storm, or silence: the test can tell.
        assert_ne!(said(&mut |second| wrong(second)), right);
    }
}
