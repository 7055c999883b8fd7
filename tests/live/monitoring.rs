//! Prometheus, Alertmanager and somebody who is paged, as values.
//!
//! Invariants: they listen on loopback only and never outlive the tests; the
//! configurations are those in `dashboards/`, with addresses and times that a test
//! needs put in place of theirs.

use std::ffi::OsString;
use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rustix::process::Signal;
use serde_json::Value;
use tempfile::TempDir;

use crate::broker;
use crate::guard::Guarded;
use crate::scratch;

/// How long one of them may take to start or to stop.
const PATIENCE: Duration = Duration::from_secs(120);

/// What somebody who is paged was sent.
#[derive(Clone, Debug)]
pub(crate) struct Sent {
    pub(crate) at_ms: i64,
    pub(crate) body: Value,
}

/// Somebody who is paged: takes whatever Alertmanager sends.
pub(crate) struct Pager {
    pub(crate) address: String,
    sent: Arc<Mutex<Vec<Sent>>>,
}

impl Pager {
    pub(crate) fn start() -> Pager {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let sent: Arc<Mutex<Vec<Sent>>> = Arc::default();
        let into = Arc::clone(&sent);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let into = Arc::clone(&into);
                thread::spawn(move || take(stream, &into));
            }
        });
        Pager { address, sent }
    }

    /// Everything so far, in order.
    pub(crate) fn sent(&self) -> Vec<Sent> {
        self.sent.lock().unwrap().clone()
    }

    /// Every alert that was sent, each as often as it was: when, how it stood, its
    /// labels and annotations.
    pub(crate) fn alerts(&self) -> Vec<(i64, Value)> {
        let sent = self.sent();
        let all = sent.iter().flat_map(|sent| {
            let alerts = sent.body["alerts"].as_array().unwrap();
            alerts.iter().map(|alert| (sent.at_ms, alert.clone()))
        });
        all.collect()
    }

    /// Waits until an alert was sent for which `wanted` holds.
    #[track_caller]
    pub(crate) fn until(
        &self,
        what: &str,
        limit: Duration,
        wanted: impl Fn(&Value) -> bool,
    ) -> (i64, Value) {
        let began = Instant::now();
        loop {
            if let Some(found) = self.alerts().into_iter().find(|(_, alert)| wanted(alert)) {
                return found;
            }
            assert!(began.elapsed() < limit, "{what} did not come: {:#?}", self.sent());
            thread::sleep(Duration::from_millis(20));
        }
    }
}

/// Takes requests of one connection.
fn take(mut stream: TcpStream, into: &Mutex<Vec<Sent>>) {
    let mut text = Vec::new();
    let mut buffer = vec![0; 64 << 10];
    loop {
        match stream.read(&mut buffer) {
            Ok(0) | Err(_) => return,
            Ok(read) => text.extend_from_slice(&buffer[..read]),
        }
        let Some(end) = text.windows(4).position(|four| four == b"\r\n\r\n") else { continue };
        let head = String::from_utf8_lossy(&text[..end]).to_lowercase();
        let length = head.split("content-length: ").nth(1).and_then(|rest| rest.lines().next());
        let length: usize = length.unwrap().trim().parse().unwrap();
        let Some(body) = text.get(end + 4..end + 4 + length) else { continue };
        let body = serde_json::from_slice(body).unwrap();
        into.lock().unwrap().push(Sent { at_ms: now_ms(), body });
        text.drain(..end + 4 + length);
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").unwrap();
    }
}

pub(crate) fn now_ms() -> i64 {
    i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap()
}

/// An Alertmanager that pages `pager`, or one that was stopped.
pub(crate) struct Alertmanager {
    directory: TempDir,
    port: u16,
    running: Option<Guarded>,
}

impl Alertmanager {
    pub(crate) fn start(pager: &Pager) -> Alertmanager {
        let config = dashboard("alertmanager.yml")
            .replace("localhost:9099", &pager.address)
            // A test has not even ten seconds.
            .replace("group_interval: 10s", "group_interval: 1s")
            .replace("group_wait: 10s", "group_wait: 1s");
        assert!(config.contains(&pager.address) && config.contains("group_interval: 1s"));
        Alertmanager::with(&config)
    }

    /// One that tells a chat, as the tutorial has it.
    pub(crate) fn of_the_tutorial(chat: &Pager) -> Alertmanager {
        let address = scratch::directory("chat").keep().join("slack-webhook-url");
        fs::write(&address, format!("http://{}/chat", chat.address)).unwrap();
        let config = fs::read_to_string(root("examples/live/alertmanager.yml")).unwrap();
        let named = config.replace("slack-webhook-url", address.to_str().unwrap());
        assert_ne!(named, config);
        Alertmanager::with(&named)
    }

