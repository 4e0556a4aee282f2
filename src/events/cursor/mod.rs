//! Following a store: each event once, as it comes, and each gap counted.
//!
//! | file | idea |
//! |---|---|
//! | `track` | a place in one ring, and how many records were passed |
//! | `source` | what is followed: a ring, the slots of a class |
//! | `losses` | what was never stored |
//! | `start` | where it begins |
//! | `pace` | when it looks, and how long it parks |
//! | `prompt` | being woken |
//! | `delivery` | what it hands over, and its accounts |
//! | `lanes` | a cursor for each class, for pipelines |
//!
//! A cursor is a reader like a query: it copies, and believes what is intact. Writers do nothing for it and know nothing of
//! it, so it can be too slow; then records are overwritten before it comes by. How many, it knows to the last one: rings
//! number their blocks, slots count their contents.

mod delivery;
mod lanes;
mod losses;
mod pace;
mod prompt;
mod source;
mod start;
mod track;

#[cfg(flightdeck_loom)]
pub use super::read::NoRecord;
pub use delivery::{CursorState, CursorStats, Delivery, Gap, GapCause, Progress};
pub(in crate::events) use lanes::Written;
pub use start::Start;
#[cfg(any(test, flightdeck_loom))]
pub use track::Track;

use super::answer::{Place, Recorded};
use super::class::{Class, PerClass};
use super::error::{FollowError, QueryError};
use super::handle::Events;
use super::overflow::Overflow;
use super::query::{Filter, Query};
use super::ring::Ring;
use super::store::Store;
use super::view::View;
use crate::clock::Ticks;
use crate::sync::Arc;
use losses::KnownLosses;
use pace::Pace;
use prompt::Listening;
use source::{Late, One, RingSource, SlotSource, Wanted};
use std::cmp::Reverse;
use std::collections::binary_heap::BinaryHeap;
use std::collections::vec_deque::VecDeque;
use std::fmt;
use std::time::{Duration, Instant};

/// Follows a store: hands over each event once, and says exactly how many it could not.
///
/// From [`Events::cursor`] or [`Query::follow`]. Moves between threads, and serves one at a time; a store has as many as you
/// like, each with a place of its own. Writers do nothing for it: they do not wait for a slow one, and do not wake one that
/// waits, unless it is [prompt](Cursor::prompt). So events may be overwritten before it comes by; then a [`Gap`] says how many. It sees nothing that its store does
/// not hold: it is no queue, and keeps nothing for anybody.
///
/// **Looks.** It looks how far each ring reaches, at most once in 20 us, since that costs the writer the line it commits on,
/// and takes all that is there. What is found in one look is delivered in order of time, then shard, class and position; with
/// [`Cursor::precious_first`] critical events come before normal and verbose ones. Events of one shard and class always come in
/// the order in which they were recorded, times that hosts supply included. A look takes the clock first and leaves
/// later stamps to the next look. So from one look to the next time goes back only where an event was stamped before the look and
/// committed after it, which is as far as a thread was held up in the middle of recording, and where hosts supply times:
/// [`CursorStats::late`] counts those.
///
/// **Gaps** come before the next event of their ring, or at the end of a look. They count events of whatever kind, filters or
/// not. Where events are missing and none has come after them, the gap is told with the next one of its ring. A cursor that is too
/// slow for a writer gives up what the writer is about to overwrite, goes on a quarter of the ring behind it and counts that as
/// overwritten: right in front of it, it would make it half as fast, and deliver no more.
///
/// **The end.** After [`Events::stop`], or when the last handle of the store is dropped, it is closed once all is delivered. What
/// another thread was in the middle of recording, or a [`Writer`](super::Writer) that outlives the handles records, may come after
/// that: a later call delivers it.
///
/// **Cost.** A load or two for each ring in use and look, a copy of 4 KiB at a time and one of each event; blocks that hold
/// nothing of what is asked for are passed as a whole. No allocation once its buffers have grown to the longest event, and
/// to what the overflow holds. It takes 8 bytes for each slot of the overflow. Wait-free, but where it parks.
///
/// ```
/// use flightdeck::events::{Delivery, Events, Start};
/// flightdeck::kind! { OrderFilled("order.filled") { qty: u64 } }
///
/// let events = Events::builder().build()?;
/// let mut cursor = events.cursor();
/// events.record(OrderFilled { qty: 5 });
/// events.stop();
/// while let Some(delivery) = cursor.recv() {
///     match delivery {
///         Delivery::Event(event) => println!("{event:?}"),
///         Delivery::Gap(gap) => println!("{} events are missing: {}", gap.count, gap.cause.name()),
///         _ => {}
///     }
/// }
/// assert_eq!(cursor.stats().delivered, 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Cursor {
    view: Arc<View>,
    /// Of a store, and not of a recording.
    store: Option<Arc<Store>>,
    wanted: Wanted,
    classes: PerClass<bool>,
    rings: Box<[RingSource]>,
    slots: Box<[SlotSource]>,
    losses: KnownLosses,
    /// The next event of each source that has one in this look, the first on top.
    heads: BinaryHeap<Reverse<Head>>,
    /// Whose events come before all of those.
    turn: Option<Turn>,
    /// Gaps that no event of this look follows, and losses.
    gaps: VecDeque<Gap>,
    one: One,
    precious_first: bool,
    pace: Pace,
    /// Of a prompt one.
    listening: Option<Listening>,
    /// The store had ended before the last look.
    has_ended: bool,
    delivered: u64,
    late: u64,
    /// The greatest stamp delivered, in this look and before it.
    newest: Ticks,
    newest_before: Ticks,
}

