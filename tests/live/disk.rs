//! A disk that can be full.
//!
//! It is a file system in memory, mounted where a broker keeps its data. To mount one takes
//! root. Invariant: it goes with the value; what a killed test left mounted is unmounted by the
//! next one ([`scratch`](crate::scratch)).

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// More than any test here writes. Memory is taken for what is written only.
const ROOM: &str = "4g";

/// A mounted file system.
#[derive(Debug)]
pub(crate) struct Disk {
    path: PathBuf,
}

impl Disk {
    /// Mounts one there; `None` if the system does not let us.
    pub(crate) fn mount(path: &Path) -> Option<Disk> {
        fs::create_dir_all(path).unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={ROOM}"), "shutterlag-live"])
            .arg(path)
            .output();
        let mounted = mounted.is_ok_and(|output| output.status.success());
        mounted.then(|| Disk { path: path.to_owned() })
    }

    /// Leaves no room beyond what is written.
    pub(crate) fn fill(&self) {
        // A size below what is written is refused, and the broker writes meanwhile.
        let filled = (0..100).any(|_| {
            let state = rustix::fs::statvfs(&self.path).unwrap();
            let written = (state.f_blocks - state.f_bfree) * state.f_frsize;
            self.resize(&written.to_string()).status.success()
        });
        assert!(filled, "{} cannot be filled", self.path.display());
    }

    /// Makes room again.
    pub(crate) fn make_room(&self) {
        let resized = self.resize(ROOM);
        assert!(resized.status.success(), "{resized:?}");
    }

    fn resize(&self, size: &str) -> Output {
        Command::new("mount")
            .args(["-o", &format!("remount,size={size}")])
            .arg(&self.path)
            .output()
            .unwrap()
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        unmount(&self.path);
    }
}

/// Unmounts whatever is mounted below `directory`.
pub(crate) fn unmount_below(directory: &Path) {
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    let mounted = mounts.lines().filter_map(|line| line.split(' ').nth(1)).map(Path::new);
    mounted.filter(|path| path.starts_with(directory)).for_each(unmount);
}

fn unmount(path: &Path) {
    // Lazily: a process that is just ending may still have files open.
    let _ = Command::new("umount").arg("--lazy").arg(path).output();
}
