//! Recognises rows of CSV, which is not read, to say so. Only records that are no JSON come here.

/// Fields that a row has at least: two may as well be a sentence with a comma.
const FIELDS_MIN: usize = 3;

/// What to do with it instead.
pub(super) const ADVICE: &str = "a row of CSV, which is not read: export JSON where the source can, or \
     turn each row into a JSON object (Miller does: `mlr --icsv --ojsonl cat FILE`) and read those with \
     a map, as docs/maps.md shows";

/// Whether a text is one row of CSV or several, with commas, semicolons or tabs between the fields.
/// What could be a piece of JSON is none.
pub(super) fn is_csv(text: &str) -> bool {
    let text = text.trim();
    !text.is_empty()
        && [',', ';', '\t'].into_iter().any(|separator| {
            text.lines().all(|row| fields(row.trim(), separator).is_some_and(|n| n >= FIELDS_MIN))
        })
}

/// How many fields a row has; `None` if it is none.
fn fields(row: &str, separator: char) -> Option<usize> {
    let (mut rest, mut count) = (row, 0);
    loop {
        let end = match rest.strip_prefix('"') {
            Some(quoted) => quoted_end(quoted)? + 1,
            None => rest.find(separator).unwrap_or(rest.len()),
        };
        let (field, after) = rest.split_at_checked(end)?;
        // Brackets and quotes stand in JSON, and `=` in forms and logs.
        if !field.starts_with('"') && field.contains(['"', '{', '}', '[', ']', '=']) {
            return None;
        }
        count += 1;
        match after.strip_prefix(separator) {
            // Behind a comma in a sentence comes a space.
            Some(after) if after.starts_with(' ') => return None,
            Some(after) => rest = after,
            None if after.is_empty() => return Some(count),
            None => return None,
        }
    }
}

/// Where the closing quote is of a field whose opening one is gone, with it; two quotes stand for
/// one within.
fn quoted_end(field: &str) -> Option<usize> {
    let bytes = field.as_bytes();
    let mut at = 0;
    loop {
        at += memchr::memchr(b'"', bytes.get(at..)?)? + 1;
        match bytes.get(at) {
            Some(b'"') => at += 1,
            _ => return Some(at),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_told_from_sentences_and_from_pieces_of_json() {
        for row in [
            "id,time,action",
            "7,2026-01-05T09:00:00Z,revoke\r\n",
            "\"a \"\"b\"\", c\",2,\"\"",
            "id;time;action",
            "id\ttime\taction",
            ",,",
            "a,b,c\n1,2,3\n",
        ] {
            assert!(is_csv(row), "{row:?}");
        }
        for other in [
            "",
            "hello, world, again",
            "a,b",
            "\"a\": 1, \"b\": 2, \"c\": 3",
            "\"a\":1,\"b\":2,\"c\":3",
            "[1,2,3]",
            "{\"a\":1},2,3",
            "1, 2, 3",
            "payload=a,b,c",
            "\"open,b,c",
            "a,b,c\nd",
        ] {
            assert!(!is_csv(other), "{other:?}");
        }
    }
}
