//! Which columns a timeline has, and how wide they are.

use super::Timeline;
use super::text::{At, Cut, Span};
use crate::clock::{Converter, Ticks};
use crate::events::answer::Recorded;
use crate::events::tree::{Node, TraceTree};
use crate::events::value::Value;
use std::collections::HashMap;

/// Names of threads that are longer are cut.
const LONGEST_THREAD: usize = 16;

pub(super) const NO_END: &str = "no end";

/// The columns in front of the kind; zero wide is not there.
pub(super) struct Layout {
    /// The time of the first event.
    pub(super) start: Ticks,
    pub(super) converter: Converter,
    /// From the first event to the last, or to the last end.
    pub(super) whole_ns: u64,
    pub(super) time: usize,
    pub(super) length: usize,
    pub(super) bar: usize,
    pub(super) thread: usize,
    /// As they are shown.
    threads: HashMap<u32, String>,
}

impl Layout {
    pub(super) fn new(timeline: &Timeline<'_>, tree: &TraceTree<'_>) -> Self {
        let converter = tree.answer().converter();
        let start = tree.iter().map(|node| node.event().ticks()).min().unwrap_or_default();
        let whole_ns = tree.whole_ns();
        let columns = |text: String| text.chars().count();
        let mut length = 0;
        let mut threads = HashMap::new();
        for node in tree.iter() {
            match node.length_ns() {
                Some(ns) => length = length.max(columns(Span(ns).to_string())),
                None if timeline.marks_open && node.is_span() => {
                    length = length.max(columns(NO_END.to_owned()))
                }
                None => {}
            }
            if timeline.shows_threads {
                threads.entry(node.event().thread()).or_insert_with(|| thread(&node.event()));
            }
        }
        if threads.len() < 2 {
            threads.clear();
        }
        Self {
            start,
            converter,
            whole_ns,
            time: columns(At(whole_ns).to_string()),
            length,
            bar: if length > 0 && whole_ns > 0 { timeline.bar.into() } else { 0 },
            thread: threads.values().map(|name| name.chars().count()).max().unwrap_or(0),
            threads,
        }
    }

    /// Nanoseconds since the first event.
    pub(super) fn at(&self, ticks: Ticks) -> u64 {
        self.converter.ns_between(self.start, ticks)
    }

    pub(super) fn thread(&self, number: u32) -> &str {
        self.threads.get(&number).map_or("", String::as_str)
    }

    /// The columns before the tree, each with a space after it.
    pub(super) fn before_tree(&self) -> usize {
        [self.time, self.length, self.bar, self.thread]
            .iter()
            .filter(|width| **width > 0)
            .map(|width| width + 1)
            .sum()
    }

    /// Which columns of the bar an event takes: those of the time in which it was going on.
    pub(super) fn cells(&self, node: &Node<'_>, is_open: bool) -> (usize, usize) {
        let cell = |ns: u64| (u128::from(ns) * self.bar as u128 / u128::from(self.whole_ns.max(1))) as usize;
        let end_ns = if is_open { self.whole_ns } else { node.end_ns().unwrap_or(node.start_ns()) };
        let from = cell(node.start_ns()).min(self.bar.saturating_sub(1));
        // Up to where the last of it lies.
        let to = cell(end_ns.saturating_sub(1)).min(self.bar.saturating_sub(1)) + 1;
        (from, to.max(from + 1))
    }
}

/// The name of the thread that wrote it, or its number.
fn thread(event: &Recorded<'_>) -> String {
    match event.thread_name().filter(|name| !name.is_empty()) {
        Some(name) => {
            let is_long = name.chars().count() > LONGEST_THREAD;
            let name: String = name.chars().take(LONGEST_THREAD - usize::from(is_long)).collect();
            format!("{}{}", Cut(&Value::Str(&name)), if is_long { "~" } else { "" })
        }
        None if event.thread() == 0 => "?".to_owned(),
        None => format!("#{}", event.thread()),
    }
}
