//! A copy of a deck in a file of its own: made under a name that nobody looks for, written in full, and given its name then.

use super::create::{MappedFile, system};
use super::error::{CreateError, HeaderError};
use super::header::{Backing, HEADER, at, check, damaged};
use super::life::{Life, now};
use super::options::{At, Options};
use super::place::{Maker, Placed};
use crate::os::Map;
use crate::region::Region;
use crate::region::copied::Copied;
use crate::region::stage::State;
use crate::sync::Relaxed;
use std::fmt;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// How many earlier copies are kept, where nobody says otherwise.
const KEPT: u32 = 3;
/// Bytes of a name that are kept.
const NAME: usize = (HEADER - at::CAUSE_NAME) * 8;

/// Why a deck wrote a copy of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DumpCause {
    /// The host [asked for it](crate::Flightdeck::dump).
    Asked,
    /// It was shut down.
    Shutdown,
    /// What has this name, a worker or a supervisor, was to be restarted once too often, and whoever supervises it gave up.
    Escalation(Box<str>),
    /// A trigger of this name, which is fatal, captured something.
    Trigger(Box<str>),
}

impl DumpCause {
    /// The lower-case name: `asked`, `shutdown`, `escalation`, `trigger`.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Asked => "asked",
            Self::Shutdown => "shutdown",
            Self::Escalation(_) => "escalation",
            Self::Trigger(_) => "trigger",
        }
    }

    /// Who it was, where there are several.
    #[must_use]
    pub fn by(&self) -> Option<&str> {
        match self {
            Self::Asked | Self::Shutdown => None,
            Self::Escalation(name) | Self::Trigger(name) => Some(name),
        }
    }

    fn write(&self, words: &mut [u64; HEADER]) {
        words[at::CAUSE] = match self {
            Self::Asked => 1,
            Self::Shutdown => 2,
            Self::Escalation(_) => 3,
            Self::Trigger(_) => 4,
        };
        let name = self.by().unwrap_or_default();
        let mut end = name.len().min(NAME);
        while !name.is_char_boundary(end) {
            end -= 1;
        }
        words[at::CAUSE_LENGTH] = end as u64;
        for (word, bytes) in words[at::CAUSE_NAME..].iter_mut().zip(name.as_bytes()[..end].chunks(8)) {
            let mut whole = [0; 8];
            whole[..bytes.len()].copy_from_slice(bytes);
            *word = u64::from_ne_bytes(whole);
        }
    }

    /// What a header says of it.
    pub(super) fn parse(words: &[u64; HEADER]) -> Result<Self, HeaderError> {
        let length = words[at::CAUSE_LENGTH];
        if length > NAME as u64 {
            return Err(damaged("length of the cause's name", length, "there is room for 256 bytes"));
        }
        let bytes: Vec<u8> = words[at::CAUSE_NAME..].iter().flat_map(|word| word.to_ne_bytes()).collect();
        let name = || String::from_utf8_lossy(&bytes[..length as usize]).into();
        match words[at::CAUSE] {
            1 => Ok(Self::Asked),
            2 => Ok(Self::Shutdown),
            3 => Ok(Self::Escalation(name())),
            4 => Ok(Self::Trigger(name())),
            other => Err(damaged("cause", other, "no copy is made because of that")),
        }
    }
}

impl fmt::Display for DumpCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Asked => f.write_str("the host asked for it"),
            Self::Shutdown => f.write_str("shutdown"),
            Self::Escalation(name) => write!(f, "escalation over `{name}`"),
            Self::Trigger(name) => write!(f, "trigger `{name}`"),
        }
    }
}

/// A copy that was written.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Dumped {
    /// Where it is.
    pub path: PathBuf,
    /// Where the one is now that was there before, if it is kept.
    pub previous: Option<PathBuf>,
    /// How long it is.
    pub bytes: u64,
}

impl MappedFile {
    /// How long a copy of it is, in bytes.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.region().len() as u64 * 8
    }

    /// Writes a copy, whose sections `sections` copies.
    pub(crate) fn dump(
        &self,
        options: &Options,
        cause: &DumpCause,
        sections: &dyn Fn(&mut Copied<'_>) -> io::Result<()>,
    ) -> Result<Dumped, CreateError> {
        let mut options = options.clone();
        options.keep.get_or_insert(KEPT);
        if let At::Nameless = options.at {
            let reason = "a copy without a name could not be found: give a path, or a directory".into();
            return Err(CreateError::Directory { path: options.path().to_owned(), reason });
        }
        // So that in a directory neither decks push out copies nor copies decks.
        let program = options.program.take().unwrap_or_else(|| self.life().program.clone());
        options.program = Some(format!("{program}-dump"));
        let bytes = self.bytes();
        // Written through the file, and not the map: a disk that fails is an error then, and no signal.
        let lay_out = |map: Map, file: &File, _: &Life, _| {
            let written = self.write(file, cause, sections);
            written.map_err(|error| no_room_or(options.path(), bytes, &error))?;
            file.sync_all().map_err(|error| system(options.path(), "fsync", &error))?;
            // Held until it has its name.
            Ok(Region::mapped(map))
        };
        let maker = Maker { options: &options, bytes, huge_pages: false, lay_out: &lay_out };
        let Placed { path, previous, .. } = maker.make()?;
        let path = path.unwrap_or_default();
        let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty());
        let synced =
            File::open(directory.unwrap_or(Path::new("."))).and_then(|directory| directory.sync_all());
        synced.map_err(|error| system(&path, "fsync", &error))?;
        Ok(Dumped { path, previous, bytes })
    }

    fn write(
        &self,
        file: &File,
        cause: &DumpCause,
        sections: &dyn Fn(&mut Copied<'_>) -> io::Result<()>,
    ) -> io::Result<()> {
        let mut bytes: Vec<u8> = Vec::new();
        let mut put = |at: usize, words: &[u64]| {
            bytes.clear();
            bytes.extend(words.iter().flat_map(|word| word.to_ne_bytes()));
            file.write_all_at(&bytes, at as u64 * 8)
        };
        // What is recorded from here on may be there in part.
        let began = now();
        sections(&mut Copied::new(&mut put))?;
        let header = self.region().words(0, HEADER);
        let mut words: [u64; HEADER] = std::array::from_fn(|at| header.at(at).load(Relaxed));
        words[at::STAGE..at::DIRECTORY].fill(0);
        words[at::BACKING] = Backing::File.word();
        cause.write(&mut words);
        words[at::CHECK] = check(&words);
        words[at::STAGE] = State::Copied.word();
        words[at::STAGE + 1] = began;
        put(0, &words)
    }
}

/// What was not to be reserved may be missing now.
fn no_room_or(path: &Path, wanted: u64, error: &io::Error) -> CreateError {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            CreateError::NoSpace { path: path.to_owned(), wanted, there: None, kept: 0 }
        }
        _ => system(path, "write", error),
    }
}
