//! What the tests of the second stage promise, and what they do: over thousands of
//! simulated reviewers, false alarms, delay and false discoveries, with the
//! fixed-threshold rules that are in use elsewhere on the same streams.
//!
//! `cargo run --release --example oversight_proof` prints the tables of
//! `docs/oversight.md`; `-- quick` does it with a twentieth of the reviewers. The
//! same version gives the same figures on every machine.

#![expect(clippy::unwrap_used, reason = "a figure that cannot be computed stops the program")]

#[path = "oversight_proof/streams.rs"]
mod streams;

use shutterlag::config::OversightConfig;
use shutterlag::engine::oversight::{Rules, Signal};
use streams::{Outcome, Rates, Rule, Trial, median, parallel, upper_99};

fn main() {
    let quick = std::env::args().any(|argument| argument == "quick");
    let scale = if quick { 20 } else { 1 };
    let rules = Rules::new(OversightConfig::default()).unwrap();
    report_false_alarms(20_000 / scale, &rules);
    run_lengths(4_000 / scale);
    delays(4_000 / scale, &rules);
    false_discoveries(1_000 / scale, &rules);
}

/// Ever flagged within 2,000 decisions, looked at after each.
fn report_false_alarms(reviewers: u64, rules: &Rules) {
    println!("### False alarms of the report, alpha = 0.05\n");
    println!("{reviewers} honest reviewers per row, looked at after each of 2,000 decisions.\n");
    println!(
        "| honest agreement | allowed | e-process, ever ≥ 20 | upper 99 % bound | {} |",
        Rule::heads()
    );
    println!("|---|---|---|---|{}", "---|".repeat(Rule::ALL.len()));
    for (agreement, null) in [(0.80, 0.90), (0.85, 0.90), (0.90, 0.90), (0.95, 0.95)] {
        let flagged = parallel(reviewers, |seed| {
            let rates = Rates { agreement, ..Rates::HONEST };
            let mut trial = Trial::new(seed, rules).allowing(null);
            let mut ever = [false; 1 + Rule::ALL.len()];
            for _ in 0..2_000 {
                trial.step(&rates);
                ever[0] |= trial.log_report(Signal::Agreement) >= 20.0_f64.ln();
                for (ever, rule) in ever[1..].iter_mut().zip(Rule::ALL) {
                    *ever |= trial.flagged_by(rule);
                }
            }
            ever
        });
        let count = |at: usize| flagged.iter().filter(|ever| ever[at]).count() as u64;
        let share = |at: usize| 100.0 * count(at) as f64 / reviewers as f64;
        let bound = 100.0 * upper_99(count(0), reviewers);
        print!("| {agreement:.2} | {null:.2} | **{:.2} %** | {bound:.2} % |", share(0));
        (1..=Rule::ALL.len()).for_each(|at| print!(" {:.1} % |", share(at)));
        println!();
    }
    println!();
}

/// Decisions to the first false page, with every rate exactly what is allowed.
fn run_lengths(reviewers: u64) {
    println!("### Decisions to a false page\n");
    println!(
        "{reviewers} reviewers per row whose rates are exactly what is allowed; runs are cut at 50 times the promise, which can only lower the mean.\n"
    );
    println!("| promised | all signals, mean | agreement alone, mean | median of all signals |");
    println!("|---|---|---|---|");
    for promised in [200.0, 1_000.0, 5_000.0] {
        let config = OversightConfig { paging_decisions: promised, ..OversightConfig::default() };
        let rules = Rules::new(config).unwrap();
        let most = (promised * 50.0) as u64;
        let runs = parallel(reviewers, |seed| {
            let run = |stop: &dyn Fn(&Trial<'_>) -> bool| {
                let mut trial = Trial::new(seed, &rules);
                for decision in 1..=most {
                    trial.step(&Rates::AT_THE_LIMIT);
                    if stop(&trial) {
                        return decision;
                    }
                }
                most
            };
            let threshold = promised.ln();
            [
                run(&|trial| trial.log_page() >= threshold),
                run(&|trial| trial.log_page_of(Signal::Agreement) >= threshold),
            ]
        });
        let mean = |at: usize| runs.iter().map(|r| r[at] as f64).sum::<f64>() / reviewers as f64;
        let middle = median(runs.iter().map(|run| run[0] as f64).collect());
        println!("| {promised} | **{:.0}** | {:.0} | {middle:.0} |", mean(0), mean(1));
    }
    println!();
}

