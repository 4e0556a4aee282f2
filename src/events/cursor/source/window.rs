//! What a cursor copied of a ring and found intact: much at a time, so that it asks for the line on which the writer says how
//! far it will overwrite once, and not for each record.

use crate::events::read::{Header, NoRecord, header_in};
use crate::events::record::HEADER_WORDS;
use crate::events::ring::Ring;

/// Words copied at a time: 4 KiB, of which the next ones are asked for while these are delivered.
const WORDS: u64 = 512;

/// Records of a ring in one piece, as they lay there.
#[derive(Debug, Default)]
pub(super) struct Window {
    /// The words from `start` to `end`, and whatever follows: the header of the last record is read in full length, however
    /// short it is.
    bytes: Vec<u8>,
    start: u64,
    end: u64,
}

impl Window {
    /// Copies what lies at `position`, and behind it until `end` as far as it goes; at least so many `words`.
    ///
    /// # Errors
    /// If it has been overwritten.
    #[cold]
    #[inline(never)]
    fn fill(&mut self, ring: &Ring, position: u64, end: u64, words: u64) -> Result<(), NoRecord> {
        let end = end.min(position + words.max(WORDS));
        let bytes = (end - position) as usize * 8;
        if self.bytes.len() < bytes + HEADER_WORDS * 8 {
            self.bytes.resize(bytes + HEADER_WORDS * 8, 0);
        }
        for (chunk, position) in self.bytes[..bytes].as_chunks_mut().0.iter_mut().zip(position..) {
            *chunk = ring.word(position).to_le_bytes();
        }
        // Nothing is overwritten above what is intact.
        let is_intact = ring.is_intact(position);
        (self.start, self.end) = (position, if is_intact { end } else { position });
        if is_intact { Ok(()) } else { Err(NoRecord::Gone) }
    }

    /// Asks for what will be copied when the next window is, ahead of it.
    #[inline]
    pub(super) fn prefetch(&self, ring: &Ring, position: u64, tail: u64) {
        let ahead = position + WORDS;
        // Not for what the writer is about to write.
        if ahead < tail {
            ring.prefetch(ahead);
        }
    }

    /// Whether what lies at `position` has been copied.
    #[inline]
    pub(super) fn has(&self, position: u64) -> bool {
        (self.start..self.end).contains(&position)
    }

    /// The header of the record at `position`, which ends at `tail` or before, and whether it has been pruned. What it has not
    /// is copied, no further than `end`, but in whole records.
    ///
    /// # Errors
    /// As [`header_even_if_pruned`](crate::events::read::header_even_if_pruned).
    #[inline]
    pub(super) fn header(
        &mut self,
        ring: &Ring,
        position: u64,
        end: u64,
        tail: u64,
    ) -> Result<(Header, bool), NoRecord> {
        if !self.has(position) {
            self.fill(ring, position, end, 0)?;
        }
        let mut header = self.header_at(position, tail).ok_or(NoRecord::Gap)?;
        if header.end() > self.end {
            self.fill(ring, position, tail, header.words() as u64)?;
            // In a mapped file it may be another one by now.
            let is_whole = |header: &Header| header.end() <= self.end;
            header = self.header_at(position, tail).filter(is_whole).ok_or(NoRecord::Gap)?;
        }
        // After the fence in `fill`, as in `Ring::is_kept`; and it only rises, so what was wiped before the copy lies below it.
        Ok((header, position >= ring.watermark()))
    }

    /// The same of one that was asked for last.
    #[inline]
    pub(super) fn header_at(&self, position: u64, tail: u64) -> Option<Header> {
        let bytes =
            self.bytes.get((position - self.start) as usize * 8..)?.first_chunk::<{ HEADER_WORDS * 8 }>()?;
        let words = bytes.as_chunks::<8>().0;
        header_in(std::array::from_fn(|word| u64::from_le_bytes(words[word])), position, tail)
    }

    /// The payload of a record whose header was read last.
    #[inline]
    pub(super) fn payload(&self, header: &Header) -> &[u8] {
        let start = (header.position - self.start) as usize * 8;
        let end = start + header.words() * 8;
        self.bytes.get(end - header.payload_bytes()..end).unwrap_or_default()
    }
}
