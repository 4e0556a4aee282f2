//! The spans that have begun, by the numbers that the registry gives them. It gives a number anew once its span is closed.

use crate::events::Scope;
use crate::sync::Mutex;
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

type Shard = Mutex<Vec<(u64, Begun)>>;

pub(super) struct Spans(Box<[Shard]>);

impl Spans {
    pub(super) fn new() -> Self {
        Self((0..SHARDS).map(|_| Mutex::default()).collect())
    }

    #[inline(always)]
    fn shard(&self, id: &Id) -> (&Shard, u64) {
        let number = id.into_u64();
        // The golden ratio: thread and generation stand in high bits.
        let shard = (number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 54) as usize;
        (&self.0[shard % SHARDS], number)
    }

    #[inline]
    pub(super) fn insert(&self, id: &Id, begun: Begun) {
        let (shard, number) = self.shard(id);
        let mut spans = shard.lock();
        // One whose end nobody told us of.
        spans.retain(|(known, _)| *known != number);
        spans.push((number, begun));
    }

    #[inline]
    pub(super) fn get(&self, id: &Id) -> Option<Begun> {
        let (shard, number) = self.shard(id);
        let spans = shard.lock();
        spans.iter().find(|(known, _)| *known == number).map(|(_, begun)| *begun)
    }

    /// Puts it under another scope, for good.
    pub(super) fn move_to(&self, id: &Id, scope: Scope) {
        let (shard, number) = self.shard(id);
        if let Some((_, begun)) = shard.lock().iter_mut().find(|(known, _)| *known == number) {
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
        let at = spans.iter().position(|(known, _)| *known == number)?;
        Some(spans.swap_remove(at).1)
    }
}

impl std::fmt::Debug for Spans {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Spans").finish_non_exhaustive()
    }
}
