//! A clock told to a region, so that whoever reads stamps there can tell what time they were.
//!
//! **Layout.** A line: word 0, what is added to the processor's counter to give ticks; word 1, how the clock reads time, as
//! the number of its [`ClockSource`] (0: tsc, 1: system, 2: coarse, 3: supplied, 4: manual); words 2 and 3, the clock's first
//! instant, in ticks and in nanoseconds since the Unix epoch. Then the table of segments, as its file says: a line whose words 0 and
//! 1 are how many there ever were and how many of those were given up, and room for 64 of three words each.

use super::keeper::SEGMENTS;
use super::segments::Segments;
use super::sight::Sight;
use super::status::ClockSource;
use crate::os;
#[cfg(all(feature = "mapped", target_os = "linux"))]
use crate::region::copied::Copied;
use crate::region::{LINE, Line, Region};
use crate::sync::{Arc, Relaxed};
#[cfg(all(feature = "mapped", target_os = "linux"))]
use std::io;

/// On the line: what is added to the counter.
const OFFSET: usize = 0;
/// On the line: how it reads time.
const SOURCE: usize = 1;
/// On the line: the first instant, in ticks.
const TICKS: usize = 2;
/// On the line: the same in nanoseconds since the Unix epoch.
const UNIX_NS: usize = 3;

/// Where a clock is told.
#[derive(Debug)]
pub(crate) struct Told {
    line: Line,
    pub(super) segments: Segments,
    /// [`os::forks`] when it was made: a child's own clock is told nowhere, since a file is its parent's.
    born: u32,
}

impl Told {
    /// Words of memory that it takes.
    pub(crate) const WORDS: usize = LINE + Segments::footprint(SEGMENTS);

    fn at(region: &Arc<Region>, start: usize) -> Self {
        let segments = Segments::at(region, start + LINE, SEGMENTS);
        Self { line: region.line(start), segments, born: os::forks() }
    }

    /// Whether it was made in this process, and not in one that this is a fork of.
    pub(super) fn is_ours(&self) -> bool {
        os::forks() == self.born
    }

    /// At `start`, where the memory is zero, for a clock that reads time like this and began at this instant.
    pub(super) fn new(region: &Arc<Region>, start: usize, source: ClockSource, origin: &Sight) -> Self {
        let told = Self::at(region, start);
        // Relaxed: published with all else that the region holds before anybody else has it.
        told.line.at::<SOURCE>().store(source.number(), Relaxed);
        told.line.at::<TICKS>().store(origin.ticks, Relaxed);
        told.line.at::<UNIX_NS>().store(origin.unix_ns, Relaxed);
        told
    }

    /// Copies what is told at `start` to where it is to be told.
    #[cfg(all(feature = "mapped", target_os = "linux"))]
    pub(crate) fn copy(region: &Arc<Region>, start: usize, at: usize, to: &mut Copied<'_>) -> io::Result<()> {
        let Self { line, segments, .. } = Self::at(region, start);
        segments.copy(at + LINE, to)?;
        to.load(at, line.words())
    }

    /// Relaxed: it stands for itself.
    pub(super) fn set_offset(&self, offset: u64) {
        self.line.at::<OFFSET>().store(offset, Relaxed);
    }

    /// What is told at `start`: how the clock reads time, its first instant, its segments; `None` if it is a sort of clock
    /// that is not known here.
    pub(super) fn read(region: &Arc<Region>, start: usize) -> Option<(ClockSource, Sight, Segments)> {
        let Self { line, segments, .. } = Self::at(region, start);
        let source = ClockSource::of_number(line.at::<SOURCE>().load(Relaxed))?;
        let (ticks, unix_ns) = (line.at::<TICKS>().load(Relaxed), line.at::<UNIX_NS>().load(Relaxed));
        Some((source, Sight { ticks, unix_ns, ..Sight::default() }, segments))
    }
}
