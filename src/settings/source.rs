//! File and environment → one tree.
//!
//! Invariants: the environment wins over the file; a variable that names no key
//! is refused, never ignored; the order of the environment does not matter.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use toml::de::DeTable;

use super::error::{Fault, SettingsError};
use super::tree::{Node, Place};

/// What the names of our variables begin with.
const PREFIX: &str = "SHUTTERLAG__";
/// What stands between the parts of a key.
const NESTED: &str = "__";
/// A larger file is no configuration.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// A configuration as it was found. No `Debug`: it may hold secrets.
pub(super) struct Source {
    /// The file with the environment's overrides.
    pub(super) root: Node,
    /// Variables that cannot be used.
    pub(super) faults: Vec<Fault>,
    name: String,
    text: String,
    /// The byte at which each line begins.
    lines: Vec<usize>,
}

impl Source {
    /// Reads the file and applies the environment's overrides.
    ///
    /// # Errors
    /// Why the file cannot be read or is no TOML.
    pub(super) fn read(
        path: &Path,
        environment: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Result<Source, SettingsError> {
        let name = path.display().to_string();
        let text = bounded(path, FILE_BYTES_MAX)
            .map_err(|why| SettingsError::one(&name, format!("the file cannot be read: {why}")))?;
        Source::parse(name, text, environment)
    }

    /// The same for a file that was read already.
    pub(super) fn parse(
        name: String,
        text: String,
        environment: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Result<Source, SettingsError> {
        let line_starts = text.match_indices('\n').map(|(at, _)| at + 1);
        let lines = [0].into_iter().chain(line_starts).collect();
        let root = Node::empty_table(Place::File);
        let mut source = Source { root, faults: Vec::new(), name, text, lines };
        match DeTable::parse(&source.text) {
            Ok(table) => source.root = Node::document(&table),
            Err(error) => {
                let place = error.span().map_or(Place::File, |span| Place::Byte(span.start));
                let why = error.message().trim_end().replace('\n', "; ");
                return Err(SettingsError::one(source.describe(&place), why));
            }
        }
        source.apply(environment);
        Ok(source)
    }

    fn apply(&mut self, environment: impl IntoIterator<Item = (OsString, OsString)>) {
        let ours = environment.into_iter().filter_map(|(name, value)| {
            let name = name.to_str().filter(|name| name.starts_with(PREFIX))?;
            Some((name.to_owned(), value))
        });
        let mut seen = BTreeSet::new();
        // By name: the variable of a table comes before those of its keys.
        for (variable, value) in ours.collect::<BTreeMap<String, OsString>>() {
            let key = key_of(&variable);
            let applied = match value.into_string() {
                Err(_) => Err("the value is not valid Unicode".to_owned()),
                // The names differ only in the case of letters: neither is the right one.
                Ok(_) if !seen.insert(key.clone()) => {
                    Err("another variable sets the same key; remove one of them".to_owned())
                }
                Ok(text) => self.root.insert(&key, Node::variable(&variable, text)),
            };
            if let Err(why) = applied {
                self.faults.push(Fault { place: variable, key: None, why });
            }
        }
    }

    /// `file:line:column` (both from 1, columns in characters), the variable, or
    /// the file's name.
    pub(super) fn describe(&self, place: &Place) -> String {
        match place {
            Place::File => self.name.clone(),
            Place::Variable(name) => name.to_string(),
            Place::Byte(at) => {
                let line = self.lines.partition_point(|start| start <= at);
                let start = line.checked_sub(1).and_then(|index| self.lines.get(index));
                let before = start.and_then(|start| self.text.get(*start..*at)).unwrap_or_default();
                format!("{}:{line}:{}", self.name, before.chars().count() + 1)
            }
        }
    }
}

/// The text of a file of at most `bytes_max` bytes.
pub(super) fn bounded(path: &Path, bytes_max: u64) -> Result<String, String> {
    let file = File::open(path).map_err(|error| error.to_string())?;
    let mut bytes = Vec::new();
    file.take(bytes_max + 1).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    if bytes.len() as u64 > bytes_max {
        return Err(format!("larger than {bytes_max} bytes"));
    }
    String::from_utf8(bytes).map_err(|_| "not UTF-8 text".to_owned())
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

#[cfg(test)]
mod tests {
    use super::*;

    /// `place: why` of each fault, or the tree.
    fn parse(text: &str, environment: &[(&str, &str)]) -> Result<Source, String> {
        let environment = environment.iter().map(|(name, value)| (name.into(), value.into()));
        match Source::parse("a.toml".to_owned(), text.to_owned(), environment) {
            Ok(source) if source.faults.is_empty() => Ok(source),
            Ok(source) => Err(source.faults[0].to_string()),
            Err(error) => Err(error.to_string()),
        }
    }

    #[test]
    fn a_place_is_a_line_and_a_column_in_characters() {
        let source = parse("# é\na.\"ü\"=1 # x\r\nb = [\n  2]", &[]).ok().unwrap();
        for (at, place) in
            [(0, "a.toml:1:1"), (5, "a.toml:2:1"), (12, "a.toml:2:7"), (27, "a.toml:4:3")]
        {
            assert_eq!(source.describe(&Place::Byte(at)), place);
        }
        assert_eq!(source.describe(&Place::File), "a.toml");
        assert!(parse("[kafka", &[]).err().unwrap().starts_with("a.toml:1:7: "));
    }

    #[test]
    fn a_variable_that_names_nothing_is_refused_by_name() {
        for (variable, why) in [
            ("SHUTTERLAG__", "a name is empty"),
            ("SHUTTERLAG__KAFKA____BROKERS", "a name is empty"),
            ("SHUTTERLAG__SOURCES__0__TOPIC", "`sources` is a list"),
            ("SHUTTERLAG__LOG__FILTER__X", "`filter` holds a value"),
        ] {
            let text = "[[sources]]\ntopic = \"a\"\n[log]\nfilter = \"info\"";
            let fault = parse(text, &[(variable, "x")]).err().unwrap();
            assert!(fault.starts_with(&format!("{variable}: {why}")), "{fault}");
        }
        let twice = [("SHUTTERLAG__LOG__FILTER", "a"), ("SHUTTERLAG__LOG__filter", "b")];
        assert!(parse("", &twice).err().unwrap().contains("another variable sets the same key"));
        assert!(parse("", &[("SHUTTERLAG_IDENTITY_KEY", "x"), ("PATH", "/bin")]).is_ok());
    }

    #[test]
    fn a_file_that_cannot_be_read_says_why() {
        let why = |path: &Path| Source::read(path, []).err().unwrap().to_string();
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("c.toml");
        assert!(why(&path).contains("cannot be read: "), "{}", why(&path));
        std::fs::write(&path, [0xff]).unwrap();
        assert!(why(&path).ends_with("not UTF-8 text"), "{}", why(&path));
        std::fs::write(&path, vec![b' '; (1 << 20) + 1]).unwrap();
        assert!(why(&path).ends_with("larger than 1048576 bytes"), "{}", why(&path));
    }
}
