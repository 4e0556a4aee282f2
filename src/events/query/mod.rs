//! Questions to an event store.

mod collect;
mod filter;
mod fold;
mod in_order;
mod one;
mod prepared;
mod search;
#[cfg(all(test, not(flightdeck_loom)))]
mod tests;
mod work;

pub(crate) use filter::Filter;
pub use fold::{Buckets, Counts, Folded, Spread};
pub use one::Lookup;
pub use prepared::Prepared;
pub use work::Work;

use super::answer::{Answer, Place, Recorded, Row, Truncation, Verdict};
use super::class::PerClass;
use super::error::QueryError;
use super::predicate::Predicate;
use super::read::{Found, Header};
use super::record::{Flags, Lead};
use super::schema::Event;
use super::view::View;
use crate::clock::{Clock, Ticks};
use crate::error::Severity;
use crate::id::{CorrelationId, SpanId};
use crate::sync::Arc;
use collect::Collected;
use search::{Search, Sink, Way};
use std::fmt;
use std::ops::RangeBounds;
use std::time::SystemTime;

/// A question to an event store, put together and then [run](Query::run).
///
/// It is answered from the rings themselves while their writers go on: no writer waits, retries or executes
/// one more instruction for it. The answer holds what was recorded before the query began. Filters add up: an event must
/// pass all of them, and what none can pass is an error. Of several kinds asked for it must be one.
///
/// Where stamps are the clock's own, an answer is closed under cause: with an event it holds all that matches and
/// happened before it, as far as that is still there.
#[derive(Clone)]
#[must_use = "a query does nothing until it runs"]
pub struct Query<'a> {
    pub(super) view: &'a Arc<View>,
    pub(super) filter: Filter,
    order: Order,
    limit: usize,
    offset: usize,
    budget: u64,
    way: Way,
}

impl fmt::Debug for Query<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Query")
            .field("filter", &self.filter)
            .field("order", &self.order)
            .field("limit", &self.limit)
            .field("offset", &self.offset)
            .field("budget", &self.budget)
            .finish_non_exhaustive()
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    OldestFirst,
    NewestFirst,
}

/// What a search saw on its way.
#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    records: u64,
    out_of_budget: bool,
    /// The earliest record with which the id begins: what begins twice is whole from there on.
    root: Option<Ticks>,
    /// Records stamped after the query began.
    too_new: u64,
    /// How many records the rings ever had below the cut, where that is known, if it is asked for.
    recorded: Option<Option<u64>>,
    work: Work,
}

/// What a search asks of each record, while it is under way.
struct Asked<'a> {
    clock: &'a Clock,
    filter: &'a Filter,
    budget: u64,
    /// A stamp that the clock took after this is left out.
    latest: Option<Ticks>,
}

impl<'a> Asked<'a> {
    /// From now on: of what is stamped later nothing comes.
    #[inline]
    fn now(query: &'a Query<'_>) -> Self {
        let clock = &query.view.clock;
        Self { clock, filter: &query.filter, budget: query.budget, latest: clock.latest() }
    }

    /// Looks at a record, unless the budget is spent: whether it matches, as far as its header tells.
    // Inlined into each of the ways, or the id's halves would be stored there and loaded as one here, which stalls.
    #[inline(always)]
    fn wants(&self, header: &Header, seen: &mut Seen) -> bool {
        if seen.records == self.budget {
            seen.out_of_budget = true;
            return false;
        }
        seen.records += 1;
        if !header.flags().has(Flags::SUPPLIED) && self.clock.is_too_new(header.ticks, self.latest) {
            seen.too_new += 1;
            return false;
        }
        if self.filter.id.is_some_and(|id| id != header.id) {
            return false;
        }
        // A root counts whatever further filters say: it tells where the id begins.
        if header.flags().has(Flags::ROOT) {
            seen.root = Some(seen.root.map_or(header.ticks, |root| root.min(header.ticks)));
        }
        self.filter.wants_beside_id(header)
    }
}

impl<'a> Query<'a> {
    #[inline]
    pub(crate) fn new(view: &'a Arc<View>) -> Self {
        Self {
            view,
            filter: Filter::everything(),
            order: Order::OldestFirst,
            limit: usize::MAX,
            offset: 0,
            budget: u64::MAX,
            way: Way::Cheaper,
        }
    }

