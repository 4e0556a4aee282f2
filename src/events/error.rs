//! What can go wrong around the event store. Recording itself never fails: see
//! [`LossCause`](super::LossCause).

use super::class::Class;
use super::control::DirectivesError;
use super::schema::{Field, FieldType, Schema, Site};
use super::value::Value;
use crate::clock::Ticks;
use crate::error::{Diagnostic, Retry, Severity};
#[cfg(all(feature = "mapped", target_os = "linux"))]
use crate::mapped::CreateError;
use std::fmt;
use std::time::Duration;
use thiserror::Error;

/// Why an event store was not built.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum BuildError {
    /// Less memory than the smallest store takes.
    #[error(
        "memory is {bytes} bytes, and {shards} shards need at least {least}: give more memory or fewer shards"
    )]
    MemoryTooSmall {
        /// What was asked for.
        bytes: usize,
        /// For this many shards.
        shards: usize,
        /// What it takes.
        least: usize,
    },
    /// The system has no such amount.
    #[error("memory of {bytes} bytes could not be reserved: ask for less")]
    OutOfMemory {
        /// What was asked for.
        bytes: usize,
    },
    /// Zero, or more shards than an event id can name.
    #[error(
        "shards is {shards}, outside 1 to {most}: choose a number in that range, or leave it to the default"
    )]
    Shards {
        /// What was asked for.
        shards: usize,
        /// The most there can be.
        most: usize,
    },
    /// More shared shards than an event id can name.
    #[error("shared shards are {shards}, over {most}: share fewer, and give more shards to threads")]
    SharedShards {
        /// What was asked for.
        shards: usize,
        /// The most there can be.
        most: usize,
    },
    /// The system does not lock as much memory.
    #[error(
        "{bytes} bytes could not be locked ({reason}): raise the limit on locked memory, ask for less, or leave it unlocked"
    )]
    NotLocked {
        /// What was to be locked.
        bytes: usize,
        /// What the system says.
        reason: String,
    },
    /// There is no file for it.
    #[cfg(all(feature = "mapped", target_os = "linux"))]
    #[error("events have no file: {0}")]
    Mapped(#[source] CreateError),
    /// Directives make no sense.
    #[error("from {origin}: {error}")]
    Directives {
        /// Whose they are: `the builder`, or a variable of the environment.
        origin: &'static str,
        /// What is wrong with them.
        error: DirectivesError,
    },
}

/// Why a kind was not defined. The schema is handed back.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum DefineError {
    /// The table is full.
    #[error("kind `{}` would be one more than the {limit} a deck keeps apart: put what varies into fields", schema.name())]
    TooMany {
        /// What was to be defined.
        schema: Box<Schema>,
        /// How many there can be.
        limit: usize,
    },
    /// This process is a fork of the one that built the store.
    #[error("kind `{}` was to be defined in a fork of the process that built the store: define it before the fork, or build another store here", schema.name())]
    Forked {
        /// What was to be defined.
        schema: Box<Schema>,
    },
}

