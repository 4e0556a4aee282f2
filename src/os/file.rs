//! What the standard library does not ask of files: space in full, locks that end with their process, files without a name.

use super::unix::{check, forks};
use crate::sync::{AtomicU32, Relaxed};
use std::ffi::CString;
use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, IntoRawFd, RawFd};

/// Reserves so many bytes from the start of a file on, all zero where nothing was.
///
/// # Errors
/// `StorageFull`, `QuotaExceeded`, `Unsupported` where zeros can be written instead, and what else the system says.
pub(crate) fn reserve(file: &File, bytes: u64) -> io::Result<()> {
    let bytes = libc::off64_t::try_from(bytes).map_err(|_| io::Error::from(io::ErrorKind::FileTooLarge))?;
    loop {
        // SAFETY: it changes the file alone.
        match check(unsafe { libc::fallocate64(file.as_raw_fd(), 0, 0, bytes) }) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            // The file system has no such thing, the system has not, a sandbox says so.
            Err(error)
                if matches!(error.raw_os_error(), Some(libc::EOPNOTSUPP | libc::ENOSYS | libc::EPERM)) =>
            {
                return Err(io::ErrorKind::Unsupported.into());
            }
            done => return done,
        }
    }
}

/// How many more bytes this user can put where the file lies; `None` where nobody knows.
pub(crate) fn bytes_free(file: &File) -> Option<u64> {
    // SAFETY: plain data, filled in by the call, which touches nothing else.
    let answer = unsafe {
        let mut answer: libc::statvfs64 = std::mem::zeroed();
        check(libc::fstatvfs64(file.as_raw_fd(), &raw mut answer)).map(|()| answer)
    };
    answer.ok().map(|answer| answer.f_bavail.saturating_mul(answer.f_frsize))
}

/// Whether the file lies in memory (tmpfs), and not on a disk.
pub(crate) fn is_in_memory(file: &File) -> bool {
    // SAFETY: plain data, filled in by the call, which touches nothing else.
    let answer = unsafe {
        let mut answer: libc::statfs64 = std::mem::zeroed();
        check(libc::fstatfs64(file.as_raw_fd(), &raw mut answer)).map(|()| answer)
    };
    answer.is_ok_and(|answer| answer.f_type == libc::TMPFS_MAGIC)
}

/// How long a file of this process may become: beyond it the system kills the process, as a rule.
pub(crate) fn longest_file() -> u64 {
    let mut limit = libc::rlimit64 { rlim_cur: u64::MAX, rlim_max: u64::MAX };
    // SAFETY: it fills in what it is given.
    let asked = check(unsafe { libc::getrlimit64(libc::RLIMIT_FSIZE, &raw mut limit) });
    if asked.is_ok() { limit.rlim_cur } else { u64::MAX }
}

/// A file without a name, in memory, that may be sealed.
pub(crate) fn nameless(name: &str) -> io::Result<File> {
    let name = CString::new(name).unwrap_or_default();
    let flags = libc::MFD_CLOEXEC | libc::MFD_ALLOW_SEALING;
    // SAFETY: a text that ends with a zero, read during the call.
    let file = unsafe { libc::memfd_create(name.as_ptr(), flags) };
    check(if file < 0 { file } else { 0 })?;
    // SAFETY: it was just opened, and nobody else has the number.
    Ok(unsafe { File::from_raw_fd(file) })
}

const SIZE_SEALS: libc::c_int = libc::F_SEAL_SHRINK | libc::F_SEAL_GROW;

/// Fixes the size of a file without a name for good, against everybody: whoever has it mapped is never sent `SIGBUS`.
pub(crate) fn seal_size(file: &File) -> io::Result<()> {
    // SAFETY: it changes the file alone.
    check(unsafe { libc::fcntl(file.as_raw_fd(), libc::F_ADD_SEALS, SIZE_SEALS | libc::F_SEAL_SEAL) })
}

