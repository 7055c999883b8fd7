//! The local runtime under load: events a second in batches, how long a restart takes then,
//! single requests a second, and how long an answer takes. Every answered event is synced to
//! disk.
//!
//! ```text
//! cargo bench --locked --bench local -- [events] [seconds]
//! cargo bench --locked --bench local -- links [merges]
//! cargo bench --locked --bench local -- held [credentials]
//! cargo bench --locked --bench local -- slow [senders]
//! ```

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a bench may stop where it fails, and measures real time"
)]

#[path = "../common/deliveries.rs"]
mod deliveries;
mod held;
mod links;
#[path = "../common/names.rs"]
mod names;
mod slow;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Restarts, each after a kill.
const RESTARTS: usize = 5;

fn main() {
    let mut numbers = std::env::args().skip(1).filter_map(|text| text.parse::<u64>().ok());
    let asked = |wanted: &str| std::env::args().any(|word| word == wanted);
    if asked("links") {
        return links::run(numbers.next().unwrap_or(50_000));
    }
    if asked("held") {
        return held::run(numbers.next().unwrap_or(1_000_000));
    }
    if asked("slow") {
        return slow::run(numbers.next().unwrap_or(1_000));
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
        Run::start_with(directory, &[("SHUTTERLAG__HTTP__VIEW_WINDOWS_MAX", "1000000".to_owned())])
    }

    /// A run in `directory` with these variables, once it is ready.
    fn start_with(directory: &std::path::Path, settings: &[(&str, String)]) -> Run {
        let mut child = Command::new(env!("CARGO_BIN_EXE_shutterlag"))
            .arg("run")
            .current_dir(directory)
            .env("SHUTTERLAG__HTTP__LISTEN", "127.0.0.1:0")
            .envs(settings.iter().map(|(name, value)| (name, value)))
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

    /// Processor time that it has taken so far, in seconds.
    fn cpu_seconds(&self) -> f64 {
        self.metric("process_cpu_seconds_total")
    }

    /// The value of this series at `/metrics`.
    fn metric(&self, series: &str) -> f64 {
        let answer = self.get("/metrics");
        let value = answer.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
        value.unwrap().trim().parse().unwrap()
    }

    /// Memory that it has, in MiB.
    fn resident_mib(&self) -> u64 {
        self.status_mib("VmRSS:")
    }

    /// The most memory that it had so far, in MiB.
    fn peak_mib(&self) -> u64 {
        self.status_mib("VmHWM:")
    }

    fn status_mib(&self, field: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let kib = status.lines().find_map(|line| line.strip_prefix(field)).unwrap();
        kib.trim().trim_end_matches(" kB").parse::<u64>().unwrap() >> 10
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
