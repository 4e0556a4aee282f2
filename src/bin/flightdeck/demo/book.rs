//! The host's work: order books, and a cache of quotes.

use std::collections::{HashMap, VecDeque};

/// How many instruments there are.
pub const SYMBOLS: usize = 48;
const LEVELS: usize = 64;

/// One side of the order book of one instrument: price and size, the best first.
#[derive(Clone, Debug)]
pub struct Book {
    levels: Vec<(f64, u64)>,
    /// How often the feed has moved it.
    pub revision: u64,
}

/// What a quantity costs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Walk {
    pub levels: usize,
    pub average: f64,
}

impl Book {
    pub fn new(number: usize) -> Self {
        let mut book = Self { levels: Vec::new(), revision: 0 };
        book.move_to(20.0 + 3.5 * number as f64);
        book.revision = 0;
        book
    }

    /// Rebuilds the levels around a new middle.
    pub fn move_to(&mut self, middle: f64) {
        let level = |at: usize| (middle * (1.0 + 0.000_4 * (at + 1) as f64), 40 + (at as u64 * 37) % 90);
        self.levels = (0..LEVELS).map(level).collect();
        self.revision += 1;
    }

    /// The average price of so many pieces; `None` if the book does not hold as many.
    pub fn walk(&self, quantity: u64) -> Option<Walk> {
        let (mut wanted, mut cost) = (quantity, 0.0);
        for (at, (price, size)) in self.levels.iter().enumerate() {
            let taken = wanted.min(*size);
            cost += price * taken as f64;
            wanted -= taken;
            if wanted == 0 {
                return Some(Walk { levels: at + 1, average: cost / quantity as f64 });
            }
        }
        None
    }

    /// The best levels, as a reply shows them.
    pub fn top(&self, depth: usize) -> &[(f64, u64)] {
        self.levels.get(..depth.min(self.levels.len())).unwrap_or_default()
    }
}

/// The name of an instrument, and back.
pub fn symbol(number: usize) -> String {
    format!("FD{number:03}")
}

/// The number of an instrument.
pub fn number(symbol: &str) -> Option<usize> {
    symbol.strip_prefix("FD")?.parse().ok().filter(|number| *number < SYMBOLS)
}

/// Walks that were done already, the oldest forgotten first.
#[derive(Debug)]
pub struct Cache {
    walks: HashMap<(usize, u64), (u64, Walk)>,
    order: VecDeque<(usize, u64)>,
    entries: usize,
}

impl Cache {
    pub fn new(entries: usize) -> Self {
        Self { walks: HashMap::new(), order: VecDeque::new(), entries }
    }

    pub fn len(&self) -> usize {
        self.walks.len()
    }

    /// The walk of this quantity, if it was done at this revision of the book.
    pub fn get(&self, number: usize, quantity: u64, revision: u64) -> Option<Walk> {
        self.walks.get(&(number, quantity)).filter(|(at, _)| *at == revision).map(|(_, walk)| *walk)
    }

    pub fn put(&mut self, number: usize, quantity: u64, revision: u64, walk: Walk) {
        if self.walks.insert((number, quantity), (revision, walk)).is_none() {
            self.order.push_back((number, quantity));
            self.shrink();
        }
    }

    /// Keeps at most so many; how many were forgotten for that.
    pub fn resize(&mut self, entries: usize) -> usize {
        self.entries = entries;
        self.shrink()
    }

    fn shrink(&mut self) -> usize {
        let over = self.order.len().saturating_sub(self.entries);
        for key in self.order.drain(..over) {
            self.walks.remove(&key);
        }
        over
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_walk_takes_the_best_levels_first() {
        let book = Book::new(3);
        let [(best, size), (second, _)] = *book.top(2) else { panic!("no levels") };
        assert_eq!(book.walk(size), Some(Walk { levels: 1, average: best }));
        let two = book.walk(size * 2).unwrap();
        assert!(two.levels >= 2 && two.average > best && two.average < second * 1.01, "{two:?}");
        assert_eq!(book.walk(1 << 40), None);
    }

    #[test]
    fn a_cache_forgets_the_oldest_and_what_the_feed_outdated() {
        let mut cache = Cache::new(2);
        let walk = Walk { levels: 1, average: 1.0 };
        (0..3).for_each(|quantity| cache.put(0, quantity, 7, walk));
        assert_eq!([0, 1, 2].map(|quantity| cache.get(0, quantity, 7).is_some()), [false, true, true]);
        assert_eq!(cache.get(0, 2, 8), None);
        assert_eq!((cache.resize(1), cache.len()), (1, 1));
    }

    #[test]
    fn symbols_are_read_as_written() {
        assert_eq!(number(&symbol(SYMBOLS - 1)), Some(SYMBOLS - 1));
        assert_eq!((number("FD048"), number("XETRA"), number("FD")), (None, None, None));
    }
}
