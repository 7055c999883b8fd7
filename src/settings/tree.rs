//! A configuration as a tree in which every value knows where it was written.

use std::collections::BTreeMap;
use std::ops::Range;
use std::rc::Rc;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Where something was written. The order is the order of messages.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Place {
    /// Somewhere in the file, or missing from it.
    File,
    /// At this byte of the file.
    Byte(usize),
    /// In this environment variable.
    Variable(Rc<str>),
}

/// A value and its places. No `Debug`: the value may be a secret.
pub(super) struct Node {
    /// Where its name was written; for list items, where the value was.
    pub(super) name: Place,
    /// Where the value was written.
    pub(super) place: Place,
    pub(super) value: Value,
    /// The text of the environment variable that holds the whole value.
    raw: Option<String>,
}

/// What was written, by its type in TOML.
pub(super) enum Value {
    Text(String),
    Whole(i64),
    Fraction(f64),
    Flag(bool),
    /// Something that no setting takes: a date, or a number that is too large.
    Other(&'static str),
    List(Vec<Node>),
    Table(BTreeMap<String, Node>),
}

impl Node {
    /// A table without keys.
    pub(super) fn empty_table(place: Place) -> Node {
        Node { name: place.clone(), place, value: Value::Table(BTreeMap::new()), raw: None }
    }

    /// A text that was read from elsewhere on behalf of what stands at `place`.
    pub(super) fn text_at(place: &Place, text: String) -> Node {
        Node { name: place.clone(), place: place.clone(), value: Value::Text(text), raw: None }
    }

    /// The tree of a TOML document.
    pub(super) fn document(table: &Spanned<DeTable<'_>>) -> Node {
        let mut root = Node::empty_table(Place::File);
        root.value = self::table(table.get_ref(), &|span| Place::Byte(span.start));
        root
    }

    /// What an environment variable says: TOML where it is TOML, else text.
    pub(super) fn variable(name: &str, text: String) -> Node {
        let place = Place::Variable(name.into());
        let value = match DeValue::parse(&text) {
            Ok(parsed) => node(&parsed, place.clone(), &|_| place.clone()).value,
            Err(_) => Value::Text(text.clone()),
        };
        Node { name: place.clone(), place, value, raw: Some(text) }
    }

    /// The value as text. In a variable anything is text, quoted or not.
    pub(super) fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Text(text) => Some(text),
            _ => self.raw.as_deref(),
        }
    }

    /// The value as a secret, which in a variable is exactly the variable's text.
    pub(super) fn secret(&self) -> Option<&str> {
        self.raw.as_deref().or_else(|| self.text())
    }

    pub(super) fn is_variable(&self) -> bool {
        matches!(self.place, Place::Variable(_))
    }

    /// The type of what was found, for messages.
    pub(super) fn found(&self) -> &'static str {
        match &self.value {
            Value::Text(_) => "text",
            Value::Whole(_) => "a whole number",
            Value::Fraction(_) => "a number with a fraction",
            Value::Flag(_) => "true or false",
            Value::Other(what) => what,
            Value::List(_) => "a list",
            Value::Table(_) => "a table",
        }
    }

    /// Puts `new` where `key` says, and makes the tables on the way there.
    ///
    /// # Errors
    /// Why there is no such place.
    pub(super) fn insert(&mut self, key: &[String], new: Node) -> Result<(), String> {
        let Some((name, rest)) = key.split_first() else { return Ok(()) };
        if name.is_empty() {
            return Err(
                "a name is empty; write two underscores between the parts of a key, as in \
                        SHUTTERLAG__KAFKA__BROKERS"
                    .to_owned(),
            );
        }
        let Value::Table(table) = &mut self.value else {
            return Err("there is nothing below this key".to_owned());
        };
        // The file may spell `a.b` as a table in a table.
        if let Some((head, tail)) = name.split_once('.')
            && let Some(inner) =
                table.get_mut(head).filter(|it| matches!(it.value, Value::Table(_)))
        {
            let tail: Vec<String> =
                [tail.to_owned()].into_iter().chain(rest.iter().cloned()).collect();
            return inner.insert(&tail, new);
        }
        if rest.is_empty() {
            table.insert(name.clone(), new);
            return Ok(());
        }
        let inner =
            table.entry(name.clone()).or_insert_with(|| Node::empty_table(new.place.clone()));
        match inner.value {
            Value::Table(_) => inner.insert(rest, new),
            Value::List(_) => Err(format!(
                "`{name}` is a list, and a variable can only set a list as a whole: \
                 SHUTTERLAG__SOURCES='[{{ topic = \"leaks\" }}]'"
            )),
            _ => Err(format!("`{name}` holds a value; there is nothing below it")),
        }
    }
}

/// Turns a span of the text into a place.
type PlaceOf<'p> = &'p dyn Fn(Range<usize>) -> Place;

fn table(table: &DeTable<'_>, place: PlaceOf<'_>) -> Value {
    let entry = |(key, value): (&Spanned<_>, _)| {
        let name: &std::borrow::Cow<'_, str> = key.get_ref();
        (name.to_string(), node(value, place(key.span()), place))
    };
    Value::Table(table.iter().map(entry).collect())
}

fn node(spanned: &Spanned<DeValue<'_>>, name: Place, place: PlaceOf<'_>) -> Node {
    let value = match spanned.get_ref() {
        DeValue::String(text) => Value::Text(text.to_string()),
        DeValue::Integer(number) => match i64::from_str_radix(number.as_str(), number.radix()) {
            Ok(number) => Value::Whole(number),
            Err(_) => Value::Other("a number that is too large"),
        },
        DeValue::Float(number) => match number.as_str().parse() {
            Ok(number) => Value::Fraction(number),
            Err(_) => Value::Other("a number that is too large"),
        },
        DeValue::Boolean(flag) => Value::Flag(*flag),
        DeValue::Datetime(_) => Value::Other("a date or time"),
        DeValue::Array(list) => {
            Value::List(list.iter().map(|item| node(item, place(item.span()), place)).collect())
        }
        DeValue::Table(inner) => table(inner, place),
    };
    Node { name, place: place(spanned.span()), value, raw: None }
}
