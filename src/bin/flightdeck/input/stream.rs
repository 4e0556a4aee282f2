//! Bytes of an input. A read from a pipe or a terminal may wait for ever; an interrupt ends the wait, so
//! that the report of what was read can still be given.

use crate::interrupt;
use std::fs::File;
use std::io::{self, Read};

/// A file, a pipe, a terminal.
pub struct Stream {
    file: File,
    /// Reads of regular files do not wait for anybody.
    is_regular: bool,
}

impl Stream {
    pub fn of(file: File, is_regular: bool) -> Self {
        Self { file, is_regular }
    }

    /// Standard input, past the buffer of the standard library.
    #[cfg(unix)]
    pub fn stdin() -> io::Result<Self> {
        use std::os::fd::AsFd;
        Ok(Self::of(File::from(io::stdin().as_fd().try_clone_to_owned()?), false))
    }

    /// Standard input, past the buffer of the standard library.
    #[cfg(windows)]
    pub fn stdin() -> io::Result<Self> {
        use std::os::windows::io::AsHandle;
        Ok(Self::of(File::from(io::stdin().as_handle().try_clone_to_owned()?), false))
    }

    /// Returns when there is something to read, the other side is gone, or the user interrupted.
    #[cfg(unix)]
    fn wait(&self) -> io::Result<()> {
        use rustix::event::{PollFd, PollFlags, Timespec, poll};
        // The signal ends a poll under way; the time-out is for one that came just before it.
        const SHORT: Timespec = Timespec { tv_sec: 0, tv_nsec: 200_000_000 };
        loop {
            if interrupt::came() {
                return Err(io::ErrorKind::Interrupted.into());
            }
            match poll(&mut [PollFd::new(&self.file, PollFlags::IN)], Some(&SHORT)) {
                Ok(0) | Err(rustix::io::Errno::INTR) => {}
                Ok(_) => return Ok(()),
                Err(error) => return Err(error.into()),
            }
        }
    }

    #[cfg(not(unix))]
    fn wait(&self) -> io::Result<()> {
        Ok(())
    }
}

/// `ErrorKind::Interrupted` means that the user interrupted, and is final: do not read on.
impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            if !self.is_regular {
                self.wait()?;
            } else if interrupt::came() {
                return Err(io::ErrorKind::Interrupted.into());
            }
            match self.file.read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => return other,
            }
        }
    }
}
