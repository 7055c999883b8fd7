//! Oversight compared with a plain second computation of the same figures.

#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]

use proptest::prelude::*;
use shutterlag::config::{EngineConfig, Profiles};
use shutterlag::engine::alerts::Transition;
use shutterlag::engine::oversight::{
    Evidence, Factors, Overseen, Reviews, Rules, Signal, Step, e_bh,
};
use shutterlag::engine::windows::Windows;
use shutterlag::event::{Event, Workflow};
use shutterlag::simulate::{Extent, Options, Simulation};

use crate::oracle::evidence::{e_bh as plain_e_bh, people};
use crate::oracle::ledger;
use crate::oracle::setting::Setting;
use crate::oracle::summary::Asked;
use crate::summary::oversight;

const CLOSE: f64 = 1e-9;

fn close(got: f64, wanted: f64, what: &str) {
    assert!(
        (got - wanted).abs() <= CLOSE * wanted.abs().max(1.0),
        "{what}: {got}, wanted {wanted}"
    );
}

fn simulated(seed: u64) -> Vec<Event<'static>> {
    let options = Options {
        seed,
        extent: Extent::Events(9_000),
        reviewers: 7 + seed as u32,
        seeded: 0.1,
        revealed: 0.2,
        skew: 0.05,
        ..Options::DEFAULT
    };
    Simulation::new(options).unwrap().events().collect()
}

