//! What a writer was in the middle of.

use crate::clock::Ticks;
use crate::events::class::Class;
use crate::events::read::{Step, header_for_owner, scan_block};
use crate::events::record::Flags;
use crate::events::ring::Ring;
use crate::id::CorrelationId;

/// A record that a writer seems to have begun, and has not finished: of a store whose process died, most likely the last thing
/// that its thread did.
///
/// It is not part of any answer. A writer reserves whole blocks ahead, so what lies beyond the last record is, as a rule, what was
/// there a lap ago. It is taken for a record that was begun where it begins like one, and with a later time than the last one that
/// was finished; what was stored of it beyond its header nobody can tell. Where hosts supply times none is found.
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

/// What somebody was writing to a ring.
pub(super) fn of(shard: u16, class: Class, ring: &Ring) -> Option<InFlight> {
    let tail = ring.cut().tail;
    let header = header_for_owner(ring, tail).filter(|header| !header.flags().has(Flags::SUPPLIED))?;
    // Looked at first: if the record has been finished meanwhile, it is none of these.
    let last = last_before(ring, tail)?;
    let is_begun = header.ticks > last && ring.cut().tail == tail;
    let (thread, words) = (header.thread(), header.words() as u64);
    is_begun.then_some(InFlight { shard, class, thread, words, ticks: header.ticks, correlation: header.id })
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
