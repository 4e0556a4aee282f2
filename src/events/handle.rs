//! The handle of an event store.

use super::build::{Builder, HugePages};
use super::class::PerClass;
use super::error::{DefineError, RecordError, ValuesError, WriterError};
use super::kind::{Kind, Sink};
use super::loss::Loss;
use super::plan::Plan;
use super::privacy::Pseudonym;
use super::query::Query;
use super::schema::{Event, Schema};
use super::scope::{Scope, ScopeGuard};
use super::shard::Shard;
use super::stamp::Stamp;
use super::stats::{self, ClassStats};
use super::store::{Draft, Fields, Store, ThreadSeat};
use super::value::Value;
use super::view::View;
use super::writer::Writer;
use crate::clock::Clock;
use crate::id::{CorrelationId, SpanId};
use crate::local;
#[cfg(all(feature = "mapped", target_os = "linux"))]
use crate::mapped::MappedFile;
use crate::sync::Arc;

/// An event store: the last moments of a host, kept in memory of a fixed size, oldest overwritten first.
///
/// It never blocks, allocates, retries or fails on [`record`](Events::record), and never loses silently: what was
/// overwritten shows in each answer's [`Verdict`](super::Verdict), what could not be kept in [`stats`](Events::stats). It
/// does not outlive the process, unless it is kept in a file (`Builder::mapped`, feature `mapped`), and it does not order events of different threads any finer than the
/// clock does.
///
/// Cheap to clone; clones are the same store. A query sees the records of all threads that were written
/// before it began.
///
/// After a `fork` the store is the parent's. With feature `os`, what the child records is a counted loss
/// (`forked`), and its queries find what was there; it may build a store of its own, and must not switch, stop,
/// direct, prune or define anything in this one, whose locks may be held by threads that the fork left behind. `vfork` and `clone`
/// called by hand go unseen, as do all forks without the feature: a child goes on in its own copy of the memory. Of a store in a
/// file there is no copy: what a child loses is counted where its parent counts, and a child by `clone` must not record.
///
/// ```
/// use flightdeck::events::Events;
/// flightdeck::kind! { OrderFilled("order.filled") { qty: u64, venue: str } }
///
/// let events = Events::builder().memory(4 << 20).build()?;
/// let _in = events.scope(42_u64);
/// events.record(OrderFilled { qty: 5, venue: "XETRA" });
///
/// let answer = events.query().correlation(42_u64).run()?;
/// assert!(answer.verdict().is_complete());
/// println!("{}", answer.timeline());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Events {
    pub(crate) store: Arc<Store>,
    plan: Plan,
    _handle: Arc<LastHandle>,
}

impl Sink for &Arc<Store> {
    #[inline(always)]
    fn accept<E: Fields>(self, draft: Draft<E>) {
        self.record(draft);
    }
}

/// Dropped with the last handle: threads that still hold a seat may forget the store.
#[derive(Debug)]
struct LastHandle(Arc<Store>);

impl Drop for LastHandle {
    fn drop(&mut self) {
        // To whoever holds a seat it is a hint: one that misses it keeps its memory until it ends. To cursors it is the end.
        self.0.kinds.set_after(&self.0.orphaned);
        self.0.bell.after_commit();
        self.0.close_file();
    }
}

impl Events {
    pub(crate) fn of(store: Arc<Store>, plan: Plan) -> Self {
        Self { _handle: Arc::new(LastHandle(store.clone())), store, plan }
    }

    pub(crate) fn store(&self) -> &Arc<Store> {
        &self.store
    }

    pub(crate) fn view(&self) -> &Arc<View> {
        &self.store.view
    }

    /// Sizes and clock of a store to be built.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// Records an event: in the scope of this thread, at this moment.
    ///
    /// Wait-free: a thread-local look-up, a clock reading, plain stores and a few release stores. The first
    /// call of a thread takes a shard, later ones allocate nothing. Switched off, a kind costs a load and a branch; left
    /// out by a sample or a rate of [`Directives`](super::Directives), its thread's own counter on top of that. An event of a
    /// kind that is [prompt](super::Cursor::prompt) makes a system call where somebody waits for one; no other ever does.
    /// Not for signal handlers: see [`Events::record_in_signal`].
    #[inline(always)]
    pub fn record<E: Event>(&self, event: E) {
        if let Some(lead) = self.store.admit(E::site()) {
            self.store.record(Draft { lead, stamp: Stamp::current(), fields: event });
        }
    }

    /// Records an event under a stamp of its own.
    #[inline(always)]
    pub fn record_with<E: Event>(&self, stamp: Stamp, event: E) {
        if let Some(lead) = self.store.admit(E::site()) {
            self.store.record(Draft { lead, stamp, fields: event });
        }
    }

