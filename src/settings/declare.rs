//! One declaration per setting.
//!
//! [`settings!`] declares a table of the configuration together with its struct
//! and its defaults; [`keys!`] declares the keys of a struct that stands
//! elsewhere. Reading, checking, showing and the reference in the documentation
//! all follow from these declarations. What several settings must satisfy
//! together is in `relations.rs`.

use std::ops::{Bound, RangeBounds};

use super::reader::{Reader, join};
use super::reference::{Row, Section, Shown};
use super::tree::{self, Node};

/// A type that a setting can have.
pub(super) trait Value: Sized {
    /// What checks look at: the value itself, without an `Option` around it.
    type Core;
    /// Whether it is a table that the reference describes in sections of its own.
    const SECTIONS: bool = false;
    /// Whether it is read even where the file does not mention it, so that
    /// keys missing from it are found.
    const ALWAYS: bool = false;
    /// Whether it is a secret: hidden wherever it is shown, and with a second key
    /// that ends in `_file`.
    const SECRET: bool = false;

    /// The type in the words of the reference.
    fn about() -> String;
    /// Reads the value; `None` when it has a fault, which `reader` knows then.
    fn read(reader: &mut Reader<'_>, key: &str, node: &Node) -> Option<Self>;
    /// What checks look at, if there is anything.
    fn core(&mut self) -> Option<&mut Self::Core>;
    /// The value as it is written; `None` where it stands for nothing.
    fn show(&self) -> Option<Shown>;
    /// Adds the sections of the reference below `path`.
    fn sections(_path: &str, _out: &mut Vec<Section>) {}
}

/// A table with a fixed set of keys.
pub(super) trait Table: Default + 'static {
    const KEYS: &'static [Key<Self>];
}

