//! Paths into JSON values, as `map.toml` writes them.
//!
//! ```text
//! event.data.id        keys
//! "a.b".c              a key with a dot in it
//! items[0].name        one element of an array
//! items[].secret       each element
//! results.*.secret     each value of an object
//! ```

use std::fmt;

use jaq_json::Val;

/// One step of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// The value under a key.
    Key(String),
    /// One element of an array, from 0.
    Index(usize),
    /// Every element of an array.
    Each,
    /// Every value of an object.
    Any,
}

/// A path, and how it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Path {
    text: String,
    pub(super) steps: Vec<Step>,
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Path {
    /// Reads a path.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn parse(text: &str) -> Result<Path, String> {
        let mut steps = Vec::new();
        let mut rest = text.strip_prefix('.').unwrap_or(text);
        loop {
            rest = key(rest, &mut steps)?;
            while let Some(index) = rest.strip_prefix('[') {
                let Some((inside, after)) = index.split_once(']') else {
                    return Err("`[` without `]`".to_owned());
                };
                steps.push(match inside {
                    "" => Step::Each,
                    number => Step::Index(number.parse().map_err(|_| {
                        "between `[` and `]` stands nothing, or a whole number".to_owned()
                    })?),
                });
                rest = after;
            }
            match rest.strip_prefix('.') {
                Some(after) => rest = after,
                None if rest.is_empty() => return Ok(Path { text: text.to_owned(), steps }),
                None => return Err("expected `.` or `[` after a key".to_owned()),
            }
        }
    }

    /// Whether `test` holds for a value that is there.
    pub(super) fn any(&self, value: &Val, test: &dyn Fn(&Val) -> bool) -> bool {
        any(value, &self.steps, test)
    }
}

/// Reads the key at the beginning of `rest`, and returns what follows.
fn key<'t>(rest: &'t str, steps: &mut Vec<Step>) -> Result<&'t str, String> {
    if let Some(quoted) = rest.strip_prefix('"') {
        let Some((name, after)) = quoted.split_once('"') else {
            return Err("a quote that does not end".to_owned());
        };
        steps.push(Step::Key(name.to_owned()));
        return Ok(after);
    }
    let end = rest.find(['.', '[', '"']).unwrap_or(rest.len());
    match rest.split_at(end) {
        ("", after) if after.starts_with('[') && steps.is_empty() => Ok(after),
        ("", _) => Err("a key is empty".to_owned()),
        ("*", after) => {
            steps.push(Step::Any);
            Ok(after)
        }
        (name, after) => {
            steps.push(Step::Key(name.to_owned()));
            Ok(after)
        }
    }
}

fn any(value: &Val, steps: &[Step], test: &dyn Fn(&Val) -> bool) -> bool {
    let Some((step, rest)) = steps.split_first() else { return test(value) };
    match (step, value) {
        (Step::Key(name), Val::Obj(object)) => object
            .iter()
            .any(|(key, value)| is_text(key, name.as_bytes()) && any(value, rest, test)),
        (Step::Index(index), Val::Arr(list)) => {
            list.get(*index).is_some_and(|value| any(value, rest, test))
        }
        (Step::Each, Val::Arr(list)) => list.iter().any(|value| any(value, rest, test)),
        (Step::Any, Val::Obj(object)) => object.values().any(|value| any(value, rest, test)),
        _ => false,
    }
}

/// Whether `value` is this text.
pub(super) fn is_text(value: &Val, text: &[u8]) -> bool {
    matches!(value, Val::TStr(bytes) if ***bytes == *text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_read() {
        let steps = |text| Path::parse(text).unwrap().steps;
        let key = |name: &str| Step::Key(name.to_owned());
        assert_eq!(steps("event.data"), [key("event"), key("data")]);
        assert_eq!(steps(".a"), [key("a")]);
        assert_eq!(steps("a[].b[2]"), [key("a"), Step::Each, key("b"), Step::Index(2)]);
        assert_eq!(steps("r.*.x"), [key("r"), Step::Any, key("x")]);
        assert_eq!(steps("\"a.b\".c"), [key("a.b"), key("c")]);
        assert_eq!(steps("[0].a"), [Step::Index(0), key("a")]);
        for wrong in ["", "a..b", "a.", "a[", "a[x]", "a[0]b", "\"a", ".."] {
            assert!(Path::parse(wrong).is_err(), "{wrong}");
        }
    }
}
