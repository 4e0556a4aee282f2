//! The overflow: where a record goes that found no shard free.
//!
//! A thread that the system takes off its core in the middle of a record keeps what it holds until it runs again. With
//! a thousand threads on two cores that is soon every shared shard. Here a writer holds no more than one slot, so there
//! is always another as long as there are more slots than threads; and a signal handler finds one in the middle of
//! anything.
//!
//! **Tickets** number the slots' contents and only grow; ticket `t` lies in slot `t` modulo their number. A writer takes a
//! ticket, and with it the slot, unless somebody is still in it: then the next. Each slot is a sequence lock (Lameter,
//! *Effective synchronization on Linux/NUMA systems*, 2005), whose state says which ticket it holds and whether it is
//! being written. Readers copy, and check that the state is still the same; a failed check is final. Neither side waits.
//!
//! There is no index: a query looks at every slot in use. It is a last resort, small, and free while it is empty.
//!
//! # Edges
//!
//! | edge | published by | observed by |
//! |---|---|---|
//! | `slot-commit` | state stored in [`Slot::commit`], [`Overflow::wipe`] | fences in [`Overflow::copy`], [`Overflow::committed`], `Overflow::copy_all`; exchanges in [`Overflow::take`], [`Overflow::wipe`] |
//! | `slot-claim` | fences in [`Overflow::take`], [`Overflow::wipe`], before the words | fences in [`Overflow::copy`], [`Overflow::committed`], `Overflow::copy_all`, after the copied words |
//! | `slot-count` | count over all slots raised in [`Slot::commit`], after the slot's | fence in [`Overflow::counted`] |
//! | `slot-since` | exchanges in [`Overflow::take`], [`Overflow::wipe`], maximum in [`Overflow::raise_watermark`] | fences in [`Overflow::since`], `Overflow::copy_all` |

use super::read::Step;
use super::ring::{Entry, Reserved};
#[cfg(any(flightdeck_loom, all(feature = "mapped", target_os = "linux")))]
use crate::region::copied::Copied;
use crate::region::{LINE, Line, Region, Words};
use crate::sync::{Arc, AtomicU64, Relaxed, acquire, acquire_fence, acquire_release, release, release_fence};
#[cfg(any(flightdeck_loom, all(feature = "mapped", target_os = "linux")))]
use std::io;

/// The sizes of an overflow, powers of two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slots {
    /// How many there are.
    pub count: usize,
    /// Words of each.
    pub words: usize,
}

/// Words of a slot before its records: the state, the ticks from which on nothing of it is, and how many records were ever
/// committed there.
const SLOT_HEADER: usize = 3;
/// In a slot: how many records were ever committed there, by which a reader knows how many it missed.
const TOTAL: usize = 2;
/// Control words: the line of writers, and that of the watermark.
const CONTROL: usize = 2 * LINE;
/// On the line of writers: the next ticket.
const NEXT: usize = 0;
/// On the line of writers: from these ticks on nothing has been overwritten.
const SINCE: usize = 1;
/// On the line of writers: how many records were ever committed, and what was about to be where a writer was stopped for good.
const RECORDS: usize = 2;
/// On the line of the watermark: tickets below have been pruned.
const WATERMARK: usize = 0;
/// On the line of the watermark: from these ticks on nothing was pruned.
const PRUNED_SINCE: usize = 1;

impl Slots {
    /// Words of memory that an overflow of these sizes takes: whole lines.
    pub const fn footprint(self) -> usize {
        (CONTROL + self.count * self.words).next_multiple_of(LINE)
    }

    /// Whether an overflow may have these sizes.
    pub(crate) fn is_sound(self) -> bool {
        self.count.is_power_of_two() && self.words.is_power_of_two() && self.words > SLOT_HEADER
    }
}

/// What a slot's state says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct State(u64);

impl State {
    const fn writing(ticket: u64) -> Self {
        Self(ticket << 2 | 1)
    }

    const fn holds(ticket: u64) -> Self {
        Self(ticket << 2)
    }

    /// Another one than that of before, which a reader may still have in hand.
    const fn wiped(ticket: u64) -> Self {
        Self(ticket << 2 | 2)
    }

    const fn is_being_written(self) -> bool {
        self.0 & 1 == 1
    }

