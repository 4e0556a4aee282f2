//! What may not be as it should be, which probes fail with it, and when it ends.

use super::report::Part;
use crate::events::Loss;
use crate::supervisor::{BreakerState, Ends, Probe, Probes};
use crate::sync::Arc;
#[cfg(feature = "process")]
use crate::telemetry::Level;
use std::fmt;
use std::time::Duration;

/// Something that is not as it should be. Each makes a deck degraded; some make probes fail as well.
///
/// | concern | fails | ends |
/// |---|---|---|
/// | [`EventsLost`](Self::EventsLost) | | settled |
/// | [`ShardsShort`](Self::ShardsShort) | | settled |
/// | [`RecordingOff`](Self::RecordingOff) | | with its cause |
/// | [`SlowClock`](Self::SlowClock), [`NoHugePages`](Self::NoHugePages), [`NotInFile`](Self::NotInFile) | | acknowledged |
/// | [`ClockDisturbed`](Self::ClockDisturbed) | | settled |
/// | [`CapturesFailed`](Self::CapturesFailed) | | settled |
/// | [`PipelineMissed`](Self::PipelineMissed), [`PipelineFailing`](Self::PipelineFailing) | | settled |
/// | [`TelemetryShared`](Self::TelemetryShared), [`MetricsRefused`](Self::MetricsRefused) | | settled |
/// | [`HandlersDetached`](Self::HandlersDetached) | | once each is attached again, or acknowledged |
/// | `MemoryShort`, at level critical | ready | with its cause |
/// | `MemoryShort`, at level high; `PressureUnreadable`, `ProcessUnreadable` | | with its cause |
/// | [`SubscribersDetached`](Self::SubscribersDetached) | | once there are as many again, or acknowledged |
/// | `SourcesRefused`, `SourceStale` | | with its cause |
/// | [`BreakerOpen`](Self::BreakerOpen) | | with its cause |
/// | [`WorkerBackingOff`](Self::WorkerBackingOff) of one that is needed | ready | with its cause |
/// | [`WorkerHung`](Self::WorkerHung) of one that is needed, and is [started again](crate::supervisor::ChildSpec::restart_hung) | ready | with its cause |
/// | [`WorkerHung`](Self::WorkerHung) of one that is needed, and is left alone: only a restart of the host helps, if it does not recover | live, ready | with its cause |
/// | [`WorkerAbandoned`](Self::WorkerAbandoned) of one that is needed | ready | acknowledged |
/// | the same of one that the host can do without | | as those |
/// | [`WorkerFailed`](Self::WorkerFailed) | | once it is gone or runs again, or acknowledged |
/// | [`ChoresPanicked`](Self::ChoresPanicked) | | settled |
/// | [`MeltedDown`](Self::MeltedDown) | live, ready | never |
/// | [`SupervisorStuck`](Self::SupervisorStuck) | live, ready | with its cause |
/// | [`Stopping`](Self::Stopping) | ready | never |
/// | [`RestartsImpossible`](Self::RestartsImpossible) | | acknowledged |
/// | [`CheckFailing`](Self::CheckFailing), [`CheckUnknown`](Self::CheckUnknown) | what the check counts for | with its cause |
/// | [`CheckSlow`](Self::CheckSlow) | | with its cause |
///
/// *Settled*: once nothing of it has happened for [`Settings::settle`](crate::Settings::settle), 60 s by default, or
/// when it is acknowledged. *Acknowledged*: by [`Flightdeck::acknowledge`](crate::Flightdeck::acknowledge). Counts go
/// on for ever, in the statuses of the parts and in telemetry.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Concern {
    /// Events were lost.
    EventsLost(Loss),
    /// Threads found no shard to keep, and record through those that are there for all: nothing is lost, and it costs
    /// more. Notes of changes of health are not counted.
    ShardsShort {
        /// Events that went through shared shards.
        shared: u64,
        /// Through the emergency shard, where those were busy or there are none; signal handlers go there as well.
        emergency: u64,
        /// Through the overflow, where that one was busy, too.
        overflowed: u64,
    },
    /// Threads count in shared cells, for want of slabs or memory: exact, and slower.
    TelemetryShared {
        /// How many updates did.
        updates: u64,
    },
    /// Metrics could not be registered.
    MetricsRefused {
        /// How many.
        metrics: u64,
        /// How often their handles were used.
        updates: u64,
    },
    /// What the sources of a config say was refused, and what was in force before still is.
    #[cfg(feature = "sources")]
    SourcesRefused {
        /// The config's name.
        config: Arc<str>,
        /// Why.
        error: String,
    },
    /// What a file says has been in force for longer than it may be without having been found there.
    #[cfg(feature = "sources")]
    SourceStale {
        /// The config's name.
        config: Arc<str>,
        /// The file.
        file: Arc<str>,
    },
    /// Subscribers of a config panicked and are called no more.
    SubscribersDetached {
        /// The config's name.
        config: Arc<str>,
        /// How many.
        subscribers: u64,
    },
    /// Handlers of telemetry panicked and are called no more.
    HandlersDetached {
        /// How many panics.
        panics: u64,
    },
    /// Triggers were set off, and nothing was captured: their receipts say why.
    CapturesFailed {
        /// How many captures.
        captures: u64,
    },
    /// A pipeline came too late for events, or panicked over them: they did not get where it leads.
    PipelineMissed {
        /// Its name.
        pipeline: Arc<str>,
        /// How many.
        events: u64,
    },
    /// The sink of a pipeline does not deliver: it is tried again, or has refused batches for good.
    PipelineFailing {
        /// The pipeline's name.
        pipeline: Arc<str>,
        /// How often it did not.
        times: u64,
        /// Why, the last time.
        error: String,
    },
    /// A circuit breaker does not let all calls through: it is open, half-open or forced open.
    BreakerOpen {
        /// Its name.
        breaker: Arc<str>,
        /// Its state.
        state: BreakerState,
    },
    /// A worker failed, and does not run again yet: it is being stopped, waits, or is starting.
    WorkerBackingOff {
        /// Its name.
        worker: Arc<str>,
        /// Whether the host cannot do without it: see
        /// [`ChildSpec::unlimited_restarts`](crate::supervisor::ChildSpec::unlimited_restarts).
        is_needed: bool,
    },
    /// A worker has not [beaten](crate::supervisor::ChildSpec::heartbeat) for too long.
    WorkerHung {
        /// Its name.
        worker: Arc<str>,
        /// Whether the host cannot do without it.
        is_needed: bool,
        /// Whether the supervisor [starts it again](crate::supervisor::ChildSpec::restart_hung); else it is left alone.
        is_restarted: bool,
    },
    /// A worker ended in failure, for good.
    WorkerFailed {
        /// Its name.
        worker: Arc<str>,
        /// Which run.
        generation: u64,
    },
    /// A worker did not stop in time; its thread may still run.
    WorkerAbandoned {
        /// Its name.
        worker: Arc<str>,
        /// Which run.
        generation: u64,
        /// Whether the host cannot do without it.
        is_needed: bool,
    },
    /// Chores panicked: those of the deck or of the host. Each is done again at its next time.
    ChoresPanicked {
        /// How many panics.
        panics: u64,
    },
    /// The supervisor's thread is held up: by a chore, an observer or a check of the host's, most likely. Nothing is
    /// restarted meanwhile.
    SupervisorStuck {
        /// For how long.
        lasting: Duration,
        /// In which chore, if in one.
        chore: Option<Arc<str>>,
    },
    /// A check of the host's fails.
    CheckFailing {
        /// Its name.
        check: Arc<str>,
        /// Why.
        reason: String,
        /// Which probes fail with it.
        fails: Probes,
    },
    /// How something is that the host has checked is not known: no verdict yet, or none in time.
    CheckUnknown {
        /// The check's name.
        check: Arc<str>,
        /// Why.
        reason: String,
        /// Which probes fail with it.
        fails: Probes,
    },
    /// A check of the host's took longer than it may, on the thread that restarts workers.
    CheckSlow {
        /// Its name.
        check: Arc<str>,
        /// How long.
        took: Duration,
        /// How long it may.
        timeout: Duration,
    },
    /// No events are recorded, as the [directives](crate::events::Directives) say.
    RecordingOff,
    /// The deck was told to shut down, or has been.
    Stopping,
    /// There were too many restarts, and all workers have been stopped.
    MeltedDown,
    /// The processor's time-stamp counter cannot be used: the system's clock is, which costs more.
    SlowClock,
    /// The clock's counter changed its rate or went back, as when a guest moves to another machine: stamps of about
    /// that time may be wrong by up to a second, see [`Converter`](crate::Converter).
    ClockDisturbed {
        /// How often its rate changed by more than 500 ppm.
        rate_changes: u64,
        /// How often it went back.
        backward_jumps: u64,
    },
    /// The event store was to have huge pages, and has none.
    NoHugePages {
        /// What the system says.
        reason: String,
    },
    /// The events were to lie in a file, and are gone with the process: there was none to be had.
    NotInFile {
        /// Why not.
        reason: String,
    },
    /// Memory is short: the level is high or critical.
    #[cfg(feature = "process")]
    MemoryShort {
        /// The level.
        level: Level,
    },
    /// How short memory is cannot be read; what is known is older.
    #[cfg(feature = "process")]
    PressureUnreadable {
        /// Why.
        reason: String,
    },
    /// What the system says about this process cannot be read; metrics of it are older.
    #[cfg(feature = "process")]
    ProcessUnreadable {
        /// Why.
        reason: String,
    },
    /// This program aborts when something panics: nothing can be restarted.
    RestartsImpossible,
}

