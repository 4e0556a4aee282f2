//! Pages of the view, as lines.

use super::sight::{Deck, Metric, Sight};
use super::state::State;
use crate::metric;
use crate::shown::{self, grouped, nanos, plain};
use flightdeck::supervisor::WorkerState;
use flightdeck::telemetry::{HistogramValues, Unit, Value};
use flightdeck::{RecordedValue, Severity};
use std::time::SystemTime;

/// What a line is about: how it is painted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    Plain,
    /// A heading.
    Head,
    Good,
    Doubtful,
    Bad,
    Faint,
}

/// A line, and how it is painted.
pub type Row = (Tone, String);

/// A page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Page {
    Rates,
    Gauges,
    Histograms,
    Workers,
    Config,
    Events,
}

impl Page {
    pub const ALL: [Self; 6] =
        [Self::Rates, Self::Gauges, Self::Histograms, Self::Workers, Self::Config, Self::Events];
    /// Those that make sense of several decks together.
    pub const OF_METRICS: [Self; 3] = [Self::Rates, Self::Gauges, Self::Histograms];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Rates => "rates",
            Self::Gauges => "gauges",
            Self::Histograms => "histograms",
            Self::Workers => "workers",
            Self::Config => "config",
            Self::Events => "events",
        }
    }

    /// What stands above the lines, whatever is left out of them.
    pub fn head(self, sight: &Sight) -> Option<String> {
        match self {
            Self::Rates => Some(columns("A SECOND", "TOTAL", "COUNTER")),
            Self::Gauges => Some(columns("", "VALUE", "GAUGE")),
            Self::Histograms => {
                let over =
                    sight.window().map_or_else(|| "ITS LIFE".to_owned(), |window| shown::ns(nanos(window)));
                Some(quantiles("A SECOND", ["MEDIAN", "P99", "GREATEST"], &format!("HISTOGRAM, OVER {over}")))
            }
            Self::Workers | Self::Config | Self::Events => None,
        }
    }

    /// Its lines, those with the text that is asked for.
    pub fn rows(self, sight: &Sight, state: &State) -> Vec<Row> {
        let mut rows = match self {
            Self::Rates => rates(sight, state.is_by_name),
            Self::Gauges => gauges(sight),
            Self::Histograms => histograms(sight, state.is_by_name),
            Self::Workers => sight.decks.iter().flat_map(|deck| workers(deck, sight.time)).collect(),
            Self::Config => sight.decks.iter().flat_map(|deck| config(deck, sight.time)).collect(),
            Self::Events => {
                let lines = sight.decks.iter().flat_map(|deck| &deck.events);
                lines.map(|(severity, line)| (of_severity(*severity), line.clone())).collect()
            }
        };
        if !state.filter.is_empty() {
            let text = state.filter.to_lowercase();
            rows.retain(|(_, line)| line.to_lowercase().contains(&text));
        }
        rows
    }
}

fn of_severity(severity: Severity) -> Tone {
    match severity {
        Severity::Critical | Severity::Error => Tone::Bad,
        Severity::Warn => Tone::Doubtful,
        Severity::Debug | Severity::Trace => Tone::Faint,
        _ => Tone::Plain,
    }
}

/// A line of a counter or a gauge.
pub fn columns(rate: &str, value: &str, name: &str) -> String {
    format!("{rate:>14}  {value:>20}  {name}")
}

fn quantiles(rate: &str, values: [&str; 3], name: &str) -> String {
    let [median, p99, greatest] = values;
    format!("{rate:>14}  {median:>12}  {p99:>12}  {greatest:>12}  {name}")
}

/// `12.3`, `1,234`; nothing where it is not known yet.
pub fn rate(rate: Option<f64>) -> String {
    match rate {
        None => "-".to_owned(),
        Some(rate) if rate < 100.0 => format!("{rate:.1}"),
        Some(rate) => grouped(rate.round() as u64),
    }
}

/// Metrics of a sort with their sizes, the greatest first or by name.
fn sorted<'a>(
    sight: &'a Sight,
    is_by_name: bool,
    size: impl Fn(&'a Metric) -> Option<f64>,
) -> Vec<(&'a str, &'a Metric)> {
    let mut all: Vec<_> = sight
        .metrics
        .iter()
        .filter_map(|(name, metric)| size(metric).map(|size| (size, name.as_str(), metric)))
        .collect();
    if !is_by_name {
        // Stable: of one size they stay in the order of their names.
        all.sort_by(|(one, ..), (other, ..)| other.total_cmp(one));
    }
    all.into_iter().map(|(_, name, metric)| (name, metric)).collect()
}

/// Those that count, by rate; of one rate by how much they counted.
pub fn counters(sight: &Sight, is_by_name: bool) -> Vec<(&str, &Metric)> {
    sorted(sight, is_by_name, |metric| match &metric.value {
        Value::Counter(count) => {
            // No rate is as small as what a total adds.
            Some(metric.rate.unwrap_or(0.0) + *count as f64 * 1e-30)
        }
        _ => None,
    })
}

pub fn gauges_of(sight: &Sight) -> Vec<(&str, &Metric)> {
    sorted(sight, true, |metric| match &metric.value {
        Value::Counter(_) | Value::Histogram(_) => None,
        _ => Some(0.0),
    })
}

pub fn histograms_of(sight: &Sight, is_by_name: bool) -> Vec<(&str, &Metric)> {
    sorted(sight, is_by_name, |metric| match &metric.value {
        Value::Histogram(values) => Some(metric.rate.unwrap_or(0.0) + values.count() as f64 * 1e-30),
        _ => None,
    })
}

