//! A storm of panics in whatever takes the host's code, while writers record, count and measure at full speed. Afterwards the deck
//! has what an obvious model says, nothing is left over, and all of it works.
//!
//! What a thread decides follows from the seed, which is printed; how threads interleave does not.

#[path = "chaos/sites.rs"]
mod sites;
mod support;

use flightdeck::config::{Config, Validate, Violations};
use flightdeck::events::{
    Class, Pipeline, PipelineStatus, Recorded, SinkError, Start, Trigger, TriggerStatus,
};
use flightdeck::supervisor::{Backoff, ChildSpec, Restart, WorkerContext, WorkerState};
use flightdeck::telemetry::{Counter, Histogram};
use flightdeck::{Concern, Flightdeck, Reported, telemetry};
use sites::{Chaos, Random, Site};
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};
use support::{PATIENCE, until, until_stopped};

flightdeck::kind! {
    Written("chaos.written") { n: u64 }
    Item("chaos.item", class = Verbose) { n: u64 }
    Ran("chaos.ran") { generation: u64 }
    Survivor("chaos.survivor", class = Critical) { writer: u64, n: u64 }
}

const WORKERS: usize = 4;
const WRITERS: u64 = 2;
/// A writer says so often at most what must be found in the end: as many as its ring of critical events holds.
const SURVIVORS: u64 = 1_000;
/// What memory may grow by once all is warm, in KiB.
const FLAT: u64 = 16 << 10;

#[derive(Clone, Debug)]
struct Settings {
    version: u64,
    kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Good,
    Refused,
    Poisoned,
}

/// Whose validator panics.
static VALIDATES: Mutex<Option<Arc<Chaos>>> = Mutex::new(None);

impl Validate for Settings {
    fn validate(&self, report: &mut Violations) {
        report.require(self.kind != Kind::Refused, "version", &self.version, "must not be refused");
        let chaos = VALIDATES.lock().unwrap().clone();
        if let (Kind::Poisoned, Some(chaos)) = (self.kind, chaos) {
            chaos.panic(Site::Validator);
        }
    }
}

/// An error whose text panics.
#[derive(Debug)]
struct Unspeakable(Arc<Chaos>);

impl fmt::Display for Unspeakable {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.panic(Site::Message)
    }
}

impl std::error::Error for Unspeakable {}

/// What the deck must come to.
#[derive(Debug, Default)]
struct Model {
    published: AtomicU64,
    refused: AtomicU64,
    survivors: AtomicU64,
    items: AtomicU64,
    counted: AtomicU64,
    measured: AtomicU64,
    sum: AtomicU64,
    executed: AtomicU64,
    runs: AtomicU64,
    fired: AtomicU64,
    reports: AtomicU64,
    spans: AtomicU64,
}

/// Adds to a number of the model.
fn note(number: &AtomicU64) {
    number.fetch_add(1, Relaxed);
}

struct Storm {
    deck: Flightdeck<Settings>,
    chaos: Arc<Chaos>,
    model: Arc<Model>,
    counter: Counter,
    histogram: Histogram,
}

/// Those who do not panic, and what they saw.
#[derive(Default)]
struct Calm {
    inline: Mutex<Vec<u64>>,
    queued: AtomicU64,
    executions: AtomicU64,
    delivered: AtomicU64,
}

fn start(chaos: &Arc<Chaos>, model: &Arc<Model>) -> Storm {
    let config = Config::builder(Settings { version: 0, kind: Kind::Good }).history(4).build().unwrap();
    let chore = chaos.clone();
    let deck = Flightdeck::builder()
        .config_built(config)
        .events(|events| events.memory(128 << 20).shards(24).incidents(1 << 20, 16))
        .supervisor(|supervisor| {
            let body = move || chore.panic_while_it_lasts(Site::Chore);
            supervisor.every(Duration::from_millis(1), "shaky chore", body)
        })
        .start()
        .unwrap();
    let counter = deck.telemetry().counter("chaos_counted");
    let histogram = deck.telemetry().histogram("chaos_measured");
    for number in 0..WORKERS {
        let (chaos, model) = (chaos.clone(), model.clone());
        let (events, counter) = (deck.events().clone(), deck.telemetry().counter("chaos_runs"));
        let body = move |context: &WorkerContext| {
            note(&model.runs);
            counter.increment(1);
            events.record(Ran { generation: context.generation() });
            chaos.panic_while_it_lasts(Site::Worker);
            until_stopped(context);
        };
        let spec = ChildSpec::new(format!("shaky-{number}"), Restart::Permanent, body);
        let at_once = Backoff::between(Duration::ZERO, Duration::ZERO);
        deck.supervisor().add(spec.backoff(at_once).unlimited_restarts()).unwrap();
    }
    Storm { deck, chaos: chaos.clone(), model: model.clone(), counter, histogram }
}

