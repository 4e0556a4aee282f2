//! What a query found, and whether that is all there was.

use super::class::{Class, PerClass};
use super::handle::Events;
use super::link::Links;
use super::payload::decode;
use super::query::Work;
use super::read::{Found, Header};
use super::record::Flags;
use super::schema::Schema;
use super::timeline::Timeline;
use super::tree::TraceTree;
use super::value::Value;
use super::view::View;
use crate::clock::{Converter, Ticks};
use crate::error::Severity;
use crate::id::{CorrelationId, SpanId};
use crate::local::Scope;
use crate::sync::Arc;
use std::borrow::Cow;
use std::fmt;
use std::ops::Range;
use std::time::Duration;

/// Whether an answer is whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing that matched is missing: the store never dropped anything, or dropped nothing since the id began
    /// or since the range begins. What [`Directives`](super::Directives) or a [`Quota`](super::Quota) left out was not
    /// to be kept, and is not missing: [`Events::suppressed`](super::Events::suppressed) tells how much it was.
    ///
    /// An id begins where the earliest event lies that is marked as its [root](super::Stamp::root) and is still there, so one
    /// that is used again after all of its first use was overwritten looks as though it began then. With further filters the
    /// root is not always come by, and [`Verdict::Overwritten`] said where this one might have been.
    Complete,
    /// From `since` on nothing that matched is missing; what is older may be.
    Overwritten {
        /// Where the certainty begins.
        since: Ticks,
    },
    /// There was more, as asked for.
    Truncated {
        /// What cut it.
        by: Truncation,
    },
}

/// What cut an answer short.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Truncation {
    /// [`Query::limit`](super::Query::limit).
    Limit,
    /// [`Query::budget`](super::Query::budget).
    Budget,
    /// Kinds or fields were asked for, and the recording has events of kinds that it does not know: see
    /// [`Recording::nameless`](super::Recording::nameless).
    Nameless,
}

impl Verdict {
    /// Whether it is [`Verdict::Complete`].
    #[must_use]
    pub const fn is_complete(self) -> bool {
        matches!(self, Self::Complete)
    }

    /// The lower-case name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::Overwritten { .. } => "overwritten",
            Self::Truncated { .. } => "truncated",
        }
    }
}

/// The ring that an event lies in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) shard: u16,
    pub(crate) class: Class,
}

/// One event of an answer: where its parts lie.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(super) place: Place,
    pub(super) position: u64,
    pub(super) ticks: Ticks,
    pub(super) kind: u32,
    pub(super) severity: Severity,
    pub(super) flags: Flags,
    pub(super) thread: u32,
    pub(super) id: CorrelationId,
    pub(super) span: SpanId,
    pub(super) payload: Range<usize>,
    /// Of a batch: whether its first event was still there.
    pub(super) is_whole: bool,
}

impl Row {
    #[inline]
    pub(crate) fn new(place: Place, header: &Header, payload: Range<usize>) -> Self {
        Self {
            place,
            position: header.position,
            ticks: header.ticks,
            kind: header.kind(),
            severity: header.severity(),
            flags: header.flags(),
            thread: header.thread(),
            id: header.id,
            span: header.span,
            payload,
            is_whole: true,
        }
    }

    /// Words of the payload that come before links and fields: the parent's span, when the span began, where the batch
    /// begins.
    #[inline]
    fn prefix(&self) -> usize {
        [Flags::START, Flags::END, Flags::BATCHED].iter().filter(|flag| self.flags.has(**flag)).count()
    }

    /// Where the batch begins that it is part of.
    #[inline]
    fn batch(&self, payload: &[u8]) -> Option<u64> {
        let word = payload.get(8 * self.prefix().checked_sub(1)?..)?.first_chunk::<8>()?;
        self.flags.has(Flags::BATCHED).then(|| u64::from_le_bytes(*word))
    }

    /// Of a record whose payload was copied to `bytes[start..]`.
    #[inline]
    pub(crate) fn found(place: Place, found: Found<'_>, header: &Header, bytes: &[u8], start: usize) -> Self {
        let row = Self::new(place, header, start..bytes.len());
        row.with_batch(bytes.get(start..).unwrap_or_default(), |first| found.is_there(first))
    }

    /// The same, told whether the rest of its batch is still there.
    #[inline]
    pub(crate) fn with_batch(mut self, payload: &[u8], is_there: impl FnOnce(u64) -> bool) -> Self {
        self.is_whole = self.batch(payload).is_none_or(is_there);
        self
    }

    /// Asks again whether the rest of its batch is still there, wherever the payload of all rows lies.
    pub(crate) fn recheck_batch(&mut self, bytes: &[u8], is_there: impl FnOnce(Place, u64) -> bool) {
        let first = self.batch(bytes.get(self.payload.clone()).unwrap_or_default());
        self.is_whole &= first.is_none_or(|first| is_there(self.place, first));
    }

