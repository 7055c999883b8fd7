//! A clock that is wrong, for a program that is started with it.

use std::fs;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::harness::KEY;
use crate::scratch;

/// The clock of a program. It is right at first.
pub(crate) struct Clock {
    library: PathBuf,
    file: PathBuf,
    _directory: TempDir,
}

impl Clock {
    pub(crate) fn new() -> Clock {
        let directory = scratch::directory("clock");
        let library = directory.path().join("clock.so");
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/live/clock.c");
        let compiled = Command::new("cc")
            .args(["-shared", "-fPIC", "-O1", "-o"])
            .args([library.as_path(), source.as_path()])
            .output()
            .expect("a C compiler, with which librdkafka was compiled");
        assert!(compiled.status.success(), "{compiled:?}");
        let file = directory.path().join("ahead");
        fs::write(&file, 0_i64.to_ne_bytes()).unwrap();
        Clock { library, file, _directory: directory }
    }

    /// Moves it by so many seconds from the right time.
    pub(crate) fn set_ahead(&self, seconds: i64) {
        // In its place: the program has the file mapped.
        let file = fs::OpenOptions::new().write(true).open(&self.file).unwrap();
        file.write_all_at(&seconds.to_ne_bytes(), 0).unwrap();
    }

    /// The environment of a program that goes by it.
    pub(crate) fn environment(&self) -> [(&str, &str); 3] {
        [
            ("SHUTTERLAG_IDENTITY_KEY", KEY),
            ("LD_PRELOAD", self.library.to_str().unwrap()),
            ("SHUTTERLAG_CLOCK_AHEAD", self.file.to_str().unwrap()),
        ]
    }
}
