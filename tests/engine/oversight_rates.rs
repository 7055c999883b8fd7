//! The promises of oversight at exact rates, one signal at a time. Whole teams are told of in
//! `examples/oversight_proof.rs`.

#![allow(dead_code, reason = "the program uses more of it")]
#![expect(
    clippy::unwrap_used,
    clippy::redundant_closure_for_method_calls,
    reason = "a test may stop where it fails; a method is too general for a function pointer"
)]

#[path = "oversight_streams.rs"]
mod streams;

use shutterlag::config::OversightConfig;
use shutterlag::engine::oversight::{Rules, Signal};
use streams::{Rates, Rule, Trial, lists, median, parallel, round, upper_99};

fn rules() -> Rules {
    Rules::new(OversightConfig::default()).unwrap()
}

#[test]
fn the_report_rarely_flags_the_honest_and_fixed_rules_do() {
    let rules = rules();
    let reviewers = 600;
    let flagged = parallel(reviewers, |seed| {
        let mut trial = Trial::new(seed, &rules);
        let (mut report, mut fixed) = (false, false);
        for _ in 0..2_000 {
            trial.step(&Rates { agreement: 0.90, ..Rates::HONEST });
            report |= trial.log_report(Signal::Agreement) >= 20.0_f64.ln();
            fixed |= trial.flagged_by(Rule::NinetyFiveOfHundred);
        }
        (report, fixed)
    });
    let count =
        |fixed: bool| flagged.iter().filter(|(r, f)| if fixed { *f } else { *r }).count() as u64;
    // So few cannot prove five per cent; they would show eight.
    assert!(upper_99(count(false), reviewers) < 0.08, "{} of {reviewers}", count(false));
    assert!(count(false) > 0, "a test that never speaks proves nothing");
    assert!(count(true) > reviewers * 9 / 10, "{}", count(true));
}

#[test]
fn a_false_page_is_as_far_away_as_promised() {
    let config = OversightConfig { paging_decisions: 200.0, ..OversightConfig::default() };
    let rules = Rules::new(config).unwrap();
    let reviewers = 400;
    let runs = parallel(reviewers, |seed| {
        let mut trial = Trial::new(seed, &rules);
        (1..=10_000_u32)
            .find(|_| {
                trial.step(&Rates::AT_THE_LIMIT);
                trial.pages()
            })
            .unwrap_or(10_000)
    });
    let mean = runs.iter().map(|run| f64::from(*run)).sum::<f64>() / reviewers as f64;
    assert!((200.0..1_000.0).contains(&mean), "{mean}");
}

#[test]
fn what_is_wrong_is_found_soon() {
    let rules = rules();
    let honest = Rates { agreement: 0.85, ..Rates::HONEST };
    let delay = |rates: Rates, speaks: fn(&Trial<'_>) -> bool, before: u32| {
        let delays = parallel(200, |seed| {
            let mut trial = Trial::new(seed, &rules);
            (0..before).for_each(|_| trial.step(&honest));
            (1..=1_000_u32)
                .find(|_| {
                    trial.step(&rates);
                    speaks(&trial)
                })
                .map_or(f64::INFINITY, f64::from)
        });
        median(delays)
    };
    let stamps = delay(Rates { agreement: 0.99, ..honest }, |trial| trial.pages(), 200);
    // Agreement has a small share of the evidence.
    assert!(stamps <= 100.0, "{stamps}");
    let skims = delay(Rates { dwell: 1.0, seconds: 2.0, ..honest }, |trial| trial.pages(), 200);
    assert!(skims <= 15.0, "{skims}");
    let misses = |trial: &Trial<'_>| trial.log_report(Signal::Seeded) >= 20.0_f64.ln();
    let misses = delay(Rates { seeded: 0.5, planted: 1.0, ..honest }, misses, 0);
    assert!(misses <= 20.0, "{misses}");
}

#[test]
fn few_of_those_flagged_are_flagged_wrongly() {
    let rules = rules();
    let honest = Rates { planted: 0.03, ..Rates::AT_THE_LIMIT };
    let bad = Rates { agreement: 0.99, dwell: 0.5, ..honest };
    let rounds = parallel(6, |seed| round(seed, &rules, &honest, &bad));
    let mean = |at: usize| {
        let sum =
            rounds.iter().map(|round| round[at]).fold((0.0, 0.0), |a, b| (a.0 + b.0, a.1 + b.1));
        (sum.0 / rounds.len() as f64, sum.1 / rounds.len() as f64)
    };
    assert_eq!(lists()[0], "**e-BH, combined**");
    let (wrong, found) = mean(0);
    assert!(wrong <= 0.05 && found >= 0.9, "{wrong} {found}");
    let (wrong, _) = mean(2);
    assert!(wrong > 0.5, "a fixed threshold: {wrong}");
}
