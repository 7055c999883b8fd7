//! Configurations as operators write them, and as they should not.

#![expect(clippy::unwrap_used, reason = "a test may stop where it fails")]

use std::ffi::OsString;
use std::fs;
use std::path::Path;

use shutterlag::config::{Approver, EngineConfig, Reopen};
use shutterlag::engine::alerts::{Alert, Urgency};
use shutterlag::event::{Severity, Workflow};
use shutterlag::formats::Format;
use shutterlag::settings::{
    Delivery, GroupProtocol, LogFormat, Login, Mechanism, PeopleShown, Protocol, Settings,
    SettingsError, Start,
};
use shutterlag::time::Span;

/// What must be there; tests add to it. Top-level keys are dotted, so that
/// anything can follow.
const SMALLEST: &str = "kafka.brokers = \"a:1\"\nsources = [{ topic = \"leaks\" }]\n";

fn load_in(
    directory: &Path,
    text: &str,
    environment: &[(&str, &str)],
) -> Result<Settings, SettingsError> {
    let path = directory.join("a.toml");
    fs::write(&path, text).unwrap();
    let environment =
        environment.iter().map(|(name, value)| (OsString::from(name), OsString::from(value)));
    Settings::load(&path, environment)
}

fn load(text: &str) -> Result<Settings, SettingsError> {
    load_in(tempfile::tempdir().unwrap().path(), text, &[])
}

/// What is wrong with the smallest configuration and `more`: keys and reasons.
fn faults(more: &str) -> Vec<(String, String)> {
    let error = load(&format!("{SMALLEST}{more}")).unwrap_err();
    error.faults.into_iter().map(|fault| (fault.key.unwrap_or_default(), fault.why)).collect()
}

#[test]
fn the_smallest_configuration_has_defaults_for_the_rest() {
    let settings = load(SMALLEST).unwrap();
    assert_eq!(settings.kafka.group, "shutterlag");
    assert_eq!(
        (settings.kafka.start, settings.kafka.delivery),
        (Start::Earliest, Delivery::ExactlyOnce)
    );
    assert_eq!(settings.kafka.commit_interval, Span::from_millis(25));
    assert_eq!(settings.kafka.session_timeout, Span::from_secs(10));
    assert_eq!(settings.kafka.transaction_timeout, Span::from_secs(8));
    assert_eq!(settings.topics.events(), "shutterlag.events");
    assert_eq!(settings.topics.dead_letters(), "shutterlag.dead-letters");
    assert_eq!(settings.sources[0].format, Format::Auto);
    assert_eq!(settings.people.show, PeopleShown::Pseudonyms);
    assert_eq!(settings.http.listen, Some("127.0.0.1:9464".parse().unwrap()));
    assert_eq!(settings.log.format, LogFormat::Pretty);
    assert_eq!(
        settings.windows.engine,
        EngineConfig {
            settle: Some(Span::from_mins(10)),
            credential_bytes: 256 << 10,
            credentials: 2_000_000,
            ..EngineConfig::default()
        }
    );
}