    #[inline]
    pub(crate) fn kind(&self) -> u32 {
        self.kind
    }

    /// The total order of events: time, then shard, class and position.
    pub(crate) fn order(&self) -> (Ticks, Place, u64) {
        (self.ticks, self.place, self.position)
    }
}

/// What a query found: owned, so it stays as it is while the store goes on.
#[derive(Clone)]
pub struct Answer {
    pub(crate) view: Arc<View>,
    pub(crate) bytes: Vec<u8>,
    pub(crate) rows: Vec<Row>,
    pub(crate) verdict: Verdict,
    pub(crate) since: PerClass<Ticks>,
    pub(crate) matched: usize,
    pub(crate) work: Work,
    pub(crate) gone: u64,
    /// Of an answer to everything: how many events there were until then, those that were lost included.
    pub(crate) recorded: Option<u64>,
}

impl Answer {
    /// Of nothing, yet.
    pub(crate) fn empty(view: &Arc<View>) -> Self {
        Self {
            view: view.clone(),
            bytes: Vec::new(),
            rows: Vec::new(),
            verdict: Verdict::Complete,
            since: PerClass::of(|_| Ticks(0)),
            matched: 0,
            work: Work::default(),
            gone: 0,
            recorded: None,
        }
    }

    /// How many events it holds.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether it holds none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The events, in the order asked for.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = Recorded<'_>> + ExactSizeIterator {
        self.rows.iter().map(|row| self.recorded(row))
    }

    pub(crate) fn recorded<'a>(&'a self, row: &'a Row) -> Recorded<'a> {
        let payload = self.bytes.get(row.payload.clone()).unwrap_or_default();
        Recorded { view: &self.view, row, payload }
    }

    /// Asks again of which batches the rest is still there.
    pub(crate) fn recheck_batches(&mut self, is_there: impl Fn(Place, u64) -> bool) {
        for row in &mut self.rows {
            row.recheck_batch(&self.bytes, &is_there);
        }
    }

    /// Gives up the bytes of rows that are not there any more.
    pub(crate) fn compact(&mut self) {
        let mut bytes = Vec::with_capacity(self.bytes.len());
        for row in &mut self.rows {
            let start = bytes.len();
            bytes.extend_from_slice(self.bytes.get(row.payload.clone()).unwrap_or_default());
            row.payload = start..bytes.len();
        }
        self.bytes = bytes;
    }

    /// Keeps only these events. The verdict stays what it was: it is about what was asked for.
    pub fn retain(&mut self, mut keep: impl FnMut(&Recorded<'_>) -> bool) {
        let mut rows = std::mem::take(&mut self.rows);
        rows.retain(|row| keep(&self.recorded(row)));
        self.rows = rows;
    }

    /// Puts its events into another order; equal ones stay as they are.
    pub fn sort_by_key<K: Ord>(&mut self, mut key: impl FnMut(&Recorded<'_>) -> K) {
        let mut rows = std::mem::take(&mut self.rows);
        rows.sort_by_cached_key(|row| key(&self.recorded(row)));
        self.rows = rows;
    }

    /// Whether that is all there was.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        self.verdict
    }

    /// From here on nothing of any class was overwritten or lost; zero: nothing ever was.
    #[must_use]
    pub fn since(&self) -> Ticks {
        self.since.iter().map(|(_, since)| *since).max().unwrap_or_default()
    }

    /// The same of one class.
    #[must_use]
    pub fn since_of(&self, class: Class) -> Ticks {
        self.since[class]
    }

    /// How many events matched before the limit. Where that cut the answer, those that matched among what was looked at, so
    /// at least one more than it holds: blocks that hold nothing early or late enough are left out.
    #[must_use]
    pub fn matched(&self) -> usize {
        self.matched
    }

    /// How many records the query looked at.
    #[must_use]
    pub fn visited(&self) -> u64 {
        self.work.records()
    }

    /// What the query did to find it.
    #[must_use]
    pub fn work(&self) -> &Work {
        &self.work
    }

    /// How many matching records were overwritten between being found and being copied.
    #[must_use]
    pub fn gone(&self) -> u64 {
        self.gone
    }

    /// How many matching events are missing from it, where that is known: what was overwritten left no trace of what it was.
    /// Known are: none, of a complete answer; what the limit left out, while nothing was ever dropped; and of an answer to
    /// everything, what was overwritten, pruned or lost until the query began.
    ///
    /// ```
    /// use flightdeck::events::Events;
    /// flightdeck::kind! { Beat("host.beat") { n: u64 } }
    /// let events = Events::builder().memory(1 << 20).build()?;
    /// (0..100_000).for_each(|n| events.record(Beat { n }));
    ///
    /// let all = events.query().run()?;
    /// assert_eq!(all.missing(), Some(100_000 - all.len() as u64));
    /// let span_less = events.query().span(flightdeck::SpanId::new(7)).run()?;
    /// assert_eq!(span_less.missing(), None);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn missing(&self) -> Option<u64> {
        match self.verdict {
            Verdict::Complete => Some(0),
            Verdict::Truncated { by: Truncation::Limit } if self.since() == Ticks(0) => {
                Some(self.matched.saturating_sub(self.len()) as u64)
            }
            Verdict::Truncated { .. } => None,
            Verdict::Overwritten { .. } => Some(self.recorded?.saturating_sub(self.matched as u64)),
        }
    }

    /// A conversion for the stamps of its events.
    #[must_use]
    pub fn converter(&self) -> Converter {
        self.view.clock.converter()
    }

    /// The events by cause.
    #[must_use]
    pub fn tree(&self) -> TraceTree<'_> {
        TraceTree::new(Cow::Borrowed(self))
    }

    /// The events as lines of text, indented by cause.
    #[must_use]
    pub fn timeline(&self) -> Timeline<'_> {
        Timeline::new(self)
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer")
            .field("verdict", &self.verdict)
            .field("events", &self.iter().collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}

