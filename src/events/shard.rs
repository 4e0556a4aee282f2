//! A shard: a ring and the claim that makes one thread its writer.
//!
//! # Edges
//!
//! | edge | published by | observed by |
//! |---|---|---|
//! | `shard-owner` | store in [`Shard::release`] | exchange in [`Shard::try_claim`] |

use super::ring::{Geometry, Ring, Writing};
use crate::region::Region;
use crate::sync::{Arc, AtomicU32, CachePadded, Relaxed, acquire, release};

/// A ring whose writer is whoever holds the claim.
#[derive(Debug)]
pub struct Shard {
    /// 0: free, 1: claimed.
    owner: CachePadded<AtomicU32>,
    ring: Ring,
}

impl Shard {
    /// A free shard with a ring laid out in `region` from `start` on.
    pub fn new(region: &Arc<Region>, start: usize, geometry: Geometry) -> Self {
        Self { owner: CachePadded::new(AtomicU32::new(0)), ring: Ring::new(region, start, geometry) }
    }

    /// For reading: free to everybody.
    pub fn ring(&self) -> &Ring {
        &self.ring
    }

    /// Becomes the writer, unless somebody else is. Wait-free: one attempt.
    #[inline]
    #[must_use]
    pub fn try_claim(&self) -> bool {
        // Looked at first, so that a full house costs readers' traffic only.
        let claimed = self.owner.load(Relaxed) == 0
            // Acquire, edge `shard-owner` (partner: `release`): all that the last owner did, private state
            // included, happened before.
            && self.owner.compare_exchange(0, 1, acquire("shard-owner"), Relaxed).is_ok();
        if claimed {
            self.ring.claimed();
        }
        claimed
    }

    /// Gives the claim back.
    ///
    /// # Safety
    /// The caller holds the claim, and does not write again before another [`Shard::try_claim`].
    pub unsafe fn release(&self) {
        // Release, edge `shard-owner` (partner: `try_claim`): the next owner goes on from all that we did.
        self.owner.store(0, release("shard-owner"));
    }

    /// Starts a write.
    ///
    /// # Safety
    /// The caller holds the claim and has no other [`Writing`] of this shard.
    #[inline(always)]
    pub unsafe fn writing(&self) -> Writing<'_> {
        // SAFETY: one claim, one thread (contract); claims follow one another by edge `shard-owner`, and
        // `try_claim` has called `claimed`.
        unsafe { self.ring.begin() }
    }

    /// Whether some thread is its writer now. May be outdated on return.
    pub fn is_claimed(&self) -> bool {
        self.owner.load(Relaxed) != 0
    }
}