    /// Records an event from a signal handler, under no id. See [`Events::record_in_signal_with`].
    #[inline]
    pub fn record_in_signal<E: Event>(&self, event: E) {
        self.record_in_signal_with(Stamp::of(CorrelationId::NONE), event);
    }

    /// Records an event from a signal handler: on any thread, in the middle of anything, a record, an allocation or
    /// this very call included, and be it the first that the thread ever records.
    ///
    /// Async-signal-safe: it takes no lock, allocates nothing, makes no system call (but for the one that wakes whoever [waits
    /// for a prompt kind](super::Cursor::prompt)), registers nothing and touches no thread-local, which in a library loaded at run time may allocate at its first use. So there is no scope,
    /// and no thread number: it is 0. Wait-free, and lock-free where the kind has a rate: it tries the shards that no thread keeps, one attempt each, and then the
    /// slots of the [overflow](Builder::overflow_slots).
    ///
    /// Lost, and counted by cause, if there is a write going on in all of those (`no_shard`: as many handlers and threads
    /// would have to be at work at once), or if the deck has not met the kind (`kind_not_met`): call
    /// [`Events::declare`] before the handler is installed. `event` and `stamp` are the handler's own affair:
    /// [`Stamp::current`] touches the thread's block, so it is for handlers whose threads have recorded before.
    #[inline]
    pub fn record_in_signal_with<E: Event>(&self, stamp: Stamp, event: E) {
        if let Some(lead) = self.store.admit_in_signal(E::site()) {
            self.store.record_in_signal(Draft { lead, stamp, fields: event });
        }
    }

    /// Makes a declared kind known ahead of its first event, which takes a lock and some memory otherwise.
    pub fn declare<E: Event>(&self) {
        // Too many kinds: its events will be counted as lost, one by one.
        let _ = self.store.kinds.admit(E::site());
    }

    /// Records an event of a kind defined at run time.
    ///
    /// # Errors
    /// If the values are not those of the kind's fields, the event is larger than its class takes, or its time is one
    /// that the clock cannot have seen ([`Stamp::at`]); nothing is recorded then. The latter two also count as a loss.
    pub fn record_values(&self, stamp: Stamp, kind: &Kind, values: &[Value<'_>]) -> Result<(), ValuesError> {
        kind.check_store(&self.store)?;
        kind.record(stamp, values, &self.store)
    }

    /// As [`record`](Events::record), and says so if the event is too large: for events of a size that comes from
    /// outside. Values longer than [`Builder::longest_value`] are cut and no error.
    ///
    /// ```
    /// use flightdeck::events::{Events, RecordError};
    /// flightdeck::kind! { Dumped("core.dumped") { image: bytes } }
    ///
    /// let events = Events::builder().longest_value(usize::MAX).build()?;
    /// events.try_record(Dumped { image: &[1, 2, 3] })?;
    /// let refused = events.try_record(Dumped { image: &vec![0; 2 << 20] }).unwrap_err();
    /// let RecordError::TooLarge { needed, limit, .. } = refused else { panic!("{refused}") };
    /// assert!(needed == (2 << 20) + 7 * 8 && limit < needed);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// If it is larger than its class takes. It is counted as lost then.
    #[inline(always)]
    pub fn try_record<E: Event>(&self, event: E) -> Result<(), RecordError> {
        // What is not recorded leaves the scope as it is.
        if let Some(lead) = self.store.admit(E::site()) {
            self.store.try_record(Draft { lead, stamp: Stamp::current(), fields: event }, E::site())?;
        }
        Ok(())
    }

    /// As [`try_record`](Events::try_record), under a stamp of its own.
    ///
    /// # Errors
    /// As of [`try_record`](Events::try_record), and if the stamp has a time that its clock cannot have seen: see
    /// [`Stamp::at`]. It is counted as lost then.
    #[inline(always)]
    pub fn try_record_with<E: Event>(&self, stamp: Stamp, event: E) -> Result<(), RecordError> {
        if let Some(lead) = self.store.admit(E::site()) {
            self.store.try_record(Draft { lead, stamp, fields: event }, E::site())?;
        }
        Ok(())
    }

    /// What stands for `value` in personal fields of this store: to find events of a value that is known.
    ///
    /// ```
    /// use flightdeck::events::{Events, Value};
    /// flightdeck::kind! { Paid("order.paid") { customer: personal str, cents: u64 } }
    ///
    /// let events = Events::builder().build()?;
    /// events.record(Paid { customer: "ann", cents: 1_250 });
    /// events.record(Paid { customer: "bob", cents: 399 });
    ///
    /// let ann = Value::from(events.pseudonym("ann"));
    /// let mut answer = events.query().run()?;
    /// answer.retain(|event| event.field("customer") == Some(ann));
    /// assert_eq!(answer.len(), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn pseudonym<'v>(&self, value: impl Into<Value<'v>>) -> Pseudonym {
        self.store.values.pseudonyms.of(&value.into())
    }

