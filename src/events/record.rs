//! The words of a record: one value type per packed word, verbs instead of shifts.
//!
//! | word | content |
//! |---|---|
//! | 0 | length in words (20 bits), kind (20), severity (4), class (4), flags (8), spare (8); zero: no record here |
//! | 1 | ticks |
//! | 2, 3 | correlation id, high and low half |
//! | 4 | distance to the previous record of the same bucket (32), thread number (32) |
//! | 5 | span: the enclosing one, or the own one of a start or end |
//! | 6.. | the parent's span of a start; when it began of an end; in a batch, where the batch begins; links; payload |
//!
//! A mark has words 0 and 1 alone, and its payload from word 2 on.

use super::class::Class;
use crate::error::Severity;
use crate::id::{CorrelationId, SpanId};
use crate::sync::{AtomicU64, Relaxed};

/// Words before the payload.
pub(crate) const HEADER_WORDS: usize = 6;
/// Words before the payload of a mark.
pub(crate) const MARK_WORDS: usize = 2;
/// The word that holds the time, also of a mark.
pub(crate) const TIME_WORD: usize = 1;
/// The word that links to the previous record of a bucket.
pub(crate) const LINK_WORD: usize = 4;
/// The longest record the length field can state.
pub(crate) const MAX_RECORD_WORDS: usize = (1 << 20) - 1;
/// The kinds the kind field can state.
pub(crate) const MAX_KINDS: u32 = 1 << 20;

/// The words before the payload.
#[inline(always)]
pub(crate) fn header(
    lead: Lead,
    ticks: u64,
    id: CorrelationId,
    link: Link,
    span: SpanId,
) -> [u64; HEADER_WORDS] {
    let (high, low) = id.halves();
    [lead.word(), ticks, high, low, link.word(), span.get()]
}

/// Stores a header to the first words of a record, the time last: a record that was begun and never finished is told by its
/// time from what lay there before, so with a new time the rest of the header is new, too.
#[inline(always)]
pub(crate) fn store_header(record: &[AtomicU64], header: [u64; HEADER_WORDS]) {
    let Some((places, _)) = record.split_first_chunk::<HEADER_WORDS>() else { return };
    for at in [0, 2, 3, 4, 5, TIME_WORD] {
        places[at].store(header[at], Relaxed);
    }
}

/// Facts about one record, one bit each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Flags(u8);

impl Flags {
    pub(crate) const NONE: Self = Self(0);
    /// The correlation id begins here.
    pub(crate) const ROOT: Self = Self(1);
    /// A span begins: the first payload word is its parent.
    pub(crate) const START: Self = Self(1 << 1);
    /// A span ends: the next payload word is the ticks at which it began, or all ones.
    pub(crate) const END: Self = Self(1 << 2);
    /// The host supplied the time.
    pub(crate) const SUPPLIED: Self = Self(1 << 3);
    /// One of a batch: the next payload word is the position of the batch.
    pub(crate) const BATCHED: Self = Self(1 << 4);
    /// No id, link, thread or span: the header ends with the time.
    pub(crate) const MARK: Self = Self(1 << 5);
    /// What comes next in the payload are links to other spans.
    pub(crate) const LINKED: Self = Self(1 << 6);
    /// An end that came with a panic.
    pub(crate) const UNWOUND: Self = Self(1 << 7);

    pub(crate) const fn bits(self) -> u8 {
        self.0
    }

    pub(crate) const fn from_bits(bits: u8) -> Self {
        Self(bits)
    }

    #[inline(always)]
    pub(crate) const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    #[inline(always)]
    pub(crate) const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    #[inline(always)]
    pub(crate) const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

/// Word 0. Of a kind, it is the same but for the length and what flags each record adds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lead(u64);

impl Lead {
    /// The lead of a kind's records, without a length.
    pub(crate) const fn of_kind(kind: u32, severity: Severity, class: Class, flags: Flags) -> Self {
        debug_assert!(kind < MAX_KINDS);
        Self((kind as u64) << 20 | (severity as u64) << 40 | (class as u64) << 44 | (flags.0 as u64) << 48)
    }

    /// The lead of a record of so many words, which has these flags too.
    #[inline(always)]
    pub(crate) const fn of_record(self, words: usize, flags: Flags) -> Self {
        debug_assert!(words <= MAX_RECORD_WORDS && self.words() == 0);
        Self((self.0 | (flags.0 as u64) << 48) + words as u64)
    }

