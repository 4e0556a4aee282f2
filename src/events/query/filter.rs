//! What a query asks for, apart from how much and in which order.

use crate::clock::{Converter, Ticks};
use crate::error::Severity;
use crate::events::answer::Recorded;
use crate::events::class::PerClass;
use crate::events::error::QueryError;

use crate::events::predicate::Predicate;
use crate::events::read::{BlockFilter, Header};
use crate::events::record::Lead;
use crate::events::record::MAX_KINDS;
use crate::events::schema::{Schema, Site};
use crate::events::schemas::Schemas;
use crate::id::{CorrelationId, SpanId};
use std::fmt::Display;
use std::ops::{Bound, RangeBounds};
use std::time::{SystemTime, UNIX_EPOCH};

/// All of it must hold of an event.
#[derive(Clone, Debug)]
pub(crate) struct Filter {
    pub(super) id: Option<CorrelationId>,
    pub(super) span: Option<SpanId>,
    pub(super) thread: Option<u32>,
    /// Of rings, those of this shard alone.
    pub(super) shard: Option<u16>,
    /// Any of these; none: any at all.
    pub(super) kinds: Option<Box<KindsAsked>>,
    pub(super) severity: Severity,
    pub(super) from: Ticks,
    pub(super) to: Ticks,
    /// What must hold of its fields.
    fields: Option<Box<Predicate>>,
    /// No tick lies in the range of time, which is no mistake: a second in which the system was suspended has none.
    is_never: bool,
    /// The first thing asked for that nothing can be.
    contradiction: Option<Box<QueryError>>,
}

/// Kinds by number, and those whose numbers are yet to be looked up.
#[derive(Clone, Debug, Default)]
pub(super) struct KindsAsked {
    numbers: Vec<u32>,
    names: Vec<String>,
    sites: Vec<&'static Site>,
}

impl Filter {
    /// Lets everything through.
    pub(crate) const fn everything() -> Self {
        Self {
            id: None,
            span: None,
            thread: None,
            shard: None,
            kinds: None,
            severity: Severity::Trace,
            from: Ticks(0),
            to: Ticks(u64::MAX),
            fields: None,
            is_never: false,
            contradiction: None,
        }
    }

    #[inline]
    pub(super) fn with_id(&mut self, id: CorrelationId) {
        if id.is_none() {
            self.contradiction.get_or_insert_with(|| Box::new(QueryError::NoId));
        }
        only(&mut self.id, id, "correlation id", &mut self.contradiction);
    }

    pub(super) fn with_span(&mut self, span: SpanId) {
        only(&mut self.span, span, "span", &mut self.contradiction);
    }

    pub(super) fn with_thread(&mut self, thread: u32) {
        only(&mut self.thread, thread, "thread", &mut self.contradiction);
    }

    pub(super) fn or_kind(&mut self, site: &'static Site, known: &Schemas) {
        let kinds = self.kinds.get_or_insert_default();
        match known.number_of(site) {
            Some(number) => kinds.numbers.push(number),
            None => kinds.sites.push(site),
        }
    }

    pub(super) fn or_kind_named(&mut self, name: &str) {
        self.kinds.get_or_insert_default().names.push(name.to_owned());
    }

    pub(super) fn with_severity(&mut self, severity: Severity) {
        self.severity = self.severity.max(severity);
    }

    pub(super) fn with_fields(&mut self, predicate: Predicate) {
        let both = match self.fields.take() {
            Some(before) => *before & predicate,
            None => predicate,
        };
        self.fields = Some(Box::new(both));
    }

    /// As well as in the range so far.
    pub(super) fn with_ticks(&mut self, range: &impl RangeBounds<Ticks>) {
        if let (Some(from), Some(to)) = (value(range.start_bound()), value(range.end_bound()))
            && from > to
        {
            self.contradiction.get_or_insert_with(|| Box::new(QueryError::Range { from: from.0, to: to.0 }));
        }
        let from = match range.start_bound() {
            Bound::Included(from) => Some(*from),
            Bound::Excluded(from) => from.0.checked_add(1).map(Ticks),
            Bound::Unbounded => Some(Ticks(0)),
        };
        let to = match range.end_bound() {
            Bound::Included(to) => Some(*to),
            Bound::Excluded(to) => to.0.checked_sub(1).map(Ticks),
            Bound::Unbounded => Some(Ticks(u64::MAX)),
        };
        let (Some(from), Some(to)) = (from, to) else {
            self.is_never = true;
            return;
        };
        (self.from, self.to) = (self.from.max(from), self.to.min(to));
        self.is_never |= self.from > self.to;
    }

