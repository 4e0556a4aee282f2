//! What is to be captured of a match, and which later matches that covers.

use super::cause::TriggerCause;
use super::limit::Limit;
use super::receipt::LeftOut;
use crate::clock::{Converter, Ticks};
use crate::events::handle::Events;
use crate::id::CorrelationId;
use std::ops::RangeInclusive;
use std::time::{Duration, Instant};

/// How many look-aheads one trigger has open at a time; more matches are suppressed.
const MOST_OPEN: usize = 64;

/// How far around a match a trigger captures.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reach {
    pub(super) back: Duration,
    pub(super) ahead: Duration,
    /// All of the match's id, in place of all of that time.
    pub(super) is_chain: bool,
}

/// A capture that waits for the end of its look-ahead.
#[derive(Debug)]
pub(super) struct Window {
    pub(super) cause: TriggerCause,
    /// The stamp of the match.
    pub(super) at: Ticks,
    pub(super) from: Ticks,
    pub(super) until: Ticks,
    pub(super) scope: Scope,
    /// When its match was seen.
    opened: Instant,
}

/// Of which events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scope {
    All,
    Chain(CorrelationId),
}

impl Window {
    fn new(cause: TriggerCause, at: Ticks, reach: Reach, clock: &Converter, opened: Instant) -> Self {
        let from = Ticks(at.0.saturating_sub(clock.ticks_in(reach.back)));
        let until = Ticks(at.0.saturating_add(clock.ticks_in(reach.ahead)));
        let scope = Scope::of(reach, cause.correlation());
        Self { cause, at, from, until, scope, opened }
    }

    /// Whether a match will be part of what it captures: of a chain, whatever is there of its id by then.
    fn covers(&self, at: Ticks, scope: Scope) -> bool {
        match self.scope {
            Scope::All => Covered::by(self).covers(at, scope),
            Scope::Chain(_) => self.scope == scope,
        }
    }

    /// Whether its look-ahead is over. Where hosts supply times, which may never come, also once it took as long.
    fn is_over(&self, now: Ticks, ahead: Duration, is_supplied: bool) -> bool {
        now >= self.until || (is_supplied && self.opened.elapsed() >= ahead)
    }

    /// The stamps it asks for; none, of a chain.
    pub(super) fn asked(&self) -> Option<RangeInclusive<Ticks>> {
        (self.scope == Scope::All).then_some(self.from..=self.until)
    }
}

impl Scope {
    fn of(reach: Reach, id: CorrelationId) -> Self {
        if reach.is_chain { Self::Chain(id) } else { Self::All }
    }
}

/// A look-ahead that was closed last: the cursor may come by its matches only now.
#[derive(Clone, Copy, Debug)]
struct Covered {
    at: Ticks,
    until: Ticks,
    scope: Scope,
}

impl Covered {
    fn by(window: &Window) -> Self {
        Self { at: window.at, until: window.until, scope: window.scope }
    }

    fn covers(&self, at: Ticks, scope: Scope) -> bool {
        self.scope == scope && self.at <= at && at <= self.until
    }
}

/// What a trigger is about to capture.
#[derive(Debug)]
pub(super) struct Windows {
    reach: Reach,
    open: Vec<Window>,
    /// The look-aheads that were closed last.
    covered: Vec<Covered>,
    limit: Limit,
    /// Since the last receipt.
    pub(super) left_out: LeftOut,
}

/// What becomes of a match.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(super) enum Admitted {
    /// It is to be captured: the caller opens a window.
    Fired,
    /// A capture that is about to be made, or was, has it.
    Covered,
    /// There were enough.
    Suppressed,
}

impl Windows {
    pub(super) fn new(reach: Reach, limit: Limit) -> Self {
        Self { reach, open: Vec::new(), covered: Vec::new(), limit, left_out: LeftOut::default() }
    }

    /// Whether a match of this id leads to a capture. Counts it if not.
    pub(super) fn admit(&mut self, at: Ticks, id: CorrelationId, now: Instant) -> Admitted {
        let scope = Scope::of(self.reach, id);
        let is_covered = self.covered.iter().any(|covered| covered.covers(at, scope))
            || self.open.iter().any(|window| window.covers(at, scope));
        if is_covered {
            self.left_out.coalesced += 1;
            Admitted::Covered
        } else if self.open.len() >= MOST_OPEN || !self.limit.takes(now) {
            self.left_out.suppressed += 1;
            Admitted::Suppressed
        } else {
            Admitted::Fired
        }
    }

    /// Opens the window of a match that is admitted.
    pub(super) fn open(&mut self, cause: TriggerCause, at: Ticks, clock: &Converter, now: Instant) {
        self.open.push(Window::new(cause, at, self.reach, clock, now));
    }

    /// Takes out what is to be captured now; the last time, all of it.
    pub(super) fn close(&mut self, events: &Events, is_last: bool) -> Vec<Window> {
        if self.open.is_empty() {
            return Vec::new();
        }
        let (now, ahead) = (events.clock().now(), self.reach.ahead);
        let is_supplied = events.store().supplied_clock;
        let is_over = |window: &mut Window| is_last || window.is_over(now, ahead, is_supplied);
        let due: Vec<Window> = self.open.extract_if(.., is_over).collect();
        // Without a look-ahead, what has the stamp of a match may come after its capture.
        if !due.is_empty() && !ahead.is_zero() {
            self.covered.clear();
            self.covered.extend(due.iter().map(Covered::by));
        }
        due
    }
}
