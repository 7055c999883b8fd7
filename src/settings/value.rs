//! The kinds of value that a configuration has, each with its own way to say
//! what it expects.
//!
//! Invariant: an error never quotes the value, which may be a secret that
//! slipped into the wrong place.

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;
use std::net::SocketAddr;

use serde::de::{self, Deserializer, MapAccess, Visitor};
use serde::{Deserialize, Serialize, Serializer};

use super::{Delivery, LogFormat, Mechanism, PeopleShown, Protocol, Secret, Start};
use crate::engine::alerts::{Alert, Urgency};
use crate::engine::attacker::AttackerCurve;
use crate::event::{Severity, Workflow};
use crate::formats::Format;
use crate::time::Span;

/// A value that is written as text.
trait Text: Sized {
    /// What is expected, for messages.
    fn expected() -> String;
    /// Reads it; the error says what is wrong without quoting.
    fn read(text: &str) -> Result<Self, String>;
}

struct TextVisitor<T>(PhantomData<T>);

impl<T: Text> Visitor<'_> for TextVisitor<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&T::expected())
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<T, E> {
        T::read(text).map_err(E::custom)
    }
}

/// Implements `Deserialize` by [`Text`].
macro_rules! text {
    ($($name:ty),+) => {
        $(impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<$name, D::Error> {
                deserializer.deserialize_str(TextVisitor(PhantomData))
            }
        })+
    };
}

text!(SpanText, Curve, Listen, Secret);

impl Text for Secret {
    fn expected() -> String {
        "text in quotes".to_owned()
    }

    fn read(text: &str) -> Result<Secret, String> {
        Ok(Secret::new(text))
    }
}

/// A span in its written form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SpanText(pub(super) Span);

impl Text for SpanText {
    fn expected() -> String {
        "a time span in quotes, like \"90s\" or \"10m\"".to_owned()
    }

    fn read(text: &str) -> Result<SpanText, String> {
        text.parse().map(SpanText).map_err(|error| error.to_string())
    }
}

impl fmt::Display for SpanText {
    /// In the largest unit that leaves no rest.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = self.0.as_millis();
        let units = [(86_400_000, "d"), (3_600_000, "h"), (60_000, "m"), (1_000, "s")];
        let (unit_ms, unit) =
            units.into_iter().find(|(unit, _)| ms != 0 && ms % unit == 0).unwrap_or((1, "ms"));
        write!(f, "{}{unit}", ms / unit_ms)
    }
}

impl Serialize for SpanText {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// An attacker's curve: `9m,17m`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Curve(pub(super) AttackerCurve);

impl Text for Curve {
    fn expected() -> String {
        "the fastest and the mean arrival in quotes, like \"9m,17m\"".to_owned()
    }

    fn read(text: &str) -> Result<Curve, String> {
        text.parse()
            .map(Curve)
            .map_err(|error: crate::engine::attacker::CurveError| error.to_string())
    }
}

impl Serialize for Curve {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Curve(curve) = self;
        let (fastest, mean) = (SpanText(curve.fastest()), SpanText(curve.mean()));
        serializer.collect_str(&format_args!("{fastest},{mean}"))
    }
}

/// Where to listen: an address with a port, or `off`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Listen(pub(super) Option<SocketAddr>);

const OFF: &str = "off";

impl Text for Listen {
    fn expected() -> String {
        format!("an address with a port in quotes, like \"127.0.0.1:9464\", or \"{OFF}\"")
    }

    fn read(text: &str) -> Result<Listen, String> {
        if text == OFF {
            return Ok(Listen(None));
        }
        let address = text
            .parse()
            .map_err(|_| format!("not an address with a port: expected {}", Listen::expected()))?;
        Ok(Listen(Some(address)))
    }
}

impl Serialize for Listen {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            None => serializer.serialize_str(OFF),
            Some(address) => serializer.collect_str(&address),
        }
    }
}

/// One of a closed set of words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Word<T>(pub(super) T);

/// Implements [`Text`] for the words of a set.
macro_rules! word {
    ($($name:ident),+) => {
        $(
            impl Text for Word<$name> {
                fn expected() -> String {
                    let known: Vec<String> =
                        $name::ALL.iter().map(|word| format!("\"{word}\"")).collect();
                    format!("one of {}", known.join(", "))
                }

                fn read(text: &str) -> Result<Word<$name>, String> {
                    $name::parse(text)
                        .map(Word)
                        .ok_or_else(|| format!("expected {}", Self::expected()))
                }
            }

            text!(Word<$name>);
        )+
    };
}

