//! The watermark: records below it are pruned, which is to say that readers pass over them. The writer knows
//! nothing of it, and the words stay until they are overwritten.

use super::Ring;
use crate::sync::{Relaxed, release};

/// On the line of the watermark.
pub(super) const WATERMARK: usize = 0;
/// On the line of the watermark: from these ticks on nothing was pruned.
pub(super) const PRUNED_SINCE: usize = 1;

impl Ring {
    /// The lowest position that has not been pruned.
    #[inline]
    pub fn watermark(&self) -> u64 {
        // Relaxed, edge `ring-watermark` (partner: `raise_watermark`): the fence comes in `since`, where whoever passed
        // over a record asks up to when.
        self.watermark.at::<WATERMARK>().load(Relaxed)
    }

    /// As [`Ring::is_intact`], and whether it has not been pruned: then it may have been [wiped](super::wipe).
    #[inline(always)]
    pub fn is_kept(&self, position: u64) -> bool {
        // In this order: the fence of the first, F2, comes before the load of the watermark, edge `ring-wipe` (partner: the
        // fence in `wipe`).
        self.is_intact(position) && position >= self.watermark()
    }

    /// Prunes what lies below `position`, none of it at `since` ticks or later. From any thread: of several the highest
    /// counts. Returns where the watermark was.
    pub fn raise_watermark(&self, position: u64, since: u64) -> u64 {
        self.watermark.at::<PRUNED_SINCE>().fetch_max(since, Relaxed);
        // Release, edge `ring-watermark` (partner: the fence in `since`): `since` comes first. A maximum, since a plain store
        // of a slower thread would bring back what a faster one has pruned.
        self.watermark.at::<WATERMARK>().fetch_max(position, release("ring-watermark"))
    }

    /// From these ticks on nothing was pruned. Part of [`Ring::since`].
    #[inline]
    pub(super) fn pruned_since(&self) -> u64 {
        self.watermark.at::<PRUNED_SINCE>().load(Relaxed)
    }
}