/// Decisions from a change to its detection, after 200 of honest work.
fn delays(reviewers: u64, rules: &Rules) {
    println!("### Decisions to detection\n");
    println!(
        "{reviewers} reviewers per row: 200 decisions of honest work (agreement 0.85, seldom hasty), then the change. Medians; in brackets the share found within 1,000 decisions where it is not all. A dash: more than half never.\n"
    );
    println!(
        "| change | page at 1,000 | page at 5,000 | report, that signal, from the start | {} | median under 5 s |",
        Rule::heads()
    );
    println!("|---|---|---|---|{}---|", "---|".repeat(Rule::ALL.len()));
    let slow = OversightConfig { paging_decisions: 5_000.0, ..OversightConfig::default() };
    let slow = Rules::new(slow).unwrap();
    let honest = Rates { agreement: 0.85, ..Rates::HONEST };
    type Change = (&'static str, Signal, fn(u32, Rates) -> Rates);
    let changes: [Change; 7] = [
        ("agrees with 99 %, reads", Signal::Agreement, |_, r| Rates { agreement: 0.99, ..r }),
        ("takes 2 s for 120 words", Signal::Dwell, |_, r| Rates { dwell: 1.0, seconds: 2.0, ..r }),
        ("a quarter too fast to read", Signal::Dwell, |_, r| Rates { dwell: 0.25, ..r }),
        ("opens 40 % of the evidence", Signal::Context, |_, r| Rates { context: 0.6, ..r }),
        ("misses half of the seeded", Signal::Seeded, |_, r| Rates {
            seeded: 0.5,
            planted: 1.0,
            ..r
        }),
        ("rubber-stamps", Signal::Dwell, |_, r| Rates {
            agreement: 0.99,
            dwell: 0.95,
            context: 0.97,
            seeded: 0.98,
            seconds: 3.0,
            ..r
        }),
        ("drifts there over 150 decisions", Signal::Dwell, |n, r| {
            let t = (f64::from(n) / 150.0).min(1.0);
            Rates {
                agreement: 0.85 + 0.14 * t,
                dwell: r.dwell + 0.9 * t,
                context: r.context + 0.9 * t,
                seconds: 60.0 - 57.0 * t,
                ..r
            }
        }),
    ];
    for (name, signal, change) in changes {
        let found = parallel(reviewers, |seed| {
            let mut outcome = Outcome::default();
            let mut trials = [Trial::new(seed, rules), Trial::new(seed, &slow)];
            for _ in 0..200 {
                for trial in &mut trials {
                    trial.step(&honest);
                    // A false page before the change begins anew, as the engine does.
                    trial.restart_if_paged();
                }
            }
            let mut fresh = Trial::new(seed.wrapping_add(1 << 40), rules);
            for decision in 1..=1_000 {
                let rates = change(decision, honest);
                trials.iter_mut().for_each(|trial| trial.step(&rates));
                fresh.step(&rates);
                let [fast, slow] = &trials;
                outcome.note(0, decision, fast.pages());
                outcome.note(1, decision, slow.pages());
                outcome.note(2, decision, fresh.log_report(signal) >= 20.0_f64.ln());
                for (at, rule) in (3..).zip(Rule::ALL) {
                    outcome.note(at, decision, fast.flagged_by(rule));
                }
                outcome.note(3 + Rule::ALL.len(), decision, fast.median_under_5s());
            }
            outcome
        });
        print!("| {name} |");
        for at in 0..4 + Rule::ALL.len() {
            let delays: Vec<f64> = found.iter().map(|outcome| outcome.delay(at)).collect();
            let share = delays.iter().filter(|delay| delay.is_finite()).count() as f64;
            let share = 100.0 * share / delays.len() as f64;
            let middle = median(delays);
            let middle = if middle.is_finite() { format!("{middle:.0}") } else { "–".to_owned() };
            let rest = if share < 99.95 { format!(" ({share:.0} %)") } else { String::new() };
            print!(" {middle}{rest} |");
        }
        println!();
    }
    println!();
}

/// Lists over 200 reviewers of whom 20 are bad, looked at once after 200 decisions.
fn false_discoveries(rounds: u64, rules: &Rules) {
    println!("### False discoveries among 200 reviewers, 20 of them bad\n");
    println!(
        "{rounds} rounds of 200 decisions each, alpha = 0.05; a rule flags whom it has flagged at any time so far.\n"
    );
    println!("| honest | bad | list | false discoveries | found of the bad |");
    println!("|---|---|---|---|---|");
    let within = Rates { agreement: 0.85, ..Rates::HONEST };
    let at_limit = Rates { planted: 0.03, ..Rates::AT_THE_LIMIT };
    for (honest_name, honest, bad_name, bad) in [
        ("at every limit", at_limit, "agree with 0.99", Rates { agreement: 0.99, ..at_limit }),
        (
            "at every limit",
            at_limit,
            "and read half",
            Rates { agreement: 0.99, dwell: 0.5, ..at_limit },
        ),
        ("within limits", within, "agree with 0.99", Rates { agreement: 0.99, ..within }),
        ("within limits", within, "read three quarters", Rates { dwell: 0.25, ..within }),
    ] {
        let all = parallel(rounds, |seed| streams::round(seed, rules, &honest, &bad));
        for (at, name) in streams::lists().into_iter().enumerate() {
            let mean = |part: fn(&(f64, f64)) -> f64| {
                100.0 * all.iter().map(|round| part(&round[at])).sum::<f64>() / rounds as f64
            };
            let (fdr, power) = (mean(|(fdr, _)| *fdr), mean(|(_, power)| *power));
            println!("| {honest_name} | {bad_name} | {name} | {fdr:.1} % | {power:.0} % |");
        }
    }
    println!();
}
