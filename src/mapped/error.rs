//! Why there is no file, or no reading one.

use crate::error::{Diagnostic, Retry, Severity};
use std::path::{Path, PathBuf};
use thiserror::Error;

/// Why no file was made. What was begun is taken away again.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum CreateError {
    /// More sections or words than a file has.
    #[error("a mapped deck of {words} words and {sections} sections has no room in a file: give less memory")]
    Size {
        /// What was asked for, without what lies between sections.
        words: usize,
        /// How many sections.
        sections: usize,
    },
    /// A writer lives that has it.
    #[error(
        "`{}` belongs to a process that runs: give each process a path, or a directory, where names differ",
        shown(path)
    )]
    InUse {
        /// The file.
        path: PathBuf,
    },
    /// Something is there, and nobody said that it may go.
    #[error(
        "`{}` is there already: keep previous lives with `recover`, remove it, or give another path",
        shown(path)
    )]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// What is there is no deck's, and stays.
    #[error(
        "`{}` is there and stays as it is, since it is no deck of this user ({reason}): give another path",
        shown(path)
    )]
    Foreign {
        /// The file.
        path: PathBuf,
        /// Why not.
        reason: Box<str>,
    },
    /// The disk, or what this user may have of it, does not suffice.
    #[error(
        "`{}` needs {wanted} bytes, and {} are free there{}: free some, give less memory, or a path elsewhere", shown(path), known(*there), beside(*kept)
    )]
    NoSpace {
        /// The file.
        path: PathBuf,
        /// Its length.
        wanted: u64,
        /// What the file system had; `None` where it does not tell.
        there: Option<u64>,
        /// What files of earlier lives take there.
        kept: u64,
    },
    /// The process may not write files of that length: the system would kill it.
    #[error(
        "`{}` needs {wanted} bytes, over the {limit} that a file of this process may have: raise `ulimit -f` (RLIMIT_FSIZE), or give less memory",
        shown(path)
    )]
    Limit {
        /// The file.
        path: PathBuf,
        /// Its length.
        wanted: u64,
        /// The limit.
        limit: u64,
    },
    /// The file system reserves no space, and zeros were not to be written in its place.
    #[error(
        "the file system of `{}` reserves no space: take `write_zeros`, or a path elsewhere, such as below /dev/shm",
        shown(path)
    )]
    NotReserved {
        /// The file.
        path: PathBuf,
    },
    /// Others could put something of theirs there.
    #[error("directory `{}` is not safe for a deck: {reason}", shown(path))]
    Directory {
        /// The directory.
        path: PathBuf,
        /// Why not, and what helps.
        reason: Box<str>,
    },
    /// None of the places was good.
    #[error("no place for a mapped deck: {reasons}: set FLIGHTDECK_DIR to a directory of this user's")]
    NoPlace {
        /// Each place, and what was the matter with it.
        reasons: Box<str>,
    },
    /// The system refused.
    #[error("`{}` was not made, at {step}: {reason}: {}", shown(path), remedy(step))]
    System {
        /// The file.
        path: PathBuf,
        /// Which step.
        step: &'static str,
        /// What the system says.
        reason: Box<str>,
    },
}

/// Why a file is not read.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum OpenError {
    /// The system refused.
    #[error("`{}` was not opened, at {step}: {reason}", shown(path))]
    System {
        /// The file.
        path: PathBuf,
        /// Which step.
        step: &'static str,
        /// What the system says.
        reason: Box<str>,
    },
    /// A directory, a pipe, a device.
    #[error("`{}` is no regular file: name the deck's", shown(path))]
    NoFile {
        /// What is there.
        path: PathBuf,
    },
    /// Somebody else's: they may change it at any time, in any way.
    #[error(
        "`{}` belongs to user {owner}, and this is user {user}: become its owner, or open it with `of_any_user`",
        shown(path)
    )]
    ForeignOwner {
        /// The file.
        path: PathBuf,
        /// Whose it is.
        owner: u32,
        /// Whose this process is.
        user: u32,
    },
    /// Nothing in it counts yet.
    #[error(
        "`{}` is not laid out yet, or its writer died while it was: try again while process {process} runs",
        shown(path)
    )]
    Unfinished {
        /// The file.
        path: PathBuf,
        /// Who is, or was, at it.
        process: u32,
    },
    /// It was to be copied, and changes meanwhile.
    #[error(
        "`{}` is written by process {process}: a copy would be of several moments, so open it without `copied`, or once that has ended",
        shown(path)
    )]
    Written {
        /// The file.
        path: PathBuf,
        /// Who writes it.
        process: u32,
    },
    /// Its first page is not that of a deck, or of one that this version reads.
    #[error("`{}`: {error}", shown(path))]
    Header {
        /// The file.
        path: PathBuf,
        /// What is the matter.
        #[source]
        error: HeaderError,
    },
}

