//! Tracks: what a viewer draws as a row.

use super::lanes::Lanes;

/// A track, as packets and events name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Track {
    /// For Perfetto.
    pub(super) uuid: u64,
    /// For Chrome: the thread that it is, or is shown with.
    pub(super) thread: u64,
    /// It is not the thread's own.
    pub(super) is_beside: bool,
}

/// What a track is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A thread of this number.
    Thread(u32),
    /// What a host has named.
    Named,
    /// What does not nest on the track of this uuid.
    Beside(u64),
    /// A number in the course of time.
    Counter,
}

/// A track and those beside it.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) track: Track,
    pub(super) lanes: Lanes,
    /// Those of the lanes after the first, as far as they are in use.
    pub(super) beside: Vec<Track>,
}

impl Group {
    pub(super) fn new(track: Track, lanes: Lanes) -> Self {
        Self { track, lanes, beside: Vec::new() }
    }
}
