//! The first page of a file: what it is, who wrote it, and where the rest lies.

use super::directory::{self, Entry};
use super::dump::DumpCause;
use super::error::HeaderError;
use super::life::Life;
use crate::region::stage::{Seen, State};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Words of the header: 4 KiB, whatever a page of the system is.
pub(super) const HEADER: usize = 512;
/// Bytes of it.
pub(super) const HEADER_BYTES: usize = HEADER * 8;

pub(super) const MAGIC: u64 = u64::from_ne_bytes(*b"flightdk");
pub(super) const ORDER: u64 = 0x0102_0304_0506_0708;
pub(super) const MAJOR: u64 = 1;
pub(super) const MINOR: u64 = 0;

/// Which word holds what. `format.md` tells what each means.
pub(super) mod at {
    pub(in crate::mapped) const MAGIC: usize = 0;
    pub(in crate::mapped) const ORDER: usize = 1;
    pub(in crate::mapped) const MAJOR: usize = 2;
    pub(in crate::mapped) const MINOR: usize = 3;
    pub(in crate::mapped) const WORD: usize = 4;
    pub(in crate::mapped) const PAGE: usize = 5;
    pub(in crate::mapped) const TOTAL: usize = 6;
    pub(in crate::mapped) const SECTIONS: usize = 7;
    pub(in crate::mapped) const CHECK: usize = 8;
    pub(in crate::mapped) const BACKING: usize = 9;
    pub(in crate::mapped) const CAUSE: usize = 10;
    pub(in crate::mapped) const CAUSE_LENGTH: usize = 11;
    pub(in crate::mapped) const FILE: usize = 16;
    pub(in crate::mapped) const PREVIOUS: usize = 18;
    pub(in crate::mapped) const LIFE: usize = 20;
    pub(in crate::mapped) const CREATED: usize = 21;
    pub(in crate::mapped) const BOOTED: usize = 22;
    pub(in crate::mapped) const BOOT: usize = 24;
    pub(in crate::mapped) const PROCESS: usize = 26;
    pub(in crate::mapped) const NAMESPACE: usize = 27;
    pub(in crate::mapped) const STARTED: usize = 28;
    pub(in crate::mapped) const USER: usize = 29;
    pub(in crate::mapped) const PROGRAM_LENGTH: usize = 31;
    pub(in crate::mapped) const PROGRAM: usize = 32;
    /// A line of its own, and the only one that changes.
    pub(in crate::mapped) const STAGE: usize = 64;
    pub(in crate::mapped) const DIRECTORY: usize = 80;
    /// To the end.
    pub(in crate::mapped) const CAUSE_NAME: usize = 480;
}

/// Where a file's words live.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Backing {
    /// In a file that has a name.
    File,
    /// In a file without one, which is gone with the last process that has it open.
    Nameless,
}

impl Backing {
    pub(super) const fn word(self) -> u64 {
        match self {
            Self::File => 1,
            Self::Nameless => 2,
        }
    }
}

/// What the header of a file says.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Header {
    /// Major and minor version of the format.
    pub version: (u32, u32),
    /// Bytes of a page where it was written.
    pub page: u64,
    /// Bytes of the whole file.
    pub bytes: u64,
    /// Where the words lived.
    pub backing: Backing,
    /// Who wrote it.
    pub life: Life,
    /// How far that life had come.
    pub state: State,
    /// Why it was written, where it is a [copy](State::Copied) that a deck made of itself.
    pub copied: Option<DumpCause>,
    /// When it closed, or the copy was begun; `None` where it was neither.
    pub ended: Option<SystemTime>,
    /// When a later life put the file aside.
    pub rotated: Option<SystemTime>,
    /// What lies where.
    pub sections: Vec<Entry>,
}

impl Header {
    /// What these bytes say, the first of a file of so many. Any bytes give a header or an error, in the time it takes
    /// to read 4 KiB, and no more memory than that.
    ///
    /// A file may also be looked at before it is opened, or where it cannot be mapped:
    ///
    /// ```
    /// use flightdeck::mapped::{Header, HeaderError};
    /// let error = Header::parse(b"something else", 14).unwrap_err();
    /// assert_eq!(error, HeaderError::TooShort { bytes: 14, least: 4_096 });
    /// ```
    ///
    /// # Errors
    /// Where they are no header that this version reads.
    pub fn parse(bytes: &[u8], file: u64) -> Result<Self, HeaderError> {
        let Some((header, _)) = bytes.split_first_chunk::<HEADER_BYTES>() else {
            return Err(HeaderError::TooShort {
                bytes: file.min(bytes.len() as u64),
                least: HEADER_BYTES as u64,
            });
        };
        let mut words = [0; HEADER];
        for (word, bytes) in words.iter_mut().zip(header.as_chunks::<8>().0) {
            *word = u64::from_ne_bytes(*bytes);
        }
        let state = State::of_word(words[at::STAGE]);
        let seen = Seen { state, ended: words[at::STAGE + 1], rotated: words[at::STAGE + 2] };
        Self::of(&words, seen, file)
    }

