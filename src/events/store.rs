//! What all handles of one event store share, and the write path.

use super::age::Retention;
use super::bell::Bell;
use super::bucket::BucketKey;
use super::build::HugePages;
use super::class::{Class, PerClass};
use super::control::Control;
use super::error::RecordError;
use super::incident::Incidents;
use super::kinds::{Kinds, Switch};
use super::loss::{LossCause, Losses};
use super::payload::{ANY_LENGTH, Payload, Personals};
use super::privacy::Pseudonyms;
use super::read::header_for_owner;
use super::record::{self, Flags, HEADER_WORDS, Lead, Link};
use super::ring::{Entry, Ring, Unlinked};
use super::schema::{Event, Schema, Site};
use super::seeds::Seeds;
use super::shard::{Owner, Shard};
use super::stamp::Stamp;
use super::target::{InShard, InSlot, Target};
use super::threads::ThreadNumber;
use super::view::View;
use crate::clock::{Clock, Ticks, Told};
use crate::id::DeckId;
use crate::local::{self, Busy, Role, Seat};
#[cfg(all(feature = "mapped", target_os = "linux"))]
use crate::mapped::MappedFile;
use crate::os;
use crate::region::Span;
use crate::status::ErrorSlot;
#[cfg(all(feature = "mapped", target_os = "linux"))]
use crate::sync::OnceLock;
use crate::sync::{Arc, AtomicBool, AtomicU32, AtomicU64, Relaxed};
use std::ptr::NonNull;
use std::time::Instant;

/// The state of an event store. On lines of its own: whoever comes and goes counts as a holder of the `Arc` it lies in, and
/// a count on a line that writers read costs them that line.
#[derive(Debug)]
#[repr(align(128))]
pub(crate) struct Store {
    pub(crate) deck: DeckId,
    pub(crate) clock: Clock,
    /// What can be read: shards, overflow, names.
    pub(crate) view: Arc<View>,
    pub(crate) kinds: Kinds,
    pub(super) control: Control,
    /// What came to no shard; those of the view.
    pub(crate) losses: Losses,
    pub(crate) retention: Retention,
    pub(crate) incidents: Incidents,
    /// The longest record of each class, in words.
    pub(crate) longest: PerClass<usize>,
    /// A record that is no longer holds no value that would have to be cut, and is no longer than its class takes.
    pub(crate) plain: PerClass<usize>,
    pub(crate) values: Values,
    /// The longest batch of each class, in words.
    pub(crate) longest_batch: PerClass<usize>,
    /// That of the view.
    pub(crate) key: BucketKey,
    /// Where all that can be read lies.
    pub(super) span: Span,
    /// Where the clock is told, as long as this is held.
    pub(super) _told: Arc<Told>,
    /// The file in which that is, if it is one.
    #[cfg(all(feature = "mapped", target_os = "linux"))]
    pub(super) file: OnceLock<Arc<MappedFile>>,
    /// Nobody holds a handle any more.
    pub(crate) orphaned: AtomicBool,
    /// Shards that were taken back from threads that ended without a word.
    pub(crate) reclaimed: AtomicU64,
    pub(crate) supplied_clock: bool,
    /// How far apart a thread's stamps in different shards lie at least: [`Clock::least_step`].
    pub(crate) stamp_step: u64,
    /// Whether owners touch their shard's memory first.
    pub(crate) first_touch: bool,
    pub(crate) huge_pages: HugePages,
    /// [`os::forks`] when it was built.
    pub(crate) born: u32,
    pub(crate) seeds: Seeds,
    /// Of those who wait for events of prompt kinds.
    pub(crate) bell: Bell,
    pub(crate) started: Instant,
    /// What hosts were refused; losses keep their own counts.
    pub(crate) errors: ErrorSlot,
}

/// What is done to values on their way into a record.
#[derive(Debug)]
pub(crate) struct Values {
    /// In bytes: what is longer is cut.
    pub(crate) longest: usize,
    /// How many were.
    pub(crate) cut: AtomicU64,
    /// Links over what an event keeps.
    pub(crate) links_left_out: AtomicU64,
    pub(crate) pseudonyms: Pseudonyms,
}

/// A record as the write path takes it: everything evaluated, nothing of the host left to run.
#[derive(Clone, Copy)]
pub(crate) struct Draft<E: Fields> {
    pub(crate) lead: Lead,
    pub(crate) stamp: Stamp,
    pub(crate) fields: E,
}

