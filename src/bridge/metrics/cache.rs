//! The handles that macros come back for: a macro asks anew each time it runs.

use crate::sync::{Arc, CachePadded, Mutex};
use ahash::AHashMap;
use metrics::Key;

/// Parts of the table, each behind a lock of its own: threads that ask for different metrics rarely meet.
const SHARDS: usize = 32;
/// Keys in a shard. Beyond them those go that nobody holds: a host with more label sets than that asks the telemetry.
const MOST: usize = 1_024;
/// Bytes of a name and its labels that are kept here. Longer ones are looked up each time.
const LONGEST: usize = 1_024;

type Shard<H> = AHashMap<Key, Arc<H>>;

/// Handles by name and labels, compared in full.
#[derive(Debug)]
pub(super) struct Cache<H> {
    shards: Box<[CachePadded<Mutex<Shard<H>>>]>,
}

impl<H> Cache<H> {
    pub(super) fn new() -> Self {
        Self { shards: (0..SHARDS).map(|_| CachePadded::default()).collect() }
    }

    /// The handle of this key, `make`d if it is not there.
    pub(super) fn get(&self, key: &Key, make: impl FnOnce() -> H) -> Arc<H> {
        // The high bits: the table below uses others.
        let shard = &self.shards[(key.get_hash() >> 32) as usize % SHARDS];
        if let Some(handle) = shard.lock().get(key) {
            return handle.clone();
        }
        // Before the lock is taken anew: making one takes others, and may run code of the host.
        let made = Arc::new(make());
        if length(key) > LONGEST {
            return made;
        }
        let mut let_go = AHashMap::new();
        let mut handles = shard.lock();
        if handles.len() >= MOST {
            let_go = keep_held(&mut handles);
        }
        let handle = if handles.len() < MOST {
            // Whoever was faster made the one that all share.
            handles.entry(key.to_retained()).or_insert(made).clone()
        } else {
            made
        };
        drop(handles);
        drop(let_go);
        handle
    }

    /// Drops the handles that nobody else holds. How many.
    pub(super) fn let_go(&self) -> usize {
        self.shards.iter().map(|shard| keep_held(&mut shard.lock()).len()).sum()
    }
}

fn length(key: &Key) -> usize {
    let labels: usize = key.labels().map(|label| label.key().len() + label.value().len()).sum();
    key.name().len() + labels
}

/// Takes out what nobody else holds, to be dropped without the lock.
fn keep_held<H>(handles: &mut Shard<H>) -> Shard<H> {
    let (held, idle) =
        std::mem::take(handles).into_iter().partition(|(_, handle)| Arc::strong_count(handle) > 1);
    *handles = held;
    idle
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_bounded_and_keeps_what_is_held() {
        let cache = Cache::new();
        let held = cache.get(&Key::from_name("held"), || usize::MAX);
        for number in 0..2 * SHARDS * MOST {
            assert_eq!(*cache.get(&Key::from_name(number.to_string()), || number), number);
        }
        let kept: usize = cache.shards.iter().map(|shard| shard.lock().len()).sum();
        assert!((1..=SHARDS * MOST).contains(&kept), "{kept}");
        assert_eq!(cache.let_go(), kept - 1);
        assert!(Arc::ptr_eq(&held, &cache.get(&Key::from_name("held"), || 0)));
    }
}
