//! The events of an answer by cause: spans under spans, events under the span they happened in.
//!
//! Laid out depth first in one array, so that whatever lies under a node follows it: to walk it takes no recursion,
//! however deep it is.

use super::answer::{Answer, Recorded};
use super::error::QueryError;
use super::handle::Events;
use crate::clock::{Converter, Ticks};
use crate::id::{CorrelationId, SpanId};
use ahash::RandomState;
use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;
use std::time::Duration;

/// The events of an answer by cause. Each is one node, and stands under the event that caused it:
///
/// - a span, which is the event that began it, under the span in which it began
/// - any other event, the end of a span included, under the span in which it happened
///
/// What has nothing above it is a root, and [`Origin`] says why: in an answer of one id, all roots belong to that.
/// Siblings come in the order of time; events of the same time as in the answer, read from its end if it is newest
/// first. Spans are told apart by correlation id and span id together. Of a span that begins twice, the second
/// beginning is an event inside it. Links are no causes.
///
/// It is made from the answer alone, with a sort and some passes, never by recursion, and takes about 120 bytes an
/// event. Whatever the events say (hosts supply the ids), it is a tree.
///
/// ```
/// use flightdeck::events::Events;
/// flightdeck::kind! {
///     Request("http.request") { path: str }
///     Walk("book.walk") {}
///     Priced("book.priced") { cents: u64 }
/// }
/// let events = Events::builder().build()?;
/// {
///     let _in = events.scope(7_u64);
///     let _request = events.span(Request { path: "/quote" });
///     let _walk = events.span(Walk {});
///     events.record(Priced { cents: 125 });
/// }
/// let tree = events.trace_tree(7_u64)?;
/// let request = tree.roots().next().expect("recorded above");
/// let walk = request.children().find(|node| node.is_span()).expect("recorded above");
/// assert_eq!(walk.event().kind(), "book.walk");
/// assert_eq!(walk.children().map(|node| node.event().kind()).collect::<Vec<_>>(), ["book.priced", "book.walk"]);
/// assert!(request.self_time() <= request.duration());
/// assert_eq!(request.critical_path().count(), 2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct TraceTree<'a> {
    answer: Cow<'a, Answer>,
    items: Vec<Item>,
}

/// Why a node stands where it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Origin {
    /// It began, or happened, in the span above it.
    Child,
    /// It began, or happened, in no span: a root by nature.
    Root,
    /// A root, since the beginning of the span in which it began, or happened, is not in the answer: that is in another
    /// process, was overwritten, or was not asked for.
    Orphan {
        /// That span.
        under: SpanId,
    },
    /// A root, since the span is its own ancestor. Of those in the circle it is the first.
    Circular {
        /// The span it claims to have begun in.
        under: SpanId,
    },
}

#[derive(Clone, Copy, Debug)]
struct Item {
    /// Its event, in the answer.
    row: usize,
    parent: Option<usize>,
    depth: usize,
    /// The first item that is not under it.
    after: usize,
    origin: Origin,
    is_span: bool,
    /// Of a span: the item of its end.
    end: Option<usize>,
    /// From the first event on: when it happened, or its span began.
    start_ns: u64,
    /// The same of the end of a span, if it is known.
    end_ns: Option<u64>,
    length_ns: Option<u64>,
}

impl Events {
    /// What happened to one id, by cause.
    ///
    /// Costs what [`Query::correlation`](super::Query::correlation) does, and making the tree.
    ///
    /// # Errors
    /// If the id is zero, which means none.
    pub fn trace_tree(&self, id: impl Into<CorrelationId>) -> Result<TraceTree<'static>, QueryError> {
        Ok(TraceTree::new(Cow::Owned(self.query().correlation(id).run()?)))
    }
}

impl<'a> TraceTree<'a> {
    pub(crate) fn new(answer: Cow<'a, Answer>) -> Self {
        let items = Planted::new(&answer).laid_out();
        Self { answer, items }
    }

    /// What it was made from.
    #[must_use]
    pub fn answer(&self) -> &Answer {
        &self.answer
    }

