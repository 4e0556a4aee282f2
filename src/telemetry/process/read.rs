//! Reads what the system says about this process.

use super::error::ProcessError;
use super::parse;
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The most that is read of a file. `stat` is the longest by far: some bytes per interrupt.
const LONGEST: u64 = 1 << 20;

/// Reads what the system says about this process.
///
/// It reads files of `/proc`: some system calls and memory for their text each time, and one entry for each open descriptor. Nothing
/// for a hot path. It keeps no descriptor open.
///
/// ```
/// use flightdeck::telemetry::Process;
/// # if cfg!(target_os = "linux") {
/// let stats = Process::own()?.read()?;
/// assert!(stats.resident_bytes > 0 && stats.threads >= 1);
/// # }
/// # Ok::<(), flightdeck::telemetry::ProcessError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Process {
    proc: PathBuf,
    ticks_per_second: u64,
    boot_seconds: u64,
    /// Whether the descriptor that lists descriptors is among them.
    lists_itself: bool,
}

/// What the system says about this process.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct ProcessStats {
    /// Memory that is in use and not swapped out, in bytes. Linux counts it in batches: it may be off by some pages
    /// per thread.
    pub resident_bytes: u64,
    /// Address space, in bytes.
    pub virtual_bytes: u64,
    /// Processor time in the program, over all threads. In clock ticks of mostly 10 ms, as is the next.
    pub user: Duration,
    /// Processor time in the kernel, over all threads.
    pub system: Duration,
    /// Descriptors that are open, without the one that lists them.
    pub open_descriptors: u64,
    /// How many may be (the soft limit); `None` if there is no limit.
    pub descriptor_limit: Option<u64>,
    /// Threads.
    pub threads: u64,
    /// When the process was started, in seconds since the Unix epoch, by the wall clock as of
    /// [`Process::own`].
    pub start_seconds: f64,
    /// How long ago that was, suspended time included.
    pub uptime: Duration,
}

impl ProcessStats {
    /// Processor time in the program and in the kernel.
    #[must_use]
    pub fn cpu(&self) -> Duration {
        self.user.saturating_add(self.system)
    }
}

impl Process {
    /// Prepares to read about this process: asks when the system was started, once.
    ///
    /// # Errors
    /// If this is not Linux, or `/proc` is not as it should be.
    pub fn own() -> Result<Self, ProcessError> {
        Self::new(PathBuf::from("/proc"), true)
    }

    /// The same from a copy of `/proc`, such as one kept of another machine: its files `stat`, `uptime` and `self/..`.
    /// Clock ticks are taken to be as long as on this machine.
    ///
    /// # Errors
    /// As [`Process::own`].
    pub fn from_copy(proc: impl Into<PathBuf>) -> Result<Self, ProcessError> {
        Self::new(proc.into(), false)
    }

    fn new(proc: PathBuf, lists_itself: bool) -> Result<Self, ProcessError> {
        let ticks_per_second = ticks_per_second()?;
        let boot_seconds = parsed(&proc, "stat", parse::boot_seconds)?;
        Ok(Self { proc, ticks_per_second, boot_seconds, lists_itself })
    }

    /// Reads it now. The files are read one after the other: the values are of about one time.
    ///
    /// # Errors
    /// If a file cannot be read, or lacks a field.
    pub fn read(&self) -> Result<ProcessStats, ProcessError> {
        let proc = &*self.proc;
        let stat = parsed(proc, "self/stat", parse::stat)?;
        let started = stat.started as f64 / self.ticks_per_second as f64;
        let uptime = parsed(proc, "uptime", parse::system_uptime)? - started;
        Ok(ProcessStats {
            resident_bytes: parsed(proc, "self/status", parse::resident_bytes)?,
            virtual_bytes: stat.virtual_bytes,
            user: self.time(stat.user),
            system: self.time(stat.system),
            open_descriptors: self.open_descriptors()?,
            descriptor_limit: parsed(proc, "self/limits", parse::descriptor_limit)?,
            threads: stat.threads,
            start_seconds: self.boot_seconds as f64 + started,
            // Below zero by less than a clock tick in a process that has just begun; and out of range only in a copy.
            uptime: Duration::try_from_secs_f64(uptime.max(0.0)).unwrap_or(Duration::MAX),
        })
    }

    fn time(&self, ticks: u64) -> Duration {
        let (seconds, rest) = (ticks / self.ticks_per_second, ticks % self.ticks_per_second);
        Duration::from_secs(seconds) + Duration::from_nanos(rest * 1_000_000_000 / self.ticks_per_second)
    }

    fn open_descriptors(&self) -> Result<u64, ProcessError> {
        let path = self.proc.join("self/fd");
        let entries = fs::read_dir(&path)
            .and_then(|entries| entries.map(|entry| entry.map(|_| 1)).sum::<io::Result<u64>>());
        let entries = entries.map_err(|error| ProcessError::Unreadable { path, kind: error.kind() })?;
        Ok(entries.saturating_sub(u64::from(self.lists_itself)))
    }
}

#[cfg(target_os = "linux")]
pub(in crate::telemetry) fn ticks_per_second() -> Result<u64, ProcessError> {
    Ok(rustix::param::clock_ticks_per_second().max(1))
}

#[cfg(not(target_os = "linux"))]
pub(in crate::telemetry) fn ticks_per_second() -> Result<u64, ProcessError> {
    Err(ProcessError::Unsupported { system: std::env::consts::OS })
}

pub(in crate::telemetry) fn parsed<T>(
    proc: &Path,
    file: &str,
    parse: impl FnOnce(&str) -> Result<T, &'static str>,
) -> Result<T, ProcessError> {
    let path = proc.join(file);
    let mut bytes = Vec::new();
    let read = File::open(&path).and_then(|file| file.take(LONGEST + 1).read_to_end(&mut bytes));
    match read {
        Err(error) => Err(ProcessError::Unreadable { path, kind: error.kind() }),
        Ok(_) if bytes.len() as u64 > LONGEST => Err(ProcessError::TooLong { path, limit: LONGEST }),
        // A program's name is any bytes; all that is looked for is ASCII.
        Ok(_) => {
            parse(&String::from_utf8_lossy(&bytes)).map_err(|field| ProcessError::Malformed { path, field })
        }
    }
}
