//! The last revisions that were replaced, a bounded number of them.

use super::cause::Cause;
use super::edit::Edit;
use super::error::{TryUpdateError, UpdateError};
use super::{Config, Published, Snapshot, Validate};
use crate::sync::{Arc, Mutex};
use crate::{Diagnostic, Retry, Revision, Severity};
use std::collections::VecDeque;
use std::fmt;
use std::time::SystemTime;

#[derive(Debug)]
pub(super) struct History<T> {
    limit: usize,
    /// Oldest first, without gaps: each follows the one before it.
    replaced: Mutex<VecDeque<Arc<Snapshot<T>>>>,
}

impl<T> History<T> {
    pub(super) fn new(limit: usize) -> Self {
        Self { limit, replaced: Mutex::new(VecDeque::new()) }
    }

    /// Keeps one that was just replaced; gives back what is no longer kept.
    #[must_use = "the caller decides where the destructor runs"]
    pub(super) fn push(&self, snapshot: Arc<Snapshot<T>>) -> Option<Arc<Snapshot<T>>> {
        if self.limit == 0 {
            return Some(snapshot);
        }
        let mut replaced = self.replaced.lock();
        let forgotten = if replaced.len() < self.limit { None } else { replaced.pop_front() };
        replaced.push_back(snapshot);
        forgotten
    }

    fn at(&self, revision: Revision) -> Option<Arc<Snapshot<T>>> {
        let replaced = self.replaced.lock();
        let oldest = replaced.front()?.revision().get();
        let index = revision.get().checked_sub(oldest)?;
        replaced.get(usize::try_from(index).ok()?).cloned()
    }

    /// The newest that is no younger than `time`.
    fn as_of(&self, time: SystemTime) -> Option<Arc<Snapshot<T>>> {
        let replaced = self.replaced.lock();
        let later = replaced.partition_point(|snapshot| snapshot.since() <= time);
        replaced.get(later.checked_sub(1)?).cloned()
    }

    fn all(&self) -> Vec<Arc<Snapshot<T>>> {
        self.replaced.lock().iter().cloned().collect()
    }

    pub(super) fn len(&self) -> usize {
        self.replaced.lock().len()
    }

    /// Forgets all.
    #[must_use = "the caller decides where the destructors run"]
    pub(super) fn take(&self) -> VecDeque<Arc<Snapshot<T>>> {
        std::mem::take(&mut self.replaced.lock())
    }
}

impl<T: Send + Sync + 'static> Config<T> {
    /// The snapshot of this revision, if it is current or the [history](super::Builder::history) keeps it. Takes a
    /// lock for as long as it takes to look, as do the others that look into the history: not for hot paths.
    ///
    /// # Errors
    /// If the revision is no longer kept or not there yet: the error names the oldest that is, or the newest.
    pub fn at(&self, revision: Revision) -> Result<Arc<Snapshot<T>>, HistoryError> {
        // In this order: what is replaced meanwhile is in the history before its successor is in place.
        let newest = self.snapshot();
        match revision.cmp(&newest.revision()) {
            std::cmp::Ordering::Equal => Ok(newest),
            std::cmp::Ordering::Greater => Err(HistoryError::NotYet { revision, newest: newest.revision() }),
            std::cmp::Ordering::Less => self.store.current.history.at(revision).ok_or_else(|| {
                let oldest = self.oldest().revision();
                HistoryError::Forgotten { revision, oldest }
            }),
        }
    }

    /// The snapshot that was current at `time`; where the system's clock was set back meanwhile, the last that may have been.
    ///
    /// # Errors
    /// If `time` lies before the oldest revision that is kept.
    pub fn as_of(&self, time: SystemTime) -> Result<Arc<Snapshot<T>>, HistoryError> {
        let newest = self.snapshot();
        if newest.since() <= time {
            return Ok(newest);
        }
        self.store.current.history.as_of(time).ok_or_else(|| {
            let oldest = self.oldest();
            HistoryError::TooEarly { time, oldest: oldest.revision(), since: oldest.since() }
        })
    }

    /// All snapshots that are kept, oldest first, the current one last.
    #[must_use]
    pub fn history(&self) -> Vec<Arc<Snapshot<T>>> {
        let newest = self.snapshot();
        let mut all = self.store.current.history.all();
        // The current one may have been replaced meanwhile, and others may have come after it.
        all.retain(|snapshot| snapshot.revision() < newest.revision());
        all.push(newest);
        all
    }

    fn oldest(&self) -> Arc<Snapshot<T>> {
        let newest = self.snapshot();
        let oldest = self.store.current.history.replaced.lock().front().cloned();
        oldest.unwrap_or(newest)
    }
}

