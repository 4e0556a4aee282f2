//! What the parts say now of what is not as it should be.

use super::concern::Concern;
use crate::clock::{ClockSource, ClockStatus};
use crate::config::{self, Config};
use crate::events::{Aside, Events, HugePages, PipelineStatus, Triggers};
use crate::hub::Settings;
use crate::hub::configs::Configs;
use crate::hub::guards::Guards;
use crate::hub::pipeline::Pipelines;
#[cfg(feature = "process")]
use crate::hub::process::Asked;
use crate::hub::settings::chore;
#[cfg(feature = "sources")]
use crate::hub::sources::Hosted;
use crate::id::Revision;
use crate::supervisor::{CheckState, CheckStatus, Checks, Probe, View, WorkerState, WorkerStatus};
use crate::sync::{Arc, AtomicU64, Mutex, OnceLock, Relaxed};
#[cfg(feature = "process")]
use crate::telemetry::Level;
use crate::telemetry::{HandlerState, Telemetry};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// How many handlers are remembered that panicked; of more it is not found out whether they were attached again.
const DETACHED: usize = 256;

/// The supervisor, as soon as there is one; and how to have its thread look soon.
#[derive(Clone, Default)]
pub(in crate::hub) struct Poke(Arc<OnceLock<(View, Arc<str>)>>);

impl Poke {
    pub(in crate::hub) fn begins(&self, supervisor: View) {
        let _ = self.0.set((supervisor, chore::HEALTH.into()));
    }

    pub(in crate::hub) fn view(&self) -> Option<&View> {
        self.0.get().map(|(view, _)| view)
    }

    /// Has a chore done soon.
    #[cfg(all(feature = "systemd", target_os = "linux"))]
    pub(in crate::hub) fn run_soon(&self, chore: &str) {
        if let Some(view) = self.view() {
            view.run_soon(&chore.into());
        }
    }

    /// Something may have changed. Cheap: a message to the supervisor's thread.
    pub(in crate::hub) fn poke(&self) {
        if let Some((view, chore)) = self.0.get().filter(|(view, _)| !view.is_stopping()) {
            view.run_soon(chore);
        }
    }
}

impl std::fmt::Debug for Poke {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Poke")
    }
}

/// Who panicked and was detached, and is not back yet.
#[derive(Debug, Default)]
pub(in crate::hub) struct Detached {
    handlers: Mutex<(BTreeSet<String>, bool)>,
    /// Of each config: how many were detached, and how many subscribers there were before.
    subscribers: Mutex<BTreeMap<Arc<str>, (u64, u64)>>,
}

impl Detached {
    pub(in crate::hub) fn handler(&self, id: &str) {
        let (ids, more) = &mut *self.handlers.lock();
        if ids.len() < DETACHED {
            ids.insert(id.to_owned());
        } else {
            *more = true;
        }
    }

    fn of_handlers(&self, telemetry: &Telemetry) -> Option<Concern> {
        let panics = telemetry.handler_stats().panics;
        let mut handlers = self.handlers.lock();
        let (ids, more) = &mut *handlers;
        if !ids.is_empty() {
            let attached = telemetry.handlers();
            let is_back = |id: &String| {
                attached.iter().any(|other| other.id == *id && other.state == HandlerState::Attached)
            };
            ids.retain(|id| !is_back(id));
        }
        (!ids.is_empty() || *more).then_some(Concern::HandlersDetached { panics })
    }

    fn of_config(&self, name: &Arc<str>, stats: &config::Stats) -> Option<Concern> {
        let (detached, open) = (stats.detached, stats.subscribers as u64);
        if detached == 0 {
            return None;
        }
        let mut known = self.subscribers.lock();
        let (counted, before) = known.entry(name.clone()).or_default();
        if detached > *counted {
            *before = (*before).max(open + (detached - *counted));
            *counted = detached;
        }
        if open >= *before {
            *before = 0;
        }
        (*before > 0).then(|| Concern::SubscribersDetached { config: name.clone(), subscribers: detached })
    }
}

/// A config, as long as somebody has it.
type AskConfig = Box<dyn Fn() -> Option<config::Stats> + Send + Sync>;

/// All that is asked. Keeps no supervisor and no config of the host's.
pub(in crate::hub) struct Sights {
    pub(in crate::hub) config: (Arc<str>, AskConfig),
    pub(in crate::hub) settings: (Arc<str>, AskConfig),
    pub(in crate::hub) configs: Arc<Configs>,
    pub(in crate::hub) events: Events,
    pub(in crate::hub) telemetry: Telemetry,
    pub(in crate::hub) triggers: Triggers,
    pub(in crate::hub) pipelines: Arc<Pipelines>,
    pub(in crate::hub) guards: Arc<Guards>,
    #[cfg(feature = "sources")]
    pub(in crate::hub) sources: Arc<Hosted>,
    #[cfg(feature = "process")]
    pub(in crate::hub) asked: Arc<Asked>,
    pub(in crate::hub) supervisor: Poke,
    pub(in crate::hub) checks: Arc<Checks>,
    pub(in crate::hub) detached: Arc<Detached>,
    /// How many notes of changes went where threads without a shard record. Relaxed: changed under the monitor's lock.
    pub(in crate::hub) own: AtomicU64,
}

