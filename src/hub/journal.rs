//! What happens to config, workers and the clock, as events and counters of the deck.

#[cfg(all(feature = "mapped", target_os = "linux"))]
use super::file::Kept;
use super::health::Poke;
use crate::clock::ClockCheck;
use crate::config::{Change, Notice, Snapshot};
use crate::events::Events;
use crate::supervisor::{Exit, Incident};
#[cfg(all(feature = "mapped", target_os = "linux"))]
use crate::sync::Arc;
use crate::telemetry::{Counter, HandlerNotice, Telemetry};
use std::time::Duration;

crate::kind! {
    pub(super) ConfigPublished("flightdeck.config.published", class = Critical) {
        config: str, revision: u64, since: u64, who: str, why: str, changed: u64, left_out: u64,
    }
    pub(super) ConfigRejected("flightdeck.config.rejected", class = Critical, severity = Warn) {
        current: u64, violations: u64, first: str,
    }
    pub(super) SubscriberDetached("flightdeck.config.subscriber_detached", class = Critical, severity = Error) {
        subscriber: u64, revision: u64, message: str,
    }
    pub(super) HandlerDetached("flightdeck.telemetry.handler_detached", class = Critical, severity = Error) {
        handler: str, message: str,
    }
    pub(super) WorkerStarted("flightdeck.worker.started", class = Critical) { worker: str, generation: u64 }
    pub(super) WorkerReturned("flightdeck.worker.returned", class = Critical) { worker: str, generation: u64, ran_ns: u64 }
    pub(super) WorkerFailed("flightdeck.worker.failed", class = Critical, severity = Error) {
        worker: str, generation: u64, ran_ns: u64, panicked: bool, why: str,
    }
    pub(super) RestartScheduled("flightdeck.worker.restart_scheduled", class = Critical, severity = Warn) {
        worker: str, delay_ns: u64,
    }
    pub(super) MeltedDown("flightdeck.worker.melted_down", class = Critical, severity = Critical) { worker: str }
    pub(super) Escalated("flightdeck.supervisor.escalated", class = Critical, severity = Error) { supervisor: str, worker: str }
    pub(super) AutoShutdown("flightdeck.supervisor.auto_shutdown", class = Critical) { supervisor: str, worker: str }
    pub(super) Hung("flightdeck.worker.hung", class = Critical, severity = Error) { worker: str, generation: u64, silent_ns: u64 }
    pub(super) Recovered("flightdeck.worker.recovered", class = Critical) { worker: str, generation: u64, hung_ns: u64 }
    pub(super) Abandoned("flightdeck.worker.abandoned", class = Critical, severity = Error) { worker: str, generation: u64, waited_ns: u64 }
    pub(super) AbandonedEnded("flightdeck.worker.abandoned_ended", class = Critical) { worker: str, generation: u64, ran_ns: u64 }
    pub(super) AbandonedFailed("flightdeck.worker.abandoned_failed", class = Critical, severity = Error) {
        worker: str, generation: u64, ran_ns: u64, panicked: bool, why: str,
    }
    pub(super) ChorePanicked("flightdeck.chore.panicked", class = Critical, severity = Error) { chore: str, message: str }
    pub(super) ClockSlept("flightdeck.clock.slept", class = Critical) { slept_ns: u64, ticks_ran_on: bool }
    pub(super) ClockDisturbed("flightdeck.clock.disturbed", class = Critical, severity = Warn) { went_back: bool, ppm: f64 }
    pub(super) RestartsImpossible("flightdeck.restarts_impossible", class = Critical, severity = Error) {}
}

/// Writes down what config, supervisor and clock report.
#[derive(Debug)]
pub(super) struct Journal {
    events: Events,
    published: Counter,
    left_out: Counter,
    rejected: Counter,
    detached: Counter,
    handlers_detached: Counter,
    started: Counter,
    restarted: Counter,
    failed: Counter,
    hung: Counter,
    abandoned: Counter,
    gave_up: Counter,
    health: Poke,
    /// Where revisions are posted as well.
    #[cfg(all(feature = "mapped", target_os = "linux"))]
    kept: Option<Arc<Kept>>,
}

