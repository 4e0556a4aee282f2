//! How often a default was taken for what a path should have had, by reason.

use super::error::PathError;
use crate::config::observe::Count;
use std::fmt;

/// How often [`Config::get_or`](crate::config::Config::get_or) gave its default, by reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Fallbacks {
    /// The config was built without paths, or its value cannot be shown as a tree.
    pub no_tree: u64,
    /// The text was no path.
    pub malformed: u64,
    /// Nothing is there.
    pub absent: u64,
    /// What is there is a secret, or holds one.
    pub secret: u64,
    /// What is there is of another type, or out of its range.
    pub unfit: u64,
}

impl Fallbacks {
    /// All of them.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.no_tree + self.malformed + self.absent + self.secret + self.unfit
    }
}

impl fmt::Display for Fallbacks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { no_tree, malformed, absent, secret, unfit } = self;
        write!(
            f,
            "{} fallbacks: {no_tree} without a tree, {malformed} malformed, {absent} absent, {secret} secret, {unfit} unfit",
            self.total()
        )
    }
}

/// The counts behind [`Fallbacks`].
#[derive(Debug)]
pub(in crate::config) struct FallbackCounts {
    no_tree: Count,
    malformed: Count,
    absent: Count,
    secret: Count,
    unfit: Count,
}

impl FallbackCounts {
    pub(in crate::config) fn zero() -> Self {
        let zero = Count::zero;
        Self { no_tree: zero(), malformed: zero(), absent: zero(), secret: zero(), unfit: zero() }
    }

    #[cold]
    pub(super) fn count(&self, reason: &PathError) {
        match reason {
            PathError::NotOffered | PathError::NoTree { .. } => &self.no_tree,
            PathError::Syntax(_) => &self.malformed,
            PathError::Unknown { .. } | PathError::NoSuchElement { .. } | PathError::ThroughScalar { .. } => {
                &self.absent
            }
            PathError::Secret { .. } => &self.secret,
            PathError::NotWritable { .. }
            | PathError::UnknownMark { .. }
            | PathError::WrongType { .. }
            | PathError::OutOfRange { .. }
            | PathError::Unfit { .. } => &self.unfit,
        }
        .add(1);
    }

    pub(in crate::config) fn get(&self) -> Fallbacks {
        Fallbacks {
            no_tree: self.no_tree.get(),
            malformed: self.malformed.get(),
            absent: self.absent.get(),
            secret: self.secret.get(),
            unfit: self.unfit.get(),
        }
    }
}
