//! Limits: exact at the boundary, and no memory beyond them.

use std::io::{self, Read};

use shutterlag::formats::RejectReason;
use shutterlag::runtime::input::{Chunk, Input, Inputs};

use super::{Found, limits, read_with, record};

fn too_large(line: u64) -> Found {
    Found::Fault(Some(line), RejectReason::TooLarge)
}

#[test]
fn the_limit_is_exact_and_counts_no_blanks_around() {
    let object = r#"{"a":12345}"#;
    let indented = "{\n\"a\":123\n}";
    let garbage = "elevenbytes";
    for text in [object, indented, garbage] {
        for framed in [format!("{text}\r\n"), format!("  {text}  \t"), format!("[{text}]")] {
            let found = read_with(framed.clone(), limits(11), 7, &[2]);
            assert!(matches!(&found[..], [Found::Record(1, _)]), "{framed:?}: {found:?}");
            assert_eq!(
                read_with(framed.clone(), limits(10), 7, &[2]),
                [too_large(1)],
                "{framed:?}"
            );
        }
    }
}

#[test]
fn many_blanks_behind_an_element_count_the_same_however_it_is_read() {
    for (element, end) in [("{", "]"), ("x", ","), ("x", "]"), ("{\"a\":1", "]")] {
        let text = format!("[{element}{}{end}", " ".repeat(5_000));
        let whole = read_with(text.clone(), limits(10), 1 << 20, &[usize::MAX]);
        let piecewise = read_with(text, limits(10), 9, &[1]);
        assert_eq!(whole, piecewise, "{element} … {end}");
    }
}

#[test]
fn reading_goes_on_after_a_record_too_large() {
    let long = "x".repeat(20_000);
    let objects = [format!("{{\"a\":\"{long}\"}}"), format!("{{\n\"a\":\n\"{long}\"\n}}"), long];
    for object in objects {
        let lines = 1 + object.matches('\n').count() as u64;
        for chunk_bytes in [1, 100, 1 << 20] {
            let text = format!("{{\"b\":1}}\n{object}\n{{\"c\":2}}");
            let found = read_with(text, limits(100), chunk_bytes, &[777]);
            let rest = record(2 + lines, r#"{"c":2}"#);
            assert_eq!(found, [record(1, r#"{"b":1}"#), too_large(2), rest]);
            let text = format!("[{{\"b\":1}},{object},{{\"c\":2}}]");
            let found = read_with(text, limits(100), chunk_bytes, &[777]);
            let rest = record(lines, r#"{"c":2}"#);
            assert_eq!(found, [record(1, r#"{"b":1}"#), too_large(1), rest]);
        }
    }
}

#[test]
fn a_cut_line_too_large_costs_only_itself() {
    let text = format!("{{\"a\":\"{}\n{{\"b\":1}}\n", "x".repeat(20_000));
    assert_eq!(read_with(text, limits(100), 64, &[999]), [too_large(1), record(2, r#"{"b":1}"#)]);
}

/// The faults in 100 MB of `filler` between two records, and the most memory
/// that a chunk had for them.
fn endless(before: &str, filler: &'static [u8], after: &'static str) -> (Vec<Found>, usize) {
    struct Cycle(&'static [u8], usize);
    impl Read for Cycle {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            for byte in &mut *buffer {
                *byte = self.0[self.1];
                self.1 = (self.1 + 1) % self.0.len();
            }
            Ok(buffer.len())
        }
    }
    let source = io::Cursor::new(before.to_owned())
        .chain(Cycle(filler, 0).take(100_000_000))
        .chain(after.as_bytes());
    let input = Input::Reader("endless".to_owned(), Box::new(source));
    let mut inputs = Inputs::new(vec![input], limits(1 << 16)).chunk_bytes(1 << 16);
    let mut found = Vec::new();
    let mut capacity = 0;
    let mut spent = Chunk::default();
    while let Some(chunk) = inputs.next_chunk(spent) {
        capacity = capacity.max(chunk.capacity());
        found.extend(chunk.faults().map(|f| Found::Fault(f.line, f.rejection.reason)));
        found.extend(
            chunk
                .records()
                .map(|(place, bytes)| record(place.line, String::from_utf8_lossy(bytes))),
        );
        spent = chunk;
    }
    (found, capacity)
}

#[test]
fn a_hundred_megabytes_without_an_end_are_passed_over_in_little_memory() {
    let cases: [(&str, &'static [u8], &'static str); 7] = [
        ("", b"x", "\n{}"),
        ("", b"\0\xFF", "\n{}"),
        ("{\"a\":\"", b"x", "\"}\n{}"),
        ("{\"a\":\"", b"\\\"", "\"}\n{}"),
        ("{\"a\":", b"[", "\n{}\n{}"),
        ("[{\"a\":[", b"{},", "]},{}]"),
        ("[", b"7", ",{}]"),
    ];
    for (before, filler, after) in cases {
        let (found, capacity) = endless(before, filler, after);
        let last = if after.contains("\n{}\n") { 3 } else { 1 + u64::from(after.contains('\n')) };
        assert_eq!(found, [too_large(1), record(last, "{}")], "{before}{filler:?}…{after}");
        assert!(capacity <= 4 << 16, "{before}{filler:?}…{after} took {capacity}");
    }
}

#[test]
fn a_hundred_megabytes_of_blanks_are_nothing() {
    let (found, capacity) = endless("{}", b" \n", "{}");
    assert_eq!(found, [record(1, "{}"), record(50_000_001, "{}")]);
    assert!(capacity <= 4 << 16);
}

#[test]
fn a_hundred_megabytes_of_zeros_in_front_of_a_record_do_not_cost_it() {
    let (found, capacity) = endless("{}\n", b"\0", "{}\n\0{}");
    assert_eq!(found, [record(1, "{}"), record(2, "\0\0\0\0\0\0{}"), record(3, "\0{}")]);
    assert!(capacity <= 4 << 16);
}

#[test]
fn zeros_in_front_of_a_record_are_kept_in_pairs_however_they_are_read() {
    for (zeros, kept) in [(4, 4), (5, 5), (6, 6), (7, 5), (8, 6), (20_001, 5), (20_002, 6)] {
        let text = format!("\n{}\u{1}{{}}", "\0".repeat(zeros));
        for (chunk_bytes, reads) in [(7, [1]), (64, [3]), (1 << 20, [usize::MAX])] {
            let found = read_with(text.clone(), limits(1_000), chunk_bytes, &reads);
            assert_eq!(found, [record(2, format!("{}\u{1}{{}}", "\0".repeat(kept)))], "{zeros}");
        }
    }
}

#[test]
fn objects_on_one_line_without_end_are_all_found() {
    let count = 20_000;
    let found = read_with("{\"a\":{}} ".repeat(count), limits(1000), 4096, &[usize::MAX]);
    assert_eq!(found.len(), count);
    assert!(found.iter().all(|found| *found == record(1, "{\"a\":{}}")));
}
