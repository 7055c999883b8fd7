//! Names that are linked while the program runs: merges a minute, and how long the names of one
//! credential take to settle.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use super::Run;
use super::deliveries::{Connection, present};

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
    let began = Instant::now();
    for first in (0..count).step_by(BATCH as usize) {
        let links = (first..first + BATCH).map(|n| linked(&format!("b-{n}"), &format!("a-{n}")));
        deliver(&mut connection, links);
    }
    let took = began.elapsed().as_secs_f64();
    assert_eq!(run.open_windows(), count.to_string());
    println!(
        "{count} merges of two windows, batches of {BATCH}: {:.0} a minute",
        count as f64 * 60.0 / took
    );

    let five: Vec<String> = ["m", "b", "z", "a", "k"].map(|name| format!("five-{name}")).to_vec();
    settle(&run, &mut connection, &five);
    // Each name is smaller than the one before it, so everything moves with each link.
    let chain: Vec<String> = (0..64).rev().map(|n| format!("chain-{n:02}")).collect();
    settle(&run, &mut connection, &chain);
}

/// Delivers a detection of each name and links each with the next, one by one, and waits for the
/// one window that comes of it.
fn settle(run: &Run, connection: &mut Connection, names: &[String]) {
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
    let took = began.elapsed().as_secs_f64();
    println!("{} names, linked one by one: settled after {took:.2} s", names.len());
}

fn deliver(connection: &mut Connection, events: impl Iterator<Item = String>) {
    let body = events.fold(String::new(), |mut body, event| {
        let _ = writeln!(body, "{event}");
        body
    });
    connection.deliver(body.as_bytes());
}

fn detected(name: &str) -> String {
    format!(
        r#"{{"type":"leak.detected","id":"leak-{name}","time":"{}","credential_id":"{name}","source":"bench"}}"#,
        present()
    )
}

fn linked(name: &str, alias: &str) -> String {
    format!(
        r#"{{"type":"identity.linked","id":"link-{name}-{alias}","time":"{}","credential_id":"{name}","aliases":["{alias}"],"source":"bench"}}"#,
        present()
    )
}
