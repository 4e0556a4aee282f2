//! When a deck writes a copy of itself by itself, and where.

use super::kept::Kept;
use crate::mapped::{DumpCause, Options};
use crate::supervisor::Incident;
use std::path::{Path, PathBuf};

/// When a deck writes a [copy](crate::Flightdeck::dump) of itself by itself, and where: see
/// [`Builder::dump_to`](crate::Builder::dump_to). Each is counted (`flightdeck_dumps_total`) and an event
/// (`flightdeck.dump.written`). One that fails is counted, too (`flightdeck_dump_errors_total`), and an event
/// (`flightdeck.dump.failed`); the host goes on.
///
/// | when | by default | in which thread |
/// |---|---|---|
/// | a supervisor gives up: a worker or a supervisor was to be restarted once too often | yes | the supervisor's, which restarts nobody meanwhile |
/// | a [fatal](crate::events::Trigger::fatal) trigger has captured | yes | the one that evaluates triggers |
/// | the deck is shut down, or its last handle dropped | no | whoever does that; it takes as long as the disk does, also beyond the deadline |
///
/// A panic by itself is none of these: say what it is to lead to with [`Flightdeck::on_panic`](crate::Flightdeck::on_panic), or
/// with how often workers are restarted. Where panics abort the process, and where it is killed, nobody is left to write: keep such a
/// deck in a [file](crate::Builder::mapped).
#[derive(Clone, Debug)]
#[must_use = "it does nothing before it is given to `Builder::dump_to`"]
pub struct Dumps {
    options: Options,
    on_shutdown: bool,
    on_escalation: bool,
    on_fatal: bool,
}

impl Dumps {
    /// To a file, or to files in a directory, in the name of a [program](Options::program): as of [`Flightdeck::dump`](crate::Flightdeck::dump), also what becomes of those that are
    /// there.
    pub fn to(file: impl Into<Options>) -> Self {
        Self { options: file.into(), on_shutdown: false, on_escalation: true, on_fatal: true }
    }

    pub(super) const fn options(&self) -> &Options {
        &self.options
    }

    /// Whether one is written when the deck is shut down. Not, by default.
    pub fn on_shutdown(mut self, on: bool) -> Self {
        self.on_shutdown = on;
        self
    }

    /// Whether one is written when a supervisor gives up. It is, by default.
    pub fn on_escalation(mut self, on: bool) -> Self {
        self.on_escalation = on;
        self
    }

    /// Whether one is written when a [fatal](crate::events::Trigger::fatal) trigger has captured. It is, by default.
    pub fn on_fatal_trigger(mut self, on: bool) -> Self {
        self.on_fatal = on;
        self
    }
}

/// As [`Dumps::to`].
impl From<Options> for Dumps {
    fn from(file: Options) -> Self {
        Self::to(file)
    }
}

/// As [`Dumps::to`], a file.
impl From<&Path> for Dumps {
    fn from(path: &Path) -> Self {
        Self::to(path)
    }
}

/// As [`Dumps::to`], a file.
impl From<PathBuf> for Dumps {
    fn from(path: PathBuf) -> Self {
        Self::to(path)
    }
}

/// As [`Dumps::to`], a file.
impl From<&str> for Dumps {
    fn from(path: &str) -> Self {
        Self::to(path)
    }
}

/// What fails is written down.
impl Kept {
    fn dump_if(&self, is_asked: impl FnOnce(&Dumps) -> bool, cause: impl FnOnce() -> DumpCause) {
        if let Some(dumps) = self.dumps_by_itself.as_ref().filter(|dumps| is_asked(dumps)) {
            let _ = self.dump(&dumps.options, &cause());
        }
    }

    /// It is shut down: once all is posted, and before recording ends. Whoever shuts it down at the same time waits.
    pub(in crate::hub) fn dump_at_shutdown(&self) {
        // A child of a fork may find the lock taken for good.
        if !self.file.is_ours() {
            return;
        }
        let mut is_done = self.has_dumped_last.lock();
        if !*is_done {
            *is_done = true;
            self.dump_if(|dumps| dumps.on_shutdown, || DumpCause::Shutdown);
        }
    }

    /// Something happened to a worker, and was written down.
    pub(in crate::hub) fn dump_on(&self, incident: &Incident) {
        if let Incident::Escalated { worker, .. } | Incident::MeltedDown { worker } = incident {
            self.dump_if(|dumps| dumps.on_escalation, || DumpCause::Escalation((**worker).into()));
        }
    }

    /// A fatal trigger has captured.
    pub(in crate::hub) fn dump_on_trigger(&self, name: &str) {
        self.dump_if(|dumps| dumps.on_fatal, || DumpCause::Trigger(name.into()));
    }
}
