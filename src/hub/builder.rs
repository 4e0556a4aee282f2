//! What a deck is made of, and starting it.

use super::configs::{ConfigNameError, Configs};
use super::failures::FailureLog;
#[cfg(all(feature = "mapped", target_os = "linux"))]
use super::file::{Dumps, LastPost, Making};
use super::guards::Guards;
use super::handlers;
use super::health::{Detached, Monitor, Poke, Sights, ask};
use super::journal::Journal;
use super::pipeline::Pipelines;
use super::report::Reports;
use super::settings::{self, Built, FromConfig, Recording, chore};
#[cfg(all(feature = "systemd", target_os = "linux"))]
use super::systemd::Notifier;
use super::tail::Tails;
use super::{Flightdeck, Inner, Settings};
use super::{PanicHookError, panic_hook};
use crate::clock::TickError;
use crate::config::{Config, Rejected, Validate};
use crate::error::{Diagnostic, Retry, Severity};
use crate::events::{self, Directives, Events, Pipeline, Triggers};
use crate::id::DeckId;
#[cfg(all(feature = "mapped", target_os = "linux"))]
use crate::mapped;
use crate::supervisor::{
    self, Check, Checks, ChildSpec, HealthCheckError, Incident, IntoWorkerResult, Restart, Supervisor,
    WorkerContext,
};
use crate::sync::{Arc, AtomicU64, Mutex};
use crate::telemetry::{self, Telemetry};
use std::fmt;
use std::time::{Duration, Instant};
use thiserror::Error;

/// What a deck is made of.
#[derive(Debug)]
#[must_use = "a builder does nothing until `start`"]
pub struct Builder<C> {
    config: First<C>,
    configs: Configs,
    /// The first name that two of those have.
    twice: Option<ConfigNameError>,
    settings: Settings,
    events: events::Builder,
    telemetry: telemetry::Builder,
    supervisor: supervisor::Builder,
    directives: Option<FromConfig<C>>,
    coarse_ticks: Option<Duration>,
    panic_hook: bool,
    pipelines: Vec<OnEvents>,
    checks: Vec<Check>,
    #[cfg(all(feature = "systemd", target_os = "linux"))]
    pub(super) systemd: bool,
    #[cfg(feature = "process")]
    pub(super) asks: super::process::Wanted,
    #[cfg(all(feature = "mapped", target_os = "linux"))]
    mapped: Option<mapped::Options>,
    #[cfg(all(feature = "mapped", target_os = "linux"))]
    dumps: Option<Dumps>,
    #[cfg(all(feature = "mapped", target_os = "linux"))]
    sync: Option<Duration>,
    #[cfg(all(feature = "mapped", target_os = "linux"))]
    carries_over: bool,
}

/// What the config begins with.
enum First<C> {
    Value(C),
    Config(Config<C>),
}

impl<C: fmt::Debug> fmt::Debug for First<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Value(value) => value.fmt(f),
            Self::Config(_) => f.debug_struct("Config").finish_non_exhaustive(),
        }
    }
}

/// A pipeline on events that are yet to be built.
struct OnEvents(Box<dyn FnOnce(&Events) -> Pipeline + Send>);

impl fmt::Debug for OnEvents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OnEvents")
    }
}

