//! The summary for people, on a terminal.
//!
//! Invariants: every latency stands beside the number of windows still open;
//! nothing that came from input reaches the terminal unescaped.

use std::fmt::{self, Write};

use comfy_table::{CellAlignment, ContentArrangement, Table, presets};

use crate::engine::by_workflow::Bands;
use crate::engine::effective::{EffectiveRate, Outcome, Outcomes};
use crate::engine::oversight::HollowReason;
use crate::engine::summary::{AttackerWindow, EventCounts, Reviewers, StageFigures, Summary};
use crate::engine::waits::{Between, Reviewed};
use crate::engine::windows::{Stage, State};
use crate::formats::{RejectReason, SkipReason};
use crate::report::joining::NotJoined;
use crate::report::numbers::{decimal, grouped, many};
use crate::time::Span;

/// Names shown of those that did not join.
const NAMES_MAX: usize = 10;
/// Widest bar, in characters.
const BAR: usize = 28;

/// A refused record as it is shown.
#[derive(Clone, Debug)]
pub struct RefusedLine {
    /// `file:line`, or the file alone.
    pub place: String,
    /// Class of fault.
    pub reason: RejectReason,
    /// What exactly.
    pub detail: String,
}

/// What was not used, for the last part of the summary.
#[derive(Clone, Debug, Default)]
pub struct NotUsed {
    /// The first refusals, in the order of the input.
    pub first: Vec<RefusedLine>,
    /// Refusals by reason, most frequent first.
    pub by_reason: Vec<(RejectReason, u64)>,
    /// Skipped records by reason, in the order of the reasons.
    pub skipped: [u64; SkipReason::ALL.len()],
    /// Events later than the moment asked for.
    pub after_as_of: u64,
    /// Detections that names which cover each other handed round.
    pub leaks_apart: u64,
    /// Names about which somebody acted and that no detection has.
    pub not_joined: Vec<NotJoined>,
    /// Where all refusals are written, if anywhere.
    pub written_to: Option<String>,
}

/// The whole summary as text.
pub fn summary(summary: &Summary, not_used: &NotUsed) -> String {
    let mut text = String::new();
    // Writing to a string does not fail.
    let _ = write_summary(&mut text, summary, not_used);
    text
}

fn write_summary(out: &mut String, summary: &Summary, not_used: &NotUsed) -> fmt::Result {
    headline(out, summary, not_used)?;
    if summary.windows.total() > 0 {
        bands(out, summary)?;
        latencies(out, summary)?;
        survival(out, summary)?;
        oversight(out, summary)?;
    }
    events(out, summary, not_used)
}

fn headline(out: &mut String, summary: &Summary, not_used: &NotUsed) -> fmt::Result {
    let windows = &summary.windows;
    let total = windows.total();
    let Some(as_of) = summary.as_of.filter(|_| total > 0) else {
        return match not_used.leaks_apart {
            0 => {
                writeln!(out, "No leak was detected in the input: there is no window to measure.\n")
            }
            leaks => writeln!(
                out,
                "{} in the input, and no window to measure: names cover each other in a circle, or more \
                 than eight in a row, so that what came to them belongs to no credential.\n",
                counted(leaks, "detection")
            ),
        };
    };
    writeln!(out, "{} as of {as_of}\n", counted(total, "exposure window"))?;
    effective(out, summary)?;
    let waiting = windows.get(State::Open) + windows.get(State::Contained);
    writeln!(out, "  STILL UNDECIDED        {} of {}", grouped(waiting), grouped(total))?;
    attackers(out, summary)?;
    let states: Vec<String> = State::ALL
        .iter()
        .map(|state| format!("{} {state}", grouped(windows.get(*state))))
        .collect();
    writeln!(out, "  {}\n", states.join(" · "))
}

