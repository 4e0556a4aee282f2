//! What all handles of one event store share, and the write path.

use super::bucket::BucketKey;
use super::class::{Class, PerClass};
use super::kinds::{Kinds, Switch};
use super::loss::{Loss, LossCause, Losses};
use super::payload::{ANY_LENGTH, Payload};
use super::privacy::Pseudonyms;
use super::record::{HEADER_WORDS, Lead, Link};
use super::ring::Ring;
use super::schema::{Event, Schema, Site};
use super::shard::Shard;
use super::stamp::Stamp;
use super::threads::{ThreadNumber, Threads};
use crate::clock::{Clock, ClockSource, Ticks};
use crate::id::DeckId;
use crate::local::{self, Busy, Role, Seat};
use crate::sync::{Arc, AtomicBool, AtomicU32, AtomicU64, Relaxed};
use std::ptr::NonNull;

/// The state of an event store.
#[derive(Debug)]
pub(crate) struct Store {
    pub(crate) deck: DeckId,
    pub(crate) clock: Clock,
    /// First those that a thread or a writer keeps, then the shared ones, the emergency shard last.
    pub(crate) shards: Box<[Arc<Shard>]>,
    pub(crate) kept: usize,
    pub(crate) kinds: Kinds,
    pub(crate) losses: Losses,
    pub(crate) threads: Threads,
    /// The longest record of each class, in words.
    pub(crate) longest: PerClass<usize>,
    /// A record that is no longer holds no value that would have to be cut, and is no longer than its class takes.
    pub(crate) plain: PerClass<usize>,
    pub(crate) values: Values,
    pub(crate) key: BucketKey,
    /// Nobody holds a handle any more.
    pub(crate) orphaned: AtomicBool,
    pub(crate) supplied_clock: bool,
}

/// What is done to values on their way into a record.
#[derive(Debug)]
pub(crate) struct Values {
    /// In bytes: what is longer is cut.
    pub(crate) longest: usize,
    /// How many were.
    pub(crate) cut: AtomicU64,
    pub(crate) pseudonyms: Pseudonyms,
}

/// A record as the write path takes it: everything evaluated, nothing of the host left to run.
#[derive(Clone, Copy)]
pub(crate) struct Draft<E: Fields> {
    pub(crate) lead: Lead,
    pub(crate) stamp: Stamp,
    pub(crate) fields: E,
}

impl<E: Fields> Draft<E> {
    /// How many words its record takes, if no value is longer than so many bytes.
    #[inline(always)]
    fn words(&self, longest: usize) -> usize {
        HEADER_WORDS + self.fields.words(longest) + usize::from(self.stamp.parent.is_some())
    }
}

/// Fields that can be stored.
pub(crate) trait Fields: Copy {
    fn words(&self, longest: usize) -> usize;
    fn encode(&self, payload: &mut Payload<'_>);
}

impl<E: Event> Fields for E {
    #[inline(always)]
    fn words(&self, longest: usize) -> usize {
        self.payload_words(longest)
    }
    #[inline(always)]
    fn encode(&self, payload: &mut Payload<'_>) {
        Event::encode(self, payload);
    }
}

impl Store {
    /// Whether to record an event of this kind. Counts what is lost.
    #[inline(always)]
    pub(crate) fn admit(&self, site: &'static Site) -> Option<Lead> {
        match self.kinds.admit(site) {
            Ok(lead) => Some(lead),
            Err(Switch::Off) => None,
            Err(switch) => {
                self.not_admitted(switch, &site.schema);
                None
            }
        }
    }

    #[cold]
    pub(crate) fn not_admitted(&self, switch: Switch, schema: &Schema) {
        let cause = match switch {
            Switch::On | Switch::Off => return,
            Switch::Unknown => LossCause::TooManyKinds,
            Switch::Stopped => LossCause::Stopped,
        };
        self.lost(&self.losses, cause, schema.class);
    }

    /// Records from this thread, by whatever way is open to it. Wait-free.
    #[inline(always)]
    pub(crate) fn record<E: Fields>(self: &Arc<Self>, draft: Draft<E>) {
        let Some(_busy) = Busy::set() else {
            return self.record_in_emergency(draft);
        };
        match local::held(self.deck, Role::Shard) {
            Some(seat) => {
                // SAFETY: this thread holds the seat, and with it the `Arc` that keeps it alive.
                let seat = unsafe { seat.cast::<ThreadSeat>().as_ref() };
                match &seat.shard {
                    // SAFETY: the seat holds the claim on the shard, this thread the seat, and `_busy` excludes
                    // another write of this thread.
                    Some(shard) => unsafe { self.write(shard, seat.thread.get(), &draft) },
                    None => self.record_shared(&seat.sticky, seat.thread.get(), draft),
                }
            }
            None => self.record_first(draft),
        }
    }

