//! Making a file: in full, for this process alone, and found by others only once it can be told what it is.

use super::directory::{self, Entry, SectionSpec};
use super::error::CreateError;
use super::header::{Backing, HEADER, Header, at};
use super::life::{Life, now};
use super::options::Options;
use super::place::{Place, Placed};
use crate::os::{self, Held, Map};
use crate::region::Region;
use crate::region::stage::{Stage, State};
use crate::sync::{Arc, Relaxed};
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

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
    pub(super) fn find(region: &Arc<Region>, entries: &[Entry], kind: u32, instance: u32) -> Option<Self> {
        let entry = entries.iter().find(|entry| (entry.kind, entry.instance) == (kind, instance))?;
        let Entry { version, start, words, .. } = *entry;
        Some(Self { region: region.clone(), start, words, version })
    }
}

/// A file that this process writes. It is the writer for as long as this or any section lives.
#[derive(Debug)]
pub(crate) struct MappedFile {
    region: Arc<Region>,
    stage: Stage,
    life: Life,
    backing: Backing,
    entries: Vec<Entry>,
    /// `None` where it has no name.
    path: Option<PathBuf>,
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
        os::count_forks().map_err(|error| system(Path::new(""), "fork", &error))?;
        let placed = Place::of(options).make(options, total as u64 * 8)?;
        let Placed { held, life, path } = placed;
        let shown = path.clone().unwrap_or_default();
        let backing = if path.is_some() { Backing::File } else { Backing::Nameless };
        let map = Map::writable(held, total * 8).map_err(|error| system(&shown, "mmap", &error))?;
        let region = Region::mapped(map);
        if options.huge_pages {
            // A wish. Before the first page is touched.
            let _ = region.advise_huge_pages();
        }
        if options.prefault {
            region.touch(0, total);
        }
        let header = region.words(0, HEADER);
        let written = Header::words(&life, backing, os::page() as u64, &entries, total);
        for (at, word) in
            written.into_iter().enumerate().filter(|(at, _)| *at < at::STAGE || *at >= at::DIRECTORY)
        {
            header.at(at).store(word, Relaxed);
        }
        let stage = Stage::new(&region, at::STAGE);
        stage.enter(State::Making);
        Ok(Self { region, stage, life, backing, entries, path, born: os::forks() })
    }

    pub(crate) fn section(&self, kind: u32, instance: u32) -> Option<Section> {
        Section::find(&self.region, &self.entries, kind, instance)
    }

    /// All sections are laid out: from here on a reader believes them.
    pub(crate) fn run(&self) {
        self.stage.enter(State::Running);
    }

    /// The life ends as it was asked to. Nothing happens in a child of the writer.
    pub(crate) fn close(&self) {
        if self.born == os::forks() {
            self.stage.close(now());
        }
    }

    pub(crate) const fn life(&self) -> &Life {
        &self.life
    }

    pub(crate) const fn backing(&self) -> Backing {
        self.backing
    }

    /// `None` where it has no name.
    pub(crate) fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }
}

pub(super) fn system(path: &Path, step: &'static str, error: &io::Error) -> CreateError {
    CreateError::System { path: path.to_owned(), step, reason: error.to_string().into() }
}

/// Holds the file and reserves it in full, so that no store ever finds the disk full.
pub(super) fn fill(file: File, path: &Path, bytes: u64, options: &Options) -> Result<Held, CreateError> {
    let limit = os::longest_file();
    if bytes > limit {
        return Err(CreateError::Limit { path: path.to_owned(), wanted: bytes, limit });
    }
    // Held before it has anything in it: whoever finds it knows that its writer lives.
    let held = Held::try_hold(file).map_err(|error| system(path, "lock", &error))?;
    let held = held.ok_or_else(|| CreateError::InUse { path: path.to_owned() })?;
    let reserved = match os::reserve(held.file(), bytes) {
        Err(error) if error.kind() == io::ErrorKind::Unsupported => {
            if !options.write_zeros {
                return Err(CreateError::NotReserved { path: path.to_owned() });
            }
            zeros(held.file(), bytes)
        }
        reserved => reserved,
    };
    match reserved {
        Ok(()) => Ok(held),
        Err(error) if matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded) => {
            let there = os::bytes_free(held.file());
            Err(CreateError::NoSpace { path: path.to_owned(), wanted: bytes, there })
        }
        Err(error) => Err(system(path, "fallocate", &error)),
    }
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