#[test]
#[allow(clippy::too_many_lines, reason = "one line for each setting")]
fn what_is_written_is_what_is_in_force() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("pem"), "-").unwrap();
    fs::write(directory.path().join("password"), "canary\r\n").unwrap();
    let text = r#"
        [kafka]
        brokers = "a:1,b:2"
        group = "g"
        instance = "g-1"
        start = "latest"
        delivery = "at_least_once"
        commit_interval = "1s"
        session_timeout = "1m"
        transaction_timeout = "40s"
        [kafka.security]
        protocol = "sasl_ssl"
        ca_file = "pem"
        [kafka.security.sasl]
        mechanism = "SCRAM-SHA-512"
        username = "u"
        password_file = "password"
        [kafka.librdkafka]
        linger.ms = 5
        "client.rack" = "r"
        [topics]
        prefix = "p"
        create = false
        partitions = 3
        replication_factor = 2
        [[sources]]
        topic = "one"
        format = "github"
        [[sources]]
        topic = "two"
        prekeyed = true
        [intake]
        workers = 2
        [windows]
        workers = 4
        settle = "1h"
        skew_tolerance = "0s"
        reopen = "always"
        detects_at_once = ["github", "trufflehog"]
        credentials = 1000
        [oversight]
        batch_hold = "20m"
        all_truths = true
        [figures]
        public = ["github", "npm"]
        incident_gap = "1m"
        [profiles.entitlement_review]
        late = "20d"
        raced = true
        approver = "group"
        [owners]
        payments = ["reviewer-1", "reviewer-2"]
        [profiles.secret_exposure]
        in_time = "7m"
        expects_opening = true
        [attackers]
        default = "1m,2m"
        npm = "30s,1m"
        [limits]
        depth = 8
        [people]
        show = "names"
        [http]
        listen = "off"
        [log]
        format = "json"
        filter = "warn,shutterlag=debug"
    "#;
    let settings = load_in(directory.path(), text, &[]).unwrap();
    let kafka = &settings.kafka;
    assert_eq!((kafka.brokers.as_str(), kafka.instance.as_deref()), ("a:1,b:2", Some("g-1")));
    assert_eq!((kafka.start, kafka.delivery), (Start::Latest, Delivery::AtLeastOnce));
    assert_eq!(kafka.librdkafka["linger.ms"], "5");
    let sasl = kafka.security.sasl.as_ref().unwrap();
    assert_eq!(
        (kafka.security.protocol, sasl.mechanism),
        (Protocol::SaslSsl, Mechanism::ScramSha512)
    );
    assert_eq!(sasl.password.as_ref().unwrap().reveal(), "canary");
    assert_eq!(kafka.security.ca_file.as_deref(), Some(&*directory.path().join("pem")));
    assert_eq!((settings.topics.state().as_str(), settings.topics.partitions), ("p.state", 3));
    assert!(settings.sources[1].prekeyed);
    assert_eq!((settings.intake.workers, settings.windows.workers), (2, 4));
    assert_eq!(settings.windows.engine.skew_tolerance, Span::ZERO);
    let profile = settings.windows.engine.profiles.get(Workflow::SecretExposure);
    assert_eq!((profile.targets.in_time, profile.expects_opening), (Span::from_mins(7), true));
    assert_eq!(settings.profiles, settings.windows.engine.profiles);
    let engine = &settings.windows.engine;
    assert_eq!(engine.reopen, Reopen::Always);
    assert_eq!(engine.detects_at_once.iter().collect::<Vec<_>>(), ["github", "trufflehog"]);
    let entitlement = settings.profiles.get(Workflow::EntitlementReview);
    assert_eq!(entitlement.approver, Approver::Group);
    assert!(entitlement.targets.raced && settings.race.is_raced(Workflow::EntitlementReview));
    assert_eq!(entitlement.targets.late, Span::from_mins(20 * 24 * 60));
    assert_eq!(
        settings.owners.0["payments"].iter().collect::<Vec<_>>(),
        ["reviewer-1", "reviewer-2"]
    );
    assert_eq!(settings.oversight.batch_hold, Span::from_mins(20));
    assert!(settings.oversight.all_truths);
    assert_eq!(settings.figures.incident_gap, Span::from_mins(1));
    assert!(settings.race.is_public(Some("npm")) && !settings.race.is_public(Some("s3")));
    assert_eq!(settings.race.curve(Some("npm")).mean(), Span::from_mins(1));
    assert_eq!(settings.race.curve(None).mean(), Span::from_mins(2));
    assert_eq!((settings.limits.depth, settings.http.listen), (8, None));

    // What is printed means the same, but for what it hides.
    let printed = settings.effective().to_toml().unwrap();
    assert!(!printed.contains("canary"), "{printed}");
    let mut again = load_in(directory.path(), &printed, &[]).unwrap();
    again.kafka.security.sasl.as_mut().unwrap().password.clone_from(&sasl.password);
    assert_eq!(again, settings);
}

