//! Reports of errors: what they tell, what led to them, what they must not tell, and that each is there and counted.

use flightdeck::config::{Config, Paths, Sources, Validate, Violations};
use flightdeck::events::{Scope, Value};
use flightdeck::telemetry;
use flightdeck::{CorrelationId, Diagnostic, ErrorReport, Flightdeck, Reported, Retry, Severity};
use serde::{Deserialize, Serialize};
use std::error::Error;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;
use std::time::Duration;

flightdeck::kind! {
    Asked("reports.asked") { n: u64 }
    Elsewhere("reports.elsewhere") { n: u64 }
    LoggedIn("reports.logged_in") { token: secret str }
}

/// An error of the host, with or without a cause.
#[derive(Debug)]
struct Failed<E>(String, Option<E>);

impl<E> fmt::Display for Failed<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<E: Error + 'static> Error for Failed<E> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.1.as_ref().map(|cause| cause as &(dyn Error + 'static))
    }
}

fn failed(text: &str) -> Failed<fmt::Error> {
    Failed(text.to_owned(), None)
}

fn deck() -> Flightdeck {
    Flightdeck::builder().start().unwrap()
}

/// How often an error of that code was counted.
fn counted(deck: &Flightdeck, code: &str) -> u64 {
    match deck.telemetry().snapshot().get_with("flightdeck_errors_total", &[("code", code)]) {
        Some(telemetry::Value::Counter(count)) => *count,
        None => 0,
        other => panic!("{other:?}"),
    }
}

/// The field `n` of what led to an error.
fn numbers(report: &ErrorReport) -> Vec<u64> {
    let number = |value: Option<Value<'_>>| match value {
        Some(Value::U64(n)) => n,
        other => panic!("{other:?}"),
    };
    report.trail.iter().map(|event| number(event.field("n"))).collect()
}

#[test]
fn an_error_of_ours_tells_all_by_itself_and_is_an_event_in_its_scope() {
    let deck = deck();
    let error = deck.supervisor().remove("export", Duration::ZERO).unwrap_err();
    let (report, span) = {
        let _in = deck.scope(7_u64);
        let span = deck.events().span(Asked { n: 1 });
        (deck.report(&error), span.scope().span())
    };
    assert_eq!((&*report.code, report.severity, report.retry), (error.code(), Severity::Warn, Retry::Never));
    assert_eq!((&report.message, &report.recovery), (&error.to_string(), &error.recovery()));
    assert_eq!((report.correlation, report.span), (CorrelationId::from(7_u64), span));
    assert_eq!(report.thread.as_deref(), thread::current().name());
    let answer = deck.events().query().kind_named("flightdeck.error.warning").run().unwrap();
    let event = answer.iter().next().unwrap();
    assert_eq!((Some(event.id()), event.correlation(), event.span()), (report.event, 7_u64.into(), span));
    assert_eq!(event.field("code"), Some(Value::Str(error.code())));
    assert_eq!(event.field("message"), Some(Value::Str(&report.message)));
    assert_eq!(counted(&deck, error.code()), 1);
}

