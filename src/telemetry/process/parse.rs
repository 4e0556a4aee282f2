//! What stands in which file. Each answers `Err` with the field that it could not find.

/// Of `self/stat`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::telemetry) struct Stat {
    /// In clock ticks.
    pub(in crate::telemetry) user: u64,
    /// In clock ticks.
    pub(in crate::telemetry) system: u64,
    pub(super) threads: u64,
    /// In clock ticks since the system's start.
    pub(super) started: u64,
    pub(super) virtual_bytes: u64,
}

pub(in crate::telemetry) fn stat(text: &str) -> Result<Stat, &'static str> {
    // A program's name may hold spaces and brackets: the last one closes it.
    let (_, fields) = text.rsplit_once(')').ok_or("comm")?;
    // The first one behind it is the third in proc(5).
    let field = |number: usize, name| {
        fields.split_ascii_whitespace().nth(number - 3).and_then(|field| field.parse().ok()).ok_or(name)
    };
    Ok(Stat {
        user: field(14, "utime")?,
        system: field(15, "stime")?,
        threads: field(20, "num_threads")?,
        started: field(22, "starttime")?,
        virtual_bytes: field(23, "vsize")?,
    })
}

/// `VmRSS` of `self/status`, in bytes.
pub(super) fn resident_bytes(text: &str) -> Result<u64, &'static str> {
    let found = text.lines().find_map(|line| line.strip_prefix("VmRSS:")).and_then(|rest| {
        let kib = rest.trim().strip_suffix("kB")?.trim_end().parse::<u64>().ok()?;
        kib.checked_mul(1024)
    });
    found.ok_or("VmRSS")
}

/// The soft limit of descriptors in `self/limits`; `None` if there is none.
pub(super) fn descriptor_limit(text: &str) -> Result<Option<u64>, &'static str> {
    let found = text.lines().find_map(|line| line.strip_prefix("Max open files"));
    match found.and_then(|rest| rest.split_ascii_whitespace().next()) {
        Some("unlimited") => Ok(None),
        Some(limit) => limit.parse().map(Some).map_err(|_| "Max open files"),
        None => Err("Max open files"),
    }
}

/// `btime` of `stat`: the system's start, in seconds since the Unix epoch.
pub(super) fn boot_seconds(text: &str) -> Result<u64, &'static str> {
    let found = text.lines().find_map(|line| line.strip_prefix("btime "));
    found.and_then(|seconds| seconds.trim().parse().ok()).ok_or("btime")
}

/// The first number of `uptime`: seconds since the system's start.
pub(super) fn system_uptime(text: &str) -> Result<f64, &'static str> {
    let found = text.split_ascii_whitespace().next().and_then(|seconds| seconds.parse().ok());
    found.filter(|seconds: &f64| seconds.is_finite() && *seconds >= 0.0).ok_or("uptime")
}
