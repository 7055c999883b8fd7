//! `map.toml`: what a map says about itself.

use std::collections::BTreeMap;

use jaq_json::Val;
use serde::Deserialize;

use super::path::{Path, Step, is_text};
use super::value::number_text;

/// The longest name of a map.
pub(super) const NAME_BYTES_MAX: usize = 64;

/// As it is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    name: String,
    description: String,
    #[serde(default)]
    recognise: Vec<WrittenMark>,
    #[serde(default)]
    secrets: Vec<String>,
    #[serde(default)]
    secrets_base64: Vec<String>,
    #[serde(default)]
    times: Vec<String>,
    #[serde(default)]
    each: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenMark {
    #[serde(default)]
    values: BTreeMap<String, Literals>,
    #[serde(default)]
    keys: Vec<String>,
}

/// One literal, or several of which one is enough.
#[derive(Debug, Deserialize)]
#[serde(
    untagged,
    expecting = "a text, a whole number, true, false, or a list of them is wanted here; a path with a dot has to be in quotes"
)]
enum Literals {
    One(Literal),
    Any(Vec<Literal>),
}

#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(untagged)]
enum Literal {
    Text(String),
    Flag(bool),
    Whole(i64),
}

/// What a map says about itself.
#[derive(Clone, Debug)]
pub(super) struct Manifest {
    pub(super) name: String,
    pub(super) description: String,
    /// A record is recognised by any of them.
    marks: Vec<Mark>,
    pub(super) secrets: Vec<Path>,
    /// Paths where a secret stands in base64.
    pub(super) secrets_base64: Vec<Path>,
    /// Notations of times besides those that every map knows.
    pub(super) times: Vec<String>,
    /// Paths to lists whose elements are used or rejected one by one. The first that leads to one
    /// counts.
    pub(super) each: Vec<Path>,
}

/// What a record must have to be one of the map's.
#[derive(Clone, Debug)]
struct Mark {
    values: Vec<(Path, Vec<Literal>)>,
    keys: Vec<Path>,
}

impl Manifest {
    /// Reads `map.toml`.
    ///
    /// # Errors
    /// What is wrong, with its place.
    pub(super) fn parse(text: &str) -> Result<Manifest, String> {
        let written: Written = toml::from_str(text).map_err(|error| {
            let line = error.span().map(|span| text[..span.start].matches('\n').count() + 1);
            let line = line.map(|line| format!("line {line}: ")).unwrap_or_default();
            format!("map.toml: {line}{}", error.message().trim_end())
        })?;
        if !is_name(&written.name) {
            return Err(format!(
                "map.toml: name: write 1 to {NAME_BYTES_MAX} of the characters a-z, 0-9, `_` and \
                 `-`, beginning with a letter"
            ));
        }
        let path = |text: &String, key: &str| {
            Path::parse(text).map_err(|why| format!("map.toml: {key}: `{text}`: {why}"))
        };
        let mut marks = Vec::new();
        for mark in &written.recognise {
            let mut values = Vec::new();
            for (at, literals) in &mark.values {
                let literals = match literals {
                    Literals::One(literal) => vec![literal.clone()],
                    Literals::Any(literals) => literals.clone(),
                };
                if literals.is_empty() {
                    return Err(format!("map.toml: recognise.values: `{at}`: no value"));
                }
                values.push((path(at, "recognise.values")?, literals));
            }
            let keys = mark.keys.iter().map(|key| path(key, "recognise.keys"));
            let keys: Vec<Path> = keys.collect::<Result<_, _>>()?;
            if values.is_empty() && keys.len() < 2 {
                return Err(
                    "map.toml: recognise: too little to know a record by; name a value, or two keys"
                        .to_owned(),
                );
            }
            marks.push(Mark { values, keys });
        }
        let secrets = written.secrets.iter().map(|at| path(at, "secrets"));
        let encoded = written.secrets_base64.iter().map(|at| path(at, "secrets_base64"));
        let each = written.each.iter().map(|at| {
            let path = path(at, "each")?;
            let lists = path.steps.iter().any(|step| matches!(step, Step::Each | Step::Any));
            let single = path.steps.iter().any(|step| matches!(step, Step::Index(_)));
            match lists && !single {
                true => Ok(path),
                false => Err(format!(
                    "map.toml: each: `{at}`: name every element of a list, as in `findings[]`"
                )),
            }
        });
        Ok(Manifest {
            each: each.collect::<Result<_, _>>()?,
            secrets: secrets.collect::<Result<_, _>>()?,
            secrets_base64: encoded.collect::<Result<_, _>>()?,
            name: written.name,
            description: written.description,
            marks,
            times: written.times,
        })
    }