    /// The first record of a thread here, or one that may not hold anything.
    #[cold]
    #[inline(never)]
    fn record_first<E: Fields>(self: &Arc<Self>, draft: Draft<E>) {
        match ThreadSeat::take(self) {
            Some(seat) => match &seat.shard {
                // SAFETY: as in `record`.
                Some(shard) => unsafe { self.write(shard, seat.thread.get(), &draft) },
                None => self.record_shared(&seat.sticky, seat.thread.get(), draft),
            },
            None => self.record_shared(&AtomicU32::new(0), ThreadNumber::UNKNOWN.get(), draft),
        }
    }

    /// Through a shared shard: the one that served last, then the others, then the emergency shard.
    #[inline(never)]
    fn record_shared<E: Fields>(&self, sticky: &AtomicU32, thread: u32, draft: Draft<E>) {
        let shared = self.shards.len() - 1 - self.kept;
        let start = sticky.load(Relaxed) as usize;
        for attempt in 0..shared {
            let turn = (start + attempt) % shared;
            if self.try_shard(&self.shards[self.kept + turn], thread, &draft) {
                if attempt > 0 {
                    sticky.store(turn as u32, Relaxed);
                }
                return;
            }
        }
        self.record_in_emergency(draft);
    }

    /// Through the emergency shard, which is also for re-entry; else a counted loss.
    #[cold]
    #[inline(never)]
    fn record_in_emergency<E: Fields>(&self, draft: Draft<E>) {
        let emergency = &self.shards[self.shards.len() - 1];
        if !self.try_shard(emergency, ThreadNumber::UNKNOWN.get(), &draft) {
            self.lost(&self.losses, LossCause::NoShard, draft.lead.class());
        }
    }

    fn try_shard<E: Fields>(&self, shard: &Shard, thread: u32, draft: &Draft<E>) -> bool {
        let claimed = shard.try_claim();
        if claimed {
            // SAFETY: claimed above, released below, one write in between.
            unsafe {
                self.write(shard, thread, draft);
                shard.release();
            }
        }
        claimed
    }

    /// Writes one record. Straight line: loads, stores, branches; no lock, no allocation, no call out.
    ///
    /// # Safety
    /// The caller holds the claim on the shard, and is not in the middle of another write to it.
    #[inline(always)]
    pub(crate) unsafe fn write<E: Fields>(&self, shard: &Shard, thread: u32, draft: &Draft<E>) {
        let class = draft.lead.class();
        let words = draft.words(ANY_LENGTH);
        if words > self.plain[class] {
            // SAFETY: the contract is the same. By value: a reference would keep every draft in memory.
            return unsafe { self.write_long(shard, thread, *draft) };
        }
        // SAFETY: the contract is the same.
        unsafe { self.write_sized(shard, thread, draft, (class, words), ANY_LENGTH) };
    }

    /// Writes a record whose values may be too long, or which may be too long itself.
    ///
    /// # Safety
    /// As of [`Store::write`].
    #[cold]
    #[inline(never)]
    unsafe fn write_long<E: Fields>(&self, shard: &Shard, thread: u32, draft: Draft<E>) {
        let (class, longest) = (draft.lead.class(), self.values.longest);
        let words = draft.words(longest);
        if words > self.longest[class] {
            return self.lost(&shard.losses, LossCause::TooLarge, class);
        }
        // SAFETY: the contract is the same.
        unsafe { self.write_sized(shard, thread, &draft, (class, words), longest) };
    }

    /// Whether the record is no longer than its class takes; otherwise counts it as lost and says its size and the
    /// limit, in bytes.
    #[inline(always)]
    pub(crate) fn check_size<E: Fields>(&self, draft: &Draft<E>) -> Result<(), (usize, usize)> {
        if draft.words(ANY_LENGTH) <= self.plain[draft.lead.class()] {
            return Ok(());
        }
        self.check_long(*draft)
    }

    #[cold]
    #[inline(never)]
    fn check_long<E: Fields>(&self, draft: Draft<E>) -> Result<(), (usize, usize)> {
        let class = draft.lead.class();
        let (words, most) = (draft.words(self.values.longest), self.longest[class]);
        if words <= most {
            return Ok(());
        }
        self.lost(&self.losses, LossCause::TooLarge, class);
        Err((words * 8, most * 8))
    }

