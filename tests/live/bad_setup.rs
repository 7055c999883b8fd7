//! A setup that cannot work is told at once, in one clear error, and never half
//! started: exit status 1 within a bounded time, no busy loop, nothing written,
//! no password in what is said.

use std::time::Duration;

use shutterlag::runtime::blocks::Block;

use crate::acl::{Operation, Resource, Right, allow};
use crate::broker::{self, Broker, LIMITED, OPERATOR, PASSWORD, STRANGER};
use crate::case::Case;
use crate::client::{Client, Sent};
use crate::harness::KEY;
use crate::input::{Arrival, Input};
use crate::program::{Config, Program, READY};

/// Longer than a start may look for a broker, see [`config`].
const ENDED: Duration = Duration::from_secs(90);

/// What a process that only starts and ends may use of a processor.
const CPU: Duration = Duration::from_secs(3);

/// A configuration that soon gives up.
pub(crate) fn config(broker: &Broker, prefix: &str) -> Config {
    let mut config = Config::new(broker, prefix);
    config.set("kafka.startup_timeout", "12s");
    config
}

/// Starts the program and asserts that it refuses and says all of `words`.
#[track_caller]
pub(crate) fn refuses(config: &Config, words: &[&str]) {
    refuses_with(config, &[("SHUTTERLAG_IDENTITY_KEY", KEY)], words);
}

#[track_caller]
pub(crate) fn refuses_with(config: &Config, environment: &[(&str, &str)], words: &[&str]) {
    let mut program = Program::start_with(config, environment);
    let mut cpu = Duration::ZERO;
    let ended = loop {
        if let Some(status) = program.wait(Duration::from_millis(100)) {
            break status;
        }
        cpu = cpu.max(program.cpu());
        assert!(program.age() < ENDED, "still there after {ENDED:?}; {}", program.tail());
    };
    let said = program.said();
    assert_eq!(ended, 1, "{said}");
    assert!(cpu < CPU, "{cpu:?} of work; {said}");
    assert!(!said.contains("panicked"), "{said}");
    assert!(!said.contains(PASSWORD), "a password in the log; {said}");
    let errors: Vec<&str> = said.lines().filter(|line| line.starts_with("shutterlag: ")).collect();
    let [error] = errors[..] else { panic!("not one error but {}; {said}", errors.len()) };
    for word in words {
        assert!(error.contains(word), "`{word}` is not in: {error}\n{said}");
    }
}

#[test]
fn an_unreachable_broker_is_told() {
    let address = format!("127.0.0.1:{}", broker::port());
    let mut config = config(Broker::shared(), "unreachable");
    config.set("kafka.brokers", address.as_str()).set("kafka.startup_timeout", "5s");
    refuses(&config, &[&address]);
}

/// A configuration for the listener that asks for a login.
fn login(broker: &Broker, user: &str, password: &str, mechanism: &str) -> Config {
    let mut config = config(broker, "rights");
    config
        .set("kafka.brokers", broker.login_address())
        .set("kafka.security.protocol", "sasl_ssl")
        .set("kafka.security.ca_file", broker.authority().to_str().unwrap())
        .set("kafka.security.sasl.mechanism", mechanism)
        .set("kafka.security.sasl.username", user)
        .set("kafka.security.sasl.password", password);
    config
}

#[track_caller]
fn works(config: &Config) {
    let mut config = config.clone();
    config.set("kafka.startup_timeout", "60s");
    let mut program = Program::start(&config);
    program.until_ready(READY);
    program.stop();
}

