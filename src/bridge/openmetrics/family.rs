//! A metric as a page tells it: its name there, its type, its unit.

use super::format::Format;
use super::name::{help, is_plain, plain, quoted};
use super::number::Scale;
use super::text::Text;
use super::unit::base;
use crate::telemetry::{MetricType, SeriesKey, Unit, Value};

/// What a page says a metric is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shown {
    Counter,
    Gauge,
    Histogram,
    /// A counter without `_total`, which OpenMetrics has not.
    Unknown,
}

impl Shown {
    pub(super) fn name(self, format: Format) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
            Self::Unknown if format.is_open_metrics => "unknown",
            Self::Unknown => "untyped",
        }
    }
}

/// A metric as a page tells it.
#[derive(Debug)]
pub(super) struct Family {
    /// In OpenMetrics a counter's without `_total`, which its samples have.
    pub(super) name: String,
    /// What comes after it in samples that are no histogram's.
    pub(super) suffix: &'static str,
    pub(super) shown: Shown,
    pub(super) scale: Scale,
    /// Only one in which the name ends.
    pub(super) unit: Option<String>,
    /// Whether its name needs quotes.
    pub(super) is_quoted: bool,
}

/// How lines of a family's samples begin.
#[derive(Debug)]
pub(super) struct Head {
    /// Without labels, up to the value.
    pub(super) bare: Text,
    /// Up to the labels.
    pub(super) labelled: Text,
}

impl Head {
    /// Begins the line of a series of these labels, and perhaps one more.
    #[inline]
    pub(super) fn write(&self, out: &mut Text, labels: &Text, label: &Text) {
        if labels.is_empty() && label.is_empty() {
            return out.push_text(&self.bare);
        }
        out.push_text(&self.labelled);
        out.push_text(labels);
        if !labels.is_empty() && !label.is_empty() {
            out.push(',');
        }
        out.push_text(label);
        out.push_str("} ");
    }
}

impl Family {
    /// Of a metric all of whose values could be a counter's, or not.
    pub(super) fn of(key: &SeriesKey, could_be_counted: bool, format: Format, with_total: bool) -> Self {
        let shown = match key.metric_type() {
            MetricType::Counter => Shown::Counter,
            MetricType::Histogram => Shown::Histogram,
            _ if could_be_counted && is_counted_elsewhere(key) => Shown::Counter,
            _ => Shown::Gauge,
        };
        Self::named(key.name(), shown, key.unit().as_ref(), format, with_total)
    }

    pub(super) fn named(
        name: &str,
        shown: Shown,
        unit: Option<&Unit>,
        format: Format,
        with_total: bool,
    ) -> Self {
        let base = base(unit);
        let stem = match shown {
            Shown::Counter => name.strip_suffix("_total").filter(|stem| !stem.is_empty()).unwrap_or(name),
            _ => name,
        };
        let habit = base.instead_of.iter().find_map(|habit| stem.strip_suffix(habit));
        let stem = habit.filter(|stem| !stem.is_empty()).unwrap_or(stem);
        let mut name = if format.is_utf8 { stem.to_owned() } else { plain(stem).into_owned() };
        if let Some(suffix) = base.suffix.filter(|suffix| !ends_in(&name, suffix)) {
            name.push('_');
            name.push_str(suffix);
        }
        let unit = base.name.filter(|unit| ends_in(&name, unit)).map(str::to_owned);
        let (shown, suffix) = match shown {
            Shown::Counter if with_total => (Shown::Counter, "_total"),
            // Whoever wants the bare name has it as it was given.
            Shown::Counter if format.is_open_metrics => (Shown::Unknown, ""),
            other => (other, ""),
        };
        if shown == Shown::Counter && !format.is_open_metrics {
            name.push_str(suffix);
            return Self { is_quoted: !is_plain(&name), name, suffix: "", shown, scale: base.scale, unit };
        }
        Self { is_quoted: !is_plain(&name), name, suffix, shown, scale: base.scale, unit }
    }

    /// Writes what comes before its samples; how many characters of the help text were replaced.
    pub(super) fn heading(&self, out: &mut Text, text: &str, format: Format) -> u64 {
        self.comment(out, "# HELP ");
        let text = if text.is_empty() { "Not described." } else { text };
        let replaced = help(out, text, format.is_open_metrics);
        out.push('\n');
        self.comment(out, "# TYPE ");
        out.push_str(self.shown.name(format));
        out.push('\n');
        if let Some(unit) = self.unit.as_deref().filter(|_| format.is_open_metrics) {
            self.comment(out, "# UNIT ");
            out.push_str(unit);
            out.push('\n');
        }
        replaced
    }

