//! Asking others to stop what they do.
//!
//! | edge | published by | observed by |
//! |---|---|---|
//! | `cancel-seen` | exchange in [`CancelToken::cancel`] | fence in [`CancelToken::is_cancelled`], once it is seen |
//!
//! That no wake-up is lost comes from the gate of the [`Signal`]: a waiter looks at the flag under it, and whoever cancels
//! sets the flag before it goes through. In the same way a child is either on the list of its parent when that is taken
//! apart, or finds the parent cancelled.

use crate::sync::{Arc, AtomicBool, Mutex, Relaxed, Signal, Weak, acquire_fence, release};
use std::collections::BTreeMap;
use std::fmt;
use std::time::{Duration, Instant};

/// Asks any number of threads to stop what they do. Once cancelled, for ever.
///
/// It ends nothing by itself: whoever works has to [look](CancelToken::is_cancelled) or [wait](CancelToken::wait). And it
/// says nothing of when the others have stopped.
///
/// Cheap to clone; clones are the same token. A [child](CancelToken::child) is cancelled with its parent, and may be
/// cancelled alone.
///
/// ```
/// use flightdeck::supervisor::CancelToken;
/// use std::time::Duration;
///
/// let token = CancelToken::new();
/// let waiter = std::thread::spawn({
///     let token = token.child();
///     move || token.wait(Duration::MAX)
/// });
/// assert!(!token.is_cancelled());
/// token.cancel();
/// assert!(waiter.join().unwrap(), "woken, since it was cancelled");
/// ```
#[derive(Clone)]
#[must_use = "nobody can be asked to stop by a token that nobody holds"]
pub struct CancelToken(Arc<Inner>);

struct Inner {
    cancelled: AtomicBool,
    signal: Signal,
    children: Mutex<Children>,
    /// And this one's number there. Kept alive by its children, since what cancels the parent's parent is to reach them.
    parent: Option<(Arc<Inner>, u64)>,
}

#[derive(Default)]
struct Children {
    born: u64,
    alive: BTreeMap<u64, Weak<Inner>>,
}

impl CancelToken {
    /// Not cancelled, and nobody's child.
    pub fn new() -> Self {
        Self(Arc::new(Inner::new(None)))
    }

    /// A token that is cancelled with this one, at once if this one is. Gone, it leaves nothing behind.
    pub fn child(&self) -> Self {
        let parent = &self.0;
        let mut children = parent.children.lock();
        let number = children.born;
        children.born += 1;
        let child = Arc::new(Inner::new(Some((parent.clone(), number))));
        // Under the lock: should it be cancelled from now on, that finds the child on the list.
        if parent.is_cancelled() {
            child.cancel();
        } else {
            children.alive.insert(number, Arc::downgrade(&child));
        }
        drop(children);
        Self(child)
    }

    /// Asks to stop: from now on [`CancelToken::is_cancelled`], and whoever waits is woken. The children too. Whether it was
    /// this call that did it.
    ///
    /// What was written before is seen by whoever finds the token cancelled. Takes locks for a moment, so it is nothing for
    /// a signal handler.
    pub fn cancel(&self) -> bool {
        let mut next = Vec::new();
        let first = self.0.cancel_but_for(&mut next);
        // Not by recursion: a line of children may be longer than a stack.
        while let Some(child) = next.pop() {
            child.cancel_but_for(&mut next);
        }
        first
    }

    /// Whether somebody asked to stop. Wait-free: a load, and a branch.
    ///
    /// A `false` may be outdated when it arrives; a `true` stays.
    #[inline(always)]
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.0.is_cancelled()
    }

    /// Waits, parked, until it is cancelled or the time is over; whether it is cancelled. Misses no wake-up, for any number
    /// of waiters. `Duration::MAX`: for ever.
    pub fn wait(&self, time: Duration) -> bool {
        self.is_cancelled() || self.0.signal.wait(Instant::now().checked_add(time), || self.is_cancelled())
    }
}

impl Inner {
    fn new(parent: Option<(Arc<Self>, u64)>) -> Self {
        Self {
            cancelled: AtomicBool::new(false),
            signal: Signal::new(),
            children: Mutex::new(Children::default()),
            parent,
        }
    }

    #[inline(always)]
    fn is_cancelled(&self) -> bool {
        // Relaxed: as long as nobody cancelled it, there is nothing to be seen.
        let cancelled = self.cancelled.load(Relaxed);
        if cancelled {
            // Acquire, edge `cancel-seen` (partner: `cancel`): what was written before is seen from here on.
            acquire_fence("cancel-seen");
        }
        cancelled
    }

    /// Whether it was not cancelled before.
    fn cancel(&self) -> bool {
        // Release, edge `cancel-seen` (partner: `is_cancelled`): what this thread wrote before. An exchange, so that who comes
        // second hides nothing of the first.
        let before = self.cancelled.swap(true, release("cancel-seen"));
        // Also the second time: when this returns, nobody sleeps on.
        self.signal.notify();
        !before
    }

    /// Its children are left to the caller.
    fn cancel_but_for(&self, next: &mut Vec<Arc<Self>>) -> bool {
        let first = self.cancel();
        // They stay on the list: also who comes second goes through all of them. Each leaves it when it is gone.
        next.extend(self.children.lock().alive.values().filter_map(Weak::upgrade));
        first
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        let mut above = self.parent.take();
        // Not by recursion, as in `cancel`.
        while let Some((parent, number)) = above {
            parent.children.lock().alive.remove(&number);
            above = Arc::into_inner(parent).and_then(|mut parent| parent.parent.take());
        }
    }
}

impl Default for CancelToken {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for CancelToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CancelToken").field("cancelled", &self.is_cancelled()).finish_non_exhaustive()
    }
}
