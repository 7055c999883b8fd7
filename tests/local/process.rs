//! `shutterlag run` on a local file: started, asked, stopped, killed.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// The identity key of all tests.
pub(crate) const KEY: &str = "the key of these tests";
/// How long a start may take.
const STARTS_WITHIN: Duration = Duration::from_secs(30);

/// A directory with a store and a configuration.
pub(crate) struct Place {
    directory: TempDir,
}

/// A running program. It is killed when this is dropped.
pub(crate) struct Program {
    child: Child,
    pub(crate) address: String,
}

/// What the server answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Place {
    /// A new place whose configuration has `more` in it.
    pub(crate) fn new(more: &str) -> Place {
        let place = Place { directory: tempfile::tempdir().unwrap() };
        place.configure(more);
        place
    }

    pub(crate) fn configure(&self, more: &str) {
        let text = format!("http.listen = \"127.0.0.1:0\"\n{more}");
        fs::write(self.path("shutterlag.toml"), text).unwrap();
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub(crate) fn store(&self) -> PathBuf {
        self.path("shutterlag.db")
    }

    /// The program with these arguments, in this place.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_shutterlag"));
        command.args(arguments).current_dir(&self.directory).env("SHUTTERLAG_IDENTITY_KEY", KEY);
        command
    }

    /// Starts a run and waits until it serves.
    #[track_caller]
    pub(crate) fn start(&self) -> Program {
        Program::of(self.command(&["run", "--config", "shutterlag.toml"]))
    }

    /// Starts a run whose standard output nobody reads, and waits until it serves.
    #[track_caller]
    pub(crate) fn start_unread(&self) -> Program {
        let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut command = self.command(&["run", "--config", "shutterlag.toml"]);
        command.env("SHUTTERLAG__HTTP__LISTEN", &free).stdout(writer).stderr(Stdio::null());
        let program = Program { child: command.spawn().unwrap(), address: free };
        program.until_ready();
        program
    }

    /// Starts a run that has to refuse, and returns what it says.
    #[track_caller]
    pub(crate) fn refuses(&self) -> String {
        self.fails(&["run", "--config", "shutterlag.toml"])
    }

    /// Runs a command that has to fail, and returns what it says.
    #[track_caller]
    pub(crate) fn fails(&self, arguments: &[&str]) -> String {
        let mut command = self.command(arguments);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let began = Instant::now();
        while child.try_wait().unwrap().is_none() {
            if began.elapsed() > STARTS_WITHIN {
                child.kill().unwrap();
                panic!("it was not refused");
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        let done = child.wait_with_output().unwrap();
        let said = String::from_utf8(done.stderr).unwrap();
        assert_eq!(done.status.code(), Some(1), "{said}");
        assert!(!said.contains("panicked"), "{said}");
        said
    }

    /// Runs a command that has to succeed, and returns what it prints.
    #[track_caller]
    pub(crate) fn prints(&self, arguments: &[&str]) -> String {
        let done = self.command(arguments).output().unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8(done.stdout).unwrap()
    }
}

impl Program {
    #[track_caller]
    pub(crate) fn of(mut command: Command) -> Program {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let address = loop {
            let Some(line) = lines.next() else {
                let mut said = String::new();
                child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
                panic!("it did not start: {said}");
            };
            if let Some((_, rest)) = line.unwrap().split_once("the board      http://") {
                break rest.trim_end_matches('/').to_owned();
            }
        };
        // Nobody reads them any more, and a full pipe would stop the program.
        std::thread::spawn(move || lines.for_each(drop));
        let mut errors = child.stderr.take().unwrap();
        std::thread::spawn(move || std::io::copy(&mut errors, &mut std::io::sink()));
        let program = Program { child, address };
        program.until_ready();
        program
    }

    /// Lifts the limit on the size of files that it was started with.
    pub(crate) fn may_write_large_files(&self) {
        use rustix::process::{Resource, Rlimit, prlimit};
        let id = rustix::process::Pid::from_child(&self.child);
        let none = Rlimit { current: None, maximum: None };
        prlimit(Some(id), Resource::Fsize, none).unwrap();
    }

    #[track_caller]
    pub(crate) fn until_ready(&self) {
        let began = Instant::now();
        while self.try_get("/readyz").is_none_or(|answer| answer.status != 200) {
            assert!(began.elapsed() < STARTS_WITHIN, "not ready: {:?}", self.try_get("/readyz"));
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Ends it without a word.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Asks it to stop, and waits until it has.
    #[track_caller]
    pub(crate) fn stop(mut self) {
        let id = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(id, rustix::process::Signal::TERM).unwrap();
        assert!(self.child.wait().unwrap().success());
    }

    #[track_caller]
    pub(crate) fn get(&self, path: &str) -> Answer {
        self.try_get(path).expect("an answer")
    }

    fn try_get(&self, path: &str) -> Option<Answer> {
        self.send(
            &format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"),
            b"",
        )
    }

    /// Delivers a body with these headers.
    pub(crate) fn post(&self, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Option<Answer> {
        let headers: String =
            headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nContent-Length: {}\r\n\
             {headers}\r\n",
            body.len()
        );
        self.send(&head, body)
    }

    /// Delivers native events; `true` when they are durable.
    pub(crate) fn deliver(&self, events: &[u8]) -> bool {
        self.post("/in/events", &[], events).is_some_and(|answer| answer.status == 200)
    }

    fn send(&self, head: &str, body: &[u8]) -> Option<Answer> {
        let mut stream = TcpStream::connect(&self.address).ok()?;
        stream.set_read_timeout(Some(Duration::from_secs(30))).ok()?;
        stream.write_all(head.as_bytes()).ok()?;
        // An answer may come before the body was taken.
        let _ = stream.write_all(body);
        let mut bytes = Vec::new();
        let _ = stream.read_to_end(&mut bytes);
        let text = String::from_utf8(bytes).ok()?;
        let (head, body) = text.split_once("\r\n\r\n")?;
        let status = head.split(' ').nth(1)?.parse().ok()?;
        Some(Answer { status, head: head.to_ascii_lowercase(), body: body.to_owned() })
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The native events of a simulated organisation, one in a line, in the order of delivery.
pub(crate) fn simulated(place: &Place, options: &[&str]) -> Vec<String> {
    let out = place.path("simulated");
    let mut arguments = vec!["simulate", "--out", out.to_str().unwrap()];
    arguments.extend_from_slice(options);
    place.prints(&arguments);
    let path = if out.is_dir() { out.join("events.ndjson") } else { out };
    lines(&path)
}

pub(crate) fn lines(path: &Path) -> Vec<String> {
    fs::read_to_string(path).unwrap().lines().map(str::to_owned).collect()
}

/// A number from the environment, or else another one.
pub(crate) fn from_environment<T: std::str::FromStr>(name: &str, otherwise: T) -> T {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}