/// Why values do not make an event of a kind. Nothing was recorded.
#[derive(Clone, Debug, Error, PartialEq)]
#[non_exhaustive]
pub enum ValuesError {
    /// Another number of values than the kind has fields.
    #[error("kind `{kind}` has {fields} fields, and {values} values were given: give one each, in order")]
    Count {
        /// The kind.
        kind: String,
        /// Its fields.
        fields: usize,
        /// The values.
        values: usize,
    },
    /// A value of another type than its field.
    #[error(
        "field `{field}` of kind `{kind}` holds {expected:?}, and the value is {found:?}: convert it first"
    )]
    Type {
        /// The kind.
        kind: String,
        /// The field.
        field: String,
        /// Its type.
        expected: FieldType,
        /// The type of the value.
        found: FieldType,
    },
    /// What stands in place of a value: its length, or its pseudonym.
    #[error(
        "field `{field}` of kind `{kind}` was given `{found}`, which an answer shows in place of a value: give the value itself"
    )]
    Hidden {
        /// The kind.
        kind: String,
        /// The field.
        field: String,
        /// As it is shown: nothing of the value.
        found: String,
    },
    /// Larger than its class takes, after long values were cut. It is counted as lost, except in a batch, which stays.
    #[error(
        "event `{kind}` needs {needed} bytes, and the longest {class} event has {limit}: split it, or give the store more memory"
    )]
    TooLarge {
        /// The kind.
        kind: String,
        /// The retention class, whose ring would not take it.
        class: Class,
        /// The bytes it needs, header included.
        needed: usize,
        /// The most there can be: [`Plan::longest_event`](super::Plan::longest_event).
        limit: usize,
    },
    /// The host supplied a time before the clock's first instant, or more than a second ahead. It is counted as lost, except in
    /// a batch, which stays.
    #[error(
        "event `{kind}` is stamped with tick {ticks}, outside {earliest} to {latest}, the range of its clock: take the time from `Clock::now` or `Clock::ticks_at`"
    )]
    Time {
        /// The kind.
        kind: String,
        /// What was supplied.
        ticks: u64,
        /// The clock's first tick.
        earliest: u64,
        /// A second from now; of a supplied or manual clock the last there is.
        latest: u64,
    },
    /// The kind was defined by another store.
    #[error("kind `{kind}` was defined by another deck: define it in this one")]
    ForeignKind {
        /// The kind.
        kind: String,
    },
}

impl ValuesError {
    #[cold]
    pub(crate) fn time(schema: &Schema, [ticks, earliest, latest]: [Ticks; 3]) -> Self {
        let kind = schema.name().to_owned();
        Self::Time { kind, ticks: ticks.0, earliest: earliest.0, latest: latest.0 }
    }

    #[cold]
    pub(crate) fn too_large(schema: &Schema, (needed, limit): (usize, usize)) -> Self {
        Self::TooLarge { kind: schema.name().to_owned(), class: schema.class(), needed, limit }
    }

    #[cold]
    pub(crate) fn count(schema: &Schema, values: &[Value<'_>]) -> Self {
        let (kind, fields) = (schema.name().to_owned(), schema.fields().len());
        Self::Count { kind, fields, values: values.len() }
    }

    /// A value that is not what its field holds. Where there are too many or too few, that is the reason.
    #[cold]
    pub(crate) fn of_value(schema: &Schema, field: &Field, value: &Value<'_>, values: &[Value<'_>]) -> Self {
        if schema.fields().len() != values.len() {
            return Self::count(schema, values);
        }
        let (kind, name) = (schema.name().to_owned(), field.name.clone().into_owned());
        match value.field_type() {
            Some(found) => Self::Type { kind, field: name, expected: field.field_type, found },
            None => Self::Hidden { kind, field: name, found: value.to_string() },
        }
    }
}

/// Why an event was not recorded. It is counted as lost.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum RecordError {
    /// Larger than its class takes, after long values were cut.
    #[error(
        "event `{kind}` needs {needed} bytes, and the longest {class} event has {limit}: split it, or give the store more memory"
    )]
    TooLarge {
        /// The kind.
        kind: &'static str,
        /// The retention class, whose ring would not take it.
        class: Class,
        /// The bytes it needs, header included.
        needed: usize,
        /// The most there can be: [`Plan::longest_event`](super::Plan::longest_event).
        limit: usize,
    },
    /// The host supplied a time before the clock's first instant, or more than a second ahead.
    #[error(
        "event `{kind}` is stamped with tick {ticks}, outside {earliest} to {latest}, the range of its clock: take the time from `Clock::now` or `Clock::ticks_at`"
    )]
    Time {
        /// The kind.
        kind: &'static str,
        /// What was supplied.
        ticks: u64,
        /// The clock's first tick.
        earliest: u64,
        /// A second from now; of a supplied or manual clock the last there is.
        latest: u64,
    },
}

impl RecordError {
    #[cold]
    pub(crate) fn time(site: &'static Site, [ticks, earliest, latest]: [Ticks; 3]) -> Self {
        let kind = site.schema.name();
        Self::Time { kind, ticks: ticks.0, earliest: earliest.0, latest: latest.0 }
    }

