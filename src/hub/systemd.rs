//! What systemd is told of a deck: the protocol of `sd_notify(3)`, a datagram of lines to the socket that the
//! environment names.

use super::Builder;
use super::health::Monitor;
use crate::error::{Diagnostic, Retry, Severity};
use crate::sync::{Arc, Mutex};
use crate::telemetry::{Counter, Telemetry};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;
use std::{env, io, process};
use thiserror::Error;

/// Of the text that systemd shows; it takes no more than a datagram's worth.
const LONGEST_STATUS: usize = 1_024;
/// How soon it is told again what it has not heard, at the latest. Changes are told at once.
const AGAIN: Duration = Duration::from_secs(5);
/// How long it may take to hear: the supervisor's thread waits meanwhile.
const PATIENCE: Duration = Duration::from_millis(100);

/// Why systemd cannot be told.
#[derive(Debug, Error)]
#[error(
    "systemd's socket `{address}` in `NOTIFY_SOCKET` cannot be used: {source}; leave the variable to systemd, or unset it"
)]
pub struct SystemdError {
    /// What the environment says.
    pub address: String,
    /// Why not.
    pub source: io::Error,
}

impl Diagnostic for SystemdError {
    fn code(&self) -> &'static str {
        "hub.systemd.socket"
    }

    fn severity(&self) -> Severity {
        Severity::Error
    }

    fn retry(&self) -> Retry {
        Retry::Never
    }
}

impl<C> Builder<C> {
    /// Tells systemd how the deck is, for units of `Type=notify`: `READY=1` once it is ready for the first time,
    /// `STATUS=` with each change of its health, `STOPPING=1` when it is shut down or its last handle drops, and
    /// `WATCHDOG=1` twice per `WatchdogSec=`, from the supervisor's thread and only while the deck is
    /// [live](crate::Flightdeck::is_live): one that hangs, its supervisor included, is no longer petted, and systemd
    /// restarts the service.
    ///
    /// Does nothing where the environment names no socket, as outside of systemd. What cannot be sent is counted in
    /// `flightdeck_systemd_failures_total`; nothing waits for systemd. One deck of a process should do this.
    ///
    /// ```
    /// use flightdeck::Flightdeck;
    ///
    /// let deck = Flightdeck::builder().systemd().start()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn systemd(mut self) -> Self {
        self.systemd = true;
        self
    }
}

/// Tells systemd.
#[derive(Debug)]
pub(super) struct Notifier {
    socket: UnixDatagram,
    to: SocketAddr,
    watchdog: Option<Duration>,
    said: Mutex<Said>,
    failures: Counter,
}

/// What it has been told.
#[derive(Debug, Default)]
struct Said {
    is_ready: bool,
    is_stopping: bool,
    status: String,
}

impl Notifier {
    /// As the environment says, if it does.
    pub(super) fn from_environment(telemetry: &Telemetry) -> Result<Option<Self>, SystemdError> {
        let Some(address) = env::var_os("NOTIFY_SOCKET").filter(|address| !address.is_empty()) else {
            return Ok(None);
        };
        let refused = |source| SystemdError { address: address.to_string_lossy().into_owned(), source };
        let to = match address.as_bytes() {
            [b'@', name @ ..] => SocketAddr::from_abstract_name(name),
            [b'/', ..] => SocketAddr::from_pathname(&address),
            _ => Err(io::Error::new(io::ErrorKind::Unsupported, "neither a path nor an abstract name")),
        };
        let to = to.map_err(refused)?;
        let socket = UnixDatagram::unbound().map_err(refused)?;
        // Who does not read for so long holds nobody up for longer.
        socket.set_write_timeout(Some(PATIENCE)).map_err(refused)?;
        let failures = telemetry.counter("flightdeck_systemd_failures_total");
        Ok(Some(Self { socket, to, watchdog: watchdog(), said: Mutex::default(), failures }))
    }

    /// How often it is to be told, whatever happens: the watchdog hears twice in its time.
    pub(super) fn every(&self) -> Duration {
        self.watchdog.map_or(AGAIN, |time| AGAIN.min(time / 2))
    }

    /// On the supervisor's thread: when the watchdog wants to hear, and when something changed.
    pub(super) fn tell(&self, monitor: &Monitor) {
        let health = monitor.health();
        let mut said = self.said.lock();
        if said.is_stopping {
            return;
        }
        let mut lines = String::new();
        let is_ready = said.is_ready || health.is_ready();
        if is_ready && !said.is_ready {
            lines.push_str("READY=1\n");
        }
        let status = in_one_line(&health.to_string());
        if said.status != status {
            lines.push_str(&format!("STATUS={status}\n"));
        }
        if self.watchdog.is_some() && health.is_live() {
            lines.push_str("WATCHDOG=1\n");
        }
        // Under the lock, so that nothing comes after the news of the stop; and what was not heard is said again.
        if self.send(&lines) {
            (said.is_ready, said.status) = (is_ready, status);
        }
    }

    pub(super) fn stopping(&self) {
        let mut said = self.said.lock();
        if !std::mem::replace(&mut said.is_stopping, true) {
            self.send("STOPPING=1\nSTATUS=shutting down\n");
        }
    }

    /// Whether it was heard.
    fn send(&self, lines: &str) -> bool {
        let is_heard = lines.is_empty() || self.socket.send_to_addr(lines.as_bytes(), &self.to).is_ok();
        self.failures.increment(u64::from(!is_heard));
        is_heard
    }
}

/// Lines are what the protocol is made of.
fn in_one_line(text: &str) -> String {
    let mut line = text.replace(['\n', '\r'], " ");
    let end = (0..=LONGEST_STATUS.min(line.len())).rev().find(|end| line.is_char_boundary(*end));
    line.truncate(end.unwrap_or(0));
    line
}

/// How long systemd waits for a word, if it waits for this process.
fn watchdog() -> Option<Duration> {
    let number = |name| env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let is_ours =
        env::var_os("WATCHDOG_PID").is_none() || number("WATCHDOG_PID") == Some(process::id().into());
    number("WATCHDOG_USEC").filter(|micros| *micros > 0 && is_ours).map(Duration::from_micros)
}

pub(super) type Systemd = Option<Arc<Notifier>>;
