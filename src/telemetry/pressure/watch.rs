//! Watches pressure: a level that is told, and a load.

use super::error::{InputError, PressureError, WatchError};
use super::level::{Bands, Ladder, Level};
use super::load::{Inputs, Load, LoadInput, LoadParts};
use super::read::{Pressure, PressureReading};
use super::subscribers::{LevelChange, LevelSubscription, Subscribers};
use crate::sync::{Arc, AtomicBool, AtomicU32, AtomicU64, Mutex, Relaxed};
use std::fmt;
use std::time::{Duration, Instant};

/// Watches how short memory is, and how loaded the process. Clones are of one watch.
///
/// It starts no thread: the host calls [`tick`](Self::tick), once a second, say. Before the first tick the level is
/// `Calm` and the load 0; both are [stale](Self::is_stale).
///
/// # The level
///
/// | level | entered at memory | left below | or entered at stalls | left below |
/// |---|---|---|---|---|
/// | [`Elevated`](Level::Elevated) | 0.70 | 0.65 | 0.10 | 0.05 |
/// | [`High`](Level::High) | 0.85 | 0.80 | 0.25 | 0.15 |
/// | [`Critical`](Level::Critical) | 0.95 | 0.90 | 0.50 | 0.35 |
///
/// Memory is [`PressureReading::memory`], stalls are [`PressureReading::stalled`] where the kernel says. Either enters a
/// level, and it holds until both are below where it is left, whichever entered it. All of this can be set. It goes up at once. It goes down when all readings of a dwell (10
/// s) ask for less, to the highest that one of them asked for; then another dwell begins. So there is at most one step
/// down per dwell.
///
/// # The load
///
/// One number to scale by, 0 to 1: [`load`](Self::load). At each tick
///
/// ```text
/// all      = max(memory, processor, inputs)
/// smoothed = smoothed + (all - smoothed) * (1 - exp(-elapsed / smoothing))    smoothing = 10 s; at first: all
/// load     = smoothed, if that differs from load by more than the dead band   dead band = 0.02; else as before
/// ```
///
/// - `memory`: [`PressureReading::memory`]
/// - `processor`: processor time that this process used since the last tick, of `elapsed` x
///   [`PressureReading::processors`]. As the system counts it in steps of mostly 10 ms, ticks within 100 ms keep the
///   share as it was. 0 at the first.
/// - `inputs`: the highest of those that the host adds, see [`input`](Self::input)
///
/// So after a jump of `all`, 63 % of it arrive within the smoothing time and 95 % within three; the load is never
/// further than the dead band from `smoothed`, and does not move for less. Scale out above 0.7 and in below 0.4, say.
///
/// # When a reading fails
///
/// Level and load stay as they are. It is counted and kept as [`PressureStatus::last_error`];
/// [`is_stale`](Self::is_stale) says so until a reading goes well; a dwell begins anew.
///
/// ```
/// use flightdeck::telemetry::{Level, Pressure, PressureWatch};
/// use std::time::Instant;
/// # if cfg!(target_os = "linux") {
/// let watch = PressureWatch::builder(Pressure::own()?).build()?;
/// let subscription = watch.subscribe(|change| println!("memory: {:?}, was {:?}", change.to, change.from));
/// let queue = watch.input("queue")?;
///
/// queue.set(0.25); // as it fills
/// watch.tick(Instant::now())?; // every second
/// if watch.level() >= Level::High { /* shrink caches */ }
/// assert!((0.25..=1.0).contains(&watch.load()));
/// # drop(subscription);
/// # }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct PressureWatch(Arc<Watch>);

struct Watch {
    level: AtomicU32,
    /// The bits of the load.
    load: AtomicU64,
    stale: AtomicBool,
    readings: AtomicU64,
    failures: AtomicU64,
    skipped: AtomicU64,
    detached: AtomicU64,
    inputs: Inputs,
    subscribers: Arc<Subscribers>,
    /// Held by the one tick that runs, while it calls subscribers too.
    ticking: Mutex<Ticking>,
    /// Held for a moment only.
    last: Mutex<Last>,
}

struct Ticking {
    pressure: Pressure,
    ladder: Ladder,
    load: Load,
}

#[derive(Default)]
struct Last {
    reading: Option<PressureReading>,
    parts: LoadParts,
    error: Option<PressureError>,
    panic: Option<String>,
}

