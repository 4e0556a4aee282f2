//! The label sets that a thread uses, at hand: a small table of handles by label values.
//!
//! A set is found by hash and compared in full. What is in the table holds a claim on its series like any other
//! handle, so its cells are never another's. In return it lets go when asked: the registry raises its generation when
//! caches hold idle series, and each thread empties its table before the next use. A thread that never comes by again
//! keeps what it holds until it ends, which is no more than 1,024 series.

use super::kind::{Kept, Kind};
use super::member::Cached;
use crate::id::DeckId;
use crate::local::{self, Role, Seat};
use crate::sync::{Arc, AtomicBool, Relaxed, UnsafeCell, compiler_fence};
use crate::telemetry::handle::Inner;
use std::ptr::NonNull;

/// Sets that share a place.
const WAYS: usize = 4;
/// Places at first, and at most: powers of two.
const FIRST_PLACES: usize = 16;
const MOST_PLACES: usize = 256;

/// A family's label values as they are looked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sought<'a> {
    /// Never used twice.
    pub(super) family: u64,
    pub(super) hash: u64,
    pub(super) values: &'a [&'a str],
    /// The registry's, before anything was resolved.
    pub(super) generation: u64,
}

impl Sought<'_> {
    /// What is compared first; 0 marks an empty place.
    fn tag(&self) -> u64 {
        self.hash | 1
    }
}

/// Ends each value: no byte of any text.
const END: u8 = 0xff;

#[derive(Debug)]
struct Entry {
    family: u64,
    /// All values, each with its end.
    text: Box<[u8]>,
    handle: Kept,
    _cached: Option<Cached>,
}

impl Entry {
    #[inline(always)]
    fn is(&self, sought: &Sought<'_>) -> bool {
        if self.family != sought.family {
            return false;
        }
        let mut rest = &*self.text;
        for value in sought.values {
            let Some((head, tail)) = rest.split_at_checked(value.len()) else { return false };
            match tail.split_first() {
                Some((&END, after)) if head == value.as_bytes() => rest = after,
                _ => return false,
            }
        }
        rest.is_empty()
    }
}

#[derive(Debug, Default)]
struct Place {
    tags: [u64; WAYS],
    entries: [Option<Entry>; WAYS],
}

/// What one thread has at hand of one telemetry.
#[derive(Debug, Default)]
pub(super) struct Cache {
    generation: u64,
    places: Vec<Place>,
    /// Which way gives room next.
    next: usize,
}

impl Cache {
    #[inline(always)]
    fn place(&self, hash: u64) -> usize {
        // The tag has the low bits; the number of places is a power of two.
        (hash >> 32) as usize & self.places.len().wrapping_sub(1)
    }

    /// The handle of these values.
    #[inline(always)]
    pub(super) fn find<M: Kind>(&self, sought: &Sought<'_>) -> Option<&M> {
        if self.generation != sought.generation {
            return None;
        }
        let place = self.places.get(self.place(sought.hash))?;
        for (tag, entry) in place.tags.iter().zip(&place.entries) {
            if *tag == sought.tag()
                && let Some(entry) = entry
                && entry.is(sought)
            {
                return M::in_kept(&entry.handle);
            }
        }
        None
    }

    /// Keeps a handle that was not found, in place of another's if there is no room.
    pub(super) fn insert<M: Kind>(&mut self, sought: &Sought<'_>, handle: M) {
        if self.generation != sought.generation {
            self.places.clear();
            self.generation = sought.generation;
        }
        let mut text = Vec::with_capacity(sought.values.iter().map(|value| value.len() + 1).sum());
        for value in sought.values {
            text.extend_from_slice(value.as_bytes());
            text.push(END);
        }
        let cached = handle.cell().cached();
        let entry =
            Entry { family: sought.family, text: text.into(), handle: handle.kept(), _cached: cached };
        self.put(sought.hash, entry);
    }

    fn put(&mut self, hash: u64, entry: Entry) {
        let full = |place: &Place| place.tags.iter().all(|tag| *tag != 0);
        while self.places.len() < MOST_PLACES && self.places.get(self.place(hash)).is_none_or(full) {
            self.grow();
        }
        let (place, next) = (self.place(hash), self.next);
        let Some(place) = self.places.get_mut(place) else { return };
        let way = place.tags.iter().position(|tag| *tag == 0).unwrap_or_else(|| {
            self.next = (next + 1) % WAYS;
            next
        });
        place.tags[way] = hash | 1;
        place.entries[way] = Some(entry);
    }

    fn grow(&mut self) {
        let places = (self.places.len() * 2).max(FIRST_PLACES);
        let fresh = std::iter::repeat_with(Place::default).take(places).collect();
        for place in std::mem::replace(&mut self.places, fresh) {
            let kept = place.tags.into_iter().zip(place.entries);
            kept.for_each(|(tag, entry)| {
                // A tag is the hash but for a bit that no place depends on.
                if let Some(entry) = entry {
                    self.put(tag, entry);
                }
            });
        }
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        self.places.iter().flat_map(|place| &place.entries).flatten().count()
    }
}