/// Otherwise the printed configuration would mean the default.
#[test]
fn a_list_that_was_emptied_is_printed() {
    let settings = load(&format!("{SMALLEST}figures.public = []")).unwrap();
    let printed = settings.effective().to_toml().unwrap();
    assert!(printed.contains("public = []"), "{printed}");
    assert_eq!(load(&printed).unwrap(), settings);
}

#[test]
fn every_range_is_checked_and_says_what_to_do() {
    for (more, key, advice) in [
        ("kafka.group = \"\"", "kafka.group", "write 1 to 128"),
        ("kafka.instance = \"a b\"", "kafka.instance", "write 1 to 128"),
        ("kafka.session_timeout = \"6m\"", "kafka.session_timeout", "at most 5m"),
        ("kafka.startup_timeout = \"0s\"", "kafka.startup_timeout", "1ms or more"),
        ("kafka.shutdown_timeout = \"2h\"", "kafka.shutdown_timeout", "at most 1h"),
        ("kafka.transaction_timeout = \"10s\"", "kafka.transaction_timeout", "lower it"),
        ("kafka.commit_interval = \"4s\"", "kafka.commit_interval", "lower it"),
        ("kafka.security.sasl.mechanism = \"PLAIN\"", "kafka.security.sasl", "sasl_ssl"),
        (
            "kafka.security.protocol = \"sasl_ssl\"",
            "kafka.security.protocol",
            "add [kafka.security.sasl]",
        ),
        (
            "kafka.security.key_password = \"x\"",
            "kafka.security.key_password",
            "set kafka.security.protocol",
        ),
        ("topics.prefix = \"\"", "topics.prefix", "names of the topics"),
        ("topics.prefix = \"a b\"", "topics.prefix", "Kafka accepts"),
        ("topics.partitions = 0", "topics.partitions", "1 or more"),
        ("topics.partitions = 5000000000", "topics.partitions", "at most 100000"),
        ("topics.replication_factor = 0", "topics.replication_factor", "1 or more"),
        ("intake.workers = 0", "intake.workers", "1 or more"),
        ("windows.workers = -1", "windows.workers", "1 or more"),
        ("windows.settle = \"0s\"", "windows.settle", "1ms or more"),
        ("windows.credential_bytes = 1", "windows.credential_bytes", "4096 or more"),
        ("limits.depth = 128", "limits.depth", "at most 127"),
        (
            "profiles.policy_change.review_due_soon = \"1d\"",
            "profiles.policy_change",
            "review_due_soon (1d) must be shorter than in_time (1d)",
        ),
        ("profiles.policy_change.late = \"1m\"", "profiles.policy_change", "than late (1m)"),
        (
            "profiles.policy_change.approver = \"boss\"",
            "profiles.policy_change.approver",
            "\"owner\"",
        ),
        ("windows.reopen = \"never\"", "windows.reopen", "\"new_exposure\", \"always\""),
        ("windows.detects_at_once = [\"\"]", "windows.detects_at_once", "the name of a source"),
        ("windows.skew_tolerance = \"25h\"", "windows.skew_tolerance", "at most 1d"),
        ("windows.skew_tolerance = \"-1m\"", "windows.skew_tolerance", "a whole number and a unit"),
        ("windows.detects_at_once = \"x\"", "windows.detects_at_once", "expected a list"),
        ("figures.public = [\"github\", \"\"]", "figures.public", "the name of a place"),
        ("figures.incident_gap = \"0s\"", "figures.incident_gap", "1ms or more and at most 1d"),
        ("figures.public = [1]", "figures.public[0]", "expected text"),
        ("figures.incident_gap = \"5\"", "figures.incident_gap", "unit"),
        ("oversight.batch_hold = 5", "oversight.batch_hold", "expected a time span"),
        ("oversight.all_truths = \"yes\"", "oversight.all_truths", "expected true or false"),
        ("oversight.batch_hold = \"25h\"", "oversight.batch_hold", "at most 1d"),
        ("owners.payments = [\"\"]", "owners.payments", "the member's id"),
        ("owners.\"\" = [\"a\"]", "owners", "the group has no name"),
        ("owners = [\"a\"]", "owners", "expected a table"),
        ("profiles.policy_change.in_time = \"9\"", "profiles.policy_change.in_time", "unit"),
        ("profiles.policy_change.raced = 1", "profiles.policy_change.raced", "true or false"),
        ("profiles.polcy_change.raced = true", "profiles.polcy_change", "`policy_change`?"),
        ("owners.payments = \"x\"", "owners.payments", "expected a list"),
        ("owners.payments = []", "owners.payments", "name its members"),
        (
            "profiles.policy_change.approver = \"group\"",
            "profiles.policy_change.approver",
            "add [owners]",
        ),
        ("http.listen = \"0.0.0.0:1\"", "http.listen", "set token_file or token"),
        ("http.listen = \"[::]:1\"", "http.listen", "listen on 127.0.0.1"),
        ("http.token = \"short\"", "http.token", "at least 16"),
        ("http.token = \"sixteen bytes but spaces\"", "http.token", "no space"),
        ("http.token_file = \"nowhere\"", "http.token_file", "cannot be read"),
        ("http.view_windows_max = 0", "http.view_windows_max", "1 or more"),
        ("log.filter = \"info,=,\"", "log.filter", "write a level"),
    ] {
        let faults = faults(more);
        assert!(
            faults.iter().any(|(found, why)| found == key && why.contains(advice)),
            "{more}: {faults:?}"
        );
    }
    assert_eq!(faults("owners.payments = [1]").len(), 1, "one mistake is one fault");
    // The ends of ranges are within them.
    for fine in [
        "kafka.commit_interval = \"3999ms\"",
        "kafka.transaction_timeout = \"9999ms\"",
        "http.token = \"0123456789abcdef\"\nhttp.listen = \"0.0.0.0:1\"",
        "http.listen = \"[::1]:1\"",
        "limits.depth = 127",
        "windows.skew_tolerance = \"1d\"",
        "figures.public = []",
        "figures.incident_gap = \"1d\"",
        "oversight.batch_hold = \"0s\"",
        "topics.replication_factor = 1",
    ] {
        load(&format!("{SMALLEST}{fine}")).unwrap();
    }
}

