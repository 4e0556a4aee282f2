//! Which cells are free.
//!
//! Cells are given out from the front, in runs of what a metric needs, and come back when a series is retired. They are given
//! out again to a metric that needs as many; runs are neither split nor joined.

use super::member::Series;
use crate::sync::Arc;
use crate::telemetry::cells::Cells;
use std::collections::BTreeMap;

/// The cells that no series has.
#[derive(Debug)]
pub(crate) struct Pool {
    cells: Arc<Cells>,
    all: usize,
    /// How many were ever given out.
    used: usize,
    /// Beginnings of runs to be given out again, by length.
    free: BTreeMap<usize, Vec<usize>>,
    /// Retired, and perhaps still read by somebody.
    leaving: Vec<Arc<Series>>,
}

/// There are no such cells: how many are left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Exhausted {
    pub(crate) left: usize,
}

impl Pool {
    /// All but the first `reserved` of `all`.
    pub(crate) fn new(cells: Arc<Cells>, all: usize, reserved: usize) -> Self {
        Self { cells, all, used: reserved, free: BTreeMap::new(), leaving: Vec::new() }
    }

    pub(crate) fn cells(&self) -> &Arc<Cells> {
        &self.cells
    }

    pub(crate) fn size(&self) -> usize {
        self.all
    }

    /// A run of `needed` cells, all zero.
    pub(crate) fn take(&mut self, needed: usize) -> Result<usize, Exhausted> {
        self.collect();
        if let Some(first) = self.free.get_mut(&needed).and_then(Vec::pop) {
            // Of nobody, since the last `Arc` of its series is gone: we are the only writer.
            (first..first + needed).for_each(|cell| self.cells.zero(cell));
            return Ok(first);
        }
        let (first, left) = (self.used, self.all.saturating_sub(self.used));
        if needed > left {
            return Err(Exhausted { left });
        }
        self.used += needed;
        Ok(first)
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
                self.free.entry(series.metric_type.cells()).or_default().push(series.cell);
            } else {
                index += 1;
            }
        }
    }

    /// Cells that are free: never given out, or given back and read by nobody.
    pub(crate) fn left(&mut self) -> usize {
        self.collect();
        let again: usize = self.free.iter().map(|(length, runs)| length * runs.len()).sum();
        self.all.saturating_sub(self.used) + again
    }
}
