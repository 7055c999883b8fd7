//! `shutterlag check` as its users see it: the exit status and both outputs.

#![expect(clippy::unwrap_used, reason = "a test may stop where it fails")]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

const CANARY: &str = "canary-0123456789abcdef";

/// Runs `check` on `text`, in an environment that holds nothing else for it but a key.
fn check(text: &str, arguments: &[&str], environment: &[(&str, &str)]) -> Output {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.toml");
    fs::write(&path, text).unwrap();
    Command::new(env!("CARGO_BIN_EXE_shutterlag"))
        .env_clear()
        .env("SHUTTERLAG_IDENTITY_KEY", "an identity key of these tests")
        .envs(environment.iter().copied())
        .args(["check", "--config"])
        .arg(path)
        .args(arguments)
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

fn example() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/shutterlag.toml");
    fs::read_to_string(path).unwrap()
}

#[test]
fn a_good_configuration_is_printed_as_one_with_its_topics() {
    let first = check(&example(), &[], &[]);
    assert_eq!(first.status.code(), Some(0), "{}", text(&first.stderr));
    assert!(first.stderr.is_empty());
    let printed = text(&first.stdout);
    for expected in
        ["leak-detections", "source, github", "shutterlag.dead-letters", "settle = \"10m\""]
    {
        assert!(printed.contains(expected), "{expected}: {printed}");
    }
    // Read again, it says the same, but for the file's name.
    let second = check(printed, &[], &[]);
    let without_name = |output: &Output| text(&output.stdout).lines().skip(1).collect::<String>();
    assert_eq!(without_name(&second), without_name(&first));
}

#[test]
fn without_kafka_it_prints_no_topics_and_a_configuration_that_can_be_read_again() {
    let first = check("store.path = \"kept.db\"", &[], &[]);
    assert_eq!(first.status.code(), Some(0), "{}", text(&first.stderr));
    let printed = text(&first.stdout);
    assert!(printed.contains("a run keeps everything in ") && printed.contains("kept.db"));
    assert!(!printed.contains("dead-letters") && !printed.contains("[kafka"), "{printed}");
    let second = check(printed, &[], &[]);
    assert_eq!(second.status.code(), Some(0), "{}", text(&second.stderr));
    let json = check("", &["--json"], &[]);
    let json: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!(json["topics"], serde_json::json!([]));
    assert_eq!(json["settings"].get("kafka"), None);
}

/// What is read lies beside the configuration, and what is written where the program was started.
#[test]
fn the_path_of_the_store_starts_at_the_working_directory_and_others_at_the_file() {
    let directory = tempfile::tempdir().unwrap();
    fs::create_dir(directory.path().join("etc")).unwrap();
    let stores = |config: &str, variable: Option<&str>| {
        fs::write(directory.path().join("etc/shutterlag.toml"), config).unwrap();
        let output = Command::new(env!("CARGO_BIN_EXE_shutterlag"))
            .env_clear()
            .env("SHUTTERLAG_IDENTITY_KEY", "an identity key of these tests")
            .envs(variable.map(|path| ("SHUTTERLAG__STORE__PATH", path)))
            .args(["check", "--json", "--config", "etc/shutterlag.toml"])
            .current_dir(&directory)
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        let printed: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        printed["settings"]["store"]["path"].as_str().unwrap().to_owned()
    };
    assert_eq!(stores("store.path = \"kept.db\"", None), "kept.db");
    assert_eq!(stores("", Some("../kept.db")), "../kept.db");
    assert_eq!(stores("store.path = \"/srv/kept.db\"", None), "/srv/kept.db");
    assert_eq!(stores("", None), "shutterlag.db");
    fs::create_dir(directory.path().join("etc/maps")).unwrap();
    assert_eq!(stores("intake.maps_dir = \"maps\"", None), "shutterlag.db");
}