/// What the parts say.
#[derive(Debug)]
pub(super) struct Seen {
    pub(super) concerns: Vec<Concern>,
    /// What a start would wait for.
    pub(super) starting: Vec<String>,
    pub(super) checks: Vec<CheckStatus>,
    pub(super) workers: Vec<WorkerStatus>,
    /// `None`: nobody has the config any more.
    pub(super) revision: Option<Revision>,
    #[cfg(feature = "process")]
    pub(super) pressure: Option<Level>,
}

/// As an [`AskConfig`], which keeps nothing.
pub(in crate::hub) fn ask<T: Send + Sync + 'static>(config: &Config<T>) -> (Arc<str>, AskConfig) {
    let (name, weak) = (config.name().into(), config.downgrade());
    (name, Box::new(move || weak.upgrade().map(|config| config.stats())))
}

impl Sights {
    pub(super) fn look(&self, stuck_after: Duration) -> Seen {
        let workers = self.supervisor.view().map(View::workers).unwrap_or_default();
        let checks = self.checks.status();
        let config = (self.config.1)();
        let mut concerns: Vec<Concern> = self.events.losses().into_iter().map(Concern::EventsLost).collect();
        self.of_telemetry(&mut concerns);
        self.of_configs(config.as_ref(), &mut concerns);
        concerns.extend(self.detached.of_handlers(&self.telemetry));
        let captures = self.triggers.list().iter().map(|trigger| trigger.failed).sum();
        if captures > 0 {
            concerns.push(Concern::CapturesFailed { captures });
        }
        self.pipelines.status().iter().for_each(|status| of_pipeline(status, &mut concerns));
        let open = self.guards.not_closed().into_iter();
        concerns.extend(open.map(|(breaker, state)| Concern::BreakerOpen { breaker, state }));
        workers.iter().for_each(|status| of_worker(status, &mut concerns));
        if let Some(view) = self.supervisor.view() {
            of_supervisor(view, stuck_after, &mut concerns);
        }
        self.of_events(&mut concerns);
        #[cfg(feature = "process")]
        concerns.extend(of_process(&self.asked));
        if cfg!(panic = "abort") {
            concerns.push(Concern::RestartsImpossible);
        }
        checks.iter().for_each(|status| of_check(status, &mut concerns));
        Seen {
            starting: starting(&workers, &checks),
            concerns,
            checks,
            workers,
            revision: config.map(|stats| stats.revision),
            #[cfg(feature = "process")]
            pressure: self.asked.level(),
        }
    }

    /// How many records went where threads without a shard record.
    pub(super) fn aside(&self) -> u64 {
        self.events.view().recorded_aside().total()
    }

    /// So many of those are notes of changes.
    pub(super) fn leave_out(&self, notes: u64) {
        self.own.fetch_add(notes, Relaxed);
    }

    fn of_telemetry(&self, concerns: &mut Vec<Concern>) {
        let telemetry = self.telemetry.stats();
        if telemetry.shared_updates > 0 {
            concerns.push(Concern::TelemetryShared { updates: telemetry.shared_updates });
        }
        if telemetry.refused_metrics > 0 {
            let (metrics, updates) = (telemetry.refused_metrics, telemetry.refused_updates);
            concerns.push(Concern::MetricsRefused { metrics, updates });
        }
    }

    fn of_configs(&self, config: Option<&config::Stats>, concerns: &mut Vec<Concern>) {
        let mut detached = |name: &Arc<str>, stats: &config::Stats| {
            concerns.extend(self.detached.of_config(name, stats));
        };
        if let Some(stats) = config {
            detached(&self.config.0, stats);
        }
        if let Some(stats) = (self.settings.1)() {
            detached(&self.settings.0, &stats);
        }
        self.configs.each(|name, stats| detached(&name.into(), &stats));
        #[cfg(feature = "sources")]
        concerns.extend(self.sources.concerns());
    }

    fn of_events(&self, concerns: &mut Vec<Concern>) {
        let clock = self.events.clock();
        if clock.source() == ClockSource::System {
            concerns.push(Concern::SlowClock);
        }
        let ClockStatus { rate_changes, backward_jumps, .. } = clock.status();
        if rate_changes + backward_jumps > 0 {
            concerns.push(Concern::ClockDisturbed { rate_changes, backward_jumps });
        }
        if let HugePages::Refused { reason } = self.events.huge_pages() {
            concerns.push(Concern::NoHugePages { reason });
        }
        #[cfg(all(feature = "mapped", target_os = "linux"))]
        if let Some(error) = self.events.file().and_then(|file| file.instead_of()) {
            concerns.push(Concern::NotInFile { reason: error.to_string() });
        }
        let aside = self.events.view().recorded_aside().without(self.own.load(Relaxed));
        if aside.is_for_want_of_shards() {
            let Aside { shared, emergency, overflowed, .. } = aside;
            concerns.push(Concern::ShardsShort { shared, emergency, overflowed });
        }
        if self.events.is_off() {
            concerns.push(Concern::RecordingOff);
        }
    }
}