    /// Whether it says how its records are recognised.
    pub(super) fn recognises(&self) -> bool {
        !self.marks.is_empty()
    }

    /// What the first mark names and `record` lacks; nothing if it is one of the map's.
    pub(super) fn missing(&self, record: &Val) -> Vec<String> {
        if self.matches(record) {
            return Vec::new();
        }
        let Some(mark) = self.marks.first() else { return Vec::new() };
        let values = mark.values.iter().filter(|(path, literals)| !is(record, path, literals));
        let values =
            values.map(|(path, _)| format!("`{path}` has not the value that it must have"));
        let keys = mark.keys.iter().filter(|path| !path.any(record, &|_| true));
        values.chain(keys.map(|path| format!("`{path}` is not there"))).collect()
    }

    /// Whether `record` is one of the map's.
    pub(super) fn matches(&self, record: &Val) -> bool {
        self.marks.iter().any(|mark| mark.matches(record))
    }
}

impl Mark {
    fn matches(&self, record: &Val) -> bool {
        self.values.iter().all(|(path, literals)| is(record, path, literals))
            && self.keys.iter().all(|path| path.any(record, &|_| true))
    }
}

/// Whether one of `literals` stands at `path`.
fn is(record: &Val, path: &Path, literals: &[Literal]) -> bool {
    path.any(record, &|value| literals.iter().any(|literal| literal.equals(value)))
}

impl Literal {
    fn equals(&self, value: &Val) -> bool {
        match (self, value) {
            (Literal::Text(text), value) => is_text(value, text.as_bytes()),
            (Literal::Flag(flag), Val::Bool(value)) => flag == value,
            (Literal::Whole(number), Val::Num(value)) => {
                number_text(value).is_ok_and(|text| text == number.to_string())
            }
            _ => false,
        }
    }
}

/// Whether a map may have this name.
pub(in crate::formats) fn is_name(name: &str) -> bool {
    let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'_' | b'-');
    name.len() <= NAME_BYTES_MAX
        && name.bytes().all(fits)
        && name.starts_with(|first: char| first.is_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::super::value::read;
    use super::*;

    const HEAD: &str = "name = \"x\"\ndescription = \"d\"\n";

    fn matches(toml: &str, record: &str) -> bool {
        Manifest::parse(&format!("{HEAD}{toml}")).unwrap().matches(&read(record).unwrap())
    }

    #[test]
    fn a_record_needs_every_value_and_every_key_of_one_mark() {
        let toml = "[[recognise]]\nvalues = { \"a.t\" = [\"x\", \"y\"], \"a.n\" = 7, f = true }\n\
                    keys = [\"b\", \"c[].d\"]\n[[recognise]]\nvalues = { z = \"z\" }";
        let record = r#"{"a":{"t":"y","n":7},"f":true,"b":null,"c":[{},{"d":0}]}"#;
        assert!(matches(toml, record));
        for (from, to) in [
            ("\"y\"", "\"w\""),
            ("\"n\":7", "\"n\":\"7\""),
            ("true", "false"),
            ("\"b\"", "\"e\""),
            ("\"d\"", "\"e\""),
        ] {
            assert!(!matches(toml, &record.replace(from, to)), "{from}");
        }
        assert!(matches(toml, r#"{"z":"z"}"#));
        assert!(!matches("", record));
    }

    #[test]
    fn a_fault_has_a_place_and_a_remedy() {
        let fault = |toml: &str| Manifest::parse(toml).unwrap_err();
        assert_eq!(
            fault(&format!("{HEAD}[[recognise]]\nkeys = [\"a\"]")),
            "map.toml: recognise: too little to know a record by; name a value, or two keys"
        );
        assert!(fault("name = \"x\"\nnmae = 1").starts_with("map.toml: line 2: unknown field"));
        let nested = fault("name = \"x\"\n[[recognise]]\nvalues = { case.kind = \"leak\" }");
        assert!(
            nested.starts_with("map.toml: line 3: ") && nested.contains("in quotes"),
            "{nested}"
        );
        assert!(fault("name = \"X\"\ndescription = \"\"").contains("a-z"));
        assert_eq!(
            fault(&format!("{HEAD}secrets = [\"a[x]\"]")),
            "map.toml: secrets: `a[x]`: between `[` and `]` stands nothing, or a whole number"
        );
        for each in ["a", "a[0]", "a[0].b[]"] {
            assert_eq!(
                fault(&format!("{HEAD}each = [\"{each}\"]")),
                format!(
                    "map.toml: each: `{each}`: name every element of a list, as in `findings[]`"
                )
            );
        }
    }
}