    /// Only events of this id. Through the index: the cost depends on the id's events and those that share its
    /// buckets, never on how many events are stored.
    #[inline]
    pub fn correlation(mut self, id: impl Into<CorrelationId>) -> Self {
        self.filter.with_id(id.into());
        self
    }

    /// Only events in this span.
    pub fn span(mut self, span: SpanId) -> Self {
        self.filter.with_span(span);
        self
    }

    /// Only what the calling thread recorded, by itself: where it has a shard of its own, nowhere else is looked. `None` if it has
    /// not recorded yet.
    pub(crate) fn of_this_thread(mut self) -> Option<(Self, bool)> {
        let seat = self.view.seat_of_this_thread()?;
        self.filter.with_thread(seat.number());
        self.filter.shard = self.view.number_of(seat.shard());
        let has_own = self.filter.shard.is_some();
        Some((self, has_own))
    }

    /// Only events that the thread of this number wrote, see [`Recorded::thread`]. They come in the order of its
    /// calls, whichever shards took them, unless it supplies their times; where a coarse or manual clock gave events of
    /// a thread's own shard the same stamp, those of one class do. What was recorded from a signal handler has no
    /// thread, and number 0.
    pub fn thread(mut self, number: u32) -> Self {
        self.filter.with_thread(number);
        self
    }

    /// Only events of a declared kind; asked again, of that one too.
    pub fn kind<E: Event>(mut self) -> Self {
        let Self { view, filter, .. } = &mut self;
        filter.or_kind(E::site(), &view.schemas);
        self
    }

    /// Only events of kinds of this name; asked again, of those too.
    pub fn kind_named(mut self, name: &str) -> Self {
        self.filter.or_kind_named(name);
        self
    }

    /// Only events at least this severe.
    pub fn severity_at_least(mut self, severity: Severity) -> Self {
        self.filter.with_severity(severity);
        self
    }

    /// Only events stamped in this range of the deck's clock. One that holds no tick matches nothing.
    pub fn between(mut self, range: impl RangeBounds<Ticks>) -> Self {
        self.filter.with_ticks(&range);
        self
    }

    /// Only events of this range of wall time, as the deck's clock tells it: see
    /// [`Converter::unix_ns`](crate::Converter::unix_ns). Each end converts at the rate that the clock had then; what
    /// lies before the clock's first instant, or in the future, only leaves that end open. A range in which no tick lies,
    /// since the system was suspended, matches nothing.
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
    pub fn between_times(mut self, range: impl RangeBounds<SystemTime>) -> Self {
        self.filter.with_times(&range, &self.view.clock.converter());
        self
    }

