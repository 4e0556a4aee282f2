//! One number to scale by: what is in it, smoothed, with a dead band.

use super::error::InputError;
use super::read::PressureReading;
use crate::sync::{Arc, AtomicU64, Mutex, Relaxed, Weak};
use std::time::{Duration, Instant};

/// A share that the host adds to the load: the fill of a queue, say, or requests in progress of those that may be.
///
/// It counts as long as a clone of it lives.
#[derive(Clone, Debug)]
pub struct LoadInput(Arc<Input>);

#[derive(Debug)]
struct Input {
    name: String,
    /// The bits of the share.
    share: AtomicU64,
    refused: AtomicU64,
}

impl LoadInput {
    /// Sets it, for the next tick: a store. Less than 0 is 0, more than 1 is 1; what is no number is counted and
    /// changes nothing.
    #[inline]
    pub fn set(&self, share: f64) {
        if share.is_nan() {
            self.refuse();
        } else {
            // Relaxed: it stands for itself. `+ 0.0`: no negative zero.
            self.0.share.store((share.clamp(0.0, 1.0) + 0.0).to_bits(), Relaxed);
        }
    }

    #[cold]
    #[inline(never)]
    fn refuse(&self) {
        self.0.refused.fetch_add(1, Relaxed);
    }

    /// What it was last set to; 0 before that.
    #[must_use]
    pub fn value(&self) -> f64 {
        f64::from_bits(self.0.share.load(Relaxed))
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// How often it was set to what is no number.
    #[must_use]
    pub fn refused(&self) -> u64 {
        self.0.refused.load(Relaxed)
    }
}

/// The inputs of a watch.
#[derive(Debug, Default)]
pub(super) struct Inputs(Mutex<Vec<Weak<Input>>>);

impl Inputs {
    pub(super) fn add(&self, name: &str) -> Result<LoadInput, InputError> {
        let mut inputs = self.0.lock();
        inputs.retain(|input| input.strong_count() > 0);
        let is_taken = |input: &Weak<Input>| input.upgrade().is_some_and(|input| input.name == name);
        if inputs.iter().any(is_taken) {
            return Err(InputError::Taken { name: name.to_owned() });
        }
        if inputs.len() >= InputError::MOST {
            return Err(InputError::TooMany { name: name.to_owned() });
        }
        let input = Input { name: name.to_owned(), share: AtomicU64::new(0), refused: AtomicU64::new(0) };
        let input = Arc::new(input);
        inputs.push(Arc::downgrade(&input));
        Ok(LoadInput(input))
    }

    pub(super) fn list(&self) -> Vec<LoadInput> {
        self.0.lock().iter().filter_map(Weak::upgrade).map(LoadInput).collect()
    }

    fn highest(&self) -> f64 {
        self.list().iter().map(LoadInput::value).fold(0.0, f64::max)
    }
}

/// Processor time is counted in ticks of mostly 10 ms: over less than this, a share of it says nothing.
const SHORTEST: Duration = Duration::from_millis(100);

/// What the load was made of at the last tick, all as shares of 0 to 1.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct LoadParts {
    /// Memory in use of its closest limit.
    pub memory: f64,
    /// Processor time used of what could be.
    pub processor: f64,
    /// The highest of the inputs that the host added.
    pub inputs: f64,
    /// The maximum of these three, smoothed.
    pub smoothed: f64,
}

#[derive(Debug)]
pub(super) struct Load {
    smoothing: Duration,
    dead_band: f64,
    last: Option<Instant>,
    measured: Option<(Instant, Duration)>,
    pub(super) parts: LoadParts,
    published: f64,
}

impl Load {
    pub(super) fn new(smoothing: Duration, dead_band: f64) -> Self {
        Self { smoothing, dead_band, last: None, measured: None, parts: LoadParts::default(), published: 0.0 }
    }

    pub(super) fn step(&mut self, reading: &PressureReading, inputs: &Inputs, now: Instant) -> f64 {
        self.parts.memory = reading.memory();
        self.measure(reading, now);
        self.parts.inputs = inputs.highest();
        let all = self.parts.memory.max(self.parts.processor).max(self.parts.inputs);
        let Some(last) = self.last else {
            self.last = Some(now);
            self.parts.smoothed = all;
            self.published = all;
            return all;
        };
        self.last = Some(last.max(now));
        let elapsed = now.saturating_duration_since(last).as_secs_f64();
        let weight = match self.smoothing.as_secs_f64() {
            0.0 => 1.0,
            constant => 1.0 - (-elapsed / constant).exp(),
        };
        let smoothed = self.parts.smoothed + (all - self.parts.smoothed) * weight;
        self.parts.smoothed = smoothed.clamp(0.0, 1.0);
        if (self.parts.smoothed - self.published).abs() > self.dead_band {
            self.published = self.parts.smoothed;
        }
        self.published
    }

    fn measure(&mut self, reading: &PressureReading, now: Instant) {
        let Some((at, cpu)) = self.measured else {
            self.measured = Some((now, reading.cpu));
            return;
        };
        let elapsed = now.saturating_duration_since(at);
        if elapsed >= SHORTEST {
            let used = reading.cpu.saturating_sub(cpu).as_secs_f64();
            self.parts.processor = (used / (elapsed.as_secs_f64() * reading.processors)).clamp(0.0, 1.0);
            self.measured = Some((now, reading.cpu));
        }
    }
}