/// What the engine makes of the events: the outcome and every step by reviewer.
fn judged(
    events: &[Event<'static>],
    opening: &[Workflow],
    setting: &Setting,
) -> (Overseen, Vec<(String, u32, Step)>) {
    let mut profiles = Profiles::default();
    for workflow in opening {
        profiles.get_mut(*workflow).expects_opening = true;
    }
    let rules = Rules::new(oversight(setting)).unwrap();
    let mut windows = Windows::new(EngineConfig { profiles, ..EngineConfig::default() });
    for event in events {
        let _ = windows.handle(event);
    }
    let mut reviews = Reviews::new();
    windows.view().for_each(|window| {
        reviews.push(window, profiles.get(window.key.workflow), &rules);
    });
    let mut steps = Vec::new();
    let overseen = reviews.judge_watched(&rules, &mut |watched| {
        steps.push((watched.reviewer.to_owned(), watched.number, watched.step.clone()));
    });
    (overseen, steps)
}

#[test]
fn every_step_and_e_value_is_that_of_plain_products() {
    let mut pages = 0;
    let mut kinds = [0; 4];
    let mut alone = 0;
    let two_ids = ("reviewer-002".to_owned(), "reviewer-001".to_owned());
    let otherwise = Setting {
        batch_hold_ms: 1_200_000,
        skew_tolerance_ms: 15_000,
        delay_ms: 0,
        period_ms: 6 * 3_600_000,
        all_truths: true,
        aliases: [two_ids].into(),
        ..Setting::default()
    };
    for seed in 1..=5 {
        println!("seed {seed}");
        let events = simulated(seed);
        let opening = &Workflow::ALL[..2];
        let setting = if seed == 5 { otherwise.clone() } else { Setting::default() };
        let (overseen, mut steps) = judged(&events, opening, &setting);
        steps.sort_by(|a, b| a.0.cmp(&b.0));
        let asked = Asked { expect_opening: opening.to_vec(), setting, ..Asked::default() };
        let plain = people(&ledger(&events).windows, &asked);
        let names: Vec<&str> = plain.iter().map(|person| person.reviewer.as_str()).collect();
        let known: Vec<&str> = overseen.people.iter().map(|p| p.reviewer.as_str()).collect();
        assert_eq!(known, names);
        let mut steps = steps.iter();
        for (person, plain) in overseen.people.iter().zip(&plain) {
            for wanted in &plain.steps {
                let (reviewer, number, step) = steps.next().unwrap();
                let place = format!("seed {seed} {reviewer} {}", step.at);
                assert_eq!(*reviewer, plain.reviewer, "{place}");
                assert_eq!(step.at.as_millis(), wanted.at_ms, "{place}");
                assert_eq!(*number as usize, wanted.window, "{place}");
                let [seeded, dwell, context, by_rate] =
                    step.observed.map(|seen| seen.map(|seen| seen.sign));
                assert_eq!([seeded, dwell, context], wanted.signs, "{place}");
                assert_eq!(by_rate, None, "agreement is compared, {place}");
                let compared =
                    step.comparison.map(|with| (u64::from(with.acts), u64::from(with.agreed)));
                assert_eq!(compared, wanted.compared, "{place}");
                close(step.statistic, wanted.page, &place);
                let turned = step.transition.map(|turned| turned == Transition::Firing);
                assert_eq!(turned, wanted.turned, "{place}");
                pages += usize::from(turned == Some(true));
                let seen = [seeded, dwell, context].map(|sign| sign.is_some());
                let seen = seen.into_iter().chain([compared.is_some()]);
                seen.zip(&mut kinds).for_each(|(seen, kind)| *kind += usize::from(seen));
            }
            for signal in Signal::ALL {
                let log = person.standing.signals[*signal as usize].log_e;
                close(log, plain.e[*signal as usize].ln(), signal.as_str());
            }
            close(person.standing.log_e, plain.e[4].ln(), "combined");
            assert_eq!(person.standing.firing.is_some(), plain.firing);
            assert_eq!(person.standing.alone, plain.alone);
            alone += plain.alone;
        }
        assert!(steps.next().is_none());
    }
    let enough = kinds.iter().zip([10, 100, 100, 10]).all(|(count, least)| *count > least);
    assert!(pages > 3 && alone > 10 && enough, "{pages} {kinds:?} {alone}");
}

proptest! {
    #![proptest_config(crate::seeded::cases(256))]

    /// The Shiryaev–Roberts statistic as it is defined, a sum over every place where the
    /// change may have been, and the e-value as a mean of products.
    #[test]
    fn the_recursion_is_the_sum_over_all_beginnings(
        signs in prop::collection::vec(any::<bool>(), 1..60),
        null in 0.02..0.9_f64,
        steps in prop::collection::vec(0.05..0.95_f64, 1..=4),
    ) {
        let alternatives: Vec<f64> = steps.iter().map(|s| null + (1.0 - null) * s).collect();
        let factors = Factors::new(null, &alternatives);
        let mut evidence = Evidence::default();
        signs.iter().for_each(|sign| evidence.step(&factors, *sign));
        let (mut report, mut page) = (0.0, 0.0);
        for q in &alternatives {
            let l: Vec<f64> = signs
                .iter()
                .map(|sign| if *sign { q / null } else { (1.0 - q) / (1.0 - null) })
                .collect();
            report += l.iter().product::<f64>();
            page += (0..l.len()).map(|from| l[from..].iter().product::<f64>()).sum::<f64>();
        }
        let count = alternatives.len() as f64;
        prop_assert!((evidence.log_report(alternatives.len()) - (report / count).ln()).abs() < CLOSE);
        prop_assert!((evidence.page(alternatives.len()) - page / count).abs() <= CLOSE * page);
        // Under the allowed rate no factor gains on average.
        for (one, zero) in factors.logs(true).zip(factors.logs(false)) {
            let mean = null * one.unwrap().exp() + (1.0 - null) * zero.unwrap().exp();
            prop_assert!(mean <= 1.0 + 1e-12);
        }
    }

    #[test]
    fn e_bh_is_its_definition(
        e in prop::collection::vec(prop_oneof![0.0..3.0_f64, 10.0..5_000.0_f64], 0..40),
        alpha in 0.01..0.3_f64,
    ) {
        let logs: Vec<f64> = e.iter().map(|e| e.ln()).collect();
        let found = e_bh(&logs, alpha);
        prop_assert_eq!(found.count, plain_e_bh(&e, alpha));
        let flagged = logs.iter().filter(|log| found.includes(**log)).count();
        prop_assert_eq!(flagged, found.count);
    }
}