/// So often in a row the next event may be gone just before it is copied. Each time somebody has pruned meanwhile; in a file
/// that somebody changes at will it could be so for ever.
const FRUITLESS: u32 = 64;

/// An event that is next in its source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Head {
    /// Lower ones first, whatever their time.
    rank: u8,
    order: (Ticks, Place, u64),
    /// Rings first, then slots.
    source: usize,
}

/// A source whose next event comes before those of all others, and until when: as a rule several do, one after the other.
#[derive(Clone, Copy, Debug)]
struct Turn {
    source: usize,
    /// The first of the others.
    until: Option<Head>,
}

/// What comes next; an event lies in `Cursor::one`.
enum Next {
    Event,
    Gap(Gap),
}

impl Events {
    /// Follows everything that is recorded from now on. See [`Cursor`].
    ///
    /// ```
    /// use flightdeck::events::{CursorState, Events};
    /// flightdeck::kind! { OrderFilled("order.filled") { qty: u64 } }
    ///
    /// let events = Events::builder().build()?;
    /// events.record(OrderFilled { qty: 1 });
    /// let mut cursor = events.cursor();
    /// (2..=4).for_each(|qty| events.record(OrderFilled { qty }));
    /// // No more than two at a time.
    /// let progress = cursor.poll(2, |delivery| println!("{delivery:?}"));
    /// assert_eq!((progress.events, progress.state), (2, CursorState::More));
    /// let progress = cursor.poll(2, |delivery| println!("{delivery:?}"));
    /// assert_eq!((progress.events, progress.state), (1, CursorState::Idle));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn cursor(&self) -> Cursor {
        Cursor::of_all(self.view())
    }
}

