//! What windows of all kinds of metrics have in common.

use crate::telemetry::series::Kind;
use std::fmt::Debug;

/// A metric of which there can be windows. Closed: nothing outside implements it.
pub trait Windowed: Kind + Debug + Send + Sync + 'static {
    /// What is known of the slot that has not ended.
    type Open: Debug + Send;
    /// What is kept of one that has.
    type Slot: Debug + Send;

    /// The first slot begins.
    fn open(&self) -> Self::Open;
    /// Reads the metric at a tick; with what is to be kept if the tick ends the slot.
    fn read(&self, open: &mut Self::Open, ends: bool) -> Option<Self::Slot>;

    /// Bytes that the open slot has elsewhere.
    fn open_bytes(&self) -> usize {
        0
    }
    /// Bytes that a slot has elsewhere.
    fn slot_bytes(_slot: &Self::Slot) -> usize {
        0
    }
    /// Bytes that a slot has elsewhere at most.
    fn most_slot_bytes(&self) -> usize {
        0
    }
}