impl Concern {
    /// Stable text such as `events_lost`: for alerts and tests, never reworded.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::EventsLost(_) => "events_lost",
            Self::ShardsShort { .. } => "shards_short",
            Self::TelemetryShared { .. } => "telemetry_shared",
            Self::MetricsRefused { .. } => "metrics_refused",
            #[cfg(feature = "sources")]
            Self::SourcesRefused { .. } => "sources_refused",
            #[cfg(feature = "sources")]
            Self::SourceStale { .. } => "source_stale",
            Self::SubscribersDetached { .. } => "subscribers_detached",
            Self::HandlersDetached { .. } => "handlers_detached",
            Self::CapturesFailed { .. } => "captures_failed",
            Self::PipelineMissed { .. } => "pipeline_missed",
            Self::PipelineFailing { .. } => "pipeline_failing",
            Self::BreakerOpen { .. } => "breaker_open",
            Self::WorkerBackingOff { .. } => "worker_backing_off",
            Self::WorkerHung { .. } => "worker_hung",
            Self::WorkerFailed { .. } => "worker_failed",
            Self::WorkerAbandoned { .. } => "worker_abandoned",
            Self::ChoresPanicked { .. } => "chores_panicked",
            Self::MeltedDown => "melted_down",
            Self::SupervisorStuck { .. } => "supervisor_stuck",
            Self::CheckFailing { .. } => "check_failing",
            Self::CheckUnknown { .. } => "check_unknown",
            Self::CheckSlow { .. } => "check_slow",
            Self::SlowClock => "slow_clock",
            Self::ClockDisturbed { .. } => "clock_disturbed",
            Self::NoHugePages { .. } => "no_huge_pages",
            Self::NotInFile { .. } => "not_in_file",
            #[cfg(feature = "process")]
            Self::MemoryShort { .. } => "memory_short",
            #[cfg(feature = "process")]
            Self::PressureUnreadable { .. } => "pressure_unreadable",
            #[cfg(feature = "process")]
            Self::ProcessUnreadable { .. } => "process_unreadable",
            Self::RecordingOff => "recording_off",
            Self::Stopping => "stopping",
            Self::RestartsImpossible => "restarts_impossible",
        }
    }

    /// The part of the deck that has it.
    #[must_use]
    pub const fn part(&self) -> Part {
        match self {
            #[cfg(feature = "sources")]
            Self::SourcesRefused { .. } | Self::SourceStale { .. } => Part::Config,
            Self::SubscribersDetached { .. } => Part::Config,
            Self::EventsLost(_)
            | Self::ShardsShort { .. }
            | Self::CapturesFailed { .. }
            | Self::PipelineMissed { .. }
            | Self::PipelineFailing { .. }
            | Self::SlowClock
            | Self::ClockDisturbed { .. }
            | Self::NoHugePages { .. }
            | Self::NotInFile { .. }
            | Self::RecordingOff => Part::Events,
            Self::TelemetryShared { .. } | Self::MetricsRefused { .. } | Self::HandlersDetached { .. } => {
                Part::Telemetry
            }
            #[cfg(feature = "process")]
            Self::MemoryShort { .. } | Self::PressureUnreadable { .. } | Self::ProcessUnreadable { .. } => {
                Part::Telemetry
            }
            Self::BreakerOpen { .. }
            | Self::WorkerBackingOff { .. }
            | Self::WorkerHung { .. }
            | Self::WorkerFailed { .. }
            | Self::WorkerAbandoned { .. }
            | Self::ChoresPanicked { .. }
            | Self::MeltedDown
            | Self::SupervisorStuck { .. }
            | Self::Stopping
            | Self::RestartsImpossible => Part::Supervisor,
            Self::CheckFailing { .. } | Self::CheckUnknown { .. } | Self::CheckSlow { .. } => Part::Host,
        }
    }

    /// Which probes fail with it; none: the deck is degraded, no more.
    #[must_use]
    pub const fn fails(&self) -> Probes {
        match self {
            Self::MeltedDown
            | Self::SupervisorStuck { .. }
            | Self::WorkerHung { is_needed: true, is_restarted: false, .. } => {
                Probes::of(&[Probe::Live, Probe::Ready])
            }
            Self::WorkerBackingOff { is_needed: true, .. }
            | Self::WorkerHung { is_needed: true, .. }
            | Self::WorkerAbandoned { is_needed: true, .. }
            | Self::Stopping => Probes::of(&[Probe::Ready]),
            #[cfg(feature = "process")]
            Self::MemoryShort { level: Level::Critical } => Probes::of(&[Probe::Ready]),
            Self::CheckFailing { fails, .. } | Self::CheckUnknown { fails, .. } => *fails,
            _ => Probes::NONE,
        }
    }

    /// By which rule it ends.
    pub(super) const fn ends(&self) -> Ends {
        match self {
            Self::EventsLost(_)
            | Self::ShardsShort { .. }
            | Self::TelemetryShared { .. }
            | Self::MetricsRefused { .. }
            | Self::CapturesFailed { .. }
            | Self::PipelineMissed { .. }
            | Self::PipelineFailing { .. }
            | Self::ChoresPanicked { .. }
            | Self::ClockDisturbed { .. } => Ends::Settled,
            Self::SubscribersDetached { .. }
            | Self::HandlersDetached { .. }
            | Self::WorkerFailed { .. }
            | Self::WorkerAbandoned { .. }
            | Self::SlowClock
            | Self::NoHugePages { .. }
            | Self::NotInFile { .. }
            | Self::RestartsImpossible => Ends::Acknowledged,
            _ => Ends::WithCause,
        }
    }

    /// How often it has happened, where that can be said.
    pub(super) const fn count(&self) -> u64 {
        match self {
            Self::EventsLost(loss) => loss.count,
            Self::ShardsShort { shared, emergency, overflowed } => *shared + *emergency + *overflowed,
            Self::TelemetryShared { updates } => *updates,
            Self::MetricsRefused { metrics, updates } => *metrics + *updates,
            Self::SubscribersDetached { subscribers: count, .. }
            | Self::HandlersDetached { panics: count }
            | Self::CapturesFailed { captures: count }
            | Self::PipelineMissed { events: count, .. }
            | Self::PipelineFailing { times: count, .. }
            | Self::WorkerFailed { generation: count, .. }
            | Self::WorkerAbandoned { generation: count, .. }
            | Self::ChoresPanicked { panics: count } => *count,
            Self::ClockDisturbed { rate_changes, backward_jumps } => *rate_changes + *backward_jumps,
            _ => 0,
        }
    }

    /// What it is about, where there may be several of its kind.
    pub(super) fn subject(&self) -> String {
        match self {
            Self::EventsLost(loss) => {
                format!("{} {} {:?}", loss.cause.name(), loss.class.name(), loss.shard)
            }
            #[cfg(feature = "sources")]
            Self::SourcesRefused { config, .. } => config.to_string(),
            #[cfg(feature = "sources")]
            Self::SourceStale { config, file } => format!("{config} {file}"),
            Self::SubscribersDetached { config: name, .. }
            | Self::PipelineMissed { pipeline: name, .. }
            | Self::PipelineFailing { pipeline: name, .. }
            | Self::BreakerOpen { breaker: name, .. }
            | Self::WorkerBackingOff { worker: name, .. }
            | Self::WorkerHung { worker: name, .. }
            | Self::WorkerFailed { worker: name, .. }
            | Self::WorkerAbandoned { worker: name, .. }
            | Self::CheckFailing { check: name, .. }
            | Self::CheckUnknown { check: name, .. }
            | Self::CheckSlow { check: name, .. } => name.to_string(),
            _ => String::new(),
        }
    }
}

