//! Reading records while they may be overwritten: each is copied, checked, and only then believed.

use super::overflow::Overflow;
use super::record::{Flags, HEADER_WORDS, Lead, Link};
use super::ring::{Cut, Ring, Summary};
use crate::clock::Ticks;
use crate::error::Severity;
use crate::id::{CorrelationId, SpanId};

/// The header of a record that was intact when it was read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Header {
    pub(crate) position: u64,
    lead: Lead,
    pub(crate) ticks: Ticks,
    pub(crate) id: CorrelationId,
    pub(crate) link: Link,
    pub(crate) span: SpanId,
}

impl Header {
    #[inline]
    pub(crate) fn lead(&self) -> Lead {
        self.lead
    }

    #[inline]
    pub(crate) fn kind(&self) -> u32 {
        self.lead.kind()
    }

    #[inline]
    pub(crate) fn severity(&self) -> Severity {
        self.lead.severity()
    }

    #[inline]
    pub(crate) fn flags(&self) -> Flags {
        self.lead.flags()
    }

    #[inline]
    pub(crate) fn thread(&self) -> u32 {
        self.link.thread()
    }

    #[inline]
    pub(crate) fn words(&self) -> usize {
        self.lead.words()
    }

    /// How long its payload is.
    #[inline]
    pub(crate) fn payload_bytes(&self) -> usize {
        (self.lead.words() - self.lead.header_words()) * 8
    }

    #[inline]
    pub(crate) fn end(&self) -> u64 {
        self.position + self.words() as u64
    }
}

/// Why no record was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoRecord {
    /// Overwritten or pruned, now or before.
    Gone,
    /// Nothing there that could be a record: the rest of a lap, or of a block whose owner vanished.
    Gap,
}

/// The header of the record at `position`, which ends at `tail` or before.
#[inline]
pub(crate) fn header(ring: &Ring, position: u64, tail: u64) -> Result<Header, NoRecord> {
    let words = header_words(ring, position);
    if !ring.is_kept(position) {
        return Err(NoRecord::Gone);
    }
    header_in(words, position, tail).ok_or(NoRecord::Gap)
}

/// As [`header`], also of a record that has been pruned, and whether it has not: of one that was wiped only length and kind
/// are left.
#[inline]
pub(crate) fn header_even_if_pruned(
    ring: &Ring,
    position: u64,
    tail: u64,
) -> Result<(Header, bool), NoRecord> {
    let words = header_words(ring, position);
    let is_kept = ring.is_kept(position);
    if !is_kept && !ring.is_intact(position) {
        return Err(NoRecord::Gone);
    }
    header_in(words, position, tail).map(|header| (header, is_kept)).ok_or(NoRecord::Gap)
}

/// The same for the ring's owner, who alone could overwrite it. Of a record that was wiped only its length and kind are left.
pub(crate) fn header_for_owner(ring: &Ring, position: u64) -> Option<Header> {
    header_in(header_words(ring, position), position, u64::MAX)
}

#[inline]
fn header_words(ring: &Ring, position: u64) -> [u64; HEADER_WORDS] {
    std::array::from_fn(|i| ring.word(position.wrapping_add(i as u64)))
}

/// What these words say, if they can be those of a record at `position` that ends at `end` or before.
#[inline]
pub(crate) fn header_in(words: [u64; HEADER_WORDS], position: u64, end: u64) -> Option<Header> {
    let lead = Lead::from_word(words[0]);
    // Intact, and still not believed: in a mapped file the bytes may be anybody's.
    if lead.words() < lead.header_words() || position.checked_add(lead.words() as u64)? > end {
        return None;
    }
    let [_, ticks, high, low, link, span] = words;
    // What follows the time of a mark is not its header any more.
    let [high, low, link, span] =
        if lead.flags().has(Flags::MARK) { [0; 4] } else { [high, low, link, span] };
    Some(Header {
        position,
        lead,
        ticks: Ticks(ticks),
        id: CorrelationId::from_halves(high, low),
        link: Link::from_word(link),
        span: SpanId::new(span),
    })
}

