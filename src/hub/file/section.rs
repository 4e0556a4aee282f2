//! Sections that are one board each: what is so now, in words.
//!
//! # Format, version 1
//!
//! A section is two pages of equal length, as `region/board` tells: a line of control (word 0: the turn; 1: words of content),
//! and the content, of a power of two of words. Of the page with the greater even turn the content counts.
//!
//! The content is: when it was posted, in nanoseconds since 1970; how many records had no room; the records. A record is a word that says
//! how many follow, and those; a reader passes over words at its end that it does not know. A text is its length in bytes and the bytes,
//! UTF-8, the first in the lowest bits, filled up with zeros. What may be missing is a word 0, or a word 1 and it. Times are nanoseconds since 1970.
//!
//! | section | its records |
//! |---|---|
//! | 3: configs | a revision: bit 0, whether it is in force; its number; when it was published; name of the config; who published it; why, if that was said; its value: 0 for none, 1 and a text of JSON with marks in place of secrets, 2 and the bytes of one that was too long |
//! | 4: workers | a worker: bits 0 supervisor, 1 has failed, 2 needed; state (0 starting, 1 running, 2 hung, 3 backing off, 4 stopping, 5 finished, 6 terminated, 7 abandoned); the delay of one that backs off in nanoseconds; generation; restarts; when it was last seen to have beaten, 0 for never; its path; why it failed last, if it did |
//! | 5: health | first: level (0 healthy, 1 degraded, 2 not ready, 3 not live); bits 0 live, 1 ready, 2 started; then each concern: when it came; how often; its code, part, and text |

use super::error::PartError;
use crate::mapped::{self, MappedFile, Opened, Section, SectionSpec};
use crate::region::LINE;
use crate::region::board::Board;

/// The format's version.
const VERSION: u32 = 1;

/// One of them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Posted {
    pub(super) part: &'static str,
    kind: u32,
    /// Words of content.
    room: usize,
}

pub(super) const CONFIGS: Posted = Posted { part: "configs", kind: mapped::kind::CONFIGS, room: 8 << 10 };
pub(super) const WORKERS: Posted = Posted { part: "workers", kind: mapped::kind::WORKERS, room: 4 << 10 };
pub(super) const HEALTH: Posted = Posted { part: "health", kind: mapped::kind::HEALTH, room: 2 << 10 };

impl Posted {
    pub(super) const fn spec(self) -> SectionSpec {
        let words = Board::footprint(self.room);
        SectionSpec { kind: self.kind, version: VERSION, instance: 0, words, huge_pages: false }
    }

    /// Of a file that was made with its section.
    pub(super) fn board_of(self, file: &MappedFile) -> Option<Board> {
        let Section { region, start, .. } = file.section(self.kind, 0)?;
        Some(Board::at(&region, start, self.room))
    }

    /// Where its section starts in such a file.
    pub(super) fn start_in(self, file: &MappedFile) -> Option<usize> {
        file.section(self.kind, 0).map(|section| section.start)
    }

    /// What was posted last in a file that may hold anything.
    pub(super) fn read(self, file: &Opened) -> Result<Vec<u64>, PartError> {
        let part = self.part;
        let Section { region, start, words, version } =
            file.section(self.kind, 0).ok_or(PartError::Absent { part })?;
        if version != VERSION {
            return Err(PartError::Version { part, found: version, known: VERSION });
        }
        let room = (words / 2).checked_sub(LINE).filter(|room| room.is_power_of_two());
        let room = room.filter(|room| Board::footprint(*room) == words);
        let room = room.ok_or(PartError::Length { part, words })?;
        Board::at(&region, start, room).read().map_err(|_| PartError::Busy { part })
    }
}