/// Resident memory in KiB, and threads; nothing where the system does not say.
fn of_process() -> Option<(u64, usize)> {
    let pages = std::fs::read_to_string("/proc/self/statm").ok()?;
    let pages = pages.split(' ').nth(1)?.parse::<u64>().ok()?;
    Some((pages * 4, std::fs::read_dir("/proc/self/task").ok()?.count()))
}

/// A pipeline whose sink panics now and then, and each stage, too, where something may be lost.
fn shaky_pipeline(storm: &Storm, name: &str, calm: &Arc<Calm>, one_in: u64, loses: bool) -> Pipeline {
    let cursor = storm.deck.events().query().kind::<Item>().follow_from(Start::Oldest).unwrap();
    let chaos = storm.chaos.clone();
    let shaky = move |site, seed| {
        let (chaos, mut random) = (chaos.clone(), Random(seed));
        move || {
            if random.below(one_in) == 0 && (loses || site == Site::Sink) {
                chaos.panic_while_it_lasts(site);
            }
        }
    };
    let (mut valid, mut rich, mut wanted) =
        (shaky(Site::Stage, 1), shaky(Site::Stage, 2), shaky(Site::Stage, 3));
    let (mut sink, calm) = (shaky(Site::Sink, 4), calm.clone());
    let stages = cursor.pipeline(name).validate(move |_| {
        valid();
        true
    });
    let stages = stages.enrich(move |event| {
        rich();
        event
    });
    let stages = stages.queue(256).filter(move |_| {
        wanted();
        true
    });
    stages.batch(16, Duration::from_millis(1)).retry_panicked(if loses { 0 } else { u32::MAX }).sink(
        move |batch| {
            sink();
            calm.delivered.fetch_add(batch.len() as u64, Relaxed);
            Ok::<(), SinkError>(())
        },
    )
}

/// Runs the workers of a pipeline, again when they panic, until it is over.
fn run(pipeline: &Pipeline) -> Vec<thread::JoinHandle<()>> {
    let again = |worker: flightdeck::events::PipelineWorker| {
        thread::spawn(move || {
            while let Err(payload) = catch_unwind(AssertUnwindSafe(|| worker.run(|| false))) {
                std::mem::forget(payload);
            }
        })
    };
    pipeline.workers().iter().cloned().map(again).collect()
}

impl Storm {
    /// Records, counts, measures and executes as fast as it can. What it says last of all survives.
    fn write(&self, writer: u64) {
        let (deck, model) = (&self.deck, &self.model);
        let (mut n, mut told) = (0, 0);
        while self.chaos.lasts() {
            n += 1;
            deck.record(Written { n });
            self.counter.increment(1);
            self.histogram.record(n % 1_000);
            model.sum.fetch_add(n % 1_000, Relaxed);
            if n % 64 == 0 {
                deck.record(Item { n });
                note(&model.items);
            }
            if n % 256 == 0 {
                deck.telemetry().execute("chaos.asked", &[("n", n.into())], &[]);
                note(&model.executed);
            }
            // Spread over the storm.
            if self.chaos.part() * SURVIVORS as f64 > told as f64 {
                let _in = deck.scope(1_000_000 * (writer + 1) + told);
                deck.record(Survivor { writer, n: told });
                told += 1;
                note(&model.survivors);
            }
            // Lets others have their turn where there are few cores.
            if n % 4_096 == 0 {
                thread::yield_now();
            }
        }
        for number in [&model.counted, &model.measured] {
            number.fetch_add(n, Relaxed);
        }
        self.survivors(writer, told);
    }

