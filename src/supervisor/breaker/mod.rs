//! Circuit breakers: calls to what fails are rejected at once, for a while.
//!
//! | file | idea |
//! |---|---|
//! | `handle` | [`Breaker`], what hosts hold |
//! | `permit` | the right to make one call |
//! | `settings`, `error` | by what it judges; what can be wrong with that, and why calls are rejected |
//! | `judge` | all of it without clock and observers |
//! | `word` | the state, in one word |
//! | `cells` | what calls came to, counted by thread |
//! | `shared` | the same for threads without a cell of their own |
//! | `turn` | who judges: one at a time, and nobody waits |
//! | `window` | the calls that are judged by |
//! | `stats` | what it has done so far |
//!
//! A success counts in a word of its own thread and leaves it at that. Whoever fails has the time to add up what all
//! threads counted, and to decide. So the way of a call that succeeds has no line in common with another thread's,
//! but for the state, which all of them only read.

pub(crate) mod cells;
mod error;
mod handle;
pub(crate) mod judge;
mod permit;
mod settings;
mod shared;
mod stats;
pub(crate) mod turn;
mod window;
pub(crate) mod word;

pub use error::{BreakerError, BreakerSettingsError, Rejected};
pub use handle::Breaker;
pub use permit::{BreakerPermit, Outcome};
pub use settings::{BreakerSettings, BreakerWhy, BreakerWindow};
pub use stats::{BreakerStats, BreakerTransition};
pub use word::BreakerState;
