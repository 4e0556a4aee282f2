//! What is seen of decks at one look, and what happened since the look before.

use crate::recording::{Fate, who};
use crate::shown::plain;
use flightdeck::telemetry::{SeriesKey, Unit, Value};
use flightdeck::{RecordedHealth, RecordedRevision, RecordedWorker, Recording, Severity};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime};

/// How many of the last events are looked at.
const EVENTS: usize = 500;

/// One look at one deck, or at several together.
pub struct Sight {
    /// When, and how long after the look before it.
    pub at: Instant,
    pub time: SystemTime,
    pub since: Option<Duration>,
    pub decks: Vec<Deck>,
    /// By name and labels.
    pub metrics: BTreeMap<String, Metric>,
    /// Series that are of two types in two decks: they are left out.
    pub contradictory: u64,
}

/// A deck, without its metrics.
pub struct Deck {
    pub path: PathBuf,
    pub who: String,
    pub created: SystemTime,
    pub fate: Fate,
    /// How many events were recorded, those a second since the look before, and those that were lost.
    pub recorded: u64,
    pub rate: Option<f64>,
    pub lost: u64,
    pub workers: Vec<RecordedWorker>,
    /// When the deck last said how its workers were.
    pub looked: Option<SystemTime>,
    pub health: Option<RecordedHealth>,
    pub revisions: Vec<RecordedRevision>,
    /// The last, the newest first.
    pub events: Vec<(Severity, String)>,
}

/// A series.
#[derive(Clone)]
pub struct Metric {
    pub key: SeriesKey,
    pub value: Value,
    /// A second since the look before: of a counter its increments, of a histogram its values.
    pub rate: Option<f64>,
}

impl Metric {
    pub fn unit(&self) -> Option<Unit> {
        self.key.unit()
    }
}

impl Sight {
    /// Looks once. Events are only looked at where there is one deck.
    pub fn of(recordings: &[Recording], before: Option<&Self>) -> Self {
        let at = Instant::now();
        let since = before.map(|before| at.saturating_duration_since(before.at));
        let (mut metrics, mut contradictory) = (BTreeMap::<String, Metric>::new(), 0);
        let mut is_whole = true;
        for telemetry in recordings.iter().filter_map(|recording| recording.telemetry().ok()) {
            let snapshot = telemetry.snapshot();
            // Nothing could be read, since its series changed all the while: an empty answer would look like counters that
            // were there no more, and counted all again at the next look.
            is_whole &= telemetry.given_up() == 0;
            for (key, value) in snapshot.iter() {
                let name = plain(&key.to_string());
                match metrics.get_mut(&name) {
                    None => {
                        _ = metrics
                            .insert(name, Metric { key: key.clone(), value: value.clone(), rate: None })
                    }
                    Some(known) => match known.value.plus(value) {
                        Some(sum) => known.value = sum,
                        None => contradictory += 1,
                    },
                }
            }
        }
        if let (Some(before), Some(since)) = (before, since) {
            for (name, metric) in &mut metrics {
                let then = before.metrics.get(name).map(|then| &then.value);
                metric.rate = happened(&metric.value, then).map(|count| a_second(count, since));
            }
        }
        if let Some(before) = before.filter(|_| !is_whole) {
            (metrics, contradictory) = (before.metrics.clone(), before.contradictory);
        }
        let is_alone = recordings.len() == 1;
        let decks = recordings.iter().enumerate().map(|(place, recording)| {
            let then = before.and_then(|before| before.decks.get(place));
            Deck::of(recording, then.zip(since), is_alone)
        });
        Self { at, time: SystemTime::now(), since, decks: decks.collect(), metrics, contradictory }
    }
}

impl Sight {
    /// Whether nothing will come any more of any of them.
    pub fn is_over(&self) -> bool {
        self.decks.iter().all(|deck| deck.fate.is_over())
    }
}

/// How much was counted since; `None` of a value that is not counted. A series that is new began at nothing.
fn happened(now: &Value, then: Option<&Value>) -> Option<u64> {
    match then.map_or_else(|| now.clone(), |then| now.since(then)) {
        Value::Counter(count) => Some(count),
        Value::Histogram(values) => Some(values.count()),
        _ => None,
    }
}

fn a_second(count: u64, since: Duration) -> f64 {
    count as f64 / since.as_secs_f64().max(1e-9)
}

impl Deck {
    fn of(recording: &Recording, before: Option<(&Self, Duration)>, with_events: bool) -> Self {
        let (file, events) = (recording.file(), recording.events());
        // Before the look: what was recorded until it ended is seen.
        let fate = Fate::of(file);
        let stats = events.stats();
        let (workers, looked) = recording.workers().map_or((Vec::new(), None), |told| (told.what, told.at));
        let last = with_events.then(|| events.query().newest_first().limit(EVENTS).run());
        let lines = |answer: &flightdeck::events::Answer| {
            answer.iter().map(|event| (event.severity(), plain(&event.line().to_string()))).collect()
        };
        Self {
            path: file.path().to_owned(),
            who: who(file),
            created: file.header().life.created,
            fate,
            recorded: stats.written,
            rate: before.map(|(then, since)| a_second(stats.written.saturating_sub(then.recorded), since)),
            lost: stats.lost(),
            workers,
            looked,
            health: recording.health().ok().and_then(|told| told.what),
            revisions: recording.configs().map(|told| told.what).unwrap_or_default(),
            events: last.and_then(Result::ok).as_ref().map(lines).unwrap_or_default(),
        }
    }
}