#[test]
fn sources_are_topics_of_others_each_once() {
    let sources = |sources: &str| {
        let error = load(&format!("kafka.brokers = \"a:1\"\n{sources}")).unwrap_err();
        error.to_string()
    };
    assert!(sources("").contains("sources: no topic to read; add [[sources]]"));
    assert!(sources("sources = []").contains("add [[sources]]"));
    assert!(sources("[[sources]]").contains("sources[0].topic: no topic; set it"));
    let twice = sources("[[sources]]\ntopic = \"a\"\n[[sources]]\ntopic = \"a\"");
    assert!(twice.contains("a.toml:5:9: sources[1].topic: this topic is listed before"), "{twice}");
    let own = sources("topics.prefix = \"p\"\n[[sources]]\ntopic = \"p.dead-letters\"");
    assert!(own.contains("shutterlag writes this topic itself"), "{own}");
    for name in ["..", "a b", "ä", &"a".repeat(250)] {
        assert!(
            sources(&format!("[[sources]]\ntopic = \"{name}\"")).contains("Kafka accepts"),
            "{name}"
        );
    }
}

#[test]
fn a_certificate_and_its_key_come_together() {
    // What is in the files is a run's business; the configuration itself is one that is there.
    let files = "http.certificate_file = \"a.toml\"\nhttp.key_file = \"a.toml\"";
    load(&format!("{SMALLEST}{files}")).unwrap();
    for (given, missing) in files.lines().zip(["http.key_file", "http.certificate_file"]) {
        let [(key, why)] = &faults(given)[..] else { panic!("{given}") };
        assert!(given.starts_with(key) && why.contains(missing), "{key}: {why}");
    }
}

