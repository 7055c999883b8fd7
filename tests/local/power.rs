//! A power cut loses nothing that was answered.
//!
//! A run is traced: each write to the store, each sync, each answer. Then the power is cut at
//! random places of the trace. What was written since the last sync of a file may have reached
//! the disk, may not, or may have reached it in part, and in any order.
//!
//! `SHUTTERLAG_POWER_CUTS` sets how often, `SHUTTERLAG_LOCAL_SEED` where.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use rand::{RngExt as _, SeedableRng};
use rand_pcg::Pcg64;
use rusqlite::Connection;

use crate::equal::LIVE_RULES;
use crate::process::{KEY, Place, Program, from_environment};

/// Cuts where nobody asks for more.
const CUTS: usize = 25;
/// Deliveries of the traced run: enough for SQLite to move its log into the file in between.
const DELIVERIES: usize = 250;
/// Events of a delivery, each of a credential of its own.
const EVENTS: usize = 40;
/// A disk writes these bytes as a whole, or not at all.
const SECTOR: usize = 512;

/// One note of the trace; see `trace.c`.
#[derive(Debug)]
enum Note {
    Write { file: usize, offset: usize, bytes: Vec<u8> },
    Sync { file: usize },
    Truncate { file: usize, length: usize },
    Answer,
}

fn notes(trace: &[u8]) -> Vec<Note> {
    let mut rest = trace;
    let mut notes = Vec::new();
    while let Some((head, after)) = rest.split_at_checked(24) {
        let number = |at: usize, length: usize| {
            let bytes = &head[at..at + length];
            bytes.iter().rev().fold(0_usize, |all, byte| all << 8 | usize::from(*byte))
        };
        let (operation, file) = (number(0, 4), number(4, 4).wrapping_sub(1));
        let (offset, length) = (number(8, 8), number(16, 8));
        let (bytes, after) = after.split_at(length);
        notes.push(match operation {
            1 => Note::Write { file, offset, bytes: bytes.to_vec() },
            2 => Note::Sync { file },
            3 => Note::Truncate { file, length: offset },
            4 => Note::Answer,
            _ => panic!("operation {operation}"),
        });
        rest = after;
    }
    notes
}

/// What the disk holds of a file, and what it was told since the last sync.
#[derive(Default)]
struct Disk<'n> {
    synced: Vec<u8>,
    unsynced: Vec<&'n Note>,
}

impl<'n> Disk<'n> {
    fn sync(&mut self) {
        for note in std::mem::take(&mut self.unsynced) {
            apply(&mut self.synced, note, |_| true);
        }
    }

    /// What is left after a power cut.
    fn cut(&self, dice: &mut Pcg64) -> Vec<u8> {
        let mut left = self.synced.clone();
        // A disk that wrote nearly everything, nearly nothing, or something in between.
        let share = [0.02, 0.5, 0.98][dice.random_range(0..3)];
        for note in &self.unsynced {
            if matches!(note, Note::Truncate { .. }) && !dice.random_bool(share) {
                continue;
            }
            apply(&mut left, note, |_| dice.random_bool(share));
        }
        left
    }
}

fn apply(file: &mut Vec<u8>, note: &Note, mut reached: impl FnMut(usize) -> bool) {
    match note {
        Note::Write { offset, bytes, .. } => {
            for (number, sector) in bytes.chunks(SECTOR).enumerate() {
                if reached(number) {
                    let at = offset + number * SECTOR;
                    let end = at + sector.len();
                    file.resize(file.len().max(end), 0);
                    file[at..end].copy_from_slice(sector);
                }
            }
        }
        Note::Truncate { length, .. } => file.resize(*length, 0),
        Note::Sync { .. } | Note::Answer => {}
    }
}

/// The body of a delivery.
fn delivery(number: usize) -> String {
    let event = |event: usize| {
        format!(
            r#"{{"id":"e-{number}-{event}","type":"leak.detected","time":"2026-03-02T12:00:00Z","credential_id":"key-{number}-{event}","workflow":"secret_exposure"}}"#
        )
    };
    (0..EVENTS).map(event).collect::<Vec<_>>().join("\n")
}