/// Where a record was found.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Found<'a> {
    /// In a ring, where it may be overwritten at any time.
    InRing(&'a Ring),
    /// In a slot of the overflow, copied: its words, and the position of the first.
    InSlot(&'a [u64], u64),
}

impl Found<'_> {
    /// Copies the payload of a record to `bytes`, which are [as many](Header::payload_bytes), unless it has been overwritten or
    /// pruned since its header was read.
    #[inline]
    pub(crate) fn copy_payload(self, header: &Header, bytes: &mut [u8]) -> bool {
        let start = header.position + header.lead.header_words() as u64;
        let chunks = bytes.as_chunks_mut().0;
        match self {
            Found::InRing(ring) => {
                for (chunk, position) in chunks.iter_mut().zip(start..) {
                    *chunk = ring.word(position).to_le_bytes();
                }
                ring.is_kept(header.position)
            }
            Found::InSlot(words, first) => {
                let payload = words.get((start - first) as usize..(header.end() - first) as usize);
                for (chunk, word) in chunks.iter_mut().zip(payload.into_iter().flatten()) {
                    *chunk = word.to_le_bytes();
                }
                payload.is_some()
            }
        }
    }

    /// Appends the payload of a record to `bytes`; as [`Found::copy_payload`].
    pub(crate) fn append_payload(self, header: &Header, bytes: &mut Vec<u8>) -> bool {
        let before = bytes.len();
        bytes.resize(before + header.payload_bytes(), 0);
        let is_copied = self.copy_payload(header, &mut bytes[before..]);
        if !is_copied {
            bytes.truncate(before);
        }
        is_copied
    }

    /// Whether the record at `position`, of the same batch, is still there.
    #[inline]
    pub(crate) fn is_there(self, position: u64) -> bool {
        match self {
            Found::InRing(ring) => ring.is_kept(position),
            // A slot comes and goes as a whole.
            Found::InSlot(..) => true,
        }
    }
}

/// What a walk does after a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    On,
    Stop,
}

/// Which blocks are worth a look.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BlockFilter {
    pub(crate) from: Ticks,
    pub(crate) to: Ticks,
    /// Bit `kind % 64` of every kind asked for.
    pub(crate) kinds: u64,
}

impl BlockFilter {
    pub(crate) const ALL: Self = Self { from: Ticks(0), to: Ticks(u64::MAX), kinds: u64::MAX };

    /// Whether a block of this summary may hold something.
    pub(crate) const fn has(&self, summary: &Summary) -> bool {
        summary.least <= self.to.0 && summary.greatest >= self.from.0 && summary.kinds & self.kinds != 0
    }
}

/// Visits every record of the cut that is still there, in order of position.
#[cfg(all(test, not(flightdeck_loom)))]
pub(crate) fn scan(ring: &Ring, cut: Cut, blocks: BlockFilter, visit: impl FnMut(&Header) -> Step) {
    // In mid-block as a rule, where a record starts.
    let start = (cut.floor > ring.oldest()).then_some(cut.floor);
    scan_from(ring, start, cut.tail, blocks, visit);
}

/// Visits every record of `[start, tail)` that is still there, in order of position. `start` is where a record
/// starts, or `None` for the oldest.
pub(crate) fn scan_from(
    ring: &Ring,
    start: Option<u64>,
    tail: u64,
    blocks: BlockFilter,
    mut visit: impl FnMut(&Header) -> Step,
) {
    let block = ring.geometry().block as u64;
    let mut next = start;
    // The block to enter when `next` is unknown.
    let mut entering = ring.oldest_below(tail);
    loop {
        let position = match next {
            Some(position) if position < tail => position,
            Some(_) => return,
            None => {
                if entering >= tail {
                    return;
                }
                let at = entering;
                entering = (entering / block + 1) * block;
                match ring.first_of(at) {
                    Some((first, summary)) if blocks.has(&summary) => {
                        next = Some(first);
                        continue;
                    }
                    // None of these, or overwritten.
                    _ => {
                        entering = entering.max(ring.oldest_below(tail));
                        continue;
                    }
                }
            }
        };
        let after = (position / block + 1) * block;
        match header(ring, position, tail) {
            Ok(header) => {
                if visit(&header) == Step::Stop {
                    return;
                }
                // Into the next block by its summary, so that it can be skipped.
                entering = after;
                next = (header.end() < after).then_some(header.end());
            }
            Err(NoRecord::Gap) => {
                (next, entering) = (None, after);
            }
            Err(NoRecord::Gone) => {
                (next, entering) = (kept_before(ring, position, after), after.max(ring.oldest_below(tail)));
            }
        }
    }
}

