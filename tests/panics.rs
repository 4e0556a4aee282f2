//! What is known of panics that end runs. In a binary of its own, in which somebody has the process's panic hook.

mod support;

use flightdeck::supervisor::{
    ChildSpec, Exit, Incident, Panic, PanicHookError, Restart, StartError, Supervisor, WorkerContext,
    WorkerResult, WorkerState,
};
use flightdeck::{CorrelationId, Diagnostic, Flightdeck};
use std::fmt;
use std::panic::{catch_unwind, panic_any, resume_unwind};
use std::sync::{LazyLock, mpsc};
use std::thread;
use std::time::Instant;
use support::{PATIENCE, until, until_stopped};

/// Who has the hook, for all tests in here; nothing is printed.
static HOOKED: LazyLock<Supervisor> = LazyLock::new(|| {
    std::panic::set_hook(Box::new(|_| ()));
    Supervisor::builder().name("has the hook").panic_hook(true).start().unwrap()
});

/// How one run of this body ends, and the supervisor that it ran under.
fn run<R: flightdeck::supervisor::IntoWorkerResult>(
    body: impl Fn(&WorkerContext) -> R + Send + Sync + 'static,
) -> (Exit, Supervisor) {
    assert!(!HOOKED.has_melted_down());
    let (sender, exits) = mpsc::channel();
    let supervisor = Supervisor::builder()
        .worker(ChildSpec::new("book", Restart::Temporary, body))
        .observer(move |incident| {
            if let Incident::Ended { exit, .. } = incident {
                sender.send(exit.clone()).unwrap();
            }
        })
        .start()
        .unwrap();
    (exits.recv_timeout(PATIENCE).unwrap(), supervisor)
}

fn panic_of(body: impl Fn(&WorkerContext) + Send + Sync + 'static) -> Panic {
    match run(body).0 {
        Exit::Panicked(panic) => panic,
        other => panic!("{other:?}"),
    }
}

fn line_of(panic: &Panic) -> Option<u32> {
    let location = panic.location()?;
    assert!(location.file.ends_with("panics.rs") && location.column > 1, "{location}");
    Some(location.line)
}

#[inline(never)]
fn a_function_of_some_name() {
    let order = std::hint::black_box(7);
    panic!("order {order} is lost")
}

#[test]
fn all_that_is_known_is_told() {
    let panic = panic_of(|_| {
        let _in = flightdeck::events::Scope::root(5_u64).enter();
        a_function_of_some_name();
    });
    assert_eq!((panic.message(), panic.thread(), panic.worker()), ("order 7 is lost", "fd-book", "book"));
    assert_eq!((panic.generation(), panic.correlation()), (1, CorrelationId::from(5_u64)));
    assert!(panic.at().elapsed().unwrap() < PATIENCE && panic.is_noted());
    let location = panic.location().unwrap().to_string();
    assert_eq!(panic.to_string(), format!("order 7 is lost, at {location}"));
    assert!(!format!("{panic:?}").contains("a_function_of_some_name"), "to look at it resolves nothing");
    let (began, frames) = (Instant::now(), panic.backtrace().unwrap().to_string());
    let first = began.elapsed();
    assert!(frames.contains("a_function_of_some_name"), "{frames}");
    let began = Instant::now();
    assert_eq!(panic.backtrace().unwrap().to_string(), frames);
    println!("backtrace: first shown in {first:?}, then in {:?}", began.elapsed());
    assert!(format!("{panic:#}").contains("a_function_of_some_name"));
    assert_eq!(panic, panic.clone());
}

#[test]
fn what_was_caught_before_is_not_told() {
    let panic = panic_of(|_| {
        for order in 0..1_000 {
            assert!(catch_unwind(|| panic!("order {order} is refused")).is_err());
        }
        assert!(catch_unwind(|| panic!("a fixed text")).is_err());
        panic!("a second text")
    });
    assert_eq!((panic.message(), line_of(&panic)), ("a second text", Some(line!() - 2)));
    // The same text again and again.
    let panic = panic_of(|_| {
        for n in 0..3 {
            let result = catch_unwind(|| panic!("again"));
            if n == 2 {
                resume_unwind(result.unwrap_err());
            }
        }
    });
    assert_eq!((panic.message(), line_of(&panic)), ("again", Some(line!() - 6)));
}

/// Panics when it is dropped, and catches that.
struct Nested(u32);

