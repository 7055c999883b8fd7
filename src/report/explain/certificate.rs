//! Findings about one window: what it says, and the reviewer's reviews around it.

use std::fmt::Write;

use super::outcome::{ExplainError, Explained, compare, evidence};
use crate::engine::oversight::{HollowReason, Judgement, Reviews, Rules};
use crate::records::{Finding, Object, WindowEvidence, WindowRecord, WindowRules};
use crate::report::terminal::printable;
use crate::time::{Span, Timestamp};

/// How fast nobody reads.
const PACE: &str = "1,000 words a minute";

/// Acts of one person before another, of which equal reasons are counted.
const ACTS: usize = 20;

pub(super) fn explain(
    finding: &Finding,
    windows: &[WindowRecord],
) -> Result<Explained, ExplainError> {
    let id = finding.exposure_id.as_ref().ok_or(ExplainError::Incomplete("a window"))?;
    let at = windows.iter().position(|window| window.exposure_id == *id);
    let at = at.ok_or(ExplainError::Incomplete("the window of the finding"))?;
    let window = &windows[at];
    let mut text = String::new();
    let reason = HollowReason::parse(finding.name());
    let agrees = match reason {
        Some(HollowReason::ImpossibleReading) => reading(&mut text, finding, windows, at)?,
        Some(HollowReason::TemplatedRationale) => template(&mut text, finding, windows, at)?,
        Some(HollowReason::EvidenceUnopened) => {
            writeln!(text, "opened_at   {}", shown(window.opened_at))?;
            writeln!(text, "The deciding reviewer has no look at the case before the decision.")?;
            window.opened_at.is_none()
        }
        Some(reason) => {
            writeln!(
                text,
                "An event or an approver rule said so. The ledger holds the result, `{reason}`, and \
                 not what led to it."
            )?;
            window.hollow.is_some_and(|hollow| hollow.iter().any(|there| there == reason))
        }
        None => fact(&mut text, finding, window)?,
    };
    writeln!(text, "{}", if agrees { "It holds." } else { "It does NOT hold by this ledger." })?;
    Ok(Explained { text, agrees })
}

/// The reviewer's reviews in order, as places in the ledger.
fn own(windows: &[WindowRecord], at: usize) -> Vec<usize> {
    let reviewer = &windows[at].reviewer;
    let mut own: Vec<usize> = (0..windows.len())
        .filter(|other| windows[*other].reviewer == *reviewer && reviewer.is_some())
        .collect();
    own.sort_by_key(|place| (windows[*place].decided_at, *place));
    own
}

/// The judgements of these decisions of one reviewer, made again by the rules of the finding.
fn judged(
    windows: &[WindowRecord],
    own: &[usize],
    rules: WindowRules,
) -> Result<Vec<Judgement>, ExplainError> {
    // Within a batch cases are judged by their names.
    let mut by_name: Vec<usize> = own.to_vec();
    by_name.sort_unstable();
    let mut reviews = Reviews::new();
    for place in &by_name {
        reviews.add(windows[*place].review(false).as_ref());
    }
    let judged = reviews.judge(&Rules::new(rules.config())?).judgements;
    let of = |place: &usize| by_name.binary_search(place).ok().and_then(|at| judged.get(at));
    Ok(own.iter().map(|place| of(place).copied().unwrap_or_default()).collect())
}

/// The rules that the finding states, which are shown.
fn rules(text: &mut String, finding: &Finding) -> Result<WindowRules, ExplainError> {
    let recorded: WindowEvidence = evidence(finding)?;
    let rules = recorded.rules.ok_or(ExplainError::Incomplete("the rules of the finding"))?;
    writeln!(
        text,
        "By the rules of the finding, clocks of different sources may be apart by {} ms, and a batch lasts {} ms at most.\n",
        ms(rules.skew_tolerance_ms),
        ms(rules.batch_hold_ms)
    )?;
    Ok(rules)
}

