//! Jobs: what is done once, or every so often, on threads of their own that stop with their supervisor.
//!
//! | file | idea |
//! |---|---|
//! | `group` | [`Jobs`]: a child of a supervisor, and the jobs it looks after |
//! | `job` | [`Job`]: what is done once, and its result |
//! | `periodic` | [`Periodic`]: what is done every so often |
//! | `schedule` | [`Every`]: when the next run is due: pure decisions in virtual time |
//! | `context` | [`JobContext`]: what a job sees |
//! | `error` | why there is no job, or no result |
//!
//! A group is one child; its jobs are no children of their own. So they come and go without a word to the supervisor's
//! thread, need no names that differ, leave nothing behind, and none of them makes a supervisor melt down.

mod context;
mod error;
mod group;
mod job;
mod periodic;
mod schedule;

pub use context::JobContext;
pub use error::{JobError, SpawnError};
pub use group::{JobStats, Jobs};
pub use job::Job;
pub use periodic::{Periodic, PeriodicStats};
pub use schedule::Every;
