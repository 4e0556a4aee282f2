//! Trying again what may pass later: bounded in attempts, in time, and in the load that all callers together add.
//!
//! | file | idea |
//! |---|---|
//! | `policy` | [`RetryPolicy`]: how often, how long, how far apart |
//! | `settings` | [`RetrySettings`]: what of it may be said again |
//! | `budget` | [`RetryBudget`]: how much load retries may add |
//! | `retrier` | [`Retrier`]: what callers share |
//! | `delays` | [`Delays`]: whether to try again, and when: all decisions |
//! | `call` | [`Call`]: one call with its own rules, run to its end |
//! | `error` | [`RetryError`], and why it was given up |

mod budget;
mod call;
mod delays;
mod error;
mod policy;
mod retrier;
mod settings;

pub use budget::{BudgetError, RetryBudget};
pub use call::{Attempt, Call, Failure};
pub use delays::Delays;
pub use error::{GaveUp, RetryError};
pub use policy::{RetryPolicy, RetryPolicyError};
pub use retrier::{Retrier, RetryStats};
pub use settings::RetrySettings;
