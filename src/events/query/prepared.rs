//! A question that is asked again and again.

use super::{Filter, Order, Query};
use crate::events::answer::Answer;
use crate::events::error::QueryError;
use crate::events::view::View;
use crate::sync::{Arc, AtomicU64, Mutex, Relaxed};
use std::fmt;

/// A question that is asked again and again, from [`Query::prepare`]: the last answer is kept, and returned for as long as
/// nothing has been recorded, overwritten, pruned or lost since. Kinds asked for by name need not be known yet.
///
/// Whether something has happened is seen from some words of each ring, not by a scan. Once the overflow has been used
/// (more threads wrote at once than there are shards) every answer is a new one. Takes a lock, which no writer of events
/// ever takes; what it keeps counts against no budget but the host's memory.
///
/// ```
/// use flightdeck::events::Events;
/// flightdeck::kind! { Failed("request.failed") { status: u64 } }
/// let events = Events::builder().build()?;
/// events.record(Failed { status: 503 });
/// let failures = events.query().kind_named("request.failed").newest_first().limit(20).prepare();
/// assert_eq!(failures.run()?.len(), 1);
/// assert_eq!(failures.run()?.len(), 1);
/// assert_eq!((failures.runs(), failures.hits()), (2, 1));
/// events.record(Failed { status: 500 });
/// assert_eq!(failures.run()?.len(), 2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Prepared {
    view: Arc<View>,
    filter: Filter,
    order: Order,
    limit: usize,
    offset: usize,
    budget: u64,
    last: Mutex<Option<(State, Arc<Answer>)>>,
    runs: AtomicU64,
    hits: AtomicU64,
}

impl fmt::Debug for Prepared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Prepared")
            .field("query", &self.query())
            .field("hits", &self.hits())
            .finish_non_exhaustive()
    }
}

impl Query<'_> {
    /// The same question, to be asked again and again.
    #[must_use]
    pub fn prepare(self) -> Prepared {
        let Self { view, filter, order, limit, offset, budget, way: _ } = self;
        let (last, zero) = (Mutex::new(None), || AtomicU64::new(0));
        Prepared {
            view: view.clone(),
            filter,
            order,
            limit,
            offset,
            budget,
            last,
            runs: zero(),
            hits: zero(),
        }
    }
}

impl Prepared {
    fn query(&self) -> Query<'_> {
        let Self { view, filter, order, limit, offset, budget, .. } = self;
        let (order, limit, offset, budget) = (*order, *limit, *offset, *budget);
        Query { order, limit, offset, budget, filter: filter.clone(), ..Query::new(view) }
    }

    /// The answer of now.
    ///
    /// # Errors
    /// As of [`Query::run`].
    pub fn run(&self) -> Result<Arc<Answer>, QueryError> {
        self.runs.fetch_add(1, Relaxed);
        // Before the search: what comes in meanwhile makes the next answer a new one.
        let state = State::of(&self.view);
        if let Some(state) = state
            && let Some((then, answer)) = &*self.last.lock()
            && *then == state
        {
            self.hits.fetch_add(1, Relaxed);
            return Ok(answer.clone());
        }
        let mut query = self.query();
        query.settle()?;
        let (answer, seen) = query.answer();
        let answer = Arc::new(answer);
        // What was stamped after this query began will be in the next one, though nothing else happens.
        let kept = state.filter(|_| seen.too_new == 0).map(|state| (state, answer.clone()));
        // Freed after the lock.
        let _before = std::mem::replace(&mut *self.last.lock(), kept);
        Ok(answer)
    }

    /// The answer of now, kept by nobody.
    #[cfg(all(test, not(flightdeck_loom)))]
    pub(super) fn run_anew(&self) -> Answer {
        self.query().run().unwrap()
    }

    /// How often it was asked.
    #[must_use]
    pub fn runs(&self) -> u64 {
        self.runs.load(Relaxed)
    }

    /// How often the last answer was still right.
    #[must_use]
    pub fn hits(&self) -> u64 {
        self.hits.load(Relaxed)
    }
}

/// All that answers depend on. Sums of what only grows, so equal ones mean that none of it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct State {
    positions: u64,
    losses: u64,
}

impl State {
    /// `None` where something may be under way that no position tells of: a slot of the overflow has a ticket before it has a
    /// record.
    fn of(view: &View) -> Option<Self> {
        let mut positions = 0_u64;
        for (_, _, ring) in view.rings_in_use() {
            let cut = ring.cut();
            for position in [cut.tail, cut.floor, ring.oldest()] {
                positions = positions.wrapping_add(position);
            }
        }
        if view.overflow.iter().any(|(_, overflow)| overflow.is_used()) {
            return None;
        }
        let losses = view.all_losses().fold(0_u64, |sum, loss| sum.wrapping_add(loss.count));
        Some(Self { positions, losses })
    }
}
