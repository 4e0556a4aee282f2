//! What the system says about the process of a deck, and how short its memory is: asked by the supervisor's chores.

use super::StartError;
use super::{Builder, Flightdeck};
use crate::events::Events;
use crate::supervisor;
use crate::sync::{Arc, Mutex};
use crate::telemetry::{
    Counter, FloatGauge, Gauge, Level, LevelSubscription, PressureStatus, PressureWatch, Process,
    ProcessError, ProcessMetrics, ProcessStats, RegisterError, Telemetry,
};
use std::time::{Duration, Instant};

crate::kind! {
    pub(super) PressureChanged("flightdeck.pressure.changed", class = Critical, severity = Warn) {
        from: str, to: str, used_bytes: u64, limit_bytes: u64, load: f64,
    }
}

/// How often something is asked at most: it takes system calls, on a thread that also looks after workers.
const SHORTEST: Duration = Duration::from_millis(10);

/// What a builder was told to ask.
#[derive(Debug, Default)]
pub(super) struct Wanted {
    process: Option<Duration>,
    pressure: Option<(PressureWatch, Duration)>,
}

/// What a deck asks.
#[derive(Debug, Default)]
pub(super) struct Asked {
    process: Option<(Arc<OfProcess>, Duration)>,
    pressure: Option<(Arc<OfPressure>, Duration)>,
}

#[derive(Debug)]
struct OfProcess {
    metrics: ProcessMetrics,
    last: Mutex<Result<ProcessStats, ProcessError>>,
}

#[derive(Debug)]
struct OfPressure {
    watch: PressureWatch,
    level: Gauge,
    load: FloatGauge,
    errors: Counter,
    /// Ends with the deck, whoever keeps the watch.
    _journal: LevelSubscription,
}

impl<C> Builder<C> {
    /// Has [`ProcessMetrics`] refreshed this often, on the supervisor's thread; at most every 10 ms. The first time is the start.
    /// A refresh that fails is counted, and is a [`Concern`](super::Concern) until one goes well.
    ///
    /// ```
    /// # if cfg!(target_os = "linux") {
    /// use flightdeck::Flightdeck;
    /// use std::time::Duration;
    ///
    /// let deck = Flightdeck::builder().process_metrics(Duration::from_secs(1)).start()?;
    /// assert!(deck.telemetry().gauge("process_threads").value() >= 1);
    /// # }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn process_metrics(mut self, every: Duration) -> Self {
        self.asks.process = Some(every.max(SHORTEST));
        self
    }

    /// Has a watch over memory ticked this often, on the supervisor's thread; at most every 10 ms. The first time is the start.
    ///
    /// Whoever [subscribes](PressureWatch::subscribe) to its levels is called on that thread: be quick. The deck itself sets two
    /// gauges, `flightdeck_pressure_level` (0, calm, to 3, critical) and `flightdeck_load` (0 to 1: see [`PressureWatch::load`]);
    /// records each change as `flightdeck.pressure.changed`; and has a [`Concern`](super::Concern) from level high on, and while
    /// readings fail, which `flightdeck_pressure_read_errors_total` counts.
    ///
    /// ```
    /// # if cfg!(target_os = "linux") {
    /// use flightdeck::Flightdeck;
    /// use flightdeck::telemetry::{Level, Pressure, PressureWatch};
    /// use std::time::Duration;
    ///
    /// let watch = PressureWatch::builder(Pressure::own()?).build()?;
    /// let caches = watch.subscribe(|change| {
    ///     if change.to >= Level::High { /* shrink them */ }
    /// });
    /// let deck = Flightdeck::builder().pressure(watch, Duration::from_secs(1)).start()?;
    /// assert!(!deck.pressure().unwrap().is_stale());
    /// println!("load {}", deck.telemetry().float_gauge("flightdeck_load").value());
    /// # drop(caches);
    /// # }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn pressure(mut self, watch: PressureWatch, every: Duration) -> Self {
        self.asks.pressure = Some((watch, every.max(SHORTEST)));
        self
    }
}

