//! What is packed can be installed and started: the files of the packages, their service's command
//! line, the container's health check, and the chart's values.

#![expect(clippy::unwrap_used, reason = "a test may stop where it fails")]
#![expect(clippy::disallowed_methods, reason = "a service that never gets ready must end")]

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use shutterlag::settings::Settings;
use shutterlag::time::Span;

const WITHIN: Duration = Duration::from_secs(30);
const TOKEN: &str = "0123456789abcdef";

fn read(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).unwrap()
}

/// The files of a package: where each is installed, what it is made of, and its mode.
fn files(package: &str) -> BTreeMap<String, (String, String)> {
    let manifest: toml::Table = read("Cargo.toml").parse().unwrap();
    let assets = manifest["package"]["metadata"][package]["assets"].as_array().unwrap();
    let text = |value: &toml::Value| value.as_str().unwrap().to_owned();
    assets
        .iter()
        .map(|asset| {
            let part = |number: usize, name: &str| {
                text(asset.get(number).or_else(|| asset.get(name)).unwrap())
            };
            let (source, to, mode) = (part(0, "source"), part(1, "dest"), part(2, "mode"));
            let name = source.rsplit('/').next().unwrap();
            let to = if to.ends_with('/') { format!("{to}{name}") } else { to };
            (format!("/{}", to.trim_start_matches('/')), (source, mode))
        })
        .collect()
}

/// The value of a key of the unit.
fn unit(key: &str) -> String {
    let unit = read("packaging/shutterlag.service");
    let value = unit.lines().find_map(|line| line.strip_prefix(&format!("{key}=")));
    value.unwrap().to_owned()
}

/// A root directory with the files of the package in it.
struct Root(tempfile::TempDir);

impl Root {
    fn installed() -> Root {
        // On the file system of the program, so that there can be a link to it.
        let root = Root(tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap());
        for (to, (source, mode)) in files("deb") {
            let to = root.path(&to);
            fs::create_dir_all(to.parent().unwrap()).unwrap();
            if source == "target/release/shutterlag" {
                // Not copied: while another test starts a process, that process holds what is open
                // for writing here, and a program that is open for writing cannot be started.
                fs::hard_link(env!("CARGO_BIN_EXE_shutterlag"), &to).unwrap();
            } else {
                fs::copy(Path::new(env!("CARGO_MANIFEST_DIR")).join(source), &to).unwrap();
            }
            let mode = u32::from_str_radix(&mode, 8).unwrap();
            fs::set_permissions(to, fs::Permissions::from_mode(mode)).unwrap();
        }
        // What `StateDirectory` makes.
        fs::create_dir_all(root.path("/var/lib").join(unit("StateDirectory"))).unwrap();
        let configuration = root.path("/etc/shutterlag/shutterlag.toml");
        let text = fs::read_to_string(&configuration).unwrap();
        let state = root.path("/var/lib").display().to_string();
        fs::write(configuration, text.replace("/var/lib", &state)).unwrap();
        root
    }

    fn path(&self, absolute: &str) -> PathBuf {
        self.0.path().join(absolute.trim_start_matches('/'))
    }

    /// Starts the unit's command line below this root, on a free port, and says where it serves.
    fn start(&self) -> (Child, String) {
        let line = unit("ExecStart");
        let words = line.split(' ').map(|word| match word.strip_prefix('/') {
            Some(_) => self.path(word).into_os_string(),
            None => OsString::from(word),
        });
        let words: Vec<OsString> = words.collect();
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]).current_dir(self.path(&unit("WorkingDirectory")));
        command.env("SHUTTERLAG__HTTP__LISTEN", "127.0.0.1:0").stdin(Stdio::null());
        command.env("SHUTTERLAG__HTTP__TOKEN", TOKEN);
        command.env_remove("SHUTTERLAG_IDENTITY_KEY").stderr(Stdio::null());
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut lines = lines.map_while(Result::ok);
        let address = lines.by_ref().find_map(|line| {
            let (_, rest) = line.split_once("the board      http://")?;
            Some(rest.trim_end_matches('/').to_owned())
        });
        // What it says next must find a reader: a service that cannot say it ends.
        std::thread::spawn(move || lines.for_each(drop));
        (child, address.unwrap())
    }
}

/// The status of an answer.
fn status(address: &str, path: &str) -> Option<u16> {
    let mut stream = TcpStream::connect(address).ok()?;
    write!(stream, "GET {path} HTTP/1.0\r\nAuthorization: Bearer {TOKEN}\r\n\r\n").ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    answer.split(' ').nth(1)?.parse().ok()
}

#[test]
fn both_packages_install_the_same_files_and_the_page_lists_them() {
    assert_eq!(files("deb"), files("generate-rpm"));
    let page = read("docs/operating.md");
    for (to, (source, _)) in files("deb") {
        let documentation = to.starts_with("/usr/share/doc/");
        assert!(documentation || page.contains(&format!("| `{to}` |")), "{to}");
        assert!(source.starts_with("target/") || Path::new(&source).is_file(), "{source}");
    }
    let manifest: toml::Table = read("Cargo.toml").parse().unwrap();
    let kept = &manifest["package"]["metadata"]["deb"]["conf-files"][0];
    assert!(files("deb").contains_key(kept.as_str().unwrap()), "an upgrade keeps it");
}

