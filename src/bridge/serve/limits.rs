//! How much anybody may ask of the server.

use crate::hub::ServeError;
use std::time::Duration;

/// How much anybody may ask.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// At once.
    pub(super) connections: usize,
    /// For all of a connection: to send a request, and to take the answer.
    pub(super) time: Duration,
    /// Of a request's head, in bytes.
    pub(super) head: usize,
    /// Lines in it.
    pub(super) lines: usize,
    /// Of answers on their way, in bytes: while there are as many, no page is made.
    pub(super) held: u64,
    /// Of an answer about events.
    pub(super) events: usize,
}

impl Limits {
    pub(super) const fn new() -> Self {
        Self {
            connections: 64,
            time: Duration::from_secs(10),
            head: 16 << 10,
            lines: 64,
            held: 128 << 20,
            events: 1_000,
        }
    }

    pub(super) fn check(&self) -> Result<(), ServeError> {
        let none = |name, value: String, least| Err(ServeError::Limit { name, value, least });
        match () {
            () if self.connections == 0 => none("connections", "0".to_owned(), "1"),
            () if self.time < Duration::from_millis(10) => none("time", format!("{:?}", self.time), "10ms"),
            () => Ok(()),
        }
    }
}