/// Why a deck was not started. Nothing was left running.
#[derive(Error)]
#[non_exhaustive]
pub enum StartError<C> {
    /// The config speaks against itself; it is handed back.
    #[error(transparent)]
    Config(Rejected<C>),
    /// Two further configs have one name.
    #[error(transparent)]
    ConfigName(ConfigNameError),
    /// The settings speak against themselves; they are handed back.
    #[error(transparent)]
    Settings(Rejected<Settings>),
    /// There is no event store of these sizes.
    #[error(transparent)]
    Events(events::BuildError),
    /// There is no file for it.
    #[cfg(all(feature = "mapped", target_os = "linux"))]
    #[error(transparent)]
    Mapped(mapped::CreateError),
    /// There is no telemetry of these sizes.
    #[error(transparent)]
    Telemetry(telemetry::BuildError),
    /// The clock of the events is not refreshed.
    #[error(transparent)]
    Clock(TickError),
    /// It cannot hear of all panics.
    #[error(transparent)]
    PanicHook(PanicHookError),
    /// The system says nothing about this process.
    #[cfg(feature = "process")]
    #[error(transparent)]
    Process(telemetry::ProcessError),
    /// A metric of the deck's own has no room, or its name belongs to another.
    #[cfg(feature = "process")]
    #[error(transparent)]
    Metric(telemetry::RegisterError),
    /// Systemd cannot be told.
    #[cfg(all(feature = "systemd", target_os = "linux"))]
    #[error(transparent)]
    Systemd(super::SystemdError),
    /// A check is not taken.
    #[error(transparent)]
    Check(HealthCheckError),
    /// The supervisor did not start.
    #[error(transparent)]
    Supervisor(supervisor::StartError),
}

impl<C> fmt::Debug for StartError<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Config(error) => error.fmt(f),
            Self::ConfigName(error) => error.fmt(f),
            Self::Settings(error) => error.fmt(f),
            Self::Events(error) => error.fmt(f),
            #[cfg(all(feature = "mapped", target_os = "linux"))]
            Self::Mapped(error) => error.fmt(f),
            Self::Telemetry(error) => error.fmt(f),
            Self::Clock(error) => error.fmt(f),
            Self::PanicHook(error) => error.fmt(f),
            #[cfg(feature = "process")]
            Self::Process(error) => error.fmt(f),
            #[cfg(feature = "process")]
            Self::Metric(error) => error.fmt(f),
            #[cfg(all(feature = "systemd", target_os = "linux"))]
            Self::Systemd(error) => error.fmt(f),
            Self::Check(error) => error.fmt(f),
            Self::Supervisor(error) => error.fmt(f),
        }
    }
}

impl<C: Send + Sync + 'static> StartError<C> {
    fn cause(&self) -> &dyn Diagnostic {
        match self {
            Self::Config(error) => error,
            Self::ConfigName(error) => error,
            Self::Settings(error) => error,
            Self::Events(error) => error,
            #[cfg(all(feature = "mapped", target_os = "linux"))]
            Self::Mapped(error) => error,
            Self::Telemetry(error) => error,
            Self::Clock(error) => error,
            Self::PanicHook(error) => error,
            #[cfg(feature = "process")]
            Self::Process(error) => error,
            #[cfg(feature = "process")]
            Self::Metric(error) => error,
            #[cfg(all(feature = "systemd", target_os = "linux"))]
            Self::Systemd(error) => error,
            Self::Check(error) => error,
            Self::Supervisor(error) => error,
        }
    }
}

impl<C: Send + Sync + 'static> Diagnostic for StartError<C> {
    fn code(&self) -> &'static str {
        self.cause().code()
    }

    fn severity(&self) -> Severity {
        self.cause().severity()
    }

    fn retry(&self) -> Retry {
        self.cause().retry()
    }
}

impl Builder<()> {
    pub(crate) fn new() -> Self {
        Self {
            config: First::Value(()),
            configs: Configs::default(),
            twice: None,
            settings: Settings::default(),
            events: Events::builder(),
            telemetry: Telemetry::builder(),
            supervisor: Supervisor::builder(),
            directives: None,
            coarse_ticks: None,
            panic_hook: false,
            pipelines: Vec::new(),
            checks: Vec::new(),
            #[cfg(all(feature = "systemd", target_os = "linux"))]
            systemd: false,
            #[cfg(feature = "process")]
            asks: super::process::Wanted::default(),
            #[cfg(all(feature = "mapped", target_os = "linux"))]
            mapped: None,
            #[cfg(all(feature = "mapped", target_os = "linux"))]
            dumps: None,
            #[cfg(all(feature = "mapped", target_os = "linux"))]
            sync: None,
            #[cfg(all(feature = "mapped", target_os = "linux"))]
            carries_over: false,
        }
    }
}

