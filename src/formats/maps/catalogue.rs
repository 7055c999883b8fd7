//! The maps that a run knows, by name.

use std::borrow::Cow;
use std::fmt;
use std::sync::OnceLock;

use jaq_json::Val;

use super::manifest::Manifest;
use super::program::Program;
use super::shipped;
use super::source::MapSource;
use super::value;
use crate::config::Limits;
use crate::formats::json;
use crate::formats::rejection::{RejectReason, Rejection};

/// Why a map cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MapFault {
    /// The folder of the map.
    pub map: String,
    /// What is wrong, and where.
    pub why: String,
}

impl fmt::Display for MapFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "map `{}`: {}", self.map, self.why)
    }
}

impl std::error::Error for MapFault {}

/// One map.
#[derive(Debug)]
pub struct Map {
    pub(super) manifest: Manifest,
    source: MapSource,
    shipped: bool,
    /// Compiled when it is needed first: most runs need few of the maps that ship.
    program: OnceLock<Result<Program, String>>,
}

impl Map {
    fn new(source: MapSource, shipped: bool) -> Result<Map, MapFault> {
        let fault = |why| MapFault { map: source.folder.to_string(), why };
        let manifest = Manifest::parse(&source.manifest).map_err(fault)?;
        if manifest.name != source.folder {
            return Err(fault(format!(
                "map.toml: name is `{}`, but the folder is `{}`; give both one name",
                manifest.name, source.folder
            )));
        }
        Ok(Map { manifest, source, shipped, program: OnceLock::new() })
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.manifest.name
    }

    /// What it is about, in a line.
    pub fn description(&self) -> &str {
        &self.manifest.description
    }

    /// Whether it comes with the program.
    pub fn is_shipped(&self) -> bool {
        self.shipped
    }

    /// Whether `auto` recognises its records.
    pub fn recognises(&self) -> bool {
        self.manifest.recognises()
    }

    /// The paths that it declares secret, as it writes them.
    pub fn secrets(&self) -> impl Iterator<Item = String> {
        let Manifest { secrets, secrets_base64, .. } = &self.manifest;
        secrets.iter().chain(secrets_base64).map(ToString::to_string)
    }

    /// The paths to lists whose elements it uses one by one, as it writes them.
    pub fn each(&self) -> impl Iterator<Item = String> {
        self.manifest.each.iter().map(ToString::to_string)
    }

    /// The files of its folder `fixtures/`.
    pub fn fixtures(&self) -> &[(Cow<'static, str>, Cow<'static, str>)] {
        &self.source.fixtures
    }

    /// What `recognise` names and `record` lacks; nothing if it is a record of the map.
    pub fn missing(&self, record: &[u8]) -> Vec<String> {
        read(record).map_or_else(Vec::new, |record| self.manifest.missing(&record))
    }

    pub(super) fn program(&self) -> Result<&Program, MapFault> {
        let compiled = self.program.get_or_init(|| Program::compile(&self.source.program));
        compiled.as_ref().map_err(|why| MapFault { map: self.name().to_owned(), why: why.clone() })
    }
}

/// The maps that a run knows.
#[derive(Debug)]
pub struct Maps {
    /// In the order of their names.
    list: Vec<Map>,
}

impl Maps {
    /// No map at all.
    pub const NONE: &'static Maps = &Maps { list: Vec::new() };

    /// The maps that come with the program.
    pub fn shipped() -> Maps {
        let (maps, _) = Maps::with(Vec::new());
        maps
    }

    /// The maps that come with the program, and those of a directory. One of the directory takes
    /// the place of the one with its name. A map that cannot be used is left out and listed.
    pub fn with(own: Vec<MapSource>) -> (Maps, Vec<MapFault>) {
        let mut faults = Vec::new();
        let mut list: Vec<Map> = Vec::new();
        for source in own {
            match Map::new(source, false).and_then(|map| map.program().map(drop).map(|()| map)) {
                Ok(map) => list.push(map),
                Err(fault) => faults.push(fault),
            }
        }
        for source in shipped::sources() {
            if list.iter().all(|map| map.name() != source.folder) {
                match Map::new(source, true) {
                    Ok(map) => list.push(map),
                    Err(fault) => faults.push(fault),
                }
            }
        }
        list.sort_by(|a, b| a.name().cmp(b.name()));
        (Maps { list }, faults)
    }

    /// All of them, by name.
    pub fn iter(&self) -> impl Iterator<Item = &Map> {
        self.list.iter()
    }

    /// The map with this name.
    pub fn get(&self, name: &str) -> Option<&Map> {
        let found = self.list.binary_search_by(|map| map.name().cmp(name));
        found.ok().and_then(|index| self.list.get(index))
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// The names of the maps that recognise `record`.
    pub fn recognising(&self, record: &[u8]) -> Vec<&str> {
        let Some(record) = read(record) else { return Vec::new() };
        let found = self.list.iter().filter(|map| map.manifest.matches(&record));
        found.map(Map::name).collect()
    }

    /// The map that recognises `record`.
    pub(super) fn recognised(&self, record: &Val) -> Result<Option<&Map>, Rejection> {
        let mut found = self.list.iter().filter(|map| map.manifest.matches(record));
        match (found.next(), found.next()) {
            (first, None) => Ok(first),
            (None, _) => Ok(None),
            (Some(first), Some(second)) => Err(Rejection::new(
                RejectReason::Ambiguous,
                format!(
                    "the maps `{}` and `{}` both recognise it: name one of them as the format of \
                     this source, or make one recognise less",
                    first.name(),
                    second.name()
                ),
            )),
        }
    }
}

/// A record as a value, if it is JSON that nests no deeper than a decoder takes.
fn read(record: &[u8]) -> Option<Val> {
    let text = std::str::from_utf8(record).ok()?;
    json::check_depth(text, &Limits::DEFAULT).ok()?;
    value::read(text).ok()
}
