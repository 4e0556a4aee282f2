//! What is computed from a value once, at most, and kept beside it: one cell for each thing that is derived.
//!
//! The cells hang on each other in the order in which they were first asked for. Each link is set once and never
//! changed, so a look is a walk over few of them, without a lock. Who asks for a cell that another thread is filling
//! waits for that one.

use super::occupant::Occupant;
use crate::sync::{OnceLock, unique_number};
use std::any::Any;
use std::fmt;
use std::marker::PhantomData;

/// Stands for one thing that is derived, whatever from: what it is called in each snapshot.
pub(super) struct Slot<D> {
    number: u64,
    of: PhantomData<fn() -> D>,
}

impl<D> Slot<D> {
    #[allow(dead_code, reason = "what optional parts begin with")]
    pub(super) fn new() -> Self {
        Self { number: unique_number(), of: PhantomData }
    }
}

impl<D> Clone for Slot<D> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<D> Copy for Slot<D> {}

/// The thing asked for is being computed by the asking thread, further up its stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct AskedWithin;

/// All that was derived from one value.
pub(super) struct Slots {
    first: OnceLock<Box<Cell>>,
}

struct Cell {
    number: u64,
    filling: Occupant,
    value: OnceLock<Box<dyn Any + Send + Sync>>,
    next: OnceLock<Box<Cell>>,
}

impl Slots {
    pub(super) fn new() -> Self {
        Self { first: OnceLock::new() }
    }

    /// What was derived for `slot`, if it was.
    #[allow(dead_code, reason = "what optional parts begin with")]
    pub(super) fn get<D: 'static>(&self, slot: Slot<D>) -> Option<&D> {
        let mut at = &self.first;
        while let Some(cell) = at.get() {
            if cell.number == slot.number {
                return cell.value.get()?.downcast_ref();
            }
            at = &cell.next;
        }
        None
    }

    /// What is derived for `slot`, computed now unless it was before. Threads that ask for the same one at that time wait
    /// for it. If `compute` panics, the next to ask computes again.
    pub(super) fn get_or_derive<D: Send + Sync + 'static>(
        &self,
        slot: Slot<D>,
        compute: impl FnOnce() -> D,
    ) -> Result<&D, AskedWithin> {
        let cell = self.cell(slot.number);
        let value = match cell.value.get() {
            Some(value) => value,
            None if cell.filling.is_this_thread() => return Err(AskedWithin),
            None => cell.value.get_or_init(|| {
                let _inside = cell.filling.enter();
                Box::new(compute())
            }),
        };
        // A number is given to one slot, and with it one type.
        value.downcast_ref().ok_or(AskedWithin)
    }

    fn cell(&self, number: u64) -> &Cell {
        let mut at = &self.first;
        loop {
            let cell = at.get_or_init(|| Box::new(Cell::new(number)));
            if cell.number == number {
                return cell;
            }
            at = &cell.next;
        }
    }
}

impl Cell {
    fn new(number: u64) -> Self {
        Self { number, filling: Occupant::none(), value: OnceLock::new(), next: OnceLock::new() }
    }
}

impl Drop for Slots {
    /// One after the other: many of them shall not take a deep stack.
    fn drop(&mut self) {
        let mut next = self.first.take();
        while let Some(mut cell) = next {
            next = cell.next.take();
        }
    }
}

impl fmt::Debug for Slots {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cells = std::iter::successors(self.first.get(), |cell| cell.next.get());
        f.debug_struct("Slots").field("cells", &cells.count()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::panic::{AssertUnwindSafe, catch_unwind};

    #[test]
    fn each_slot_is_computed_once() {
        let (slots, text, number) = (Slots::new(), Slot::<String>::new(), Slot::<u64>::new());
        assert_eq!(slots.get(text), None);
        assert_eq!(slots.get_or_derive(text, || "one".to_owned()).unwrap(), "one");
        assert_eq!(slots.get_or_derive(number, || 2), Ok(&2));
        assert_eq!(slots.get_or_derive(text, || unreachable!()).unwrap(), "one");
        assert_eq!((slots.get(number), slots.get(Slot::<u64>::new())), (Some(&2), None));
    }

    #[test]
    fn who_asks_from_within_is_told_and_a_panic_leaves_the_slot_empty() {
        let (slots, slot) = (Slots::new(), Slot::<u64>::new());
        let within = slots.get_or_derive(slot, || slots.get_or_derive(slot, || 1).map_or(7, |_| 1));
        assert_eq!(within, Ok(&7));
        let slot = Slot::<u64>::new();
        let panicked = catch_unwind(AssertUnwindSafe(|| slots.get_or_derive(slot, || panic!("no")).is_ok()));
        assert!(panicked.is_err());
        assert_eq!(slots.get_or_derive(slot, || 3), Ok(&3));
    }

    #[test]
    fn threads_that_ask_at_once_share_one_value() {
        let slots = Slots::new();
        let kinds: Vec<_> = (0..4_u64).map(|number| (number, Slot::<u64>::new())).collect();
        let computed = crate::sync::AtomicU64::new(0);
        crate::sync::thread::scope(|threads| {
            for _ in 0..4 {
                threads.spawn(|| {
                    for (number, slot) in &kinds {
                        let found = slots.get_or_derive(*slot, || {
                            computed.fetch_add(1, crate::sync::Relaxed);
                            *number
                        });
                        assert_eq!(found, Ok(number));
                    }
                });
            }
        });
        assert_eq!(computed.load(crate::sync::Relaxed), 4);
    }
}
