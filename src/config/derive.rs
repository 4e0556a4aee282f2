//! Values derived from a config once for each revision, and shared by all readers: a compiled pattern, a sorted table.
//!
//! Whoever publishes derives, before the revision is in place: no reader ever computes or waits, and what cannot be
//! derived refuses the update, as what is not valid does.

use super::current::Current;
use super::derived::Slot;
use super::edit::Terms;
use super::error::UpdateError;
use super::validate::{Validate, Violations, one_line};
use super::{Config, Snapshot};
use crate::contain::contain;
use crate::sync::{Arc, Mutex, Weak};
use crate::{Diagnostic, Retry, Revision, Severity};
use std::fmt;

/// How a value is derived, whatever it is.
pub(super) trait Derivation<T>: Send + Sync {
    /// Derives from the snapshot, unless what was derived from `before` will do.
    fn derive(&self, snapshot: &Snapshot<T>, before: Option<&Snapshot<T>>) -> Result<(), DeriveError>;
}

/// All derivations of a config that anybody has an interest in.
pub(super) struct Derivations<T>(Mutex<Vec<Weak<dyn Derivation<T>>>>);

impl<T> Derivations<T> {
    pub(super) fn none() -> Self {
        Self(Mutex::new(Vec::new()))
    }

    /// Derives everything from a snapshot that is about to be published; what cannot be is reported.
    pub(super) fn derive(&self, snapshot: &Snapshot<T>, before: &Snapshot<T>, report: &mut Violations) {
        let all: Vec<_> = {
            let mut all = self.0.lock();
            all.retain(|derivation| derivation.strong_count() > 0);
            all.iter().filter_map(Weak::upgrade).collect()
        };
        for derivation in all {
            if let Err(error) = derivation.derive(snapshot, Some(before)) {
                error.report(report);
            }
        }
    }

    fn add(&self, derivation: Weak<dyn Derivation<T>>) {
        self.0.lock().push(derivation);
    }
}

type Make<T, D> = Box<dyn Fn(&T) -> Result<D, String> + Send + Sync>;
type Same<T> = Box<dyn Fn(&T, &T) -> bool + Send + Sync>;

struct Rule<T, D> {
    name: Box<str>,
    slot: Slot<Arc<D>>,
    make: Make<T, D>,
    same: Same<T>,
}

impl<T, D: Send + Sync + 'static> Derivation<T> for Rule<T, D> {
    fn derive(&self, snapshot: &Snapshot<T>, before: Option<&Snapshot<T>>) -> Result<(), DeriveError> {
        let mut failed = None;
        let run = contain(|| {
            let kept = before.and_then(|before| {
                let kept = before.derived_before(self.slot)?;
                (self.same)(before.value(), snapshot.value()).then(|| kept.clone())
            });
            match kept.map_or_else(|| (self.make)(snapshot.value()).map(Arc::new), Ok) {
                // Nobody else knows the snapshot, so nobody has filled the slot.
                Ok(value) => drop(snapshot.derived(self.slot, |_| value).map(Arc::clone)),
                Err(message) => failed = Some(message),
            }
        });
        let name = || self.name.to_string();
        match (run, failed) {
            (Ok(()), None) => Ok(()),
            (Ok(()), Some(reason)) => Err(DeriveError::Failed { name: name(), reason }),
            (Err(message), _) => Err(DeriveError::Panicked { name: name(), message: one_line(&message) }),
        }
    }
}

impl<T: Validate + Send + Sync + 'static> Config<T> {
    /// Derives a value from this revision, now, and from each later one before it is published: once, whoever reads it.
    ///
    /// An update from which it cannot be derived is refused, with a violation of rule `derived` in place of the field's
    /// name: so is one on which `make` panics. It lasts as long as the handle, its clones and readers. Derivations run
    /// while no other update proceeds.
    ///
    /// ```
    /// use flightdeck::config::{Config, Validate, Violations};
    ///
    /// struct App { allowed: String }
    /// # impl Validate for App { fn validate(&self, _: &mut Violations) {} }
    ///
    /// let config = Config::new(App { allowed: "8080,80".into() })?;
    /// let ports = config.derive("ports", |app| {
    ///     let mut ports = app.allowed.split(',').map(str::parse).collect::<Result<Vec<u16>, _>>()?;
    ///     ports.sort_unstable();
    ///     Ok::<_, std::num::ParseIntError>(ports)
    /// }).unwrap();
    /// let mut reader = ports.reader();
    /// assert_eq!(*reader.get(), [80, 8080]);
    /// let refused = config.replace(App { allowed: "http".into() }).unwrap_err();
    /// assert_eq!(refused.to_string(),
    ///     "config rejected for 1 reason: ports (not shown): cannot be derived: invalid digit found in string");
    /// # Ok::<(), flightdeck::config::Rejected<App>>(())
    /// ```
    ///
    /// # Errors
    /// If it cannot be derived from the current revision, or an update is under way and does not end in time.
    pub fn derive<D: Send + Sync + 'static, E: fmt::Display>(
        &self,
        name: impl AsRef<str>,
        make: impl Fn(&T) -> Result<D, E> + Send + Sync + 'static,
    ) -> Result<Derived<T, D>, DeriveError> {
        self.derive_unless(name.as_ref(), |_, _| false, make)
    }

    pub(super) fn derive_unless<D: Send + Sync + 'static, E: fmt::Display>(
        &self,
        name: &str,
        same: impl Fn(&T, &T) -> bool + Send + Sync + 'static,
        make: impl Fn(&T) -> Result<D, E> + Send + Sync + 'static,
    ) -> Result<Derived<T, D>, DeriveError> {
        let name: Box<str> = one_line(name).into();
        let make: Make<T, D> =
            Box::new(move |value| make(value).map_err(|error| one_line(&error.to_string())));
        let rule = Arc::new(Rule { name, slot: Slot::new(), make, same: Box::new(same) });
        // With the turn of an update, so that no revision comes between the current one and those that will derive.
        let turn =
            self.store.begin(&Terms::default()).map_err(|error| DeriveError::busy(&rule.name, &error))?;
        rule.derive(turn.current(), None)?;
        let weak = Arc::downgrade(&rule);
        self.store.derivations.add(weak);
        drop(turn);
        Ok(Derived { rule, current: self.store.current.clone() })
    }
}

