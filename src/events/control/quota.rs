//! Rates by key: so many a second for each tenant, each route.
//!
//! A table of fixed size with open addressing and linear probing, from which nothing is ever taken out, so a key is
//! found where it was put. A key is put in by one exchange of its hash into an empty place, whose key follows: whoever
//! meets the hash before the key takes it for its own, which it is but for hashes of 64 keyed bits that collide within
//! that moment. Whoever comes later compares the key in full. No place orders anything beyond its own key, which is
//! published by its `OnceLock`; hashes and counts stand for themselves and are Relaxed. Rates do not change, but their paces
//! do when the clock runs otherwise than it did: what becomes of the buckets then, `bucket` says.

use super::bucket::Bucket;
use super::error::QuotaError;
use super::pacing::PaceWords;
use super::rate::{Pace, Rate};
use super::suppressed::{Suppressed, SuppressedBy};
use crate::clock::Converter;
use crate::events::handle::Events;
use crate::events::store::Store;
use crate::local::Busy;
use crate::sync::{Arc, AtomicU64, AtomicUsize, Mutex, OnceLock, Relaxed};
use std::fmt;
use std::hash::Hash;

/// Keys that a quota keeps apart at most.
const MOST: usize = 65_536;
/// Places looked at for a key. At most half of them are taken as a rule, so a key that is there is found long before.
const PROBES: usize = 128;

/// What a quota goes by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Key<'a> {
    /// A number.
    Number(u64),
    /// A name. Kept in memory, once, as long as the store lives.
    Text(&'a str),
}

impl From<u64> for Key<'_> {
    fn from(number: u64) -> Self {
        Self::Number(number)
    }
}

impl<'a> From<&'a str> for Key<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(text)
    }
}

impl<'a> From<&'a String> for Key<'a> {
    fn from(text: &'a String) -> Self {
        Self::Text(text)
    }
}

impl fmt::Display for Key<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Text(text) => f.pad(text),
        }
    }
}

/// A key of the table's own.
#[derive(Debug)]
enum Kept {
    Number(u64),
    Text(Box<str>),
}

impl Kept {
    fn of(key: Key<'_>) -> Self {
        match key {
            Key::Number(number) => Self::Number(number),
            Key::Text(text) => Self::Text(text.into()),
        }
    }

    fn key(&self) -> Key<'_> {
        match self {
            Self::Number(number) => Key::Number(*number),
            Self::Text(text) => Key::Text(text),
        }
    }
}

/// A key's bucket and counts.
#[derive(Debug)]
pub struct Place {
    /// Of the key; zero: empty.
    hash: AtomicU64,
    key: OnceLock<Kept>,
    bucket: AtomicU64,
    passed: AtomicU64,
    refused: AtomicU64,
}

impl Place {
    fn empty() -> Self {
        let zero = || AtomicU64::new(0);
        Self { hash: zero(), key: OnceLock::new(), bucket: zero(), passed: zero(), refused: zero() }
    }

    /// Whether there is a token. Counts either way.
    pub fn take(&self, pace: impl Fn() -> Pace, time: impl FnOnce(u64) -> u64) -> bool {
        let now = || time(self.refused.load(Relaxed));
        let passed = Bucket(&self.bucket).take_at(|| Some(pace()), now) == Some(true);
        let counter = if passed { &self.passed } else { &self.refused };
        counter.fetch_add(1, Relaxed);
        passed
    }

    /// Whether it is empty, and for sure; else whose it is.
    #[cold]
    fn look(&self) -> Result<(), u64> {
        self.hash.compare_exchange(0, 0, Relaxed, Relaxed).map(drop)
    }
}

/// The keys of a quota.
#[derive(Debug)]
pub struct Keys {
    places: Box<[Place]>,
    used: AtomicUsize,
    most: usize,
    /// Of all keys that do not fit.
    rest: Place,
}

impl Keys {
    /// Room for so many keys; `None` where the system has not as much memory.
    pub fn new(most: usize) -> Option<Self> {
        let places = (2 * most).next_power_of_two();
        let mut reserved = Vec::new();
        reserved.try_reserve_exact(places).ok()?;
        reserved.extend((0..places).map(|_| Place::empty()));
        Some(Self { places: reserved.into(), used: AtomicUsize::new(0), most, rest: Place::empty() })
    }