/// What is to be written, by whatever way is open.
pub(crate) trait Write {
    /// The class of the place it goes to.
    fn class(&self) -> Class;
    /// Writes it to a place of that class.
    fn write<'a>(&self, store: &'a Store, target: impl Target<'a>, thread: u32);
    /// Whether it is to wake whoever waits: of kinds that are known when the call is compiled, a constant.
    fn is_prompt(&self) -> bool;
    /// Counts it as lost, where its losses are counted.
    fn lose(&self, store: &Store, losses: &Losses, cause: LossCause);
}

impl<E: Fields> Write for Draft<E> {
    #[inline(always)]
    fn class(&self) -> Class {
        self.fields.class(self.lead)
    }

    #[inline(always)]
    fn is_prompt(&self) -> bool {
        self.fields.is_prompt()
    }

    /// Straight line: loads, stores, branches; no lock, no allocation, no call out.
    #[inline(always)]
    fn write<'a>(&self, store: &'a Store, target: impl Target<'a>, thread: u32) {
        let words = self.words(ANY_LENGTH);
        if words > store.plain[self.class()] {
            // By value: a reference would keep every draft in memory.
            return (*self).write_long(store, target, thread);
        }
        self.write_sized(store, target, thread, words, ANY_LENGTH);
    }

    #[cold]
    fn lose(&self, store: &Store, losses: &Losses, cause: LossCause) {
        store.lost_at(losses, cause, self.lead.class(), self.stamp.supplied());
    }
}

impl<E: Fields> Draft<E> {
    /// How many words its record takes, if no value is longer than so many bytes.
    #[inline(always)]
    fn words(&self, longest: usize) -> usize {
        HEADER_WORDS + self.fields.words(longest) + self.stamp.prefix()
    }

    /// Writes a record whose values may be too long, or which may be too long itself.
    #[cold]
    #[inline(never)]
    fn write_long<'a>(self, store: &'a Store, target: impl Target<'a>, thread: u32) {
        let (class, longest) = (self.class(), store.values.longest);
        let words = self.words(longest);
        if words > store.longest[class] {
            return store.lost_at(target.losses(store), LossCause::TooLarge, class, self.stamp.supplied());
        }
        self.write_sized(store, target, thread, words, longest);
    }

    /// Writes a record of so many words, its values cut at `longest`.
    #[inline(always)]
    fn write_sized<'a>(
        &self,
        store: &'a Store,
        mut target: impl Target<'a>,
        thread: u32,
        words: usize,
        longest: usize,
    ) {
        let Draft { lead, stamp, fields } = self;
        let class = self.class();
        let Some(ticks) = store.time_of(&target, stamp) else {
            return store.lost(target.losses(store), LossCause::TimeOutOfRange, class);
        };
        let Some(reserved) = target.reserve(words) else {
            return store.lost_at(target.losses(store), target.refusal(), class, stamp.supplied());
        };
        let (header, body) = reserved.words.split_at(HEADER_WORDS);
        let lead_of = lead.of_record(words, stamp.flags);
        let values = record::header(lead_of, ticks, stamp.id, Link::unlinked(thread), stamp.span);
        record::store_header(header, values);
        let mut body = Payload::new(body, Personals::Now(&store.values.pseudonyms), longest);
        stamp.encode_prefix(&mut body);
        fields.encode(&mut body);
        let cut = body.finish();
        let bucket = (!stamp.id.is_none()).then(|| store.key.bucket(stamp.id));
        target.commit(reserved, Entry { ticks, kind: lead.kind(), bucket });
        if cut > 0 {
            store.values.cut.fetch_add(cut, Relaxed);
        }
    }
}

/// Fields that can be stored.
pub(crate) trait Fields: Copy {
    /// The class of their kind, whose records begin like this.
    fn class(&self, lead: Lead) -> Class;
    /// Whether their kind is prompt.
    fn is_prompt(&self) -> bool;
    /// How many words they take, if no value is longer than so many bytes.
    fn words(&self, longest: usize) -> usize;
    fn encode(&self, payload: &mut Payload<'_>);
}

impl<E: Event> Fields for E {
    #[inline(always)]
    fn class(&self, _: Lead) -> Class {
        E::CLASS
    }
    #[inline(always)]
    fn is_prompt(&self) -> bool {
        E::PROMPT
    }
    #[inline(always)]
    fn words(&self, longest: usize) -> usize {
        self.payload_words(longest)
    }
    #[inline(always)]
    fn encode(&self, payload: &mut Payload<'_>) {
        Event::encode(self, payload);
    }
}

/// Records by threads without a shard of their own, and by what must not touch one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Aside {
    pub(crate) shared: u64,
    pub(crate) has_shared: bool,
    /// Also those of signal handlers, and of code that ran in the middle of a record.
    pub(crate) emergency: u64,
    pub(crate) overflowed: u64,
}

