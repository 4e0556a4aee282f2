//! Questions to an event store.

mod filter;

pub(crate) use filter::Filter;

use super::answer::{Answer, Place, Recorded, Row, Truncation, Verdict};
use super::class::PerClass;
use super::error::QueryError;
use super::read::{Found, Header, Step, scan, sweep, walk};
use super::record::Flags;
use super::ring::Cut;
use super::schema::Event;
use super::store::Store;
use crate::clock::Ticks;
use crate::error::Severity;
use crate::id::{CorrelationId, SpanId};
use crate::sync::Arc;
use filter::KindFilter;
use std::ops::{Bound, RangeBounds};
use std::time::{SystemTime, UNIX_EPOCH};

/// A question to an event store, put together and then [run](Query::run).
///
/// It is answered from the rings themselves while their writers go on: no writer waits, retries or executes
/// one more instruction for it. The answer holds what was recorded before the query began. Filters add up.
#[derive(Clone, Debug)]
#[must_use = "a query does nothing until it runs"]
pub struct Query<'a> {
    store: &'a Arc<Store>,
    filter: Filter,
    order: Order,
    limit: usize,
    budget: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    OldestFirst,
    NewestFirst,
}

impl<'a> Query<'a> {
    pub(crate) fn new(store: &'a Arc<Store>) -> Self {
        Self {
            store,
            filter: Filter::everything(),
            order: Order::OldestFirst,
            limit: usize::MAX,
            budget: u64::MAX,
        }
    }

    /// Only events of this id. Through the index: the cost depends on the id's events and those that share its
    /// buckets, never on how many events are stored.
    pub fn correlation(mut self, id: impl Into<CorrelationId>) -> Self {
        self.filter.id = Some(id.into());
        self
    }

    /// Only events in this span.
    pub fn span(mut self, span: SpanId) -> Self {
        self.filter.span = Some(span);
        self
    }

    /// Only events that the thread of this number wrote, see [`Recorded::thread`]. They come in the order of its
    /// calls, whichever shards took them, unless it supplies their times; where a coarse or manual clock gave events of
    /// a thread's own shard the same stamp, those of one class do. What was recorded from a signal handler has no
    /// thread, and number 0.
    pub fn thread(mut self, number: u32) -> Self {
        self.filter.thread = Some(number);
        self
    }

    /// Only events of a declared kind.
    pub fn kind<E: Event>(mut self) -> Self {
        self.filter.kind = KindFilter::Numbers(vec![E::site().number.get()]);
        self
    }

    /// Only events of kinds of this name.
    pub fn kind_named(mut self, name: &str) -> Self {
        let numbers = self.store.kinds.named(name);
        self.filter.kind = if numbers.is_empty() {
            KindFilter::Unknown(name.to_owned())
        } else {
            KindFilter::Numbers(numbers)
        };
        self
    }

    /// Only events at least this severe.
    pub fn severity_at_least(mut self, severity: Severity) -> Self {
        self.filter.severity = severity;
        self
    }

    /// Only events stamped in this range of the deck's clock.
    pub fn between(mut self, range: impl RangeBounds<Ticks>) -> Self {
        self.filter.from = match range.start_bound() {
            Bound::Included(from) => *from,
            Bound::Excluded(from) => Ticks(from.0.saturating_add(1)),
            Bound::Unbounded => Ticks(0),
        };
        self.filter.to = match range.end_bound() {
            Bound::Included(to) => *to,
            Bound::Excluded(to) => Ticks(to.0.saturating_sub(1)),
            Bound::Unbounded => Ticks(u64::MAX),
        };
        self
    }

