//! `shutterlag demo` as a process: the promises about its first minute, and its end.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test may stop where it fails")]
#![expect(clippy::disallowed_methods, reason = "how long it takes is what this is about")]

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

struct Demo {
    child: Child,
    address: String,
}

impl Demo {
    fn start(more: &[&str]) -> Demo {
        let mut child = command(&["--listen", "127.0.0.1:0"])
            .args(more)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let line = lines.find_map(|line| {
            let line = line.unwrap();
            let (_, rest) = line.split_once("http://")?;
            Some(rest.trim_end_matches('/').to_owned())
        });
        // The rest is read, so that nothing is written to nobody.
        std::thread::spawn(move || lines.for_each(drop));
        Demo { child, address: line.expect("it says where to look") }
    }

    fn ask(&self, path: &str) -> TcpStream {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let address = &self.address;
        write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")
            .unwrap();
        stream
    }

    fn get(&self, path: &str) -> String {
        let mut text = String::new();
        self.ask(path).read_to_string(&mut text).unwrap();
        text.split_once("\r\n\r\n").unwrap().1.to_owned()
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_shutterlag"));
    command.arg("demo").args(arguments);
    command
}

/// What the board's frames tell of the story, until all of it is told.
fn told(demo: &Demo, enough: usize) -> BTreeSet<String> {
    let began = Instant::now();
    let mut told = BTreeSet::new();
    for line in BufReader::new(demo.ask("/api/v1/board")).lines() {
        let line = line.unwrap();
        let Some(data) = line.strip_prefix("data: ") else { continue };
        let frame: Value = serde_json::from_str(data).unwrap();
        let rows =
            |list: &str| frame["lists"][list]["set"].as_object().cloned().unwrap_or_default();
        for note in rows("notes").values() {
            let credential = note["credential"].as_str().unwrap();
            let of_story = [
                ("CloseCall", "AKIAIOSFODNN7EXAMPLE"),
                ("ContainedFirst", "#quarantined-by-provider"),
                ("SeededCaseMissed", "#planted"),
            ];
            let what = note["what"].as_str().unwrap();
            if of_story.iter().any(|(kind, end)| what == *kind && credential.ends_with(end)) {
                told.insert(what.to_owned());
            }
        }
        let pages = frame["parts"]["suspected"]["pages"].as_array().cloned().unwrap_or_default();
        let cites = |page: &Value| {
            let path = page["path"].as_array().unwrap();
            let waved = |step: &Value| step["credential"].as_str().unwrap().contains("#waved-");
            page["statistic"].as_f64() >= page["threshold"].as_f64() && path.iter().any(waved)
        };
        if pages.iter().any(cites) {
            told.insert("RubberStampSuspected".to_owned());
        }
        if told.len() >= enough || began.elapsed() > Duration::from_secs(300) {
            break;
        }
    }
    told
}

#[test]
fn the_story_is_told_by_the_engine_within_an_hour_of_simulated_time() {
    // Some three times as fast as usual: what is told stays long enough to be seen.
    let demo = Demo::start(&["--speed", "200"]);
    let told = told(&demo, 4);
    let all = ["CloseCall", "ContainedFirst", "RubberStampSuspected", "SeededCaseMissed"];
    assert_eq!(told, all.map(str::to_owned).into());
    let summary: Value = serde_json::from_str(&demo.get("/api/v1/summary")).unwrap();
    let oversight = &summary["figures"]["oversight"];
    let count = |field: &str| oversight[field].as_u64().unwrap();
    assert!(count("judged") > 100 && count("hollow") > 10, "{oversight}");
    assert!(count("judged") <= count("reviews"), "{oversight}");
    let metrics = demo.get("/metrics");
    for metric in
        ["shutterlag_reviews_total{", "shutterlag_alerts_total{alert=\"SeededCaseMissed\""]
    {
        let told = |line: &str| line.starts_with(metric) && !line.ends_with(" 0");
        assert!(metrics.lines().any(told), "{metric}");
    }
}

#[test]
fn the_last_month_has_one_before_it_to_compare_with() {
    let demo = Demo::start(&[]);
    let began = Instant::now();
    let mut months = BufReader::new(demo.ask("/api/v1/board")).lines().filter_map(|line| {
        let line = line.unwrap();
        let frame: Value = serde_json::from_str(line.strip_prefix("data: ")?).unwrap();
        let trend = frame["parts"]["trend"].as_array()?.clone();
        trend.into_iter().find(|period| period["days"] == 30)
    });
    let month = months.find(|month| {
        assert!(began.elapsed() < Duration::from_secs(240), "{month}");
        month["comparable"] == true
    });
    let month = month.expect("frames go on");
    for rate in [&month["rate"], &month["before"]] {
        assert!(rate["windows"].as_u64() > Some(1_000), "{month}");
        assert!(rate["high"].as_f64() < Some(1.0), "{month}");
    }
}

#[test]
fn it_ends_when_it_is_told_to() {
    for signal in ["INT", "TERM"] {
        let mut demo = Demo::start(&[]);
        let asked = Instant::now();
        // A board that watches does not hold it up.
        let _board = demo.ask("/api/v1/board");
        let pid = demo.child.id().to_string();
        assert!(Command::new("kill").args(["-s", signal, &pid]).status().unwrap().success());
        assert_eq!(demo.child.wait().unwrap().code(), Some(0), "{signal}");
        assert!(asked.elapsed() < Duration::from_secs(30), "{signal}");
    }
}

#[test]
fn a_port_that_is_taken_is_told_with_what_to_do() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let output = command(&["--listen", &address]).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains(&address) && said.contains("shutterlag demo --listen"), "{said}");
    assert!(output.stdout.is_empty(), "it does not say where to look when there is nothing");
}

#[test]
fn it_listens_for_this_machine_alone() {
    let output = command(&["--listen", "0.0.0.0:0"]).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("loopback"), "{said}");
    let output = command(&["--speed", "0"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
}
