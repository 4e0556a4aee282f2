//! Which files are decks, and what each tells of itself.

use crate::recording::Fate;
use flightdeck::events::Recording;
use flightdeck::mapped::{Header, HeaderError, OpenError, OpenOptions, Opened};
use std::fs::{self, DirEntry};
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// The ending of names that decks are given in directories.
const ENDING: &str = "deck";

/// A file that is a deck, or has the name of one.
pub struct Found {
    pub path: PathBuf,
    /// On disk.
    pub bytes: u64,
    pub told: Result<Told, OpenError>,
}

/// What a file tells.
pub struct Told {
    pub header: Header,
    pub fate: Fate,
    /// When it recorded its last event, if it kept any.
    pub last: Option<SystemTime>,
}

impl Found {
    /// Those that run first, then the newest; last those that cannot be read.
    pub fn order(&self) -> (u8, std::cmp::Reverse<Option<SystemTime>>, PathBuf) {
        let rank = match &self.told {
            Ok(told) if told.fate == Fate::Running => 0,
            Ok(_) => 1,
            Err(_) => 2,
        };
        let created = self.told.as_ref().ok().map(|told| told.header.life.created);
        (rank, std::cmp::Reverse(created), self.path.clone())
    }
}

/// The decks in a directory. What is there for a moment only, and what is no regular file, is passed over.
pub fn in_directory(directory: &Path) -> io::Result<Vec<Found>> {
    let entries = fs::read_dir(directory)?.collect::<io::Result<Vec<_>>>()?;
    Ok(entries.iter().filter_map(found).collect())
}

fn found(entry: &DirEntry) -> Option<Found> {
    let metadata = entry.metadata().ok().filter(fs::Metadata::is_file)?;
    let path = entry.path();
    let is_named = path.extension().is_some_and(|ending| ending == ENDING);
    let told = match Opened::open(&path, &OpenOptions::new()) {
        Ok(file) => Ok(tell(file)),
        Err(OpenError::Header {
            error: HeaderError::NoDeck { .. } | HeaderError::TooShort { .. }, ..
        }) if !is_named => {
            return None;
        }
        // Whether it is one, nobody but its owner can tell.
        Err(OpenError::ForeignOwner { .. } | OpenError::System { .. }) if !is_named => return None,
        Err(error) => Err(error),
    };
    Some(Found { path, bytes: metadata.len(), told })
}

fn tell(file: Opened) -> Told {
    let (header, fate) = (file.header().clone(), Fate::of(&file));
    let last = Recording::of(file).ok().and_then(|recording| {
        let newest = recording.stats().classes.iter().filter_map(|(_, class)| class.all.newest).max()?;
        Some(recording.converter().system_time(newest))
    });
    Told { header, fate, last }
}
