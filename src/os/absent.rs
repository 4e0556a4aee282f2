//! A build that asks the system for nothing.

use std::io;

fn refused<T>() -> io::Result<T> {
    Err(io::Error::new(io::ErrorKind::Unsupported, "this build has no feature `os`, or this is no Unix"))
}

/// Asks for huge pages.
pub(crate) fn advise_huge_pages(_start: *const u8, _bytes: usize) -> io::Result<()> {
    refused()
}

/// Keeps memory from being swapped out.
pub(crate) fn lock(_start: *const u8, _bytes: usize, _when_touched: bool) -> io::Result<()> {
    refused()
}

/// Undoes [`lock`].
pub(crate) fn unlock(_start: *const u8, _bytes: usize) {}

/// Calls `in_child` in every child of this process from now on.
pub(crate) fn watch_forks(_in_child: fn()) -> io::Result<()> {
    Ok(())
}

/// Whether [`forks`] ever changes.
pub(crate) const SEES_FORKS: bool = false;

/// How many forks lie between this process and the one in which they were first watched.
#[inline(always)]
pub(crate) const fn forks() -> u32 {
    0
}

/// Runs `body`, which starts a thread.
pub(crate) fn without_signals<R>(body: impl FnOnce() -> R) -> R {
    body()
}

/// The system's number of the calling thread, by which [`is_gone`] knows it.
pub(crate) fn thread_number() -> Option<u32> {
    None
}

/// Whether the thread of this process that had this number has ended.
pub(crate) fn is_gone(_thread: u32) -> bool {
    false
}

/// Nanoseconds on the system's clock that goes on while the system is suspended.
pub(crate) const fn boot_ns() -> Option<u64> {
    None
}

/// Nanoseconds on the system's monotonic clock.
pub(crate) const fn monotonic_ns() -> Option<u64> {
    None
}

/// The same as it stood at the system's last tick.
pub(crate) const fn coarse_ns() -> Option<u64> {
    None
}

/// How far apart those ticks are.
pub(crate) const fn coarse_resolution_ns() -> Option<u64> {
    None
}
