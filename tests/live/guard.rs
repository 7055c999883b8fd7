//! A program that never outlives these tests.
//!
//! It runs under a small shell that holds the reading end of a pipe. When the
//! test process ends, however it ends, the pipe closes and the shell kills the
//! program. A broker kept in a `static`, which is never dropped, ends in the same way.

use std::ffi::OsString;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

/// Starts the program with its output appended to the log, tells its id, and
/// ends with the program's status.
const SHELL: &str = r#"
exec 3<&0
"$@" </dev/null >>"$GUARD_LOG" 2>&1 3<&- &
program=$!
echo "$program"
( read -r _ <&3; kill -KILL "$program" 2>/dev/null ) >/dev/null 2>&1 &
watcher=$!
exec 3<&-
wait "$program"
status=$?
kill "$watcher" 2>/dev/null
exit "$status"
"#;

/// A running program.
#[derive(Debug)]
pub(crate) struct Guarded {
    shell: Child,
    pid: Pid,
    log: PathBuf,
    ended: Option<i32>,
}

impl Guarded {
    /// Starts `program`; its output is appended to `log`.
    pub(crate) fn start(
        program: &str,
        arguments: impl IntoIterator<Item = OsString>,
        environment: &[(&str, &str)],
        log: &Path,
    ) -> Guarded {
        let mut shell = Command::new("sh")
            .args(["-c", SHELL, "guard", program])
            .args(arguments)
            .envs(environment.iter().copied())
            .env("GUARD_LOG", log)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            // Shells comment on a program that was killed.
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(shell.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let pid = Pid::from_raw(line.trim().parse().unwrap()).unwrap();
        Guarded { shell, pid, log: log.to_owned(), ended: None }
    }

    /// Sends a signal, unless the program has ended.
    pub(crate) fn signal(&mut self, signal: Signal) {
        if self.status().is_none() {
            // It may end between the question and the signal.
            let _ = kill_process(self.pid, signal);
        }
    }

    /// Whether the program has taken on to handle this signal itself.
    pub(crate) fn handles(&self, signal: Signal) -> bool {
        let text = fs::read_to_string(format!("/proc/{}/status", self.pid.as_raw_nonzero()));
        let text = text.unwrap_or_default();
        let caught = text.lines().find_map(|line| line.strip_prefix("SigCgt:")).unwrap_or("0");
        let caught = u64::from_str_radix(caught.trim(), 16).unwrap();
        caught & (1 << (signal.as_raw() - 1)) != 0
    }

    /// How it ended, or `None` while it runs. Ended by a signal it has the
    /// signal's number and 128.
    pub(crate) fn status(&mut self) -> Option<i32> {
        if self.ended.is_none() {
            self.ended = self.shell.try_wait().unwrap().map(|status| status.code().unwrap_or(-1));
        }
        self.ended
    }

    /// Waits for the end; `None` if it still runs after `limit`.
    pub(crate) fn wait(&mut self, limit: Duration) -> Option<i32> {
        let began = Instant::now();
        loop {
            let status = self.status();
            if status.is_some() || began.elapsed() >= limit {
                return status;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Kills it and waits until it is gone.
    pub(crate) fn kill(&mut self) {
        self.signal(Signal::KILL);
        let ended = self.wait(Duration::from_secs(60));
        assert!(ended.is_some(), "{:?} is not gone after SIGKILL", self.pid);
    }

    /// CPU time used so far, of all its threads.
    pub(crate) fn cpu(&self) -> Duration {
        cpu_of(&self.pid.as_raw_nonzero().to_string())
    }

    /// Everything it said.
    pub(crate) fn said(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.log).unwrap_or_default()).into_owned()
    }

    /// The last of what it said, for messages.
    pub(crate) fn tail(&self) -> String {
        const LINES: usize = 40;
        let said = self.said();
        let lines: Vec<&str> = said.lines().collect();
        let from = lines.len().saturating_sub(LINES);
        format!("the last lines of {}:\n{}", self.log.display(), lines[from..].join("\n"))
    }
}

/// CPU time that a process has used, of all its threads; `self` is this one.
pub(crate) fn cpu_of(process: &str) -> Duration {
    let text = fs::read_to_string(format!("/proc/{process}/stat"));
    let Ok(text) = text else { return Duration::ZERO };
    // The name, in parentheses, may hold spaces; user and system time are
    // the 12th and 13th field behind it.
    let fields: Vec<&str> = text.rsplit(')').next().unwrap().split_whitespace().collect();
    let ticks: u64 = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
    Duration::from_millis(ticks * 1000 / rustix::param::clock_ticks_per_second())
}

impl Drop for Guarded {
    fn drop(&mut self) {
        if self.status().is_none() {
            let _ = kill_process(self.pid, Signal::KILL);
            let _ = self.shell.wait();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scratch;

    const SOON: Duration = Duration::from_secs(20);

    fn start(script: &str) -> (Guarded, tempfile::TempDir) {
        let directory = scratch::directory("guard");
        let log = directory.path().join("log");
        let arguments = ["-c".into(), script.into()];
        (Guarded::start("sh", arguments, &[("WORD", "hello")], &log), directory)
    }

    #[test]
    fn a_program_tells_its_output_and_its_end() {
        let (mut guarded, _directory) = start("echo $WORD; echo $WORD >&2; exit 7");
        assert_eq!(guarded.wait(SOON), Some(7));
        assert_eq!(guarded.said(), "hello\nhello\n");
    }

    #[test]
    fn a_program_handles_what_it_says() {
        let (mut guarded, _directory) = start("trap 'exit 3' TERM; while :; do sleep 0.1; done");
        while !guarded.handles(Signal::TERM) {
            assert_eq!(guarded.wait(Duration::from_millis(10)), None);
        }
        assert!(!guarded.handles(Signal::USR1));
        guarded.signal(Signal::TERM);
        assert_eq!(guarded.wait(SOON), Some(3));
    }

    #[test]
    fn a_program_takes_signals_even_while_it_is_frozen() {
        let (mut guarded, _directory) = start("exec sleep 1000");
        assert_eq!(guarded.wait(Duration::from_millis(100)), None);
        guarded.signal(Signal::STOP);
        guarded.kill();
        assert_eq!(guarded.status(), Some(128 + Signal::KILL.as_raw()));
    }

    #[test]
    fn a_program_ends_with_whoever_started_it() {
        let (mut guarded, _directory) = start("exec sleep 1000");
        // As when this process ends.
        drop(guarded.shell.stdin.take());
        assert_eq!(guarded.wait(SOON), Some(128 + Signal::KILL.as_raw()));
    }
}
