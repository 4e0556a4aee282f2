//! Handlers as their users see them.

mod support;

use flightdeck::events::Value;
use flightdeck::telemetry::{
    AttachError, Handler, HandlerNotice, HandlerState, Measurement, MetadataValue, Telemetry,
};
use flightdeck::{Diagnostic, Flightdeck};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, OnceLock, mpsc};
use std::time::Duration;
use support::{PATIENCE, until};

/// What handlers were told, in order.
type Told = Arc<Mutex<Vec<String>>>;

fn tell(told: &Told, line: impl Into<String>) {
    told.lock().unwrap().push(line.into());
}

fn told(told: &Told) -> Vec<String> {
    std::mem::take(&mut *told.lock().unwrap())
}

/// Sets it when dropped, so that a test which fails ends what its other threads do.
struct SetAtLast<'a>(&'a AtomicBool);

impl Drop for SetAtLast<'_> {
    fn drop(&mut self) {
        self.0.store(true, Relaxed);
    }
}

fn execute(telemetry: &Telemetry, name: &str) {
    telemetry.execute(name, &[], &[]);
}

#[test]
fn a_handler_is_told_what_was_executed_below_its_prefix() {
    let (telemetry, lines) = (Telemetry::new(), Told::default());
    execute(&telemetry, "http.request.stop");
    assert!(!telemetry.has_handlers());
    let by = |id: &str, prefixes: &[&str]| {
        let (to, id) = (lines.clone(), id.to_owned());
        telemetry
            .attach_many(&id.clone(), prefixes, move |execution| {
                tell(&to, format!("{id}: {}", execution.name))
            })
            .unwrap()
    };
    by("request", &["http.request"]);
    by("all", &[""]);
    by("many", &["http.request.stop", "http", "db"]);
    assert!(telemetry.has_handlers());
    execute(&telemetry, "http.request.stop");
    assert_eq!(
        told(&lines),
        ["request: http.request.stop", "all: http.request.stop", "many: http.request.stop"]
    );
    execute(&telemetry, "http.requests");
    assert_eq!(told(&lines), ["all: http.requests", "many: http.requests"], "whole words, and once");
    execute(&telemetry, "d");
    assert_eq!(told(&lines), ["all: d"]);

    let (sender, receiver) = mpsc::channel();
    telemetry
        .attach("values", "disk", move |execution| {
            assert_eq!((execution.measurements.len(), execution.metadata.len()), (4, 5));
            let measured = ["read", "delta", "load", "took"].map(|name| execution.measurement(name).unwrap());
            let [name, is_full] = ["name", "full"].map(|name| execution.metadata(name).unwrap());
            assert_eq!((name, is_full), (MetadataValue::Str("sda"), MetadataValue::Bool(true)));
            assert_eq!((execution.measurement("name"), execution.metadata("read")), (None, None));
            sender.send(measured).unwrap();
        })
        .unwrap();
    let took = Duration::from_millis(3);
    telemetry.execute(
        "disk",
        &[("read", 7_usize.into()), ("delta", (-1_i64).into()), ("load", 0.5.into()), ("took", took.into())],
        &[
            ("name", "sda".into()),
            ("full", true.into()),
            ("a", 1_u64.into()),
            ("b", (-1_i64).into()),
            ("c", 0.5.into()),
        ],
    );
    let expected =
        [Measurement::U64(7), Measurement::I64(-1), Measurement::F64(0.5), Measurement::Duration(took)];
    assert_eq!(receiver.try_recv(), Ok(expected));
    assert_eq!(telemetry.handler_stats().panics, 0);
}