fn of_pipeline(status: &PipelineStatus, concerns: &mut Vec<Concern>) {
    let pipeline = || status.name.clone();
    let dropped = status.dropped();
    let events = status.cursor.overwritten + status.cursor.pruned + dropped.lost_in_panic;
    if events > 0 {
        concerns.push(Concern::PipelineMissed { pipeline: pipeline(), events });
    }
    let times = dropped.refused + status.stages.iter().map(|stage| stage.retries).sum::<u64>();
    if let Some(error) = status.last_error.clone().filter(|_| times > 0) {
        concerns.push(Concern::PipelineFailing { pipeline: pipeline(), times, error });
    }
}

fn of_worker(status: &WorkerStatus, concerns: &mut Vec<Concern>) {
    let WorkerStatus { generation, is_needed, .. } = *status;
    let worker = status.name.clone();
    match status.state {
        WorkerState::BackingOff { .. } => concerns.push(Concern::WorkerBackingOff { worker, is_needed }),
        WorkerState::Starting | WorkerState::Stopping if status.has_failed => {
            concerns.push(Concern::WorkerBackingOff { worker, is_needed });
        }
        WorkerState::Hung => {
            concerns.push(Concern::WorkerHung { worker, is_needed, is_restarted: status.restarts_hung });
        }
        WorkerState::Abandoned => concerns.push(Concern::WorkerAbandoned { worker, generation, is_needed }),
        WorkerState::Finished if status.has_failed => {
            concerns.push(Concern::WorkerFailed { worker, generation });
        }
        _ => {}
    }
}

fn of_supervisor(view: &View, stuck_after: Duration, concerns: &mut Vec<Concern>) {
    let panics = view.chore_panics() + view.observer_panics();
    if panics > 0 {
        concerns.push(Concern::ChoresPanicked { panics });
    }
    if view.has_melted_down() {
        concerns.push(Concern::MeltedDown);
    }
    let is_stopping = view.is_stopping();
    let (lasting, chore) = view.late();
    if lasting > stuck_after && !is_stopping {
        concerns.push(Concern::SupervisorStuck { lasting, chore });
    }
    if is_stopping {
        concerns.push(Concern::Stopping);
    }
}

fn of_check(status: &CheckStatus, concerns: &mut Vec<Concern>) {
    let CheckStatus { fails, timeout, .. } = *status;
    let check = || status.name.clone();
    let reason = status.reason.clone().unwrap_or_else(|| "too few verdicts".to_owned());
    match status.state {
        CheckState::Failing => concerns.push(Concern::CheckFailing { check: check(), reason, fails }),
        CheckState::Unknown => concerns.push(Concern::CheckUnknown { check: check(), reason, fails }),
        CheckState::Passing => {}
    }
    if let Some(took) = status.took.filter(|_| status.is_slow()) {
        concerns.push(Concern::CheckSlow { check: check(), took, timeout });
    }
}

fn starting(workers: &[WorkerStatus], checks: &[CheckStatus]) -> Vec<String> {
    // One that failed to start has not begun to run.
    let is_starting = |worker: &&WorkerStatus| match worker.state {
        WorkerState::Starting => true,
        WorkerState::BackingOff { .. } | WorkerState::Hung | WorkerState::Stopping => worker.is_needed,
        _ => false,
    };
    let workers = workers.iter().filter(is_starting);
    let workers = workers.map(|worker| format!("worker `{}` is starting", worker.name));
    let checks = checks.iter().filter(|check| check.fails.contains(Probe::Startup));
    workers.chain(checks.map(|check| format!("check `{}` has not passed", check.name))).collect()
}

#[cfg(feature = "process")]
fn of_process(asked: &Asked) -> impl Iterator<Item = Concern> {
    let level = asked.level().filter(|level| *level >= Level::High);
    let short = level.map(|level| Concern::MemoryShort { level });
    let unread = asked.pressure().filter(|pressure| pressure.stale).and_then(|pressure| pressure.last_error);
    let unread = unread.map(|error| Concern::PressureUnreadable { reason: error.to_string() });
    let process = asked.process().and_then(Result::err);
    let process = process.map(|error| Concern::ProcessUnreadable { reason: error.to_string() });
    short.into_iter().chain(unread).chain(process)
}

/// What a look goes by, of the settings.
pub(super) fn pace(settings: Option<&Settings>) -> (Duration, Duration) {
    let default = Settings::default();
    let settings = settings.unwrap_or(&default);
    (settings.settle, settings.stuck_after)
}