    /// Each that was told is found by its id.
    fn survivors(&self, writer: u64, told: u64) {
        assert!(told > 0);
        for n in 0..told {
            let answer = self.deck.events().query().correlation(1_000_000 * (writer + 1) + n).run().unwrap();
            assert_eq!(answer.len(), 1, "survivor {n} of {told} of writer {writer}");
        }
    }

    /// Changes the config and comes and goes as subscriber, handler and whatever else takes code, most of which panics.
    fn operate(&self, seed: u64) {
        let mut random = Random(seed);
        let side = Config::new(Settings { version: 0, kind: Kind::Good }).unwrap();
        while self.chaos.lasts() {
            match random.below(17) {
                0..=2 => self.publish(),
                3 => self.update_that_panics(),
                4 => self.refused(Kind::Poisoned),
                5 => self.refused(Kind::Refused),
                6 => {
                    self.subscriber(|chaos, config| config.subscribe(move |_| chaos.panic(Site::Subscriber)))
                }
                7 => self
                    .subscriber(|chaos, config| config.subscribe_queued(move |_| chaos.panic(Site::Queued))),
                8 => self.subscriber(|chaos, config| {
                    config.subscriber().when(move |_| chaos.panic(Site::Filter)).call(|_| ())
                }),
                9 => self.handler(),
                10 => self.queued_handler(),
                11 => self.derivation(),
                12 => self.work(),
                13 => self.field(),
                14 => {
                    let chaos = self.chaos.clone();
                    side.observe(move |_| chaos.panic(Site::Observer));
                    side.update(Clone::clone).unwrap();
                }
                15 => {
                    self.deck.trigger("shaky").unwrap();
                    note(&self.model.fired);
                }
                _ => self.report(),
            }
        }
        assert_eq!(side.stats().panics, self.chaos.count(Site::Observer));
    }

    fn publish(&self) {
        let next = |now: &Settings| Settings { version: now.version + 1, kind: Kind::Good };
        self.deck.config().update(next).unwrap();
        note(&self.model.published);
    }

    fn update_that_panics(&self) {
        let before = self.deck.config().revision();
        let update = || self.deck.config().update(|_| self.chaos.panic(Site::Update)).map(drop);
        sites::caught(update);
        assert_eq!(self.deck.config().revision(), before);
    }

    fn refused(&self, kind: Kind) {
        let before = self.deck.config().load().version;
        let replace = || self.deck.config().replace(Settings { version: 0, kind }).map(drop);
        if kind == Kind::Poisoned {
            sites::caught(replace);
        } else {
            replace().unwrap_err();
            note(&self.model.refused);
        }
        assert_eq!(self.deck.config().load().version, before);
    }

    /// One that is called once.
    fn subscriber(
        &self,
        subscribe: impl FnOnce(Arc<Chaos>, &Config<Settings>) -> flightdeck::config::Subscription,
    ) {
        let before = self.deck.config().stats().detached;
        let _subscription = subscribe(self.chaos.clone(), self.deck.config());
        self.publish();
        until("the subscriber to be detached", || {
            // The deck does so, too, four times a second.
            self.deck.config().tick();
            self.deck.config().stats().detached == before + 1
        });
    }

    fn execute(&self) {
        self.deck.telemetry().execute("chaos.asked", &[], &[]);
        note(&self.model.executed);
    }

    fn handler(&self) {
        let (telemetry, chaos) = (self.deck.telemetry(), self.chaos.clone());
        let handler = telemetry.attach("shaky", "chaos", move |_| chaos.panic(Site::Handler)).unwrap();
        self.execute();
        until("the handler to be detached", || !handler.is_attached());
        assert!(handler.detach_and_wait(PATIENCE));
    }

    fn queued_handler(&self) {
        let (telemetry, chaos) = (self.deck.telemetry(), self.chaos.clone());
        let shaky = move |_: &telemetry::Execution<'_>| chaos.panic(Site::QueuedHandler);
        let handler = telemetry.attach_queued("shaky queue", &["chaos"], 4, shaky).unwrap();
        self.execute();
        until("the handler to be detached", || {
            handler.deliver();
            !handler.is_attached()
        });
    }

