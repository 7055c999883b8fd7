//! A directory of maps.

use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::reference::Shown;
use super::source::bounded;
use super::values::{leaf, text};
use crate::formats::maps::{MapSource, Maps};

/// A larger file belongs to no map.
const FILE_BYTES_MAX: u64 = 4 << 20;

/// The maps of a directory, together with those that come with the program.
#[derive(Clone, Debug)]
pub struct OwnMaps {
    dir: PathBuf,
    /// All of them.
    pub maps: Arc<Maps>,
}

impl OwnMaps {
    /// Reads every map in `dir`: a folder that holds `map.toml`.
    ///
    /// # Errors
    /// Every fault of every map, and what cannot be read.
    pub fn load(dir: &Path) -> Result<OwnMaps, Vec<String>> {
        let sources = sources(dir).map_err(|why| vec![why])?;
        let (maps, faults) = Maps::with(sources);
        if faults.is_empty() {
            return Ok(OwnMaps { dir: dir.to_owned(), maps: Arc::new(maps) });
        }
        Err(faults.iter().map(ToString::to_string).collect())
    }
}

/// Settings are equal if they name the same directory.
impl PartialEq for OwnMaps {
    fn eq(&self, other: &OwnMaps) -> bool {
        self.dir == other.dir
    }
}

leaf!(OwnMaps: "path of a directory", expected "a path in quotes",
    read |node, base| text(node, |text| {
        OwnMaps::load(&base.join(text)).map_err(|faults| faults.join("; "))
    }),
    show |own| Shown::Text(own.dir.display().to_string()));

/// The files of every map in `dir`.
fn sources(dir: &Path) -> Result<Vec<MapSource>, String> {
    let mut folders: Vec<PathBuf> = list(dir)?;
    folders.retain(|folder| folder.join("map.toml").is_file());
    folders.iter().map(|folder| source(folder)).collect()
}

/// The files of the map in `folder`.
///
/// # Errors
/// A file that is missing or cannot be read.
pub fn source(folder: &Path) -> Result<MapSource, String> {
    let read = |path: PathBuf| {
        bounded(&path, FILE_BYTES_MAX)
            .map(Cow::Owned)
            .map_err(|why| format!("{}: cannot be read: {why}", path.display()))
    };
    let name = |path: &Path| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let fixtures = folder.join("fixtures");
    let mut files = if fixtures.is_dir() { list(&fixtures)? } else { Vec::new() };
    files.retain(|file| file.is_file());
    let files = files.into_iter().map(|file| Ok((Cow::Owned(name(&file)), read(file)?)));
    Ok(MapSource {
        folder: Cow::Owned(name(folder)),
        manifest: read(folder.join("map.toml"))?,
        program: read(folder.join("map.jq"))?,
        fixtures: files.collect::<Result<_, String>>()?,
    })
}

/// What is in a directory, by name.
fn list(dir: &Path) -> Result<Vec<PathBuf>, String> {
    let cannot = |error: std::io::Error| format!("{}: cannot be read: {error}", dir.display());
    let entries = std::fs::read_dir(dir).map_err(cannot)?;
    let paths = entries.map(|entry| entry.map(|entry| entry.path()));
    let mut paths: Vec<PathBuf> = paths.collect::<Result<_, _>>().map_err(cannot)?;
    paths.sort();
    Ok(paths)
}