impl<C: Send + Sync + 'static> Flightdeck<C> {
    /// The watch over memory that it [ticks](Builder::pressure), if there is one.
    #[must_use]
    pub fn pressure(&self) -> Option<&PressureWatch> {
        self.inner.asked.watch()
    }
}

/// Why nothing is asked.
pub(super) enum Refused {
    Process(ProcessError),
    Metric(RegisterError),
}

impl<C> From<Refused> for StartError<C> {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Process(error) => Self::Process(error),
            Refused::Metric(error) => Self::Metric(error),
        }
    }
}

impl Wanted {
    /// Makes the metrics, and asks for the first time.
    pub(super) fn begin(self, events: &Events, telemetry: &Telemetry) -> Result<Asked, Refused> {
        let of_process = |every| OfProcess::begin(telemetry).map(|asked| (Arc::new(asked), every));
        let of_pressure = |(watch, every)| {
            let asked = OfPressure::begin(watch, events, telemetry).map_err(Refused::Metric)?;
            Ok((Arc::new(asked), every))
        };
        let process = self.process.map(of_process).transpose()?;
        Ok(Asked { process, pressure: self.pressure.map(of_pressure).transpose()? })
    }
}

impl Asked {
    /// Has the supervisor ask from now on.
    pub(super) fn every(&self, mut supervisor: supervisor::Builder) -> supervisor::Builder {
        if let Some((process, every)) = self.process.clone() {
            supervisor = supervisor.every(every, "process", move || process.refresh());
        }
        if let Some((pressure, every)) = self.pressure.clone() {
            supervisor = supervisor.every(every, "pressure", move || pressure.tick());
        }
        supervisor
    }

    pub(super) fn watch(&self) -> Option<&PressureWatch> {
        self.pressure.as_ref().map(|(pressure, _)| &pressure.watch)
    }

    /// The level, where somebody watches it.
    pub(super) fn level(&self) -> Option<Level> {
        self.watch().map(PressureWatch::level)
    }

    /// How the watch is.
    pub(super) fn pressure(&self) -> Option<PressureStatus> {
        self.watch().map(PressureWatch::status)
    }

    /// What the last refresh found.
    pub(super) fn process(&self) -> Option<Result<ProcessStats, ProcessError>> {
        self.process.as_ref().map(|(process, _)| process.last.lock().clone())
    }
}

impl OfProcess {
    fn begin(telemetry: &Telemetry) -> Result<Self, Refused> {
        let process = Process::own().map_err(Refused::Process)?;
        let metrics = ProcessMetrics::register(telemetry, process).map_err(Refused::Metric)?;
        Ok(Self { last: Mutex::new(metrics.refresh()), metrics })
    }

    fn refresh(&self) {
        let read = self.metrics.refresh();
        *self.last.lock() = read;
    }
}

impl OfPressure {
    fn begin(watch: PressureWatch, events: &Events, telemetry: &Telemetry) -> Result<Self, RegisterError> {
        // The watch holds it and is held by it, until the deck drops the subscription.
        let (events, watched) = (events.clone(), watch.clone());
        let journal = watch.subscribe(move |change| {
            let reading = watched.status().last_reading;
            events.record(PressureChanged {
                from: change.from.name(),
                to: change.to.name(),
                used_bytes: reading.as_ref().map_or(0, |reading| reading.used_bytes),
                limit_bytes: reading.as_ref().map_or(0, |reading| reading.limit_bytes),
                load: watched.load(),
            });
        });
        let asked = Self {
            level: telemetry.try_gauge("flightdeck_pressure_level")?,
            load: telemetry.try_float_gauge("flightdeck_load")?,
            errors: telemetry.try_counter("flightdeck_pressure_read_errors_total")?,
            watch,
            _journal: journal,
        };
        asked.tick();
        Ok(asked)
    }

    fn tick(&self) {
        // Kept by the watch as its last error.
        if self.watch.tick(Instant::now()).is_err() {
            self.errors.increment(1);
        }
        self.level.set(self.watch.level() as i64);
        self.load.set(self.watch.load());
    }
}