#[test]
fn receivers_are_another_way_in_on_kafka() {
    let receiver = "[[receivers]]\nname = \"hooks\"\nverify = \"none\"\n";
    load(&format!("{SMALLEST}{receiver}")).unwrap();
    load(&format!("kafka.brokers = \"a:1\"\n{receiver}")).unwrap();
    // An instance that only takes deliveries always has /in/events.
    load("[kafka]\nbrokers = \"a:1\"\nrole = \"receiver\"").unwrap();
    load(&format!("{SMALLEST}kafka.role = \"receiver\"")).unwrap();
    let only = |more: &str| faults(&format!("kafka.role = \"receiver\"\n{more}"));
    let [(key, why)] = &only("http.listen = \"off\"")[..] else { panic!("one fault") };
    assert!(key == "http.listen" && why.contains("kafka.role"), "{key}: {why}");
    let without_brokers = load("kafka.role = \"receiver\"").unwrap_err().to_string();
    assert!(without_brokers.contains("no broker"), "{without_brokers}");
}

#[test]
fn where_brokers_assign_partitions_they_also_say_how_long_a_session_is() {
    let consumer = "kafka.group_protocol = \"consumer\"\n";
    let settings = load(&format!("{SMALLEST}{consumer}")).unwrap();
    assert_eq!(settings.kafka.group_protocol, GroupProtocol::Consumer);
    // The default of the session is not in force, so nothing must be shorter.
    load(&format!("{SMALLEST}{consumer}kafka.transaction_timeout = \"12s\"")).unwrap();
    assert_eq!(faults("kafka.transaction_timeout = \"12s\"").len(), 1);
    let [(key, why)] = &faults(&format!("{consumer}kafka.session_timeout = \"20s\""))[..] else {
        panic!("one fault")
    };
    assert!(key == "kafka.session_timeout" && why.contains("consumer.session.timeout.ms"), "{why}");
    let prekeyed = "[[sources]]\ntopic = \"a\"\nprekeyed = true";
    let error = load(&format!("kafka.brokers = \"a:1\"\n{consumer}{prekeyed}")).unwrap_err();
    let why = error.to_string();
    assert!(why.contains("sources[0].prekeyed") && why.contains("group_protocol"), "{why}");
    assert!(faults("kafka.group_protocol = \"eager\"")[0].1.contains("\"consumer\""));
}

#[test]
fn a_login_is_complete_and_has_nothing_of_another() {
    let sasl = |keys: &str| {
        let protocol = "kafka.security.protocol = \"sasl_plaintext\"\n";
        faults(&format!("{protocol}[kafka.security.sasl]\n{keys}"))
            .into_iter()
            .map(|(key, why)| format!("{}: {why}", key.replace("kafka.security.", "")))
            .collect::<Vec<_>>()
    };
    assert_eq!(
        sasl("mechanism = \"PLAIN\""),
        ["sasl.username: missing; PLAIN needs it", "sasl.password: missing; PLAIN needs it"]
    );
    assert_eq!(sasl("mechanism = \"OAUTHBEARER\"").len(), 3);
    assert_eq!(
        sasl("mechanism = \"SCRAM-SHA-256\"\nusername = \"u\"\npassword = \"p\"\nscope = \"s\""),
        ["sasl.scope: SCRAM-SHA-256 does not use it; remove it"]
    );
    assert!(sasl("username = \"u\"")[0].contains("set it to \"PLAIN\""));
    assert_eq!(
        sasl("mechanism = \"PLAIN\"\nusername = \"u\"\npassword = \"p\"\npassword_file = \"f\""),
        ["sasl.password: password_file is set as well; remove one of the two"]
    );
    assert_eq!(
        sasl("mechanism = \"PLAIN\"\nusername = \"u\"\npassword = \"\""),
        ["sasl.password: empty; give the secret, or remove the key"]
    );
    for url in ["token.example.org", "https://u:p@token.example.org", "https://a b"] {
        let keys = format!(
            "mechanism = \"OAUTHBEARER\"\nclient_id = \"c\"\nclient_secret = \"s\"\ntoken_endpoint_url = \"{url}\""
        );
        assert!(sasl(&keys)[0].contains("write an https:// address"), "{url}");
    }
    let endpoint = |url: &str| {
        load(&format!(
            "{SMALLEST}kafka.security.protocol = \"sasl_plaintext\"\n[kafka.security.sasl]\n\
             mechanism = \"OAUTHBEARER\"\nclient_id = \"c\"\nclient_secret = \"s\"\n\
             token_endpoint_url = \"{url}\""
        ))
    };
    for url in [
        "http://token.example.org/token",
        "http://localhost.example.org",
        "http://127.0.0.1.example.org/",
        "http://10.0.0.1/token",
        "http://[2001:db8::1]:80/",
        "http:///token",
    ] {
        let error = endpoint(url).unwrap_err();
        assert!(error.to_string().contains("unencrypted"), "{url}: {error}");
    }
    for url in [
        "https://token.example.org/token?tenant=a",
        "http://localhost:8080/token",
        "http://127.0.0.9",
        "http://[::1]:8080/token",
    ] {
        assert!(endpoint(url).is_ok(), "{url}");
    }
}

