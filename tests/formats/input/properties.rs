//! What holds for any input.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use serde::Serialize;
use serde_json::{Map, Value};

use shutterlag::config::Limits;
use shutterlag::formats::Utf16;

use super::{Found, gzip, limits, read_with, record, zstd};

/// Texts full of what framing looks at.
fn text() -> impl Strategy<Value = String> {
    let pieces = vec!["{", "}", "[", "]", "\"", "\\", ",", ":", "\n", "\r\n", " ", "}{", "é", "a"];
    vec(select(pieces), 0..8).prop_map(|pieces| pieces.concat())
}

fn object() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        text().prop_map(Value::from),
    ];
    let value = leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            vec((text(), inner), 0..4).prop_map(|fields| Value::Object(Map::from_iter(fields))),
        ]
    });
    vec((text(), value), 0..4).prop_map(|fields| Value::Object(Map::from_iter(fields)))
}

#[derive(Clone, Copy, Debug)]
enum Layout {
    Compact,
    Indented,
    Unindented,
}

const LAYOUTS: [Layout; 3] = [Layout::Compact, Layout::Indented, Layout::Unindented];

fn lay_out(value: &Value, layout: Layout, newline: &str) -> String {
    let text = match layout {
        Layout::Compact => value.to_string(),
        Layout::Indented => serde_json::to_string_pretty(value).unwrap(),
        Layout::Unindented => {
            let formatter = serde_json::ser::PrettyFormatter::with_indent(b"");
            let mut serializer = serde_json::Serializer::with_formatter(Vec::new(), formatter);
            value.serialize(&mut serializer).unwrap();
            String::from_utf8(serializer.into_inner()).unwrap()
        }
    };
    text.replace('\n', newline)
}

/// Packs `bytes` in two members, split at `split`.
fn pack(bytes: &[u8], packing: usize, split: usize) -> Vec<u8> {
    let (head, tail) = bytes.split_at(split % (bytes.len() + 1));
    match packing {
        0 => bytes.to_vec(),
        1 => [gzip(head), gzip(tail)].concat(),
        _ => [zstd(head), zstd(tail)].concat(),
    }
}

fn amounts() -> impl Strategy<Value = Vec<usize>> {
    prop_oneof![vec(1..4_usize, 1..4), vec(1..5000_usize, 1..4)]
}

fn sizes() -> impl Strategy<Value = usize> {
    prop_oneof![1..40_usize, 1..20_000_usize]
}

/// Lines that no JSON document has between its own: they neither end nor go on
/// with what a cut-off line began.
fn garbage() -> impl Strategy<Value = Vec<u8>> {
    let pieces: [&[u8]; 13] =
        [b"{", b"}", b"[", b"]", b"\"", b"\\", b",", b":", b" ", b"x", b"1", b"\0", b"\xFF"];
    vec(select(pieces.to_vec()), 1..10).prop_map(|pieces| pieces.concat()).prop_filter(
        "begins as the rest of a document would",
        |line| {
            let first = line.trim_ascii_start().first();
            !matches!(first, Some(b'}' | b']' | b',' | b':'))
        },
    )
}

#[derive(Clone, Debug)]
enum Line {
    Intact(Value),
    Cut(Value, usize),
    Garbage(Vec<u8>),
}

fn line() -> impl Strategy<Value = Line> {
    prop_oneof![
        object().prop_map(Line::Intact),
        (object(), any::<usize>()).prop_map(|(value, cut)| Line::Cut(value, cut)),
        garbage().prop_map(Line::Garbage),
    ]
}

/// Hostile bytes, long runs among them.
fn hostile() -> impl Strategy<Value = Vec<u8>> {
    let pieces: [&[u8]; 17] = [
        b"{",
        b"}",
        b"[",
        b"]",
        b"\"",
        b"\\",
        b",",
        b":",
        b" ",
        b"\n",
        b"\r\n",
        b"x",
        b"\0",
        b"\xFF",
        b"\n{",
        b"}\n",
        b"{\"a\":1}",
    ];
    let run = prop_oneof![8 => Just(1), 1 => Just(5000_usize)];
    vec((select(pieces.to_vec()), run), 0..40)
        .prop_map(|runs| runs.into_iter().flat_map(|(piece, run)| piece.repeat(run)).collect())
        .prop_filter("what is read as UTF-16", |bytes: &Vec<u8>| Utf16::of(bytes).is_none())
}

fn records(found: &[Found]) -> Vec<(u64, &str)> {
    let each = |found| match found {
        &Found::Record(line, ref text) => Some((line, text.as_str())),
        Found::Fault(..) => None,
    };
    found.iter().filter_map(each).collect()
}

