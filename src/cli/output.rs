//! The files that commands write.
//!
//! Invariants: a file that is there is replaced and never written into, so that another name of
//! the same file (a hard link) keeps its content; symbolic links are not followed.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;

/// Who may read a new file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Readers {
    /// Whoever the user's mask allows.
    All,
    /// The owner alone: people are named in it.
    Owner,
}

/// Makes a file, in place of one that is there.
///
/// # Errors
/// A symbolic link, or what the system says. The error does not name the file.
pub(super) fn create(path: &Path, readers: Readers) -> io::Result<File> {
    let mode = match readers {
        Readers::All => 0o666,
        Readers::Owner => 0o600,
    };
    match fs::symlink_metadata(path) {
        Ok(there) if there.is_symlink() => {
            return Err(io::Error::other(
                "it is a symbolic link, which is not followed; name the file itself",
            ));
        }
        Ok(there) if there.is_file() => fs::remove_file(path)?,
        // A pipe, or a device.
        Ok(_) => return OpenOptions::new().write(true).open(path),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    // What somebody puts there meanwhile is not taken either.
    OpenOptions::new().write(true).create_new(true).mode(mode).open(path)
}

/// Whether two paths lead to one file, whatever they are called.
pub(super) fn same_file(one: &Path, other: &Path) -> bool {
    let identity = |path| fs::metadata(path).map(|it| (it.dev(), it.ino())).ok();
    identity(one).is_some_and(|one| Some(one) == identity(other))
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn a_file_is_replaced_and_other_names_of_it_keep_their_content() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        fs::write(path("input"), "events").unwrap();
        fs::hard_link(path("input"), path("out")).unwrap();
        assert!(same_file(&path("input"), &path("out")));
        create(&path("out"), Readers::Owner).unwrap().write_all(b"ledger").unwrap();
        assert!(!same_file(&path("input"), &path("out")));
        assert_eq!(fs::read(path("input")).unwrap(), b"events");
        assert_eq!(fs::read(path("out")).unwrap(), b"ledger");
        assert_eq!(fs::metadata(path("out")).unwrap().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_symbolic_link_is_not_followed() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        fs::write(path("precious"), "data").unwrap();
        for (link, target) in [("to a file", "precious"), ("to nothing", "not there")] {
            std::os::unix::fs::symlink(path(target), path(link)).unwrap();
            let refused = create(&path(link), Readers::All).unwrap_err();
            assert!(refused.to_string().contains("symbolic link"), "{refused}");
        }
        assert_eq!(fs::read(path("precious")).unwrap(), b"data");
        assert!(!path("not there").exists());
    }
}