impl fmt::Display for Concern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::EventsLost(loss) => write!(f, "{} events lost ({})", loss.count, loss.cause.name()),
            Self::ShardsShort { shared, emergency, overflowed } => write!(
                f,
                "too few shards: {shared} events through shared ones, {emergency} through the emergency shard, \
                 {overflowed} through the overflow"
            ),
            Self::TelemetryShared { updates } => write!(f, "{updates} metric updates in shared cells"),
            Self::MetricsRefused { metrics, updates } => {
                write!(f, "{metrics} metrics refused, used {updates} times")
            }
            #[cfg(feature = "sources")]
            Self::SourcesRefused { config, error } => {
                write!(f, "sources of config `{config}` refused: {error}")
            }
            #[cfg(feature = "sources")]
            Self::SourceStale { config, file } => write!(f, "file `{file}` of config `{config}` is stale"),
            Self::SubscribersDetached { config, subscribers } => {
                write!(f, "{subscribers} subscribers of config `{config}` detached")
            }
            Self::HandlersDetached { panics } => write!(f, "telemetry handlers detached by {panics} panics"),
            Self::CapturesFailed { captures } => write!(f, "{captures} captures of triggers failed"),
            Self::PipelineMissed { pipeline, events } => {
                write!(f, "pipeline `{pipeline}` missed {events} events")
            }
            Self::PipelineFailing { pipeline, times, error } => {
                write!(f, "pipeline `{pipeline}` failed to deliver {times} times: {error}")
            }
            Self::BreakerOpen { breaker, state } => {
                write!(f, "breaker `{breaker}` is {}", state.name().replace('_', "-"))
            }
            Self::WorkerBackingOff { worker, .. } => write!(f, "worker `{worker}` backing off"),
            Self::WorkerHung { worker, .. } => write!(f, "worker `{worker}` hung"),
            Self::WorkerFailed { worker, .. } => write!(f, "worker `{worker}` failed"),
            Self::WorkerAbandoned { worker, .. } => write!(f, "worker `{worker}` abandoned"),
            Self::ChoresPanicked { panics } => write!(f, "chores panicked {panics} times"),
            Self::SupervisorStuck { lasting, chore: None } => {
                write!(f, "supervisor held up for {lasting:.1?}")
            }
            Self::SupervisorStuck { lasting, chore: Some(chore) } => {
                write!(f, "supervisor held up for {lasting:.1?} by chore `{chore}`")
            }
            Self::CheckFailing { check, reason, .. } => write!(f, "check `{check}` fails: {reason}"),
            Self::CheckUnknown { check, reason, .. } => write!(f, "check `{check}` is unknown: {reason}"),
            Self::CheckSlow { check, took, timeout } => {
                write!(f, "check `{check}` took {took:.1?}, may take {timeout:.1?}")
            }
            Self::RecordingOff => f.write_str("recording switched off"),
            Self::Stopping => f.write_str("shutting down"),
            Self::MeltedDown => f.write_str("too many restarts: workers stopped"),
            Self::SlowClock => f.write_str("no usable time-stamp counter: system clock"),
            Self::ClockDisturbed { rate_changes, backward_jumps } => {
                write!(f, "clock changed its rate {rate_changes} times and went back {backward_jumps} times")
            }
            Self::NoHugePages { reason } => write!(f, "no huge pages: {reason}"),
            Self::NotInFile { reason } => write!(f, "events in no file: {reason}"),
            #[cfg(feature = "process")]
            Self::MemoryShort { level } => write!(f, "memory is short: {level}"),
            #[cfg(feature = "process")]
            Self::PressureUnreadable { reason } => write!(f, "memory pressure is not known: {reason}"),
            #[cfg(feature = "process")]
            Self::ProcessUnreadable { reason } => write!(f, "process metrics are old: {reason}"),
            Self::RestartsImpossible => f.write_str("panics abort this program: no restarts"),
        }
    }
}