    /// The place of a key, which gets one if it is new and fits, else that of the rest. Lock-free: at most so many
    /// places are looked at. A new key is kept, which allocates if it is text.
    #[inline]
    pub fn place(&self, key: Key<'_>, hash: u64) -> &Place {
        // Zero is an empty place.
        let hash = hash.max(1);
        let from = hash as usize & (self.places.len() - 1);
        let (before, after) = self.places.split_at_checked(from).unwrap_or_default();
        for place in after.iter().chain(before).take(PROBES) {
            let mut found = place.hash.load(Relaxed);
            if found == 0 {
                // As many threads may come in at once, so many more keys may fit than were asked for.
                let is_full = self.used.load(Relaxed) >= self.most;
                // An exchange, also where there is nothing to enter: it sees the last value, and the key may be here by now.
                let entered = if is_full { place.look() } else { self.enter(place, key, hash) };
                match entered {
                    Ok(()) if is_full => break,
                    Ok(()) => return place,
                    Err(other) => found = other,
                }
            }
            if found == hash && place.key.get().is_none_or(|kept| kept.key() == key) {
                return place;
            }
        }
        &self.rest
    }

    #[cold]
    #[inline(never)]
    fn enter(&self, place: &Place, key: Key<'_>, hash: u64) -> Result<(), u64> {
        // Before the exchange: from then on nothing may go wrong.
        let kept = Kept::of(key);
        place.hash.compare_exchange(0, hash, Relaxed, Relaxed)?;
        let _ours_alone = place.key.set(kept);
        self.used.fetch_add(1, Relaxed);
        Ok(())
    }

    fn all_places(&self) -> impl Iterator<Item = &Place> {
        self.places.iter().chain([&self.rest])
    }

    /// Keys and their places, those that did not fit under none.
    fn all(&self) -> impl Iterator<Item = (Option<Key<'_>>, &Place)> {
        let kept = self.places.iter().filter_map(|place| Some((Some(place.key.get()?.key()), place)));
        kept.chain([(None, &self.rest)])
    }
}

/// A rate for each of many keys, from [`Events::quota`]: a tenant, a route. To be asked before an event is recorded.
///
/// Lock-free; a key costs a hash of it, and an atomic exchange and an addition on words of its own, or the
/// addition alone when it is refused. Keys are never given up: those that come when there is no more room share one rate,
/// that of a single key.
///
/// ```
/// use flightdeck::events::{Events, Rate};
/// flightdeck::kind! { Denied("request.denied") { tenant: str } }
///
/// let events = Events::builder().build()?;
/// let by_tenant = events.quota("denied by tenant", Rate::per_minute(10), 1_000)?;
/// for _ in 0..50 {
///     if by_tenant.admits("ann") {
///         events.record(Denied { tenant: "ann" });
///     }
/// }
/// assert!(by_tenant.admits("bob"));
/// assert_eq!(events.stats().written, 10);
/// let held_back = &events.suppressed()[0];
/// assert_eq!((held_back.key.as_deref(), held_back.count), (Some("ann"), 40));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Quota {
    store: Arc<Store>,
    table: Arc<Table>,
}

#[derive(Debug)]
pub(super) struct Table {
    name: String,
    rate: Rate,
    pace: PaceWords,
    keys: Keys,
    /// Clients choose keys, so they must not be able to choose places.
    hasher: ahash::RandomState,
}

/// All quotas of a store.
#[derive(Debug, Default)]
pub(super) struct Quotas(Mutex<Vec<Arc<Table>>>);

impl Quotas {
    /// In the order in which they were made.
    fn all(&self) -> Vec<Arc<Table>> {
        // What allocates below may record: such a record goes another way.
        let _busy = Busy::set();
        self.0.lock().clone()
    }

    /// Whether there are any.
    pub(super) fn are_there(&self) -> bool {
        !self.0.lock().is_empty()
    }

    /// What was held back, in the order in which the quotas were made.
    pub(super) fn suppressed(&self) -> impl Iterator<Item = Suppressed> {
        self.all().into_iter().flat_map(|table| table.suppressed())
    }

