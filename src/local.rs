//! A thread's one block: which decks it writes to, the scope it works in, and whether it is in the
//! middle of a write.
//!
//! The block is one plain thread-local without destructor, so a hot path finds it by one address
//! computation. It holds a few entries of a deck and what the thread holds of it; the first is tried first. A second
//! thread-local with a destructor, touched only when an entry is made, gives everything back when
//! the thread exits and leaves the block in the state [`State::Ended`]: nothing claims again, and what
//! later destructors record or count takes the shared ways.
//!
//! What an entry points to is kept alive by an `Arc` beside it. Decks are told apart by ids that are
//! never used twice: an entry of a dropped deck is a miss, and is swept when its thread makes
//! another entry or ends.

mod number;

use crate::id::{CorrelationId, DeckId, SpanId};
use crate::random;
use crate::sync::{Arc, plain_thread_local};
use std::cell::{Cell, RefCell};
use std::ptr::NonNull;

#[cfg(flightdeck_loom)]
pub use number::Numbers;
pub(crate) use number::{NUMBERS, number, number_at_hand};

/// How many decks a thread remembers. One more, and its records and counts take the shared ways.
const DECKS_PER_THREAD: usize = 8;

/// What a thread holds of a deck for as long as it lives.
pub(crate) trait Seat: Send + Sync {
    /// The thread ends or forgets the deck: gives back what was claimed. Called once, on the thread
    /// that claimed, after the last use.
    fn release(&self);
    /// Whether nobody else has an interest in the deck any more.
    fn is_orphaned(&self) -> bool;
}

/// What a thread can hold of a deck.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// Its shard of the event store.
    Shard = 0,
    /// Its slab of telemetry cells.
    Slab = 1,
    /// Its shard of the event store, while a claim is open in it: who looks for the shard finds none.
    Claimed = 2,
    /// What it counted of events that were held back.
    Tally = 3,
    /// The label sets of metrics that it has at hand.
    Series = 4,
    /// Where its slab of telemetry cells begins. Held as long as the slab is.
    Cells = 5,
}

/// How many those are.
const ROLES: usize = 6;

/// Where a thread is in its life, as far as this block goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Live,
    /// The destructors of this thread run, or have run.
    Ended,
}

/// Why a thread cannot hold something of a deck.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The thread is ending.
    Ended,
    /// The thread already holds as many decks as it remembers.
    Full,
    /// The thread is just about to take a seat, or to give one back: an allocator or a handler asks.
    Nested,
}

struct Entry {
    deck: Cell<DeckId>,
    held: [Cell<Option<NonNull<()>>>; ROLES],
}

impl Entry {
    const fn empty() -> Self {
        Self { deck: Cell::new(DeckId::NONE), held: [const { Cell::new(None) }; ROLES] }
    }
}

struct Block {
    entries: [Entry; DECKS_PER_THREAD],
    state: Cell<State>,
    busy: Cell<bool>,
    taking: Cell<bool>,
    registering: Cell<bool>,
    scope: Cell<Scope>,
    /// The state of this thread's generator of span ids; 0: not seeded yet.
    spans: Cell<u64>,
}

/// The id and span that a thread works for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Scope {
    pub(crate) id: CorrelationId,
    pub(crate) span: SpanId,
    /// [`Scope::FRESH`] and the like. No booleans, some of whose bytes no scope has: the compiler would mark by one of those that there
    /// is no block to read, and look for it in each record. A whole word, as all else here: it is copied as such.
    pub(crate) marks: u64,
    /// The ticks at which the span began, or [`Scope::NOT_KNOWN`].
    pub(crate) since: u64,
}

impl Scope {
    /// In place of the ticks at which a span began: it began elsewhere.
    pub(crate) const NOT_KNOWN: u64 = u64::MAX;
    pub(crate) const NONE: Self =
        Self { id: CorrelationId::NONE, span: SpanId::NONE, marks: 0, since: Self::NOT_KNOWN };
    /// Nothing has been recorded in this scope yet, and it was not carried here from elsewhere: its
    /// first record is the root of its id.
    pub(crate) const FRESH: u64 = 1;
    /// Whoever began its trace does not keep it.
    pub(crate) const UNSAMPLED: u64 = 2;

    #[inline(always)]
    pub(crate) const fn is(self, mark: u64) -> bool {
        self.marks & mark != 0
    }

    #[inline(always)]
    pub(crate) const fn marked(self, mark: u64, on: bool) -> Self {
        let marks = if on { self.marks | mark } else { self.marks & !mark };
        Self { marks, ..self }
    }
}