/// Whether nobody can make this file shorter.
pub(crate) fn has_sealed_size(file: &File) -> bool {
    // SAFETY: it only asks.
    let seals = unsafe { libc::fcntl(file.as_raw_fd(), libc::F_GET_SEALS) };
    seals >= 0 && seals & libc::F_SEAL_SHRINK != 0
}

/// Bytes of a page.
pub(crate) fn page() -> usize {
    // SAFETY: it only asks.
    usize::try_from(unsafe { libc::sysconf(libc::_SC_PAGESIZE) }).unwrap_or(4_096)
}

/// The user that this process acts for.
pub(crate) fn user() -> u32 {
    // SAFETY: it only asks.
    unsafe { libc::geteuid() }
}

fn whole_file() -> libc::flock {
    // SAFETY: plain data.
    let mut lock: libc::flock = unsafe { std::mem::zeroed() };
    (lock.l_type, lock.l_whence) = (libc::F_WRLCK as _, libc::SEEK_SET as _);
    lock
}

/// Whether anybody, this process included, holds the file. Needs no permission to write.
pub(crate) fn is_held(file: &File) -> io::Result<bool> {
    let mut lock = whole_file();
    lock.l_type = libc::F_RDLCK as _;
    // SAFETY: it fills in what it is given.
    check(unsafe { libc::fcntl(file.as_raw_fd(), libc::F_OFD_GETLK, &raw mut lock) })?;
    Ok(i32::from(lock.l_type) != libc::F_UNLCK)
}

/// Whether it cannot be held because somebody has it locked for reading.
fn is_locked_for_reading(file: &File) -> bool {
    let mut lock = whole_file();
    // SAFETY: it fills in what it is given.
    let asked = check(unsafe { libc::fcntl(file.as_raw_fd(), libc::F_OFD_GETLK, &raw mut lock) });
    asked.is_ok() && i32::from(lock.l_type) == libc::F_RDLCK
}

/// The same file, opened a second time. A lock and a mapping that came of one opening would last as long as either.
///
/// # Errors
/// Where there is no `/proc`, and what else the system says.
pub(crate) fn open_again(file: &File) -> io::Result<File> {
    File::options().read(true).write(true).open(format!("/proc/self/fd/{}", file.as_raw_fd()))
}

/// A file of which this process is the writer, until this is dropped or the process ends, however it ends.
///
/// The lock belongs to the open file, and lasts as long as anybody refers to that. A child of `fork` does, twice: by its
/// copy of the descriptor, which is closed there before `fork` returns, and by its copies of mappings, so none is ever made
/// of the open file that is locked ([`open_again`]). [`AT_ONCE`] files at the same time are closed; a child keeps further ones,
/// and one that is opened at the very moment of the fork.
pub(crate) struct Held {
    file: Option<File>,
    /// Where it stands among those to be closed.
    place: Option<usize>,
    /// How many forks lay behind the process that holds it: a child has a copy of this, and holds nothing.
    born: u32,
}

/// How many files of one process are closed in its children.
pub(crate) const AT_ONCE: usize = 32;

/// Their numbers and one; 0 where there is none. Of the process, as forks are.
static OPEN: [AtomicU32; AT_ONCE] = [const { AtomicU32::new(0) }; AT_ONCE];

