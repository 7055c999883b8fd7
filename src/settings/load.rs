//! From the file and the environment to checked settings, and back to a file.

use std::ffi::OsString;
use std::path::Path;

use serde::{Serialize, Serializer};

use super::declare::Value;
use super::error::{Fault, SettingsError};
use super::live::Settings;
use super::reader::Reader;
use super::reference::{Section, Shown};
use super::relations;
use super::source::Source;

impl Settings {
    /// Reads the file, then what `environment` overrides of it, then checks all.
    /// Relative paths in it start at the file's directory.
    ///
    /// A variable names a key in capitals, with `SHUTTERLAG__` in front and two
    /// underscores between its parts: `SHUTTERLAG__KAFKA__BROKERS`.
    ///
    /// # Errors
    /// Every fault, without quoting any value.
    pub fn load(
        path: &Path,
        environment: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Result<Settings, SettingsError> {
        let source = Source::read(path, environment)?;
        Settings::from_source(source, path.parent().unwrap_or(Path::new("")))
    }

    /// The defaults with what `environment` overrides of them: the settings of a run without
    /// a file. Relative paths start at the working directory.
    ///
    /// # Errors
    /// Every fault, without quoting any value.
    pub fn without_file(
        environment: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Result<Settings, SettingsError> {
        let source = Source::parse(String::new(), String::new(), environment)?;
        Settings::from_source(source, Path::new(""))
    }

    fn from_source(mut source: Source, base: &Path) -> Result<Settings, SettingsError> {
        let mut reader = Reader::new(base, reference());
        let settings = <Settings as Value>::read(&mut reader, "", &source.root);
        if let Some(settings) = &settings {
            relations::check(settings, &mut reader);
        }
        let mut faults: Vec<Fault> = reader
            .into_faults()
            .map(|(place, key, why)| Fault { place: source.describe(&place), key: Some(key), why })
            .collect();
        faults.append(&mut source.faults);
        match settings {
            Some(mut settings) if faults.is_empty() => {
                settings.windows.engine.profiles = settings.profiles;
                settings.oversight.owners.clone_from(&settings.owners.0);
                settings.figures.batch_hold = settings.oversight.batch_hold;
                settings.oversight.skew_tolerance = settings.windows.engine.skew_tolerance;
                settings.race = settings.race.between(&settings.profiles, &settings.figures);
                Ok(settings)
            }
            _ => Err(SettingsError { faults }),
        }
    }

    /// The configuration in force without its secrets. Without Kafka it has no part that is
    /// about Kafka alone, so that it can be read again.
    pub fn effective(&self) -> Effective {
        let mut shown = self.show().unwrap_or(Shown::Table(Vec::new()));
        if let (false, Shown::Table(sections)) = (self.uses_kafka(), &mut shown) {
            sections.retain(|(name, _)| name != "kafka" && name != "topics");
        }
        Effective(shown)
    }
}

/// The configuration in force without its secrets: as TOML by
/// [`to_toml`](Effective::to_toml), in any other form by `Serialize`.
#[derive(Clone, Debug)]
pub struct Effective(Shown);

impl Effective {
    /// As a configuration file.
    ///
    /// # Errors
    /// None is known: names and values all have a form in TOML.
    pub fn to_toml(&self) -> Result<String, toml::ser::Error> {
        toml::to_string_pretty(self)
    }
}

impl Serialize for Effective {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

/// Every table of the configuration with its keys, for the documentation.
pub fn reference() -> Vec<Section> {
    let mut sections = Vec::new();
    <Settings as Value>::sections("", &mut sections);
    sections
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALLEST: &str = "kafka.brokers = \"a:1\"\nsources = [{ topic = \"leaks\" }]\n";

    fn load(text: &str, environment: &[(&str, &str)]) -> Result<Settings, String> {
        let environment = environment.iter().map(|(name, value)| (name.into(), value.into()));
        let source = Source::parse("a.toml".to_owned(), text.to_owned(), environment);
        source
            .and_then(|source| Settings::from_source(source, Path::new("")))
            .map_err(|error| error.to_string())
    }

    #[test]
    fn a_fault_names_its_place_the_key_and_a_remedy() {
        for (more, fault) in [
            ("[log]\nfitler = 1", "a.toml:4:1: log.fitler: unknown key; did you mean `filter`?"),
            (
                "[intake]\npartitions = 1",
                "a.toml:4:1: intake.partitions: unknown key here; it belongs to [topics]",
            ),
            ("[log]\nzzz = 1", "a.toml:4:1: log.zzz: unknown key; expected `format`, `filter`"),
            (
                "kafka.session_timeout = 10",
                "a.toml:3:25: kafka.session_timeout: expected a time span in quotes, like \"90s\" or \
                 \"10m\", found a whole number",
            ),
            (
                "kafka.start = \"first\"",
                "a.toml:3:15: kafka.start: expected one of \"earliest\", \"latest\"",
            ),
            (
                "intake.workers = 0",
                "a.toml:3:18: intake.workers: out of bounds; set it to 1 or more and at most 1024",
            ),
            (
                "topics.partitions = 99999999999",
                "a.toml:3:21: topics.partitions: out of bounds; set it to 1 or more and at most 100000",
            ),
            ("http = 1", "a.toml:3:8: http: expected a table, found a whole number"),
            (
                "profiles.soc_clasification.in_time = \"1m\"",
                "a.toml:3:10: profiles.soc_clasification: unknown key; did you mean \
                 `soc_classification`?",
            ),
        ] {
            assert_eq!(load(&format!("{SMALLEST}{more}"), &[]).unwrap_err(), fault);
        }
    }

    #[test]
    fn the_environment_wins_and_its_text_means_what_fits() {
        let settings = load(
            &format!(
                "{SMALLEST}kafka.group = \"g\"\nhttp.token_file = \"t\"\ntopics.partitions = 3\n\
                 kafka.librdkafka.linger.ms = 1"
            ),
            &[
                ("SHUTTERLAG__KAFKA__BROKERS", "b:2"),
                ("SHUTTERLAG__KAFKA__GROUP", "7"),
                ("SHUTTERLAG__KAFKA__COMMIT_INTERVAL", "1s"),
                ("SHUTTERLAG__KAFKA__LIBRDKAFKA__LINGER_MS", "5"),
                ("SHUTTERLAG__TOPICS__PARTITIONS", "6"),
                ("SHUTTERLAG__TOPICS__CREATE", "false"),
                ("SHUTTERLAG__SOURCES", "[{ topic = \"leaks\", prekeyed = true }]"),
                ("SHUTTERLAG__HTTP__TOKEN", "1234567890123456"),
            ],
        )
        .unwrap();
        let kafka = &settings.kafka;
        assert_eq!((kafka.brokers.as_str(), kafka.group.as_str()), ("b:2", "7"));
        assert_eq!(kafka.commit_interval, crate::time::Span::from_secs(1));
        assert_eq!(kafka.librdkafka["linger.ms"], "5");
        assert_eq!((settings.topics.partitions, settings.topics.create), (6, false));
        assert!(settings.sources[0].prekeyed);
        assert_eq!(settings.http.token.unwrap().reveal(), "1234567890123456");
    }

    #[test]
    fn a_fault_in_a_variable_names_the_variable() {
        for (variable, value, why) in [
            ("KAFKA__BROKER", "a:1", "kafka.broker: unknown key; did you mean `brokers`?"),
            ("INTAKE__WORKERS", "two", "intake.workers: expected a whole number, found text"),
            ("HTTP", "canary", "http: expected a table, found text"),
            ("SOURCES", "[{ topic = \"a b\" }]", "sources[0].topic: not the name of a topic"),
        ] {
            let variable = format!("SHUTTERLAG__{variable}");
            let fault = load(SMALLEST, &[(&variable, value)]).unwrap_err();
            assert!(fault.starts_with(&format!("{variable}: {why}")), "{fault}");
        }
    }

    #[test]
    fn names_of_options_may_be_quoted_or_dotted_but_not_both() {
        let read = |options: &str| load(&format!("{SMALLEST}[kafka.librdkafka]\n{options}"), &[]);
        let settings = read("\"linger.ms\" = 5\nqueued.min.messages = \"7\"\na.b = true\nc = 0.5");
        let options = settings.unwrap().kafka.librdkafka;
        let expected =
            [("a.b", "true"), ("c", "0.5"), ("linger.ms", "5"), ("queued.min.messages", "7")];
        assert!(options.iter().map(|(name, text)| (name.as_str(), text.as_str())).eq(expected));
        let twice = read("\"a.b\" = 1\na.b = 2").unwrap_err();
        assert!(twice.contains("kafka.librdkafka.\"a.b\": set twice"), "{twice}");
        assert!(read("a = [1]").unwrap_err().contains("expected text, a number"));
    }

    /// A whole number without bounds would silently become its type's largest.
    #[test]
    fn every_whole_number_has_bounds() {
        let rows = reference().into_iter().flat_map(|section| section.rows);
        let numbers: Vec<_> = rows.filter(|row| row.about.starts_with("whole number")).collect();
        assert!(numbers.len() > 20);
        assert!(numbers.iter().all(|row| row.about.contains(" to ")), "{numbers:?}");
    }

    proptest::proptest! {
        /// Hostile files and variables are refused, or are settings; nothing else happens.
        #[test]
        fn any_text_is_answered_and_never_quoted(
            before in "[a-z_.=\\[\\]{}\"',# \n0-9é]{0,60}",
            after in "[a-z_.=\\[\\]{}\"',# \n0-9é]{0,60}",
            variable in "[A-Z_]{0,20}",
        ) {
            // A message may name a key, but not a value: the canary is a value.
            let text = format!("{before}\n[http]\ntoken = \"canary\"{after}");
            let variable = format!("SHUTTERLAG__{variable}");
            for environment in [&[][..], &[(variable.as_str(), "canary")]] {
                if let Err(error) = load(&text, environment) {
                    proptest::prop_assert!(!error.contains("canary"), "{error}");
                }
            }
        }
    }
}
