//! Reading a file that this or another process writes, or wrote.

use super::create::Section;
use super::error::{HeaderError, OpenError};
use super::header::{HEADER, HEADER_BYTES, Header, at};
use crate::os::{self, Map};
use crate::region::Region;
use crate::region::stage::{Stage, State};
use crate::sync::{Arc, Relaxed};
use std::fs::{self, File, Metadata};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Which files are opened, and how.
#[derive(Clone, Debug, Default)]
#[must_use = "options do nothing by themselves"]
pub struct OpenOptions {
    any_user: bool,
    copied: bool,
}

impl OpenOptions {
    /// A file of this user or root, by its own name.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether it may belong to anybody. They may change it while it is read, in any way: answers may then be anything,
    /// in bounded time and memory. And they may make it shorter, upon which the system kills whoever reads what is gone, unless it
    /// is [copied](OpenOptions::copied).
    pub fn of_any_user(mut self, on: bool) -> Self {
        self.any_user = on;
        self
    }

    /// Whether all of it is copied when it is opened, so that nothing reaches the reader that becomes of the file later. Of a
    /// mapped file that somebody cuts, the system kills whoever reads what is gone (`SIGBUS`).
    ///
    /// Takes as much memory as the file is long, and as long as it takes to read. Only what nobody writes any more can be
    /// copied: a copy of the others would be of several moments. Off by default.
    pub fn copied(mut self, on: bool) -> Self {
        self.copied = on;
        self
    }
}

/// A file opened for reading: who writes it or wrote it, and whether they live.
///
/// It is mapped read-only and takes the permission to read it, nothing else. Its writer does not notice.
///
/// Where somebody makes the file shorter, or the disk cannot read a page of it, the system kills whoever reads that page
/// (`SIGBUS`): what is [copied](OpenOptions::copied) is safe from both, and so from the latter is a file below `/dev/shm`.
#[derive(Debug)]
pub struct Opened {
    region: Arc<Region>,
    stage: Stage,
    header: Header,
    file: File,
    path: PathBuf,
    options: OpenOptions,
    has_name: bool,
}