impl Drop for Nested {
    fn drop(&mut self) {
        for n in 0..self.0 {
            assert!(catch_unwind(|| panic!("nested {n}")).is_err());
        }
    }
}

#[test]
fn what_is_caught_while_a_panic_unwinds_is_not_told() {
    let nested = |count| {
        panic_of(move |_| {
            let _nested = Nested(count);
            panic!("the one that got through");
        })
    };
    for few in 0..4 {
        let panic = nested(few);
        assert_eq!((panic.message(), line_of(&panic)), ("the one that got through", Some(line!() - 5)));
    }
    let panic = nested(4);
    assert_eq!((panic.message(), panic.location()), ("the one that got through", None), "not a wrong one");
    assert!(panic.backtrace().is_none() && !panic.is_noted());
    assert_eq!(panic.to_string(), "the one that got through, where is not known");
}

#[test]
fn a_panic_taken_over_from_another_thread_has_no_place_of_this_one() {
    let panic = panic_of(|_| {
        assert!(catch_unwind(|| panic!("of this one")).is_err());
        let other = thread::spawn(|| panic!("of the {} one", "other"));
        resume_unwind(other.join().unwrap_err())
    });
    assert_eq!((panic.message(), panic.location()), ("of the other one", None));
}

#[test]
fn a_text_of_two_places_is_of_neither() {
    const TEXT: &str = "written once";
    let panic = panic_of(|_| {
        assert!(catch_unwind(|| panic_any(TEXT)).is_err());
        panic_any(TEXT)
    });
    assert_eq!((panic.message(), panic.location()), (TEXT, None));
}

#[test]
fn a_payload_without_text_is_known_by_its_type() {
    let panic = panic_of(|_| {
        assert!(catch_unwind(|| panic!("of text")).is_err());
        panic_any(5_u64)
    });
    assert_eq!((panic.message(), line_of(&panic)), ("a panic without text", Some(line!() - 2)));
    let panic = panic_of(|_| {
        assert!(catch_unwind(|| panic_any(5_u64)).is_err());
        panic_any(6_u64)
    });
    assert_eq!(panic.location(), None, "one of two");
}

#[test]
fn a_run_that_fails_after_it_caught_a_panic_has_failed() {
    let (exit, _) = run(|_: &WorkerContext| -> WorkerResult {
        assert!(catch_unwind(|| panic!("caught")).is_err());
        Err("no orders".into())
    });
    assert_eq!(exit, Exit::Failed("no orders".to_owned()));
}

/// Panics when it is dropped or shown.
struct Spiteful;

impl Drop for Spiteful {
    fn drop(&mut self) {
        panic_any(Worse)
    }
}

/// And so does what it panics with.
struct Worse;

impl Drop for Worse {
    fn drop(&mut self) {
        panic!("dropped")
    }
}

impl fmt::Debug for Spiteful {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        panic!("shown")
    }
}

impl fmt::Display for Spiteful {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        panic!("shown")
    }
}

impl std::error::Error for Spiteful {}

#[test]
fn payloads_and_errors_that_panic_themselves_are_contained() {
    let body = |context: &WorkerContext| -> WorkerResult {
        match context.generation() {
            1 => panic_any(Spiteful),
            2 => return Err(Box::new(Spiteful)),
            _ => until_stopped(context),
        }
        Ok(())
    };
    assert!(!HOOKED.has_melted_down());
    let spec = ChildSpec::new("spiteful", Restart::Permanent, body);
    let supervisor = Supervisor::builder().worker(spec).start().unwrap();
    until("the third run", || {
        let status = supervisor.workers().remove(0);
        status.generation == 3 && status.state == WorkerState::Running
    });
    let status = supervisor.workers().remove(0);
    assert_eq!(status.last_failure.as_deref(), Some("an error that panics when it is shown"));
    assert!(supervisor.shutdown(PATIENCE).is_clean());
}

#[test]
fn the_hook_is_one_persons_and_serves_the_workers_of_all() {
    assert!(!HOOKED.has_melted_down());
    let Err(error) = Supervisor::builder().panic_hook(true).start() else { panic!("there is one hook") };
    assert!(matches!(error, StartError::PanicHook(PanicHookError::Taken)));
    assert_eq!(error.code(), "deck.panic_hook.taken");
    let Err(error) = Flightdeck::builder().panic_hook(true).start() else { panic!("there is one hook") };
    assert_eq!(error.code(), "deck.panic_hook.taken");
    // One that has not got it.
    assert!(panic_of(|_| panic!("of a worker")).is_noted());
}
