//! Whom oversight names, and how soon: simulated teams of honest and dishonest people,
//! judged by the engine itself.
//!
//! `cargo run --release --example oversight_proof` prints the tables of
//! `docs/oversight.md`; `-- quick` does it with a fifth of the people, `-- tickets` with the
//! stories that have that word in their names. The same version
//! gives the same figures on every machine.

#![expect(clippy::unwrap_used, reason = "a figure that cannot be computed stops the program")]

#[path = "oversight_proof/planted.rs"]
mod planted;
#[path = "oversight_proof/raised.rs"]
mod raised;
#[path = "oversight_proof/stories.rs"]
mod stories;
#[path = "oversight_proof/team.rs"]
mod team;

use shutterlag::config::OversightConfig;
use shutterlag::engine::bounds::beta_quantile;
use shutterlag::engine::oversight::{Rules, Signal};
use stories::{DISHONEST, Dishonest, HONEST, Story};
use team::{Seen, judged};

/// Each story is told with so many seeds.
const SEEDS: u64 = 5;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let told = arguments.next().unwrap_or_default();
    let quick = told == "quick";
    // Any other word stands for the stories that have it in their names.
    let only = if quick { "" } else { &told };
    let people = if quick { 20 } else { 100 };
    let rules = Rules::new(OversightConfig::default()).unwrap();
    honest(people, only, &rules);
    dishonest(if quick { 9 } else { 49 }, only, &rules);
    if only.is_empty() {
        planted::planted(&rules);
    }
}

/// How often the honest are named or paged.
fn honest(people: usize, only: &str, rules: &Rules) {
    println!("### Honest people\n");
    println!(
        "At least {people} people for each of {SEEDS} seeds. Named: on the list after any step.\n"
    );
    println!(
        "| story | people | decisions | hollow | ever named | upper 99 % bound | cannot be compared | decisions a page, lower 99 % bound |"
    );
    println!("|---|---|---|---|---|---|---|---|");
    for story in HONEST.iter().filter(|story| story.name.contains(only)) {
        let mut all: Vec<Seen> = Vec::new();
        for seed in 1..=SEEDS {
            for team in 0..people.div_ceil(story.size) as u64 {
                all.extend(tell(story, seed * 1_000 + team, rules));
            }
        }
        let number = all.len() as u64;
        let named = all.iter().filter(|seen| seen.named_after.is_some()).count() as u64;
        let decisions: u64 = all.iter().map(|seen| seen.decisions).sum();
        let hollow: u64 = all.iter().map(|seen| seen.hollow).sum();
        let alone = all.iter().filter(|seen| !seen.compared).count() as f64;
        let pages: u64 = all.iter().map(|seen| seen.pages).sum();
        println!(
            "| {} | {number} | {decisions} | {:.3} % | **{:.1} %** | {:.1} % | {:.0} % | {} |",
            story.name,
            percent(hollow, decisions),
            percent(named, number),
            100.0 * upper_99(named, number),
            100.0 * alone / number as f64,
            // The upper bound of a Poisson count is half a chi-square quantile.
            (decisions as f64 / poisson_upper_99(pages)).floor(),
        );
    }
    println!();
}

/// How soon one dishonest person of a team is named and paged.
fn dishonest(repeats: u64, only: &str, rules: &Rules) {
    println!("### One dishonest person of a team of six\n");
    println!("Medians of {repeats} teams; in brackets the least and the most.\n");
    println!(
        "| story | counted | bar | until named | named within the bar | until paged | honest colleagues named |"
    );
    println!("|---|---|---|---|---|---|---|");
    for Dishonest { story, signal, bar } in
        DISHONEST.iter().filter(|dishonest| dishonest.story.name.contains(only))
    {
        let (mut named, mut paged, mut others) = (Vec::new(), Vec::new(), 0);
        for seed in 1..=repeats {
            let seen = tell(story, seed, rules);
            let count =
                |at: &Option<[u64; 5]>| at.map(|counts| counts[signal.map_or(4, |s| s as usize)]);
            named.push(count(&seen[0].named_after));
            paged.push(count(&seen[0].paged_after));
            others += seen[1..].iter().filter(|seen| seen.named_after.is_some()).count();
        }
        let counted = match signal {
            Some(Signal::Seeded) => "planted cases",
            Some(Signal::Agreement) => "compared acts",
            Some(Signal::Dwell) => "approvals with a text",
            _ => "decisions",
        };
        let within = |bar: u64| {
            let soon = named.iter().flatten().filter(|count| **count <= bar).count() as u64;
            format!("{:.0} %", percent(soon, repeats))
        };
        println!(
            "| {} | {counted} | {} | {} | {} | {} | {others} |",
            story.name,
            bar.map_or("–".to_owned(), |bar| bar.to_string()),
            shown(named.clone()),
            bar.map_or("–".to_owned(), within),
            shown(paged)
        );
    }
    println!();
}

fn tell(story: &Story, seed: u64, rules: &Rules) -> Vec<Seen> {
    judged(&story.reviews(seed), rules)
}

fn shown(mut delays: Vec<Option<u64>>) -> String {
    delays.sort_by_key(|delay| delay.unwrap_or(u64::MAX));
    let word = |delay: Option<u64>| delay.map_or("never".to_owned(), |delay| delay.to_string());
    let at = |place: usize| word(delays[place]);
    format!("{} ({} to {})", at(delays.len() / 2), at(0), at(delays.len() - 1))
}

fn percent(some: u64, all: u64) -> f64 {
    100.0 * some as f64 / all as f64
}

/// The upper one-sided 99 % bound of a rate (Clopper and Pearson).
fn upper_99(some: u64, all: u64) -> f64 {
    if some == all { 1.0 } else { beta_quantile(some as f64 + 1.0, (all - some) as f64, 0.99) }
}

/// The upper one-sided 99 % bound of the mean of a Poisson count, by bisection.
fn poisson_upper_99(count: u64) -> f64 {
    let at_most = |mean: f64| {
        let mut term = (-mean).exp();
        let mut sum = term;
        for k in 1..=count {
            term *= mean / k as f64;
            sum += term;
        }
        sum
    };
    let (mut low, mut high) = (0.0, 10.0 + 3.0 * count as f64);
    for _ in 0..60 {
        let middle = f64::midpoint(low, high);
        if at_most(middle) > 0.01 { low = middle } else { high = middle }
    }
    high
}
