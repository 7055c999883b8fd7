//! Dockerfile and docker-compose.yml agree with the project and with each other.
//!
//! The test reads them as text, line by line, and checks what breaks unnoticed when a file
//! moves or a version changes. It builds and starts nothing.

#![expect(clippy::unwrap_used, reason = "a test may stop where it fails")]

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::path::Path;

use shutterlag::settings::Settings;
use shutterlag::time::Span;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(name: &str) -> String {
    fs::read_to_string(root().join(name)).unwrap()
}

/// Lines without comments and indentation.
fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'))
}

/// The lines of one service, or of a top-level part, of the compose file.
fn block<'t>(text: &'t str, header: &str) -> Vec<&'t str> {
    let depth = |line: &str| line.len() - line.trim_start().len();
    let mut rest = text.lines().skip_while(|line| line.trim_end() != header);
    let start = rest.next().unwrap_or_else(|| panic!("{header:?} is not there"));
    rest.take_while(|line| line.trim().is_empty() || depth(line) > depth(start))
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .collect()
}

/// The header line of each service.
fn services(compose: &str) -> Vec<&str> {
    let from = compose.lines().skip_while(|line| *line != "services:").skip(1);
    from.take_while(|line| line.is_empty() || line.starts_with(' '))
        .filter(|line| line.starts_with("  ") && line[2..].starts_with(char::is_alphabetic))
        .collect()
}

/// `name:tag`, where the tag says a version.
fn is_pinned(image: &str) -> bool {
    image.split_once(':').is_some_and(|(_, tag)| !tag.is_empty() && !tag.contains("latest"))
}

#[test]
fn every_image_is_pinned() {
    let (compose, dockerfile) = (read("docker-compose.yml"), read("Dockerfile"));
    let images: Vec<&str> = lines(&compose)
        .filter_map(|line| line.strip_prefix("image: "))
        .chain(lines(&dockerfile).filter_map(|line| line.strip_prefix("FROM ")))
        .map(|image| image.split(' ').next().unwrap())
        .collect();
    assert!(images.len() >= 5, "{images:?}");
    for image in &images {
        assert!(is_pinned(image), "{image}");
    }
    assert!(!is_pinned("debian") && !is_pinned("debian:latest"));

    let kafka: BTreeSet<_> = images.iter().filter(|image| image.contains("kafka")).collect();
    assert_eq!(kafka.len(), 1, "one version of Kafka: {kafka:?}");
    assert!(images.contains(&concat!("shutterlag:", env!("CARGO_PKG_VERSION"))), "{images:?}");
    let rust = format!("rust:{}-", env!("CARGO_PKG_RUST_VERSION"));
    assert!(images.iter().any(|image| image.starts_with(&rust)), "{rust} not in {images:?}");
}

#[test]
fn every_file_that_is_named_is_there() {
    let compose = read("docker-compose.yml");
    let mounted: Vec<&str> = lines(&compose)
        .filter_map(|line| line.strip_prefix("- ./"))
        .map(|mount| mount.split(':').next().unwrap())
        .collect();
    assert!(!mounted.is_empty());
    for file in mounted {
        assert!(root().join(file).is_file(), "{file}");
    }
    let (dockerfile, ignored) = (read("Dockerfile"), read(".dockerignore"));
    let let_through: BTreeSet<&str> =
        lines(&ignored).filter_map(|line| line.strip_prefix('!')).collect();
    let mut copied = BTreeSet::new();
    for line in lines(&dockerfile).filter(|line| !line.contains("--from=")) {
        if let Some(names) = line.strip_prefix("COPY ") {
            let names: Vec<&str> = names.split(' ').collect();
            copied.extend(names[..names.len() - 1].iter().copied());
        }
    }
    assert_eq!(copied, let_through, "what is copied is what is not ignored");
    for name in copied {
        assert!(root().join(name).exists(), "{name}");
    }
}

