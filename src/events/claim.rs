//! Claims: room for a large event in the ring itself, filled in by the host where it will lie.
//!
//! A ring has one place to write at, so while a thread's claim is open its shard takes nothing else: the thread finds
//! no shard of its own then, and records through the shared ones. No hot path asks for that.

use super::class::Class;
use super::error::{ClaimError, ReserveError};
use super::handle::Events;
use super::kind::Kind;
use super::loss::LossCause;
use super::payload::Length;
use super::privacy::Privacy;
use super::record::{self, HEADER_WORDS, Lead, Link};
use super::ring::{Entry, Reserved};
use super::schema::{Event, FieldType, Schema};
use super::shard::Shard;
use super::stamp::Stamp;
use super::store::{Store, ThreadSeat};
use super::target::{InShard, Target};
use super::writer::Writer;
use crate::local::{self, Busy, Role};
use crate::sync::{Arc, AtomicU64, Relaxed};
use std::marker::PhantomData;
use std::{fmt, io};

/// Room for the bytes of an event, in the ring itself: from [`Events::reserve`] or [`Writer::reserve`].
///
/// Nobody sees it before [`Claim::commit`], and never if it is dropped without, also by a panic. The event is as long as
/// what was written, whatever was reserved; it gets its time when it is committed, unless its stamp supplies one, and
/// the scope in which it was reserved. Bytes are stored whole, however long a value may be otherwise.
///
/// Stays on its thread. Leaked (with `mem::forget`), a claim of a thread keeps the thread's shard taken until the thread
/// ends, and all of its events go through shared shards; a claim of a writer is as if it had been dropped. A claim that
/// outlives its thread's records, in a thread-local that is destroyed late, is closed, and so is one that a fork leaves
/// in a child: it takes no more bytes, and to commit it is a counted loss.
///
/// As a [`io::Write`] it takes what fits, so `write_all` fails where the room ends.
#[must_use = "nothing is recorded before `commit`"]
pub struct Claim<'a> {
    store: &'a Arc<Store>,
    shard: &'a Shard,
    thread: u32,
    /// Of the thread's own shard, not a writer's.
    is_of_thread: bool,
    lead: Lead,
    is_prompt: bool,
    stamp: Stamp,
    reserved: Reserved<'a>,
    /// In bytes.
    room: usize,
    /// In bytes: so far. Their last word is filled up with zeros.
    written: usize,
    /// It writes with the right of this thread.
    _thread: PhantomData<*const ()>,
}

/// What is to be reserved.
struct Wanted<'a> {
    schema: &'a Schema,
    class: Class,
    stamp: Stamp,
    /// Of the payload.
    bytes: usize,
}

impl Wanted<'_> {
    /// How many words its record takes.
    fn checked(&self, store: &Store) -> Result<usize, ReserveError> {
        let (class, kind) = (self.class, || self.schema.name().to_owned());
        let is_raw = matches!(self.schema.fields(),
            [field] if field.field_type == FieldType::Bytes && field.privacy == Privacy::Open);
        if !is_raw {
            return Err(ReserveError::NotRaw { kind: kind() });
        }
        let words = HEADER_WORDS + self.stamp.prefix() + 1 + self.bytes.div_ceil(8);
        let most = store.longest[class];
        if words > most {
            let needed = words.saturating_mul(8);
            return Err(ReserveError::TooLarge { kind: kind(), class, needed, limit: most * 8 });
        }
        store.check_time(self.stamp.supplied()).map_err(|times| ReserveError::time(self.schema, times))?;
        Ok(words)
    }
}

