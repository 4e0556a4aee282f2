//! Health, as far as it knows no part: checks, what they count for, and concerns that come and go.
//!
//! | file | idea |
//! |---|---|
//! | `probe` | [`Probe`]: what is asked from outside |
//! | `hysteresis` | how many verdicts in a row change a state |
//! | `check` | [`Check`]: what is looked at, how often, and what it counts for |
//! | `watched` | a check and what came of it: pure, in virtual time |
//! | `checks` | all of them, and when the next one is due |
//! | `ledger` | which concerns there are, since when, and when each ends |

mod check;
mod checks;
mod error;
mod hysteresis;
mod ledger;
mod probe;
mod watched;

pub use check::{Check, CheckFeed};
pub(crate) use checks::Checks;
pub use error::HealthCheckError;
pub use hysteresis::CheckState;
pub(crate) use ledger::{Ends, Entry, Ledger, Look, Past, Sighting};
pub use probe::{Probe, Probes};
pub use watched::CheckStatus;