word!(
    Start,
    Delivery,
    Protocol,
    Mechanism,
    Format,
    Workflow,
    Severity,
    Alert,
    Urgency,
    PeopleShown,
    LogFormat
);

impl<T: Serialize> Serialize for Word<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

/// A whole number; its range is checked where its meaning is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Whole(pub(super) i64);

impl<'de> Deserialize<'de> for Whole {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Whole, D::Error> {
        struct Number;
        impl Visitor<'_> for Number {
            type Value = Whole;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a whole number")
            }

            fn visit_i64<E: de::Error>(self, number: i64) -> Result<Whole, E> {
                Ok(Whole(number))
            }
        }
        deserializer.deserialize_i64(Number)
    }
}

/// Options for librdkafka: `"linger.ms" = 5`, or `linger.ms = 5`, which TOML
/// takes for a table in a table.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct RawOptions(pub(super) BTreeMap<String, String>);

impl<'de> Deserialize<'de> for RawOptions {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<RawOptions, D::Error> {
        let Branch::Options(options) = deserializer.deserialize_map(BranchVisitor)? else {
            return Err(de::Error::custom(format!("expected {OPTIONS}")));
        };
        Ok(RawOptions(options))
    }
}

const OPTIONS: &str = "options of librdkafka, like \"linger.ms\" = 5";

/// A value, or options whose names have a part in common.
enum Branch {
    Value(String),
    Options(BTreeMap<String, String>),
}

impl<'de> Deserialize<'de> for Branch {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Branch, D::Error> {
        deserializer.deserialize_any(BranchVisitor)
    }
}

struct BranchVisitor;

impl<'de> Visitor<'de> for BranchVisitor {
    type Value = Branch;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{OPTIONS}, with a text, a number, true or false")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Branch, E> {
        Ok(Branch::Value(text.to_owned()))
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Branch, E> {
        Ok(Branch::Value(number.to_string()))
    }

    fn visit_f64<E: de::Error>(self, number: f64) -> Result<Branch, E> {
        Ok(Branch::Value(number.to_string()))
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<Branch, E> {
        Ok(Branch::Value(value.to_string()))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Branch, A::Error> {
        let mut options = BTreeMap::new();
        while let Some((name, branch)) = map.next_entry::<String, Branch>()? {
            let found = match branch {
                Branch::Value(value) => BTreeMap::from([(name, value)]),
                Branch::Options(inner) => inner
                    .into_iter()
                    .map(|(rest, value)| (format!("{name}.{rest}"), value))
                    .collect(),
            };
            for (name, value) in found {
                if options.contains_key(&name) {
                    return Err(de::Error::custom(format!("`{name}` is set twice")));
                }
                options.insert(name, value);
            }
        }
        Ok(Branch::Options(options))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_written_as_it_is_read() {
        for text in ["0ms", "100ms", "90s", "17m", "36h", "7d", "1001ms"] {
            assert_eq!(SpanText::read(text).unwrap().to_string(), text);
        }
        assert_eq!(SpanText::read("120s").unwrap().to_string(), "2m");
    }

    #[test]
    fn options_may_be_quoted_or_dotted_but_not_both() {
        let read = |text: &str| toml::from_str::<RawOptions>(text).map(|options| options.0);
        let options = read("\"linger.ms\" = 5\nqueued.min.messages = \"7\"\na.b = true\nc = 0.5");
        let expected =
            [("a.b", "true"), ("c", "0.5"), ("linger.ms", "5"), ("queued.min.messages", "7")]
                .map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(options.unwrap(), BTreeMap::from(expected));
        assert!(read("\"a.b\" = 1\na.b = 2").unwrap_err().message().contains("`a.b` is set twice"));
        assert!(read("a = [1]").is_err());
    }

    #[test]
    fn a_word_that_is_none_is_told_the_words_there_are() {
        let why = Word::<Start>::read("canary").unwrap_err();
        assert_eq!(why, "expected one of \"earliest\", \"latest\"");
    }
}
