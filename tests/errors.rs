//! Every error the library can return, as users see it: code, advice, message. Taken from real calls wherever
//! one can be made, and compared with `tests/golden/errors.txt`; and the list of all codes in the documentation, made of
//! those and of the hints in `src/error/codes`. After a change on purpose: `FLIGHTDECK_BLESS=1 cargo test --test errors`,
//! and read the diff before committing it.

use flightdeck::config::{
    self, Config, LoadError, Looked, PathError, Paths, Sources, UnknownKeys, Validate, Violations, WatchError,
};
use flightdeck::error::codes;
use flightdeck::events::{
    Batch, BuildError, CaptureError, ClaimError, Class, DefineError, Directives, DirectivesError, Events,
    FieldType, Pin, PinError, Predicate, PromptError, QuotaError, Recording, RecordingError, ReserveError,
    Schema, Scope, SectionError, Stamp, Start, Trigger, TriggerError, Triggers, Value, WriterError,
};
use flightdeck::mapped::{CreateError, Header, HeaderError, OpenError};
use flightdeck::supervisor::{
    AutoShutdown, Breaker, BreakerSettings, Bulkhead, Check, ChildSpec, Restart, Rules, StartError,
    Supervisor,
};
use flightdeck::telemetry::{
    CarryError, Description, InputError, MetricType, Pressure, PressureError, PressureWatch, ProcessError,
    RegisterError, Resolution, Telemetry, Unit,
};
use flightdeck::{
    Clock, CorrelationId, Diagnostic, DumpError, Flightdeck, PanicHookError, PartError, ReplayError, Retry,
    Revision, TickError, Ticks,
};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, UNIX_EPOCH};

fn all() -> Vec<Box<dyn Diagnostic>> {
    let mut errors = Vec::new();
    events(&mut errors);
    telemetry(&mut errors);
    supervisor(&mut errors);
    limiter(&mut errors);
    guards(&mut errors);
    retry(&mut errors);
    jobs(&mut errors);
    config(&mut errors);
    sources(&mut errors);
    history(&mut errors);
    paths(&mut errors);
    derived(&mut errors);
    hub(&mut errors);
    clock(&mut errors);
    mapped(&mut errors);
    serve(&mut errors);
    errors
}

fn mapped(errors: &mut Errors) {
    let path = || PathBuf::from("/run/host/deck");
    let reason = |text: &str| text.into();
    // By hand: another file, disk or user is behind each (see the tests of `src/mapped`).
    for error in [
        CreateError::Size { words: usize::MAX, sections: 55 },
        CreateError::InUse { path: path() },
        CreateError::Exists { path: path() },
        CreateError::Foreign { path: path(), reason: reason("it is no regular file") },
        CreateError::NoSpace { path: path(), wanted: 1 << 30, there: Some(64 << 20), kept: 3 << 30 },
        CreateError::Limit { path: path(), wanted: 1 << 30, limit: 1 << 20 },
        CreateError::NotReserved { path: path() },
        CreateError::NoPlace {
            reasons: reason(
                "FLIGHTDECK_DIR is not set to an absolute path; memory: Read-only file system (os error 30)",
            ),
        },
    ] {
        errors.push(Box::new(error));
    }
    let nowhere = Events::builder().memory(1 << 20).shards(1).mapped("/nowhere/deck").build();
    errors.push(Box::new(nowhere.unwrap_err()));
    let no_directory = Events::builder().memory(1 << 20).shards(1).mapped("/dev/null/deck").build();
    errors.push(Box::new(no_directory.unwrap_err()));
    errors.push(Box::new(Recording::open("/nowhere/deck").unwrap_err()));
    errors.push(Box::new(Recording::open("/dev/null").unwrap_err()));
    let options = flightdeck::mapped::Options::in_directory(std::env::temp_dir());
    let alone = Events::builder().memory(1 << 20).shards(1).mapped(options).build().unwrap();
    let path_of_events = alone.file().and_then(|file| file.path()).unwrap();
    let of_events = flightdeck::Recording::open(path_of_events).unwrap();
    std::fs::remove_file(path_of_events).unwrap();
    errors.push(Box::new(of_events.configs().unwrap_err()));
    // By hand: a file that was damaged, or that another version wrote.
    for error in [
        PartError::Version { part: "workers", found: 2, known: 1 },
        PartError::Length { part: "health", words: 7 },
        PartError::Busy { part: "configs" },
    ] {
        errors.push(Box::new(error));
    }
    errors.push(Box::new(Flightdeck::builder().start().unwrap().dump("/run/host/deck").unwrap_err()));
    // By hand: it takes a fork.
    errors.push(Box::new(DumpError::Forked));
    // By hand: no deck of this version writes one without events.
    errors.push(Box::new(RecordingError::NoEvents { path: path() }));
    errors.push(Box::new(flightdeck::telemetry::RecordingError::NoTelemetry { path: path() }));
    for error in [
        OpenError::ForeignOwner { path: path(), owner: 1_001, user: 1_000 },
        OpenError::Unfinished { path: path(), process: 4_711 },
        OpenError::Written { path: path(), process: 4_711 },
    ] {
        errors.push(Box::new(error));
    }
    errors.push(Box::new(Header::parse(b"", 0).unwrap_err()));
    errors.push(Box::new(Header::parse(&[b'x'; 4_096], 4_096).unwrap_err()));
    for error in [
        HeaderError::ByteOrder,
        HeaderError::Version { found: 2, known: 1 },
        HeaderError::Truncated { bytes: 4_096, wanted: 1 << 20 },
        HeaderError::Damaged { field: "section start", value: 8, why: "it is no multiple of 16" },
    ] {
        errors.push(Box::new(error));
    }
}

fn hub(errors: &mut Errors) {
    let deck = Flightdeck::builder().start().unwrap();
    assert!(deck.shutdown(Duration::from_secs(20)).is_clean());
    errors.push(Box::new(deck.tail().to(std::io::sink()).unwrap_err()));
    let named = |rate| Config::builder(Rate(rate)).named("rates").build().unwrap();
    let twice = Flightdeck::builder().add_config(named(1)).add_config(named(2)).start();
    errors.push(Box::new(twice.unwrap_err()));
    let deck = Flightdeck::builder().add_config(named(1)).start().unwrap();
    deck.bulkhead("reports", 4).unwrap();
    errors.push(Box::new(deck.bulkhead("reports", 5).unwrap_err()));
    errors.push(Box::new(deck.config_named::<Rate>("rate").unwrap_err()));
    errors.push(Box::new(deck.config_named::<u64>("rates").unwrap_err()));
}

/// The address of the last is one that no machine has.
fn serve(errors: &mut Errors) {
    use flightdeck::bridge::serve::{ServeError, Server};
    let deck = Flightdeck::builder().start().unwrap();
    let server = || Server::builder(&deck).address(([127, 0, 0, 1], 0));
    errors.push(Box::new(server().token("guess me").start().unwrap_err()));
    errors.push(Box::new(server().most_connections(0).start().unwrap_err()));
    errors.push(Box::new(server().address(([0, 0, 0, 0], 9464)).show_events().start().unwrap_err()));
    errors.push(Box::new(server().show_config(deck.config()).start().unwrap_err()));
    errors.push(Box::new(server().address(([192, 0, 2, 1], 9464)).start().unwrap_err()));
    drop(server().start().unwrap());
    let twice: ServeError = server().start().unwrap_err();
    errors.push(Box::new(twice));
}

