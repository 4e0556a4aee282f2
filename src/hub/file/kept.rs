//! The file that a deck keeps.

use super::configs::Configs;
use super::dumps::Dumps;
use super::section::{CONFIGS, HEALTH, WORKERS};
use super::workers::Workers;
use super::{Recording, health};
use crate::config::Snapshot;
use crate::events::{self, Events, RecordingError};
use crate::hub::Flightdeck;
use crate::hub::health::{Health, Monitor, Poke};
use crate::mapped::{CreateError, MappedFile, Options, State};
use crate::region::board::Board;
use crate::sync::{Arc, Mutex};
use crate::telemetry::{self, Counter, Telemetry};
use std::{fmt, io};

crate::kind! {
    pub(super) FellBack("flightdeck.mapped.fell_back", class = Critical, severity = Warn) { why: str }
    pub(super) Recovered("flightdeck.mapped.recovered", class = Critical) { file: str, life: u64, ended: str }
    pub(super) NotRecovered("flightdeck.mapped.not_recovered", class = Critical, severity = Warn) { file: str, why: str }
    pub(super) SyncFailed("flightdeck.mapped.sync_failed", class = Critical, severity = Error) { why: str }
}

/// A file that is there, and in which nothing counts yet.
pub(in crate::hub) struct Making {
    file: Arc<MappedFile>,
    /// Nobody asked for a file.
    is_unseen: bool,
}

impl Making {
    /// Makes it, with room for all that is to lie in it; without options in memory, only to be copied there.
    pub(in crate::hub) fn begin(
        options: Option<&Options>,
        dumps: Option<&Dumps>,
        events: &mut events::Builder,
        telemetry: &mut telemetry::Builder,
        carries_over: bool,
    ) -> Result<Result<Self, CreateError>, events::BuildError> {
        let spec = events.section()?;
        let sections = [spec, telemetry.section(), CONFIGS.spec(), WORKERS.spec(), HEALTH.spec()];
        let made = match (options, dumps) {
            (Some(options), _) => MappedFile::create(options, &sections),
            (None, Some(dumps)) => MappedFile::in_memory(dumps.options(), &sections),
            (None, None) => MappedFile::in_memory(&Options::nameless(), &sections),
        };
        let file = match made {
            Ok(file) => Arc::new(file),
            Err(error) => return Ok(Err(error)),
        };
        if let Some(section) = file.section(spec.kind, spec.instance) {
            *events = std::mem::take(events).in_section(section);
        }
        let of_telemetry = telemetry.section();
        if let Some(section) = file.section(of_telemetry.kind, of_telemetry.instance) {
            *telemetry = std::mem::take(telemetry).in_section(section);
        }
        if carries_over
            && let Some(previous) = file.previous()
            // One without any has nothing to go on from; that one is damaged is written down once there is where.
            && let Ok(previous) = telemetry::Recording::open(previous)
        {
            *telemetry = std::mem::take(telemetry).carry_over(&previous);
        }
        Ok(Ok(Self { file, is_unseen: options.is_none() }))
    }

    /// All is laid out: from here on a reader believes it.
    pub(in crate::hub) fn run(self, events: &Events, telemetry: &Telemetry, dumps: Option<Dumps>) -> Kept {
        let Self { file, is_unseen } = self;
        let [configs, workers, health] = [CONFIGS, WORKERS, HEALTH].map(|part| part.board_of(&file));
        file.run();
        // It ends with the last that is recorded.
        events.close_with(file.clone());
        let kept = Kept {
            file,
            is_unseen,
            events: events.clone(),
            dumps_by_itself: dumps,
            dumping: Mutex::new(()),
            has_dumped_last: Mutex::new(false),
            dumps: telemetry.counter("flightdeck_dumps_total"),
            dump_errors: telemetry.counter("flightdeck_dump_errors_total"),
            sync_errors: telemetry.counter("flightdeck_mapped_sync_errors_total"),
            failing: Mutex::new(None),
            configs: configs.map(Configs::new),
            state: Mutex::new((workers.map(Workers::new), health)),
        };
        kept.write_down();
        kept
    }
}

/// The file of a deck that runs.
pub(in crate::hub) struct Kept {
    pub(super) file: Arc<MappedFile>,
    /// It lies in memory, and nobody asked for a file.
    is_unseen: bool,
    pub(super) events: Events,
    pub(super) dumps_by_itself: Option<Dumps>,
    /// One copy is written at a time.
    pub(super) dumping: Mutex<()>,
    /// Whether the one at shutdown was, or need not be.
    pub(super) has_dumped_last: Mutex<bool>,
    pub(super) dumps: Counter,
    pub(super) dump_errors: Counter,
    sync_errors: Counter,
    /// What the last sync failed with: written down once.
    failing: Mutex<Option<String>>,
    configs: Option<Configs>,
    /// Locked while they are posted: one thread at a time does.
    state: Mutex<(Option<Workers>, Option<Board>)>,
}

