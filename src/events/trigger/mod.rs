//! Triggers: what led to an event, and what came of it, is kept when it happens.
//!
//! | file | idea |
//! |---|---|
//! | `spec` | [`Trigger`]: what sets it off, what it captures, where that goes |
//! | `set` | [`Triggers`]: those of a store, and evaluating them |
//! | `armed` | one of them: what it has seen, what it is about to capture, its accounts |
//! | `cause` | what set it off |
//! | `window`, `limit` | look-ahead, and what it covers; how often |
//! | `capture`, `directory` | from a window or an id to events; to a file |
//! | `signal` | a signal as a flag |
//! | `receipt`, `error` | what was captured, and what was not; why one was not armed |
//!
//! Writers know nothing of triggers: each that watches for events is a cursor, and whoever evaluates them comes by as often
//! as a cursor does. What a match needs is in the store already, so a look-back is a query, and a look-ahead
//! the same query a while later; nothing is copied in advance.

mod armed;
mod capture;
mod cause;
mod directory;
mod error;
mod limit;
mod receipt;
mod set;
#[cfg(all(feature = "signals", unix))]
mod signal;
mod spec;
mod window;

pub(crate) use capture::trim;
pub use cause::TriggerCause;
pub use directory::Directory;
pub use error::TriggerError;
pub use receipt::{CapturePlace, Captured, LeftOut, TriggerReceipt, TriggerStatus};
pub use set::{Polled, Triggers};
pub use spec::Trigger;
