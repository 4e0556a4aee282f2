//! Retention by age: events that have become older than their class may be are pruned.

use super::class::{Class, PerClass};
use super::handle::Events;
use super::prune::total;
use crate::clock::Ticks;
use crate::sync::{AtomicU64, Mutex, Relaxed};
use std::time::Duration;

/// In place of an age, in nanoseconds: however old.
const ANY_AGE: u64 = u64::MAX;

/// What the store knows of keeping and pruning. Relaxed throughout: each word stands for itself.
#[derive(Debug)]
pub(crate) struct Retention {
    /// In nanoseconds, or [`ANY_AGE`].
    max_age: PerClass<AtomicU64>,
    /// For whoever prunes the overflow.
    pub(crate) pruning: Mutex<()>,
}

impl Retention {
    pub(crate) fn new(max_age: &PerClass<Option<Duration>>) -> Self {
        Self { max_age: PerClass::of(|class| AtomicU64::new(in_ns(max_age[class]))), pruning: Mutex::new(()) }
    }
}

/// An age beyond 584 years is none.
fn in_ns(age: Option<Duration>) -> u64 {
    age.map_or(ANY_AGE, |age| u64::try_from(age.as_nanos()).unwrap_or(ANY_AGE))
}

impl Events {
    /// Prunes what happened longer ago than `age`, in all classes; how many events that were.
    ///
    /// Ages are in wall time as the deck's clock tells it, also over a sleep of the machine. Otherwise as
    /// [`Events::prune_before`]: an event goes once everything that its ring holds from before it is too old as well.
    ///
    /// ```
    /// use flightdeck::Clock;
    /// use flightdeck::events::Events;
    /// use std::time::Duration;
    /// flightdeck::kind! { OrderFilled("order.filled") { qty: u64 } }
    ///
    /// let clock = Clock::manual();
    /// let events = Events::builder().clock(clock.clone()).build()?;
    /// events.record(OrderFilled { qty: 5 });
    /// clock.advance(Duration::from_secs(90));
    /// events.record(OrderFilled { qty: 6 });
    /// assert_eq!(events.prune_older_than(Duration::from_secs(60)), 1);
    /// assert_eq!(events.query().count(), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn prune_older_than(&self, age: Duration) -> u64 {
        self.prune_aged(PerClass::of(|_| in_ns(Some(age))))
    }

    /// Prunes what has become older than its class may be, as [`Builder::max_age`](super::Builder::max_age) or
    /// [`Events::set_max_age`] says; how many events that were. A deck does it every second; for a store alone it is the
    /// host's to call.
    ///
    /// Costs three loads where no class has an age, and some microseconds where nothing is too old.
    pub fn prune_expired(&self) -> u64 {
        let max_age = &self.store.retention.max_age;
        self.prune_aged(PerClass::of(|class| max_age[class].load(Relaxed)))
    }

    /// How old events of this class may become; `None`: until they are overwritten.
    #[must_use]
    pub fn max_age(&self, class: Class) -> Option<Duration> {
        let ns = self.store.retention.max_age[class].load(Relaxed);
        (ns != ANY_AGE).then(|| Duration::from_nanos(ns))
    }

    /// From now on events of this class are pruned once they are older; `None`: they stay until they are
    /// overwritten. In force with the next [`Events::prune_expired`]; what has been pruned does not come back.
    pub fn set_max_age(&self, class: Class, age: Option<Duration>) {
        self.store.retention.max_age[class].store(in_ns(age), Relaxed);
    }

    fn prune_aged(&self, ages: PerClass<u64>) -> u64 {
        if ages.iter().all(|(_, age)| *age == ANY_AGE) {
            return 0;
        }
        let clock = &self.store.clock;
        let (converter, now) = (clock.converter(), clock.now());
        let now = converter.unix_ns(now);
        let from = PerClass::of(|class| match ages[class] {
            ANY_AGE => Ticks(0),
            age => converter.first_tick_from(now.saturating_sub(age)),
        });
        let pruned = self.store.prune(|class, ticks| ticks >= from[class]);
        pruned.iter().for_each(|(class, pruned)| {
            self.store.view.counters.pruned_by_age(class).fetch_add(*pruned, Relaxed);
        });
        total(pruned)
    }
}
