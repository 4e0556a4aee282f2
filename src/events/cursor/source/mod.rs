//! What a cursor follows: one ring, or the slots of one class. Each has a next event, or none for now.

mod slots;
mod window;

pub(super) use slots::SlotSource;

use super::delivery::{Gap, GapCause, Missing};
use super::track::Track;
use crate::clock::{Clock, Ticks};
use crate::events::answer::{Place, Row};
use crate::events::query::Filter;
use crate::events::read::{BlockFilter, Found, Header, header_even_if_pruned};
use crate::events::record::Flags;
use crate::events::ring::{Ring, Summary};
use crate::events::schema::Site;
use crate::events::schemas::Schemas;
use crate::sync::Arc;
use window::Window;

/// What is wanted, and how far a look reaches.
#[derive(Debug)]
pub(super) struct Wanted {
    pub(super) filter: Filter,
    /// Blocks of others hold nothing that is wanted.
    pub(super) blocks: BlockFilter,
    /// Whatever there is.
    pub(super) everything: bool,
    /// What comes before in the total order is left out.
    pub(super) from: (Ticks, Place, u64),
    /// The clock at the last look: stamps that it took later wait for the next one.
    pub(super) latest: Option<Ticks>,
    pub(super) clock: Clock,
    /// Of a recording: kinds that it did not know when this began.
    pub(super) late: Option<Box<Late>>,
}

/// Kinds that a recording learns of later, and what is asked for beside them.
#[derive(Clone, Debug)]
pub(super) struct Late {
    pub(super) sites: Vec<&'static Site>,
    pub(super) known: Arc<Schemas>,
    pub(super) filter: Filter,
}

impl Late {
    /// Whoever wrote a record told its schema first, so it is known by now.
    #[cold]
    fn wants(&self, header: &Header) -> bool {
        let schema = self.known.schema(header.kind());
        schema.is_some_and(|schema| self.sites.iter().any(|site| site.schema == *schema))
            && self.filter.wants(header)
    }
}

impl Wanted {
    #[inline]
    fn wants(&self, place: Place, header: &Header) -> bool {
        self.everything || self.wants_header(header) && (header.ticks, place, header.position) >= self.from
    }

    #[inline]
    fn wants_header(&self, header: &Header) -> bool {
        self.filter.wants(header) || self.late.as_ref().is_some_and(|late| late.wants(header))
    }

    /// Whether a block may hold something that is wanted, or that has to wait.
    fn wants_some_of(&self, summary: &Summary) -> bool {
        self.blocks.has(summary) || self.latest.is_some_and(|latest| summary.greatest > latest.0)
    }

    /// Whether it has to wait for a later look, so that looks follow one another in time.
    fn is_to_wait(&self, header: &Header) -> bool {
        !header.flags().has(Flags::SUPPLIED) && self.clock.is_too_new(header.ticks, self.latest)
    }
}

/// One event, copied.
#[derive(Debug, Default)]
pub(super) struct One {
    pub(super) row: Option<Row>,
    pub(super) bytes: Vec<u8>,
}

impl One {
    /// Takes a record; `false` if it has been overwritten since its header was read.
    fn copy(&mut self, place: Place, found: Found<'_>, header: &Header) -> bool {
        self.bytes.clear();
        let is_there = found.append_payload(header, &mut self.bytes);
        self.row = is_there.then(|| Row::found(place, found, header, &self.bytes, 0));
        is_there
    }

    /// Takes a record whose payload was copied before.
    #[inline]
    fn take(&mut self, place: Place, found: Found<'_>, header: &Header, payload: &[u8]) {
        self.bytes.clear();
        self.bytes.extend_from_slice(payload);
        self.row = Some(Row::found(place, found, header, payload, 0));
    }
}

/// What one place has had so far.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Accounts {
    pub(super) filtered: u64,
    pub(super) overwritten: u64,
    pub(super) pruned: u64,
}

/// A ring that is followed.
#[derive(Debug)]
pub(super) struct RingSource {
    pub(super) place: Place,
    track: Track,
    /// Of the last look.
    tail: u64,
    floor: u64,
    window: Window,
    /// Where the block ends that was looked at as a whole last.
    block_end: u64,
    /// The stamp of the next event, which lies in the window.
    head: Option<Ticks>,
    /// Something waits for the next look.
    pub(super) waits: bool,
    /// The stamp of the last record that was passed.
    last: Ticks,
    overwritten: Missing,
    pruned: Missing,
    pub(super) accounts: Accounts,
}

impl RingSource {
    pub(super) fn at_oldest(place: Place, ring: &Ring) -> Self {
        let mut source = Self::at(place, Track::at_oldest(ring));
        // What was pruned before is no gap.
        source.look(ring);
        while let Some(position) = source.track.next(ring, source.floor.min(source.tail)) {
            match header_even_if_pruned(ring, position, source.tail) {
                Ok((header, _)) => source.pass(&header, header.ticks),
                Err(reason) => source.track.miss(ring, reason),
            }
        }
        source.last = Ticks(0);
        source
    }