#[test]
fn the_service_starts_from_its_own_files_and_ends_when_it_is_told_to() {
    let root = Root::installed();
    let (mut child, address) = root.start();
    let began = Instant::now();
    while status(&address, "/readyz") != Some(200) {
        assert!(began.elapsed() < WITHIN, "not ready");
        std::thread::sleep(Duration::from_millis(20));
    }
    let store = root.path("/var/lib/shutterlag/shutterlag.db");
    for file in [store.clone(), store.with_extension("db.key")] {
        let mode = fs::metadata(&file).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{}", file.display());
    }

    // The container's health check says yes, and no where nothing listens.
    let healthy = |port: &str| {
        let dockerfile = read("Dockerfile");
        let check = dockerfile.split_once("CMD [\"bash\"").unwrap().1.lines().next().unwrap();
        let words: Vec<String> = serde_json::from_str(&format!("[\"bash\"{check}")).unwrap();
        let words: Vec<String> = words.iter().map(|word| word.replace("9464", port)).collect();
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]).stderr(Stdio::null()).status().unwrap().success()
    };
    let port = address.rsplit(':').next().unwrap();
    assert!(healthy(port) && !healthy("1"));

    // So does the pod's readiness probe, with the token and not without.
    let ready = |token: &str| {
        let secret = root.path("/http-token");
        fs::write(&secret, token).unwrap();
        let pod = read("packaging/helm/shutterlag/templates/statefulset.yaml");
        let (_, probe) = pod.split_once("                - >-\n").unwrap();
        let probe: Vec<&str> =
            probe.split("periodSeconds").next().unwrap().split_whitespace().collect();
        let probe = probe.join(" ").replace("9464", port);
        let probe =
            probe.replace("/etc/shutterlag/secrets/http-token", &secret.display().to_string());
        Command::new("bash").args(["-c", &probe]).stderr(Stdio::null()).status().unwrap().success()
    };
    assert!(ready(TOKEN) && !ready("another token, of no use"));

    let id = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(id, rustix::process::Signal::TERM).unwrap();
    let (asked, limit) = (Instant::now(), unit("TimeoutStopSec").parse::<Span>().unwrap());
    let ended = loop {
        if let Some(ended) = child.try_wait().unwrap() {
            break ended;
        }
        assert!(asked.elapsed() < limit.to_std(), "it goes on");
        std::thread::sleep(Duration::from_millis(20));
    };
    assert!(ended.success(), "{ended}");
    assert!(store.is_file());
}

#[test]
fn the_chart_fits_the_program() {
    let chart = read("packaging/helm/shutterlag/Chart.yaml");
    let version = env!("CARGO_PKG_VERSION");
    assert!(chart.contains(&format!("\nversion: {version}\n")), "{chart}");
    assert!(chart.contains(&format!("\nappVersion: \"{version}\"\n")), "{chart}");
    let values = read("packaging/helm/shutterlag/values.yaml");
    assert!(values.contains(&format!("\n  tag: \"{version}\"\n")));

    let configuration = values.split_once("config: |\n").unwrap().1;
    let configuration = configuration.lines().take_while(|line| !line.starts_with('#'));
    let file = tempfile::NamedTempFile::new().unwrap();
    let lines: Vec<&str> = configuration.map(|line| line.trim_start_matches("  ")).collect();
    // In place of the secret that only the pod has.
    let text = lines.join("\n").replace("token_file = \"/etc/shutterlag/secrets/http-token\"", "");
    assert_ne!(text, lines.join("\n"));
    fs::write(file.path(), text).unwrap();
    let token = ("SHUTTERLAG__HTTP__TOKEN", TOKEN);
    let environment = [(OsString::from(token.0), OsString::from(token.1))];
    let settings = Settings::load(file.path(), environment).unwrap();

    let pod = read("packaging/helm/shutterlag/templates/statefulset.yaml");
    let port = settings.http.listen.unwrap().port();
    for line in [
        format!("containerPort: {port}"),
        "path: /healthz".to_owned(),
        "readOnlyRootFilesystem: true".to_owned(),
        "runAsUser: 10001".to_owned(),
        "mountPath: /var/lib/shutterlag".to_owned(),
    ] {
        assert!(pod.lines().any(|found| found.trim() == line), "{line}");
    }
    assert!(read("Dockerfile").lines().any(|line| line == "USER 10001"));
    let grace = pod.split_once("terminationGracePeriodSeconds: ").unwrap().1;
    let grace: i64 = grace.lines().next().unwrap().parse().unwrap();
    for grace in [Span::from_secs(grace), unit("TimeoutStopSec").parse().unwrap()] {
        assert!(grace > settings.kafka.shutdown_timeout, "{grace:?}");
    }
    assert!(values.contains(&format!("listen = \"0.0.0.0:{port}\"")));
    assert!(
        read("packaging/helm/shutterlag/templates/service.yaml").contains(&format!("port: {port}"))
    );
}
