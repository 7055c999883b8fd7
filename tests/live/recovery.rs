//! How long nothing is processed when an instance goes, and that it is no longer
//! than it must be. The times are told on standard error.

use std::collections::BTreeSet;
use std::io::Write;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde_json::json;

use crate::broker::{Broker, SESSION};
use crate::client::{Client, Sent};
use crate::program::{Config, Program, READY};

/// A session ran out, and not one of 45 s, which is the default.
const AFTER_A_SESSION: Duration = Duration::from_secs(24);

/// Nobody waited for a session to run out.
const WITHOUT_A_SESSION: Duration = Duration::from_secs(9);

/// So many credentials that every partition has some.
const CREDENTIALS: usize = 48;

struct Course {
    client: Client,
    config: Config,
    wave: usize,
}

impl Course {
    fn new(prefix: &str) -> Course {
        let client = Client::new(Broker::shared().address());
        client.create(&format!("{prefix}.source"), 4, &[]);
        let mut config = Config::new(Broker::shared(), prefix);
        config.set("kafka.session_timeout", format!("{}s", SESSION.as_secs()));
        Course { client, config, wave: 0 }
    }

    /// The same with the group protocol of KIP-848.
    fn assigned_by_brokers(prefix: &str) -> Course {
        let mut course = Course::new(prefix);
        course.config.assigned_by_brokers();
        course
    }

    /// An instance, at work.
    fn start(&mut self, name: Option<&str>) -> Program {
        let config = name.map(|name| self.config.instance(name));
        let mut program = Program::start(config.as_ref().unwrap_or(&self.config));
        program.until_ready(READY);
        program
    }

    /// Sends events for all partitions and waits until their windows are in the ledger.
    fn until_processed(&mut self) {
        self.wave += 1;
        let name = |n: usize| format!("wave-{}-{n}", self.wave);
        let events = (0..CREDENTIALS).map(|n| {
            let event = json!({
                "type": "leak.detected",
                "id": name(n),
                "time": Timestamp::now().to_string(),
                "credential_id": name(n),
            });
            Sent::new(name(n), event.to_string())
        });
        self.client.write(&self.config.topic("source"), events);
        let missing: BTreeSet<String> = (0..CREDENTIALS).map(name).collect();
        let began = Instant::now();
        loop {
            let ledger = self.client.read(&self.config.topic("windows"));
            let there = ledger.iter().filter_map(|record| {
                let value = record.value.as_deref()?;
                let value: serde_json::Value = serde_json::from_slice(value).unwrap();
                Some(value["credential_id"].as_str().unwrap().to_owned())
            });
            let there: BTreeSet<String> = there.collect();
            if missing.is_subset(&there) {
                return;
            }
            assert!(began.elapsed() < READY, "{:?}", missing.difference(&there));
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// How long it takes from now on.
    fn measure(&mut self, what: &str) -> Duration {
        let began = Instant::now();
        self.until_processed();
        let took = began.elapsed();
        let _ =
            writeln!(std::io::stderr(), "{}: {what}: {} ms", self.config.prefix, took.as_millis());
        took
    }

    /// The same, which may take so much longer than it took when nothing had happened.
    fn within(&mut self, what: &str, undisturbed: Duration, longer: Duration) {
        let took = self.measure(what);
        assert!(took < undisturbed + longer, "{what}: {took:?}, undisturbed {undisturbed:?}");
    }
}

/// An instance without a name, or one that nobody waits for under its name, is killed.
fn crash(mut course: Course) {
    let first = course.start(None);
    course.until_processed();
    let undisturbed = course.measure("nothing happened");
    first.kill();
    // Comes again at once; to the group it is somebody else.
    let first = Program::start(&course.config);
    course.within("crash, restarted without a name", undisturbed, AFTER_A_SESSION);
    let second = course.start(None);
    course.until_processed();
    first.kill();
    course.within("crash, another takes over", undisturbed, AFTER_A_SESSION);
    second.stop();
}

/// An instance that takes `restart` longer than undisturbed when it comes again under its name.
fn crash_with_a_name(mut course: Course, restart: Duration) {
    let first = course.start(Some("first"));
    course.until_processed();
    let undisturbed = course.measure("nothing happened");
    first.kill();
    let first = Program::start(&course.config.instance("first"));
    course.within("crash, restarted with its name", undisturbed, restart);
    let second = course.start(Some("second"));
    course.until_processed();
    first.kill();
    course.within("crash, another takes over", undisturbed, AFTER_A_SESSION);
    second.stop();
}

/// One of two is asked to stop, and later comes again.
fn hand_over(mut course: Course, names: [Option<&str>; 2]) {
    let first = course.start(names[0]);
    let second = course.start(names[1]);
    course.until_processed();
    let undisturbed = course.measure("nothing happened");
    let began = Instant::now();
    first.stop();
    let (prefix, took) = (&course.config.prefix, began.elapsed().as_millis());
    let _ = writeln!(std::io::stderr(), "{prefix}: stopping: {took} ms");
    course.within("stopped, another takes over", undisturbed, WITHOUT_A_SESSION);
    let joined = course.config.instance("third");
    let joined = Program::start(if names[0].is_some() { &joined } else { &course.config });
    course.within("another joins", undisturbed, WITHOUT_A_SESSION);
    joined.stop();
    second.stop();
}

#[test]
fn after_a_crash_the_work_goes_on_within_a_session() {
    crash(Course::new("crash"));
}

#[test]
fn after_a_crash_one_with_a_name_goes_on_at_once() {
    crash_with_a_name(Course::new("crash-named"), WITHOUT_A_SESSION);
}

#[test]
fn work_is_handed_over() {
    hand_over(Course::new("handover"), [None, None]);
}

#[test]
fn where_brokers_assign_work_goes_on_within_a_session_after_a_crash() {
    crash(Course::assigned_by_brokers("crash-by-brokers"));
    // There is no static member under this protocol.
    let course = Course::assigned_by_brokers("crash-named-by-brokers");
    crash_with_a_name(course, AFTER_A_SESSION);
}

#[test]
fn where_brokers_assign_work_is_handed_over_by_those_with_a_name_too() {
    let course = Course::assigned_by_brokers("handover-by-brokers");
    hand_over(course, [None, None]);
    let course = Course::assigned_by_brokers("handover-named-by-brokers");
    hand_over(course, [Some("first"), Some("second")]);
}