/// How a watch is doing. Each value is of some moment of the call, not all of the same.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct PressureStatus {
    /// As [`PressureWatch::level`].
    pub level: Level,
    /// As [`PressureWatch::load`].
    pub load: f64,
    /// What the load was made of at the last tick that went well.
    pub parts: LoadParts,
    /// As [`PressureWatch::is_stale`].
    pub stale: bool,
    /// Readings that went well.
    pub readings: u64,
    /// Readings that failed.
    pub failures: u64,
    /// Ticks that did nothing, as another was running.
    pub skipped_ticks: u64,
    /// Subscribers that are told of changes.
    pub subscribers: usize,
    /// Subscribers that panicked and are told no more.
    pub detached_subscribers: u64,
    /// What the last of them panicked with.
    pub last_panic: Option<String>,
    /// The last reading that went well.
    pub last_reading: Option<PressureReading>,
    /// Why the last reading that failed did.
    pub last_error: Option<PressureError>,
}

/// Sets up a [`PressureWatch`].
#[derive(Clone, Debug)]
#[must_use = "a builder does nothing until `build`"]
pub struct PressureWatchBuilder {
    pressure: Pressure,
    memory: Bands,
    stalled: Option<Bands>,
    dwell: Duration,
    smoothing: Duration,
    dead_band: f64,
}

impl PressureWatchBuilder {
    /// At which share of memory `Elevated`, `High` and `Critical` are entered, and below which they are left.
    pub fn memory(mut self, enter: [f64; 3], leave: [f64; 3]) -> Self {
        self.memory = Bands { enter, leave };
        self
    }

    /// The same for the share of time in which some thread waits for memory.
    pub fn stalled(mut self, enter: [f64; 3], leave: [f64; 3]) -> Self {
        self.stalled = Some(Bands { enter, leave });
        self
    }

    /// Makes the level a matter of memory in use alone.
    pub fn ignore_stalls(mut self) -> Self {
        self.stalled = None;
        self
    }

    /// For how long readings must ask for a lower level before it goes down. Of 0: at once.
    pub fn dwell(mut self, dwell: Duration) -> Self {
        self.dwell = dwell;
        self
    }

    /// The time constant of the load. Of 0: it is not smoothed.
    pub fn smoothing(mut self, smoothing: Duration) -> Self {
        self.smoothing = smoothing;
        self
    }

    /// How far the smoothed load may be from what is shown.
    pub fn dead_band(mut self, dead_band: f64) -> Self {
        self.dead_band = dead_band;
        self
    }

    /// Builds it. Nothing is read before the first tick.
    ///
    /// # Errors
    /// If the bands of a level do not rise, are not within 0 to 1 or not left below where they are entered; or the dead
    /// band is not within 0 to [`WatchError::MOST_DEAD_BAND`].
    pub fn build(self) -> Result<PressureWatch, WatchError> {
        let memory = self.memory.checked("memory")?;
        let stalled = self.stalled.map(|bands| bands.checked("stalled")).transpose()?;
        if !(0.0..=WatchError::MOST_DEAD_BAND).contains(&self.dead_band) {
            return Err(WatchError::DeadBand { value: self.dead_band });
        }
        Ok(PressureWatch(Arc::new(Watch {
            level: AtomicU32::new(Level::Calm.number()),
            load: AtomicU64::new(0.0_f64.to_bits()),
            stale: AtomicBool::new(true),
            readings: AtomicU64::new(0),
            failures: AtomicU64::new(0),
            skipped: AtomicU64::new(0),
            detached: AtomicU64::new(0),
            inputs: Inputs::default(),
            subscribers: Arc::default(),
            ticking: Mutex::new(Ticking {
                pressure: self.pressure,
                ladder: Ladder::new(memory, stalled, self.dwell),
                load: Load::new(self.smoothing, self.dead_band),
            }),
            last: Mutex::default(),
        })))
    }
}

// Relaxed, all over: each value stands for itself, and nothing is published with it.
impl PressureWatch {
    /// Sets up a watch, with what the type's description says.
    pub fn builder(pressure: Pressure) -> PressureWatchBuilder {
        PressureWatchBuilder {
            pressure,
            memory: Bands { enter: [0.70, 0.85, 0.95], leave: [0.65, 0.80, 0.90] },
            stalled: Some(Bands { enter: [0.10, 0.25, 0.50], leave: [0.05, 0.15, 0.35] }),
            dwell: Duration::from_secs(10),
            smoothing: Duration::from_secs(10),
            dead_band: 0.02,
        }
    }

