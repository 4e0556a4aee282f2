//! What was held back, in figures.

use super::tally::Sums;
use crate::events::handle::Events;
use std::fmt;

/// What held events back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SuppressedBy {
    /// A sample, `1/N`: it was not their turn.
    Sample,
    /// A rate, `M/s`.
    Rate,
    /// A [`Quota`](super::Quota).
    Quota,
}

impl SuppressedBy {
    /// The lower-case name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sample => "sample",
            Self::Rate => "rate",
            Self::Quota => "quota",
        }
    }
}

/// How many events one call site or key was not to record. None of them is lost: nobody wanted them kept.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Suppressed {
    /// The kind, or the quota. Two call sites of one name are listed apart.
    pub name: String,
    /// Of a quota, the key; `None` for all keys that did not fit.
    pub key: Option<String>,
    /// By what.
    pub by: SuppressedBy,
    /// How many it held back.
    pub count: u64,
    /// How many it let through. With `count`, all that it was asked about.
    pub passed: u64,
}

impl fmt::Display for Suppressed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, key, by, count, passed } = self;
        write!(f, "{name}")?;
        if let Some(key) = key {
            write!(f, "[{key}]")?;
        }
        write!(f, ": {count} of {} suppressed ({})", count + passed, by.name())
    }
}

impl Events {
    /// What samples, rates and quotas held back, by call site and key; what never occurred is left out. Exact over
    /// all threads, those that ended included, once nobody records; while somebody does, a figure may be off by what is
    /// being recorded at that moment, of a sample by one round of it. Kinds that are off are not in it: they are not
    /// counted.
    ///
    /// Takes a lock that no hot path takes. Costs writers nothing.
    #[must_use]
    pub fn suppressed(&self) -> Vec<Suppressed> {
        let store = self.store();
        let mut found = Vec::new();
        for (slot, kind) in store.kinds.gated() {
            let Sums { skipped, chosen, granted, limited } = store.control.tallies.sums(slot);
            let name = || store.kinds.schema(kind).map(|schema| schema.name().to_owned()).unwrap_or_default();
            let by = [(SuppressedBy::Sample, skipped, chosen), (SuppressedBy::Rate, limited, granted)];
            found.extend(
                by.into_iter().filter(|(_, count, _)| *count > 0).map(|(by, count, passed)| Suppressed {
                    name: name(),
                    key: None,
                    by,
                    count,
                    passed,
                }),
            );
        }
        found.extend(store.control.quotas.suppressed());
        found
    }
}
