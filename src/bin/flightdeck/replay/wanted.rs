//! Which events are asked for, beside those of an id.

use super::deck::Deck;
use super::moment::Moment;
use crate::args::Replay;
use crate::formats::{Kind, time_shown};
use crate::nearest;
use crate::outcome::Failure;
use flightdeck::events::{Predicate, PredicateError, Query, QueryError};
use flightdeck::{Diagnostic, Retry, Severity, Ticks};
use std::ops::RangeInclusive;

/// What must hold of an event.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    predicate: Option<Predicate>,
    kinds: Vec<String>,
    since: Option<Moment>,
    until: Option<Moment>,
    range: Option<RangeInclusive<Ticks>>,
}

/// Why nothing can be asked for like this.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WantedError {
    /// The predicate is no such text.
    #[error(transparent)]
    Predicate(#[from] PredicateError),
    /// No row is of this kind.
    #[error("kind `{name}` is of no row that is read: ask for one of {known}")]
    Kind {
        /// What was asked for.
        name: String,
        /// All there are.
        known: String,
    },
    /// No row has this field.
    #[error("field `{name}` is in no row that was asked for: ask for one of {known}")]
    Field {
        /// What was asked for.
        name: String,
        /// Those of such rows.
        known: String,
    },
    /// It ends before it begins.
    #[error("time asked for ends at {until}, before it begins at {since}: swap the two")]
    Backwards {
        /// Where it begins.
        since: String,
        /// Where it ends.
        until: String,
    },
}

impl Diagnostic for WantedError {
    fn code(&self) -> &'static str {
        match self {
            Self::Predicate(error) => error.code(),
            Self::Kind { .. } => "cli.wanted.kind",
            Self::Field { .. } => "cli.wanted.field",
            Self::Backwards { .. } => "cli.wanted.backwards",
        }
    }

    fn severity(&self) -> Severity {
        Severity::Error
    }

    fn retry(&self) -> Retry {
        Retry::Never
    }
}

impl WantedError {
    /// Where in the text of the predicate it is.
    pub fn at(&self) -> Option<usize> {
        match self {
            Self::Predicate(
                PredicateError::TooDeep { at, .. }
                | PredicateError::Unexpected { at, .. }
                | PredicateError::NumberOutOfRange { at, .. }
                | PredicateError::Unclosed { at, .. },
            ) => Some(*at),
            _ => None,
        }
    }
}

impl Wanted {
    /// What the command line asks for, as far as that can be told before anything is read.
    pub fn new(asked: &Replay) -> Result<Self, WantedError> {
        let predicate = asked.predicate.as_deref().map(str::parse).transpose()?;
        for name in &asked.kinds {
            if !Kind::ALL.iter().any(|kind| kind.name() == name) {
                let known = nearest::listed(name, Kind::ALL.map(Kind::name));
                return Err(WantedError::Kind { name: name.escape_debug().to_string(), known });
            }
        }
        Ok(Self {
            predicate,
            kinds: asked.kinds.clone(),
            since: asked.since,
            until: asked.until,
            range: None,
        })
    }

    /// Whether it matters what fields hold.
    pub fn asks_for_fields(&self) -> bool {
        self.predicate.is_some()
    }

    /// The same of data that ends at `end`.
    pub fn within(mut self, end: u64) -> Result<Self, WantedError> {
        let since = self.since.map_or(0, |since| since.within(end));
        let until = self.until.map_or(u64::MAX, |until| until.within(end));
        if since > until {
            return Err(WantedError::Backwards { since: time_shown(since), until: time_shown(until) });
        }
        let is_asked = self.since.is_some() || self.until.is_some();
        self.range = is_asked.then_some(Ticks(since)..=Ticks(until));
        Ok(self)
    }

    /// From when on events are asked for.
    pub fn from(&self) -> Ticks {
        self.range.as_ref().map_or(Ticks(0), |range| *range.start())
    }

    /// A query that asks for all this too.
    pub fn of<'d>(&self, query: Query<'d>) -> Query<'d> {
        let query = self.kinds.iter().fold(query, |query, kind| query.kind_named(kind));
        let query = match &self.range {
            Some(range) => query.between(range.clone()),
            None => query,
        };
        match &self.predicate {
            Some(predicate) => query.matching(predicate.clone()),
            None => query,
        }
    }

    /// An error of such a query: with the fields there are, where it asks for one that is not.
    pub fn explained(&self, error: QueryError, deck: &Deck) -> Failure {
        let QueryError::UnknownField { field } = error else { return error.into() };
        let known = deck.fields_of(&self.kinds);
        let known = nearest::listed(&field, known.iter().map(AsRef::as_ref));
        WantedError::Field { name: field.escape_debug().to_string(), known }.into()
    }
}
