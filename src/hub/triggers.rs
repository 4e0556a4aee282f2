//! Triggers of a deck: a supervised thread that evaluates them, panics as what sets them off, and counters.

use super::journal::{ChorePanicked, WorkerFailed};
use super::panic_hook::ThreadPanicked;
use super::{Flightdeck, Inner};
use crate::events::{Trigger, TriggerError, Triggers, field};
use crate::supervisor::{ChildSpec, Restart, StartError, Supervisor, WorkerContext};
use crate::sync::{Arc, Mutex, Weak};
use std::time::Duration;

/// The worker that evaluates them, and its thread.
const WORKER: &str = "triggers";
const THREAD: &str = "fd-triggers";
/// What a shutdown keeps of its time for last captures, should workers not stop: a tenth, and no more than this. What the drop
/// of the last handle gives to them.
const FOR_LAST_CAPTURES: Duration = Duration::from_millis(100);

impl<C> Inner<C> {
    /// How much of the time of a shutdown is for what triggers capture at its end.
    pub(super) fn for_last_captures(&self, deadline: Duration) -> Duration {
        if self.triggers.is_empty() { Duration::ZERO } else { (deadline / 10).min(FOR_LAST_CAPTURES) }
    }

    /// The end of its triggers, if nobody has shut it down.
    pub(super) fn end_triggers(&self) {
        if !self.triggers.is_empty() {
            self.triggers.finish(FOR_LAST_CAPTURES);
        }
    }
}

impl<C: Send + Sync + 'static> Inner<C> {
    /// Sees to it that the first trigger starts a thread that evaluates them, and is counted.
    pub(super) fn host_triggers(inner: &Arc<Self>) {
        // Weak: the deck has the triggers, and they shall not have the deck.
        let (deck, is_started) = (Arc::downgrade(inner), Mutex::new(false));
        inner.triggers.hosted_by(move || start(&deck, &is_started));
    }
}

fn start<C>(deck: &Weak<Inner<C>>, is_started: &Mutex<bool>) -> Result<(), TriggerError> {
    let Some(deck) = deck.upgrade() else { return Err(TriggerError::Ended) };
    let mut is_started = is_started.lock();
    if !*is_started {
        let refused = |error: StartError| TriggerError::NoThread { reason: error.to_string().into() };
        count(&deck);
        run(&deck.supervisor, &deck.triggers).map_err(refused)?;
        *is_started = true;
    }
    Ok(())
}

fn run(supervisor: &Supervisor, triggers: &Triggers) -> Result<(), StartError> {
    let triggers = triggers.clone();
    let body = move |context: &WorkerContext| triggers.run(|| context.should_stop());
    supervisor.add(ChildSpec::new(WORKER, Restart::Permanent, body).unlimited_restarts())
}

fn count<C>(deck: &Inner<C>) {
    let (triggers, telemetry) = (&deck.triggers, &deck.telemetry);
    #[cfg(all(feature = "mapped", target_os = "linux"))]
    let kept = deck.kept.clone();
    let captured = telemetry.counter("flightdeck_trigger_captures_total");
    let failed = telemetry.counter("flightdeck_trigger_failures_total");
    let suppressed = telemetry.counter("flightdeck_trigger_suppressed_total");
    let missed = telemetry.counter("flightdeck_trigger_missed_events_total");
    triggers.observed_by(move |receipt| {
        let count = if receipt.result.is_ok() { &captured } else { &failed };
        count.increment(1);
        suppressed.increment(receipt.left_out.suppressed);
        missed.increment(receipt.left_out.missed);
        #[cfg(all(feature = "mapped", target_os = "linux"))]
        if let Some(kept) = kept.as_ref().filter(|_| receipt.is_fatal) {
            kept.dump_on_trigger(&receipt.trigger);
        }
    });
}