    /// From now until the guard drops this thread works for `id`, which begins here.
    #[inline]
    pub fn scope(&self, id: impl Into<CorrelationId>) -> ScopeGuard {
        Scope::root(id).enter()
    }

    /// A shard of one's own, for a loop that records a lot.
    ///
    /// # Errors
    /// If all are taken, or this process is a fork of the one that built the store.
    pub fn writer(&self) -> Result<Writer, WriterError> {
        Writer::new(&self.store).inspect_err(|error| self.store.errors.note_error(error))
    }

    /// Takes a shard for this thread ahead of its first record, and touches all of its memory, so that no record has
    /// to wait for the system to provide a page. Returns whether it has one of its own now; otherwise it records
    /// through shared ones.
    pub fn register_thread(&self) -> bool {
        let touched = |seat: &ThreadSeat| seat.shard().map(Shard::touch).is_some();
        match ThreadSeat::held(self.store.deck).or_else(|| ThreadSeat::claimed(self.store.deck)) {
            Some(seat) => touched(seat),
            None if self.store.is_forked() => false,
            None => ThreadSeat::take(&self.store).is_some_and(|seat| touched(&seat)),
        }
    }

    /// Makes a kind known at run time. Equal schemas are one kind.
    ///
    /// # Errors
    /// If the deck knows as many kinds as it keeps apart, or this process is a fork of the one that built it.
    pub fn define(&self, schema: Schema) -> Result<Kind, DefineError> {
        let shared = Arc::new(schema.clone());
        let number =
            self.store.kinds.define(schema).inspect_err(|error| self.store.errors.note_error(error))?;
        Ok(Kind::new(self.store.clone(), shared, number))
    }

    /// Whether nothing of the host's is recorded, as somebody wants it.
    pub(crate) fn is_off(&self) -> bool {
        !self.store.kinds.is_on() || self.directives().are_off()
    }

    /// Whether nothing is taken any more.
    pub(crate) fn has_stopped(&self) -> bool {
        self.store.kinds.is_stopped()
    }

    /// Switches the recording of all kinds on or off, also of those yet to come: on, as the
    /// [directives](Events::set_directives) say. Takes effect on other threads within moments, not at once.
    pub fn switch(&self, on: bool) {
        self.store.kinds.switch_all(on);
        self.store.control.watchers.tell();
    }

    /// Ends recording for good: what is recorded from now on counts as lost. Reading goes on.
    pub fn stop(&self) {
        self.store.kinds.stop();
        // Whoever waits learns of the end.
        self.store.bell.after_commit();
        self.store.close_file();
    }

    /// The file in which all of it is kept: where it is, and what became of that of the life before. `None` where nobody asked
    /// for [one](Builder::mapped).
    #[cfg(all(feature = "mapped", target_os = "linux"))]
    #[must_use]
    pub fn file(&self) -> Option<&MappedFile> {
        self.store.file.get().map(|file| &**file)
    }

    /// All is laid out in a file of somebody else's, which is closed when this store ends.
    #[cfg(all(feature = "mapped", target_os = "linux"))]
    pub(crate) fn close_with(&self, file: Arc<MappedFile>) {
        let _ = self.store.file.set(file);
    }

    /// Asks what happened, while everything keeps writing.
    #[inline]
    pub fn query(&self) -> Query<'_> {
        Query::new(self.view())
    }

    /// The clock that stamps events.
    #[must_use]
    pub fn clock(&self) -> &Clock {
        &self.store.clock
    }

    /// How the memory is divided.
    #[must_use]
    pub fn plan(&self) -> Plan {
        self.plan
    }

    /// What became of the wish for huge pages.
    #[must_use]
    pub fn huge_pages(&self) -> HugePages {
        self.store.huge_pages.clone()
    }

    /// What the store holds and what it lost.
    ///
    /// Costs no writer anything, and reads the block tables, at most 10 KiB a ring, and what lies in the overflow: some
    /// tens of microseconds for a store of a few shards, a millisecond for hundreds. Counts of one
    /// moment, as far as nobody writes; else what is kept and what was overwritten may be off by what was written
    /// meanwhile, and is never more than was written.
    #[must_use]
    pub fn stats(&self) -> Stats {
        stats::of(self)
    }

    /// Takes back the shards of threads that ended without a word, which is to say without running their destructors
    /// (the bare system call, a runtime of its own): what such a thread had recorded stays, what it was in the middle of
    /// is wiped. How many those were. What it counted of samples and rates stays, and the next thread counts on. Other
    /// threads give their shards back by themselves. A deck does it every five
    /// seconds; for a store alone it is the host's to call.
    ///
    /// What a signal handler, or a thread in the overflow, was in the middle of when it vanished stays taken: one slot, or the
    /// emergency shard. Do not share a store with a task that has the memory but is no thread of this process.
    ///
    /// Costs a system call for each shard that a thread holds, and for each set of counters. Finds none without feature `os`, or on systems that do not
    /// number their threads (it is Linux that does). Writers, which move between threads, are left alone.
    pub fn reclaim_shards(&self) -> usize {
        self.store.reclaim()
    }

    /// What could not be kept, by cause, class and shard; what never occurred is left out.
    #[must_use]
    pub fn losses(&self) -> Vec<Loss> {
        self.view().all_losses().collect()
    }

    /// A span id that no other span has, for hosts that keep their own.
    #[inline]
    #[must_use]
    pub fn fresh_span(&self) -> SpanId {
        local::fresh_span(|| self.store.seeds.next())
    }
}