    const fn is_wiped(self) -> bool {
        self.0 & 2 == 2
    }

    const fn ticket(self) -> u64 {
        self.0 >> 2
    }
}

/// What a slot held while it was copied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Content {
    /// Which of its contents.
    pub ticket: u64,
    /// The position of its first word.
    pub position: u64,
    /// How many records were ever committed to the slot, these included.
    pub total: u64,
    /// Whether queries pass over it.
    pub is_pruned: bool,
}

/// Slots for records of one class. Any thread may write, in any context, and read.
#[derive(Debug)]
pub struct Overflow {
    slots: Words,
    writers: Line,
    watermark: Line,
    sizes: Slots,
}

impl Overflow {
    /// Lays it out in `region`, from word `start` on.
    ///
    /// # Panics
    /// If the sizes contradict each other or the region: they are computed, never input.
    pub fn new(region: &Arc<Region>, start: usize, sizes: Slots) -> Self {
        let overflow = Self::open(region, start, sizes);
        // One lap in, so that no slot holds ticket 0, which is that of an empty one.
        overflow.writers.at::<NEXT>().store(sizes.count as u64, Relaxed);
        overflow
    }

    /// The overflow that lies in `region` from word `start` on: stores nothing.
    ///
    /// # Panics
    /// If the sizes contradict each other or the region: whoever reads them from a file has checked them.
    pub fn open(region: &Arc<Region>, start: usize, sizes: Slots) -> Self {
        assert!(sizes.is_sound(), "{sizes:?}");
        Self {
            writers: region.line(start),
            watermark: region.line(start + LINE),
            slots: region.words(start + CONTROL, sizes.count * sizes.words),
            sizes,
        }
    }

    /// How many records were ever committed, or are about to be: for ever, where a writer was stopped for good in its commit.
    pub(crate) fn records(&self) -> u64 {
        self.writers.at::<RECORDS>().load(Relaxed)
    }

    /// The same. Whoever looks at the slots afterwards finds each of these records counted there.
    pub fn counted(&self) -> u64 {
        let records = self.records();
        // Acquire, edge `slot-count` (partner: `commit`): the counts of the slots are no older.
        acquire_fence("slot-count");
        records
    }

    /// How many records were ever committed to slot `number`, which none that is about to be is counted among. `None` while somebody is in
    /// it: for ever, if they were stopped for good there.
    pub fn committed(&self, number: u64) -> Option<u64> {
        let [state, _since, total, ..] = self.slot(number) else { return None };
        let before = State(state.load(Relaxed));
        // Acquire, edge `slot-commit` (partner: `commit`): the count is that of what the slot holds.
        acquire_fence("slot-commit");
        if before.is_being_written() {
            return None;
        }
        let total = total.load(Relaxed);
        // Acquire, edge `slot-claim` (partner: `take`): if the count is of a later ticket, so is the state.
        acquire_fence("slot-claim");
        (State(state.load(Relaxed)) == before).then_some(total)
    }

    /// Room for a record, or a batch, of so many words, not yet published. `None` if a slot is too small, or there is
    /// somebody in all of them. Wait-free: so many attempts as there are slots.
    pub fn reserve(&self, words: usize) -> Option<(Slot<'_>, Reserved<'_>)> {
        if words > self.sizes.words - SLOT_HEADER {
            return None;
        }
        let ticket = (0..self.sizes.count).find_map(|_| {
            // Relaxed: a ticket stands for itself.
            let ticket = self.writers.at::<NEXT>().fetch_add(1, Relaxed);
            self.take(ticket).then_some(ticket)
        })?;
        let (room, rest) = self.slot(ticket).get(SLOT_HEADER..)?.split_at_checked(words)?;
        // A zero word ends what the slot holds. All of them are zero, so that nothing of earlier tickets stays where nobody
        // looks.
        rest.iter().for_each(|word| word.store(0, Relaxed));
        Some((Slot { overflow: self, ticket }, Reserved { position: self.first(ticket), words: room }))
    }

