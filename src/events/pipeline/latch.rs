//! A mark that is set once: whoever sees it sees all that came before.

use crate::sync::{AtomicBool, acquire, release};

/// Set once, by whoever comes first.
#[derive(Debug, Default)]
pub struct Latch(AtomicBool);

impl Latch {
    /// Not set yet.
    #[must_use]
    pub fn new() -> Self {
        Self(AtomicBool::new(false))
    }

    /// Sets it: what this thread did before is seen by all that see it.
    pub fn set(&self) {
        // Release, edge `latch` (partner: `is_set`).
        self.0.store(true, release("latch"));
    }

    /// Whether it is set.
    #[must_use]
    pub fn is_set(&self) -> bool {
        // Acquire, edge `latch` (partner: `set`).
        self.0.load(acquire("latch"))
    }
}
