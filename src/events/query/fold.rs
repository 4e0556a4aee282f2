//! Answers that are numbers: how many of each, how they spread, when they came.

use super::search::Sink;
use super::{Handed, Page, Query};
use crate::events::answer::{Place, Recorded, Verdict};
use crate::events::error::QueryError;
use crate::events::read::{Found, Header};
use crate::events::record::Lead;
use crate::events::schema::Schema;
use crate::events::schemas::Schemas;
use crate::events::value::Value;
use std::collections::HashMap;
use std::fmt::{self, Write};
use std::time::Duration;

/// Something of a whole answer, and whether the answer was whole.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Folded<T> {
    /// What came of it.
    pub value: T,
    /// Whether that is of all there was.
    pub verdict: Verdict,
}

/// How many events there are of each sort, most first; equal counts by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counts {
    /// What they have in common, and how many those are.
    pub groups: Vec<(Box<str>, u64)>,
    /// How many belong to none of these: they have no such field, or came when there were as many groups as asked for.
    pub rest: u64,
}

impl Counts {
    /// How many there are of a sort.
    #[must_use]
    pub fn of(&self, group: &str) -> u64 {
        self.groups.iter().find(|(name, _)| **name == *group).map_or(0, |(_, count)| *count)
    }

    /// Over all sorts.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.groups.iter().map(|(_, count)| count).sum::<u64>() + self.rest
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let groups = self.groups.iter().map(|(name, count)| (&**name, *count));
        let rest = Some(("(none of these)", self.rest)).filter(|_| self.rest > 0);
        groups.chain(rest).enumerate().try_for_each(|(n, (name, count))| {
            let separator = if n > 0 { "\n" } else { "" };
            write!(f, "{separator}{count:>12}  {}", name.escape_debug())
        })
    }
}

/// How the values of a field spread.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Spread {
    /// In order. Not-a-number is left out.
    values: Vec<f64>,
    /// Events that have no number in that field.
    pub without: u64,
}

impl Spread {
    /// How many values there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.values.len()
    }

    /// The value that this part of all are at most as large as: 0.5 for the median, 0 for the least, 1 for the greatest. By
    /// rank, so it is one of the values. `None` if there is none.
    #[must_use]
    pub fn quantile(&self, part: f64) -> Option<f64> {
        // A hundredth is no binary fraction: 7 of 100 is 7, and not what is next to 7.000000000000001.
        let exact = self.values.len() as f64 * part.clamp(0.0, 1.0);
        let rank = (exact * (1.0 - 2.0 * f64::EPSILON)).ceil() as usize;
        self.values.get(rank.saturating_sub(1)).copied()
    }

    /// The sum of all divided by their number.
    #[must_use]
    pub fn mean(&self) -> Option<f64> {
        let count = self.values.len();
        (count > 0).then(|| self.values.iter().sum::<f64>() / count as f64)
    }
}

/// How many events there are in each stretch of time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Buckets {
    /// When the first stretch begins, in nanoseconds since the Unix epoch: a multiple of the width.
    pub start: u64,
    /// How long each is.
    pub width: Duration,
    /// How many events each has, from the first with any to the last.
    pub counts: Vec<u64>,
}

impl Buckets {
    /// The most that an answer has.
    pub const MOST: usize = 100_000;
}