#[test]
fn wrong_credentials_and_certificates_are_told() {
    let broker = Broker::start_secured();
    Client::new(broker.address()).create("rights.source", 1, &[]);
    for mechanism in ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] {
        refuses(&login(&broker, OPERATOR, "a-wrong-password", mechanism), &["uthentication"]);
    }
    let good = login(&broker, OPERATOR, PASSWORD, "PLAIN");
    let mut unknown = good.clone();
    unknown.set("kafka.security.ca_file", "/etc/hostname");
    refuses(&unknown, &["ca_file"]);
    let mut system = good.clone();
    system.unset("kafka.security.ca_file");
    refuses(&system, &["certificate"]);
    let mut plain = good.clone();
    plain.unset("kafka.security");
    refuses(&plain, &[&broker.login_address()]);

    // With all of it right, it works.
    for mechanism in ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] {
        works(&login(&broker, OPERATOR, PASSWORD, mechanism));
    }
    let mut tls = config(&broker, "rights");
    tls.set("kafka.brokers", broker.tls_address())
        .set("kafka.security.protocol", "ssl")
        .set("kafka.security.ca_file", broker.authority().to_str().unwrap());
    works(&tls);
}

/// Every right that a run needs which makes its own topics.
const RIGHTS: &[(Resource, &[Operation])] = &[
    (
        Resource::Topic,
        &[
            Operation::Read,
            Operation::Write,
            Operation::Create,
            Operation::Describe,
            Operation::DescribeConfigs,
        ],
    ),
    (Resource::Group, &[Operation::Read, Operation::Describe]),
    (Resource::TransactionalId, &[Operation::Write, Operation::Describe]),
];

#[test]
fn rights_that_are_missing_are_told_and_no_others_are_needed() {
    let broker = Broker::start_secured();
    Client::new(broker.address()).create("rights.source", 1, &[]);
    let [complete, others @ ..] = LIMITED;
    let grant = |user: &str, missing: Option<usize>| {
        let kept = RIGHTS.iter().enumerate().filter(|(at, _)| Some(*at) != missing);
        let rights = kept.flat_map(|(_, (resource, operations))| {
            operations.iter().map(|operation| Right {
                resource: *resource,
                prefix: "rights",
                operation: *operation,
            })
        });
        allow(&broker, user, &rights.collect::<Vec<_>>());
    };
    refuses(&login(&broker, STRANGER, PASSWORD, "SCRAM-SHA-256"), &["uthoriz"]);
    grant(complete, None);
    works(&login(&broker, complete, PASSWORD, "PLAIN"));
    let named = ["rights.source", "group", "transactional"];
    for (missing, (user, named)) in others.into_iter().zip(named).enumerate() {
        grant(user, Some(missing));
        refuses(&login(&broker, user, PASSWORD, "PLAIN"), &["uthoriz", named]);
    }
}

#[test]
fn a_missing_source_is_told() {
    refuses(&config(Broker::shared(), "no-source"), &["no-source.source"]);
}

#[test]
fn missing_topics_are_told_when_none_may_be_created() {
    let client = Client::new(Broker::shared().address());
    client.create("no-topics.source", 1, &[]);
    let mut config = config(Broker::shared(), "no-topics");
    config.set("topics.create", false);
    refuses(&config, &["no-topics.events", "[topics] create"]);
    assert_eq!(client.partitions("no-topics.events"), [0; 0], "created all the same");
}

#[test]
fn topics_that_do_not_fit_each_other_are_told() {
    let client = Client::new(Broker::shared().address());
    client.create("misfit.source", 1, &[]);
    client.create("misfit.events", 3, &[]);
    client.create("misfit.state", 4, &[("cleanup.policy", "compact")]);
    refuses(&config(Broker::shared(), "misfit"), &["misfit.events", "misfit.state", "3", "4"]);
    for topic in ["windows", "alerts", "reviews", "dead-letters"] {
        let topic = format!("misfit.{topic}");
        assert_eq!(client.partitions(&topic), [0; 0], "{topic}: half a start");
    }
}

#[test]
fn a_keyed_source_that_does_not_fit_is_told() {
    let client = Client::new(Broker::shared().address());
    client.create("misfit-keyed.source", 1, &[]);
    client.create("misfit-keyed.keyed", 5, &[]);
    client.create("misfit-keyed.events", 4, &[]);
    let mut config = config(Broker::shared(), "misfit-keyed");
    config.source("misfit-keyed.keyed", "native", true);
    refuses(&config, &["misfit-keyed.keyed", "misfit-keyed.events", "5", "4"]);
}