/// A thread's cache, for as long as it lives.
pub(super) struct CacheSeat {
    inner: Arc<Inner>,
    /// This thread is at it, perhaps further down its stack: an allocator or a signal handler asks.
    busy: AtomicBool,
    cache: UnsafeCell<Cache>,
}

// SAFETY: only the thread that holds the seat reaches the cache, one call at a time: `busy`.
unsafe impl Sync for CacheSeat {}

impl Seat for CacheSeat {
    fn release(&self) {}

    fn is_orphaned(&self) -> bool {
        // Not while it is in use: what this thread does meanwhile may make it look for seats to give back.
        self.inner.orphaned.load(Relaxed) && !self.busy.load(Relaxed)
    }
}

/// A thread's cache in use.
pub(super) struct Entered<'a>(&'a CacheSeat);

/// What came of a try to use a thread's cache.
pub(super) enum Access<'a> {
    Entered(Entered<'a>),
    /// It is in use further down the stack.
    Nested,
    /// The thread has none.
    None,
}

impl Entered<'_> {
    #[inline(always)]
    pub(super) fn with<R>(&mut self, body: impl FnOnce(&mut Cache) -> R) -> R {
        // SAFETY: this is the thread's, and `busy` keeps everybody else on it out for as long as we live.
        self.0.cache.with_mut(|cache| body(unsafe { &mut *cache }))
    }
}

impl Drop for Entered<'_> {
    #[inline(always)]
    fn drop(&mut self) {
        compiler_fence();
        self.0.busy.store(false, Relaxed);
    }
}

/// This thread's cache. The seat stays while it is in use: see [`CacheSeat::is_orphaned`].
#[inline(always)]
pub(super) fn enter<'a>(deck: DeckId) -> Access<'a> {
    let Some(seat) = local::held(deck, Role::Series) else { return Access::None };
    // SAFETY: this thread holds the seat, which is given back only when the thread ends, or takes another seat while
    // this one is not busy.
    let seat: &'a CacheSeat = unsafe { seat.cast::<CacheSeat>().as_ref() };
    if seat.busy.load(Relaxed) {
        return Access::Nested;
    }
    // Relaxed: read by this thread alone. A signal handler of it sees the mark before anything that the cache does.
    seat.busy.store(true, Relaxed);
    compiler_fence();
    Access::Entered(Entered(seat))
}

/// Takes a cache for this thread, if it may hold one more thing.
pub(super) fn take(inner: &Arc<Inner>) {
    if local::may_hold(inner.deck).is_ok() {
        let seat = Arc::new(CacheSeat {
            inner: inner.clone(),
            busy: AtomicBool::new(false),
            cache: UnsafeCell::new(Cache::default()),
        });
        let target = NonNull::from(&*seat).cast();
        // A thread that is refused resolves anew each time.
        let _ = local::hold(inner.deck, Role::Series, target, seat);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::{Counter, Telemetry};

    fn sought<'a>(hash: u64, values: &'a [&'a str]) -> Sought<'a> {
        Sought { family: 1, hash, values, generation: 0 }
    }

    #[test]
    fn values_of_one_hash_stay_apart() {
        let telemetry = Telemetry::new();
        let (x, y) = (telemetry.counter("x"), telemetry.counter("y"));
        let mut cache = Cache::default();
        cache.insert(&sought(7, &["a", "bc"]), x.clone());
        cache.insert(&sought(7, &["ab", "c"]), y.clone());
        for (values, handle) in [(["a", "bc"], &x), (["ab", "c"], &y)] {
            cache.find::<Counter>(&sought(7, &values)).unwrap().increment(1);
            assert_eq!(handle.value(), 1);
        }
        for other in [&["abc", ""][..], &["a", "b"], &["a"], &["a", "bc", ""], &[]] {
            assert!(cache.find::<Counter>(&sought(7, other)).is_none(), "{other:?}");
        }
        assert!(cache.find::<Counter>(&Sought { family: 2, ..sought(7, &["a", "bc"]) }).is_none());
        assert!(cache.find::<Counter>(&Sought { generation: 1, ..sought(7, &["a", "bc"]) }).is_none());
    }

    #[test]
    fn a_cache_keeps_what_it_has_while_it_grows_and_is_bounded() {
        let counter = Telemetry::new().counter("x");
        let mut cache = Cache::default();
        let hash = |n: u64| n.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        for n in 0..5_000 {
            cache.insert(&sought(hash(n), &[&n.to_string()]), counter.clone());
            let found = |n: u64| cache.find::<Counter>(&sought(hash(n), &[&n.to_string()])).is_some();
            assert!(found(n));
            if cache.places.len() < MOST_PLACES {
                assert!((0..n).all(found), "{n}");
            }
        }
        assert!((513..=1_024).contains(&cache.len()), "{}", cache.len());
        cache.insert(&Sought { generation: 1, ..sought(1, &["a"]) }, counter);
        assert_eq!(cache.len(), 1, "all else was let go");
    }
}