    /// Takes the slot of a ticket, unless somebody is in it.
    fn take(&self, ticket: u64) -> bool {
        let words = self.slot(ticket);
        let [state, since, ..] = words else { return false };
        // Acquire, edge `slot-commit` (partner: `commit`): up to when the loss reaches.
        let before = State(state.load(acquire("slot-commit")));
        // Somebody slower than a whole lap finds a later ticket here.
        if before.is_being_written() || before.ticket() >= ticket {
            return false;
        }
        let since = since.load(Relaxed);
        // Acquire, edge `slot-claim` (partner: ourselves, in another thread): these ticks may be of a later ticket by now.
        acquire_fence("slot-claim");
        if State(state.load(Relaxed)) != before {
            return false;
        }
        self.writers.at::<SINCE>().fetch_max(since, Relaxed);
        // Release, edge `slot-since` (partner: `since`): whoever finds the old content gone learns up to when. Acquire, edge
        // `slot-commit` (partner: `commit`): our words come after those of whoever was here before.
        let claimed = state.compare_exchange(
            before.0,
            State::writing(ticket).0,
            acquire_release("slot-commit", "slot-since"),
            Relaxed,
        );
        // Release, edge `slot-claim` (partner: `copy`): a reader that copied one of our words sees the new state.
        release_fence("slot-claim");
        claimed.is_ok()
    }

    /// The position of a ticket's first word.
    fn first(&self, ticket: u64) -> u64 {
        // Saturating: in a mapped file a ticket may be anything.
        self.end(ticket).saturating_add(SLOT_HEADER as u64)
    }

    /// The words of a ticket's slot.
    fn slot(&self, ticket: u64) -> &[AtomicU64] {
        // SAFETY: a slot starts at a multiple of its length, and whole ones fill the run.
        unsafe {
            self.slots.run_unchecked((ticket as usize).wrapping_mul(self.sizes.words), self.sizes.words)
        }
    }

    /// Where a query may read: below this ticket, in slots that are not being written. All that was recorded before is.
    #[inline]
    pub fn cut(&self) -> u64 {
        self.writers.at::<NEXT>().load(Relaxed)
    }

    /// Whether anything was ever recorded here, or is about to be.
    pub(crate) fn is_used(&self) -> bool {
        self.used(self.cut()) > 0
    }

    /// How many slots were ever used: in the first lap those from the cut on were not.
    fn used(&self, cut: u64) -> u64 {
        let lap = self.sizes.count as u64;
        // Saturating: in a mapped file a ticket may be anything.
        cut.saturating_sub(lap).min(lap)
    }

    /// Copies each slot of the cut that holds something to `words`, in no order, and hands it over with the position of
    /// its first word.
    pub(crate) fn each(&self, cut: u64, words: &mut Vec<u64>, mut visit: impl FnMut(u64, &[u64]) -> Step) {
        for number in 0..self.used(cut) {
            let Some(ticket) = self.copy(number, words).filter(|ticket| *ticket < cut) else { continue };
            if visit(self.first(ticket), words) == Step::Stop {
                return;
            }
        }
    }

    /// Copies what slot `number`, modulo how many there are, holds, and says its ticket. `None` if it holds nothing that was not pruned, or did not stay
    /// the same.
    pub fn copy(&self, number: u64, words: &mut Vec<u64>) -> Option<u64> {
        words.clear();
        self.append(number, words).filter(|content| !content.is_pruned).map(|content| content.ticket)
    }

    /// How many slots there are.
    pub(crate) fn slots(&self) -> usize {
        self.sizes.count
    }

    /// How many records were ever committed to slot `number`: a hint, except to whoever knows that nobody is in it.
    pub fn records_of(&self, number: u64) -> u64 {
        self.slot(number).get(TOTAL).map_or(0, |total| total.load(Relaxed))
    }

    /// How many records were ever committed, slot by slot; `None` if somebody is in one of them.
    pub(crate) fn recorded(&self) -> Option<u64> {
        let mut used = 0..self.used(self.cut());
        used.try_fold(0, |sum: u64, number| Some(sum.wrapping_add(self.committed(number)?)))
    }

    /// Whether nobody was ever in slot `number`.
    pub(crate) fn is_unused(&self, number: u64) -> bool {
        self.slot(number).first().is_none_or(|state| state.load(Relaxed) == 0)
    }