#[test]
fn what_makes_no_sense_is_refused() {
    let telemetry = Telemetry::new();
    let attach = |id: &str, prefixes: &[&str]| telemetry.attach_many(id, prefixes, |_| {});
    attach("first", &["http"]).unwrap();
    let code = |attached: Result<Handler, AttachError>| attached.unwrap_err().code();
    assert_eq!(code(attach("first", &["db"])), "telemetry.handler.duplicate");
    assert_eq!(code(attach("", &["db"])), "telemetry.handler.empty_id");
    assert_eq!(code(attach("second", &[])), "telemetry.handler.no_prefix");
    for prefix in ["http.", ".", "a..b", &"x".repeat(257)] {
        assert_eq!(code(attach("second", &["db", prefix])), "telemetry.handler.prefix");
    }
    for capacity in [0, 1 << 21] {
        assert_eq!(
            code(telemetry.attach_queued("second", &["db"], capacity, |_| {})),
            "telemetry.handler.capacity"
        );
    }
    (1..1_024).for_each(|n| drop(attach(&n.to_string(), &["db"]).unwrap()));
    assert_eq!(code(attach("one more", &["db"])), "telemetry.handler.too_many");
    let long = attach("a\nb", &[&format!("\n{}", "x".repeat(1_000))]).unwrap_err().to_string();
    assert!(!long.contains('\n') && long.len() < 300, "{long}");
    assert_eq!(telemetry.handlers().len(), 1_024);
    assert!(telemetry.detach("first") && !telemetry.detach("first"));
    attach("first", &["db"]).unwrap();
    assert_eq!(telemetry.handlers().last().unwrap().prefixes, ["db"]);
}

#[test]
fn after_detach_returned_no_call_starts_and_the_last_one_is_waited_for() {
    const EXECUTORS: usize = 4;
    let telemetry = Telemetry::new();
    let (done, calls) = (AtomicBool::new(false), AtomicU64::new(0));
    std::thread::scope(|threads| {
        let _at_last = SetAtLast(&done);
        for _ in 0..EXECUTORS {
            threads.spawn(|| {
                while !done.load(Relaxed) {
                    execute(&telemetry, "a.b");
                }
            });
        }
        let mut busy = 0;
        for round in 0..300 {
            struct Within {
                detached: AtomicBool,
                inside: AtomicU64,
                entered: AtomicU64,
            }
            let within = Within {
                detached: AtomicBool::new(false),
                inside: AtomicU64::new(0),
                entered: AtomicU64::new(0),
            };
            let within = Arc::new(within);
            let inner = within.clone();
            let handler = telemetry.attach("churn", "a", move |_| {
                assert!(!inner.detached.load(Relaxed), "a call started after it was detached");
                inner.entered.fetch_add(1, Relaxed);
                inner.inside.fetch_add(1, Relaxed);
                std::hint::spin_loop();
                inner.inside.fetch_sub(1, Relaxed);
            });
            let handler = handler.unwrap();
            if round % 2 == 0 {
                until("a call", || within.entered.load(Relaxed) > 0);
            }
            busy += u64::from(within.inside.load(Relaxed) > 0);
            assert!(handler.detach_and_wait(PATIENCE));
            within.detached.store(true, Relaxed);
            assert_eq!(within.inside.load(Relaxed), 0, "one is still inside");
            let status = handler.status();
            assert_eq!((status.calls, status.running), (within.entered.load(Relaxed), 0));
            assert_eq!(status.state, HandlerState::Detached);
            calls.fetch_add(status.calls, Relaxed);
        }
        println!("{} calls, {busy} times one was running when its handler was detached", calls.load(Relaxed));
    });
    assert!(calls.load(Relaxed) > 0);
    let stats = telemetry.handler_stats();
    assert_eq!((stats.panics, stats.attached, stats.last_panic), (0, 0, None));
    telemetry.sweep_handlers();
    assert_eq!(telemetry.handler_stats().retained, 0);
}

#[test]
fn a_call_that_takes_long_is_waited_for_no_longer_than_was_said() {
    let telemetry = Telemetry::new();
    let (go, gone) = mpsc::sync_channel::<()>(0);
    let (gone, entered) = (Mutex::new(gone), Arc::new(AtomicBool::new(false)));
    let inside = entered.clone();
    let handler = telemetry
        .attach("slow", "a", move |_| {
            inside.store(true, Relaxed);
            gone.lock().unwrap().recv().unwrap();
        })
        .unwrap();
    std::thread::scope(|threads| {
        // Dropped if this fails, which ends the call.
        let go = go;
        threads.spawn(|| execute(&telemetry, "a"));
        until("a call", || entered.load(Relaxed));
        assert_eq!(handler.status().running, 1);
        assert!(!handler.detach_and_wait(Duration::from_millis(10)), "it is still inside");
        assert!(!handler.is_attached() && !handler.detach(), "and detached all the same");
        execute(&telemetry, "a");
        let waiting = threads.spawn(|| handler.detach_and_wait(PATIENCE));
        go.send(()).unwrap();
        assert!(waiting.join().unwrap());
    });
    assert_eq!(handler.status().calls, 1);
}

