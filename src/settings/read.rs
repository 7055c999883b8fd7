//! File and environment → tables, and where in them each key stands.
//!
//! Invariants: the environment wins over the file; an override that means
//! nothing is refused, never ignored; the result does not depend on the order
//! of the environment.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use serde::Deserialize;
use toml::de::{DeTable, DeValue};
use toml::{Spanned, Table, Value};

use super::error::{Fault, SettingsError, without_value};
use super::file::{self, SECRETS};

/// What names of overrides begin with.
pub(super) const PREFIX: &str = "SHUTTERLAG__";
/// What stands between the parts of a key.
const NESTED: &str = "__";
/// A file larger than this is no configuration.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// A configuration as it was found. No `Debug`: the text may hold secrets.
pub(super) struct Found {
    /// The tables, overrides included.
    pub(super) file: file::File,
    places: Places,
}

impl Found {
    /// Reads the file and applies what `environment` holds for us.
    pub(super) fn read(
        path: &Path,
        environment: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Result<Found, SettingsError> {
        let name = path.display().to_string();
        let text = bounded(path, FILE_BYTES_MAX)
            .map_err(|why| SettingsError::one(&name, format!("cannot be read: {why}")))?;
        Found::parse(name, text, environment)
    }

    /// The same for a file that is read already.
    pub(super) fn parse(
        name: String,
        text: String,
        environment: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Result<Found, SettingsError> {
        let refuse = |error: &toml::de::Error| {
            let place = match error.span() {
                Some(span) => format!("{name}:{}", line_and_column(&text, span.start)),
                None => name.clone(),
            };
            SettingsError::one(place, without_value(error.message()))
        };
        // Read as it stands first: only so do errors have a line.
        let file: file::File = toml::from_str(&text).map_err(|error| refuse(&error))?;
        let table: Table = toml::from_str(&text).map_err(|error| refuse(&error))?;
        let places = Places { name, text, overridden: BTreeMap::new() };
        let mut found = Found { file, places };
        found.apply(table, overrides(environment)?)?;
        Ok(found)
    }

    fn apply(
        &mut self,
        mut table: Table,
        overrides: BTreeMap<String, String>,
    ) -> Result<(), SettingsError> {
        let mut faults = Vec::new();
        for (variable, text) in overrides {
            let key = key_of(&variable);
            match set(&table, &key, &text) {
                Ok((changed, _)) if self.places.overridden.contains_key(&key) => {
                    // Names differ in letter case alone: neither is the right one.
                    drop(changed);
                    let why = "another variable sets the same key; remove one of them".to_owned();
                    faults.push(Fault { place: variable, key: None, why });
                }
                Ok((changed, file)) => {
                    table = changed;
                    self.file = file;
                    self.places.overridden.insert(key, variable);
                }
                Err(why) => faults.push(Fault { place: variable, key: None, why }),
            }
        }
        if faults.is_empty() { Ok(()) } else { Err(SettingsError { faults }) }
    }

    /// Where `key` was set, or the file's name if it was not.
    pub(super) fn place(&self, key: &[&str]) -> String {
        self.places.of(key)
    }
}

struct Places {
    name: String,
    text: String,
    /// Variables by the key that they set.
    overridden: BTreeMap<Vec<String>, String>,
}

impl Places {
    fn of(&self, key: &[&str]) -> String {
        for length in (1..=key.len()).rev() {
            let part: Vec<String> = key[..length].iter().map(|&part| part.to_owned()).collect();
            if let Some(variable) = self.overridden.get(&part) {
                return variable.clone();
            }
        }
        match DeTable::parse(&self.text).ok().and_then(|table| offset(table.get_ref(), key)) {
            Some(offset) => format!("{}:{}", self.name, line_and_column(&self.text, offset)),
            None => self.name.clone(),
        }
    }
}

/// Where the value of `key` begins. A name with dots may be one part or several.
fn offset(table: &DeTable<'_>, key: &[&str]) -> Option<usize> {
    let (first, rest) = key.split_first()?;
    if let Some(value) = table.iter().find(|(name, _)| name.get_ref() == first) {
        return offset_within(value.1, rest);
    }
    let (head, tail) = first.split_once('.')?;
    let split: Vec<&str> = [head, tail].into_iter().chain(rest.iter().copied()).collect();
    offset(table, &split)
}

fn offset_within(value: &Spanned<DeValue<'_>>, key: &[&str]) -> Option<usize> {
    match (key.split_first(), value.get_ref()) {
        (None, _) => Some(value.span().start),
        (Some(_), DeValue::Table(table)) => offset(table, key),
        (Some((index, rest)), DeValue::Array(values)) => {
            offset_within(values.get(index.parse::<usize>().ok()?)?, rest)
        }
        (Some(_), _) => None,
    }
}

/// `line:column`, both from 1; columns count characters.
fn line_and_column(text: &str, offset: usize) -> String {
    let before = text.get(..offset).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    let line = before.matches('\n').count() + 1;
    format!("{line}:{}", before[line_start..].chars().count() + 1)
}

/// The text of a file that is not larger than `bytes_max`.
pub(super) fn bounded(path: &Path, bytes_max: u64) -> Result<String, String> {
    let file = File::open(path).map_err(|error| error.to_string())?;
    let mut bytes = Vec::new();
    file.take(bytes_max + 1).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    if bytes.len() as u64 > bytes_max {
        return Err(format!("larger than {bytes_max} bytes"));
    }
    String::from_utf8(bytes).map_err(|_| "not UTF-8 text".to_owned())
}

/// The variables that are meant for us, in order of their names: that of a
/// table comes before those of its keys.
fn overrides(
    environment: impl IntoIterator<Item = (OsString, OsString)>,
) -> Result<BTreeMap<String, String>, SettingsError> {
    let mut found = BTreeMap::new();
    for (name, value) in environment {
        let Some(name) = name.to_str().filter(|name| name.starts_with(PREFIX)) else { continue };
        let value = value
            .into_string()
            .map_err(|_| SettingsError::one(name, "the value is not valid Unicode"))?;
        found.insert(name.to_owned(), value);
    }
    Ok(found)
}

/// The key that a variable names. Options of librdkafka have dots, which few
/// shells allow in a name: a single underscore stands for one.
fn key_of(variable: &str) -> Vec<String> {
    let name = variable.strip_prefix(PREFIX).unwrap_or(variable).to_lowercase();
    let mut key: Vec<String> = name.split(NESTED).map(str::to_owned).collect();
    if let [kafka, librdkafka, rest @ ..] = &mut key[..]
        && (kafka.as_str(), librdkafka.as_str()) == ("kafka", "librdkafka")
    {
        for part in rest {
            *part = part.replace('_', ".");
        }
    }
    key
}

/// `table` with `key` set to what `text` means there.
fn set(table: &Table, key: &[String], text: &str) -> Result<(Table, file::File), String> {
    let parts: Vec<&str> = key.iter().map(String::as_str).collect();
    let as_text = Value::String(text.to_owned());
    // A secret is never taken for a number or a date.
    let as_toml = if SECRETS.contains(&&parts[..]) { None } else { text.parse::<Value>().ok() };
    let values = as_toml.into_iter().chain([as_text]);
    let mut first = None;
    for value in values {
        let mut changed = table.clone();
        insert(&mut changed, key, value)?;
        forget_twin(&mut changed, &parts);
        match file::File::deserialize(changed.clone()) {
            Ok(file) => return Ok((changed, file)),
            // What the value looks like is what was most likely meant.
            Err(error) => first = first.or(Some(without_value(error.message()))),
        }
    }
    Err(first.unwrap_or_default())
}

fn insert(table: &mut Table, key: &[String], value: Value) -> Result<(), String> {
    match key {
        [] => Ok(()),
        [name, ..] if name.is_empty() => Err(format!(
            "an empty name: `{NESTED}` stands between the parts of a key, as in {PREFIX}KAFKA__BROKERS"
        )),
        [name] => {
            table.insert(name.clone(), value);
            Ok(())
        }
        [name, rest @ ..] => {
            let inner = table.entry(name.clone()).or_insert_with(|| Value::Table(Table::new()));
            match inner {
                Value::Table(inner) => insert(inner, rest, value),
                Value::Array(_) => Err(format!(
                    "`{name}` is a list, which can only be set as a whole: \
                     {PREFIX}SOURCES='[{{ topic = \"leaks\" }}]'"
                )),
                _ => Err(format!("`{name}` holds a value, there is nothing below it")),
            }
        }
    }
}

/// A secret set by the environment replaces one that the file would read from
/// elsewhere, and the other way round.
fn forget_twin(table: &mut Table, key: &[&str]) {
    let Some((name, tables)) = key.split_last() else { return };
    let twin = match name.strip_suffix("_file") {
        Some(secret) => secret.to_owned(),
        None => format!("{name}_file"),
    };
    let is_secret =
        |name: &str| SECRETS.iter().any(|secret| secret.split_last() == Some((&name, tables)));
    if !is_secret(name) && !is_secret(&twin) {
        return;
    }
    let mut inner = table;
    for name in tables {
        match inner.get_mut(*name) {
            Some(Value::Table(next)) => inner = next,
            _ => return,
        }
    }
    inner.remove(&twin);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str, environment: &[(&str, &str)]) -> Result<Found, SettingsError> {
        let environment = environment.iter().map(|(name, value)| (name.into(), value.into()));
        Found::parse("a.toml".to_owned(), text.to_owned(), environment)
    }

    fn fault(text: &str, environment: &[(&str, &str)]) -> String {
        found(text, environment).err().unwrap().to_string()
    }

    #[test]
    fn what_is_wrong_in_the_file_has_a_line_and_a_column() {
        assert_eq!(
            fault("[log]\nformat = \"pretty\"\nfitler = \"info\"", &[]),
            "a.toml:3:1: unknown field `fitler`, expected `format` or `filter`"
        );
        assert_eq!(
            fault("[kafka]\nsession_timeout = 10", &[]),
            "a.toml:2:19: expected a time span in quotes, like \"90s\" or \"10m\", found a whole number"
        );
        assert_eq!(
            fault("[kafka]\nstart = \"first\"", &[]),
            "a.toml:2:9: expected one of \"earliest\", \"latest\""
        );
        assert!(fault("[kafka", &[]).starts_with("a.toml:1:7: "), "{}", fault("[kafka", &[]));
        assert_eq!(line_and_column("é\nüü=x", 7), "2:3");
    }

    #[test]
    fn the_environment_wins_and_means_what_fits() {
        let found = found(
            "[kafka]\nbrokers = \"a:1\"\ngroup = \"g\"\n[http]\ntoken_file = \"t\"\n[topics]\npartitions = 3",
            &[
                ("SHUTTERLAG__KAFKA__BROKERS", "b:2"),
                ("SHUTTERLAG__KAFKA__GROUP", "7"),
                ("SHUTTERLAG__KAFKA__COMMIT_INTERVAL", "1s"),
                ("SHUTTERLAG__KAFKA__LIBRDKAFKA__LINGER_MS", "5"),
                ("SHUTTERLAG__TOPICS__PARTITIONS", "6"),
                ("SHUTTERLAG__TOPICS__CREATE", "false"),
                ("SHUTTERLAG__SOURCES", "[{ topic = \"leaks\", prekeyed = true }]"),
                ("SHUTTERLAG__HTTP__TOKEN", "1234567890123456"),
                ("SHUTTERLAG_IDENTITY_KEY", "not an override"),
                ("PATH", "/bin"),
            ],
        )
        .ok()
        .unwrap();
        let kafka = found.file.kafka.as_ref().unwrap();
        assert_eq!(kafka.brokers.as_deref(), Some("b:2"));
        assert_eq!(kafka.group.as_deref(), Some("7"));
        assert_eq!(kafka.commit_interval.unwrap().to_string(), "1s");
        assert_eq!(kafka.librdkafka.as_ref().unwrap().0["linger.ms"], "5");
        let topics = found.file.topics.as_ref().unwrap();
        assert_eq!((topics.partitions.unwrap().0, topics.create), (6, Some(false)));
        assert_eq!(found.file.sources.as_ref().unwrap()[0].prekeyed, Some(true));
        let http = found.file.http.as_ref().unwrap();
        assert_eq!(http.token.as_ref().unwrap().reveal(), "1234567890123456");
        assert_eq!(http.token_file, None);
        assert_eq!(found.place(&["kafka", "brokers"]), "SHUTTERLAG__KAFKA__BROKERS");
        assert_eq!(found.place(&["sources", "0", "topic"]), "SHUTTERLAG__SOURCES");
    }

    #[test]
    fn an_override_that_means_nothing_is_refused_by_name() {
        for (variable, value, why) in [
            ("SHUTTERLAG__KAFKA__BROKER", "a:1", "unknown field `broker`, expected one of"),
            ("SHUTTERLAG__", "1", "an empty name"),
            ("SHUTTERLAG__KAFKA____BROKERS", "1", "an empty name"),
            ("SHUTTERLAG__INTAKE__WORKERS", "two", "expected a whole number, found text"),
            ("SHUTTERLAG__SOURCES__0__TOPIC", "x", "`sources` is a list"),
            ("SHUTTERLAG__LOG__FILTER__X", "x", "`filter` holds a value"),
            ("SHUTTERLAG__HTTP", "canary", "expected a table, found text"),
        ] {
            let why_not =
                fault("[[sources]]\ntopic = \"a\"\n[log]\nfilter = \"info\"", &[(variable, value)]);
            assert!(why_not.starts_with(&format!("{variable}: {why}")), "{why_not}");
        }
        let twice = [("SHUTTERLAG__LOG__FILTER", "a"), ("SHUTTERLAG__LOG__filter", "b")];
        assert!(fault("", &twice).contains("another variable sets the same key"));
    }

    #[test]
    fn a_key_is_found_where_it_stands() {
        let text = "[[sources]]\ntopic = \"a\"\n[[sources]]\ntopic = \"b\"\n[kafka]\n\
                    librdkafka = { linger.ms = 5 }\n[kafka.security]\nprotocol = \"ssl\"\n";
        let found = found(text, &[]).ok().unwrap();
        for (key, place) in [
            (&["sources", "1", "topic"][..], "a.toml:4:9"),
            (&["kafka", "librdkafka", "linger.ms"], "a.toml:6:28"),
            (&["kafka", "security", "protocol"], "a.toml:8:12"),
            (&["kafka", "brokers"], "a.toml"),
        ] {
            assert_eq!(found.place(key), place, "{key:?}");
        }
    }

    proptest::proptest! {
        /// Hostile files and variables are refused, or are settings; nothing else happens.
        #[test]
        fn any_text_is_answered_and_never_quoted(
            before in "[a-z_.=\\[\\]{}\"',# \n0-9é]{0,60}",
            after in "[a-z_.=\\[\\]{}\"',# \n0-9é]{0,60}",
            variable in "[A-Z_]{0,20}",
        ) {
            // A key may be named, a value may not: the canary stands where only values do.
            let text = format!("{before}\n[http]\ntoken = \"canary\"{after}");
            let variable = format!("SHUTTERLAG__{variable}");
            for environment in [&[][..], &[(variable.as_str(), "canary")]] {
                if let Err(error) = found(&text, environment) {
                    proptest::prop_assert!(!error.to_string().contains("canary"), "{error}");
                }
            }
        }
    }

    #[test]
    fn a_file_that_cannot_be_read_is_said_so() {
        let why = |path: &Path| Found::read(path, []).err().unwrap().to_string();
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("c.toml");
        assert!(why(&path).contains("cannot be read: "), "{}", why(&path));
        std::fs::write(&path, [0xff]).unwrap();
        assert!(why(&path).ends_with("not UTF-8 text"), "{}", why(&path));
        std::fs::write(&path, vec![b' '; (1 << 20) + 1]).unwrap();
        assert!(why(&path).ends_with("larger than 1048576 bytes"), "{}", why(&path));
    }
}
