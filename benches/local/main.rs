//! The local runtime under load: events a second in batches, how long a restart takes then,
//! single requests a second, and how long an answer takes. Every answered event is synced to
//! disk.
//!
//! ```text
//! cargo bench --locked --bench local -- [events] [seconds]
//! cargo bench --locked --bench local -- links [merges]
//! ```

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a bench may stop where it fails, and measures real time"
)]

mod links;

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Events of one delivery.
const BATCH: u64 = 1_000;
/// Programs that deliver batches at the same time.
const BATCH_SENDERS: u64 = 4;
/// Restarts, each after a kill.
const RESTARTS: usize = 5;
/// Programs that deliver single events at the same time.
const SENDERS: u64 = 32;

fn main() {
    let mut numbers = std::env::args().skip(1).filter_map(|text| text.parse::<u64>().ok());
    if std::env::args().any(|word| word == "links") {
        return links::run(numbers.next().unwrap_or(50_000));
    }
    let events = numbers.next().unwrap_or(200_000);
    let seconds = numbers.next().unwrap_or(10);
    let directory = tempfile::tempdir().unwrap();
    let run = Run::start(directory.path());

    let began = Instant::now();
    let next = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for _ in 0..BATCH_SENDERS {
            scope.spawn(|| {
                let mut connection = Connection::open(&run.address);
                loop {
                    let first = next.fetch_add(BATCH, Ordering::Relaxed);
                    if first >= events {
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
    let took = began.elapsed().as_secs_f64();
    println!("batches of {BATCH}: {:.0} events/s", events as f64 / took);

    drop(run);
    let mut restarts = [0.0; RESTARTS];
    for restart in &mut restarts {
        let began = Instant::now();
        let run = Run::start(directory.path());
        *restart = began.elapsed().as_secs_f64() * 1e3;
        assert_eq!(run.open_windows(), events.to_string());
    }
    println!("restart after a kill, {events} open windows: ready after {restarts:.0?} ms");
    let run = Run::start(directory.path());

    let (over, count) = (AtomicBool::new(false), AtomicU64::new(0));
    let mut answers: Vec<Duration> = std::thread::scope(|scope| {
        let senders: Vec<_> = (0..SENDERS)
            .map(|_| {
                scope.spawn(|| {
                    let mut connection = Connection::open(&run.address);
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
fn event(kind: &str, number: u64) -> String {
    let now = present();
    format!(
        r#"{{"type":"leak.detected","id":"{kind}-{number}","time":"{now}","credential_id":"{kind}-{number}","workflow":"secret_exposure","source":"bench"}}"#
    )
}

fn present() -> String {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    shutterlag::time::Timestamp::from_millis(now.as_millis() as i64).to_string()
}

/// The program, killed when this is dropped.
struct Run {
    child: Child,
    address: String,
}

impl Run {
    fn start(directory: &std::path::Path) -> Run {
        let mut child = Command::new(env!("CARGO_BIN_EXE_shutterlag"))
            .arg("run")
            .current_dir(directory)
            .env("SHUTTERLAG__HTTP__LISTEN", "127.0.0.1:0")
            .env("SHUTTERLAG__HTTP__VIEW_WINDOWS_MAX", "1000000")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let address = loop {
            let line = lines.next().unwrap().unwrap();
            if let Some((_, rest)) = line.split_once("the board      http://") {
                break rest.trim_end_matches('/').to_owned();
            }
        };
        std::thread::spawn(move || lines.for_each(drop));
        let run = Run { child, address };
        while !run.get("/readyz").starts_with("HTTP/1.1 200") {
            std::thread::sleep(Duration::from_millis(5));
        }
        run
    }

    fn get(&self, path: &str) -> String {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        let head = format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n");
        stream.write_all(head.as_bytes()).unwrap();
        let mut answer = String::new();
        let _ = stream.read_to_string(&mut answer);
        answer
    }

    fn open_windows(&self) -> String {
        let answer = self.get("/readyz");
        let (_, rest) = answer.split_once("\"windows\":").unwrap();
        rest.chars().take_while(char::is_ascii_digit).collect()
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A connection that is kept open.
struct Connection {
    stream: BufReader<TcpStream>,
}

impl Connection {
    fn open(address: &str) -> Connection {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_nodelay(true).unwrap();
        Connection { stream: BufReader::new(stream) }
    }

    /// Delivers a body and waits for the answer.
    fn deliver(&mut self, body: &[u8]) {
        let mut request = format!(
            "POST /in/events HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {}\r\n\r\n",
            body.len()
        )
        .into_bytes();
        request.extend_from_slice(body);
        self.stream.get_mut().write_all(&request).unwrap();
        let (mut length, mut line) = (0, String::new());
        self.stream.read_line(&mut line).unwrap();
        assert!(line.starts_with("HTTP/1.1 200"), "{line}");
        loop {
            line.clear();
            self.stream.read_line(&mut line).unwrap();
            if let Some(rest) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = rest.trim().parse().unwrap();
            }
            if line == "\r\n" {
                break;
            }
        }
        let mut answer = vec![0; length];
        self.stream.read_exact(&mut answer).unwrap();
    }
}