    fn comment(&self, out: &mut Text, start: &str) {
        out.push_str(start);
        if self.is_quoted {
            out.push('"');
            quoted(out, &self.name);
            out.push('"');
        } else {
            out.push_str(&self.name);
        }
        out.push(' ');
    }

    /// How the lines of its samples of this suffix begin.
    pub(super) fn head(&self, suffix: &str) -> Head {
        let with = |start: &str, end: &str| {
            let mut head = Text::from(start);
            quoted(&mut head, &self.name);
            head.push_str(suffix);
            head.push_str(end);
            head
        };
        if self.is_quoted {
            Head { bare: with("{\"", "\"} "), labelled: with("{\"", "\",") }
        } else {
            Head { bare: with("", " "), labelled: with("", "{") }
        }
    }

    /// All names that its samples have, and its own: no other metric may have one of them.
    pub(super) fn names(&self) -> impl Iterator<Item = String> {
        let suffixes: &[&str] = match self.shown {
            Shown::Histogram => &["", "_bucket", "_count", "_sum"],
            _ if !self.suffix.is_empty() => &["", "_total"],
            _ => &[""],
        };
        suffixes.iter().map(|suffix| format!("{}{suffix}", self.name))
    }
}

fn ends_in(name: &str, unit: &str) -> bool {
    name.strip_suffix(unit).is_some_and(|before| before.ends_with('_'))
}

/// What is a gauge here since somebody else counts it, such as `process_cpu_seconds_total`.
pub(super) fn is_counted_elsewhere(key: &SeriesKey) -> bool {
    matches!(key.metric_type(), MetricType::Gauge | MetricType::FloatGauge) && key.name().ends_with("_total")
}

pub(super) fn could_be_counted(value: &Value) -> bool {
    match value {
        Value::Gauge(number) => *number >= 0,
        Value::FloatGauge(number) => *number >= 0.0 && number.is_finite(),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(name: &str, shown: Shown, unit: Option<Unit>, format: Format) -> (String, Option<String>) {
        let family = Family::named(name, shown, unit.as_ref(), format, true);
        (format!("{}{}", family.name, family.suffix), family.unit)
    }

    #[test]
    fn a_name_ends_in_its_base_unit_and_a_counter_in_total() {
        let open = Format::OPEN_METRICS;
        for (given, shown, unit, expected) in [
            ("requests", Shown::Counter, None, "requests_total"),
            ("requests_total", Shown::Counter, None, "requests_total"),
            ("_total", Shown::Counter, None, "_total_total"),
            ("busy_ns_total", Shown::Counter, Some(Unit::Nanoseconds), "busy_seconds_total"),
            ("latency_ns", Shown::Histogram, Some(Unit::Nanoseconds), "latency_seconds"),
            ("latency", Shown::Histogram, Some(Unit::Milliseconds), "latency_seconds"),
            ("job_seconds", Shown::Histogram, Some(Unit::Nanoseconds), "job_seconds"),
            ("_ns", Shown::Gauge, Some(Unit::Nanoseconds), "_ns_seconds"),
            ("heap", Shown::Gauge, Some(Unit::Bytes), "heap_bytes"),
            ("cpu_percent", Shown::Gauge, Some(Unit::Percent), "cpu_ratio"),
            ("open", Shown::Gauge, Some(Unit::Other("orders")), "open"),
            ("db.calls", Shown::Counter, Some(Unit::Count), "db_calls_total"),
        ] {
            assert_eq!(name(given, shown, unit, open).0, expected, "{given}");
            assert_eq!(name(given, shown, unit, Format::TEXT).0, expected, "{given}");
        }
        assert_eq!(name("db.calls", Shown::Counter, None, open.with_utf8_names()).0, "db.calls_total");
    }

    #[test]
    fn a_unit_is_told_only_where_the_name_ends_in_it() {
        let unit = |given, unit| name(given, Shown::Gauge, Some(unit), Format::OPEN_METRICS).1;
        assert_eq!(unit("lag_ms", Unit::Milliseconds).as_deref(), Some("seconds"));
        assert_eq!(unit("open", Unit::Other("orders")), None);
        assert_eq!(unit("open_orders", Unit::Other("orders")).as_deref(), Some("orders"));
        assert_eq!(unit("orders", Unit::Other("orders")), None);
    }

    #[test]
    fn a_counter_without_total_is_one_in_text_only() {
        let family = |format| Family::named("requests_total", Shown::Counter, None, format, false);
        let (open, text) = (family(Format::OPEN_METRICS), family(Format::TEXT));
        assert_eq!((&*open.name, open.suffix, open.shown), ("requests", "", Shown::Unknown));
        assert_eq!((&*text.name, text.suffix, text.shown), ("requests", "", Shown::Counter));
    }
}