impl<'a> Claim<'a> {
    /// Reserves in a shard.
    ///
    /// # Safety
    /// The caller holds the claim on the shard, and nothing else is written to it while this value lives and is open.
    unsafe fn of(
        store: &'a Arc<Store>,
        (shard, thread, is_of_thread): (&'a Shard, u32, bool),
        lead: Lead,
        wanted: Wanted<'_>,
        words: usize,
    ) -> Result<Self, ReserveError> {
        let Wanted { schema, stamp, class, bytes: room } = wanted;
        let is_prompt = schema.is_prompt();
        // SAFETY: the contract is the same.
        let mut writing = unsafe { shard.writing(class) };
        // `longest` is less than a ring takes, so there are no positions left.
        let reserved = writing.reserve(words).ok_or(ReserveError::UsedUp { class })?;
        let _thread = PhantomData;
        Ok(Self {
            store,
            shard,
            thread,
            is_of_thread,
            lead,
            is_prompt,
            stamp,
            reserved,
            room,
            written: 0,
            _thread,
        })
    }

    /// How many bytes were reserved.
    #[must_use]
    pub fn room(&self) -> usize {
        self.room
    }

    /// How many bytes were written: the length that the event would have now.
    #[must_use]
    pub fn written(&self) -> usize {
        self.written
    }

    /// Writes these bytes behind those that were written already.
    ///
    /// # Errors
    /// If they do not all fit, or the claim is closed. None is written then.
    #[inline]
    pub fn append(&mut self, bytes: &[u8]) -> Result<(), ClaimError> {
        self.write_at(self.written, bytes)
    }

    /// Writes these bytes from `at` on, over what was written there. What lies between that and the end so far
    /// is filled up with zeros.
    ///
    /// # Errors
    /// As of [`Claim::append`].
    pub fn write_at(&mut self, at: usize, bytes: &[u8]) -> Result<(), ClaimError> {
        if !self.is_open() {
            return Err(ClaimError::Closed);
        }
        let Some(end) = at.checked_add(bytes.len()).filter(|end| *end <= self.room) else {
            return Err(ClaimError::Full { at, bytes: bytes.len(), reserved: self.room });
        };
        self.skip_to(at);
        self.put(at, bytes);
        self.written = self.written.max(end);
        Ok(())
    }

    /// Publishes what was written, as an event. Wait-free.
    ///
    /// # Errors
    /// If the claim is closed; the event is counted as lost then.
    pub fn commit(self) -> Result<(), ClaimError> {
        let length = Length::whole(self.written);
        self.publish(length)
    }

    /// As [`Claim::commit`], of a value that had `original` bytes and of which what was written is the beginning: it reads
    /// back as [`Value::CutBytes`](super::Value::CutBytes) and counts as cut.
    ///
    /// # Errors
    /// As of [`Claim::commit`].
    pub fn commit_cut(self, original: u64) -> Result<(), ClaimError> {
        let (store, length) = (self.store, Length::cut(self.written, original));
        self.publish(length)?;
        store.values.cut.fetch_add(1, Relaxed);
        Ok(())
    }

    /// Whether the shard is still ours to write.
    fn is_open(&self) -> bool {
        // Asked on the thread that reserved, whose end takes the mark away; so does a fork, in the child.
        let is_held = !self.is_of_thread || local::held(self.store.deck, Role::Claimed).is_some();
        is_held && !self.store.is_forked()
    }

    fn publish(self, length: Length) -> Result<(), ClaimError> {
        let (store, shard, class) = (self.store, self.shard, self.lead.class());
        if !self.is_open() {
            let cause = if store.is_forked() { LossCause::Forked } else { LossCause::NoShard };
            store.lost_at(&store.losses, cause, class, self.stamp.supplied());
            return Err(ClaimError::Closed);
        }
        self.follow_guest();
        // SAFETY: open, so the claim on the shard is held, and only this value writes there.
        let writing = unsafe { shard.writing(class) };
        let mut target = InShard { shard, writing };
        // Not checked once more: the clock's range only grows.
        let ticks = store.accepted_time(&target, &self.stamp);
        let words = self.payload_start() + self.written.div_ceil(8);
        let Some(record) = self.reserved.words.get(..words) else { return Err(ClaimError::Closed) };
        let Stamp { id, span, flags, .. } = self.stamp;
        let lead = self.lead.of_record(words, flags);
        let header = record::header(lead, ticks, id, Link::unlinked(self.thread), span);
        let before = self.stamp.prefix_words().chain([length.word()]);
        record.iter().skip(HEADER_WORDS).zip(before).for_each(|(place, word)| place.store(word, Relaxed));
        record::store_header(record, header);
        let bucket = (!id.is_none()).then(|| store.key.bucket(id));
        let reserved = Reserved { words: record, ..self.reserved };
        target.commit(reserved, Entry { ticks, kind: lead.kind(), bucket });
        if self.is_prompt {
            store.bell.after_commit();
        }
        Ok(())
    }

    /// A thread's stamps grow from shard to shard: what it recorded meanwhile comes before.
    fn follow_guest(&self) {
        if let Some(seat) = ThreadSeat::claimed(self.store.deck).filter(|_| self.is_of_thread) {
            seat.follow_guest(self.shard);
        }
    }

    /// Words before the bytes.
    fn payload_start(&self) -> usize {
        HEADER_WORDS + self.stamp.prefix() + 1
    }

    /// Fills up with zeros to `end`.
    fn skip_to(&mut self, end: usize) {
        if end > self.written {
            let words = self.written.div_ceil(8)..end.div_ceil(8);
            self.words(words.start).iter().take(words.len()).for_each(|word| word.store(0, Relaxed));
            self.written = end;
        }
    }

    /// Words of the payload from that number on.
    fn words(&self, from: usize) -> &[AtomicU64] {
        self.reserved.words.get(self.payload_start() + from..).unwrap_or_default()
    }

    /// Stores bytes from `at` on, which is at most `written`.
    fn put(&self, at: usize, bytes: &[u8]) {
        let (first, shift) = (at / 8, at % 8);
        let (head, bytes) = bytes.split_at(if shift == 0 { 0 } else { bytes.len().min(8 - shift) });
        self.merge(first, shift, head);
        let next = first + usize::from(shift != 0);
        let (whole, tail) = bytes.as_chunks::<8>();
        for (place, chunk) in self.words(next).iter().zip(whole) {
            place.store(u64::from_le_bytes(*chunk), Relaxed);
        }
        self.merge(next + whole.len(), 0, tail);
    }

    /// Stores some bytes of a word.
    fn merge(&self, number: usize, shift: usize, bytes: &[u8]) {
        let Some(place) = self.words(number).first().filter(|_| !bytes.is_empty()) else { return };
        // Beyond what was written lies what the ring held before: of that nothing may stay.
        let is_new = number * 8 >= self.written;
        let mut word = if is_new { [0; 8] } else { place.load(Relaxed).to_le_bytes() };
        word.iter_mut().skip(shift).zip(bytes).for_each(|(to, from)| *to = *from);
        place.store(u64::from_le_bytes(word), Relaxed);
    }
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        if self.is_of_thread && self.is_open() {
            // In between the thread holds neither: who comes by then must not take a second shard.
            let _busy = Busy::set();
            self.follow_guest();
            local::hold_as(self.store.deck, Role::Claimed, Role::Shard);
        }
    }
}

