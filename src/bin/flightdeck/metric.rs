//! A value of telemetry.

use crate::shown::{self, grouped, plain};
use flightdeck::telemetry::{HistogramValues, SeriesKey, Unit, Value};
use serde_json::{Value as Json, json};

/// For people, with its unit.
pub fn shown(value: &Value, unit: Option<Unit>) -> String {
    let of = |value| number(value, unit);
    let signed = |number: i64| {
        let minus = if number < 0 { "-" } else { "" };
        format!("{minus}{}", of(number.unsigned_abs()))
    };
    match value {
        Value::Counter(count) => of(*count),
        Value::UpDownCounter(number) | Value::Gauge(number) => signed(*number),
        Value::FloatGauge(number) => with(number.to_string(), unit),
        Value::Histogram(values) => {
            let [half, most, max] = quantiles(values).map(|value| value.map_or_else(|| "?".to_owned(), of));
            format!("{} values, median {half}, p99 {most}, greatest {max}", grouped(values.count()))
        }
        // A sort of metric that came later.
        _ => "?".to_owned(),
    }
}

/// A number with its unit.
pub fn number(number: u64, unit: Option<Unit>) -> String {
    match unit.as_ref().and_then(Unit::open_metrics) {
        Some("nanoseconds") => shown::ns(number),
        _ => with(grouped(number), unit),
    }
}

fn with(number: String, unit: Option<Unit>) -> String {
    match unit.as_ref().and_then(Unit::open_metrics) {
        Some(unit) => format!("{number} {}", plain(unit)),
        None => number,
    }
}

/// In the middle, of 99 in 100, and the greatest.
pub fn quantiles(values: &HistogramValues) -> [Option<u64>; 3] {
    [values.quantile(0.5), values.quantile(0.99), values.greatest()]
}

/// For programs.
pub fn json(key: &SeriesKey, value: &Value) -> Json {
    let labels: serde_json::Map<_, _> =
        key.labels().iter().map(|(name, value)| (name.to_owned(), value.into())).collect();
    let value = match value {
        Value::Counter(count) => json!(count),
        Value::UpDownCounter(number) | Value::Gauge(number) => json!(number),
        // Not a number and the infinities are none in JSON.
        Value::FloatGauge(number) if !number.is_finite() => json!(number.to_string()),
        Value::FloatGauge(number) => json!(number),
        Value::Histogram(values) => {
            let [median, p99, greatest] = quantiles(values);
            json!({
                "count": values.count(), "sum": values.sum(),
                "median": median, "p99": p99, "greatest": greatest,
            })
        }
        _ => Json::Null,
    };
    json!({
        "name": key.name(),
        "labels": labels,
        "type": key.metric_type().to_string(),
        "unit": key.unit().as_ref().and_then(Unit::open_metrics),
        "value": value,
    })
}
