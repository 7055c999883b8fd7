//! Where brokers and programs under test keep their files.
//!
//! Everything lies below the target directory, under the id of this test
//! process: what a process left behind when it was killed is removed by the
//! next one, and the logs of a failed run are still there to be read.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use tempfile::TempDir;

use crate::disk;

/// A directory that goes when the value goes, and at the latest in the next run.
pub(crate) fn directory(name: &str) -> TempDir {
    tempfile::Builder::new().prefix(&format!("{name}-")).tempdir_in(base()).unwrap()
}

fn base() -> &'static Path {
    static BASE: OnceLock<PathBuf> = OnceLock::new();
    BASE.get_or_init(|| {
        let all = Path::new(env!("CARGO_TARGET_TMPDIR")).join("live");
        for entry in fs::read_dir(&all).into_iter().flatten() {
            let path = entry.unwrap().path();
            let owner = path.file_name().and_then(|name| name.to_str()?.parse::<u32>().ok());
            if owner.is_some_and(|pid| !Path::new("/proc").join(pid.to_string()).exists()) {
                disk::unmount_below(&path);
                // Another run may be clearing the same directory.
                let _ = fs::remove_dir_all(path);
            }
        }
        let own = all.join(std::process::id().to_string());
        fs::create_dir_all(&own).unwrap();
        own
    })
}
