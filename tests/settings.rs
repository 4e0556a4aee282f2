//! What a deck is told while it runs: each setting takes effect without a restart, and goes back with it.

use flightdeck::config::{Config, Validate, Violations};
use flightdeck::events::{Class, Directives};
use flightdeck::{Flightdeck, PipelineSettings, Settings};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

flightdeck::kind! {
    Polled("db.polled") {}
    Filled("order.filled") { qty: u64 }
    Traced("order.traced", class = Verbose) {}
}

/// Far longer than a chore that does not follow would take.
const SOON: Duration = Duration::from_secs(20);
/// So long that nothing that takes it happens in a test by itself.
const NEVER: Duration = Duration::from_secs(600);

fn change<C: Send + Sync + 'static>(deck: &Flightdeck<C>, change: impl FnOnce(&mut Settings)) {
    let update = |now: &Settings| {
        let mut settings = now.clone();
        change(&mut settings);
        settings
    };
    deck.settings().update(update).unwrap();
}

fn settings(change: impl FnOnce(&mut Settings)) -> Settings {
    let mut settings = Settings::default();
    change(&mut settings);
    settings
}

fn becomes_true(what: &str, is_so: impl Fn() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < SOON, "{what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn count(deck: &Flightdeck, kind: &str) -> u64 {
    deck.events().query().kind_named(kind).count()
}

fn directives(text: &str) -> Directives {
    text.parse().unwrap()
}

#[test]
fn levels_samples_and_rates_change_under_a_running_deck() {
    let deck =
        Flightdeck::builder().settings(settings(|s| s.directives = directives("db=off"))).start().unwrap();
    deck.record(Polled {});
    assert_eq!(count(&deck, "db.polled"), 0, "from the first event on");
    change(&deck, |settings| settings.directives = directives("db=1/10"));
    (0..100).for_each(|_| deck.record(Polled {}));
    assert_eq!(count(&deck, "db.polled"), 10);
    change(&deck, |settings| settings.directives = directives("db=5/h"));
    (0..100).for_each(|_| deck.record(Polled {}));
    assert_eq!(count(&deck, "db.polled"), 15);
    change(&deck, |settings| settings.directives = directives(""));
    deck.record(Polled {});
    assert_eq!(count(&deck, "db.polled"), 16);
}

struct App {
    record: &'static str,
}

impl Validate for App {
    fn validate(&self, _: &mut Violations) {}
}

#[test]
fn the_config_of_the_host_says_more_than_the_settings_and_they_more_than_the_builder() {
    let deck = Flightdeck::builder()
        .config(App { record: "" })
        .directives(|app: &App| directives(app.record))
        .events(|events| events.directives("info,a=off,b=off,c=off"))
        .settings(settings(|s| s.directives = directives("b=warn,c=warn")))
        .start()
        .unwrap();
    let said = || deck.events().directives().to_string();
    assert_eq!(said(), "info,a=off,b=warn,c=warn");
    deck.config().replace(App { record: "c=error" }).unwrap();
    assert_eq!(said(), "info,a=off,b=warn,c=error");
    change(&deck, |settings| settings.directives = directives("b=debug,c=debug"));
    assert_eq!(said(), "info,a=off,b=debug,c=error");
    deck.config().replace(App { record: "" }).unwrap();
    assert_eq!(said(), "info,a=off,b=debug,c=debug");
    // By hand: stays until somebody says something else.
    deck.events().set_directives(directives("trace"));
    change(&deck, |settings| settings.flush = Duration::from_millis(300));
    assert_eq!(said(), "trace");
    change(&deck, |settings| settings.directives = directives(""));
    assert_eq!(said(), "info,a=off,b=off,c=off");
}

