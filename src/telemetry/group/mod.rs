//! Groups: counters that are changed together and read together.
//!
//! | file | idea |
//! |---|---|
//! | `slot` | one thread's numbers, under a sequence that is odd while they change |
//! | `sheet` | the slots of all threads, and their sum |
//! | `known` | which groups there are; what snapshots have of them |

mod error;
pub(crate) mod known;
pub(crate) mod sheet;
pub(crate) mod slot;

pub use error::GroupError;

use super::cells::Claim;
use super::handle::{Inner, Telemetry};
use super::metric::REFUSED;
use super::place::Run;
use super::registry::MetricType;
use super::seat;
use crate::sync::Arc;
use known::Known;
use slot::{Nested, Slot};

/// The most numbers of a group.
const MOST: usize = 31;

impl Telemetry {
    /// The group of this name, made if it is new: counters that are read together, such as `ok`, `err` and their `total`.
    /// Resolve it once and keep the handle. Snapshots have its numbers as counters, `NAME.NUMBER`, of one group all read at
    /// once.
    ///
    /// A counter that is asked for by the name of such a number is one of its own; snapshots add the two up.
    ///
    /// Takes two cells for each number, and one more. Where the telemetry is in a file, what it counts is there with all else, and a
    /// [`Recording`](super::Recording) reads it; so it survives the process.
    ///
    /// ```
    /// use flightdeck::telemetry::Telemetry;
    /// let telemetry = Telemetry::new();
    /// let requests = telemetry.group("requests", ["ok", "err", "total"])?;
    /// requests.add([1, 0, 1]);
    /// requests.update(|[_, err, total]| {
    ///     *err += 2;
    ///     *total += 2;
    /// });
    /// let [ok, err, total] = requests.read().values();
    /// assert_eq!((ok, err), (1, 2));
    /// assert_eq!(ok + err, total, "whoever else counts meanwhile");
    /// # Ok::<(), flightdeck::telemetry::GroupError>(())
    /// ```
    ///
    /// # Errors
    /// If it has no numbers or more than 31, a name is empty or there twice, the name is that of a group with other numbers, a
    /// number's name is that of another metric, or there is no room. Nothing of it is registered then.
    pub fn group<const N: usize>(&self, name: &str, numbers: [&str; N]) -> Result<Group<N>, GroupError> {
        let registry = &self.inner.registry;
        let register = |metrics: &[String]| registry.resolve_all(metrics, MetricType::Counter);
        let cells = &self.inner.cells;
        let known = self.inner.groups.resolve(name, &numbers, cells, register);
        let known = known.inspect_err(|error| {
            // The registry has noted what it refused.
            if !matches!(error, GroupError::Metric(_)) {
                self.inner.errors.note_error(error);
            }
        })?;
        let run = Run::new(self.inner.deck, cells, known.sheet.first());
        Ok(Group { run, known, inner: self.inner.clone() })
    }
}

/// Counters that are changed together and read together. Cheap to clone; clones are the same group.
///
/// Each update is of one thread, and a reading has all of it or nothing. So what holds of every single update (`ok + err =
/// total`) holds of what is read, at any time. Updates of different threads are read one thread after the other: a reading
/// is no cut across threads.
///
/// Not for signal handlers: one that interrupts an update of the same thread may tear it, and one that interrupts a thread
/// which counts in the shared place waits for ever.
#[derive(Clone, Debug)]
pub struct Group<const N: usize> {
    /// Its cells, at hand.
    run: Run<N>,
    known: Arc<Known>,
    inner: Arc<Inner>,
}

impl<const N: usize> Group<N> {
    /// Adds to all numbers at once. Wait-free: a thread-local look-up, and for each number and for a sequence beside them a
    /// load and stores; it allocates nothing after the thread's first. A thread that has no slab takes a lock.
    #[inline(always)]
    pub fn add(&self, amounts: [u64; N]) {
        let added = self.run.with_own(|cells| Slot::new(cells).add(&amounts));
        if !matches!(added, Some(Ok(()))) {
            self.add_otherwise(&amounts);
        }
    }

    /// Adds what `set` puts into an array of zeros. It may do as it likes, and panic: nothing has begun before it returns.
    #[inline(always)]
    pub fn update(&self, set: impl FnOnce(&mut [u64; N])) {
        let mut amounts = [0; N];
        set(&mut amounts);
        self.add(amounts);
    }

    /// From a thread that is new here, has another deck besides, or has no slab; and in the middle of another update.
    #[inline(never)]
    fn add_otherwise(&self, amounts: &[u64; N]) {
        let (inner, sheet) = (&self.inner, &self.known.sheet);
        let add = |claim: &Claim| sheet.add(claim, amounts);
        match seat::with(inner.deck, add) {
            Some(Ok(())) => {}
            Some(Err(Nested)) => sheet.add_shared(amounts),
            None if inner.is_copied() => {
                // The words are those of our parent.
                inner.cells.add_shared(REFUSED, 1);
            }
            None => {
                if seat::take(inner).is_none_or(|seat| add(seat.claim()).is_err()) {
                    sheet.add_shared(amounts);
                }
            }
        }
    }

    /// Takes what this thread's first update would take.
    pub fn touch(&self) {
        self.add([0; N]);
    }

    /// The sums over all threads. Every update that happened before it is in it, unless
    /// [`GroupReading::outdated`] says otherwise; successive readings never go down. Waits for no thread that counts; readers of
    /// one group take turns.
    pub fn read(&self) -> GroupReading<N> {
        let mut values = [0; N];
        let outdated = self.known.sheet.sum(&mut values);
        GroupReading { values, outdated }
    }

    /// Updates of threads that had no slab: exact, only slower.
    #[must_use]
    pub fn shared_updates(&self) -> u64 {
        self.known.sheet.shared_updates()
    }

    /// [`GroupReading::outdated`] of all readings, and of snapshots.
    #[must_use]
    pub fn outdated_reads(&self) -> u64 {
        self.known.sheet.outdated()
    }
}

/// What a group had counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub struct GroupReading<const N: usize> {
    values: [u64; N],
    outdated: usize,
}

impl<const N: usize> GroupReading<N> {
    /// The sums, in the order of the names.
    #[must_use]
    pub fn values(&self) -> [u64; N] {
        self.values
    }

    /// How many threads changed their numbers at every one of 128 looks, or were interrupted in the middle: of those the sums have
    /// what the last reading found.
    #[must_use]
    pub fn outdated(&self) -> usize {
        self.outdated
    }
}
