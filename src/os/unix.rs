//! System calls, each with what it promises.

use crate::sync::{AtomicU32, OnceLock, Relaxed};
use std::io;

/// A bound of what a page can measure, so that an area is cut to whole huge pages.
const HUGE: usize = 2 << 20;

/// Asks for huge pages in the part of `start .. start + bytes` that can have them.
///
/// # Errors
/// If no such part exists, or the system has huge pages switched off.
pub(crate) fn advise_huge_pages(start: *const u8, bytes: usize) -> io::Result<()> {
    let first = (start as usize).next_multiple_of(HUGE);
    let end = (start as usize + bytes) / HUGE * HUGE;
    if first >= end {
        return Err(io::Error::other("too small for a huge page: give 4 MiB or more"));
    }
    huge::advise(start.wrapping_add(first - start as usize), end - first)
}

#[cfg(any(target_os = "linux", target_os = "android"))]
mod huge {
    use super::{check, io};

    pub(super) fn advise(start: *const u8, bytes: usize) -> io::Result<()> {
        // The call grants the wish also where nothing will come of it.
        let setting = std::fs::read_to_string("/sys/kernel/mm/transparent_hugepage/enabled");
        if setting.is_ok_and(|setting| setting.contains("[never]")) {
            return Err(io::Error::other("the system has transparent huge pages switched off"));
        }
        // SAFETY: advice about memory that the caller owns; its content stays as it is.
        check(unsafe { libc::madvise(start.cast_mut().cast(), bytes, libc::MADV_HUGEPAGE) })
    }
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
mod huge {
    use super::io;

    pub(super) fn advise(_start: *const u8, _bytes: usize) -> io::Result<()> {
        Err(io::Error::new(io::ErrorKind::Unsupported, "this system takes no such advice"))
    }
}

/// Keeps memory from being swapped out: all of it now, or each page from its first use on.
pub(crate) fn lock(start: *const u8, bytes: usize, when_touched: bool) -> io::Result<()> {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    if when_touched {
        // SAFETY: the content of the memory, which the caller owns, stays as it is.
        return check(unsafe { libc::mlock2(start.cast(), bytes, libc::MLOCK_ONFAULT as _) });
    }
    if when_touched {
        return Err(io::Error::new(io::ErrorKind::Unsupported, "this system locks no page at its first use"));
    }
    // SAFETY: as above.
    check(unsafe { libc::mlock(start.cast(), bytes) })
}

/// Undoes [`lock`]: memory that is given back to the allocator is nobody's to keep.
pub(crate) fn unlock(start: *const u8, bytes: usize) {
    // SAFETY: as above. It can fail only where nothing is locked.
    let _ = unsafe { libc::munlock(start.cast(), bytes) };
}

/// One per process, as forks are. Relaxed: written where there is one thread.
static FORKS: AtomicU32 = AtomicU32::new(0);
static IN_CHILD: OnceLock<fn()> = OnceLock::new();

/// Calls `in_child` in every child of this process from now on, before `fork` returns there. It may do only what
/// a signal handler may. The first caller's function is the one that stays.
///
/// # Errors
/// If the system has no memory to remember it.
pub(crate) fn watch_forks(in_child: fn()) -> io::Result<()> {
    let _ = IN_CHILD.set(in_child);
    count_forks()
}

/// Counts the forks from now on.
///
/// # Errors
/// As of [`watch_forks`].
pub(crate) fn count_forks() -> io::Result<()> {
    extern "C" fn child() {
        FORKS.store(FORKS.load(Relaxed).wrapping_add(1), Relaxed);
        #[cfg(all(feature = "mapped", target_os = "linux"))]
        super::file::close_in_child();
        if let Some(in_child) = IN_CHILD.get() {
            in_child();
        }
    }
    static ANSWER: OnceLock<libc::c_int> = OnceLock::new();
    // SAFETY: `child` touches an atomic and what `in_child` promises to touch.
    match *ANSWER.get_or_init(|| unsafe { libc::pthread_atfork(None, None, Some(child)) }) {
        0 => Ok(()),
        code => Err(io::Error::from_raw_os_error(code)),
    }
}

/// Whether [`forks`] ever changes.
pub(crate) const SEES_FORKS: bool = true;

/// How many forks lie between this process and the one in which they were first watched.
#[inline(always)]
pub(crate) fn forks() -> u32 {
    FORKS.load(Relaxed)
}

/// Clocks of Linux that the standard library does not offer. Other systems have none like them.
#[cfg(any(target_os = "linux", target_os = "android"))]
mod clocks {
    /// Nanoseconds on the system's clock that goes on while the system is suspended.
    pub(crate) fn boot_ns() -> Option<u64> {
        ask(libc::clock_gettime, libc::CLOCK_BOOTTIME)
    }

