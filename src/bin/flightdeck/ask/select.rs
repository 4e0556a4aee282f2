//! From what was written on the command line to a question.

use super::args::Filters;
use super::field::Condition;
use super::when::{Course, When};
use crate::formats::{Correlation, meant, time_shown};
use crate::messages::Messages;
use crate::nearest;
use crate::outcome::Failure;
use crate::recording::Fate;
use crate::replay::WantedError;
use flightdeck::events::{Field, Predicate, Query, QueryError, Recorded, Recording, Schema};
use flightdeck::{CorrelationId, Diagnostic, Retry, Severity};
use regex::Regex;
use std::fmt::Write;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Why nothing can be asked for like this.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AskError {
    /// No id.
    #[error("`{value}` is no id: write up to 32 hexadecimal digits, not all of them 0, or a UUID")]
    Id {
        /// What was written.
        value: String,
    },
    /// No regular expression.
    #[error("it is no regular expression, {reason}: write a backslash before what stands for itself")]
    Regex {
        /// Why not.
        reason: String,
    },
}

impl Diagnostic for AskError {
    fn code(&self) -> &'static str {
        match self {
            Self::Id { .. } => "cli.ask.id",
            Self::Regex { .. } => "cli.ask.regex",
        }
    }

    fn severity(&self) -> Severity {
        Severity::Error
    }

    fn retry(&self) -> Retry {
        Retry::Never
    }
}

/// An id in digits, or as a UUID.
pub fn id(text: &str) -> Result<CorrelationId, AskError> {
    match meant(text.trim_ascii()).next() {
        Some(Correlation::Id128(id)) => Ok(CorrelationId::new(id)),
        _ => Err(AskError::Id { value: text.escape_debug().to_string() }),
    }
}

/// A regular expression.
pub fn regex(text: &str) -> Result<Regex, AskError> {
    Regex::new(text).map_err(|error| {
        // Above it stands the expression again, with a mark.
        let error = error.to_string();
        let reason = error.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
        AskError::Regex { reason }
    })
}

/// What must hold of an event.
#[derive(Clone, Debug)]
pub struct Selection {
    correlation: Option<CorrelationId>,
    /// As they were asked for, and of those the ones that the recording knows.
    asked: Vec<String>,
    kinds: Vec<String>,
    severity: Option<Severity>,
    since: Option<u64>,
    until: Option<u64>,
    conditions: Vec<Condition>,
    regex: Option<Regex>,
}

impl Selection {
    /// All that passes the filters.
    pub fn new(filters: &Filters, recording: &Recording) -> Result<Self, Failure> {
        let Filters { correlation, kinds, severity, since, until, conditions, regex } = filters;
        let (since, until) = times(*since, *until, recording)?;
        let selection = Self {
            correlation: *correlation,
            asked: kinds.clone(),
            kinds: Vec::new(),
            severity: severity.map(Into::into),
            since,
            until,
            conditions: conditions.clone(),
            regex: regex.clone(),
        };
        Ok(selection.of_kinds_known(recording))
    }

    /// The same, of the kinds asked for that are known by now.
    pub fn of_kinds_known(mut self, recording: &Recording) -> Self {
        let names = recording.kinds().map(|kind| kind.name());
        let mut found: Vec<_> = names
            .filter(|name| self.asked.iter().any(|asked| is_meant(asked, name)))
            .map(ToOwned::to_owned)
            .collect();
        found.sort();
        found.dedup();
        self.kinds = found;
        self
    }

    /// Whether what is asked for depends on the names of kinds and fields.
    pub fn goes_by_names(&self) -> bool {
        !self.asked.is_empty() || !self.conditions.is_empty()
    }

    /// Says which kinds asked for are not known, and which are like them.
    pub fn tell_unknown(&self, recording: &Recording, messages: &Messages) {
        let known: Vec<_> = recording.kinds().map(|kind| kind.name()).collect();
        for asked in self.asked.iter().filter(|asked| !known.iter().any(|name| is_meant(asked, name))) {
            let like = nearest::listed(asked, known.iter().copied());
            messages.warn(format_args!("kind `{asked}` is not known there; those most like it: {like}"));
        }
    }

    /// The same, of what had happened until now.
    pub fn until_now(mut self) -> Self {
        self.until = Some(self.until.unwrap_or(u64::MAX).min(now()));
        self
    }

    /// The kinds that were asked for and are known; none if all are wanted.
    pub fn kinds(&self) -> &[String] {
        &self.kinds
    }

