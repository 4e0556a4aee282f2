//! From a window or an id to the events of it, as far as there is room.

use super::spec::Narrow;
use super::window::Scope;
use crate::clock::Ticks;
use crate::events::answer::{Answer, Truncation, Verdict};
use crate::events::handle::Events;
use crate::events::incident::{CaptureError, IncidentReceipt, Pin, packed_bytes};
use crate::sync::thread;
use std::ops::RangeInclusive;
use std::time::Duration;

/// Asks for what is to be captured.
pub(super) fn answer(
    events: &Events,
    scope: Scope,
    window: RangeInclusive<Ticks>,
    narrow: Option<&Narrow>,
) -> Result<Answer, CaptureError> {
    let query = match scope {
        Scope::All => events.query().between(window),
        Scope::Chain(id) => events.query().correlation(id),
    };
    let query = match narrow {
        Some(narrow) => narrow(query),
        None => query,
    };
    query.run().map_err(CaptureError::Query)
}

/// What was left out for want of room.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Trimmed {
    pub(super) events: usize,
    /// The stamp of the last event that was left out before what was kept.
    before: Option<Ticks>,
    /// The stamp of the first one after it.
    after: Option<Ticks>,
}

/// Takes out the events furthest from `at` until the others have no more than so many bytes.
pub(crate) fn trim(answer: &mut Answer, most: usize, at: Ticks) -> Trimmed {
    let mut bytes: usize = answer.rows.iter().map(packed_bytes).sum();
    if bytes <= most {
        return Trimmed::default();
    }
    // What was narrowed may come in another order.
    answer.rows.sort_by_key(|row| row.order());
    let mut kept = &*answer.rows;
    let mut trimmed = Trimmed::default();
    let away = |ticks: Ticks| ticks.0.abs_diff(at.0);
    while let ([first, later @ ..], [earlier @ .., last]) = (kept, kept)
        && bytes > most
    {
        trimmed.events += 1;
        // Of two as far away the later one goes: what led to it counts more.
        if away(first.ticks) > away(last.ticks) {
            (bytes, kept) = (bytes - packed_bytes(first), later);
            trimmed.before = Some(first.ticks);
        } else {
            (bytes, kept) = (bytes - packed_bytes(last), earlier);
            trimmed.after = Some(last.ticks);
        }
    }
    answer.rows = kept.to_vec();
    answer.compact();
    if !matches!(answer.verdict, Verdict::Truncated { .. }) {
        answer.verdict = Verdict::Truncated { by: Truncation::Limit };
    }
    trimmed
}

/// Of the stamps asked for, those between which the answer lacks nothing that there was by `now`.
pub(super) fn got(
    answer: &Answer,
    asked: &RangeInclusive<Ticks>,
    now: Ticks,
) -> Option<RangeInclusive<Ticks>> {
    let (from, to) = (*asked.start(), (*asked.end()).min(now));
    let from = match answer.verdict() {
        Verdict::Complete => from,
        Verdict::Overwritten { since } => from.max(since),
        // Somewhere, as the host's own limits have it.
        Verdict::Truncated { .. } => return None,
    };
    (from <= to).then_some(from..=to)
}

impl Trimmed {
    /// The same without what was left out.
    pub(super) fn clip(&self, got: RangeInclusive<Ticks>) -> Option<RangeInclusive<Ticks>> {
        let from = self.before.map_or(*got.start(), |before| Ticks(before.0 + 1).max(*got.start()));
        let to = self.after.map_or(*got.end(), |after| Ticks(after.0.saturating_sub(1)).min(*got.end()));
        (from <= to).then_some(from..=to)
    }

    /// What one more trimming left out as well.
    pub(super) fn and(self, more: Self) -> Self {
        Self {
            events: self.events + more.events,
            before: more.before.or(self.before),
            after: more.after.or(self.after),
        }
    }
}

/// How many bytes a capture takes of the incident store, unless told otherwise: others shall have room beside it.
pub(super) fn share_of_incidents(events: &Events) -> usize {
    events.incident_stats().bytes_capacity / 4
}

impl Events {
    /// "What is going on, now": [pins](Events::pin) what was recorded from so long before this call until so long after it,
    /// of all threads. Without triggers: on the calling thread, which it keeps for as long as `ahead`.
    ///
    /// What is more than a quarter of the incident store is left out, furthest from now first; the verdict says so.
    ///
    /// ```
    /// use flightdeck::events::Events;
    /// use std::time::Duration;
    /// flightdeck::kind! { OrderFilled("order.filled") { qty: u64 } }
    ///
    /// let events = Events::builder().build()?;
    /// events.record(OrderFilled { qty: 5 });
    /// let receipt = events.capture_window("slow today", Duration::from_secs(5), Duration::from_millis(1))?;
    /// assert_eq!(receipt.events, 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As of [`Events::pin`].
    pub fn capture_window<'p>(
        &self,
        pin: impl Into<Pin<'p>>,
        back: Duration,
        ahead: Duration,
    ) -> Result<IncidentReceipt, CaptureError> {
        let (at, clock) = (self.clock().now(), self.clock().converter());
        let from = Ticks(at.0.saturating_sub(clock.ticks_in(back)));
        let until = Ticks(at.0.saturating_add(clock.ticks_in(ahead)));
        if !ahead.is_zero() {
            thread::sleep(ahead);
        }
        let mut answer = answer(self, Scope::All, from..=until, None)?;
        trim(&mut answer, share_of_incidents(self), at);
        self.pin(pin, &answer).map_err(CaptureError::Pin)
    }
}