/// Runs the program under the tracer, and returns the trace.
fn traced(place: &Place) -> Vec<u8> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/local/trace.c");
    let library = place.path("trace.so");
    let compiled = Command::new("cc")
        .args(["-shared", "-fPIC", "-O1", "-o"])
        .args([library.as_path(), source.as_path()])
        .output()
        .expect("a C compiler, with which SQLite was compiled");
    assert!(compiled.status.success(), "{compiled:?}");
    let trace = place.path("trace");
    let mut command = place.command(&["run", "--config", "shutterlag.toml"]);
    command.env("LD_PRELOAD", &library).env("SHUTTERLAG_TRACE", &trace);
    let program = Program::of(command);
    for number in 0..DELIVERIES {
        assert!(program.deliver(delivery(number).as_bytes()));
    }
    program.kill();
    fs::read(trace).unwrap()
}

#[test]
fn what_was_answered_outlives_a_power_cut() {
    let cuts = from_environment("SHUTTERLAG_POWER_CUTS", CUTS);
    let seed: u64 = from_environment("SHUTTERLAG_LOCAL_SEED", 1);
    println!("seed {seed}, {cuts} cuts");
    let place = Place::new(LIVE_RULES);
    let trace = traced(&place);
    let notes = notes(&trace);
    let answers = notes.iter().filter(|note| matches!(note, Note::Answer)).count();
    assert_eq!(answers, DELIVERIES);
    // The tables are made with the first answers; before them there is nothing to lose.
    let first = notes.iter().position(|note| matches!(note, Note::Answer)).unwrap();
    let moved = |note: &Note| matches!(note, Note::Write { file: 0, .. });
    assert!(notes[first..].iter().any(moved), "the log was never moved into the file");

    let mut dice = Pcg64::seed_from_u64(seed);
    let mut at: BTreeSet<usize> = BTreeSet::new();
    while at.len() < cuts {
        at.insert(dice.random_range(first..=notes.len()));
    }
    let (mut disks, mut answered) = ([Disk::default(), Disk::default()], 0);
    for (number, note) in notes.iter().enumerate() {
        if at.contains(&number) {
            let left = disks.each_ref().map(|disk| disk.cut(&mut dice));
            assert_whole(&left, answered, &format!("seed {seed}, note {number}"));
        }
        match note {
            Note::Write { file, .. } | Note::Truncate { file, .. } => {
                disks[*file].unsynced.push(note);
            }
            Note::Sync { file } => disks[*file].sync(),
            Note::Answer => answered += 1,
        }
    }
}

/// Asserts that a store that a power cut left is whole, and holds the first `answered`
/// deliveries, and each of the others wholly or not at all.
fn assert_whole([database, log]: &[Vec<u8>; 2], answered: usize, which: &str) {
    let place = Place::new(LIVE_RULES);
    fs::write(place.store(), database).unwrap();
    fs::write(place.path("shutterlag.db-wal"), log).unwrap();
    let store = Connection::open(place.store()).unwrap();
    let text = |sql: &str| -> String { store.query_row(sql, [], |row| row.get(0)).unwrap() };
    assert_eq!(text("PRAGMA integrity_check"), "ok", "{which}");
    let mut kept = BTreeSet::new();
    let mut rows = store.prepare("SELECT event ->> 'id' FROM events").unwrap();
    for id in rows.query_map([], |row| row.get::<_, String>(0)).unwrap() {
        assert!(kept.insert(id.unwrap()), "{which}: an event that is there twice");
    }
    let whole = kept.len() / EVENTS;
    assert!(whole >= answered, "{which}: {answered} answered, {whole} kept");
    for number in 0..whole {
        let all = (0..EVENTS).all(|event| kept.contains(&format!("e-{number}-{event}")));
        assert!(all, "{which}: delivery {number} of {answered} answered");
    }
    assert_eq!(kept.len(), whole * EVENTS, "{which}: a part of a delivery");
    for table in ["windows", "window_state"] {
        let rows = text(&format!("SELECT CAST(count(*) AS TEXT) FROM {table}"));
        assert_eq!(rows, kept.len().to_string(), "{which}: {table}");
    }
    drop(rows);
    drop(store);
    // The program takes it as it is, too.
    if answered.is_multiple_of(8) {
        let mut command = place.command(&["run", "--config", "shutterlag.toml"]);
        command.env("SHUTTERLAG_IDENTITY_KEY", KEY);
        let program = Program::of(command);
        assert!(program.deliver(delivery(DELIVERIES).as_bytes()));
        program.stop();
    }
}