#[test]
fn an_error_of_the_host_has_the_code_it_is_given_and_else_that_of_the_first_cause_of_ours() {
    let deck = deck();
    let report = deck.report(&failed("no answer"));
    assert_eq!((&*report.code, report.severity, &*report.recovery), ("host", Severity::Error, ""));
    let own = failed("no answer");
    let given = Reported::new(&own).code("venue.answer").severity(Severity::Critical).recovery("ask again");
    let report = deck.report(given.retry(Retry::After(Duration::from_secs(2))));
    assert_eq!(
        (&*report.code, report.severity, &*report.recovery),
        ("venue.answer", Severity::Critical, "ask again")
    );
    assert!(
        report.to_string().contains("after 2s")
            && report.to_json().contains(r#""retry_after_ns":"2000000000""#)
    );

    let inner = deck.supervisor().remove("export", Duration::ZERO).unwrap_err();
    let outer = Failed("cannot reload".to_owned(), Some(Failed("no export".to_owned(), Some(inner.clone()))));
    let report = deck.report(&outer);
    assert_eq!((&*report.code, report.recovery), (inner.code(), inner.recovery()));
    assert_eq!(
        (&*report.message, report.causes),
        ("cannot reload", vec!["no export".to_owned(), inner.to_string()])
    );
    let boxed: Box<dyn Error + Send + Sync> = outer.into();
    assert_eq!(deck.report(&*boxed).code, inner.code());
    assert_eq!(["host", "venue.answer", inner.code()].map(|code| counted(&deck, code)), [1, 1, 2]);
    let kinds = ["flightdeck.error", "flightdeck.error.critical", "flightdeck.error.warning"];
    let found = kinds.map(|kind| deck.events().query().kind_named(kind).count());
    assert_eq!(found, [1, 1, 2]);
}

#[test]
fn the_trail_is_what_the_id_did_last_on_any_thread_and_nothing_else() {
    let deck = deck();
    let scope = Scope::root(9_u64);
    thread::scope(|threads| {
        threads.spawn(|| {
            let _in = scope.enter();
            (0..20).for_each(|n| deck.record(Asked { n }));
        });
    });
    thread::scope(|threads| {
        threads.spawn(|| (0..1_000).for_each(|n| deck.record(Elsewhere { n })));
    });
    let _in = scope.enter();
    deck.record(Asked { n: 20 });
    let report = deck.report(&failed("too late"));
    assert_eq!(numbers(&report), (5..21).collect::<Vec<_>>());
    assert!(!report.trail.verdict().is_complete(), "there was more");
    drop(_in);
    let report = deck.report(&failed("too late, too"));
    assert_eq!(report.correlation, CorrelationId::NONE);
    // This thread recorded an event for the id, and the error before.
    assert_eq!(report.trail.len(), 2);
    assert!(report.trail.iter().all(|event| event.thread_name().as_deref() == thread::current().name()));
}

#[test]
fn no_flood_of_other_events_takes_an_error_away() {
    let deck = Flightdeck::builder().events(|events| events.memory(2 << 20)).start().unwrap();
    let report = deck.report(&failed("the first"));
    (0..1_000_000).for_each(|n| deck.record(Elsewhere { n }));
    let answer = deck.events().query().kind_named("flightdeck.error").run().unwrap();
    assert_eq!(answer.iter().next().map(|event| event.id()), report.event);
}

#[test]
fn work_within_a_context_is_a_span_and_its_error_is_reported_once_by_the_innermost() {
    let deck = deck();
    let _in = deck.scope(11_u64);
    let around = Scope::current();
    assert_eq!(deck.within("fine", || Ok::<_, fmt::Error>(5)).unwrap(), 5);
    let mut inside = Scope::default();
    let report = deck.within("outer", || {
        deck.breadcrumb("about to ask");
        deck.within("inner", || {
            inside = Scope::current();
            "12x".parse::<u64>()
        })
    });
    let report = report.unwrap_err();
    assert_eq!((&*report.code, report.span), ("host", inside.span()));
    assert_eq!(counted(&deck, "host"), 1, "not by the outer one again");
    let trail: Vec<_> = report.trail.iter().map(|event| event.kind().to_owned()).collect();
    let work = "flightdeck.work".to_owned();
    let expected = [&work, &work, &work, "flightdeck.breadcrumb", &work].map(|kind: &str| kind.to_owned());
    assert_eq!(trail, expected, "what went well before, and what this lies in");
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        let _ = deck.within("broken", || -> Result<(), fmt::Error> { panic!("no luck") });
    }));
    assert_eq!(panicked.unwrap_err().downcast_ref(), Some(&"no luck"));
    assert_eq!(Scope::current(), around);
    let ends = deck.events().query().kind_named("flightdeck.work").run().unwrap();
    let ends: Vec<_> = ends.iter().filter(|event| event.is_end()).map(|event| event.is_unwound()).collect();
    assert_eq!(ends, [false, false, false, true]);
}

/// Where its text ends, it panics.
#[derive(Debug)]
struct Broken;

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("half a")?;
        panic!("in the middle of a message")
    }
}

impl Error for Broken {}

/// Its own cause.
#[derive(Debug)]
struct Circular;

impl fmt::Display for Circular {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("round")
    }
}

impl Error for Circular {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(self)
    }
}

