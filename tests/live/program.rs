//! The program under test as a process: started, asked, stopped, frozen, killed.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use tempfile::TempDir;
use toml::{Table, Value};

use crate::broker::{self, Broker};
use crate::client::Client;
use crate::guard::Guarded;
use crate::harness::KEY;
use crate::scratch;

/// How long a start may take until the program is ready: restoring, and a
/// session of a killed predecessor that has to run out.
pub(crate) const READY: Duration = Duration::from_secs(120);

/// How long stopping may take: the program's own limit, and what a busy machine adds.
const STOPPING: Duration = Duration::from_secs(60);

/// A delay that no decision of a test has behind it.
const NEVER: &str = "3650d";

/// A configuration of `shutterlag run`.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    table: Table,
    /// What its topics and groups begin with.
    pub(crate) prefix: String,
}

impl Config {
    /// One that reads the topic `<prefix>.source` in the native format.
    pub(crate) fn new(broker: &Broker, prefix: &str) -> Config {
        Config::at(&broker.address(), prefix)
    }

    /// The same for the brokers at this address.
    pub(crate) fn at(brokers: &str, prefix: &str) -> Config {
        let mut config = Config { table: Table::new(), prefix: prefix.to_owned() };
        config
            .set("kafka.brokers", brokers)
            .set("kafka.group", prefix)
            .set("kafka.session_timeout", "6s")
            .set("kafka.transaction_timeout", "5s")
            .set("topics.prefix", prefix)
            .set("topics.partitions", 4)
            .without_haste()
            .source(&format!("{prefix}.source"), "native", false);
        config
    }

    /// One that keeps everything in a local file, by the same rules.
    pub(crate) fn local(name: &str, store: &Path) -> Config {
        let mut config = Config { table: Table::new(), prefix: name.to_owned() };
        config.set("store.path", store.to_str().unwrap());
        config.without_haste();
        config
    }

    /// Nothing is final or given up: what comes late then counts, as in a replay. Events of
    /// last week come late for a judgement, which a replay cannot know: only what is told of
    /// reviews by themselves has tests with one.
    fn without_haste(&mut self) -> &mut Config {
        self.set("windows.settle", "90d")
            .set("windows.orphan_timeout", "90d")
            .set("oversight.delay", NEVER)
    }

    /// The same, but with decisions judged soon, as by default.
    pub(crate) fn judging(&mut self) -> &mut Config {
        self.set("oversight.delay", "10m")
    }

    /// The same, but with the group protocol of KIP-848.
    pub(crate) fn assigned_by_brokers(&mut self) -> &mut Config {
        self.unset("kafka.session_timeout").set("kafka.group_protocol", "consumer")
    }

    /// Whether decisions are judged while the test runs.
    pub(crate) fn judges(&self) -> bool {
        self.table["oversight"]["delay"].as_str() != Some(NEVER)
    }

    /// Sets one value, named by its path.
    pub(crate) fn set(&mut self, path: &str, value: impl Into<Value>) -> &mut Config {
        let (tables, key) = path.rsplit_once('.').unwrap_or(("", path));
        let mut table = &mut self.table;
        for name in tables.split('.').filter(|name| !name.is_empty()) {
            let inner = table.entry(name).or_insert_with(|| Value::Table(Table::new()));
            table = inner.as_table_mut().unwrap();
        }
        table.insert(key.to_owned(), value.into());
        self
    }

    /// Takes one value or table out.
    pub(crate) fn unset(&mut self, path: &str) -> &mut Config {
        let (tables, key) = path.rsplit_once('.').unwrap_or(("", path));
        let mut table = &mut self.table;
        for name in tables.split('.').filter(|name| !name.is_empty()) {
            table = table[name].as_table_mut().unwrap();
        }
        table.remove(key).expect("a setting that is there");
        self
    }

    /// Reads one more topic.
    pub(crate) fn source(&mut self, topic: &str, format: &str, prekeyed: bool) -> &mut Config {
        let mut source = Table::new();
        source.insert("topic".to_owned(), topic.into());
        source.insert("format".to_owned(), format.into());
        source.insert("prekeyed".to_owned(), prekeyed.into());
        let sources = self.table.entry("sources").or_insert_with(|| Value::Array(Vec::new()));
        sources.as_array_mut().unwrap().push(Value::Table(source));
        self
    }

    /// Pushes alerts to one more Alertmanager.
    pub(crate) fn alertmanager(&mut self, url: &str) -> &mut Config {
        let mut one = Table::new();
        one.insert("url".to_owned(), url.into());
        let alerts = self.table.entry("alerts").or_insert_with(|| Value::Table(Table::new()));
        let alerts = alerts.as_table_mut().unwrap();
        let all = alerts.entry("alertmanagers").or_insert_with(|| Value::Array(Vec::new()));
        all.as_array_mut().unwrap().push(Value::Table(one));
        self
    }

