//! A look at a supervisor that does not keep it: for what its own chores ask.

use super::handle::Supervisor;
use super::incident::WorkerStatus;
use super::shared::{News, Shared};
use crate::sync::{Arc, Relaxed};
#[cfg(all(feature = "mapped", target_os = "linux"))]
use std::collections::HashMap;
use std::time::Duration;

/// What can be asked of a supervisor by what must not be its last handle.
#[derive(Clone)]
pub(crate) struct View(Arc<Shared>);

impl Supervisor {
    pub(crate) fn view(&self) -> View {
        View(self.shared.clone())
    }

    /// For how long its thread has been at one thing, or asleep when something was due: what a chore, an observer or a
    /// check takes. Zero while it sleeps. One load and a reading of the clock; never waits for that thread.
    ///
    /// ```
    /// use flightdeck::supervisor::Supervisor;
    /// use std::time::Duration;
    ///
    /// let stuck = || std::thread::sleep(Duration::from_millis(200));
    /// let supervisor = Supervisor::builder().every(Duration::from_millis(1), "stuck", stuck).start()?;
    /// while supervisor.late() < Duration::from_millis(100) {
    ///     std::thread::yield_now();
    /// }
    /// # Ok::<(), flightdeck::supervisor::StartError>(())
    /// ```
    #[must_use]
    pub fn late(&self) -> Duration {
        self.shared.watchdog.late()
    }
}

impl View {
    pub(crate) fn workers(&self) -> Vec<WorkerStatus> {
        self.0.workers()
    }

    /// How often the last run of each worker has beaten.
    #[cfg(all(feature = "mapped", target_os = "linux"))]
    pub(crate) fn beats(&self) -> HashMap<Arc<str>, u64> {
        self.0.beats()
    }

    pub(crate) fn has_melted_down(&self) -> bool {
        self.0.has_melted_down()
    }

    /// Whether everything is to stop, for good.
    pub(crate) fn is_stopping(&self) -> bool {
        self.0.is_stopping()
    }

    pub(crate) fn chore_panics(&self) -> u64 {
        self.0.counts.chore_panics.load(Relaxed)
    }

    pub(crate) fn observer_panics(&self) -> u64 {
        self.0.counts.observer_panics.load(Relaxed)
    }

    /// See [`Supervisor::late`]; and what of the host's it is in.
    pub(crate) fn late(&self) -> (Duration, Option<Arc<str>>) {
        (self.0.watchdog.late(), self.0.watchdog.doing())
    }

    /// Whether whoever calls would wait for it in vain: it stops, or the caller is its own thread.
    pub(crate) fn is_stopping_or_own(&self) -> bool {
        self.is_stopping() || self.0.is_supervisor_thread()
    }

    /// Has a chore done as soon as its thread comes to it: once, however often that is asked for until then.
    pub(crate) fn run_soon(&self, chore: &Arc<str>) {
        self.0.tell_soon(chore);
    }

    /// As [`Supervisor::set_every`].
    pub(crate) fn set_every(&self, chore: &Arc<str>, every: Duration) {
        self.0.tell(News::Pace { chore: chore.clone(), every });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    #[test]
    fn chores_that_are_asked_for_again_and_again_are_news_once_and_done_after_the_last_word() {
        let (entered, is_in) = mpsc::channel();
        let (go_on, may_go_on) = mpsc::channel::<()>();
        let day = Duration::from_secs(86_400);
        let chore = move || {
            let _ = entered.send(());
            let _ = may_go_on.recv();
        };
        let supervisor =
            Supervisor::builder().every(day, "look", chore).every(day, "tidy", || {}).start().unwrap();
        let view = supervisor.view();
        let [look, tidy] = ["look", "tidy"].map(Arc::<str>::from);
        view.run_soon(&look);
        let patience = Duration::from_secs(60);
        is_in.recv_timeout(patience).unwrap();
        // Its thread is held up, and hears nothing.
        for _ in 0..10_000 {
            view.run_soon(&look);
            view.run_soon(&tidy);
        }
        assert_eq!(supervisor.shared.news_waiting(), 2);
        go_on.send(()).unwrap();
        // What was said while it was done is done afterwards, once.
        is_in.recv_timeout(patience).unwrap();
        go_on.send(()).unwrap();
        view.run_soon(&look);
        is_in.recv_timeout(patience).unwrap();
        drop(go_on);
        supervisor.shutdown(patience);
        assert!(is_in.try_recv().is_err());
    }
}