impl Kept {
    /// How this life began.
    fn write_down(&self) {
        if let Some(why) = self.file.instead_of() {
            self.events.record(FellBack { why: &why.to_string() });
        }
        let previous = match self.file.previous().map(|path| (path, Recording::open(path))) {
            None => return,
            Some((path, Err(error))) => {
                let (file, why) = (&*path.to_string_lossy(), &*error.to_string());
                return self.events.record(NotRecovered { file, why });
            }
            Some((_, Ok(previous))) => previous,
        };
        let file = previous.file();
        self.events.record(Recovered {
            file: &file.path().to_string_lossy(),
            life: file.header().life.number,
            ended: match file.state() {
                Some(State::Closed) => "closed",
                Some(State::Copied) => "copied",
                _ if file.header().life.is_of_another_boot() => "went_down",
                _ => "died",
            },
        });
    }

    /// A revision is in force.
    pub(in crate::hub) fn config<T: Send + Sync + 'static>(&self, name: &str, snapshot: &Snapshot<T>) {
        if let Some(configs) = self.configs.as_ref().filter(|_| self.file.is_ours()) {
            configs.add(name, snapshot);
        }
    }

    /// How all is now.
    pub(in crate::hub) fn post(&self, health: &Health, supervisor: &Poke) {
        if !self.file.is_ours() {
            return;
        }
        let beats = supervisor.view().map(|view| view.beats()).unwrap_or_default();
        let (workers, of_health) = &mut *self.state.lock();
        if let Some(workers) = workers {
            workers.post(&health.workers, &beats);
        }
        if let Some(board) = of_health {
            health::post(board, health);
        }
    }

    fn previous(&self) -> Option<Result<Recording, RecordingError>> {
        self.file.previous().map(Recording::open)
    }

    fn sync(&self) -> io::Result<()> {
        let synced = self.file.sync();
        let failed = synced.as_ref().err().map(io::Error::to_string);
        self.sync_errors.increment(u64::from(failed.is_some()));
        let mut failing = self.failing.lock();
        if let Some(why) = failed.as_ref().filter(|_| *failing != failed) {
            self.events.record(SyncFailed { why });
        }
        *failing = failed;
        synced
    }

    /// As often as the supervisor comes by. What fails is counted and written down.
    pub(in crate::hub) fn sync_now_and_then(&self) {
        let _ = self.sync();
    }
}

/// Posts once more how all is, when all has stopped.
pub(in crate::hub) struct LastPost {
    pub(in crate::hub) kept: Arc<Kept>,
    pub(in crate::hub) monitor: Arc<Monitor>,
    pub(in crate::hub) supervisor: Poke,
}

impl LastPost {
    pub(in crate::hub) fn post(&self) {
        self.kept.post(&self.monitor.health(), &self.supervisor);
    }
}

impl Drop for LastPost {
    fn drop(&mut self) {
        // A deck that was shut down has done so before its file was closed.
        if !self.kept.events.has_stopped() {
            self.post();
            self.kept.dump_at_shutdown();
        }
    }
}

impl fmt::Debug for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Kept").field("file", &self.file).finish_non_exhaustive()
    }
}

impl<C: Send + Sync + 'static> Flightdeck<C> {
    /// The file in which all of it is kept: where it is, and what became of that of the life before. `None` where nobody asked
    /// for [one](crate::Builder::mapped).
    #[must_use]
    pub fn file(&self) -> Option<&MappedFile> {
        self.inner.kept.as_ref().filter(|kept| !kept.is_unseen).map(|kept| &*kept.file)
    }

    /// What the life before left behind, where its file is [kept](crate::mapped::Options::recover): the same questions as of a
    /// file that is [opened](Recording::open). Opens it anew at each call.
    ///
    /// ```
    /// use flightdeck::Flightdeck;
    /// use flightdeck::mapped::Options;
    /// use std::time::Duration;
    /// flightdeck::kind! { OrderFilled("order.filled") { qty: u64 } }
    ///
    /// # let folder = std::env::temp_dir().join(format!("flightdeck-doc-previous-{}", std::process::id()));
    /// # std::fs::create_dir_all(&folder)?;
    /// # use std::os::unix::fs::PermissionsExt;
    /// # std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o700))?;
    /// let life = || Flightdeck::builder().mapped(Options::at(folder.join("host.deck")).recover(3)).start();
    /// let first = life()?;
    /// first.record(OrderFilled { qty: 5 });
    /// first.shutdown(Duration::from_secs(5));
    ///
    /// let second = life()?;
    /// let before = second.previous().expect("there was a life before")?;
    /// assert_eq!(before.events().query().kind_named("order.filled").run()?.len(), 1);
    /// # drop((first, second));
    /// # std::fs::remove_dir_all(folder)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn previous(&self) -> Option<Result<Recording, RecordingError>> {
        self.inner.kept.as_ref()?.previous()
    }

    /// Writes to the disk what has changed in its file: see [`MappedFile::sync`]. Nothing is done where there is none. Takes as
    /// long as the disk does; writers do not wait for it, but for what the disk makes them wait.
    ///
    /// # Errors
    /// What the system says. It is counted, too (`flightdeck_mapped_sync_errors_total`), and an event where it is news:
    /// `flightdeck.mapped.sync_failed`.
    pub fn sync(&self) -> io::Result<()> {
        self.inner.kept.as_ref().map_or(Ok(()), |kept| kept.sync())
    }
}
