//! Waiting on a word, and the barrier that lets those who wake pay nothing for it. System calls of Linux; none of them
//! allocates, locks or touches anything of the process's own, so a signal handler may wake.

use crate::sync::{AtomicU32, compiler_fence};
use std::io;
use std::ptr::null;
use std::time::Duration;

// As `linux/membarrier.h` has them: `libc` gives them another type from one version to the next.
const PRIVATE_EXPEDITED: libc::c_long = 1 << 3;
const REGISTER_PRIVATE_EXPEDITED: libc::c_long = 1 << 4;

/// A barrier of this process is wanted; see [`barrier`].
///
/// # Errors
/// If the system has none, or does not allow it.
pub(crate) fn prepare_barrier() -> io::Result<()> {
    membarrier(REGISTER_PRIVATE_EXPEDITED)
}

/// A full memory barrier in each thread of this process, in the middle of whatever it does.
///
/// # Errors
/// If it was not [prepared](prepare_barrier), or is not allowed any more.
pub(crate) fn barrier() -> io::Result<()> {
    membarrier(PRIVATE_EXPEDITED)
}

fn membarrier(command: libc::c_long) -> io::Result<()> {
    // What this thread did before is not moved behind the call, nor what it does next before it.
    compiler_fence();
    // SAFETY: it takes numbers, and changes no memory.
    let code = unsafe { libc::syscall(libc::SYS_membarrier, command, 0, 0) };
    compiler_fence();
    if code == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Whoever waits until a word has changed.
#[derive(Debug, Default)]
pub(crate) struct Waiters;

impl Waiters {
    /// Waits until the word is another one than `seen` and somebody [says so](Waiters::wake_all), for so long at the most.
    /// May return early.
    pub(crate) fn wait(&self, word: &AtomicU32, seen: u32, most: Duration) {
        let most = libc::timespec {
            // Longer than a time can be is for ever.
            tv_sec: most.as_secs().try_into().unwrap_or(libc::time_t::MAX),
            tv_nsec: most.subsec_nanos().into(),
        };
        let operation = libc::FUTEX_WAIT | libc::FUTEX_PRIVATE_FLAG;
        // SAFETY: the word and the time are there until the call returns; it reads both.
        unsafe { libc::syscall(libc::SYS_futex, word.as_ptr(), operation, seen, &raw const most) };
    }

    /// Wakes all who wait on the word. Async-signal-safe, and leaves `errno` alone: it cannot fail on a word that is there.
    pub(crate) fn wake_all(&self, word: &AtomicU32) {
        let operation = libc::FUTEX_WAKE | libc::FUTEX_PRIVATE_FLAG;
        // SAFETY: the word's address is all that is looked at.
        unsafe {
            let errno = *libc::__errno_location();
            libc::syscall(libc::SYS_futex, word.as_ptr(), operation, i32::MAX, null::<libc::timespec>());
            // All the same, where a filter of the host's forbids it.
            *libc::__errno_location() = errno;
        }
    }
}