/// Why bytes are no header.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum HeaderError {
    /// Fewer bytes than any header.
    #[error(
        "{bytes} bytes are no mapped deck, which has {least} or more: see whether the file was copied in full"
    )]
    TooShort {
        /// How many there are.
        bytes: u64,
        /// The least.
        least: u64,
    },
    /// It begins otherwise.
    #[error("it begins with {}, and a mapped deck with \"flightdk\": name another file", quoted(*found))]
    NoDeck {
        /// The first bytes.
        found: [u8; 8],
    },
    /// Written by a machine whose words are the other way round.
    #[error("the deck was written in the other byte order: read it on a machine like the one that wrote it")]
    ByteOrder,
    /// Written by a version that lays files out in another way.
    #[error(
        "the deck has format {found}, and this is a reader of format {known}: read it with the version that wrote it"
    )]
    Version {
        /// Its major version.
        found: u64,
        /// The one that this version reads.
        known: u64,
    },
    /// Shorter than it was made.
    #[error("the deck has {bytes} bytes of {wanted}: see whether the file was cut, or copied in part")]
    Truncated {
        /// How many there are.
        bytes: u64,
        /// How many it was made with.
        wanted: u64,
    },
    /// A field that no deck writes.
    #[error("the deck's header is damaged: {field} is {value:#x}, and {why}: take another copy of the file")]
    Damaged {
        /// Which field.
        field: &'static str,
        /// What is there.
        value: u64,
        /// What is the matter with it.
        why: &'static str,
    },
}

fn shown(path: &Path) -> String {
    path.to_string_lossy().escape_debug().to_string()
}

fn known(bytes: Option<u64>) -> String {
    bytes.map_or_else(|| "nobody knows how many".to_owned(), |bytes| bytes.to_string())
}

fn beside(kept: u64) -> String {
    match kept {
        0 => String::new(),
        kept => {
            format!(", beside {kept} bytes of earlier lives, of which a smaller `recover(n)` keeps fewer")
        }
    }
}

/// What helps where the system refuses a step.
fn remedy(step: &str) -> &'static str {
    match step {
        "lock" => "give a file system that has locks on open files, such as a local one or tmpfs",
        "mmap" => "raise `ulimit -v` and the memory of the container, or give less memory",
        "link" => "give a file system that has hard links, such as a local one or tmpfs (FAT has none)",
        "fork" => "give the process more memory",
        "memfd_create" | "seal" | "open in /proc/self/fd" => {
            "let the sandbox have `memfd_create`, `fcntl` and /proc, or give a path"
        }
        "chown" | "chmod" => "name a group that the user of the host is in",
        "mkdir" | "rename" | "unlink" => "let the user of the host write in the directory",
        "fallocate" | "ftruncate" => "see that the disk works, or give a path elsewhere",
        "read" | "readdir" => "let the user of the host read what is there, or give a path elsewhere",
        _ => "give a path that is there, and that the user of the host may read and write",
    }
}

fn quoted(bytes: [u8; 8]) -> String {
    format!("\"{}\"", bytes.escape_ascii())
}

impl CreateError {
    /// Says what earlier lives take where there is no space.
    pub(super) fn with_kept(mut self, bytes: impl FnOnce() -> u64) -> Self {
        if let Self::NoSpace { kept, .. } = &mut self {
            *kept = bytes();
        }
        self
    }
}

impl Diagnostic for CreateError {
    fn code(&self) -> &'static str {
        match self {
            Self::Size { .. } => "mapped.create.size",
            Self::InUse { .. } => "mapped.create.in_use",
            Self::Exists { .. } => "mapped.create.exists",
            Self::Foreign { .. } => "mapped.create.foreign",
            Self::NoSpace { .. } => "mapped.create.no_space",
            Self::Limit { .. } => "mapped.create.limit",
            Self::NotReserved { .. } => "mapped.create.not_reserved",
            Self::Directory { .. } => "mapped.create.directory",
            Self::NoPlace { .. } => "mapped.create.no_place",
            Self::System { .. } => "mapped.create.system",
        }
    }

    fn severity(&self) -> Severity {
        Severity::Error
    }

    fn retry(&self) -> Retry {
        match self {
            Self::InUse { .. } | Self::NoSpace { .. } => Retry::Later,
            _ => Retry::Never,
        }
    }
}

impl Diagnostic for OpenError {
    fn code(&self) -> &'static str {
        match self {
            Self::System { .. } => "mapped.open.system",
            Self::NoFile { .. } => "mapped.open.no_file",
            Self::ForeignOwner { .. } => "mapped.open.foreign_owner",
            Self::Unfinished { .. } => "mapped.open.unfinished",
            Self::Written { .. } => "mapped.open.written",
            Self::Header { error, .. } => error.code(),
        }
    }

    fn severity(&self) -> Severity {
        Severity::Error
    }

    fn retry(&self) -> Retry {
        match self {
            Self::Unfinished { .. } | Self::Written { .. } => Retry::Later,
            _ => Retry::Never,
        }
    }
}

impl Diagnostic for HeaderError {
    fn code(&self) -> &'static str {
        match self {
            Self::TooShort { .. } => "mapped.header.too_short",
            Self::NoDeck { .. } => "mapped.header.no_deck",
            Self::ByteOrder => "mapped.header.byte_order",
            Self::Version { .. } => "mapped.header.version",
            Self::Truncated { .. } => "mapped.header.truncated",
            Self::Damaged { .. } => "mapped.header.damaged",
        }
    }

    fn severity(&self) -> Severity {
        Severity::Error
    }

    fn retry(&self) -> Retry {
        Retry::Never
    }
}