impl<C: Send + Sync + 'static> Flightdeck<C> {
    /// What is captured when something happens, by itself: see [`Triggers`]. The first one starts a supervised thread,
    /// `fd-triggers`, which evaluates them all; without any there is none. Once too many workers have been restarted and all are
    /// stopped, so is that one: what set triggers off until then is captured, and what came later when the deck is shut down.
    ///
    /// ```
    /// use flightdeck::{Flightdeck, Severity};
    /// use flightdeck::events::Trigger;
    /// use std::time::Duration;
    ///
    /// let deck = Flightdeck::builder().start()?;
    /// let errors = deck.events().query().severity_at_least(Severity::Error).trigger("errors");
    /// deck.triggers().add(errors.look_ahead(Duration::from_secs(1)))?;
    /// deck.triggers().add(deck.on_panic("panics"))?;
    /// deck.triggers().add(Trigger::on_shutdown("last words"))?;
    ///
    /// deck.shutdown(Duration::from_secs(5));
    /// assert_eq!(&*deck.triggers().receipts()[0].trigger, "last words");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn triggers(&self) -> &Triggers {
        &self.inner.triggers
    }

    /// Sets a trigger off by its name: see [`Triggers::fire`].
    ///
    /// # Errors
    /// If there is none of this name, or the deck has been shut down.
    pub fn trigger(&self, name: &str) -> Result<(), TriggerError> {
        self.inner.triggers.fire(name)
    }

    /// A trigger that a panic sets off: of any thread where the deck has the [panic hook](crate::Builder::panic_hook), and
    /// else of a worker or a chore. With the hook its [chain](Trigger::chain) is that of what the thread worked for.
    ///
    /// Panics of what triggers themselves call set off none. In a program that aborts when something panics nobody is left
    /// to capture anything.
    pub fn on_panic(&self, name: impl Into<Box<str>>) -> Trigger {
        let events = &self.inner.events;
        let query = if self.inner.panic_hook.is_some() {
            events.declare::<ThreadPanicked<'_>>();
            let of_others = field("thread").differs(THREAD);
            events.query().kind::<ThreadPanicked<'_>>().matching(of_others)
        } else {
            events.declare::<WorkerFailed<'_>>();
            events.declare::<ChorePanicked<'_>>();
            let panicked = field("panicked").equals(true) | field("chore").exists();
            events.query().kind::<WorkerFailed<'_>>().kind::<ChorePanicked<'_>>().matching(panicked)
        };
        query.trigger(name).of_panics()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Severity;
    use crate::supervisor::WorkerState;
    use crate::telemetry::Value;
    use std::time::Instant;

    crate::kind! { Failed("hub_triggers.failed", severity = Error) { n: u64 } }

    fn wait_until(what: &str, met: impl Fn() -> bool) {
        let end = Instant::now() + Duration::from_secs(20);
        while !met() {
            assert!(Instant::now() < end, "in vain: {what}");
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    #[test]
    fn a_thread_that_panics_is_started_again_and_loses_no_trigger() {
        let deck = Flightdeck::builder().supervisor(|supervisor| supervisor.max_restarts(0)).start().unwrap();
        let errors = || deck.events().query().severity_at_least(Severity::Error).kind::<Failed>();
        let always = |trigger: Trigger| trigger.at_most(1_000, Duration::from_secs(1));
        deck.triggers().add(always(errors().trigger("errors"))).unwrap();
        deck.triggers().add(always(errors().trigger("late").look_ahead(Duration::from_millis(300)))).unwrap();
        let captured = |name: &str| deck.triggers().status(name).map_or(0, |status| status.captured);
        deck.record(Failed { n: 1 });
        wait_until("the first capture", || captured("errors") == 1);
        deck.triggers().let_the_next_evaluation_panic();
        let runs = || deck.supervisor().workers().into_iter().find(|worker| &*worker.name == WORKER).unwrap();
        wait_until("the panic", || runs().generation == 2);
        deck.record(Failed { n: 2 });
        wait_until("the second capture", || captured("errors") == 2);
        wait_until("the look-ahead that was open", || captured("late") == 1);
        assert_eq!(runs().state, WorkerState::Running);
        let counted = deck.telemetry().snapshot();
        assert_eq!(counted.get("flightdeck_trigger_captures_total"), Some(&Value::Counter(3)));
        assert!(!deck.supervisor().has_melted_down(), "it is not the host's failure");
    }
}
