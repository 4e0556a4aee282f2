//! What a config is made of.

use super::attached::Attached;
use super::cause::Cause;
use super::current::Snapshot;
use super::store::Store;
use super::validate::{Validate, Violations, one_line};
use super::{Config, Rejected};
use crate::sync::Arc;
use std::any::Any;
use std::fmt;

/// How many replaced revisions are kept, unless said otherwise.
const HISTORY: usize = 16;
/// What a config is called that was given no name.
const NAME: &str = "config";

/// What a [`Config`] is made of: see [`Config::builder`].
#[must_use = "`build` makes the config"]
pub struct Builder<T> {
    value: T,
    name: Box<str>,
    history: usize,
    cause: Cause,
    attached: Vec<Box<dyn Any + Send + Sync>>,
}

impl<T: Validate + Send + Sync + 'static> Builder<T> {
    pub(super) fn new(value: T) -> Self {
        let cause = Cause::this_thread().because("first value");
        Self { value, name: NAME.into(), history: HISTORY, cause, attached: Vec::new() }
    }

    /// What the config is called, for whoever has several: `config`, unless said otherwise.
    pub fn named(mut self, name: impl AsRef<str>) -> Self {
        self.name = one_line(name.as_ref()).into();
        self
    }

    /// How many replaced revisions are kept for [`Config::at`] and [`Config::rollback`]: 16, unless said otherwise. Each
    /// keeps its value alive; with none, a value is freed as soon as nobody reads it.
    pub fn history(mut self, revisions: usize) -> Self {
        self.history = revisions;
        self
    }

    /// Where the first value comes from, instead of this thread.
    pub fn caused(mut self, cause: Cause) -> Self {
        self.cause = cause;
        self
    }

    /// Attaches what an optional part finds again in the config and in each snapshot of it, by its type.
    #[allow(dead_code, reason = "what optional parts begin with")]
    pub(super) fn attach(mut self, thing: impl Any + Send + Sync) -> Self {
        self.attached.push(Box::new(thing));
        self
    }

    #[cfg(feature = "sources")]
    pub(super) fn attach_more(&mut self, thing: impl Any + Send + Sync) {
        self.attached.push(Box::new(thing));
    }

    /// The thing of this type that is found again; the first of several.
    #[cfg(feature = "sources")]
    pub(super) fn attached_mut<A: Any>(&mut self) -> Option<&mut A> {
        self.attached.iter_mut().find_map(|thing| thing.downcast_mut())
    }

    /// The value that will be the first.
    #[must_use]
    pub fn value(&self) -> &T {
        &self.value
    }

    /// The config.
    ///
    /// # Errors
    /// The value speaks against itself: it is handed back, with everything it reported.
    pub fn build(self) -> Result<Config<T>, Rejected<T>> {
        let mut violations = Violations::default();
        self.value.validate(&mut violations);
        let attached = Attached::new(self.attached);
        if !violations.is_empty() {
            #[cfg(feature = "serde")]
            super::paths::hide_secrets(&attached, &mut violations);
            return Err(Rejected::new(self.value, violations));
        }
        let first = Snapshot::first(self.value, self.cause, attached.clone());
        Ok(Config { store: Arc::new(Store::new(self.name, first, self.history, attached)) })
    }
}

impl<T> fmt::Debug for Builder<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("name", &self.name)
            .field("history", &self.history)
            .field("cause", &self.cause)
            .finish_non_exhaustive()
    }
}
