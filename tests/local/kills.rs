//! Whatever was answered 2xx is in the ledger once, however often the program is killed.
//!
//! `SHUTTERLAG_LOCAL_KILLS` sets how often, `SHUTTERLAG_LOCAL_SEED` when.

use std::collections::BTreeSet;
use std::net::TcpListener;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, mpsc};
use std::time::{Duration, Instant};

use rand::{RngExt as _, SeedableRng};
use rand_pcg::Pcg64;

use crate::equal::{LIVE_RULES, assert_equal_ledgers};
use crate::process::{Place, from_environment, lines, simulated};

/// Kills where nobody asks for more.
const KILLS: u32 = 12;
/// Programs that deliver at the same time.
const SENDERS: usize = 4;
/// How long the last deliveries may take.
const ENDS_WITHIN: Duration = Duration::from_secs(300);

#[test]
fn what_was_answered_is_kept_through_kills() {
    let kills = from_environment("SHUTTERLAG_LOCAL_KILLS", KILLS);
    let seed: u64 = from_environment("SHUTTERLAG_LOCAL_SEED", 1);
    println!("seed {seed}, {kills} kills");
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let place = Place::new(LIVE_RULES);
    let configuration = format!("http.listen = \"127.0.0.1:{port}\"\n{LIVE_RULES}");
    std::fs::write(place.path("shutterlag.toml"), configuration).unwrap();
    let count = (400 * kills).to_string();
    let events = simulated(&place, &["--events", &count, "--seed", &seed.to_string()]);
    let mut dice = Pcg64::seed_from_u64(seed);

    // Chunks of up to 20 events, each delivered until it is answered.
    let mut chunks = Vec::new();
    let mut rest = &events[..];
    while !rest.is_empty() {
        let (chunk, after) = rest.split_at(dice.random_range(1..=20).min(rest.len()));
        chunks.push(chunk.join("\n"));
        rest = after;
    }
    let next = Mutex::new(chunks.iter());
    let (written, writes) = mpsc::channel();
    let (over, ended) = (AtomicBool::new(false), AtomicUsize::new(0));
    let mut restarts = Vec::new();
    std::thread::scope(|scope| {
        for _ in 0..SENDERS {
            let (next, written, over, ended) = (&next, written.clone(), &over, &ended);
            scope.spawn(move || {
                loop {
                    let Some(chunk) = next.lock().unwrap().next() else { break };
                    while !deliver(port, chunk, &written) {
                        assert!(!over.load(Ordering::Relaxed), "not taken after the last start");
                        std::thread::sleep(Duration::from_millis(2));
                    }
                }
                ended.fetch_add(1, Ordering::Relaxed);
            });
        }
        drop(written);
        for kill in 0..kills {
            let began = Instant::now();
            let program = place.start();
            restarts.push(began.elapsed());
            if kill % 2 == 0 {
                std::thread::sleep(Duration::from_millis(dice.random_range(1..100)));
            } else {
                // Between the writing of a request and its answer.
                writes.try_iter().for_each(drop);
                if writes.recv_timeout(Duration::from_secs(5)).is_err() {
                    break;
                }
                std::thread::sleep(Duration::from_micros(dice.random_range(0..3_000)));
            }
            program.kill();
        }
        let program = place.start();
        // All senders end, since nothing kills it any more.
        let began = Instant::now();
        while ended.load(Ordering::Relaxed) < SENDERS && began.elapsed() < ENDS_WITHIN {
            std::thread::sleep(Duration::from_millis(10));
        }
        program.stop();
        over.store(true, Ordering::Relaxed);
    });
    println!("restarts: {restarts:?}");
    let exported = place.path("exported.ndjson");
    place.prints(&["export", "--out", exported.to_str().unwrap()]);
    let id = |line: &String| -> String {
        let event: serde_json::Value = serde_json::from_str(line).unwrap();
        event["id"].as_str().unwrap().to_owned()
    };
    let kept: BTreeSet<String> = lines(&exported).iter().map(id).collect();
    let sent: BTreeSet<String> = events.iter().map(id).collect();
    assert_eq!(kept, sent, "events that were answered, and events in the store");
    let sent = place.path("sent.ndjson");
    std::fs::write(&sent, events.join("\n")).unwrap();
    assert_equal_ledgers(&place, &sent, false);
}

/// Delivers once, and tells when the request is written.
fn deliver(port: u16, chunk: &str, written: &mpsc::Sender<()>) -> bool {
    use std::io::{Read, Write};
    let Ok(mut stream) = std::net::TcpStream::connect(("127.0.0.1", port)) else { return false };
    let _ = stream.set_read_timeout(Some(Duration::from_secs(30)));
    let head = format!(
        "POST /in/events HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\
         Content-Length: {}\r\n\r\n",
        chunk.len()
    );
    if stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(chunk.as_bytes())).is_err()
    {
        return false;
    }
    let _ = written.send(());
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    answer.starts_with(b"HTTP/1.1 200 ")
}