impl Query<'_> {
    /// Follows what matches and is recorded from now on. See [`Cursor`]. A [name](Query::kind_named) stands for the kinds
    /// that have it by now, not for those that are declared later.
    ///
    /// # Errors
    /// If filters are contradictory or unknown, or it asks for an order, a limit or a budget, which answers have.
    pub fn follow(self) -> Result<Cursor, QueryError> {
        self.follow_from(Start::Now)
    }

    /// The same, with what came before as far as it is still there.
    ///
    /// ```
    /// use flightdeck::events::{Delivery, Events, Start};
    /// flightdeck::kind! { OrderFilled("order.filled") { qty: u64 } Cancelled("order.cancelled") { qty: u64 } }
    ///
    /// let events = Events::builder().build()?;
    /// events.record(Cancelled { qty: 5 });
    /// events.record(OrderFilled { qty: 5 });
    /// let mut cursor = events.query().kind::<OrderFilled>().follow_from(Start::Oldest)?;
    /// events.record(OrderFilled { qty: 7 });
    /// let mut kinds = Vec::new();
    /// cursor.drain(|delivery| kinds.extend(delivery.event().map(|event| event.kind().to_owned())));
    /// assert_eq!(kinds, ["order.filled", "order.filled"]);
    /// assert_eq!(cursor.stats().filtered, 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As of [`Query::follow`], and if it is to start at an event that is not there.
    pub fn follow_from(mut self, start: Start) -> Result<Cursor, QueryError> {
        let late = self.filter.settle_coming(&self.view.schemas)?;
        if let Some(what) = self.of_answers() {
            return Err(QueryError::NotFollowed { what });
        }
        let from = start.bound(self.view)?;
        let late = (!late.is_empty()).then(|| {
            let (known, filter) = (self.view.schemas.clone(), self.filter.of_any_kind());
            Box::new(Late { sites: late, known, filter })
        });
        let mut cursor = Cursor::new(self.view, self.filter, from);
        cursor.wanted.late = late;
        Ok(cursor)
    }
}

impl Cursor {
    /// Of whatever comes.
    pub(in crate::events) fn of_all(view: &Arc<View>) -> Self {
        Self::new(view, Filter::everything(), None)
    }

    fn new(view: &Arc<View>, filter: Filter, from: Option<(Ticks, Place, u64)>) -> Self {
        let classes = filter.coming_classes(&view.schemas);
        let losses = KnownLosses::now(view);
        let rings: Box<[_]> = view
            .rings()
            .filter(|(_, class, _)| classes[*class])
            .map(|(shard, class, ring)| {
                let place = Place { shard, class };
                match from {
                    Some(_) => RingSource::at_oldest(place, ring),
                    None => RingSource::at_newest(place, ring),
                }
            })
            .collect();
        let shard = view.shards.len() as u16;
        let slots: Box<[_]> = view
            .overflow
            .iter()
            .filter(|(class, _)| classes[*class])
            .map(|(class, overflow)| SlotSource::new(Place { shard, class }, overflow, from.is_some()))
            .collect();
        let sources = rings.len() + slots.len();
        let mut blocks = filter.coming_blocks(&view.schemas);
        blocks.from = blocks.from.max(from.map_or(Ticks(0), |(from, ..)| from));
        let least = (Ticks(0), Place { shard: 0, class: Class::Critical }, 0);
        Self {
            view: view.clone(),
            store: view.store.upgrade(),
            wanted: Wanted {
                everything: from.is_none_or(|from| from == least) && filter.wants_every_record(),
                filter,
                blocks,
                from: from.unwrap_or(least),
                latest: None,
                clock: view.clock.clone(),
                late: None,
            },
            classes,
            rings,
            slots,
            losses,
            heads: BinaryHeap::with_capacity(sources),
            turn: None,
            gaps: VecDeque::with_capacity(2 * sources),
            one: One::default(),
            precious_first: false,
            pace: Pace::default(),
            listening: None,
            has_ended: false,
            delivered: 0,
            late: 0,
            newest: Ticks(0),
            newest_before: Ticks(0),
        }
    }

    /// Delivers what one look found by retention class, critical events first, and then in order of time; by default in
    /// order of time alone.
    #[must_use]
    pub fn precious_first(mut self, on: bool) -> Self {
        self.precious_first = on;
        self
    }

    /// How long it parks between two looks while it waits: `least` at first, doubling to `most`, and from the beginning after
    /// each delivery. 50 us to 1 ms by default, and not less than 20 us. So an event is delivered at the latest that much after
    /// it was recorded, and what the system takes to run a thread.
    #[must_use]
    pub fn park_between(mut self, least: Duration, most: Duration) -> Self {
        self.pace.set(least, most);
        self
    }