    /// From when on events are asked for.
    pub const fn since(&self) -> Option<u64> {
        self.since
    }

    /// Whether answers must be [looked through](Selection::keeps).
    pub const fn is_looked_through(&self) -> bool {
        self.regex.is_some()
    }

    /// What is asked of what is there; `None` where no kind asked for is.
    pub fn of<'r>(&self, recording: &'r Recording) -> Option<Query<'r>> {
        if !self.asked.is_empty() && self.kinds.is_empty() {
            return None;
        }
        let query = self.kinds.iter().fold(recording.query(), |query, kind| query.kind_named(kind));
        Some(self.filtered(query, |condition| condition.of(self.fields(recording))))
    }

    /// What is asked of what comes. Kinds that come later have no number yet, so they are [looked
    /// for](Selection::keeps_coming).
    pub fn of_coming<'r>(&self, recording: &'r Recording) -> Query<'r> {
        self.filtered(recording.query(), Condition::of_any)
    }

    fn filtered<'r>(&self, mut query: Query<'r>, predicate: impl Fn(&Condition) -> Predicate) -> Query<'r> {
        if let Some(id) = self.correlation {
            query = query.correlation(id);
        }
        if let Some(severity) = self.severity {
            query = query.severity_at_least(severity);
        }
        query = match (self.since.map(time), self.until.map(time)) {
            (Some(since), Some(until)) => query.between_times(since..=until),
            (Some(since), None) => query.between_times(since..),
            (None, Some(until)) => query.between_times(..=until),
            (None, None) => query,
        };
        self.conditions.iter().fold(query, |query, condition| query.matching(predicate(condition)))
    }

    /// Those of the kinds asked for.
    fn fields<'r>(&self, recording: &'r Recording) -> impl Iterator<Item = &'r Field> {
        let is_asked = |name: &str| self.kinds.is_empty() || self.kinds.iter().any(|kind| kind == name);
        recording.kinds().filter(move |kind| is_asked(kind.name())).flat_map(Schema::fields)
    }

    /// Whether an event is wanted that such a query found.
    pub fn keeps(&self, event: &Recorded<'_>) -> bool {
        let Some(regex) = &self.regex else { return true };
        let mut text = event.kind().to_owned();
        if let Some(thread) = event.thread_name() {
            text = format!("{thread} {text}");
        }
        for (name, value) in event.fields() {
            let _ = write!(text, " {name}={value}");
        }
        regex.is_match(&text)
    }

    /// The same of one that came.
    pub fn keeps_coming(&self, event: &Recorded<'_>) -> bool {
        let is_of_kind =
            self.asked.is_empty() || self.asked.iter().any(|asked| is_meant(asked, event.kind()));
        is_of_kind && self.keeps(event)
    }

    /// An error of such a query: with the fields there are, where it asks for one that is not.
    pub fn explained(&self, error: QueryError, recording: &Recording) -> Failure {
        let QueryError::UnknownField { field } = error else { return error.into() };
        let mut known: Vec<_> = self.fields(recording).map(|field| &*field.name).collect();
        known.sort_unstable();
        known.dedup();
        let known = nearest::listed(&field, known);
        WantedError::Field { name: field.escape_debug().to_string(), known }.into()
    }
}

/// A name, or what names begin like.
fn is_meant(asked: &str, name: &str) -> bool {
    asked.strip_suffix('*').map_or(asked == name, |beginning| name.starts_with(beginning))
}

fn times(
    since: Option<When>,
    until: Option<When>,
    recording: &Recording,
) -> Result<(Option<u64>, Option<u64>), Failure> {
    if since.is_none() && until.is_none() {
        return Ok((None, None));
    }
    let fate = recording.file().map_or(Fate::Unknown, Fate::of);
    let now = now();
    let end = if fate == Fate::Running { now } else { last(recording)?.unwrap_or(now) };
    let course = Course { now, end, fate };
    let within = |when: Option<When>| when.map(|when| when.within(course)).transpose();
    match (within(since)?, within(until)?) {
        (Some(from), Some(to)) if from > to => {
            Err(WantedError::Backwards { since: time_shown(from), until: time_shown(to) }.into())
        }
        times => Ok(times),
    }
}

/// When its last event happened, in nanoseconds since 1970.
pub fn last(recording: &Recording) -> Result<Option<u64>, QueryError> {
    let answer = recording.query().newest_first().limit(1).run()?;
    let converter = answer.converter();
    Ok(answer.iter().next().map(|event| converter.unix_ns(event.ticks())))
}

fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

fn time(ns: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_nanos(ns)
}
