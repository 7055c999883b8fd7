//! Findings about a reviewer: every step of the evidence, and what it adds up to.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::outcome::{ExplainError, Explained, compare, evidence};
use crate::engine::alerts::Transition;
use crate::engine::oversight::{
    BySignal, Factors, Flags, List, Observed, Overseen, Reviews, Rules, SIGNALS, Signal, weighted,
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
        "\nM ← L·(M + 1) for each alternative q, from 0; a signal's M is the mean over q, the combined\n\
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
    writeln!(text, "x: 1 the sign was there, 0 it was not, · not observed\n")?;
    writeln!(
        text,
        "{:<24}  {:>6} {:>6} {:>7} {:>17}  {:>44}  {:>10}  exposure",
        "at", "seeded", "dwell", "context", "agreement (p0)", "M by signal, in that order", "M"
    )?;
    for step in &steps[before..end] {
        let [seeded, dwell, context, agreement] = step.observed;
        let x = |seen: Option<Observed>| seen.map_or("·", |seen| if seen.sign { "1" } else { "0" });
        let allowed = agreement.map_or(String::new(), |seen| format!(" ({:.3})", seen.null));
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
            format!("{}{allowed}", x(agreement)),
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

/// The factors of every signal at the rate allowed without peers.
fn factors(text: &mut String, rules: &Rules) -> Result<(), ExplainError> {
    writeln!(text, "L_q = q/p0 if the sign is there, else (1−q)/(1−p0):")?;
    let config = rules.config();
    let signals = [&config.seeded, &config.dwell, &config.context, &config.agreement];
    for (signal, of) in Signal::ALL.iter().zip(signals) {
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
    writeln!(text, "  (for agreement p0 is the peers' rate and the margin where that is more)")?;
    Ok(())
}

pub(super) fn flagged(
    finding: &Finding,
    windows: &[WindowRecord],
    all: bool,
) -> Result<Explained, ExplainError> {
    let reviewer = finding.reviewer.as_deref().unwrap_or_default();
    let recorded: ReviewerEvidence<'_> = evidence(finding)?;
    let list = recorded.list.ok_or(ExplainError::Incomplete("the list of the finding"))?;
    let (rules, overseen, steps) = again(reviewer, windows, &recorded.rules)?;
    let mut text = String::new();
    writeln!(
        text,
        "The e-value of a signal is the mean over q of the products of\n\
         L_q = q/p0 if the sign is there, else (1−q)/(1−p0), since the first decision; logarithms to base 10:\n"
    )?;
    let mut logs = [0.0; SIGNALS];
    for signal in Signal::ALL {
        if list.signal().is_none_or(|only| only == *signal) {
            logs[*signal as usize] = product(&mut text, *signal, &rules, &steps)?;
        }
    }
    let log_e = match list.signal() {
        Some(signal) => logs[signal as usize],
        None => {
            let config = rules.config();
            let weights = [&config.seeded, &config.dwell, &config.context, &config.agreement]
                .map(|signal| signal.weight);
            writeln!(text, "combined: the mean with weights {weights:?}")?;
            weighted(&logs, &weights)
        }
    };
    let flags = Flags::of(overseen.people.iter().map(|person| &person.standing), &rules);
    ranks(&mut text, list, &overseen, &rules, reviewer, all)?;
    let ln10 = std::f64::consts::LN_10;
    let agrees = compare(&mut text, "log10_e_value", recorded.log10_e_value, log_e / ln10)
        & compare(
            &mut text,
            "log10_threshold",
            recorded.log10_threshold,
            flags.get(list).log_threshold / ln10,
        );
    Ok(Explained { text, agrees: agrees && flags.get(list).includes(log_e) })
}

/// The products of one signal, from how often each rate was allowed and shown.
fn product(
    text: &mut String,
    signal: Signal,
    rules: &Rules,
    steps: &[Step],
) -> Result<f64, ExplainError> {
    // Allowed rates are few: they go by thousandths.
    let mut counts: BTreeMap<u64, (u64, u64)> = BTreeMap::new();
    for seen in steps.iter().filter_map(|step| step.observed[signal as usize]) {
        let (ones, zeros) = counts.entry(seen.null.to_bits()).or_default();
        *(if seen.sign { ones } else { zeros }) += 1;
    }
    let config = rules.config();
    let of = match signal {
        Signal::Seeded => &config.seeded,
        Signal::Dwell => &config.dwell,
        Signal::Context => &config.context,
        Signal::Agreement => &config.agreement,
    };
    writeln!(text, "{signal}")?;
    let mut sums = vec![0.0; of.alternatives.len()];
    for (null, (ones, zeros)) in counts {
        let null = f64::from_bits(null);
        writeln!(text, "  p0 {null:.3}: shown {ones} times, not shown {zeros} times")?;
        let factors = Factors::new(null, &of.alternatives);
        for (sum, (one, zero)) in sums.iter_mut().zip(factors.logs(true).zip(factors.logs(false))) {
            // Without a bet nothing is won or lost.
            *sum += ones as f64 * one.unwrap_or(0.0) + zeros as f64 * zero.unwrap_or(0.0);
        }
    }
    for (q, sum) in of.alternatives.iter().zip(&sums) {
        writeln!(text, "  q {q}: {:.6}", sum / std::f64::consts::LN_10)?;
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
    list: List,
    overseen: &Overseen,
    rules: &Rules,
    reviewer: &str,
    all: bool,
) -> Result<(), ExplainError> {
    let mut ranked: Vec<(f64, &str)> = overseen
        .people
        .iter()
        .map(|person| (list.log_e(&person.standing), person.reviewer.as_str()))
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
