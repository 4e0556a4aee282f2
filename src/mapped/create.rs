//! Making a file: in full, for this process alone, and found by others only once it can be told what it is.

use super::directory::{self, Entry, SectionSpec};
use super::error::CreateError;
use super::header::{Backing, HEADER, Header, at};
use super::life::{Life, now};
use super::options::Options;
use super::place::{Maker, Placed, program};
use crate::os::{self, Held, Map};
use crate::region::stage::{Stage, State};
use crate::region::{Region, Span};
use crate::sync::{Arc, Relaxed};
use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

/// A section of a file: so many words from `start` on.
#[derive(Clone, Debug)]
pub(crate) struct Section {
    /// All of the file.
    pub(crate) region: Arc<Region>,
    /// Where it starts, a multiple of a line.
    pub(crate) start: usize,
    pub(crate) words: usize,
    /// Of the layout inside.
    pub(crate) version: u32,
}

impl Section {
    pub(crate) fn span(self) -> Span {
        Span { region: self.region, start: self.start, len: self.words }
    }

    pub(super) fn find(region: &Arc<Region>, entries: &[Entry], kind: u32, instance: u32) -> Option<Self> {
        let entry = entries.iter().find(|entry| (entry.kind, entry.instance) == (kind, instance))?;
        let Entry { version, start, words, .. } = *entry;
        Some(Self { region: region.clone(), start, words, version })
    }
}

/// The file that this process writes: where it is, and what became of those of earlier lives.
///
/// The process is its writer until the deck is stopped or its last handle is dropped.
#[derive(Debug)]
pub struct MappedFile {
    placed: Placed,
    stage: Stage,
    entries: Vec<Entry>,
    instead_of: Option<CreateError>,
    /// How many forks lay behind this process when it was made: a child is not the writer.
    born: u32,
}

impl MappedFile {
    /// Makes a file with these sections, all words zero. What is laid out in them counts once [`MappedFile::run`] is
    /// called.
    pub(crate) fn create(options: &Options, sections: &[SectionSpec]) -> Result<Self, CreateError> {
        let words = sections.iter().fold(HEADER, |sum, section| sum.saturating_add(section.words));
        let refused = || CreateError::Size { words, sections: sections.len() };
        let (entries, total) = directory::arrange(sections, os::page()).ok_or_else(refused)?;
        // So that a child lets go of the file, and is known for one.
        os::count_forks().map_err(|error| system(options.path(), "fork", &error))?;
        let lay_out = |map: Map, _: &File, life: &Life, backing| {
            let region = Region::mapped(map);
            write_header(&region, life, backing, &entries);
            Ok(region)
        };
        let huge_pages = sections.iter().any(SectionSpec::has_huge_pages);
        let maker = Maker { options, bytes: total as u64 * 8, huge_pages, lay_out: &lay_out };
        let (placed, instead_of) = match maker.make() {
            Ok(placed) => (placed, None),
            Err(error) if options.or_memory => {
                let placed = maker.nameless().ok().or_else(|| on_heap(maker.life(), total, &entries));
                (placed.ok_or_else(|| error.clone())?, Some(error))
            }
            Err(error) => return Err(error),
        };
        let stage = Stage::new(&placed.region, at::STAGE);
        Ok(Self { placed, stage, entries, instead_of, born: os::forks() })
    }

    /// As one with these sections would be, in memory that only this process has: to be [copied](MappedFile::dump) to files, of
    /// this program.
    pub(crate) fn in_memory(copies: &Options, sections: &[SectionSpec]) -> Result<Self, CreateError> {
        let mut options = Options::nameless();
        options.program.clone_from(&copies.program);
        let words = sections.iter().fold(HEADER, |sum, section| sum.saturating_add(section.words));
        let refused = || CreateError::Size { words, sections: sections.len() };
        let (entries, total) = directory::arrange(sections, os::page()).ok_or_else(refused)?;
        os::count_forks().map_err(|error| system(options.path(), "fork", &error))?;
        let life = Life::begin(program(&options), None, 0);
        let placed = on_heap(life, total, &entries);
        let no_memory = || system(Path::new("memory"), "malloc", &io::ErrorKind::OutOfMemory.into());
        let placed = placed.ok_or_else(no_memory)?;
        let stage = Stage::new(&placed.region, at::STAGE);
        Ok(Self { placed, stage, entries, instead_of: None, born: os::forks() })
    }

    pub(crate) fn section(&self, kind: u32, instance: u32) -> Option<Section> {
        Section::find(&self.placed.region, &self.entries, kind, instance)
    }

    /// All sections are laid out: from here on a reader believes them.
    pub(crate) fn run(&self) {
        self.stage.enter(State::Running);
    }

    /// Whether this process is the writer, and no child of it.
    pub(crate) fn is_ours(&self) -> bool {
        self.born == os::forks()
    }

    /// The life ends as it was asked to, and another may begin: it makes a file of its own, so what a thread that is late
    /// still stores here does not come into its way. Nothing happens in a child of the writer.
    pub(crate) fn close(&self) {
        if self.is_ours() && self.stage.read().state != Some(State::Closed) {
            self.stage.close(now());
            self.placed.region.let_go();
        }
    }

