//! Where the file of a host lies that will be killed: in a directory of its own, gone in the end.

use super::NAME;
use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

/// A directory, and the file that will be in it. Both are removed when this is dropped.
pub struct Place {
    directory: PathBuf,
    is_kept: bool,
}

/// Where there may be room, memory first.
pub fn bases() -> [PathBuf; 2] {
    ["/dev/shm".into(), std::env::temp_dir()]
}

impl Place {
    pub fn below(base: &Path) -> io::Result<Self> {
        let directory = base.join(format!("{NAME}-{}", std::process::id()));
        // One that is there is somebody else's.
        DirBuilder::new().mode(0o700).create(&directory)?;
        Ok(Self { directory, is_kept: false })
    }

    pub fn file(&self) -> PathBuf {
        self.directory.join("host.deck")
    }

    /// Leaves it there.
    pub fn keep(mut self) -> PathBuf {
        self.is_kept = true;
        self.file()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if !self.is_kept {
            let _ = fs::remove_dir_all(&self.directory);
        }
    }
}