/// The headline: of raced workflows, or of the one workflow there is.
fn effective(out: &mut String, summary: &Summary) -> fmt::Result {
    let label = "EFFECTIVE REVIEW RATE";
    let raced = summary.workflows.iter().any(|(_, figures)| figures.raced);
    if !raced {
        writeln!(out, "  {label}  no workflow here that attackers race for")?;
    } else if summary.effective_review_rate.low.is_none() {
        writeln!(out, "  {label}  none yet: no window is old enough for its review to be due")?;
    } else {
        writeln!(out, "  {label}  {}", rate(&summary.effective_review_rate))?;
        unknown(out, &summary.effective_review_rate.outcomes)?;
    }
    for (workflow, figures) in summary.workflows.iter().filter(|(_, figures)| !figures.raced) {
        let name = workflow.as_str().replace('_', " ");
        let target = limit(figures.in_time_ms);
        if figures.effective_review_rate.low.is_some() {
            writeln!(out, "  {name} (in {target}): {}", rate(&figures.effective_review_rate))?;
            unknown(out, &figures.effective_review_rate.outcomes)?;
        } else {
            writeln!(out, "  {name} (in {target}): no review is due yet")?;
        }
    }
    Ok(())
}

/// `25.0 % to 62.5 %   3 to 5 of 8 due reviews in time and real, in 6 incidents; 95 % bounds 3.2 % to 91.5 %`
fn rate(rate: &EffectiveRate) -> String {
    let effective = rate.outcomes.get(Outcome::Effective);
    let shares = range(share(rate.low), share(rate.high));
    let most = effective + rate.outcomes.unknown();
    let counts = range(grouped(effective), grouped(most));
    let due = counted(rate.outcomes.due(), "due review");
    let incidents = counted(rate.sample.incidents, "incident");
    let (low, high) = (share(rate.low_bound), share(rate.high_bound));
    format!(
        "{shares}   {counts} of {due} in {incidents} in time and real; 95 % bounds {low} to {high}"
    )
}

/// A range whose ends are equal is one figure.
fn range(low: String, high: String) -> String {
    if low == high { low } else { format!("{low} to {high}") }
}

/// Why a rate is a range.
fn unknown(out: &mut String, outcomes: &Outcomes) -> fmt::Result {
    let causes = [
        (Outcome::UnknownExposure, "without a known time of exposure"),
        (Outcome::Unassessed, "with nothing to judge the review by"),
        (Outcome::Unjudged, "not judged yet"),
    ];
    let there = causes.iter().filter(|(outcome, _)| outcomes.get(*outcome) > 0);
    let told: Vec<String> = there
        .map(|(outcome, cause)| format!("{} {cause}", grouped(outcomes.get(*outcome))))
        .collect();
    if told.is_empty() {
        return Ok(());
    }
    writeln!(out, "      a range because of {}", told.join(", "))
}

fn attackers(out: &mut String, summary: &Summary) -> fmt::Result {
    let AttackerWindow { fastest_ms, attacker_first, attacker_first_from_the_start, .. } =
        &summary.attacker_window;
    let windows = attacker_first.windows;
    if windows == 0 {
        return writeln!(out, "  ATTACKER CAME FIRST    nothing here that attackers race for\n");
    }
    let laws = [
        (format!("fastest after {}", limit(*fastest_ms)), attacker_first),
        ("fastest at once".to_owned(), attacker_first_from_the_start),
    ];
    for (number, (law, first)) in laws.into_iter().enumerate() {
        let label = if number == 0 { "ATTACKER CAME FIRST" } else { "" };
        writeln!(
            out,
            "  {label:<21}  {} of {} in {} ({law}); {} expected, if every leaked key is tried",
            range(share(first.low), share(first.high)),
            counted(windows, "window"),
            counted(first.incidents, "incident"),
            range(decimal(first.expected_low, 1), decimal(first.expected_high, 1))
        )?;
    }
    writeln!(out)
}