/// Where the first record starts that is kept, if the one at `position` was pruned meanwhile, and that lies before `end`.
#[cold]
pub(crate) fn kept_before(ring: &Ring, position: u64, end: u64) -> Option<u64> {
    let floor = ring.watermark();
    (position < floor && floor < end).then_some(floor)
}

/// Visits the records that start in the block of `start`, itself the start of one, from there on.
#[inline]
pub(crate) fn scan_block(ring: &Ring, start: u64, tail: u64, mut visit: impl FnMut(&Header) -> Step) -> Step {
    let end = ring.geometry().block_end(start + 1);
    let mut position = start;
    while position < end.min(tail) {
        let Ok(header) = header(ring, position, tail) else {
            // What is gone or a gap ends the block: nothing in it lies beyond either, unless it was pruned in mid-block.
            let Some(kept) = kept_before(ring, position, end) else { break };
            position = kept;
            continue;
        };
        if visit(&header) == Step::Stop {
            return Step::Stop;
        }
        position = header.end();
    }
    Step::On
}

/// How many leads are read before they are believed.
const LEADS: usize = 256;

/// Visits the leads of the records that start in the block of `start`, itself the start of one, from there on, some at a
/// time: a fraction of the work where no more is asked for. Where it ended: before what is gone, is a gap, or goes on
/// beyond the tail, if not with the block.
#[inline]
pub(crate) fn scan_leads(ring: &Ring, start: u64, tail: u64, mut visit: impl FnMut(&[Lead])) -> u64 {
    let end = ring.geometry().block_end(start + 1).min(tail);
    let mut leads = [Lead::from_word(0); LEADS];
    let mut position = start;
    loop {
        let (first, mut read) = (position, 0);
        while position < end
            && let Some(place) = leads.get_mut(read)
        {
            let lead = Lead::from_word(ring.word(position));
            let words = lead.words();
            if words < lead.header_words() || tail - position < words as u64 {
                break;
            }
            (*place, read) = (lead, read + 1);
            position += words as u64;
        }
        let read = &leads[..read.min(LEADS)];
        // Nothing is overwritten or pruned above what is kept.
        if read.is_empty() || !ring.is_kept(first) {
            return first;
        }
        visit(read);
    }
}

/// Visits the records of an id in the cut that are not linked yet, in order of position. Looks at so many records at `most`;
/// at how many, and whether there were more.
#[inline]
pub(crate) fn scan_unlinked(
    ring: &Ring,
    cut: Cut,
    id: CorrelationId,
    most: u64,
    mut visit: impl FnMut(&Header) -> Step,
) -> (u64, bool) {
    let (high, low) = id.halves();
    let mut looked_at = 0;
    // In a mapped file the index may end anywhere, and what lies a lap below the tail is gone.
    let lowest = cut.tail.saturating_sub(ring.geometry().words as u64);
    let mut position = cut.indexed.max(cut.floor);
    while position < cut.tail {
        if looked_at == most {
            return (looked_at, true);
        }
        looked_at += 1;
        let [lead, _, of_high, of_low] = std::array::from_fn(|i| ring.word(position + i as u64));
        let words = Lead::from_word(lead).words() as u64;
        // As a rule it is another's, and that is all there is to it: of a mark these words may look like any id.
        let is_other = words != 0 && (of_high, of_low) != (high, low) && position >= lowest;
        if is_other && ring.is_intact(position) {
            position += words;
            continue;
        }
        let header = if position < lowest { Err(NoRecord::Gone) } else { header(ring, position, cut.tail) };
        match header {
            Ok(header) if header.id == id && visit(&header) == Step::Stop => break,
            Ok(header) => position = header.end(),
            Err(_) => {
                if let Some(kept) = kept_before(ring, position, ring.geometry().block_end(position + 1)) {
                    position = kept;
                    continue;
                }
                let oldest = ring.block_of(ring.oldest_below(cut.tail));
                let after = (ring.block_of(position) + 1).max(oldest);
                let next =
                    (after..=ring.block_of(cut.tail)).find_map(|block| ring.first_of(ring.start_of(block)));
                position = next.map_or(cut.tail, |(first, _)| first);
            }
        }
    }
    (looked_at, false)
}