/// A value that is derived from a config once for each revision: see [`Config::derive`].
pub struct Derived<T, D> {
    rule: Arc<Rule<T, D>>,
    current: Arc<Current<T>>,
}

impl<T: Send + Sync + 'static, D: Send + Sync + 'static> Derived<T, D> {
    /// A thread's own view of it, with the cheapest read.
    #[must_use]
    pub fn reader(&self) -> DerivedReader<T, D> {
        let snapshot = self.current.load_full();
        // There since it was first derived, in every revision from then on.
        let value = snapshot.derived_before(self.rule.slot).cloned();
        let value = value.unwrap_or_else(|| unreachable!("derived before it is published"));
        let (derived, seen) = (self.clone(), snapshot.revision().get());
        DerivedReader { derived, seen, value, snapshot }
    }

    /// What was derived from this snapshot; `None` if that is older than the derivation, or of another config.
    #[must_use]
    pub fn of<'a>(&self, snapshot: &'a Snapshot<T>) -> Option<&'a D> {
        snapshot.derived_before(self.rule.slot).map(|value| &**value)
    }

    /// What it is called.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.rule.name
    }
}

impl<T, D> Clone for Derived<T, D> {
    fn clone(&self) -> Self {
        Self { rule: self.rule.clone(), current: self.current.clone() }
    }
}

impl<T, D> fmt::Debug for Derived<T, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Derived").field("name", &self.rule.name).finish_non_exhaustive()
    }
}

/// A thread's own view of a derived value. As a [`Reader`](super::Reader), it never waits, never goes back, and never runs a
/// destructor while its config lives.
pub struct DerivedReader<T, D> {
    derived: Derived<T, D>,
    seen: u64,
    // Before the snapshot, which holds another reference: so neither a refresh nor a drop frees a value here.
    value: Arc<D>,
    snapshot: Arc<Snapshot<T>>,
}

impl<T: Send + Sync + 'static, D: Send + Sync + 'static> DerivedReader<T, D> {
    /// What is derived from the current revision. Costs what [`Reader::get`](super::Reader::get) does.
    #[inline]
    pub fn get(&mut self) -> &D {
        if self.derived.current.generation() > self.seen {
            self.refresh();
        }
        &self.value
    }

    /// The revision that [`DerivedReader::get`] showed last.
    #[must_use]
    pub fn revision(&self) -> Revision {
        self.snapshot.revision()
    }

    #[cold]
    fn refresh(&mut self) {
        let snapshot = self.derived.current.load_full();
        if let Some(value) = snapshot.derived_before(self.derived.rule.slot) {
            self.value = value.clone();
            self.seen = snapshot.revision().get();
            self.snapshot = snapshot;
        }
    }
}

impl<T, D> Clone for DerivedReader<T, D> {
    fn clone(&self) -> Self {
        let (value, snapshot) = (self.value.clone(), self.snapshot.clone());
        Self { derived: self.derived.clone(), seen: self.seen, value, snapshot }
    }
}

impl<T, D> fmt::Debug for DerivedReader<T, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let revision = self.snapshot.revision();
        f.debug_struct("DerivedReader").field("derived", &self.derived).field("revision", &revision).finish()
    }
}

/// Why a value cannot be derived from a config.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DeriveError {
    /// What derives it says so.
    #[error("config value `{name}` cannot be derived: {reason}")]
    Failed {
        /// What it is called.
        name: String,
        /// Why not.
        reason: String,
    },
    /// What derives it panicked.
    #[error("config value `{name}` cannot be derived, since that panicked: {message}")]
    Panicked {
        /// What it is called.
        name: String,
        /// What it panicked with, if that was text.
        message: String,
    },
    /// Updates stood in the way.
    #[error("config value `{name}` was not derived: {reason}")]
    Busy {
        /// What it is called.
        name: String,
        /// What the update said that was to be waited for.
        reason: String,
    },
}

impl DeriveError {
    fn busy<T>(name: &str, error: &UpdateError<T>) -> Self {
        Self::Busy { name: name.to_owned(), reason: error.to_string() }
    }

    fn report(&self, violations: &mut Violations) {
        match self {
            Self::Failed { name, reason } => {
                violations.reject_derived(name, &format!("cannot be derived: {reason}"))
            }
            Self::Panicked { name, message } => {
                violations
                    .reject_derived(name, &format!("cannot be derived, since that panicked: {message}"));
            }
            Self::Busy { name, reason } => violations.reject_derived(name, reason),
        }
    }
}

impl Diagnostic for DeriveError {
    fn code(&self) -> &'static str {
        match self {
            Self::Failed { .. } => "config.derive.failed",
            Self::Panicked { .. } => "config.derive.panicked",
            Self::Busy { .. } => "config.derive.busy",
        }
    }

    fn severity(&self) -> Severity {
        match self {
            Self::Busy { .. } => Severity::Warn,
            _ => Severity::Error,
        }
    }

    fn retry(&self) -> Retry {
        match self {
            Self::Busy { .. } => Retry::Later,
            _ => Retry::Never,
        }
    }
}
