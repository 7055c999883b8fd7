//! What can be wrong with the file, the disk and the clock: one clear error each, and nothing
//! that was answered is lost.

use std::fs;

use rusqlite::Connection;

use crate::equal::{LIVE_RULES, assert_equal_ledgers, column};
use crate::process::{Place, Program, simulated};

/// A place whose store holds some windows.
fn filled() -> Place {
    let place = Place::new(LIVE_RULES);
    let events = simulated(&place, &["--events", "300", "--seed", "3"]).join("\n");
    fs::write(place.path("events.ndjson"), &events).unwrap();
    let program = place.start();
    assert!(program.deliver(events.as_bytes()));
    program.stop();
    place
}

#[test]
fn a_second_process_is_refused() {
    let place = filled();
    let program = place.start();
    let said = place.refuses();
    assert!(said.contains("another process uses it"), "{said}");
    assert_eq!(program.get("/healthz").status, 200);
    program.stop();
    place.start().stop();
}

#[test]
fn nobody_has_to_read_what_a_service_prints() {
    let program = Place::new("").start_unread();
    assert_eq!(program.get("/healthz").status, 200);
    program.stop();
}

#[test]
fn another_identity_key_is_refused() {
    let place = filled();
    let mut command = place.command(&["run", "--config", "shutterlag.toml"]);
    let done = command.env("SHUTTERLAG_IDENTITY_KEY", "another key of 16+").output().unwrap();
    let said = String::from_utf8(done.stderr).unwrap();
    assert!(!done.status.success() && said.contains("another identity key"), "{said}");
    assert!(!said.contains("another key of 16+"), "{said}");
}

