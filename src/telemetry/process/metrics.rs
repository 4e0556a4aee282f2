//! What the system says about this process, as metrics.

use super::error::ProcessError;
use super::read::{Process, ProcessStats};
use crate::telemetry::{Counter, FloatGauge, Gauge, RegisterError, Telemetry};

/// What the system says about this process, as metrics of a telemetry, named as Prometheus' client libraries do.
///
/// | metric | is |
/// |---|---|
/// | `process_cpu_seconds_total` | processor time, in the program and in the kernel |
/// | `process_cpu_user_seconds_total`, `process_cpu_system_seconds_total` | its two parts |
/// | `process_resident_memory_bytes`, `process_virtual_memory_bytes` | memory in use, address space |
/// | `process_open_fds`, `process_max_fds` | descriptors, and how many may be; infinite if there is no limit |
/// | `process_threads` | threads |
/// | `process_start_time_seconds`, `process_uptime_seconds` | since the Unix epoch; since the start |
/// | `process_read_errors_total` | refreshes that failed: a counter; the others are gauges |
///
/// Gauges keep what they were last set to: they are as old as the last refresh that went well. Before it
/// they are 0.
///
/// ```
/// use flightdeck::telemetry::{Process, ProcessMetrics, Telemetry};
/// # if cfg!(target_os = "linux") {
/// let telemetry = Telemetry::new();
/// let metrics = ProcessMetrics::register(&telemetry, Process::own()?)?;
/// metrics.refresh()?; // every second, say
/// assert!(telemetry.gauge("process_threads").value() >= 1);
/// # }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct ProcessMetrics {
    process: Process,
    cpu: FloatGauge,
    user: FloatGauge,
    system: FloatGauge,
    resident: Gauge,
    virtual_memory: Gauge,
    descriptors: Gauge,
    descriptor_limit: FloatGauge,
    threads: Gauge,
    start: FloatGauge,
    uptime: FloatGauge,
    errors: Counter,
}

impl ProcessMetrics {
    /// Makes the metrics. They are set by [`refresh`](Self::refresh), and by nothing else.
    ///
    /// # Errors
    /// If there is no room, or one of the names belongs to a metric of another type. Those before it stay registered.
    pub fn register(telemetry: &Telemetry, process: Process) -> Result<Self, RegisterError> {
        Ok(Self {
            process,
            cpu: telemetry.try_float_gauge("process_cpu_seconds_total")?,
            user: telemetry.try_float_gauge("process_cpu_user_seconds_total")?,
            system: telemetry.try_float_gauge("process_cpu_system_seconds_total")?,
            resident: telemetry.try_gauge("process_resident_memory_bytes")?,
            virtual_memory: telemetry.try_gauge("process_virtual_memory_bytes")?,
            descriptors: telemetry.try_gauge("process_open_fds")?,
            descriptor_limit: telemetry.try_float_gauge("process_max_fds")?,
            threads: telemetry.try_gauge("process_threads")?,
            start: telemetry.try_float_gauge("process_start_time_seconds")?,
            uptime: telemetry.try_float_gauge("process_uptime_seconds")?,
            errors: telemetry.try_counter("process_read_errors_total")?,
        })
    }

    /// Asks the system and sets the gauges: all of them, or none. Costs what [`Process::read`] does.
    ///
    /// # Errors
    /// As [`Process::read`]. It is counted.
    pub fn refresh(&self) -> Result<ProcessStats, ProcessError> {
        let stats = self.process.read().inspect_err(|_| self.errors.increment(1))?;
        self.cpu.set(stats.cpu().as_secs_f64());
        self.user.set(stats.user.as_secs_f64());
        self.system.set(stats.system.as_secs_f64());
        self.resident.set(integer(stats.resident_bytes));
        self.virtual_memory.set(integer(stats.virtual_bytes));
        self.descriptors.set(integer(stats.open_descriptors));
        self.descriptor_limit.set(stats.descriptor_limit.map_or(f64::INFINITY, |limit| limit as f64));
        self.threads.set(integer(stats.threads));
        self.start.set(stats.start_seconds);
        self.uptime.set(stats.uptime.as_secs_f64());
        Ok(stats)
    }
}

fn integer(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}