impl Aside {
    pub(crate) fn total(self) -> u64 {
        self.shared + self.emergency + self.overflowed
    }

    /// The same without so many of them.
    pub(crate) fn without(mut self, mut records: u64) -> Self {
        for part in [&mut self.shared, &mut self.emergency, &mut self.overflowed] {
            let taken = records.min(*part);
            *part -= taken;
            records -= taken;
        }
        self
    }

    /// Whether some thread found no shard to keep, as far as that can be told from what may always go there.
    pub(crate) fn is_for_want_of_shards(self) -> bool {
        self.shared + self.overflowed > 0 || !self.has_shared && self.emergency > 0
    }
}

impl Store {
    /// Says in the file, if there is one, that it ended as it was asked to.
    pub(super) fn close_file(&self) {
        #[cfg(all(feature = "mapped", target_os = "linux"))]
        if let Some(file) = self.file.get() {
            file.close();
        }
    }

    /// Whether to record an event of this kind. Counts what is suppressed or lost.
    #[inline(always)]
    pub(crate) fn admit(self: &Arc<Self>, site: &'static Site) -> Option<Lead> {
        let look = self.kinds.look(site);
        if let Some(lead) = look.on() {
            return Some(lead);
        }
        match look.gated() {
            Some(gated) => self.pass(gated),
            None if look.is_off() => None,
            None => self.admit_otherwise(site),
        }
    }

    /// An event of a kind that is not met yet, or of a store that has stopped.
    #[cold]
    #[inline(never)]
    fn admit_otherwise(self: &Arc<Self>, site: &'static Site) -> Option<Lead> {
        match self.kinds.admit(site) {
            Ok(lead) => Some(lead),
            Err(Switch::Gated(gated)) => self.pass(gated),
            Err(switch) => {
                self.not_admitted(switch, &site.schema);
                None
            }
        }
    }

    #[cold]
    pub(crate) fn not_admitted(&self, switch: Switch, schema: &Schema) {
        let cause = match switch {
            Switch::On | Switch::Off | Switch::Gated(_) => return,
            Switch::Unknown if self.is_forked() => LossCause::Forked,
            Switch::Unknown => LossCause::TooManyKinds,
            Switch::Stopped => LossCause::Stopped,
        };
        self.lost(&self.losses, cause, schema.class);
    }

    /// Records from this thread, by whatever way is open to it, and wakes whoever waits for such an event. Wait-free.
    #[inline(always)]
    pub(crate) fn record<W: Write>(self: &Arc<Self>, draft: W) {
        let is_prompt = draft.is_prompt();
        self.place(draft);
        // After all that was held is free again: who wakes somebody may take some time.
        if is_prompt {
            self.bell.after_commit();
        }
    }

