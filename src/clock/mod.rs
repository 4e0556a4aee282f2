//! Ticks: what events are stamped with, and how ticks become time.
//!
//! | file | idea |
//! |---|---|
//! | `handle` | [`Clock`], what decks and hosts hold |
//! | `reading`, `tsc`, `coarse` | what is read to take a stamp; the processor's counter; a word that a thread refreshes |
//! | `sight`, `check` | one instant on all clocks, and what two of them say |
//! | `segments`, `keeper` | stretches of time with one rate each; who adds to them |
//! | `convert`, `range` | from ticks to time and back; which times a host may supply |
//! | `told` | a clock told to a region, for those who read its stamps there |
//! | `course` | what spans that somebody keeps in ticks stand on |
//! | `status`, `error` | how a clock is, and what can go wrong |
//! | `script` | the machine's clocks in the hands of a test |
//!
//! Reading the clock costs more than the rest of an event together, so a stamp is the rawest thing
//! the machine offers, and conversion happens when somebody reads. A *sight* is one instant read on
//! all clocks; the rate of a segment follows from two of them, the further apart the more exact.
//!
//! Converting all stamps at the rate of now would do while nothing happens to the counter. But a guest that moves to
//! another machine goes on with another counter, a laptop that was closed with one that stood still, and everything
//! recorded before would seem to have happened at another time. So sights are compared, and where they disagree a new
//! segment begins: stamps of before keep their rate. Ticks themselves never go back, which would make them mean two
//! times: a counter that does is carried on by an offset.

mod check;
mod coarse;
mod convert;
mod course;
mod error;
mod handle;
mod keeper;
mod range;
mod reading;
#[cfg(test)]
pub(crate) mod script;
pub(crate) mod segments;
mod sight;
mod status;
#[cfg(test)]
mod tests;
mod told;
mod tsc;

pub use coarse::Ticker;
pub use convert::Converter;
pub(crate) use course::Course;
pub use error::{TickError, TimeError};
pub use handle::Clock;
pub use status::{ClockCheck, ClockSource, ClockStatus, SourceReason};
pub(crate) use told::Told;

/// A stamp in the raw unit of the clock that took it. Only ticks of one clock can be compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Ticks(pub u64);