impl io::Write for Claim<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let fits = bytes.len().min(self.room - self.written);
        self.append(&bytes[..fits]).map_err(io::Error::other)?;
        Ok(fits)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Nothing of what was written.
impl fmt::Debug for Claim<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (room, written) = (self.room, self.written);
        f.debug_struct("Claim").field("room", &room).field("written", &written).finish_non_exhaustive()
    }
}

impl Events {
    /// Room for an event of so many bytes, in the scope of this thread: for large payloads, which the host writes where
    /// they will lie. The kind has one field, of `bytes`. `None` while such events are not to be recorded.
    ///
    /// Meanwhile all else that this thread records goes through the shared shards, so keep it open for moments only. What
    /// is reserved overwrites as much of the oldest events, committed or not.
    ///
    /// ```
    /// use flightdeck::events::Events;
    /// flightdeck::kind! { Frame("camera.frame", class = Verbose) { pixels: bytes } }
    ///
    /// let events = Events::builder().memory(128 << 20).build()?;
    /// if let Some(mut frame) = events.reserve::<Frame<'_>>(640 * 480)? {
    ///     for line in 0..480 {
    ///         frame.append(&[line as u8; 640])?;
    ///     }
    ///     frame.commit()?;
    /// }
    /// let answer = events.query().kind::<Frame<'_>>().run()?;
    /// let pixels = answer.iter().next().and_then(|event| event.field("pixels")?.as_bytes().map(<[u8]>::len));
    /// assert_eq!(pixels, Some(640 * 480));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// If the kind has other fields, the event is larger than its class takes, this thread has a claim open already, or
    /// has no shard of its own. Nothing was recorded, so nothing counts as lost.
    pub fn reserve<E: Event>(&self, bytes: usize) -> Result<Option<Claim<'_>>, ReserveError> {
        self.reserve_with::<E>(Stamp::current(), bytes)
    }

    /// As [`reserve`](Events::reserve), under a stamp of its own.
    ///
    /// # Errors
    /// As of [`reserve`](Events::reserve).
    pub fn reserve_with<E: Event>(
        &self,
        stamp: Stamp,
        bytes: usize,
    ) -> Result<Option<Claim<'_>>, ReserveError> {
        let wanted = Wanted { schema: &E::site().schema, class: E::CLASS, stamp, bytes };
        self.claim(wanted, || self.store.admit(E::site()))
    }

    /// As [`reserve`](Events::reserve), of a kind defined at run time: see [`Schema::raw`].
    ///
    /// # Errors
    /// As of [`reserve`](Events::reserve), or if another store defined the kind.
    pub fn reserve_kind(
        &self,
        stamp: Stamp,
        kind: &Kind,
        bytes: usize,
    ) -> Result<Option<Claim<'_>>, ReserveError> {
        self.claim(of_kind(self.store(), stamp, kind, bytes)?, || kind.admit())
    }

    fn claim(
        &self,
        wanted: Wanted<'_>,
        admit: impl FnOnce() -> Option<Lead>,
    ) -> Result<Option<Claim<'_>>, ReserveError> {
        let store = self.store();
        let words = wanted.checked(store)?;
        // Nothing else is written from here on until the shard is out of the thread's hands.
        let _busy = Busy::set().ok_or(ReserveError::NoShard)?;
        if store.is_forked() {
            return Err(ReserveError::Forked);
        }
        if ThreadSeat::claimed(store.deck).is_some() {
            return Err(ReserveError::Open);
        }
        let (shard, thread) = ThreadSeat::own_shard(store).ok_or(ReserveError::NoShard)?;
        let Some(lead) = admit() else { return Ok(None) };
        // SAFETY: this thread's seat holds the claim on the shard; `_busy` excludes another write of this thread, and
        // after it nobody finds the shard through the seat.
        let claim = unsafe { Claim::of(store, (shard, thread, true), lead, wanted, words)? };
        local::hold_as(store.deck, Role::Shard, Role::Claimed);
        Ok(Some(claim))
    }
}

