//! What has been replaced and waits until nobody uses it, so that its destructor runs where
//! destructors may run: never on a reader.
//!
//! Every replaced thing is put here by whoever replaced it. The list's own reference is the last
//! but one for everybody else, so their drops only count down. A sweep takes out what only the list
//! still holds; the caller drops that with no lock held.

use crate::sync::{Arc, Mutex};

/// How many things wait before an update sweeps by itself, at least.
const SLACK: usize = 32;

#[derive(Debug)]
pub(super) struct RetireList<X>(Mutex<Waiting<X>>);

#[derive(Debug)]
struct Waiting<X> {
    things: Vec<Arc<X>>,
    /// From this length on the list wants to be swept.
    limit: usize,
}

impl<X> RetireList<X> {
    pub(super) fn new() -> Self {
        Self(Mutex::new(Waiting { things: Vec::new(), limit: SLACK }))
    }

    pub(super) fn push(&self, thing: Arc<X>) {
        self.0.lock().things.push(thing);
    }

    /// Whether enough has come together for a sweep. The limit is twice what the last sweep had to
    /// leave, so sweeping costs each update a constant on average, whoever holds on to how much.
    pub(super) fn is_due(&self) -> bool {
        let waiting = self.0.lock();
        waiting.things.len() >= waiting.limit
    }

    /// Takes out everything that nobody else holds.
    #[must_use = "the caller decides where the destructors run"]
    pub(super) fn sweep(&self) -> Vec<X> {
        let mut free = Vec::new();
        let mut waiting = self.0.lock();
        let mut held = Vec::new();
        for thing in waiting.things.drain(..) {
            // One atomic step from "only here" to "owned": a weak reference upgraded at this moment
            // either keeps the thing here or comes too late.
            match Arc::try_unwrap(thing) {
                Ok(thing) => free.push(thing),
                Err(thing) => held.push(thing),
            }
        }
        waiting.limit = SLACK.max(held.len().saturating_mul(2));
        waiting.things = held;
        free
    }

    pub(super) fn len(&self) -> usize {
        self.0.lock().things.len()
    }

    /// Something of each thing that waits, oldest first.
    pub(super) fn map<R>(&self, of: impl Fn(&X) -> R) -> Vec<R> {
        self.0.lock().things.iter().map(|thing| of(thing)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sweep_takes_what_nobody_holds_and_keeps_the_order_of_the_rest() {
        let list = RetireList::new();
        let held: Vec<_> = (0..5).map(Arc::new).collect();
        for thing in &held {
            list.push(thing.clone());
        }
        assert!(list.sweep().is_empty());
        let kept = [held[1].clone(), held[4].clone()];
        drop(held);
        assert_eq!(list.sweep(), [0, 2, 3]);
        assert_eq!(list.map(|thing| *thing), [1, 4]);
        drop(kept);
        assert_eq!((list.sweep(), list.len()), (vec![1, 4], 0));
    }

    #[test]
    fn a_list_is_due_at_twice_what_others_hold() {
        let list = RetireList::new();
        let held: Vec<_> = (0..40).map(Arc::new).collect();
        held.iter().for_each(|thing| list.push(thing.clone()));
        assert!(list.is_due());
        assert!(list.sweep().is_empty());
        assert!(!list.is_due());
        (0..39).for_each(|number| list.push(Arc::new(number)));
        assert!(!list.is_due());
        list.push(Arc::new(0));
        assert!(list.is_due());
        assert_eq!(list.sweep().len(), 40);
    }
}
