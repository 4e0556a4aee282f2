//! A child that is stepped through, instruction by instruction, with `ptrace`; and what it stores in its file meanwhile.

use std::fs::File;
use std::io::Read;
use std::os::fd::AsRawFd;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// Lets the parent step through this thread.
pub fn traced() -> libc::pid_t {
    // SAFETY: both take numbers and change nothing in this process.
    unsafe {
        let refused = libc::ptrace(libc::PTRACE_TRACEME, 0, 0, 0) != 0;
        if refused { 0 } else { libc::gettid() }
    }
}

/// A signal that is never delivered: whoever traces this thread takes it.
pub fn stop(signal: libc::c_int) {
    // SAFETY: a signal to this thread.
    unsafe { libc::syscall(libc::SYS_tgkill, libc::getpid(), libc::gettid(), signal) };
}

/// A child that goes on as it is told to.
pub struct Stepped {
    child: Child,
    pipe: std::io::PipeReader,
    thread: libc::pid_t,
}

/// Why a thread stands still.
#[derive(Debug, PartialEq)]
pub enum Stop {
    /// It made a step.
    Step,
    /// It is about to do the next thing, in steps or not.
    Next { steps: bool },
    /// It did all.
    Done,
}

impl Stepped {
    /// Runs the test of this executable that is named, which is told of the file by this variable.
    pub fn start(test: &str, variable: &str, path: &Path) -> Self {
        let (pipe, writer) = std::io::pipe().unwrap();
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", test, "--ignored", "--nocapture"]);
        command.env(variable, path).stdin(Stdio::from(writer)).stdout(Stdio::null());
        let child = command.spawn().unwrap();
        Self { child, pipe, thread: 0 }
    }

    /// The next thread of the child stands still; `false` where it may not be stepped through.
    pub fn next_thread(&mut self) -> bool {
        let mut number = [0; 4];
        self.pipe.read_exact(&mut number).expect("the child says which thread");
        self.thread = libc::pid_t::from_ne_bytes(number);
        self.thread != 0
    }

    pub fn wait(&self) -> Stop {
        let mut status = 0;
        // SAFETY: a thread that this one traces, and a status of our own.
        let waited = unsafe { libc::waitpid(self.thread, &raw mut status, libc::__WALL) };
        assert_eq!(waited, self.thread, "{}", std::io::Error::last_os_error());
        assert!(libc::WIFSTOPPED(status), "the child ended by itself: {status:#x}");
        match libc::WSTOPSIG(status) {
            libc::SIGTRAP => Stop::Step,
            libc::SIGUSR1 => Stop::Next { steps: true },
            libc::SIGUSR2 => Stop::Next { steps: false },
            libc::SIGURG => Stop::Done,
            other => panic!("the child was stopped by signal {other}"),
        }
    }

    fn go(&self, request: libc::c_uint) {
        // SAFETY: a thread that this one traces, which stands still; no signal is delivered to it.
        let gone = unsafe { libc::ptrace(request, self.thread, 0, 0) };
        assert_eq!(gone, 0, "{}", std::io::Error::last_os_error());
    }

    pub fn step(&self) -> Stop {
        self.go(libc::PTRACE_SINGLESTEP);
        self.wait()
    }

    /// Up to where the next system call begins, or ends.
    #[allow(dead_code, reason = "each test file uses what it needs")]
    pub fn call(&self) -> Stop {
        self.go(libc::PTRACE_SYSCALL);
        self.wait()
    }

    pub fn run(&self) -> Stop {
        self.go(libc::PTRACE_CONT);
        self.wait()
    }

    /// Nobody steps through this thread any more.
    pub fn detach(&self) {
        self.go(libc::PTRACE_DETACH);
    }

    pub fn ends_well(mut self) {
        assert!(self.child.wait().unwrap().success());
    }

    pub fn kill(mut self) {
        self.child.kill().unwrap();
        let mut status = 0;
        // SAFETY: as above; it is gone once its parent has heard of it.
        unsafe { libc::waitpid(self.thread, &raw mut status, libc::__WALL) };
        let status = self.child.wait().unwrap();
        assert_eq!(std::os::unix::process::ExitStatusExt::signal(&status), Some(libc::SIGKILL));
    }
}

impl Drop for Stepped {
    /// After a failure.
    fn drop(&mut self) {
        let _ = self.child.kill();
    }
}

/// The whole file, mapped, and what was in it when it was last looked at.
pub struct Content {
    mapped: *const u8,
    seen: Vec<u8>,
}

impl Content {
    pub fn of(file: &File) -> Self {
        let bytes = file.metadata().unwrap().len() as usize;
        let (access, shared) = (libc::PROT_READ, libc::MAP_SHARED);
        // SAFETY: a new mapping where the system likes.
        let mapped = unsafe { libc::mmap(std::ptr::null_mut(), bytes, access, shared, file.as_raw_fd(), 0) };
        assert_ne!(mapped, libc::MAP_FAILED, "{}", std::io::Error::last_os_error());
        Self { mapped: mapped.cast(), seen: vec![0; bytes] }
    }

    /// Whether anything was stored since. The only thread that stores stands still.
    pub fn has_changed(&mut self) -> bool {
        // SAFETY: so many bytes, mapped until this is dropped, which nobody changes meanwhile.
        let now = unsafe { std::slice::from_raw_parts(self.mapped, self.seen.len()) };
        let changed = now != self.seen;
        if changed {
            self.seen.copy_from_slice(now);
        }
        changed
    }
}

impl Drop for Content {
    fn drop(&mut self) {
        // SAFETY: mapped by `of`, and nobody refers to it.
        unsafe { libc::munmap(self.mapped.cast_mut().cast(), self.seen.len()) };
    }
}
