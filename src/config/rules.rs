//! Rules that many values have, each with the nearest thing that would do.

use super::validate::{Violations, shortened};
use std::fmt::Debug;
use std::ops::{Bound, RangeBounds};

/// How many of the values that are allowed a message lists.
const LISTED: usize = 16;

/// Ready rules. Each reports `field` if its value breaks the rule, with the rule's name and, where there is one, a remedy.
///
/// ```
/// use flightdeck::config::{Config, Validate, Violations};
///
/// #[derive(Debug)]
/// struct Storage { rate: f64, workers: usize, mode: String, warm: bool, path: Option<String> }
///
/// impl Validate for Storage {
///     fn validate(&self, report: &mut Violations) {
///         report.range("rate", &self.rate, 0.0..=1.0);
///         report.positive("workers", &self.workers);
///         report.one_of("mode", self.mode.as_str(), &["fast", "balanced", "thorough"]);
///         report.required_when(self.warm, "warm is on", "path", &self.path);
///     }
/// }
///
/// let value = Storage { rate: 1.5, workers: 0, mode: "fats".into(), warm: true, path: None };
/// let refused = Config::new(value).unwrap_err();
/// let said: Vec<_> = refused.violations().iter().map(ToString::to_string).collect();
/// assert_eq!(said, [
///     "rate = 1.5: must be at least 0.0 and at most 1.0 (nearest: 1.0)",
///     "workers = 0: must be greater than 0",
///     "mode = \"fats\": must be one of \"fast\", \"balanced\", \"thorough\" (nearest: \"fast\")",
///     "path = None: must be given, since warm is on",
/// ]);
/// ```
impl Violations {
    /// Rule `range`: the value must lie in `bounds`. One that cannot be compared, as NaN, does not.
    pub fn range<V: PartialOrd + Debug>(&mut self, field: &str, value: &V, bounds: impl RangeBounds<V>) {
        if bounds.contains(value) {
            return;
        }
        let (from, to) = (bounds.start_bound(), bounds.end_bound());
        let least = match from {
            Bound::Included(from) => Some(format!("at least {}", shortened(from))),
            Bound::Excluded(from) => Some(format!("greater than {}", shortened(from))),
            Bound::Unbounded => None,
        };
        let most = match to {
            Bound::Included(to) => Some(format!("at most {}", shortened(to))),
            Bound::Excluded(to) => Some(format!("less than {}", shortened(to))),
            Bound::Unbounded => None,
        };
        let within = match (least, most) {
            (Some(least), Some(most)) => format!("must be {least} and {most}"),
            (Some(one), None) | (None, Some(one)) => format!("must be {one}"),
            (None, None) => "must be comparable".to_owned(),
        };
        // Only a bound that belongs to the range would do.
        let nearest = match (from, to) {
            (Bound::Included(from), _) if value < from => Some(from),
            (_, Bound::Included(to)) if value > to => Some(to),
            _ => None,
        };
        let remedy = nearest.filter(|nearest| bounds.contains(nearest)).map(|nearest| suggestion(nearest));
        self.reject_by("range", field, value, within, remedy);
    }

    /// Rule `positive`: the value must be greater than the zero of its type.
    pub fn positive<V: PartialOrd + Default + Debug>(&mut self, field: &str, value: &V) {
        let zero = V::default();
        // Not by its opposite, which would let NaN pass.
        if *value > zero {
            return;
        }
        self.reject_by("positive", field, value, format!("must be greater than {}", shortened(&zero)), None);
    }

    /// Rule `one_of`: the value must be one of these.
    pub fn one_of<V: PartialEq + Debug + ?Sized>(&mut self, field: &str, value: &V, allowed: &[&V]) {
        if allowed.contains(&value) {
            return;
        }
        let all: Vec<String> = allowed.iter().map(|one| shortened(one)).collect();
        let mut reason = match allowed.len() {
            0 => "must not be given: nothing is allowed here".to_owned(),
            _ => format!("must be one of {}", all[..all.len().min(LISTED)].join(", ")),
        };
        if all.len() > LISTED {
            reason.push_str(&format!(" or {} more", all.len() - LISTED));
        }
        let found = shortened(&value);
        let nearest = all.iter().min_by_key(|one| distance(&found, one));
        // One that shares less than half with what was found is no typing error.
        let remedy = nearest.filter(|one| distance(&found, one) * 2 < found.chars().count());
        self.reject_by("one_of", field, &value, reason, remedy.map(|one| format!("nearest: {one}")));
    }

    /// Rule `required`: something must be there.
    pub fn required(&mut self, field: &str, value: &(impl Presence + Debug + ?Sized)) {
        if !value.is_present() {
            self.reject_by("required", field, &value, "must be given", None);
        }
    }

