//! A child process, and how it ended.

/// Whether the child of this number ended by itself, saying that all is well.
pub fn ended_well(child: libc::pid_t) -> bool {
    let mut status = 0;
    // SAFETY: a child of this process, and a status of our own.
    let waited = unsafe { libc::waitpid(child, &raw mut status, 0) };
    assert_eq!(waited, child, "{}", std::io::Error::last_os_error());
    libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == 0
}
