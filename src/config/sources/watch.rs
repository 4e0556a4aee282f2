//! Files watched: a change of one is found, and when it has come to rest, the sources are read again.
//!
//! What the system tells is only that something happened in a folder. It is not taken at its word: after a pause the files are
//! read, and only if one of them holds other bytes than before are the sources taken again. So a file that is written in
//! pieces, replaced by renaming another one onto it, reached through links that are swapped, deleted and put back: all are one
//! case. What could not be taken is tried again when a file is another one, and not before; but at the next look, where it was only
//! that another update did not end in time.

use super::links::Ways;
use super::problem::{LoadError, Problem};
use super::report::Reloaded;
use super::sourced::{Inner, SourcedConfig};
use crate::config::Validate;
use crate::config::observe::Count;
use crate::contain::contain;
use crate::sync::{Arc, AtomicBool, Mutex, Relaxed, Signal, thread};
use crate::{Diagnostic, Retry, Severity, os};
use notify::event::{AccessKind, AccessMode};
use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};
use serde_core::Serialize;
use serde_core::de::DeserializeOwned;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};
use thiserror::Error;

/// How long nothing may happen before files are read, if nobody says otherwise.
const DEBOUNCE: Duration = Duration::from_millis(200);
/// So many times as long a folder in which something always happens is waited for.
const PATIENCE: u32 = 10;
/// Files are looked at this often whatever the system tells: there are file systems of which it tells nothing.
const RECHECK: Duration = Duration::from_secs(30);
/// And not more rarely than once a year, so that the next time is one that a clock can tell.
const RAREST: Duration = Duration::from_secs(365 * 24 * 60 * 60);
/// How often it is looked whether to stop, and whether a signal came, where neither wakes the thread.
const LOOK: Duration = Duration::from_millis(100);
/// How often the way to files may change while it is being watched.
const MOST_TURNS: usize = 4;

const THREAD: &str = "fd-config";

/// Why files are not watched.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum WatchError {
    /// The system watches no files.
    #[error(
        "files cannot be watched ({reason}): call `reload` instead, or raise the system's limit on watches"
    )]
    Unavailable {
        /// What it says.
        reason: String,
    },
    /// A folder cannot be watched.
    #[error(
        "folder `{}` cannot be watched ({reason}): let this process read it, or raise the system's limit on watches",
        super::origin::shown(folder)
    )]
    Folder {
        /// Which.
        folder: PathBuf,
        /// What the system says.
        reason: String,
    },
    /// The system gave no thread.
    #[error("the thread `{THREAD}` could not be started: {source}; raise the limit on threads")]
    NoThread {
        /// What the system said.
        source: std::io::Error,
    },
    /// The system takes no handler of signals.
    #[error("signal SIGHUP cannot be handled ({reason}): call `reload` instead")]
    Signal {
        /// What it says.
        reason: String,
    },
}

impl Diagnostic for WatchError {
    fn code(&self) -> &'static str {
        match self {
            Self::Unavailable { .. } => "config.watch.unavailable",
            Self::Folder { .. } => "config.watch.folder",
            Self::NoThread { .. } => "config.watch.no_thread",
            Self::Signal { .. } => "config.watch.signal",
        }
    }

    fn severity(&self) -> Severity {
        Severity::Error
    }

    fn retry(&self) -> Retry {
        Retry::Later
    }
}

/// What a watcher has seen and done. Each count is exact at some moment of the call, not all at the same.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct WatchStats {
    /// What the system told of that may concern the files.
    pub events: u64,
    /// How often the files were looked at.
    pub looks: u64,
    /// How often they held what they had held before.
    pub unchanged: u64,
    /// How often they were taken.
    pub taken: u64,
    /// How often they were refused.
    pub refused: u64,
    /// How often a folder could not be watched: what happens there is found when the files are looked at anyway, every 30 s.
    pub unwatched: u64,
    /// The folders that are watched.
    pub folders: Vec<PathBuf>,
}

