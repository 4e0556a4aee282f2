//! Which cells are free.
//!
//! Cells are given out in runs of what a metric needs, and come back when a series is retired. Runs that lie side by
//! side become one, and the first that is long enough is given out next: from its beginning, zeroed if it was in use
//! before.

use super::member::Series;
use crate::sync::Arc;
use crate::telemetry::cells::{CHUNK, Cells};
use std::collections::BTreeMap;

/// The cells that no series has.
#[derive(Debug)]
pub(crate) struct Pool {
    cells: Arc<Cells>,
    all: usize,
    /// How far cells were ever given out. What is beyond is zero.
    used: usize,
    /// Runs by where they begin: how long they are. No two touch.
    free: BTreeMap<usize, usize>,
    /// Retired, and perhaps still read by somebody.
    leaving: Vec<Arc<Series>>,
}

/// There is no such run of cells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Exhausted {
    /// The longest that there is.
    pub(crate) left: usize,
}

impl Pool {
    /// All but the first `reserved` of `all`.
    pub(crate) fn new(cells: Arc<Cells>, all: usize, reserved: usize) -> Self {
        let mut pool = Self { cells, all, used: reserved, free: BTreeMap::new(), leaving: Vec::new() };
        pool.free(reserved, all.saturating_sub(reserved));
        pool
    }

    pub(crate) fn cells(&self) -> &Arc<Cells> {
        &self.cells
    }

    pub(crate) fn size(&self) -> usize {
        self.all
    }

    /// A run of `needed` cells, all zero.
    pub(crate) fn take(&mut self, needed: usize) -> Result<usize, Exhausted> {
        self.take_where(needed, |first| first)
    }

    /// As [`Pool::take`], all in one chunk of a slab, which has at least so many.
    pub(crate) fn take_in_chunk(&mut self, needed: usize) -> Result<usize, Exhausted> {
        let next = |first: usize| {
            let fits = first % CHUNK + needed <= CHUNK;
            if fits { first } else { first.next_multiple_of(CHUNK) }
        };
        self.take_where(needed, next)
    }

    /// From the first cell of a free run on that `begin` finds in it.
    fn take_where(&mut self, needed: usize, begin: impl Fn(usize) -> usize) -> Result<usize, Exhausted> {
        self.collect();
        let found = self.free.iter().find_map(|(first, length)| {
            let at = begin(*first);
            (at + needed <= first + length).then_some((*first, *length, at))
        });
        let Some((first, length, at)) = found else {
            return Err(Exhausted { left: self.free.values().copied().max().unwrap_or(0) });
        };
        self.free.remove(&first);
        self.free(first, at - first);
        self.free(at + needed, first + length - (at + needed));
        // Of nobody, since the last `Arc` of each series that had them is gone: we are the only writer.
        (at..(at + needed).min(self.used)).for_each(|cell| self.cells.zero(cell));
        self.used = self.used.max(at + needed);
        Ok(at)
    }

    /// Cells that were taken, and nobody has had.
    pub(crate) fn untake(&mut self, first: usize, length: usize) {
        self.free(first, length);
    }

    /// Adds a run to those that are free.
    fn free(&mut self, first: usize, length: usize) {
        if length == 0 {
            return;
        }
        let after = self.free.remove(&(first + length)).unwrap_or(0);
        match self.free.range_mut(..first).next_back() {
            Some((before, its)) if before + *its == first => *its += length + after,
            _ => {
                self.free.insert(first, length + after);
            }
        }
    }

    /// A series that has no claims any more, and will have none.
    pub(crate) fn give_back(&mut self, series: Arc<Series>) {
        self.leaving.push(series);
    }

    /// Frees the cells of which nobody reads any more.
    fn collect(&mut self) {
        let mut index = 0;
        while let Some(series) = self.leaving.get_mut(index) {
            if Arc::get_mut(series).is_some() {
                let series = self.leaving.swap_remove(index);
                self.free(series.cell, series.cells().len());
            } else {
                index += 1;
            }
        }
    }

    /// Cells that are free: never given out, or given back and read by nobody.
    pub(crate) fn left(&mut self) -> usize {
        self.collect();
        self.free.values().sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::buckets::Resolution;
    use crate::telemetry::cells::Sizes;
    use crate::telemetry::registry::MetricType;
    use proptest::prelude::*;

    const ALL: usize = 8_192;

    proptest! {
        #[test]
        fn runs_never_overlap_are_zero_and_all_come_back(
            steps in prop::collection::vec((any::<bool>(), 0_usize..16), 1..120),
        ) {
            let cells = Cells::new(Sizes { cells: ALL, slabs: 1, chunks: 1 }).unwrap();
            let mut pool = Pool::new(cells.clone(), ALL, 1);
            let mut taken: Vec<Arc<Series>> = Vec::new();
            for (take, which) in steps {
                let metric_type = if which < 4 { MetricType::Histogram } else { MetricType::Counter };
                if take && let Ok(cell) = pool.take(metric_type.cells(Resolution::default())) {
                    let series = Series::new(metric_type, Resolution::default(), cell);
                    for cell in series.cells() {
                        prop_assert_eq!(cells.sum(cell), 0, "in use by another, or as it was");
                        cells.add_shared(cell, 1);
                    }
                    taken.push(series);
                } else if !taken.is_empty() {
                    let series = taken.swap_remove(which % taken.len());
                    pool.give_back(series);
                }
                let in_use: usize = taken.iter().map(|series| series.cells().len()).sum();
                prop_assert_eq!(pool.left(), ALL - 1 - in_use);
            }
            taken.into_iter().for_each(|series| pool.give_back(series));
            prop_assert_eq!(pool.take(ALL - 1), Ok(1), "one run again");
            prop_assert_eq!(pool.take(1), Err(Exhausted { left: 0 }));
        }
    }

    #[test]
    fn a_run_in_one_chunk_leaves_what_lies_before_it_to_others() {
        let mut pool = Pool::new(Cells::new(Sizes { cells: 256, slabs: 1, chunks: 4 }).unwrap(), 256, 1);
        assert_eq!((pool.take(61), pool.take_in_chunk(4)), (Ok(1), Ok(64)));
        assert_eq!((pool.take_in_chunk(2), pool.take(1)), (Ok(62), Ok(68)));
        assert_eq!((pool.take_in_chunk(64), pool.take_in_chunk(64)), (Ok(128), Ok(192)));
        assert_eq!(pool.take_in_chunk(60), Err(Exhausted { left: 59 }));
        pool.untake(128, 64);
        assert_eq!((pool.take_in_chunk(60), pool.left()), (Ok(128), 59 + 4));
    }

    #[test]
    fn what_somebody_still_reads_is_not_given_out() {
        let mut pool = Pool::new(Cells::new(Sizes { cells: 64, slabs: 1, chunks: 1 }).unwrap(), 64, 62);
        let mut take =
            || pool.take(1).map(|cell| Series::new(MetricType::Counter, Resolution::default(), cell));
        let (first, second) = (take().unwrap(), take().unwrap());
        let read = first.clone();
        pool.give_back(first);
        assert_eq!(pool.take(1), Err(Exhausted { left: 0 }));
        drop(read);
        assert_eq!(pool.take(1), Ok(62));
        drop(second);
    }
}