/// Where the reviews fell against the targets of their workflows: a picture for each pair of
/// targets, and the workflows that have it.
fn bands(out: &mut String, summary: &Summary) -> fmt::Result {
    let mut pictures: Vec<(Span, Span, Vec<String>, Bands)> = Vec::new();
    for (workflow, figures) in summary.workflows.iter() {
        let (in_time, late) = (figures.in_time_ms, figures.late_ms);
        let name = workflow.as_str().replace('_', " ");
        match pictures.iter_mut().find(|(a, b, ..)| (*a, *b) == (in_time, late)) {
            Some((.., names, bands)) => {
                names.push(name);
                *bands += figures.bands;
            }
            None => pictures.push((in_time, late, vec![name], figures.bands)),
        }
    }
    for (in_time, late, names, bands) in pictures {
        picture(out, [in_time, late], &names.join(", "), &bands)?;
    }
    Ok(())
}

fn picture(out: &mut String, [in_time, late]: [Span; 2], names: &str, of: &Bands) -> fmt::Result {
    let total = of.ahead + of.contested + of.behind + of.unreviewed + of.unknown + of.withdrawn;
    writeln!(out, "Time to review against the targets of {names}")?;
    let (soon, late) = (limit(in_time), limit(late));
    let between = match (soon.split_once(' '), late.split_once(' ')) {
        (Some((number, unit)), Some((_, other))) if unit == other => format!("{number} to {late}"),
        _ => format!("{soon} to {late}"),
    };
    let rows = [
        ("ahead", format!("under {soon}"), of.ahead, '█'),
        ("contested", between, of.contested, '▓'),
        ("behind", format!("{late} and more"), of.behind, '▒'),
        ("unreviewed", "no decision yet".to_owned(), of.unreviewed, '░'),
        ("unknown", "time not known".to_owned(), of.unknown, '·'),
        ("withdrawn", "by the source".to_owned(), of.withdrawn, '·'),
    ];
    for (name, meaning, count, fill) in rows {
        if count == 0 && ["unknown", "withdrawn"].contains(&name) {
            continue;
        }
        let share = count as f64 / total.max(1) as f64;
        let cells = (share * BAR as f64).round() as usize;
        // Never nothing for something.
        let cells = if count > 0 { cells.max(1) } else { 0 };
        let bar: String = std::iter::repeat_n(fill, cells).collect();
        writeln!(
            out,
            "  {name:<10}  {meaning:<15}  {bar:<BAR$}  {:>9}  {:>7}",
            grouped(count),
            percent(share)
        )?;
    }
    writeln!(out)
}

fn latencies(out: &mut String, summary: &Summary) -> fmt::Result {
    let mut table = table(&["Stage", "done", "still open", "p50", "p90", "p99", "longest"]);
    for stage in Stage::ALL {
        let StageFigures { count, censored, p50_ms, p90_ms, p99_ms, max_ms } =
            *summary.stages.get(*stage);
        table.add_row([
            stage.as_str().replace('_', " "),
            grouped(count),
            grouped(censored),
            span(p50_ms),
            span(p90_ms),
            span(p99_ms),
            span(max_ms),
        ]);
    }
    writeln!(out, "{table}")?;
    writeln!(
        out,
        "  Quantiles are over the windows that are done; the open ones are not in them.\n"
    )
}

fn survival(out: &mut String, summary: &Summary) -> fmt::Result {
    let figures = &summary.survival.time_to_review;
    let sample = &figures.sample;
    if sample.windows == 0 {
        return Ok(());
    }
    writeln!(
        out,
        "Time to review with the open windows counted in (Kaplan–Meier, 95 % bounds), of {} in {}",
        counted(sample.windows, "window"),
        counted(sample.incidents, "incident")
    )?;
    if figures.unknown_exposure > 0 {
        writeln!(
            out,
            "  ranges because of {} without a known time of exposure",
            grouped(figures.unknown_exposure)
        )?;
    }
    let watched = figures.observed_up_to_ms.unwrap_or_default();
    let within = |limit: Span, by: &Reviewed| {
        // A curve that has come down to nobody undecided is known for good.
        if watched < limit.as_millis() && by.high != Some(1.0) {
            format!("not known: no window was watched for longer than {}", span(Some(watched)))
        } else {
            reviewed(by)
        }
    };
    let (fastest, mean) = (&figures.reviewed_by_fastest, &figures.reviewed_by_mean);
    let AttackerWindow { fastest_ms, mean_ms, .. } = summary.attacker_window;
    for (at, by) in [(fastest_ms, fastest), (mean_ms, mean)] {
        let within_it = format!("reviewed within {}", limit(at));
        writeln!(out, "  {within_it:<23} {}", within(at, by))?;
    }
    let median = match figures.median_ms {
        Between { low: Some(low), high: Some(high) } => range(span(Some(low)), span(Some(high))),
        Between { low: Some(low), high: None } => format!("{} or more", span(Some(low))),
        Between { low: None, .. } if fastest.high.is_none() => "not known".to_owned(),
        Between { low: None, .. } => "not reached: over half are undecided".to_owned(),
    };
    writeln!(out, "  median                  {median}\n")
}

