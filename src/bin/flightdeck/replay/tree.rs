//! The spans of one id: how long each took, and how much of that was its own.

use super::chain::{Chain, operation};
use super::load::Loader;
use crate::formats::excerpt;
use crate::output::{Output, OutputError};
use crate::shown::{self, count, nanos};
use flightdeck::events::{EventId, Node, Origin, TraceTree};
use serde_core::ser::{Serialize, Serializer};
use serde_json::{Value as Json, json};
use std::collections::HashSet;
use std::time::Duration;

/// Deeper spans are indented no further.
const DEEPEST: usize = 20;

/// Says it for a person: `*` marks what was waited for last, from the top down. Times are those in the whole chain, of
/// which only what is wanted shows.
pub fn text(whole: &Chain, wanted: &Chain, loader: &Loader, output: &mut Output) -> Result<(), OutputError> {
    let tree = whole.answer.tree();
    let wanted = ids(wanted);
    let is_wanted = |node: &Node<'_>| wanted.contains(&node.event().id());
    let critical = critical(&tree);
    output.line(format_args!("{:>10} {:>10}", "total", "self"))?;
    for node in tree.iter().filter(|node| node.is_span() && is_wanted(node)) {
        let event = node.event();
        let name = operation(&event, &loader.names).map_or(event.kind(), |(_, name)| name);
        let inside = events_in(&node, &wanted);
        let inside =
            if inside > 0 { format!("  ({})", count(inside as u64, "event")) } else { String::new() };
        let mark = if critical.contains(&event.id()) { '*' } else { ' ' };
        output.line(format_args!(
            "{:>10} {:>10} {mark} {:indent$}{}{inside}{}",
            time(node.duration()),
            time(node.self_time()),
            "",
            excerpt(name),
            origin(&node),
            indent = 2 * node.depth().min(DEEPEST),
        ))?;
    }
    let outside = tree.roots().filter(|node| !node.is_span() && is_wanted(node)).count();
    if outside > 0 {
        output.line(format_args!(
            "{:>10} {:>10}   {} in no span of these",
            "",
            "",
            count(outside as u64, "event")
        ))?;
    }
    Ok(())
}

fn ids(chain: &Chain) -> HashSet<EventId> {
    chain.answer.iter().map(|event| event.id()).collect()
}

/// How many wanted events there are in a span that are no spans.
fn events_in(node: &Node<'_>, wanted: &HashSet<EventId>) -> usize {
    node.children().filter(|child| !child.is_span() && wanted.contains(&child.event().id())).count()
}

/// The events with which the spans began that were waited for last.
fn critical(tree: &TraceTree<'_>) -> HashSet<EventId> {
    let longest = tree.roots().filter(Node::is_span).max_by_key(Node::duration);
    longest.iter().flat_map(Node::critical_path).map(|node| node.event().id()).collect()
}

fn time(time: Option<Duration>) -> String {
    time.map_or("no end".to_owned(), |time| shown::ns(nanos(time)))
}

fn origin(node: &Node<'_>) -> String {
    match node.origin() {
        Origin::Orphan { under } => format!("  parent={under}"),
        Origin::Circular { under } => format!("  parent={under} (its own ancestor)"),
        _ => String::new(),
    }
}

/// The same for a program: the spans depth first, each with the number of the nearest one above it that shows.
pub struct Spans<'a> {
    pub trees: Vec<TraceTree<'a>>,
    pub wanted: HashSet<EventId>,
    pub loader: &'a Loader,
}

impl Serialize for Spans<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let critical: Vec<_> = self.trees.iter().map(critical).collect();
        let spans =
            self.trees.iter().zip(&critical).flat_map(|(tree, critical)| {
                tree.iter().filter(Node::is_span).map(move |node| (node, critical))
            });
        // Of each span on the way down to this one, its number if it shows.
        let mut above = Vec::new();
        let mut number = 0..;
        serializer.collect_seq(spans.filter_map(|(node, critical)| {
            above.truncate(node.depth());
            let parent: Option<usize> = above.iter().rev().find_map(|number| *number);
            let id = node.event().id();
            above.push(self.wanted.contains(&id).then(|| number.next()).flatten());
            above.last().copied().flatten()?;
            Some(span(&node, parent, critical.contains(&id), events_in(&node, &self.wanted), self.loader))
        }))
    }
}

fn span(node: &Node<'_>, parent: Option<usize>, is_critical: bool, events: usize, loader: &Loader) -> Json {
    let event = node.event();
    let ns = |time: Option<Duration>| time.map(nanos);
    let under = match node.origin() {
        Origin::Orphan { under } | Origin::Circular { under } => Some(under.to_string()),
        _ => None,
    };
    json!({
        "span": event.span().to_string(),
        "name": operation(&event, &loader.names).map_or(event.kind(), |(_, name)| name),
        "depth": node.depth(),
        "parent": parent,
        "missing_parent": under,
        "events": events,
        "duration_ns": ns(node.duration()),
        "self_ns": ns(node.self_time()),
        "child_ns": ns(node.child_time()),
        "critical": is_critical,
    })
}
