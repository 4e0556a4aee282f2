//! What is seen of decks at one look, and what happened since the look before.

use super::watched::Watched;
use crate::recording::{Fate, who};
use crate::shown::plain;
use flightdeck::telemetry::{HistogramValues, SeriesKey, Unit, Value};
use flightdeck::{RecordedHealth, RecordedRevision, RecordedWorker, Recording, Severity};
use std::collections::{BTreeMap, VecDeque};
use std::path::PathBuf;
use std::rc::Rc;
use std::time::{Duration, Instant, SystemTime};

/// How many of the last events are looked at.
const EVENTS: usize = 500;
/// Quantiles are of the values of so long, as far as it was looked at.
const WINDOW: Duration = Duration::from_secs(10);
/// Earlier looks that are kept for that lie so far apart.
const STEP: Duration = Duration::from_secs(1);

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
    /// Histograms as they were at earlier looks, the oldest first.
    past: VecDeque<Past>,
}

/// Histograms at one look.
#[derive(Clone)]
struct Past {
    at: Instant,
    histograms: Rc<BTreeMap<String, Value>>,
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
    /// Of a histogram its values of the last moments, once it was looked at before.
    pub recent: Option<Value>,
}

impl Metric {
    fn new(key: &SeriesKey, value: &Value) -> Self {
        Self { key: key.clone(), value: value.clone(), rate: None, recent: None }
    }

    pub fn unit(&self) -> Option<Unit> {
        self.key.unit()
    }
}