    /// Appends what slot `number` holds to `words`; of what was wiped, nothing. `None`, and nothing appended, if it never held
    /// anything, or did not stay the same.
    pub fn append(&self, number: u64, words: &mut Vec<u64>) -> Option<Content> {
        let slot = self.slot(number);
        let [state, since, total, records @ ..] = slot else { return None };
        let before = State(state.load(Relaxed));
        // Acquire, edge `slot-commit` (partner: `commit`): the words of what the slot holds are visible.
        acquire_fence("slot-commit");
        if before.is_being_written() || before.ticket() == 0 {
            return None;
        }
        // Of what was wiped the count is left.
        let records = if before.is_wiped() { &[] } else { records };
        let [watermark, pruned_since, ..] = self.watermark.words();
        // What was in flight when others were pruned has a ticket below the watermark and may be newer than they were.
        let is_pruned = before.is_wiped()
            || before.ticket() < watermark.load(Relaxed) && since.load(Relaxed) <= pruned_since.load(Relaxed);
        let (start, total) = (words.len(), total.load(Relaxed));
        words.extend(records.iter().map(|word| word.load(Relaxed)));
        // Acquire, edge `slot-claim` (partner: `take`): if one of these words is of a later ticket, so is the state.
        acquire_fence("slot-claim");
        if State(state.load(Relaxed)) != before {
            words.truncate(start);
            return None;
        }
        let position = self.first(before.ticket());
        Some(Content { ticket: before.ticket(), position, total, is_pruned })
    }

    /// As [`Overflow::copy`], of the slot of a position, if it still holds what had that position; its first.
    pub(crate) fn copy_at(&self, position: u64, words: &mut Vec<u64>) -> Option<u64> {
        let ticket = position / self.sizes.words as u64;
        // A ticket lies in the slot of its number modulo theirs.
        self.copy(ticket, words).filter(|held| *held == ticket).map(|held| self.first(held))
    }

    /// Copies all slots, to where an overflow of these sizes begins: what each holds, or, where that did not stay the same, that it is
    /// being written. Waits for nobody.
    ///
    /// # Errors
    /// As whoever takes the words says.
    #[cfg(any(flightdeck_loom, all(feature = "mapped", target_os = "linux")))]
    pub fn copy_all(&self, at: usize, to: &mut Copied<'_>) -> io::Result<()> {
        // Before the slots, whose counts are to be no less.
        let (records, cut) = (self.counted(), self.cut());
        for number in 0..self.used(cut) {
            let slot_at = at + CONTROL + number as usize * self.sizes.words;
            let [state, rest @ ..] = self.slot(number) else { continue };
            let before = State(state.load(Relaxed));
            // Acquire, edge `slot-commit` (partner: `commit`): the words of what the slot holds are visible.
            acquire_fence("slot-commit");
            to.load(slot_at + 1, rest)?;
            // Acquire, edge `slot-claim` (partner: `take`): if one of these words is of a later ticket, so is the state.
            acquire_fence("slot-claim");
            let after = State(state.load(Relaxed));
            let told = if after == before { before } else { State::writing(after.ticket()) };
            to.put(slot_at, &[told.0])?;
        }
        let watermark = self.watermark.at::<WATERMARK>().load(Relaxed);
        // Acquire, edge `slot-since` (partners: `take`, `raise_watermark`): of what was found gone it is known up to when.
        acquire_fence("slot-since");
        let since = self.writers.at::<SINCE>().load(Relaxed);
        let pruned_since = self.watermark.at::<PRUNED_SINCE>().load(Relaxed);
        let mut control = [0; CONTROL];
        let words = [
            (NEXT, cut),
            (SINCE, since),
            (RECORDS, records),
            (LINE + WATERMARK, watermark),
            (LINE + PRUNED_SINCE, pruned_since),
        ];
        for (place, word) in words {
            control[place] = word;
        }
        to.put(at, &control)
    }

    /// From these ticks on nothing has been overwritten or pruned. To be asked last.
    #[inline]
    pub fn since(&self) -> u64 {
        // Acquire, edge `slot-since` (partners: `take`, `raise_watermark`): whoever found something gone sees up to when.
        acquire_fence("slot-since");
        let pruned = self.watermark.at::<PRUNED_SINCE>().load(Relaxed);
        self.writers.at::<SINCE>().load(Relaxed).max(pruned)
    }