    /// Only events whose fields are so. Costs a copy of each event that passes the other filters, and a look at its fields;
    /// fields have no index.
    ///
    /// ```
    /// use flightdeck::events::{Events, field};
    /// flightdeck::kind! { Queried("db.queried") { rows: u64, table: str } }
    /// let events = Events::builder().build()?;
    /// (0..100).for_each(|rows| events.record(Queried { rows, table: if rows % 2 == 0 { "orders" } else { "users" } }));
    ///
    /// let many = events.query().matching(field("rows").at_least(90_u64) & field("table").equals("orders"));
    /// assert_eq!(many.count(), 5);
    /// let as_text = events.query().matching("rows >= 90 && table == \"orders\"".parse()?);
    /// assert_eq!(as_text.run()?.len(), 5);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn matching(mut self, predicate: Predicate) -> Self {
        self.filter.with_fields(predicate);
        self
    }

    /// The newest events first; the oldest by default.
    #[inline]
    pub fn newest_first(mut self) -> Self {
        self.order = Order::NewestFirst;
        self
    }

    /// At most so many events, the first of the order. Zero means zero.
    #[inline]
    pub fn limit(mut self, limit: usize) -> Self {
        self.limit = limit;
        self
    }

    /// Without so many of the first: for answers page by page, while nothing is recorded meanwhile. Where the host goes
    /// on, ask [`between`](Query::between) the last event of a page and the end.
    #[inline]
    pub fn offset(mut self, offset: usize) -> Self {
        self.offset = offset;
        self
    }

    /// At most so many records looked at; the answer says if that cut it short.
    #[inline]
    pub fn budget(mut self, records: u64) -> Self {
        self.budget = records;
        self
    }

    /// What of it is for answers alone, and has no meaning where events are followed.
    pub(super) fn of_answers(&self) -> Option<&'static str> {
        match self {
            Self { order: Order::NewestFirst, .. } => Some("newest first"),
            Self { limit, .. } if *limit != usize::MAX => Some("a limit"),
            Self { offset: 1.., .. } => Some("an offset"),
            Self { budget, .. } if *budget != u64::MAX => Some("a budget"),
            _ => None,
        }
    }

    /// Runs the query.
    ///
    /// With a [limit](Query::limit) it keeps no more than twice as many events at a time, and leaves out blocks that hold
    /// none early or late enough: the last ten events of a gigabyte take some microseconds.
    ///
    /// # Errors
    /// If filters are contradictory or unknown.
    pub fn run(mut self) -> Result<Answer, QueryError> {
        self.settle()?;
        Ok(self.answer().0)
    }

    /// How many events of the order are looked for.
    fn most(&self) -> usize {
        self.offset.saturating_add(self.limit)
    }

    fn answer(&self) -> (Answer, Seen) {
        let mut collected = Collected::new(self);
        // Where everything is asked for, it is known how much there was. What comes while it is looked for makes that uncertain.
        let asks_for_all =
            self.filter.is_everything() && (self.most(), self.budget) == (usize::MAX, u64::MAX);
        let elsewhere = || asks_for_all.then(|| self.view.recorded_elsewhere()).flatten();
        let before = elsewhere();
        let mut search = self.searching(&mut collected);
        if before.is_some() {
            search = search.counting_recorded();
        }
        let seen = search.run();
        let mut answer = collected.finish(self.offset);
        answer.recorded = seen
            .recorded
            .flatten()
            .zip(before.filter(|_| before == elsewhere()))
            .map(|(in_rings, elsewhere)| in_rings.saturating_add(elsewhere).saturating_sub(seen.too_new));
        // Of a batch that was overwritten meanwhile a part was found, which no copied record knew of.
        answer.recheck_batches(|place, first| self.is_there(place, first));
        (answer.verdict, answer.since) = self.judge(&seen, answer.matched > self.most());
        answer.work = seen.work;
        (answer, seen)
    }

    /// Whether the record at `position` is still there.
    fn is_there(&self, place: Place, position: u64) -> bool {
        // What was found in the overflow was copied whole.
        self.view.ring(place).is_none_or(|ring| Found::InRing(ring).is_there(position))
    }

    /// Runs the query and hands over each event as it is found, keeping none: memory does not grow with the
    /// answer, and neither order nor end of the answer is waited for.
    ///
    /// Events come ring by ring, so [`Query::newest_first`] has no say, and a limit takes the first that are found. Whether
    /// a batch is whole is said as it is when its event is handed over; the rest may be overwritten after that.
    ///
    /// # Errors
    /// If filters are contradictory or unknown.
    pub fn each(mut self, body: impl FnMut(Recorded<'_>)) -> Result<Verdict, QueryError> {
        self.settle()?;
        self.order = Order::OldestFirst;
        let mut handed = Handed::new(&self, body);
        let seen = self.search(&mut handed);
        Ok(self.judge(&seen, handed.page.has_more).0)
    }

    /// What [running](Query::run) it takes, found out by doing so: which ways it goes, and what each costs.
    ///
    /// # Errors
    /// If filters are contradictory or unknown.
    pub fn explain(mut self) -> Result<Work, QueryError> {
        self.settle()?;
        Ok(self.search(&mut Collected::new(&self)).work)
    }

    /// How many events there are, without collecting them. Contradictory filters match none.
    #[must_use]
    pub fn count(mut self) -> u64 {
        if self.settle().is_err() {
            return 0;
        }
        let mut count = 0;
        if self.filter.asks_for_fields() {
            self.search(&mut Handed::new(&self, |_| count += 1));
        } else {
            let mut counted = Counted(0);
            self.search(&mut counted);
            count = counted.0.saturating_sub(self.offset as u64).min(self.limit as u64);
        }
        count
    }

    #[inline]
    fn settle(&mut self) -> Result<(), QueryError> {
        self.filter.settle(&self.view.schemas)
    }

    fn search<S: Sink>(&self, sink: &mut S) -> Seen {
        self.searching(sink).run()
    }

    fn searching<'s, S: Sink>(&'s self, sink: &'s mut S) -> Search<'s, S> {
        Search::new(self, sink)
    }

    /// From when on nothing is missing in the rings of each class. To be asked last: then it covers all that was
    /// found gone.
    fn since(&self) -> PerClass<Ticks> {
        let mut since = PerClass::of(|_| Ticks(0));
        for (_, class, ring) in self.view.rings_in_use() {
            since[class] = since[class].max(Ticks(ring.since()));
        }
        for (class, overflow) in self.view.overflow.iter() {
            since[class] = since[class].max(Ticks(overflow.since()));
        }
        for loss in self.view.all_losses() {
            since[loss.class] = since[loss.class].max(Ticks(loss.last.0.saturating_add(1)));
        }
        since
    }

    /// Whether what was found is all there was, and from when on nothing is missing.
    fn judge(&self, seen: &Seen, is_cut: bool) -> (Verdict, PerClass<Ticks>) {
        let by_class = self.since();
        // Those too that a kind would lie in of which nothing could be recorded.
        let asked = self.filter.coming_classes(&self.view.schemas);
        let since = by_class.iter().filter(|(class, _)| asked[*class]).map(|(_, since)| *since).max();
        let since = since.unwrap_or_default();
        let whole = since == Ticks(0)
            || self.filter.is_never()
            || self.filter.from >= since
            || (self.filter.id.is_some() && seen.root.is_some_and(|root| root >= since));
        let verdict = if seen.out_of_budget {
            Verdict::Truncated { by: Truncation::Budget }
        } else if is_cut {
            Verdict::Truncated { by: Truncation::Limit }
        } else if self.filter.goes_by_names() && self.view.schemas.nameless() > 0 {
            Verdict::Truncated { by: Truncation::Nameless }
        } else if whole {
            Verdict::Complete
        } else {
            Verdict::Overwritten { since }
        };
        (verdict, by_class)
    }
}

