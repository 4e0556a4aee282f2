//! The handlers that are attached: a list that is replaced as a whole, so that whoever executes takes no lock.
//!
//! Replaced lists wait until nobody uses them, and are freed by whoever attaches, detaches or sweeps: no executing thread
//! runs a destructor of the host's.

use super::entry::{Attached, Call, Entry, MOST_WAITING, Queue};
use super::error::AttachError;
use super::execution::Execution;
use super::gate::{Ended, Ending, Gate, Refused};
use super::here::{Inside, Stripe};
use super::kept::Kept;
use super::prefix::{Prefix, shown};
use super::status::{HandlerNotice, HandlerPanic, HandlerStats, HandlerStatus};
use crate::contain::contain;
use crate::status::ErrorSlot;
use crate::sync::{Arc, ArcSwap, AtomicU64, AtomicUsize, Mutex, Relaxed, Signal};
use std::fmt;

/// The most that are attached at once.
pub(super) const MOST_HANDLERS: usize = 1_024;

type List = Vec<Arc<Attached>>;
type Observer = Arc<dyn Fn(&HandlerNotice<'_>) + Send + Sync>;

/// The handlers of a telemetry.
pub(crate) struct Handlers {
    /// How many there are: nobody looks further while there is none.
    open: AtomicUsize,
    list: ArcSwap<List>,
    /// Lists that were replaced. Held while the list is replaced; nothing of the host runs meanwhile.
    replaced: Mutex<Vec<Arc<List>>>,
    /// The host's.
    observer: Mutex<Option<Observer>>,
    /// A deck's own: it is told whatever the host observes.
    journal: Mutex<Option<Observer>>,
    last_panic: Mutex<Option<HandlerPanic>>,
    counts: Counts,
    errors: ErrorSlot,
    /// A call ended at a closed gate, a gate was closed, or all is over.
    pub(super) signal: Signal,
    /// Nobody can execute anything any more.
    ending: Ending,
}

/// Relaxed: each stands for itself.
#[derive(Debug)]
struct Counts {
    panics: AtomicU64,
    dropped: AtomicU64,
    discarded: AtomicU64,
    too_deep: AtomicU64,
    crowded: AtomicU64,
    other_panics: AtomicU64,
}

impl Handlers {
    /// What panics is noted there.
    pub(crate) fn new(errors: ErrorSlot) -> Arc<Self> {
        let zero = || AtomicU64::new(0);
        Arc::new(Self {
            open: AtomicUsize::new(0),
            list: ArcSwap::new(Arc::new(List::new())),
            replaced: Mutex::new(Vec::new()),
            observer: Mutex::new(None),
            journal: Mutex::new(None),
            last_panic: Mutex::new(None),
            counts: Counts {
                panics: zero(),
                dropped: zero(),
                discarded: zero(),
                too_deep: zero(),
                crowded: zero(),
                other_panics: zero(),
            },
            errors,
            signal: Signal::new(),
            ending: Ending::new(),
        })
    }

    /// Whether there is any.
    #[inline(always)]
    pub(super) fn is_any(&self) -> bool {
        // Relaxed: whoever attached before us, in whatever way we know, has raised it before us.
        self.open.load(Relaxed) != 0
    }

    /// Calls all that are attached to a prefix of the name, in the order in which they were attached. No lock.
    #[inline(never)]
    pub(super) fn execute(&self, execution: &Execution<'_>) {
        let Some(_inside) = Inside::enter() else { return count(&self.counts.too_deep) };
        let stripe = Stripe::of_this_thread();
        for attached in self.list.load().iter().filter(|attached| attached.entry.is_for(execution.name)) {
            match &attached.entry.queue {
                None => drop(self.call(attached, execution, stripe)),
                Some(queue) => self.post(queue, execution, stripe),
            }
        }
    }

    /// Calls one of them, unless it is closed; whether it was called.
    pub(super) fn call(&self, attached: &Attached, execution: &Execution<'_>, stripe: Stripe) -> bool {
        let entry = &attached.entry;
        if let Err(why) = entry.gate.begin(stripe) {
            self.refused(why);
            return false;
        }
        if let Err(message) = contain(|| (attached.call)(execution)) {
            self.detach_panicked(entry, message, stripe);
        } else if entry.gate.end(stripe) == Ended::Closed {
            self.wake();
        }
        true
    }

    #[cold]
    #[inline(never)]
    fn refused(&self, why: Refused) {
        match why {
            Refused::Closed => self.wake(),
            Refused::Crowded => count(&self.counts.crowded),
        }
    }

    /// Calls a queued one for something that waited; whether it was called.
    pub(super) fn call_queued(
        &self,
        attached: &Attached,
        queue: &Queue,
        kept: &Kept,
        stripe: Stripe,
    ) -> bool {
        let was_called = kept.tell(|execution| self.call(attached, execution, stripe));
        if !was_called {
            queue.discarded();
            count(&self.counts.discarded);
        }
        was_called
    }

    /// Whoever waits looks again.
    #[cold]
    #[inline(never)]
    fn wake(&self) {
        self.signal.notify();
    }

    fn post(&self, queue: &Queue, execution: &Execution<'_>, stripe: Stripe) {
        if let Err(why) = queue.posts.begin(stripe) {
            return self.refused(why);
        }
        if queue.keep(execution).is_err() {
            count(&self.counts.dropped);
        }
        if queue.posts.end(stripe) == Ended::Closed {
            // Whoever closed it may have been there before us.
            self.discard(queue);
            self.wake();
        }
    }

    /// Nobody is going to be told of what waits.
    fn discard(&self, queue: &Queue) {
        self.counts.discarded.fetch_add(queue.discard(), Relaxed);
    }

    #[cold]
    #[inline(never)]
    fn detach_panicked(&self, entry: &Arc<Entry>, message: String, stripe: Stripe) {
        // Before its gate is closed: whoever finds that finds why.
        entry.panic.lock().get_or_insert_with(|| message.clone());
        // What it owns is dropped by a later sweep, not here.
        let was_attached = self.remove(|other| Arc::ptr_eq(entry, &other.entry));
        let (Ended::Open | Ended::Closed) = entry.gate.end(stripe);
        self.wake();
        count(&self.counts.panics);
        self.errors.note(format!("handler `{}` panicked and was detached: {message}", entry.id));
        *self.last_panic.lock() = Some(HandlerPanic { id: entry.id.to_string(), message: message.clone() });
        for told in [&self.journal, &self.observer] {
            self.tell(told, HandlerNotice::Panicked { id: &entry.id, message: &message, was_attached });
        }
    }

    fn tell(&self, told: &Mutex<Option<Observer>>, notice: HandlerNotice<'_>) {
        let Some(observer) = told.lock().clone() else { return };
        // With the observer: this may be the last that has it.
        if let Err(message) = contain(move || observer(&notice)) {
            self.panicked(&format!("the observer of handlers panicked: {message}"));
        }
    }

    pub(super) fn attach(
        &self,
        id: &str,
        prefixes: &[&str],
        capacity: Option<usize>,
        call: Call,
    ) -> Result<Arc<Attached>, AttachError> {
        let attached = Arc::new(Attached { entry: Arc::new(new_entry(id, prefixes, capacity)?), call });
        let mut replaced = self.replaced.lock();
        let list = self.list.load();
        if list.iter().any(|other| *other.entry.id == *id) {
            return Err(AttachError::Duplicate { id: shown(id) });
        }
        if list.len() >= MOST_HANDLERS {
            return Err(AttachError::TooMany { id: shown(id) });
        }
        let longer = list.iter().chain([&attached]).cloned().collect();
        drop(list);
        self.replace(&mut replaced, longer);
        drop(replaced);
        self.sweep();
        Ok(attached)
    }

    /// Closes and takes out the one that is meant; whether it was there. No call of it starts after that.
    fn remove(&self, is_meant: impl Fn(&Attached) -> bool) -> bool {
        let mut replaced = self.replaced.lock();
        let list = self.list.load();
        let Some(removed) = list.iter().find(|attached| is_meant(attached)) else { return false };
        let entry = removed.entry.clone();
        // Before it leaves the list: whoever does not find it there finds it closed.
        entry.close();
        let shorter = list.iter().filter(|other| !Arc::ptr_eq(other, removed)).cloned().collect();
        drop(list);
        self.replace(&mut replaced, shorter);
        drop(replaced);
        if let Some(queue) = &entry.queue {
            self.discard(queue);
        }
        true
    }

    fn replace(&self, replaced: &mut Vec<Arc<List>>, list: List) {
        self.open.store(list.len(), Relaxed);
        replaced.push(self.list.swap(Arc::new(list)));
    }

    /// Detaches the one that is meant; whether it was attached.
    pub(super) fn detach(&self, is_meant: impl Fn(&Attached) -> bool) -> bool {
        let was_attached = self.remove(is_meant);
        if was_attached {
            // Who serves its queue need not wait on.
            self.wake();
            self.sweep();
        }
        was_attached
    }

    /// Lets so many executions wait for a handler; whether there is such a queue.
    pub(super) fn allow(&self, id: &str, most: usize) -> bool {
        let list = self.list.load();
        let attached = list.iter().find(|attached| *attached.entry.id == *id);
        let queue = attached.and_then(|attached| attached.entry.queue.as_ref());
        queue.map(|queue| queue.allow(most)).is_some()
    }

    /// Frees what nobody uses; how many handlers that were.
    pub(super) fn sweep(&self) -> usize {
        let mut free = Vec::new();
        self.replaced.lock().retain_mut(|list| match Arc::get_mut(list) {
            // It has left its place for good, so nobody can get at it any more.
            Some(list) => {
                free.append(list);
                false
            }
            None => true,
        });
        free.into_iter().map(|attached| self.free(attached)).filter(|is_freed| *is_freed).count()
    }

    /// Drops what it owns, if nobody else has it; whether that is so.
    pub(super) fn free(&self, attached: Arc<Attached>) -> bool {
        let Some(attached) = Arc::into_inner(attached) else { return false };
        self.let_go(attached);
        true
    }

    fn let_go<T>(&self, of_the_host: T) {
        if let Err(message) = contain(|| drop(of_the_host)) {
            self.panicked(&format!("what a handler owned panicked when it was dropped: {message}"));
        }
    }

    #[cold]
    #[inline(never)]
    fn panicked(&self, what: &str) {
        count(&self.counts.other_panics);
        self.errors.note(what.to_owned());
    }

    pub(super) fn status(&self) -> Vec<HandlerStatus> {
        self.list.load().iter().map(|attached| attached.entry.status()).collect()
    }

    pub(super) fn stats(&self) -> HandlerStats {
        let counts = &self.counts;
        HandlerStats {
            attached: self.open.load(Relaxed),
            panics: counts.panics.load(Relaxed),
            last_panic: self.last_panic.lock().clone(),
            dropped: counts.dropped.load(Relaxed),
            discarded: counts.discarded.load(Relaxed),
            too_deep: counts.too_deep.load(Relaxed),
            crowded: counts.crowded.load(Relaxed),
            other_panics: counts.other_panics.load(Relaxed),
            retained: self.replaced.lock().len(),
        }
    }

    pub(super) fn observe(&self, observer: Observer) {
        let before = self.observer.lock().replace(observer);
        self.let_go(before);
    }

    pub(super) fn write_down(&self, journal: Observer) {
        let before = self.journal.lock().replace(journal);
        self.let_go(before);
    }

    /// Whether nobody can execute anything any more.
    pub(super) fn has_ended(&self) -> bool {
        self.ending.is_over()
    }

    /// Nobody can execute anything any more: queues are served to their end. Handlers that nothing waits for go, and the
    /// observer: a metric that they own would keep the telemetry, and thus them.
    pub(crate) fn end(&self) {
        self.ending.end();
        while self.remove(|attached| attached.entry.has_nothing_waiting()) {}
        self.wake();
        self.sweep();
        for told in [&self.journal, &self.observer] {
            let observer = told.lock().take();
            self.let_go(observer);
        }
    }
}

fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Relaxed);
}

fn new_entry(id: &str, prefixes: &[&str], capacity: Option<usize>) -> Result<Entry, AttachError> {
    if id.is_empty() {
        return Err(AttachError::EmptyId);
    }
    if prefixes.is_empty() {
        return Err(AttachError::NoPrefix { id: shown(id) });
    }
    let parse = |text: &&str| {
        Prefix::parse(text).ok_or_else(|| AttachError::Prefix { id: shown(id), prefix: shown(text) })
    };
    let prefixes = prefixes.iter().map(parse).collect::<Result<_, _>>()?;
    if let Some(capacity) = capacity.filter(|capacity| !(1..=MOST_WAITING).contains(capacity)) {
        return Err(AttachError::Capacity { id: shown(id), capacity });
    }
    Ok(Entry {
        id: id.into(),
        prefixes,
        gate: Gate::new(),
        queue: capacity.map(Queue::new),
        panic: Mutex::new(None),
    })
}

impl fmt::Debug for Handlers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handlers").field("handlers", &self.list.load().as_slice()).finish_non_exhaustive()
    }
}