    /// The same of wall time.
    pub(super) fn with_times(&mut self, range: &impl RangeBounds<SystemTime>, clock: &Converter) {
        let unix_ns = |at: &SystemTime| {
            at.duration_since(UNIX_EPOCH)
                .map_or(0, |since| u64::try_from(since.as_nanos()).unwrap_or(u64::MAX))
        };
        // A nanosecond has several ticks: all of them belong to it.
        let first = |at: &SystemTime| clock.first_tick_from(unix_ns(at));
        let after = |at: &SystemTime| clock.first_tick_from(unix_ns(at).saturating_add(1));
        if let (Some(from), Some(to)) = (value(range.start_bound()), value(range.end_bound()))
            && from > to
        {
            let error = QueryError::Range { from: first(from).0, to: first(to).0 };
            self.contradiction.get_or_insert_with(|| Box::new(error));
        }
        let from = match range.start_bound() {
            Bound::Included(from) => first(from),
            Bound::Excluded(from) => after(from),
            Bound::Unbounded => Ticks(0),
        };
        let end = match range.end_bound() {
            Bound::Included(to) => Some(after(to)),
            Bound::Excluded(to) => Some(first(to)),
            Bound::Unbounded => None,
        };
        match end {
            // Where time passed without a tick.
            Some(end) if end <= from => self.is_never = true,
            Some(end) => self.with_ticks(&(from..end)),
            None => self.with_ticks(&(from..)),
        }
    }

    /// Looks up the kinds asked for, if anything could ever match.
    #[inline]
    pub(super) fn settle(&mut self, known: &Schemas) -> Result<(), QueryError> {
        match (&self.contradiction, &self.kinds, &self.fields) {
            (None, None, None) => Ok(()),
            _ => self.settle_kinds(known).and_then(|late| self.settle_fields(known, &late)),
        }
    }

