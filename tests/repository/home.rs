//! A home directory in which the commands of a page run.
//!
//! The `sh` blocks of a page are one script. Each line of a `text` block must be a line of what the
//! block above it printed. The home's `shutterlag` is a clone, and this build's program is on the
//! path. Stand-ins on the path take the place of what a test machine lacks: `gh`, `docker`, and a
//! `cargo` that does not build. Ports are replaced by free ones, in the page and in the clone's
//! examples, so that two runs do not meet.

#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]
#![expect(clippy::disallowed_methods, reason = "a page that hangs must end")]

use std::fmt::Write as _;
use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// How long a page may take.
const WITHIN: Duration = Duration::from_secs(240);
/// Stands between what two blocks print.
const MARK: &str = "@@ block";
/// The ports of shutterlag and of the stand-in for the world in pages and examples.
const PORTS: [&str; 2] = ["9464", "9801"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The blocks of a page in a language: their line, and their text.
pub(crate) fn blocks(page: &str) -> Vec<(usize, &str, String)> {
    let mut found = Vec::new();
    let mut lines = page.lines().enumerate();
    while let Some((at, line)) = lines.next() {
        if let Some(language) = line.trim_start().strip_prefix("```") {
            let text: Vec<&str> =
                lines.by_ref().map(|(_, line)| line).take_while(|line| *line != "```").collect();
            found.push((at + 1, language, text.join("\n")));
        }
    }
    found
}

/// A home directory for one page.
pub(crate) struct Home {
    directory: tempfile::TempDir,
    /// Ports of the pages, and those that are used instead.
    pub(crate) ports: Vec<(String, String)>,
}

impl Home {
    pub(crate) fn new() -> Home {
        let directory = tempfile::tempdir().unwrap();
        let listeners: Vec<TcpListener> =
            PORTS.iter().map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
        let free = |listener: &TcpListener| listener.local_addr().unwrap().port().to_string();
        let ports = PORTS.iter().zip(&listeners);
        let ports = ports.map(|(port, listener)| ((*port).to_owned(), free(listener))).collect();
        let home = Home { directory, ports };
        home.copy(Path::new("examples"));
        for bin in ["bin", ".cargo/bin"] {
            fs::create_dir_all(home.path(bin)).unwrap();
        }
        let program = env!("CARGO_BIN_EXE_shutterlag");
        // Without a configuration it takes the usual port.
        let listen = home.with_ports("127.0.0.1:9464");
        let shutterlag = format!(
            "case \"$*\" in\n demo) set -- demo --listen {listen} ;;\n\
             run) export SHUTTERLAG__HTTP__LISTEN={listen} ;;\nesac\nexec {program} \"$@\""
        );
        home.script("bin/shutterlag", &shutterlag);
        home.script("bin/gh", "cat ~/shutterlag/examples/github-alerts.ndjson");
        // Builds nothing: the build that runs this test is under way, or was before it.
        let cargo = format!(
            "echo \"$*\" >> ~/cargo.log\ncase \"$*\" in\n\
             'run --locked -- '*) shift 3; exec {program} \"$@\" ;;\n\
             'test --locked') ;;\n\
             'install --path . --locked') cp ~/bin/shutterlag ~/.cargo/bin/ ;;\n\
             *) echo \"no such command: $*\" >&2; exit 1 ;;\nesac"
        );
        home.script("bin/cargo", &cargo);
        let docker = "case \"$1\" in\n compose) test -f docker-compose.yml ;;\n \
                      run | exec | rm) ;;\n *) exit 1 ;;\nesac";
        home.script("bin/docker", docker);
        fs::copy(root().join("docker-compose.yml"), home.path("shutterlag/docker-compose.yml"))
            .unwrap();
        home
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// A stand-in on the path, or another script.
    pub(crate) fn script(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// Copies a folder of the repository into the clone, with the ports of this home.
    fn copy(&self, folder: &Path) {
        let to = self.path("shutterlag").join(folder);
        fs::create_dir_all(&to).unwrap();
        for entry in fs::read_dir(root().join(folder)).unwrap() {
            let entry = entry.unwrap();
            if entry.file_type().unwrap().is_dir() {
                self.copy(&folder.join(entry.file_name()));
            } else {
                let bytes = fs::read(entry.path()).unwrap();
                let to = to.join(entry.file_name());
                // Not every example is text: some lines are malformed on purpose.
                match String::from_utf8(bytes) {
                    Ok(text) => fs::write(to, self.with_ports(&text)).unwrap(),
                    Err(error) => fs::write(to, error.into_bytes()).unwrap(),
                }
            }
        }
    }

    pub(crate) fn with_ports(&self, text: &str) -> String {
        self.ports.iter().fold(text.to_owned(), |text, (known, free)| {
            text.replace(&format!(":{known}"), &format!(":{free}"))
        })
    }

    /// Runs the page in `within`, a folder of the home, and compares what it prints.
    #[track_caller]
    pub(crate) fn follows(&self, name: &str, within: &str) {
        let page = fs::read_to_string(root().join(name)).unwrap();
        let blocks = blocks(&page);
        let mut script = String::from("set -eu\n");
        for (line, _, text) in blocks.iter().filter(|(_, language, _)| *language == "sh") {
            writeln!(script, "echo '{MARK} {line}'\n{}", self.with_ports(text)).unwrap();
        }
        writeln!(script, "echo '{MARK} end'").unwrap();
        let printed = self.sh(&script, within);

        let (mut compared, mut last) = (0, None);
        for (line, language, text) in &blocks {
            match (*language, last) {
                ("sh", _) => last = Some(line),
                ("text", Some(above)) => {
                    let part = printed.split_once(&format!("{MARK} {above}\n")).unwrap().1;
                    let part = part.split_once(MARK).unwrap().0;
                    let left_out = |line: &&str| ["", "…"].contains(&line.trim());
                    for expected in text.lines().filter(|line| !left_out(line)) {
                        let there = part.lines().any(|line| line.trim() == expected.trim());
                        assert!(there, "{name}:{line}: no line\n{expected}\nin\n{part}");
                        compared += 1;
                    }
                }
                _ => {}
            }
        }
        assert!(compared > 0, "{name}: nothing is compared");
    }

    /// What the script prints. Everything that it has started ends with it.
    #[track_caller]
    pub(crate) fn sh(&self, script: &str, within: &str) -> String {
        let path = format!("{}:{}", self.path("bin").display(), std::env::var("PATH").unwrap());
        let (out, errors) = (self.path("out.log"), self.path("errors.log"));
        let mut command = Command::new("sh");
        command.args(["-c", script]).current_dir(self.path(within)).process_group(0);
        command.env("HOME", self.directory.path()).env("PATH", path).stdin(Stdio::null());
        command.env_remove("SHUTTERLAG_IDENTITY_KEY");
        command.stdout(fs::File::create(&out).unwrap()).stderr(fs::File::create(&errors).unwrap());
        let mut child = command.spawn().unwrap();
        let group = rustix::process::Pid::from_child(&child);
        let began = Instant::now();
        let status = loop {
            if let Some(status) = child.try_wait().unwrap() {
                break Some(status);
            }
            if began.elapsed() > WITHIN {
                break None;
            }
            std::thread::sleep(Duration::from_millis(20));
        };
        // What runs in the background ends as well. Nothing may be left of the group.
        let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
        let _ = child.wait();
        let printed = fs::read_to_string(&out).unwrap();
        let errors = fs::read_to_string(&errors).unwrap();
        assert!(
            status.is_some_and(|status| status.success()),
            "{status:?} (these pages need python3, curl and openssl)\n{printed}\n{errors}"
        );
        printed
    }
}
