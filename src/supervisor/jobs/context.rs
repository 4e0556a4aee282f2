//! What a job sees.

use crate::supervisor::CancelToken;
use crate::sync::Arc;
use std::time::Duration;

/// What a job's body is given: who it is, and whether it should stop.
#[derive(Clone, Debug)]
pub struct JobContext {
    pub(super) name: Arc<str>,
    pub(super) token: CancelToken,
}

impl JobContext {
    /// The job's name; another one may have the same.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether the job should return: it was cancelled, or its group stops. One load: ask often.
    #[inline]
    #[must_use]
    pub fn should_stop(&self) -> bool {
        self.token.is_cancelled()
    }

    /// Waits, parked, until the time is over or the job should stop; whether it should.
    pub fn wait(&self, time: Duration) -> bool {
        self.token.wait(time)
    }

    /// The token that stops this job, for what takes one.
    pub fn token(&self) -> &CancelToken {
        &self.token
    }
}