    fn with(config: &str) -> Alertmanager {
        let directory = scratch::directory("alertmanager");
        fs::write(directory.path().join("alertmanager.yml"), config).unwrap();
        let mut one = Alertmanager { directory, port: broker::port(), running: None };
        one.run();
        one
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Ends it; what it has sent it will remember.
    pub(crate) fn stop(&mut self) {
        let mut running = self.running.take().unwrap();
        running.signal(Signal::TERM);
        assert!(running.wait(PATIENCE).is_some(), "it does not stop; {}", running.tail());
    }

    /// Starts it, for the first time or again.
    pub(crate) fn run(&mut self) {
        let argument = |name: &str, value: OsString| {
            let mut argument = OsString::from(name);
            argument.push("=");
            argument.push(value);
            argument
        };
        let path = |name: &str| self.directory.path().join(name).into_os_string();
        let arguments = [
            argument("--config.file", path("alertmanager.yml")),
            argument("--storage.path", path("data")),
            argument("--web.listen-address", format!("127.0.0.1:{}", self.port).into()),
            // One alone.
            "--cluster.listen-address=".into(),
            "--log.level=warn".into(),
        ];
        let log = self.directory.path().join("log");
        // Debian's name, and everybody else's.
        let program = installed(&["prometheus-alertmanager", "alertmanager"]);
        let running = Guarded::start(&program, arguments, &[], &log);
        self.running = Some(until_ready(running, self.port));
    }
}

/// A Prometheus that scrapes a program and has the project's rules.
pub(crate) struct Prometheus {
    _directory: TempDir,
    port: u16,
    _running: Guarded,
}

impl Prometheus {
    pub(crate) fn start(program: &str, alertmanager: &Alertmanager) -> Prometheus {
        let directory = scratch::directory("prometheus");
        let rules = root("dashboards/rules").join("*.rules.yml");
        let config = dashboard("prometheus.yml")
            .replace("/etc/prometheus/rules/*.rules.yml", rules.to_str().unwrap())
            .replace("    authorization:\n      credentials_file: /run/keys/http-token\n", "")
            .replace("shutterlag:9464", program)
            .replace("alertmanager:9093", alertmanager.url().trim_start_matches("http://"))
            .replace("_interval: 10s", "_interval: 1s");
        assert!(config.contains(program) && !config.contains("10s"), "{config}");
        let file = directory.path().join("prometheus.yml");
        fs::write(&file, config).unwrap();
        let port = broker::port();
        let arguments = [
            format!("--config.file={}", file.display()),
            format!("--storage.tsdb.path={}", directory.path().join("data").display()),
            format!("--web.listen-address=127.0.0.1:{port}"),
            // What it had to say before it found the Alertmanager it says again.
            "--rules.alert.resend-delay=1s".to_owned(),
            "--log.level=warn".to_owned(),
        ];
        let log = directory.path().join("log");
        let arguments = arguments.map(OsString::from);
        let running = Guarded::start(&installed(&["prometheus"]), arguments, &[], &log);
        Prometheus { port, _running: until_ready(running, port), _directory: directory }
    }

    /// The data of an answer of its API.
    pub(crate) fn get(&self, path: &str) -> Value {
        let (status, body) = get(self.port, path).unwrap();
        let answer: Value = serde_json::from_str(&body).unwrap();
        assert_eq!(status, 200, "{path}: {body}");
        answer["data"].clone()
    }
}

/// Where the project keeps a file.
pub(crate) fn root(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(name)
}

fn dashboard(name: &str) -> String {
    fs::read_to_string(root("dashboards").join(name)).unwrap()
}

/// The first of the programs that is there.
pub(crate) fn installed(names: &[&str]) -> String {
    let paths = std::env::var("PATH").unwrap();
    let there =
        |name: &&&str| paths.split(':').any(|path| PathBuf::from(path).join(name).is_file());
    let found = names.iter().find(there);
    let advice = "run the live tests with tests/live/run, which installs it";
    (*found.unwrap_or_else(|| panic!("none of {names:?} is installed: {advice}"))).to_owned()
}

fn until_ready(mut running: Guarded, port: u16) -> Guarded {
    let began = Instant::now();
    while get(port, "/-/ready").is_none_or(|(status, _)| status != 200) {
        let ended = running.status();
        assert!(ended.is_none(), "ended with {ended:?}; {}", running.tail());
        assert!(began.elapsed() < PATIENCE, "not ready; {}", running.tail());
        thread::sleep(Duration::from_millis(20));
    }
    running
}

/// The status and the body of an answer; `None` without one.
fn get(port: u16, path: &str) -> Option<(u16, String)> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(30))).ok()?;
    // Of version 1.0, so that it comes in one piece.
    stream.write_all(format!("GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n").as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    Some((head.split(' ').nth(1)?.parse().ok()?, body.to_owned()))
}