    /// The lead that a word holds.
    #[inline(always)]
    pub const fn from_word(word: u64) -> Self {
        Self(word)
    }

    #[inline(always)]
    pub(crate) const fn word(self) -> u64 {
        self.0
    }

    #[inline(always)]
    pub(crate) const fn words(self) -> usize {
        (self.0 & MAX_RECORD_WORDS as u64) as usize
    }

    /// How many words come before the payload.
    pub(crate) const fn header_words(self) -> usize {
        if self.flags().has(Flags::MARK) { MARK_WORDS } else { HEADER_WORDS }
    }

    #[inline(always)]
    pub(crate) const fn kind(self) -> u32 {
        (self.0 >> 20) as u32 & (MAX_KINDS - 1)
    }

    #[inline(always)]
    pub(crate) const fn severity(self) -> Severity {
        Severity::from_bits((self.0 >> 40) as u8 & 15)
    }

    #[inline(always)]
    pub(crate) const fn class(self) -> Class {
        Class::from_bits((self.0 >> 44) as u8 & 15)
    }

    #[inline(always)]
    pub(crate) const fn flags(self) -> Flags {
        Flags((self.0 >> 48) as u8)
    }
}

/// Word 4: how far back the previous record of the bucket lies (zero: none), and who wrote this one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Link(u64);

impl Link {
    /// The link of a record that the index does not know yet.
    #[inline(always)]
    pub const fn unlinked(thread: u32) -> Self {
        Self(thread as u64)
    }

    /// The link that a word holds.
    #[inline(always)]
    pub const fn from_word(word: u64) -> Self {
        Self(word)
    }

    /// The link of a record so many words behind one of its bucket; zero: none.
    #[inline(always)]
    pub(crate) const fn behind(thread: u32, words: u32) -> Self {
        Self(thread as u64 | (words as u64) << 32)
    }

    /// As a word.
    #[inline(always)]
    pub const fn word(self) -> u64 {
        self.0
    }

    /// Who wrote the record.
    #[inline(always)]
    pub const fn thread(self) -> u32 {
        self.0 as u32
    }

    /// The link of a record at `position` to the one at `previous`; none where it lies further back
    /// than any ring reaches.
    #[inline(always)]
    pub const fn to(self, position: u64, previous: u64) -> Self {
        let distance = position.wrapping_sub(previous);
        let distance = if distance > u32::MAX as u64 { 0 } else { distance };
        Self(self.0 as u32 as u64 | distance << 32)
    }

    /// Where the previous record of the bucket is, seen from `position`. Always below it.
    #[inline(always)]
    pub const fn previous(self, position: u64) -> Option<u64> {
        match (self.0 >> 32, position.checked_sub(self.0 >> 32)) {
            // An empty bucket's head is position 0, before the first record.
            (0, _) | (_, None | Some(0)) => None,
            (_, previous) => previous,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packed_words_give_back_what_went_in() {
        for words in [0, 1, HEADER_WORDS, 4_096, MAX_RECORD_WORDS] {
            for kind in [0, 1, 77, MAX_KINDS - 1] {
                for severity in Severity::ALL {
                    let flags = Flags::ROOT.with(Flags::SUPPLIED);
                    let class = Class::ALL[kind as usize % 3];
                    let lead =
                        Lead::of_kind(kind, severity, class, Flags::ROOT).of_record(words, Flags::SUPPLIED);
                    let lead = Lead::from_word(lead.word());
                    assert_eq!((lead.words(), lead.kind()), (words, kind));
                    assert_eq!((lead.severity(), lead.class(), lead.flags()), (severity, class, flags));
                }
            }
        }
        assert!(!Flags::ROOT.has(Flags::START));
    }

    #[test]
    fn links_end_where_nothing_can_be_reached() {
        let link = Link::unlinked(9);
        assert_eq!(link.previous(100), None);
        assert_eq!(link.to(100, 60).previous(100), Some(60));
        assert_eq!(link.to(100, 60).thread(), 9);
        assert_eq!(link.to(100, 0).previous(100), None, "an empty bucket");
        let far = 1 << 33;
        assert_eq!(link.to(far + 5, 5).previous(far + 5), None, "further back than 2^32 words");
        assert_eq!(link.to(100, 60).previous(3), None, "torn bytes never lead below the start");
    }
}