    /// The level: one load. Wait-free, for hot paths.
    #[inline]
    #[must_use]
    pub fn level(&self) -> Level {
        Level::of(self.0.level.load(Relaxed))
    }

    /// The load, 0 to 1: one load. Wait-free, for hot paths.
    #[inline]
    #[must_use]
    pub fn load(&self) -> f64 {
        f64::from_bits(self.0.load.load(Relaxed))
    }

    /// Whether level and load are not of the last tick: it failed, or there was none.
    #[must_use]
    pub fn is_stale(&self) -> bool {
        self.0.stale.load(Relaxed)
    }

    /// Reads now, and tells subscribers if the level changes; the level then. Costs what [`Pressure::read`] does. If
    /// another tick is running (a subscriber may call this), it does nothing, and that is counted. `now` is the
    /// caller's, so that a test need not wait; an earlier one than before counts as no time.
    ///
    /// # Errors
    /// As [`Pressure::read`]. It is counted, and the level stays.
    pub fn tick(&self, now: Instant) -> Result<Level, PressureError> {
        let watch = &*self.0;
        let Some(mut ticking) = watch.ticking.try_lock() else {
            watch.skipped.fetch_add(1, Relaxed);
            return Ok(self.level());
        };
        let reading = match ticking.pressure.read() {
            Ok(reading) => reading,
            Err(error) => {
                ticking.ladder.interrupt();
                watch.stale.store(true, Relaxed);
                watch.failures.fetch_add(1, Relaxed);
                watch.last.lock().error = Some(error.clone());
                return Err(error);
            }
        };
        let from = self.level();
        let to = ticking.ladder.step(reading.memory(), reading.stalled, now);
        let load = ticking.load.step(&reading, &watch.inputs, now);
        watch.readings.fetch_add(1, Relaxed);
        watch.load.store(load.to_bits(), Relaxed);
        watch.level.store(to.number(), Relaxed);
        watch.stale.store(false, Relaxed);
        let mut last = watch.last.lock();
        (last.reading, last.parts) = (Some(reading), ticking.load.parts);
        drop(last);
        if from != to {
            // Still ticking: changes are told in their order.
            let panics = watch.subscribers.tell(LevelChange { from, to });
            watch.detached.fetch_add(panics.len() as u64, Relaxed);
            if let Some(message) = panics.into_iter().next_back() {
                watch.last.lock().panic = Some(message);
            }
        }
        Ok(to)
    }

    /// Calls `f` on each change of level, on the thread that ticks; the level is the new one by then. It is not called
    /// for the level that there is. If it panics it is called no more, and that is counted.
    pub fn subscribe(&self, f: impl Fn(LevelChange) + Send + Sync + 'static) -> LevelSubscription {
        self.0.subscribers.add(f)
    }

    /// Adds an input to the load, of 0 until it is set. It counts until its last clone is dropped.
    ///
    /// # Errors
    /// If the name is in use, or there are [`InputError::MOST`].
    pub fn input(&self, name: &str) -> Result<LoadInput, InputError> {
        self.0.inputs.add(name)
    }

    /// The inputs that there are, in the order in which they were added.
    #[must_use]
    pub fn inputs(&self) -> Vec<LoadInput> {
        self.0.inputs.list()
    }

    /// How it is doing. Takes locks for a moment: not for hot paths.
    #[must_use]
    pub fn status(&self) -> PressureStatus {
        let watch = &*self.0;
        let last = watch.last.lock();
        PressureStatus {
            level: self.level(),
            load: self.load(),
            parts: last.parts,
            stale: self.is_stale(),
            readings: watch.readings.load(Relaxed),
            failures: watch.failures.load(Relaxed),
            skipped_ticks: watch.skipped.load(Relaxed),
            subscribers: watch.subscribers.count(),
            detached_subscribers: watch.detached.load(Relaxed),
            last_panic: last.panic.clone(),
            last_reading: last.reading.clone(),
            last_error: last.error.clone(),
        }
    }
}

impl fmt::Debug for PressureWatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PressureWatch").field("status", &self.status()).finish()
    }
}