#[test]
fn a_handler_may_detach_itself_attach_and_execute() {
    let (telemetry, lines) = (Telemetry::new(), Told::default());
    let own: Arc<OnceLock<Handler>> = Arc::default();
    let (to, inner, its_own) = (lines.clone(), telemetry.clone(), own.clone());
    let handler = telemetry.attach("once", "a", move |execution| {
        tell(&to, format!("once: {}", execution.name));
        let handler = its_own.get().unwrap();
        assert!(handler.is_attached());
        assert!(!handler.detach_and_wait(PATIENCE), "it cannot wait for itself");
        let (to, again) = (to.clone(), inner.clone());
        inner
            .attach("once", "a", move |execution| {
                tell(&to, format!("next: {}", execution.name));
                if execution.name == "a" {
                    execute(&again, "a.deeper");
                }
            })
            .unwrap();
        execute(&inner, "a");
    });
    own.set(handler.unwrap()).unwrap();
    execute(&telemetry, "a");
    assert_eq!(told(&lines), ["once: a", "next: a", "next: a.deeper"]);
    assert_eq!(telemetry.handler_stats().panics, 0);
    assert!(telemetry.detach("once"));
    execute(&telemetry, "a");
    assert!(told(&lines).is_empty());
}

#[test]
fn a_handler_that_executes_what_it_handles_comes_to_an_end() {
    let telemetry = Telemetry::new();
    let (inner, calls) = (telemetry.clone(), telemetry.counter("calls"));
    let counted = calls.clone();
    let handler = telemetry.attach("echo", "", move |execution| {
        counted.increment(1);
        execute(&inner, execution.name);
    });
    execute(&telemetry, "a");
    assert_eq!((calls.value(), telemetry.handler_stats().too_deep), (16, 1));
    execute(&telemetry, "a");
    assert_eq!((calls.value(), handler.unwrap().status().calls), (32, 32));
    telemetry.detach("echo");
}

#[test]
fn a_handler_that_panics_is_detached_and_told_of() {
    struct Loud(Told);
    impl Drop for Loud {
        fn drop(&mut self) {
            tell(&self.0, "dropped");
            panic!("while it is dropped");
        }
    }
    let (telemetry, lines) = (Telemetry::new(), Told::default());
    let to = lines.clone();
    telemetry.observe_handlers(move |notice| {
        if let HandlerNotice::Panicked { id, message, .. } = notice {
            tell(&to, format!("{id} panicked: {message}"));
        }
        panic!("an observer");
    });
    let loud = Loud(lines.clone());
    let bad = telemetry.attach("bad", "a", move |_| {
        let _owned = &loud;
        panic!("bad {}", 7);
    });
    let to = lines.clone();
    telemetry.attach("good", "a", move |_| tell(&to, "good")).unwrap();
    execute(&telemetry, "a");
    assert_eq!(told(&lines), ["bad panicked: bad 7", "good"], "what it owns is not dropped here");
    execute(&telemetry, "a");
    assert_eq!(told(&lines), ["good"]);
    let status = bad.unwrap().status();
    assert_eq!((status.state, status.calls, status.running), (HandlerState::Panicked, 1, 0));
    assert_eq!(status.panic.as_deref(), Some("bad 7"));
    assert_eq!(telemetry.handlers().iter().map(|status| &*status.id).collect::<Vec<_>>(), ["good"]);
    assert_eq!(telemetry.sweep_handlers(), 1);
    assert_eq!(told(&lines), ["dropped"]);
    let stats = telemetry.handler_stats();
    assert_eq!((stats.attached, stats.panics, stats.other_panics, stats.retained), (1, 1, 2, 0));
    let last = stats.last_panic.unwrap();
    assert_eq!((&*last.id, &*last.message), ("bad", "bad 7"));
    telemetry.attach("bad", "a", |_| {}).unwrap();
}

