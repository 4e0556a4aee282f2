//! The supervisor: a tree of workers on threads of their own, restarted when they panic.
//!
//! | file | idea |
//! |---|---|
//! | `handle` | [`Supervisor`], what hosts hold |
//! | `children` | [`Children`]: those of one supervisor in the tree |
//! | `spec` | [`ChildSpec`]: what a child is, and when it is started again |
//! | `rules` | [`Rules`]: what a supervisor does with its children |
//! | `backoff` | [`Backoff`]: delays that grow, and differ |
//! | `behalf` | threads that work for a worker |
//! | `window` | how often the children of a supervisor may be started again |
//! | `policy` | whether and when a child is started again |
//! | `machine` | all decisions about the tree, in virtual time |
//! | `engine` | the one thread that carries them out |
//! | `chores` | what else it does every so often |
//! | `contain` | dropping what is the host's |
//! | `shared` | what it shares with handles and workers |
//! | `roll` | the children by number and path |
//! | `worker` | a worker's thread, and what it sees |
//! | `panic` | [`Panic`]: what is known of one that ended a run |
//! | `pulse` | [`Pulse`]: a worker says that it gets on |
//! | `liveness` | whether it still does: pure decisions in virtual time |
//! | `heartbeats` | when to look for it |
//! | `cancel` | [`CancelToken`]: asking others to stop |
//! | `limiter` | [`Limiter`]: so much in so much time |
//! | `retry` | [`Retrier`]: trying again what may pass later |
//! | `jobs` | [`Jobs`]: what is done once, or every so often |
//! | `incident` | what is reported |
//! | `status` | how a supervisor is |
//! | `breaker` | [`Breaker`]: rejects calls to what fails |
//! | `bulkhead` | [`Bulkhead`]: so many calls at once |
//! | `waiting` | who waits for something to stop |
//! | `watchdog` | whether its own thread is stuck, as others see it |
//! | `view` | what its own chores may ask of it |
//! | `health` | checks and concerns, as far as they know no part |
//!
//! Of workers nothing is hot but their [beat](WorkerContext::beat): one thread owns all state, and everybody else tells it
//! news through a short queue.

mod backoff;
mod behalf;
pub(crate) mod breaker;
pub(crate) mod bulkhead;
mod cancel;
mod children;
mod chores;
mod engine;
mod error;
mod handle;
mod health;
mod heartbeats;
mod incident;
mod jobs;
mod limiter;
mod liveness;
mod machine;
mod panic;
mod policy;
mod pulse;
mod retry;
mod roll;
mod rules;
mod shared;
mod spec;
mod status;
mod view;
mod waiting;
mod watchdog;
mod window;
mod worker;

pub use backoff::{Backoff, Jitter};
pub use breaker::{
    Breaker, BreakerError, BreakerPermit, BreakerSettings, BreakerSettingsError, BreakerState, BreakerStats,
    BreakerTransition, BreakerWhy, BreakerWindow, Outcome, Rejected,
};
pub use bulkhead::{Bulkhead, BulkheadLimitError, BulkheadStats, EnterError, Inside};
pub use cancel::CancelToken;
pub use children::Children;
pub use error::{RemoveError, StartError};
pub use handle::{Builder, Supervisor};
pub use health::{Check, CheckFeed, CheckState, CheckStatus, HealthCheckError, Probe, Probes};
pub(crate) use health::{Checks, Ends, Entry, Ledger, Look, Past, Sighting};
pub use incident::{Incident, StopReport, WorkerState, WorkerStatus};
pub use jobs::{Every, Job, JobContext, JobError, JobStats, Jobs, Periodic, PeriodicStats, SpawnError};
pub use limiter::{AcquireError, CheckError, Limited, Limiter, LimiterStats, Limits, LimitsError};
pub use liveness::{Heartbeat, Liveness, Turn, VitalSign};
pub(crate) use machine::Id as ChildId;
pub(crate) use panic::PanicHook;
pub use panic::{Panic, PanicHookError, PanicLocation};
pub use policy::Exit;
pub use pulse::Pulse;
pub use retry::{
    Attempt, BudgetError, Call, Delays, Failure, GaveUp, Retrier, RetryBudget, RetryError, RetryPolicy,
    RetryPolicyError, RetrySettings, RetryStats,
};
pub use rules::{AutoShutdown, Rules, Strategy};
pub use spec::{ChildSpec, IntoWorkerResult, Restart, Shutdown, WorkerResult};
pub use status::Status;
pub(crate) use view::View;
pub(crate) use waiting::Waiting;
pub use worker::{Waited, WorkerContext};