    /// Hands over what is there, at most `demand` events, and the gaps before them. Never waits.
    ///
    /// Where all that the last look found is delivered, it looks again, once, and not within 20 us of the last time; so
    /// [`CursorState::Idle`] means that there was nothing a moment ago.
    pub fn poll(&mut self, demand: usize, visit: impl FnMut(Delivery<'_>)) -> Progress {
        self.deliver(demand, Pace::may_look, visit)
    }

    /// Hands over all that was recorded before this call, and what comes while it looks. Never waits. The rule of 20 us does
    /// not hold here: called in a loop it slows down the writers.
    pub fn drain(&mut self, visit: impl FnMut(Delivery<'_>)) -> Progress {
        self.deliver(usize::MAX, |_| true, visit)
    }

    /// At most so many events, and one look.
    fn deliver(
        &mut self,
        demand: usize,
        may_look: impl FnOnce(&Pace) -> bool,
        mut visit: impl FnMut(Delivery<'_>),
    ) -> Progress {
        let (mut events, mut gaps, mut may_look) = (0, 0, Some(may_look));
        while events < demand {
            match self.step() {
                Some(Next::Event) => {
                    events += 1;
                    if let Some(event) = self.event() {
                        visit(Delivery::Event(event));
                    }
                }
                Some(Next::Gap(gap)) => {
                    gaps += 1;
                    visit(Delivery::Gap(gap));
                }
                None if may_look.take().is_some_and(|may_look| may_look(&self.pace)) => self.look(),
                None => break,
            }
        }
        Progress { events, gaps, state: self.state() }
    }

    /// The next event or gap; waits for it up to `timeout`, parking the thread.
    ///
    /// # Errors
    /// If nothing came in that time, or the store has stopped and all was delivered.
    pub fn next(&mut self, timeout: Duration) -> Result<Delivery<'_>, FollowError> {
        // Further away than the clock reaches: for ever.
        let deadline = Instant::now().checked_add(timeout);
        match self.wait(deadline) {
            Some(next) => self.delivery(next).ok_or(FollowError::Closed),
            None if self.state() == CursorState::Closed => Err(FollowError::Closed),
            None => Err(FollowError::TimedOut { waited: timeout }),
        }
    }

    /// The next event or gap, waiting for it as long as it takes; `None` once the store has stopped and all was delivered.
    /// In a `while let` it is what a blocking iterator would be, which cannot lend what it hands over.
    pub fn recv(&mut self) -> Option<Delivery<'_>> {
        let next = self.wait(None)?;
        self.delivery(next)
    }

    fn wait(&mut self, deadline: Option<Instant>) -> Option<Next> {
        loop {
            if let Some(next) = self.step() {
                return Some(next);
            }
            if self.pace.may_look() {
                self.look();
                if let Some(next) = self.step() {
                    return Some(next);
                }
            }
            if self.state() == CursorState::Closed {
                return None;
            }
            let stay = self.pace.stay(deadline)?;
            if self.announce() {
                self.look();
                if let Some(next) = self.step() {
                    return Some(next);
                }
                if self.state() == CursorState::Closed {
                    return None;
                }
            }
            self.park(stay);
        }
    }

    fn delivery(&self, next: Next) -> Option<Delivery<'_>> {
        match next {
            Next::Event => self.event().map(Delivery::Event),
            Next::Gap(gap) => Some(Delivery::Gap(gap)),
        }
    }

