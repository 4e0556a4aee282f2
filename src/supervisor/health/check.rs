//! What a host has looked at: by a closure that is asked, or by verdicts that it tells.

use super::error::HealthCheckError;
use super::probe::{Probe, Probes};
use super::watched::{Told, Watched};
use crate::sync::{Arc, Mutex};
use std::fmt;
use std::time::{Duration, Instant};

/// What a check asks: `Ok`, or why not.
pub(super) type Ask = dyn FnMut() -> Result<(), String> + Send;

const SHORTEST: Duration = Duration::from_millis(1);
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// Something of the host's that has a say in its health: a name, what it counts for, and how it is found out.
///
/// The defaults are those of Kubernetes: every 10 s, within 1 s, 3 failures in a row make it fail and 1 success makes
/// it pass. It counts for readiness unless [told otherwise](Check::counts_for).
///
/// A check that is asked runs on the supervisor's thread, one at a time, the first time at once. Nobody can interrupt
/// it: one that takes longer than its [`timeout`](Check::timeout) counts as failed when it returns, and one that does
/// not return holds up restarts, which shows as a concern of its own. One that panics has failed. For what takes long,
/// use [`Check::told`].
///
/// A verdict does not last: one that is told stands for the check's period, one that is asked for two periods and the
/// time-out. After that the check is [unknown](super::CheckState::Unknown), which is never well. Successes have to come in
/// a row anew then; failures count on, so one that fails each time, and too slowly to be known in between, fails.
///
/// ```
/// use flightdeck::Flightdeck;
/// use flightdeck::supervisor::{Check, Probe};
/// use std::time::Duration;
///
/// let (feed, verdicts) = Check::told("feed");
/// let deck = Flightdeck::builder()
///     .check(Check::new("disk", || if std::env::temp_dir().exists() { Ok(()) } else { Err("no folder") }))
///     .check(feed.counts_for([Probe::Live, Probe::Ready]).failure_threshold(1).period(Duration::from_secs(60)))
///     .start()?;
/// assert!(!deck.is_ready(), "nothing is known of the feed yet");
/// verdicts.pass();
/// deck.wait_until_ready(Duration::from_secs(20))?;
/// verdicts.fail("no tick for 3 s");
/// assert!(!deck.is_ready() && !deck.is_live());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "a check does nothing until a deck has it"]
pub struct Check {
    pub(super) name: Arc<str>,
    pub(super) probes: Probes,
    pub(super) failures: u32,
    pub(super) successes: u32,
    pub(super) period: Duration,
    pub(super) timeout: Duration,
    pub(super) way: Way,
}

/// How a check is found out.
pub(super) enum Way {
    Asked(Box<Ask>),
    Told(Arc<Mutex<Inbox>>),
}

/// Where verdicts go that are told.
#[derive(Default)]
pub(super) struct Inbox {
    /// Once somebody has the check.
    pub(super) open: Option<Open>,
    /// What was told before that, last.
    pub(super) early: Option<Result<(), String>>,
}

/// Whoever has the check.
pub(super) struct Open {
    pub(super) check: Arc<Watched>,
    pub(super) began: Instant,
    pub(super) heard: Arc<dyn Fn() + Send + Sync>,
}

impl Check {
    /// A check that is asked every so often.
    pub fn new<E: fmt::Display>(
        name: impl Into<Arc<str>>,
        mut ask: impl FnMut() -> Result<(), E> + Send + 'static,
    ) -> Self {
        Self::by(name, Way::Asked(Box::new(move || ask().map_err(|why| why.to_string()))))
    }

    /// A check that is told, and what it is told with. Silence is not health: tell it again within its
    /// [period](Check::period).
    pub fn told(name: impl Into<Arc<str>>) -> (Self, CheckFeed) {
        let inbox = Arc::new(Mutex::new(Inbox::default()));
        (Self::by(name, Way::Told(inbox.clone())), CheckFeed { inbox })
    }

    fn by(name: impl Into<Arc<str>>, way: Way) -> Self {
        Self {
            name: name.into(),
            probes: Probe::Ready.into(),
            failures: 3,
            successes: 1,
            period: Duration::from_secs(10),
            timeout: Duration::from_secs(1),
            way,
        }
    }

    /// Which probes fail with it; [`Probe::Ready`] by default.
    ///
    /// One that counts for [`Probe::Startup`] counts for the others once it has passed, and not for startup after that;
    /// if it fails before it ever passed, the start has failed, and so does liveness. One that counts for startup alone
    /// is not asked again.
    pub fn counts_for(mut self, probes: impl IntoIterator<Item = Probe>) -> Self {
        self.probes = probes.into_iter().collect();
        self
    }

    /// How many failures in a row make it fail; 3 by default.
    pub fn failure_threshold(mut self, failures: u32) -> Self {
        self.failures = failures;
        self
    }

    /// How many successes in a row make it pass; 1 by default.
    pub fn success_threshold(mut self, successes: u32) -> Self {
        self.successes = successes;
        self
    }

    /// How often it is asked, or how long a verdict stands that it is told; 10 s by default.
    pub fn period(mut self, period: Duration) -> Self {
        self.period = period;
        self
    }

    /// How long an answer may take; 1 s by default.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Whether it can be kept.
    pub(super) fn validate(&self) -> Result<(), HealthCheckError> {
        let name = || self.name.to_string();
        let thresholds = [("failure_threshold", self.failures), ("success_threshold", self.successes)];
        if let Some((which, _)) = thresholds.into_iter().find(|(_, verdicts)| *verdicts == 0) {
            return Err(HealthCheckError::NoThreshold { name: name(), which });
        }
        if !(SHORTEST..=LONGEST).contains(&self.period) {
            return Err(HealthCheckError::Period { name: name(), period: self.period });
        }
        Ok(())
    }
}

impl fmt::Debug for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Check")
            .field("name", &self.name)
            .field("probes", &self.probes)
            .field("period", &self.period)
            .finish_non_exhaustive()
    }
}

/// What a check is [told](Check::told) with. Cheap to clone; callable from any thread. Takes a lock for a moment, so
/// not for hot paths: tell what has changed, and else once a period.
#[derive(Clone)]
pub struct CheckFeed {
    inbox: Arc<Mutex<Inbox>>,
}

impl CheckFeed {
    /// All is well.
    pub fn pass(&self) {
        self.tell(Ok(()));
    }

    /// Something is not, and why.
    pub fn fail(&self, why: impl fmt::Display) {
        self.tell(Err(why.to_string()));
    }

    fn tell(&self, verdict: Result<(), String>) {
        let mut inbox = self.inbox.lock();
        let Some(open) = &inbox.open else {
            inbox.early = Some(verdict);
            return;
        };
        let Told { changed } = open.check.tell(open.began.elapsed(), verdict);
        let heard = changed.then(|| open.heard.clone());
        drop(inbox);
        if let Some(heard) = heard {
            heard();
        }
    }
}

impl fmt::Debug for CheckFeed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CheckFeed").finish_non_exhaustive()
    }
}
