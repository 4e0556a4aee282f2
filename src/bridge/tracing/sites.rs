//! Call sites by where their metadata lies, which is where it stays.

use super::site::{Rules, Site};
use crate::sync::{Mutex, OnceLock};
use tracing::Metadata;

/// A power of two, above the kinds that a store keeps apart.
const SLOTS: usize = 1 << 13;
/// So that every search ends soon at a free slot.
const MOST: usize = SLOTS / 2;

/// Looked up without a lock, and never forgotten.
pub(super) struct Sites {
    slots: Box<[OnceLock<Box<Site>>]>,
    /// How many there are. Held by whoever adds one.
    len: Mutex<usize>,
}

impl Sites {
    pub(super) fn new() -> Self {
        Self { slots: (0..SLOTS).map(|_| OnceLock::new()).collect(), len: Mutex::new(0) }
    }

    /// The slots in which the site may be, in the order in which they are taken.
    #[inline(always)]
    fn places(&self, metadata: &Metadata<'_>) -> impl Iterator<Item = &OnceLock<Box<Site>>> {
        let address = std::ptr::from_ref(metadata).addr() as u64;
        // The golden ratio: neighbours go far apart.
        let start = (address.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 51) as usize;
        (0..SLOTS).map(move |step| &self.slots[(start + step) % SLOTS])
    }

    /// The site of this metadata, if it was met.
    #[inline(always)]
    pub(super) fn get(&self, metadata: &Metadata<'_>) -> Option<&Site> {
        for place in self.places(metadata) {
            let site = place.get()?;
            if std::ptr::eq(
                std::ptr::from_ref(site.metadata).cast(),
                std::ptr::from_ref(metadata).cast::<()>(),
            ) {
                return Some(site);
            }
        }
        None
    }

    /// The site of this metadata; none if there are too many.
    #[inline(always)]
    pub(super) fn site(&self, metadata: &'static Metadata<'static>, rules: &Rules) -> Option<&Site> {
        self.get(metadata).or_else(|| self.meet(metadata, rules))
    }

    #[cold]
    fn meet(&self, metadata: &'static Metadata<'static>, rules: &Rules) -> Option<&Site> {
        let site = Box::new(Site::new(metadata, rules));
        let mut len = self.len.lock();
        if *len < MOST && self.get(metadata).is_none() {
            *len += 1;
            let _ = self.places(metadata).find(|place| place.get().is_none()).map(|free| free.set(site));
        }
        drop(len);
        self.get(metadata)
    }
}

impl std::fmt::Debug for Sites {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sites").field("len", &*self.len.lock()).finish_non_exhaustive()
    }
}
