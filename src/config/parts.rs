//! The parts that models take one by one: a whole config has too many steps to explore.

use super::attached::Attached;
use super::cause::Cause;
use super::current::{Current, Snapshot};
use super::delivery::{Change, Deliveries, Delivery, Progress};
use super::gate::{Ended, Gate};
use super::list::{Entry, List};
pub use super::reader::Reader;
use super::subscriber::{Subscriber, Subscribers, Terms};
use super::wake::Wakers;
use crate::sync::{Arc, AtomicU64, Relaxed};
use std::task::Waker;

/// A current snapshot without writers' lock: one publisher at a time.
#[derive(Debug)]
pub struct Cell(Arc<Current<u64>>);

impl Cell {
    /// Revision 1.
    pub fn new(value: u64) -> Self {
        Self(Arc::new(Current::new(first(value), 0)))
    }

    /// Publishes revision `number`.
    pub fn publish(&self, number: u64, value: u64) {
        // In place of the one that is current: a look at that would keep the model from telling apart what others see.
        self.0.publish(snapshot(number - 1, 0), snapshot(number, value));
    }

    /// A cached reader.
    pub fn reader(&self) -> Reader<u64> {
        Reader::new(self.0.clone())
    }

    /// The number of a revision in place.
    pub fn generation(&self) -> u64 {
        self.0.generation()
    }

    /// The snapshot in place.
    pub fn revision(&self) -> u64 {
        self.0.load_full().revision().get()
    }

    /// The snapshot in place, by one who does not raise the generation to it.
    pub fn peek(&self) -> u64 {
        self.0.peek().revision().get()
    }
}

fn first(value: u64) -> Snapshot<u64> {
    Snapshot::first(value, Cause::this_thread(), Attached::default())
}

fn snapshot(number: u64, value: u64) -> Arc<Snapshot<u64>> {
    let next = |last: Snapshot<u64>, _| last.successor(value, Cause::this_thread());
    Arc::new((1..number).fold(first(value), next))
}

/// An entry of [`Chain`].
#[derive(Clone, Debug)]
pub struct Link(pub u64, pub Arc<Door>);

impl Entry for Link {
    fn is_dead(&self) -> bool {
        self.1.0.is_closed()
    }
}

/// The subscriber list with plain entries.
#[allow(missing_debug_implementations, reason = "its links have nothing to show")]
pub struct Chain(List<Link>);

impl Chain {
    /// An empty one.
    #[allow(clippy::new_without_default, reason = "models make it by name")]
    pub fn new() -> Self {
        Self(List::new())
    }

    /// Puts an entry in front.
    pub fn insert(&self, link: Link) {
        self.0.insert(link);
    }

    /// The living, oldest first, and how many dead ones were unlinked.
    pub fn walk(&self) -> (Vec<u64>, usize) {
        let walk = self.0.walk();
        (walk.values.iter().map(|link| link.0).collect(), walk.unlinked)
    }
}

/// A subscriber's gate.
#[derive(Debug)]
pub struct Door(Gate);

impl Door {
    /// An open one.
    #[allow(clippy::new_without_default, reason = "models make it by name")]
    pub fn new() -> Self {
        Self(Gate::new())
    }

    /// Runs `call` if the gate is open; `None` if not, else whether it was closed meanwhile.
    pub fn pass(&self, call: impl FnOnce()) -> Option<bool> {
        let inside = self.0.begin()?;
        call();
        Some(self.0.end(inside) == Ended::Closed)
    }

    /// Lets no further call in.
    pub fn close(&self) {
        let _ = self.0.close();
    }

    /// Whether no call is running.
    pub fn is_idle(&self) -> bool {
        self.0.is_idle()
    }
}

/// The delivery queue and how far it has come, without a config around it.
#[derive(Debug)]
pub struct Queue(Deliveries<u64>, Progress);

impl Queue {
    /// An empty one.
    #[allow(clippy::new_without_default, reason = "models make it by name")]
    pub fn new() -> Self {
        Self(Deliveries::new(), Progress::new())
    }

    /// Appends the change to revision `number`.
    pub fn append(&self, number: u64) {
        let _ = self.0.append(Change::new(snapshot(number - 1, 0), snapshot(number, 0)));
    }

    /// Delivers what waits, unless somebody does.
    pub fn drain(&self, mut deliver: impl FnMut(u64)) {
        self.0.drain(|delivery| {
            let Delivery::Change(change) = delivery else { return };
            deliver(change.revision().get());
            self.1.advance(change.revision());
        });
    }

    /// Whether revision `number` has been delivered.
    pub fn is_delivered(&self, number: u64) -> bool {
        self.1.delivered(snapshot(number, 0).revision())
    }

    /// Waits until revision `number` has been delivered.
    pub fn wait(&self, number: u64) {
        self.1.signal.wait(None, || self.is_delivered(number));
    }
}

/// A current snapshot and those who are told of it.
#[allow(missing_debug_implementations, reason = "closures have nothing to show")]
pub struct Audience(Cell, Subscribers<u64>);

impl Audience {
    /// Nobody yet, revision 1.
    #[allow(clippy::new_without_default, reason = "models make it by name")]
    pub fn new() -> Self {
        Self(Cell::new(0), Subscribers::new())
    }

    /// Subscribes, then reads: the revision found.
    pub fn subscribe_and_read(&self) -> u64 {
        self.1.insert(Arc::new(Subscriber::new(Box::new(|_| ()), Terms::default())));
        self.0.revision()
    }

    /// Publishes revision `number` and counts those who would be told.
    pub fn publish(&self, number: u64) -> usize {
        self.0.publish(number, 0);
        self.1.living().len()
    }
}

/// Who waits for a number to grow, and is woken.
#[derive(Debug)]
pub struct Sleepers(AtomicU64, Wakers);

impl Sleepers {
    /// The number is 1, and nobody waits.
    #[allow(clippy::new_without_default, reason = "models make it by name")]
    pub fn new() -> Self {
        Self(AtomicU64::new(1), Wakers::new())
    }

    /// Raises the number, then wakes.
    pub fn raise(&self, number: u64) {
        self.0.store(number, Relaxed);
        self.1.ring();
    }

    /// Whether the number is `number` at least; if not, `waker` is woken when it is raised.
    pub fn poll(&self, key: u64, number: u64, waker: &Waker) -> bool {
        let there = || self.0.load(Relaxed) >= number;
        if there() {
            return true;
        }
        self.1.register(key, waker);
        there()
    }

    /// Waits no longer.
    pub fn forget(&self, key: u64) {
        self.1.forget(key);
    }
}
