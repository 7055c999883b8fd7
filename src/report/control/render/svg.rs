//! Pictures as SVG within the page.
//!
//! Invariants: every picture has a name and a description, and its figures stand in
//! a table; lines differ by dash and areas by lightness, not by colour alone;
//! coordinates have one decimal, so that the same figures give the same bytes.

use maud::{Markup, html};

use super::super::Report;
use super::blocks::Chart;
use super::figures::{count, length, limit, percent, range, spoken};
use crate::report::control::Group;
use crate::time::Span;

const WIDTH: f64 = 720.0;
/// The frame of the two pictures over time.
const LEFT: f64 = 46.0;
const RIGHT: f64 = 708.0;
const TOP: f64 = 14.0;
const BOTTOM: f64 = 274.0;
const HOUR_MS: f64 = 3_600_000.0;

pub(super) fn chart(report: &Report, chart: Chart) -> Markup {
    match chart {
        Chart::Waiting => waiting(report),
        Chart::Stages => stages(report),
        Chart::Outcomes => outcomes(report),
        Chart::Bands => bands(report),
    }
}

fn x(time: Span) -> f64 {
    LEFT + (RIGHT - LEFT) * (time.as_millis() as f64 / HOUR_MS)
}

fn y(share: f64) -> f64 {
    BOTTOM - (BOTTOM - TOP) * share
}

/// Points as a path of steps or of straight lines.
fn path(points: impl Iterator<Item = (Span, f64)>, steps: bool) -> String {
    let mut drawn = String::new();
    let mut before: Option<f64> = None;
    for (time, share) in points {
        let (x, y) = (x(time), y(share));
        match before {
            None => drawn.push_str(&format!("M{x:.1} {y:.1}")),
            // A level stretch needs no points.
            Some(last) if steps && last == y => continue,
            Some(_) if steps => drawn.push_str(&format!("H{x:.1}V{y:.1}")),
            Some(_) => drawn.push_str(&format!("L{x:.1} {y:.1}")),
        }
        before = Some(y);
    }
    if steps && before.is_some() {
        drawn.push_str(&format!("H{RIGHT:.1}"));
    }
    drawn
}

/// Axes from 0 to 60 minutes and from 0 to 100 %, with the attackers' marks.
fn frame(report: &Report) -> Markup {
    let (fastest, mean) = report.attacker_first.arrivals();
    let hour = Span::from_mins(60);
    let marks = [fastest, mean].into_iter().filter(|at| (Span::ZERO..=hour).contains(at));
    html! {
        @for tenth in [0, 25, 50, 75, 100] {
            @let at = y(f64::from(tenth) / 100.0);
            line class="grid" x1=(fixed(LEFT)) x2=(fixed(RIGHT)) y1=(fixed(at)) y2=(fixed(at)) {}
            text x=(fixed(LEFT - 6.0)) y=(fixed(at + 4.0)) text-anchor="end" { (tenth) " %" }
        }
        @for mark in marks {
            @let at = x(mark);
            line class="mark" x1=(fixed(at)) x2=(fixed(at)) y1=(fixed(TOP)) y2=(fixed(BOTTOM)) {}
        }
        path class="axis" d=(format!("M{LEFT:.1} {TOP:.1}V{BOTTOM:.1}H{RIGHT:.1}")) {}
        @for at in report.time_to_review.at_risk.iter().map(|at| at.t_ms) {
            text x=(fixed(x(at))) y=(fixed(BOTTOM + 16.0)) text-anchor="middle" { (minutes(at)) }
        }
    }
}

/// Minutes, with a decimal where they are no whole ones.
fn minutes(at: Span) -> String {
    match at.as_millis() % 60_000 {
        0 => (at.as_millis() / 60_000).to_string(),
        _ => format!("{:.1}", at.as_millis() as f64 / 60_000.0),
    }
}

fn fixed(value: f64) -> String {
    format!("{value:.1}")
}

