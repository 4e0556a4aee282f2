//! Hosts that speak through the crate `log`, and what the store says. A process has one logger: tests tell theirs apart by
//! targets.

use flightdeck::bridge::correlation_of;
use flightdeck::bridge::log::Logger;
use flightdeck::events::{Answer, Class, Events, Recorded, Value};
use flightdeck::{CorrelationId, Severity};
use log::kv::Source;
use log::{Level, Log, Record, debug, error, info, trace, warn};
use std::fmt;
use std::sync::OnceLock;
use std::thread;

struct Host {
    events: Events,
    logger: Logger,
}

impl Host {
    /// What was said with targets that begin so.
    fn of(&self, target: &str) -> Answer {
        let mut answer = self.events.query().run().unwrap();
        answer.retain(|event| event.kind().split('.').next() == Some(target));
        answer
    }
}

fn host() -> &'static Host {
    static HOST: OnceLock<Host> = OnceLock::new();
    HOST.get_or_init(|| {
        let events = Events::builder().memory(16 << 20).build().unwrap();
        let logger = Logger::builder(&events).correlation_key("request_id").secret("pin").build();
        log::set_boxed_logger(Box::new(logger.clone())).unwrap();
        logger.lead_max_level();
        Host { events, logger }
    })
}

fn message<'a>(event: &Recorded<'a>) -> &'a str {
    event.field("message").and_then(|value| value.as_str()).unwrap_or("")
}

#[test]
fn a_record_has_its_message_its_pairs_and_its_place() {
    let host = host();
    let line = line!() + 1;
    warn!(target: "shop::cart", rows = 3, ratio = 0.5, ok = true, venue = "XETRA", shown:? = Some(1), big = u64::MAX; "slow {}", "query");
    error!(target: "shop::cart", "no pairs");
    debug!(target: "shop::cart", "detail");
    trace!(target: "shop", "finest");
    let answer = host.of("shop");
    let [slow, bare, detail, finest] = &answer.iter().collect::<Vec<_>>()[..] else { panic!("{answer:?}") };
    assert_eq!(
        (slow.kind(), slow.severity(), slow.class()),
        (&*format!("shop.cart.{line}"), Severity::Warn, Class::Normal)
    );
    for (name, value) in [
        ("message", Value::Str("slow query")),
        ("rows", Value::I64(3)),
        ("ratio", Value::F64(0.5)),
        ("ok", Value::Bool(true)),
        ("venue", Value::Str("XETRA")),
        ("shown", Value::Str("Some(1)")),
        ("big", Value::U64(u64::MAX)),
    ] {
        assert_eq!(slow.field(name), Some(value), "{name}");
    }
    assert_eq!(
        (message(bare), bare.severity(), bare.class()),
        ("no pairs", Severity::Error, Class::Critical)
    );
    assert_eq!(
        (detail.severity(), finest.severity(), finest.class()),
        (Severity::Debug, Severity::Trace, Class::Verbose)
    );
    assert_eq!(bare.correlation(), CorrelationId::NONE);
}

#[test]
fn it_belongs_to_the_scope_of_its_thread_or_to_whom_it_says() {
    let host = host();
    thread::scope(|threads| {
        for id in 1_000..1_004_u64 {
            threads.spawn(move || {
                let _in = host.events.scope(id);
                (0..100).for_each(|n| info!(target: "scoped", n; "in the scope"));
            });
        }
    });
    for id in 1_000..1_004_u64 {
        let answer = host.events.query().correlation(id).run().unwrap();
        assert_eq!((answer.len(), answer.verdict().is_complete()), (100, true));
    }
    info!(target: "scoped", request_id = 2_000; "by number");
    info!(target: "scoped", request_id = "order-7"; "by text");
    info!(target: "scoped", request_id = 0; "by none");
    let of = |id: CorrelationId| host.events.query().correlation(id).run().unwrap().len();
    assert_eq!((of(CorrelationId::new(2_000)), of(correlation_of("order-7"))), (1, 1));
}