/// What the thread that hears of events and the one that acts on them share.
struct Shared {
    noticed: Mutex<Option<Noticed>>,
    names: Mutex<BTreeSet<OsString>>,
    folders: Mutex<Vec<PathBuf>>,
    stop: AtomicBool,
    signal: Signal,
    events: Count,
    looks: Count,
    unchanged: Count,
    taken: Count,
    refused: Count,
    unwatched: Count,
}

/// When something happened that was not looked at yet.
#[derive(Clone, Copy)]
struct Noticed {
    first: Instant,
    last: Instant,
}

impl Shared {
    fn new() -> Self {
        let zero = Count::zero;
        Self {
            noticed: Mutex::new(None),
            names: Mutex::default(),
            folders: Mutex::default(),
            stop: AtomicBool::new(false),
            signal: Signal::new(),
            events: zero(),
            looks: zero(),
            unchanged: zero(),
            taken: zero(),
            refused: zero(),
            unwatched: zero(),
        }
    }

    /// Of the system's thread.
    fn hear(&self, event: &notify::Result<Event>) {
        let concerns = match event {
            Ok(event) => event.need_rescan() || (is_change(event.kind) && self.is_on_the_way(event)),
            // Something was missed.
            Err(_) => true,
        };
        if concerns {
            self.events.add(1);
            let now = Instant::now();
            self.noticed.lock().get_or_insert(Noticed { first: now, last: now }).last = now;
            self.signal.notify();
        }
    }

    /// By the name of the entry: the folder's own path may be told in another way than it was asked for.
    fn is_on_the_way(&self, event: &Event) -> bool {
        let names = self.names.lock();
        event.paths.iter().any(|path| path.file_name().is_none_or(|name| names.contains(name)))
    }

    fn stats(&self) -> WatchStats {
        WatchStats {
            events: self.events.get(),
            looks: self.looks.get(),
            unchanged: self.unchanged.get(),
            taken: self.taken.get(),
            refused: self.refused.get(),
            unwatched: self.unwatched.get(),
            folders: self.folders.lock().clone(),
        }
    }

    fn should_stop(&self) -> bool {
        // Relaxed: the flag stands for itself.
        self.stop.load(Relaxed)
    }
}

/// Not what only reads, as this very watcher does: it would hear of itself for ever.
fn is_change(kind: EventKind) -> bool {
    !matches!(kind, EventKind::Access(access) if access != AccessKind::Close(AccessMode::Write))
}

/// Watches the files of a [`SourcedConfig`]: by [`tick`](Watcher::tick) from a loop of the host, or by [`run`](Watcher::run) as the body
/// of a thread or of a supervised worker. [`SourcedConfig::watch`] has a thread of its own.
///
/// ```no_run
/// # use flightdeck::config::{SourcedConfig, WatchError};
/// use flightdeck::supervisor::{ChildSpec, Restart, Supervisor, WorkerContext};
///
/// # fn watched(app: SourcedConfig<()>) -> Result<(), Box<dyn std::error::Error>> {
/// let watcher = app.watcher()?;
/// let body = move |context: &WorkerContext| watcher.run(|| context.should_stop());
/// let supervisor = Supervisor::builder().worker(ChildSpec::new("config", Restart::Permanent, body)).start()?;
/// # Ok(())
/// # }
/// ```
pub struct Watcher<T> {
    inner: Arc<Inner<T>>,
    shared: Arc<Shared>,
    system: Mutex<System>,
    debounce: Duration,
    recheck: Duration,
    /// When files are looked at whatever happens.
    next: Mutex<Instant>,
    #[cfg(all(feature = "signals", unix))]
    hangup: Option<super::hangup::Hangup>,
}

struct System {
    watcher: RecommendedWatcher,
    watched: BTreeMap<PathBuf, Option<FolderId>>,
}

/// A folder that was replaced has another one.
#[derive(Clone, Copy, PartialEq, Eq)]
struct FolderId(u64, u64, Option<SystemTime>);

