//! Prompt kinds: an event of one wakes whoever waits, and nothing is missed on the way to sleep.

#![cfg(target_os = "linux")]

#[path = "support/child.rs"]
mod child;
mod support;

use child::ended_well;
use flightdeck::Severity;
use flightdeck::events::{
    Batch, Cursor, Delivery, Events, FieldType, FollowError, PromptError, Schema, Scope, Stamp, Value,
};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{OnceLock, mpsc};
use std::time::{Duration, Instant};
use std::{fs, thread};
use support::{PATIENCE, until};

flightdeck::kind! {
    /// Options in any order.
    Rejected("prompt.rejected", severity = Error, prompt, starts) { n: u64 }
    Usual("prompt.usual") { n: u64 }
    Frame("prompt.frame", prompt, class = Critical) { bytes: bytes }
    Sent("prompt.sent", prompt) { writer: u64, n: u64 }
}

/// Long enough to tell a time-out from being woken, on any machine.
const IDLE: Duration = Duration::from_secs(10);
const AT_ONCE: Duration = Duration::from_secs(5);

fn small() -> Events {
    Events::builder().memory(4 << 20).shards(8).build().unwrap()
}

/// One that parks for so long that only waking it is quick.
fn prompt(events: &Events) -> Cursor {
    events.cursor().park_between(IDLE, IDLE).prompt().unwrap()
}

fn this_thread() -> u64 {
    // SAFETY: asks for the number of this thread.
    unsafe { libc::syscall(libc::SYS_gettid) as u64 }
}

/// Returns once the thread of this number sleeps.
fn until_asleep(thread: u64) {
    let stat = format!("/proc/self/task/{thread}/stat");
    until("the thread sleeps", || {
        let stat = fs::read_to_string(&stat).unwrap_or_default();
        stat.rsplit_once(") ").is_some_and(|(_, state)| state.starts_with('S'))
    });
}

/// How long it took from `act` until a cursor that slept had something, or its end.
fn woken_after<R>(events: &Events, act: impl FnOnce() -> R) -> (Duration, R) {
    let mut cursor = prompt(events);
    let (tell, number) = mpsc::channel();
    thread::scope(|threads| {
        let waiter = threads.spawn(move || {
            tell.send(this_thread()).unwrap();
            let ended = cursor.next(PATIENCE).map(|_| ()).err();
            (Instant::now(), ended, cursor.stats())
        });
        until_asleep(number.recv().unwrap());
        let start = Instant::now();
        let result = act();
        let (woken, ended, stats) = waiter.join().unwrap();
        assert!(matches!(ended, None | Some(FollowError::Closed)), "{ended:?}");
        assert_eq!((stats.woken, stats.deaf), (1, 0), "{stats:?}");
        (woken - start, result)
    })
}