#[test]
fn state_that_the_broker_would_throw_away_is_told() {
    let client = Client::new(Broker::shared().address());
    client.create("forgetful.source", 1, &[]);
    client.create("forgetful.state", 4, &[("cleanup.policy", "delete")]);
    refuses(
        &config(Broker::shared(), "forgetful"),
        &["forgetful.state", "cleanup.policy", "compact"],
    );
}

#[test]
fn state_without_the_time_that_it_is_written_with_is_told() {
    let client = Client::new(Broker::shared().address());
    client.create("timeless.source", 1, &[]);
    let settings = [("cleanup.policy", "compact"), ("message.timestamp.type", "LogAppendTime")];
    client.create("timeless.state", 4, &settings);
    refuses(
        &config(Broker::shared(), "timeless"),
        &["timeless.state", "message.timestamp.type", "CreateTime"],
    );
}

#[test]
fn an_unknown_setting_is_told() {
    let mut config = config(Broker::shared(), "unknown");
    config.set("kafka.comit_interval", "100ms");
    refuses(&config, &["comit_interval"]);
}

#[test]
fn a_missing_key_is_told() {
    let client = Client::new(Broker::shared().address());
    client.create("keyless.source", 1, &[]);
    let without = [("SHUTTERLAG_IDENTITY_KEY", "")];
    refuses_with(&config(Broker::shared(), "keyless"), &without, &["SHUTTERLAG_IDENTITY_KEY"]);
}

/// A finished run whose state topic is there, and one block of it.
pub(crate) fn with_state(prefix: &str) -> (Case, Vec<u8>, Vec<u8>) {
    let mut case = Case::new(Broker::shared(), prefix, Input::simulate(9, 500, Arrival::Ordered));
    let mut program = Program::start(&case.config);
    program.until_ready(READY);
    case.send_rest();
    case.until_done();
    program.stop();
    let states = case.client.read(&case.config.topic("state"));
    let state = states.iter().rev().find(|record| record.value.is_some()).expect("a state");
    let (key, value) = (state.key.clone().unwrap(), state.value.clone().unwrap());
    (case, key, value)
}

#[test]
fn a_changelog_of_a_newer_version_is_told() {
    let (case, _, _) = with_state("newer");
    let states = case.client.read(&case.config.topic("state"));
    let (record, version) = states
        .iter()
        .rev()
        .find_map(|record| {
            let value = record.value.as_ref()?;
            let state = Block::read(value)?.entries().find_map(|(_, state)| state)?;
            // The first byte says that it is one of ours.
            Some((record, state.as_ptr() as usize - value.as_ptr() as usize + 1))
        })
        .expect("a block with a state");
    let mut value = record.value.clone().unwrap();
    value[version] += 1;
    // In its partition, or it is refused for another reason.
    let partition = Some(record.partition);
    let sent = Sent { partition, ..Sent::new(record.key.clone().unwrap(), value) };
    case.client.write(&case.config.topic("state"), [sent]);
    refuses(&case.config, &["newer.state", "version"]);
}

#[test]
fn foreign_bytes_in_the_changelog_are_told() {
    for (name, foreign) in [("text", &b"hello"[..]), ("nothing", b""), ("zeros", &[0; 64])] {
        let prefix = format!("foreign-{name}");
        let (case, key, _) = with_state(&prefix);
        case.client.write(&case.config.topic("state"), [Sent::new(key, foreign)]);
        refuses(&case.config, &[&case.config.topic("state"), "offset"]);
    }
}

#[test]
fn foreign_bytes_among_the_events_are_dead_letters() {
    let (mut case, _, _) = with_state("foreign-events");
    let events = case.config.topic("events");
    let foreign = [&b"hello"[..], b"", b"\xff\xfe", b"{}", b"[1,2,3]"];
    case.client.write(&events, foreign.map(|bytes| Sent::new("foreign", bytes)));
    case.source.clone_from(&events);
    let mut program = Program::start(&case.config);
    program.until_ready(READY);
    case.until_done();
    program.stop();
    case.must_be_faultless();
    // A record without a value is none, and each of the three parts of the list is one.
    assert_eq!(case.dead_letters().len(), foreign.len() - 1 + 2);
}