#[test]
fn a_process_that_only_takes_deliveries_uses_two_topics() {
    let environment = [("SHUTTERLAG__KAFKA__ROLE", "receiver")];
    let output = check(&example(), &["--json"], &environment);
    let printed: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let names: Vec<&str> =
        printed["topics"].as_array().unwrap().iter().map(|t| t["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["shutterlag.events", "shutterlag.dead-letters"]);
}

#[test]
fn json_is_for_machines_and_the_environment_wins() {
    let environment =
        [("SHUTTERLAG__TOPICS__PREFIX", "leaks"), ("SHUTTERLAG__TOPICS__PARTITIONS", "3")];
    let output = check(&example(), &["--json"], &environment);
    let printed: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(printed["settings"]["topics"]["partitions"], 3);
    let names: Vec<&str> =
        printed["topics"].as_array().unwrap().iter().map(|t| t["name"].as_str().unwrap()).collect();
    assert_eq!(
        names,
        [
            "leak-detections",
            "ai-triage",
            "human-decisions",
            "leaks.events",
            "leaks.state",
            "leaks.windows",
            "leaks.alerts",
            "leaks.reviews",
            "leaks.reviewers",
            "leaks.findings",
            "leaks.dead-letters"
        ]
    );
}

#[test]
fn a_bad_configuration_ends_with_1_and_one_line_for_each_fault() {
    for (config, environment, expected) in [
        (
            "[kafka]",
            &[][..],
            &["a.toml: sources: no topic", "a.toml:1:1: kafka.brokers: no broker"][..],
        ),
        ("http.listen = \"off\"", &[], &["a.toml:1:15: http.listen: without Kafka"]),
        (
            "sources = [{ topic = \"a\" }]",
            &[],
            &["a.toml:1:11: sources: topics are read from Kafka; set kafka.brokers"],
        ),
        (
            "sources = [{ topic = \"a\" }]\n[kafka]\nbroker = \"a:1\"",
            &[],
            &[
                "a.toml:2:1: kafka.brokers: no broker",
                "a.toml:3:1: kafka.broker: unknown key; did you mean `brokers`?",
            ],
        ),
        (
            "kafka.brokers = \"a:1\"\nsources = [{ topic = \"a\" }]\n[intake]\nworkers = \"two\"",
            &[],
            &["a.toml:4:11: intake.workers: expected a whole number, found text"],
        ),
        ("[intake]\nworkers = ", &[], &["a.toml:2:"]),
        (
            "[[receivers]]\nname = \"a\"\nverify = \"bearer\"\nsecret_file = \"not-there\"",
            &[],
            &["a.toml:4:15: receivers[0].secret_file: the file cannot be read"],
        ),
        (
            "[[receivers]]\nname = \"a\"\nverify = \"bearer\"\nsecret = \"fifteen bytes..\"",
            &[],
            &["a.toml:4:10: receivers[0].secret: shorter than 16 bytes, so it can be guessed"],
        ),
        (
            "[[receivers]]\nname = \"a\"\nverify = \"github\"\nsecret = \"\"",
            &[],
            &["a.toml:4:10: receivers[0].secret: empty; give the secret"],
        ),
        (
            "[[receivers]]\nname = \"a\"\nverify = \"standard-webhooks\"\nsecret = \"whsec_dG9vIHNob3J0\"",
            &[],
            &[
                "a.toml:4:10: receivers[0].secret: not a secret of Standard Webhooks; write whsec_ and 16",
            ],
        ),
        (
            "kafka.brokers = \"a:1\"\nsources = [{ topic = \"a\" }]",
            &[("SHUTTERLAG__KAFKA__BROKER", "a:1")],
            &["shutterlag: SHUTTERLAG__KAFKA__BROKER: kafka.broker: unknown key"],
        ),
        (
            "kafka = { brokers = \"a:1\", librdkafka = { linger.mss = 5 } }\nsources = [{ topic = \"a\" }]",
            &[],
            &["librdkafka.\"linger.mss\": librdkafka knows no such option"],
        ),
    ] {
        let output = check(config, &[], environment);
        assert_eq!(output.status.code(), Some(1), "{config}");
        assert!(output.stdout.is_empty(), "{config}");
        let lines: Vec<&str> = text(&output.stderr).lines().collect();
        assert_eq!(lines.len(), expected.len(), "{lines:?}");
        for (line, part) in lines.iter().zip(expected) {
            assert!(line.starts_with("shutterlag: ") && line.contains(part), "{line}");
        }
    }
    // Without a file a fault has no place.
    let without = Command::new(env!("CARGO_BIN_EXE_shutterlag"))
        .env_clear()
        .env("SHUTTERLAG__KAFKA__BROKERS", "a:1")
        .arg("run")
        .output()
        .unwrap();
    assert!(text(&without.stderr).starts_with("shutterlag: sources: no topic to read"));
    let missing = check("", &["--json", "--config"], &[]);
    assert_eq!(missing.status.code(), Some(2), "a usage error");
}

#[test]
fn four_mistakes_of_different_kinds_are_reported_at_once() {
    let config = "[kafka]\nbrokers = \"a:1\"\nsession_timeout = \"5s\"\n\
                  [[sources]]\ntopic = \"a\"\nprekeyd = true\n\
                  [topics]\npartitions = 0\ncreate = \"yes\"\n";
    let output = check(config, &[], &[]);
    assert_eq!(output.status.code(), Some(1));
    let lines: Vec<&str> = text(&output.stderr).lines().collect();
    let expected = [
        // The default of 8 s contradicts what is set, so that is the place to look at.
        "a.toml:3:19: kafka.transaction_timeout: must be shorter than kafka.session_timeout (5s)",
        "a.toml:6:1: sources[0].prekeyd: unknown key; did you mean `prekeyed`?",
        "a.toml:8:14: topics.partitions: out of bounds; set it to 1 or more and at most 100000",
        "a.toml:9:10: topics.create: expected true or false, found text",
    ];
    assert_eq!(lines.len(), expected.len(), "{lines:?}");
    for (line, expected) in lines.iter().zip(expected) {
        assert!(line.contains(expected), "{line}");
    }
}

#[test]
fn nothing_that_is_printed_holds_a_secret() {
    let config = format!(
        "sources = [{{ topic = \"leaks\" }}]\n[kafka]\nbrokers = \"a:1\"\n[kafka.security]\n\
         protocol = \"sasl_ssl\"\n[kafka.security.sasl]\nmechanism = \"OAUTHBEARER\"\n\
         client_id = \"c\"\ntoken_endpoint_url = \"https://a/token\"\nclient_secret = \"{CANARY}\"\n"
    );
    let token = [("SHUTTERLAG__HTTP__TOKEN", CANARY)];
    for arguments in [&[][..], &["--json"]] {
        let output = check(&config, arguments, &token);
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        let printed = format!("{}{}", text(&output.stdout), text(&output.stderr));
        assert!(!printed.contains("canary"), "{printed}");
        assert_eq!(printed.matches("(hidden)").count(), 2, "{printed}");
    }
    for wrong in [
        format!("{config}scope = [\"{CANARY}\"]"),
        format!("{config}client_secret = \"{CANARY}\""),
        format!("{config}[kafka.librdkafka]\n\"linger.ms\" = \"{CANARY}\""),
        config.replace("OAUTHBEARER", CANARY),
        config.replace("\"https://a/token\"", CANARY),
    ] {
        let output = check(&wrong, &[], &token);
        assert_eq!(output.status.code(), Some(1));
        assert!(!text(&output.stderr).is_empty());
        assert!(!text(&output.stderr).contains("canary"), "{}", text(&output.stderr));
    }
}