plain_thread_local! {
    static BLOCK: Block = Block {
        entries: [const { Entry::empty() }; DECKS_PER_THREAD],
        state: Cell::new(State::Live),
        busy: Cell::new(false),
        taking: Cell::new(false),
        registering: Cell::new(false),
        scope: Cell::new(Scope::NONE),
        spans: Cell::new(0),
    };
}

plain_thread_local! {
    static SEATS: Seats = Seats { taken: RefCell::new(Vec::new()) };
}

/// What this thread holds of `deck`, if it holds it.
#[inline(always)]
pub(crate) fn held(deck: DeckId, role: Role) -> Option<NonNull<()>> {
    BLOCK.with(|block| {
        let first = &block.entries[0];
        if first.deck.get() == deck {
            first.held[role as usize].get()
        } else {
            held_further(block, deck, role)
        }
    })
}

/// As [`held`], and looks at the first deck alone: without a call, so its caller may keep all in registers.
#[inline(always)]
pub(crate) fn held_first(deck: DeckId, role: Role) -> Option<NonNull<()>> {
    BLOCK.with(|block| {
        let first = &block.entries[0];
        if first.deck.get() == deck { first.held[role as usize].get() } else { None }
    })
}

#[inline(never)]
fn held_further(block: &Block, deck: DeckId, role: Role) -> Option<NonNull<()>> {
    let entry = block.entries[1..].iter().find(|entry| entry.deck.get() == deck)?;
    entry.held[role as usize].get()
}

/// From now on this thread holds as `to` what it holds of `deck` as `from`.
pub(crate) fn hold_as(deck: DeckId, from: Role, to: Role) {
    BLOCK.with(|block| {
        if let Some(entry) = block.entries.iter().find(|entry| entry.deck.get() == deck) {
            entry.held[to as usize].set(entry.held[from as usize].take());
        }
    });
}

/// Whether this thread may still take a seat: cheap, and to be asked before claiming anything.
pub(crate) fn may_hold(deck: DeckId) -> Result<(), Refusal> {
    // Touched first, so that it is registered before anything depends on its destructor.
    let swept = SEATS.try_with(Seats::sweep);
    BLOCK.with(|block| {
        match swept {
            Err(_) => return Err(Refusal::Ended),
            Ok(_) if block.state.get() == State::Ended => return Err(Refusal::Ended),
            Ok(false) => return Err(Refusal::Nested),
            Ok(true) => {}
        }
        let free = |entry: &Entry| entry.deck.get() == deck || entry.deck.get() == DeckId::NONE;
        if block.entries.iter().any(free) { Ok(()) } else { Err(Refusal::Full) }
    })
}

/// Gives back what this thread holds of decks that nobody else has an interest in. A thread that ends has done so.
pub(crate) fn let_go_of_orphans() {
    let _ = SEATS.try_with(Seats::sweep);
}

/// Remembers that this thread holds `target`, which lives as long as `seat`.
///
/// # Errors
/// As [`may_hold`]; the seat is then released by the caller.
pub(crate) fn hold(
    deck: DeckId,
    role: Role,
    target: NonNull<()>,
    seat: Arc<dyn Seat>,
) -> Result<(), Refusal> {
    may_hold(deck)?;
    // What allocates below may record: such a record goes another way.
    let _busy = Busy::set();
    SEATS
        .try_with(|seats| {
            let Ok(mut taken) = seats.taken.try_borrow_mut() else {
                return Err(Refusal::Nested);
            };
            taken.push(Taken { deck, role, seat });
            BLOCK.with(|block| {
                let own = block.entries.iter().find(|entry| entry.deck.get() == deck);
                let entry =
                    own.or_else(|| block.entries.iter().find(|entry| entry.deck.get() == DeckId::NONE));
                if let Some(entry) = entry {
                    entry.deck.set(deck);
                    entry.held[role as usize].set(Some(target));
                }
            });
            Ok(())
        })
        .unwrap_or(Err(Refusal::Ended))
}

/// From now on this thread holds a slab of `deck`'s cells that begins here, for as long as it holds the slab's seat.
pub(crate) fn hold_cells(deck: DeckId, first: NonNull<()>) {
    BLOCK.with(|block| {
        if let Some(entry) = block.entries.iter().find(|entry| entry.deck.get() == deck)
            && entry.held[Role::Slab as usize].get().is_some()
        {
            entry.held[Role::Cells as usize].set(Some(first));
        }
    });
}