    /// The event that was copied last.
    fn event(&self) -> Option<Recorded<'_>> {
        let row = self.one.row.as_ref()?;
        Some(Recorded { view: &self.view, row, payload: &self.one.bytes })
    }

    /// What it did so far, and how far behind it is. Reads the line of each ring that its writer commits on, as a look does.
    #[must_use]
    pub fn stats(&self) -> CursorStats {
        let mut stats = CursorStats {
            delivered: self.delivered,
            lost: self.losses.lost,
            late: self.late,
            looks: self.pace.looks,
            parks: self.pace.parks,
            nameless: if self.wanted.filter.goes_by_names() { self.view.schemas.nameless() } else { 0 },
            ..CursorStats::default()
        };
        if let Some(listening) = &self.listening {
            (stats.woken, stats.deaf) = (listening.woken, listening.deaf);
        }
        let behind = self.rings.iter().map(|source| source.behind(ring(&self.view, source.place)));
        let of_slots = self.slots.iter().map(|source| source.behind(&self.view.overflow[source.place.class]));
        stats.behind = behind.chain(of_slots).fold(0, u64::saturating_add);
        let accounts = self.rings.iter().map(|source| source.accounts);
        for accounts in accounts.chain(self.slots.iter().map(|source| source.accounts)) {
            stats.filtered = stats.filtered.saturating_add(accounts.filtered);
            stats.overwritten = stats.overwritten.saturating_add(accounts.overwritten);
            stats.pruned = stats.pruned.saturating_add(accounts.pruned);
        }
        let of_turn = self.turn.and_then(|turn| match self.rings.get(turn.source) {
            Some(of_ring) => of_ring.head(),
            None => self.slots.get(turn.source - self.rings.len())?.head(),
        });
        let oldest = self.heads.iter().map(|Reverse(head)| head.order.0).chain(of_turn).min();
        stats.lag = match oldest {
            Some(oldest) => Duration::from_nanos(self.view.clock.ns_since(oldest)),
            None if stats.behind > 0 => self.pace.since_look(),
            None => Duration::ZERO,
        };
        stats
    }

    fn state(&self) -> CursorState {
        if self.has_heads() || !self.gaps.is_empty() {
            CursorState::More
        } else if self.has_ended && !self.has_something_later() {
            CursorState::Closed
        } else {
            CursorState::Idle
        }
    }

    /// Whether events of the last look are left.
    fn has_heads(&self) -> bool {
        self.turn.is_some() || !self.heads.is_empty()
    }

    /// Whether something is there that the last look left to the next one.
    fn has_something_later(&self) -> bool {
        self.rings.iter().any(|ring| ring.waits) || self.slots.iter().any(|slots| slots.waits)
    }

    /// Looks how far everything reaches now. To be called when all of the last look is delivered.
    fn look(&mut self) {
        let view = &*self.view;
        // Before the tails: what was recorded before the end is found then.
        self.has_ended =
            self.has_ended || self.store.as_ref().is_some_and(|store| store.kinds.has_ended(&store.orphaned));
        self.pace.look();
        if self.store.is_none() && !self.has_ended && self.pace.may_ask() {
            self.has_ended = view.is_over();
        }
        // First the clock, then the tails, as a query does.
        self.wanted.latest = view.latest();
        self.newest_before = self.newest;
        for source in &mut self.rings {
            let ring = ring(view, source.place);
            if ring.is_used() {
                source.look(ring);
            }
        }
        for source in &mut self.slots {
            source.look(overflow(view, source.place), &self.wanted);
        }
        let (gaps, classes) = (&mut self.gaps, self.classes);
        self.losses.look(view, classes, |gap| gaps.push_back(gap));
        for source in 0..self.rings.len() + self.slots.len() {
            if let Some(head) = self.peek(source) {
                self.heads.push(Reverse(head));
            }
        }
        self.collect_gaps();
    }

    /// Where no event is left, takes what is missing behind the last ones.
    fn collect_gaps(&mut self) {
        if self.has_heads() {
            return;
        }
        let of_rings = self.rings.iter_mut().map(|source| (source.gap(), source.gap()));
        let of_slots = self.slots.iter_mut().map(|source| (source.gap(), source.gap()));
        for (first, second) in of_rings.chain(of_slots) {
            self.gaps.extend(first.into_iter().chain(second));
        }
    }

    /// The next event of a source.
    #[inline(always)]
    fn peek(&mut self, source: usize) -> Option<Head> {
        let order = match self.rings.get_mut(source) {
            Some(of_ring) => of_ring.peek(ring(&self.view, of_ring.place), &self.wanted)?,
            None => self.slots.get_mut(source - self.rings.len())?.peek()?,
        };
        let rank = if self.precious_first { order.1.class as u8 } else { 0 };
        Some(Head { rank, order, source })
    }

    /// Counts an event of a source whose fields are not as asked for.
    fn filter_out(&mut self, source: usize) {
        let accounts = match self.rings.get_mut(source) {
            Some(of_ring) => Some(&mut of_ring.accounts),
            None => self.slots.get_mut(source - self.rings.len()).map(|slots| &mut slots.accounts),
        };
        if let Some(accounts) = accounts {
            accounts.filtered = accounts.filtered.saturating_add(1);
        }
    }

    /// What comes next of what the last look found.
    fn step(&mut self) -> Option<Next> {
        let next = self.step_unpaced();
        if next.is_some() {
            self.pace.reset();
        }
        next
    }

    #[inline]
    fn step_unpaced(&mut self) -> Option<Next> {
        let mut fruitless = 0;
        loop {
            if let Some(gap) = self.gaps.pop_front() {
                return Some(Next::Gap(gap));
            }
            let turn = match self.turn {
                Some(turn) => turn,
                None => self.next_turn()?,
            };
            let (gap, taken) = match self.rings.get_mut(turn.source) {
                Some(of_ring) => match of_ring.gap() {
                    None => (None, of_ring.take(ring(&self.view, of_ring.place), &mut self.one)),
                    gap => (gap, None),
                },
                None => match self.slots.get_mut(turn.source - self.rings.len()) {
                    Some(slots) => match slots.gap() {
                        None => (None, slots.take(&mut self.one)),
                        gap => (gap, None),
                    },
                    None => (None, None),
                },
            };
            if let Some(gap) = gap {
                return Some(Next::Gap(gap));
            }
            match self.peek(turn.source) {
                Some(head) if turn.until.is_none_or(|until| head < until) => {}
                head => self.end_turn(head),
            }
            let Some(ticks) = taken else {
                fruitless += 1;
                if fruitless == FRUITLESS {
                    self.put_off(turn.source);
                }
                continue;
            };
            fruitless = 0;
            if self.wanted.filter.asks_for_fields()
                && !self.event().is_some_and(|event| self.wanted.filter.wants_fields(&event))
            {
                self.filter_out(turn.source);
                continue;
            }
            self.delivered += 1;
            self.late += u64::from(ticks < self.newest_before);
            self.newest = self.newest.max(ticks);
            return Some(Next::Event);
        }
    }

    /// The source whose event comes first; none if no event is left.
    fn next_turn(&mut self) -> Option<Turn> {
        let Reverse(head) = self.heads.pop()?;
        let until = self.heads.peek().map(|Reverse(head)| *head);
        self.turn = Some(Turn { source: head.source, until });
        self.turn
    }

    /// Leaves the rest of a source to the next look.
    #[cold]
    fn put_off(&mut self, source: usize) {
        match self.rings.get_mut(source) {
            Some(of_ring) => of_ring.waits = true,
            None => return,
        }
        self.heads.retain(|Reverse(head)| head.source != source);
        if self.turn.is_some_and(|turn| turn.source == source) {
            self.end_turn(None);
        }
    }

    /// Another source has the first event now, or none has.
    fn end_turn(&mut self, head: Option<Head>) {
        self.turn = None;
        self.heads.extend(head.map(Reverse));
        // The last one may have gone just before it was copied.
        self.collect_gaps();
    }
}

/// The ring of a place. What is followed are rings of the store.
fn ring(view: &View, place: Place) -> &Ring {
    &view.shards[usize::from(place.shard)].rings()[place.class]
}

/// The overflow of a place.
fn overflow(view: &View, place: Place) -> &Overflow {
    &view.overflow[place.class]
}

impl fmt::Debug for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cursor").field("stats", &self.stats()).finish_non_exhaustive()
    }
}

const _: fn() = || {
    fn moves<T: Send>() {}
    moves::<Cursor>();
};