#[test]
fn options_that_the_runtime_owns_are_refused_with_the_setting_to_use() {
    for (option, instead) in [
        ("bootstrap.servers", "kafka.brokers"),
        ("metadata.broker.list", "kafka.brokers"),
        ("group.id", "kafka.group"),
        ("group.instance.id", "kafka.instance"),
        ("transactional.id", "kafka.instance"),
        ("isolation.level", "kafka.delivery"),
        ("enable.idempotence", "kafka.delivery"),
        ("auto.offset.reset", "kafka.start"),
        ("session.timeout.ms", "kafka.session_timeout"),
        ("transaction.timeout.ms", "kafka.transaction_timeout"),
        ("enable.auto.commit", "remove it"),
        ("enable.auto.offset.store", "remove it"),
        ("enable.partition.eof", "remove it"),
        ("partition.assignment.strategy", "remove it"),
        ("partitioner", "remove it"),
        ("group.protocol", "kafka.group_protocol"),
        ("group.remote.assignor", "remove it"),
        ("sasl.password", "kafka.security.sasl"),
        ("plugin.library.paths", "remove it"),
    ] {
        for written in [format!("\"{option}\""), option.to_owned()] {
            let faults = faults(&format!("[kafka.librdkafka]\n{written} = \"canary\""));
            assert_eq!(faults.len(), 1, "{faults:?}");
            let key = faults[0].0.strip_prefix("kafka.librdkafka.").unwrap();
            assert_eq!(key.trim_matches('"'), option);
            assert!(faults[0].1.contains(instead) && !faults[0].1.contains("canary"), "{faults:?}");
        }
    }
}

#[test]
fn all_that_is_wrong_is_told_at_once_each_with_its_place() {
    let directory = tempfile::tempdir().unwrap();
    let text = "[kafka]\nsession_timeout = \"1s\"\n[intake]\nworkers = 0\n";
    let error =
        load_in(directory.path(), text, &[("SHUTTERLAG__TOPICS__PARTITIONS", "0")]).unwrap_err();
    let file = directory.path().join("a.toml").display().to_string();
    let places: Vec<String> =
        error.faults.iter().map(|fault| fault.place.replace(&file, "a.toml")).collect();
    let keys: Vec<&str> = error.faults.iter().filter_map(|fault| fault.key.as_deref()).collect();
    assert_eq!(
        keys,
        [
            "sources",
            "kafka.brokers",
            "kafka.transaction_timeout",
            "intake.workers",
            "topics.partitions"
        ]
    );
    assert_eq!(
        places,
        ["a.toml", "a.toml:1:1", "a.toml:2:19", "a.toml:4:11", "SHUTTERLAG__TOPICS__PARTITIONS"]
    );
}

