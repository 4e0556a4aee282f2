//! Reads memory in use, the limit that is closest, and processor time.

use super::cgroup::{Groups, Mounts};
use super::error::PressureError;
use super::parse;
use crate::telemetry::process::{parsed, stat, ticks_per_second};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Reads memory in use, and the limit that is closest to it.
///
/// Limits are those of the control groups this process is in, and of all that hold them (version 2: `memory.max` and
/// `memory.high`; version 1: `memory.limit_in_bytes`), and the system's memory. It counts the one of which the largest
/// share is used. Limits of groups that are not mounted here (those around a container) cannot be seen.
///
/// It reads some ten to thirty small files at each call, and `memory.stat` of each group that has a limit: nothing for
/// a hot path. It keeps no descriptor open. A process that is moved to another group is followed; mounts are those as
/// of [`Pressure::own`].
///
/// ```
/// use flightdeck::telemetry::Pressure;
/// # if cfg!(target_os = "linux") {
/// let reading = Pressure::own()?.read()?;
/// println!("{} of {} bytes ({})", reading.used_bytes, reading.limit_bytes, reading.limit);
/// assert!(reading.memory() <= 1.0);
/// # }
/// # Ok::<(), flightdeck::telemetry::PressureError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Pressure {
    proc: PathBuf,
    mounts: Mounts,
    ticks_per_second: u64,
}

/// Which limit counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum MemoryLimit {
    /// The memory that the system has.
    System,
    /// `memory.max` of a control group: beyond it, a process is killed.
    CgroupMax,
    /// `memory.high` of a control group: beyond it, processes are slowed down.
    CgroupHigh,
    /// `memory.limit_in_bytes` of a control group of version 1: beyond it, a process is killed.
    CgroupV1,
}

impl std::fmt::Display for MemoryLimit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::System => "system",
            Self::CgroupMax => "memory.max",
            Self::CgroupHigh => "memory.high",
            Self::CgroupV1 => "memory.limit_in_bytes",
        })
    }
}

/// Memory, its closest limit, and processor time, as they were read. Not all of one moment.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct PressureReading {
    /// Bytes in use by all that the limit is for. Of a group, without its inactive page cache, which the kernel takes
    /// back first; of the system, without what it calls available.
    pub used_bytes: u64,
    /// The limit.
    pub limit_bytes: u64,
    /// Which limit that is.
    pub limit: MemoryLimit,
    /// The directory of the group that has it; `None` if it is the system's.
    pub group: Option<PathBuf>,
    /// Share of the last ten seconds in which some thread waited for memory (`some avg10`), 0 to 1: of this process'
    /// own group of version 2, or of the system. `None` if this kernel does not say.
    pub stalled: Option<f64>,
    /// Processor time of this process, over all threads, in clock ticks of mostly 10 ms.
    pub cpu: Duration,
    /// Processors that it may use: those it may run on, or less by the quota of a group. Not always whole.
    pub processors: f64,
}

impl PressureReading {
    /// Memory in use as a share of its limit, 0 to 1. More than the limit is 1.
    #[must_use]
    pub fn memory(&self) -> f64 {
        share(self.used_bytes, self.limit_bytes).min(1.0)
    }
}

/// Of a limit of nothing, all is used.
fn share(used: u64, limit: u64) -> f64 {
    if limit == 0 { f64::INFINITY } else { used as f64 / limit as f64 }
}

impl Pressure {
    /// Prepares to read about this process: looks where control groups are mounted, once.
    ///
    /// # Errors
    /// If this is not Linux, or `/proc` is not as it should be.
    pub fn own() -> Result<Self, PressureError> {
        Self::from_copy("/")
    }

    /// The same from a copy of a file system, such as one kept of another machine: its `proc/meminfo`,
    /// `proc/self/{mountinfo,cgroup,stat,status}`, if it has it `proc/pressure/memory`, and the groups where its
    /// `mountinfo` says. Clock ticks are taken to be as long as on this machine.
    ///
    /// # Errors
    /// As [`Pressure::own`].
    pub fn from_copy(root: impl AsRef<Path>) -> Result<Self, PressureError> {
        let root = root.as_ref();
        let ticks_per_second = ticks_per_second()?;
        let proc = root.join("proc");
        let mounts = parsed(&proc, "self/mountinfo", |text| Ok(Mounts::parse(root, text)))?;
        Ok(Self { proc, mounts, ticks_per_second })
    }