type Errors = Vec<Box<dyn Diagnostic>>;

fn clock(errors: &mut Errors) {
    let before = UNIX_EPOCH - Duration::from_secs(1);
    errors.push(Box::new(Clock::supplied().ticks_at(before).unwrap_err()));
    errors.push(Box::new(Clock::system().tick_every(Duration::from_millis(1)).unwrap_err()));
    errors.push(Box::new(Clock::coarse().tick_every(Duration::ZERO).unwrap_err()));
    // By hand: the limit on threads is the system's.
    errors.push(Box::new(TickError::NoThread { source: std::io::ErrorKind::WouldBlock.into() }));

    let events = Events::builder().memory(1 << 20).shards(1).clock(Clock::supplied()).build().unwrap();
    let late = Stamp::of(1_u64).at(Ticks(1 << 63));
    errors.push(Box::new(events.try_record_with(late, Dumped { image: &[] }).unwrap_err()));
    let kind = events.define(Schema::new("order.filled").field("qty", FieldType::U64)).unwrap();
    errors.push(Box::new(events.record_values(late, &kind, &[Value::U64(5)]).unwrap_err()));
}

fn events(errors: &mut Errors) {
    let build = |memory, shards| Events::builder().memory(memory).shards(shards).build();
    errors.push(Box::new(build(1_000, 4).unwrap_err()));
    errors.push(Box::new(build(1 << 20, 0).unwrap_err()));
    // By hand: systems that promise more memory than they have would grant any amount.
    errors.push(Box::new(BuildError::OutOfMemory { bytes: 1 << 42 }));
    errors.push(Box::new(Events::builder().shared_shards(10_000).build().unwrap_err()));
    // By hand: the limit is the system's, and for a privileged user there is none (see `tests/memory.rs`).
    let reason = "Cannot allocate memory (os error 12)".to_owned();
    errors.push(Box::new(BuildError::NotLocked { bytes: 1 << 30, reason }));
    let directives = |text: &str| Box::new(text.parse::<Directives>().unwrap_err());
    errors.push(directives("info,http=verbos,db[slow=1/100,a..b=off,cache=1/0,order=2000000/s"));
    errors.push(directives("http[slow]"));
    errors.push(Box::new(Events::builder().directives("info,order.filled=of").build().unwrap_err()));
    // By hand: the environment is that of all tests (see `tests/control.rs`).
    errors.push(Box::new(DirectivesError::NotUnicode { variable: "FLIGHTDECK_LOG" }));
    kinds_of_recordings(errors);
    quotas(errors);
    // By hand: only a child process gets it (see `tests/fork.rs`).
    errors.push(Box::new(WriterError::Forked));
    // By hand: only a filter on system calls, a build without them and a child get these (see `tests/prompt.rs`).
    errors
        .push(Box::new(PromptError::NoBarrier { reason: "Operation not permitted (os error 1)".to_owned() }));
    errors.push(Box::new(PromptError::Forked));
    let recording = Events::builder().memory(1 << 20).shards(1).build().unwrap().recording().unwrap();
    errors.push(Box::new(recording.cursor().prompt().unwrap_err()));
    for error in [
        SectionError::NoSection { found: 0x1f8b },
        SectionError::Version { found: 2, known: 1 },
        SectionError::TooShort { words: 4_096, needed: 262_144 },
        SectionError::Field { field: "words of a ring", value: 1_000, limit: 1 << 31 },
        SectionError::Clock,
    ] {
        errors.push(Box::new(error));
    }

    let events = Events::builder().memory(1 << 20).shards(1).clock(Clock::manual()).build().unwrap();
    let schema = Schema::new("order.filled").field("qty", FieldType::U64).field("venue", FieldType::Str);
    let kind = events.define(schema.clone()).unwrap();
    let record = |values: &[Value<'_>]| events.record_values(Stamp::current(), &kind, values);
    errors.push(Box::new(record(&[Value::U64(5)]).unwrap_err()));
    errors.push(Box::new(record(&[Value::U64(5), Value::Bool(true)]).unwrap_err()));
    let token = events.define(Schema::new("user.login").secret_field("token", FieldType::Str)).unwrap();
    let hidden = events.record_values(Stamp::current(), &token, &[Value::Secret { bytes: 12 }]);
    errors.push(Box::new(hidden.unwrap_err()));
    let whole = Events::builder().memory(1 << 20).shards(1).longest_value(usize::MAX).build().unwrap();
    let raw = whole.define(Schema::raw("core.dump")).unwrap();
    let large = vec![0; 100_000];
    let refused = whole.record_values(Stamp::current(), &raw, &[Value::Bytes(&large)]);
    errors.push(Box::new(refused.unwrap_err()));
    errors.push(Box::new(whole.try_record(Dumped { image: &large }).unwrap_err()));
    pods(errors);

    let other = build(1 << 20, 1).unwrap();
    errors.push(Box::new(other.record_values(Stamp::current(), &kind, &[]).unwrap_err()));
    let more = |n| other.define(Schema::new(format!("kind.{n:04}")));
    errors.push(Box::new((0..100_000).find_map(|n| more(n).err()).expect("the table of kinds has an end")));

    // By hand: only a child process gets it (see `tests/fork.rs`).
    errors.push(Box::new(DefineError::Forked { schema: Box::new(Schema::raw("core.dump")) }));

    let mut batch = Batch::new();
    batch.push_values(Stamp::current(), &kind, &[Value::U64(5)]);
    batch.push_values(Stamp::current(), &kind, &[Value::U64(5), Value::Str("XETRA")]);
    batch.push_values(Stamp::current(), &kind, &[Value::U64(5), Value::Bool(true)]);
    errors.push(Box::new(events.record_batch(&mut batch).unwrap_err()));
    batch.clear();
    for _ in 0..1_000 {
        batch.push_values(Stamp::current(), &kind, &[Value::U64(5), Value::Str("XETRA")]);
    }
    errors.push(Box::new(events.record_batch(&mut batch).unwrap_err()));

    claims(errors, &events);
    let _only = events.writer().unwrap();
    errors.push(Box::new(events.writer().unwrap_err()));
    errors.push(Box::new(events.query().between(Ticks(9)..=Ticks(4)).run().unwrap_err()));
    errors.push(Box::new(events.query().correlation(CorrelationId::NONE).run().unwrap_err()));
    predicates(errors, &events);
    incidents(errors);
    triggers(errors);
    errors.push(Box::new(events.query().kind_named("order.filed").run().unwrap_err()));
    errors.push(Box::new(events.query().thread(1).thread(2).run().unwrap_err()));
    let severe = events.query().kind_named("order.filled").severity_at_least(flightdeck::Severity::Error);
    errors.push(Box::new(severe.run().unwrap_err()));
    errors.push(Box::new(events.query().newest_first().each_in_order(|_| {}).unwrap_err()));
    let spread = flightdeck::events::Events::builder().clock(Clock::supplied()).build().unwrap();
    for at in [Ticks(1), Ticks(1_000_000_000)] {
        spread.record_with(Stamp::of(1_u64).at(at), Dumped { image: &[] });
    }
    errors.push(Box::new(spread.query().buckets(Duration::from_micros(1)).unwrap_err()));
    cursors(errors, &events);
    errors.push(Box::new(Scope::from_traceparent("00-4bf92f35-00f067aa-01").unwrap_err()));
    let no_trace = format!("00-{:032x}-00f067aa0ba902b7-01", 0);
    errors.push(Box::new(Scope::from_traceparent(&no_trace).unwrap_err()));
}

fn incidents(errors: &mut Errors) {
    let build = |bytes, count| Events::builder().memory(1 << 20).incidents(bytes, count).build().unwrap();
    let answer = |events: &Events| events.query().run().unwrap();
    let (off, small) = (build(0, 0), build(100, 2));
    errors.push(Box::new(off.pin("checkout failed", &answer(&off)).unwrap_err()));
    errors.push(Box::new(off.pin("checkout failed", &answer(&small)).unwrap_err()));
    errors.push(Box::new(small.pin(&*"x".repeat(300), &answer(&small)).unwrap_err()));
    let _ = small.pin(Pin::named(&"x".repeat(90)).because("").protected(), &answer(&small)).unwrap();
    errors.push(Box::new(small.pin("checkout failed", &answer(&small)).unwrap_err()));
    small.record(Dumped { image: &[0; 64] });
    errors.push(Box::new(small.pin("checkout failed", &answer(&small)).unwrap_err()));
    // By hand: only a child process gets it (see `tests/fork.rs`).
    errors.push(Box::new(PinError::Forked));
}

fn triggers(errors: &mut Errors) {
    let build =
        |bytes| Events::builder().memory(1 << 20).incidents(bytes, 4).clock(Clock::manual()).build().unwrap();
    let (events, off) = (build(100_000), build(0));
    let triggers = Triggers::new(&events);
    let mut refused = |trigger: Trigger| errors.push(Box::new(triggers.add(trigger).unwrap_err()));
    refused(events.query().kind_named("order.filed").trigger("typed"));
    refused(off.query().trigger("of another"));
    refused(Trigger::on_call(""));
    refused(Trigger::on_call("x".repeat(300)));
    refused(Trigger::on_call("last words").into_directory("/var/crash"));
    refused(Trigger::on_call("nowhere").into_directory("/no/such/directory"));
    refused(Trigger::on_call("a_device").into_directory("/dev/null"));
    refused(Trigger::on_call("often").at_most(0, Duration::from_secs(1)));
    refused(Trigger::on_call("often").at_most(5_000, Duration::ZERO));
    refused(Trigger::on_signal("term", 15));
    triggers.add(Trigger::on_call("slow")).unwrap();
    refused(Trigger::on_call("slow"));
    let name = |n: u32| Trigger::on_call(format!("call {n}"));
    errors.push(Box::new((0..10_000).find_map(|n| triggers.add(name(n)).err()).expect("there is an end")));
    errors.push(Box::new(triggers.fire("slwo").unwrap_err()));
    let without = Triggers::new(&off);
    errors.push(Box::new(without.add(Trigger::on_call("slow")).unwrap_err()));
    without.finish(Duration::ZERO);
    errors.push(Box::new(without.fire("slow").unwrap_err()));
    // By hand: what the system and a supervisor say (see `tests/triggers.rs` for those of captures).
    errors.push(Box::new(TriggerError::NoHandler {
        signal: 12,
        reason: "Invalid argument (os error 22)".into(),
    }));
    errors.push(Box::new(TriggerError::NoThread { reason: "worker `triggers` is there twice".into() }));
    let path = "/var/crash/flightdeck-errors-1-1-1.txt";
    let reason = "No space left on device (os error 28)".into();
    errors.push(Box::new(CaptureError::File { path: path.into(), reason }));
    errors.push(Box::new(CaptureError::FileTooLarge { path: path.into(), needed: 300, limit: 100 }));
    errors.push(Box::new(CaptureError::OutOfTime));
    errors.push(Box::new(CaptureError::Panicked { message: "no\nluck".into() }));
    errors.push(Box::new(PanicHookError::Taken));
}

fn cursors(errors: &mut Errors, events: &Events) {
    errors.push(Box::new(events.query().newest_first().follow().unwrap_err()));
    let other = Events::builder().memory(1 << 20).shards(1).build().unwrap();
    other.record_with(Stamp::of(1_u64), Dumped { image: &[] });
    let id = other.query().run().unwrap().iter().next().unwrap().id();
    errors.push(Box::new(events.query().follow_from(Start::Event(id)).unwrap_err()));
    let mut cursor = other.cursor();
    errors.push(Box::new(cursor.next(Duration::from_millis(2)).unwrap_err()));
    other.stop();
    errors.push(Box::new(cursor.next(Duration::MAX).unwrap_err()));
}

fn predicates(errors: &mut Errors, events: &Events) {
    let predicate = |text: &str| Box::new(text.parse::<Predicate>().unwrap_err());
    errors.push(predicate("rows >= 100 & route == \"/buy\""));
    errors.push(predicate("rows >="));
    errors.push(predicate("rows >= 100s && took == 99999999999999999999"));
    errors.push(predicate("route == \"/buy"));
    errors.push(predicate(&"(".repeat(100)));
    errors.push(predicate(&"x".repeat(100_000)));
    let schema =
        Schema::new("db.queried").field("rows", FieldType::U64).secret_field("token", FieldType::Str);
    events.define(schema).unwrap();
    for text in ["row > 5", "token == \"x\"", "rows == true"] {
        let query = events.query().kind_named("db.queried").matching(text.parse().unwrap());
        errors.push(Box::new(query.run().unwrap_err()));
    }
}

/// Kinds of a recording that are none of this build's.
fn kinds_of_recordings(errors: &mut Errors) {
    let events = Events::builder().memory(1 << 20).shards(1).build().unwrap();
    let recording = events.recording().unwrap();
    events.define(Schema::new("core.dumped").field("bytes", FieldType::U64)).unwrap();
    errors.push(Box::new(recording.query().kind::<Dumped<'_>>().run().unwrap_err()));
    let long = |n| Schema::new(format!("{n}{}", "x".repeat(2_000)));
    while recording.nameless().kinds == 0 {
        events.define(long(recording.kinds().count())).unwrap();
    }
    errors.push(Box::new(recording.query().kind::<Quoted<'_>>().run().unwrap_err()));
}

fn quotas(errors: &mut Errors) {
    let events = Events::builder().memory(1 << 20).shards(1).build().unwrap();
    let quota = |rate, keys| events.quota("by tenant", rate, keys);
    errors.push(Box::new(quota(flightdeck::events::Rate::per_second(0), 100).unwrap_err()));
    errors.push(Box::new(quota(flightdeck::events::Rate::per_second(10), 1 << 20).unwrap_err()));
    quota(flightdeck::events::Rate::per_second(10), 100).unwrap();
    errors.push(Box::new(quota(flightdeck::events::Rate::per_minute(10), 100).unwrap_err()));
    // By hand: systems that promise more memory than they have would grant any amount.
    errors.push(Box::new(QuotaError::OutOfMemory { name: "by tenant".into(), keys: 65_536 }));
}

flightdeck::kind! {
    Dumped("core.dumped", class = Verbose) { image: bytes }
    Quoted("market.quoted") { sequence: u64, quote: pod Quote, answer: bytes }
}

#[derive(zerocopy::FromBytes, zerocopy::IntoBytes, zerocopy::Immutable)]
#[repr(C)]
struct Quote {
    bid: u64,
    ask: u64,
}

fn claims(errors: &mut Errors, events: &Events) {
    std::thread::scope(|threads| {
        let body = || {
            let reserve = |bytes| events.reserve::<Dumped<'_>>(bytes);
            let mut claimed: Errors = vec![Box::new(reserve(1 << 30).unwrap_err())];
            claimed.push(Box::new(events.reserve::<Quoted<'_>>(8).unwrap_err()));
            let mut claim = reserve(8).unwrap().expect("switched on");
            claimed.push(Box::new(reserve(8).unwrap_err()));
            claimed.push(Box::new(claim.append(&[0; 9]).unwrap_err()));
            let shared = || events.reserve::<Dumped<'_>>(8).unwrap_err();
            claimed.push(Box::new(std::thread::scope(|others| others.spawn(shared).join().unwrap())));
            let other = Events::builder().memory(1 << 20).build().unwrap();
            let foreign = other.define(Schema::raw("core.image")).unwrap();
            claimed.push(Box::new(events.reserve_kind(Stamp::current(), &foreign, 8).unwrap_err()));
            claimed
        };
        errors.extend(threads.spawn(body).join().unwrap());
    });
    // By hand: only a thread that ends and a child process get them (see `tests/claims.rs` and `tests/fork.rs`).
    errors.push(Box::new(ClaimError::Closed));
    // By hand: it takes half a year to get there.
    errors.push(Box::new(ReserveError::UsedUp { class: Class::Normal }));
    errors.push(Box::new(ReserveError::Forked));
}

fn pods(errors: &mut Errors) {
    let events = Events::builder().memory(1 << 20).shards(1).longest_value(16).build().unwrap();
    let quote = Quote { bid: 1, ask: 2 };
    events.record(Quoted { sequence: 1, quote: &quote, answer: &[7] });
    events.record(Quoted { sequence: 2, quote: &quote, answer: &[7; 20] });
    let answer = events.query().run().unwrap();
    let (first, last) = (answer.iter().next().unwrap(), answer.iter().next_back().unwrap());
    errors.push(Box::new(first.pod::<Quote>("qoute").err().unwrap()));
    errors.push(Box::new(first.pod::<Quote>("sequence").err().unwrap()));
    errors.push(Box::new(first.pod::<u32>("quote").err().unwrap()));
    errors.push(Box::new(first.pod::<bool>("answer").err().unwrap()));
    errors.push(Box::new(last.pod::<u8>("answer").err().unwrap()));
}

fn telemetry(errors: &mut Errors) {
    type Unread = flightdeck::telemetry::SectionError;
    for error in [
        Unread::NoSection { found: 0x1f8b },
        Unread::Version { found: 2, known: 1 },
        Unread::TooShort { words: 4_096, needed: 262_144 },
        Unread::Field { field: "slabs", value: 1_000, limit: 1 << 20 },
    ] {
        errors.push(Box::new(error));
    }
    // By hand: only a child gets it (see `tests/telemetry_fork.rs`).
    errors.push(Box::new(RegisterError::Forked { name: "requests_total".to_owned() }));
    let telemetry = Telemetry::builder().cells(64).build().unwrap();
    let counter = telemetry.counter("requests_total");
    errors.push(Box::new(telemetry.try_histogram("requests_total").unwrap_err()));
    errors.push(Box::new(telemetry.try_histogram("latency_ns").unwrap_err()));
    errors.push(Box::new(telemetry.try_gauge("").unwrap_err()));
    errors.push(Box::new(telemetry.try_gauge("queue\nlength").unwrap_err()));
    errors.push(Box::new(telemetry.try_gauge(&"queue_".repeat(50)).unwrap_err()));
    let labelled = |labels: &[(&str, &str)]| telemetry.try_counter_with("hits", labels).unwrap_err();
    errors.push(Box::new(labelled(&[("", "GET")])));
    errors.push(Box::new(labelled(&[(&"method_".repeat(20), "GET")])));
    errors.push(Box::new(labelled(&[("method\t", "GET")])));
    errors.push(Box::new(labelled(&[("method", "GET"), ("method", "PUT")])));
    errors.push(Box::new(labelled(&[("overflow", "true")])));
    errors.push(Box::new(labelled(&[("method", "GET"); 17])));
    let window =
        |slots, millis| telemetry.window(&counter, slots, Duration::from_millis(millis)).unwrap_err();
    errors.extend([window(0, 1_000), window(10, 0)].map(|error| Box::new(error) as Box<dyn Diagnostic>));
    let (of_another, refused) = (Telemetry::new().counter("hits"), telemetry.gauge(""));
    errors.push(Box::new(telemetry.window(&of_another, 60, Duration::from_secs(1)).unwrap_err()));
    errors.push(Box::new(telemetry.window(&refused, 60, Duration::from_secs(1)).unwrap_err()));
    let described = |name: &str, description| telemetry.describe(name, description);
    described("sent", Description::new("bytes that went out").unit(Unit::Bytes)).unwrap();
    errors.push(Box::new(described("sent", Description::new("").most_series(5)).unwrap_err()));
    errors.push(Box::new(described("sent", Description::new("").unit(Unit::Other("a b"))).unwrap_err()));
    errors.push(Box::new(described("sent", Description::new(&"x".repeat(1_024))).unwrap_err()));
    let full = Telemetry::builder().cells(64).build().unwrap();
    for n in 0..63 {
        let _counter = full.counter_with("n", &[("n", &n.to_string())]);
    }
    (0..63).for_each(|n| full.describe(&format!("later_{n}"), Description::new("")).unwrap());
    errors.push(Box::new(full.describe("sent", Description::new("")).unwrap_err()));
    // Metrics whose series were retired stay, so there can be as many as cells.
    let full = Telemetry::builder().cells(64).build().unwrap();
    for n in 0..64 {
        full.counter(&format!("metric_{n}")).increment(0);
        full.retire_idle(Duration::ZERO);
    }
    errors.push(Box::new(full.try_counter("requests_total").unwrap_err()));
    let (roomy, fine) = (Telemetry::new(), Resolution::new(7));
    let _coarse = roomy.histogram("latency_ns");
    errors.push(Box::new(roomy.try_histogram_of("latency_ns", &[], fine).unwrap_err()));
    errors.push(Box::new(roomy.try_histogram_of("size", &[], Resolution::new(13)).unwrap_err()));
    let _level = roomy.gauge("requests_total");
    errors.push(Box::new(roomy.snapshot().plus(&telemetry.snapshot()).unwrap_err()));
    errors.push(Box::new(flightdeck::telemetry::BuildError::OutOfMemory { bytes: 1 << 42 }));
    // Real ones are made in `tests/process.rs`: their paths are those of a machine.
    let path = || std::path::PathBuf::from("/proc/self/stat");
    errors.push(Box::new(ProcessError::Unsupported { system: "netbsd" }));
    errors.push(Box::new(ProcessError::Unreadable { path: path(), kind: std::io::ErrorKind::NotFound }));
    errors.push(Box::new(ProcessError::Malformed { path: path(), field: "utime" }));
    errors.push(Box::new(ProcessError::TooLong { path: path(), limit: 1 << 20 }));
    carried(errors);
    groups(errors, &telemetry);
    handlers(errors, &telemetry);
    pressure(errors);
}

/// By hand: a telemetry notes them, and goes on.
fn carried(errors: &mut Errors) {
    let name = || "latency".to_owned();
    let (before, now) = (MetricType::Counter, MetricType::Histogram);
    errors.push(Box::new(CarryError::Type { name: name(), before, now }));
    let (before, now) = (Unit::Milliseconds, Unit::Nanoseconds);
    errors.push(Box::new(CarryError::Unit { name: name(), before, now }));
    let (before, now) = (Resolution::new(5), Resolution::new(7).up_to(1_000));
    errors.push(Box::new(CarryError::Resolution { name: name(), before, now }));
}

fn groups(errors: &mut Errors, telemetry: &Telemetry) {
    telemetry.group("requests", ["ok", "err"]).unwrap();
    errors.push(Box::new(telemetry.group("requests", ["ok", "err", "total"]).unwrap_err()));
    errors.push(Box::new(telemetry.group("requests", []).unwrap_err()));
    errors.push(Box::new(telemetry.group("requests", ["ok", "ok"]).unwrap_err()));
    errors.push(Box::new(telemetry.group("requests", ["ok", ""]).unwrap_err()));
}

fn handlers(errors: &mut Errors, telemetry: &Telemetry) {
    let attach = |id: &str, prefixes: &[&str]| telemetry.attach_many(id, prefixes, |_| ());
    attach("log requests", &["http.request"]).unwrap();
    errors.push(Box::new(attach("log requests", &["http"]).unwrap_err()));
    errors.push(Box::new(attach("", &["http"]).unwrap_err()));
    errors.push(Box::new(attach("log", &[]).unwrap_err()));
    errors.push(Box::new(attach("log", &["http..request"]).unwrap_err()));
    errors.push(Box::new(telemetry.attach_queued("log", &["http"], 0, |_| ()).unwrap_err()));
    let many = (0..10_000).find_map(|n| attach(&format!("handler {n}"), &["http"]).err());
    errors.push(Box::new(many.expect("there is an end")));
}

fn pressure(errors: &mut Errors) {
    // Real ones are made in `tests/pressure.rs`.
    let path = || std::path::PathBuf::from("/sys/fs/cgroup/host.slice/memory.max");
    errors.push(Box::new(PressureError::Unsupported { system: "netbsd" }));
    errors.push(Box::new(PressureError::Unreadable {
        path: path(),
        kind: std::io::ErrorKind::PermissionDenied,
    }));
    errors.push(Box::new(PressureError::Malformed { path: path(), field: "value" }));
    errors.push(Box::new(PressureError::TooLong { path: path(), limit: 1 << 20 }));
    let watch = || PressureWatch::builder(Pressure::own().unwrap());
    errors.push(Box::new(watch().memory([0.7, 0.8, 0.9], [0.6, 0.8, 0.85]).build().unwrap_err()));
    errors.push(Box::new(watch().stalled([0.1, 0.2, f64::NAN], [0.0; 3]).build().unwrap_err()));
    errors.push(Box::new(watch().dead_band(0.3).build().unwrap_err()));
    let watch = watch().build().unwrap();
    let inputs: Vec<_> = (0..InputError::MOST).map(|n| watch.input(&format!("queue {n}")).unwrap()).collect();
    errors.push(Box::new(watch.input(inputs[0].name()).unwrap_err()));
    errors.push(Box::new(watch.input("one more queue").unwrap_err()));
}

/// What protects calls.
fn guards(errors: &mut Errors) {
    let mut settings = BreakerSettings::new();
    settings.minimum_calls = 0;
    errors.push(Box::new(Breaker::new(settings.clone()).unwrap_err()));
    settings.minimum_calls = 1;
    settings.wait_duration_in_open = Duration::ZERO;
    errors.push(Box::new(Breaker::new(settings.clone()).unwrap_err()));

    settings.wait_duration_in_open = Duration::from_millis(250);
    settings.permitted_calls_in_half_open = 1;
    let clock = Clock::manual();
    let breaker = Breaker::with_clock(settings, clock.clone()).unwrap();
    breaker.try_acquire().unwrap().failure();
    errors.push(Box::new(breaker.try_acquire().unwrap_err()));
    clock.advance(Duration::from_millis(250));
    let trial = breaker.try_acquire().unwrap();
    errors.push(Box::new(breaker.try_acquire().unwrap_err()));
    breaker.force_open();
    errors.push(Box::new(breaker.try_acquire().unwrap_err()));
    drop(trial);

    errors.push(Box::new(Bulkhead::new(0).unwrap_err()));
    let bulkhead = Bulkhead::new(2).unwrap();
    let _inside = [bulkhead.try_enter().unwrap(), bulkhead.try_enter().unwrap()];
    errors.push(Box::new(bulkhead.try_enter().unwrap_err()));
    errors.push(Box::new(bulkhead.enter(Duration::from_millis(1)).unwrap_err()));
}

fn supervisor(errors: &mut Errors) {
    let worker = || ChildSpec::new("book", Restart::Temporary, |_| ());
    let twice = Supervisor::builder().worker(worker()).worker(worker()).start();
    errors.push(Box::new(twice.unwrap_err()));
    // By hand: only a system at its limit has no thread left.
    let source = std::io::Error::from(std::io::ErrorKind::WouldBlock);
    let significant = |restart| ChildSpec::new("book", restart, |_| ()).significant();
    let shuts = || Supervisor::builder().auto_shutdown(AutoShutdown::AnySignificant);
    errors.push(Box::new(shuts().worker(significant(Restart::Permanent)).start().unwrap_err()));
    let never = Supervisor::builder().worker(significant(Restart::Transient)).start();
    errors.push(Box::new(never.unwrap_err()));
    let net = ChildSpec::supervisor("net", Restart::Permanent, Rules::new());
    let supervisor = Supervisor::builder().worker(net).start().unwrap();
    let net = supervisor.child("net").unwrap();
    supervisor.remove("net", Duration::from_secs(10)).unwrap();
    errors.push(Box::new(net.add(worker()).unwrap_err()));
    supervisor.shutdown(Duration::from_secs(10));
    errors.push(Box::new(supervisor.add(worker()).unwrap_err()));
    let unknown = Supervisor::builder().start().unwrap().remove("export", Duration::ZERO).unwrap_err();
    errors.push(Box::new(unknown));
    errors.push(Box::new(StartError::NoThread { name: "fd-supervisor".into(), source }));

    let check = || Check::told("feed").0;
    let refused = Flightdeck::builder().check(check()).check(check()).start().unwrap_err();
    errors.push(Box::new(refused));
    let deck = Flightdeck::builder().check(check()).start().unwrap();
    for check in [check().failure_threshold(0), check().period(Duration::ZERO)] {
        errors.push(Box::new(deck.add_check(check).unwrap_err()));
    }
    let mut not_ready = deck.wait_until_ready(Duration::ZERO).unwrap_err();
    not_ready.waited = Duration::from_secs(5);
    errors.push(Box::new(not_ready));
    // By hand: the environment is that of all tests (see `tests/systemd.rs`).
    let source = std::io::Error::from(std::io::ErrorKind::Unsupported);
    errors.push(Box::new(flightdeck::SystemdError { address: "run/notify".to_owned(), source }));
}

/// On a clock that stands still.
fn limiter(errors: &mut Errors) {
    use flightdeck::supervisor::{CancelToken, Limiter, Limits};
    let limiter = |limits| Limiter::on(&Clock::manual(), limits);
    errors.push(Box::new(limiter(Limits::per_second(0)).unwrap_err()));
    errors.push(Box::new(limiter(Limits::per_second(10).burst(0)).unwrap_err()));
    errors.push(Box::new(limiter(Limits::per_hour(1).burst(10_000)).unwrap_err()));
    let limiter = limiter(Limits::per_second(10).burst(2)).unwrap();
    errors.push(Box::new(limiter.check_n(3).unwrap_err()));
    errors.push(Box::new(limiter.acquire(3, Duration::ZERO).unwrap_err()));
    limiter.check_n(2).unwrap();
    errors.push(Box::new(limiter.check().unwrap_err()));
    errors.push(Box::new(limiter.check_n(2).unwrap_err()));
    errors.push(Box::new(limiter.acquire(1, Duration::from_millis(50)).unwrap_err()));
    let token = CancelToken::new();
    token.cancel();
    errors.push(Box::new(limiter.acquire_or_cancel(1, Duration::MAX, &token).unwrap_err()));
}

/// Jobs, and what became of them.
fn jobs(errors: &mut Errors) {
    use flightdeck::supervisor::{JobError, Jobs, SpawnError};
    let patience = Duration::from_secs(20);
    let (jobs, child) = Jobs::bounded("jobs", 1, Duration::from_millis(1));
    let supervisor = Supervisor::builder().worker(child).start().unwrap();
    let end = std::sync::Arc::new(std::sync::Barrier::new(2));
    let other = end.clone();
    let deaf = jobs.spawn_once("import", move |_| {
        other.wait();
        other.wait();
        Ok::<_, std::io::Error>(())
    });
    let deaf = deaf.unwrap();
    // It has begun: else it would be cancelled before that.
    end.wait();
    errors.push(Box::new(deaf.join(Duration::from_millis(1)).unwrap_err()));
    errors.push(Box::new(jobs.spawn_once("tidy", |_| Ok::<_, std::io::Error>(())).unwrap_err()));
    while supervisor.status().starts == 0 {
        thread::yield_now();
    }
    supervisor.shutdown(patience);
    errors.push(Box::new(deaf.join(patience).unwrap_err()));
    errors.push(Box::new(deaf.join(patience).unwrap_err()));
    errors.push(Box::new(jobs.spawn_once("tidy", |_| Ok::<_, std::io::Error>(())).unwrap_err()));
    end.wait();
    let (jobs, _) = Jobs::bounded("jobs", 9, patience);
    let failed = jobs.spawn_once("import", |_| "x".parse::<u8>()).unwrap().join(patience);
    errors.push(Box::new(failed.unwrap_err()));
    let panicked =
        jobs.spawn_once("import", |_| -> Result<(), std::io::Error> { panic!("no rows") }).unwrap();
    errors.push(Box::new(panicked.join(patience).unwrap_err()));
    // By hand: whether it has begun is a matter of time, and only a system at its limit has no thread left.
    errors.push(Box::new(JobError::<std::io::Error>::Cancelled(None)));
    let source = std::io::ErrorKind::WouldBlock.into();
    errors.push(Box::new(SpawnError::NoThread { job: "import".to_owned(), source }));
}

/// Calls that were given up, on a clock that stands still.
fn retry(errors: &mut Errors) {
    use flightdeck::supervisor::{Backoff, CancelToken, Retrier, RetryBudget, RetryPolicy};
    let policy = || {
        let second = Duration::from_secs(1);
        RetryPolicy::new().backoff(Backoff::between(second, second)).virtual_time(&Clock::manual())
    };
    errors.push(Box::new(Retrier::new(policy().max_attempts(0)).unwrap_err()));
    errors.push(Box::new(Retrier::new(policy().virtual_time(&Clock::system())).unwrap_err()));
    errors.push(Box::new(RetryBudget::new(0.0, 10).unwrap_err()));
    errors.push(Box::new(RetryBudget::new(0.1, 0).unwrap_err()));
    let down = || std::io::Error::from(std::io::ErrorKind::ConnectionReset);
    let mut give_up = |policy, advice: Retry, token: &CancelToken| {
        let retrier = Retrier::new(policy).unwrap();
        let failed =
            retrier.when(|_: &std::io::Error| advice).cancelled_by(token).run(|_| Err::<(), _>(down()));
        errors.push(Box::new(failed.unwrap_err()));
    };
    let token = CancelToken::new();
    let fixed = || policy().backoff(Backoff::between(Duration::ZERO, Duration::ZERO));
    give_up(fixed(), Retry::Later, &token);
    give_up(fixed(), Retry::Never, &token);
    give_up(policy().deadline(Duration::from_millis(10)), Retry::Later, &token);
    let budget = RetryBudget::new(0.1, 1).unwrap();
    give_up(fixed().budget(&budget), Retry::Later, &token);
    token.cancel();
    give_up(fixed(), Retry::Later, &token);
}

#[derive(Clone, Debug)]
struct Rate(u32);

impl Validate for Rate {
    fn validate(&self, report: &mut Violations) {
        report.require(self.0 <= 1_000, "rate", &self.0, "must be at most 1000");
    }
}

fn config(errors: &mut Errors) {
    let config = Config::new(Rate(1)).unwrap();
    errors.push(Box::new(config.replace(Rate(2_000)).unwrap_err()));
    let first = config.revision();
    config.replace(Rate(2)).unwrap();
    errors.push(Box::new(config.compare_and_update(first, |_| Rate(3)).unwrap_err()));
    let mut nested = None;
    config
        .update(|_| {
            nested = config.replace(Rate(4)).err();
            Rate(5)
        })
        .unwrap();
    errors.push(Box::new(nested.unwrap()));
    errors.push(Box::new(config.try_update(|_| "twelve".parse().map(Rate)).unwrap_err()));
    let busy = || config.update_within(Duration::from_millis(1), |_| Rate(6)).unwrap_err();
    let hold = || {
        config.by("ops").because("more load").update(|_| {
            Rate(thread::scope(|threads| {
                errors.push(Box::new(threads.spawn(busy).join().unwrap()));
                7
            }))
        })
    };
    let holder = thread::Builder::new().name("deployment".into());
    thread::scope(|threads| holder.spawn_scoped(threads, hold).unwrap().join().unwrap()).unwrap();
}

/// Of values that are derived from a config.
fn derived(errors: &mut Errors) {
    let config = Config::new(Rate(1)).unwrap();
    errors.push(Box::new(config.derive("ports", |_| "http".parse::<u16>()).unwrap_err()));
    errors
        .push(Box::new(config.derive("table", |_| -> Result<(), String> { panic!("no rows") }).unwrap_err()));
    let mut nested = None;
    config
        .update(|now| {
            nested = config.derive("nested", |rate| Ok::<_, String>(rate.0)).err();
            now.clone()
        })
        .unwrap();
    errors.push(Box::new(nested.unwrap()));
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct Limits {
    rate: u32,
    venue: String,
    strict: bool,
    extra: Option<String>,
}

impl Validate for Limits {
    fn validate(&self, report: &mut Violations) {
        report.require(self.rate <= 1_000, "rate", &self.rate, "must be at most 1000");
        assert_ne!(self.rate, 666, "a bug in the rules");
    }
}

/// Files are written to this folder, which messages show as `/etc/app`.
fn source_folder() -> std::path::PathBuf {
    std::env::temp_dir().join(format!("flightdeck-errors-{}", std::process::id()))
}

fn sources(errors: &mut Errors) {
    // Two tests ask for all errors, and have one folder.
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _turn = ONE_AT_A_TIME.lock();
    let folder = source_folder();
    std::fs::create_dir_all(folder.join("folder.json")).unwrap();
    let file = |name: &str, text: &[u8]| {
        std::fs::write(folder.join(name), text).unwrap();
        folder.join(name)
    };
    let aliases = format!("a: &a [{}]\nb: [{}]\n", "1, ".repeat(10), "*a, ".repeat(15));
    let deep = format!("{{\"a\": {}{}}}", "[".repeat(65), "]".repeat(65));
    let unreadable = Sources::new("APP")
        .file(folder.join("absent.toml"))
        .file(folder.join("folder.json"))
        .file(file("long.toml", &[b'#'; 201]))
        .file(file("latin.toml", b"venue = \"\xfc\"\n"))
        .file(file("syntax.toml", b"[limits\n"))
        .file(file("deep.json", deep.as_bytes()))
        .file(file("laughs.yaml", aliases.as_bytes()))
        .file(file("twice.json", b"{\"rate\": 1, \"rate\": 2}"))
        .file(file("endless.toml", b"rate = inf\n"))
        .longest_file(200)
        .environment_of([
            ("APP__", "x"),
            ("APP__RATE", "many"),
            ("APP__VENUE", "x"),
            ("APP__VENUE__NAME", "x"),
        ])
        .build::<Limits>()
        .unwrap_err();
    let problems = |error: &LoadError| error.problems().to_vec();
    let mut found = problems(&unreadable);
    let built = Sources::new("app").environment().file("app.ini").secret("a..b").build::<Limits>();
    found.extend(problems(&built.unwrap_err()));
    let mistyped = file("mistyped.toml", b"rate = \"x\"\n");
    found.extend(problems(&Sources::new("APP").file(&mistyped).build::<Limits>().unwrap_err()));
    let strange = file("strange.toml", b"rate = 5000\nrat = 1\n");
    let strict = Sources::new("APP").file(&strange).unknown_keys(UnknownKeys::Refuse);
    let not_loaded = strict.build::<Limits>().unwrap_err();
    found.extend(problems(&not_loaded));
    let app = Sources::new("APP").restart("venue").build::<Limits>().unwrap();
    found.extend(problems(&app.override_path("venue", "x").unwrap_err()));
    let mut nested = Vec::new();
    app.config()
        .update(|now| {
            nested = problems(&app.reload().unwrap_err());
            now.clone()
        })
        .unwrap();
    found.extend(nested);
    #[derive(Serialize, Deserialize)]
    struct Keyed(std::collections::BTreeMap<Vec<u8>, u8>);
    impl Validate for Keyed {
        fn validate(&self, _: &mut Violations) {}
    }
    let keyed = Keyed([(vec![1], 1)].into());
    found.extend(problems(&Sources::new("APP").build_from(&keyed).unwrap_err()));
    let changed = file("changed.toml", b"rate = 1\n");
    let watched = Sources::new("APP").file(&changed).build::<Limits>().unwrap();
    file("changed.toml", b"rate = 666\n");
    match watched.watcher().unwrap().tick() {
        Looked::Refused(error) => found.extend(problems(&error)),
        looked => panic!("{looked:?}"),
    }
    errors.extend(found.into_iter().map(|problem| Box::new(problem) as Box<dyn Diagnostic>));
    errors.push(Box::new(not_loaded));
    // By hand: these are the system's to refuse.
    let reason = || "No space left on device (os error 28)".to_owned();
    errors.push(Box::new(WatchError::Unavailable { reason: reason() }));
    errors.push(Box::new(WatchError::Folder { folder: "/etc/app".into(), reason: reason() }));
    errors.push(Box::new(WatchError::NoThread { source: std::io::ErrorKind::WouldBlock.into() }));
    errors.push(Box::new(WatchError::Signal { reason: "Invalid argument (os error 22)".to_owned() }));
    std::fs::remove_dir_all(&folder).unwrap();
}

/// Of a config that keeps one revision.
fn history(errors: &mut Errors) {
    let config = Config::builder(Rate(1)).history(1).build().unwrap();
    let published: Vec<_> = (2..4).map(|rate| config.replace(Rate(rate)).unwrap().revision()).collect();
    errors.push(Box::new(config.at(Revision::FIRST).unwrap_err()));
    errors.push(Box::new(Config::new(Rate(1)).unwrap().rollback(published[0]).unwrap_err()));
    let early = config.at(published[0]).unwrap().since() - Duration::from_secs(60);
    errors.push(Box::new(config.as_of(early).unwrap_err()));
}

#[derive(serde::Serialize, serde::Deserialize)]
struct Pool {
    size: u8,
    names: Vec<String>,
    token: String,
}

impl Validate for Pool {
    fn validate(&self, _: &mut Violations) {}
}

/// Reads and changes by paths.
fn paths(errors: &mut Errors) {
    let parse = |text: &str| text.parse::<config::Path>().unwrap_err();
    for text in [&*"a".repeat(2_000), &"[1]".repeat(65), "a..b", "a[", r#"a."b"#] {
        errors.push(Box::new(parse(text)));
    }
    let pool = || Pool { size: 1, names: vec!["a".to_owned()], token: "hunter2".to_owned() };
    errors.push(Box::new(Config::new(pool()).unwrap().get_path("size").unwrap_err()));
    let paths = || Paths::new().writable("size").secret("token");
    let config = Config::builder(pool()).paths(paths()).unwrap().build().unwrap();
    for path in ["sizes", "names[1]", "size.x", "token", "a..b"] {
        errors.push(Box::new(config.get_path(path).unwrap_err()));
    }
    errors.push(Box::new(config.get::<bool>("size").unwrap_err()));
    // By hand, as serde tells them of a pool alone.
    let (path, reason) = (|| "names".parse().unwrap(), |text: &str| Some(text.to_owned()));
    errors.push(Box::new(PathError::OutOfRange {
        path: path(),
        expected: "u8".to_owned(),
        found: reason("integer `300`"),
    }));
    errors.push(Box::new(PathError::Unfit { path: path(), reason: reason("missing field `x`") }));
    errors.push(Box::new(PathError::Unfit { path: path(), reason: None }));
    errors.push(Box::new(PathError::NoTree { reason: reason("key must be a string") }));
    errors.push(Box::new(PathError::NotWritable { path: path() }));
    errors.push(Box::new(PathError::UnknownMark { path: path() }));
    errors.push(Box::new(ReplayError::Incomplete { revision: 7, missing: 2 }));
    errors.push(Box::new(ReplayError::Gap { after: 3, before: 6 }));
    errors
        .push(Box::new(ReplayError::Unfit { revision: 7, reason: PathError::NotWritable { path: path() } }));
    let patch = serde_json::json!({"size": 300, "names": [], "token": 5});
    errors.push(Box::new(config.patch(&patch).unwrap_err()));
}

/// Without the folder of this run.
fn message(error: &dyn Diagnostic) -> String {
    error.to_string().replace(&*source_folder().to_string_lossy(), "/etc/app")
}

fn listed() -> String {
    let line = |error: &dyn Diagnostic| {
        let advice = format!("{} ({}, retry {})", error.code(), error.severity(), error.retry());
        format!("{advice}\n    {}\n", message(error))
    };
    let mut lines: Vec<String> = all().iter().map(|error| line(&**error)).collect();
    lines.sort();
    lines.concat()
}

/// The list of the documentation: each code with a message that has it, and its hint.
fn documented() -> String {
    let mut examples = BTreeMap::new();
    for error in all() {
        let example = message(&*error);
        let shortest = examples.entry(error.code()).or_insert_with(|| example.clone());
        if (example.len(), &example) < (shortest.len(), shortest) {
            *shortest = example;
        }
    }
    let mut text = "# All codes\n\nEach with a message that had it, and the hint.\n".to_owned();
    let mut part = "";
    for code in codes::all() {
        let of = code.name.split('.').next().unwrap();
        if of != part {
            text += &format!("\n## {of}\n\n");
            part = of;
        }
        // Those of the tool are made there, and `tests/cli.rs` compares them.
        let example = examples.get(code.name).map_or(String::new(), |example| format!("`` {example} ``<br>"));
        let (severity, retry, hint) = (code.severity, code.retry, code.recovery);
        text += &format!("- **`{}`** ({severity}, retry {retry})<br>{example}{hint}\n", code.name);
    }
    text
}

#[test]
fn messages_are_those_of_the_golden_file() {
    matches_file(&golden("errors.txt"), &listed());
}

#[test]
fn the_documentation_lists_all_codes_with_a_message_and_a_hint() {
    matches_file(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src/error/codes/list.md"), &documented());
}

/// Each code once, each that occurs, none that does not.
#[test]
fn codes_are_listed_once_and_as_errors_have_them() {
    let mut listed = BTreeSet::new();
    codes::all().for_each(|code| assert!(listed.insert(code.name), "`{}` is listed twice", code.name));
    let errors = all();
    for error in &errors {
        let code = codes::find(error.code());
        let code = code.unwrap_or_else(|| panic!("give `{}` a hint in src/error/codes", error.code()));
        assert_eq!(code.severity, error.severity(), "{}", code.name);
        let retry = if let Retry::After(_) = error.retry() { Retry::Later } else { error.retry() };
        assert_eq!(code.retry, retry, "{}", code.name);
    }
    let occurring: BTreeSet<_> = errors.iter().map(|error| error.code()).collect();
    let idle = listed.difference(&occurring).filter(|code| !code.starts_with("cli."));
    let idle: Vec<_> = idle.collect();
    assert!(idle.is_empty(), "no error has these codes: {idle:?}");
    let names: Vec<_> = codes::all().map(|code| code.name).collect();
    assert!(names.is_sorted(), "in the order of the alphabet, so that two never stand apart");
}

#[test]
fn hints_are_one_line_and_say_more_than_the_message() {
    for error in all() {
        let (code, hint, text) = (error.code(), error.recovery(), error.to_string());
        assert!(!hint.is_empty() && hint.len() < 160, "{code}: a line and no more: {hint}");
        assert!(!hint.contains('\n') && !hint.ends_with('.'), "{code}: one line, no full stop: {hint}");
        assert!(hint.starts_with(|c: char| c.is_ascii_lowercase()), "{code}: lower case: {hint}");
        assert!(!text.contains(&*hint) && !hint.contains(&text), "{code}: says it again: {hint}");
    }
}

/// Of a value of the host these are, so only a deck with a config of that type knows them; or of an error of the host, which no
/// deck knows.
const GENERIC: [&str; 18] = [
    "config.history.not_yet",
    "config.patch.refused",
    "config.update.busy",
    "config.update.conflict",
    "config.update.failed",
    "config.update.nested",
    "config.value.rejected",
    "supervisor.job.abandoned",
    "supervisor.job.cancelled",
    "supervisor.job.failed",
    "supervisor.job.panicked",
    "supervisor.job.taken",
    "supervisor.job.timed_out",
    "supervisor.retry.attempts",
    "supervisor.retry.budget",
    "supervisor.retry.cancelled",
    "supervisor.retry.deadline",
    "supervisor.retry.permanent",
];

#[test]
fn a_deck_knows_the_errors_of_the_crate_by_their_types() {
    let deck = Flightdeck::builder().start().unwrap();
    for error in all().iter().filter(|error| !GENERIC.contains(&error.code())) {
        let report = deck.report(&**error as &(dyn std::error::Error + 'static));
        let told = (&*report.code, report.severity, report.retry, report.recovery);
        let expected = (error.code(), error.severity(), error.retry(), error.recovery());
        assert_eq!(told, expected, "name its type in src/hub/report/known.rs");
    }
}

fn matches_file(path: &Path, listed: &str) {
    if std::env::var_os("FLIGHTDECK_BLESS").is_some() {
        std::fs::write(path, listed).unwrap();
    }
    let expected = std::fs::read_to_string(path).unwrap_or_default().replace("\r\n", "\n");
    let (old, new): (BTreeSet<&str>, BTreeSet<&str>) = (expected.lines().collect(), listed.lines().collect());
    let diff: Vec<String> = (old.difference(&new).map(|line| format!("- {line}")))
        .chain(new.difference(&old).map(|line| format!("+ {line}")))
        .collect();
    assert!(expected == listed, "{} differs:\n{}\n", path.display(), diff.join("\n"));
}

#[test]
fn messages_keep_the_form() {
    for error in all() {
        let (code, text) = (error.code(), error.to_string());
        let dotted = code.split('.').count() >= 3
            && code.chars().all(|c| c == '.' || c == '_' || c.is_ascii_lowercase() || c.is_ascii_digit());
        assert!(dotted, "`{code}` is no dotted code");
        assert!(!text.contains('\n') && !text.ends_with('.'), "{code}: one line, no full stop: {text}");
        assert!(!text.starts_with(char::is_uppercase), "{code}: lower case: {text}");
    }
}

#[test]
fn no_error_of_the_source_is_missing_here() {
    let listed: BTreeSet<&str> = all().iter().map(|error| error.code()).collect();
    let mut written = BTreeSet::new();
    codes(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut written);
    assert!(written.len() >= 10, "the source names its codes otherwise than this test expects: {written:?}");
    let missing: Vec<_> = written.iter().filter(|code| !listed.contains(code.as_str())).collect();
    assert!(missing.is_empty(), "add a call that returns each to `all()`: {missing:?}");
}

/// Codes as the source writes them: `Variant => "part.what.why"`, in the library.
fn codes(folder: &Path, found: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.ends_with("bin") {
            codes(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = std::fs::read_to_string(&path).unwrap();
            let literals = text.split("=> \"").skip(1).filter_map(|rest| rest.split('"').next());
            let is_code = |text: &&str| {
                text.split('.').count() >= 3
                    && text.split('.').all(|word| {
                        !word.is_empty() && word.chars().all(|c| c == '_' || c.is_ascii_lowercase())
                    })
            };
            found.extend(literals.filter(is_code).map(str::to_owned));
        }
    }
}

fn golden(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name)
}
