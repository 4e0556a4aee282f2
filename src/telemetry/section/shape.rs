//! Which part lies where: it follows from the sizes alone, which the head says.

use super::error::SectionError;
use crate::region::semispace::Semispace;
use crate::region::{LINE, Region, Span};
use crate::sync::{Arc, Relaxed};
use crate::telemetry::cells::{CHUNK, Sizes};

/// What a section begins with.
const MAGIC: u64 = u64::from_ne_bytes(*b"FDMETRIC");
/// Of the format that is described in `section`.
pub(crate) const VERSION: u32 = 2;
/// Words of the head.
const HEAD: usize = 2 * LINE;
/// More of anything there is not.
const MOST: u64 = 1 << 40;
/// Words of records for each cell, twice: a counter with a name and two labels takes some fifteen, a histogram takes a thousand cells.
const RECORDS: usize = 4;

/// The sizes of a section.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::telemetry) struct Shape {
    pub(in crate::telemetry) sizes: Sizes,
    /// Words for records, in each half of the log.
    records: usize,
}

impl Shape {
    pub(in crate::telemetry) fn of(sizes: Sizes) -> Self {
        let records = sizes.cells.saturating_mul(RECORDS).clamp(1 << 9, 1 << 20).next_power_of_two();
        Self { sizes, records }
    }

    pub(in crate::telemetry) fn log(&self, region: &Arc<Region>, start: usize) -> Semispace {
        Semispace::at(region, start + HEAD, self.records)
    }

    /// Where the log of names begins, and how many words lie before it.
    #[cfg(all(feature = "mapped", target_os = "linux"))]
    #[allow(clippy::unused_self, reason = "as its neighbours")]
    pub(in crate::telemetry) const fn log_at(&self) -> usize {
        HEAD
    }

    /// Where the cells begin.
    pub(in crate::telemetry) const fn cells_at(&self) -> usize {
        HEAD + Semispace::footprint(self.records)
    }

    /// All of it.
    pub(in crate::telemetry) fn words(&self) -> usize {
        self.cells_at().saturating_add(self.sizes.footprint())
    }

    /// Writes the head of a section.
    pub(in crate::telemetry) fn write(&self, region: &Arc<Region>, start: usize) {
        let Sizes { cells, slabs, chunks } = self.sizes;
        let sizes = [self.words(), cells, slabs, chunks, CHUNK, self.records].map(|size| size as u64);
        let words = [MAGIC, VERSION.into()].into_iter().chain(sizes);
        // Relaxed: published with all else that the region holds before anybody else has it.
        (start..).zip(words).for_each(|(at, word)| region.words(at, 1).at(0).store(word, Relaxed));
    }

    /// What a head says, if all of it can be.
    pub(in crate::telemetry) fn read(span: &Span) -> Result<Self, SectionError> {
        let len = span.len as u64;
        let cut_off = |needed: u64| SectionError::TooShort { words: len, needed };
        let head = span.run(0, HEAD).ok_or_else(|| cut_off(HEAD as u64))?;
        // Each word once: somebody may change it.
        let mut words = head.iter().map(|word| word.load(Relaxed));
        let mut word = || words.next().unwrap_or_default();
        let (magic, version, said) = (word(), word(), word());
        if magic != MAGIC {
            return Err(SectionError::NoSection { found: magic });
        }
        if version != u64::from(VERSION) {
            return Err(SectionError::Version { found: version, known: VERSION.into() });
        }
        if said > len {
            return Err(cut_off(said));
        }
        let field = |field: &'static str, value: u64, limit: u64, fits: bool| {
            if fits { Ok(value as usize) } else { Err(SectionError::Field { field, value, limit }) }
        };
        let power =
            |name, value: u64, most| field(name, value, most, value.is_power_of_two() && value <= most);
        let (cells, slabs, chunks, chunk, records) = (word(), word(), word(), word(), word());
        let unit = CHUNK as u64;
        field("words of a chunk", chunk, unit, chunk == unit)?;
        let sizes = Sizes {
            cells: power("cells", cells, MOST).and_then(|_| field("cells", cells, unit, cells >= unit))?,
            slabs: power("slabs", slabs, len.next_power_of_two())?,
            chunks: field("chunks", chunks, len, chunks <= len)?,
        };
        let records = power("words of records", records, MOST)?;
        // Looked at one after the other, so that no sum overflows.
        let tables = (sizes.tables() as u64).checked_mul(slabs).filter(|tables| *tables <= len);
        field("cells", cells, len, cells <= len && tables.is_some())?;
        let shape = Self { sizes, records };
        match shape.words() as u64 {
            words if words == said => Ok(shape),
            words if words > len => Err(cut_off(words)),
            words => Err(SectionError::Field { field: "words of the section", value: said, limit: words }),
        }
    }
}