    pub(super) fn of(words: &[u64; HEADER], seen: Seen, file: u64) -> Result<Self, HeaderError> {
        if file < HEADER_BYTES as u64 {
            return Err(HeaderError::TooShort { bytes: file, least: HEADER_BYTES as u64 });
        }
        if words[at::MAGIC] != MAGIC {
            return Err(HeaderError::NoDeck { found: words[at::MAGIC].to_ne_bytes() });
        }
        if words[at::ORDER] != ORDER {
            return Err(if words[at::ORDER] == ORDER.swap_bytes() {
                HeaderError::ByteOrder
            } else {
                damaged("byte order", words[at::ORDER], "it is neither this machine's nor the other")
            });
        }
        let [major, minor] = [words[at::MAJOR], words[at::MINOR]];
        // Before all that another version may have elsewhere.
        if major != MAJOR {
            return Err(HeaderError::Version { found: major, known: MAJOR });
        }
        if words[at::CHECK] != check(words) {
            return Err(damaged("check word", words[at::CHECK], "it is not that of this header"));
        }
        if words[at::WORD] != 8 {
            return Err(damaged("word size", words[at::WORD], "this version reads words of 8 bytes"));
        }
        let (Ok(minor), total) = (u32::try_from(minor), words[at::TOTAL]) else {
            return Err(damaged("minor version", minor, "it is no number of 32 bits"));
        };
        let bytes = match total.checked_mul(8) {
            Some(bytes) if bytes <= isize::MAX as u64 && total >= HEADER as u64 => bytes,
            _ => return Err(damaged("length", total, "no file has so many words")),
        };
        if file < bytes {
            return Err(HeaderError::Truncated { bytes: file, wanted: bytes });
        }
        let backing = match words[at::BACKING] {
            1 => Backing::File,
            2 => Backing::Nameless,
            other => return Err(damaged("backing", other, "it is neither 1, a file, nor 2, memory")),
        };
        let Some(state) = seen.state else {
            return Err(damaged("state", words[at::STAGE], "it is none of making, running, closed, copied"));
        };
        Ok(Self {
            version: (MAJOR as u32, minor),
            page: words[at::PAGE],
            bytes,
            backing,
            life: Life::parse(words)?,
            state,
            copied: (state == State::Copied).then(|| DumpCause::parse(words)).transpose()?,
            ended: (seen.ended > 0).then(|| time(seen.ended)),
            rotated: (seen.rotated > 0).then(|| time(seen.rotated)),
            sections: directory::parse(words, total as usize)?,
        })
    }

    /// The words of a header of these, but for the line that changes.
    pub(super) fn words(
        life: &Life,
        backing: Backing,
        page: u64,
        sections: &[Entry],
        total: usize,
    ) -> [u64; HEADER] {
        let mut words = [0; HEADER];
        let fixed = [
            (at::MAGIC, MAGIC),
            (at::ORDER, ORDER),
            (at::MAJOR, MAJOR),
            (at::MINOR, MINOR),
            (at::WORD, 8),
            (at::PAGE, page),
            (at::TOTAL, total as u64),
            (at::SECTIONS, sections.len() as u64),
            (at::BACKING, backing.word()),
        ];
        for (at, word) in fixed {
            words[at] = word;
        }
        life.write(&mut words);
        for (place, entry) in
            words[at::DIRECTORY..at::CAUSE_NAME].chunks_exact_mut(directory::ENTRY).zip(sections)
        {
            place.copy_from_slice(&entry.words());
        }
        words[at::CHECK] = check(&words);
        words
    }
}

pub(super) fn damaged(field: &'static str, value: u64, why: &'static str) -> HeaderError {
    HeaderError::Damaged { field, value, why }
}

/// Any time of a file, whatever it says.
pub(super) fn time(ns: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_nanos(ns)
}

/// FNV-1a over words: each step is one to one, so no change of one word goes unseen.
pub(super) fn check(words: &[u64; HEADER]) -> u64 {
    let counted = words
        .iter()
        .enumerate()
        .filter(|(at, _)| !(at::STAGE..at::DIRECTORY).contains(at) && *at != at::CHECK);
    counted.fold(0xcbf2_9ce4_8422_2325, |sum, (_, word)| (sum ^ word).wrapping_mul(0x0100_0000_01b3))
}
