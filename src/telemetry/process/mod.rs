//! What the system says about this process, as it stands in Linux' `/proc`.
//!
//! | file | idea |
//! |---|---|
//! | `read` | [`Process`], which reads |
//! | `parse` | what stands in which file |
//! | `metrics` | gauges that are refreshed |
//! | `error` | why there is nothing to say |

mod error;
mod metrics;
mod parse;
mod read;

pub use error::ProcessError;
pub use metrics::ProcessMetrics;
pub use read::{Process, ProcessStats};

pub(super) use parse::stat;
pub(super) use read::{parsed, ticks_per_second};
