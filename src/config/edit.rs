//! An update on certain terms: whose it is and why, from which revision it starts, how long it waits.

use super::cause::Cause;
use super::error::{TryUpdateError, UpdateError};
use super::{Config, Published, Validate};
use crate::Revision;
use std::convert::Infallible;
use std::fmt;
use std::time::Duration;

/// How long an update waits for others, unless said otherwise.
const PATIENCE: Duration = Duration::from_secs(5);

/// On which terms an update happens.
#[derive(Clone, Debug, Default)]
pub(super) struct Terms {
    cause: Option<Cause>,
    expected: Option<Revision>,
    patience: Option<Duration>,
}

impl Terms {
    pub(super) fn cause(&self) -> Cause {
        self.cause.clone().unwrap_or_else(Cause::this_thread)
    }

    pub(super) fn expected(&self) -> Option<Revision> {
        self.expected
    }

    pub(super) fn patience(&self) -> Duration {
        self.patience.unwrap_or(PATIENCE)
    }
}

/// An update of a config that says whose it is, or has other terms. Each verb of [`Config`] that changes something is a
/// verb of this, too, and may be used more than once.
///
/// ```
/// use flightdeck::config::{Config, Validate, Violations};
/// use std::time::Duration;
/// # struct Limits { orders: u32 }
/// # impl Validate for Limits { fn validate(&self, _: &mut Violations) {} }
/// let config = Config::new(Limits { orders: 10 })?;
/// let edit = config.by("ops").because("more load").within(Duration::from_millis(100));
/// edit.update(|now| Limits { orders: now.orders * 2 }).unwrap();
/// assert_eq!(config.load().cause().to_string(), "ops: more load");
/// # Ok::<(), flightdeck::config::Rejected<Limits>>(())
/// ```
#[must_use = "nothing changes until one of its verbs is called, as `update` or `replace`"]
pub struct Edit<'a, T> {
    config: &'a Config<T>,
    terms: Terms,
}

impl<'a, T> Edit<'a, T> {
    pub(super) fn new(config: &'a Config<T>) -> Self {
        Self { config, terms: Terms::default() }
    }

    /// The config that it is for.
    #[must_use]
    pub fn config(&self) -> &'a Config<T> {
        self.config
    }

    /// Whose update it is, instead of this thread's.
    pub fn by(mut self, who: impl AsRef<str>) -> Self {
        self.terms.cause = Some(self.terms.cause().renamed(who.as_ref()));
        self
    }

    /// Why it is made.
    pub fn because(mut self, why: impl AsRef<str>) -> Self {
        self.terms.cause = Some(self.terms.cause().because(why));
        self
    }

    /// Whose update it is, and why.
    pub fn caused(mut self, cause: Cause) -> Self {
        self.terms.cause = Some(cause);
        self
    }

    pub(super) fn rename_cause(mut self, rename: impl FnOnce(Cause) -> Cause) -> Self {
        self.terms.cause = Some(rename(self.terms.cause()));
        self
    }

    /// Only if this revision is current: see [`Config::compare_and_update`].
    pub fn expecting(mut self, revision: Revision) -> Self {
        self.terms.expected = Some(revision);
        self
    }

    /// How long to wait for the updates of others at most, instead of five seconds.
    pub fn within(mut self, timeout: Duration) -> Self {
        self.terms.patience = Some(timeout);
        self
    }
}

impl<T: Validate + Send + Sync + 'static> Edit<'_, T> {
    /// The turn to update, on these terms.
    #[cfg(feature = "serde")]
    pub(super) fn begin(&self) -> Result<super::store::Turn<'_, T>, UpdateError<T>> {
        self.config.store.begin(&self.terms)
    }

    /// As [`Config::update`], on these terms.
    ///
    /// # Errors
    /// As [`Config::update`], and [`UpdateError::Conflict`] if another revision than the expected one is current.
    ///
    /// # Panics
    /// As [`Config::update`].
    pub fn update(&self, make: impl FnOnce(&T) -> T) -> Result<Published, UpdateError<T>> {
        self.try_update(|now| Ok::<T, Infallible>(make(now))).map_err(|error| match error {
            TryUpdateError::Update(error) => error,
            TryUpdateError::Failed(never) => match never {},
        })
    }

    /// As [`Config::replace`], on these terms.
    ///
    /// # Errors
    /// As [`Edit::update`]; the value is handed back.
    ///
    /// # Panics
    /// If `validate` does. Nothing changed then.
    pub fn replace(&self, value: T) -> Result<Published, UpdateError<T>> {
        match self.config.store.begin(&self.terms) {
            Ok(turn) => turn.publish(value),
            Err(error) => Err(error.with_value(value)),
        }
    }

    /// As [`Config::try_update`], on these terms.
    ///
    /// # Errors
    /// As [`Config::try_update`], and a [conflict](UpdateError::Conflict) if another revision than the expected one is
    /// current.
    ///
    /// # Panics
    /// As [`Config::update`].
    pub fn try_update<E>(
        &self,
        make: impl FnOnce(&T) -> Result<T, E>,
    ) -> Result<Published, TryUpdateError<T, E>> {
        let turn = self.config.store.begin(&self.terms)?;
        let value = make(turn.current().value()).map_err(TryUpdateError::Failed)?;
        Ok(turn.publish(value)?)
    }
}

impl<T> Clone for Edit<'_, T> {
    fn clone(&self) -> Self {
        Self { config: self.config, terms: self.terms.clone() }
    }
}

impl<T> fmt::Debug for Edit<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Edit").field("terms", &self.terms).finish_non_exhaustive()
    }
}
