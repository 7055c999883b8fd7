//! What declarations say of settings: values as they are shown, and the tables of
//! the reference in the documentation.

use std::fmt;

use serde::ser::{Serialize, SerializeMap, Serializer};

/// A value as it is shown: secrets hidden, keys in the order of the declaration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Shown {
    Text(String),
    Whole(i64),
    Flag(bool),
    List(Vec<Shown>),
    Table(Vec<(String, Shown)>),
}

impl Shown {
    /// Without quotes.
    pub(super) fn plain(&self) -> String {
        match self {
            Shown::Text(text) => text.clone(),
            other => other.to_string(),
        }
    }
}

impl fmt::Display for Shown {
    /// As TOML; of a table only that it is one.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Shown::Text(text) => write!(f, "{text:?}"),
            Shown::Whole(number) => write!(f, "{number}"),
            Shown::Flag(flag) => write!(f, "{flag}"),
            Shown::List(list) => {
                f.write_str("[")?;
                for (at, entry) in list.iter().enumerate() {
                    write!(f, "{}{entry}", if at == 0 { "" } else { ", " })?;
                }
                f.write_str("]")
            }
            Shown::Table(_) => f.write_str("{…}"),
        }
    }
}

impl Serialize for Shown {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Shown::Text(text) => serializer.serialize_str(text),
            Shown::Whole(number) => serializer.serialize_i64(*number),
            Shown::Flag(flag) => serializer.serialize_bool(*flag),
            Shown::List(list) => serializer.collect_seq(list),
            Shown::Table(table) => {
                let mut map = serializer.serialize_map(Some(table.len()))?;
                for (key, value) in table {
                    map.serialize_entry(key, value)?;
                }
                map.end()
            }
        }
    }
}

/// A table of the reference in `docs/configuration.md`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Section {
    /// The table's name in the configuration, like `kafka.security`.
    pub name: String,
    /// Its keys, in the order of the declaration.
    pub rows: Vec<Row>,
}

/// One key of the reference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Its name.
    pub key: String,
    /// Its type and bounds.
    pub about: String,
    /// Its default in backquotes, `none` or `required`.
    pub default: String,
    /// What it means.
    pub meaning: String,
}

impl Section {
    /// The table as Markdown, without a heading.
    pub fn markdown(&self) -> String {
        let mut text = "| key | type | default | meaning |\n|---|---|---|---|\n".to_owned();
        for Row { key, about, default, meaning } in &self.rows {
            text += &format!("| `{key}` | {about} | {default} | {meaning} |\n");
        }
        text
    }
}
