//! Deliveries to a receiver: batches, and single events by many senders at once.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Events of one delivery.
const BATCH: u64 = 1_000;
/// Programs that deliver batches at the same time.
const BATCH_SENDERS: u64 = 4;
/// Programs that deliver single events at the same time.
const SENDERS: u64 = 32;

/// Delivers so many events in batches, and tells the rate.
pub(crate) fn batches(address: &str, events: u64) {
    let began = Instant::now();
    further_batches(address, 0, events);
    let took = began.elapsed().as_secs_f64();
    println!("batches of {BATCH}: {:.0} events/s", events as f64 / took);
}

/// Delivers so many events in batches, whose numbers begin with `first`.
pub(crate) fn further_batches(address: &str, first: u64, events: u64) {
    let (next, end) = (AtomicU64::new(first), first + events);
    std::thread::scope(|scope| {
        for _ in 0..BATCH_SENDERS {
            scope.spawn(|| {
                let mut connection = Connection::open(address);
                loop {
                    let first = next.fetch_add(BATCH, Ordering::Relaxed);
                    if first >= end {
                        break;
                    }
                    let body = (first..first + BATCH).fold(String::new(), |mut body, number| {
                        let _ = writeln!(body, "{}", event("batch", number));
                        body
                    });
                    connection.deliver(body.as_bytes());
                }
            });
        }
    });
}

/// Delivers single events for so long, and tells the rate and how long an answer takes.
pub(crate) fn singles(address: &str, seconds: u64) {
    let (over, count) = (AtomicBool::new(false), AtomicU64::new(0));
    let mut answers: Vec<Duration> = std::thread::scope(|scope| {
        let senders: Vec<_> = (0..SENDERS)
            .map(|_| {
                scope.spawn(|| {
                    let mut connection = Connection::open(address);
                    let mut took = Vec::new();
                    while !over.load(Ordering::Relaxed) {
                        let number = count.fetch_add(1, Ordering::Relaxed);
                        let began = Instant::now();
                        connection.deliver(event("single", number).as_bytes());
                        took.push(began.elapsed());
                    }
                    took
                })
            })
            .collect();
        std::thread::sleep(Duration::from_secs(seconds));
        over.store(true, Ordering::Relaxed);
        senders.into_iter().flat_map(|sender| sender.join().unwrap()).collect()
    });
    answers.sort_unstable();
    let at = |share: f64| answers[(answers.len() as f64 * share) as usize].as_secs_f64() * 1e3;
    println!(
        "single events, {SENDERS} senders: {:.0} requests/s, answered within {:.1} ms (p50), {:.1} ms (p99)",
        answers.len() as f64 / seconds as f64,
        at(0.5),
        at(0.99)
    );
}

/// A leak of its own credential, just now.
pub(crate) fn event(kind: &str, number: u64) -> String {
    let now = present();
    format!(
        r#"{{"type":"leak.detected","id":"{kind}-{number}","time":"{now}","credential_id":"{kind}-{number}","workflow":"secret_exposure","source":"bench"}}"#
    )
}

/// The present, as events write it.
pub(crate) fn present() -> String {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    shutterlag::time::Timestamp::from_millis(now.as_millis() as i64).to_string()
}

/// A connection that is kept open, as long as the server lets it.
pub(crate) struct Connection {
    address: String,
    stream: BufReader<TcpStream>,
}

impl Connection {
    pub(crate) fn open(address: &str) -> Connection {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_nodelay(true).unwrap();
        Connection { address: address.to_owned(), stream: BufReader::new(stream) }
    }

    /// Delivers a body and waits for the answer.
    pub(crate) fn deliver(&mut self, body: &[u8]) {
        let mut request = format!(
            "POST /in/events HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {}\r\n\r\n",
            body.len()
        )
        .into_bytes();
        request.extend_from_slice(body);
        self.stream.get_mut().write_all(&request).unwrap();
        let (mut length, mut is_last, mut line) = (0, false, String::new());
        self.stream.read_line(&mut line).unwrap();
        assert!(line.starts_with("HTTP/1.1 200"), "{line}");
        loop {
            line.clear();
            self.stream.read_line(&mut line).unwrap();
            let header = line.to_ascii_lowercase();
            is_last |= header.trim_end() == "connection: close";
            if let Some(rest) = header.strip_prefix("content-length:") {
                length = rest.trim().parse().unwrap();
            }
            if line == "\r\n" {
                break;
            }
        }
        let mut answer = vec![0; length];
        self.stream.read_exact(&mut answer).unwrap();
        if is_last {
            *self = Connection::open(&self.address);
        }
    }
}
