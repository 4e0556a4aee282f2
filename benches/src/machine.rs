//! What the figures belong to.

use std::fmt;
use std::fs;

/// The machine and the compiler.
#[derive(Clone, Debug)]
pub struct Machine {
    cpu: String,
    cores: usize,
    load: String,
}

impl Machine {
    /// This one, now.
    #[must_use]
    pub fn here() -> Self {
        let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let model = cpuinfo.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
        let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
        Self {
            cpu: model.map_or_else(|| std::env::consts::ARCH.to_owned(), |(_, name)| name.to_owned()),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            load: load.split(' ').next().filter(|load| !load.is_empty()).unwrap_or("unknown").to_owned(),
        }
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { cpu, cores, load } = self;
        write!(f, "{cpu}, {cores} cores, load {load}, {}", env!("SCORECARD_RUSTC"))
    }
}

/// Bytes that this machine can give out without pushing anything else aside, where it says so.
#[must_use]
pub fn available_memory() -> Option<usize> {
    let text = fs::read_to_string("/proc/meminfo").ok()?;
    let kib = text.lines().find_map(|line| line.strip_prefix("MemAvailable:")?.trim().strip_suffix(" kB"))?;
    kib.parse::<usize>().ok().map(|kib| kib << 10)
}

/// Whether so many bytes leave the machine enough to live on.
///
/// # Errors
/// If they do not, in words.
pub fn enough_memory(bytes: usize) -> Result<(), String> {
    let needed = bytes + (1 << 29);
    match available_memory() {
        Some(available) if available < needed => {
            Err(format!("needs {} MiB, and {} are available", needed >> 20, available >> 20))
        }
        _ => Ok(()),
    }
}