/// An event as it was recorded.
#[derive(Clone, Copy)]
pub struct Recorded<'a> {
    pub(crate) view: &'a View,
    pub(crate) row: &'a Row,
    pub(crate) payload: &'a [u8],
}

/// Which event it is: unique for the life of a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EventId(u64);

impl EventId {
    fn new(place: Place, position: u64) -> Self {
        // Shard 8, class 2, position 54: at full rate a shard writes for 174 days before it repeats. The last 16 of the
        // 256 leave room for eight more bits of a shard's number, of which only stores for many threads have any.
        let (shard, class) = (u64::from(place.shard), (place.class as u64) << 54);
        Self(match shard {
            0..0xf0 => shard << 56 | class | position & ((1 << 54) - 1),
            _ => (0xf0 | shard >> 8) << 56 | class | (shard & 0xff) << 46 | position & ((1 << 46) - 1),
        })
    }

    /// The 64 bits.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The id of these 64 bits, from [`EventId::get`].
    #[must_use]
    pub const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    /// Where it lies, if anywhere; `end` tells where positions of a place end, none if there is no such place. As
    /// [`EventId::new`], of which it is the inverse.
    pub(crate) fn place(self, end: impl FnOnce(Place) -> Option<u64>) -> Option<(Place, u64)> {
        let class = match self.0 >> 54 & 3 {
            0 => Class::Critical,
            1 => Class::Normal,
            2 => Class::Verbose,
            _ => return None,
        };
        let (shard, bits) = match (self.0 >> 56) as u16 {
            shard @ 0..0xf0 => (shard, 54),
            high => ((high & 0xf) << 8 | (self.0 >> 46) as u16 & 0xff, 46),
        };
        let place = Place { shard, class };
        let (end, lap) = (end(place)?, 1_u64 << bits);
        // The highest position below the end that has these bits.
        let low = self.0 & (lap - 1);
        let position = (end & !(lap - 1)) | low;
        let position = if position >= end { position.checked_sub(lap)? } else { position };
        (Self::new(place, position) == self).then_some((place, position))
    }
}

/// The batch that an event was recorded in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BatchPart {
    /// Its first event: the same for all of one batch.
    pub first: EventId,
    /// Whether that was still there when the query ran. If not, the batch has been overwritten in part.
    pub is_whole: bool,
}

impl<'a> Recorded<'a> {
    /// Which event it is.
    #[must_use]
    pub fn id(&self) -> EventId {
        EventId::new(self.row.place, self.row.position)
    }

    /// When it happened.
    #[must_use]
    pub fn ticks(&self) -> Ticks {
        self.row.ticks
    }

    /// What it belongs to.
    #[must_use]
    pub fn correlation(&self) -> CorrelationId {
        self.row.id
    }

    /// The span it happened in, or began, or ended.
    #[must_use]
    pub fn span(&self) -> SpanId {
        self.row.span
    }

    /// The span under which its span began; `None` for an event that begins no span.
    #[must_use]
    pub fn parent(&self) -> Option<SpanId> {
        let word = self.payload.first_chunk::<8>()?;
        self.is_start().then(|| SpanId::new(u64::from_le_bytes(*word)))
    }

    /// Whether its span begins with it.
    #[must_use]
    pub fn is_start(&self) -> bool {
        self.row.flags.has(Flags::START)
    }

