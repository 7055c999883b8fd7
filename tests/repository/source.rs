//! Rust source read as text: its files, its tokens, and the paths within it.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Every path in `code`, `a::{b, c::d}` as `a::b` and `a::c::d`.
pub(crate) fn paths(code: &str) -> BTreeSet<String> {
    let tokens = tokens(code);
    let mut found = BTreeSet::new();
    let mut at = 0;
    while at < tokens.len() {
        if is_name(&tokens[at]) {
            at = path(&tokens, at, "", &mut found);
        } else {
            at += 1;
        }
    }
    found
}

/// Reads the path that begins at `at` behind `prefix`; returns where it ends.
fn path(tokens: &[String], mut at: usize, prefix: &str, found: &mut BTreeSet<String>) -> usize {
    let mut path = prefix.to_owned();
    loop {
        if !path.is_empty() {
            path.push_str("::");
        }
        path.push_str(&tokens[at]);
        at += 1;
        if tokens.get(at).map(String::as_str) != Some("::") {
            break;
        }
        match tokens.get(at + 1).map(String::as_str) {
            Some(name) if is_name(name) => at += 1,
            Some("{") => {
                at += 2;
                while at < tokens.len() && tokens[at] != "}" {
                    at = if is_name(&tokens[at]) {
                        self::path(tokens, at, &path, found)
                    } else {
                        at + 1
                    };
                }
                return at + 1;
            }
            _ => break,
        }
    }
    found.insert(path);
    at
}

pub(crate) fn is_name(token: &str) -> bool {
    token.starts_with(|c: char| c.is_alphabetic() || c == '_')
}

/// Names, `::` and single characters; no comments, no literals.
pub(crate) fn tokens(code: &str) -> Vec<String> {
    let code: Vec<char> = code.chars().collect();
    let mut tokens = Vec::new();
    let mut at = 0;
    while at < code.len() {
        let rest = &code[at..];
        match rest {
            ['/', '/', ..] => at += rest.iter().take_while(|c| **c != '\n').count(),
            ['/', '*', ..] => at += block_comment(rest),
            ['r' | 'b', ..] if raw_text(rest).is_some() => at += raw_text(rest).unwrap(),
            ['"', ..] => at += text(rest),
            ['\'', '\\', ..] => {
                at += 3 + rest[3..].iter().take_while(|c| **c != '\'').count() + 1;
            }
            ['\'', _, '\'', ..] => at += 3,
            [':', ':', ..] => {
                tokens.push("::".to_owned());
                at += 2;
            }
            [first, ..] if first.is_alphanumeric() || *first == '_' => {
                let word: String =
                    rest.iter().take_while(|c| c.is_alphanumeric() || **c == '_').collect();
                at += word.chars().count();
                tokens.push(word);
            }
            [first, ..] => {
                if !first.is_whitespace() {
                    tokens.push(first.to_string());
                }
                at += 1;
            }
            [] => {}
        }
    }
    tokens
}

fn block_comment(rest: &[char]) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < rest.len() {
        match rest[at..] {
            ['/', '*', ..] => (depth, at) = (depth + 1, at + 2),
            ['*', '/', ..] => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            break;
        }
    }
    at
}

/// The length of a text in quotes.
fn text(rest: &[char]) -> usize {
    let mut at = 1;
    while at < rest.len() && rest[at] != '"' {
        at += if rest[at] == '\\' { 2 } else { 1 };
    }
    at + 1
}

/// The length of `r"…"`, `r#"…"#` or their bytes; `None` for anything else.
fn raw_text(rest: &[char]) -> Option<usize> {
    let prefix = if rest.starts_with(&['b', 'r']) { 2 } else { usize::from(rest[0] == 'r') };
    let hashes = rest[prefix..].iter().take_while(|c| **c == '#').count();
    if prefix == 0 || rest.get(prefix + hashes) != Some(&'"') {
        return None;
    }
    let mut end = vec!['"'];
    end.extend(std::iter::repeat_n('#', hashes));
    let start = prefix + hashes + 1;
    let length = rest[start..].windows(end.len()).position(|window| window == end)?;
    Some(start + length + end.len())
}

/// Every `.rs` file below a directory.
pub(crate) fn files(directory: &Path, into: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, into);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            into.push(path);
        }
    }
}
