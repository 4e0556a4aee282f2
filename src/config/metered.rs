//! A reader that counts its reads, and times some.

use super::{Reader, Snapshot};
use crate::contain::contain;
use std::fmt;
use std::num::NonZeroU32;
use std::time::{Duration, Instant};

type Callback = Box<dyn FnMut(Duration) + Send + Sync>;

/// A [`Reader`] that counts its reads, for [`Stats::reads`](super::Stats::reads), and hands one in so many of them, timed, to a
/// closure: into a histogram, as a rule.
///
/// Counting is one addition to a word of this reader's own: where reads follow each other closely, each waits for the
/// one before, which makes it about twice as dear as a plain reader. A timed read costs two looks at the clock, and what
/// is handed over contains one of them: tens of nanoseconds for a read of one.
///
/// ```
/// use flightdeck::config::{Config, Validate, Violations};
/// use flightdeck::telemetry::Telemetry;
/// # struct Limits { orders: u32 }
/// # impl Validate for Limits { fn validate(&self, _: &mut Violations) {} }
/// let config = Config::new(Limits { orders: 10 })?;
/// let took = Telemetry::new().histogram("config_read_ns");
/// let record = move |read: std::time::Duration| took.record(read.as_nanos() as u64);
/// let mut reader = config.reader().metered().timed(64.try_into().unwrap(), record);
/// assert_eq!(reader.get().orders, 10);
/// assert_eq!(config.stats().reads, 1);
/// # Ok::<(), flightdeck::config::Rejected<Limits>>(())
/// ```
pub struct Metered<T> {
    reader: Reader<T>,
    every: u32,
    /// Reads up to the next timed one; 0: none will be.
    left: u32,
    callback: Option<Callback>,
}

impl<T> Metered<T> {
    pub(super) fn new(reader: Reader<T>) -> Self {
        Self { reader, every: 0, left: 0, callback: None }
    }

    /// Times one read in `every`, and hands what it took to `callback`, on this thread, before the read returns. If the
    /// callback panics, it is called no more.
    #[must_use]
    pub fn timed(
        mut self,
        every: NonZeroU32,
        callback: impl FnMut(Duration) + Send + Sync + 'static,
    ) -> Self {
        (self.every, self.left) = (every.get(), every.get());
        self.callback = Some(Box::new(callback));
        self
    }

    /// As [`Reader::get`], counted.
    #[inline]
    pub fn get(&mut self) -> &Snapshot<T> {
        self.reader.tally().count_read();
        if self.left != 0 {
            self.left -= 1;
            if self.left == 0 {
                return self.get_timed();
            }
        }
        self.reader.get()
    }

    /// As [`Reader::has_changed`]; not counted.
    #[inline]
    #[must_use]
    pub fn has_changed(&self) -> bool {
        self.reader.has_changed()
    }

    #[cold]
    #[inline(never)]
    fn get_timed(&mut self) -> &Snapshot<T> {
        let start = Instant::now();
        let _ = self.reader.get();
        let took = start.elapsed();
        self.left = self.every;
        if let Some(callback) = &mut self.callback
            && contain(|| callback(took)).is_err()
        {
            self.left = 0;
            let panicked = self.callback.take();
            let _ = contain(|| drop(panicked));
        }
        self.reader.seen()
    }
}

impl<T: fmt::Debug> fmt::Debug for Metered<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metered")
            .field("reader", &self.reader)
            .field("every", &self.every)
            .finish_non_exhaustive()
    }
}
