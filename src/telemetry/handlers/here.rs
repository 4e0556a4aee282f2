//! Where a thread is: how deep in handlers, and which words of gates it uses.

use super::gate::STRIPES;
use crate::sync::{plain_thread_local, unique_number};
use std::cell::Cell;

/// How deep executions nest: one by a handler of one by a handler, and so on.
const DEEPEST: u32 = 16;

plain_thread_local! {
    static DEPTH: Cell<u32> = Cell::new(0);
}

plain_thread_local! {
    /// One more than it is; 0: not chosen yet.
    static STRIPE: Cell<usize> = Cell::new(0);
}

/// Which word of each gate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stripe(usize);

impl Stripe {
    /// The word of this number.
    #[must_use]
    pub const fn of(number: usize) -> Self {
        Self(number % STRIPES)
    }

    #[inline(always)]
    pub(super) fn index(self) -> usize {
        self.0 % STRIPES
    }

    /// That of this thread. Threads take turns.
    #[inline]
    pub(super) fn of_this_thread() -> Self {
        STRIPE.with(|stripe| match stripe.get() {
            0 => {
                let own = Self::of(unique_number() as usize);
                stripe.set(own.0 + 1);
                own
            }
            more => Self::of(more - 1),
        })
    }
}

/// This thread calls handlers, until this is dropped, also by unwinding.
#[derive(Debug)]
pub(super) struct Inside(());

impl Inside {
    /// `None` at the deepest.
    #[inline]
    pub(super) fn enter() -> Option<Self> {
        DEPTH.with(|depth| {
            let inside = depth.get() < DEEPEST;
            inside.then(|| {
                depth.set(depth.get() + 1);
                Self(())
            })
        })
    }
}

impl Drop for Inside {
    #[inline]
    fn drop(&mut self) {
        DEPTH.with(|depth| depth.set(depth.get().saturating_sub(1)));
    }
}

/// Whether this thread calls a handler, of whatever telemetry.
pub(super) fn is_inside() -> bool {
    DEPTH.with(|depth| depth.get() > 0)
}