impl<T: Validate + Clone + Send + Sync + 'static> Config<T> {
    /// Publishes the value of an earlier revision as a new one, whose cause says so; it is validated again. Otherwise as
    /// [`Config::update`].
    ///
    /// ```
    /// use flightdeck::Revision;
    /// use flightdeck::config::{Config, Validate, Violations};
    /// # #[derive(Clone)]
    /// # struct Limits { orders: u32 }
    /// # impl Validate for Limits { fn validate(&self, _: &mut Violations) {} }
    /// let config = Config::new(Limits { orders: 10 })?;
    /// config.replace(Limits { orders: 20 }).unwrap();
    /// let published = config.by("ops").because("too much").rollback(Revision::FIRST).unwrap();
    /// assert_eq!((published.revision().get(), config.load().orders), (3, 10));
    /// assert_eq!(config.load().cause().to_string(), "ops: rollback to revision 1: too much");
    /// # Ok::<(), flightdeck::config::Rejected<Limits>>(())
    /// ```
    ///
    /// # Errors
    /// If that revision is not kept; otherwise as [`Config::update`]. Nothing changed then.
    ///
    /// # Panics
    /// If `clone` or `validate` does. Nothing changed then.
    pub fn rollback(&self, revision: Revision) -> Result<Published, RollbackError<T>> {
        self.edit().rollback(revision)
    }
}

impl<T: Validate + Clone + Send + Sync + 'static> Edit<'_, T> {
    /// As [`Config::rollback`], on these terms.
    ///
    /// # Errors
    /// As [`Config::rollback`], and a [conflict](UpdateError::Conflict) if another revision than the expected one is current.
    ///
    /// # Panics
    /// As [`Config::rollback`].
    pub fn rollback(&self, revision: Revision) -> Result<Published, RollbackError<T>> {
        let edit = self.clone().rename_cause(|cause| rolled_back(cause, revision));
        let published = edit.try_update(|_| Ok(self.config().at(revision)?.value().clone()));
        published.map_err(|error| match error {
            TryUpdateError::Failed(gone) => RollbackError::History(gone),
            TryUpdateError::Update(error) => RollbackError::Update(error),
        })
    }
}

fn rolled_back(cause: Cause, revision: Revision) -> Cause {
    let why = match cause.why() {
        Some(why) => format!("rollback to revision {revision}: {why}"),
        None => format!("rollback to revision {revision}"),
    };
    cause.because(why)
}

/// Why a revision of the past is not to be had.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HistoryError {
    /// It is no longer kept.
    #[error(
        "config revision {revision} is no longer kept, the oldest is {oldest}: \
         let the config's builder keep a longer history"
    )]
    Forgotten {
        /// What was asked for.
        revision: Revision,
        /// The oldest that is kept.
        oldest: Revision,
    },
    /// It is not there yet.
    #[error(
        "config revision {revision} is not there yet, the newest is {newest}: wait for it, or ask for one before it"
    )]
    NotYet {
        /// What was asked for.
        revision: Revision,
        /// The newest there is.
        newest: Revision,
    },
    /// The time lies before the oldest that is kept.
    #[error(
        "no config revision is kept from {before:?} before revision {oldest}, the oldest: \
         let the config's builder keep a longer history", before = since.duration_since(*time).unwrap_or_default()
    )]
    TooEarly {
        /// What was asked for.
        time: SystemTime,
        /// The oldest that is kept.
        oldest: Revision,
        /// When that was published.
        since: SystemTime,
    },
}

impl Diagnostic for HistoryError {
    fn code(&self) -> &'static str {
        match self {
            Self::Forgotten { .. } => "config.history.forgotten",
            Self::NotYet { .. } => "config.history.not_yet",
            Self::TooEarly { .. } => "config.history.too_early",
        }
    }

    fn severity(&self) -> Severity {
        Severity::Warn
    }

    fn retry(&self) -> Retry {
        match self {
            Self::NotYet { .. } => Retry::Later,
            _ => Retry::Never,
        }
    }
}

/// Why a rollback did not happen. Nothing changed.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum RollbackError<T> {
    /// The revision is not kept.
    #[error("{0}")]
    History(HistoryError),
    /// Anything else.
    #[error("{0}")]
    Update(UpdateError<T>),
}

impl<T> fmt::Debug for RollbackError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::History(error) => error.fmt(f),
            Self::Update(error) => error.fmt(f),
        }
    }
}

impl<T: Send + Sync + 'static> Diagnostic for RollbackError<T> {
    fn code(&self) -> &'static str {
        match self {
            Self::History(error) => error.code(),
            Self::Update(error) => error.code(),
        }
    }

    fn severity(&self) -> Severity {
        match self {
            Self::History(error) => error.severity(),
            Self::Update(error) => error.severity(),
        }
    }

    fn retry(&self) -> Retry {
        match self {
            Self::History(error) => error.retry(),
            Self::Update(error) => error.retry(),
        }
    }
}