    /// Nanoseconds on the system's monotonic clock.
    pub(crate) fn monotonic_ns() -> Option<u64> {
        ask(libc::clock_gettime, libc::CLOCK_MONOTONIC)
    }

    /// The same as it stood at the system's last tick.
    pub(crate) fn coarse_ns() -> Option<u64> {
        ask(libc::clock_gettime, libc::CLOCK_MONOTONIC_COARSE)
    }

    /// How far apart those ticks are.
    pub(crate) fn coarse_resolution_ns() -> Option<u64> {
        ask(libc::clock_getres, libc::CLOCK_MONOTONIC_COARSE)
    }

    type Ask = unsafe extern "C" fn(libc::clockid_t, *mut libc::timespec) -> libc::c_int;

    fn ask(question: Ask, clock: libc::clockid_t) -> Option<u64> {
        let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        // SAFETY: both questions fill in the time that they are given, and touch nothing else.
        let code = unsafe { question(clock, &raw mut time) };
        (code == 0).then(|| (time.tv_sec as u64).saturating_mul(1_000_000_000) + time.tv_nsec as u64)
    }
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
mod clocks {
    pub(crate) const fn boot_ns() -> Option<u64> {
        None
    }

    pub(crate) const fn monotonic_ns() -> Option<u64> {
        None
    }

    pub(crate) const fn coarse_ns() -> Option<u64> {
        None
    }

    pub(crate) const fn coarse_resolution_ns() -> Option<u64> {
        None
    }
}

pub(crate) use clocks::*;

/// Signals that a thread raises by what it does itself. Blocked, they would end the process without a word.
const OWN: [libc::c_int; 5] = [libc::SIGSEGV, libc::SIGBUS, libc::SIGFPE, libc::SIGILL, libc::SIGTRAP];

/// Runs `body`, which starts a thread that inherits this: no signal of the host's is ever delivered there.
pub(crate) fn without_signals<R>(body: impl FnOnce() -> R) -> R {
    struct Restore(libc::sigset_t);
    impl Drop for Restore {
        fn drop(&mut self) {
            // SAFETY: a mask that was in force before.
            unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &raw const self.0, std::ptr::null_mut()) };
        }
    }
    // SAFETY: both sets are plain data, filled in before they are read.
    let _restore = unsafe {
        let (mut blocked, mut before): (libc::sigset_t, libc::sigset_t) =
            (std::mem::zeroed(), std::mem::zeroed());
        libc::sigfillset(&raw mut blocked);
        OWN.iter().for_each(|signal| {
            libc::sigdelset(&raw mut blocked, *signal);
        });
        libc::pthread_sigmask(libc::SIG_SETMASK, &raw const blocked, &raw mut before);
        Restore(before)
    };
    body()
}

pub(super) fn check(code: libc::c_int) -> io::Result<()> {
    if code == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

#[cfg(any(target_os = "linux", target_os = "android"))]
mod threads {
    /// The system's number of the calling thread, by which [`is_gone`] knows it.
    pub(crate) fn thread_number() -> Option<u32> {
        // SAFETY: it only asks.
        u32::try_from(unsafe { libc::syscall(libc::SYS_gettid) }).ok()
    }

    /// Whether the thread of this process that had this number has ended. If a new thread got the same number: no.
    pub(crate) fn is_gone(thread: u32) -> bool {
        // SAFETY: signal 0 is never sent; the call only looks for the thread.
        let sent = unsafe { libc::syscall(libc::SYS_tgkill, libc::getpid(), thread, 0) };
        sent != 0 && std::io::Error::last_os_error().raw_os_error() == Some(libc::ESRCH)
    }
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
mod threads {
    /// This system has no such number.
    pub(crate) fn thread_number() -> Option<u32> {
        None
    }

    /// Nobody knows.
    pub(crate) fn is_gone(_thread: u32) -> bool {
        false
    }
}

pub(crate) use threads::{is_gone, thread_number};