impl Journal {
    /// `health` is told where it may be another one now.
    pub(super) fn new(events: &Events, telemetry: &Telemetry, health: Poke) -> Self {
        Self {
            events: events.clone(),
            published: telemetry.counter("flightdeck_config_published_total"),
            left_out: telemetry.counter("flightdeck_config_changes_left_out_total"),
            rejected: telemetry.counter("flightdeck_config_rejected_total"),
            detached: telemetry.counter("flightdeck_config_subscribers_detached_total"),
            handlers_detached: telemetry.counter("flightdeck_telemetry_handlers_detached_total"),
            started: telemetry.counter("flightdeck_worker_starts_total"),
            restarted: telemetry.counter("flightdeck_worker_restarts_total"),
            failed: telemetry.counter("flightdeck_worker_failures_total"),
            hung: telemetry.counter("flightdeck_worker_hangs_total"),
            abandoned: telemetry.counter("flightdeck_workers_abandoned_total"),
            gave_up: telemetry.counter("flightdeck_supervisor_meltdowns_total"),
            health,
            #[cfg(all(feature = "mapped", target_os = "linux"))]
            kept: None,
        }
    }

    /// Revisions are posted in this file as well.
    #[cfg(all(feature = "mapped", target_os = "linux"))]
    pub(super) fn posting_in(mut self, kept: Option<Arc<Kept>>) -> Self {
        self.kept = kept;
        self
    }