    /// Only events of this range of wall time, as the deck's clock tells it: see
    /// [`Converter::unix_ns`](crate::Converter::unix_ns). Each end converts at the rate that the clock had then; what
    /// lies before the clock's first instant, or in the future, only leaves that end open.
    ///
    /// ```
    /// use flightdeck::events::Events;
    /// use std::time::{Duration, SystemTime};
    /// flightdeck::kind! { OrderFilled("order.filled") { qty: u64 } }
    ///
    /// let events = Events::builder().build()?;
    /// events.record(OrderFilled { qty: 5 });
    /// let minute = SystemTime::now() - Duration::from_secs(60)..;
    /// assert_eq!(events.query().between_times(minute).run()?.len(), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn between_times(self, range: impl RangeBounds<SystemTime>) -> Self {
        let converter = self.store.clock.converter();
        let unix_ns = |at: &SystemTime| {
            at.duration_since(UNIX_EPOCH)
                .map_or(0, |since| u64::try_from(since.as_nanos()).unwrap_or(u64::MAX))
        };
        // A nanosecond has several ticks: all of them belong to it.
        let first = |at: &SystemTime| converter.first_tick_from(unix_ns(at));
        let after = |at: &SystemTime| converter.first_tick_from(unix_ns(at).saturating_add(1));
        let range = (
            match range.start_bound() {
                Bound::Included(from) => Bound::Included(first(from)),
                Bound::Excluded(from) => Bound::Included(after(from)),
                Bound::Unbounded => Bound::Unbounded,
            },
            match range.end_bound() {
                Bound::Included(to) => Bound::Excluded(after(to)),
                Bound::Excluded(to) => Bound::Excluded(first(to)),
                Bound::Unbounded => Bound::Unbounded,
            },
        );
        self.between(range)
    }

    /// The newest events first; the oldest by default.
    pub fn newest_first(mut self) -> Self {
        self.order = Order::NewestFirst;
        self
    }

    /// At most so many events, the first of the order. Zero means zero.
    pub fn limit(mut self, limit: usize) -> Self {
        self.limit = limit;
        self
    }

    /// At most so many records looked at; the answer says if that cut it short.
    pub fn budget(mut self, records: u64) -> Self {
        self.budget = records;
        self
    }

    /// Runs the query.
    ///
    /// # Errors
    /// If filters are contradictory or unknown.
    pub fn run(self) -> Result<Answer, QueryError> {
        let mut answer = Answer::empty(self.store);
        let mut gone = 0;
        let seen = self.find(|place, found, header| {
            let start = answer.bytes.len();
            if found.append_payload(header, &mut answer.bytes) {
                answer.rows.push(row(place, found, header, &answer.bytes, start));
            } else {
                gone += 1;
            }
        })?;
        // Of a batch that was overwritten meanwhile a part was found, which no copied record knew of.
        for row in &mut answer.rows {
            row.recheck_batch(&answer.bytes, |place, first| self.is_there(place, first));
        }
        answer.rows.sort_unstable_by_key(Row::order);
        if self.order == Order::NewestFirst {
            answer.rows.reverse();
        }
        answer.matched = answer.rows.len();
        answer.rows.truncate(self.limit);
        (answer.verdict, answer.since) = self.judge(&seen, answer.matched as u64);
        (answer.visited, answer.gone) = (seen.records, gone);
        Ok(answer)
    }

    /// Whether the record at `position` is still there.
    fn is_there(&self, place: Place, position: u64) -> bool {
        // The place of the overflow comes after all shards; what was found there was copied whole.
        let shard = self.store.shards.get(usize::from(place.shard));
        shard.is_none_or(|shard| Found::InRing(&shard.rings()[place.class]).is_there(position))
    }

    /// Runs the query and hands over each event as it is found, keeping none: memory does not grow with the
    /// answer, and neither order nor end of the answer is waited for.
    ///
    /// Events come ring by ring, so [`Query::newest_first`] has no say, and a limit takes the first that are found. Whether
    /// a batch is whole is said as it is when its event is handed over; the rest may be overwritten after that.
    ///
    /// # Errors
    /// If filters are contradictory or unknown.
    pub fn each(self, mut body: impl FnMut(Recorded<'_>)) -> Result<Verdict, QueryError> {
        let mut one = Answer::empty(self.store);
        let mut matched = 0;
        let seen = self.find(|place, found, header| {
            one.bytes.clear();
            one.rows.clear();
            if found.append_payload(header, &mut one.bytes) {
                one.rows.push(row(place, found, header, &one.bytes, 0));
                if matched < self.limit as u64 {
                    one.iter().for_each(&mut body);
                }
                matched += 1;
            }
        })?;
        Ok(self.judge(&seen, matched).0)
    }

    /// Hands over what matches, unordered, and notes where the id begins.
    fn find(&self, mut body: impl FnMut(Place, Found<'_>, &Header)) -> Result<Seen, QueryError> {
        self.filter.check()?;
        let mut root = None;
        let mut seen = self.visit(|place, found, header| {
            // A root counts whatever further filters say: it tells where the id begins.
            if header.flags().has(Flags::ROOT) {
                root = root.max(Some(header.ticks));
            }
            if self.filter.wants(header) {
                body(place, found, header);
            }
        });
        seen.root = root;
        Ok(seen)
    }

    /// From when on nothing is missing in the rings of each class. To be asked last: then it covers all that was
    /// found gone.
    fn since(&self) -> PerClass<Ticks> {
        let mut since = PerClass::of(|_| Ticks(0));
        for (_, class, ring) in self.store.rings() {
            since[class] = since[class].max(Ticks(ring.since()));
        }
        for (class, overflow) in self.store.overflow.iter() {
            since[class] = since[class].max(Ticks(overflow.since()));
        }
        for loss in self.store.all_losses() {
            since[loss.class] = since[loss.class].max(Ticks(loss.last.0.saturating_add(1)));
        }
        since
    }

    /// Whether what was found is all there was, and from when on nothing is missing.
    fn judge(&self, seen: &Seen, matched: u64) -> (Verdict, PerClass<Ticks>) {
        let by_class = self.since();
        let asked = self.filter.classes(&self.store.kinds);
        let since = by_class.iter().filter(|(class, _)| asked[*class]).map(|(_, since)| *since).max();
        let since = since.unwrap_or_default();
        let whole = since == Ticks(0)
            || self.filter.from >= since
            || (self.filter.id.is_some() && seen.root.is_some_and(|root| root >= since));
        let verdict = if seen.out_of_budget {
            Verdict::Truncated { by: Truncation::Budget }
        } else if matched > self.limit as u64 {
            Verdict::Truncated { by: Truncation::Limit }
        } else if whole {
            Verdict::Complete
        } else {
            Verdict::Overwritten { since }
        };
        (verdict, by_class)
    }

    /// How many events there are, without collecting them. Contradictory filters match none.
    #[must_use]
    pub fn count(self) -> u64 {
        let mut count = 0;
        if self.filter.check().is_ok() {
            self.visit(|_, _, header| count += u64::from(self.filter.wants(header)));
        }
        count.min(self.limit as u64)
    }

    /// Visits the records of the id (of all ids) below the cut.
    fn visit(&self, mut body: impl FnMut(Place, Found<'_>, &Header)) -> Seen {
        // First the clock, then the tails: whatever is missing from the answer was caused by nothing in it.
        let latest = self.store.latest();
        // Of an id all classes count: its root may be of another one.
        let asked = if self.filter.id.is_some() {
            PerClass::of(|_| true)
        } else {
            self.filter.classes(&self.store.kinds)
        };
        let rings = || self.store.rings().filter(|(_, class, _)| asked[*class]);
        let cuts: Vec<Cut> = rings().map(|(_, _, ring)| ring.cut()).collect();
        let overflow = PerClass::of(|class| self.store.overflow[class].cut());
        let bucket = self.filter.id.map(|id| self.store.key.bucket(id) as usize);
        if let Some(bucket) = bucket {
            rings().for_each(|(_, _, ring)| ring.prefetch_head(bucket));
        }
        let mut seen = Seen::default();
        let mut step = |place: Place, found: Found<'_>, header: &Header| {
            if seen.records == self.budget {
                seen.out_of_budget = true;
                return Step::Stop;
            }
            seen.records += 1;
            let supplied = header.flags().has(Flags::SUPPLIED);
            let in_time = supplied || latest.is_none_or(|latest| header.ticks <= latest);
            if in_time && self.filter.id.is_none_or(|id| id == header.id) {
                body(place, found, header);
            }
            Step::On
        };
        for ((shard, class, ring), cut) in rings().zip(cuts) {
            let step = |header: &Header| step(Place { shard, class }, Found::InRing(ring), header);
            match bucket {
                Some(bucket) => walk(ring, cut, bucket, step),
                None => scan(ring, cut, self.filter.blocks(), step),
            }
        }
        let shard = self.store.shards.len() as u16;
        for (class, cut) in overflow.iter().filter(|(class, _)| asked[*class]) {
            let overflow = &self.store.overflow[class];
            sweep(overflow, *cut, |found, header| step(Place { shard, class }, found, header));
        }
        seen
    }
}

/// The row of a record whose payload was copied to `bytes[start..]`.
fn row(place: Place, found: Found<'_>, header: &Header, bytes: &[u8], start: usize) -> Row {
    let row = Row::new(place, header, start..bytes.len());
    row.with_batch(bytes.get(start..).unwrap_or_default(), |first| found.is_there(first))
}

#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    records: u64,
    out_of_budget: bool,
    /// The latest record with which the id begins.
    root: Option<Ticks>,
}

