//! What hot paths may never do: enter the kernel, so also wait for a lock. Shown by letting a child process, in which
//! the kernel kills whatever makes a system call (seccomp's strict mode), run them.

#![cfg(target_os = "linux")]

#[path = "support/child.rs"]
mod child;

use child::ended_well;
use flightdeck::Clock;
use flightdeck::config::Config;
use flightdeck::events::{Events, Rate, Stamp};
use flightdeck::telemetry::Telemetry;

flightdeck::kind! {
    Filled("order.filled") { qty: u64, venue: str }
    Prompt("order.rejected", prompt) { n: u64 }
    Off("held.off") { n: u64 }
    Sampled("held.sampled") { n: u64 }
    Limited("held.limited") { n: u64 }
}

/// Whether `body` ends in a child that may make no system call.
fn ends_without_system_calls(body: impl FnOnce()) -> bool {
    // By hand, since in the child of a `fork` a deck records nothing.
    // SAFETY: the child runs `body` and leaves by `exit`; it takes no lock and allocates nothing, which is what is shown.
    match unsafe { libc::syscall(libc::SYS_clone, libc::SIGCHLD, 0, 0, 0, 0) as libc::pid_t } {
        -1 => panic!("no child: {}", std::io::Error::last_os_error()),
        0 => {
            // SAFETY: from here on this process may read, write and exit; anything else kills it.
            unsafe { libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_STRICT) };
            body();
            // SAFETY: ends this thread, the only one of the child; `_exit` would use a call that is not allowed.
            unsafe { libc::syscall(libc::SYS_exit, 0) };
            unreachable!("the child has ended");
        }
        child => ended_well(child),
    }
}

#[test]
fn a_system_call_would_show() {
    assert!(ends_without_system_calls(|| ()));
    // SAFETY: asks for the number of this process.
    let asks = || drop(std::hint::black_box(unsafe { libc::syscall(libc::SYS_getppid) }).to_string());
    assert!(!ends_without_system_calls(asks));
}

#[test]
fn recording_counting_and_reading_config_make_none() {
    // Strict mode takes RDTSC away as well, so the clock is one that stands still.
    let directives = "held=1/10,held.off=off,held.limited=100/s,held.limited=1/1";
    let builder = Events::builder().memory(1 << 20).clock(Clock::manual()).directives(directives);
    let events = builder.build().unwrap();
    let quota = events.quota("by tenant", Rate::per_second(100), 100).unwrap();
    // The system's coarse clock is read without entering it, and without RDTSC; in a build that may ask for it.
    let clock = if cfg!(feature = "os") { Clock::coarse() } else { Clock::manual() };
    let coarse = Events::builder().memory(1 << 20).clock(clock).build().unwrap();
    let telemetry = Telemetry::new();
    let config = Config::new(()).unwrap();
    let (counter, gauge) = (telemetry.counter("count"), telemetry.gauge("level"));
    let by_status = telemetry.counter_by("requests", ["method", "status"]);
    let (histogram, open) = (telemetry.histogram("spread"), telemetry.up_down_counter("open"));
    let timed = Telemetry::builder().clock(Clock::manual()).build().unwrap();
    let latency = timed.histogram("latency_ns");
    let sampled = latency.sampled(&timed.counter("calls"), 7.try_into().unwrap());
    let group = telemetry.group("both", ["one", "other"]).unwrap();
    let called = telemetry.counter("called");
    telemetry.attach("count", "a", move |_| called.increment(1)).unwrap();
    let mut reader = config.reader();
    let mut writer = events.writer().unwrap();
    let _in = events.scope(5_u64);
    let mut work = |n: u64| {
        events.record(Filled { qty: n, venue: "XETRA" });
        coarse.record(Filled { qty: n, venue: "XETRA" });
        writer.record_with(Stamp::of(1 + n), Filled { qty: n, venue: "XETRA" });
        // Nobody waits.
        events.record(Prompt { n });
        writer.record(Prompt { n });
        events.record(Off { n });
        events.record(Sampled { n });
        writer.record(Sampled { n });
        events.record(Limited { n });
        let _admitted = (quota.admits("ann"), quota.admits(n % 50));
        events.tick();
        counter.increment(n);
        gauge.set(n as i64);
        histogram.record(n);
        flightdeck::counter!(telemetry, "requests", "method" => "GET", "status" => "200").increment(n);
        by_status.with(["GET", ["200", "404", "500"][n as usize % 3]]).increment(n);
        open.add(-(n as i64));
        latency.measure(|| sampled.measure(|| ()));
        group.add([n, n]);
        telemetry.execute("a.b", &[("n", n.into())], &[("of", "a".into())]);
        assert!(reader.get().revision().get() > 0);
    };
    // First touches may call: pages, the thread's seat.
    (0..100_000).for_each(&mut work);
    assert!(ends_without_system_calls(|| (0..100_000).for_each(&mut work)));
}

#[cfg(feature = "os")]
#[test]
fn a_prompt_kind_makes_one_where_somebody_waits_and_none_before() {
    use std::time::{Duration, Instant};
    let events = Events::builder().memory(1 << 20).clock(Clock::manual()).build().unwrap();
    let patience = Duration::from_secs(20);
    let mut cursor = events.cursor().park_between(patience, patience).prompt().unwrap();
    let record = || (0..1_000).for_each(|n| events.record(Prompt { n }));
    record();
    assert!(ends_without_system_calls(record), "nobody waits");
    cursor.drain(|_| ());
    std::thread::scope(|threads| {
        threads.spawn(|| assert!(cursor.next(patience).is_ok()));
        // The child inherits that somebody waits, as soon as somebody does.
        let end = Instant::now() + patience;
        while ends_without_system_calls(record) {
            assert!(Instant::now() < end, "a cursor that waits goes unseen");
        }
        assert_eq!(events.stats().woken, 0, "those were the children's records");
        record();
        assert!(events.stats().woken > 0);
    });
}
