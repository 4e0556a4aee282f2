//! What a writer was in the middle of.

use crate::clock::Ticks;
use crate::events::class::Class;
use crate::events::read::{Header, Step, header_for_owner, scan_block};
use crate::events::record::{Flags, Lead, Link};
use crate::events::ring::Ring;
use crate::events::schema::Schema;
use crate::events::schemas::Schemas;
use crate::id::CorrelationId;

/// A record that a writer seems to have begun, and has not finished: of a store whose process died, most likely the last thing
/// that its thread did.
///
/// It is not part of any answer. A writer reserves whole blocks ahead, so what lies beyond the last record is, as a rule, what was
/// there a lap ago, and seldom begins where a record does. It is taken for a record that was begun where it begins like one of a
/// kind that is known, and with a later time than the last one that was finished, but not by a month. The time is what a writer
/// stores last of a header, so the rest of it is told as it was meant, on processors that store in order; what was stored beyond it
/// nobody can tell. Where hosts supply times none is found, nor before the first record of a ring was finished.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct InFlight {
    /// The shard it was meant for, as in [`Loss::shard`](crate::events::Loss::shard).
    pub shard: u16,
    /// The ring it was meant for.
    pub class: Class,
    /// The thread that wrote it; 0: not known.
    pub thread: u32,
    /// How many words it was to have.
    pub words: u64,
    /// Its time.
    pub ticks: Ticks,
    /// What it belonged to.
    pub correlation: CorrelationId,
}

/// Ticks between a record and the one before, at most: a month at some 3 GHz. What lay there before is, as a time, much more
/// than that or less than nothing: text, sums, counts.
const PAUSE: u64 = 1 << 53;

/// What somebody was writing to a ring.
pub(super) fn of(shard: u16, class: Class, ring: &Ring, schemas: &Schemas) -> Option<InFlight> {
    let tail = ring.cut().tail;
    let header =
        header_for_owner(ring, tail).filter(|header| is_begun_like_one(header, class, ring, schemas))?;
    // Looked at first: if the record has been finished meanwhile, it is none of these.
    let last = last_before(ring, tail)?;
    let is_later = header.ticks > last && header.ticks.0 - last.0 <= PAUSE;
    let is_begun = is_later && ring.cut().tail == tail;
    let (thread, words) = (header.thread(), header.words() as u64);
    is_begun.then_some(InFlight { shard, class, thread, words, ticks: header.ticks, correlation: header.id })
}

/// Whether a writer could have begun a record of this ring like this.
fn is_begun_like_one(header: &Header, class: Class, ring: &Ring, schemas: &Schemas) -> bool {
    let (words, lap) = (header.words(), ring.geometry().words);
    let fits = header.position as usize % lap + words <= lap;
    let lead_of = |schema: &Schema| {
        let of_kind = Lead::of_kind(header.kind(), schema.severity(), schema.class(), header.flags());
        of_kind.of_record(words, Flags::NONE)
    };
    // The ring of a batch is that of its most precious event.
    let is_of_kind = schemas
        .schema(header.kind())
        .map_or(schemas.refused() > 0, |schema| schema.class() >= class && lead_of(schema) == header.lead());
    // None is linked before it is finished.
    let is_unlinked = header.link == Link::unlinked(header.thread());
    fits && is_of_kind && is_unlinked && !header.flags().has(Flags::SUPPLIED)
}

/// The greatest time in the block of the last record below a tail.
fn last_before(ring: &Ring, tail: u64) -> Option<Ticks> {
    let mut block = ring.block_of(tail.checked_sub(1)?);
    let oldest = ring.block_of(ring.oldest_below(tail));
    while block >= oldest {
        let mut last = None;
        if let Some((first, _)) = ring.first_of(ring.start_of(block)) {
            let _ = scan_block(ring, first, tail, |header| {
                last = last.max(Some(header.ticks));
                Step::On
            });
        }
        if last.is_some() {
            return last;
        }
        block = block.checked_sub(1)?;
    }
    // Nothing is there any more.
    None
}
