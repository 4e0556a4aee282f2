//! Call sites by target, line and level.

use super::site::{Site, SiteKey};
use crate::sync::{Mutex, OnceLock};
use ahash::RandomState;

/// A power of two, above the kinds that a store keeps apart.
const SLOTS: usize = 1 << 13;
/// So that every search ends soon at a free slot.
const MOST: usize = SLOTS / 2;
/// Bytes of a target that are kept here.
const LONGEST: usize = 255;

/// Looked up without a lock, and never forgotten. Told apart in full: targets are texts of the host's.
pub(super) struct Sites {
    slots: Box<[OnceLock<Box<Site>>]>,
    hasher: RandomState,
    /// How many there are. Held by whoever adds one.
    len: Mutex<usize>,
}

impl Sites {
    pub(super) fn new() -> Self {
        let slots = (0..SLOTS).map(|_| OnceLock::new()).collect();
        Self { slots, hasher: RandomState::new(), len: Mutex::new(0) }
    }

    /// The slots in which the site may be, in the order in which they are taken.
    #[inline]
    fn places(&self, key: SiteKey<&str>) -> impl Iterator<Item = &OnceLock<Box<Site>>> {
        let start = self.hasher.hash_one(key) as usize;
        (0..SLOTS).map(move |step| &self.slots[start.wrapping_add(step) % SLOTS])
    }

    #[inline]
    fn get(&self, key: SiteKey<&str>) -> Option<&Site> {
        for place in self.places(key) {
            let site = place.get()?;
            let SiteKey { target, line, level } = &site.key;
            if (SiteKey { target: &**target, line: *line, level: *level }) == key {
                return Some(site);
            }
        }
        None
    }

    /// The site; none if there are too many, or its target is too long.
    #[inline]
    pub(super) fn site(&self, key: SiteKey<&str>) -> Option<&Site> {
        self.get(key).or_else(|| self.meet(key))
    }

    #[cold]
    fn meet(&self, key: SiteKey<&str>) -> Option<&Site> {
        if key.target.len() > LONGEST {
            return None;
        }
        let site = Box::new(Site::new(key));
        let mut len = self.len.lock();
        if *len < MOST && self.get(key).is_none() {
            *len += 1;
            let _ = self.places(key).find(|place| place.get().is_none()).map(|free| free.set(site));
        }
        drop(len);
        self.get(key)
    }
}

impl std::fmt::Debug for Sites {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sites").field("len", &*self.len.lock()).finish_non_exhaustive()
    }
}