#[test]
fn nothing_is_open_to_others_and_nothing_runs_as_root() {
    let compose = read("docker-compose.yml");
    let mut published = 0;
    for service in services(&compose) {
        let block = block(&compose, service);
        let ports = block.iter().skip_while(|line| **line != "ports:").skip(1);
        for port in ports.take_while(|line| line.starts_with("- ")) {
            assert!(port.starts_with("- \"127.0.0.1:"), "{service} {port}");
            published += 1;
        }
    }
    assert!(published >= 2, "Kafka and shutterlag at least");
    let dockerfile = read("Dockerfile");
    let user = lines(&dockerfile).filter_map(|line| line.strip_prefix("USER ")).last().unwrap();
    assert!(user.parse::<u32>().unwrap() >= 1000, "{user}");
}

#[test]
fn every_volume_is_declared_and_used_and_no_file_of_secrets_is_needed() {
    let compose = read("docker-compose.yml");
    let mut volumes = BTreeSet::new();
    for service in services(&compose) {
        let mut list = "";
        for line in block(&compose, service) {
            match line.strip_prefix("- ") {
                Some(entry) if list == "volumes:" && !entry.starts_with("./") => {
                    volumes.insert(entry.split(':').next().unwrap().to_owned());
                }
                Some(_) => {}
                None => list = line,
            }
        }
    }
    let declared = block(&compose, "volumes:").into_iter();
    let declared: BTreeSet<String> =
        declared.filter_map(|line| line.strip_suffix(':')).map(str::to_owned).collect();
    assert_eq!(volumes, declared);
    assert!(volumes.contains("keys"));
    // `docker compose up` alone is enough: no variable has to be set before.
    assert!(!compose.replace("$$", "").contains('$'), "a variable of the environment");
}

#[test]
fn the_configuration_fits_the_services() {
    let compose = read("docker-compose.yml");
    let name = "examples/compose/shutterlag.toml";
    // In place of the secret that only the container has.
    let token = ("SHUTTERLAG__HTTP__TOKEN", "0123456789abcdef");
    let environment = [(OsString::from(token.0), OsString::from(token.1))];
    let settings = Settings::load(&root().join(name), environment).unwrap();

    let token =
        lines(&read(name)).find_map(|line| line.strip_prefix("token_file = ").map(str::to_owned));
    let token = token.unwrap().trim_matches('"').to_owned();
    let keys = block(&compose, "  keys:").join("\n");
    assert!(keys.contains("in http-token identity-key;") && token == "/run/keys/http-token");

    let kafka = block(&compose, "  kafka:");
    let advertised = kafka.iter().find(|line| line.starts_with("KAFKA_ADVERTISED_LISTENERS"));
    assert!(advertised.unwrap().contains(&format!("INTERNAL://{}", settings.kafka.brokers)));

    let created = block(&compose, "  topics:").join("\n");
    let created = created.split_once("for topic in ").unwrap().1.split(';').next().unwrap();
    let sources: Vec<&str> = settings.sources.iter().map(|source| source.topic.as_str()).collect();
    assert_eq!(created.split(' ').collect::<Vec<_>>(), sources);

    let shutterlag = block(&compose, "  shutterlag:");
    let grace =
        shutterlag.iter().find_map(|line| line.strip_prefix("stop_grace_period: ")).unwrap();
    assert!(grace.parse::<Span>().unwrap() > settings.kafka.shutdown_timeout, "{grace}");
    let port = settings.http.listen.unwrap().port();
    assert!(shutterlag.contains(&format!("- \"127.0.0.1:{port}:{port}\"").as_str()));
    assert!(lines(&read("Dockerfile")).any(|line| line == format!("EXPOSE {port}")));
    let mount = shutterlag.iter().find(|line| line.starts_with("- ./")).unwrap();
    let inside = mount.split(':').nth(1).unwrap();
    assert!(read("Dockerfile").contains(&format!("CMD [\"run\", \"--config\", \"{inside}\"]")));
}

