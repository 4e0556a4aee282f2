//! What can be known of handlers from outside.

/// Whether a handler is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum HandlerState {
    /// It is.
    Attached,
    /// It was detached.
    Detached,
    /// It panicked, and was detached for it.
    Panicked,
}

/// How a handler is. Each number is exact at some moment of the call, not all at the same.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct HandlerStatus {
    /// What it is known by.
    pub id: String,
    /// What it is attached to.
    pub prefixes: Vec<String>,
    /// Whether it is called.
    pub state: HandlerState,
    /// Calls that are over, also by a panic. Wraps at 2^47.
    pub calls: u64,
    /// Calls that are running.
    pub running: u64,
    /// Of a queued one.
    pub queue: Option<QueueStatus>,
    /// What it panicked with.
    pub panic: Option<String>,
}

/// How the queue of a handler is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct QueueStatus {
    /// How many executions it was made for.
    pub capacity: usize,
    /// How many may wait: as many, unless [told otherwise](super::super::Telemetry::set_handler_queue).
    pub most: usize,
    /// How many wait.
    pub waiting: usize,
    /// How many waited when the handler was detached, and will not be delivered.
    pub discarded: u64,
    /// How many came when it was full.
    pub dropped: u64,
    /// How many took more than 64 KiB.
    pub too_large: u64,
}

/// A panic of a handler.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct HandlerPanic {
    /// Which.
    pub id: String,
    /// With what.
    pub message: String,
}

/// How the handlers of a telemetry are, all of them, attached or not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct HandlerStats {
    /// Handlers that are attached.
    pub attached: usize,
    /// Panics of handlers.
    pub panics: u64,
    /// The last of them.
    pub last_panic: Option<HandlerPanic>,
    /// Executions that a queue did not take, because it was full or they were too large.
    pub dropped: u64,
    /// Executions that waited in the queue of a handler which was detached.
    pub discarded: u64,
    /// Executions deeper than 16 in handlers of executions in handlers; they reached no handler.
    pub too_deep: u64,
    /// Calls that were left out because 32,768 or more ran at once.
    pub crowded: u64,
    /// Panics of observers, and of what handlers own when it was dropped.
    pub other_panics: u64,
    /// Lists of handlers that were replaced and are not freed yet, with handlers that only they have: see
    /// [`Telemetry::sweep_handlers`](super::super::Telemetry::sweep_handlers).
    pub retained: usize,
}

/// Something that happened to a handler, told to the observer.
#[derive(Debug)]
#[non_exhaustive]
pub enum HandlerNotice<'a> {
    /// It panicked and is called no more. Told of each call that panics.
    Panicked {
        /// Which.
        id: &'a str,
        /// What it panicked with, if that was text.
        message: &'a str,
        /// Whether this panic detached it: not where it was detached before, or by another of its calls that panicked.
        was_attached: bool,
    },
}
