//! The triggers of a store, and evaluating them.

use super::armed::{Armed, BETWEEN_LOOKS, Last, Turn};
use super::cause::TriggerCause;
use super::error::TriggerError;
use super::receipt::{TriggerReceipt, TriggerStatus};
use super::spec::Trigger;
use super::window::Window;
use crate::events::handle::Events;
use crate::events::scope::Scope;
use crate::sync::{Arc, AtomicBool, AtomicU64, Mutex, OnceLock, Relaxed, thread};
use std::collections::VecDeque;
use std::fmt;
use std::time::{Duration, Instant};

/// How many triggers a store has at the most.
const MOST: usize = 256;
/// The longest name, in bytes: what the incident store takes.
const LONGEST_NAME: usize = 256;
/// How many receipts are kept.
const RECEIPTS: usize = 256;
/// How long [`Triggers::run`] parks between two looks: the first time, and at the most. As a cursor does.
const PARKS: (Duration, Duration) = (Duration::from_micros(50), Duration::from_millis(1));

/// The triggers of a store: armed, set off, listed, removed. Cheap to clone; clones are the same triggers.
///
/// In a [deck](crate::Flightdeck::triggers) a supervised thread of its own evaluates them (`fd-triggers`), from the first one on.
/// For a store alone the host does: it calls [`Triggers::poll`] now and then, or gives a thread to [`Triggers::run`].
///
/// A trigger is known by its name, and by nothing else: it stays armed until it is [removed](Triggers::remove) or all
/// handles of this are gone.
///
/// **Latency.** An idle thread looks each millisecond; so a match is found within that, and what the system takes to run a
/// thread. While much is recorded each trigger in its turn looks at all that came since its last one, up to 4,096 matches, as
/// fast as a cursor goes, and each capture takes its query and its copy on the same thread. What a disk takes for
/// a file, all wait for. A trigger that cannot keep up misses events: [`LeftOut::missed`](super::LeftOut::missed) says how many.
///
/// It is the events that are watched, not the host: whatever [`Directives`](crate::events::Directives) leave out
/// sets nothing off. After a `fork` the child's copies do nothing.
#[derive(Clone)]
pub struct Triggers(Arc<Inner>);

struct Inner {
    events: Events,
    armed: Mutex<Vec<Arc<Armed>>>,
    /// Held by whoever evaluates.
    evaluating: Mutex<()>,
    /// Who that is.
    evaluator: Mutex<Option<thread::ThreadId>>,
    receipts: Mutex<VecDeque<TriggerReceipt>>,
    numbers: AtomicU64,
    has_ended: AtomicBool,
    /// Sees to it that somebody evaluates them.
    host: OnceLock<Box<Host>>,
    /// Is told of each receipt.
    observer: OnceLock<Box<Observer>>,
    /// Lets the next evaluation panic.
    #[cfg(test)]
    pub(crate) is_to_panic: AtomicBool,
}

type Host = dyn Fn() -> Result<(), TriggerError> + Send + Sync;
type Observer = dyn Fn(&TriggerReceipt) + Send + Sync;

/// What one [`Triggers::poll`] did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Polled {
    /// How often something set a trigger off.
    pub seen: u64,
    /// How many captures were made, or failed.
    pub receipts: u64,
    /// There is more to look at: poll again.
    pub has_more: bool,
}

impl fmt::Debug for Triggers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Triggers").field("list", &self.list()).finish_non_exhaustive()
    }
}

impl Triggers {
    /// None, yet, of this store. They hold a handle of it.
    #[must_use]
    pub fn new(events: &Events) -> Self {
        Self(Arc::new(Inner {
            events: events.clone(),
            armed: Mutex::new(Vec::new()),
            evaluating: Mutex::new(()),
            evaluator: Mutex::new(None),
            receipts: Mutex::new(VecDeque::new()),
            numbers: AtomicU64::new(0),
            has_ended: AtomicBool::new(false),
            host: OnceLock::new(),
            observer: OnceLock::new(),
            #[cfg(test)]
            is_to_panic: AtomicBool::new(false),
        }))
    }