    /// A revision is in force.
    #[cfg(all(feature = "mapped", target_os = "linux"))]
    pub(super) fn in_force<C: Send + Sync + 'static>(&self, name: &str, snapshot: &Snapshot<C>) {
        if let Some(kept) = &self.kept {
            kept.config(name, snapshot);
        }
    }

    #[cfg(not(all(feature = "mapped", target_os = "linux")))]
    pub(super) fn in_force<C>(&self, _: &str, _: &Snapshot<C>) {}

    pub(super) fn config<C: Send + Sync + 'static>(&self, name: &str, notice: &Notice<'_, C>) {
        match notice {
            Notice::Published(change) => {
                self.published.increment(1);
                self.in_force(name, &change.new);
                // First what changed, by path: who finds the event of the revision finds all of them.
                let (changed, left_out) = self.steps(name, change);
                self.left_out.increment(left_out);
                let cause = change.cause();
                self.events.record(ConfigPublished {
                    config: name,
                    revision: change.revision().get(),
                    since: change.old.revision().get(),
                    who: cause.who(),
                    why: cause.why().unwrap_or_default(),
                    changed,
                    left_out,
                });
            }
            Notice::Rejected { current, violations, .. } => {
                self.rejected.increment(1);
                let first = violations.iter().next().map(ToString::to_string).unwrap_or_default();
                let (current, violations) = (current.get(), violations.len() as u64);
                self.events.record(ConfigRejected { current, violations, first: &first });
            }
            Notice::Detached { subscriber, revision, message } => {
                self.detached.increment(1);
                let (subscriber, revision) = (*subscriber, revision.get());
                self.events.record(SubscriberDetached { subscriber, revision, message });
                self.health.poke();
            }
        }
    }

    /// Writes down what changed, if the config has paths: how much of it, and how much was left out.
    #[cfg(feature = "serde")]
    fn steps<C: Send + Sync + 'static>(&self, name: &str, change: &Change<C>) -> (u64, u64) {
        super::replay::write(&self.events, name, change)
    }

    #[cfg(not(feature = "serde"))]
    fn steps<C>(&self, _: &str, _: &Change<C>) -> (u64, u64) {
        (0, 0)
    }

    pub(super) fn handler(&self, notice: &HandlerNotice<'_>) {
        match notice {
            HandlerNotice::Panicked { id, message, was_attached } => {
                // Not one more for another of its calls that panicked.
                self.handlers_detached.increment(u64::from(*was_attached));
                self.events.record(HandlerDetached { handler: id, message });
                self.health.poke();
            }
        }
    }

    /// Compares the clock with the system's, lets rates follow it, and writes down what is out of the ordinary.
    pub(super) fn check_clock(&self) {
        let slept = |slept: Duration, ticks_ran_on| {
            self.events.record(ClockSlept { slept_ns: nanos(slept), ticks_ran_on });
        };
        let found = self.events.clock().recheck();
        // Also where somebody else has compared it meanwhile.
        self.events.store().follow_clock();
        match found {
            ClockCheck::Skipped | ClockCheck::Steady { slept: Duration::ZERO } => {}
            ClockCheck::Steady { slept: time } => slept(time, true),
            ClockCheck::StoodStill { slept: time } => slept(time, false),
            ClockCheck::RateChanged { ppm } => self.events.record(ClockDisturbed { went_back: false, ppm }),
            ClockCheck::WentBack { .. } => self.events.record(ClockDisturbed { went_back: true, ppm: 0.0 }),
        }
    }

    pub(super) fn worker(&self, incident: &Incident) {
        let events = &self.events;
        match incident {
            Incident::Started { worker, generation } => {
                self.started.increment(1);
                self.restarted.increment(u64::from(*generation > 1));
                events.record(WorkerStarted { worker, generation: *generation });
            }
            Incident::Ended { worker, generation, exit, ran } => {
                let (ran_ns, generation) = (nanos(*ran), *generation);
                match exit.failure() {
                    None => events.record(WorkerReturned { worker, generation, ran_ns }),
                    Some(why) => {
                        self.failed.increment(1);
                        let panicked = matches!(exit, Exit::Panicked(_));
                        events.record(WorkerFailed { worker, generation, ran_ns, panicked, why });
                    }
                }
            }
            Incident::RestartScheduled { worker, delay } => {
                events.record(RestartScheduled { worker, delay_ns: nanos(*delay) });
            }
            Incident::MeltedDown { worker } => {
                self.gave_up.increment(1);
                events.record(MeltedDown { worker });
            }
            Incident::Hung { worker, generation, silent } => {
                self.hung.increment(1);
                events.record(Hung { worker, generation: *generation, silent_ns: nanos(*silent) });
            }
            Incident::Recovered { worker, generation, hung } => {
                events.record(Recovered { worker, generation: *generation, hung_ns: nanos(*hung) });
            }
            Incident::Escalated { supervisor, worker, .. } => {
                self.gave_up.increment(1);
                events.record(Escalated { supervisor, worker });
            }
            Incident::AutoShutdown { supervisor, worker } => {
                events.record(AutoShutdown { supervisor, worker });
            }
            Incident::Abandoned { worker, generation, waited } => {
                self.abandoned.increment(1);
                events.record(Abandoned { worker, generation: *generation, waited_ns: nanos(*waited) });
            }
            Incident::AbandonedEnded { worker, generation, exit, ran } => {
                let (ran_ns, generation) = (nanos(*ran), *generation);
                match exit.failure() {
                    None => events.record(AbandonedEnded { worker, generation, ran_ns }),
                    Some(why) => {
                        let panicked = matches!(exit, Exit::Panicked(_));
                        events.record(AbandonedFailed { worker, generation, ran_ns, panicked, why });
                    }
                }
            }
            Incident::ChorePanicked { chore, message } => events.record(ChorePanicked { chore, message }),
            Incident::RestartsImpossible => events.record(RestartsImpossible {}),
        }
        self.health.poke();
    }
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;
    use crate::clock::script::Script;
    #[cfg(not(all(feature = "mapped", target_os = "linux")))]
    use crate::sync::Arc;

    crate::kind! { Polled("journal.polled") {} }

    #[test]
    fn rates_follow_a_clock_that_is_found_to_run_otherwise() {
        let (script, second) = (Arc::new(Script::counter()), Duration::from_secs(1));
        let clock = Clock::scripted(&script);
        script.pass(second, 2.6);
        assert_eq!(clock.recheck(), ClockCheck::Steady { slept: Duration::ZERO });
        let events =
            Events::builder().memory(4 << 20).clock(clock).directives("journal=1000/s").build().unwrap();
        let journal = Journal::new(&events, &Telemetry::builder().build().unwrap(), Poke::default());
        let passed = || {
            let before = events.suppressed().first().map_or(0, |row| row.passed);
            (0..2_000).for_each(|_| events.record(Polled {}));
            events.suppressed()[0].passed - before
        };
        assert_eq!(passed(), 1_000);
        script.pass(second, 0.26);
        journal.check_clock();
        passed();
        script.pass(second / 10, 0.26);
        assert_eq!(passed(), 100, "at a tenth of the ticks");
    }
}