/// Which of what is found is asked for: offset and limit.
struct Page {
    skip: usize,
    take: usize,
    /// There was more.
    has_more: bool,
}

impl Page {
    fn of(query: &Query<'_>) -> Self {
        Self { skip: query.offset, take: query.limit, has_more: false }
    }

    /// Whether it is all of it.
    fn is_all(&self) -> bool {
        (self.skip, self.take) == (0, usize::MAX)
    }

    /// Whether the next one is on it.
    #[inline(always)]
    fn takes_next(&mut self) -> bool {
        if self.skip > 0 {
            self.skip -= 1;
            return false;
        }
        self.has_more |= self.take == 0;
        self.take = self.take.saturating_sub(1);
        !self.has_more
    }
}

/// Hands over what is found, one by one.
struct Handed<'a, F> {
    view: &'a View,
    filter: &'a Filter,
    page: Page,
    /// For payloads that fit, so that these need no memory from the heap.
    short: [u8; 128],
    long: Vec<u8>,
    body: F,
}

impl<'a, F: FnMut(Recorded<'_>)> Handed<'a, F> {
    fn new(query: &'a Query<'_>, body: F) -> Self {
        let Query { view, filter, .. } = query;
        Self { view, filter, page: Page::of(query), short: [0; 128], long: Vec::new(), body }
    }
}

impl<F: FnMut(Recorded<'_>)> Sink for Handed<'_, F> {
    #[inline]
    fn take(&mut self, place: Place, found: Found<'_>, header: &Header) {
        let payload = match self.short.get_mut(..header.payload_bytes()) {
            Some(payload) => payload,
            None => {
                self.long.resize(header.payload_bytes(), 0);
                &mut *self.long
            }
        };
        if !found.copy_payload(header, payload) {
            return;
        }
        let row = Row::found(place, found, header, payload, 0);
        let event = Recorded { view: self.view, row: &row, payload };
        if !self.filter.wants_fields(&event) {
            return;
        }
        if self.page.takes_next() {
            (self.body)(event);
        }
    }

    fn is_done(&self) -> bool {
        self.page.has_more
    }
}

/// Counts what is found.
struct Counted(u64);

impl Sink for Counted {
    const LEADS_DO: bool = true;

    fn take(&mut self, _: Place, _: Found<'_>, _: &Header) {
        self.0 += 1;
    }

    #[inline(always)]
    fn take_leads(&mut self, leads: &[Lead], wants: impl Fn(Lead) -> bool) {
        self.0 += leads.iter().filter(|lead| wants(**lead)).count() as u64;
    }
}