    /// Who sees to it, with each trigger, that somebody evaluates them.
    pub(crate) fn hosted_by(&self, host: impl Fn() -> Result<(), TriggerError> + Send + Sync + 'static) {
        let _ = self.0.host.set(Box::new(host));
    }

    /// Who is told of each receipt, before the trigger's own callback.
    pub(crate) fn observed_by(&self, observer: impl Fn(&TriggerReceipt) + Send + Sync + 'static) {
        let _ = self.0.observer.set(Box::new(observer));
    }

    /// Arms a trigger. Of events it counts what was recorded since its [query](crate::events::Query::trigger) was made.
    ///
    /// # Errors
    /// If its query, its name, its limit or where it captures to cannot be, there is one of its name, or the deck has been
    /// shut down.
    ///
    /// # Panics
    /// If what [narrows](Trigger::capturing) its captures does: it is tried once.
    pub fn add(&self, trigger: Trigger) -> Result<(), TriggerError> {
        let bytes = trigger.name.len();
        if !(1..=LONGEST_NAME).contains(&bytes) {
            return Err(TriggerError::Name { bytes, limit: LONGEST_NAME });
        }
        self.check_room(&self.0.armed.lock(), &trigger.name)?;
        let new = Armed::new(trigger, &self.0.events)?;
        if let Some(host) = self.0.host.get() {
            host()?;
        }
        let mut armed = self.0.armed.lock();
        // Again, since it might have been taken meanwhile.
        self.check_room(&armed, &new.name)?;
        armed.push(Arc::new(new));
        Ok(())
    }

    /// Removes a trigger; how it was. What it had [open](TriggerStatus::open) is given up.
    ///
    /// # Errors
    /// If there is none of this name.
    pub fn remove(&self, name: &str) -> Result<TriggerStatus, TriggerError> {
        let mut armed = self.0.armed.lock();
        let Some(number) = armed.iter().position(|armed| *armed.name == *name) else {
            return Err(TriggerError::Unknown { name: name.into() });
        };
        let removed = armed.remove(number);
        removed.is_removed.store(true, Relaxed);
        Ok(removed.status())
    }

    /// How each trigger is, in the order in which they were added.
    #[must_use]
    pub fn list(&self) -> Vec<TriggerStatus> {
        self.0.armed.lock().iter().map(|armed| armed.status()).collect()
    }

    /// How one is.
    #[must_use]
    pub fn status(&self, name: &str) -> Option<TriggerStatus> {
        self.find(name).ok().map(|armed| armed.status())
    }

    /// The last 256 receipts of all triggers, oldest first; their numbers tell how many there were before.
    #[must_use]
    pub fn receipts(&self) -> Vec<TriggerReceipt> {
        self.0.receipts.lock().iter().cloned().collect()
    }

    /// Sets a trigger off, whatever else does. Its moment is now, and the id of its [chain](Trigger::chain) that of this
    /// thread's scope. Captured when triggers are evaluated next, within its [limit](Trigger::at_most); returns at once, and takes
    /// a lock: it is not for signal handlers.
    ///
    /// # Errors
    /// If there is none of this name, or the deck has been shut down.
    pub fn fire(&self, name: &str) -> Result<(), TriggerError> {
        if self.0.has_ended.load(Relaxed) {
            return Err(TriggerError::Ended);
        }
        let correlation = Scope::current().correlation();
        let at = self.0.events.clock().now();
        self.find(name)?.call(at, TriggerCause::Call { correlation });
        Ok(())
    }

    /// Evaluates the triggers once: looks what set them off, and captures what is due. Never waits, but for disks; does
    /// nothing while another thread is at it.
    pub fn poll(&self) -> Polled {
        if self.0.events.store().is_forked() || self.0.has_ended.load(Relaxed) {
            return Polled::default();
        }
        self.alone(|| self.evaluate(None)).unwrap_or_default()
    }

    /// Evaluates the triggers until `should_stop` says so, parking while there is nothing to do: the body of a thread.
    pub fn run(&self, should_stop: impl Fn() -> bool) {
        let (least, most) = PARKS;
        let mut park = least;
        while !should_stop() {
            if self.poll() == Polled::default() {
                thread::park_timeout(park);
                park = (park * 2).min(most);
            } else {
                park = least;
            }
        }
        // What came while the stop was asked for is found by one more look.
        thread::sleep(BETWEEN_LOOKS);
        self.poll();
    }