#[test]
fn texts_are_bounded_and_in_one_line_whatever_the_error_does() {
    let deck = deck();
    let long = failed(&"ä\u{1b}[2J\n".repeat(100_000));
    let report = deck.report(Reported::new(&long).code("a\nb").recovery("c\nd"));
    assert!(report.message.len() < 20_000 && report.message.ends_with("..."), "{}", report.message.len());
    assert_eq!((&*report.code, &*report.recovery), (r"a\nb", r"c\nd"));
    assert!(!report.message.contains(char::is_control));
    assert_eq!(deck.report(&Broken).message, "an error that panics when it is shown");
    assert_eq!(deck.report(&Circular).causes, ["round"; 8]);
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
struct Account {
    user: String,
    password: String,
    rate: u8,
}

impl Default for Account {
    fn default() -> Self {
        Self { user: String::new(), password: "unset".to_owned(), rate: 1 }
    }
}

impl Validate for Account {
    fn validate(&self, report: &mut Violations) {
        report.require(self.password.len() > 2, "password", &self.password, "must be longer");
    }
}

#[test]
fn a_planted_secret_is_found_nowhere() {
    // Worked out here, so that no literal of it lies in this program.
    let secret = format!("{:x}hunter", std::process::id() ^ 0x5a5a_5a5a);
    let config = Config::builder(Account { password: secret.clone(), ..Account::default() });
    let config = config.paths(Paths::new().secret("password").writable("*")).unwrap().build().unwrap();
    let deck = Flightdeck::builder().config_built(config).start().unwrap();
    let _in = deck.scope(13_u64);
    let mut reports = Vec::new();
    let patch = serde_json::json!({ "password": [&secret], "rate": 3 });
    reports.push(deck.report(&deck.config().patch(&patch).unwrap_err()));
    reports.push(deck.report(&deck.config().get_path("password").unwrap_err()));
    let file = std::env::temp_dir().join(format!("flightdeck-reports-{}.toml", std::process::id()));
    std::fs::write(&file, format!("password = [\"{secret}\"]\nrate = 300\n")).unwrap();
    let sources = Sources::new("APP").file(&file).secret("password").build::<Account>();
    reports.push(deck.report(&sources.unwrap_err()));
    std::fs::remove_file(&file).unwrap();
    let of_host = Failed(format!("login refused: {secret}"), Some(failed(&secret)));
    reports.push(deck.report(Reported::new(&of_host).withheld()));
    deck.record(LoggedIn { token: &secret });
    reports.push(deck.report(&failed("after a login")));

    let codes: Vec<_> = reports.iter().map(|report| &*report.code).collect();
    assert_eq!(
        codes,
        ["config.patch.refused", "config.path.secret", "config.source.not_loaded", "host", "host"]
    );
    let length = format!("<withheld, {} bytes>", secret.len());
    assert_eq!(reports[3].causes, [length]);
    let mut texts: Vec<String> = Vec::new();
    for report in &reports {
        texts.extend([report.to_string(), format!("{report:?}"), report.to_json()]);
    }
    texts.push(deck.events().query().run().unwrap().timeline().to_string());
    texts.push(format!("{:?}", deck.telemetry().snapshot()));
    texts.push(format!("{:?} {} {}", deck.health(), deck.status(), deck.status().events));
    for text in &texts {
        assert!(!text.contains(&secret), "{text}");
        assert!(!text.is_empty());
    }
    assert!(texts.iter().any(|text| text.contains("token=<secret")), "it was there to be found");
}

#[test]
fn a_report_is_read_by_people_and_by_programs() {
    let deck = deck();
    let _in = deck.scope(42_u64);
    deck.breadcrumb("asking the venue");
    let cause = deck.supervisor().remove("export", Duration::ZERO).unwrap_err();
    let report = deck.report(&Failed("no price".to_owned(), Some(cause)));
    let text = report.to_string();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[0], "warn supervisor.worker.unknown: no price");
    assert!(lines[1].starts_with("  because   there is no worker `export`"), "{text}");
    assert!(text.contains(&format!("  for       {}\n", report.correlation)), "{text}");
    assert!(text.contains("  to do     check whether") && text.contains("  before    1 event\n"), "{text}");
    assert!(lines.iter().any(|line| line.contains("flightdeck.breadcrumb text=asking the venue")), "{text}");
    let json: serde_json::Value = serde_json::from_str(&report.to_json()).unwrap();
    assert_eq!(json["code"], "supervisor.worker.unknown");
    assert_eq!(json["correlation"], report.correlation.to_string());
    assert_eq!(json["span"], serde_json::Value::Null);
    assert_eq!(json["event"], report.event.unwrap().get().to_string());
    assert_eq!(json["trail"]["events"][0]["fields"]["text"]["value"], "asking the venue");
}

#[test]
fn after_the_end_an_error_is_still_told_but_no_event() {
    let deck = deck();
    deck.breadcrumb("going");
    assert!(deck.shutdown(Duration::from_secs(20)).is_clean());
    let report = deck.report(&failed("too late"));
    assert_eq!((&*report.message, report.event), ("too late", None));
    assert_eq!(counted(&deck, "host"), 1);
}