impl FolderId {
    #[cfg(unix)]
    fn of(folder: &Path) -> Option<Self> {
        use std::os::unix::fs::MetadataExt;
        // When it was made, too: the number of one that is gone is soon that of another.
        folder.metadata().ok().map(|found| Self(found.dev(), found.ino(), found.created().ok()))
    }

    #[cfg(not(unix))]
    fn of(folder: &Path) -> Option<Self> {
        Some(Self(0, 0, Some(folder.metadata().ok()?.created().ok()?)))
    }
}

/// What a look at the files came to.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Looked {
    /// It is not time to look.
    NotYet,
    /// They hold what they held before.
    Unchanged,
    /// What they say was taken.
    Taken(Reloaded),
    /// What they say was refused, and what was in force stays.
    Refused(LoadError),
}

impl<T> SourcedConfig<T>
where
    T: Serialize + DeserializeOwned + Validate + Send + Sync + 'static,
{
    /// Watches the files from now on, from a thread of its own, `fd-config`, until what it returns is dropped. A file that has changed is
    /// read when nothing has happened for 200 ms, or 2 s after the first of many changes; see [`Watcher`] for other times,
    /// and for a thread that is supervised.
    ///
    /// # Errors
    /// If the system watches no files, or not these, or gives no thread.
    pub fn watch(&self) -> Result<Watching, WatchError> {
        self.watcher()?.spawn()
    }

    /// What watches the files, to be run by the host.
    ///
    /// # Errors
    /// If the system watches no files, or not these.
    pub fn watcher(&self) -> Result<Watcher<T>, WatchError> {
        let shared = Arc::new(Shared::new());
        let hears = shared.clone();
        let hear = move |event: notify::Result<Event>| hears.hear(&event);
        // It has a thread that inherits which signals it takes.
        let watcher = os::without_signals(|| RecommendedWatcher::new(hear, notify::Config::default()));
        let watcher = watcher.map_err(|error| WatchError::Unavailable { reason: reason(&error) })?;
        let ages = self.inner.plan.files.iter().filter_map(|file| file.given.max_age);
        let recheck = ages.map(|age| age / 2).chain([RECHECK]).min().unwrap_or(RECHECK).max(LOOK);
        let watcher = Watcher {
            inner: self.inner.clone(),
            shared,
            system: Mutex::new(System { watcher, watched: BTreeMap::new() }),
            debounce: DEBOUNCE,
            recheck,
            // What changed since it was read is found at once.
            next: Mutex::new(Instant::now()),
            #[cfg(all(feature = "signals", unix))]
            hangup: None,
        };
        match watcher.follow_ways().into_iter().next() {
            None => Ok(watcher),
            Some(error) => Err(error),
        }
    }
}

/// What the system says, without the paths, which are said apart.
fn reason(error: &notify::Error) -> String {
    let text = match &error.kind {
        notify::ErrorKind::Io(error) => error.to_string(),
        notify::ErrorKind::Generic(text) => text.clone(),
        notify::ErrorKind::PathNotFound => "there is none".to_owned(),
        notify::ErrorKind::MaxFilesWatch => "too many watches".to_owned(),
        kind => format!("{kind:?}"),
    };
    super::one_line(&text)
}

