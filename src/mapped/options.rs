//! What a host chooses about its file.

use std::path::{Path, PathBuf};

/// Where a deck's file is made, and how.
///
/// The file is reserved in full, readable by its owner alone, and never made shorter. A store to a page that the system cannot
/// provide kills the process (`SIGBUS`). That none ever is takes three things:
///
/// - **Nobody else makes it shorter**, also not once the deck is dropped: threads that recorded have it mapped until they end, or go on
///   to another deck. Keep others from writing to the file, or take [`Options::nameless`], whose length is sealed.
/// - **What was reserved stays reserved.** So it is on tmpfs (`/dev/shm`) and ext4. File systems that write elsewhere what is written
///   again need space for it: ZFS and btrfs, those that compress, and any in which the file was cloned, as `cp` does on XFS and btrfs.
///   If the disk is full by then, the next store kills the host. Do not keep decks on ZFS and btrfs; on XFS copy a file whose host
///   runs with `cp --reflink=never`.
/// - **The disk can be read.** A page that was written back, and cannot be read again, is the same signal. A file in memory has no such
///   page.
#[derive(Clone, Debug)]
#[must_use = "options do nothing by themselves"]
pub struct Options {
    pub(super) at: At,
    pub(super) program: Option<String>,
    pub(super) group: Option<u32>,
    pub(super) write_zeros: bool,
    pub(super) keep: Option<u32>,
    pub(super) or_memory: bool,
}

#[derive(Clone, Debug)]
pub(super) enum At {
    Path(PathBuf),
    Directory(PathBuf),
    Anywhere,
    Nameless,
}

impl Options {
    const fn new(at: At) -> Self {
        Self { at, program: None, group: None, write_zeros: false, keep: None, or_memory: false }
    }

    pub(super) fn path(&self) -> &Path {
        match &self.at {
            At::Path(path) | At::Directory(path) => path,
            At::Anywhere | At::Nameless => Path::new("memfd"),
        }
    }

    /// A file of this name, in a directory that only its owner, this user or root, can write. Nobody else may be able to put
    /// another in its place: what leads there, links as well, belongs to this user or root, and lies in directories in which not
    /// everybody can write, unless they are sticky. A group that may write further up is trusted.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self::new(At::Path(path.into()))
    }

    /// A file `PROGRAM.PROCESS.LIFE.deck` in this directory, which only its owner, this user or root, can write. In one where
    /// everybody has files of their own, such as `/tmp`, it lies in a directory of this user's, `flightdeck-UID`.
    ///
    /// Each process has a file of its own. Those that earlier lives of the program left behind are kept in a bounded
    /// number: 3 unless [`Options::recover`] says otherwise.
    pub fn in_directory(directory: impl Into<PathBuf>) -> Self {
        Self::new(At::Directory(directory.into()))
    }

    /// As [`Options::in_directory`], in the first of these that will do: `$FLIGHTDECK_DIR`, `$XDG_RUNTIME_DIR`, `/dev/shm`,
    /// the directory for temporary files.
    pub const fn anywhere() -> Self {
        Self::new(At::Anywhere)
    }

    /// A file without a name, in memory (`memfd`): seen through the descriptor alone, by whoever is handed it, and gone
    /// with the last process that has it. Its length is sealed: nobody can make it shorter.
    pub const fn nameless() -> Self {
        Self::new(At::Nameless)
    }

    /// The name under which it is found; by default that of the file that runs. What is no letter, digit, `-`, `_` or
    /// `+` becomes `_`, and 64 characters are kept.
    pub fn program(mut self, name: impl Into<String>) -> Self {
        self.program = Some(name.into());
        self
    }

    /// A group that may read the file, by number. By default nobody but its owner may. The group must be able to enter the
    /// directory; one of this user's that is made where everybody has files is opened to it, unless another group's.
    pub fn group(mut self, group: u32) -> Self {
        self.group = Some(group);
        self
    }

    /// Whether zeros are written where the file system cannot reserve space otherwise; else that is an error. Off by
    /// default: it takes as long as the disk does, and whether it reserves anything is up to the file system. One that
    /// compresses, or writes elsewhere what is written again, keeps nothing for it, and a host that stores there while the
    /// disk is full is killed.
    pub fn write_zeros(mut self, on: bool) -> Self {
        self.write_zeros = on;
        self
    }

    /// What to do with the file of the life before: it is put aside, as `path.1`, and those before it as `path.2` and so
    /// on, so many of them; with 0 it is removed. By default a file that is there is an error. In a directory the newest
    /// so many of the program stay as they are. A file whose writer lives is never touched, nor what is no deck.
    pub fn recover(mut self, keep: u32) -> Self {
        self.keep = Some(keep);
        self
    }

    /// Whether to go on in memory without a name, which is gone with the process, where there can be no file; on the heap
    /// where the system gives none of that either. Else that is an error. Off by default. The deck says what it came to, and its health does: `not_in_file`.
    pub fn or_memory(mut self, on: bool) -> Self {
        self.or_memory = on;
        self
    }
}

/// As [`Options::at`].
impl From<&Path> for Options {
    fn from(path: &Path) -> Self {
        Self::at(path)
    }
}

/// As [`Options::at`].
impl From<PathBuf> for Options {
    fn from(path: PathBuf) -> Self {
        Self::at(path)
    }
}

/// As [`Options::at`].
impl From<&str> for Options {
    fn from(path: &str) -> Self {
        Self::at(path)
    }
}