    /// Tells their rates anew in ticks. By one thread at a time.
    pub(super) fn follow(&self, clock: &Converter, now: u64) {
        self.all().iter().for_each(|table| table.follow(table.rate.in_ticks(clock), now));
    }
}

impl Table {
    fn follow(&self, pace: Pace, now: u64) {
        let before = self.pace.get();
        self.pace.set(pace);
        self.keys.all_places().for_each(|place| Bucket(&place.bucket).follow(before, pace, now));
    }

    fn suppressed(&self) -> Vec<Suppressed> {
        let held_back = self.keys.all().map(|(key, place)| Suppressed {
            name: self.name.clone(),
            key: key.map(|key| key.to_string()),
            by: SuppressedBy::Quota,
            count: place.refused.load(Relaxed),
            passed: place.passed.load(Relaxed),
        });
        let mut held_back: Vec<_> = held_back.filter(|row| row.count > 0).collect();
        held_back.sort_by(|a, b| a.key.cmp(&b.key));
        held_back
    }
}

impl Quota {
    /// Whether one more event of this key is to be recorded. Counts either way.
    #[inline]
    #[must_use]
    pub fn admits<'k>(&self, key: impl Into<Key<'k>>) -> bool {
        let (key, table) = (key.into(), &*self.table);
        let place = table.keys.place(key, table.hasher.hash_one(key));
        place.take(|| table.pace.get(), |refused| self.store.time(refused))
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.table.name
    }

    /// Its rate.
    #[must_use]
    pub fn rate(&self) -> Rate {
        self.table.rate
    }
}

impl Events {
    /// A rate for each of `keys` keys. Asked for again by its name, it is the same one.
    ///
    /// Takes a lock, and waits as [`Events::set_directives`] does: keep the quota. Memory is reserved for twice as
    /// many keys, some 80 bytes each.
    ///
    /// # Errors
    /// If rate or number of keys are out of range, there is a quota of that name with others, or there is no memory.
    pub fn quota(&self, name: impl Into<String>, rate: Rate, keys: usize) -> Result<Quota, QuotaError> {
        let (store, name) = (self.store(), name.into());
        if !rate.is_in_range() {
            return Err(QuotaError::Rate { name, rate });
        }
        if !(1..=MOST).contains(&keys) {
            return Err(QuotaError::Keys { name, keys, most: MOST });
        }
        // Until the quota is among those that are told what happens to the clock.
        let _told = store.control.told.lock();
        let pace = PaceWords::new(rate.in_ticks(&store.clock.converter()));
        let Some(room) = Keys::new(keys) else { return Err(QuotaError::OutOfMemory { name, keys }) };
        let new = Arc::new(Table { name, rate, pace, keys: room, hasher: ahash::RandomState::new() });
        // What allocates below may record: such a record goes another way.
        let _busy = Busy::set();
        let mut tables = store.control.quotas.0.lock();
        let table = match tables.iter().find(|table| table.name == new.name) {
            None => {
                tables.push(new.clone());
                new
            }
            Some(known) if (known.rate, known.keys.most) == (rate, keys) => known.clone(),
            Some(known) => {
                let (rate, keys, name) = (known.rate, known.keys.most, new.name.clone());
                return Err(QuotaError::Exists { name, rate, keys });
            }
        };
        Ok(Quota { store: store.clone(), table })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_one_hash_are_told_apart_and_the_rest_share_a_place() {
        let keys = Keys::new(3).unwrap();
        let place = |key: &'static str, hash| std::ptr::from_ref(keys.place(key.into(), hash));
        // The last two places of eight, and on from the first.
        let found = ["a", "b", "c"].map(|key| place(key, 7));
        assert!(found[0] != found[1] && found[1] != found[2] && found[0] != found[2]);
        assert_eq!(["a", "b", "c"].map(|key| place(key, 7)), found);
        let rest = std::ptr::from_ref(&keys.rest);
        assert_eq!([place("d", 7), place("e", 0), place("a", 8)], [rest; 3], "another hash is another key");
        assert_ne!(place("b", 7), rest);
        let numbers = Keys::new(2).unwrap();
        let [number, text] =
            [Key::Number(1), Key::Text("1")].map(|key| std::ptr::from_ref(numbers.place(key, 0)));
        assert_ne!(number, text);
    }
}