#[test]
fn events_grow_as_old_as_the_settings_say() {
    let deck = Flightdeck::builder()
        .settings(settings(|s| s.prune = NEVER))
        .events(|events| events.max_age_of(Class::Normal, NEVER))
        .start()
        .unwrap();
    deck.record(Filled { qty: 1 });
    deck.record(Traced {});
    change(&deck, |settings| {
        settings.max_age.insert(Class::Verbose, Duration::from_nanos(1));
        settings.prune = Duration::from_millis(1);
    });
    becomes_true("the verbose event is pruned, and soon", || count(&deck, "order.traced") == 0);
    assert_eq!(count(&deck, "order.filled"), 1);
    change(&deck, |settings| _ = settings.max_age.insert(Class::Normal, Duration::from_secs(1)));
    assert_eq!(deck.events().max_age(Class::Normal), Some(Duration::from_secs(1)));
    change(&deck, |settings| settings.max_age.clear());
    let ages = [Class::Normal, Class::Verbose].map(|class| deck.events().max_age(class));
    assert_eq!(ages, [Some(NEVER), None], "as it was built");
}

#[test]
fn idle_series_go_when_the_settings_say_so() {
    let deck =
        Flightdeck::builder().settings(settings(|s| s.prune = Duration::from_millis(1))).start().unwrap();
    let telemetry = deck.telemetry().clone();
    telemetry.counter_with("sessions", &[("user", "ann")]).increment(1);
    let is_there = || telemetry.snapshot().get_with("sessions", &[("user", "ann")]).is_some();
    std::thread::sleep(Duration::from_millis(50));
    assert!(is_there());
    change(&deck, |settings| settings.idle_series = Some(Duration::from_millis(1)));
    becomes_true("the series is retired", || !is_there());
    change(&deck, |settings| settings.idle_series = None);
    assert_eq!(telemetry.retire_after(), None);
}

#[test]
fn queued_subscribers_are_told_as_often_as_the_settings_say() {
    let deck = Flightdeck::builder()
        .config(App { record: "" })
        .settings(settings(|s| s.flush = NEVER))
        .start()
        .unwrap();
    let told = Arc::new(AtomicU64::new(0));
    let counted = told.clone();
    let _subscription = deck.config().subscribe_queued(move |_| _ = counted.fetch_add(1, Relaxed));
    deck.config().replace(App { record: "" }).unwrap();
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(told.load(Relaxed), 0, "not within the default of 250 ms");
    change(&deck, |settings| settings.flush = Duration::from_millis(5));
    becomes_true("the subscriber is told", || told.load(Relaxed) == 1);
}

#[test]
fn the_settings_themselves_have_queued_subscribers() {
    let deck =
        Flightdeck::builder().settings(settings(|s| s.flush = Duration::from_millis(5))).start().unwrap();
    let told = Arc::new(AtomicU64::new(0));
    let counted = told.clone();
    let _subscription = deck.settings().subscribe_queued(move |_| _ = counted.fetch_add(1, Relaxed));
    change(&deck, |settings| settings.reclaim = Duration::from_secs(6));
    becomes_true("the subscriber is told", || told.load(Relaxed) == 1);
    let published = deck.telemetry().snapshot();
    let published = published.get("flightdeck_config_published_total");
    assert_eq!(published, Some(&flightdeck::telemetry::Value::Counter(1)));
}

#[test]
fn batches_and_queues_of_pipelines_follow_also_of_those_that_are_yet_to_come() {
    let said = PipelineSettings::new().batch(10, Duration::from_secs(60)).room(8);
    let deck = Flightdeck::builder()
        .settings(settings(|s| _ = s.pipelines.insert("export".to_owned(), said)))
        .start()
        .unwrap();
    let (sender, batches) = std::sync::mpsc::channel();
    let stages = deck.events().query().kind::<Filled>().follow().unwrap().pipeline("export");
    let batched = stages.queue(64).batch(3, Duration::from_secs(60));
    let export = deck.pipeline(batched.sink(move |batch| {
        sender.send(batch.len()).unwrap();
        Ok(())
    }));
    let export = export.unwrap();
    let rooms = || export.status().stages.last().map(|sink| (sink.room, sink.places)).unwrap();
    assert_eq!((export.status().batch_size, rooms()), (10, (8, 64)));
    (0..10).for_each(|qty| deck.record(Filled { qty }));
    assert_eq!(batches.recv_timeout(SOON), Ok(10));
    // A batch that is being gathered, too.
    (0..2).for_each(|qty| deck.record(Filled { qty }));
    change(&deck, |settings| {
        let batch = PipelineSettings::new().batch(2, Duration::from_secs(60)).room(1_000);
        settings.pipelines.insert("export".to_owned(), batch);
    });
    assert_eq!(batches.recv_timeout(SOON), Ok(2));
    assert_eq!(rooms(), (64, 64), "no more than it was built for");
    change(&deck, |settings| settings.pipelines.clear());
    assert_eq!((export.status().batch_size, rooms()), (3, (64, 64)), "as it was built");
    let timeout = PipelineSettings::new().batch(100, Duration::from_millis(1));
    change(&deck, |settings| _ = settings.pipelines.insert("export".to_owned(), timeout));
    deck.record(Filled { qty: 1 });
    assert_eq!(batches.recv_timeout(SOON), Ok(1), "the time-out, long before a hundred");
}

