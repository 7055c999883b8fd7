//! Findings about a reviewer: every step of the evidence, and what it adds up to.

use std::fmt::Write;

use super::outcome::{ExplainError, Explained, compare, evidence};
use crate::engine::alerts::Transition;
use crate::engine::oversight::{
    BySignal, Comparison, Factors, Flags, Observed, Overseen, Reviews, Rules, SIGNALS, Signal,
    weighted,
};
use crate::records::{Finding, ReviewerEvidence, RulesShown, WindowRecord};
use crate::report::terminal::printable;
use crate::time::Timestamp;

/// Steps shown unless all are asked for.
const SHOWN: usize = 20;

/// One step, as it was taken.
struct Step {
    at: Timestamp,
    number: u32,
    observed: BySignal<Option<Observed>>,
    comparison: Option<Comparison>,
    pages: BySignal<f64>,
    statistic: f64,
    transition: Option<Transition>,
}

/// Judges the whole ledger again and keeps one reviewer's steps.
fn again(
    reviewer: &str,
    windows: &[WindowRecord],
    shown: &RulesShown,
) -> Result<(Rules, Overseen, Vec<Step>), ExplainError> {
    let rules = Rules::new(shown.config())?;
    let mut reviews = Reviews::new();
    for window in windows {
        reviews.add(window.review(shown.expect_opening.contains(&window.workflow)).as_ref());
    }
    let mut steps = Vec::new();
    let overseen = reviews.judge_watched(&rules, &mut |watched| {
        if watched.reviewer != reviewer {
            return;
        }
        steps.push(Step {
            at: watched.step.at,
            number: watched.number,
            observed: watched.step.observed,
            comparison: watched.step.comparison,
            pages: watched.step.pages,
            statistic: watched.step.statistic,
            transition: watched.step.transition,
        });
    });
    Ok((rules, overseen, steps))
}

pub(super) fn suspected(
    finding: &Finding,
    windows: &[WindowRecord],
    all: bool,
) -> Result<Explained, ExplainError> {
    let reviewer = finding.reviewer.as_deref().unwrap_or_default();
    let recorded: ReviewerEvidence<'_> = evidence(finding)?;
    let (rules, _, steps) = again(reviewer, windows, &recorded.rules)?;
    let end = steps
        .iter()
        .position(|step| step.at == finding.at && step.transition == Some(Transition::Firing));
    let mut text = String::new();
    factors(&mut text, &rules)?;
    writeln!(
        text,
        "\nM ← L·(M + 1) for each alternative, from 0; with a comparison of n acts M ← L·(M + n).\n\
         A signal's M is the mean over its alternatives, the combined\n\
         M the weighted mean over signals. It pages at {}: the mean number of decisions to a false\n\
         page. Above that it is held there; below {} of it the page ends and M begins anew.\n",
        rules.config().paging_decisions,
        rules.config().resolve_share
    )?;
    let end = end.map_or(steps.len(), |end| end + 1);
    let before = if all { 0 } else { end.saturating_sub(SHOWN) };
    if before > 0 {
        writeln!(text, "… {before} steps before (--all shows them)")?;
    }
    writeln!(
        text,
        "1 the sign was there, 0 it was not, · not observed; agreed/acts that were compared\n"
    )?;
    writeln!(
        text,
        "{:<24}  {:>6} {:>6} {:>7} {:>17}  {:>44}  {:>10}  exposure",
        "at", "seeded", "dwell", "context", "agreement", "M by signal, in that order", "M"
    )?;
    for step in &steps[before..end] {
        let [seeded, dwell, context, _] = step.observed;
        let x = |seen: Option<Observed>| seen.map_or("·", |seen| if seen.sign { "1" } else { "0" });
        let agreement = step
            .comparison
            .map_or_else(|| "·".to_owned(), |of| format!("{}/{}", of.agreed, of.acts));
        let pages: Vec<String> = step.pages.iter().map(|page| figure(*page)).collect();
        let exposure = windows.get(step.number as usize);
        let exposure = exposure.map_or(String::new(), |window| window.exposure_id.to_string());
        writeln!(
            text,
            "{}  {:>6} {:>6} {:>7} {:>17}  {:>44}  {:>10}  {}",
            step.at,
            x(seeded),
            x(dwell),
            x(context),
            agreement,
            pages.join(" "),
            figure(step.statistic),
            printable(&exposure)
        )?;
    }
    let Some(last) = steps[..end].last().filter(|step| step.transition.is_some()) else {
        writeln!(text, "\nBy this ledger no page begins at {}.", finding.at)?;
        return Ok(Explained { text, agrees: false });
    };
    let agrees = compare(&mut text, "statistic", recorded.statistic, last.statistic);
    Ok(Explained { text, agrees })
}

/// The factors of every signal.
fn factors(text: &mut String, rules: &Rules) -> Result<(), ExplainError> {
    writeln!(text, "L_q = q/p0 if the sign is there, else (1−q)/(1−p0):")?;
    let config = rules.config();
    for (signal, of) in Signal::ALL.iter().zip(config.by_rate()) {
        let Some(of) = of else { continue };
        write!(text, "  {:<9}  weight {:.2}  p0 {:.3} ", signal.as_str(), of.weight, of.null)?;
        let factors = Factors::new(of.null, &of.alternatives);
        let (ones, zeros) = (factors.logs(true), factors.logs(false));
        for (q, (one, zero)) in of.alternatives.iter().zip(ones.zip(zeros)) {
            if let Some((one, zero)) = one.zip(zero) {
                write!(text, "  q {q}: {:.4} or {:.4}", one.exp(), zero.exp())?;
            }
        }
        writeln!(text)?;
    }
    let of = &config.agreement;
    writeln!(
        text,
        "  agreement  weight {:.2}  Fisher's noncentral hypergeometric law, odds ratios {:?} against {}",
        of.weight, of.alternatives, of.allowed_odds
    )?;
    Ok(())
}