fn waiting(report: &Report) -> Markup {
    let waits = &report.time_to_review;
    let curve = &waits.curve;
    let bounded: Vec<(Span, f64, f64)> =
        curve.iter().filter_map(|at| Some((at.t_ms, at.low_bound?, at.high_bound?))).collect();
    let upper = path(bounded.iter().map(|(t, _, high)| (*t, *high)), false);
    let lower = path(bounded.iter().rev().map(|(t, low, _)| (*t, *low)), false);
    let race = &report.attacker_first;
    let within = waits.decided_by(race.first_arrival().0);
    let (fastest, mean) = race.arrivals();
    let shown = limit;
    let told = format!(
        "The share of exposures still waiting for a decision falls over the first hour. After {}, {} had been decided \
         about, while the attackers' curve rises from 0 at {} to 63 % at {}.",
        shown(race.first_arrival().0),
        range(within.low, within.high),
        shown(fastest),
        shown(mean)
    );
    html! {
        figure {
            svg viewBox=(format!("0 0 {WIDTH} 340")) role="img" aria-labelledby="waiting-name waiting-told" {
                title id="waiting-name" { "Waiting for a decision, against the attackers" }
                desc id="waiting-told" { (told) }
                (frame(report))
                @if !bounded.is_empty() {
                    path class="bounds" d=(format!("{upper}L{}Z", lower.trim_start_matches('M'))) {}
                }
                path class="attacker" d=(path(curve.iter().map(|at| (at.t_ms, at.attacker)), false)) {}
                path class="team" d=(path(curve.iter().map(|at| (at.t_ms, at.low)), true)) {}
                @if waits.unknown_exposure > 0 {
                    path class="team" d=(path(curve.iter().map(|at| (at.t_ms, at.high)), true)) {}
                }
                text x=(fixed(RIGHT)) y=(fixed(BOTTOM + 32.0)) text-anchor="end" { "minutes since the exposure" }
                text x=(fixed(LEFT)) y=(fixed(BOTTOM + 32.0)) { "number at risk:" }
                @for at in &waits.at_risk {
                    text x=(fixed(x(at.t_ms))) y=(fixed(BOTTOM + 50.0)) text-anchor="middle" { (count(at.windows)) }
                }
            }
            figcaption {
                "Solid: exposures still waiting, with 95 % bounds; where two lines are solid it is not known when some were "
                "exposed, and the truth lies between them. Dashed: attackers who have come, by the published "
                (shown(fastest)) " and " (shown(mean))
                " (dotted). Where the dashed line rises while the solid one is high, attackers are first."
            }
        }
    }
}

fn outcomes(report: &Report) -> Markup {
    let curve = &report.outcomes.curve;
    let edges = |at: &crate::report::control::Shares| {
        let decided = at.decision;
        let contained = decided + at.containment;
        [0.0, decided, contained, contained + at.abuse, 1.0]
    };
    let area = |layer: usize| {
        let top = path(curve.iter().map(|at| (at.t_ms, edges(at)[layer + 1])), false);
        let low = path(curve.iter().rev().map(|at| (at.t_ms, edges(at)[layer])), false);
        format!("{top}L{}Z", low.trim_start_matches('M'))
    };
    let names = ["a person decided", "contained first", "attacker seen first", "still waiting"];
    let classes = ["p0", "p1", "p2", "p4"];
    let last = curve.last();
    let told = last.map_or(String::new(), |at| {
        format!(
            "After an hour a person had decided first about {}, {} had been contained first, in {} an attacker had been \
             seen first, and {} still waited.",
            percent(Some(at.decision)),
            percent(Some(at.containment)),
            percent(Some(at.abuse)),
            percent(Some(at.waiting))
        )
    });
    html! {
        figure {
            svg viewBox=(format!("0 0 {WIDTH} 330")) role="img" aria-labelledby="outcomes-name outcomes-told" {
                title id="outcomes-name" { "What ended the wait" }
                desc id="outcomes-told" { (told) }
                @for (layer, class) in classes.iter().enumerate() {
                    path class=(class) d=(area(layer)) {}
                }
                (frame(report))
                text x=(fixed(RIGHT)) y=(fixed(BOTTOM + 32.0)) text-anchor="end" { "minutes since the exposure" }
                (legend(&names, &classes, BOTTOM + 44.0))
            }
        }
    }
}