    pub(super) fn at_newest(place: Place, ring: &Ring) -> Self {
        let words = |ring: &Ring, position, tail| {
            header_even_if_pruned(ring, position, tail).map(|(header, _)| header.words())
        };
        Self::at(place, Track::at_newest(ring, words))
    }

    fn at(place: Place, track: Track) -> Self {
        Self {
            place,
            track,
            tail: 0,
            floor: 0,
            window: Window::default(),
            block_end: 0,
            head: None,
            waits: false,
            last: Ticks(0),
            overwritten: Missing::default(),
            pruned: Missing::default(),
            accounts: Accounts::default(),
        }
    }

    /// Learns how far the ring reaches now.
    pub(super) fn look(&mut self, ring: &Ring) {
        let cut = ring.cut();
        (self.tail, self.floor, self.waits) = (cut.tail, cut.floor, false);
    }

    /// The next event of this look: where it stands in the total order.
    #[inline(always)]
    pub(super) fn peek(&mut self, ring: &Ring, wanted: &Wanted) -> Option<(Ticks, Place, u64)> {
        self.head = None;
        while let Some(position) = self.track.next(ring, self.tail) {
            // Once in a block.
            if !wanted.everything && position >= self.block_end && position >= self.floor {
                self.block_end = ring.geometry().block_end(position + 1);
                if self.leave_out_block(ring, wanted) {
                    continue;
                }
            }
            // Of blocks that are left out nothing is copied.
            if !self.window.has(position) {
                self.track.keep_clear(ring, self.tail);
                if self.track.position().is_none() {
                    continue;
                }
            }
            let end = if position < self.block_end { self.block_end.min(self.tail) } else { self.tail };
            let (header, is_kept) = match self.window.header(ring, position, end, self.tail) {
                Ok(found) => found,
                Err(reason) => {
                    self.track.miss(ring, reason);
                    continue;
                }
            };
            // Of a pruned one the time may have been wiped.
            let at = if is_kept { header.ticks } else { header.ticks.max(self.last) };
            self.account(at);
            if !is_kept {
                self.accounts.pruned = self.accounts.pruned.saturating_add(1);
                self.pruned.add(1, self.last, at);
            } else if wanted.is_to_wait(&header) {
                self.waits = true;
                return None;
            } else if wanted.wants(self.place, &header) {
                self.head = Some(header.ticks);
                return Some((header.ticks, self.place, position));
            } else {
                self.accounts.filtered = self.accounts.filtered.saturating_add(1);
            }
            self.pass(&header, at);
        }
        None
    }

    /// Passes the block that begins here at once, if nothing in it is wanted.
    fn leave_out_block(&mut self, ring: &Ring, wanted: &Wanted) -> bool {
        let passed = self.track.pass_block(ring, self.tail, |summary| wanted.wants_some_of(summary));
        let Some((count, greatest)) = passed else { return false };
        self.account(Ticks(greatest));
        self.accounts.filtered = self.accounts.filtered.saturating_add(count);
        self.last = Ticks(greatest);
        true
    }

    /// Puts what was overwritten before a record of this time on the account.
    #[inline]
    fn account(&mut self, at: Ticks) {
        let overwritten = self.track.take_overwritten();
        if overwritten > 0 {
            self.accounts.overwritten = self.accounts.overwritten.saturating_add(overwritten);
            self.overwritten.add(overwritten, self.last, at);
        }
    }

    #[inline]
    fn pass(&mut self, header: &Header, at: Ticks) {
        self.track.pass(header.position + header.words() as u64);
        self.last = at;
    }

    /// The stamp of the next event.
    pub(super) fn head(&self) -> Option<Ticks> {
        self.head
    }

    /// Copies the next event; its stamp, or none if it was pruned meanwhile: the next look finds that.
    #[inline]
    pub(super) fn take(&mut self, ring: &Ring, one: &mut One) -> Option<Ticks> {
        let position = self.head.take().and(self.track.position())?;
        let header = self.window.header_at(position, self.tail).filter(|_| position >= ring.watermark())?;
        self.window.prefetch(ring, position, self.tail);
        one.take(self.place, Found::InRing(ring), &header, self.window.payload(&header));
        self.pass(&header, header.ticks);
        Some(header.ticks)
    }

    /// What is missing before the next event, and not told yet.
    #[inline]
    pub(super) fn gap(&mut self) -> Option<Gap> {
        let Place { shard, class } = self.place;
        let overwritten = self.overwritten.take(GapCause::Overwritten, class, Some(shard));
        overwritten.or_else(|| self.pruned.take(GapCause::Pruned, class, Some(shard)))
    }

    /// No further look comes: of so many events that had been written before the last one, it passed what it will. The rest was
    /// overwritten, which a later event would have told.
    pub(super) fn settle(&mut self, written: u64) {
        if self.track.is_lost() || self.waits {
            let missing = self.track.number().map_or(0, |number| written.saturating_sub(number));
            self.accounts.overwritten = self.accounts.overwritten.saturating_add(missing);
        }
    }

    /// How many events were written that it did not pass yet.
    pub(super) fn behind(&self, ring: &Ring) -> u64 {
        self.track.number().map_or(0, |number| ring.records().saturating_sub(number))
    }
}