impl<C> Builder<C> {
    /// The host's config: its first revision. Give it before what depends on it.
    pub fn config<D>(self, config: D) -> Builder<D> {
        self.starting_with(First::Value(config))
    }

    /// The host's config, as it was built: for one with a name, a longer history, or paths. The deck observes it from
    /// now on. Give it before what depends on it.
    ///
    /// ```
    /// # use flightdeck::config::{Validate, Violations};
    /// # struct Limits { orders: u32 }
    /// # impl Validate for Limits { fn validate(&self, _: &mut Violations) {} }
    /// use flightdeck::{Flightdeck, config::Config};
    /// let config = Config::builder(Limits { orders: 10 }).named("limits").history(100).build()?;
    /// let deck = Flightdeck::builder().config_built(config).start()?;
    /// assert_eq!(deck.config().name(), "limits");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn config_built<D>(self, config: Config<D>) -> Builder<D> {
        self.starting_with(First::Config(config))
    }

    fn starting_with<D>(self, config: First<D>) -> Builder<D> {
        Builder {
            config,
            configs: self.configs,
            twice: self.twice,
            settings: self.settings,
            events: self.events,
            telemetry: self.telemetry,
            supervisor: self.supervisor,
            directives: None,
            coarse_ticks: self.coarse_ticks,
            panic_hook: self.panic_hook,
            pipelines: self.pipelines,
            checks: self.checks,
            #[cfg(all(feature = "systemd", target_os = "linux"))]
            systemd: self.systemd,
            #[cfg(feature = "process")]
            asks: self.asks,
            #[cfg(all(feature = "mapped", target_os = "linux"))]
            mapped: self.mapped,
            #[cfg(all(feature = "mapped", target_os = "linux"))]
            dumps: self.dumps,
            #[cfg(all(feature = "mapped", target_os = "linux"))]
            sync: self.sync,
            #[cfg(all(feature = "mapped", target_os = "linux"))]
            carries_over: self.carries_over,
        }
    }

    /// A further config with a type and revisions of its own, by the name that it was built with: found again with
    /// [`Flightdeck::config_named`]. What happens to it is written down as with the host's, in place of an observer that it
    /// had, and the deck ticks it.
    ///
    /// ```
    /// use flightdeck::Flightdeck;
    /// use flightdeck::config::{Config, Validate, Violations};
    ///
    /// struct Limits { orders: u32 }
    /// # impl Validate for Limits { fn validate(&self, _: &mut Violations) {} }
    ///
    /// let limits = Config::builder(Limits { orders: 10 }).named("limits").build()?;
    /// let deck = Flightdeck::builder().add_config(limits).start()?;
    /// let limits = deck.config_named::<Limits>("limits")?;
    /// assert_eq!(limits.load().orders, 10);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn add_config<T: Send + Sync + 'static>(mut self, config: Config<T>) -> Self {
        if let Err(taken) = self.configs.add(config) {
            self.twice.get_or_insert(taken);
        }
        self
    }

    /// Which events are recorded, as the config says: asked at the start and at each change of the config, and in force
    /// when the update returns. They count after those of [`events::Builder::directives`]. A config that holds a
    /// [`Directives`] holds none that make no sense; one that holds their text says in its
    /// [`Validate`] whether that parses.
    ///
    /// ```
    /// use flightdeck::Flightdeck;
    /// use flightdeck::config::{Validate, Violations};
    /// use flightdeck::events::Directives;
    ///
    /// struct App { record: String }
    ///
    /// impl Validate for App {
    ///     fn validate(&self, report: &mut Violations) {
    ///         if let Err(error) = self.record.parse::<Directives>() {
    ///             report.reject("record", &self.record, error.to_string());
    ///         }
    ///     }
    /// }
    ///
    /// let deck = Flightdeck::builder()
    ///     .config(App { record: "info".to_owned() })
    ///     .directives(|app: &App| app.record.parse().unwrap_or_default())
    ///     .start()?;
    /// deck.config().replace(App { record: "info,http=off".to_owned() })?;
    /// assert_eq!(deck.events().directives().to_string(), "info,http=off");
    /// assert!(deck.config().replace(App { record: "info,http=of".to_owned() }).is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn directives(mut self, of: impl Fn(&C) -> Directives + Send + Sync + 'static) -> Self {
        self.directives = Some(FromConfig(Box::new(of)));
        self
    }

    /// What the deck is told at first, and can be told otherwise while it runs: see [`Flightdeck::settings`].
    pub fn settings(mut self, settings: Settings) -> Self {
        self.settings = settings;
        self
    }

    /// Sizes and clock of the event store.
    pub fn events(mut self, set: impl FnOnce(events::Builder) -> events::Builder) -> Self {
        self.events = set(self.events);
        self
    }

    /// Keeps the deck in a file, so that it outlives the process and another can look at it: at a path, or where
    /// [`mapped::Options`] say. [`Recording::open`](crate::Recording::open) reads it, [`Flightdeck::file`] tells about it,
    /// [`Flightdeck::previous`] opens that of the life before. As [`events::Builder::mapped`] for the events; given there, it is taken
    /// for this.
    ///
    /// Recording costs what it costs in memory. It says `closed` once the deck is [shut down](Flightdeck::shutdown) or its last
    /// handle, and the last of its events, is dropped; in a file that does not, nobody's being the writer means that the process was
    /// killed. How it began is written down: `flightdeck.mapped.recovered` with the file of the life before, `flightdeck.mapped.not_recovered` where that cannot be read,
    /// and `flightdeck.mapped.fell_back` where there was to be a file, there can be none, and
    /// [`or_memory`](mapped::Options::or_memory) was given: then health has a concern, too.
    ///
    /// ```
    /// use flightdeck::{Flightdeck, Recording};
    /// use flightdeck::mapped::Options;
    ///
    /// let deck = Flightdeck::builder().mapped(Options::in_directory(std::env::temp_dir())).start()?;
    /// let path = deck.file().and_then(|file| file.path()).expect("it has a name");
    /// let recording = Recording::open(path)?;
    /// assert_eq!(recording.file().header().life.process, std::process::id());
    /// # std::fs::remove_file(path)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[cfg(all(feature = "mapped", target_os = "linux"))]
    pub fn mapped(mut self, file: impl Into<mapped::Options>) -> Self {
        self.mapped = Some(file.into());
        self
    }

    /// Keeps the deck so that it can be written to a file, and writes it there when it is asked to: at each
    /// [`dump`](Flightdeck::dump); and by itself when a supervisor gives up, when a [fatal](crate::events::Trigger::fatal) trigger
    /// has captured, and, if [asked](Dumps::on_shutdown), when it is shut down. See [`Dumps`] for when and where; where no file is given for the
    /// deck itself, it lives in memory. What is [`mapped`](Builder::mapped) can be copied in any case.
    ///
    /// Recording costs what it costs without. A child of `fork` records nothing, as with a file: its calls are counted losses.
    ///
    /// ```
    /// use flightdeck::{Dumps, Flightdeck, Recording};
    /// use flightdeck::mapped::DumpCause;
    /// use std::time::Duration;
    /// # let folder = std::env::temp_dir().join(format!("flightdeck-doc-dump-to-{}", std::process::id()));
    /// # std::fs::create_dir_all(&folder)?;
    /// # use std::os::unix::fs::PermissionsExt;
    /// # std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o700))?;
    /// let file = folder.join("host.deck");
    /// let deck = Flightdeck::builder().dump_to(Dumps::to(&*file).on_shutdown(true)).start()?;
    /// deck.shutdown(Duration::from_secs(5));
    /// assert_eq!(Recording::open(file)?.file().header().copied, Some(DumpCause::Shutdown));
    /// # std::fs::remove_dir_all(folder)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[cfg(all(feature = "mapped", target_os = "linux"))]
    pub fn dump_to(mut self, dumps: impl Into<Dumps>) -> Self {
        self.dumps = Some(dumps.into());
        self
    }

    /// How often what has changed in its [file](Builder::mapped) is written to the disk, so that no more than that is lost if the
    /// machine goes down: see [`Flightdeck::sync`]. By default only the system does that, when it likes. It is done by the supervisor's
    /// thread, which restarts nobody meanwhile: for disks that take milliseconds.
    #[cfg(all(feature = "mapped", target_os = "linux"))]
    pub fn sync_every(mut self, every: Duration) -> Self {
        self.sync = Some(every);
        self
    }

    /// Whether counters and histograms go on from where the life before left them, if its file is
    /// [kept](mapped::Options::recover): see [`telemetry::Builder::carry_over`]. Not, by default.
    #[cfg(all(feature = "mapped", target_os = "linux"))]
    pub fn carry_over(mut self, on: bool) -> Self {
        self.carries_over = on;
        self
    }

    /// Refreshes the coarse clock of the events this often, from a thread of its own, until the deck is shut down; a
    /// millisecond is a good choice. For decks whose events have a [`Clock::coarse`](crate::Clock::coarse); what it
    /// costs is told at [`Clock::tick_every`](crate::Clock::tick_every). Without, the system's coarse clock is read.
    pub fn coarse_ticks(mut self, every: Duration) -> Self {
        self.coarse_ticks = Some(every);
        self
    }

    /// Whether each panic of this process, of whatever thread, becomes an event: `flightdeck.thread.panicked`, in the scope in
    /// which the thread was. Not, by default.
    ///
    /// The process has one hook for panics, so one deck at a time can have it. What was there before is called after the deck
    /// has recorded. It is given back when the last handle of the deck drops; if somebody has put another one on
    /// top by then, ours stays underneath and only passes on. See [`Flightdeck::on_panic`].
    ///
    /// ```
    /// use flightdeck::Flightdeck;
    ///
    /// let deck = Flightdeck::builder().panic_hook(true).start()?;
    /// let failed = std::thread::spawn(|| panic!("a bug")).join();
    /// assert!(failed.is_err());
    /// let answer = deck.events().query().kind_named("flightdeck.thread.panicked").run()?;
    /// assert_eq!(answer.len(), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn panic_hook(mut self, on: bool) -> Self {
        self.panic_hook = on;
        self
    }

    /// Sizes of the telemetry.
    pub fn telemetry(mut self, set: impl FnOnce(telemetry::Builder) -> telemetry::Builder) -> Self {
        self.telemetry = set(self.telemetry);
        self
    }

    /// Rules, workers and chores of the supervisor. Its observer is the deck's own.
    pub fn supervisor(mut self, set: impl FnOnce(supervisor::Builder) -> supervisor::Builder) -> Self {
        self.supervisor = set(self.supervisor);
        self
    }

    /// One more worker; they start in this order. See [`ChildSpec`] for what else can be said of one.
    pub fn worker<F, R>(self, name: &str, restart: Restart, body: F) -> Self
    where
        F: Fn(&WorkerContext) -> R + Send + Sync + 'static,
        R: IntoWorkerResult,
    {
        self.supervisor(|supervisor| supervisor.worker(ChildSpec::new(name, restart, body)))
    }

    /// Something of the host's that has a say in the deck's [health](Flightdeck::health): see [`Check`].
    pub fn check(mut self, check: Check) -> Self {
        self.checks.push(check);
        self
    }

    /// A pipeline that follows the events from the first one on; see [`Flightdeck::pipeline`].
    ///
    /// ```
    /// use flightdeck::Flightdeck;
    /// use flightdeck::events::{SinkError, Value};
    /// use std::sync::mpsc;
    /// use std::time::Duration;
    /// flightdeck::kind! { OrderFilled("order.filled") { qty: u64 } }
    ///
    /// let (sender, receiver) = mpsc::channel();
    /// let deck = Flightdeck::builder()
    ///     .pipeline(move |events| {
    ///         let stages = events.cursor().pipeline("export");
    ///         stages
    ///             .filter(|event| event.kind() == "order.filled")
    ///             .enrich(|event| match event.field("qty") {
    ///                 Some(Value::U64(qty)) => format!("filled {qty}"),
    ///                 _ => "filled".to_owned(),
    ///             })
    ///             .batch(100, Duration::from_millis(50))
    ///             .sink(move |batch| sender.send(batch.to_vec()).map_err(SinkError::later))
    ///     })
    ///     .start()?;
    /// deck.record(OrderFilled { qty: 5 });
    /// deck.record(OrderFilled { qty: 7 });
    /// assert!(deck.shutdown(Duration::from_secs(5)).is_clean());
    /// assert_eq!(receiver.try_iter().flatten().collect::<Vec<_>>(), ["filled 5", "filled 7"]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn pipeline(mut self, of: impl FnOnce(&Events) -> Pipeline + Send + 'static) -> Self {
        self.pipelines.push(OnEvents(Box::new(of)));
        self
    }
}