/// The records of one bucket that are linked and not pruned, newest first. Records of other ids that share the bucket
/// come too.
#[derive(Debug)]
pub(crate) struct Chain<'a> {
    ring: &'a Ring,
    /// The index is asked for as far as here: what is newer is followed, and does not come.
    indexed: u64,
    /// What lies below does not come.
    pub(crate) floor: u64,
    /// Where the records end.
    tail: u64,
    /// Where the last one began that was visited: this far the next one may reach. Records that overlapped, as only in a
    /// hostile file, could hold more together than the ring does.
    upper: u64,
    next: Option<u64>,
}

impl<'a> Chain<'a> {
    #[inline]
    pub(crate) fn new(ring: &'a Ring, cut: Cut, bucket: usize) -> Self {
        // In a mapped file it may be anything. More than a lap above the cut all below that is gone, and so is what lies a lap
        // below it.
        let lap = ring.geometry().words as u64;
        let next = ring.head(bucket).filter(|head| *head < cut.tail.saturating_add(lap));
        let floor = cut.floor.max(cut.tail.saturating_sub(lap));
        Self { ring, indexed: cut.indexed, floor, tail: cut.tail, upper: u64::MAX, next }
    }
}

impl Iterator for Chain<'_> {
    type Item = Header;

    #[inline(always)]
    fn next(&mut self) -> Option<Header> {
        loop {
            let position = self.next.take().filter(|position| *position >= self.floor)?;
            let end = if position < self.indexed { self.upper.min(self.tail) } else { self.upper };
            let header = header(self.ring, position, end).ok()?;
            self.upper = position;
            // Below `position`, so the walk ends whatever the bytes say.
            self.next = header.link.previous(position);
            if let Some(next) = self.next {
                // While the host looks at this one.
                self.ring.prefetch(next);
            }
            if position < self.indexed {
                return Some(header);
            }
        }
    }
}

/// Visits every record of the overflow below the cut that is still there, in no order.
pub(crate) fn sweep(overflow: &Overflow, cut: u64, mut visit: impl FnMut(Found<'_>, &Header) -> Step) {
    overflow.each(cut, &mut Vec::new(), |first, words| records_in(first, words, &mut visit));
}

/// Visits the record of the overflow that starts at `position`, if it is there.
pub(crate) fn in_slot(overflow: &Overflow, position: u64, mut visit: impl FnMut(Found<'_>, &Header)) {
    let mut words = Vec::new();
    if let Some(first) = overflow.copy_at(position, &mut words) {
        records_in(first, &words, |found, header| {
            if header.position < position {
                return Step::On;
            }
            if header.position == position {
                visit(found, header);
            }
            Step::Stop
        });
    }
}

/// Visits the records in the words of a slot, the first of which is at position `first`.
fn records_in(first: u64, words: &[u64], mut visit: impl FnMut(Found<'_>, &Header) -> Step) -> Step {
    for header in headers_in(words, first) {
        if visit(Found::InSlot(words, first), &header) == Step::Stop {
            return Step::Stop;
        }
    }
    Step::On
}

/// The headers of the records that a copied slot holds, whose first word has this position.
pub(crate) fn headers_in(words: &[u64], first: u64) -> impl Iterator<Item = Header> {
    let mut rest = words;
    std::iter::from_fn(move || {
        let (&lead, after) = rest.split_first()?;
        // Saturating: in a mapped file a position may be anything.
        let position = first.saturating_add((words.len() - rest.len()) as u64);
        let mut header = [0; HEADER_WORDS];
        header[0] = lead;
        header[1..].iter_mut().zip(after).for_each(|(to, from)| *to = *from);
        let header = header_in(header, position, first.saturating_add(words.len() as u64))?;
        rest = &rest[header.lead.words()..];
        Some(header)
    })
}