    /// How many events it holds: all of the answer.
    #[must_use]
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// Whether it holds none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// What has nothing above it, in the order of time.
    #[must_use]
    pub fn roots(&self) -> Children<'_> {
        Children { answer: &self.answer, items: &self.items, next: 0, end: self.items.len() }
    }

    /// All nodes, depth first: each before what lies under it.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = Node<'_>> + ExactSizeIterator {
        (0..self.items.len()).map(|at| self.node(at))
    }

    /// The span of this id; of several traces the first that has one.
    #[must_use]
    pub fn span(&self, span: SpanId) -> Option<Node<'_>> {
        self.iter().find(|node| node.is_span() && node.event().span() == span)
    }

    /// From the first event to the last, or to the end of a span that is known to be later.
    #[must_use]
    pub fn duration(&self) -> Duration {
        Duration::from_nanos(self.whole_ns())
    }

    pub(super) fn whole_ns(&self) -> u64 {
        self.items.iter().map(|item| item.end_ns.unwrap_or(item.start_ns)).max().unwrap_or(0)
    }

    fn node(&self, at: usize) -> Node<'_> {
        Node { answer: &self.answer, items: &self.items, at }
    }
}

impl fmt::Debug for TraceTree<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TraceTree")
            .field("verdict", &self.answer.verdict())
            .field("nodes", &self.iter().collect::<Vec<_>>())
            .finish()
    }
}

/// One event in a [`TraceTree`].
#[derive(Clone, Copy)]
pub struct Node<'a> {
    answer: &'a Answer,
    items: &'a [Item],
    at: usize,
}

impl<'a> Node<'a> {
    /// The event: of a span that with which it began.
    #[must_use]
    pub fn event(&self) -> Recorded<'a> {
        self.event_of(self.item())
    }

    /// Whether it is a span.
    #[must_use]
    pub fn is_span(&self) -> bool {
        self.item().is_span
    }

    /// Of a span: the event with which it ended, which is a child of it, or the span itself where one event was both.
    /// Of several the last.
    #[must_use]
    pub fn end(&self) -> Option<Recorded<'a>> {
        self.item().end.map(|end| self.event_of(&self.items[end]))
    }

    /// The span it stands under.
    #[must_use]
    pub fn parent(&self) -> Option<Self> {
        self.item().parent.map(|at| Self { at, ..*self })
    }

    /// What stands under it, in the order of time.
    #[must_use]
    pub fn children(&self) -> Children<'a> {
        Children { answer: self.answer, items: self.items, next: self.at + 1, end: self.item().after }
    }

    /// All that lies under it, depth first.
    pub fn descendants(&self) -> impl DoubleEndedIterator<Item = Self> + ExactSizeIterator + use<'a> {
        let this = *self;
        (self.at + 1..self.item().after).map(move |at| Self { at, ..this })
    }

    /// How many spans it stands under.
    #[must_use]
    pub fn depth(&self) -> usize {
        self.item().depth
    }

    /// Why it stands there.
    #[must_use]
    pub fn origin(&self) -> Origin {
        self.item().origin
    }

    /// Of a span: how long it took, from its two events, or else from a field `duration_ns` of the first. Also of an
    /// end that knows it and whose beginning is not in the answer. `None` of all else, and of a span whose end is not
    /// known.
    #[must_use]
    pub fn duration(&self) -> Option<Duration> {
        self.length_ns().map(Duration::from_nanos)
    }

    /// Of a span of known duration: for how much of it at least one span directly under it was going on. Spans of
    /// unknown duration count for nothing.
    #[must_use]
    pub fn child_time(&self) -> Option<Duration> {
        let item = self.item();
        let (from, to) = (item.start_ns, item.end_ns.filter(|_| item.is_span)?);
        let mut spans: Vec<_> = self
            .children()
            .filter(Self::is_span)
            .filter_map(|child| Some((child.item().start_ns.max(from), child.end_ns()?.min(to))))
            .collect();
        spans.sort_unstable();
        let (mut covered, mut reached) = (0_u64, from);
        for (start, end) in spans {
            covered += end.saturating_sub(start.max(reached));
            reached = reached.max(end);
        }
        Some(Duration::from_nanos(covered))
    }

    /// Of a span of known duration: the rest of it, which no span under it explains.
    #[must_use]
    pub fn self_time(&self) -> Option<Duration> {
        Some(self.duration()?.saturating_sub(self.child_time()?))
    }

    /// From here down, the spans that were waited for last: of each the one under it that ended last, if not after it.
    /// Where all ended after it, as another machine's clock may tell, the last one that began before it ended. From a
    /// span that has not ended the way goes on to one that has not ended either, if there is any: to where it hangs.
    /// Begins with this node; of one that is no span it is all.
    pub fn critical_path(&self) -> impl Iterator<Item = Self> + use<'a> {
        std::iter::successors(Some(*self), Self::waited_for)
    }

    fn waited_for(&self) -> Option<Self> {
        let own = self.end_ns();
        let spans = || self.children().filter(Self::is_span);
        let hanging = spans().filter(|child| own.is_none() && child.end_ns().is_none()).last();
        let last = |by: u64| {
            let ended = spans().filter(|child| child.end_ns().is_some_and(|end| end <= by));
            ended.max_by_key(Self::end_ns)
        };
        let outlasting =
            || spans().filter(|child| own.is_some_and(|own| child.start_ns() < own)).max_by_key(Self::end_ns);
        hanging.or_else(|| last(own.unwrap_or(u64::MAX))).or_else(outlasting)
    }

    /// From the first event on: when it happened, or its span began.
    pub(super) fn start_ns(&self) -> u64 {
        self.item().start_ns
    }

    pub(super) fn length_ns(&self) -> Option<u64> {
        self.item().length_ns
    }

    /// The same of the end of a span, if it is known.
    pub(super) fn end_ns(&self) -> Option<u64> {
        self.item().end_ns
    }

    /// Whether nothing comes after it under the same parent.
    pub(super) fn is_last(&self) -> bool {
        let item = self.item();
        item.after == item.parent.map_or(self.items.len(), |parent| self.items[parent].after)
    }

    /// Its number in the order of the tree.
    #[cfg(feature = "json")]
    pub(super) fn number(&self) -> usize {
        self.at
    }

    fn item(&self) -> &'a Item {
        &self.items[self.at]
    }

    fn event_of(&self, item: &Item) -> Recorded<'a> {
        self.answer.recorded(&self.answer.rows[item.row])
    }
}