    /// Writes a record of a known size, its values cut at `longest`.
    ///
    /// # Safety
    /// As of [`Store::write`].
    #[inline(always)]
    unsafe fn write_sized<E: Fields>(
        &self,
        shard: &Shard,
        thread: u32,
        draft: &Draft<E>,
        (class, words): (Class, usize),
        longest: usize,
    ) {
        let Draft { lead, stamp, fields } = draft;
        let ticks = match stamp.ticks {
            Some(ticks) => {
                if self.supplied_clock {
                    self.clock.supply(ticks);
                }
                ticks.0
            }
            None => shard.monotone(self.clock.now().0),
        };
        // SAFETY: the contract is the same.
        let mut writing = unsafe { shard.writing(class) };
        let Some(reserved) = writing.reserve(words) else {
            return self.lost(&shard.losses, LossCause::TooLarge, class);
        };
        let (header, body) = reserved.words.split_at(HEADER_WORDS);
        let (high, low) = stamp.id.halves();
        let values = [
            lead.of_record(words, stamp.flags).word(),
            ticks,
            high,
            low,
            Link::unlinked(thread).word(),
            stamp.span.get(),
        ];
        for (place, value) in header.iter().zip(values) {
            place.store(value, Relaxed);
        }
        let mut body = Payload::new(body, &self.values.pseudonyms, longest);
        if let Some(parent) = stamp.parent {
            body.word(parent.get());
        }
        fields.encode(&mut body);
        let cut = body.finish();
        let bucket = (!stamp.id.is_none()).then(|| self.key.bucket(stamp.id));
        writing.commit(reserved, ticks, lead.kind(), bucket);
        if cut > 0 {
            self.values.cut.fetch_add(cut, Relaxed);
        }
    }

    #[cold]
    #[inline(never)]
    fn lost(&self, place: &Losses, cause: LossCause, class: Class) {
        place.count(cause, class, self.clock.now());
    }

    /// What was lost, anywhere.
    pub(crate) fn all_losses(&self) -> impl Iterator<Item = Loss> {
        let of_shards =
            (0..).zip(&self.shards).flat_map(|(number, shard)| shard.losses.occurred(Some(number)));
        self.losses.occurred(None).chain(of_shards)
    }

    /// Every ring, with its class and the number of its shard.
    pub(crate) fn rings(&self) -> impl Iterator<Item = (u8, Class, &Ring)> {
        (0..)
            .zip(&self.shards)
            .flat_map(|(number, shard)| shard.rings().iter().map(move |(class, ring)| (number, class, ring)))
    }

    /// The stamp after which a query reads nothing; none where hosts supply the times.
    pub(crate) fn latest(&self) -> Option<Ticks> {
        (self.clock.source() != ClockSource::Supplied).then(|| self.clock.now())
    }

    /// A free shard, claimed for its caller.
    pub(crate) fn claim_kept(&self) -> Option<Arc<Shard>> {
        self.shards[..self.kept].iter().find(|shard| shard.try_claim()).cloned()
    }
}

/// What a thread holds of a store: a shard of its own if one was free when it came, and its number.
pub(crate) struct ThreadSeat {
    store: Arc<Store>,
    shard: Option<Arc<Shard>>,
    thread: ThreadNumber,
    /// The shared shard that served this thread last.
    sticky: AtomicU32,
}

impl ThreadSeat {
    /// Takes a seat for this thread; `None` if it may hold no more, or is ending.
    pub(crate) fn take(store: &Arc<Store>) -> Option<Arc<Self>> {
        local::may_hold(store.deck).ok()?;
        let thread = store.threads.enter();
        let seat = Arc::new(Self {
            store: store.clone(),
            shard: store.claim_kept(),
            sticky: AtomicU32::new(thread.get()),
            thread,
        });
        let target = NonNull::from(&*seat).cast();
        match local::hold(store.deck, Role::Shard, target, seat.clone()) {
            Ok(()) => Some(seat),
            Err(_) => {
                seat.release();
                None
            }
        }
    }

    /// Whether the thread has a shard of its own.
    pub(crate) fn has_shard(&self) -> bool {
        self.shard.is_some()
    }
}

impl Seat for ThreadSeat {
    fn release(&self) {
        if let Some(shard) = &self.shard {
            // SAFETY: claimed when the seat was taken, and the thread forgets the seat with this call.
            unsafe { shard.release() };
        }
    }

    fn is_orphaned(&self) -> bool {
        self.store.orphaned.load(Relaxed)
    }
}
