//! The least and the greatest value of a gauge since somebody last asked.
//!
//! A tracked gauge has two words besides its cell, which whoever sets it widens. Whoever reads empties them, and what was in them
//! goes to *every* reader's account, under a lock that nobody who sets takes. So readers are independent, there may be any number
//! of them, and setting costs the same for all.
//!
//! No edge is needed: each word stands for itself. A value that was set before a reading, in whatever way that is known, either
//! widened the word or found it as wide before it was emptied; both are in the reading, or in an earlier one's share for this
//! reader. One that is set meanwhile is in this reading or in the next.

use super::metric::{FloatGauge, Gauge};
use super::series::Kind;
use crate::sync::{Arc, AtomicU64, CachePadded, Mutex, Relaxed, Weak};
use ahash::AHashMap;
use std::fmt;

/// A gauge whose extremes can be told. Closed: nothing outside implements it.
pub trait Trackable: Kind {
    /// What it holds.
    type Number: Copy + PartialOrd + fmt::Debug;
    /// In the order of the numbers; `None` of what is no number.
    #[doc(hidden)]
    fn key(number: Self::Number) -> Option<u64>;
    /// The number of a key.
    #[doc(hidden)]
    fn number(key: u64) -> Self::Number;
    /// Sets the gauge itself.
    #[doc(hidden)]
    fn put(&self, number: Self::Number);
    /// What the gauge says.
    #[doc(hidden)]
    fn says(&self) -> Self::Number;
}

const SIGN: u64 = 1 << 63;

impl Trackable for Gauge {
    type Number = i64;

    #[inline(always)]
    fn key(number: i64) -> Option<u64> {
        Some(number.cast_unsigned() ^ SIGN)
    }

    fn number(key: u64) -> i64 {
        (key ^ SIGN).cast_signed()
    }

    #[inline(always)]
    fn put(&self, number: i64) {
        self.set(number);
    }

    fn says(&self) -> i64 {
        self.value()
    }
}

impl Trackable for FloatGauge {
    type Number = f64;

    /// Below zero, bits grow as numbers fall.
    #[inline(always)]
    fn key(number: f64) -> Option<u64> {
        let bits = number.to_bits();
        (!number.is_nan()).then_some(if bits & SIGN == 0 { bits | SIGN } else { !bits })
    }

    fn number(key: u64) -> f64 {
        f64::from_bits(if key & SIGN == 0 { !key } else { key & !SIGN })
    }

    #[inline(always)]
    fn put(&self, number: f64) {
        self.set(number);
    }

    fn says(&self) -> f64 {
        self.value()
    }
}

/// Keys from the least to the greatest; none if the least is greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// The least.
    pub least: u64,
    /// The greatest.
    pub greatest: u64,
}

impl Span {
    /// No key.
    pub const NONE: Self = Self { least: u64::MAX, greatest: 0 };

    fn of(key: Option<u64>) -> Self {
        key.map_or(Self::NONE, |key| Self { least: key, greatest: key })
    }

    /// Both as one.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self { least: self.least.min(other.least), greatest: self.greatest.max(other.greatest) }
    }
}

/// What a tracked gauge has besides its cell.
#[derive(Debug)]
pub struct Tracker {
    words: CachePadded<Words>,
    accounts: Mutex<Accounts>,
}

#[derive(Debug)]
struct Words {
    least: AtomicU64,
    greatest: AtomicU64,
}

/// Of each reader what was set since it last asked, as far as the words were emptied since.
#[derive(Debug, Default)]
struct Accounts {
    next: u64,
    of: Vec<(u64, Span)>,
}

impl Tracker {
    /// Of a gauge that nobody has set.
    #[must_use]
    pub fn new() -> Arc<Self> {
        let Span { least, greatest } = Span::NONE;
        let words = Words { least: AtomicU64::new(least), greatest: AtomicU64::new(greatest) };
        Arc::new(Self { words: CachePadded::new(words), accounts: Mutex::new(Accounts::default()) })
    }

    /// Two loads; more only where it is wider than all since somebody last asked.
    #[inline(always)]
    pub fn widen(&self, key: u64) {
        if key < self.words.least.load(Relaxed) {
            self.words.least.fetch_min(key, Relaxed);
        }
        if key > self.words.greatest.load(Relaxed) {
            self.words.greatest.fetch_max(key, Relaxed);
        }
    }

    /// Empties the words into all accounts. Under their lock.
    fn settle(&self, accounts: &mut Accounts) {
        let Span { least, greatest } = Span::NONE;
        let least = self.words.least.swap(least, Relaxed);
        let set = Span { least, greatest: self.words.greatest.swap(greatest, Relaxed) };
        accounts.of.iter_mut().for_each(|(_, account)| *account = account.and(set));
    }

    /// One more reader: what was set before is not its.
    pub fn open(&self) -> u64 {
        let mut accounts = self.accounts.lock();
        self.settle(&mut accounts);
        accounts.next += 1;
        let reader = accounts.next;
        accounts.of.push((reader, Span::NONE));
        reader
    }

    /// What was set since this reader took it last.
    pub fn take(&self, reader: u64) -> Span {
        let mut accounts = self.accounts.lock();
        self.settle(&mut accounts);
        let account = accounts.of.iter_mut().find(|(number, _)| *number == reader);
        account.map_or(Span::NONE, |(_, account)| std::mem::replace(account, Span::NONE))
    }