impl Held {
    /// `None` where somebody else holds it.
    ///
    /// # Errors
    /// Where somebody has it locked for reading, and what else the system says.
    pub(crate) fn try_hold(file: File) -> io::Result<Option<Self>> {
        let number = file.as_raw_fd() as u32 + 1;
        // Before it is locked, so that no child has the lock. Relaxed: read in a child, whose memory is that of the thread
        // that forked.
        let place = OPEN.iter().position(|place| place.compare_exchange(0, number, Relaxed, Relaxed).is_ok());
        let held = Self { file: Some(file), place, born: forks() };
        let lock = whole_file();
        // SAFETY: it reads what it is given.
        match check(unsafe { libc::fcntl(held.file().as_raw_fd(), libc::F_OFD_SETLK, &raw const lock) }) {
            Ok(()) => Ok(Some(held)),
            Err(error) if matches!(error.raw_os_error(), Some(libc::EAGAIN | libc::EACCES)) => {
                if is_locked_for_reading(held.file()) {
                    // No writer does that: whoever may read it can.
                    return Err(io::Error::other(
                        "somebody has it locked for reading: see who with `lslocks`, and end that",
                    ));
                }
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Lets others have it, though it stays open here. Nothing happens in a child.
    pub(crate) fn let_go(&self) {
        if self.born != forks() {
            return;
        }
        let mut lock = whole_file();
        lock.l_type = libc::F_UNLCK as _;
        // SAFETY: it reads what it is given. It can fail only where nothing is held.
        let _ = unsafe { libc::fcntl(self.file().as_raw_fd(), libc::F_OFD_SETLK, &raw const lock) };
    }

    pub(crate) fn file(&self) -> &File {
        // Always: it is made with one, and that is taken in `drop` alone, after which nobody has this.
        self.file.as_ref().expect("it is there until this is dropped")
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let is_child = self.born != forks();
        if !is_child {
            // As long as children close it: one that is born after that has its copy of what is not locked.
            self.let_go();
        }
        let (Some(file), place) = (self.file.take(), self.place) else { return };
        match place {
            // Closed in this child already: the number may be another file's by now, and so may its place.
            Some(_) if is_child => {
                let _ = file.into_raw_fd();
            }
            Some(place) => {
                OPEN[place].store(0, Relaxed);
                drop(file);
            }
            None => drop(file),
        }
    }
}

/// Closes what only the parent is to hold. Does what a signal handler may.
pub(super) fn close_in_child() {
    for place in &OPEN {
        let number = place.swap(0, Relaxed);
        if number > 0 {
            // SAFETY: opened by the parent, and its owner here, a copy of the parent's, will not close it again: it finds
            // its place empty.
            unsafe { libc::close(number as RawFd - 1) };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_held_by_one_until_it_lets_go() {
        let file = nameless("held").unwrap();
        let path = format!("/proc/self/fd/{}", file.as_raw_fd());
        let again = || File::options().read(true).write(true).open(&path).unwrap();
        let (second, reader) = (again(), File::open(&path).unwrap());
        assert!(!is_held(&reader).unwrap());
        let held = Held::try_hold(file).unwrap().expect("nobody else has it");
        assert!(is_held(&reader).unwrap());
        assert!(Held::try_hold(second).unwrap().is_none());
        let third = again();
        drop(held);
        assert!(!is_held(&reader).unwrap());
        assert!(Held::try_hold(third).unwrap().is_some());
    }

    #[test]
    fn whoever_locks_a_file_for_reading_is_not_taken_for_its_writer() {
        let file = nameless("read-locked").unwrap();
        let reader = open_again(&file).unwrap();
        let mut lock = whole_file();
        lock.l_type = libc::F_RDLCK as _;
        // SAFETY: it reads what it is given.
        check(unsafe { libc::fcntl(reader.as_raw_fd(), libc::F_OFD_SETLK, &raw const lock) }).unwrap();
        let error = Held::try_hold(open_again(&file).unwrap()).map(|_| ()).unwrap_err();
        assert!(error.to_string().contains("locked for reading"), "{error}");
        drop(reader);
        assert!(Held::try_hold(file).unwrap().is_some());
    }

    #[test]
    fn a_sealed_file_keeps_its_size_against_its_owner() {
        let file = nameless("sealed").unwrap();
        reserve(&file, 8_192).unwrap();
        assert!(!has_sealed_size(&file));
        seal_size(&file).unwrap();
        assert!(has_sealed_size(&file));
        assert!(file.set_len(4_096).is_err() && file.set_len(1 << 20).is_err());
        assert_eq!(file.metadata().unwrap().len(), 8_192);
    }
}