    /// Prunes what lies below the ticket of `position`, as far as none of it is at `since` ticks or later. Of several the
    /// highest counts. Returns what is pruned now.
    pub fn raise_watermark(&self, position: u64, since: u64) -> Pruned {
        let before = self.watermark.at::<PRUNED_SINCE>().fetch_max(since, Relaxed);
        let ticket = position / self.sizes.words as u64;
        // Release, edge `slot-since` (partner: `since`): `since` comes first.
        let highest = self.watermark.at::<WATERMARK>().fetch_max(ticket, release("slot-since")).max(ticket);
        Pruned { end: highest * self.sizes.words as u64, since: before.max(since) }
    }

    /// Below this position lies nothing but what was pruned, and what was in flight then.
    fn watermark(&self) -> u64 {
        self.end(self.watermark.at::<WATERMARK>().load(Relaxed))
    }

    /// Whether what may have been at a position has been overwritten or pruned since. To be asked after the slot was looked
    /// at.
    pub(crate) fn is_gone(&self, position: u64) -> bool {
        let ticket = position / self.sizes.words as u64;
        let [state, ..] = self.slot(ticket) else { return false };
        let is_overwritten = State(state.load(Relaxed)).ticket() > ticket;
        // Tickets begin one lap in.
        ticket >= self.sizes.count as u64 && (is_overwritten || position < self.watermark())
    }

    /// Overwrites what slots hold that are pruned, each as a writer would, which finds it busy meanwhile. Whoever is in
    /// the middle of one keeps it.
    pub fn wipe(&self) -> Wiped {
        let mut wiped = Wiped::default();
        for number in 0..self.used(self.cut()) {
            let slot = self.slot(number);
            let [state, since, _total, records @ ..] = slot else { continue };
            // Acquire, edge `slot-commit` (partner: `commit`): `since` is that of this ticket, if the exchange succeeds.
            let before = State(state.load(acquire("slot-commit")));
            if before.is_being_written() {
                wiped.busy += slot.len() as u64;
                continue;
            }
            let [watermark, pruned_since, ..] = self.watermark.words();
            let is_pruned = before.ticket() < watermark.load(Relaxed)
                && since.load(Relaxed) <= pruned_since.load(Relaxed);
            if before.ticket() == 0 || before.is_wiped() || !is_pruned {
                continue;
            }
            let writing = State::writing(before.ticket());
            // Release, edge `slot-since` (partner: `since`): whoever finds it gone learns up to when that was pruned. Acquire, edge
            // `slot-commit` (partner: `commit`): the zeros come after its words.
            let order = acquire_release("slot-commit", "slot-since");
            if state.compare_exchange(before.0, writing.0, order, Relaxed).is_err() {
                wiped.busy += slot.len() as u64;
                continue;
            }
            // Release, edge `slot-claim` (partner: `copy`): a reader that copied one of the zeros sees the new state.
            release_fence("slot-claim");
            records.iter().for_each(|word| word.store(0, Relaxed));
            wiped.words += records.len() as u64;
            // Release, edge `slot-commit` (partner: `take`): the next writer's words come after the zeros.
            state.store(State::wiped(before.ticket()).0, release("slot-commit"));
        }
        wiped
    }

    /// The position that a cut stands for: records have lower ones that were committed before it, and some that will be.
    pub(crate) fn end(&self, cut: u64) -> u64 {
        cut.saturating_mul(self.sizes.words as u64)
    }

    /// Where the slot starts that holds a position.
    pub(crate) fn start_of(&self, position: u64) -> u64 {
        position - position % self.sizes.words as u64
    }
}

/// What became of wiping an overflow, in words.
#[derive(Clone, Copy, Debug, Default)]
pub struct Wiped {
    /// So much was.
    pub words: u64,
    /// Of slots that somebody was in the middle of.
    pub busy: u64,
}

/// What is pruned of an overflow.
#[derive(Clone, Copy, Debug)]
pub struct Pruned {
    end: u64,
    since: u64,
}

impl Pruned {
    /// Whether a slot that starts there is, all of which happened before `since`.
    pub(crate) fn covers(self, start: u64, since: u64) -> bool {
        start < self.end && since <= self.since
    }
}