    fn close(&self, reader: u64) {
        self.accounts.lock().of.retain(|(number, _)| *number != reader);
    }
}

/// The trackers of a telemetry, by cell. Whoever has one has a handle of the series as well, so the cell is nobody else's.
#[derive(Debug)]
pub(super) struct Trackers(Mutex<AHashMap<usize, Weak<Tracker>>>);

impl Trackers {
    pub(super) fn new() -> Self {
        Self(Mutex::new(AHashMap::default()))
    }

    pub(super) fn of(&self, cell: usize) -> Arc<Tracker> {
        let mut known = self.0.lock();
        if let Some(tracker) = known.get(&cell).and_then(Weak::upgrade) {
            return tracker;
        }
        known.retain(|_, tracker| tracker.strong_count() > 0);
        let tracker = Tracker::new();
        known.insert(cell, Arc::downgrade(&tracker));
        tracker
    }
}

/// A gauge that remembers how low and how high it was set: from [`Gauge::track`] or [`FloatGauge::track`]. Cheap to clone; clones,
/// and all that are made of one series, are the same.
///
/// What is set through other handles of the series is seen if it is still there when somebody asks, and when it is there when
/// somebody asked before; no more.
#[derive(Clone, Debug)]
pub struct Tracked<G: Trackable> {
    // First, so that it goes before the claim on the cell: see `Trackers`.
    tracker: Arc<Tracker>,
    gauge: G,
}

impl<G: Trackable> Tracked<G> {
    /// Sets it. Lock-free: a store into a cell that all threads share, two
    /// loads, and an atomic minimum or maximum where it is a new one since somebody last asked. What is no number is set, and no
    /// extreme.
    #[inline(always)]
    pub fn set(&self, value: G::Number) {
        self.gauge.put(value);
        if let Some(key) = G::key(value) {
            self.tracker.widen(key);
        }
    }

    /// What it was last set to; 0 before.
    #[must_use]
    pub fn value(&self) -> G::Number {
        self.gauge.says()
    }

    /// The gauge: a handle whose sets are not tracked.
    #[must_use]
    pub fn gauge(&self) -> &G {
        &self.gauge
    }

    /// A reader of its own: it hears of what is set from now on, whatever others read.
    #[must_use]
    pub fn reader(&self) -> ExtremesReader<G> {
        let number = self.tracker.open();
        let (tracker, gauge) = (self.tracker.clone(), self.gauge.clone());
        ExtremesReader { before: gauge.says(), number, tracker, gauge }
    }
}

/// Least and greatest value of a gauge between two readings.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Extremes<N> {
    /// The least that it was.
    pub min: N,
    /// The greatest that it was.
    pub max: N,
    /// What it is now.
    pub last: N,
}

/// Tells the extremes of a [`Tracked`] gauge since it was last asked. Others that ask take nothing from it.
#[derive(Debug)]
pub struct ExtremesReader<G: Trackable> {
    // First, as in `Tracked`.
    tracker: Arc<Tracker>,
    gauge: G,
    number: u64,
    /// What the gauge said when it was last asked.
    before: G::Number,
}

impl<G: Trackable> ExtremesReader<G> {
    /// The extremes since the last call, or since this reader was made; what the gauge said then is one of the values. What is set
    /// meanwhile is in this reading or in the next, a least value perhaps in another than a greatest. Where it was no number
    /// all the time, neither are the extremes. Takes a lock that nobody who sets takes.
    pub fn read(&mut self) -> Extremes<G::Number> {
        let set = self.tracker.take(self.number);
        // After the words: what was set and is in them is no newer than this.
        let last = self.gauge.says();
        let all = set.and(Span::of(G::key(self.before))).and(Span::of(G::key(last)));
        self.before = last;
        let is_none = all.least > all.greatest;
        let number = |key| if is_none { last } else { G::number(key) };
        Extremes { min: number(all.least), max: number(all.greatest), last }
    }
}

impl<G: Trackable> Drop for ExtremesReader<G> {
    fn drop(&mut self) {
        self.tracker.close(self.number);
    }
}

macro_rules! track {
    ($($gauge:ident, $number:literal, $zero:literal;)*) => {$(
        impl $gauge {
            /// The same gauge, with a memory of how low and how high it was set through this handle and its clones: for what is
            /// sampled less often than it changes. See [`Tracked`].
            ///
            /// ```
            /// use flightdeck::telemetry::Telemetry;
            /// let telemetry = Telemetry::new();
            #[doc = concat!("let depth = telemetry.", $number, "(\"queue_depth\").track();")]
            /// let (mut scrape, mut log) = (depth.reader(), depth.reader());
            #[doc = concat!("[3", $zero, ", 40", $zero, ", 7", $zero, "].into_iter().for_each(|n| depth.set(n));")]
            /// let seen = scrape.read();
            #[doc = concat!("assert_eq!((seen.min, seen.max, seen.last), (0", $zero, ", 40", $zero, ", 7", $zero, "));")]
            #[doc = concat!("depth.set(9", $zero, ");")]
            #[doc = concat!("assert_eq!((scrape.read().min, log.read().max), (7", $zero, ", 40", $zero, "));")]
            /// ```
            #[must_use]
            pub fn track(&self) -> Tracked<Self> {
                Tracked { tracker: self.cell().tracker(), gauge: self.clone() }
            }
        }
    )*};
}

track! {
    Gauge, "gauge", "";
    FloatGauge, "float_gauge", ".0";
}
