//! Spans that have begun, until their end comes.

use super::held::Held;
use crate::{CorrelationId, SpanId};
use ahash::RandomState;
use std::cmp::{Ordering, Reverse};
use std::collections::{BinaryHeap, HashMap};

/// Which span it is: ids of spans alone may come twice, in two traces.
pub(super) type Key = (CorrelationId, SpanId);

/// A span that has begun.
#[derive(Debug)]
pub(super) struct Begun {
    pub(super) key: Key,
    pub(super) start: u64,
    /// Where its beginning says how long it takes.
    pub(super) end: Option<u64>,
    /// On whose track.
    pub(super) group: usize,
    pub(super) held: Held,
    /// Of an end at the very tick of its beginning, which may come after it: what it adds.
    pub(super) early: Option<Vec<u8>>,
    /// In the order in which they came.
    pub(super) number: u64,
}

/// When a span ends whose beginning says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Due {
    end: u64,
    start: u64,
    number: u64,
    at: usize,
}

impl Ord for Due {
    fn cmp(&self, other: &Self) -> Ordering {
        // The heap's greatest comes first: the earliest end, and of those the innermost.
        let order = |due: &Self| (Reverse(due.end), due.start, due.number);
        order(self).cmp(&order(other))
    }
}

impl PartialOrd for Due {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Spans whose end may still come.
#[derive(Debug, Default)]
pub(super) struct Spans {
    places: Vec<Option<Begun>>,
    free: Vec<usize>,
    by_key: HashMap<Key, usize, RandomState>,
    due: BinaryHeap<Due>,
    given: u64,
    bytes: usize,
    /// Buffers of spans that have ended.
    spare: Vec<Held>,
}

impl Spans {
    pub(super) fn len(&self) -> usize {
        self.places.len() - self.free.len()
    }

    /// How many bytes they hold.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// An empty buffer.
    pub(super) fn buffer(&mut self) -> Held {
        self.spare.pop().unwrap_or_default()
    }

    /// Takes one back.
    pub(super) fn give_back(&mut self, mut held: Held) {
        held.clear();
        if self.spare.len() < 64 && held.bytes.capacity() <= 4_096 {
            self.spare.push(held);
        }
    }

    /// Keeps one; its number is given here.
    pub(super) fn add(&mut self, begun: Begun) {
        self.given += 1;
        self.bytes += begun.held.bytes.len();
        let (number, key, start, end) = (self.given, begun.key, begun.start, begun.end);
        let begun = Begun { number, ..begun };
        let at = match self.free.pop() {
            Some(at) => {
                self.places[at] = Some(begun);
                at
            }
            None => {
                self.places.push(Some(begun));
                self.places.len() - 1
            }
        };
        if let Some(end) = end {
            self.due.push(Due { end, start, number, at });
        }
        // Of two of one id the end is that of the later; the other one stays until it is known to be the last.
        self.by_key.insert(key, at);
    }

    fn remove(&mut self, at: usize) -> Option<Begun> {
        let begun = self.places.get_mut(at)?.take()?;
        self.free.push(at);
        self.bytes -= begun.held.bytes.len();
        if self.by_key.get(&begun.key) == Some(&at) {
            self.by_key.remove(&begun.key);
        }
        Some(begun)
    }

    /// The span that ends.
    pub(super) fn ended(&mut self, key: Key) -> Option<Begun> {
        let begun = self.remove(*self.by_key.get(&key)?)?;
        if self.due.len() > 2 * self.len() + 64 {
            let places = &self.places;
            self.due.retain(|due| is_there(places, due));
        }
        Some(begun)
    }

    /// The end of a span that begins only now.
    pub(super) fn early(&mut self, key: Key) -> Option<Begun> {
        let at = *self.by_key.get(&key)?;
        let is_early = self.places.get(at)?.as_ref()?.early.is_some();
        if is_early { self.remove(at) } else { None }
    }

    /// The next span that had ended before then without anybody saying so.
    pub(super) fn due(&mut self, before: u64) -> Option<Begun> {
        while self.due.peek().is_some_and(|due| due.end < before) {
            let due = self.due.pop()?;
            if is_there(&self.places, &due) {
                return self.remove(due.at);
            }
        }
        None
    }

    /// The older half.
    #[cold]
    pub(super) fn older(&mut self) -> Vec<Begun> {
        let mut numbers: Vec<u64> = self.places.iter().flatten().map(|begun| begun.number).collect();
        numbers.sort_unstable();
        let up_to = numbers.get(numbers.len() / 2).copied().unwrap_or(0);
        let is_older = |place: &Option<Begun>| place.as_ref().is_some_and(|begun| begun.number <= up_to);
        let places: Vec<usize> = (0..self.places.len()).filter(|at| is_older(&self.places[*at])).collect();
        places.into_iter().filter_map(|at| self.remove(at)).collect()
    }

    /// All that are left, the innermost first.
    pub(super) fn rest(&mut self) -> Vec<Begun> {
        let mut rest: Vec<Begun> = (0..self.places.len()).filter_map(|at| self.remove(at)).collect();
        rest.sort_unstable_by_key(|begun| Reverse((begun.start, begun.number)));
        rest
    }
}

fn is_there(places: &[Option<Begun>], due: &Due) -> bool {
    places.get(due.at).and_then(Option::as_ref).is_some_and(|begun| begun.number == due.number)
}