fn tone(metric: &Metric) -> Tone {
    if metric.rate.is_some_and(|rate| rate > 0.0) { Tone::Good } else { Tone::Plain }
}

fn rates(sight: &Sight, is_by_name: bool) -> Vec<Row> {
    let events = sight.decks.iter().map(|deck| deck.recorded).sum::<u64>();
    let of_events = sight.decks.iter().map(|deck| deck.rate).sum::<Option<f64>>();
    let mut rows = Vec::new();
    if events > 0 || of_events.is_some() {
        rows.push((Tone::Head, columns(&rate(of_events), &grouped(events), "events recorded")));
    }
    rows.extend(
        counters(sight, is_by_name).into_iter().map(|(name, of)| {
            (tone(of), columns(&rate(of.rate), &metric::shown(&of.value, of.unit()), name))
        }),
    );
    rows
}

fn gauges(sight: &Sight) -> Vec<Row> {
    let row =
        |(name, of): (&str, &Metric)| (Tone::Plain, columns("", &metric::shown(&of.value, of.unit()), name));
    gauges_of(sight).into_iter().map(row).collect()
}

fn histograms(sight: &Sight, is_by_name: bool) -> Vec<Row> {
    let row = |(name, of): (&str, &Metric)| (tone(of), histogram(name, of, sight));
    histograms_of(sight, is_by_name).into_iter().map(row).collect()
}

pub fn histogram(name: &str, of: &Metric, sight: &Sight) -> String {
    let told = sight.values(of).map_or_else(Default::default, |values| told(values, of.unit()));
    quantiles(&rate(of.rate), told.each_ref().map(String::as_str), name)
}

fn told(values: &HistogramValues, unit: Option<Unit>) -> [String; 3] {
    metric::quantiles(values)
        .map(|value| value.map_or_else(|| "-".to_owned(), |value| metric::number(value, unit)))
}

fn ago(at: SystemTime, now: SystemTime) -> String {
    shown::ago(nanos(now.duration_since(at).unwrap_or_default()))
}

fn workers(deck: &Deck, now: SystemTime) -> Vec<Row> {
    let mut rows = Vec::new();
    if let Some(health) = &deck.health {
        let is_well = health.concerns.is_empty();
        let ready = if health.is_ready { "ready" } else { "not ready" };
        let concerns = shown::count(health.concerns.len() as u64, "concern");
        let tone = if is_well { Tone::Good } else { Tone::Bad };
        rows.push((tone, format!("health: {}, {ready}, {concerns}", health.level)));
        rows.extend(health.concerns.iter().map(|concern| {
            (Tone::Bad, format!("  for {}: {}", ago(concern.since, now), plain(&concern.text)))
        }));
    }
    match deck.looked {
        Some(looked) => rows.push((Tone::Faint, format!("workers as they were {} ago:", ago(looked, now)))),
        None => rows.push((Tone::Faint, "the deck has not said yet how its workers are".to_owned())),
    }
    for worker in &deck.workers {
        let (tone, state) = match &worker.state {
            WorkerState::Running => (Tone::Good, "running".to_owned()),
            WorkerState::BackingOff { delay } => {
                (Tone::Bad, format!("failed, back in {}", shown::ns(nanos(*delay))))
            }
            WorkerState::Finished if worker.has_failed => (Tone::Bad, "failed".to_owned()),
            state @ (WorkerState::Hung | WorkerState::Abandoned) => {
                (Tone::Bad, format!("{state:?}").to_lowercase())
            }
            state => (Tone::Plain, format!("{state:?}").to_lowercase()),
        };
        let beat = worker
            .last_heartbeat
            .map(|at| format!(", last heartbeat {} ago", ago(at, now)))
            .unwrap_or_default();
        let restarts = shown::count(worker.restarts, "restart");
        rows.push((
            tone,
            format!("{}: {state}, run {}, {restarts}{beat}", plain(&worker.name), worker.generation),
        ));
        rows.extend(
            worker.last_failure.iter().map(|why| (Tone::Faint, format!("  last failure: {}", plain(why)))),
        );
    }
    rows
}

fn config(deck: &Deck, now: SystemTime) -> Vec<Row> {
    let mut rows = Vec::new();
    for revision in deck.revisions.iter().rev().filter(|revision| revision.is_in_force) {
        let why = revision.why.as_deref().map(|why| format!(": {}", plain(why))).unwrap_or_default();
        let (name, who) = (plain(&revision.config), plain(&revision.who));
        let since = ago(revision.since, now);
        rows.push((Tone::Head, format!("{name}, revision {}, for {since}, by {who}{why}", revision.number)));
        match &revision.value {
            RecordedValue::Json(text) => {
                rows.extend(values(text).into_iter().map(|line| (Tone::Plain, line)))
            }
            RecordedValue::TooLong { bytes } => {
                rows.push((Tone::Faint, format!("  {} bytes, too long to keep", grouped(*bytes))));
            }
            _ => rows.push((Tone::Faint, "  its value is not kept".to_owned())),
        }
    }
    let older = deck.revisions.iter().rev().filter(|revision| !revision.is_in_force);
    rows.extend(older.map(|revision| {
        let (name, who) = (plain(&revision.config), plain(&revision.who));
        (
            Tone::Faint,
            format!("{} ago  {name}, revision {}, by {who}", ago(revision.since, now), revision.number),
        )
    }));
    rows
}

/// A value as people read it; one that is no JSON, as it is.
fn values(text: &str) -> Vec<String> {
    let pretty = serde_json::from_str::<serde_json::Value>(text).ok();
    let pretty = pretty.and_then(|value| serde_json::to_string_pretty(&value).ok());
    pretty.as_deref().unwrap_or(text).lines().map(|line| format!("  {}", plain(line))).collect()
}