    #[inline(always)]
    fn place<W: Write>(self: &Arc<Self>, draft: W) {
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
                    None => self.record_shared(&seat.guest, seat.thread.get(), draft),
                }
            }
            None => self.record_first(draft),
        }
    }

    /// As [`Store::record`], and says so if the event is too large.
    #[inline(always)]
    pub(crate) fn try_record<E: Event>(
        self: &Arc<Self>,
        draft: Draft<E>,
        site: &'static Site,
    ) -> Result<(), RecordError> {
        self.check(&draft, site)?;
        self.record(draft);
        Ok(())
    }

    /// Whether a record may be written; otherwise counts it as lost.
    #[inline(always)]
    pub(crate) fn check<E: Event>(&self, draft: &Draft<E>, site: &'static Site) -> Result<(), RecordError> {
        self.check_size(draft).map_err(|sizes| RecordError::too_large(site, sizes))?;
        self.check_time(draft.stamp.supplied()).map_err(|times| {
            self.lost(&self.losses, LossCause::TimeOutOfRange, draft.class());
            RecordError::time(site, times)
        })
    }

    /// The first record of a thread here, or one that may not hold anything.
    #[cold]
    #[inline(never)]
    fn record_first<W: Write>(self: &Arc<Self>, draft: W) {
        // The one thread that a fork leaves has forgotten its seat, so it comes by here too.
        if self.is_forked() {
            return draft.lose(self, &self.losses, LossCause::Forked);
        }
        if let Some(seat) = ThreadSeat::claimed(self.deck) {
            return self.record_shared(&seat.guest, seat.thread.get(), draft);
        }
        match ThreadSeat::take(self) {
            Some(seat) => match &seat.shard {
                // SAFETY: as in `record`.
                Some(shard) => unsafe { self.write(shard, seat.thread.get(), &draft) },
                None => self.record_shared(&seat.guest, seat.thread.get(), draft),
            },
            None => self.record_shared(&Guest::of(Owner::UNKNOWN, 0), ThreadNumber::UNKNOWN.get(), draft),
        }
    }

    /// Through a shared shard: the one that served last, then the others, then the emergency shard, then the overflow; else
    /// a counted loss.
    #[inline(never)]
    fn record_shared<W: Write>(&self, guest: &Guest, thread: u32, draft: W) {
        let shared = self.view.shared();
        let start = guest.turn.load(Relaxed) as usize;
        let (before, from) = shared.split_at_checked(start).unwrap_or((shared, &[]));
        let in_turn = (start..).zip(from).chain((0..).zip(before));
        for (turn, shard) in in_turn.chain((start..).zip(self.view.emergency())) {
            if self.try_shard(shard, guest.owner, thread, &guest.last, &draft) {
                if turn != start {
                    guest.turn.store(turn as u32, Relaxed);
                }
                return;
            }
        }
        self.overflow(thread, &guest.last, &draft);
    }

    /// Through the emergency shard, which is also for re-entry, or the overflow; else a counted loss.
    #[cold]
    #[inline(never)]
    fn record_in_emergency<W: Write>(&self, draft: W) {
        if self.is_forked() {
            return draft.lose(self, &self.losses, LossCause::Forked);
        }
        self.record_aside(self.view.emergency().iter(), &draft);
    }

    /// From a signal handler: through the emergency shard, or a shared one where another handler is there, or the
    /// overflow; else a counted loss. Touches nothing that belongs to the thread.
    #[inline(never)]
    pub(crate) fn record_in_signal<W: Write>(&self, draft: W) {
        if self.is_forked() {
            return draft.lose(self, &self.losses, LossCause::Forked);
        }
        self.record_aside(self.view.emergency().iter().chain(self.view.shared()), &draft);
        if draft.is_prompt() {
            self.bell.after_commit();
        }
    }

    /// Through one of these shards, or the overflow, without anything that belongs to the thread.
    fn record_aside<'a, W: Write>(&self, shards: impl Iterator<Item = &'a Arc<Shard>>, draft: &W) {
        let (thread, last) = (ThreadNumber::UNKNOWN.get(), AtomicU64::new(0));
        // A loop: a closure would be a call of its own on the stack of a handler.
        for shard in shards {
            if self.try_shard(shard, Owner::UNKNOWN, thread, &last, draft) {
                return;
            }
        }
        self.overflow(thread, &last, draft);
    }

    /// Through a slot of the overflow; else a counted loss.
    #[cold]
    #[inline(never)]
    fn overflow<W: Write>(&self, thread: u32, last: &AtomicU64, draft: &W) {
        let overflow = &self.view.overflow[draft.class()];
        draft.write(self, InSlot { overflow, slot: None, last, step: self.stamp_step }, thread);
    }

    /// As [`Store::admit`], but meets no new kind.
    pub(crate) fn admit_in_signal(&self, site: &'static Site) -> Option<Lead> {
        match self.kinds.admit_met(site) {
            Ok(lead) => Some(lead),
            Err(Switch::Gated(gated)) => self.pass_in_signal(gated),
            Err(Switch::Unknown) => {
                self.lost(&self.losses, LossCause::KindNotMet, site.schema.class);
                None
            }
            Err(switch) => {
                self.not_admitted(switch, &site.schema);
                None
            }
        }
    }

    /// Whether this process is a child of the one that built the store.
    #[inline(always)]
    pub(crate) fn is_forked(&self) -> bool {
        os::SEES_FORKS && os::forks() != self.born
    }

    fn try_shard<W: Write>(
        &self,
        shard: &Shard,
        owner: Owner,
        thread: u32,
        last: &AtomicU64,
        draft: &W,
    ) -> bool {
        let claimed = shard.try_claim(owner);
        if claimed {
            // A thread's stamps grow from shard to shard, so that its records keep the order of its calls.
            shard.monotone(last.load(Relaxed) + self.stamp_step);
            // SAFETY: claimed above, released below, one write in between.
            unsafe { self.write(shard, thread, draft) };
            last.store(shard.last_ticks(), Relaxed);
            // SAFETY: as above.
            unsafe { shard.release() };
        }
        claimed
    }

    /// Writes to a shard.
    ///
    /// # Safety
    /// The caller holds the claim on the shard, and is not in the middle of another write to it.
    #[inline(always)]
    pub(crate) unsafe fn write<W: Write>(&self, shard: &Shard, thread: u32, draft: &W) {
        // SAFETY: the contract is the same.
        let writing = unsafe { shard.writing(draft.class()) };
        draft.write(self, InShard { shard, writing }, thread);
    }

    /// The time of a record: as supplied, or now.
    #[inline(always)]
    pub(crate) fn ticks<'a>(&self, target: &impl Target<'a>, supplied: Option<Ticks>) -> u64 {
        match supplied {
            Some(ticks) => {
                if self.supplied_clock {
                    self.clock.supply(ticks);
                }
                ticks.0
            }
            None => target.monotone(self.clock.now().0),
        }
    }

    /// The time of a record under this stamp; `None` if the host supplies one that the clock cannot have seen.
    #[inline(always)]
    pub(crate) fn time_of<'a>(&self, target: &impl Target<'a>, stamp: &Stamp) -> Option<u64> {
        let is_accepted = stamp.supplied().is_none_or(|supplied| self.clock.accepts(supplied));
        is_accepted.then(|| self.accepted_time(target, stamp))
    }

    /// The same of a stamp whose time has been checked.
    #[inline(always)]
    pub(crate) fn accepted_time<'a>(&self, target: &impl Target<'a>, stamp: &Stamp) -> u64 {
        match stamp.ticks {
            Some(taken) if !stamp.flags.has(Flags::SUPPLIED) => target.monotone(taken.0),
            supplied => self.ticks(target, supplied),
        }
    }

    /// Whether the record is no longer than its class takes; otherwise counts it as lost and says its size and the
    /// limit, in bytes.
    #[inline(always)]
    pub(crate) fn check_size<E: Fields>(&self, draft: &Draft<E>) -> Result<(), (usize, usize)> {
        if draft.words(ANY_LENGTH) <= self.plain[draft.class()] { Ok(()) } else { self.check_long(*draft) }
    }

    /// Whether a time that the host supplies, if it does, is one that the clock may have seen; otherwise says which it is,
    /// and the range.
    #[inline(always)]
    pub(crate) fn check_time(&self, supplied: Option<Ticks>) -> Result<(), [Ticks; 3]> {
        match supplied {
            Some(supplied) if !self.clock.accepts(supplied) => {
                let (earliest, latest) = self.clock.accepted();
                Err([supplied, earliest, latest])
            }
            _ => Ok(()),
        }
    }

    #[cold]
    #[inline(never)]
    fn check_long<E: Fields>(&self, draft: Draft<E>) -> Result<(), (usize, usize)> {
        let class = draft.class();
        let (words, most) = (draft.words(self.values.longest), self.longest[class]);
        if words <= most {
            return Ok(());
        }
        self.lost_at(&self.losses, LossCause::TooLarge, class, draft.stamp.supplied());
        Err((words * 8, most * 8))
    }

    #[cold]
    #[inline(never)]
    pub(crate) fn lost(&self, place: &Losses, cause: LossCause, class: Class) {
        place.count(cause, class, self.clock.now());
    }

    /// The same of an event that would have had this time, if the host supplies it: it is missing from then on, too.
    #[cold]
    #[inline(never)]
    pub(crate) fn lost_at(&self, place: &Losses, cause: LossCause, class: Class, supplied: Option<Ticks>) {
        place.count(cause, class, self.clock.now().max(supplied.unwrap_or_default()));
    }

    /// A free shard, claimed for its caller.
    pub(crate) fn claim_kept(&self, owner: Owner) -> Option<Arc<Shard>> {
        let shard = self.view.kept().find(|shard| shard.try_claim(owner))?;
        if self.first_touch {
            shard.touch();
        }
        Some(shard.clone())
    }

    /// Sets the shards free whose threads ended without a word, and their counters; how many shards those were.
    pub(crate) fn reclaim(&self) -> usize {
        // To a child all threads of its parent are gone.
        if self.is_forked() {
            return 0;
        }
        let look = |ring: &Ring, position: u64| {
            let header = header_for_owner(ring, position)?;
            let bucket = (!header.id.is_none()).then(|| self.key.bucket(header.id));
            Some(Unlinked { words: header.words(), bucket })
        };
        let reclaimed = self.view.shards.iter().filter(|shard| shard.reclaim(look)).count();
        self.reclaimed.fetch_add(reclaimed as u64, Relaxed);
        self.control.tallies.reclaim();
        reclaimed
    }
}

