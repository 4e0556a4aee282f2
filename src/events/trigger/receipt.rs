//! What a trigger captured, and what it could not.

use super::cause::TriggerCause;
use crate::clock::Ticks;
use crate::events::answer::Verdict;
use crate::events::incident::{CaptureError, IncidentId};
use crate::sync::Arc;
use std::ops::RangeInclusive;
use std::path::PathBuf;

/// What became of one capture: what set it off, what was captured, and what was already gone.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TriggerReceipt {
    /// From 1 up, over all triggers, in the order of capturing.
    pub number: u64,
    /// The trigger's name.
    pub trigger: Arc<str>,
    /// Whether the trigger is [fatal](super::Trigger::fatal).
    pub is_fatal: bool,
    /// What set it off.
    pub cause: TriggerCause,
    /// When that happened: the stamp of the event.
    pub at: Ticks,
    /// When it was captured.
    pub captured_at: Ticks,
    /// The stamps that were asked for; `None`: the chain of an id.
    pub asked: Option<RangeInclusive<Ticks>>,
    /// The part of them of which nothing is missing that there was; `None`: no such part, a chain, or nothing was captured.
    pub got: Option<RangeInclusive<Ticks>>,
    /// What was captured, or why nothing was.
    pub result: Result<Captured, CaptureError>,
    /// What the trigger left out since its last receipt.
    pub left_out: LeftOut,
}

/// What was captured.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Captured {
    /// Where it lies.
    pub place: CapturePlace,
    /// How many events.
    pub events: usize,
    /// How many bytes it takes there.
    pub bytes: u64,
    /// Whether those are all there were.
    pub verdict: Verdict,
    /// From here on nothing of any class was overwritten, pruned or lost when it was asked for; zero: nothing ever was.
    pub since: Ticks,
    /// How many events are missing from it, where that is known: see [`Answer::missing`](crate::events::Answer::missing).
    pub missing: Option<u64>,
    /// How many matching events were overwritten between being found and being copied.
    pub gone: u64,
    /// How many events were left out for want of room: those furthest in time from what set it off.
    pub trimmed: usize,
    /// How many older captures made room for it: incidents, or files of this trigger.
    pub evicted: u64,
}

/// Where a capture lies.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CapturePlace {
    /// In the incident store: see [`Events::incident`](crate::events::Events::incident).
    Incident(IncidentId),
    /// In a file.
    File(PathBuf),
}

/// What a trigger did not capture, and why.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct LeftOut {
    /// Matches over its limit.
    pub suppressed: u64,
    /// Matches within a look-ahead that was open, which captured them.
    pub coalesced: u64,
    /// Events, of whatever kind, that were overwritten, pruned or lost before it came by, or not looked at when all ended: some
    /// may have matched.
    pub missed: u64,
}

/// How a trigger is, and what became of all that set it off: `seen` is `fired + coalesced + suppressed`, and `fired` is
/// `captured + failed + open`; exactly, while it is not being evaluated.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TriggerStatus {
    /// Its name.
    pub name: Arc<str>,
    /// How often something set it off.
    pub seen: u64,
    /// How often that led to a capture, or is about to.
    pub fired: u64,
    /// How often it was part of a capture that was about to be made.
    pub coalesced: u64,
    /// How often it was over the limit.
    pub suppressed: u64,
    /// How many captures were made.
    pub captured: u64,
    /// How many failed; the receipt says why.
    pub failed: u64,
    /// How many look-aheads are not over.
    pub open: usize,
    /// How many events were captured.
    pub events: u64,
    /// How many bytes they take or took.
    pub bytes: u64,
    /// How many events, of whatever kind, were overwritten, pruned or lost before it came by, or not looked at when all ended.
    pub missed: u64,
    /// How often its [callback](super::Trigger::on_receipt) panicked.
    pub panicked: u64,
}
