//! Control per kind, while the host runs: which events are recorded at all, which of them are sampled, how many a
//! second a call site may record, and how many a tenant.
//!
//! | file | idea |
//! |---|---|
//! | `directives`, `parse`, `given` | what a host wishes, kind by kind; its text; where that is from |
//! | `error` | what can be wrong with that |
//! | `rate`, `bucket` | so many events a second; the word that keeps count of them |
//! | `gate` | samples and limits of the kinds that have one |
//! | `tally` | what each thread let through and held back |
//! | `pass` | an event of such a kind comes by |
//! | `pacing` | rates in ticks stay true to the clock |
//! | `quota` | rates by key |
//! | `watch` | who wants to know that levels changed |
//! | `suppressed` | what was held back, in figures |
//!
//! A kind that is simply on or off shows that in the word that every record looks at, and pays nothing for the rest. One
//! that is sampled or limited is handled out of line: its thread's own counters first, the word that all threads share
//! only if the sample let the event through.
//!
//! **Suppressed is not lost.** What a host asked not to keep is neither a loss nor a gap: an answer is
//! [`Complete`](super::Verdict::Complete) if everything is there that was meant to be kept. How much was held back is
//! told by [`Events::suppressed`](super::Events::suppressed), exactly, but for kinds that are off: those are not even
//! counted.

mod bucket;
mod directives;
mod error;
mod gate;
mod given;
mod pacing;
mod parse;
mod pass;
mod quota;
mod rate;
mod suppressed;
mod tally;
mod watch;

#[cfg(flightdeck_loom)]
pub use bucket::Bucket;
pub(super) use bucket::bucket_time;
pub use directives::Directives;
pub use error::{DirectivesError, Expected, Mistake, QuotaError};
pub use gate::{Gates, Setting, Slot};
pub(super) use given::Given;
pub(super) use pass::Control;
#[cfg(flightdeck_loom)]
pub use quota::Keys;
pub use quota::{Key, Quota};
#[cfg(flightdeck_loom)]
pub use rate::Pace;
pub use rate::Rate;
pub use suppressed::{Suppressed, SuppressedBy};
#[cfg(flightdeck_loom)]
pub use tally::{Cell, Slab};
pub use watch::LevelWatch;

/// The variable that [`Builder::directives_from_env`](super::Builder::directives_from_env) reads.
pub const ENV: &str = "FLIGHTDECK_LOG";
