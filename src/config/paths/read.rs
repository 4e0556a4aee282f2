//! Reading a config by paths.

use super::diff::Diff;
use super::error::PathError;
use super::fallback::Fallbacks;
use super::key::Key;
use super::offered::{Offered, typed};
use crate::config::{Config, HistoryError, Snapshot};
use crate::{Diagnostic, Retry, Revision, Severity};
use serde_core::de::DeserializeOwned;
use serde_json::Value;
use thiserror::Error;

/// By paths: for configs that were built with [them](crate::config::Builder::paths).
impl<T: Send + Sync + 'static> Config<T> {
    /// What the current revision has at `path`, as JSON, with the text `(secret)` in place of each secret. The empty path is
    /// the whole config. Copies what it gives.
    ///
    /// # Errors
    /// If nothing is there: the error names how far the path leads, and what is there. If the path is a secret.
    pub fn get_path(&self, path: &str) -> Result<Value, PathError> {
        self.load().get_path(path)
    }

    /// What the current revision has at `path`, as a value of type `U`. Looks the path up each time and does not allocate
    /// for it, unless it has quotes: [`Config::key`] is for hot paths. The first read of a revision makes its tree.
    ///
    /// Numbers come as they are: an integer that `U` cannot hold is an error. Only one beyond 2^53 that is asked for as
    /// a float is rounded.
    ///
    /// # Errors
    /// As [`Config::get_path`]; if what is there is no `U`; if it is or holds a secret.
    #[inline]
    pub fn get<U: DeserializeOwned>(&self, path: &str) -> Result<U, PathError> {
        typed(&self.load(), path)
    }

    /// As [`Config::get`], and `default` in its place where that fails. Each time that happens is counted by reason:
    /// [`Config::fallbacks`].
    #[inline]
    pub fn get_or<U: DeserializeOwned>(&self, path: &str, default: U) -> U {
        self.get(path).unwrap_or_else(|error| {
            self.store.fallbacks.count(&error);
            default
        })
    }

    /// How often [`Config::get_or`] gave its default, by reason.
    #[must_use]
    pub fn fallbacks(&self) -> Fallbacks {
        self.store.fallbacks.get()
    }

    /// What differs from one revision to another, with marks in place of secrets: both current or in the history.
    ///
    /// # Errors
    /// If one of them is not kept; if they cannot be compared by paths.
    pub fn diff(&self, from: Revision, to: Revision) -> Result<Diff, DiffError> {
        Ok(self.at(from)?.diff(&*self.at(to)?)?)
    }

    /// A path prepared for reading, for one thread: see [`Key`].
    ///
    /// # Errors
    /// As [`Config::get`].
    pub fn key<U: DeserializeOwned>(&self, path: &str) -> Result<Key<T, U>, PathError> {
        Key::new(self.reader(), path)
    }
}

/// Why two revisions were not compared.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum DiffError {
    /// One of them is not kept.
    #[error(transparent)]
    History(#[from] HistoryError),
    /// They cannot be compared by paths.
    #[error(transparent)]
    Path(#[from] PathError),
}

impl DiffError {
    fn diagnostic(&self) -> &dyn Diagnostic {
        match self {
            Self::History(error) => error,
            Self::Path(error) => error,
        }
    }
}

impl Diagnostic for DiffError {
    fn code(&self) -> &'static str {
        self.diagnostic().code()
    }
    fn severity(&self) -> Severity {
        self.diagnostic().severity()
    }
    fn retry(&self) -> Retry {
        self.diagnostic().retry()
    }
}

/// By paths: for configs that were built with [them](crate::config::Builder::paths).
impl<T: Send + Sync + 'static> Snapshot<T> {
    /// As [`Config::get_path`], in this revision.
    ///
    /// # Errors
    /// As [`Config::get_path`].
    pub fn get_path(&self, path: &str) -> Result<Value, PathError> {
        let offered = Offered::of(self)?;
        let found = offered.find(self, path)?;
        // A mark alone is no answer; one inside of an answer is.
        let parsed = path.parse()?;
        match offered.rules().hides(&parsed) {
            true => Err(PathError::Secret { path: parsed }),
            false => Ok(found.clone()),
        }
    }

    /// As [`Config::get`], in this revision.
    ///
    /// # Errors
    /// As [`Config::get`].
    #[inline]
    pub fn get<U: DeserializeOwned>(&self, path: &str) -> Result<U, PathError> {
        typed(self, path)
    }

    /// What differs from this revision to `newer`, with marks in place of secrets.
    ///
    /// # Errors
    /// If the config was built without [paths](crate::config::Builder::paths), or one of the values cannot be shown as a
    /// tree.
    pub fn diff(&self, newer: &Self) -> Result<Diff, PathError> {
        Offered::of(self)?.diff(self, newer)
    }
}
