//! What became of what was written.

/// What became of the events that a [`Trace`](super::Trace) was given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Events that it was given.
    pub events: u64,
    /// Spans that were written with their beginning and their end.
    pub spans: u64,
    /// Of those, spans whose beginning it was not given: their end says when they began.
    pub beginnings_missing: u64,
    /// Spans of which it was given no end, written as unfinished.
    pub unfinished: u64,
    /// Ends of which neither the beginning is there nor when it was: written as instants.
    pub ends_alone: u64,
    /// Events that are neither, written as instants.
    pub instants: u64,
    /// Values that were written to the tracks of counters.
    pub samples: u64,
    /// Events that are missing, as the gaps tell that it was given.
    pub missing: u64,
    /// Spans on no track of a thread: they do not nest with the others there, or ended in another thread.
    pub beside: u64,
    /// Beginnings that it kept no longer, since too many spans were open, written as instants. Their ends write the spans.
    pub let_go: u64,
    /// Spans that end before they begin, as their hosts say: written as if they took no time.
    pub backwards: u64,
    /// Instants too long before the first event for the format, moved there.
    pub moved: u64,
    /// Bytes that were written.
    pub bytes: u64,
}
