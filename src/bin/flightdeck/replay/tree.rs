//! The spans of one id: how long each took, and how much of that was its own.

use super::chain::{Chain, operation};
use super::load::Loader;
use crate::formats::excerpt;
use crate::output::{Output, OutputError};
use crate::shown::{self, count, nanos};
use flightdeck::events::{Node, Origin, TraceTree};
use serde_core::ser::{Serialize, Serializer};
use serde_json::{Value as Json, json};
use std::collections::HashSet;
use std::time::Duration;

/// Deeper spans are indented no further.
const DEEPEST: usize = 20;

/// Says it for a person: `*` marks what was waited for last, from the top down.
pub fn text(chain: &Chain, loader: &Loader, output: &mut Output) -> Result<(), OutputError> {
    let tree = chain.answer.tree();
    let critical = critical(&tree);
    output.line(format_args!("{:>10} {:>10}", "total", "self"))?;
    for node in tree.iter().filter(Node::is_span) {
        let event = node.event();
        let name = operation(&event, &loader.names).map_or(event.kind(), |(_, name)| name);
        let inside = node.children().filter(|child| !child.is_span()).count();
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
    let outside = tree.roots().filter(|node| !node.is_span()).count();
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

/// The events with which the spans began that were waited for last.
fn critical(tree: &TraceTree<'_>) -> HashSet<flightdeck::events::EventId> {
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

/// The same for a program: the spans depth first, each with the number of the one above it.
pub struct Spans<'a> {
    pub trees: Vec<TraceTree<'a>>,
    pub loader: &'a Loader,
}

impl Serialize for Spans<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let critical: Vec<_> = self.trees.iter().map(critical).collect();
        let spans =
            self.trees.iter().zip(&critical).flat_map(|(tree, critical)| {
                tree.iter().filter(Node::is_span).map(move |node| (node, critical))
            });
        // Of each span on the way down to this one, its number.
        let mut above = Vec::new();
        serializer.collect_seq(spans.enumerate().map(|(number, (node, critical))| {
            above.truncate(node.depth());
            let parent = above.last().copied();
            above.push(number);
            span(&node, parent, critical.contains(&node.event().id()), self.loader)
        }))
    }
}

fn span(node: &Node<'_>, parent: Option<usize>, is_critical: bool, loader: &Loader) -> Json {
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
        "events": node.children().filter(|child| !child.is_span()).count(),
        "duration_ns": ns(node.duration()),
        "self_ns": ns(node.self_time()),
        "child_ns": ns(node.child_time()),
        "critical": is_critical,
    })
}
