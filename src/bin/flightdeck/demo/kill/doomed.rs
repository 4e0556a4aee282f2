//! The host's process, as its parent holds it.

use super::child::{READY, REFUSED};
use crate::demo::DemoError;
use std::io::{self, BufRead, BufReader};
use std::net::SocketAddr;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// A process that runs and will be killed, at the latest when this is dropped.
pub struct Doomed {
    pub address: SocketAddr,
    /// It ends by itself when the pipe does that is its standard input: also if this process is killed.
    child: Mutex<Child>,
}

impl Doomed {
    /// Starts it, and waits until it serves.
    pub fn start(file: &Path, length: Duration, chaos: bool) -> Result<Self, DemoError> {
        let failed = |source| DemoError::Host { what: "a process of its own", source };
        let mut command = Command::new(std::env::current_exe().map_err(failed)?);
        command.args(["demo", "--seconds", &length.as_secs().to_string(), "--as-host"]).arg(file);
        if chaos {
            command.arg("--chaos");
        }
        // In a group of its own, so that Ctrl-C is for this process to act upon.
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).process_group(0);
        let mut child = command.spawn().map_err(failed)?;
        let mut said = String::new();
        if let Some(out) = &mut child.stdout {
            BufReader::new(out).read_line(&mut said).map_err(failed)?;
        }
        let address = said.trim_end().strip_prefix(READY).and_then(|address| address.trim().parse().ok());
        let Some(address) = address else {
            let _ = child.kill();
            let _ = child.wait();
            let why = said.trim_end().strip_prefix(REFUSED).unwrap_or("it said nothing");
            return Err(DemoError::Deck(why.trim().to_owned()));
        };
        Ok(Self { address, child: Mutex::new(child) })
    }

    /// With SIGKILL; when it was gone.
    pub fn kill(&self) -> io::Result<Instant> {
        let mut child = self.child.lock().unwrap_or_else(PoisonError::into_inner);
        child.kill()?;
        let killed = Instant::now();
        child.wait()?;
        Ok(killed)
    }
}

impl Drop for Doomed {
    fn drop(&mut self) {
        let _ = self.kill();
    }
}