#[test]
fn what_is_secret_is_nowhere() {
    const PLANTED: &str = "hunter2-hunter2";
    // Too long to be part of an id or a time by chance.
    const SECRET_NUMBER: u64 = 3_141_592_653_589;
    let host = host();
    info!(target: "login", password = PLANTED, "X-Auth-Token" = PLANTED, PIN = SECRET_NUMBER, shown_secret:? = Some(PLANTED), user = "ann"; "in");
    let answer = host.of("login");
    let text = format!("{}{:?}", answer.timeline(), answer);
    assert!(text.contains("ann") && !text.contains("hunter2") && !text.contains("3141592653589"), "{text}");
    let login = answer.iter().next().unwrap();
    assert_eq!(login.field("X-Auth-Token"), Some(Value::Secret { bytes: 15 }));
    assert_eq!(login.field("shown_secret"), Some(Value::Secret { bytes: 23 }));
}

/// Any number of pairs.
struct Pairs(usize);

impl Source for Pairs {
    fn visit<'kvs>(&'kvs self, visitor: &mut dyn log::kv::VisitSource<'kvs>) -> Result<(), log::kv::Error> {
        const KEYS: [&str; 20] = [
            "a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m", "n", "o", "p", "q", "r", "s",
            "t",
        ];
        (0..self.0).try_for_each(|n| visitor.visit_pair(KEYS[n].into(), (n as u64).into()))
    }
}

#[test]
fn what_does_not_fit_is_counted_and_what_has_no_kind_is_text() {
    let events = Events::builder().memory(4 << 20).build().unwrap();
    let logger = Logger::new(&events);
    let log = |pairs: usize, text: &str| {
        let source = Pairs(pairs);
        let mut record = Record::builder();
        record.level(Level::Info).target("many").line(Some(7)).key_values(&source);
        logger.log(&record.args(format_args!("{text}")).build());
    };
    log(20, &"\u{e9}".repeat(6_000));
    (0..=15).for_each(|pairs| log(pairs, "said"));
    let answer = events.query().run().unwrap();
    let first = answer.iter().next().unwrap();
    let Some(Value::CutStr { kept, bytes: 12_000 }) = first.field("message") else { panic!("{first:?}") };
    assert_eq!((kept.len(), first.fields().count()), (10_000, 16));
    let stats = logger.stats();
    assert_eq!((stats.values_cut, stats.pairs_left_out, stats.as_text), (1, 5, 0));
    let source = [("other", "kind"), ("token", "t-t-t")];
    let mut record = Record::builder();
    record.level(Level::Info).target("many").line(Some(7)).key_values(&source);
    logger.log(&record.args(format_args!("said")).build());
    let answer = events.query().kind_named("log.other").run().unwrap();
    let other = answer.iter().next().unwrap();
    assert_eq!(other.field("text"), Some(Value::Str("message=said other=kind token=<secret>")));
    assert_eq!((other.field("name"), logger.stats().as_text), (Some(Value::Str("many.7")), 1));
    // A target that nobody could keep.
    let long = "t".repeat(1 << 20);
    logger.log(&Record::builder().level(Level::Warn).target(&long).args(format_args!("long")).build());
    assert_eq!((logger.stats().as_text, events.query().count()), (2, 19));
}

#[test]
fn what_is_said_while_something_is_said_is_recorded_up_to_a_depth() {
    struct Endless;
    impl fmt::Display for Endless {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            info!(target: "nested", "about {Endless}");
            f.write_str("myself")
        }
    }
    let host = host();
    let before = host.logger.stats().nested_left_out;
    info!(target: "nested", "outer {Endless}");
    assert_eq!((host.of("nested").len(), host.logger.stats().nested_left_out - before), (4, 1));
    struct Panics;
    impl fmt::Display for Panics {
        fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
            panic!("no way to show this")
        }
    }
    for _ in 0..5 {
        assert!(std::panic::catch_unwind(|| info!(target: "nested", "{Panics}")).is_err());
    }
    info!(target: "nested", "after");
    assert_eq!(message(&host.of("nested").iter().last().unwrap()), "after");
}
