//! The command-line tool as a user meets it: run, and judged by what it says.
#![allow(dead_code, reason = "each test file uses what it needs")]

#[path = "folder.rs"]
pub mod folder;

use serde_json::Value;
use std::fs;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// How a command ended, and what it said.
pub struct Ran {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

impl Ran {
    pub fn json(&self) -> Value {
        assert_eq!(self.out.lines().count(), 1, "one object, on one line: {}", self.out);
        serde_json::from_str(&self.out).unwrap()
    }

    /// Ended with `code`, nothing on standard output, one line on standard error with all of `words`.
    #[track_caller]
    pub fn refused(&self, code: i32, words: &[&str]) {
        assert_eq!(self.code, Some(code), "{}", self.err);
        assert_eq!(self.out, "");
        assert_eq!(self.err.lines().count(), 1, "{}", self.err);
        for word in words {
            assert!(self.err.contains(word), "`{word}` is not in: {}", self.err);
        }
    }
}

/// The tool, not yet started.
pub fn command(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_flightdeck"));
    command.args(args).stdin(Stdio::null());
    command
}

/// Runs the tool to its end.
pub fn run(args: &[&str]) -> Ran {
    let output = command(args).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Ran { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
}

/// The tool, started, with a pipe at each end.
pub fn start_with_pipes(args: &[&str]) -> Child {
    command(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// The most memory that a process ever had, in KiB.
#[cfg(target_os = "linux")]
pub fn peak_kib(process: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// The end of a process that ends by itself within seconds; a test that would hang fails instead.
#[track_caller]
pub fn end(mut child: Child) -> Output {
    let start = Instant::now();
    while child.try_wait().unwrap().is_none() {
        if start.elapsed() > Duration::from_secs(20) {
            child.kill().unwrap();
            panic!("still running");
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    child.wait_with_output().unwrap()
}

/// Sends a signal, once the process catches it.
#[cfg(target_os = "linux")]
#[track_caller]
pub fn signal(child: &Child, number: i32) {
    let start = Instant::now();
    loop {
        assert!(start.elapsed() < Duration::from_secs(20), "signal {number} is not caught");
        let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with("SigCgt:")).unwrap();
        let caught = u64::from_str_radix(line.split_whitespace().nth(1).unwrap(), 16).unwrap();
        // Bit 0 is signal 1.
        if caught & (1 << (number - 1)) != 0 {
            break;
        }
        std::thread::yield_now();
    }
    // SAFETY: a signal to a child that has not been waited for, so its number is still its own.
    assert_eq!(unsafe { libc::kill(child.id() as i32, number) }, 0);
}