#[test]
fn a_queue_takes_copies_keeps_their_order_and_counts_what_it_has_no_room_for() {
    let (telemetry, lines) = (Telemetry::new(), Told::default());
    let to = lines.clone();
    let handler = telemetry.attach_queued("log", &["a"], 4, move |execution| {
        tell(
            &to,
            format!("{} {:?} {:?}", execution.name, execution.measurement("n"), execution.metadata("of")),
        );
    });
    let handler = handler.unwrap();
    let execute = |n: u64, of: &str| telemetry.execute("a.b", &[("n", n.into())], &[("of", of.into())]);
    (0..6).for_each(|n| execute(n, &format!("text {n}")));
    assert!(told(&lines).is_empty());
    let queue = || handler.status().queue.unwrap();
    assert_eq!((queue().capacity, queue().waiting, queue().dropped), (4, 4, 2));
    assert_eq!(handler.deliver(), 4);
    let line = |n| format!("a.b Some(U64({n})) Some(Str(\"text {n}\"))");
    assert_eq!(told(&lines), [0, 1, 2, 3].map(line));
    execute(9, &"x".repeat(70_000));
    assert_eq!((queue().too_large, queue().waiting, handler.deliver()), (1, 0, 0));
    execute(6, "text 6");
    execute(7, "text 7");
    assert!(handler.detach());
    assert_eq!((queue().waiting, queue().discarded, handler.deliver()), (0, 2, 0));
    let (status, stats) = (handler.status(), telemetry.handler_stats());
    assert_eq!((status.calls, status.queue.unwrap().dropped), (4, 2));
    assert_eq!((stats.dropped, stats.discarded), (3, 2));
}

#[test]
fn a_queue_is_served_by_one_thread_until_it_is_to_stop_and_nothing_is_unaccounted_for() {
    const EACH: u64 = 20_000;
    const EXECUTORS: u64 = 3;
    let (telemetry, lines) = (Telemetry::new(), Told::default());
    let (to, stop) = (Arc::new(Mutex::new(vec![0; EXECUTORS as usize])), AtomicBool::new(false));
    let last = to.clone();
    let handler = telemetry.attach_queued("log", &["a"], 64, move |execution| {
        let (Some(MetadataValue::U64(of)), Some(Measurement::U64(n))) =
            (execution.metadata("of"), execution.measurement("n"))
        else {
            panic!("{execution:?}")
        };
        let last = std::mem::replace(&mut last.lock().unwrap()[of as usize], n);
        assert!(last < n, "{n} after {last}");
    });
    let handler = handler.unwrap();
    std::thread::scope(|threads| {
        let served = threads.spawn(|| handler.run(|| stop.load(Relaxed)));
        std::thread::scope(|executors| {
            for of in 0..EXECUTORS {
                let telemetry = &telemetry;
                executors.spawn(move || {
                    (1..=EACH).for_each(|n| telemetry.execute("a", &[("n", n.into())], &[("of", of.into())]));
                });
            }
        });
        stop.store(true, Relaxed);
        served.join().unwrap();
    });
    let status = handler.status();
    let queue = status.queue.unwrap();
    assert_eq!((status.calls + queue.dropped, queue.waiting), (EACH * EXECUTORS, 0));
    assert_eq!(telemetry.handler_stats().panics, 0, "{:?}", told(&lines));
    assert!(status.calls > 0);
}

