//! The spans that have begun, by the numbers that the registry gives them. It gives a number anew once its span is closed.

use crate::events::Scope;
use crate::sync::{CachePadded, Mutex};
use tracing::Metadata;
use tracing::span::Id;

/// A power of two: two spans at one time rarely meet.
const SHARDS: usize = 1 << 10;

/// A span that has begun.
#[derive(Clone, Copy)]
pub(super) struct Begun {
    pub(super) scope: Scope,
    pub(super) metadata: &'static Metadata<'static>,
    /// Whether its beginning was recorded.
    pub(super) is_recorded: bool,
    /// Whether it said itself whose it is, or somebody who keeps traces was asked.
    #[cfg(feature = "tracing-opentelemetry")]
    pub(super) knows_whose: bool,
}

/// The spans whose numbers come here: one, as a rule, which then needs no memory of its own.
#[derive(Default)]
struct Shard {
    /// The number of the first one, if there is one. Apart from it: as a pair they would be put together elsewhere, and copied.
    number: u64,
    first: Option<Begun>,
    more: Vec<(u64, Begun)>,
}

pub(super) struct Spans(Box<[CachePadded<Mutex<Shard>>]>);

/// Where a number comes to. The registry counts the places of a thread's spans from the lowest bit up, the thread from bit 38, and
/// how often a place was taken from bit 51: so a thread that opens and closes spans one in another comes to the same few shards
/// again and again, which stay in its cache, and other threads to others. With numbers given otherwise it only costs more.
#[inline(always)]
fn place(number: u64) -> usize {
    const PLACE_BITS: u32 = 38;
    const THREAD_BITS: u32 = 13;
    let thread = number >> PLACE_BITS & ((1 << THREAD_BITS) - 1);
    // The golden ratio of 1,024: threads that follow each other lie far apart.
    (number.wrapping_add(thread * 633) % SHARDS as u64) as usize
}

impl Spans {
    pub(super) fn new() -> Self {
        Self((0..SHARDS).map(|_| CachePadded::default()).collect())
    }

    #[inline(always)]
    fn shard(&self, id: &Id) -> (&Mutex<Shard>, u64) {
        let number = id.into_u64();
        (&self.0[place(number)], number)
    }

    #[inline(always)]
    pub(super) fn insert(&self, id: &Id, begun: Begun) {
        let (shard, number) = self.shard(id);
        let mut spans = shard.lock();
        if !spans.more.is_empty() || spans.first.is_some() {
            spans.make_room(number);
        }
        if spans.first.is_some() {
            spans.more.push((number, begun));
        } else {
            spans.number = number;
            spans.first = Some(begun);
        }
    }

    #[inline]
    pub(super) fn get(&self, id: &Id) -> Option<Begun> {
        let (shard, number) = self.shard(id);
        shard.lock().find(number).map(|begun| *begun)
    }

    /// Puts it under another scope, for good.
    pub(super) fn move_to(&self, id: &Id, scope: Scope) {
        let (shard, number) = self.shard(id);
        if let Some(begun) = shard.lock().find(number) {
            begun.scope = scope;
            #[cfg(feature = "tracing-opentelemetry")]
            {
                begun.knows_whose = true;
            }
        }
    }

    #[inline]
    pub(super) fn remove(&self, id: &Id) -> Option<Begun> {
        let (shard, number) = self.shard(id);
        let mut spans = shard.lock();
        if spans.number == number && spans.first.is_some() {
            spans.first.take()
        } else {
            spans.remove_more(number)
        }
    }
}

impl Shard {
    #[inline]
    fn find(&mut self, number: u64) -> Option<&mut Begun> {
        match &mut self.first {
            Some(begun) if self.number == number => Some(begun),
            _ => self.more.iter_mut().find(|(known, _)| *known == number).map(|(_, begun)| begun),
        }
    }

    /// Forgets the one that had this number before, if nobody told us of its end.
    #[cold]
    fn make_room(&mut self, number: u64) {
        if self.number == number {
            self.first = None;
        }
        self.more.retain(|(known, _)| *known != number);
    }

    #[cold]
    fn remove_more(&mut self, number: u64) -> Option<Begun> {
        let at = self.more.iter().position(|(known, _)| *known == number)?;
        Some(self.more.swap_remove(at).1)
    }
}

impl std::fmt::Debug for Spans {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Spans").finish_non_exhaustive()
    }
}