fn oversight(out: &mut String, summary: &Summary) -> fmt::Result {
    let oversight = &summary.oversight;
    let reviews = oversight.reviews;
    writeln!(out, "Was it a review?")?;
    if reviews == 0 {
        return writeln!(out, "  No person has decided anything yet.\n");
    }
    let row = |out: &mut String, name: &str, count: u64, note: &str| {
        let share = percent(count as f64 / reviews as f64);
        let line = format!("  {name:<24}{:>9}  {share:>7}  {note}", grouped(count));
        writeln!(out, "{}", line.trim_end())
    };
    row(out, "meaningful", oversight.meaningful, "no sign to the contrary")?;
    if oversight.unassessed > 0 {
        row(out, "unassessed", oversight.unassessed, "nothing to judge it by")?;
    }
    if oversight.unjudged > 0 {
        row(out, "not judged yet", oversight.unjudged, "")?;
    }
    row(
        out,
        "hollow",
        oversight.hollow,
        if oversight.hollow > 0 { "at least one of:" } else { "" },
    )?;
    for reason in HollowReason::ALL {
        let count = oversight.by_reason.get(*reason);
        if count > 0 {
            row(out, &format!("  {}", reason.as_str().replace('_', " ")), count, "")?;
        }
    }
    row(out, "agreed with the AI", oversight.agreed, "")?;
    if oversight.unadvised > 0 {
        row(out, "decided without advice", oversight.unadvised, "")?;
    }
    let seeded = oversight.seeded.caught + oversight.seeded.missed;
    match seeded {
        0 => writeln!(
            out,
            "  planted wrong advice    none known: whether wrong advice would be noticed cannot be said"
        )?,
        _ => {
            let caught = grouped(oversight.seeded.caught);
            writeln!(out, "  planted wrong advice    {caught} caught of {}", grouped(seeded))?;
        }
    }
    reviewers(out, &oversight.reviewers)?;
    if oversight.nonhuman_decisions > 0 {
        let decisions = counted(oversight.nonhuman_decisions, "decision");
        writeln!(out, "  AI or automation        {decisions}, no reviews")?;
    }
    if oversight.ai_acted_first > 0 {
        writeln!(out, "  AI acted first          {}", counted(oversight.ai_acted_first, "window"))?;
    }
    writeln!(out)
}

/// How many reviewers are flagged, unless that would single somebody out.
fn reviewers(out: &mut String, reviewers: &Reviewers) -> fmt::Result {
    let people = counted(reviewers.count, "reviewer");
    if let Some(alone) = reviewers.cannot_be_compared.filter(|alone| *alone > 0) {
        writeln!(
            out,
            "  agreement with the AI   cannot be compared for {} of {people}: too few peers, or acts of theirs, in like \
             cases",
            grouped(alone)
        )?;
    }
    let Some(named) = reviewers.flagged else {
        return writeln!(out, "  reviewers flagged       not told of a group of {people}");
    };
    let rate = percent(reviewers.false_discovery_rate);
    writeln!(
        out,
        "  reviewers flagged       {} of {people}; on average at most {rate} of those wrongly",
        grouped(named)
    )
}