    /// The same for events to come. Unless kinds are asked for, there may be some with any fields. Of a recording it returns the
    /// kinds that are not known there yet, and may come.
    pub(crate) fn settle_coming(&mut self, known: &Schemas) -> Result<Vec<&'static Site>, QueryError> {
        let late = self.settle_kinds(known)?;
        if self.kinds.is_some() {
            self.settle_fields(known, &late)?;
        }
        Ok(late)
    }

    fn settle_fields(&self, known: &Schemas, late: &[&'static Site]) -> Result<(), QueryError> {
        match (&self.fields, &self.kinds) {
            (None, _) => Ok(()),
            (Some(fields), None) => fields.check(known.all().map(|(_, schema)| schema)),
            (Some(fields), Some(kinds)) => {
                let found = kinds.numbers.iter().filter_map(|number| known.schema(*number));
                fields.check(found.chain(late.iter().map(|site| &site.schema)))
            }
        }
    }

    /// Returns the kinds that no known one equals.
    fn settle_kinds(&mut self, known: &Schemas) -> Result<Vec<&'static Site>, QueryError> {
        if let Some(contradiction) = &self.contradiction {
            return Err((**contradiction).clone());
        }
        let mut late = Vec::new();
        if let Some(kinds) = &mut self.kinds {
            for name in kinds.names.drain(..) {
                let mut numbers = known.named(&name);
                if numbers.is_empty() {
                    return Err(nameless(known, &name).unwrap_or(QueryError::UnknownKind { name }));
                }
                kinds.numbers.append(&mut numbers);
            }
            for site in kinds.sites.drain(..) {
                let mut numbers = known.alike(&site.schema);
                if numbers.is_empty() {
                    let name = site.schema.name();
                    if !known.named(name).is_empty() {
                        return Err(QueryError::OtherFields { name: name.to_owned() });
                    }
                    if let Some(error) = nameless(known, name) {
                        return Err(error);
                    }
                    // One that no kind has.
                    numbers.push(MAX_KINDS);
                    late.push(site);
                }
                kinds.numbers.append(&mut numbers);
            }
            let schemas = || kinds.numbers.iter().filter_map(|number| known.schema(*number));
            if let Some(most) = schemas().max_by_key(|schema| schema.severity())
                && most.severity() < self.severity
            {
                let (kind, severity, asked) = (most.name().to_owned(), most.severity(), self.severity);
                return Err(QueryError::KindSeverity { kind, severity, asked });
            }
        }
        Ok(late)
    }

    /// The same filter, whatever the kind.
    pub(crate) fn of_any_kind(&self) -> Self {
        Self { kinds: None, ..self.clone() }
    }

    /// Whether it takes the names of kinds or fields to tell what matches.
    pub(crate) fn goes_by_names(&self) -> bool {
        self.kinds.is_some() || self.fields.is_some()
    }

    /// Whether no time is asked for, so that nothing matches and nothing is missing.
    #[inline]
    pub(super) fn is_never(&self) -> bool {
        self.is_never
    }

    /// Whether it lets everything through.
    pub(super) fn is_everything(&self) -> bool {
        self.is_of_leads_between(Ticks(0), Ticks(u64::MAX)) && self.wants_all_leads()
    }

    /// Whether a record matches, as far as its header tells.
    #[inline(always)]
    pub(crate) fn wants(&self, header: &Header) -> bool {
        self.id.is_none_or(|id| id == header.id) && self.wants_beside_id(header)
    }

    /// The same of a record that has the id.
    #[inline(always)]
    pub(super) fn wants_beside_id(&self, header: &Header) -> bool {
        self.wants_lead(header.lead())
            && self.span.is_none_or(|span| span == header.span)
            && self.thread.is_none_or(|thread| thread == header.thread())
            && self.from <= header.ticks
            && header.ticks <= self.to
            && !self.is_never
    }

    /// Whether a record matches, as far as its lead tells.
    #[inline(always)]
    pub(super) fn wants_lead(&self, lead: Lead) -> bool {
        self.kinds.as_ref().is_none_or(|kinds| kinds.numbers.contains(&lead.kind()))
            && lead.severity() >= self.severity
    }

    /// Whether every record matches, whatever its fields.
    pub(crate) fn wants_every_record(&self) -> bool {
        self.wants_all_leads()
            && (self.id, self.span, self.thread) == (None, None, None)
            && (self.from, self.to) == (Ticks(0), Ticks(u64::MAX))
            && !self.is_never
    }

    /// Whether every lead will do.
    pub(super) fn wants_all_leads(&self) -> bool {
        self.kinds.is_none() && self.severity == Severity::Trace
    }

    /// Whether leads tell which records match of those stamped from `least` to `greatest`.
    pub(super) fn is_of_leads_between(&self, least: Ticks, greatest: Ticks) -> bool {
        (self.id, self.span, self.thread) == (None, None, None)
            && !self.asks_for_fields()
            && self.from <= least
            && greatest <= self.to
    }

    /// Whether it matters what the fields hold.
    #[inline]
    pub(crate) fn asks_for_fields(&self) -> bool {
        self.fields.is_some()
    }

    /// Whether the fields are as asked for, of an event whose header [matches](Filter::wants).
    #[inline]
    pub(crate) fn wants_fields(&self, event: &Recorded<'_>) -> bool {
        self.fields.as_ref().is_none_or(|fields| fields.holds(event))
    }

    /// The classes in which there may be matches.
    pub(crate) fn classes(&self, known: &Schemas) -> PerClass<bool> {
        let Some(kinds) = &self.kinds else { return PerClass::of(|_| true) };
        let classes = kinds.numbers.iter().filter_map(|kind| known.schema(*kind)).map(Schema::class);
        // In a batch an event may lie with more precious ones.
        let least = classes.max();
        PerClass::of(|class| Some(class) <= least)
    }

    /// Whether some blocks may be passed over.
    #[inline]
    pub(super) fn leaves_out_blocks(&self) -> bool {
        (self.from, self.to, self.severity) != (Ticks(0), Ticks(u64::MAX), Severity::Trace)
            || self.kinds.is_some()
    }

    /// The classes in which there may be matches some day: all of them where a kind is not known yet.
    pub(crate) fn coming_classes(&self, known: &Schemas) -> PerClass<bool> {
        match &self.kinds {
            Some(kinds) if kinds.numbers.iter().all(|kind| known.schema(*kind).is_some()) => {
                self.classes(known)
            }
            _ => PerClass::of(|_| true),
        }
    }

    /// The blocks in which there may be matches, whatever kinds come later.
    pub(crate) fn coming_blocks(&self, known: &Schemas) -> BlockFilter {
        match &self.kinds {
            // Of one that is yet to come nobody knows the number.
            Some(kinds) if !kinds.numbers.contains(&MAX_KINDS) => self.blocks(known),
            _ => BlockFilter { from: self.from, to: self.to, kinds: u64::MAX },
        }
    }

    /// The blocks in which there may be matches.
    pub(crate) fn blocks(&self, known: &Schemas) -> BlockFilter {
        let bit = |kind: u32| 1_u64 << (kind % 64);
        let kinds = match &self.kinds {
            Some(kinds) => kinds.numbers.iter().fold(0, |bits, kind| bits | bit(*kind)),
            // The severity of an event is that of its kind.
            // Of a recording there may be kinds that are not known.
            None if self.severity > Severity::Trace && !known.is_recorded() => {
                let severe = known.all().filter(|(_, schema)| schema.severity() >= self.severity);
                severe.fold(0, |bits, (kind, _)| bits | bit(kind))
            }
            None => u64::MAX,
        };
        BlockFilter { from: self.from, to: self.to, kinds }
    }
}

/// Why it cannot be told whether there are events of a kind that is not known, if it cannot.
fn nameless(known: &Schemas, name: &str) -> Option<QueryError> {
    let kinds = known.nameless();
    (kinds > 0).then(|| QueryError::Nameless { name: name.to_owned(), kinds })
}

/// Sets what can only be one thing.
fn only<T: Copy + PartialEq + Display>(
    asked: &mut Option<T>,
    now: T,
    what: &'static str,
    contradiction: &mut Option<Box<QueryError>>,
) {
    match asked.replace(now) {
        Some(before) if before != now => {
            let (one, other) = (before.to_string(), now.to_string());
            contradiction.get_or_insert_with(|| Box::new(QueryError::Contradiction { what, one, other }));
        }
        _ => {}
    }
}

fn value<T>(bound: Bound<&T>) -> Option<&T> {
    match bound {
        Bound::Included(value) | Bound::Excluded(value) => Some(value),
        Bound::Unbounded => None,
    }
}
