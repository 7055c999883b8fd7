//! The small job of Kafka Streams in `benches/peers`, as a process.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use tempfile::TempDir;

use crate::broker::Broker;
use crate::client::Client;
use crate::guard::Guarded;
use crate::load;
use crate::scratch;

/// Names what `benches/peers/run` prints.
const PEERS: &str = "SHUTTERLAG_BENCH_PEERS";
/// How long it may take to start, on a busy machine.
const RUNNING: Duration = Duration::from_secs(120);
const STOPPING: Duration = Duration::from_secs(60);

/// A way to run the job.
#[derive(Clone, Copy)]
pub(crate) struct Way {
    pub(crate) name: &'static str,
    commit_interval_ms: u32,
    /// With a cache the job writes one record for all changes of a window between two commits.
    cache_bytes: u32,
}

/// Each change is a record, and commits come as often as Kafka Streams does it by default with
/// `exactly_once_v2`.
pub(crate) const EACH: Way =
    Way { name: "streams-each-change", commit_interval_ms: 100, cache_bytes: 0 };
/// As the program does it with a backlog: a record for all changes of a window in a second.
pub(crate) const GATHERED: Way =
    Way { name: "streams-gathered", commit_interval_ms: 1_000, cache_bytes: 256 << 20 };

/// The job of Kafka Streams, with its state on the disk.
pub(crate) struct Job {
    directory: TempDir,
    arguments: Vec<OsString>,
    java: Option<Guarded>,
    starts: usize,
}

impl Job {
    pub(crate) fn prepare(
        broker: &Broker,
        client: &Client,
        id: &str,
        input: &str,
        way: Way,
    ) -> Job {
        let peers = std::env::var_os(PEERS).map(PathBuf::from);
        let peers =
            peers.unwrap_or_else(|| panic!("{PEERS} is not set: benches/peers/run says it"));
        let directory = scratch::directory(id);
        let ledger = format!("{id}.ledger");
        client.create(&ledger, load::PARTITIONS, &[]);
        // Kafka Streams takes over a topic of this name.
        let changelog = format!("{id}-windows-changelog");
        client.create(&changelog, load::PARTITIONS, &[("cleanup.policy", "compact")]);
        let mut arguments = machine(&peers);
        arguments.extend(
            [broker.address(), id.to_owned(), input.to_owned(), ledger].map(OsString::from),
        );
        arguments.push(directory.path().join("state").into());
        arguments.push(way.commit_interval_ms.to_string().into());
        arguments.push(way.cache_bytes.to_string().into());
        Job { directory, arguments, java: None, starts: 0 }
    }

    pub(crate) fn start(&mut self) {
        self.starts += 1;
        let log = self.log();
        self.java = Some(Guarded::start("java", self.arguments.clone(), &[], &log));
    }

    /// Each start has a log of its own.
    fn log(&self) -> PathBuf {
        self.directory.path().join(format!("log{}", self.starts))
    }

    fn java(&self) -> &Guarded {
        self.java.as_ref().expect("it was started")
    }

    pub(crate) fn cpu(&self) -> Duration {
        self.java().cpu()
    }

    /// Waits until it says that it has restored its state and takes records.
    pub(crate) fn until_running(&mut self) {
        let began = Instant::now();
        while !self.java().said().contains("state: RUNNING") {
            let ended = self.java.as_mut().and_then(Guarded::status);
            assert!(ended.is_none(), "the job ended with {ended:?}; {}", self.java().tail());
            assert!(began.elapsed() < RUNNING, "the job does not run; {}", self.java().tail());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    pub(crate) fn kill(&mut self) {
        if let Some(mut java) = self.java.take() {
            java.kill();
        }
    }

    pub(crate) fn stop(mut self) {
        let java = self.java.as_mut().expect("it was started");
        java.signal(Signal::TERM);
        assert!(java.wait(STOPPING).is_some(), "the job does not stop; {}", java.tail());
    }
}

/// The virtual machine, as the vendor sets it but for a bound of its heap.
fn machine(peers: &Path) -> Vec<OsString> {
    let mut path = peers.join("classes").into_os_string();
    path.push(":");
    path.push(peers.join("jars").join("*"));
    let options = std::env::var("SHUTTERLAG_BENCH_JVM").unwrap_or_else(|_| "-Xmx2g".to_owned());
    let mut arguments: Vec<OsString> = options.split_whitespace().map(OsString::from).collect();
    arguments.extend(["-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-cp"].map(OsString::from));
    arguments.push(path);
    arguments.push("ExposureWindows".into());
    arguments
}
