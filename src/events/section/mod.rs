//! The section: all that an event store keeps, in words, so that whoever has these words can answer for it.
//!
//! | file | idea |
//! |---|---|
//! | `shape` | which part lies where: computed when a store is made, checked when one is read |
//! | `head` | the words that say so, and counters |
//! | `open` | a view of words that somebody else wrote |
//! | `copied` | a copy that is made while others write |
//! | `error` | why there is none |
//!
//! `format.md` describes every word, for whoever writes a reader of their own; it is part of the documentation of
//! [`Recording`](super::Recording).

#[cfg(all(feature = "mapped", target_os = "linux"))]
mod copied;
mod error;
mod head;
mod open;
mod shape;
#[cfg(all(test, not(flightdeck_loom)))]
mod tests;

#[cfg(all(feature = "mapped", target_os = "linux"))]
pub(crate) use copied::copy;
pub use error::SectionError;
#[cfg(all(feature = "mapped", target_os = "linux"))]
pub(super) use head::VERSION;
pub(super) use head::{Counters, write};
pub(super) use open::open;
pub(super) use shape::Shape;

/// The tag of a kind in its log.
pub(super) const SCHEMA: u32 = 1;
/// The tag of a thread in its log.
pub(super) const THREAD: u32 = 2;
