//! What a part of a file told, as of some moment.

use std::time::SystemTime;

/// What was posted last of a part of a deck, as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Told<T> {
    /// It.
    pub what: T,
    /// When that was, by the writer's clock; `None` where nothing was.
    pub at: Option<SystemTime>,
    /// How many more there were, for which there was no room.
    pub left_out: u64,
}

impl<T> Told<T> {
    pub(super) const fn nothing(what: T) -> Self {
        Self { what, at: None, left_out: 0 }
    }
}