proptest! {
    #![proptest_config(crate::seeded::cases(300))]

    #[test]
    fn objects_come_back_from_any_framing(
        objects in vec((object(), select(&LAYOUTS[..]), select(vec!["", " ", "\n", "\n\n\t"])), 0..12),
        array in any::<bool>(),
        same in proptest::option::of((select(&LAYOUTS[..]), Just("\n"))),
        newline in select(vec!["\n", "\r\n"]),
        mark in any::<bool>(),
        packing in 0..3_usize,
        split in any::<usize>(),
        chunk_bytes in sizes(),
        amounts in amounts(),
    ) {
        let mut text = String::new();
        text.push_str(if mark { "\u{feff}" } else { "" });
        text.push_str(if array { "[" } else { "" });
        let mut expected = Vec::new();
        for (index, (object, layout, gap)) in objects.iter().enumerate() {
            let (layout, gap) = same.unwrap_or((*layout, gap));
            if index > 0 && array {
                text.push(',');
            }
            text.push_str(&gap.replace('\n', newline));
            let object = lay_out(object, layout, newline);
            let line = 1 + text.matches('\n').count() as u64;
            text.push_str(&object);
            expected.push(record(line, object));
        }
        text.push_str(if array { "\n]\n" } else { "" });
        let packed = pack(text.as_bytes(), packing, split);
        let found = read_with(packed, Limits::DEFAULT, chunk_bytes, &amounts);
        prop_assert_eq!(found, expected, "{}", text);
    }

    #[test]
    fn intact_lines_come_back_from_among_garbage(
        lines in vec(line(), 1..16),
        newline in select(vec!["\n", "\r\n"]),
        chunk_bytes in sizes(),
        amounts in amounts(),
    ) {
        // The first line decides whether there is an array around all.
        let mut bytes = format!("{{}}{newline}").into_bytes();
        let mut intact = vec![(1, "{}".to_owned())];
        for (index, line) in lines.into_iter().enumerate() {
            match line {
                Line::Intact(value) => {
                    intact.push((index as u64 + 2, value.to_string()));
                    bytes.extend(value.to_string().into_bytes());
                }
                Line::Cut(value, cut) => {
                    let text = value.to_string().into_bytes();
                    bytes.extend(&text[..cut % text.len()]);
                }
                Line::Garbage(garbage) => bytes.extend(garbage),
            }
            bytes.extend(newline.as_bytes());
        }
        let found = read_with(bytes.clone(), Limits::DEFAULT, chunk_bytes, &amounts);
        let found = records(&found);
        for (line, text) in &intact {
            prop_assert!(
                found.contains(&(*line, text)),
                "line {} is missing from {:?} in {:?}",
                line, found, String::from_utf8_lossy(&bytes)
            );
        }
    }

    #[test]
    fn what_is_found_does_not_depend_on_how_it_is_read(
        bytes in hostile(),
        limit in prop_oneof![0..50_usize, 0..20_000_usize],
        chunks in (sizes(), sizes()),
        reads in (amounts(), amounts()),
    ) {
        let one = read_with(bytes.clone(), limits(limit), chunks.0, &reads.0);
        let other = read_with(bytes, limits(limit), chunks.1, &reads.1);
        prop_assert_eq!(&one, &other);
        for (_, text) in records(&one) {
            // A byte that is not UTF-8 takes three when replaced.
            prop_assert!(text.len() <= 3 * limit);
        }
    }

    #[test]
    fn every_byte_that_is_not_blank_is_in_a_record(bytes in hostile(), chunk_bytes in sizes()) {
        let found = read_with(bytes.clone(), Limits::DEFAULT, chunk_bytes, &[100]);
        // In arrays some brackets and commas are between records.
        let array = bytes.trim_ascii_start().first() == Some(&b'[');
        let inked = |text: &str| -> String {
            // Zeros are padding, of which little is kept.
            let part = |c: &char| !(" \t\r\n\0".contains(*c) || array && "[],".contains(*c));
            text.chars().filter(part).collect()
        };
        let text: String = records(&found).into_iter().map(|(_, text)| inked(text)).collect();
        prop_assert_eq!(text, inked(&String::from_utf8_lossy(&bytes)));
    }

    #[test]
    fn lines_are_counted(bytes in hostile(), chunk_bytes in sizes()) {
        let whole = String::from_utf8_lossy(&bytes).into_owned();
        let lines: Vec<_> = whole.split('\n').collect();
        for (line, text) in records(&read_with(bytes, Limits::DEFAULT, chunk_bytes, &[100])) {
            let first = text.split('\n').next().unwrap_or_default().trim_end_matches('\r');
            prop_assert!(lines[line as usize - 1].contains(first), "line {}: {}", line, text);
        }
    }
}
