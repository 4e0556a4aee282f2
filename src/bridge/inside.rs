//! What is said while something is said.

use crate::sync::plain_thread_local;
use std::cell::Cell;

plain_thread_local! {
    static DEPTH: Cell<u32> = Cell::new(0);
}

/// How deep in what is said while something is said.
pub(super) struct Inside(());

impl Inside {
    const DEEPEST: u32 = 4;

    /// None if it is too deep: a value that tells about itself while it is shown would never end.
    #[inline(always)]
    pub(super) fn enter() -> Option<Self> {
        DEPTH.with(|depth| {
            let is_allowed = depth.get() < Self::DEEPEST;
            is_allowed.then(|| {
                depth.set(depth.get() + 1);
                Self(())
            })
        })
    }
}

impl Drop for Inside {
    #[inline(always)]
    fn drop(&mut self) {
        DEPTH.with(|depth| depth.set(depth.get() - 1));
    }
}
