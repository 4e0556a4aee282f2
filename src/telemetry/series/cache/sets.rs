//! A table of handles by label values: found by hash, compared in full.

use super::super::kind::{Kept, Kind};
use super::super::member::Cached;
use super::super::short;
use ahash::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::ops::Range;

/// Entries at most.
const MOST: usize = 1_024;
/// Slots at first, a power of two. Of an entry there are four at least, so that nearly each lies where it is looked for.
const FIRST_SLOTS: usize = 64;
const SLOTS_AN_ENTRY: usize = 4;
/// How many slots an entry may lie in: from its own on.
const WINDOW: usize = 8;
/// Values of which an entry has numbers.
const NUMBERS: usize = 2;

/// A family's label values as they are looked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sought<'a> {
    /// Never used twice.
    pub(crate) family: u64,
    pub(crate) hash: u64,
    numbers: [[u64; 2]; NUMBERS],
    /// The numbers tell all of the values.
    whole: bool,
    values: &'a [&'a str],
    /// The registry's, before anything was resolved.
    pub(crate) generation: u64,
}

impl<'a> Sought<'a> {
    #[inline(always)]
    pub(crate) fn new<const N: usize>(
        family: u64,
        values: &'a [&'a str; N],
        hasher: &RandomState,
        generation: u64,
    ) -> Self {
        let mut hasher = hasher.build_hasher();
        let (mut numbers, mut whole) = ([[0; 2]; NUMBERS], N <= NUMBERS);
        for (n, value) in values.iter().enumerate() {
            let number = short::number(value);
            match number {
                Some(number) => hasher.write_u128(number),
                None => hasher.write(value.as_bytes()),
            }
            whole &= number.is_some();
            if let Some(place) = numbers.get_mut(n) {
                *place = halves(number.unwrap_or(short::NONE));
            }
        }
        Self { family, hash: hasher.finish(), numbers, whole, values, generation }
    }

    pub(crate) fn values(&self) -> &'a [&'a str] {
        self.values
    }
}

/// Ends each value: no byte of any text.
const END: u8 = 0xff;

/// What an update reads of it lies in one cache line: up to where the handle has its cells.
#[derive(Debug)]
#[repr(C, align(64))]
struct Entry {
    numbers: [[u64; 2]; NUMBERS],
    family: u64,
    handle: Kept,
    rest: Box<Rest>,
}

#[derive(Debug)]
struct Rest {
    hash: u64,
    /// All values, each with its end; none where the numbers tell them.
    text: Box<[u8]>,
    _cached: Option<Cached>,
}

impl Entry {
    fn new<M: Kind>(sought: &Sought<'_>, handle: M) -> Self {
        let text = if sought.whole { Vec::new() } else { text_of(sought.values) };
        let rest = Rest { hash: sought.hash, text: text.into(), _cached: handle.cell().cached() };
        Self { numbers: sought.numbers, family: sought.family, handle: handle.kept(), rest: Box::new(rest) }
    }

    #[inline(always)]
    fn is(&self, sought: &Sought<'_>) -> bool {
        self.family == sought.family
            && differences(&self.numbers, &sought.numbers) == 0
            && (sought.whole || self.rest.has_text_of(sought.values))
    }
}

impl Rest {
    fn has_text_of(&self, values: &[&str]) -> bool {
        let mut rest = &*self.text;
        for value in values {
            let Some((head, tail)) = rest.split_at_checked(value.len()) else { return false };
            match tail.split_first() {
                Some((&END, after)) if head == value.as_bytes() => rest = after,
                _ => return false,
            }
        }
        rest.is_empty()
    }
}

/// A number of the alignment of its halves.
#[inline(always)]
fn halves(number: u128) -> [u64; 2] {
    [number as u64, (number >> 64) as u64]
}

/// Word by word, for they have just been written so: a wider load would wait for the stores.
#[inline(always)]
fn differences(a: &[[u64; 2]; NUMBERS], b: &[[u64; 2]; NUMBERS]) -> u64 {
    a.as_flattened().iter().zip(b.as_flattened()).fold(0, |all, (a, b)| all | (a ^ b))
}

fn text_of(values: &[&str]) -> Vec<u8> {
    let mut text = Vec::with_capacity(values.iter().map(|value| value.len() + 1).sum());
    for value in values {
        text.extend_from_slice(value.as_bytes());
        text.push(END);
    }
    text
}

/// Where an entry is, and some bits of its hash to know it by; 0: nowhere.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Slot(u32);

impl Slot {
    /// Bits for the number of an entry, plus one.
    const INDEX: u32 = MOST.ilog2() + 1;
    const EMPTY: Self = Self(0);

    fn new(hash: u64, entry: usize) -> Self {
        Self(Self::tag(hash) | (entry as u32 + 1))
    }

    #[inline(always)]
    fn tag(hash: u64) -> u32 {
        (hash as u32) << Self::INDEX
    }

    /// The entry, if it may be one of this hash.
    #[inline(always)]
    fn entry_of(self, hash: u64) -> Option<usize> {
        let entry = self.0 ^ Self::tag(hash);
        (entry >> Self::INDEX == 0 && entry != 0).then(|| entry as usize - 1)
    }

    fn is_of(self, entry: usize) -> bool {
        self.0 & ((1 << Self::INDEX) - 1) == entry as u32 + 1
    }
}

/// What one thread has at hand of one telemetry.
#[derive(Debug, Default)]
pub(crate) struct Cache {
    generation: u64,
    /// A power of two and, so that no window goes round, those of a window more, but for one.
    slots: Vec<Slot>,
    entries: Vec<Entry>,
    /// Which entry gives room next.
    next: usize,
}