pub(super) fn flagged(
    finding: &Finding,
    windows: &[WindowRecord],
    all: bool,
) -> Result<Explained, ExplainError> {
    let reviewer = finding.reviewer.as_deref().unwrap_or_default();
    let recorded: ReviewerEvidence<'_> = evidence(finding)?;
    let (rules, overseen, steps) = again(reviewer, windows, &recorded.rules)?;
    let mut text = String::new();
    writeln!(
        text,
        "The e-value of a signal is the mean over q of the products of\n\
         L_q = q/p0 if the sign is there, else (1−q)/(1−p0), since the first decision; logarithms to base 10:\n"
    )?;
    let mut logs = [0.0; SIGNALS];
    for signal in Signal::ALL {
        logs[*signal as usize] = product(&mut text, *signal, &rules, &steps)?;
    }
    let weights = rules.config().weights();
    writeln!(text, "combined: the mean with weights {weights:?}")?;
    let log_e = weighted(&logs, &weights);
    let flags = Flags::of(overseen.people.iter().map(|person| &person.standing), &rules);
    ranks(&mut text, &overseen, &rules, reviewer, all)?;
    let ln10 = std::f64::consts::LN_10;
    let agrees = compare(&mut text, "log10_e_value", recorded.log10_e_value, log_e / ln10)
        & compare(
            &mut text,
            "log10_threshold",
            recorded.log10_threshold,
            flags.log_threshold() / ln10,
        );
    Ok(Explained { text, agrees: agrees && log_e >= flags.log_threshold() })
}

/// The products of one signal.
fn product(
    text: &mut String,
    signal: Signal,
    rules: &Rules,
    steps: &[Step],
) -> Result<f64, ExplainError> {
    writeln!(text, "{signal}")?;
    let config = rules.config();
    let (alternatives, sums) = match config.by_rate()[signal as usize] {
        Some(of) => {
            let (mut ones, mut zeros) = (0_u64, 0_u64);
            for seen in steps.iter().filter_map(|step| step.observed[signal as usize]) {
                *(if seen.sign { &mut ones } else { &mut zeros }) += 1;
            }
            writeln!(text, "  p0 {:.3}: shown {ones} times, not shown {zeros} times", of.null)?;
            let factors = Factors::new(of.null, &of.alternatives);
            let logs = factors.logs(true).zip(factors.logs(false));
            // Without a bet nothing is won or lost.
            let sum = |(one, zero): (Option<f64>, Option<f64>)| {
                ones as f64 * one.unwrap_or(0.0) + zeros as f64 * zero.unwrap_or(0.0)
            };
            (&of.alternatives, logs.map(sum).collect::<Vec<f64>>())
        }
        None => {
            let alternatives = &config.agreement.alternatives;
            let mut sums = vec![0.0; alternatives.len()];
            for of in steps.iter().filter_map(|step| step.comparison) {
                writeln!(
                    text,
                    "  agreed in {} of {} acts, peers in {} of {}",
                    of.agreed, of.acts, of.peer_agreed, of.peer_acts
                )?;
                sums.iter_mut().zip(of.log_factors).for_each(|(sum, log)| *sum += log);
            }
            (alternatives, sums)
        }
    };
    for (alternative, sum) in alternatives.iter().zip(&sums) {
        writeln!(text, "  {alternative}: {:.6}", sum / std::f64::consts::LN_10)?;
    }
    let greatest = sums.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let mean = sums.iter().map(|sum| (sum - greatest).exp()).sum::<f64>() / sums.len() as f64;
    let log = greatest + mean.ln();
    writeln!(text, "  mean: {:.6}\n", log / std::f64::consts::LN_10)?;
    Ok(log)
}

/// The e-values of all reviewers in order, each with what it needs.
fn ranks(
    text: &mut String,
    overseen: &Overseen,
    rules: &Rules,
    reviewer: &str,
    all: bool,
) -> Result<(), ExplainError> {
    let mut ranked: Vec<(f64, &str)> = overseen
        .people
        .iter()
        .map(|person| (person.standing.log_e, person.reviewer.as_str()))
        .collect();
    ranked.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(b.1)));
    let (count, alpha) = (ranked.len() as f64, rules.config().alpha);
    let ln10 = std::f64::consts::LN_10;
    writeln!(
        text,
        "\ne-BH over {count} reviewers at {alpha}: the k-th largest needs {count}/(k·{alpha}); all down to the last\n\
         k that reaches it are flagged. Logarithms to base 10:"
    )?;
    let shown = if all { ranked.len() } else { SHOWN };
    for (k, (log, name)) in (1..).zip(ranked.iter().take(shown)) {
        let needed = (count / (f64::from(k) * alpha)).ln();
        let reached = if *log >= needed { "reached" } else { "" };
        let here = if *name == reviewer { "◀" } else { "" };
        writeln!(
            text,
            "  {k:>4}  {:>14.6}  needs {:>9.6}  {reached:<7}  {} {here}",
            log / ln10,
            needed / ln10,
            printable(name)
        )?;
    }
    Ok(())
}

fn figure(value: f64) -> String {
    match value {
        0.0 => "0".to_owned(),
        value if (0.001..1e6).contains(&value) => format!("{value:>10.4}"),
        value => format!("{value:>10.3e}"),
    }
}