/// What a store holds, and what it lost.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Stats {
    /// Events written since the start.
    pub written: u64,
    /// The same by retention class.
    pub written_by_class: PerClass<u64>,
    /// Of those, what found no shard free and went to the overflow; see
    /// [`Builder::overflow_slots`](super::Builder::overflow_slots).
    pub overflowed: u64,
    /// Of what was written, what can be read now.
    pub kept: u64,
    /// Of what was written, what was pruned before it was overwritten.
    pub pruned: u64,
    /// Of those, what had become older than it may be: see [`Builder::max_age`](super::Builder::max_age).
    pub pruned_by_age: u64,
    /// Of those, what was overwritten by newer ones: the difference, which is exact once nobody writes.
    pub overwritten: u64,
    /// Words of 8 bytes written since the start.
    pub words_written: u64,
    /// Of those, overwritten by newer ones.
    pub words_overwritten: u64,
    /// Values that were longer than [`Builder::longest_value`] and were cut.
    pub values_cut: u64,
    /// Links over the 32 that an event keeps; see [`Events::record_linked`].
    pub links_left_out: u64,
    /// How often an event of a prompt kind, or the end, woke those who waited: see
    /// [`Cursor::prompt`](super::Cursor::prompt). As many writes made a system call.
    pub woken: u64,
    /// Shards that a thread or a writer holds now.
    pub shards_claimed: usize,
    /// Shards that were taken back from threads that ended without a word: see [`Events::reclaim_shards`]. Each may have
    /// been in the middle of one event, or of one batch, which is lost then.
    pub shards_reclaimed: u64,
    /// All this and more by retention class.
    pub classes: PerClass<ClassStats>,
    /// What became of the wish for huge pages.
    pub huge_pages: HugePages,
    /// What could not be kept, by cause, class and shard; what never occurred is left out.
    pub losses: Vec<Loss>,
}

impl Stats {
    /// Events that could not be kept, over all causes.
    #[must_use]
    pub fn lost(&self) -> u64 {
        // Saturating: in a mapped file a count may be anything.
        self.losses.iter().fold(0, |sum, loss| sum.saturating_add(loss.count))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Ticks;
    use crate::events::shard::Owner;
    use std::time::Duration;

    crate::kind! { Called("handle.called") { n: u64 } }

    /// As where another core's clock is ahead: a shared shard that it wrote to holds stamps back from going back.
    #[test]
    fn the_calls_of_a_thread_stay_in_order_when_the_shards_it_shares_disagree_about_the_time() {
        let builder = Events::builder().memory(1 << 20).shards(1).shared_shards(2).clock(Clock::system());
        let events = builder.build().unwrap();
        let _only = events.writer().unwrap();
        let [_, first, second, _] = &*events.store.view.shards else {
            panic!("one kept, two shared, one for emergencies")
        };
        assert!(first.try_claim(Owner::UNKNOWN));
        let ahead = first.monotone(events.clock().now().0 + 50_000_000);
        // SAFETY: claimed above.
        unsafe { first.release() };
        // The second thread here, so its turn begins at the first of two.
        events.record(Called { n: 0 });
        assert!(first.try_claim(Owner::UNKNOWN));
        events.record(Called { n: 1 });
        // SAFETY: claimed above.
        unsafe { first.release() };
        assert!(second.last_ticks() > ahead && ahead > events.clock().now().0);
        std::thread::sleep(Duration::from_millis(60));
        let answer = events.query().thread(2).run().unwrap();
        let calls: Vec<_> = answer.iter().map(|event| event.field("n")).collect();
        assert_eq!(calls, [Some(Value::U64(0)), Some(Value::U64(1))]);
        assert!(answer.iter().all(|event| event.ticks() >= Ticks(ahead)));
    }
}
