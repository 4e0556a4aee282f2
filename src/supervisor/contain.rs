//! Dropping what is the host's: its destructors may panic, and must take nobody along.

use std::panic::{AssertUnwindSafe, catch_unwind};

/// Drops it. A panic ends here, and what it carries, which may panic in turn, is leaked.
pub(crate) fn drop_contained<T>(hosts: T) {
    let _ = catch_unwind(AssertUnwindSafe(|| drop(hosts))).map_err(std::mem::forget);
}