impl fmt::Debug for Node<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Node")
            .field("depth", &self.depth())
            .field("origin", &self.origin())
            .field("event", &self.event())
            .finish()
    }
}

/// Nodes under one parent, or those under none, in the order of time.
#[derive(Clone, Debug)]
pub struct Children<'a> {
    answer: &'a Answer,
    items: &'a [Item],
    next: usize,
    end: usize,
}

impl<'a> Iterator for Children<'a> {
    type Item = Node<'a>;

    fn next(&mut self) -> Option<Node<'a>> {
        let at = (self.next < self.end).then_some(self.next)?;
        self.next = self.items[at].after;
        Some(Node { answer: self.answer, items: self.items, at })
    }
}

/// Events in the order of time, each knowing what it stands under.
struct Planted<'a> {
    events: Vec<(usize, Recorded<'a>)>,
    parents: Vec<Option<usize>>,
    origins: Vec<Origin>,
    began: Spans,
    ended: Spans,
    converter: Converter,
}

type Spans = HashMap<(CorrelationId, SpanId), usize, RandomState>;

impl<'a> Planted<'a> {
    fn new(answer: &'a Answer) -> Self {
        let mut events: Vec<_> = answer.iter().enumerate().collect();
        // Newest first: what has one time is the other way round, too.
        if events.first().map(|(_, event)| event.ticks()) > events.last().map(|(_, event)| event.ticks()) {
            events.reverse();
        }
        events.sort_by_key(|(_, event)| event.ticks());
        let (mut began, mut ended) = (Spans::default(), Spans::default());
        for (i, (_, event)) in events.iter().enumerate().filter(|(_, (_, event))| !event.span().is_none()) {
            let span = (event.correlation(), event.span());
            if event.is_start() {
                began.entry(span).or_insert(i);
            }
            if event.is_end() {
                ended.insert(span, i);
            }
        }
        let mut planted = Self {
            events,
            parents: Vec::new(),
            origins: Vec::new(),
            began,
            ended,
            converter: answer.converter(),
        };
        for i in 0..planted.events.len() {
            let (parent, origin) = planted.under(i);
            planted.parents.push(parent);
            planted.origins.push(origin);
        }
        planted.cut_circles();
        planted
    }