    #[cold]
    pub(crate) fn too_large(site: &'static Site, (needed, limit): (usize, usize)) -> Self {
        Self::TooLarge { kind: site.schema.name(), class: site.schema.class(), needed, limit }
    }
}

/// Why there is no [`Claim`](super::Claim). Nothing was reserved.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReserveError {
    /// The kind does not consist of bytes that are stored as they are.
    #[error(
        "kind `{kind}` has other fields than one of open bytes: declare one such, or make it with `Schema::raw`"
    )]
    NotRaw {
        /// The kind.
        kind: String,
    },
    /// Larger than its class takes.
    #[error(
        "event `{kind}` needs {needed} bytes, and the longest {class} event has {limit}: split it, or give the store more memory"
    )]
    TooLarge {
        /// The kind.
        kind: String,
        /// The retention class, whose ring would not take it.
        class: Class,
        /// The bytes it needs, header included.
        needed: usize,
        /// The most there can be: [`Plan::longest_event`](super::Plan::longest_event).
        limit: usize,
    },
    /// The host supplied a time before the clock's first instant, or more than a second ahead.
    #[error(
        "event `{kind}` is stamped with tick {ticks}, outside {earliest} to {latest}, the range of its clock: take the time from `Clock::now` or `Clock::ticks_at`"
    )]
    Time {
        /// The kind.
        kind: String,
        /// What was supplied.
        ticks: u64,
        /// The clock's first tick.
        earliest: u64,
        /// A second from now; of a supplied or manual clock the last there is.
        latest: u64,
    },
    /// A claim of this thread is open.
    #[error("this thread has an open claim in this deck: commit or drop it first, or reserve with a writer")]
    Open,
    /// The thread records through shared shards, or is in the middle of a record.
    #[error(
        "this thread has no shard of its own to reserve in: build the store with more shards, or record the bytes at once"
    )]
    NoShard,
    /// The ring has reached its last position, as [`LossCause::UsedUp`](super::LossCause::UsedUp) says of records.
    #[error("the ring of {class} events has reached its last position: build another store")]
    UsedUp {
        /// The retention class.
        class: Class,
    },
    /// The store belongs to the process that built it.
    #[error("this process is a fork of the one that built the store: build another here")]
    Forked,
    /// The kind was defined by another store.
    #[error("kind `{kind}` was defined by another deck: define it in this one")]
    ForeignKind {
        /// The kind.
        kind: String,
    },
}

impl ReserveError {
    #[cold]
    pub(crate) fn time(schema: &Schema, [ticks, earliest, latest]: [Ticks; 3]) -> Self {
        let kind = schema.name().to_owned();
        Self::Time { kind, ticks: ticks.0, earliest: earliest.0, latest: latest.0 }
    }
}

/// Why bytes did not go into a [`Claim`](super::Claim), or it was not committed.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum ClaimError {
    /// They do not fit what was reserved. None of them was written.
    #[error(
        "{bytes} bytes at {at} leave the {reserved} bytes that were reserved: reserve more, or write less"
    )]
    Full {
        /// Where they were to go.
        at: usize,
        /// How many.
        bytes: usize,
        /// What there is.
        reserved: usize,
    },
    /// The thread has ended, or this process is a fork of the one that reserved.
    #[error("the claim was closed when its thread ended or the process forked: commit it before")]
    Closed,
}

