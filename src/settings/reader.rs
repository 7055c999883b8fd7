//! What is known while a tree is read into settings: the faults found so far,
//! and which keys were given where.

use std::collections::HashMap;
use std::path::Path;

use super::reference::Section;
use super::source::bounded;
use super::tree::{Node, Place};

/// A larger file holds no secret of ours.
const SECRET_BYTES_MAX: u64 = 64 << 10;

/// One fault before its place is written out.
struct Found {
    place: Place,
    key: String,
    why: String,
}

/// Collects what is wrong.
pub(super) struct Reader<'b> {
    /// Relative paths start here.
    pub(super) base: &'b Path,
    /// Every known key, to tell where a misplaced one belongs.
    sections: Vec<Section>,
    faults: Vec<Found>,
    given: HashMap<String, Place>,
}

impl<'b> Reader<'b> {
    pub(super) fn new(base: &'b Path, sections: Vec<Section>) -> Reader<'b> {
        Reader { base, sections, faults: Vec::new(), given: HashMap::new() }
    }

    /// All faults in the order of their places, as place, key and reason.
    pub(super) fn into_faults(mut self) -> impl Iterator<Item = (Place, String, String)> {
        self.faults.sort_by(|a, b| a.place.cmp(&b.place));
        self.faults.into_iter().map(|Found { place, key, why }| (place, key, why))
    }

    /// Remembers that `key` was given at `place`.
    pub(super) fn give(&mut self, key: &str, place: &Place) {
        self.given.insert(key.to_owned(), place.clone());
    }

    /// Whether the file or the environment sets `key`.
    pub(super) fn is_given(&self, key: &str) -> bool {
        self.given.contains_key(key)
    }

    pub(super) fn fault(&mut self, key: &str, place: &Place, why: impl Into<String>) {
        self.faults.push(Found { place: place.clone(), key: key.to_owned(), why: why.into() });
    }

    pub(super) fn wrong_type(&mut self, key: &str, node: &Node, expected: &str) {
        self.fault(key, &node.place, format!("expected {expected}, found {}", node.found()));
    }

    /// Settings that do not go together; the first of `keys` is the one to name.
    /// Says nothing when one of them has a fault of its own, since its value is
    /// not the one that was meant.
    pub(super) fn contradiction(&mut self, keys: &[&str], why: impl Into<String>) {
        if self.faults.iter().any(|fault| keys.contains(&fault.key.as_str())) {
            return;
        }
        let place = keys.iter().find_map(|key| self.given.get(*key)).unwrap_or(&Place::File);
        if let Some(key) = keys.first() {
            self.fault(key, &place.clone(), why);
        }
    }

    /// A key that the table at `path` does not have.
    pub(super) fn unknown(&mut self, path: &str, name: &str, place: &Place, known: &[String]) {
        let why = if let Some(nearest) = nearest(name, known) {
            format!("unknown key; did you mean `{nearest}`?")
        } else if let Some(section) =
            self.sections.iter().find(|section| section.rows.iter().any(|row| row.key == name))
        {
            format!("unknown key here; it belongs to [{}]", section.name)
        } else {
            let known: Vec<String> = known.iter().map(|key| format!("`{key}`")).collect();
            format!("unknown key; expected {}", known.join(", "))
        };
        self.fault(&join(path, name), place, why);
    }

    /// The secret in the file that `node` names.
    pub(super) fn secret_file(&mut self, key: &str, node: &Node) -> Option<Node> {
        let Some(path) = node.text() else {
            self.wrong_type(key, node, "a path in quotes");
            return None;
        };
        match bounded(&self.base.join(path), SECRET_BYTES_MAX) {
            Ok(text) => {
                // Editors and `echo` put an end of line behind it.
                let text = text.strip_suffix('\n').unwrap_or(&text);
                let text = text.strip_suffix('\r').unwrap_or(text);
                Some(Node::text_at(&node.place, text.to_owned()))
            }
            Err(why) => {
                self.fault(key, &node.place, format!("the file cannot be read: {why}"));
                None
            }
        }
    }
}

/// The key `name` of the table at `path`, in quotes where TOML needs them.
pub(super) fn join(path: &str, name: &str) -> String {
    let dot = if path.is_empty() { "" } else { "." };
    let plain = name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'));
    if plain { format!("{path}{dot}{name}") } else { format!("{path}{dot}{name:?}") }
}

/// The known name that `name` was most likely meant to be.
fn nearest<'k>(name: &str, known: &'k [String]) -> Option<&'k str> {
    let name = name.to_lowercase();
    // A slip or two, more of them in a longer name.
    let slips = 1 + name.chars().count() / 5;
    known
        .iter()
        .map(|key| (strsim::osa_distance(&name, key), key.as_str()))
        .filter(|(distance, key)| *distance <= slips.min(key.len() / 2))
        .min()
        .map(|(_, key)| key)
}
