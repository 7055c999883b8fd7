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

#[path = "../common/deliveries.rs"]
mod deliveries;
mod links;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Restarts, each after a kill.
const RESTARTS: usize = 5;

fn main() {
    let mut numbers = std::env::args().skip(1).filter_map(|text| text.parse::<u64>().ok());
    if std::env::args().any(|word| word == "links") {
        return links::run(numbers.next().unwrap_or(50_000));
    }
    let events = numbers.next().unwrap_or(200_000);
    let seconds = numbers.next().unwrap_or(10);
    let directory = tempfile::tempdir().unwrap();
    let run = Run::start(directory.path());

    deliveries::batches(&run.address, events);

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
    deliveries::singles(&run.address, seconds);
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
