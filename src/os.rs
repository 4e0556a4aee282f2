//! What only the system can do, behind one door. With feature `os`, on Unix, it is asked; in other builds, and in
//! models, every wish is refused with the reason, and a fork goes unseen.

#[cfg(not(all(feature = "os", unix, not(flightdeck_loom))))]
mod absent;
#[cfg(all(feature = "os", unix, not(flightdeck_loom)))]
mod unix;

#[cfg(not(all(feature = "os", target_os = "linux", not(flightdeck_loom))))]
mod no_wake;
#[cfg(all(feature = "os", target_os = "linux", not(flightdeck_loom)))]
mod wake;

#[cfg(not(all(feature = "os", unix, not(flightdeck_loom))))]
pub(crate) use absent::*;
#[cfg(not(all(feature = "os", target_os = "linux", not(flightdeck_loom))))]
pub(crate) use no_wake::*;
#[cfg(all(feature = "os", unix, not(flightdeck_loom)))]
pub(crate) use unix::*;
#[cfg(all(feature = "os", target_os = "linux", not(flightdeck_loom)))]
pub(crate) use wake::*;

#[cfg(all(feature = "os", target_os = "linux", not(flightdeck_loom)))]
mod provided;

#[cfg(all(feature = "os", target_os = "linux", not(flightdeck_loom)))]
pub(crate) use provided::provided;

/// What there is of a run of memory, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Provided {
    /// In huge pages.
    pub(crate) huge: u64,
    /// In pages of any size.
    pub(crate) all: u64,
}

/// Nobody says.
#[cfg(not(all(feature = "os", target_os = "linux", not(flightdeck_loom))))]
pub(crate) fn provided(_start: *const u8, _bytes: usize) -> Option<Provided> {
    None
}

#[cfg(all(feature = "mapped", target_os = "linux"))]
mod file;
#[cfg(all(feature = "mapped", target_os = "linux"))]
mod map;

#[cfg(all(feature = "mapped", target_os = "linux"))]
pub(crate) use file::*;
#[cfg(all(feature = "mapped", target_os = "linux"))]
pub(crate) use map::{Map, advise_huge_pages_of_file};