    /// Takes what GitHub delivers to `/in/<name>`, signed with `secret`.
    pub(crate) fn github(&mut self, name: &str, secret: &str) -> &mut Config {
        let mut one = Table::new();
        for (key, value) in
            [("name", name), ("format", "github"), ("verify", "github"), ("secret", secret)]
        {
            one.insert(key.to_owned(), value.into());
        }
        let all = self.table.entry("receivers").or_insert_with(|| Value::Array(Vec::new()));
        all.as_array_mut().unwrap().push(Value::Table(one));
        self
    }

    /// One that reads nothing yet.
    pub(crate) fn without_sources(&mut self) -> &mut Config {
        self.table.remove("sources");
        self
    }

    /// The same for a process of another name.
    pub(crate) fn instance(&self, name: &str) -> Config {
        let mut config = self.clone();
        config.set("kafka.instance", name);
        config
    }

    /// The file that says all this.
    pub(crate) fn text(&self) -> String {
        toml::to_string(&self.table).unwrap()
    }

    /// The name of one of its topics.
    pub(crate) fn topic(&self, what: &str) -> String {
        format!("{}.{what}", self.prefix)
    }
}

/// A request that was sent.
#[derive(Debug)]
pub(crate) struct Asked(TcpStream);

/// The answer to a request.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// The first line and the headers, in lower case.
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Asked {
    fn of(address: &str, request: &str) -> Option<Asked> {
        let mut stream = TcpStream::connect(address).ok()?;
        stream.write_all(request.as_bytes()).ok()?;
        Some(Asked(stream))
    }

    /// Sends a body with these headers to whoever listens there.
    pub(crate) fn post(
        address: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Option<Asked> {
        let headers: String =
            headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let request = format!(
            "POST {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {}\r\n\
             {headers}\r\n{body}",
            body.len()
        );
        Asked::of(address, &request)
    }

    /// Waits for the answer; `None` if there is none in time, or it is cut off.
    pub(crate) fn answer(mut self, within: Duration) -> Option<Answer> {
        self.0.set_read_timeout(Some(within)).ok()?;
        let mut answer = String::new();
        self.0.read_to_string(&mut answer).ok()?;
        let (head, body) = answer.split_once("\r\n\r\n")?;
        let status = head.split(' ').nth(1)?.parse().ok()?;
        let body = body.trim_end().to_owned();
        Some(Answer { status, head: head.to_ascii_lowercase(), body })
    }
}

/// A started program.
#[derive(Debug)]
pub(crate) struct Program {
    guarded: Guarded,
    http: u16,
    directory: TempDir,
    started: Instant,
}

impl Program {
    /// Starts it.
    pub(crate) fn start(config: &Config) -> Program {
        Program::start_with(config, &[("SHUTTERLAG_IDENTITY_KEY", KEY)])
    }

    /// Starts it with this environment.
    pub(crate) fn start_with(config: &Config, environment: &[(&str, &str)]) -> Program {
        let directory = scratch::directory(&config.prefix);
        let http = broker::port();
        let mut config = config.clone();
        config.set("http.listen", format!("127.0.0.1:{http}"));
        let file = directory.path().join("shutterlag.toml");
        fs::write(&file, toml::to_string(&config.table).unwrap()).unwrap();
        let arguments = [OsString::from("run"), "--config".into(), file.into()];
        let environment: Vec<_> =
            [("RUST_BACKTRACE", "1")].iter().chain(environment).copied().collect();
        // Another build of it may be tested, such as one for release.
        let program = std::env::var("SHUTTERLAG_LIVE_PROGRAM");
        let program = program.as_deref().unwrap_or(env!("CARGO_BIN_EXE_shutterlag"));
        let log = directory.path().join("log");
        let guarded = Guarded::start(program, arguments, &environment, &log);
        Program { guarded, http, directory, started: Instant::now() }
    }

    /// Waits until it says that it is ready.
    #[track_caller]
    pub(crate) fn until_ready(&mut self, limit: Duration) {
        let began = Instant::now();
        while !self.is_ready() {
            let ended = self.guarded.status();
            assert!(ended.is_none(), "ended with {ended:?}; {}", self.guarded.tail());
            assert!(
                began.elapsed() < limit,
                "not ready after {limit:?}: {:?}; {}",
                self.get("/readyz"),
                self.guarded.tail()
            );
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Where it serves HTTP.
    pub(crate) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.http)
    }

    /// Whether it says now that it is ready.
    pub(crate) fn is_ready(&self) -> bool {
        self.get("/readyz").is_some_and(|(status, _)| status == 200)
    }

    /// The status and the body of the answer to a request; `None` without one.
    pub(crate) fn get(&self, path: &str) -> Option<(u16, String)> {
        let request =
            format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        let asked = Asked::of(&self.address(), &request)?;
        let Answer { status, body, .. } = asked.answer(Duration::from_secs(2))?;
        Some((status, body))
    }

    /// What it says about itself to Prometheus; a busy machine may answer late.
    #[track_caller]
    pub(crate) fn metrics(&self) -> String {
        let began = Instant::now();
        loop {
            if let Some((200, metrics)) = self.get("/metrics") {
                return metrics;
            }
            assert!(began.elapsed() < READY, "no metrics; {}", self.tail());
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// Sends a body with these headers; the answer comes later.
    pub(crate) fn post(&self, path: &str, headers: &[(&str, &str)], body: &str) -> Option<Asked> {
        Asked::post(&self.address(), path, headers, body)
    }

    /// Asks it to finish, and waits until it has: in time, and with status 0.
    #[track_caller]
    pub(crate) fn stop(mut self) {
        // Whatever is asked to stop before its first step just ends.
        let began = Instant::now();
        while !self.guarded.handles(Signal::TERM) && self.status().is_none() {
            assert!(began.elapsed() < READY, "it never looks for signals; {}", self.tail());
            std::thread::sleep(Duration::from_millis(10));
        }
        self.guarded.signal(Signal::TERM);
        let ended = self.guarded.wait(STOPPING);
        assert_eq!(ended, Some(0), "after SIGTERM; {}", self.guarded.tail());
        self.must_not_have_panicked();
    }

    /// Ends it as a crash would.
    #[track_caller]
    pub(crate) fn kill(mut self) {
        self.guarded.kill();
        self.must_not_have_panicked();
    }

    /// Stops it in its tracks, as a long pause of its machine would.
    pub(crate) fn freeze(&mut self) {
        self.guarded.signal(Signal::STOP);
    }

    /// Lets a frozen one go on, unaware that time has passed.
    pub(crate) fn thaw(&mut self) {
        self.guarded.signal(Signal::CONT);
    }

    /// How it ended, or `None` while it runs.
    pub(crate) fn status(&mut self) -> Option<i32> {
        self.guarded.status()
    }

    /// Waits for it to end by itself; `None` if it has not after `limit`.
    pub(crate) fn wait(&mut self, limit: Duration) -> Option<i32> {
        self.guarded.wait(limit)
    }

    /// How long ago it was started.
    pub(crate) fn age(&self) -> Duration {
        self.started.elapsed()
    }

    /// CPU time used so far.
    pub(crate) fn cpu(&self) -> Duration {
        self.guarded.cpu()
    }

    /// Everything it said.
    pub(crate) fn said(&self) -> String {
        self.guarded.said()
    }

    /// The last of what it said, for messages.
    pub(crate) fn tail(&self) -> String {
        self.guarded.tail()
    }

    #[track_caller]
    fn must_not_have_panicked(&self) {
        assert!(!self.said().contains("panicked at"), "{}", self.tail());
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        if std::thread::panicking() || std::env::var_os("SHUTTERLAG_LIVE_KEEP").is_some() {
            self.directory.disable_cleanup(true);
            eprintln!("the program's files stay in {}", self.directory.path().display());
        }
    }
}

/// Waits until everything in the sources and all that came of it has been
/// processed and committed.
#[track_caller]
pub(crate) fn until_drained(client: &Client, config: &Config, sources: &[&str], limit: Duration) {
    let began = Instant::now();
    let wait_for = |topic: &str, ends: BTreeMap<i32, i64>| {
        loop {
            let committed = committed(client, &config.prefix, topic);
            let behind: Vec<_> = ends
                .iter()
                .filter(|(partition, end)| committed.get(partition).unwrap_or(&0) < end)
                .collect();
            if behind.is_empty() {
                return;
            }
            assert!(
                began.elapsed() < limit,
                "{topic} is not processed after {limit:?}: {behind:?} of {ends:?}, committed {committed:?}"
            );
            std::thread::sleep(Duration::from_millis(100));
        }
    };
    // A transaction that somebody left open hides what others commit behind it,
    // until the broker gives it up.
    let none_is_open = |topic: &str| {
        while client.ends(topic, "read_committed") != client.ends(topic, "read_uncommitted") {
            assert!(began.elapsed() < limit, "a transaction stays open in {topic}");
            std::thread::sleep(Duration::from_millis(100));
        }
    };
    for source in sources {
        wait_for(source, client.ends(source, "read_committed"));
    }
    none_is_open(&config.topic("events"));
    // Whatever the sources gave is there now. The marks of transactions have
    // offsets as well: only those of records count.
    let mut ends = BTreeMap::new();
    for record in client.read(&config.topic("events")) {
        ends.insert(record.partition, record.offset + 1);
    }
    wait_for(&config.topic("events"), ends);
    for topic in ["windows", "alerts", "dead-letters", "findings"] {
        none_is_open(&config.topic(topic));
    }
}

/// The furthest offset that any of the program's groups has committed.
fn committed(client: &Client, prefix: &str, topic: &str) -> BTreeMap<i32, i64> {
    let mut furthest = BTreeMap::new();
    for group in client.groups(prefix).into_keys() {
        for (partition, offset) in client.committed(&group, topic) {
            let known = furthest.entry(partition).or_insert(offset);
            *known = offset.max(*known);
        }
    }
    furthest
}
