//! Settings of the local store.

use std::path::PathBuf;

use super::declare::settings;
use super::reference::Shown;
use super::values::{leaf, text};
use crate::time::Span;

/// The shortest span where zero makes no sense.
const SHORTEST: Span = Span::from_millis(1);

settings! {
    /// The file that holds everything where there is no Kafka.
    pub struct Store {
        /// The SQLite file, from the working directory on; it is made at the first start. Beside
        /// it lie `…-wal`, `…-shm` and `…-lock` while the program runs.
        path: StorePath = StorePath(PathBuf::from("shutterlag.db"));
        /// How long events stay in the file after they arrived, as long as their windows are
        /// final. What follows from them stays.
        keep_events: Span = Span::from_mins(400 * 24 * 60), in SHORTEST..;
    }
}

/// The path of a file that need not exist yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StorePath(pub PathBuf);

leaf!(StorePath: "path", expected "a path in quotes",
    read |node, _| text(node, |text| match text {
        "" => Err("empty; give the path of a file, or remove the key".to_owned()),
        text => Ok(StorePath(PathBuf::from(text))),
    }),
    show |path| Shown::Text(path.0.display().to_string()));