impl Sight {
    /// Looks once. Events are only looked at where there is one deck.
    pub fn of(watched: &[Watched], before: Option<&Self>) -> Self {
        let at = Instant::now();
        let since = before.map(|before| at.saturating_duration_since(before.at));
        let (mut metrics, mut contradictory) = (BTreeMap::<String, Metric>::new(), 0);
        let mut is_whole = true;
        for telemetry in watched.iter().filter_map(Watched::telemetry) {
            let snapshot = telemetry.snapshot();
            // Nothing could be read, since its series changed all the while: an empty answer would look like counters that
            // were there no more, and counted all again at the next look.
            is_whole &= telemetry.given_up() == 0;
            for (key, value) in snapshot.iter() {
                let name = plain(&key.to_string());
                match metrics.get_mut(&name) {
                    None => _ = metrics.insert(name, Metric::new(key, value)),
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
        let mut past = before.map(|before| before.past.clone()).unwrap_or_default();
        // One that is as old as the window is, or the oldest there is.
        while past.get(1).is_some_and(|next| at.saturating_duration_since(next.at) >= WINDOW) {
            past.pop_front();
        }
        if let Some(then) = past.front() {
            for (name, metric) in &mut metrics {
                metric.recent = recent(&metric.value, then.histograms.get(name));
            }
        }
        if is_whole && past.back().is_none_or(|last| at.saturating_duration_since(last.at) >= STEP) {
            let histograms = metrics.iter().filter(|(_, metric)| matches!(metric.value, Value::Histogram(_)));
            let histograms = histograms.map(|(name, metric)| (name.clone(), metric.value.clone())).collect();
            past.push_back(Past { at, histograms: Rc::new(histograms) });
        }
        let is_alone = watched.len() == 1;
        let decks = watched.iter().enumerate().map(|(place, watched)| {
            let then = before.and_then(|before| before.decks.get(place));
            Deck::of(watched, then.zip(since), is_alone)
        });
        let time = SystemTime::now();
        Self { at, time, since, decks: decks.collect(), metrics, contradictory, past }
    }

    /// Looks only at whether they still run.
    pub fn see_fates(&mut self, watched: &[Watched]) {
        for (deck, watched) in self.decks.iter_mut().zip(watched) {
            deck.fate = Fate::of(watched.file());
        }
    }

    /// Over how long quantiles are. `None` if over the whole life: of what has ended, and at the first look.
    pub fn window(&self) -> Option<Duration> {
        let then = self.past.front().filter(|then| then.at < self.at && !self.is_over())?;
        Some(self.at.saturating_duration_since(then.at))
    }

    /// The values of a histogram over [that](Self::window).
    pub fn values<'a>(&self, metric: &'a Metric) -> Option<&'a HistogramValues> {
        let recent = metric.recent.as_ref().filter(|_| self.window().is_some());
        match recent.unwrap_or(&metric.value) {
            Value::Histogram(values) => Some(values),
            _ => None,
        }
    }

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

/// The values of a histogram since then; all if it was not there yet.
fn recent(now: &Value, then: Option<&Value>) -> Option<Value> {
    let is_histogram = matches!(now, Value::Histogram(_));
    is_histogram.then(|| then.map_or_else(|| now.clone(), |then| now.since(then)))
}

fn a_second(count: u64, since: Duration) -> f64 {
    count as f64 / since.as_secs_f64().max(1e-9)
}

impl Deck {
    fn of(watched: &Watched, before: Option<(&Self, Duration)>, with_events: bool) -> Self {
        let file = watched.file();
        // Before the look: what was recorded until it ended is seen.
        let fate = Fate::of(file);
        let deck = Self {
            path: file.path().to_owned(),
            who: who(file),
            created: file.header().life.created,
            fate,
            recorded: 0,
            rate: None,
            lost: 0,
            workers: Vec::new(),
            looked: None,
            health: None,
            revisions: Vec::new(),
            events: Vec::new(),
        };
        match watched.deck() {
            Some(recording) => deck.with(recording, before, with_events),
            None => deck,
        }
    }

    /// The same, with what is only of a whole deck.
    fn with(self, recording: &Recording, before: Option<(&Self, Duration)>, with_events: bool) -> Self {
        let events = recording.events();
        let stats = events.stats();
        let (workers, looked) = recording.workers().map_or((Vec::new(), None), |told| (told.what, told.at));
        let last = with_events.then(|| events.query().newest_first().limit(EVENTS).run());
        let lines = |answer: &flightdeck::events::Answer| {
            answer.iter().map(|event| (event.severity(), plain(&event.line().to_string()))).collect()
        };
        Self {
            recorded: stats.written,
            rate: before.map(|(then, since)| a_second(stats.written.saturating_sub(then.recorded), since)),
            lost: stats.lost(),
            workers,
            looked,
            health: recording.health().ok().and_then(|told| told.what),
            revisions: recording.configs().map(|told| told.what).unwrap_or_default(),
            events: last.and_then(Result::ok).as_ref().map(lines).unwrap_or_default(),
            ..self
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flightdeck::Flightdeck;
    use flightdeck::mapped::{OpenOptions, Opened};
    use std::fs::DirBuilder;
    use std::os::unix::fs::DirBuilderExt;

    #[test]
    fn quantiles_are_of_the_last_moments_and_of_a_whole_life_once_that_is_over() {
        let folder = std::env::temp_dir().join(format!("flightdeck-sight-{}", std::process::id()));
        DirBuilder::new().mode(0o700).create(&folder).unwrap();
        let deck = Flightdeck::builder().mapped(folder.join("deck")).start().unwrap();
        let took = deck.telemetry().histogram("took");
        let watched = Watched::of(|| Opened::open(folder.join("deck"), &OpenOptions::new())).unwrap();
        let recordings = [watched];
        std::fs::remove_dir_all(&folder).unwrap();
        (0..1_000).for_each(|_| took.record(1_000_000));
        let first = Sight::of(&recordings, None);
        (0..10).for_each(|_| took.record(1_000));
        let mut second = Sight::of(&recordings, Some(&first));
        let values = |sight: &Sight| {
            let values = sight.values(&sight.metrics["took"]).unwrap();
            (values.count(), values.quantile(0.5).is_some_and(|median| median > 900_000))
        };
        assert_eq!((first.window(), values(&first)), (None, (1_000, true)));
        assert!(second.window().is_some());
        assert_eq!(values(&second), (10, false));
        deck.shutdown(Duration::from_secs(5));
        second.see_fates(&recordings);
        assert_eq!((second.window(), values(&second)), (None, (1_010, true)));
    }
}
