//! Bytes of an input. A read from a pipe or a terminal may wait for ever; an interrupt ends the wait, so
//! that the report of what was read can still be given.

use crate::interrupt;
use std::fs::{File, Metadata};
use std::io::{self, ErrorKind, Read};
use std::path::Path;

/// A file, a pipe, a terminal.
pub struct Stream(File);

impl Stream {
    /// Opens a file, without waiting for whoever writes to a named pipe: reading does that, and can be interrupted.
    #[cfg(target_os = "linux")]
    pub fn open(path: &Path) -> io::Result<Self> {
        use rustix::fs::OFlags;
        use std::os::unix::fs::OpenOptionsExt;
        let flags = OFlags::NONBLOCK.bits() as i32;
        File::options().read(true).custom_flags(flags).open(path).map(Self)
    }

    /// Opens a file. Elsewhere than on Linux a pipe that nobody has opened yet cannot be told from one at its end, so
    /// this waits for its writer.
    #[cfg(not(target_os = "linux"))]
    pub fn open(path: &Path) -> io::Result<Self> {
        File::open(path).map(Self)
    }

    /// What kind of file it is, and how long.
    pub fn metadata(&self) -> io::Result<Metadata> {
        self.0.metadata()
    }

    /// Standard input, past the buffer of the standard library.
    #[cfg(unix)]
    pub fn stdin() -> io::Result<Self> {
        use std::os::fd::AsFd;
        Ok(Self(File::from(io::stdin().as_fd().try_clone_to_owned()?)))
    }

    /// Standard input, past the buffer of the standard library.
    #[cfg(windows)]
    pub fn stdin() -> io::Result<Self> {
        use std::os::windows::io::AsHandle;
        Ok(Self(File::from(io::stdin().as_handle().try_clone_to_owned()?)))
    }

    /// Returns when there is something to read, the other side is gone, or the user interrupted.
    #[cfg(unix)]
    fn wait(&self) -> io::Result<()> {
        use rustix::event::{PollFd, PollFlags, Timespec, poll};
        // Another thread takes the signal, so nothing ends a poll under way but its time.
        const SHORT: Timespec = Timespec { tv_sec: 0, tv_nsec: 200_000_000 };
        loop {
            if interrupt::came() {
                return Err(ErrorKind::Interrupted.into());
            }
            match poll(&mut [PollFd::new(&self.0, PollFlags::IN)], Some(&SHORT)) {
                Ok(0) | Err(rustix::io::Errno::INTR) => {}
                Ok(_) => return Ok(()),
                Err(error) => return Err(error.into()),
            }
        }
    }

    #[cfg(not(unix))]
    fn wait(&self) -> io::Result<()> {
        if interrupt::came() { Err(ErrorKind::Interrupted.into()) } else { Ok(()) }
    }
}

/// `ErrorKind::Interrupted` means that the user interrupted, and is final: do not read on.
impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            self.wait()?;
            match self.0.read(buffer) {
                Err(error) if matches!(error.kind(), ErrorKind::Interrupted | ErrorKind::WouldBlock) => {}
                other => return other,
            }
        }
    }
}
