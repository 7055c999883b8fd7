//! Why a configuration cannot be used.
//!
//! Invariant: no value is quoted, as any may be a secret; names of keys,
//! variables, files and topics are.

use std::fmt;

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Where: `file:line:column`, the variable, or the file alone.
    pub place: String,
    /// The key, unless the file could not be read that far.
    pub key: Option<String>,
    /// What is wrong, and what to do.
    pub why: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.place)?;
        if let Some(key) = &self.key {
            write!(f, "{key}: ")?;
        }
        f.write_str(&self.why)
    }
}

/// Everything that is wrong, at least one thing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettingsError {
    /// In the order of the configuration's tables.
    pub faults: Vec<Fault>,
}

impl SettingsError {
    /// A single fault.
    pub(super) fn one(place: impl Into<String>, why: impl Into<String>) -> SettingsError {
        let fault = Fault { place: place.into(), key: None, why: why.into() };
        SettingsError { faults: vec![fault] }
    }
}

impl fmt::Display for SettingsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, fault) in self.faults.iter().enumerate() {
            if number > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{fault}")?;
        }
        Ok(())
    }
}

impl std::error::Error for SettingsError {}

/// The message of a TOML error without the value it quotes.
pub(super) fn without_value(message: &str) -> String {
    let message = message.trim_end();
    let Some((kind, rest)) = ["invalid type: ", "invalid value: "]
        .iter()
        .find_map(|kind| message.strip_prefix(kind).map(|rest| (kind, rest)))
    else {
        return message.replace('\n', "; ");
    };
    // The value stands between its kind and the last `, expected`.
    match rest.rsplit_once(", expected ") {
        Some((found, expected)) => {
            let found = match found.split(['"', '`']).next().map(str::trim) {
                Some("string") => "text",
                Some("integer") => "a whole number",
                Some("floating point") => "a number with a fraction",
                Some("boolean") => "true or false",
                Some("sequence") => "a list",
                Some("map") => "a table",
                _ => "something else",
            };
            format!("expected {}, found {found}", plainly(expected))
        }
        None => kind.trim_end_matches(": ").to_owned(),
    }
}

/// What Rust calls its types, in the file's words.
fn plainly(expected: &str) -> &str {
    match expected {
        "a string" => "text in quotes",
        "path string" => "a path in quotes",
        "a boolean" => "true or false",
        "a sequence" => "a list",
        "a map" => "a table",
        expected if expected.starts_with("struct ") => "a table",
        expected => expected,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_message_quotes_a_value() {
        for (message, plain) in [
            (
                "invalid type: string \"canary\", expected struct File",
                "expected a table, found text",
            ),
            (
                "invalid type: string \"canary\\\", expected canary\", expected a boolean",
                "expected true or false, found text",
            ),
            (
                "invalid type: integer `77`, expected a string",
                "expected text in quotes, found a whole number",
            ),
            ("invalid value: canary", "invalid value"),
            ("unknown field `a`, expected `b`", "unknown field `a`, expected `b`"),
        ] {
            assert_eq!(without_value(message), plain);
        }
    }
}