/// Why a field is not the struct that was asked for.
#[cfg(feature = "zerocopy")]
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum PodError {
    /// The kind has no such field.
    #[error("kind `{kind}` has no field `{field}`: ask its schema for their names")]
    NoField {
        /// The kind.
        kind: String,
        /// What was asked for.
        field: String,
    },
    /// The field holds something else, or may not be read.
    #[error("field `{field}` of kind `{kind}` holds no bytes: read it with `Recorded::field`")]
    NoBytes {
        /// The kind.
        kind: String,
        /// The field.
        field: String,
    },
    /// The struct was longer than the store keeps.
    #[error(
        "field `{field}` of kind `{kind}` had {bytes} bytes and was cut: build the store with a longer `longest_value`"
    )]
    Cut {
        /// The kind.
        kind: String,
        /// The field.
        field: String,
        /// How many bytes it had.
        bytes: u64,
    },
    /// Another number of bytes than the type takes.
    #[error(
        "field `{field}` of kind `{kind}` holds {found} bytes, and a `{wanted}` takes {takes}: ask for the type that was recorded"
    )]
    Size {
        /// The kind.
        kind: String,
        /// The field.
        field: String,
        /// How many there are.
        found: usize,
        /// The type asked for.
        wanted: &'static str,
        /// How many it takes.
        takes: usize,
    },
    /// Of the right size, and no value of the type.
    #[error(
        "field `{field}` of kind `{kind}` holds bytes that are no valid `{wanted}`: ask for the type that was recorded"
    )]
    Invalid {
        /// The kind.
        kind: String,
        /// The field.
        field: String,
        /// The type asked for.
        wanted: &'static str,
    },
}

/// Why a batch was not recorded. Nothing of it was.
#[derive(Clone, Debug, Error, PartialEq)]
#[non_exhaustive]
pub enum BatchError {
    /// Some of its events are none of their kind.
    #[error("batch has {} bad events: {}", items.len(), BadItems(items))]
    Refused {
        /// Which, in the order in which they were pushed, and why.
        items: Vec<(usize, ValuesError)>,
    },
    /// Together they take more than a quarter of a ring.
    #[error(
        "batch of {events} {class} events takes {bytes} bytes, more than the {most} that lie in one piece: split it, or give more memory"
    )]
    TooLarge {
        /// How many.
        events: usize,
        /// What they take.
        bytes: usize,
        /// The most precious class among them.
        class: Class,
        /// What a batch of that class may take.
        most: usize,
    },
}

/// Bad events in one line.
struct BadItems<'a>(&'a [(usize, ValuesError)]);

impl fmt::Display for BadItems<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().enumerate().try_for_each(|(at, (number, error))| {
            write!(f, "{}number {number}: {error}", if at == 0 { "" } else { "; " })
        })
    }
}

/// Why there is no [`Writer`](super::Writer).
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum WriterError {
    /// Threads or other writers hold all shards.
    #[error("all {shards} shards are taken: build the store with more shards, or drop a writer")]
    NoShard {
        /// How many there are.
        shards: usize,
    },
    /// The store belongs to the process that built it.
    #[error("this process is a fork of the one that built the store: build another here")]
    Forked,
}

