//! The types that settings have, each with what it expects.
//!
//! Invariant: an error never quotes the value, which may be a secret that was put
//! in the wrong place.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;

use super::declare::Value;
use super::reader::{Reader, join};
use super::reference::Shown;
use super::secret::Secret;
use super::tree::{self, Node};
use crate::engine::alerts::{Alert, Urgency};
use crate::event::{Severity, Workflow};
use crate::formats::Format;
use crate::time::{Span, SpanError};

/// Reads something that is written as text; `parse` says what is wrong with it.
pub(super) fn text<T>(
    node: &Node,
    parse: impl FnOnce(&str) -> Result<T, String>,
) -> Option<Result<T, String>> {
    node.text().map(parse)
}

/// Implements [`Value`] for types that are written as one value: what the
/// reference calls them, what messages expect, how one is read (`None` is the
/// wrong type, an error is the wrong value) and how it is shown.
macro_rules! leaf {
    ($type:ty: $about:expr, expected $expected:expr, read $read:expr, show $show:expr $(, secret $secret:literal)?) => {
        impl $crate::settings::declare::Value for $type {
            type Core = $type;
            $(const SECRET: bool = $secret;)?

            fn about() -> String {
                $about.to_string()
            }

            fn read(
                reader: &mut $crate::settings::reader::Reader<'_>,
                key: &str,
                node: &$crate::settings::tree::Node,
            ) -> Option<$type> {
                let read: fn(
                    &$crate::settings::tree::Node,
                    &std::path::Path,
                ) -> Option<Result<$type, String>> = $read;
                match read(node, reader.base) {
                    Some(Ok(value)) => return Some(value),
                    Some(Err(why)) => reader.fault(key, &node.place, why),
                    None => reader.wrong_type(key, node, &$expected),
                }
                None
            }

            fn core(&mut self) -> Option<&mut $type> {
                Some(self)
            }

            fn show(&self) -> Option<$crate::settings::reference::Shown> {
                let show: fn(&$type) -> $crate::settings::reference::Shown = $show;
                Some(show(self))
            }
        }
    };
}

leaf!(String: "text", expected "text in quotes",
    read |node, _| text(node, |text| Ok(text.to_owned())),
    show |text| Shown::Text(text.clone()));

leaf!(bool: "`true` or `false`", expected "true or false",
    read |node, _| match node.value {
        tree::Value::Flag(flag) => Some(Ok(flag)),
        _ => None,
    },
    show |flag| Shown::Flag(*flag));

leaf!(Span: "time span", expected "a time span in quotes, like \"90s\" or \"10m\"",
    read |node, _| text(node, |text| text.parse().map_err(|error: SpanError| error.to_string())),
    show |span| Shown::Text(span_text(*span)));

leaf!(Secret: "secret", expected "text in quotes",
    read |node, _| node.secret().map(|text| match text {
        "" => Err("empty; give the secret, or remove the key".to_owned()),
        text => Ok(Secret::new(text)),
    }),
    show |secret| Shown::Text(secret.to_string()),
    secret true);

// A file that exists and can be read.
leaf!(PathBuf: "path", expected "a path in quotes",
    read |node, base| text(node, |text| {
        let path = base.join(text);
        match std::fs::File::open(&path).and_then(|file| file.metadata()) {
            Ok(about) if about.is_file() => Ok(path),
            Ok(_) => Err("not a file; give the path of a PEM file".to_owned()),
            Err(error) => Err(format!("the file cannot be read: {error}")),
        }
    }),
    show |path| Shown::Text(path.display().to_string()));

/// What `listen` expects.
const LISTEN: &str = "an address with a port in quotes, like \"127.0.0.1:9464\", or \"off\"";

leaf!(Option<SocketAddr>: "address with a port, or `off`", expected LISTEN,
    read |node, _| text(node, |text| match text {
        "off" => Ok(None),
        text => text.parse().map(Some).map_err(|_| format!("expected {LISTEN}")),
    }),
    show |listen| Shown::Text(listen.map_or("off".to_owned(), |address| address.to_string())));

/// Every whole number is declared with bounds inside its type's, so that one
/// beyond the type, which becomes the type's own bound, is out of bounds.
macro_rules! whole {
    ($($number:ty),+) => { $(leaf!($number: "whole number", expected "a whole number",
        read |node, _| match node.value {
            tree::Value::Whole(number) => {
                let nearest = if number < 0 { <$number>::MIN } else { <$number>::MAX };
                Some(Ok(<$number>::try_from(number).unwrap_or(nearest)))
            }
            _ => None,
        },
        show |number| Shown::Whole(i64::try_from(*number).unwrap_or(i64::MAX)));)+ };
}