#[test]
fn no_secret_shows_wherever_it_stands() {
    const CANARY: &str = "canary-0123456789abcdef";
    let good = format!(
        "{SMALLEST}http.token = \"{CANARY}\"\n[kafka.security]\nprotocol = \"sasl_ssl\"\n\
         [kafka.security.sasl]\nmechanism = \"PLAIN\"\nusername = \"u\"\npassword = \"{CANARY}\""
    );
    let settings = load(&good).unwrap();
    assert_eq!(settings.http.token.as_ref().unwrap().reveal(), CANARY);
    let shown = format!(
        "{settings:?} {settings:#?} {} {}",
        settings.effective().to_toml().unwrap(),
        serde_json::to_string(&settings.effective()).unwrap()
    );
    assert!(!shown.contains("canary") && shown.contains("(hidden)"), "{shown}");

    // In the wrong place, of the wrong type, in broken TOML, in a wrong override.
    for wrong in [
        format!("{SMALLEST}http = \"{CANARY}\""),
        format!("{SMALLEST}http.token = [\"{CANARY}\"]"),
        format!("{SMALLEST}http.token = {CANARY}"),
        format!("{SMALLEST}http.token = \"{CANARY}"),
        format!("{SMALLEST}http.token = \"{CANARY}\" \"{CANARY}\""),
        format!("{SMALLEST}http.token = \"canary\""),
        format!("{SMALLEST}http.token = {{ a = \"{CANARY}\" }}"),
        format!("{SMALLEST}http.listen = \"{CANARY}\""),
        format!("{SMALLEST}kafka.start = \"{CANARY}\""),
        format!("{SMALLEST}kafka.session_timeout = \"{CANARY}\""),
        format!("{SMALLEST}kafka.security = \"{CANARY}\""),
        format!("{SMALLEST}kafka.security.sasl.password = \"{CANARY}\""),
        format!("{SMALLEST}kafka.security.ca_file = \"{CANARY}\""),
        format!("{SMALLEST}kafka.librdkafka.\"sasl.password\" = \"{CANARY}\""),
        format!("{SMALLEST}attackers.npm = \"{CANARY}\""),
        format!("{SMALLEST}topics.create = \"{CANARY}\""),
        format!("{SMALLEST}log.filter = \"{CANARY}={CANARY}\""),
        format!("sources = [{{ topic = \"leaks\" }}]\nkafka.brokers = \"u:{CANARY}@a:1\""),
    ] {
        let error = load(&wrong).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("canary"), "{wrong}\n{error}");
    }
    for variable in ["HTTP", "HTTP__LISTEN", "HTTP__TOKEN_", "KAFKA", "WINDOWS__WORKERS", "X"] {
        let name = format!("SHUTTERLAG__{variable}");
        let directory = tempfile::tempdir().unwrap();
        let error = load_in(directory.path(), SMALLEST, &[(&name, CANARY)]).unwrap_err();
        let text = format!("{error} {error:?}");
        assert!(text.contains(&name) && !text.contains("canary"), "{text}");
    }
}

#[test]
fn a_secret_from_the_environment_is_taken_as_it_stands() {
    let directory = tempfile::tempdir().unwrap();
    let text = format!("{SMALLEST}http.token_file = \"nowhere\"");
    for token in ["1234567890123456", "\"in-quotes-that-belong\"", "true-or-not-it-is-text"] {
        let settings =
            load_in(directory.path(), &text, &[("SHUTTERLAG__HTTP__TOKEN", token)]).unwrap();
        assert_eq!(settings.http.token.unwrap().reveal(), token);
    }
}