impl Query<'_> {
    /// Runs the query and folds what it finds, which comes as of [`Query::each`], into one value.
    ///
    /// ```
    /// use flightdeck::events::Events;
    /// flightdeck::kind! { Filled("order.filled") { qty: u64 } }
    /// let events = Events::builder().build()?;
    /// (1..=4).for_each(|qty| events.record(Filled { qty }));
    /// let sum = events.query().fold(0, |sum, event| {
    ///     *sum += event.field("qty").and_then(|qty| qty.as_u64()).unwrap_or(0);
    /// })?;
    /// assert_eq!((sum.value, sum.verdict.is_complete()), (10, true));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// If filters are contradictory or unknown.
    pub fn fold<T>(
        self,
        mut value: T,
        mut fold: impl FnMut(&mut T, Recorded<'_>),
    ) -> Result<Folded<T>, QueryError> {
        let verdict = self.each(|event| fold(&mut value, event))?;
        Ok(Folded { value, verdict })
    }

    /// How many events there are of each kind, as far as the limit goes. Looks at no fields unless a condition on them does.
    ///
    /// # Errors
    /// If filters are contradictory or unknown.
    pub fn count_by_kind(mut self) -> Result<Folded<Counts>, QueryError> {
        self.settle()?;
        let mut by_kind = ByKind { counts: vec![[0; 2]; Schemas::MOST], page: Page::of(&self) };
        let (seen, more) = if self.filter.asks_for_fields() {
            let mut handed = Handed::new(&self, |event| by_kind.count(0, event.row.kind()));
            (self.search(&mut handed), handed.page.has_more)
        } else {
            (self.search(&mut by_kind), by_kind.page.has_more)
        };
        let mut counts: HashMap<Box<str>, u64> = HashMap::new();
        let mut rest = 0;
        let by_index = by_kind.counts.iter().map(|[one, other]| one + other).enumerate();
        for (index, count) in by_index.filter(|(_, count)| *count > 0) {
            match self.view.schemas.at(index).map(Schema::name) {
                Some(name) => *counts.entry(name.into()).or_default() += count,
                None => rest += count,
            }
        }
        Ok(Folded { value: ranked(counts, rest), verdict: self.judge(&seen, more).0 })
    }

    /// How many events there are for each value of a field, as text; of no more than `most` values, those that come first.
    ///
    /// # Errors
    /// If filters are contradictory or unknown.
    pub fn count_by(self, field: &str, most: usize) -> Result<Folded<Counts>, QueryError> {
        let mut counts: HashMap<Box<str>, u64> = HashMap::new();
        let mut rest = 0;
        let verdict = self.each(|event| {
            let Some(value) = event.field(field) else {
                rest += 1;
                return;
            };
            let mut text = String::new();
            let name = name_of(&value, &mut text);
            let has_room = counts.len() < most;
            match counts.get_mut(name) {
                Some(count) => *count += 1,
                None if has_room => {
                    counts.insert(name.into(), 1);
                }
                None => rest += 1,
            }
        })?;
        Ok(Folded { value: ranked(counts, rest), verdict })
    }

    /// How the values of a field spread: exact, at 8 bytes a value, but for integers beyond 2^53, which are rounded.
    ///
    /// ```
    /// use flightdeck::events::Events;
    /// flightdeck::kind! { Answered("http.answered") { took_us: u64 } }
    /// let events = Events::builder().build()?;
    /// (1..=1_000).for_each(|took_us| events.record(Answered { took_us }));
    /// let took = events.query().kind::<Answered>().spread("took_us")?.value;
    /// assert_eq!((took.quantile(0.5), took.quantile(0.99)), (Some(500.0), Some(990.0)));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// If filters are contradictory or unknown.
    pub fn spread(self, field: &str) -> Result<Folded<Spread>, QueryError> {
        let (mut values, mut without) = (Vec::new(), 0);
        let verdict = self.each(|event| {
            let number = match event.field(field) {
                Some(Value::U64(number)) => Some(number as f64),
                Some(Value::I64(number)) => Some(number as f64),
                Some(Value::F64(number)) => Some(number),
                _ => None,
            };
            match number.filter(|number| !number.is_nan()) {
                Some(number) => values.push(number),
                None => without += 1,
            }
        })?;
        values.sort_unstable_by(f64::total_cmp);
        Ok(Folded { value: Spread { values, without }, verdict })
    }

    /// How many events there are in each stretch of wall time so long, from the first with any to the last.
    ///
    /// # Errors
    /// If filters are contradictory or unknown, or that makes more than [`Buckets::MOST`].
    pub fn buckets(self, width: Duration) -> Result<Folded<Buckets>, QueryError> {
        let width_ns = u64::try_from(width.as_nanos()).unwrap_or(u64::MAX).max(1);
        let clock = self.view.clock.converter();
        let mut counts: HashMap<u64, u64> = HashMap::new();
        let mut is_in_range = true;
        let verdict = self.each(|event| {
            let bucket = clock.unix_ns(event.ticks()) / width_ns;
            is_in_range &= counts.len() < Buckets::MOST || counts.contains_key(&bucket);
            if is_in_range {
                *counts.entry(bucket).or_default() += 1;
            }
        })?;
        let (first, last) =
            (counts.keys().min().copied().unwrap_or(0), counts.keys().max().copied().unwrap_or(0));
        if !is_in_range || last - first >= Buckets::MOST as u64 {
            return Err(QueryError::Buckets { width, limit: Buckets::MOST });
        }
        let dense = (first..=last).map(|bucket| counts.get(&bucket).copied().unwrap_or(0));
        let counts = if counts.is_empty() { Vec::new() } else { dense.collect() };
        Ok(Folded { value: Buckets { start: first * width_ns, width, counts }, verdict })
    }
}

/// Counts what is found by kind.
struct ByKind {
    /// In turns, since a second count of the same word waits for the first.
    counts: Vec<[u64; 2]>,
    page: Page,
}

impl ByKind {
    #[inline(always)]
    fn count(&mut self, turn: usize, kind: u32) {
        if let Some(counts) = self.counts.get_mut(Schemas::index(kind)) {
            counts[turn % 2] += 1;
        }
    }

    fn take_one(&mut self, lead: Lead) {
        if self.page.takes_next() {
            self.count(0, lead.kind());
        }
    }
}

impl Sink for ByKind {
    const LEADS_DO: bool = true;

    fn take(&mut self, _: Place, _: Found<'_>, header: &Header) {
        self.take_one(header.lead());
    }

    #[inline(always)]
    fn take_leads(&mut self, leads: &[Lead], wants: impl Fn(Lead) -> bool) {
        let wanted = leads.iter().copied().filter(|lead| wants(*lead));
        if self.page.is_all() {
            wanted.enumerate().for_each(|(turn, lead)| self.count(turn, lead.kind()));
        } else {
            wanted.for_each(|lead| self.take_one(lead));
        }
    }

    fn is_done(&self) -> bool {
        self.page.has_more
    }
}

/// A value as text, in `text` where it is none.
fn name_of<'v>(value: &Value<'v>, text: &'v mut String) -> &'v str {
    if let Value::Str(name) = value {
        return name;
    }
    text.clear();
    let _a_string_takes_all = write!(text, "{value}");
    text
}

fn ranked(counts: HashMap<Box<str>, u64>, rest: u64) -> Counts {
    let mut groups: Vec<_> = counts.into_iter().collect();
    groups.sort_unstable_by(|(one, more), (other, fewer)| fewer.cmp(more).then_with(|| one.cmp(other)));
    Counts { groups, rest }
}