impl<T> Watcher<T>
where
    T: Serialize + DeserializeOwned + Validate + Send + Sync + 'static,
{
    /// How long nothing may happen before files are read: 200 ms by default. Where something always happens, ten times as long is
    /// waited.
    #[must_use]
    pub fn debounce(mut self, time: Duration) -> Self {
        self.debounce = time;
        self
    }

    /// How often files are looked at whatever the system tells: every 30 s by default, and twice in the shortest
    /// [`max_age`](super::SourceFile::max_age). There are file systems of which the system tells nothing.
    #[must_use]
    pub fn look_every(mut self, time: Duration) -> Self {
        self.recheck = time.clamp(LOOK, RAREST);
        self
    }

    /// Reloads on `SIGHUP`, too, also where no file has changed. The process does not end by that signal any more.
    ///
    /// # Errors
    /// If the system does not let it be handled.
    #[cfg(all(feature = "signals", unix))]
    pub fn reload_on_hangup(mut self) -> Result<Self, WatchError> {
        self.hangup = Some(super::hangup::Hangup::register()?);
        Ok(self)
    }

    /// Looks at the files, if it is time to: something happened, and nothing more for a while. Reads files then, and publishes; not
    /// for hot paths. A panic in code of the config is told as a [`Problem::Panicked`].
    pub fn tick(&self) -> Looked {
        self.inner.tell_stale();
        if self.hung_up() {
            return self.look(|| self.inner.reload_all().map(Some));
        }
        if self.due().is_some_and(|due| due > Instant::now()) {
            return Looked::NotYet;
        }
        self.look(|| self.inner.reload_if_changed())
    }

    fn look(&self, reload: impl FnOnce() -> Result<Option<Reloaded>, LoadError>) -> Looked {
        // Before files are read: what happens from now on is another reason to look.
        *self.shared.noticed.lock() = None;
        if let Some(next) = Instant::now().checked_add(self.recheck) {
            *self.next.lock() = next;
        }
        self.follow_ways();
        self.shared.looks.add(1);
        let mut answer = Ok(None);
        if let Err(message) = contain(|| answer = reload()) {
            let error = Problem::Panicked { message: super::one_line(&message) }.into();
            self.inner.fail(&error);
            answer = Err(error);
        }
        let (count, looked) = match answer {
            Ok(None) => (&self.shared.unchanged, Looked::Unchanged),
            Ok(Some(reloaded)) => (&self.shared.taken, Looked::Taken(reloaded)),
            Err(error) => (&self.shared.refused, Looked::Refused(error)),
        };
        count.add(1);
        self.inner.tell_stale();
        looked
    }

    /// When to look next; none: after ever so long.
    fn due(&self) -> Option<Instant> {
        let after = |at: Instant, time| at.checked_add(time);
        let noticed = *self.shared.noticed.lock();
        let at_rest = noticed.and_then(|noticed| {
            let patience = after(noticed.first, self.debounce.saturating_mul(PATIENCE));
            after(noticed.last, self.debounce)
                .map(|rest| patience.map_or(rest, |patience| rest.min(patience)))
        });
        let next = *self.next.lock();
        Some(at_rest.map_or(next, |rest| rest.min(next)))
    }

    /// Looks at the files whenever it is time to, until `should_stop` says so, which is asked ten times a second.
    pub fn run(&self, should_stop: impl Fn() -> bool) {
        while !should_stop() {
            self.tick();
            let look = Instant::now() + LOOK;
            self.wait(self.due().map_or(look, |due| due.min(look)), &should_stop);
        }
    }

    /// Until a time, or something happens that makes the next look come earlier.
    fn wait(&self, until: Instant, should_stop: &impl Fn() -> bool) {
        let is_earlier = || should_stop() || self.due().is_some_and(|due| due < until);
        let _ = self.shared.signal.wait(Some(until), is_earlier);
    }

    fn spawn(self) -> Result<Watching, WatchError> {
        let shared = self.shared.clone();
        let body = move || {
            while !self.shared.should_stop() {
                self.tick();
                let far = Instant::now() + if self.hears_signals() { LOOK } else { self.recheck };
                self.wait(self.due().map_or(far, |due| due.min(far)), &|| self.shared.should_stop());
            }
        };
        let thread = thread::Builder::new().name(THREAD.to_owned());
        let spawned = os::without_signals(|| thread.spawn(body));
        let thread = spawned.map_err(|source| WatchError::NoThread { source })?;
        Ok(Watching { shared, thread: Some(thread) })
    }

    #[cfg(all(feature = "signals", unix))]
    fn hears_signals(&self) -> bool {
        self.hangup.is_some()
    }

    #[cfg(not(all(feature = "signals", unix)))]
    fn hears_signals(&self) -> bool {
        false
    }

    #[cfg(all(feature = "signals", unix))]
    fn hung_up(&self) -> bool {
        self.hangup.as_ref().is_some_and(super::hangup::Hangup::take)
    }

    #[cfg(not(all(feature = "signals", unix)))]
    fn hung_up(&self) -> bool {
        false
    }

    /// The config whose files it watches.
    #[must_use]
    pub fn sources(&self) -> SourcedConfig<T> {
        SourcedConfig { inner: self.inner.clone() }
    }

    /// What it has seen and done.
    #[must_use]
    pub fn stats(&self) -> WatchStats {
        self.shared.stats()
    }

    /// Watches the folders on the way to the files as it is now; what could not be watched.
    fn follow_ways(&self) -> Vec<WatchError> {
        let mut system = self.system.lock();
        let mut failed = Vec::new();
        for _ in 0..MOST_TURNS {
            let mut ways = Ways::default();
            self.inner
                .plan
                .files
                .iter()
                .filter(|file| file.given.text.is_none())
                .for_each(|file| ways.add(&file.path));
            self.shared.names.lock().clone_from(&ways.names);
            let is_done = system.follow(&ways, &mut failed);
            *self.shared.folders.lock() = system.watched.keys().cloned().collect();
            // What changed on the way while it was not watched yet is found by another look at it.
            if is_done {
                break;
            }
        }
        self.shared.unwatched.add(failed.len() as u64);
        failed
    }
}

