//! The lines of one event.

use super::Timeline;
use super::layout::{Layout, NO_END};
use super::style::Role;
use super::text::{At, Cut, Span};
use super::wrap::Wrap;
use crate::error::Severity;
use crate::events::answer::Recorded;
use crate::events::tree::{Node, Origin};
use crate::events::value::Value;
use std::fmt::{self, Write};

/// Deeper causes are indented no further, and say how deep they are.
const DEEPEST: usize = 16;

/// Writes events in the order of their tree.
pub(super) struct Lines<'a> {
    timeline: &'a Timeline<'a>,
    layout: &'a Layout,
    /// Of the node and all above it but the root: whether others follow under the same parent.
    follows: Vec<bool>,
    /// What stands in front of the next one: its place in the tree, and what leads past it.
    branch: String,
    past: String,
}

impl<'a> Lines<'a> {
    pub(super) fn new(timeline: &'a Timeline<'a>, layout: &'a Layout) -> Self {
        Self { timeline, layout, follows: Vec::new(), branch: String::new(), past: String::new() }
    }

    /// Goes on to this node: the next of the tree.
    pub(super) fn step(&mut self, node: &Node<'_>) {
        let glyphs = self.timeline.style.glyphs;
        self.follows.truncate(node.depth().saturating_sub(1));
        self.branch.clear();
        for follows in self.follows.iter().take(DEEPEST) {
            self.branch.push_str(if *follows { glyphs.past } else { glyphs.nothing });
        }
        self.past.clone_from(&self.branch);
        if node.depth() > DEEPEST {
            self.branch.push_str(glyphs.deeper);
            self.past.push_str(glyphs.nothing);
        } else if node.depth() > 0 {
            self.branch.push_str(if node.is_last() { glyphs.last } else { glyphs.child });
            self.past.push_str(if node.is_last() { glyphs.nothing } else { glyphs.past });
        }
        if node.depth() > 0 {
            self.follows.push(!node.is_last());
        }
    }

    /// What leads to this node from those above it.
    pub(super) fn guides(&self) -> String {
        let glyphs = self.timeline.style.glyphs;
        let mut guides = self.past.clone();
        if !self.follows.is_empty() {
            let own = guides.char_indices().rev().nth(1).map_or(0, |(at, _)| at);
            guides.replace_range(own.., glyphs.past);
        }
        guides
    }

    pub(super) fn write(&self, f: &mut fmt::Formatter<'_>, node: &Node<'_>) -> fmt::Result {
        let (timeline, layout, style) = (self.timeline, self.layout, self.timeline.style);
        let event = node.event();
        self.columns(f, node)?;
        if !self.branch.is_empty() {
            write!(f, "{}", style.paint(Role::Aside, &self.branch))?;
        }
        let mut name = String::new();
        if node.depth() > DEEPEST {
            write!(name, "({} deep) ", node.depth())?;
        }
        let given = timeline.names.and_then(|names| names(&event));
        write!(name, "{}", Cut(&Value::Str(given.as_deref().unwrap_or(event.kind()))))?;
        let role = match event.severity() {
            Severity::Critical | Severity::Error => Role::Error,
            Severity::Warn => Role::Warning,
            Severity::Info | Severity::Debug | Severity::Trace => Role::Name,
        };
        let before = layout.before_tree();
        let below = if node.children().next().is_some() { style.glyphs.past } else { style.glyphs.nothing };
        let hanging = format!("{:before$}{}{below}  ", "", self.past);
        let mut wrap = Wrap::new(timeline.within, before + self.branch.chars().count(), &hanging);
        wrap.begin(f, &name, |text| style.paint(role, text))?;
        let mut piece = String::new();
        let mut written = Ok(());
        let mut field = |name: &str, value: Value<'_>| {
            if written.is_ok() {
                piece.clear();
                let _ = write!(piece, "{}={}", Cut(&Value::Str(name)), Cut(&value));
                written = wrap.put(f, &piece);
            }
        };
        let length = node.length_ns();
        match timeline.fields {
            Some(fields) => fields(&event, &mut field),
            // A length that stands in front is not told twice.
            None => event
                .fields()
                .filter(|(name, _)| length.is_none() || *name != "duration_ns")
                .for_each(|(name, value)| field(name, value)),
        }
        written?;
        asides(&event, node, |aside| wrap.put(f, aside))?;
        f.write_char('\n')
    }

    /// What stands in front of the tree.
    fn columns(&self, f: &mut fmt::Formatter<'_>, node: &Node<'_>) -> fmt::Result {
        let (layout, style) = (self.layout, self.timeline.style);
        let event = node.event();
        let at = format!("{:>width$} ", At(layout.at(event.ticks())).to_string(), width = layout.time);
        write!(f, "{}", style.paint(Role::Aside, at))?;
        let is_open = node.is_span() && node.length_ns().is_none() && self.timeline.marks_open;
        if layout.length > 0 {
            let length = match node.length_ns() {
                Some(ns) => Span(ns).to_string(),
                None if is_open => NO_END.to_owned(),
                None => String::new(),
            };
            write!(f, "{length:>width$} ", width = layout.length)?;
        }
        if layout.bar > 0 {
            let glyph = match node.length_ns() {
                Some(_) => style.glyphs.bar,
                None if is_open => style.glyphs.open,
                None => style.glyphs.point,
            };
            let (from, to) = layout.cells(node, is_open);
            let bar: String = std::iter::repeat_n(glyph, to - from).collect();
            let after = layout.bar + 1 - to;
            write!(f, "{:from$}{}{:after$}", "", style.paint(Role::Bar, bar), "")?;
        }
        if layout.thread > 0 {
            write!(f, "{:<width$} ", layout.thread(event.thread()), width = layout.thread)?;
        }
        Ok(())
    }
}

/// What is to be said of an event beside its fields.
fn asides(event: &Recorded<'_>, node: &Node<'_>, mut put: impl FnMut(&str) -> fmt::Result) -> fmt::Result {
    match node.origin() {
        Origin::Orphan { under } if event.is_start() => put(&format!("parent={under}"))?,
        Origin::Circular { under } => put(&format!("parent={under} (its own ancestor)"))?,
        _ => {}
    }
    if event.batch().is_some_and(|batch| !batch.is_whole) {
        put("(batch incomplete)")?;
    }
    if event.is_unwound() {
        put("(unwound)")?;
    }
    let links = event.links();
    let left_out = links.left_out();
    for (number, scope) in links.enumerate() {
        let before = if number == 0 { "links=" } else { "" };
        put(&format!("{before}{}:{}", scope.correlation(), scope.span()))?;
    }
    if left_out > 0 { put(&format!("(+{left_out} links)")) } else { Ok(()) }
}