fn events(out: &mut String, summary: &Summary, not_used: &NotUsed) -> fmt::Result {
    let EventCounts { read, accepted, duplicate, rejected, unsupported, .. } = summary.events;
    let EventCounts { late, skipped, linked, orphan, clock_skew, .. } = summary.events;
    let [sum, used, twice, refused, unread] =
        [read, accepted, duplicate, rejected, unsupported].map(grouped);
    let [too_late, passed, names] = [late, skipped, linked].map(grouped);
    writeln!(
        out,
        "Events: {sum} read = {used} accepted + {twice} duplicate + {refused} rejected + \
         {unread} unsupported + {too_late} late + {passed} skipped + {names} that link names"
    )?;
    writeln!(
        out,
        "  of the accepted, {} found no window (none detected yet, or closed already); clocks \
         disagreed {} times",
        grouped(orphan),
        grouped(clock_skew)
    )?;
    let (skewed, windows) = (summary.clock_skew_windows, summary.windows.total());
    if many(skewed, windows) {
        writeln!(
            out,
            "  HINT: clocks contradict each other in {} of {}. Look for a source whose clock or time zone is wrong.",
            grouped(skewed),
            counted(windows, "window")
        )?;
    }
    if many(orphan, accepted) {
        writeln!(
            out,
            "  HINT: {} found no window. If that is not expected, the clock or time zone of a source is wrong, or its \
             names do not join.",
            counted(orphan, "accepted event")
        )?;
    }
    let skipped = SkipReason::ALL.iter().zip(not_used.skipped);
    for (reason, count) in skipped.filter(|(_, count)| *count > 0) {
        writeln!(out, "  skipped: {} {}", grouped(count), reason.as_str().replace('_', " "))?;
    }
    if not_used.after_as_of > 0 {
        writeln!(out, "  skipped: {} after the moment asked for", grouped(not_used.after_as_of))?;
    }
    not_joined(out, not_used)?;
    if not_used.by_reason.is_empty() {
        return Ok(());
    }
    writeln!(out, "\nNot used, by reason")?;
    for (reason, count) in &not_used.by_reason {
        writeln!(out, "  {:>9}  {}", grouped(*count), reason.as_str().replace('_', " "))?;
    }
    let mut table = table(&["place", "reason", "what is wrong"]);
    for RefusedLine { place, reason, detail } in &not_used.first {
        table.add_row([printable(place), reason.as_str().replace('_', " "), printable(detail)]);
    }
    writeln!(out, "\n{table}")?;
    let shown = not_used.first.len() as u64;
    let all: u64 = not_used.by_reason.iter().map(|(_, count)| count).sum();
    match &not_used.written_to {
        Some(file) => writeln!(out, "  All {} are in {}.", grouped(all), printable(file)),
        None if all > shown => {
            writeln!(out, "  The first {shown} of {}; --out DIR writes them all.", grouped(all))
        }
        None => Ok(()),
    }
}

/// Somebody acted, and no figure shows it: names that join no window.
fn not_joined(out: &mut String, not_used: &NotUsed) -> fmt::Result {
    let names = &not_used.not_joined;
    if names.is_empty() {
        return Ok(());
    }
    writeln!(
        out,
        "\nDid not join: nothing was detected under {}",
        counted(names.len() as u64, "name")
    )?;
    let mut table = table(&["name", "kind", "source", "age", "did you mean"]);
    for name in &names[..names.len().min(NAMES_MAX)] {
        table.add_row([
            printable(&name.credential_id),
            name.kind.to_string(),
            name.source.as_deref().map_or("–".to_owned(), printable),
            span(Some(name.age_ms.max(0))),
            name.nearest.iter().map(|near| printable(near)).collect::<Vec<_>>().join("\n"),
        ]);
    }
    // No column holds figures to be compared.
    table.column_iter_mut().for_each(|column| column.set_cell_alignment(CellAlignment::Left));
    writeln!(out, "{table}")?;
    match &not_used.written_to {
        Some(file) => {
            writeln!(out, "  All {} are in {}.", grouped(names.len() as u64), printable(file))
        }
        None if names.len() > NAMES_MAX => {
            let all = grouped(names.len() as u64);
            writeln!(out, "  The first {NAMES_MAX} of {all}; --out DIR writes them all.")
        }
        None => Ok(()),
    }
}

fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table
        .load_preset(presets::UTF8_BORDERS_ONLY)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_header(header);
    if table.width().is_none() {
        table.set_width(110);
    }
    for column in table.column_iter_mut().skip(1).take(header.len() * usize::from(header.len() > 3))
    {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

fn reviewed(by: &Reviewed) -> String {
    if by.high.is_none() {
        return "not known".to_owned();
    }
    let bounds = format!("({} to {})", share(by.low_bound), share(by.high_bound));
    format!("{}  {bounds}", range(share(by.low), share(by.high)))
}

fn share(share: Option<f64>) -> String {
    share.map_or("–".to_owned(), percent)
}

fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

fn counted(count: u64, noun: &str) -> String {
    format!("{} {noun}{}", grouped(count), if count == 1 { "" } else { "s" })
}

/// Two leading units: `4 min 10 s`, `3 h 05 min`, `12 d 4 h`.
fn span(ms: Option<i64>) -> String {
    let Some(ms) = ms else { return "–".to_owned() };
    let seconds = ms / 1000;
    match seconds {
        0..10 => format!("{}.{} s", seconds, ms % 1000 / 100),
        10..60 => format!("{seconds} s"),
        60..3600 => format!("{} min {:02} s", seconds / 60, seconds % 60),
        3600..86_400 => format!("{} h {:02} min", seconds / 3600, seconds / 60 % 60),
        _ => format!("{} d {:02} h", seconds / 86_400, seconds / 3600 % 24),
    }
}

/// A limit in its largest unit that needs no fraction: `9 min`, `7 d`.
fn limit(limit: Span) -> String {
    const UNITS: [(i64, &str); 4] =
        [(86_400_000, "d"), (3_600_000, "h"), (60_000, "min"), (1_000, "s")];
    let ms = limit.as_millis();
    let unit = UNITS.into_iter().find(|(unit, _)| ms > 0 && ms % unit == 0);
    unit.map_or_else(|| span(Some(ms)), |(unit, name)| format!("{} {name}", ms / unit))
}

/// Control and invisible characters escaped: a file's name may hold any.
pub fn printable(text: &str) -> String {
    text.chars()
        .map(|c| if hidden(c) { c.escape_unicode().to_string() } else { c.to_string() })
        .collect()
}

/// Whether nothing of a character shows where it stands: it controls, has no shape, breaks the
/// line, or changes the direction of others (Unicode 16, `Default_Ignorable_Code_Point`, without
/// the variation selectors, which people write with signs that are seen).
fn hidden(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{ad}'
                | '\u{34f}'
                | '\u{61c}'
                | '\u{115f}'..='\u{1160}'
                | '\u{17b4}'..='\u{17b5}'
                | '\u{180b}'..='\u{180f}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{3164}'
                | '\u{feff}'
                | '\u{ffa0}'
                | '\u{fff0}'..='\u{fffb}'
                | '\u{1bca0}'..='\u{1bca3}'
                | '\u{1d173}'..='\u{1d17a}'
                | '\u{e0000}'..='\u{e0fff}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_seen_is_shown_as_an_escape() {
        for hidden in [
            '\0',
            '\t',
            '\n',
            '\u{ad}',
            '\u{61c}',
            '\u{200b}',
            '\u{2028}',
            '\u{202e}',
            '\u{2063}',
            '\u{3164}',
            '\u{feff}',
            '\u{e0041}',
        ] {
            assert_eq!(printable(&format!("a{hidden}b")), format!("a{}b", hidden.escape_unicode()));
        }
        for seen in ["payments ✓", "ü", "支付", "مرحبا", "☀\u{fe0f}", "a b"] {
            assert_eq!(printable(seen), seen);
        }
    }
}
