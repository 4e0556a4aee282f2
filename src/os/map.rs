//! Files mapped into memory: shared with whoever else has them mapped, and the system's to keep once the process is gone.

use super::file::Held;
use super::unix::check;
use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::ptr::NonNull;

/// A mapping of the first bytes of a file, undone when dropped.
///
/// Invariant: `start .. start + bytes` is mapped, shared, for as long as this lives; stores are allowed where `writable`.
pub(crate) struct Map {
    start: NonNull<u8>,
    bytes: usize,
    writable: bool,
    /// What says that a writer lives: it does as long as anybody can write through this.
    held: Option<Held>,
}

// SAFETY: it hands out an address; what is read and written there is up to whoever uses it, in any thread.
unsafe impl Send for Map {}
// SAFETY: as above.
unsafe impl Sync for Map {}

impl Map {
    /// For reading and writing, by whoever holds the file, of which `file` is another opening: children inherit the mapping,
    /// and with it the file that it was made of.
    pub(crate) fn writable(held: Held, file: &File, bytes: usize) -> io::Result<Self> {
        let mut map = Self::of(file, bytes, libc::PROT_READ | libc::PROT_WRITE)?;
        (map.writable, map.held) = (true, Some(held));
        Ok(map)
    }

    /// For reading alone.
    pub(crate) fn readable(file: &File, bytes: usize) -> io::Result<Self> {
        Self::of(file, bytes, libc::PROT_READ)
    }

    fn of(file: &File, bytes: usize, access: libc::c_int) -> io::Result<Self> {
        // SAFETY: a new mapping at an address that the system chooses: no memory that is in use is touched.
        let start =
            unsafe { libc::mmap(std::ptr::null_mut(), bytes, access, libc::MAP_SHARED, file.as_raw_fd(), 0) };
        if start == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let start = NonNull::new(start.cast()).ok_or_else(|| io::Error::other("mapped at address zero"))?;
        Ok(Self { start, bytes, writable: false, held: None })
    }

    /// Writes what has changed to the file's disk, and waits for it.
    pub(crate) fn sync(&self) -> io::Result<()> {
        // SAFETY: all of it is mapped (invariant).
        check(unsafe { libc::msync(self.start.as_ptr().cast(), self.bytes, libc::MS_SYNC) })
    }

    /// Has the system provide all of it now, in huge pages where it has them. In a file in memory a page that is there keeps
    /// its size, also one that was only reserved: this comes before that.
    ///
    /// # Errors
    /// Where it does not provide all of it, such as for want of space, which would be a signal (`SIGBUS`) at a store; and where
    /// it knows no such call (Linux before 5.14). What it provided by then stays.
    pub(crate) fn provide_huge(&self) -> io::Result<()> {
        advise_huge_pages_of_file(self.start(), self.bytes)?;
        // SAFETY: all of it is mapped (invariant), and no word changes.
        check(unsafe { libc::madvise(self.start.as_ptr().cast(), self.bytes, libc::MADV_POPULATE_WRITE) })
    }

    /// Nobody will write through this any more, as far as others are concerned.
    pub(crate) fn let_go(&self) {
        if let Some(held) = &self.held {
            held.let_go();
        }
    }

    pub(crate) const fn start(&self) -> *const u8 {
        self.start.as_ptr()
    }

    pub(crate) const fn bytes(&self) -> usize {
        self.bytes
    }

    pub(crate) const fn is_writable(&self) -> bool {
        self.writable
    }
}

impl Drop for Map {
    fn drop(&mut self) {
        // SAFETY: mapped by us (invariant), and nobody refers to it any more: whoever does keeps this alive.
        let _ = unsafe { libc::munmap(self.start.as_ptr().cast(), self.bytes) };
    }
}

/// Asks for huge pages in a mapping of a file. File systems take the advice and follow it as they can.
pub(crate) fn advise_huge_pages_of_file(start: *const u8, bytes: usize) -> io::Result<()> {
    // SAFETY: advice about memory that the caller owns; its content stays as it is.
    check(unsafe { libc::madvise(start.cast_mut().cast(), bytes, libc::MADV_HUGEPAGE) })
}