/// A slot that is being written: nobody else gets in before its commit.
#[derive(Debug)]
#[must_use = "a slot that is not committed is lost to the overflow"]
pub struct Slot<'a> {
    overflow: &'a Overflow,
    ticket: u64,
}

impl Slot<'_> {
    /// Publishes what was reserved, as so many records.
    pub fn commit(self, entries: impl Iterator<Item = Entry>) {
        let [state, since, total, ..] = self.overflow.slot(self.ticket) else { return };
        let (records, latest) =
            entries.fold((0, 0), |(count, latest), entry| (count + 1, entry.ticks.max(latest)));
        since.store(latest.saturating_add(1), Relaxed);
        // Ours until the commit, so a load and a store.
        total.store(total.load(Relaxed) + records, Relaxed);
        // Release, edge `slot-count` (partner: `counted`): whoever finds them counted here finds them counted in the slot.
        self.overflow.writers.at::<RECORDS>().fetch_add(records, release("slot-count"));
        // Release, edge `slot-commit` (partners: `copy`, `take`): all words of the slot are visible with it.
        state.store(State::holds(self.ticket).0, release("slot-commit"));
    }
}

#[cfg(all(test, not(flightdeck_loom)))]
mod tests {
    use crate::Severity;
    use crate::clock::{Clock, Ticks};
    use crate::events::record::{Flags, Lead};
    use crate::events::ring::Entry;
    use crate::events::shard::Owner;
    use crate::events::{Batch, Builder, Class, Cursor, Delivery, Events, LossCause, Stamp, Value, Verdict};
    use crate::sync::Relaxed;
    use std::time::Duration;

    crate::kind! {
        Rare("overflow.rare", class = Critical) { n: u64 }
        Usual("overflow.usual") { n: u64 }
        Long("overflow.long") { text: str }
    }

    /// A store whose shards are all taken, on a clock that moves on by one tick a record.
    fn full(builder: Builder) -> Events {
        let clock = Clock::stepping(Duration::from_nanos(1));
        let events = builder.shards(1).shared_shards(1).clock(clock).build().unwrap();
        assert!(events.view().shards.iter().all(|shard| shard.try_claim(Owner::UNKNOWN)));
        events
    }

