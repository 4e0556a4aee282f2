//! Where the sections of a file lie, before there is one, and whether what a file says of it can be.

use super::error::HeaderError;
use super::header::{HEADER, at};
use crate::region::LINE;

/// Words of a huge page.
const HUGE: usize = (2 << 20) / 8;
/// Words of an entry.
pub(super) const ENTRY: usize = 8;
/// Entries there can be.
pub(super) const MOST: usize = (at::CAUSE_NAME - at::DIRECTORY) / ENTRY;

/// What kind of section: numbers are never reused.
pub(crate) mod kind {
    /// Shards, index and overflow of an event store.
    pub(crate) const EVENTS: u32 = 1;
    /// Metrics: their cells and their names.
    pub(crate) const TELEMETRY: u32 = 2;
    /// Revisions of configs.
    pub(crate) const CONFIGS: u32 = 3;
    /// How workers are.
    pub(crate) const WORKERS: u32 = 4;
    /// What is not as it should be.
    pub(crate) const HEALTH: u32 = 5;
}

/// A section to be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SectionSpec {
    /// One of [`kind`].
    pub(crate) kind: u32,
    /// Of the layout inside, which is its kind's own.
    pub(crate) version: u32,
    /// Which of several of the same kind.
    pub(crate) instance: u32,
    pub(crate) words: usize,
    /// Whether it starts where a huge page can, if it is as long as one.
    pub(crate) huge_pages: bool,
}

impl SectionSpec {
    /// Whether any huge page can be.
    pub(super) const fn has_huge_pages(&self) -> bool {
        self.huge_pages && self.words >= HUGE
    }
}

/// Where a section lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Entry {
    /// What it holds: 1 for events, 2 telemetry, 3 configs, 4 workers, 5 health. A reader passes over kinds that it does not know.
    pub kind: u32,
    /// The version of its layout.
    pub version: u32,
    /// Which of several of its kind, from 0 up.
    pub instance: u32,
    /// Its first word, counted from the start of the file; a multiple of 16.
    pub start: usize,
    /// Its length in words.
    pub words: usize,
}

/// Where each lies, and how many words there are in all; `None` where they are too many, or too long for any file.
pub(super) fn arrange(sections: &[SectionSpec], page: usize) -> Option<(Vec<Entry>, usize)> {
    if sections.len() > MOST {
        return None;
    }
    let (mut entries, mut end, mut unit) =
        (Vec::with_capacity(sections.len()), HEADER, (page / 8).max(HEADER));
    for section in sections {
        let huge = section.has_huge_pages();
        let start = end.checked_next_multiple_of(if huge { HUGE } else { LINE })?;
        end = start.checked_add(section.words)?;
        if huge {
            unit = unit.max(HUGE);
        }
        let SectionSpec { kind, version, instance, words, .. } = *section;
        entries.push(Entry { kind, version, instance, start, words });
    }
    let total = end.checked_next_multiple_of(unit)?;
    (total <= isize::MAX as usize / 8).then_some((entries, total))
}

impl Entry {
    pub(super) fn words(self) -> [u64; ENTRY] {
        let Self { kind, version, instance, start, words } = self;
        [kind.into(), version.into(), instance.into(), start as u64, words as u64, 0, 0, 0]
    }

    fn parse(words: &[u64]) -> Result<Self, HeaderError> {
        let small = |field, value: u64| {
            let refused = |_| HeaderError::Damaged { field, value, why: "it is no number of 32 bits" };
            u32::try_from(value).map_err(refused)
        };
        Ok(Self {
            kind: small("section kind", words[0])?,
            version: small("section version", words[1])?,
            instance: small("section instance", words[2])?,
            start: words[3] as usize,
            words: words[4] as usize,
        })
    }
}

/// The entries of a header, each inside a file of `total` words, in order and apart.
pub(super) fn parse(header: &[u64; HEADER], total: usize) -> Result<Vec<Entry>, HeaderError> {
    let damaged = |field, value: u64, why| Err(HeaderError::Damaged { field, value, why });
    let count = header[at::SECTIONS];
    if count > MOST as u64 {
        return damaged("section count", count, "a header has no room for as many");
    }
    let mut entries: Vec<Entry> = Vec::with_capacity(count as usize);
    let mut end = HEADER;
    for words in header[at::DIRECTORY..at::CAUSE_NAME].chunks_exact(ENTRY).take(count as usize) {
        let entry = Entry::parse(words)?;
        let start = entry.start as u64;
        if !entry.start.is_multiple_of(LINE) {
            return damaged("section start", start, "it is no multiple of 16");
        }
        if entry.start < end {
            return damaged("section start", start, "what comes before reaches beyond it");
        }
        match entry.start.checked_add(entry.words) {
            Some(next) if next <= total => end = next,
            _ => return damaged("section length", entry.words as u64, "the section would leave the file"),
        }
        if entries.iter().any(|known| (known.kind, known.instance) == (entry.kind, entry.instance)) {
            return damaged("section instance", entry.instance.into(), "there are two of it");
        }
        entries.push(entry);
    }
    Ok(entries)
}