    /// Rule `required`, if the condition holds; `when` says which, as in `warm is on`.
    pub fn required_when(
        &mut self,
        condition: bool,
        when: &str,
        field: &str,
        value: &(impl Presence + Debug + ?Sized),
    ) {
        if condition && !value.is_present() {
            self.reject_by("required", field, &value, format!("must be given, since {when}"), None);
        }
    }
}

/// Whether something was given: an option that is `Some`, a text or list that is not empty.
pub trait Presence {
    /// Whether there is something.
    fn is_present(&self) -> bool;
}

impl<V> Presence for Option<V> {
    fn is_present(&self) -> bool {
        self.is_some()
    }
}

impl Presence for str {
    fn is_present(&self) -> bool {
        !self.is_empty()
    }
}

impl Presence for String {
    fn is_present(&self) -> bool {
        !self.is_empty()
    }
}

impl<V> Presence for Vec<V> {
    fn is_present(&self) -> bool {
        !self.is_empty()
    }
}

fn suggestion(value: &dyn Debug) -> String {
    format!("nearest: {}", shortened(value))
}

/// How many insertions, deletions, changes and swaps of neighbours lie between two short texts.
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut before: Vec<usize> = Vec::new();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    let mut last = None;
    for (index, char) in one.chars().enumerate() {
        let mut next = vec![index + 1];
        for (at, theirs) in other.iter().enumerate() {
            let changed = row[at] + usize::from(char != *theirs);
            let mut least = changed.min(row[at + 1] + 1).min(next[at] + 1);
            if at > 0 && last == Some(*theirs) && char == other[at - 1] {
                least = least.min(before[at - 1] + 1);
            }
            next.push(least);
        }
        (before, row) = (row, next);
        last = Some(char);
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(report: impl FnOnce(&mut Violations)) -> Vec<String> {
        let mut violations = Violations::default();
        report(&mut violations);
        violations.iter().map(|violation| format!("{}: {violation}", violation.rule)).collect()
    }

    #[test]
    fn a_range_names_its_bounds_and_the_nearest_that_belongs_to_it() {
        assert!(said(|report| report.range("a", &5, 1..=5)).is_empty());
        assert_eq!(
            said(|report| {
                report.range("a", &0, 1..=5);
                report.range("b", &5, 1..5);
                report.range("c", &9, ..=7);
                report.range("d", &f64::NAN, 0.0..);
                report.range("e", &-1, (Bound::Included(5), Bound::Excluded(1)));
            }),
            [
                "range: a = 0: must be at least 1 and at most 5 (nearest: 1)",
                "range: b = 5: must be at least 1 and less than 5",
                "range: c = 9: must be at most 7 (nearest: 7)",
                "range: d = NaN: must be at least 0.0",
                "range: e = -1: must be at least 5 and less than 1",
            ]
        );
    }

    #[test]
    fn what_is_positive_is_more_than_zero() {
        assert!(said(|report| report.positive("a", &0.1)).is_empty());
        let refused = said(|report| {
            report.positive("a", &0_u8);
            report.positive("b", &f64::NAN);
            report.positive("c", &std::time::Duration::ZERO);
        });
        assert_eq!(
            refused,
            [
                "positive: a = 0: must be greater than 0",
                "positive: b = NaN: must be greater than 0.0",
                "positive: c = 0ns: must be greater than 0ns"
            ]
        );
    }

    #[test]
    fn of_many_that_are_allowed_some_are_listed_and_the_nearest_is_named() {
        let numbers: Vec<u64> = (100..200).collect();
        let allowed: Vec<&u64> = numbers.iter().collect();
        let text = said(|report| report.one_of("a", &99, &allowed)).concat();
        assert!(text.ends_with("114, 115 or 84 more"), "{text}");
        assert!(said(|report| report.one_of("a", &150, &allowed)).is_empty());
        let text = said(|report| report.one_of("a", "tca", &["cat", "dog"])).concat();
        assert!(text.ends_with("must be one of \"cat\", \"dog\" (nearest: \"cat\")"), "{text}");
        assert_eq!(
            said(|report| report.one_of("a", "x", &[])),
            ["one_of: a = \"x\": must not be given: nothing is allowed here"]
        );
    }

    #[test]
    fn what_is_required_is_required_only_then() {
        let refused = said(|report| {
            report.required("a", "");
            report.required("b", "text");
            report.required_when(false, "c is on", "d", &None::<u8>);
            report.required_when(true, "c is on", "e", &Vec::<u8>::new());
        });
        assert_eq!(
            refused,
            ["required: a = \"\": must be given", "required: e = []: must be given, since c is on"]
        );
    }

    #[test]
    fn distances_are_those_of_typing_errors() {
        for (one, other, expected) in
            [("", "", 0), ("", "ab", 2), ("fats", "fast", 1), ("fast", "fas", 1), ("kitten", "sitting", 3)]
        {
            assert_eq!((distance(one, other), distance(other, one)), (expected, expected), "{one} {other}");
        }
    }
}
