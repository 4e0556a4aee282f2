//! One event, by its id.

use super::Query;
use super::collect::Collected;
use super::search::Sink;
use crate::events::answer::{Answer, EventId, Place, Verdict};
use crate::events::handle::Events;
use crate::events::read::{Found, Header, Step, in_slot, scan_block};
use crate::events::ring::Ring;
use crate::events::view::View;
use crate::sync::Arc;

/// What there is under an [`EventId`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Lookup {
    /// The event, alone in an answer.
    Found(Answer),
    /// It was there, or may have been, and has been overwritten or pruned.
    Gone,
    /// No event of this store has or had this id.
    NeverWas,
}

impl Lookup {
    /// What there is under an id.
    pub(crate) fn of(view: &Arc<View>, id: EventId) -> Self {
        let query = Query::new(view);
        let mut collected = Collected::new(&query);
        let is_overflow = |place: Place| usize::from(place.shard) == view.shards.len();
        let end = |place: Place| match view.ring(place) {
            Some(ring) => Some(ring.cut().tail),
            None => is_overflow(place).then(|| {
                let overflow = &view.overflow[place.class];
                overflow.end(overflow.cut())
            }),
        };
        let Some((place, position)) = id.place(end) else { return Lookup::NeverWas };
        let at = match view.ring(place) {
            Some(ring) => {
                in_ring(ring, position, |header| collected.take(place, Found::InRing(ring), header))
            }
            None => {
                let overflow = &view.overflow[place.class];
                let mut at = At::Nothing;
                in_slot(overflow, position, |found, header| {
                    collected.take(place, found, header);
                    at = At::Event;
                });
                // Whatever was not found may have been overwritten meanwhile.
                if at == At::Nothing && overflow.is_gone(position) {
                    at = At::Gone;
                }
                at
            }
        };
        let mut answer = collected.finish(0);
        if at == At::Nothing {
            return Lookup::NeverWas;
        }
        if answer.is_empty() {
            return Lookup::Gone;
        }
        answer.recheck_batches(|place, first| query.is_there(place, first));
        (answer.verdict, answer.since) = (Verdict::Complete, query.since());
        Lookup::Found(answer)
    }

    /// The event, if it is still there.
    #[must_use]
    pub fn found(self) -> Option<Answer> {
        match self {
            Self::Found(answer) => Some(answer),
            _ => None,
        }
    }
}

/// What was found at a position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    Event,
    Gone,
    Nothing,
}

impl Events {
    /// The event of this id, while everything keeps writing. Ids come from [`Recorded::id`](crate::events::Recorded::id),
    /// and mean something to this store alone.
    ///
    /// Costs a look at the events of its block that lie before it: anything may be asked for, and the middle of one event
    /// may look like another.
    ///
    /// ```
    /// use flightdeck::events::{EventId, Events, Lookup};
    /// flightdeck::kind! { Noted("host.noted") { n: u64 } }
    /// let events = Events::builder().build()?;
    /// events.record(Noted { n: 7 });
    /// let id = events.query().run()?.iter().next().expect("recorded above").id();
    ///
    /// let answer = events.event(id).found().expect("nothing has overwritten it");
    /// assert_eq!(answer.iter().next().and_then(|event| event.field("n")?.as_u64()), Some(7));
    /// assert!(matches!(events.event(EventId::from_bits(id.get() + 1)), Lookup::NeverWas));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn event(&self, id: EventId) -> Lookup {
        Lookup::of(self.view(), id)
    }
}

/// Looks for the record that starts at a position below the tail.
fn in_ring(ring: &Ring, position: u64, found: impl FnOnce(&Header)) -> At {
    let cut = ring.cut();
    if position < ring.geometry().words as u64 {
        // Before the first lap.
        return At::Nothing;
    }
    if position < cut.floor || !ring.is_intact(position) {
        return At::Gone;
    }
    let first = ring.first_of(position).map(|(first, _)| first).filter(|first| *first <= position);
    let mut at = None;
    if let Some(first) = first {
        scan_block(ring, first, cut.tail, |header| {
            if header.position < position {
                return Step::On;
            }
            at = (header.position == position).then_some(*header);
            Step::Stop
        });
    }
    match at {
        Some(header) => {
            found(&header);
            At::Event
        }
        // Whatever was not found may have been overwritten or pruned meanwhile.
        None if !ring.is_kept(position) => At::Gone,
        None => At::Nothing,
    }
}