#[cfg(test)]
mod tests {
    use crate::clock::Clock;
    use crate::clock::script::Script;
    use crate::events::{Events, Value};
    use crate::sync::Arc;
    use std::time::{Duration, UNIX_EPOCH};

    crate::kind! { Noted("query.noted") { second: u64 } }

    /// An event a second over a change of rate, a suspension and a counter that goes back: ranges of wall time, and the
    /// order of all, are those of the true time.
    #[test]
    fn ranges_of_wall_time_convert_at_the_rate_of_then() {
        let script = Arc::new(Script::counter());
        let clock = Clock::scripted(&script);
        let events = Events::builder().memory(1 << 20).shards(1).clock(clock.clone()).build().unwrap();
        let begin = UNIX_EPOCH + Duration::from_nanos(1_700_000_000_000_000_000);
        let (mut rate, mut second) = (2.6, 0);
        for n in 0..50 {
            script.at_once(|machine| match n {
                10 => rate = 2.9,
                20 => machine.suspend(Duration::from_secs(100)),
                30 => machine.jump(-1 << 42),
                40 => rate = 0.5,
                _ => {}
            });
            second += if n == 20 { 101 } else { 1 };
            script.pass(Duration::from_secs(1), rate);
            let _ = clock.recheck();
            events.record(Noted { second });
        }
        let status = clock.status();
        assert_eq!((status.rate_changes, status.backward_jumps, status.suspends), (2, 1, 1), "{status}");
        let all = events.query().run().unwrap();
        assert_eq!(all.len(), 50);
        for event in all.iter() {
            let Some(Value::U64(second)) = event.field("second") else { panic!("{event:?}") };
            let told = all.converter().unix_ns(event.ticks()) - 1_700_000_000_000_000_000;
            assert!(told.abs_diff(second * 1_000_000_000) < 1_000, "{second}: {told}");
        }
        let half = Duration::from_millis(500);
        for (from, to) in
            [(0, 150), (0, 5), (5, 15), (15, 25), (20, 119), (20, 121), (100, 135), (139, 142), (149, 149)]
        {
            let range = begin + Duration::from_secs(from) - half..begin + Duration::from_secs(to) + half;
            let answer = events.query().between_times(range).run().unwrap();
            let found: Vec<_> = answer.iter().map(|event| event.field("second")).collect();
            let expected: Vec<_> =
                (1..=20).chain(121..=150).filter(|second| (from..=to).contains(second)).collect();
            assert_eq!(found, expected.iter().map(|second| Some(Value::U64(*second))).collect::<Vec<_>>());
        }
    }
}