#[test]
fn a_queue_whose_room_is_taken_away_loses_nothing_and_stalls_nobody() {
    let deck = Flightdeck::builder().start().unwrap();
    let delivered = Arc::new(AtomicU64::new(0));
    let (sum, stages) = (delivered.clone(), deck.events().query().kind::<Filled>().follow().unwrap());
    let export = deck.pipeline(stages.pipeline("export").queue(256).sink(move |batch| {
        std::thread::sleep(Duration::from_micros(20));
        sum.fetch_add(batch.len() as u64, Relaxed);
        Ok(())
    }));
    let export = export.unwrap();
    for (turn, room) in (0..40_u64).zip([1, 256, 2, 64].into_iter().cycle()) {
        (0..50).for_each(|qty| deck.record(Filled { qty: turn * 50 + qty }));
        change(&deck, |settings| {
            settings.pipelines.insert("export".to_owned(), PipelineSettings::new().room(room));
        });
    }
    becomes_true("everything is delivered", || delivered.load(Relaxed) == 2_000);
    assert_eq!(export.stop(SOON).left(), 0);
}

#[test]
fn as_many_executions_wait_for_a_handler_as_the_settings_say() {
    let deck = Flightdeck::builder().start().unwrap();
    let telemetry = deck.telemetry();
    let handler = telemetry.attach_queued("slow", &["http"], 100, |_| {}).unwrap();
    change(&deck, |settings| _ = settings.handler_queues.insert("slow".to_owned(), 3));
    let waiting = || handler.status().queue.map(|queue| (queue.waiting, queue.dropped)).unwrap();
    (0..10).for_each(|_| telemetry.execute("http.stop", &[], &[]));
    assert_eq!(waiting(), (3, 7));
    change(&deck, |settings| settings.handler_queues.clear());
    (0..10).for_each(|_| telemetry.execute("http.stop", &[], &[]));
    assert_eq!(waiting(), (13, 7));
}

#[test]
fn settings_that_make_no_sense_are_refused_with_all_that_is_wrong() {
    let bad = settings(|settings| {
        settings.flush = Duration::ZERO;
        settings.reclaim = Duration::MAX;
        settings
            .pipelines
            .insert("export".to_owned(), PipelineSettings::new().batch(0, Duration::ZERO).room(0));
        settings.handler_queues.insert("slow".to_owned(), 0);
    });
    let fields = |violations: &Violations| {
        violations.iter().map(|violation| violation.field.clone()).collect::<Vec<_>>()
    };
    let expected =
        ["flush", "reclaim", "pipelines.export.batch", "pipelines.export.room", "handler_queues.slow"];
    let refused = Flightdeck::builder().settings(bad.clone()).start().unwrap_err();
    let flightdeck::StartError::Settings(refused) = refused else { panic!("{refused}") };
    assert_eq!(fields(refused.violations()), expected);

    let deck = Flightdeck::builder().start().unwrap();
    let refused = deck.settings().replace(bad).unwrap_err();
    assert_eq!(fields(refused.violations().unwrap()), expected);
    assert_eq!(*deck.settings().load().value(), Settings::default(), "nothing changed");
}

#[test]
fn who_keeps_the_settings_keeps_no_deck() {
    let deck = Flightdeck::builder().start().unwrap();
    let (kept, config) = (deck.settings().clone(), deck.config().downgrade());
    drop(deck);
    assert!(config.upgrade().is_none());
    kept.update(Settings::clone).unwrap();
    let _: &Config<Settings> = &kept;
}
