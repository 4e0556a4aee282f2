//! What can go wrong when a group is registered. Adding to one never fails.

use super::MOST;
use crate::error::{Diagnostic, Retry, Severity};
use crate::telemetry::error::RegisterError;
use thiserror::Error;

/// Why a group was not registered.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum GroupError {
    /// It has no numbers, or too many.
    #[error("group `{name}` has {numbers} numbers, and one has 1 to {most}: make several groups of it", most = MOST)]
    Size {
        /// The group.
        name: String,
        /// How many numbers were asked for.
        numbers: usize,
    },
    /// Two of its numbers have one name.
    #[error("group `{name}` has two numbers named `{number}`: give one of them another name")]
    Repeated {
        /// The group.
        name: String,
        /// The name that is there twice.
        number: String,
    },
    /// A name without a character.
    #[error(
        "group `{name}` or one of its numbers has an empty name: give it one, such as `requests` or `ok`"
    )]
    EmptyName {
        /// The group.
        name: String,
    },
    /// The name is taken by a group of other numbers.
    #[error(
        "group `{name}` has the numbers {registered} already, and was asked for with {asked}: give one of them another name"
    )]
    OtherNumbers {
        /// The group.
        name: String,
        /// What it has.
        registered: String,
        /// What it was asked for with.
        asked: String,
    },
    /// Another metric has the name of one of its numbers, or there is no room for it.
    #[error(transparent)]
    Metric(#[from] RegisterError),
}

impl Diagnostic for GroupError {
    fn code(&self) -> &'static str {
        match self {
            Self::Size { .. } => "telemetry.group.size",
            Self::Repeated { .. } => "telemetry.group.repeated",
            Self::EmptyName { .. } => "telemetry.group.empty_name",
            Self::OtherNumbers { .. } => "telemetry.group.other_numbers",
            Self::Metric(error) => error.code(),
        }
    }

    fn severity(&self) -> Severity {
        Severity::Error
    }

    fn retry(&self) -> Retry {
        match self {
            Self::Metric(error) => error.retry(),
            _ => Retry::Never,
        }
    }
}