#[test]
fn who_serves_a_queue_returns_when_it_is_detached_panics_or_the_telemetry_is_gone() {
    let served = |handler: &Handler| {
        let handler = handler.clone();
        let (sender, ended) = mpsc::channel();
        std::thread::spawn(move || {
            handler.run(|| false);
            sender.send(()).unwrap();
        });
        ended
    };
    let (telemetry, lines) = (Telemetry::new(), Told::default());
    let attach = |id: &str| {
        let to = lines.clone();
        let handler = telemetry.attach_queued(id, &["a"], 8, move |execution| {
            tell(&to, execution.name);
            assert!(execution.name != "a.bad", "bad");
        });
        handler.unwrap()
    };
    let detached = attach("detached");
    let ended = served(&detached);
    assert!(detached.detach_and_wait(PATIENCE));
    ended.recv_timeout(PATIENCE).unwrap();
    detached.run(|| false);

    let panicking = attach("panicking");
    let ended = served(&panicking);
    ["a", "a.bad", "a.never"].iter().for_each(|name| execute(&telemetry, name));
    ended.recv_timeout(PATIENCE).unwrap();
    let status = panicking.status();
    assert_eq!((status.state, status.panic.as_deref()), (HandlerState::Panicked, Some("bad")));
    // The third may have come after the panic.
    assert_eq!((told(&lines), status.calls), (vec!["a".to_owned(), "a.bad".to_owned()], 2));

    let last = attach("last");
    let counter = telemetry.counter("outlives it");
    (0..3).for_each(|_| execute(&telemetry, "a.z"));
    let ended = served(&last);
    drop(telemetry);
    ended.recv_timeout(PATIENCE).unwrap();
    assert_eq!(told(&lines), ["a.z"; 3], "what was there is delivered");
    drop(counter);
    assert!(last.detach_and_wait(PATIENCE) && last.deliver() == 0);
}

#[test]
fn handlers_that_come_and_go_while_others_execute_leave_nothing_behind() {
    struct Owned(Arc<AtomicU64>);
    impl Drop for Owned {
        fn drop(&mut self) {
            self.0.fetch_sub(1, Relaxed);
        }
    }
    let (telemetry, alive, done) = (Telemetry::new(), Arc::new(AtomicU64::new(0)), AtomicBool::new(false));
    std::thread::scope(|threads| {
        let _at_last = SetAtLast(&done);
        for _ in 0..2 {
            threads.spawn(|| {
                while !done.load(Relaxed) {
                    execute(&telemetry, "a");
                }
            });
        }
        let churn = |of: u64| {
            let (telemetry, alive) = (&telemetry, &alive);
            move || {
                for n in 0..500 {
                    alive.fetch_add(1, Relaxed);
                    let owned = Owned(alive.clone());
                    let own = move |_: &flightdeck::telemetry::Execution<'_>| {
                        std::hint::black_box(&owned);
                    };
                    let id = format!("{of} {n}");
                    if n % 2 == 0 {
                        telemetry.attach(&id, "a", own).unwrap().detach();
                    } else {
                        drop(telemetry.attach_queued(&id, &["a"], 2, own).unwrap());
                        assert!(telemetry.detach(&id));
                    }
                }
            }
        };
        let churning = [threads.spawn(churn(0)), threads.spawn(churn(1))];
        churning.into_iter().for_each(|thread| thread.join().unwrap());
    });
    telemetry.sweep_handlers();
    assert_eq!((alive.load(Relaxed), telemetry.handler_stats().retained), (0, 0));
    assert!(!telemetry.has_handlers());
}

/// Sets a flag when it is dropped, and panics.
struct Last(Arc<AtomicBool>);

impl Drop for Last {
    fn drop(&mut self) {
        self.0.store(true, Relaxed);
        panic!("while it is dropped");
    }
}

#[test]
fn handlers_that_own_a_metric_go_with_the_last_telemetry() {
    let telemetry = Telemetry::new();
    let gone = [(); 4].map(|()| Arc::new(AtomicBool::new(false)));
    let own = |at: usize| {
        let (counter, last) = (telemetry.counter("of handlers"), Last(gone[at].clone()));
        move || {
            let _owned = &last;
            counter.increment(1);
        }
    };
    let (first, second, third, observe) = (own(0), own(1), own(2), own(3));
    let handler = telemetry.attach("at once", "a", move |_| first()).unwrap();
    let idle = telemetry.attach_queued("idle", &["b"], 8, move |_| second()).unwrap();
    let late = telemetry.attach_queued("late", &["a"], 8, move |_| third()).unwrap();
    telemetry.observe_handlers(move |_| observe());
    execute(&telemetry, "a");
    let is_gone = || [0, 1, 2, 3].map(|at| gone[at].load(Relaxed));
    assert_eq!(is_gone(), [false; 4]);
    drop(telemetry);
    assert_eq!(is_gone(), [true, true, false, true]);
    assert!(!handler.is_attached() && !idle.is_attached() && late.is_attached());
    assert_eq!((late.deliver(), late.status().calls, late.is_attached()), (1, 1, false));
    assert_eq!(is_gone(), [true; 4]);
}