fn legend(names: &[&str], classes: &[&str], top: f64) -> Markup {
    html! {
        @for (at, (name, class)) in names.iter().zip(classes).enumerate() {
            @let left = LEFT + 132.0 * at as f64;
            rect class=(class) x=(fixed(left)) y=(fixed(top)) width="11" height="11" stroke="#1a1d21" stroke-width=".5" {}
            text x=(fixed(left + 16.0)) y=(fixed(top + 10.0)) { (name) }
        }
    }
}

fn stages(report: &Report) -> Markup {
    let steps: Vec<_> = report.stages.iter().filter(|part| part.part.is_step()).collect();
    let height = 10.0 + 30.0 * steps.len() as f64;
    let told: Vec<String> = steps
        .iter()
        .map(|part| format!("{} {}", spoken(part.part.as_str()), percent(part.share_of_time)))
        .collect();
    let (left, room) = (130.0, 240.0);
    html! {
        figure {
            svg viewBox=(format!("0 0 {WIDTH} {height}")) role="img" aria-labelledby="stages-name stages-told" {
                title id="stages-name" { "Share of the time that each step took" }
                desc id="stages-told" { (told.join(", ")) }
                @for (at, part) in steps.iter().enumerate() {
                    @let top = 8.0 + 30.0 * at as f64;
                    @let share = part.share_of_time.unwrap_or(0.0);
                    text x=(fixed(left - 8.0)) y=(fixed(top + 15.0)) text-anchor="end" { (spoken(part.part.as_str())) }
                    rect class="p4" x=(fixed(left)) y=(fixed(top)) width=(fixed(room)) height="20" {}
                    rect class="p0" x=(fixed(left)) y=(fixed(top)) width=(fixed(room * share)) height="20" {}
                    text x=(fixed(left + room + 8.0)) y=(fixed(top + 15.0)) {
                        (percent(part.share_of_time)) " · median " (length(part.p50_ms)) " · 90 % " (length(part.p90_ms))
                    }
                }
            }
            figcaption { "Share of the time that all completed steps took together." }
        }
    }
}

fn bands(report: &Report) -> Markup {
    let bands = &report.bands;
    let all = std::iter::once(&bands.all).chain(&bands.by_workflow).chain(&bands.by_severity);
    let groups: Vec<&Group> = all.filter(|group| group.windows > 0).collect();
    let height = 34.0 + 24.0 * groups.len() as f64;
    let (left, room) = (150.0, 470.0);
    let names = ["ahead", "contested", "behind", "not known", "undecided"];
    let classes = ["p0", "p1", "p2", "p3", "p4"];
    let parts = |group: &Group| {
        let counts = [group.ahead, group.contested, group.behind, group.unknown, group.undecided];
        let mut from = left;
        counts.map(|windows| {
            let width = room * windows as f64 / group.windows as f64;
            from += width;
            (from - width, width)
        })
    };
    let told = groups.iter().map(|group| {
        format!("{}: {} of {} ahead", spoken(&group.name), group.ahead, group.windows)
    });
    let told: Vec<String> = told.collect();
    html! {
        figure {
            svg viewBox=(format!("0 0 {WIDTH} {height}")) role="img" aria-labelledby="bands-name bands-told" {
                title id="bands-name" { "In time or not, by workflow and severity" }
                desc id="bands-told" { (told.join("; ")) }
                @for (at, group) in groups.iter().enumerate() {
                    @let top = 4.0 + 24.0 * at as f64;
                    text x=(fixed(left - 8.0)) y=(fixed(top + 13.0)) text-anchor="end" { (spoken(&group.name)) }
                    @for ((from, width), class) in parts(group).into_iter().zip(classes).filter(|((_, w), _)| *w > 0.0) {
                        rect class=(class) x=(fixed(from)) y=(fixed(top)) width=(fixed(width)) height="17" stroke="#fff" stroke-width=".7" {}
                    }
                    text x=(fixed(left + room + 8.0)) y=(fixed(top + 13.0)) { (count(group.windows)) }
                }
                (legend(&names, &classes, height - 20.0))
            }
        }
    }
}