#[test]
fn alertmanagers_are_addresses_with_at_most_one_login_that_nobody_overhears() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("token"), "canary-token\n").unwrap();
    let text = format!(
        "{SMALLEST}[alerts]\nexternal_url = \"https://lag.example.org/\"\ngather = \"0ms\"\n\
         [[alerts.alertmanagers]]\nurl = \"https://a.example.org:9093/am/\"\n\
         bearer_token_file = \"token\"\ntimeout = \"3s\"\n\
         [[alerts.alertmanagers]]\nurl = \"http://localhost:9093\"\nusername = \"u\"\n\
         password = \"canary-password\"\n\
         [[alerts.rules]]\nalerts = [\"ReviewDueSoon\"]\nworkflows = [\"policy_change\"]\n\
         severities = [\"low\", \"medium\"]\npush = false\n\
         [[alerts.rules]]\nworkflows = [\"soc_classification\"]\nurgency = \"warning\"\n"
    );
    let settings = load_in(directory.path(), &text, &[]).unwrap();
    let alerts = &settings.alerts;
    assert_eq!(alerts.external_url.as_deref(), Some("https://lag.example.org"));
    assert_eq!(alerts.alertmanagers[0].url, "https://a.example.org:9093/am");
    let Some(Login::Bearer(token)) = alerts.alertmanagers[0].login() else { panic!() };
    assert_eq!(token.reveal(), "canary-token");
    assert_eq!(alerts.alertmanagers[0].timeout, Span::from_secs(3));
    assert_eq!(alerts.gather, Span::ZERO);
    let (soon, policy) = (Alert::ReviewDueSoon, Workflow::PolicyChange);
    let fits = |severity| alerts.rules[0].fits(soon, Some(policy), severity);
    assert!(fits(Some(Severity::Low)) && !fits(Some(Severity::High)) && !fits(None));
    assert!(!alerts.rules[0].fits(soon, None, Some(Severity::Low)), "nobody's workflow");
    assert!(!alerts.rules[0].push && alerts.rules[1].push);
    assert_eq!(alerts.rules[1].urgency, Some(Urgency::Warning));

    // What is in force can be read again, and shows no secret.
    let shown = settings.effective().to_toml().unwrap();
    assert!(!shown.contains("canary") && !format!("{settings:?}").contains("canary"));
    let again: String = shown
        .lines()
        .filter(|line| !line.starts_with("bearer_token ="))
        .fold(String::new(), |text, line| text + line + "\n");
    let again = load(&again).unwrap().alerts;
    assert_eq!(
        (again.rules, again.resend_interval),
        (alerts.rules.clone(), alerts.resend_interval)
    );
}

#[test]
fn what_is_wrong_with_alerts_is_told_with_a_remedy() {
    let one = |keys: &str| format!("[[alerts.alertmanagers]]\nurl = \"https://a\"\n{keys}");
    for (more, key, words) in [
        ("[[alerts.alertmanagers]]\n".to_owned(), "alerts.alertmanagers[0].url", "host"),
        (
            "[[alerts.alertmanagers]]\nurl = \"https://u:canary@a\"".to_owned(),
            "alerts.alertmanagers[0].url",
            "without a login",
        ),
        (
            "[[alerts.alertmanagers]]\nurl = \"http://a\"\nbearer_token = \"canary\"".to_owned(),
            "alerts.alertmanagers[0].url",
            "unencrypted",
        ),
        (one("username = \"u\""), "alerts.alertmanagers[0].username", "password"),
        (one("password = \"canary\""), "alerts.alertmanagers[0].password", "username"),
        (
            one("bearer_token = \"canary\"\nusername = \"u\""),
            "alerts.alertmanagers[0].bearer_token",
            "remove one",
        ),
        (
            one("bearer_token = \"ca\\nnary\""),
            "alerts.alertmanagers[0].bearer_token",
            "control character",
        ),
        (one("ca_file = \"nowhere.pem\""), "alerts.alertmanagers[0].ca_file", "cannot be read"),
        (one("timeout = \"0s\""), "alerts.alertmanagers[0].timeout", "1ms or more"),
        (one(&one("")), "alerts.alertmanagers[1].url", "listed before"),
        (one("").repeat(17), "alerts.alertmanagers", "more than 16"),
        ("[[alerts.rules]]\nalerts = [\"ReviewDueSoon\"]".to_owned(), "alerts.rules[0]", "push"),
        ("alerts.ends_after = \"2m\"".to_owned(), "alerts.ends_after", "three times"),
        ("alerts.external_url = \"lag\"".to_owned(), "alerts.external_url", "https://"),
        ("alerts.flap_count = 1".to_owned(), "alerts.flap_count", "2 or more"),
        ("alerts.group_size = 0".to_owned(), "alerts.group_size", "1 or more"),
    ] {
        let found = faults(&more);
        assert!(
            found.iter().any(|(at, why)| at == key && why.contains(words)),
            "{more}: {found:?}"
        );
        assert!(!format!("{found:?}").contains("canary"), "{found:?}");
    }
}