impl Writer {
    /// As [`Events::reserve`]; the writer is lent to the claim.
    ///
    /// # Errors
    /// As there, except that a writer has a shard of its own, and no second claim while one is open.
    pub fn reserve<E: Event>(
        &mut self,
        stamp: Stamp,
        bytes: usize,
    ) -> Result<Option<Claim<'_>>, ReserveError> {
        let wanted = Wanted { schema: &E::site().schema, class: E::CLASS, stamp, bytes };
        self.claim(wanted, |store| store.admit(E::site()))
    }

    /// As [`Events::reserve_kind`].
    ///
    /// # Errors
    /// As of [`Writer::reserve`], or if another store defined the kind.
    pub fn reserve_kind(
        &mut self,
        stamp: Stamp,
        kind: &Kind,
        bytes: usize,
    ) -> Result<Option<Claim<'_>>, ReserveError> {
        let wanted = of_kind(self.store(), stamp, kind, bytes)?;
        self.claim(wanted, |_| kind.admit())
    }

    fn claim(
        &mut self,
        wanted: Wanted<'_>,
        admit: impl FnOnce(&Arc<Store>) -> Option<Lead>,
    ) -> Result<Option<Claim<'_>>, ReserveError> {
        let (store, shard, thread) = self.parts();
        let words = wanted.checked(store)?;
        if store.is_forked() {
            return Err(ReserveError::Forked);
        }
        let Some(lead) = admit(store) else { return Ok(None) };
        // SAFETY: the writer holds the claim on its shard, and is borrowed mutably as long as this value lives.
        unsafe { Claim::of(store, (shard, thread, false), lead, wanted, words) }.map(Some)
    }
}

fn of_kind<'a>(
    store: &Arc<Store>,
    stamp: Stamp,
    kind: &'a Kind,
    bytes: usize,
) -> Result<Wanted<'a>, ReserveError> {
    let schema = kind.schema();
    let foreign = |_| ReserveError::ForeignKind { kind: schema.name().to_owned() };
    kind.check_store(store).map_err(foreign)?;
    Ok(Wanted { schema, class: schema.class(), stamp, bytes })
}
