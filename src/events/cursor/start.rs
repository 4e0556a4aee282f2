//! Where a cursor begins.

use crate::clock::Ticks;
use crate::events::answer::{EventId, Place};
use crate::events::class::Class;
use crate::events::error::QueryError;
use crate::events::query::Lookup;
use crate::events::view::View;
use crate::sync::Arc;

/// Where a [`Cursor`](super::Cursor) begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Start {
    /// With what is recorded from now on.
    #[default]
    Now,
    /// With the oldest event that is still there. What was overwritten or pruned before is no gap.
    Oldest,
    /// With this event, and what comes after it in the order of time, shard, class and position.
    Event(EventId),
    /// With the first event at this time or later.
    Time(Ticks),
}

impl Start {
    /// From which event on, in the total order, all is wanted; `None`: from now on.
    pub(super) fn bound(self, view: &Arc<View>) -> Result<Option<(Ticks, Place, u64)>, QueryError> {
        const LEAST: Place = Place { shard: 0, class: Class::Critical };
        match self {
            Self::Now => Ok(None),
            Self::Oldest => Ok(Some((Ticks(0), LEAST, 0))),
            Self::Time(from) => Ok(Some((from, LEAST, 0))),
            Self::Event(event) => {
                let answer = Lookup::of(view, event).found();
                let order = answer.and_then(|answer| answer.iter().next().map(|event| event.row.order()));
                order.map(Some).ok_or(QueryError::NoEvent { id: event.get() })
            }
        }
    }
}
