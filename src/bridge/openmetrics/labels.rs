//! The labels of a series as a page tells them.

use super::name::{is_plain_label, label, quoted};
use super::text::Text;
use crate::telemetry::Labels;

/// What became of a series' labels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Told {
    /// Characters that were replaced.
    pub(super) replaced: u64,
    /// Whether anything is not as it was, so that another series may look the same.
    pub(super) has_changed: bool,
    /// Whether two of them have one name now.
    pub(super) is_ambiguous: bool,
}

/// The names of labels as they were written last: series of one metric have the same ones, as a rule.
#[derive(Debug, Default)]
pub(super) struct Names(Vec<Name>);

#[derive(Debug)]
struct Name {
    key: String,
    /// With what comes before the name and after it.
    written: Text,
    replaced: u64,
    has_changed: bool,
}

impl Names {
    /// For a metric of another type.
    pub(super) fn forget(&mut self) {
        self.0.clear();
    }

    fn at(&mut self, index: usize, key: &str, is_utf8: bool, is_histogram: bool) -> Option<&Name> {
        if self.0.get(index).is_none_or(|name| name.key != key) {
            self.0.truncate(index);
            self.0.push(Name::new(index, key, is_utf8, is_histogram));
        }
        self.0.get(index)
    }
}

impl Name {
    fn new(index: usize, key: &str, is_utf8: bool, is_histogram: bool) -> Self {
        let shown = label(key, is_utf8, is_histogram);
        let quote = if is_plain_label(&shown) { "" } else { "\"" };
        let mut written = Text::from(if index > 0 { "," } else { "" });
        written.push_str(quote);
        let replaced = quoted(&mut written, &shown);
        written.push_str(quote);
        written.push_str("=\"");
        Self { key: key.to_owned(), written, replaced, has_changed: shown != key }
    }
}

/// Writes what stands between the braces.
pub(super) fn labels(
    out: &mut Text,
    labels: &Labels,
    names: &mut Names,
    is_utf8: bool,
    is_histogram: bool,
) -> Told {
    let mut told = Told::default();
    for (index, (key, value)) in labels.iter().enumerate() {
        if let Some(name) = names.at(index, key, is_utf8, is_histogram) {
            out.push_text(&name.written);
            told.replaced += name.replaced;
            told.has_changed |= name.has_changed;
        }
        told.replaced += quoted(out, value);
        out.push('"');
    }
    told.has_changed |= told.replaced > 0;
    if told.has_changed {
        let mut names: Vec<_> = labels.iter().map(|(key, _)| label(key, is_utf8, is_histogram)).collect();
        names.sort_unstable();
        told.is_ambiguous = names.iter().zip(names.iter().skip(1)).any(|(one, next)| one == next);
    }
    told
}