impl System {
    /// Whether it was watching just these folders already, or cannot watch one of them.
    fn follow(&mut self, ways: &Ways, failed: &mut Vec<WatchError>) -> bool {
        let is_gone = |folder: &PathBuf, id: &Option<FolderId>| {
            !ways.folders.contains(folder) || id.is_none() || *id != FolderId::of(folder)
        };
        let gone =
            self.watched.iter().filter(|(folder, id)| is_gone(folder, id)).map(|(folder, _)| folder.clone());
        for folder in gone.collect::<Vec<_>>() {
            self.watched.remove(&folder);
            // Where the folder itself is gone, so is the watch.
            let _ = self.watcher.unwatch(&folder);
        }
        let mut is_done = true;
        for folder in &ways.folders {
            if self.watched.contains_key(folder) {
                continue;
            }
            let id = FolderId::of(folder);
            match self.watcher.watch(folder, RecursiveMode::NonRecursive) {
                Ok(()) => {
                    is_done = false;
                    self.watched.insert(folder.clone(), id);
                }
                // Gone meanwhile: the way is another one now.
                Err(_) if FolderId::of(folder).is_none() => is_done = false,
                Err(error) => {
                    failed.push(WatchError::Folder { folder: folder.clone(), reason: reason(&error) })
                }
            }
        }
        is_done || !failed.is_empty()
    }
}

impl<T> fmt::Debug for Watcher<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watcher").field("stats", &self.shared.stats()).finish_non_exhaustive()
    }
}

/// Files are watched until this is dropped, which waits for a look that is under way; not if it is dropped by one.
#[must_use = "files are watched until it is dropped"]
pub struct Watching {
    shared: Arc<Shared>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Watching {
    /// What it has seen and done.
    #[must_use]
    pub fn stats(&self) -> WatchStats {
        self.shared.stats()
    }

    /// Watches as long as the process lives.
    pub fn forever(mut self) {
        drop(self.thread.take());
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        let Some(thread) = self.thread.take() else { return };
        self.shared.stop.store(true, Relaxed);
        self.shared.signal.notify();
        if thread.thread().id() != thread::current().id() {
            // It contains every panic of others.
            let _ = thread.join();
        }
    }
}

impl fmt::Debug for Watching {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watching").field("stats", &self.shared.stats()).finish_non_exhaustive()
    }
}