    /// Writes to the disk what has changed, and the file's name, so that both outlive the machine's going down from here on. Takes
    /// as long as the disk does; in memory it does nothing.
    ///
    /// Without it the system writes when it likes, half a minute later as a rule: what a killed process recorded is there all
    /// the same, what a machine lost that went down may not be.
    ///
    /// # Errors
    /// What the system says, such as that the disk cannot be written. It says so once: what it could not write it may give up, so that a
    /// success after a failure tells nothing of what failed.
    pub fn sync(&self) -> io::Result<()> {
        self.placed.region.sync()?;
        match self.path().and_then(Path::parent) {
            Some(here) if here.as_os_str().is_empty() => File::open(".")?.sync_all(),
            Some(directory) => File::open(directory)?.sync_all(),
            None => Ok(()),
        }
    }

    pub(super) const fn region(&self) -> &Arc<Region> {
        &self.placed.region
    }

    /// This life.
    #[must_use]
    pub const fn life(&self) -> &Life {
        &self.placed.life
    }

    /// `None` where it has no name.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        self.placed.path.as_deref()
    }

    /// The file of the life before, where it is kept.
    #[must_use]
    pub fn previous(&self) -> Option<&Path> {
        self.placed.previous.as_deref()
    }

    /// Why it has no name though it was to have one.
    #[must_use]
    pub const fn instead_of(&self) -> Option<&CreateError> {
        self.instead_of.as_ref()
    }

    /// Which places were tried before, and what was the matter with each.
    #[must_use]
    pub fn passed_over(&self) -> &[Box<str>] {
        &self.placed.passed_over
    }
}

impl Drop for MappedFile {
    /// One that never ran has nothing in it: it is taken away again.
    fn drop(&mut self) {
        if self.stage.read().state == Some(State::Making)
            && self.is_ours()
            && let Some(path) = &self.placed.path
        {
            // It is held until the region goes: nobody else has given the name to another.
            let _ = std::fs::remove_file(path);
        }
    }
}

fn write_header(region: &Arc<Region>, life: &Life, backing: Backing, entries: &[Entry]) {
    let header = region.words(0, HEADER);
    let words = Header::words(life, backing, os::page() as u64, entries, region.len());
    let fixed = words.into_iter().enumerate().filter(|(at, _)| !(at::STAGE..at::DIRECTORY).contains(at));
    for (at, word) in fixed {
        header.at(at).store(word, Relaxed);
    }
    Stage::new(region, at::STAGE).enter(State::Making);
}

/// Where there is no file of any kind: the same words, in memory that only this process has.
fn on_heap(life: Life, total: usize, entries: &[Entry]) -> Option<Placed> {
    let region = Region::heap(total)?;
    write_header(&region, &life, Backing::Nameless, entries);
    Some(Placed { region, life, path: None, previous: None, passed_over: Vec::new() })
}

pub(super) fn system(path: &Path, step: &'static str, error: &io::Error) -> CreateError {
    CreateError::System { path: path.to_owned(), step, reason: error.to_string().into() }
}

/// Holds the file, reserves it in full, so that no store ever finds the disk full, and maps it.
///
/// `again` is the same file, opened another time: it is what is locked.
pub(super) fn fill(file: &File, again: File, path: &Path, maker: &Maker<'_>) -> Result<Map, CreateError> {
    let bytes = maker.bytes;
    // Held before it has anything in it: whoever finds it knows that its writer lives.
    let held = Held::try_hold(again).map_err(|error| system(path, "lock", &error))?;
    let held = held.ok_or_else(|| CreateError::InUse { path: path.to_owned() })?;
    // Before: a file system that is full may keep what it could give.
    let there = os::bytes_free(file);
    let map = |held| {
        let map = Map::writable(held, file, bytes as usize);
        map.map_err(|error| system(path, "mmap", &error))
    };
    if !(maker.huge_pages && os::is_in_memory(file)) {
        reserve(file, path, maker, there)?;
        return map(held);
    }
    // What is reserved in memory is there, in small pages for good.
    file.set_len(bytes).map_err(|error| system(path, "ftruncate", &error))?;
    let map = map(held)?;
    // A wish. Where there is no room for all, the reservation says so, and until then nothing is stored.
    let _ = map.provide_huge();
    reserve(file, path, maker, there)?;
    Ok(map)
}

fn reserve(file: &File, path: &Path, maker: &Maker<'_>, there: Option<u64>) -> Result<(), CreateError> {
    let reserved = match os::reserve(file, maker.bytes) {
        Err(error) if error.kind() == io::ErrorKind::Unsupported => {
            if !maker.options.write_zeros {
                return Err(CreateError::NotReserved { path: path.to_owned() });
            }
            zeros(file, maker.bytes)
        }
        reserved => reserved,
    };
    reserved.map_err(|error| match error.kind() {
        io::ErrorKind::StorageFull => {
            CreateError::NoSpace { path: path.to_owned(), wanted: maker.bytes, there, kept: 0 }
        }
        // What the file system has is not what this user may have of it.
        io::ErrorKind::QuotaExceeded => {
            CreateError::NoSpace { path: path.to_owned(), wanted: maker.bytes, there: None, kept: 0 }
        }
        _ => system(path, "fallocate", &error),
    })
}

fn zeros(mut file: &File, bytes: u64) -> io::Result<()> {
    let chunk = vec![0; 1 << 16];
    let mut left = bytes;
    while left > 0 {
        let next = left.min(chunk.len() as u64);
        file.write_all(&chunk[..next as usize])?;
        left -= next;
    }
    Ok(())
}