whole!(u32, i32, usize);

/// Implements [`Value`] for closed sets of words.
macro_rules! word {
    ($($name:ident),+) => { $($crate::settings::values::leaf!($name:
        $crate::settings::values::listed("`", $name::ALL),
        expected format!("one of {}", $crate::settings::values::listed("\"", $name::ALL)),
        read |node, _| $crate::settings::values::text(node, |text| {
            $name::parse(text).ok_or_else(|| {
                format!("expected one of {}", $crate::settings::values::listed("\"", $name::ALL))
            })
        }),
        show |word| $crate::settings::reference::Shown::Text(word.to_string()));)+ };
}

pub(super) use {leaf, word};

leaf!(Format: format!("{} or the name of a map", listed("`", Format::ALL)),
    expected format!("one of {}, or the name of a map", listed("\"", Format::ALL)),
    read |node, _| text(node, |text| Format::parse(text).ok_or_else(|| {
        format!("expected one of {}, or the name of a map", listed("\"", Format::ALL))
    })),
    show |format| Shown::Text(format.to_string()));

word!(Workflow, Severity, Alert, Urgency);

/// The words of a set, each between two `quote`s.
pub(super) fn listed<W: std::fmt::Display>(quote: &str, words: &[W]) -> String {
    let words: Vec<_> = words.iter().map(|word| format!("{quote}{word}{quote}")).collect();
    words.join(", ")
}

/// A span as a configuration writes it: in the largest unit that divides it.
pub(super) fn span_text(span: Span) -> String {
    let ms = span.as_millis();
    let units = [(86_400_000, "d"), (3_600_000, "h"), (60_000, "m"), (1_000, "s")];
    let (unit_ms, unit) =
        units.into_iter().find(|(unit, _)| ms != 0 && ms % unit == 0).unwrap_or((1, "ms"));
    format!("{}{unit}", ms / unit_ms)
}

/// Names and texts. TOML takes an unquoted `a.b = "c"` for a table in a table; both
/// spellings mean the name `a.b`. Numbers, `true` and `false` are taken as text.
impl Value for BTreeMap<String, String> {
    type Core = BTreeMap<String, String>;

    fn about() -> String {
        "table of texts".to_owned()
    }

    fn read(reader: &mut Reader<'_>, key: &str, node: &Node) -> Option<Self> {
        let mut texts = BTreeMap::new();
        let tree::Value::Table(_) = &node.value else {
            reader.wrong_type(key, node, "a table");
            return None;
        };
        flatten(reader, key, "", node, &mut texts);
        Some(texts)
    }

    fn core(&mut self) -> Option<&mut Self> {
        Some(self)
    }

    fn show(&self) -> Option<Shown> {
        let text = |(name, text): (&String, &String)| (name.clone(), Shown::Text(text.clone()));
        (!self.is_empty()).then(|| Shown::Table(self.iter().map(text).collect()))
    }
}

fn flatten(
    reader: &mut Reader<'_>,
    path: &str,
    name: &str,
    node: &Node,
    out: &mut BTreeMap<String, String>,
) {
    let key = join(path, name);
    let text = match &node.value {
        tree::Value::Table(entries) => {
            for (rest, node) in entries {
                let name = if name.is_empty() { rest.clone() } else { format!("{name}.{rest}") };
                flatten(reader, path, &name, node, out);
            }
            return;
        }
        tree::Value::Text(text) => text.clone(),
        tree::Value::Whole(number) => number.to_string(),
        tree::Value::Fraction(number) => number.to_string(),
        tree::Value::Flag(flag) => flag.to_string(),
        tree::Value::Other(_) | tree::Value::List(_) => {
            return reader.wrong_type(&key, node, "text, a number, true or false");
        }
    };
    reader.give(&key, &node.place);
    if out.insert(name.to_owned(), text).is_some() {
        reader.fault(&key, &node.place, "set twice; remove one of the two");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_written_as_it_is_read() {
        for text in ["0ms", "100ms", "90s", "17m", "36h", "7d", "1001ms"] {
            assert_eq!(span_text(text.parse().unwrap()), text);
        }
        assert_eq!(span_text(Span::from_secs(120)), "2m");
    }
}