    fn derivation(&self) {
        let chaos = self.chaos.clone();
        let derive = move |_: &Settings| -> Result<(), String> { chaos.panic(Site::Derivation) };
        self.deck.config().derive("table", derive).unwrap_err();
    }

    fn work(&self) {
        let work =
            || self.deck.within("shaky", || -> Result<(), fmt::Error> { self.chaos.panic(Site::Work) });
        sites::caught(|| work().map(drop));
        note(&self.model.spans);
    }

    fn field(&self) {
        let value = || -> u64 { self.chaos.panic(Site::Field) };
        sites::caught(|| {
            self.deck.record(Written { n: value() });
            Ok::<_, ()>(())
        });
    }

    fn report(&self) {
        let error = Unspeakable(self.chaos.clone());
        let report = self.deck.report(Reported::new(&error).code("chaos.message"));
        assert_eq!(report.message, "an error that panics when it is shown");
        note(&self.model.reports);
    }
}

/// Ends the process with what is known if nothing moves any more.
fn watch(chaos: &Chaos) -> Option<(u64, usize)> {
    let (mut last, mut since, mut warm) = (0, Instant::now(), None);
    while chaos.lasts() {
        thread::sleep(Duration::from_millis(5));
        if chaos.thrown() > last {
            (last, since) = (chaos.thrown(), Instant::now());
        } else if since.elapsed() > 3 * PATIENCE {
            eprintln!("nothing moves after {last} panics: {chaos:?}");
            std::process::abort();
        }
        if warm.is_none() && chaos.part() > 0.3 {
            warm = of_process();
        }
    }
    warm
}

fn storm(seed: u64, panics: u64) {
    println!("seed {seed}, {panics} panics");
    // Tests that fail say so by themselves; the storm says nothing.
    let quiet = |info: &std::panic::PanicHookInfo<'_>| {
        let location = info.location().map_or("", |at| at.file());
        if !location.ends_with("chaos/sites.rs") {
            eprintln!("{info}");
        }
    };
    std::panic::set_hook(Box::new(quiet));
    let before = of_process();
    let (chaos, model, calm) =
        (Arc::new(Chaos::new(panics)), Arc::new(Model::default()), Arc::<Calm>::default());
    *VALIDATES.lock().unwrap() = Some(chaos.clone());
    let storm = start(&chaos, &model);
    let deck = &storm.deck;

    let inline = calm.clone();
    let _inline =
        deck.config().subscribe(move |change| inline.inline.lock().unwrap().push(change.revision().get()));
    let queued = calm.clone();
    let _queued = deck.config().subscribe_queued(move |change| {
        let before = queued.queued.swap(change.revision().get(), Relaxed);
        assert!(before < change.revision().get(), "revisions in their order");
    });
    let executions = calm.clone();
    let _handler = deck.telemetry().attach("calm", "chaos", move |_| note(&executions.executions)).unwrap();
    let observer = chaos.clone();
    deck.telemetry().observe_handlers(move |_| observer.panic(Site::HandlerObserver));
    let (capture, receipt, turns) = (chaos.clone(), chaos.clone(), AtomicU64::new(0));
    let trigger = Trigger::on_call("shaky").at_most(1_000, Duration::from_secs(1));
    let trigger = trigger.capturing(move |query| {
        // Asked once, to see whether its filters make sense, when the trigger is added.
        if turns.fetch_add(1, Relaxed) % 2 == 1 {
            capture.panic_while_it_lasts(Site::Capture);
        }
        query.limit(4)
    });
    deck.triggers().add(trigger.on_receipt(move |_| receipt.panic_while_it_lasts(Site::Receipt))).unwrap();
    let pipeline = shaky_pipeline(&storm, "shaky", &calm, 8, true);
    let running = run(&pipeline);
    let hosted = deck.pipeline(shaky_pipeline(&storm, "hosted", &Arc::default(), 64, false)).unwrap();

    let warm = thread::scope(|threads| {
        for writer in 0..WRITERS {
            let storm = &storm;
            threads.spawn(move || storm.write(writer));
        }
        threads.spawn(|| storm.operate(seed));
        let warm = watch(&chaos);
        assert!(!deck.health().is_healthy(), "a storm shows");
        warm
    });
    let after = of_process();
    println!(
        "{chaos:?}\n{model:?}\nmemory in KiB and threads: {before:?} before, {warm:?} warm, {after:?} after"
    );
    assert!(Site::ALL.iter().all(|site| chaos.count(*site) > 0), "each sort had its turn");
    if let (Some((warm, _)), Some((after, _))) = (warm, after) {
        assert!(after <= warm + FLAT, "memory grew from {warm} to {after} KiB");
    }
    calm_again(&storm, &calm);
    let own = accounted(deck, || pipeline.stop(PATIENCE));
    running.into_iter().for_each(|thread| thread.join().unwrap());
    accounted(deck, || hosted.stop(PATIENCE));
    assert_eq!(own.delivered(), calm.delivered.load(Relaxed));
    equals_model(&storm, &calm);
    assert!(deck.shutdown(PATIENCE).is_clean());
    written(&storm);
    *VALIDATES.lock().unwrap() = None;
    drop((storm, pipeline));
    if let Some((_, threads)) = before {
        until("all threads to be gone", || of_process().is_some_and(|(_, now)| now <= threads));
    }
}