#[test]
fn a_key_is_made_once_and_only_for_its_owner() {
    use std::os::unix::fs::PermissionsExt;
    let place = Place::new("");
    let key = || {
        let mut command = place.command(&["run", "--config", "shutterlag.toml"]);
        command.env_remove("SHUTTERLAG_IDENTITY_KEY");
        Program::of(command).stop();
        fs::read_to_string(place.path("shutterlag.db.key")).unwrap()
    };
    let first = key();
    assert_eq!(key(), first);
    for name in ["shutterlag.db.key", "shutterlag.db"] {
        let mode = fs::metadata(place.path(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
}

#[test]
fn a_store_without_its_key_gets_no_new_one() {
    let place = Place::new("");
    let start = || {
        let mut command = place.command(&["run", "--config", "shutterlag.toml"]);
        command.env_remove("SHUTTERLAG_IDENTITY_KEY");
        command
    };
    Program::of(start()).stop();
    let key = place.path("shutterlag.db.key");
    let kept = fs::read(&key).unwrap();
    fs::remove_file(&key).unwrap();
    let done = start().output().unwrap();
    let said = String::from_utf8(done.stderr).unwrap();
    assert_eq!(done.status.code(), Some(1), "{said}");
    assert!(said.contains("shutterlag.db.key: the key of shutterlag.db is not there"), "{said}");
    assert!(!key.exists());
    fs::write(&key, kept).unwrap();
    Program::of(start()).stop();
}

#[test]
fn a_first_start_that_fails_leaves_nothing_behind() {
    let place = Place::new("");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    fs::write(place.path("shutterlag.toml"), format!("http.listen = \"{address}\"\n")).unwrap();
    let fails = || {
        let mut command = place.command(&["run", "--config", "shutterlag.toml"]);
        let done = command.env_remove("SHUTTERLAG_IDENTITY_KEY").output().unwrap();
        let said = String::from_utf8(done.stderr).unwrap();
        assert!(done.status.code() == Some(1) && said.contains("cannot listen"), "{said}");
    };
    let names = || {
        let entries = fs::read_dir(place.path(".")).unwrap();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    };
    fails();
    assert_eq!(names(), ["shutterlag.toml"]);
    // A store that is there already stays whole.
    place.configure("");
    let mut command = place.command(&["run", "--config", "shutterlag.toml"]);
    command.env_remove("SHUTTERLAG_IDENTITY_KEY");
    Program::of(command).stop();
    let kept = names();
    fs::write(place.path("shutterlag.toml"), format!("http.listen = \"{address}\"\n")).unwrap();
    fails();
    assert_eq!(names(), kept);
}

#[test]
fn an_export_makes_a_file_only_for_a_store_and_only_for_its_owner() {
    use std::os::unix::fs::PermissionsExt;
    let place = filled();
    let said = place.fails(&["export", "--store", "nowhere.db", "--out", "out.ndjson"]);
    assert!(said.contains("nowhere.db: there is no such file"), "{said}");
    assert!(!place.path("out.ndjson").exists());
    let done = place.command(&["export", "--out", "out.ndjson"]).output().unwrap();
    assert!(done.status.success(), "{done:?}");
    let mode = fs::metadata(place.path("out.ndjson")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let said = place.fails(&["export", "--out", "out.ndjson"]);
    assert!(said.contains("it is there already; choose another --out"), "{said}");
}

#[test]
fn a_replay_of_a_store_tells_of_the_export() {
    let place = filled();
    let done = place.command(&["replay", "shutterlag.db"]).output().unwrap();
    let said = String::from_utf8(done.stderr).unwrap();
    assert_eq!(done.status.code(), Some(2), "{said}");
    let remedy = "shutterlag export --store shutterlag.db --out events.ndjson";
    assert!(said.contains("is a local store") && said.contains(remedy), "{said}");
}

/// Whether something is a store is found out by reading, and a pipe can be read once.
#[test]
fn a_replay_reads_a_pipe_from_its_first_byte() {
    let place = filled();
    let script = "exec \"$0\" replay <(cat events.ndjson)";
    let run = |arguments: &[&str]| {
        let mut command = std::process::Command::new("bash");
        let done = command.args(arguments).current_dir(place.path(".")).output().unwrap();
        assert!(done.status.success(), "{done:?}");
        String::from_utf8(done.stdout).unwrap()
    };
    let program = env!("CARGO_BIN_EXE_shutterlag");
    let piped = run(&["-c", script, program]);
    assert_eq!(piped, run(&["-c", "exec \"$0\" replay events.ndjson", program]));
}

#[test]
fn a_reader_of_an_export_may_go_away() {
    let place = filled();
    let mut command = place.command(&["export"]);
    let piped = std::process::Stdio::piped;
    let mut child = command.stdout(piped()).stderr(piped()).spawn().unwrap();
    drop(child.stdout.take());
    let done = child.wait_with_output().unwrap();
    assert!(done.status.success() && done.stderr.is_empty(), "{done:?}");
}

#[test]
fn a_file_of_another_version_is_refused() {
    let place = filled();
    let store = Connection::open(place.store()).unwrap();
    store.pragma_update(None, "user_version", 99).unwrap();
    let before = fs::read(place.store()).unwrap();
    let said = place.refuses();
    assert!(said.contains("newer version"), "{said}");
    assert!(place.fails(&["export"]).contains("newer version"));
    assert_eq!(fs::read(place.store()).unwrap(), before);
    store.pragma_update(None, "user_version", 0).unwrap();
    drop(store);
    let said = place.refuses();
    assert!(said.contains("an older version") && said.contains("shutterlag export"), "{said}");
}

#[test]
fn what_is_no_database_or_another_one_is_refused_and_left_alone() {
    let place = Place::new("");
    let text = "not a database, but somebody's notes of more than a hundred bytes ".repeat(20);
    fs::write(place.store(), &text).unwrap();
    let said = place.refuses();
    assert!(said.contains("not a database"), "{said}");
    assert_eq!(fs::read_to_string(place.store()).unwrap(), text);
    fs::remove_file(place.store()).unwrap();
    let other = Connection::open(place.store()).unwrap();
    other.execute_batch("CREATE TABLE notes (note TEXT)").unwrap();
    drop(other);
    let before = fs::read(place.store()).unwrap();
    let said = place.refuses();
    assert!(said.contains("not one of shutterlag"), "{said}");
    assert_eq!(fs::read(place.store()).unwrap(), before);
}

#[test]
fn a_truncated_file_is_refused() {
    let place = filled();
    let length = fs::metadata(place.store()).unwrap().len();
    let file = fs::OpenOptions::new().write(true).open(place.store()).unwrap();
    file.set_len(length / 2 / 4096 * 4096).unwrap();
    let said = place.refuses();
    assert!(said.contains("restore a backup"), "{said}");
}

/// Findings are not read at the start, so the check that goes on while the run serves has to
/// find this.
#[test]
fn damage_that_nobody_reads_ends_the_run() {
    let place = filled();
    let store = Connection::open(place.store()).unwrap();
    let number = |sql: &str| -> u32 { store.query_row(sql, [], |row| row.get(0)).unwrap() };
    let page = number("SELECT rootpage FROM sqlite_schema WHERE name = 'findings'");
    let bytes = number("PRAGMA page_size");
    drop(store);
    let mut file = fs::read(place.store()).unwrap();
    let at = ((page - 1) * bytes) as usize;
    file[at..at + 8].fill(0xff);
    fs::write(place.store(), file).unwrap();
    let said = place.refuses();
    assert!(said.contains("shutterlag.db: it is damaged"), "{said}");
    assert!(said.contains("restore a backup"), "{said}");
}

/// A flipped bit is found at the start or when its row is read, or lies where nothing is.
#[test]
fn flipped_bits_are_found_or_change_nothing() {
    let place = filled();
    let good = fs::read(place.store()).unwrap();
    let (mut refused, mut same) = (0, 0);
    for step in 0..60 {
        let at = 100 + step * (good.len() - 100) / 60;
        let mut bad = good.clone();
        bad[at] ^= 1 << (step % 8);
        fs::write(place.store(), &bad).unwrap();
        for beside in ["shutterlag.db-wal", "shutterlag.db-shm"] {
            let _ = fs::remove_file(place.path(beside));
        }
        let mut command = place.command(&["run", "--config", "shutterlag.toml"]);
        command.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::piped());
        let mut child = command.spawn().unwrap();
        std::thread::sleep(std::time::Duration::from_millis(400));
        if let Some(status) = child.try_wait().unwrap() {
            assert_eq!(status.code(), Some(1));
            let mut said = String::new();
            std::io::Read::read_to_string(&mut child.stderr.take().unwrap(), &mut said).unwrap();
            assert!(said.contains("shutterlag.db: ") && !said.contains("panicked"), "{said}");
            refused += 1;
            continue;
        }
        child.kill().unwrap();
        child.wait().unwrap();
        // Rows of long ago are looked at when they are read; what is read is what was written.
        let reads = [&["export"][..], &["report", "shutterlag.db"]];
        let read = |arguments: &&[&str]| place.command(arguments).output().unwrap();
        let (good, bad): (Vec<_>, Vec<_>) =
            reads.iter().map(read).partition(|done| done.status.success());
        for done in &bad {
            let said = String::from_utf8_lossy(&done.stderr);
            assert!(said.contains("restore a backup") && !said.contains("panicked"), "{said}");
        }
        if good.len() == reads.len() {
            assert_equal_ledgers(&place, &place.path("events.ndjson"), false);
            same += 1;
        } else {
            refused += 1;
        }
    }
    println!("{refused} refused, {same} without effect");
    assert!(refused > 20, "{refused} of 60");
}

#[test]
fn a_clock_behind_the_store_is_told() {
    let place = filled();
    let store = Connection::open(place.store()).unwrap();
    store.execute_batch("UPDATE window_state SET time = time + 86400000").unwrap();
    drop(store);
    let said = place.refuses();
    assert!(said.contains("ahead of this machine's clock"), "{said}");
}

#[test]
fn a_directory_that_is_not_there_or_not_writable_is_told() {
    let place = Place::new("store.path = \"nowhere/shutterlag.db\"\n");
    let said = place.refuses();
    assert!(said.contains("directory does not exist"), "{said}");
}

/// A full disk, in the form of a limit on the size of files: what is not answered is not
/// kept, what was answered stays, and it goes on by itself when there is room.
#[test]
fn a_full_disk_refuses_and_loses_nothing() {
    let place = Place::new(LIVE_RULES);
    let events = simulated(&place, &["--events", "4000", "--seed", "4"]);
    // In KiB: enough for the tables and some of the events.
    let limited = "trap '' XFSZ; ulimit -S -f 1500; exec \"$0\" run --config shutterlag.toml";
    let mut command = std::process::Command::new("bash");
    command
        .args(["-c", limited, env!("CARGO_BIN_EXE_shutterlag")])
        .current_dir(place.path("."))
        .env("SHUTTERLAG_IDENTITY_KEY", crate::process::KEY);
    let program = Program::of(command);
    let mut answered = Vec::new();
    let mut refused = 0;
    for chunk in events.chunks(100) {
        let answer = program.post("/in/events", &[], chunk.join("\n").as_bytes()).unwrap();
        match answer.status {
            200 => answered.extend_from_slice(chunk),
            503 => {
                assert!(answer.head.contains("retry-after"), "{answer:?}");
                refused += 1;
                if refused > 3 {
                    break;
                }
            }
            _ => panic!("{answer:?}"),
        }
    }
    assert!(refused > 0 && !answered.is_empty(), "{refused} refused, {} taken", answered.len());
    // Nobody has to deliver anything for it to know.
    for _ in 0..20 {
        let ready = program.get("/readyz");
        assert_eq!(ready.status, 503, "{ready:?}");
        assert!(ready.body.contains("deliveries cannot be made durable"), "{ready:?}");
        assert!(ready.body.contains("shutterlag.db: writing to it"), "{ready:?}");
        assert_eq!(program.get("/healthz").status, 200);
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    let path = place.path("answered.ndjson");
    fs::write(&path, answered.join("\n")).unwrap();
    assert_equal_ledgers(&place, &path, false);
    // There is room again.
    program.may_write_large_files();
    program.until_ready();
    assert!(program.deliver(events[0].as_bytes()));
    program.kill();
    let program = place.start();
    for chunk in events.chunks(500) {
        assert!(program.deliver(chunk.join("\n").as_bytes()));
    }
    program.stop();
    fs::write(&path, events.join("\n")).unwrap();
    assert_equal_ledgers(&place, &path, false);
}

#[test]
fn another_program_that_writes_is_told_and_outlived() {
    let place = Place::new(LIVE_RULES);
    let events = simulated(&place, &["--events", "20", "--seed", "3"]).join("\n");
    let program = place.start();
    let other = Connection::open(place.store()).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let answer = program.post("/in/events", &[], events.as_bytes()).unwrap();
    assert_eq!(answer.status, 503, "{answer:?}");
    let ready = program.get("/readyz");
    assert_eq!(ready.status, 503, "{ready:?}");
    assert!(ready.body.contains("another program writes to it"), "{ready:?}");
    other.execute_batch("ROLLBACK").unwrap();
    program.until_ready();
    assert!(program.deliver(events.as_bytes()));
    program.stop();
    fs::write(place.path("events.ndjson"), &events).unwrap();
    assert_equal_ledgers(&place, &place.path("events.ndjson"), false);
}

#[test]
fn no_secret_is_in_the_file() {
    let place = Place::new("");
    let program = place.start();
    let canary = "ghp_CANARYcanaryCANARYcanaryCANARYcanary12";
    for body in [
        format!(
            r#"{{"RuleID":"github-pat","Secret":"{canary}","Match":"{canary}","File":"a.txt","StartLine":1,"Commit":"c","Date":"2026-03-02T12:00:00Z","Fingerprint":"c:a.txt:github-pat:1"}}"#
        ),
        format!("{canary}\n{{\"type\":\"{canary}\"}}\n{{\"x\": {canary}"),
    ] {
        let answer = program.post("/in/events", &[], body.as_bytes()).unwrap();
        assert_eq!(answer.status, 200, "{answer:?}");
        assert!(!answer.body.contains("CANARY"));
    }
    program.stop();
    assert_eq!(column(&place, "SELECT event FROM events").len(), 1);
    for entry in fs::read_dir(place.path(".")).unwrap() {
        let path = entry.unwrap().path();
        let bytes = fs::read(&path).unwrap();
        let found = bytes.windows(6).any(|part| part == b"CANARY");
        assert!(!found, "{}", path.display());
    }
}
