//! The deck's further configs: each by its name, whatever its type.

use super::Flightdeck;
use super::journal::Journal;
use crate::config::{Config, Stats};
use crate::sync::Arc;
use crate::{Diagnostic, Retry, Severity};
use std::any::{Any, type_name};
use std::collections::BTreeMap;
use std::fmt;

/// How many names a message lists.
const LISTED: usize = 16;

/// What the deck needs of a config, whatever its type.
trait Named: Send + Sync {
    fn as_any(&self) -> &dyn Any;
    fn type_name(&self) -> &'static str;
    fn written_down_by(&self, journal: Arc<Journal>);
    fn look_after(&self);
    fn statistics(&self) -> Stats;
}

impl<T: Send + Sync + 'static> Named for Config<T> {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn type_name(&self) -> &'static str {
        type_name::<T>()
    }

    fn written_down_by(&self, journal: Arc<Journal>) {
        let name: Box<str> = self.name().into();
        let of_this = journal.clone();
        Self::observe(self, move |notice| of_this.config(&name, notice));
        journal.in_force(self.name(), &self.snapshot());
    }

    fn look_after(&self) {
        self.tick();
    }

    fn statistics(&self) -> Stats {
        self.stats()
    }
}

/// All of them.
#[derive(Default)]
pub(super) struct Configs(BTreeMap<String, Box<dyn Named>>);

impl Configs {
    /// Takes one in, unless another has its name.
    pub(super) fn add<T: Send + Sync + 'static>(&mut self, config: Config<T>) -> Result<(), ConfigNameError> {
        let name = config.name().to_owned();
        if self.0.contains_key(&name) {
            return Err(ConfigNameError::Taken { name });
        }
        self.0.insert(name, Box::new(config));
        Ok(())
    }

    pub(super) fn observe(&self, journal: &Arc<Journal>) {
        self.0.values().for_each(|config| config.written_down_by(journal.clone()));
    }

    pub(super) fn tick(&self) {
        self.0.values().for_each(|config| config.look_after());
    }

    /// Tells of each by its name.
    pub(super) fn each(&self, mut told: impl FnMut(&str, Stats)) {
        self.0.iter().for_each(|(name, config)| told(name, config.statistics()));
    }

    fn names(&self) -> Vec<String> {
        self.0.keys().cloned().collect()
    }
}

impl fmt::Debug for Configs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl<C: Send + Sync + 'static> Flightdeck<C> {
    /// One of the further configs, by its name: see [`Builder::add_config`](super::Builder::add_config). For start-up: keep
    /// what it returns, or a reader of it.
    ///
    /// # Errors
    /// If there is none of that name, or one of another type.
    pub fn config_named<T: Send + Sync + 'static>(&self, name: &str) -> Result<Config<T>, ConfigNameError> {
        let configs: &Configs = &self.inner.configs;
        let Some(config) = configs.0.get(name) else {
            return Err(ConfigNameError::Unknown { name: name.to_owned(), known: configs.names() });
        };
        config.as_any().downcast_ref::<Config<T>>().cloned().ok_or_else(|| ConfigNameError::OtherType {
            name: name.to_owned(),
            asked: type_name::<T>(),
            found: config.type_name(),
        })
    }

    /// The names of the further configs, in their order.
    #[must_use]
    pub fn config_names(&self) -> Vec<String> {
        self.inner.configs.names()
    }
}

/// Why a config is not to be had by its name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigNameError {
    /// There is none of that name.
    #[error("deck has no config named `{name}`, {}: add it to the deck's builder", known_of(known))]
    Unknown {
        /// What was asked for.
        name: String,
        /// Those there are.
        known: Vec<String>,
    },
    /// Two are to have that name.
    #[error("deck has two configs named `{name}`: name them apart when they are built")]
    Taken {
        /// That name.
        name: String,
    },
    /// It is of another type.
    #[error("config `{name}` is a `{found}`, not a `{asked}`: ask for it by its own type")]
    OtherType {
        /// What was asked for.
        name: String,
        /// As what.
        asked: &'static str,
        /// What it is.
        found: &'static str,
    },
}

fn known_of(known: &[String]) -> String {
    match known.len() {
        0 => "nor any other by name".to_owned(),
        count if count > LISTED => format!("only {} and {} more", known[..LISTED].join(", "), count - LISTED),
        _ => format!("only {}", known.join(", ")),
    }
}

impl Diagnostic for ConfigNameError {
    fn code(&self) -> &'static str {
        match self {
            Self::Unknown { .. } => "hub.config.unknown",
            Self::Taken { .. } => "hub.config.taken",
            Self::OtherType { .. } => "hub.config.other_type",
        }
    }

    fn severity(&self) -> Severity {
        Severity::Error
    }

    fn retry(&self) -> Retry {
        Retry::Never
    }
}
