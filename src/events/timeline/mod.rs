//! An answer for a person: one line an event, indented by cause, times relative to the first.
//!
//! - `layout`: which columns there are, and how wide
//! - `line`: one event; `wrap`: fields onto as many lines as they need
//! - `notes`: what stands between the events and after them: gaps, losses, the verdict
//! - `text`: values on one line, lengths of time; `style`: the characters of trees and bars, colours

mod layout;
mod line;
mod notes;
pub(super) mod style;
pub(super) mod text;
mod wrap;

use super::answer::{Answer, Recorded};
use super::value::Value;
use layout::Layout;
use line::Lines;
use notes::Notes;
use std::fmt;
use style::Style;

/// Columns of a bar, unless asked otherwise.
const BAR: u16 = 24;

/// The events of an answer as text, one a line, with columns for what there is to tell:
///
/// ```text
/// +0.000000000s 35.1 us ████████████████████████ order.placed qty=5
/// +0.000000130s         ·                        ├ cache.asked hit=false
/// +0.000000190s 30.9 us ██████████████████████   ├ book.walk symbol=FD021
/// +0.000031136s                              ·   │ └ book.walked levels=9
/// +0.000035071s                                · └ order.filled price=93.5
/// complete: 5 events
/// ```
///
/// - the time since the first event
/// - where spans are: how long each took, or `no end`; and where in the whole it lies, `·` for what takes no time
/// - where several threads wrote: the name of the one that did, or its number
/// - its kind, indented by cause as [`Answer::tree`] has it, and its fields. `parent=` tells the span in which one
///   began whose beginning is not in the answer, `links=` those it is linked to; `(unwound)` stands at the end of a
///   span that panicked.
///
/// Lines between, marked `⋮`, tell where nothing happened for much longer than usual, and before which time events may
/// have been overwritten. The last lines tell what was lost meanwhile, and the [verdict](Answer::verdict).
///
/// Whatever the events hold, a line stays one line and plain text: control characters and those that turn the direction
/// of text are escaped, and of values longer than 120 characters the beginning is shown. Characters that a terminal
/// draws two columns wide are taken for one. What was lost is what the store knows of when the text is made, as far as
/// the query could know.
///
/// Costs the [tree](Answer::tree), and some lookups and allocations a line: it is for people.
pub struct Timeline<'a> {
    answer: &'a Answer,
    fields: Option<&'a FieldsOf<'a>>,
    names: Option<&'a NameOf<'a>>,
    marks_open: bool,
    shows_threads: bool,
    bar: u16,
    within: Option<u16>,
    style: Style,
}

/// Tells what to show of an event: names and values, in order.
pub type FieldsOf<'a> = dyn Fn(&Recorded<'_>, &mut dyn FnMut(&str, Value<'_>)) + 'a;

/// Tells what to call an event; its kind, where it tells nothing.
pub type NameOf<'a> = dyn Fn(&Recorded<'_>) -> Option<String> + 'a;

impl<'a> Timeline<'a> {
    pub(crate) fn new(answer: &'a Answer) -> Self {
        Self {
            answer,
            fields: None,
            names: None,
            marks_open: true,
            shows_threads: true,
            bar: BAR,
            within: None,
            style: Style::default(),
        }
    }

    /// The same without a mark at spans that have no end: for hosts that record none.
    #[must_use]
    pub fn without_ends(mut self) -> Self {
        self.marks_open = false;
        self
    }

    /// The same without the threads that wrote: for hosts whose threads say nothing about what happened.
    #[must_use]
    pub fn without_threads(mut self) -> Self {
        self.shows_threads = false;
        self
    }

    /// The same, showing what `fields` says of each event in place of its own fields: for hosts that store what
    /// they record in a form of their own.
    #[must_use]
    pub fn with_fields(mut self, fields: &'a FieldsOf<'a>) -> Self {
        self.fields = Some(fields);
        self
    }

    /// The same, calling events what `names` says in place of their kinds: for hosts with few kinds and many
    /// operations.
    #[must_use]
    pub fn with_names(mut self, names: &'a NameOf<'a>) -> Self {
        self.names = Some(names);
        self
    }

    /// The same with bars of so many columns; 24 by default, none with 0.
    #[must_use]
    pub fn bars(mut self, columns: u16) -> Self {
        self.bar = columns;
        self
    }

    /// The same in lines of at most so many columns: what would go beyond continues on the next line. Lines whose
    /// indentation leaves less than 20 columns are not broken up.
    #[must_use]
    pub fn within(mut self, columns: u16) -> Self {
        self.within = Some(columns);
        self
    }

    /// The same with trees and bars in characters of ASCII. Names and values stay what they are.
    #[must_use]
    pub fn ascii(mut self) -> Self {
        self.style = self.style.ascii();
        self
    }

    /// The same with colours, as ANSI escape sequences; without by default.
    #[must_use]
    pub fn colour(mut self, on: bool) -> Self {
        self.style = self.style.coloured(on);
        self
    }
}

impl fmt::Debug for Timeline<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Timeline").field("answer", self.answer).finish_non_exhaustive()
    }
}

impl fmt::Display for Timeline<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tree = self.answer.tree();
        let layout = Layout::new(self, &tree);
        if tree.is_empty() {
            let is_whole = self.answer.verdict().is_complete();
            return f.write_str(if is_whole {
                "(no events)"
            } else {
                "(no events, and some may be missing)"
            });
        }
        let mut notes = Notes::new(self, &tree, &layout);
        let mut lines = Lines::new(self, &layout);
        notes.before_all(f)?;
        for node in tree.iter() {
            lines.step(&node);
            notes.before(f, &node, lines.guides())?;
            lines.write(f, &node)?;
        }
        notes.after_all(f)
    }
}