    /// Reads it now. The files are read one after the other: the values are of about one time.
    ///
    /// # Errors
    /// If a file that must be there cannot be read, or one lacks a field. A group without a file for a limit has none.
    pub fn read(&self) -> Result<PressureReading, PressureError> {
        let groups = parsed(&self.proc, "self/cgroup", |text| Ok(self.mounts.groups(text)))?;
        let (total, available) = parsed(&self.proc, "meminfo", parse::system)?;
        let mut closest = Closest {
            used: total.saturating_sub(available),
            bytes: total,
            limit: MemoryLimit::System,
            group: None,
        };
        for group in &groups.unified {
            closest.consider_unified(group, total)?;
        }
        for group in &groups.memory {
            closest.consider_first(group, total)?;
        }
        let time = parsed(&self.proc, "self/stat", stat)?;
        let ticks = time.user.saturating_add(time.system);
        Ok(PressureReading {
            used_bytes: closest.used,
            limit_bytes: closest.bytes,
            limit: closest.limit,
            group: closest.group,
            stalled: self.stalled(&groups)?,
            cpu: Duration::try_from_secs_f64(ticks as f64 / self.ticks_per_second as f64)
                .unwrap_or(Duration::MAX),
            processors: self.processors(&groups)?,
        })
    }

    fn stalled(&self, groups: &Groups) -> Result<Option<f64>, PressureError> {
        if let Some(own) = groups.unified.first()
            && let Some(stalled) = present(own, "memory.pressure", parse::stalled)?
        {
            return Ok(Some(stalled));
        }
        present(&self.proc, "pressure/memory", parse::stalled)
    }

    fn processors(&self, groups: &Groups) -> Result<f64, PressureError> {
        let mut least = parsed(&self.proc, "self/status", parse::processors)? as f64;
        for group in &groups.unified {
            let quota = present(group, "cpu.max", parse::quota)?.flatten();
            least = least.min(quota.unwrap_or(least));
        }
        for group in &groups.cpu {
            let Some(quota) = present(group, "cpu.cfs_quota_us", parse::signed)? else { continue };
            if quota > 0 {
                let period = parsed(group, "cpu.cfs_period_us", parse::number)?;
                least = least.min(quota as f64 / period.max(1) as f64);
            }
        }
        Ok(least)
    }
}

/// The limit of which the largest share is used, of those looked at.
struct Closest {
    used: u64,
    bytes: u64,
    limit: MemoryLimit,
    group: Option<PathBuf>,
}

impl Closest {
    fn consider_unified(&mut self, group: &Path, total: u64) -> Result<(), PressureError> {
        // Both are absent at the root, and where the controller is off: no limit.
        let max = present(group, "memory.max", parse::number_or_max)?.flatten();
        let high = present(group, "memory.high", parse::number_or_max)?.flatten();
        let limits = [(max, MemoryLimit::CgroupMax), (high, MemoryLimit::CgroupHigh)];
        self.consider(group, total, limits, "memory.current", "inactive_file")
    }

    fn consider_first(&mut self, group: &Path, total: u64) -> Result<(), PressureError> {
        let limit = present(group, "memory.limit_in_bytes", parse::number)?;
        let limits = [(limit, MemoryLimit::CgroupV1)];
        self.consider(group, total, limits, "memory.usage_in_bytes", "total_inactive_file")
    }

    fn consider<const N: usize>(
        &mut self,
        group: &Path,
        total: u64,
        limits: [(Option<u64>, MemoryLimit); N],
        usage: &'static str,
        cache: &'static str,
    ) -> Result<(), PressureError> {
        // More than the system has is never reached. Version 1 writes "no limit" that way.
        let real = limits.map(|(bytes, limit)| (bytes.filter(|bytes| *bytes <= total), limit));
        if real.iter().all(|(bytes, _)| bytes.is_none()) {
            return Ok(());
        }
        let usage = parsed(group, usage, parse::number)?;
        let cache = present(group, "memory.stat", |text| parse::stat_field(text, cache))?;
        let used = usage.saturating_sub(cache.unwrap_or(0));
        for (bytes, limit) in real {
            let Some(bytes) = bytes else { continue };
            if share(used, bytes) > share(self.used, self.bytes) {
                *self = Self { used, bytes, limit, group: Some(group.to_owned()) };
            }
        }
        Ok(())
    }
}

/// `None` if there is no such file.
fn present<T>(
    folder: &Path,
    file: &str,
    parse: impl FnOnce(&str) -> Result<T, &'static str>,
) -> Result<Option<T>, PressureError> {
    match parsed(folder, file, parse).map_err(PressureError::from) {
        Err(error) if error.is_absence() => Ok(None),
        read => read.map(Some),
    }
}
