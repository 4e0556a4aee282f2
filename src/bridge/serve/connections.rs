//! Connections that are open: few, and none that does nothing in the way of one that asks.

use crate::sync::{Arc, AtomicBool, Relaxed};
use std::collections::VecDeque;
use tokio::task::AbortHandle;

/// Connections that are open, the oldest first.
#[derive(Debug)]
pub(super) struct Connections {
    open: VecDeque<Connection>,
    most: usize,
}

#[derive(Debug)]
struct Connection {
    task: AbortHandle,
    /// Whether it has asked. Relaxed: all on one thread.
    has_asked: Arc<AtomicBool>,
}

/// Whether there is room for one more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Room {
    /// There is.
    Yes,
    /// The oldest that has asked for nothing yet had to go.
    Made,
    /// All are being answered.
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
        let idle = self.open.iter().position(|connection| !connection.has_asked.load(Relaxed));
        match idle.and_then(|at| self.open.remove(at)) {
            Some(connection) => {
                connection.task.abort();
                Room::Made
            }
            None => Room::No,
        }
    }

    pub(super) fn add(&mut self, task: AbortHandle, has_asked: Arc<AtomicBool>) {
        self.open.push_back(Connection { task, has_asked });
    }
}