/// Stops a pipeline, and finds that it accounts for all that was written until then.
fn accounted(deck: &Flightdeck<Settings>, stop: impl FnOnce() -> PipelineStatus) -> PipelineStatus {
    let before = deck.events().stats().written;
    let status = stop();
    let after = deck.events().stats().written;
    assert!(status.has_ended && status.left() == 0, "{status:#?}");
    // The deck writes down that one of its own ends, and its workers.
    assert!(
        (before..=after).contains(&status.accounted()) && after <= before + 8,
        "{before} {after} {status:#?}"
    );
    status
}

/// All of it works once nothing panics any more.
fn calm_again(storm: &Storm, calm: &Calm) {
    let deck = &storm.deck;
    let runs = |name: &str| {
        deck.supervisor()
            .workers()
            .iter()
            .any(|worker| &*worker.name == name && worker.state == WorkerState::Running)
    };
    until("all workers to run", || (0..WORKERS).all(|number| runs(&format!("shaky-{number}"))));
    assert!(!deck.supervisor().has_melted_down());
    let told = Arc::new(AtomicU64::new(0));
    let count = told.clone();
    let _subscription = deck.config().subscribe(move |_| note(&count));
    storm.publish();
    let count = told.clone();
    let handler = deck.telemetry().attach("late", "chaos", move |_| note(&count)).unwrap();
    storm.execute();
    assert_eq!(told.load(Relaxed), 2);
    handler.detach();
    let captured = |status: &TriggerStatus| status.captured;
    let before = deck.triggers().status("shaky").map_or(0, |status| captured(&status));
    until("a capture", || {
        deck.trigger("shaky").unwrap();
        note(&storm.model.fired);
        deck.triggers().status("shaky").map_or(0, |status| captured(&status)) > before
    });
    let delivered = calm.delivered.load(Relaxed);
    deck.record(Item { n: 0 });
    note(&storm.model.items);
    until("the pipeline to deliver", || calm.delivered.load(Relaxed) > delivered);
}

