//! The children of one supervisor, while it runs.

use super::error::{RemoveError, StartError};
use super::handle::{REPORT_GRACE, within};
use super::incident::StopReport;
use super::machine::{Ask, Id};
use super::roll::part_of;
use super::shared::{News, Shared};
use super::spec::ChildSpec;
use crate::sync::Arc;
use std::fmt;
use std::time::{Duration, Instant};

/// The children of a supervisor in the tree: [`Supervisor::child`](super::Supervisor::child). Those of the topmost have
/// the same methods on [`Supervisor`](super::Supervisor) itself.
///
/// Names are those of its own children; a path such as `peers/7` reaches further down. It keeps nothing running.
///
/// ```
/// use flightdeck::supervisor::{ChildSpec, Restart, Rules, Supervisor, WorkerContext};
/// use std::time::Duration;
///
/// let wait = |context: &WorkerContext| { let _ = context.wait(Duration::MAX); };
/// let net = ChildSpec::supervisor("net", Restart::Permanent, Rules::new());
/// let supervisor = Supervisor::builder().worker(net).start()?;
/// let net = supervisor.child("net").expect("a supervisor");
/// net.add(ChildSpec::new("feed", Restart::Permanent, wait))?;
/// assert!(net.terminate("feed", Duration::from_secs(5))?.is_clean());
/// net.restart("feed")?;
/// let report = supervisor.remove("net/feed", Duration::from_secs(5))?;
/// assert_eq!(&*report.stopped[0], "net/feed");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Children {
    shared: Arc<Shared>,
    id: Id,
    path: Arc<str>,
}

impl fmt::Debug for Children {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Children").field("path", &self.path).finish_non_exhaustive()
    }
}

impl Children {
    pub(super) fn new(shared: Arc<Shared>, id: Id, path: &str) -> Self {
        Self { shared, id, path: path.into() }
    }

    /// One more child, the last in order. It is started soon after: where others are yet to be started in order, in its
    /// turn; where its supervisor does not run, with that.
    ///
    /// # Errors
    /// If there is a sibling of its name, something is significant that cannot be, its supervisor was removed, or everything was asked to stop.
    pub fn add(&self, spec: ChildSpec) -> Result<(), StartError> {
        self.shared.add(self.id, spec)
    }

    /// Stops a child for good and takes it off the list, so that its name is free again; a supervisor with all below it.
    /// Returns by the deadline, whatever the child does, as [`Supervisor::shutdown`](super::Supervisor::shutdown); it has that time or its
    /// [`ChildSpec::shutdown`], whichever ends first.
    /// One that does not stop is abandoned, and stays on the list as such until its thread is gone. Called by a worker or an
    /// observer, it returns at once, since they may be what it waits for.
    ///
    /// # Errors
    /// If there is no child of that name.
    pub fn remove(&self, name: &str, deadline: Duration) -> Result<StopReport, RemoveError> {
        self.stop(name, Ask::Remove, deadline)
    }

    /// Stops a child, which stays on the list as [terminated](super::WorkerState::Terminated). It is started again by
    /// [`Children::restart`], and when its supervisor is; not along with a sibling. Otherwise as [`Children::remove`].
    ///
    /// # Errors
    /// If there is no child of that name.
    pub fn terminate(&self, name: &str, deadline: Duration) -> Result<StopReport, RemoveError> {
        self.stop(name, Ask::Terminate, deadline)
    }

    /// Starts a child now: one that was terminated, has ended, or waits for its delay. One that runs is asked to stop first;
    /// one that is abandoned is started when its thread is gone. This is no failure: it counts in no window, and takes
    /// no siblings along. Nothing, if its supervisor does not run, or it is just being stopped. Does not wait.
    ///
    /// # Errors
    /// If there is no child of that name.
    pub fn restart(&self, name: &str) -> Result<(), RemoveError> {
        let (child, _) = self.find(name)?;
        self.shared.tell(News::Ask { child, ask: Ask::Restart, ticket: None, deadline: Instant::now() });
        Ok(())
    }

    fn find(&self, name: &str) -> Result<(Id, String), RemoveError> {
        let path = if self.path.is_empty() { name.to_owned() } else { format!("{}/{name}", self.path) };
        match self.shared.with_roll(|roll| roll.find(&path)) {
            Some(child) => Ok((child, path)),
            None => Err(RemoveError { name: path }),
        }
    }

    fn stop(&self, name: &str, ask: Ask, deadline: Duration) -> Result<StopReport, RemoveError> {
        let (child, path) = self.find(name)?;
        Ok(part_of(self.shared.ask_and_wait(child, ask, within(deadline), REPORT_GRACE), &path))
    }
}