/// Why a query was not run.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum QueryError {
    /// Time runs backwards in it.
    #[error("time range ends at tick {to}, before it begins at tick {from}: swap the two")]
    Range {
        /// Where it begins.
        from: u64,
        /// Where it ends.
        to: u64,
    },
    /// No event has this id.
    #[error("correlation id is zero, which means none: ask for an id, or leave the filter out")]
    NoId,
    /// One thing is asked to be two.
    #[error("{what} is asked to be {one} and {other}, and no event has both: leave one of them out")]
    Contradiction {
        /// What of an event.
        what: &'static str,
        /// What was asked for first.
        one: String,
        /// And then.
        other: String,
    },
    /// The kinds asked for are less severe than asked.
    #[error(
        "events of kind `{kind}` have severity {severity}, below {asked}: ask for {severity} or for other kinds"
    )]
    KindSeverity {
        /// The most severe of them.
        kind: String,
        /// Its severity.
        severity: Severity,
        /// What was asked for.
        asked: Severity,
    },
    /// What merges rings as they lie was asked for the newest first.
    #[error("events come one by one the oldest first: leave `newest_first` out, or `run` the query")]
    Order,
    /// The events asked for spread over more stretches of time than an answer has.
    #[error(
        "buckets of {width:?} make more than {limit}: ask for wider ones, or for a shorter range of time"
    )]
    Buckets {
        /// How long each was to be.
        width: std::time::Duration,
        /// How many there may be.
        limit: usize,
    },
    /// It asks for something that only an answer has.
    #[error(
        "{what} is for answers, and this query is followed: leave it out, and take as many events as you like"
    )]
    NotFollowed {
        /// What it asks for.
        what: &'static str,
    },
    /// A cursor was to start at this event.
    #[error(
        "event {id:#x} is not in the store any more, or never was: start at the oldest one, or at a time"
    )]
    NoEvent {
        /// Its id.
        id: u64,
    },
    /// No kind has this name.
    #[error("kind `{name}` is not known to this deck: no event of it was ever recorded or defined")]
    UnknownKind {
        /// What was asked for.
        name: String,
    },
    /// A recording has kinds of this name, and none with the same fields, severity and class.
    #[error(
        "kind `{name}` is another one in this recording than in this build: ask for it by name, or with the build that wrote it"
    )]
    OtherFields {
        /// What was asked for.
        name: String,
    },
    /// A recording knows no kind of this name, and there are kinds whose names it had no room for.
    #[error(
        "kind `{name}` is not known to this recording, which has no names for {kinds} kinds: ask for severity, id or time, and look for their numbers"
    )]
    Nameless {
        /// What was asked for.
        name: String,
        /// How many kinds it could be.
        kinds: u64,
    },
    /// None of the kinds asked for has this field.
    #[error(
        "field `{field}` is in none of the kinds asked for: correct its name, or ask for kinds that have it"
    )]
    UnknownField {
        /// What was asked for.
        field: String,
    },
    /// The field never holds what compares with what it is compared with.
    #[error(
        "field `{field}` holds {has}, and is compared with {asked}: compare it with what it holds, or ask whether it exists"
    )]
    FieldType {
        /// The field.
        field: String,
        /// What it holds, in each of the kinds asked for.
        has: String,
        /// What it was compared with.
        asked: &'static str,
    },
    /// The field has values that are never stored.
    #[error(
        "field `{field}` is secret, and nothing of it is stored to compare with: ask whether it exists, or leave it out"
    )]
    SecretField {
        /// The field.
        field: String,
    },
}

/// Why a cursor delivered nothing.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum FollowError {
    /// It did not come in time.
    #[error("no event came within {waited:?}: wait longer, or again")]
    TimedOut {
        /// How long that was to be.
        waited: Duration,
    },
    /// Nothing comes any more.
    #[error("the store has stopped and all of it was delivered: ask no more")]
    Closed,
}

/// Why a cursor cannot be prompt. One that does not ask for it goes on with its time-outs.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum PromptError {
    /// There is no barrier over all threads of a process, or this process may not use it.
    #[error(
        "cursor cannot be prompt without a barrier over all threads ({reason}): build with feature `os` on Linux 4.14 or later and allow `membarrier`, or leave the cursor to its time-outs"
    )]
    NoBarrier {
        /// What the system says.
        reason: String,
    },
    /// Nothing is recorded in a child.
    #[error("this process is a fork of the one that built the store: build another here")]
    Forked,
    /// Who records does not know who reads in another process.
    #[error(
        "cursor cannot be prompt on a recording, whose writer knows nothing of it: leave the cursor to its time-outs"
    )]
    Recording,
}

/// Why a `traceparent` header names no scope. Begin a new trace then.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum TraceparentError {
    /// It is not of the form that W3C trace context gives it.
    #[error(
        "traceparent `{}` is not 2, 32, 16 and 2 lower-case hex digits joined by dashes: begin a new trace",
        header.escape_debug()
    )]
    Malformed {
        /// The header, or the beginning of it.
        header: String,
    },
    /// One of its ids is zero, which means none.
    #[error("traceparent has a {what} of zero, which means none: begin a new trace")]
    Zero {
        /// Which of them.
        what: &'static str,
    },
}

