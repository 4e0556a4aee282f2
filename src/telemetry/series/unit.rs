//! What the numbers of a metric measure, and what a person is told of it.

use crate::sync::Arc;
use std::borrow::Cow;
use std::fmt;
use std::hash::{Hash, Hasher};

/// What a metric's numbers count or measure. Says it only: no number is converted.
///
/// ```
/// use flightdeck::telemetry::Unit;
/// assert_eq!((Unit::Bytes.open_metrics(), &*Unit::Bytes.ucum()), (Some("bytes"), "By"));
/// assert_eq!((Unit::Other("orders").open_metrics(), &*Unit::Other("orders").ucum()), (Some("orders"), "{orders}"));
/// ```
///
/// Units are equal if their names are.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Unit {
    /// How many.
    Count,
    /// A share, from 0 to 1 as a rule.
    Ratio,
    /// A share in hundredths.
    Percent,
    /// Bytes.
    Bytes,
    /// Seconds.
    Seconds,
    /// Thousandths of a second.
    Milliseconds,
    /// Millionths of a second.
    Microseconds,
    /// Billionths of a second.
    Nanoseconds,
    /// Degrees Celsius.
    Celsius,
    /// Anything else, in the plural: `orders`. Letters, digits and `_`.
    Other(&'static str),
    /// Such another one, whose name was read: see [`Recording`](super::super::Recording).
    Read(UnitName),
}

/// The name of a unit that was read.
#[derive(Clone, Copy)]
pub struct UnitName {
    /// ASCII, filled up with zeros.
    bytes: [u8; MOST_UNIT],
    len: u8,
}

impl UnitName {
    fn new(name: &str) -> Option<Self> {
        let mut bytes = [0; MOST_UNIT];
        bytes.get_mut(..name.len())?.copy_from_slice(name.as_bytes());
        Some(Self { bytes, len: name.len() as u8 })
    }

    /// As a text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        let bytes = self.bytes.get(..self.len.into()).unwrap_or_default();
        std::str::from_utf8(bytes).unwrap_or_default()
    }
}

impl fmt::Debug for UnitName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl PartialEq for Unit {
    fn eq(&self, other: &Self) -> bool {
        self.open_metrics() == other.open_metrics()
    }
}

impl Eq for Unit {}

impl Hash for Unit {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.open_metrics().hash(state);
    }
}

impl Unit {
    /// Its name in OpenMetrics, which is what Prometheus reads; none for a mere count.
    #[must_use]
    pub fn open_metrics(&self) -> Option<&str> {
        Some(match self {
            Self::Count => return None,
            Self::Ratio => "ratio",
            Self::Percent => "percent",
            Self::Bytes => "bytes",
            Self::Seconds => "seconds",
            Self::Milliseconds => "milliseconds",
            Self::Microseconds => "microseconds",
            Self::Nanoseconds => "nanoseconds",
            Self::Celsius => "celsius",
            Self::Other(name) => name,
            Self::Read(name) => name.as_str(),
        })
    }

    /// Its code in UCUM, which is what OpenTelemetry writes; what UCUM does not know is an annotation in braces.
    #[must_use]
    pub fn ucum(self) -> Cow<'static, str> {
        Cow::Borrowed(match self {
            Self::Count | Self::Ratio => "1",
            Self::Percent => "%",
            Self::Bytes => "By",
            Self::Seconds => "s",
            Self::Milliseconds => "ms",
            Self::Microseconds => "us",
            Self::Nanoseconds => "ns",
            Self::Celsius => "Cel",
            Self::Other(name) => return Cow::Owned(format!("{{{name}}}")),
            Self::Read(name) => return Cow::Owned(format!("{{{}}}", name.as_str())),
        })
    }

    /// One of this name, if every exporter can carry it.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Some(Self::Read(UnitName::new(name)?)).filter(Self::is_fit)
    }

    /// Whether each exporter can carry its name.
    pub(crate) fn is_fit(&self) -> bool {
        self.open_metrics().is_none_or(|name| {
            (1..=MOST_UNIT).contains(&name.len())
                && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        })
    }
}

/// Bytes of a unit's name.
pub(super) const MOST_UNIT: usize = 63;

/// Its name in OpenMetrics; `count` for a count.
impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.open_metrics().unwrap_or("count"))
    }
}

/// What a metric is for, its unit, and how many label sets it may have: see
/// [`Telemetry::describe`](super::super::Telemetry::describe).
///
/// ```
/// use flightdeck::telemetry::{Description, Unit};
/// let description = Description::new("time from request to answer").unit(Unit::Nanoseconds).most_series(50);
/// assert_eq!(description.help(), "time from request to answer");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Description {
    help: Arc<str>,
    unit: Option<Unit>,
    most_series: usize,
}

impl Description {
    /// Label sets that a metric may have unless its description says otherwise.
    pub const MOST_SERIES: usize = 1_000;

    /// What the metric is for, in a sentence.
    #[must_use]
    pub fn new(help: &str) -> Self {
        Self { help: help.into(), unit: None, most_series: Self::MOST_SERIES }
    }

    /// The unit of its numbers.
    #[must_use]
    pub fn unit(self, unit: Unit) -> Self {
        Self { unit: Some(unit), ..self }
    }

    /// How many label sets it may have at once; [`Description::MOST_SERIES`] unless said. Further ones share one
    /// series.
    #[must_use]
    pub fn most_series(self, most_series: usize) -> Self {
        Self { most_series, ..self }
    }

    /// What the metric is for.
    #[must_use]
    pub fn help(&self) -> &str {
        &self.help
    }

    pub(crate) fn its_unit(&self) -> Option<Unit> {
        self.unit
    }

    pub(crate) fn unit_name(&self) -> String {
        self.unit.map_or_else(|| "no unit".to_owned(), |unit| unit.to_string())
    }

    pub(crate) fn limit(&self) -> usize {
        self.most_series
    }
}

impl Default for Description {
    fn default() -> Self {
        Self::new("")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_unit_that_was_read_is_that_of_its_name() {
        assert_eq!(Unit::named("orders"), Some(Unit::Other("orders")));
        assert_eq!(Unit::named("orders").unwrap().ucum(), "{orders}");
        assert_ne!(Unit::named("orders"), Some(Unit::Bytes));
        for unfit in ["", "a b", "\u{fc}", &"a".repeat(64)] {
            assert_eq!(Unit::named(unfit), None, "{unfit:?}");
        }
    }

    #[test]
    fn a_unit_fits_if_every_exporter_can_carry_it() {
        for fit in [Unit::Count, Unit::Bytes, Unit::Other("orders_2")] {
            assert!(fit.is_fit(), "{fit}");
        }
        for unfit in ["", "a b", "a\n", "\u{fc}", &"a".repeat(64)] {
            assert!(!Unit::Other(unfit.to_owned().leak()).is_fit(), "{unfit:?}");
        }
    }
}
