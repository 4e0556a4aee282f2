//! Which ids took longest, of all that the store holds.

use super::chain::{duration_of, shown, text_of};
use super::deck::Deck;
use crate::formats::Correlation;
use flightdeck::CorrelationId;
use flightdeck::events::QueryError;
use std::cmp::Reverse;
use std::collections::HashMap;

/// The extent of one id: from its earliest start to its latest end.
#[derive(Clone, Debug)]
pub struct Slow {
    id: CorrelationId,
    /// Empty where the id is a number.
    text: Box<str>,
    first: u64,
    last: u64,
}

impl Slow {
    pub fn duration_ns(&self) -> u64 {
        self.last - self.first
    }

    pub fn correlation(&self) -> Correlation<'_> {
        if self.text.is_empty() {
            Correlation::Id128(self.id.get())
        } else {
            Correlation::Text((&*self.text).into())
        }
    }

    pub fn shown(&self) -> String {
        shown(self.id, &self.text).into_owned()
    }
}

/// The slowest, the slowest first, and how many ids there are. One pass over the store; memory for a line an id.
pub fn slowest(deck: &Deck, most: usize) -> Result<(Vec<Slow>, usize), QueryError> {
    let mut ids: HashMap<CorrelationId, Slow, ahash::RandomState> = HashMap::default();
    deck.events.query().each(|event| {
        let id = event.correlation();
        if id.is_none() {
            return;
        }
        let (start, end) = (event.ticks().0, event.ticks().0.saturating_add(duration_of(&event)));
        let slow = ids.entry(id).or_insert_with(|| Slow {
            id,
            text: text_of(&event).into(),
            first: start,
            last: end,
        });
        slow.first = slow.first.min(start);
        slow.last = slow.last.max(end);
    })?;
    let count = ids.len();
    let mut slow: Vec<_> = ids.into_values().collect();
    let order = |slow: &Slow| (Reverse(slow.duration_ns()), slow.first, slow.id);
    if most < slow.len() {
        slow.select_nth_unstable_by_key(most, order);
        slow.truncate(most);
    }
    slow.sort_unstable_by_key(order);
    Ok((slow, count))
}