fn equals_model(storm: &Storm, calm: &Calm) {
    let (deck, model, chaos) = (&storm.deck, &storm.model, &storm.chaos);
    let published = model.published.load(Relaxed);
    let config = deck.config();
    assert_eq!((config.revision().get(), config.load().version), (published + 1, published));
    assert_eq!(*calm.inline.lock().unwrap(), (2..=published + 1).collect::<Vec<_>>());
    until("the queued subscriber", || calm.queued.load(Relaxed) == published + 1);
    let detached: u64 =
        [Site::Subscriber, Site::Queued, Site::Filter].map(|site| chaos.count(site)).iter().sum();
    assert_eq!(config.stats().detached, detached);
    // The two calm ones, and the deck itself.
    assert_eq!(config.stats().subscribers, 3);

    let snapshot = deck.telemetry().snapshot();
    let counter = |name: &str| match snapshot.get(name) {
        Some(telemetry::Value::Counter(count)) => *count,
        other => panic!("{name}: {other:?}"),
    };
    assert_eq!(counter("chaos_counted"), model.counted.load(Relaxed));
    assert_eq!(counter("chaos_runs"), model.runs.load(Relaxed));
    let Some(telemetry::Value::Histogram(measured)) = snapshot.get("chaos_measured") else {
        panic!("no histogram")
    };
    assert_eq!((measured.count(), measured.sum()), (model.measured.load(Relaxed), model.sum.load(Relaxed)));
    assert_eq!(calm.executions.load(Relaxed), model.executed.load(Relaxed));
    let handlers = deck.telemetry().handler_stats();
    assert_eq!(handlers.panics, chaos.count(Site::Handler) + chaos.count(Site::QueuedHandler));
    assert_eq!(handlers.other_panics, chaos.count(Site::HandlerObserver));
    assert_eq!(handlers.attached, 1);
    let trigger = deck.triggers().status("shaky").unwrap();
    assert_eq!((trigger.failed, trigger.panicked), (chaos.count(Site::Capture), chaos.count(Site::Receipt)));
    let status = deck.supervisor().status();
    assert_eq!(status.chore_panics, chaos.count(Site::Chore));
    let of_shaky = |status: &flightdeck::supervisor::WorkerStatus| status.name.starts_with("shaky-");
    let restarts: u64 =
        status.workers.iter().filter(|status| of_shaky(status)).map(|worker| worker.restarts).sum();
    assert_eq!(restarts, chaos.count(Site::Worker));
    let counts = [
        ("flightdeck_worker_starts_total", status.starts),
        ("flightdeck_worker_restarts_total", status.restarts),
        ("flightdeck_worker_failures_total", status.failures),
    ];
    for (name, count) in counts {
        let is_so = || deck.telemetry().snapshot().get(name) == Some(&telemetry::Value::Counter(count));
        until(name, is_so);
    }

    // Of what panicked health may still tell, of nothing else.
    let health = deck.health();
    let is_expected = |concern: &Concern| {
        matches!(
            concern,
            Concern::SubscribersDetached { .. }
                | Concern::HandlersDetached { .. }
                | Concern::CapturesFailed { .. }
                | Concern::ChoresPanicked { .. }
                | Concern::PipelineMissed { .. }
                | Concern::PipelineFailing { .. }
                | Concern::ClockDisturbed { .. }
                | Concern::SlowClock
        )
    };
    assert!(health.concerns.iter().all(is_expected), "{health}");
}

/// Each event that was recorded was written, those of the deck's own included.
fn written(storm: &Storm) {
    let (deck, model) = (&storm.deck, &storm.model);
    let stats = deck.events().stats();
    let [survivors, items, counted] =
        [&model.survivors, &model.items, &model.counted].map(|n| n.load(Relaxed));
    let normal = counted + model.runs.load(Relaxed) + 2 * model.spans.load(Relaxed);
    assert_eq!(stats.written_by_class[Class::Normal], normal, "{stats:?}");
    assert_eq!(stats.written_by_class[Class::Verbose], items, "{stats:?}");
    // What a long storm has the deck say of workers overwrites itself.
    if stats.classes[Class::Critical].overwritten == 0 {
        let mut own = 0;
        let of_deck = |event: &Recorded<'_>| {
            event.class() == Class::Critical && event.kind().starts_with("flightdeck.")
        };
        deck.events().query().each(|event| own += u64::from(of_deck(&event))).unwrap();
        assert_eq!(stats.written_by_class[Class::Critical], survivors + own, "{stats:?}");
        let kind = |kind| deck.events().query().kind_named(kind).count();
        assert_eq!(kind("flightdeck.worker.failed"), deck.supervisor().status().failures);
        assert_eq!(kind("flightdeck.error"), model.reports.load(Relaxed));
        assert_eq!(kind("flightdeck.config.published"), model.published.load(Relaxed));
    } else {
        assert!(storm.chaos.thrown() > 10_000, "a short one has room for all: {stats:?}");
    }
    assert!(deck.events().losses().is_empty(), "{:?}", deck.events().losses());
}

#[test]
fn two_thousand_panics_cost_nothing_but_what_panicked() {
    storm(7, 2_000);
}

#[test]
#[ignore = "takes a minute; part of the stress job"]
fn a_hundred_thousand_panics_cost_nothing_but_what_panicked() {
    storm(7, 100_000);
}
