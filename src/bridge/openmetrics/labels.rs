//! The labels of a series as a page tells them.

use super::name::{is_plain_label, label, quoted};
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

/// Writes what stands between the braces.
pub(super) fn labels(out: &mut String, labels: &Labels, is_utf8: bool, is_histogram: bool) -> Told {
    let mut told = Told::default();
    for (index, (key, value)) in labels.iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        if is_plain_label(key) && !key.starts_with("__") && !(is_histogram && key == "le") {
            out.push_str(key);
        } else {
            let shown = label(key, is_utf8, is_histogram);
            told.has_changed |= shown != key;
            if is_plain_label(&shown) {
                out.push_str(&shown);
            } else {
                out.push('"');
                told.replaced += quoted(out, &shown);
                out.push('"');
            }
        }
        out.push_str("=\"");
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
