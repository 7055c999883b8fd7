//! The factors of agreement are those of exact arithmetic.
//!
//! `fixtures/oversight/agreement.json` was recorded by `tools/record_agreement.py`, with
//! whole numbers and in agreement with scipy.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use serde::Deserialize;
use shutterlag::engine::oversight::{Odds, Table};

#[derive(Deserialize)]
struct Recorded {
    allowed: f64,
    alternatives: Vec<f64>,
    /// The reviewer's acts and those that agreed, everybody's, the logarithms.
    rows: Vec<(u64, u64, u64, u64, Vec<f64>)>,
}

#[test]
fn factors_are_those_of_exact_arithmetic() {
    let text = include_str!("../fixtures/oversight/agreement.json");
    let recorded: Recorded = serde_json::from_str(text).unwrap();
    let odds = Odds::new(recorded.allowed, &recorded.alternatives);
    assert!(recorded.rows.len() > 100);
    for (acts, agreed, all_acts, all_agreed, exact) in recorded.rows {
        let table = Table { acts, agreed, all_acts, all_agreed };
        for (log, exact) in odds.log_factors(&table).into_iter().zip(exact) {
            let close = (log - exact).abs() <= 1e-10 * exact.abs().max(1.0);
            assert!(close, "{table:?}: {log}, exactly {exact}");
        }
    }
}