/// One setting of the table `T`.
pub(super) struct Key<T> {
    pub(super) name: &'static str,
    pub(super) meaning: &'static str,
    /// What to say where it is missing, unless it may be.
    pub(super) required: Option<&'static str>,
    pub(super) has_sections: bool,
    pub(super) always: bool,
    pub(super) secret: bool,
    pub(super) about: fn() -> String,
    pub(super) read: fn(&mut T, &mut Reader<'_>, &str, &Node),
    pub(super) show: fn(&T) -> Option<Shown>,
    pub(super) sections: fn(&str, &mut Vec<Section>),
}

/// A check of one value: why it cannot be used, and what to do. It may bring the
/// value into its usual form.
pub(super) type Check<C> = fn(&mut C) -> Result<(), String>;

/// Reads a value and applies its checks.
pub(super) fn checked<V: Value>(
    reader: &mut Reader<'_>,
    key: &str,
    node: &Node,
    checks: &[Check<V::Core>],
) -> Option<V> {
    let mut value = V::read(reader, key, node)?;
    if let Some(core) = value.core() {
        for check in checks {
            if let Err(why) = check(core) {
                reader.fault(key, &node.place, why);
                return None;
            }
        }
    }
    Some(value)
}

/// A value within bounds.
pub(super) fn within<V: Value + PartialOrd>(
    value: &V,
    bounds: impl RangeBounds<V>,
) -> Result<(), String> {
    if bounds.contains(value) {
        return Ok(());
    }
    let (min, max) = ends(&bounds);
    Err(match max {
        Some(max) => format!("out of bounds; set it to {min} or more and at most {max}"),
        None => format!("out of bounds; set it to {min} or more"),
    })
}

/// The bounds in the words of the reference.
pub(super) fn bounds<V: Value>(bounds: impl RangeBounds<V>) -> String {
    match ends(&bounds) {
        (min, Some(max)) => format!(", {min} to {max}"),
        (min, None) => format!(", {min} or more"),
    }
}

fn ends<V: Value>(bounds: &impl RangeBounds<V>) -> (String, Option<String>) {
    let plain = |bound: Bound<&V>| match bound {
        Bound::Included(value) | Bound::Excluded(value) => value.show().map(|it| it.plain()),
        Bound::Unbounded => None,
    };
    (plain(bounds.start_bound()).unwrap_or_default(), plain(bounds.end_bound()))
}

/// Declares tables: struct, defaults and keys.
///
/// ```text
/// settings! {
///     /// What the table is about.
///     pub struct Name {
///         /// The meaning, as it stands in the reference.
///         key: Type = default, required "what to say", in 1..=9, check function;
///     }
/// }
/// ```
///
/// All clauses may be left out. Without `= default` the type's own default
/// holds. `key "name"` after the default gives the key another name than its field.
macro_rules! settings {
    ($(
        $(#[$meta:meta])*
        pub struct $table:ident { $(
            $(#[doc = $doc:literal])+
            $field:ident: $type:ty $(= $default:expr)?
            $(, key $name:literal)? $(, required $why:expr)? $(, in $range:expr)?
            $(, check $check:expr)?;
        )+ }
    )+) => { $(
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq)]
        pub struct $table { $( $(#[doc = $doc])+ pub $field: $type ),+ }

        impl Default for $table {
            fn default() -> $table {
                $table { $($field: $crate::settings::declare::keys!(@or [$($default)?] Default::default())),+ }
            }
        }

        $crate::settings::declare::keys! { $table { $(
            $(#[doc = $doc])+
            $field: $type $(, key $name)? $(, required $why)? $(, in $range)? $(, check $check)?;
        )+ } }
    )+ };
}

/// Declares the keys of a struct that stands elsewhere. Beyond what `settings!`
/// knows, `at a.b` says in which field the value is, and `via (get, set)` how to
/// convert it.
macro_rules! keys {
    ($table:ty { $(
        $(#[doc = $doc:literal])+
        $field:ident: $type:ty
        $(, key $name:literal)? $(, required $why:expr)? $(, in $range:expr)?
        $(, check $check:expr)? $(, at $($part:ident).+)? $(, via ($get:expr, $set:expr))?;
    )+ }) => {
        const _: () = {
            use $crate::settings::declare::{self, Check, Key, Table, Value, keys};

            impl Table for $table {
                const KEYS: &'static [Key<$table>] = &[$(Key {
                    name: keys!(@or [$($name)?] stringify!($field)),
                    meaning: concat!($($doc),+),
                    required: keys!(@some $($why)?),
                    has_sections: <$type as Value>::SECTIONS,
                    always: <$type as Value>::ALWAYS,
                    secret: <$type as Value>::SECRET,
                    about: || {
                        let about = <$type as Value>::about();
                        $(let about = about + &declare::bounds::<<$type as Value>::Core>($range);)?
                        about
                    },
                    read: |table, reader, key, node| {
                        let set: fn(&mut $table, $type) =
                            keys!(@set [$field] [$($($part).+)?] [$($set)?]);
                        let checks: &[Check<<$type as Value>::Core>] =
                            &[$(|value| declare::within(value, $range),)? $(|value| $check(value),)?];
                        if let Some(value) = declare::checked(reader, key, node, checks) {
                            set(table, value);
                        }
                    },
                    show: |table| {
                        let get: fn(&$table) -> $type =
                            keys!(@get [$field] [$($($part).+)?] [$($get)?]);
                        get(table).show()
                    },
                    sections: <$type as Value>::sections,
                }),+];
            }
        };
    };

    (@or [] $other:expr) => { $other };
    (@or [$given:expr] $other:expr) => { $given };
    (@some) => { None };
    (@some $given:expr) => { Some($given) };
    (@get [$field:ident] [] []) => { |table| table.$field.clone() };
    (@get [$field:ident] [$($part:ident).+] []) => { |table| table.$($part).+.clone() };
    (@get [$field:ident] [] [$get:expr]) => { $get };
    (@set [$field:ident] [] []) => { |table, value| table.$field = value };
    (@set [$field:ident] [$($part:ident).+] []) => { |table, value| table.$($part).+ = value };
    (@set [$field:ident] [] [$set:expr]) => { $set };
}

pub(super) use {keys, settings};

/// The key that names the file of the secret `name`.
fn file_key(name: &str) -> String {
    format!("{name}_file")
}

/// Reads the table `node` over the values that `table` has.
pub(super) fn read_over<T: Table>(
    table: &mut T,
    reader: &mut Reader<'_>,
    path: &str,
    node: &Node,
) -> bool {
    let tree::Value::Table(entries) = &node.value else {
        reader.wrong_type(path, node, "a table");
        return false;
    };
    let mut known = Vec::new();
    for key in T::KEYS {
        let at = join(path, key.name);
        let mut given = entries.get(key.name);
        known.push(key.name.to_owned());
        if let Some(node) = given {
            reader.give(&at, &node.place);
        }
        if key.secret {
            let twin = file_key(key.name);
            let file = entries.get(&twin);
            known.push(twin);
            // The environment replaces a secret of the file whichever way each is given.
            let (inline, file) = match (given, file) {
                (Some(inline), Some(file)) if inline.is_variable() && !file.is_variable() => {
                    (Some(inline), None)
                }
                (Some(inline), Some(file)) if file.is_variable() && !inline.is_variable() => {
                    (None, Some(file))
                }
                both => both,
            };
            given = inline;
            if let Some(file) = file {
                let file_at = file_key(&at);
                reader.give(&at, &file.place);
                if let Some(inline) = inline {
                    let why =
                        format!("{} is set as well; remove one of the two", file_key(key.name));
                    reader.fault(&at, &inline.place, why);
                } else if let Some(secret) = reader.secret_file(&file_at, file) {
                    (key.read)(table, reader, &file_at, &secret);
                }
                continue;
            }
        }
        match (given, key.required) {
            (Some(node), _) => (key.read)(table, reader, &at, node),
            (None, Some(why)) => reader.fault(&at, &node.place, why),
            (None, None) if key.always => {
                (key.read)(table, reader, &at, &Node::empty_table(node.place.clone()));
            }
            (None, None) => {}
        }
    }
    for (name, entry) in entries.iter().filter(|(name, _)| !known.contains(name)) {
        reader.unknown(path, name, &entry.name, &known);
    }
    true
}

impl<T: Table> Value for T {
    type Core = T;
    const SECTIONS: bool = true;
    const ALWAYS: bool = true;

    fn about() -> String {
        "table".to_owned()
    }

    fn read(reader: &mut Reader<'_>, key: &str, node: &Node) -> Option<T> {
        let mut table = T::default();
        read_over(&mut table, reader, key, node).then_some(table)
    }

    fn core(&mut self) -> Option<&mut T> {
        Some(self)
    }

    fn show(&self) -> Option<Shown> {
        let default = T::default();
        let shown = |key: &Key<T>| {
            // An empty list stands for nothing, unless the default is not empty.
            (key.show)(self).or_else(|| match (key.show)(&default)? {
                Shown::List(_) => Some(Shown::List(Vec::new())),
                _ => None,
            })
        };
        let shown = T::KEYS.iter().filter_map(|key| Some((key.name.to_owned(), shown(key)?)));
        Some(Shown::Table(shown.collect()))
    }

    fn sections(path: &str, out: &mut Vec<Section>) {
        let default = T::default();
        let mut rows = Vec::new();
        for key in T::KEYS.iter().filter(|key| !key.has_sections) {
            let value =
                (key.show)(&default).map_or("none".to_owned(), |shown| format!("`{shown}`"));
            rows.push(Row {
                key: key.name.to_owned(),
                about: (key.about)(),
                default: if key.required.is_some() { "required".to_owned() } else { value },
                meaning: key.meaning.trim().to_owned(),
            });
            if key.secret {
                rows.push(Row {
                    key: file_key(key.name),
                    about: "path".to_owned(),
                    default: "none".to_owned(),
                    meaning: format!("The file that holds `{}`.", key.name),
                });
            }
        }
        if !rows.is_empty() {
            out.push(Section { name: path.to_owned(), rows });
        }
        for key in T::KEYS {
            (key.sections)(&join(path, key.name), out);
        }
    }
}

impl<V: Value> Value for Option<V> {
    type Core = V::Core;
    const SECTIONS: bool = V::SECTIONS;
    const SECRET: bool = V::SECRET;

    fn about() -> String {
        V::about()
    }

    fn read(reader: &mut Reader<'_>, key: &str, node: &Node) -> Option<Option<V>> {
        V::read(reader, key, node).map(Some)
    }

    fn core(&mut self) -> Option<&mut V::Core> {
        self.as_mut().and_then(V::core)
    }

    fn show(&self) -> Option<Shown> {
        self.as_ref().and_then(V::show)
    }

    fn sections(path: &str, out: &mut Vec<Section>) {
        V::sections(path, out);
    }
}

impl<V: Value> Value for Vec<V> {
    type Core = Vec<V>;
    const SECTIONS: bool = V::SECTIONS;

    fn about() -> String {
        format!("list of {}", V::about())
    }

    fn read(reader: &mut Reader<'_>, key: &str, node: &Node) -> Option<Vec<V>> {
        let tree::Value::List(items) = &node.value else {
            reader.wrong_type(key, node, "a list");
            return None;
        };
        let mut read = Vec::with_capacity(items.len());
        for (index, item) in items.iter().enumerate() {
            let key = format!("{key}[{index}]");
            reader.give(&key, &item.place);
            read.extend(V::read(reader, &key, item));
        }
        Some(read)
    }

    fn core(&mut self) -> Option<&mut Vec<V>> {
        Some(self)
    }

    fn show(&self) -> Option<Shown> {
        let shown: Vec<Shown> = self.iter().filter_map(V::show).collect();
        (!shown.is_empty()).then_some(Shown::List(shown))
    }

    fn sections(path: &str, out: &mut Vec<Section>) {
        V::sections(path, out);
    }
}