    fn is_span(&self, i: usize) -> bool {
        let event = &self.events[i].1;
        self.began.get(&(event.correlation(), event.span())) == Some(&i)
    }

    fn under(&self, i: usize) -> (Option<usize>, Origin) {
        let event = &self.events[i].1;
        let under = match event.parent() {
            Some(parent) if event.span().is_none() || self.is_span(i) => parent,
            _ => event.span(),
        };
        match self.began.get(&(event.correlation(), under)) {
            _ if under.is_none() => (None, Origin::Root),
            Some(&parent) => (Some(parent), Origin::Child),
            None => (None, Origin::Orphan { under }),
        }
    }

    /// Makes a root of the first of any spans that are their own ancestors: hosts supply these ids.
    fn cut_circles(&mut self) {
        // On which walk each was come by first.
        let mut walks = vec![usize::MAX; self.parents.len()];
        for walk in 0..self.parents.len() {
            let mut at = walk;
            while walks[at] == usize::MAX {
                walks[at] = walk;
                match self.parents[at] {
                    Some(parent) => at = parent,
                    None => break,
                }
            }
            if walks[at] == walk && self.parents[at].is_some() {
                self.cut_circle(at);
            }
        }
    }

    fn cut_circle(&mut self, on_it: usize) {
        let (mut first, mut at) = (on_it, on_it);
        while let Some(next) = self.parents[at].filter(|next| *next != on_it) {
            (first, at) = (first.min(next), next);
        }
        let under = self.events[first].1.parent().unwrap_or_default();
        (self.parents[first], self.origins[first]) = (None, Origin::Circular { under });
    }

    fn laid_out(self) -> Vec<Item> {
        let count = self.events.len();
        // Children as lists: the first of each, and who comes next. The last entry is for the roots.
        let (mut first, mut next) = (vec![None; count + 1], vec![None; count]);
        for i in (0..count).rev() {
            next[i] = first[self.parents[i].unwrap_or(count)].replace(i);
        }
        let mut items: Vec<Item> = Vec::with_capacity(count);
        let mut places = vec![0; count];
        let mut at = first[count];
        while let Some(i) = at {
            places[i] = items.len();
            items.push(self.item(i, self.parents[i].map(|parent| places[parent]), &items));
            at = first[i];
            let mut up = Some(i);
            while let (None, Some(done)) = (at, up) {
                items[places[done]].after = items.len();
                (at, up) = (next[done], self.parents[done]);
            }
        }
        for item in &mut items {
            item.end = item.end.map(|end| places[end]);
        }
        items
    }

    /// `parent` as its place among the items; its end is still a number in the order of time.
    fn item(&self, i: usize, parent: Option<usize>, items: &[Item]) -> Item {
        let (row, event) = &self.events[i];
        let span = (event.correlation(), event.span());
        let is_span = self.began.get(&span) == Some(&i);
        let end = self.ended.get(&span).copied().filter(|_| is_span);
        let at_ns = self.ns(event.ticks());
        let (start_ns, end_ns, length_ns) = if let Some(end) = end {
            let end = &self.events[end].1;
            // One event may be both, and knows when its span began.
            let from = if end.id() == event.id() { end.started_at() } else { None }.unwrap_or(event.ticks());
            let (start, end_ns) = (self.ns(from), self.ns(end.ticks()));
            (start, Some(end_ns.max(start)), Some(self.converter.ns_between(from, end.ticks())))
        } else if is_span {
            let length = event.field("duration_ns").and_then(|value| value.as_u64());
            (at_ns, length.map(|length| at_ns.saturating_add(length)), length)
        } else {
            let alone = event.started_at().filter(|_| event.is_end() && !self.began.contains_key(&span));
            let length = alone.map(|from| self.converter.ns_between(from, event.ticks()));
            (alone.map_or(at_ns, |from| self.ns(from)), alone.map(|_| at_ns), length)
        };
        let depth = parent.map_or(0, |parent| items[parent].depth + 1);
        Item {
            row: *row,
            parent,
            depth,
            after: 0,
            origin: self.origins[i],
            is_span,
            end,
            start_ns,
            end_ns,
            length_ns,
        }
    }

    /// From the first event on.
    fn ns(&self, at: Ticks) -> u64 {
        self.events.first().map_or(0, |(_, first)| self.converter.ns_between(first.ticks(), at))
    }
}