#[test]
fn what_a_served_handler_owns_may_panic_when_it_is_dropped() {
    let (telemetry, gone) = (Telemetry::new(), Arc::new(AtomicBool::new(false)));
    let last = Last(gone.clone());
    let handler = telemetry
        .attach_queued("last", &["a"], 8, move |_| {
            let _owned = &last;
        })
        .unwrap();
    execute(&telemetry, "a");
    std::thread::scope(|threads| {
        let served = threads.spawn(|| handler.run(|| false));
        until("the call", || handler.status().calls == 1);
        assert!(handler.detach());
        served.join().expect("the panic stays with the handlers");
    });
    assert!(gone.load(Relaxed));
    assert_eq!(telemetry.handler_stats().other_panics, 1);
}

#[test]
fn who_is_to_serve_a_queue_that_another_thread_serves_takes_over_when_that_is_done() {
    let telemetry = Telemetry::new();
    let (entered, go, stop) =
        (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)), AtomicBool::new(false));
    let asked = AtomicU64::new(0);
    let (inside, on) = (entered.clone(), go.clone());
    let handler = telemetry.attach_queued("log", &["a"], 8, move |_| {
        inside.store(true, Relaxed);
        until("the word to go on", || on.load(Relaxed));
    });
    let handler = handler.unwrap();
    execute(&telemetry, "a");
    std::thread::scope(|threads| {
        let _at_last = SetAtLast(&stop);
        let by_hand = threads.spawn(|| handler.deliver());
        until("a call", || entered.load(Relaxed));
        let served = threads.spawn(|| {
            handler.run(|| {
                asked.fetch_add(1, Relaxed);
                stop.load(Relaxed)
            });
        });
        until("the other to stand by, or to be gone", || asked.load(Relaxed) > 0 || served.is_finished());
        go.store(true, Relaxed);
        assert_eq!(by_hand.join().unwrap(), 1);
        execute(&telemetry, "a");
        until("the second call", || handler.status().calls == 2);
        stop.store(true, Relaxed);
        served.join().unwrap();
    });
}

#[test]
fn two_calls_that_panic_at_once_detach_a_handler_once() {
    let (telemetry, both) = (Telemetry::new(), Arc::new(std::sync::Barrier::new(2)));
    let detached = Arc::new(AtomicU64::new(0));
    let counted = detached.clone();
    telemetry.observe_handlers(move |notice| {
        if let HandlerNotice::Panicked { was_attached: true, .. } = notice {
            counted.fetch_add(1, Relaxed);
        }
    });
    let meet = both.clone();
    telemetry
        .attach("bad", "a", move |_| {
            meet.wait();
            panic!("both");
        })
        .unwrap();
    std::thread::scope(|threads| {
        (0..2).for_each(|_| drop(threads.spawn(|| execute(&telemetry, "a"))));
    });
    assert_eq!((detached.load(Relaxed), telemetry.handler_stats().panics), (1, 2));
}

#[test]
fn a_deck_writes_down_what_panics_whoever_observes_its_handlers() {
    let deck = Flightdeck::builder().start().unwrap();
    let (told, hears) = mpsc::channel();
    deck.telemetry().observe_handlers(move |notice| {
        let HandlerNotice::Panicked { id, .. } = notice else { return };
        told.send((*id).to_owned()).unwrap();
        panic!("observers may");
    });
    deck.telemetry().attach("fails", "http", |_| panic!("no disk")).unwrap();
    deck.telemetry().execute("http.stop", &[], &[]);
    assert_eq!(hears.try_iter().collect::<Vec<_>>(), ["fails"], "the host");
    let answer = deck.events().query().kind_named("flightdeck.telemetry.handler_detached").run().unwrap();
    let written: Vec<_> = answer.iter().map(|event| event.field("message").unwrap()).collect();
    assert_eq!(written, [Value::Str("no disk")], "and the deck");
    assert_eq!(deck.telemetry().counter("flightdeck_telemetry_handlers_detached_total").value(), 1);
    assert_eq!(deck.telemetry().handler_stats().other_panics, 1);
}