impl Diagnostic for BuildError {
    fn code(&self) -> &'static str {
        match self {
            Self::MemoryTooSmall { .. } => "events.memory.too_small",
            Self::OutOfMemory { .. } => "events.memory.unavailable",
            Self::Shards { .. } => "events.shards.out_of_range",
            Self::SharedShards { .. } => "events.shards.shared_out_of_range",
            Self::NotLocked { .. } => "events.memory.not_locked",
            #[cfg(all(feature = "mapped", target_os = "linux"))]
            Self::Mapped(error) => error.code(),
            Self::Directives { .. } => "events.directives.unbuilt",
        }
    }

    fn severity(&self) -> Severity {
        Severity::Error
    }

    fn retry(&self) -> Retry {
        match self {
            Self::OutOfMemory { .. } => Retry::Later,
            #[cfg(all(feature = "mapped", target_os = "linux"))]
            Self::Mapped(error) => error.retry(),
            _ => Retry::Never,
        }
    }
}

macro_rules! diagnostic {
    ($($error:ident { $($variant:ident => $code:literal, $retry:ident;)* })*) => {$(
        impl Diagnostic for $error {
            fn code(&self) -> &'static str {
                match self { $(Self::$variant { .. } => $code,)* }
            }
            fn severity(&self) -> Severity {
                Severity::Error
            }
            fn retry(&self) -> Retry {
                match self { $(Self::$variant { .. } => Retry::$retry,)* }
            }
        }
    )*};
}

diagnostic! {
    DefineError {
        TooMany => "events.kinds.too_many", Never;
        Forked => "events.kinds.forked", Never;
    }
    ValuesError {
        Count => "events.values.count", Never;
        Type => "events.values.type", Never;
        Hidden => "events.values.hidden", Never;
        TooLarge => "events.event.too_large", Never;
        Time => "events.event.time_out_of_range", Never;
        ForeignKind => "events.values.foreign_kind", Never;
    }
    RecordError {
        TooLarge => "events.event.too_large", Never;
        Time => "events.event.time_out_of_range", Never;
    }
    ReserveError {
        NotRaw => "events.reserve.not_raw", Never;
        TooLarge => "events.event.too_large", Never;
        Open => "events.reserve.open", Later;
        NoShard => "events.reserve.no_shard", Never;
        Time => "events.event.time_out_of_range", Never;
        UsedUp => "events.reserve.used_up", Never;
        Forked => "events.reserve.forked", Never;
        ForeignKind => "events.values.foreign_kind", Never;
    }
    ClaimError {
        Full => "events.claim.full", Never;
        Closed => "events.claim.closed", Never;
    }
    BatchError {
        Refused => "events.batch.refused", Never;
        TooLarge => "events.batch.too_large", Never;
    }
    WriterError {
        NoShard => "events.writer.no_shard", Later;
        Forked => "events.writer.forked", Never;
    }
    QueryError {
        Range => "events.query.range", Never;
        NoId => "events.query.no_id", Never;
        Contradiction => "events.query.contradiction", Never;
        KindSeverity => "events.query.kind_severity", Never;
        Order => "events.query.order", Never;
        Buckets => "events.query.buckets", Never;
        NotFollowed => "events.query.not_followed", Never;
        NoEvent => "events.query.no_event", Never;
        UnknownKind => "events.query.unknown_kind", Never;
        OtherFields => "events.query.other_fields", Never;
        Nameless => "events.query.nameless", Never;
        UnknownField => "events.query.unknown_field", Never;
        FieldType => "events.query.field_type", Never;
        SecretField => "events.query.secret_field", Never;
    }
    FollowError {
        TimedOut => "events.follow.timed_out", Later;
        Closed => "events.follow.closed", Never;
    }
    PromptError {
        NoBarrier => "events.prompt.no_barrier", Never;
        Forked => "events.prompt.forked", Never;
        Recording => "events.prompt.recording", Never;
    }
    TraceparentError {
        Malformed => "events.traceparent.malformed", Never;
        Zero => "events.traceparent.zero", Never;
    }
}

#[cfg(feature = "zerocopy")]
diagnostic! {
    PodError {
        NoField => "events.pod.no_field", Never;
        NoBytes => "events.pod.no_bytes", Never;
        Cut => "events.pod.cut", Never;
        Size => "events.pod.size", Never;
        Invalid => "events.pod.invalid", Never;
    }
}