impl Cache {
    /// Where an entry of this hash may lie.
    #[inline(always)]
    fn window(&self, hash: u64) -> Option<&[Slot; WINDOW]> {
        // The tag has the low bits.
        let first = (hash >> 32) as usize & self.slots.len().checked_sub(WINDOW)?;
        self.slots.get(first..)?.first_chunk()
    }

    /// The handle of these values.
    #[inline(always)]
    pub(crate) fn find<M: Kind>(&self, sought: &Sought<'_>) -> Option<&M> {
        if self.generation != sought.generation {
            return None;
        }
        for slot in self.window(sought.hash)? {
            if let Some(entry) = slot.entry_of(sought.hash)
                && let Some(entry) = self.entries.get(entry)
                && entry.is(sought)
            {
                return M::in_kept(&entry.handle);
            }
        }
        None
    }

    /// Keeps a handle that was not found, in place of another's if there is no room.
    pub(crate) fn insert<M: Kind>(&mut self, sought: &Sought<'_>, handle: M) {
        if self.generation != sought.generation {
            *self = Self { generation: sought.generation, ..Self::default() };
        }
        let entry = Entry::new(sought, handle);
        if self.entries.len() < MOST {
            self.entries.push(entry);
            self.lead_to(self.entries.len() - 1);
        } else {
            let index = self.next;
            self.next = (index + 1) % MOST;
            let window = self.window_of(index);
            self.slots[window]
                .iter_mut()
                .filter(|slot| slot.is_of(index))
                .for_each(|slot| *slot = Slot::EMPTY);
            self.entries[index] = entry;
            self.lead_to(index);
        }
    }

    /// Gives an entry a slot. Should its window be full, which it hardly ever is, another's entry is found no more.
    fn lead_to(&mut self, index: usize) {
        let room = (self.entries.len() * SLOTS_AN_ENTRY).next_power_of_two().max(FIRST_SLOTS);
        if self.slots.len() < room {
            self.slots.clear();
            self.slots.resize(room + WINDOW - 1, Slot::EMPTY);
            (0..self.entries.len()).for_each(|index| self.put(index));
        } else {
            self.put(index);
        }
    }

    /// Where an entry may lie.
    fn window_of(&self, index: usize) -> Range<usize> {
        let first = (self.entries[index].rest.hash >> 32) as usize & (self.slots.len() - WINDOW);
        first..first + WINDOW
    }

    fn put(&mut self, index: usize) {
        let (hash, window) = (self.entries[index].rest.hash, self.window_of(index));
        let window = &mut self.slots[window];
        let at = window.iter().position(|slot| *slot == Slot::EMPTY).unwrap_or(index % WINDOW);
        window[at] = Slot::new(hash, index);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::{Counter, Telemetry};

    /// Longer than what is a number.
    const LONG: &str = "sixteen letters!";

    fn sought<'a, const N: usize>(hash: u64, values: &'a [&'a str; N]) -> Sought<'a> {
        Sought { hash, ..Sought::new(1, values, &RandomState::new(), 0) }
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
        for other in [["abc", ""], ["", "abc"], ["a", "b"], [LONG, "bc"]] {
            assert!(cache.find::<Counter>(&sought(7, &other)).is_none(), "{other:?}");
        }
        assert!(cache.find::<Counter>(&sought(7, &["a"])).is_none());
        assert!(cache.find::<Counter>(&sought(7, &["a", "bc", ""])).is_none());
        assert!(cache.find::<Counter>(&Sought { family: 2, ..sought(7, &["a", "bc"]) }).is_none());
        assert!(cache.find::<Counter>(&Sought { generation: 1, ..sought(7, &["a", "bc"]) }).is_none());
    }

    #[test]
    fn long_and_many_values_are_told_by_their_text() {
        let telemetry = Telemetry::new();
        let handles = ["x", "y", "z", "three"].map(|name| telemetry.counter(name));
        let mut cache = Cache::default();
        let sets = [[LONG, ""], ["", LONG], [LONG, LONG]];
        for (values, handle) in sets.iter().zip(&handles) {
            cache.insert(&sought(7, values), handle.clone());
        }
        cache.insert(&sought(7, &["a", "b", "c"]), handles[3].clone());
        for values in &sets {
            cache.find::<Counter>(&sought(7, values)).unwrap().increment(1);
        }
        cache.find::<Counter>(&sought(7, &["a", "b", "c"])).unwrap().increment(1);
        assert_eq!(handles.map(|handle| handle.value()), [1; 4]);
        assert!(cache.find::<Counter>(&sought(7, &["a", "b", "d"])).is_none());
        assert!(cache.find::<Counter>(&sought(7, &["another text that is", ""])).is_none());
        assert!(cache.find::<Counter>(&sought(7, &["", ""])).is_none());
    }

    #[test]
    fn a_cache_keeps_what_it_has_while_it_grows_and_is_bounded() {
        let counter = Telemetry::new().counter("x");
        let mut cache = Cache::default();
        let hash = |n: u64| n.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        for n in 0..5_000 {
            cache.insert(&sought(hash(n), &[&n.to_string()]), counter.clone());
            let found = |n: &u64| cache.find::<Counter>(&sought(hash(*n), &[&n.to_string()])).is_some();
            assert!(found(&n));
            if n < 1_024 || n == 4_999 {
                let first = n.saturating_sub(1_023);
                assert_eq!((first..=n).filter(found).count(), (n - first + 1) as usize, "{n}");
            }
        }
        assert_eq!((cache.entries.len(), cache.slots.len()), (1_024, 4_096 + 7));
        cache.insert(&Sought { generation: 1, ..sought(1, &["a"]) }, counter);
        assert_eq!(cache.entries.len(), 1, "all else was let go");
    }
}