    /// Whether its span ends with it.
    #[must_use]
    pub fn is_end(&self) -> bool {
        self.row.flags.has(Flags::END)
    }

    /// Whether its id begins with it.
    #[must_use]
    pub fn is_root(&self) -> bool {
        self.row.flags.has(Flags::ROOT)
    }

    /// Whether its span ended because of a panic.
    #[must_use]
    pub fn is_unwound(&self) -> bool {
        self.row.flags.has(Flags::UNWOUND)
    }

    /// When its span began: of a beginning its own time, of an end what it says itself, whether or not the beginning is
    /// still there. `None` of all other events, and of an end that was recorded without.
    #[must_use]
    pub fn started_at(&self) -> Option<Ticks> {
        if self.is_end() {
            let word = self.payload.get(8 * usize::from(self.is_start())..)?.first_chunk::<8>()?;
            Some(u64::from_le_bytes(*word)).filter(|ticks| *ticks != Scope::NOT_KNOWN).map(Ticks)
        } else {
            self.is_start().then(|| self.ticks())
        }
    }

    /// How long its span took: of an end that knows when the span began. Zero where the end has an earlier time.
    #[must_use]
    pub fn duration(&self) -> Option<Duration> {
        let start = self.started_at().filter(|_| self.is_end())?;
        Some(Duration::from_nanos(self.view.clock.converter().ns_between(start, self.ticks())))
    }

    /// The spans it was linked to when it was recorded; see [`Events::record_linked`].
    #[must_use]
    pub fn links(&self) -> Links<'a> {
        self.after_prefix().0
    }

    /// What comes after the prefix: links and fields.
    #[inline]
    fn after_prefix(&self) -> (Links<'a>, &'a [u8]) {
        let rest = self.payload.get(8 * self.row.prefix()..).unwrap_or_default();
        if self.row.flags.has(Flags::LINKED) { Links::split(rest) } else { (Links::default(), rest) }
    }

    /// How much it matters.
    #[must_use]
    pub fn severity(&self) -> Severity {
        self.row.severity
    }

    /// Against which events it is kept.
    #[must_use]
    pub fn class(&self) -> Class {
        self.row.place.class
    }

    /// The batch that it was recorded in.
    #[must_use]
    pub fn batch(&self) -> Option<BatchPart> {
        let first = self.row.batch(self.payload)?;
        Some(BatchPart { first: EventId::new(self.row.place, first), is_whole: self.row.is_whole })
    }

    /// The number of the thread that wrote it; 0 where that could not be told.
    #[must_use]
    pub fn thread(&self) -> u32 {
        self.row.thread
    }

    /// The name that thread had when it first wrote.
    #[must_use]
    pub fn thread_name(&self) -> Option<Box<str>> {
        self.view.threads.name(self.row.thread)
    }

    /// Its kind: name and fields.
    #[must_use]
    #[inline]
    pub fn schema(&self) -> Option<&'a Schema> {
        self.view.schemas.schema(self.row.kind)
    }

    /// The name of its kind.
    #[must_use]
    pub fn kind(&self) -> &'a str {
        self.schema().map_or("unknown", Schema::name)
    }

    /// Its fields, in order.
    #[inline]
    pub fn fields(&self) -> impl Iterator<Item = (&'a str, Value<'a>)> {
        let fields = self.schema().map_or(&[][..], Schema::fields);
        decode(fields, self.after_prefix().1).map(|(field, value)| (&*field.name, value))
    }

    /// A field by name.
    #[must_use]
    #[inline]
    pub fn field(&self, name: &str) -> Option<Value<'a>> {
        self.fields().find(|(field, _)| *field == name).map(|(_, value)| value)
    }
}

impl fmt::Debug for Recorded<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = f.debug_struct(self.kind());
        out.field("ticks", &self.ticks().0).field("correlation", &self.correlation());
        self.fields().for_each(|(name, value)| {
            out.field(name, &value);
        });
        out.finish()
    }
}

const _: fn() = || {
    fn shared<T: Send + Sync>() {}
    shared::<Events>();
    shared::<Answer>();
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn event_ids_are_unique_over_all_shards_there_can_be() {
        let positions = [0, 1, 1 << 20, (1 << 46) - 1];
        let places = (0..4_096).flat_map(|shard| Class::ALL.map(|class| Place { shard, class }));
        let ids = places.flat_map(|place| positions.map(|position| EventId::new(place, position)));
        let ids: std::collections::HashSet<EventId> = ids.collect();
        assert_eq!(ids.len(), 4_096 * Class::ALL.len() * positions.len());
        for id in ids {
            let (place, position) = id.place(|_| Some(1 << 46)).unwrap();
            assert_eq!(EventId::new(place, position), id);
        }
    }
}
