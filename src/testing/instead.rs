//! What was recorded in place of what was asked for: the nearest events, as a timeline.

use crate::events::{Answer, EventId, FieldsOf, Recorded, Verdict};
use std::collections::{BTreeMap, HashSet};
use std::fmt;

/// How many events a failure shows.
const SHOWN: usize = 12;

/// What was expected and did not happen, with what did: text for a person, of several lines.
#[derive(Clone, PartialEq, Eq)]
pub struct Mismatch(String);

impl Mismatch {
    pub(super) fn new(text: String) -> Self {
        Self(text)
    }
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// As `unwrap` shows it: lines are for reading.
impl fmt::Debug for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Mismatch {}

/// The events with the least distance, oldest first, as lines; `marks` tells what to show of an event's fields.
pub(super) fn timeline(
    mut answer: Answer,
    mut distance: impl FnMut(&Recorded<'_>) -> usize,
    marks: &FieldsOf<'_>,
) -> String {
    let all = answer.len();
    let mut nearest: Vec<(usize, EventId)> =
        answer.iter().map(|event| (distance(&event), event.id())).collect();
    // Stable: of equal distance the oldest.
    nearest.sort_by_key(|(distance, _)| *distance);
    nearest.truncate(SHOWN);
    let shown: HashSet<EventId> = nearest.into_iter().map(|(_, id)| id).collect();
    answer.retain(|event| shown.contains(&event.id()));
    let lines = answer.timeline().without_ends().with_fields(marks).to_string();
    if all > SHOWN { format!("(the nearest {SHOWN} of {all})\n{lines}") } else { lines }
}

/// `order.filled x3, order.rejected x1`: the kinds in an answer, by name.
pub(super) fn kinds(answer: &Answer) -> String {
    let mut counts = BTreeMap::<&str, usize>::new();
    answer.iter().for_each(|event| *counts.entry(event.kind()).or_default() += 1);
    listed(counts.iter().map(|(kind, count)| format!("{kind} x{count}")))
}

/// Some of many, joined by commas.
pub(super) fn listed(mut items: impl Iterator<Item = String>) -> String {
    const MOST: usize = 10;
    let shown: Vec<String> = items.by_ref().take(MOST).collect();
    match (shown.is_empty(), items.count()) {
        (true, _) => "nothing".to_owned(),
        (false, 0) => shown.join(", "),
        (false, more) => format!("{}, and {more} more", shown.join(", ")),
    }
}

/// Why what is not in an answer may have happened all the same.
pub(super) fn doubt(verdict: Verdict) -> Option<&'static str> {
    (!verdict.is_complete()).then_some(
        "events were overwritten, pruned or lost, so how often it happened cannot be told: give the deck more \
         memory, or assert before it is cleared or shut down",
    )
}

/// How many letters lie between two names (Levenshtein).
pub(super) fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut diagonal = i;
        row[0] = i + 1;
        for (j, to) in b.iter().enumerate() {
            let changed = diagonal + usize::from(from != *to);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_names_are_near() {
        assert_eq!(distance("order.filed", "order.filled"), 1);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("same", "same"), 0);
    }

    #[test]
    fn lists_end() {
        assert_eq!(listed(std::iter::empty()), "nothing");
        assert_eq!(listed(["a", "b"].map(str::to_owned).into_iter()), "a, b");
        assert!(listed((0..12).map(|n| n.to_string())).ends_with("9, and 2 more"));
    }
}