    /// Ends all of it: looks once more at everything, captures what [waits](Trigger::look_ahead) for its look-ahead as
    /// far as that came, and what [`Trigger::on_shutdown`] asks for. How many receipts that made; `None` if another
    /// thread evaluated them all that time, this one does in a callback, or they had ended before. A deck does it when
    /// it is shut down. Takes little longer than `deadline`: a capture that has begun is made.
    pub fn finish(&self, deadline: Duration) -> Option<u64> {
        if self.0.events.store().is_forked() {
            return None;
        }
        let end = Instant::now().checked_add(deadline);
        loop {
            // `None` at last if they had ended before.
            if let Some(receipts) = self.alone(|| self.evaluate_last(end)) {
                return receipts;
            }
            let is_own = *self.0.evaluator.lock() == Some(thread::current().id());
            if is_own || end.is_some_and(|end| Instant::now() >= end) {
                return None;
            }
            thread::park_timeout(Duration::from_millis(1));
        }
    }

    /// Whether there is any that has something to do at the end.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.armed.lock().is_empty()
    }

    #[cfg(test)]
    pub(crate) fn let_the_next_evaluation_panic(&self) {
        self.0.is_to_panic.store(true, Relaxed);
    }

    /// Whether one more of this name may be armed. Under the lock under which the end takes the list.
    fn check_room(&self, armed: &[Arc<Armed>], name: &str) -> Result<(), TriggerError> {
        if self.0.has_ended.load(Relaxed) {
            return Err(TriggerError::Ended);
        }
        if armed.iter().any(|armed| *armed.name == *name) {
            return Err(TriggerError::DuplicateName { name: name.into() });
        }
        if armed.len() >= MOST {
            return Err(TriggerError::TooMany { name: name.into(), limit: MOST });
        }
        Ok(())
    }

    fn find(&self, name: &str) -> Result<Arc<Armed>, TriggerError> {
        let armed = self.0.armed.lock();
        let found = armed.iter().find(|armed| *armed.name == *name).cloned();
        found.ok_or_else(|| TriggerError::Unknown { name: name.into() })
    }

    /// Runs `body` while nobody else evaluates; `None` if somebody does.
    fn alone<R>(&self, body: impl FnOnce() -> R) -> Option<R> {
        let _evaluating = self.0.evaluating.try_lock()?;
        *self.0.evaluator.lock() = Some(thread::current().id());
        let result = body();
        // After a panic it stays: the thread's number is never used again.
        *self.0.evaluator.lock() = None;
        Some(result)
    }

    fn evaluate_last(&self, end: Option<Instant>) -> Option<u64> {
        let is_first = !self.0.has_ended.swap(true, Relaxed);
        is_first.then(|| self.evaluate(Some(&Last::until(end))).receipts)
    }

    fn evaluate(&self, last: Option<&Last>) -> Polled {
        #[cfg(test)]
        assert!(!self.0.is_to_panic.swap(false, Relaxed), "asked to panic");
        let armed: Vec<Arc<Armed>> = self.0.armed.lock().clone();
        let mut polled = Polled::default();
        for armed in &armed {
            let Turn { due, seen, has_more } = armed.turn(&self.0.events, last);
            polled.seen += seen;
            polled.has_more |= has_more;
            for window in due {
                if !armed.is_removed.load(Relaxed) {
                    self.capture(armed, window, last);
                    polled.receipts += 1;
                }
            }
        }
        polled
    }

    fn capture(&self, armed: &Armed, window: Window, last: Option<&Last>) {
        let number = self.0.numbers.fetch_add(1, Relaxed) + 1;
        let receipt = armed.capture(&self.0.events, window, last, number);
        let mut receipts = self.0.receipts.lock();
        if receipts.len() >= RECEIPTS {
            receipts.pop_front();
        }
        receipts.push_back(receipt.clone());
        drop(receipts);
        if let Some(observer) = self.0.observer.get() {
            observer(&receipt);
        }
        armed.tell(&receipt);
    }
}
