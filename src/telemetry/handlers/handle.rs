//! A handler as whoever attached it holds it.

use super::attached::Handlers;
use super::entry::{Attached, Entry, Queue};
use super::here::{Inside, Stripe, is_inside};
use super::status::HandlerStatus;
use crate::sync::{Arc, Weak};
use std::fmt;
use std::time::{Duration, Instant};

/// How long a queue that was found empty is left alone: doubling from the first to the second.
const PAUSE: (Duration, Duration) = (Duration::from_micros(100), Duration::from_millis(10));

/// A handler that was attached: from [`Telemetry::attach`](super::super::Telemetry::attach). Dropped, it stays attached. Cheap to
/// clone; clones are the same handler.
///
/// It does not keep the telemetry alive.
#[derive(Clone)]
pub struct Handler {
    entry: Arc<Entry>,
    attached: Weak<Attached>,
    handlers: Weak<Handlers>,
}

impl Handler {
    pub(super) fn new(attached: &Arc<Attached>, handlers: &Arc<Handlers>) -> Self {
        Self {
            entry: attached.entry.clone(),
            attached: Arc::downgrade(attached),
            handlers: Arc::downgrade(handlers),
        }
    }

    /// What it is known by.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.entry.id
    }

    /// Whether it is called: not after it panicked. May be outdated on return.
    #[must_use]
    pub fn is_attached(&self) -> bool {
        !self.entry.gate.is_closed()
    }

    /// How it is, also after it was detached.
    #[must_use]
    pub fn status(&self) -> HandlerStatus {
        self.entry.status()
    }

    /// Detaches it: no call starts after this returned, and what waits in its queue is discarded, and counted. A call that is
    /// running goes on; by that call itself it may be detached, too. Never waits for a call. Whether it was attached.
    pub fn detach(&self) -> bool {
        let handlers = self.handlers.upgrade();
        handlers.is_some_and(|handlers| handlers.detach(|other| Arc::ptr_eq(&self.entry, &other.entry)))
    }

    /// Detaches it and waits, for `timeout` at most, until no call is running; whether that is so. What the calls did is then
    /// visible to this thread. By a handler, whichever it is, it answers at once: two that waited for each other would wait for
    /// ever.
    pub fn detach_and_wait(&self, timeout: Duration) -> bool {
        // Without a telemetry there are no calls.
        let Some(handlers) = self.handlers.upgrade() else { return true };
        self.detach();
        let is_idle = || self.entry.is_idle();
        if is_idle() || is_inside() {
            return is_idle();
        }
        let is_over = handlers.signal.wait(Instant::now().checked_add(timeout), is_idle);
        // What it owns was still in use before.
        handlers.sweep();
        is_over
    }

    /// Calls it for what waits in its queue now; for how much. Nothing of one that is not queued, or whose queue another thread
    /// serves at the moment. See [`Handler::run`].
    pub fn deliver(&self) -> usize {
        let Some(served) = self.served() else { return 0 };
        // Not waited for: it may be this thread, further up its stack.
        let Some(_serving) = served.queue.serving.try_lock() else { return 0 };
        served.deliver()
    }

    /// What is needed to call it; `None` if nobody is to.
    fn served(&self) -> Option<Served<'_>> {
        let queue = self.entry.queue.as_ref()?;
        let (handlers, attached) = (self.handlers.upgrade()?, self.attached.upgrade()?);
        Some(Served { queue, attached: Some(attached), handlers })
    }

    /// Calls a queued handler for what comes, in order, until it is detached or the telemetry is gone, or until `should_stop`, which is asked at least every 10 ms while nothing comes, and after each turn
    /// through the queue: what is there then is still delivered. Whoever executes wakes nobody: an execution is found 100 us after
    /// it came, after a while without any at most 10 ms. Where another thread serves the queue, this one stands by until that is
    /// done; by a handler it returns at once.
    ///
    /// Give it a thread of its own; a deck [runs it supervised](crate::Flightdeck::serve_handler).
    pub fn run(&self, should_stop: impl Fn() -> bool) {
        let Some(served) = self.served() else { return };
        // By the handler itself it would wait for its own end.
        if is_inside() {
            return;
        }
        let handlers = &served.handlers;
        let is_called = || !self.is_attached() || handlers.has_ended();
        let _serving = loop {
            if let Some(serving) = served.queue.serving.try_lock() {
                break serving;
            }
            if is_called() || should_stop() {
                return;
            }
            handlers.signal.wait(Instant::now().checked_add(PAUSE.1), is_called);
        };
        let mut pause = PAUSE.0;
        loop {
            // Asked before it looks into the queue: what came before that is delivered.
            let is_last = handlers.has_ended() || should_stop();
            let delivered = served.deliver();
            if is_last || !self.is_attached() {
                return;
            }
            if delivered > 0 {
                pause = PAUSE.0;
                continue;
            }
            handlers.signal.wait(Instant::now().checked_add(pause), is_called);
            pause = (pause * 2).min(PAUSE.1);
        }
    }
}

/// A queued handler, kept while it is served.
struct Served<'a> {
    queue: &'a Queue,
    /// There until this is dropped.
    attached: Option<Arc<Attached>>,
    handlers: Arc<Handlers>,
}

impl Served<'_> {
    /// Calls it for what waits now; for how much.
    fn deliver(&self) -> usize {
        let Some(attached) = &self.attached else { return 0 };
        let Some(_inside) = Inside::enter() else { return 0 };
        let stripe = Stripe::of_this_thread();
        // No more than there are, so that it comes to an end. Once it is closed, there are none.
        let kept = std::iter::from_fn(|| self.queue.take()).take(self.queue.len());
        kept.filter(|kept| self.handlers.call_queued(attached, self.queue, kept, stripe)).count()
    }
}

impl Drop for Served<'_> {
    fn drop(&mut self) {
        let Some(attached) = self.attached.take() else { return };
        let entry = attached.entry.clone();
        // It may be the last that has it, and what it owns is the host's.
        self.handlers.free(attached);
        if self.handlers.has_ended() && entry.has_nothing_waiting() {
            self.handlers.detach(|other| Arc::ptr_eq(&entry, &other.entry));
        }
    }
}

impl fmt::Debug for Handler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handler")
            .field("id", &self.id())
            .field("is_attached", &self.is_attached())
            .finish_non_exhaustive()
    }
}
