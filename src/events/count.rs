//! How many records lie below a position, without reading them all: a block knows the number of its first record, so only
//! the block in which the position lies is walked, by lengths alone.

use super::record::Lead;
use super::ring::Ring;

/// How many records were committed before `position`, which is where one starts, or the tail of a cut; `None` if none of
/// those can be read any more.
pub(crate) fn records_before(ring: &Ring, position: u64) -> Option<u64> {
    let block = ring.geometry().block as u64;
    let mut start = position / block * block;
    loop {
        let number = ring.number(start);
        // Intact, so what was read before it is of this block; a first record below the position is committed.
        let first = ring.summary(start)?.first().filter(|first| (start..position).contains(first));
        if let Some(first) = first {
            return records_between(ring, first, position).map(|count| number.saturating_add(count));
        }
        start = start.checked_sub(block).filter(|start| *start >= ring.oldest_below(position))?;
    }
}

/// How many records were committed before the oldest that is still there, be it pruned or not.
pub(crate) fn records_overwritten(ring: &Ring, tail: u64) -> Option<u64> {
    let block = ring.geometry().block as u64;
    (ring.oldest_below(tail)..tail).step_by(block as usize).find_map(|start| {
        let number = ring.number(start);
        let first = ring.summary(start)?.first().filter(|first| (start..start + block).contains(first));
        first.filter(|first| *first < tail).map(|_| number)
    })
}

/// How many records start in `[first, end)`, where one starts at `first`; `None` once that has been overwritten.
pub(crate) fn records_between(ring: &Ring, first: u64, end: u64) -> Option<u64> {
    let (mut position, mut count) = (first, 0);
    while position < end {
        match Lead::from_word(ring.word(position)).words() {
            // A gap, up to the next record, which starts at `end` or later.
            0 => break,
            words => position += words as u64,
        }
        count += 1;
    }
    ring.is_intact(first).then_some(count)
}