#[test]
fn prometheus_and_alertmanager_are_where_the_others_look_for_them() {
    let compose = read("docker-compose.yml");
    let token = ("SHUTTERLAG__HTTP__TOKEN", "0123456789abcdef");
    let environment = [(OsString::from(token.0), OsString::from(token.1))];
    let file = root().join("examples/compose/shutterlag.toml");
    let settings = Settings::load(&file, environment).unwrap();
    let [alertmanager] = &settings.alerts.alertmanagers[..] else { panic!("one Alertmanager") };
    assert_eq!(alertmanager.url, "http://alertmanager:9093");
    assert!(services(&compose).contains(&"  alertmanager:"));

    let prometheus = read("dashboards/prometheus.yml");
    let http = settings.http.listen.unwrap();
    for line in [
        "- targets: [alertmanager:9093]".to_owned(),
        format!("- targets: [shutterlag:{}]", http.port()),
        "- job_name: shutterlag".to_owned(),
        "credentials_file: /run/keys/http-token".to_owned(),
        "- /etc/prometheus/rules/*.rules.yml".to_owned(),
    ] {
        assert!(lines(&prometheus).any(|found| found == line), "{line}");
    }
    // Where a file is mounted is where the program is told to look.
    for (service, inside) in [
        ("  prometheus:", "/etc/prometheus/prometheus.yml"),
        ("  alertmanager:", "/etc/alertmanager/alertmanager.yml"),
    ] {
        let block = block(&compose, service);
        assert!(block.contains(&format!("- --config.file={inside}").as_str()), "{service}");
        assert!(block.iter().any(|line| line.ends_with(&format!(":{inside}:ro"))), "{service}");
    }
    assert!(
        block(&compose, "  prometheus:")
            .iter()
            .any(|line| line.ends_with(":/etc/prometheus/rules/shutterlag.rules.yml:ro"))
    );
}

/// The trap of group_interval: an alert that joins a group which was told waits for it.
#[test]
fn an_alert_about_a_credential_does_not_wait_for_its_group() {
    let text = read("dashboards/alertmanager.yml");
    let route: Vec<&str> = lines(&text)
        .skip_while(|line| !line.contains("credential=~"))
        .take_while(|line| !line.contains("reviewer=~"))
        .collect();
    assert!(route.contains(&"group_by: [credential, workflow, alert_group]"), "{route:?}");
    assert!(route.contains(&"group_wait: 0s"), "{route:?}");
    let interval = route.iter().find_map(|line| line.strip_prefix("group_interval: ")).unwrap();
    assert!(interval.parse::<Span>().unwrap() <= Span::from_secs(30), "{interval}");
    assert!(text.matches("send_resolved: true").count() >= 2);
}

#[test]
fn grafana_gets_every_dashboard_and_the_producer_every_topic() {
    let compose = read("docker-compose.yml");
    let grafana = block(&compose, "  grafana:");
    let mounts = |what: &str| -> BTreeSet<String> {
        let mounts = grafana.iter().filter_map(|line| line.strip_prefix("- ./dashboards/"));
        let mounts = mounts.filter(|mount| mount.split(':').next().unwrap().ends_with(what));
        mounts.map(str::to_owned).collect()
    };
    let provider = read("dashboards/provisioning/dashboards/shutterlag.yml");
    let path = lines(&provider).find_map(|line| line.strip_prefix("path: ")).unwrap();
    let mut there = BTreeSet::new();
    for file in fs::read_dir(root().join("dashboards")).unwrap() {
        let name = file.unwrap().file_name().into_string().unwrap();
        if name.ends_with(".json") && !name.contains("lint") {
            let dashboard: serde_json::Value =
                serde_json::from_str(&read(&format!("dashboards/{name}"))).unwrap();
            assert!(dashboard["uid"].as_str().unwrap().starts_with("shutterlag-"), "{name}");
            there.insert(format!("{name}:{path}/{name}:ro"));
        }
    }
    assert_eq!(mounts(".json"), there);
    assert_eq!(mounts("/shutterlag.yml").len(), 2, "the data source and the dashboards");

    let producer = block(&compose, "  producer:").join(" ");
    assert!(producer.contains("\"--produce\", \"kafka:19092\""), "{producer}");
    let demo = read("src/cli/demo.rs");
    let created = compose.split_once("for topic in ").unwrap().1.split(';').next().unwrap();
    let topics = created.trim().replace(' ', ",");
    assert!(demo.contains(&format!("default_value = \"{topics}\"")), "{topics}");
}