/// This thread is all that a fork left, in a child: it forgets what it holds, and finds out at its next record or
/// count. Touches nothing but the block, as in a signal handler.
pub(crate) fn forget_in_child() {
    BLOCK.with(|block| {
        for entry in &block.entries {
            entry.deck.set(DeckId::NONE);
            entry.held.iter().for_each(|held| held.set(None));
        }
    });
}

/// The mark that this thread is in the middle of a write. While it is set, a second write on the
/// thread (a signal handler's, a panic hook's) must take another way.
pub(crate) struct Busy(());

impl Busy {
    /// Sets the mark; `None` if it was set already.
    #[inline(always)]
    pub(crate) fn set() -> Option<Self> {
        BLOCK.with(|block| if block.busy.replace(true) { None } else { Some(Self(())) })
    }
}

impl Drop for Busy {
    #[inline(always)]
    fn drop(&mut self) {
        BLOCK.with(|block| block.busy.set(false));
    }
}

/// The mark that this thread is about to take something for telemetry, which allocates. An allocator that counts
/// while it is set must take nothing of its own.
pub(crate) struct Taking(());

impl Taking {
    /// Sets the mark; `None` if it was set already.
    pub(crate) fn set() -> Option<Self> {
        BLOCK.with(|block| if block.taking.replace(true) { None } else { Some(Self(())) })
    }
}

impl Drop for Taking {
    fn drop(&mut self) {
        BLOCK.with(|block| block.taking.set(false));
    }
}

/// The mark that this thread is in a registry of metrics, which allocates under its lock. An allocator that counts while
/// it is set must not look for a metric.
pub(crate) struct Registering(());

impl Registering {
    /// Sets the mark; `None` if it was set already.
    pub(crate) fn set() -> Option<Self> {
        BLOCK.with(|block| if block.registering.replace(true) { None } else { Some(Self(())) })
    }

    pub(crate) fn is_set() -> bool {
        BLOCK.with(|block| block.registering.get())
    }
}

impl Drop for Registering {
    fn drop(&mut self) {
        BLOCK.with(|block| block.registering.set(false));
    }
}

/// The scope this thread is in.
#[inline(always)]
pub(crate) fn scope() -> Scope {
    BLOCK.with(|block| block.scope.get())
}

/// The scope this thread is in; from now on it is no longer fresh.
#[inline(always)]
pub(crate) fn use_scope() -> Scope {
    BLOCK.with(|block| {
        let scope = block.scope.get();
        if scope.is(Scope::FRESH) {
            block.scope.set(scope.marked(Scope::FRESH, false));
        }
        scope
    })
}

/// Puts this thread into another scope and returns the one it was in.
#[inline(always)]
pub(crate) fn replace_scope(scope: Scope) -> Scope {
    BLOCK.with(|block| block.scope.replace(scope))
}

/// A span id that no other span has, on this thread or any other: 64 bits of a generator. `seed` is asked once in a thread's life, so whether it is random costs later ids nothing.
#[inline]
pub(crate) fn fresh_span(seed: impl FnOnce() -> u64) -> SpanId {
    BLOCK.with(|block| {
        let state = match block.spans.get() {
            0 => seed(),
            state => state,
        };
        let (state, number) = random::next(state);
        block.spans.set(state);
        // Zero means none.
        SpanId::new(number.max(1))
    })
}

/// Starts this thread's generator of span ids anew.
pub(crate) fn seed_spans(seed: u64) {
    BLOCK.with(|block| block.spans.set(seed));
}

struct Taken {
    deck: DeckId,
    role: Role,
    seat: Arc<dyn Seat>,
}

struct Seats {
    taken: RefCell<Vec<Taken>>,
}

impl Seats {
    /// Forgets the decks that nobody else has an interest in. `false`: somebody on this thread is at it.
    fn sweep(&self) -> bool {
        let Ok(mut taken) = self.taken.try_borrow_mut() else { return false };
        let orphaned: Vec<Taken> = taken.extract_if(.., |taken| taken.seat.is_orphaned()).collect();
        drop(taken);
        orphaned.iter().for_each(Taken::give_back);
        true
    }
}

impl Taken {
    fn give_back(&self) {
        BLOCK.with(|block| {
            for entry in block.entries.iter().filter(|entry| entry.deck.get() == self.deck) {
                entry.held[self.role as usize].set(None);
                if self.role == Role::Shard {
                    entry.held[Role::Claimed as usize].set(None);
                }
                if self.role == Role::Slab {
                    entry.held[Role::Cells as usize].set(None);
                }
                if entry.held.iter().all(|held| held.get().is_none()) {
                    entry.deck.set(DeckId::NONE);
                }
            }
        });
        self.seat.release();
    }
}