    fn numbers(events: &Events, id: u64) -> Vec<u64> {
        let answer = events.query().correlation(id).run().unwrap();
        let number = |value: Option<Value<'_>>| match value {
            Some(Value::U64(number)) => number,
            other => panic!("{other:?}"),
        };
        answer.iter().map(|event| number(event.field("n"))).collect()
    }

    #[test]
    fn what_finds_no_shard_free_is_found_like_everything_else() {
        let events = full(Events::builder().memory(1 << 20));
        for n in 0..12 {
            match n % 3 {
                0 => events.record_with(Stamp::of(n % 2 + 1), Rare { n }),
                _ => events.record_with(Stamp::of(n % 2 + 1), Usual { n }),
            }
        }
        events.mark(Usual { n: 12 });
        assert_eq!(numbers(&events, 1), [0, 2, 4, 6, 8, 10], "in the order of the calls, over both classes");
        let answer = events.query().run().unwrap();
        assert_eq!((answer.len(), answer.verdict()), (13, Verdict::Complete));
        let thread = answer.iter().next().unwrap().thread();
        assert_eq!(events.query().thread(thread).count(), 12);
        assert_eq!(events.query().kind::<Rare>().count(), 4);
        assert_eq!(events.query().budget(5).run().unwrap().len(), 5);
        let mut ids: Vec<_> = answer.iter().map(|event| event.id()).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), 13, "each event has an id of its own");
        let stats = events.stats();
        assert_eq!((stats.written, stats.overflowed, stats.kept, stats.lost()), (13, 13, 13, 0));
    }

    #[test]
    fn what_is_overwritten_is_said_to_be() {
        let events = full(Events::builder().memory(1 << 20).overflow_slots(16));
        (0..5).for_each(|n| events.record_with(Stamp::of(1_u64), Rare { n }));
        (0..100).for_each(|n| events.record_with(Stamp::of(2_u64), Usual { n }));
        assert_eq!(numbers(&events, 2), (84..100).collect::<Vec<_>>());
        assert_eq!(numbers(&events, 1), [0, 1, 2, 3, 4], "one class does not overwrite another");
        let answer = events.query().correlation(2_u64).run().unwrap();
        let oldest = answer.iter().next().unwrap().ticks();
        assert_eq!(answer.verdict(), Verdict::Overwritten { since: oldest });
        let of_critical = events.query().kind::<Rare>().run().unwrap();
        assert_eq!(of_critical.verdict(), Verdict::Complete);
        assert_eq!(events.stats().overwritten, 84);
    }

    #[test]
    fn what_is_pruned_stays_away() {
        let events = full(Events::builder().memory(1 << 20));
        (0..10).for_each(|n| events.record_with(Stamp::of(1_u64), Usual { n }));
        let from = events.query().run().unwrap().iter().nth(4).unwrap().ticks();
        assert_eq!((events.prune_before(from), events.prune_before(from)), (4, 0));
        assert_eq!(numbers(&events, 1), [4, 5, 6, 7, 8, 9]);
        let answer = events.query().run().unwrap();
        assert_eq!(answer.verdict(), Verdict::Overwritten { since: from });
        assert_eq!((events.clear(), events.query().count(), events.stats().pruned), (6, 0, 10));
        events.record_with(Stamp::of(1_u64), Usual { n: 77 });
        assert_eq!(numbers(&events, 1), [77]);
    }

    #[test]
    fn what_is_in_flight_during_a_prune_is_not_pruned() {
        let events = full(Events::builder().memory(1 << 20));
        events.record_with(Stamp::of(1_u64), Usual { n: 1 });
        let overflow = &events.view().overflow[Class::Normal];
        let (slot, reserved) = overflow.reserve(6).unwrap();
        assert_eq!(events.clear(), 1);
        let header = Lead::of_kind(0, Severity::Info, Class::Normal, Flags::NONE).of_record(6, Flags::NONE);
        let ticks = events.clock().now().0;
        for (place, word) in reserved.words.iter().zip([header.word(), ticks, 0, 9, 0, 0]) {
            place.store(word, Relaxed);
        }
        slot.commit(std::iter::once(Entry { ticks, kind: 0, bucket: None }));
        assert_eq!((events.query().correlation(9_u64).count(), events.query().count()), (1, 1));
        assert_eq!(events.clear(), 1);
        assert_eq!(events.query().count(), 0);
    }

    #[test]
    fn a_batch_that_fits_a_slot_lies_in_one() {
        let events = full(Events::builder().memory(1 << 20));
        let mut batch = Batch::new();
        (0..6).for_each(|n| batch.push_with(Stamp::of(5_u64), Usual { n }));
        assert_eq!(events.record_batch(&mut batch).unwrap(), 6);
        assert_eq!(numbers(&events, 5), [0, 1, 2, 3, 4, 5]);
        let answer = events.query().run().unwrap();
        assert!(answer.iter().all(|event| event.batch().is_some_and(|part| part.is_whole)));
        (0..60).for_each(|n| batch.push_with(Stamp::of(6_u64), Usual { n }));
        assert_eq!(events.record_batch(&mut batch).unwrap(), 60);
        let [loss] = &events.losses()[..] else { panic!("{:?}", events.losses()) };
        assert_eq!((loss.cause, loss.count), (LossCause::NoShard, 60));
    }

    #[test]
    fn what_is_too_long_for_a_slot_is_a_counted_loss() {
        let events = full(Events::builder().memory(1 << 20));
        let fits = "x".repeat(488 - 48 - 8);
        events.record(Long { text: &fits });
        assert_eq!((events.query().count(), events.stats().lost()), (1, 0));
        events.record(Long { text: &"x".repeat(488) });
        let [loss] = &events.losses()[..] else { panic!("{:?}", events.losses()) };
        assert_eq!((loss.cause, loss.class, loss.shard), (LossCause::NoShard, Class::Normal, None));
        let verdict = events.query().run().unwrap().verdict();
        assert!(matches!(verdict, Verdict::Overwritten { since } if since > Ticks(0)), "{verdict:?}");
    }

    #[test]
    fn there_is_room_as_long_as_there_is_a_slot_with_nobody_in_it() {
        let events = full(Events::builder().memory(1 << 20).overflow_slots(4));
        let overflow = &events.view().overflow[Class::Normal];
        let mut held: Vec<_> = (0..4).map(|_| overflow.reserve(3).unwrap()).collect();
        assert!(overflow.reserve(3).is_none(), "there is somebody in all of them");
        assert_eq!(events.query().count(), 0);
        let (slot, reserved) = held.swap_remove(2);
        reserved.words.iter().for_each(|word| word.store(0, Relaxed));
        slot.commit(std::iter::empty());
        for n in 0..3 {
            events.record(Usual { n });
        }
        let answer = events.query().run().unwrap();
        assert_eq!((answer.len(), events.stats().lost()), (1, 0), "all in the one that is left");
    }

    /// What a cursor delivers, and how many records its gaps stand for.
    fn drained(cursor: &mut Cursor) -> (Vec<u64>, u64) {
        let (mut numbers, mut missing) = (Vec::new(), 0);
        cursor.drain(|delivery| match delivery {
            Delivery::Event(event) => {
                numbers.extend(event.field("n").and_then(|number| number.as_u64()));
            }
            Delivery::Gap(gap) => missing += gap.count,
        });
        (numbers, missing)
    }

    #[test]
    fn what_comes_after_a_wipe_is_delivered_like_everything_else() {
        for before in [4, 8, 11] {
            let events = full(Events::builder().memory(1 << 20).overflow_slots(4));
            let mut cursor = events.cursor();
            (0..before).for_each(|n| events.record(Usual { n }));
            let _ = drained(&mut cursor);
            events.clear();
            assert!(events.scrub().is_complete());
            (100..104).for_each(|n| events.record(Usual { n }));
            assert_eq!(drained(&mut cursor), (vec![100, 101, 102, 103], 0), "{before}");
            assert_eq!((cursor.stats().accounted(), cursor.stats().behind), (before + 4, 0));
        }
    }

    #[test]
    fn a_writer_that_is_stopped_for_good_in_its_commit_leaves_no_cursor_behind() {
        for is_counted in [false, true] {
            let events = full(Events::builder().memory(1 << 20).overflow_slots(4));
            let mut cursor = events.cursor();
            events.record(Usual { n: 1 });
            let overflow = &events.view().overflow[Class::Normal];
            let (slot, _) = overflow.reserve(6).unwrap();
            // As far as it came.
            overflow.slot(slot.ticket)[super::TOTAL].fetch_add(1, Relaxed);
            overflow.writers.at::<{ super::RECORDS }>().fetch_add(u64::from(is_counted), Relaxed);
            events.record(Usual { n: 2 });
            assert_eq!(cursor.stats().behind, 2);
            assert_eq!(drained(&mut cursor), (vec![1, 2], 0));
            assert_eq!((cursor.stats().behind, cursor.stats().accounted()), (0, 2), "{is_counted}");
            let mut late = events.cursor();
            assert_eq!(late.stats().behind, 0);
            for n in 3..9 {
                events.record(Usual { n });
                assert_eq!(drained(&mut late), (vec![n], 0), "{is_counted}");
            }
            assert_eq!((late.stats().behind, late.stats().accounted()), (0, 6));
        }
    }

    #[test]
    fn what_was_wiped_before_a_cursor_looks_is_a_gap() {
        let events = full(Events::builder().memory(1 << 20).overflow_slots(4));
        let mut cursor = events.cursor();
        (0..3).for_each(|n| events.record(Usual { n }));
        events.clear();
        let _ = events.scrub();
        assert_eq!(drained(&mut cursor), (vec![], 3));
        let stats = cursor.stats();
        assert_eq!((stats.pruned, stats.overwritten, stats.accounted(), stats.behind), (3, 0, 3, 0));
        // One that begins at wiped slots.
        let mut cursor = events.cursor();
        assert_eq!(cursor.stats().behind, 0);
        (0..12).for_each(|n| events.record(Usual { n }));
        assert_eq!(drained(&mut cursor), (vec![8, 9, 10, 11], 8));
        assert_eq!((cursor.stats().accounted(), cursor.stats().behind), (12, 0));
    }
}
