//! Connections that are open: few, and none that does nothing, or takes its time, in the way of one that asks.

use crate::sync::{Arc, OnceLock};
use std::collections::VecDeque;
use std::time::Duration;
use tokio::task::AbortHandle;
use tokio::time::Instant;

/// For so long a connection that has asked keeps its place whoever comes.
const KEPT: Duration = Duration::from_secs(1);

/// Connections that are open, the oldest first.
#[derive(Debug)]
pub(super) struct Connections {
    open: VecDeque<Connection>,
    most: usize,
}

#[derive(Debug)]
struct Connection {
    task: AbortHandle,
    /// Since when, once it has.
    asked: Arc<OnceLock<Instant>>,
}

/// Whether there is room for one more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Room {
    /// There is.
    Yes,
    /// The oldest that has asked for nothing yet, or else the oldest that asked a second ago or earlier, had to go.
    Made,
    /// All are being answered, none for long.
    No,
}

impl Connections {
    pub(super) fn new(most: usize) -> Self {
        Self { open: VecDeque::new(), most }
    }

    /// Room for one more.
    pub(super) fn room(&mut self) -> Room {
        if self.open.len() < self.most {
            return Room::Yes;
        }
        self.open.retain(|connection| !connection.task.is_finished());
        if self.open.len() < self.most {
            return Room::Yes;
        }
        let idle = self.open.iter().position(|connection| connection.asked.get().is_none());
        let is_slow = |asked: &Instant| asked.elapsed() >= KEPT;
        let slow = || self.open.iter().position(|connection| connection.asked.get().is_some_and(is_slow));
        match idle.or_else(slow).and_then(|at| self.open.remove(at)) {
            Some(connection) => {
                connection.task.abort();
                Room::Made
            }
            None => Room::No,
        }
    }

    pub(super) fn add(&mut self, task: AbortHandle, asked: Arc<OnceLock<Instant>>) {
        self.open.push_back(Connection { task, asked });
    }
}
