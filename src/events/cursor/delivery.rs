//! What a cursor delivers, and its accounts.

use crate::clock::Ticks;
use crate::events::answer::Recorded;
use crate::events::class::Class;
use crate::events::loss::LossCause;
use std::time::Duration;

/// One thing that a [`Cursor`](super::Cursor) hands over.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Delivery<'a> {
    /// An event.
    Event(Recorded<'a>),
    /// Events that it did not deliver, and never will.
    Gap(Gap),
}

impl<'a> Delivery<'a> {
    /// The event, if it is one.
    #[must_use]
    pub fn event(self) -> Option<Recorded<'a>> {
        match self {
            Self::Event(event) => Some(event),
            Self::Gap(_) => None,
        }
    }
}

/// Events that a cursor did not deliver: how many, and where they are missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Gap {
    /// Why.
    pub cause: GapCause,
    /// How many, of whatever kind: nobody knows any more which of them the filters would have let through.
    pub count: u64,
    /// Of which retention class.
    pub class: Class,
    /// Of which shard; `None` where they were meant for none, or lay in the overflow.
    pub shard: Option<u16>,
    /// The stamp of what came before them there, as far as the cursor saw it; zero: nothing did.
    pub from: Ticks,
    /// The stamp of what came after them there.
    pub until: Ticks,
}

/// Why events are missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum GapCause {
    /// Newer ones had taken their place before the cursor came by, or were about to: it is too slow, or the store too small.
    Overwritten,
    /// They were pruned or cleared before it came by.
    Pruned,
    /// They were never stored.
    Lost(LossCause),
}

impl GapCause {
    /// The lower-case name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Overwritten => "overwritten",
            Self::Pruned => "pruned",
            Self::Lost(cause) => cause.name(),
        }
    }
}

/// What one call delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Progress {
    /// How many events.
    pub events: usize,
    /// How many gaps.
    pub gaps: usize,
    /// Whether there is more.
    pub state: CursorState,
}

/// What a cursor knows of what comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CursorState {
    /// It found more than was asked for: ask again.
    More,
    /// All that it found was delivered.
    Idle,
    /// All was delivered, and the store has stopped.
    Closed,
}

/// The accounts of a cursor. Of the rings and slots that it follows, once nobody writes and it is idle:
/// `delivered + filtered + overwritten + pruned` is what was written since its start, exactly.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CursorStats {
    /// Events that it delivered.
    pub delivered: u64,
    /// Events that its filters left out, or that lie before its start.
    pub filtered: u64,
    /// Events that were overwritten before it came by.
    pub overwritten: u64,
    /// Events that were pruned before it came by.
    pub pruned: u64,
    /// Events that were never stored, since its start.
    pub lost: u64,
    /// Of what it delivered, what has an earlier stamp than something that an earlier look delivered.
    pub late: u64,
    /// How many events it is behind now.
    pub behind: u64,
    /// How old the oldest of those is that it knows of, or else how long ago it looked.
    pub lag: Duration,
    /// How often it looked whether there is something new.
    pub looks: u64,
    /// How often it parked its thread.
    pub parks: u64,
    /// Of those, how often an event of a prompt kind ended that: see [`Cursor::prompt`](super::Cursor::prompt).
    pub woken: u64,
    /// Of those, how often none could have, since the system refused the barrier.
    pub deaf: u64,
    /// Of how many kinds its recording [has no name](crate::events::Nameless::kinds), where it asks for a kind or a field: what of
    /// their events matches nobody can tell, so they are among those that were left out. Zero of a store, and where it asks for neither.
    pub nameless: u64,
}

impl CursorStats {
    /// What became of all events that were written to what it follows, delivered or not.
    #[must_use]
    pub fn accounted(&self) -> u64 {
        // Saturating: in a mapped file a count may be anything.
        [self.filtered, self.overwritten, self.pruned].into_iter().fold(self.delivered, u64::saturating_add)
    }
}

/// Events that are missing in one place, not told yet.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Missing {
    count: u64,
    from: Ticks,
    until: Ticks,
}

impl Missing {
    /// So many more, between two stamps.
    pub(super) fn add(&mut self, count: u64, from: Ticks, until: Ticks) {
        if count > 0 {
            self.from = if self.count == 0 { from } else { self.from };
            // Saturating: in a mapped file a count may be anything.
            self.count = self.count.saturating_add(count);
            self.until = until;
        }
    }

    /// As a gap, if there are any; none are left then.
    #[inline]
    pub(super) fn take(&mut self, cause: GapCause, class: Class, shard: Option<u16>) -> Option<Gap> {
        if self.count == 0 {
            return None;
        }
        let Self { count, from, until } = std::mem::take(self);
        Some(Gap { cause, count, class, shard, from, until })
    }
}
