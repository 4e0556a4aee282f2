//! Handlers of a deck: their queues served under its supervisor, their panics in its journal.

use super::health::Detached;
use super::journal::Journal;
use super::{Flightdeck, Inner};
use crate::supervisor::{ChildSpec, Restart, StartError, WorkerContext};
use crate::sync::{Arc, Weak};
use crate::telemetry::{Handler, HandlerNotice, Telemetry};
use std::time::Duration;

/// How long a worker that has nothing more to serve has for its return.
const RETURNING: Duration = Duration::from_secs(1);
/// How many names are tried for a worker: of handlers that had the same id, some may still return.
const NAMES: usize = 100;

/// From now on the journal has what happens to handlers.
pub(super) fn observe(telemetry: &Telemetry, journal: &Arc<Journal>, detached: Arc<Detached>) {
    // Weak: the journal has counters of the telemetry, which shall not have it.
    let journal = Arc::downgrade(journal);
    telemetry.write_down_handlers(move |notice| {
        if let HandlerNotice::Panicked { id, was_attached: true, .. } = notice {
            detached.handler(id);
        }
        if let Some(journal) = journal.upgrade() {
            journal.handler(notice);
        }
    });
}

impl<C: Send + Sync + 'static> Flightdeck<C> {
    /// Serves the queue of a [queued handler](Telemetry::attach_queued) by a supervised worker of its own, `handler.ID`, until the
    /// handler is detached; then the worker leaves the supervisor's list. It stops after other workers, and delivers
    /// what they left in the queue. A handler that
    /// panics is detached, not started again.
    ///
    /// ```
    /// use flightdeck::Flightdeck;
    /// use std::time::Duration;
    ///
    /// let deck = Flightdeck::builder().start()?;
    /// let telemetry = deck.telemetry();
    /// let log = telemetry.attach_queued("log", &["http"], 1_000, |execution| println!("{execution:?}"))?;
    /// deck.serve_handler(&log)?;
    /// telemetry.execute("http.request.stop", &[("bytes", 512_u64.into())], &[("route", "/buy".into())]);
    /// assert!(deck.shutdown(Duration::from_secs(5)).is_clean());
    /// assert_eq!(log.status().calls, 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// If the supervisor starts no worker.
    pub fn serve_handler(&self, handler: &Handler) -> Result<(), StartError> {
        let first =
            self.inner.supervisor.add(worker(&self.inner, handler, format!("handler.{}", handler.id())));
        let Err(mut refused) = first else { return Ok(()) };
        for number in 2..=NAMES {
            if !matches!(refused, StartError::DuplicateName { .. }) {
                break;
            }
            let name = format!("handler.{}.{number}", handler.id());
            match self.inner.supervisor.add(worker(&self.inner, handler, name)) {
                Ok(()) => return Ok(()),
                Err(error) => refused = error,
            }
        }
        Err(refused)
    }
}

fn worker<C: Send + Sync + 'static>(deck: &Arc<Inner<C>>, handler: &Handler, name: String) -> ChildSpec {
    let name: Arc<str> = name.into();
    let (deck, handler, own): (Weak<Inner<C>>, _, _) = (Arc::downgrade(deck), handler.clone(), name.clone());
    let serve = move |context: &WorkerContext| {
        handler.run(|| context.should_stop());
        if let Some(deck) = deck.upgrade().filter(|_| !context.should_stop()) {
            // By a worker, so it does not wait. Not there any more: somebody else removed it.
            let _ = deck.supervisor.remove(&own, RETURNING);
        }
    };
    ChildSpec::new(name, Restart::Transient, serve).stops_last()
}
