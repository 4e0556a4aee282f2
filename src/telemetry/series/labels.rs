//! Label sets: what tells the series of one metric apart.

use super::name::{LabelError, MOST_LABELS, MOST_VALUE, OVERFLOW_KEY, check_key, cut};
use crate::sync::Arc;
use std::fmt::{self, Write as _};

/// A set of labels, ordered by key. Two sets are equal if all keys and all values are; order does not matter. Cheap
/// to clone.
///
/// Keys are the host's: not empty, unique, at most 127 bytes, no control characters, not `overflow`. Values are any
/// text, also none; of a longer one the first 255 bytes are kept (whole characters), and that is counted.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Labels(Arc<[(Box<str>, Box<str>)]>);

impl Labels {
    /// The set of a metric's labels, and how many values were cut.
    pub(crate) fn new(metric: &str, labels: &[(&str, &str)]) -> Result<(Self, u64), LabelError> {
        if labels.len() > MOST_LABELS {
            return Err(LabelError::TooMany { metric: metric.to_owned(), given: labels.len() });
        }
        labels.iter().try_for_each(|(key, _)| check_key(metric, key))?;
        let mut sorted = labels.to_vec();
        sorted.sort_unstable_by_key(|(key, _)| *key);
        let twice = sorted.iter().zip(sorted.iter().skip(1)).find(|(one, other)| one.0 == other.0);
        if let Some(((key, _), _)) = twice {
            return Err(LabelError::Twice { metric: metric.to_owned(), key: (*key).to_owned() });
        }
        let long = labels.iter().filter(|(_, value)| value.len() > MOST_VALUE).count() as u64;
        Ok((
            Self(sorted.iter().map(|(key, value)| ((*key).into(), cut(value, MOST_VALUE).into())).collect()),
            long,
        ))
    }

    /// Of the series in which label sets beyond the limit are counted.
    pub(crate) fn overflow() -> Self {
        Self([(OVERFLOW_KEY.into(), "true".into())].into())
    }

    /// Whether there are none: the series of a metric that is asked for without labels.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Keys and values, by key.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &str)> {
        self.0.iter().map(|(key, value)| (&**key, &**value))
    }

    /// The value of a key.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&str> {
        let found = self.0.binary_search_by(|(other, _)| (**other).cmp(key)).ok()?;
        self.0.get(found).map(|(_, value)| &**value)
    }

    /// Whether these are the labels of the series in which label sets beyond a metric's limit are counted.
    #[must_use]
    pub fn is_overflow(&self) -> bool {
        self.get(OVERFLOW_KEY).is_some()
    }

    /// Compares with labels that are sorted by key.
    pub(crate) fn compare(&self, sorted: &[(&str, &str)]) -> std::cmp::Ordering {
        self.iter().cmp(sorted.iter().copied())
    }
}

impl Default for Labels {
    /// None.
    fn default() -> Self {
        Self([].into())
    }
}

/// `{method="GET",path="/a\"b"}`: on one line, whatever the values hold.
impl fmt::Display for Labels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_char('{')?;
        for (index, (key, value)) in self.iter().enumerate() {
            if index > 0 {
                f.write_char(',')?;
            }
            write!(f, "{key}={value:?}")?;
        }
        f.write_char('}')
    }
}

impl fmt::Debug for Labels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Labels({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_does_not_matter_and_everything_else_does() {
        let set = |labels: &[(&str, &str)]| Labels::new("m", labels).unwrap().0;
        assert_eq!(set(&[("b", "2"), ("a", "1")]), set(&[("a", "1"), ("b", "2")]));
        // What joined text would mix up.
        let alike = [set(&[("a", "1,b=2")]), set(&[("a", "1"), ("b", "2")]), set(&[("a", "12"), ("b", "")])];
        assert!(alike[0] != alike[1] && alike[1] != alike[2] && alike[0] != alike[2]);
        assert_eq!(alike[1].get("b"), Some("2"));
        assert_eq!(alike[1].get("c"), None);
    }

    #[test]
    fn hostile_values_stay_on_one_line() {
        let (set, cut) =
            Labels::new("m", &[("a", "x\"\n\\\u{0}\u{2028}"), ("b", &"\u{fc}".repeat(1 << 19))]).unwrap();
        assert_eq!((cut, set.get("b").map(str::len)), (1, Some(254)));
        let text = set.to_string();
        assert!(text.starts_with(r#"{a="x\"\n\\\0\u{2028}",b="#), "{text}");
        assert!(!text.contains(char::is_control));
    }
}
