//! All that answers need, and all they need: what a store and a recording of one have in common.
//!
//! Reading through a view stores nothing in what it reads: a recording may lie in memory that must not be written.

use super::answer::Place;
use super::bucket::BucketKey;
use super::class::{Class, PerClass};
use super::loss::{Loss, Losses};
use super::overflow::Overflow;
use super::ring::Ring;
use super::schemas::Schemas;
use super::section::Counters;
use super::shard::Shard;
use super::store::{Aside, Store, ThreadSeat};
use super::threads::Threads;
use crate::clock::{Clock, Ticks};
use crate::id::DeckId;
#[cfg(all(feature = "mapped", target_os = "linux"))]
use crate::mapped::{Opened, State};
use crate::sync::{Arc, Weak};

/// What there is to read. On lines of its own: every answer counts as a holder of the `Arc` it lies in, and a count on a
/// line that writers read costs them that line with each query.
#[derive(Debug)]
#[repr(align(128))]
pub(crate) struct View {
    pub(crate) deck: DeckId,
    pub(crate) clock: Clock,
    /// First those that a thread or a writer keeps, then the shared ones, the emergency shard last.
    pub(crate) shards: Box<[Arc<Shard>]>,
    /// For what finds no shard free.
    pub(crate) overflow: PerClass<Overflow>,
    pub(crate) kept: usize,
    pub(crate) schemas: Arc<Schemas>,
    pub(crate) losses: Losses,
    pub(crate) threads: Threads,
    pub(crate) key: BucketKey,
    pub(crate) counters: Counters,
    /// The store that this is a view of; of a recording, nothing.
    pub(crate) store: Weak<Store>,
    /// Of a recording: the file that it reads.
    #[cfg(all(feature = "mapped", target_os = "linux"))]
    pub(crate) file: Option<Arc<Opened>>,
}

impl View {
    /// Whether it is a recording of somebody who writes no more: who closed the file, or ended without. Costs a system call.
    #[cfg(all(feature = "mapped", target_os = "linux"))]
    pub(crate) fn is_over(&self) -> bool {
        let is_over = |file: &Arc<Opened>| {
            matches!(file.state(), Some(State::Closed | State::Copied))
                || matches!(file.has_writer(), Ok(false))
        };
        self.file.as_ref().is_some_and(is_over)
    }

    #[cfg(not(all(feature = "mapped", target_os = "linux")))]
    #[allow(clippy::unused_self, reason = "as where there are files")]
    pub(crate) const fn is_over(&self) -> bool {
        false
    }

    /// What was lost, anywhere.
    pub(crate) fn all_losses(&self) -> impl Iterator<Item = Loss> {
        let of_shards = (0..).zip(&self.shards).map(|(number, shard)| (Some(number), &shard.losses));
        let places = std::iter::once((None, &self.losses)).chain(of_shards);
        places.filter(|(_, losses)| losses.any()).flat_map(|(shard, losses)| losses.occurred(shard))
    }

    /// How many records went elsewhere than to rings: to the overflow, or nowhere. `None` while somebody writes there.
    pub(crate) fn recorded_elsewhere(&self) -> Option<u64> {
        // Wrapping: in a mapped file a count may be anything.
        let lost = self.shards.iter().map(|shard| shard.losses.total()).fold(0, u64::wrapping_add);
        let lost = lost.wrapping_add(self.losses.total());
        self.overflow.iter().try_fold(lost, |sum, (_, overflow)| Some(sum.wrapping_add(overflow.recorded()?)))
    }

    /// Those that a thread or a writer keeps.
    pub(super) fn kept(&self) -> std::slice::Iter<'_, Arc<Shard>> {
        self.shards.get(..self.kept).unwrap_or_default().iter()
    }

    /// Those that threads without one of their own take turns at.
    pub(super) fn shared(&self) -> &[Arc<Shard>] {
        self.shards.get(self.kept..self.shards.len().saturating_sub(1)).unwrap_or_default()
    }

    /// The last one, alone.
    pub(super) fn emergency(&self) -> &[Arc<Shard>] {
        self.shards.last().map_or(&[], std::slice::from_ref)
    }

    /// How many records went through shards that no thread keeps, and through the overflow.
    pub(crate) fn recorded_aside(&self) -> Aside {
        let of_shards = |shards: &[Arc<Shard>]| {
            shards.iter().flat_map(|shard| shard.rings().iter()).map(|(_, ring)| ring.records()).sum::<u64>()
        };
        Aside {
            shared: of_shards(self.shared()),
            has_shared: !self.shared().is_empty(),
            emergency: of_shards(self.emergency()),
            overflowed: self.overflow.iter().map(|(_, overflow)| overflow.records()).sum(),
        }
    }

    /// Every ring, with its class and the number of its shard.
    #[inline]
    pub(crate) fn rings(&self) -> impl Iterator<Item = (u16, Class, &Ring)> {
        (0..)
            .zip(&self.shards)
            .flat_map(|(number, shard)| shard.rings().iter().map(move |(class, ring)| (number, class, ring)))
    }

    /// The ring at a place; none of what the overflow holds, whose place comes after all shards.
    #[inline]
    pub(crate) fn ring(&self, place: Place) -> Option<&Ring> {
        self.shards.get(usize::from(place.shard)).map(|shard| &shard.rings()[place.class])
    }

    /// The seat of the calling thread, if it has one.
    pub(crate) fn seat_of_this_thread(&self) -> Option<&ThreadSeat> {
        ThreadSeat::held(self.deck).or_else(|| ThreadSeat::claimed(self.deck))
    }

    /// The number of a shard.
    pub(crate) fn number_of(&self, shard: Option<&Shard>) -> Option<u16> {
        let shard = shard?;
        (0..).zip(&self.shards).find(|(_, other)| std::ptr::eq(&***other, shard)).map(|(number, _)| number)
    }

    /// Those that were ever written to: there is nothing in the others.
    #[inline]
    pub(crate) fn rings_in_use(&self) -> impl Iterator<Item = (u16, Class, &Ring)> {
        self.rings().filter(|(_, _, ring)| ring.is_used())
    }

    /// The stamp after which a query reads nothing; none where somebody says what time it is.
    pub(crate) fn latest(&self) -> Option<Ticks> {
        self.clock.latest()
    }
}