#[test]
fn every_way_to_record_wakes() {
    let events = small();
    let kind = events.define(Schema::new("prompt.defined").field("n", FieldType::U64).prompting()).unwrap();
    let raw = events.define(Schema::raw("prompt.raw").prompting()).unwrap();
    assert!(
        kind.schema().is_prompt() && !events.define(Schema::raw("prompt.raw")).unwrap().schema().is_prompt()
    );
    events.declare::<Rejected>();
    let stamp = Stamp::of(7_u64);
    let scope = Scope::root(7_u64);
    let batch = || {
        let mut batch = Batch::new();
        (0..5).for_each(|n| batch.push(Usual { n }));
        batch.push(Rejected { n: 5 });
        batch
    };
    let writer = || events.writer().unwrap();
    type Way<'a> = (&'a str, Box<dyn Fn() + 'a>);
    let ways: Vec<Way<'_>> = vec![
        ("record", Box::new(|| events.record(Rejected { n: 1 }))),
        ("record_with", Box::new(|| events.record_with(stamp, Rejected { n: 1 }))),
        ("try_record", Box::new(|| events.try_record(Rejected { n: 1 }).unwrap())),
        ("record_values", Box::new(|| events.record_values(stamp, &kind, &[Value::U64(1)]).unwrap())),
        ("record_linked", Box::new(|| events.record_linked(&[scope], Rejected { n: 1 }))),
        ("record_all", Box::new(|| assert!(events.record_all(&[Rejected { n: 1 }]).unwrap() > 0))),
        ("record_batch", Box::new(|| assert!(events.record_batch(&mut batch()).unwrap() > 0))),
        ("record_in_signal", Box::new(|| events.record_in_signal(Rejected { n: 1 }))),
        ("mark", Box::new(|| events.mark(Rejected { n: 1 }))),
        ("start", Box::new(|| assert!(events.start(Rejected { n: 1 }).span().get() > 0))),
        ("end", Box::new(|| events.end(scope, Rejected { n: 1 }))),
        ("span", Box::new(|| drop(events.span(Rejected { n: 1 })))),
        ("reserve", Box::new(|| events.reserve::<Frame<'_>>(8).unwrap().unwrap().commit().unwrap())),
        (
            "reserve_kind",
            Box::new(|| events.reserve_kind(stamp, &raw, 8).unwrap().unwrap().commit().unwrap()),
        ),
        ("writer's record", Box::new(|| writer().record(Rejected { n: 1 }))),
        ("writer's record_with", Box::new(|| writer().record_with(stamp, Rejected { n: 1 }))),
        (
            "writer's try_record_with",
            Box::new(|| writer().try_record_with(stamp, Rejected { n: 1 }).unwrap()),
        ),
        (
            "writer's record_values",
            Box::new(|| writer().record_values(stamp, &kind, &[Value::U64(1)]).unwrap()),
        ),
        ("writer's record_all", Box::new(|| assert!(writer().record_all(&[Rejected { n: 1 }]).unwrap() > 0))),
        ("writer's record_batch", Box::new(|| assert!(writer().record_batch(&mut batch()).unwrap() > 0))),
        ("writer's mark", Box::new(|| writer().mark(Rejected { n: 1 }))),
        (
            "writer's reserve",
            Box::new(|| writer().reserve::<Frame<'_>>(stamp, 8).unwrap().unwrap().commit().unwrap()),
        ),
    ];
    for (name, way) in &ways {
        let before = events.stats().woken;
        let (took, ()) = woken_after(&events, way);
        assert!(took < AT_ONCE, "{name}: {took:?}");
        assert!(events.stats().woken > before, "{name}");
    }
}

#[test]
fn a_batch_wakes_once() {
    let events = small();
    let mut batch = Batch::new();
    (0..100).for_each(|n| batch.push(Rejected { n }));
    woken_after(&events, || events.record_batch(&mut batch).unwrap());
    assert_eq!(events.stats().woken, 1);
}

#[test]
fn what_goes_through_shared_shards_or_the_overflow_wakes() {
    let events = Events::builder().memory(4 << 20).shards(1).shared_shards(1).build().unwrap();
    let _only = events.writer().unwrap();
    let (took, ()) = woken_after(&events, || events.record(Rejected { n: 1 }));
    assert!(took < AT_ONCE, "{took:?}");
    assert_eq!(events.stats().lost(), 0);
}

#[test]
fn the_end_wakes() {
    let events = small();
    let (took, ()) = woken_after(&events, || events.stop());
    assert!(took < AT_ONCE, "stopped: {took:?}");

    let events = small();
    let mut cursor = prompt(&events);
    let (tell, number) = mpsc::channel();
    let waiter = thread::spawn(move || {
        tell.send(this_thread()).unwrap();
        (cursor.recv().is_none(), Instant::now())
    });
    until_asleep(number.recv().unwrap());
    let start = Instant::now();
    drop(events);
    let (has_ended, woken) = waiter.join().unwrap();
    assert!(has_ended && woken - start < AT_ONCE, "dropped: {:?}", woken - start);
}

#[test]
fn other_kinds_wake_nobody_and_come_at_the_time_out() {
    let events = Events::builder().memory(4 << 20).directives("prompt.rejected=off").build().unwrap();
    let mut cursor = prompt(&events);
    let (tell, number) = mpsc::channel();
    thread::scope(|threads| {
        let waiter = threads.spawn(move || {
            tell.send(this_thread()).unwrap();
            let start = Instant::now();
            let came = cursor.next(Duration::from_millis(500)).is_ok();
            (came, start.elapsed(), cursor.stats())
        });
        until_asleep(number.recv().unwrap());
        events.record(Usual { n: 1 });
        events.record(Rejected { n: 2 });
        let (came, took, stats) = waiter.join().unwrap();
        assert!(came && took >= Duration::from_millis(500), "{took:?}");
        assert_eq!((stats.woken, stats.delivered), (0, 1), "{stats:?}");
    });
    assert_eq!(events.stats().woken, 0);
}

#[test]
fn all_who_wait_are_woken_whatever_they_ask_for() {
    let events = small();
    let (tell, numbers) = mpsc::channel();
    thread::scope(|threads| {
        let waiters: Vec<_> = (0..3)
            .map(|_| {
                let (events, tell) = (&events, tell.clone());
                threads.spawn(move || {
                    let query = events.query().severity_at_least(Severity::Error);
                    let mut cursor = query.follow().unwrap().park_between(IDLE, IDLE).prompt().unwrap();
                    tell.send(this_thread()).unwrap();
                    let start = Instant::now();
                    assert!(matches!(cursor.next(PATIENCE), Ok(Delivery::Event(_))));
                    start.elapsed()
                })
            })
            .collect();
        (0..3).for_each(|_| until_asleep(numbers.recv().unwrap()));
        // Not what they ask for: they look, and say anew that they wait.
        (0..10).for_each(|n| events.record(Sent { writer: 0, n }));
        events.record(Rejected { n: 1 });
        waiters.into_iter().for_each(|waiter| assert!(waiter.join().unwrap() < AT_ONCE));
    });
}

#[test]
fn an_event_is_delivered_far_sooner_than_the_time_out() {
    const ROUNDS: usize = 1_000;
    let events = small();
    let mut cursor = prompt(&events);
    let start = Instant::now();
    let (tell, number) = mpsc::channel();
    let (delivered, arrivals) = mpsc::channel();
    let mut took: Vec<Duration> = thread::scope(|threads| {
        threads.spawn(move || {
            tell.send(this_thread()).unwrap();
            for _ in 0..ROUNDS {
                cursor.next(PATIENCE).unwrap();
                delivered.send(start.elapsed()).unwrap();
            }
        });
        let waiter = number.recv().unwrap();
        let round = |n| {
            until_asleep(waiter);
            let sent = start.elapsed();
            events.record(Rejected { n });
            arrivals.recv().unwrap() - sent
        };
        (0..ROUNDS as u64).map(round).collect()
    });
    took.sort_unstable();
    let [median, p99, most] = [ROUNDS / 2, ROUNDS * 99 / 100, ROUNDS - 1].map(|at| took[at]);
    println!("woken after: median {median:?}, p99 {p99:?}, most {most:?}");
    assert!(median < Duration::from_millis(100) && most < AT_ONCE, "median {median:?}, most {most:?}");
    assert!(events.stats().woken <= ROUNDS as u64);
}

/// Each writer waits until what it wrote was delivered: one lost wake-up, and it waits for the time-out.
#[test]
fn four_writers_that_wait_for_their_answers_never_wait_for_a_time_out() {
    const WRITERS: usize = 4;
    const ROUNDS: u64 = 5_000;
    let events = small();
    let mut cursor = prompt(&events);
    let answered = [const { AtomicU64::new(0) }; WRITERS];
    thread::scope(|threads| {
        for (writer, answered) in answered.iter().enumerate() {
            let events = &events;
            threads.spawn(move || {
                for n in 1..=ROUNDS {
                    events.record(Sent { writer: writer as u64, n });
                    let sent = Instant::now();
                    while answered.load(Ordering::Acquire) < n {
                        assert!(sent.elapsed() < AT_ONCE, "{n} of writer {writer} was not delivered");
                        thread::yield_now();
                    }
                    // Now and then out of step, so that each meets the cursor in every state.
                    (0..n * 7_919 % 5_000).for_each(|_| std::hint::spin_loop());
                }
            });
        }
        while answered.iter().any(|answered| answered.load(Ordering::Relaxed) < ROUNDS) {
            let Ok(Delivery::Event(event)) = cursor.next(PATIENCE) else {
                panic!("a gap, or nothing at all")
            };
            let [Some(Value::U64(writer)), Some(Value::U64(n))] =
                ["writer", "n"].map(|name| event.field(name))
            else {
                panic!("{event:?}")
            };
            assert_eq!(answered[writer as usize].load(Ordering::Relaxed) + 1, n);
            answered[writer as usize].store(n, Ordering::Release);
        }
    });
    let stats = cursor.stats();
    println!("{stats:?}");
    assert_eq!((stats.delivered, stats.deaf), (WRITERS as u64 * ROUNDS, 0));
    assert!(stats.woken > 0, "never slept: nothing was tried");
    assert!(events.stats().woken <= stats.delivered);
}

/// From now on this thread may make no such barrier.
fn forbid_barriers() {
    let rule = |code: u32, jt, k| libc::sock_filter { code: code as u16, jt, jf: 0, k };
    let mut rules = [
        // The number of the call; is it this one, go on, else skip one.
        rule(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0),
        libc::sock_filter {
            code: (libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K) as u16,
            jt: 0,
            jf: 1,
            k: libc::SYS_membarrier as u32,
        },
        rule(libc::BPF_RET | libc::BPF_K, 0, libc::SECCOMP_RET_ERRNO | libc::EPERM as u32),
        rule(libc::BPF_RET | libc::BPF_K, 0, libc::SECCOMP_RET_ALLOW),
    ];
    let program = libc::sock_fprog { len: rules.len() as u16, filter: rules.as_mut_ptr() };
    // SAFETY: the program outlives both calls; they bind this thread alone.
    unsafe {
        assert_eq!(libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
        let set = libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const program);
        assert_eq!(set, 0, "{}", std::io::Error::last_os_error());
    }
}

#[test]
fn where_the_barrier_is_forbidden_a_cursor_is_refused_and_one_that_was_prompt_says_that_it_is_deaf() {
    let events = small();
    let mut cursor = prompt(&events);
    thread::scope(|threads| {
        threads.spawn(|| {
            forbid_barriers();
            let Err(PromptError::NoBarrier { reason }) = events.cursor().prompt() else {
                panic!("not refused")
            };
            assert!(reason.contains("not permitted"), "{reason}");
            assert!(matches!(cursor.next(Duration::from_millis(20)), Err(FollowError::TimedOut { .. })));
            events.record(Rejected { n: 1 });
            assert!(matches!(cursor.next(Duration::from_millis(20)), Ok(Delivery::Event(_))));
            assert!(cursor.stats().deaf > 0);
            // One that asks for nothing goes on as it did.
            let mut other = events.cursor();
            events.record(Rejected { n: 2 });
            assert!(other.next(PATIENCE).is_ok());
        });
    });
}

#[test]
fn a_fork_wakes_nobody_and_hangs_nowhere() {
    let events = small();
    let mut inherited = prompt(&events);
    let (took, ()) = woken_after(&events, || {
        // SAFETY: the child uses what it inherited of this thread alone, and leaves by `_exit`.
        match unsafe { libc::fork() } {
            -1 => panic!("no child: {}", std::io::Error::last_os_error()),
            0 => {
                (0..10).for_each(|n| events.record(Rejected { n }));
                let is_refused = matches!(events.cursor().prompt(), Err(PromptError::Forked));
                // What was lost is told, and then there is nothing.
                inherited.drain(|_| ());
                let is_idle = inherited.next(Duration::from_millis(20)).is_err();
                // SAFETY: ends the child.
                unsafe { libc::_exit(i32::from(!(is_refused && is_idle))) };
            }
            child => assert!(ended_well(child)),
        }
        assert_eq!(events.stats().woken, 0);
        events.record(Rejected { n: 1 });
    });
    // Of the time of the child, which is not ours to limit, nothing is left to the waiter.
    assert!(took < IDLE, "{took:?}");
    assert_eq!(events.stats().woken, 1);
}

static SIGNALLED: OnceLock<Events> = OnceLock::new();

extern "C" fn rejected(_: libc::c_int) {
    if let Some(events) = SIGNALLED.get() {
        events.record_in_signal(Rejected { n: 1 });
    }
}

#[test]
fn a_signal_handler_wakes_and_leaves_errno_alone() {
    let events = SIGNALLED.get_or_init(small);
    events.declare::<Rejected>();
    // SAFETY: a zeroed `sigaction` is one without flags; the handler does what handlers may.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = rejected as *const () as usize;
        assert_eq!(libc::sigaction(libc::SIGUSR1, &raw const action, std::ptr::null_mut()), 0);
    }
    let (took, errno) = woken_after(events, || {
        // SAFETY: this thread's own error number, around a signal to itself.
        unsafe {
            *libc::__errno_location() = libc::EXFULL;
            libc::raise(libc::SIGUSR1);
            *libc::__errno_location()
        }
    });
    assert!(took < AT_ONCE, "{took:?}");
    assert_eq!(errno, libc::EXFULL);
}