impl<C: Validate + Send + Sync + 'static> Builder<C> {
    /// Validates, reserves all memory, and starts the supervisor and with it the workers.
    ///
    /// # Errors
    /// If the config is refused, memory does not suffice, the clock has nothing to be refreshed, another deck has the panic
    /// hook, a check is not taken, a worker cannot be started, or the system says nothing about this process that was to be asked. Nothing is left
    /// running.
    pub fn start(self) -> Result<Flightdeck<C>, StartError<C>> {
        let deck = DeckId::unique();
        if let Some(taken) = self.twice {
            return Err(StartError::ConfigName(taken));
        }
        let configs = Arc::new(self.configs);
        let config = match self.config {
            First::Value(value) => Config::new(value).map_err(StartError::Config)?,
            First::Config(config) => config,
        };
        let Settings { flush, prune, reclaim, clock_check, health, .. } = self.settings;
        let settings = Config::builder(self.settings).named("flightdeck").build();
        let settings = settings.map_err(StartError::Settings)?;
        #[cfg_attr(not(all(feature = "mapped", target_os = "linux")), allow(unused_mut))]
        let (mut of_events, mut of_telemetry) = (self.events.deck(deck), self.telemetry.deck(deck));
        #[cfg(all(feature = "mapped", target_os = "linux"))]
        let options = self.mapped.or_else(|| of_events.take_mapped());
        #[cfg(all(feature = "mapped", target_os = "linux"))]
        let making = if options.is_some() || self.dumps.is_some() {
            let carries_over = self.carries_over;
            let making = Making::begin(
                options.as_ref(),
                self.dumps.as_ref(),
                &mut of_events,
                &mut of_telemetry,
                carries_over,
            );
            Some(making.map_err(StartError::Events)?.map_err(StartError::Mapped)?)
        } else {
            None
        };
        let events = of_events.build().map_err(StartError::Events)?;
        let telemetry = of_telemetry.clock_of_deck(events.clock()).build().map_err(StartError::Telemetry)?;
        #[cfg(all(feature = "mapped", target_os = "linux"))]
        let kept = making.map(|making| Arc::new(making.run(&events, &telemetry, self.dumps)));
        let ticker = self.coarse_ticks.map(|every| events.clock().tick_every(every)).transpose();
        let ticker = Mutex::new(ticker.map_err(StartError::Clock)?);
        let panic_hook = self.panic_hook.then(|| panic_hook::take(&events)).transpose();
        let panic_hook = panic_hook.map_err(StartError::PanicHook)?;
        let (poke, detached) = (Poke::default(), Arc::new(Detached::default()));
        let journal = Journal::new(&events, &telemetry, poke.clone());
        #[cfg(all(feature = "mapped", target_os = "linux"))]
        let journal = journal.posting_in(kept.clone());
        let journal = Arc::new(journal);
        let (of_clock, shards, aging) = (journal.clone(), events.clone(), events.clone());
        let (of_config, idle) = (journal.clone(), telemetry.clone());
        let (of_settings, name) = (journal.clone(), config.name().to_owned());
        config.observe(move |notice| of_config.config(&name, notice));
        settings.observe(move |notice| of_settings.config("flightdeck", notice));
        journal.in_force(config.name(), &config.snapshot());
        journal.in_force("flightdeck", &settings.snapshot());
        configs.observe(&journal);
        handlers::observe(&telemetry, &journal, detached.clone());
        let recording = Recording::new(&events, self.directives);
        // Before any worker records.
        recording.follow(&settings, &config);
        let built = Built::of(&events, &telemetry);
        let (ticked, told_by, beaten) = (config.downgrade(), settings.downgrade(), events.clone());
        let further = configs.clone();
        let tick = move || {
            beaten.store().look_after_beat();
            if let Some(config) = ticked.upgrade() {
                config.tick();
            }
            further.tick();
            if let Some(settings) = told_by.upgrade() {
                settings.tick();
            }
        };
        let swept = telemetry.clone();
        let pipelines = Arc::new(Pipelines::new(&events, &telemetry));
        let (counted, told) = (pipelines.clone(), pipelines.clone());
        let guards = Arc::new(Guards::new(&events, &telemetry, poke.clone()));
        let guarding = guards.clone();
        let mut supervisor = self.supervisor;
        #[cfg(feature = "process")]
        let asked = Arc::new(self.asks.begin(&events, &telemetry)?);
        #[cfg(feature = "process")]
        {
            supervisor = asked.every(supervisor);
        }
        for OnEvents(of) in self.pipelines {
            supervisor = pipelines.enlist(of(&events), supervisor);
        }
        let checks = Arc::new(Checks::new());
        for check in self.checks {
            let poke = poke.clone();
            checks.add(check, move || poke.poke()).map_err(StartError::Check)?;
        }
        let triggers = Triggers::new(&events);
        #[cfg(feature = "sources")]
        let sources = Arc::<super::sources::Hosted>::default();
        let sights = Sights {
            config: ask(&config),
            settings: ask(&settings),
            configs: configs.clone(),
            events: events.clone(),
            telemetry: telemetry.clone(),
            triggers: triggers.clone(),
            pipelines: pipelines.clone(),
            guards: guards.clone(),
            #[cfg(feature = "sources")]
            sources: sources.clone(),
            #[cfg(feature = "process")]
            asked: asked.clone(),
            supervisor: poke.clone(),
            checks,
            detached,
            own: AtomicU64::new(0),
        };
        let failures = Arc::new(FailureLog::new(&events));
        let (of_workers, last_words) = (failures.clone(), failures.clone());
        let monitor = Arc::new(Monitor::new(sights, settings.downgrade(), &events, &telemetry));
        let (looks, asks) = (monitor.clone(), monitor.clone());
        #[cfg(all(feature = "systemd", target_os = "linux"))]
        let systemd = if self.systemd {
            Notifier::from_environment(&telemetry).map_err(StartError::Systemd)?
        } else {
            None
        };
        #[cfg(all(feature = "systemd", target_os = "linux"))]
        let systemd = systemd.map(Arc::new);
        #[cfg(all(feature = "systemd", target_os = "linux"))]
        if let Some(notifier) = systemd.clone() {
            let (told, poke) = (monitor.clone(), poke.clone());
            supervisor = supervisor.every(notifier.every(), chore::SYSTEMD, move || notifier.tell(&told));
            monitor.on_change(move |_| poke.run_soon(chore::SYSTEMD));
        }
        #[cfg(all(feature = "mapped", target_os = "linux"))]
        if let (Some(kept), Some(every)) = (kept.clone(), self.sync) {
            supervisor = supervisor.every(every, chore::SYNC, move || kept.sync_now_and_then());
        }
        #[cfg(all(feature = "mapped", target_os = "linux"))]
        let last_post = kept.clone().map(|kept| {
            let (monitor, supervisor) = (monitor.clone(), poke.clone());
            LastPost { kept, monitor, supervisor }
        });
        #[cfg(all(feature = "mapped", target_os = "linux"))]
        let (posts, of_workers_now) = (kept.clone(), poke.clone());
        #[cfg(all(feature = "mapped", target_os = "linux"))]
        let dumps = kept.clone();
        let supervisor = supervisor
            .every(health, chore::HEALTH, move || {
                let health = looks.tick();
                #[cfg(all(feature = "mapped", target_os = "linux"))]
                if let (Some(kept), Some(health)) = (&posts, &health) {
                    kept.post(health, &of_workers_now);
                }
                drop(health);
            })
            // At once, and then when the next one is due.
            .every(Duration::from_millis(1), chore::CHECKS, move || asks.ask_checks())
            .every(flush, chore::CONFIG, tick)
            .every(flush, chore::HANDLERS, move || {
                swept.sweep_handlers();
            })
            .every(flush, chore::PIPELINES, move || counted.follow())
            .every(flush, chore::GUARDS, move || guarding.follow())
            .every(clock_check, chore::CLOCK, move || of_clock.check_clock())
            .every(reclaim, chore::SHARDS, move || {
                shards.reclaim_shards();
            })
            .every(prune, chore::SERIES, move || {
                idle.tick(Instant::now());
            })
            .every(prune, chore::AGE, move || {
                aging.prune_expired();
            })
            .last_words(move |child, generation| last_words.last_words(child, generation))
            .observer_by_child(move |child, incident| {
                of_workers.observe(child, incident);
                journal.worker(incident);
                #[cfg(all(feature = "mapped", target_os = "linux"))]
                if let Some(dumps) = &dumps {
                    dumps.dump_on(incident);
                }
                if let Incident::Ended { .. } | Incident::AbandonedEnded { .. } = incident {
                    told.follow();
                }
            })
            .start()
            .map_err(StartError::Supervisor)?;
        let started = Instant::now();
        poke.begins(supervisor.view());
        let tails = Tails::new();
        let inner = Arc::new(Inner {
            config,
            configs,
            settings,
            built,
            recording,
            events,
            triggers,
            telemetry,
            pipelines,
            guards,
            supervisor,
            tails,
            monitor,
            #[cfg(all(feature = "systemd", target_os = "linux"))]
            systemd,
            #[cfg(feature = "sources")]
            sources,
            started,
            reports: Reports::default(),
            #[cfg(feature = "process")]
            asked,
            failures,
            panic_hook,
            ticker,
            #[cfg(all(feature = "mapped", target_os = "linux"))]
            last_post,
            #[cfg(all(feature = "mapped", target_os = "linux"))]
            kept,
        });
        settings::follow(&inner);
        Inner::host_triggers(&inner);
        // Whatever is not as it should be from the start is written down now, and changes are told from here on.
        drop(inner.monitor.tick());
        #[cfg(all(feature = "mapped", target_os = "linux"))]
        if let Some(last_post) = &inner.last_post {
            last_post.post();
        }
        #[cfg(all(feature = "systemd", target_os = "linux"))]
        if inner.systemd.is_some() {
            poke.run_soon(chore::SYSTEMD);
        }
        Ok(Flightdeck { inner })
    }
}