fn reading(
    text: &mut String,
    finding: &Finding,
    windows: &[WindowRecord],
    at: usize,
) -> Result<bool, ExplainError> {
    let own = own(windows, at);
    let mine = own.iter().position(|place| *place == at);
    let judged = judged(windows, &own, rules(text, finding)?)?;
    let found = mine.and_then(|mine| judged.get(mine)?.certificate);
    let Some(found) = found else {
        writeln!(text, "By this ledger there was time to read all that was approved.")?;
        return Ok(false);
    };
    writeln!(text, "From {} to {} this person approved:", found.from, found.to)?;
    // Acts are judged one after the other, a batch as it was last decided: what came after
    // this decision plays no part in it.
    let batch = windows[at].batch_id.as_deref();
    let counted = |(order, place): &(usize, &usize)| {
        let other_act = batch.is_some() && windows[**place].batch_id.as_deref() != batch;
        Some(*order) <= mine || other_act
    };
    for (_, place) in own.iter().enumerate().filter(counted) {
        let case = &windows[*place];
        let Some(review) = case.review(false) else { continue };
        let released = review.released_at();
        let within = released >= Some(found.from) && review.decided_at <= found.to;
        let floor_ms = review.advice.and_then(|advice| advice.floor_ms());
        let Some(floor_ms) = floor_ms.filter(|_| within && review.agreed == Some(true)) else {
            continue;
        };
        writeln!(text, "{}", printable(&case.exposure_id.to_string()))?;
        writeln!(text, "  readable    {}", shown(released))?;
        writeln!(text, "  decided     {}", shown(case.decided_at))?;
        writeln!(text, "  to read     {floor_ms} ms at least, at {PACE}")?;
    }
    writeln!(
        text,
        "\nThe same text in one incident or batch counts once, and the same advice about the same \
         credential once for all."
    )?;
    writeln!(text, "needed      {} ms for {}", ms(found.needed), cases(found.cases))?;
    writeln!(text, "unread      {} ms, of cases that were named before", ms(found.unread))?;
    writeln!(text, "available   {} ms", ms(found.available))?;
    let recorded: WindowEvidence = evidence(finding)?;
    let number = |span: Option<Span>| span.map(|span| ms(span) as f64);
    let same = compare(text, "needed_ms", number(recorded.needed_ms), ms(found.needed) as f64)
        & compare(text, "unread_ms", number(recorded.unread_ms), ms(found.unread) as f64)
        & compare(text, "available_ms", number(recorded.available_ms), ms(found.available) as f64);
    Ok(same && ms(found.needed) - ms(found.unread) > ms(found.available))
}

fn template(
    text: &mut String,
    finding: &Finding,
    windows: &[WindowRecord],
    at: usize,
) -> Result<bool, ExplainError> {
    let own = own(windows, at);
    let mine = own.iter().position(|place| *place == at).unwrap_or_default();
    let digest = windows[at].rationale_digest.as_deref();
    let digest = digest.ok_or(ExplainError::Incomplete("the digest of the reasons"))?;
    let rules = rules(text, finding)?;
    writeln!(text, "rationale_digest  {}", printable(digest))?;
    let words = windows[at].rationale_words;
    writeln!(
        text,
        "words             {}",
        words.map_or("–".to_owned(), |words| words.to_string())
    )?;
    writeln!(
        text,
        "The reviewer's earlier decisions with the same reasons. An incident or a batch is one \
         act; five of the last {ACTS} acts make a template:"
    )?;
    let same = |place: &&usize| windows[**place].rationale_digest.as_deref() == Some(digest);
    let same: Vec<&usize> = own[..mine].iter().filter(same).collect();
    let latest = same.len().saturating_sub(ACTS);
    if latest > 0 {
        writeln!(text, "  {latest} earlier ones are left out")?;
    }
    for place in &same[latest..] {
        let place = **place;
        let case = &windows[place];
        writeln!(
            text,
            "  {}  {}",
            shown(case.decided_at),
            printable(&case.exposure_id.to_string())
        )?;
    }
    let judged = judged(windows, &own, rules)?;
    let reasons = judged.get(mine).map(|judgement| judgement.reasons).unwrap_or_default();
    Ok(reasons.iter().any(|reason| reason == HollowReason::TemplatedRationale))
}

fn fact(text: &mut String, finding: &Finding, window: &WindowRecord) -> Result<bool, ExplainError> {
    if finding.name() != "seeded_case_missed" {
        writeln!(text, "acted       {}", finding.at)?;
        writeln!(text, "decided     {}", shown(window.decided_at))?;
        return Ok(window.decided_at.is_none_or(|decided| decided >= finding.at));
    }
    let Object(truth) = window.truth.ok_or(ExplainError::Incomplete("the truth of the window"))?;
    let word = |word: Option<&'static str>| word.unwrap_or("–");
    writeln!(text, "advised     {}", word(window.recommendation.map(|action| action.as_str())))?;
    writeln!(text, "correct     {} (planted: {})", truth.correct_action, truth.seeded)?;
    writeln!(text, "verdict     {}", word(window.verdict.map(|verdict| verdict.as_str())))?;
    writeln!(text, "decided     {}", word(window.action.map(|action| action.as_str())))?;
    let let_through = match window.verdict {
        Some(verdict) => verdict.as_str() == "approve",
        None => window.action == window.recommendation,
    };
    Ok(truth.seeded && let_through && window.recommendation != Some(truth.correct_action))
}

fn cases(count: u32) -> String {
    format!("{count} case{}", if count == 1 { "" } else { "s" })
}

fn shown(time: Option<Timestamp>) -> String {
    time.map_or_else(|| "–".to_owned(), |time| time.to_string())
}

fn ms(span: Span) -> i64 {
    span.as_millis()
}
