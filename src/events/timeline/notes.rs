//! What stands between the events of a timeline, and after them.

use super::Timeline;
use super::layout::Layout;
use super::style::Role;
use super::text::{At, Events, Span};
use crate::clock::Ticks;
use crate::events::answer::{Truncation, Verdict};
use crate::events::class::Class;
use crate::events::loss::LossCause;
use crate::events::tree::{Node, TraceTree};
use std::collections::{BTreeMap, HashMap};
use std::fmt::{self, Display};

/// A gap is worth a line if it is so many times as long as one usually is...
const TIMES_USUAL: u64 = 10;
/// ...and at least such a part of the whole, so that there are never many of them.
const PART_OF_WHOLE: u64 = 20;
/// What is usual is not told by fewer events.
const FEWEST: usize = 5;

pub(super) struct Notes<'a> {
    timeline: &'a Timeline<'a>,
    layout: &'a Layout,
    /// By the event after it, as its place in the tree.
    gaps: HashMap<usize, u64>,
    /// How many events have been written.
    written: usize,
    /// Where certainty begins, until it has been said.
    since: Option<Ticks>,
}

impl<'a> Notes<'a> {
    pub(super) fn new(timeline: &'a Timeline<'a>, tree: &TraceTree<'_>, layout: &'a Layout) -> Self {
        let since = match timeline.answer.verdict() {
            Verdict::Overwritten { since } => Some(since),
            _ => None,
        };
        Self { timeline, layout, gaps: gaps(tree, layout), written: 0, since }
    }

    /// If older events than all of these may be missing.
    pub(super) fn before_all(&mut self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.since.take_if(|since| *since <= self.layout.start) {
            Some(_) => self.note(f, "", Role::Warning, "older events may have been overwritten"),
            None => Ok(()),
        }
    }

    /// What is to be said in front of this event; `guides` lead past.
    pub(super) fn before(
        &mut self,
        f: &mut fmt::Formatter<'_>,
        node: &Node<'_>,
        guides: String,
    ) -> fmt::Result {
        let gap = self.gaps.get(&self.written).copied();
        self.written += 1;
        if self.since.take_if(|since| *since <= node.event().ticks()).is_some() {
            self.certain(f, &guides)?;
        }
        match gap {
            Some(ns) => self.note(f, &guides, Role::Aside, format_args!("{} without an event", Span(ns))),
            None => Ok(()),
        }
    }

    fn certain(&self, f: &mut fmt::Formatter<'_>, guides: &str) -> fmt::Result {
        let Verdict::Overwritten { since } = self.timeline.answer.verdict() else { return Ok(()) };
        let at = At(self.layout.at(since));
        self.note(f, guides, Role::Warning, format_args!("before {at} events may have been overwritten"))
    }

    fn note(&self, f: &mut fmt::Formatter<'_>, guides: &str, role: Role, what: impl Display) -> fmt::Result {
        let (style, before) = (self.timeline.style, self.layout.before_tree());
        let note = format!("{} {what}", style.glyphs.note);
        writeln!(f, "{:before$}{}{}", "", style.paint(Role::Aside, guides), style.paint(role, note))
    }

    /// What was lost, and whether that is all.
    pub(super) fn after_all(&mut self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.since.take().is_some() {
            self.certain(f, "")?;
        }
        self.losses(f)?;
        self.verdict(f)
    }

    /// What was lost in the time of these events.
    fn losses(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let answer = self.timeline.answer;
        let mut lost: BTreeMap<(Class, &'static str), (u64, Ticks, Ticks)> = BTreeMap::new();
        // Later ones the query knew nothing of.
        let meanwhile = answer
            .view
            .all_losses()
            .filter(|loss| loss.last >= self.layout.start && loss.last < answer.since_of(loss.class));
        for loss in meanwhile {
            let sum =
                lost.entry((loss.class, LossCause::name(loss.cause))).or_insert((0, loss.first, loss.last));
            *sum = (sum.0.saturating_add(loss.count), sum.1.min(loss.first), sum.2.max(loss.last));
        }
        for ((class, cause), (count, first, last)) in lost {
            let count = Events(usize::try_from(count).unwrap_or(usize::MAX));
            let (first, last) = (At(self.layout.at(first)), At(self.layout.at(last)));
            let what = format!("lost: {count} of class {}, {cause}, {first} to {last}", class.name());
            writeln!(f, "{}", self.timeline.style.paint(Role::Warning, what))?;
        }
        if answer.gone() > 0 {
            let gone = Events(usize::try_from(answer.gone()).unwrap_or(usize::MAX));
            let what = format!("gone: {gone}, overwritten while the answer was made");
            writeln!(f, "{}", self.timeline.style.paint(Role::Warning, what))?;
        }
        Ok(())
    }

    fn verdict(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (answer, layout) = (self.timeline.answer, self.layout);
        let events = Events(answer.len());
        match answer.verdict() {
            Verdict::Complete => write!(f, "complete: {events}"),
            Verdict::Overwritten { since } if since <= layout.start && answer.missing().is_some() => {
                let missing = Events(usize::try_from(answer.missing().unwrap_or(0)).unwrap_or(usize::MAX));
                write!(f, "{events}; {missing} that came before the first of them are gone")
            }
            Verdict::Overwritten { since } if since <= layout.start => {
                write!(f, "{events}; what came before the first of them may have been overwritten")
            }
            Verdict::Overwritten { since } => {
                write!(f, "{events}; before +{} some may have been overwritten", Span(layout.at(since)))
            }
            Verdict::Truncated { by: Truncation::Limit } => {
                write!(f, "{} of {}, as the limit says", answer.len(), Events(answer.matched()))
            }
            Verdict::Truncated { by: Truncation::Budget } => {
                write!(f, "{events}, and perhaps more: the budget was spent")
            }
            Verdict::Truncated { by: Truncation::Nameless } => {
                write!(f, "{events}, and perhaps more: of some kinds the recording has no names")
            }
        }
    }
}

/// Where nothing happened for much longer than usual: by the event after it. A span that did nothing but begin and end
/// is none: its bar says so.
fn gaps(tree: &TraceTree<'_>, layout: &Layout) -> HashMap<usize, u64> {
    // Ends that are known and no events are something that happened, too.
    let mut instants: Vec<(u64, Option<usize>)> = Vec::new();
    for (at, node) in tree.iter().enumerate() {
        instants.push((layout.at(node.event().ticks()), Some(at)));
        if let (Some(end), None) = (node.end_ns().filter(|_| node.is_span()), node.end()) {
            instants.push((end, None));
        }
    }
    instants.sort_unstable();
    let pairs = || instants.windows(2).map(|pair| (pair[0], pair[1], pair[1].0 - pair[0].0));
    let mut lengths: Vec<u64> = pairs().map(|(_, _, ns)| ns).collect();
    if lengths.len() < FEWEST {
        return HashMap::new();
    }
    let middle = lengths.len() / 2;
    let usual = *lengths.select_nth_unstable(middle).1;
    let least = usual.saturating_mul(TIMES_USUAL).max(layout.whole_ns / PART_OF_WHOLE).max(1);
    let nodes: Vec<Node<'_>> = tree.iter().collect();
    pairs()
        .filter(|(_, _, ns)| *ns >= least)
        .filter_map(|((_, before), (_, after), ns)| {
            let after = after?;
            let is_span = before.is_some_and(|before| {
                nodes[before].end().is_some_and(|end| end.id() == nodes[after].event().id())
            });
            (!is_span).then_some((after, ns))
        })
        .collect()
}