impl Opened {
    /// Opens it and reads its first page.
    ///
    /// # Errors
    /// Where it cannot be read, belongs to somebody else, is no deck that this version reads, or is to be copied while
    /// it is written.
    pub fn open(path: impl AsRef<Path>, options: &OpenOptions) -> Result<Self, OpenError> {
        let path = path.as_ref();
        let mut open = File::options();
        // A pipe of that name is not waited for, and a link not followed.
        open.read(true).custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK | libc::O_CLOEXEC);
        let file = open.open(path).map_err(|error| system(path, "open", &error))?;
        Ok(Self { has_name: true, ..Self::of(file, path, options)? })
    }

    /// The file that has its name now, if that is another one, such as that of a host's next life. Opened as this one was.
    ///
    /// # Errors
    /// As of [`Opened::open`]. Not where there is no such file, or this one was not opened by a name.
    pub fn successor(&self) -> Result<Option<Self>, OpenError> {
        let id = |of: &Metadata| (of.dev(), of.ino());
        let (Ok(there), Ok(own)) = (fs::symlink_metadata(&self.path), self.file.metadata()) else {
            return Ok(None);
        };
        if !self.has_name || id(&there) == id(&own) {
            return Ok(None);
        }
        Self::open(&self.path, &self.options).map(Some)
    }

    /// As [`Opened::open`], of a file that is open already: one without a name, as a rule. `path` is what messages call
    /// it.
    ///
    /// # Errors
    /// As there.
    pub fn of(file: File, path: impl Into<PathBuf>, options: &OpenOptions) -> Result<Self, OpenError> {
        let path = path.into();
        let metadata = file.metadata().map_err(|error| system(&path, "fstat", &error))?;
        if !metadata.is_file() {
            return Err(OpenError::NoFile { path });
        }
        let (owner, user) = (metadata.uid(), os::user());
        if owner != user && owner != 0 && !options.any_user {
            return Err(OpenError::ForeignOwner { path, owner, user });
        }
        // First by a read, which no change of the file's length turns into a signal; then what counts, from the mapping.
        let refused = |path: &Path, error| OpenError::Header { path: path.to_owned(), error };
        let mut bytes = Vec::with_capacity(HEADER_BYTES);
        read_some(&file, &mut bytes).map_err(|error| system(&path, "read", &error))?;
        let first = Header::parse(&bytes, metadata.len()).map_err(|error| refused(&path, error))?;
        let region = if options.copied {
            let process = first.life.process;
            match os::is_held(&file) {
                Ok(true) => return Err(OpenError::Written { path, process }),
                Ok(false) => copy(&file, first.bytes).map_err(|error| (error, "read")),
                Err(error) => Err((error, "lock")),
            }
        } else {
            let map = Map::readable(&file, first.bytes as usize);
            map.map(Region::mapped).map_err(|error| (error, "mmap"))
        };
        let metadata = file.metadata().map_err(|error| system(&path, "fstat", &error))?;
        if metadata.len() < first.bytes {
            let error = HeaderError::Truncated { bytes: metadata.len(), wanted: first.bytes };
            return Err(refused(&path, error));
        }
        let region = region.map_err(|(error, step)| system(&path, step, &error))?;
        let stage = Stage::new(&region, at::STAGE);
        let seen = stage.read();
        let run = region.words(0, HEADER);
        let words = std::array::from_fn(|at| run.at(at).load(Relaxed));
        // Once read it is ours: whatever the file says later, offsets stay as they were checked, and inside the mapping.
        let header = Header::of(&words, seen, first.bytes).map_err(|error| refused(&path, error))?;
        if header.state == State::Making {
            return Err(OpenError::Unfinished { path, process: header.life.process });
        }
        Ok(Self { region, stage, header, file, path, options: options.clone(), has_name: false })
    }

    pub(crate) fn section(&self, kind: u32, instance: u32) -> Option<Section> {
        Section::find(&self.region, &self.header.sections, kind, instance)
    }

    /// What its first page said when it was opened.
    #[must_use]
    pub const fn header(&self) -> &Header {
        &self.header
    }

    /// The name it was opened by.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// How far its life has come by now; `None` where the file was damaged meanwhile.
    #[must_use]
    pub fn state(&self) -> Option<State> {
        self.stage.read().state
    }

    /// Whether a process holds it as its writer, now. The system lets go when that process ends, however it ends; a
    /// [running](State::Running) life without a writer was killed.
    ///
    /// # Errors
    /// Where the file system knows no locks.
    pub fn has_writer(&self) -> io::Result<bool> {
        os::is_held(&self.file)
    }

    /// Whether nobody can make it shorter while it is read: its length is sealed, or it was [copied](OpenOptions::copied).
    #[must_use]
    pub fn has_sealed_length(&self) -> bool {
        self.options.copied || os::has_sealed_size(&self.file)
    }
}

fn system(path: &Path, step: &'static str, error: &io::Error) -> OpenError {
    OpenError::System { path: path.to_owned(), step, reason: error.to_string().into() }
}

/// All of it, as it is now.
fn copy(file: &File, bytes: u64) -> io::Result<Arc<Region>> {
    let words = usize::try_from(bytes / 8).map_err(|_| io::Error::from(io::ErrorKind::OutOfMemory))?;
    Region::read_in(words, |piece, at| file.read_exact_at(piece, at))
}

/// The first bytes, as many as there are of a header.
pub(super) fn read_some(file: &File, bytes: &mut Vec<u8>) -> io::Result<()> {
    bytes.resize(HEADER_BYTES, 0);
    let mut have = 0;
    while have < HEADER_BYTES {
        match file.read_at(&mut bytes[have..], have as u64) {
            Ok(0) => break,
            Ok(more) => have += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    bytes.truncate(have);
    Ok(())
}