impl Drop for Seats {
    fn drop(&mut self) {
        BLOCK.with(|block| block.state.set(State::Ended));
        for taken in self.taken.borrow_mut().drain(..) {
            taken.give_back();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sync::{AtomicBool, AtomicU64, Relaxed};

    #[derive(Default)]
    struct Counted {
        released: AtomicU64,
        orphaned: AtomicBool,
    }

    impl Seat for Counted {
        fn release(&self) {
            self.released.fetch_add(1, Relaxed);
        }
        fn is_orphaned(&self) -> bool {
            self.orphaned.load(Relaxed)
        }
    }

    fn take(deck: DeckId, role: Role, seat: &Arc<Counted>) -> Result<(), Refusal> {
        hold(deck, role, NonNull::from(&**seat).cast(), seat.clone())
    }

    #[test]
    fn what_a_thread_holds_is_given_back_once_when_it_exits() {
        let (deck, seat) = (DeckId::unique(), Arc::new(Counted::default()));
        std::thread::scope(|threads| {
            threads.spawn(|| {
                assert_eq!(held(deck, Role::Shard), None);
                take(deck, Role::Shard, &seat).unwrap();
                take(deck, Role::Slab, &seat).unwrap();
                assert!(held(deck, Role::Shard).is_some() && held(deck, Role::Slab).is_some());
                assert_eq!(held(DeckId::unique(), Role::Shard), None);
            });
        });
        // A scope's thread may still run its destructors when `scope` returns; its end is what counts.
        while Arc::strong_count(&seat) > 1 {
            std::thread::yield_now();
        }
        assert_eq!(seat.released.load(Relaxed), 2);
    }

    #[test]
    fn a_thread_remembers_eight_decks_and_forgets_orphans_first() {
        std::thread::spawn(|| {
            let seats: Vec<_> = (0..8).map(|_| (DeckId::unique(), Arc::new(Counted::default()))).collect();
            for (deck, seat) in &seats {
                take(*deck, Role::Slab, seat).unwrap();
            }
            assert!(seats.iter().all(|(deck, _)| held(*deck, Role::Slab).is_some()));
            let (ninth, seat) = (DeckId::unique(), Arc::new(Counted::default()));
            assert_eq!(take(ninth, Role::Slab, &seat), Err(Refusal::Full));
            seats[3].1.orphaned.store(true, Relaxed);
            take(ninth, Role::Slab, &seat).unwrap();
            assert!(held(ninth, Role::Slab).is_some());
            assert_eq!(held(seats[3].0, Role::Slab), None);
            assert_eq!(seats[3].1.released.load(Relaxed), 1);
        })
        .join()
        .unwrap();
    }

    #[test]
    fn whoever_asks_in_the_middle_of_a_sweep_is_refused() {
        #[derive(Default)]
        struct Asking(std::sync::Mutex<Vec<Result<(), Refusal>>>);
        impl Seat for Asking {
            fn release(&self) {}
            fn is_orphaned(&self) -> bool {
                // As an allocator would that records.
                let asked = may_hold(DeckId::unique());
                self.0.lock().unwrap().push(asked);
                false
            }
        }
        std::thread::spawn(|| {
            let seat = Arc::new(Asking::default());
            hold(DeckId::unique(), Role::Slab, NonNull::from(&*seat).cast(), seat.clone()).unwrap();
            assert_eq!(may_hold(DeckId::unique()), Ok(()));
            assert_eq!(*seat.0.lock().unwrap(), [Err(Refusal::Nested)]);
        })
        .join()
        .unwrap();
    }

    #[test]
    fn the_thread_that_a_fork_leaves_finds_nothing_held_and_gives_back_what_it_had() {
        let (deck, seat) = (DeckId::unique(), Arc::new(Counted::default()));
        let other = seat.clone();
        std::thread::spawn(move || {
            take(deck, Role::Shard, &other).unwrap();
            forget_in_child();
            assert_eq!(held(deck, Role::Shard), None);
            assert_eq!(may_hold(DeckId::unique()), Ok(()), "it may hold a deck of its own");
        })
        .join()
        .unwrap();
        assert_eq!(seat.released.load(Relaxed), 1);
    }

    #[test]
    fn a_second_write_on_one_thread_sees_the_first() {
        let first = Busy::set();
        assert!(first.is_some() && Busy::set().is_none());
        drop(first);
        assert!(Busy::set().is_some());
    }
}
