//! Who is told of a change of level.

use super::level::Level;
use crate::contain::{contain, drop_contained};
use crate::sync::{Arc, AtomicBool, Mutex, Relaxed, Weak};
use std::fmt;

/// A change of level.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LevelChange {
    /// What it was.
    pub from: Level,
    /// What it is.
    pub to: Level,
}

type Callback = dyn Fn(LevelChange) + Send + Sync;

struct Subscriber {
    active: AtomicBool,
    callback: Box<Callback>,
}

/// The list of a watch.
#[derive(Default)]
pub(super) struct Subscribers(Mutex<Vec<Arc<Subscriber>>>);

impl Subscribers {
    pub(super) fn add(
        self: &Arc<Self>,
        callback: impl Fn(LevelChange) + Send + Sync + 'static,
    ) -> LevelSubscription {
        let subscriber = Arc::new(Subscriber { active: AtomicBool::new(true), callback: Box::new(callback) });
        let link = Link { subscribers: Arc::downgrade(self), subscriber: Arc::downgrade(&subscriber) };
        self.0.lock().push(subscriber);
        LevelSubscription { link: Some(link) }
    }

    /// Tells all; what those panicked with that were taken off.
    pub(super) fn tell(&self, change: LevelChange) -> Vec<String> {
        // The user's code runs without the lock: it may subscribe and unsubscribe.
        let all = self.0.lock().clone();
        let mut panics = Vec::new();
        for subscriber in all {
            // Relaxed: a flag that says no more than itself.
            if subscriber.active.load(Relaxed)
                && let Err(message) = contain(|| (subscriber.callback)(change))
            {
                panics.push(message);
                self.remove(&subscriber);
            }
            // What the callback owns is dropped here if it was taken off meanwhile.
            drop_contained(subscriber);
        }
        panics
    }

    pub(super) fn count(&self) -> usize {
        self.0.lock().len()
    }

    fn remove(&self, subscriber: &Arc<Subscriber>) {
        subscriber.active.store(false, Relaxed);
        let mut all = self.0.lock();
        let place = all.iter().position(|kept| Arc::ptr_eq(kept, subscriber));
        let removed = place.map(|place| all.remove(place));
        drop(all);
        drop_contained(removed);
    }
}

struct Link {
    subscribers: Weak<Subscribers>,
    subscriber: Weak<Subscriber>,
}

/// A subscription to changes of level. Dropping it unsubscribes: no call starts after that, one that is running goes
/// on.
#[must_use = "dropping a subscription ends it; `forever` keeps it as long as the watch lives"]
pub struct LevelSubscription {
    link: Option<Link>,
}

impl LevelSubscription {
    /// Whether changes are still told: not after a panic of the subscriber, nor after the watch is gone. May be
    /// outdated on return.
    #[must_use]
    pub fn is_active(&self) -> bool {
        let subscriber = self.link.as_ref().and_then(|link| link.subscriber.upgrade());
        subscriber.is_some_and(|subscriber| subscriber.active.load(Relaxed))
    }

    /// Gives up the handle: the subscription lasts as long as the watch.
    pub fn forever(mut self) {
        self.link = None;
    }
}

impl Drop for LevelSubscription {
    fn drop(&mut self) {
        let Some(link) = &self.link else { return };
        if let (Some(subscribers), Some(subscriber)) = (link.subscribers.upgrade(), link.subscriber.upgrade())
        {
            subscribers.remove(&subscriber);
            drop_contained(subscriber);
        }
    }
}

impl fmt::Debug for LevelSubscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LevelSubscription").field("is_active", &self.is_active()).finish()
    }
}
