//! What cannot be read: told in its place, and the rest read all the same.

use std::fs;
use std::path::PathBuf;

use shutterlag::config::Limits;
use shutterlag::formats::RejectReason;
use shutterlag::runtime::input::{Chunk, Input, Inputs};

use super::{Found, Trickle, drain, gzip, read, record, zstd};

const LINES: &str = "{\"a\":1}\n{\"b\":2}\n{\"c\":3}\n";

fn unreadable(line: Option<u64>) -> Found {
    Found::Fault(line, RejectReason::Unreadable)
}

#[test]
fn inputs_are_read_in_order_past_those_that_cannot_be() {
    let folder = tempfile::tempdir().unwrap();
    let first = folder.path().join("first.ndjson");
    let last = folder.path().join("last");
    fs::write(&first, "{\"a\":1}").unwrap();
    fs::write(&last, gzip(b"\n{\"b\":2}")).unwrap();
    let paths = [first, folder.path().join("absent"), folder.path().to_owned(), last];
    let size = fs::metadata(&paths[0]).unwrap().len() + fs::metadata(&paths[3]).unwrap().len();
    let mut inputs = Inputs::new(paths.map(Input::from).into(), Limits::DEFAULT);
    assert!(inputs.name(1).ends_with("absent"));
    let progress = inputs.progress();
    assert_eq!((progress.read_bytes(), progress.total_bytes()), (0, Some(size)));
    let expected = [
        (0, record(1, r#"{"a":1}"#)),
        (1, unreadable(None)),
        (2, unreadable(None)),
        (3, record(2, r#"{"b":2}"#)),
    ];
    assert_eq!(drain(&mut inputs), expected);
    assert_eq!(progress.read_bytes(), size);
}

#[test]
fn a_fault_says_what_the_system_said() {
    let mut inputs = Inputs::new(vec![PathBuf::from("no/such/file").into()], Limits::DEFAULT);
    let chunk = inputs.next_chunk(Chunk::default()).unwrap();
    let fault = chunk.faults().next().unwrap();
    assert!(fault.rejection.detail.contains("No such file"), "{}", fault.rejection);
    assert!(inputs.next_chunk(chunk).is_none());
}

#[test]
fn a_stream_has_no_size() {
    let inputs = Inputs::new(vec![PathBuf::from("-").into()], Limits::DEFAULT);
    assert_eq!(inputs.name(0), "stdin");
    assert_eq!(inputs.progress().total_bytes(), None);
}

#[test]
fn a_stream_that_breaks_gives_what_came_before() {
    let cases = [
        (LINES, 3),
        ("{\"a\":1}\n{\"b\":{}", 1),
        ("{\"a\":1}\ngarb", 1),
        ("[{\"a\":1},{\"b\"", 1),
        ("[{\"a\":1},", 1),
        ("{\"cut\":[\n{\"b\":1}\n", 2),
    ];
    for (text, records) in cases {
        let mut source = Trickle::of(text, &[3]);
        source.fails = true;
        let mut inputs = Inputs::new(vec![source.input()], Limits::DEFAULT);
        let found = drain(&mut inputs);
        assert_eq!(found.len(), records + 1, "{found:?}");
        let line = 1 + text.matches('\n').count() as u64;
        assert_eq!(found[records], (0, unreadable(Some(line))));
    }
}

#[test]
fn a_whole_object_before_the_break_counts() {
    let mut source = Trickle::of("{\"a\":1}\n{\"b\":{}}", &[3]);
    source.fails = true;
    let found = drain(&mut Inputs::new(vec![source.input()], Limits::DEFAULT));
    assert_eq!(found.len(), 3);
}

/// Cuts `packed` everywhere behind its magic bytes: the records are the first
/// few, and there is one fault, on the line of the last or the one behind.
fn cut_everywhere(packed: &[u8], magic: usize) {
    let whole = read(LINES);
    assert_eq!(read(packed), whole);
    for cut in magic..packed.len() {
        let mut found = read(&packed[..cut]);
        let fault = found.pop();
        assert!(found.len() <= whole.len() && found == whole[..found.len()], "cut at {cut}");
        let Some(Found::Fault(Some(line), RejectReason::Unreadable)) = fault else {
            panic!("cut at {cut}: {fault:?}");
        };
        // A whole object counts even when its newline is lost.
        let records = found.len() as u64;
        assert!(line >= 1 && (records..=records + 1).contains(&line), "cut at {cut}");
    }
}

#[test]
fn gzip_cut_at_any_byte_gives_what_came_before_and_a_fault() {
    cut_everywhere(&gzip(LINES.as_bytes()), 2);
}

#[test]
fn zstd_cut_at_any_byte_gives_what_came_before_and_a_fault() {
    cut_everywhere(&zstd(LINES.as_bytes()), 4);
}

#[test]
fn damage_in_a_later_member_leaves_the_earlier_ones() {
    for pack in [gzip, zstd] {
        let mut packed = pack(LINES.as_bytes());
        let whole = packed.len();
        packed.extend(pack(b"{\"d\":4}\n"));
        for byte in &mut packed[whole..] {
            *byte ^= 0x55;
        }
        let found = read(packed);
        assert_eq!(found[..3], read(LINES));
        assert_eq!(found[3..], [unreadable(Some(4))]);
    }
}

#[test]
fn a_skippable_frame_may_come_first() {
    let mut packed = vec![0x50, 0x2A, 0x4D, 0x18, 3, 0, 0, 0, 1, 2, 3];
    packed.extend(zstd(LINES.as_bytes()));
    assert_eq!(read(packed), read(LINES));
}

#[test]
fn reading_may_move_to_another_thread() {
    let source = Trickle::of(LINES, &[5]).input();
    let mut inputs = Inputs::new(vec![source], Limits::DEFAULT);
    let found = std::thread::spawn(move || drain(&mut inputs)).join().unwrap();
    assert_eq!(found.len(), 3);
}
