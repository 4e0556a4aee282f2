//! Base units: what Prometheus has its users count in.

use super::number::Scale;
use crate::telemetry::Unit;

/// How a unit is told.
pub(super) struct Base<'a> {
    /// What a metric's name ends in, if it has to.
    pub(super) suffix: Option<&'static str>,
    /// What it ends in otherwise, by habit; not with the base unit.
    pub(super) instead_of: &'static [&'static str],
    /// What numbers are divided by.
    pub(super) scale: Scale,
    /// What is said to be the unit, if the name ends in it.
    pub(super) name: Option<&'a str>,
}

/// What becomes of a unit. Times are told in seconds and percents as a ratio, as exactly as they were counted.
pub(super) fn base(unit: Option<&Unit>) -> Base<'_> {
    let of = |suffix, instead_of, places| Base {
        suffix: Some(suffix),
        instead_of,
        scale: Scale { places },
        name: Some(suffix),
    };
    match unit {
        Some(Unit::Seconds) => of("seconds", &[], 0),
        Some(Unit::Milliseconds) => of("seconds", &["_milliseconds", "_millis", "_ms"], 3),
        Some(Unit::Microseconds) => of("seconds", &["_microseconds", "_micros", "_us"], 6),
        Some(Unit::Nanoseconds) => of("seconds", &["_nanoseconds", "_nanos", "_ns"], 9),
        Some(Unit::Bytes) => of("bytes", &[], 0),
        Some(Unit::Ratio) => of("ratio", &[], 0),
        Some(Unit::Percent) => of("ratio", &["_percent"], 2),
        Some(Unit::Celsius) => of("celsius", &[], 0),
        // `orders_filled` in orders is no `orders_filled_orders`: such a unit is told where the name has it already.
        Some(other) => Base { suffix: None, instead_of: &[], scale: Scale::NONE, name: other.open_metrics() },
        None => Base { suffix: None, instead_of: &[], scale: Scale::NONE, name: None },
    }
}
