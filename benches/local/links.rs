//! Names that are linked while the program runs: merges a minute, and how long the names of one
//! credential take to settle.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use super::Run;
use super::deliveries::Connection;
use super::names::{chain, detected, linked, orders};

/// Events of one delivery.
const BATCH: u64 = 1_000;
/// How long names may take to settle.
const SETTLES_WITHIN: Duration = Duration::from_secs(60);

/// Detects `count` credentials under two names each and links these, in batches; then a few names
/// one by one.
pub(super) fn run(count: u64) {
    let directory = tempfile::tempdir().unwrap();
    let run = Run::start(directory.path());
    let mut connection = Connection::open(&run.address);
    for first in (0..count).step_by(BATCH as usize) {
        let names = (first..first + BATCH).flat_map(|n| [format!("a-{n}"), format!("b-{n}")]);
        deliver(&mut connection, names.map(|name| detected(&name)));
    }
    assert_eq!(run.open_windows(), (2 * count).to_string());
    let (began, cpu) = (Instant::now(), run.cpu_seconds());
    for first in (0..count).step_by(BATCH as usize) {
        let links = (first..first + BATCH).map(|n| linked(&format!("b-{n}"), &format!("a-{n}")));
        deliver(&mut connection, links);
    }
    let (took, cpu) = (began.elapsed().as_secs_f64(), run.cpu_seconds() - cpu);
    assert_eq!(run.open_windows(), count.to_string());
    let a_minute = |seconds: f64| count as f64 * 60.0 / seconds;
    println!(
        "{count} merges of two windows, batches of {BATCH}: {:.0} a minute by the clock, {:.0} a minute \
         of one core",
        a_minute(took),
        a_minute(cpu)
    );

    let five = orders(&["a", "b", "k", "m", "z"]);
    let took = five.iter().enumerate().map(|(number, order)| {
        let names: Vec<String> = order.iter().map(|name| format!("five{number}-{name}")).collect();
        settle(&run, &mut connection, &names)
    });
    let longest = took.fold(0.0, f64::max);
    println!("five names in each of {} orders: settled after {longest:.2} s at most", five.len());
    let chain = chain(64);
    let took = settle(&run, &mut connection, &chain);
    println!("a chain of {} names in the worst order: settled after {took:.2} s", chain.len());
}

/// Delivers a detection of each name and links each with the next, one by one, and waits for the
/// one window that comes of it. Returns the seconds from the first link.
fn settle(run: &Run, connection: &mut Connection, names: &[String]) -> f64 {
    for name in names {
        deliver(connection, [detected(name)].into_iter());
    }
    let began = Instant::now();
    for pair in names.windows(2) {
        deliver(connection, [linked(&pair[0], &pair[1])].into_iter());
    }
    let prefix = names[0].split('-').next().unwrap_or_default();
    loop {
        let list = run.get(&format!("/api/v1/board/windows?q={prefix}-&limit=1"));
        if list.contains("\"matching\":1,") {
            break;
        }
        assert!(began.elapsed() < SETTLES_WITHIN, "{list}");
    }
    began.elapsed().as_secs_f64()
}

fn deliver(connection: &mut Connection, events: impl Iterator<Item = String>) {
    let body = events.fold(String::new(), |mut body, event| {
        let _ = writeln!(body, "{event}");
        body
    });
    connection.deliver(body.as_bytes());
}
