//! A stretch of a region.

use super::Region;
use crate::sync::{Arc, AtomicU64};

/// Where something lies: so many words of a region, from the boundary of a line on.
#[derive(Clone, Debug)]
pub(crate) struct Span {
    pub(crate) region: Arc<Region>,
    pub(crate) start: usize,
    /// So many words are there, whatever they say of themselves.
    pub(crate) len: usize,
}

impl Span {
    /// Memory of its own, all zero; `None` where the system has no such amount.
    pub(crate) fn heap(len: usize) -> Option<Self> {
        Some(Self { region: Region::heap(len)?, start: 0, len })
    }

    /// Some of its words, if it has them.
    pub(crate) fn run(&self, from: usize, len: usize) -> Option<&[AtomicU64]> {
        let inside = from.checked_add(len)? <= self.len;
        inside.then(|| self.region.run(self.start.checked_add(from)?, len)).flatten()
    }
}