/// What a thread holds of a store: a shard of its own if one was free when it came, and its number.
pub(crate) struct ThreadSeat {
    store: Arc<Store>,
    shard: Option<Arc<Shard>>,
    thread: ThreadNumber,
    guest: Guest,
}

/// What a thread that records through shared shards remembers. Of that thread.
#[derive(Debug)]
struct Guest {
    owner: Owner,
    /// The shard that served it last.
    turn: AtomicU32,
    /// The stamp of its last record.
    last: AtomicU64,
}

impl Guest {
    fn of(owner: Owner, turn: u32) -> Self {
        Self { owner, turn: AtomicU32::new(turn), last: AtomicU64::new(0) }
    }
}

impl ThreadSeat {
    /// Takes a seat for this thread; `None` if it may hold no more, or is ending.
    pub(crate) fn take(store: &Arc<Store>) -> Option<Arc<Self>> {
        // What allocates below may record: such a record goes another way.
        let _busy = Busy::set();
        local::may_hold(store.deck).ok()?;
        let thread = store.view.threads.enter();
        // Side by side as they come, so that as many threads as there are shared shards never meet.
        let turn = thread.get().checked_rem(store.view.shared().len() as u32).unwrap_or(0);
        let owner = Owner::this_thread();
        let seat = Arc::new(Self {
            store: store.clone(),
            shard: store.claim_kept(owner),
            guest: Guest::of(owner, turn),
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

    /// The shard that this thread keeps for itself, and its number; takes one if it has no seat yet.
    pub(crate) fn own_shard(store: &Arc<Store>) -> Option<(&Shard, u32)> {
        if Self::held(store.deck).is_none() {
            Self::take(store);
        }
        let seat = Self::held(store.deck)?;
        let own = seat.shard.as_ref()?;
        let shard = store.view.shards.iter().find(|shard| Arc::ptr_eq(shard, own))?;
        // Where its records go from here on, their stamps continue.
        seat.guest.last.store(own.last_ticks(), Relaxed);
        Some((shard, seat.thread.get()))
    }

    /// What is recorded in `shard` from now on is later than what this thread recorded in shared ones. To be called by
    /// the shard's owner.
    pub(crate) fn follow_guest(&self, shard: &Shard) {
        let last = self.guest.last.load(Relaxed);
        if last > shard.last_ticks() {
            shard.monotone(last + self.store.stamp_step);
        }
    }

    /// That of this thread.
    #[inline]
    pub(crate) fn held<'a>(deck: DeckId) -> Option<&'a Self> {
        // SAFETY: this thread holds the seat, and with it the `Arc` that keeps it alive until the thread ends or forgets
        // the deck; callers use it within one call, in which neither happens.
        local::held(deck, Role::Shard).map(|seat| unsafe { seat.cast::<Self>().as_ref() })
    }

    /// That of this thread while a claim is open in its shard, into which nothing else may be written then.
    #[inline]
    pub(crate) fn claimed<'a>(deck: DeckId) -> Option<&'a Self> {
        // SAFETY: as in `held`.
        local::held(deck, Role::Claimed).map(|seat| unsafe { seat.cast::<Self>().as_ref() })
    }

    /// The thread's number.
    pub(crate) fn number(&self) -> u32 {
        self.thread.get()
    }

    /// The shard that is the thread's own, if it has one.
    pub(crate) fn shard(&self) -> Option<&Shard> {
        self.shard.as_deref()
    }
}

impl Seat for ThreadSeat {
    fn release(&self) {
        // As of a `Writer`: to a child it is the parent's.
        if let Some(shard) = self.shard.as_ref().filter(|_| !self.store.is_forked()) {
            // SAFETY: claimed when the seat was taken, and the thread forgets the seat with this call.
            unsafe { shard.retire() };
        }
    }

    fn is_orphaned(&self) -> bool {
        self.store.orphaned.load(Relaxed)
    }
}
