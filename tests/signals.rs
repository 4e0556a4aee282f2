//! Recording from signal handlers: in the middle of anything, exact to the last event, allocating nothing.

#![cfg(target_os = "linux")]

#[path = "support/allocations.rs"]
mod allocations;

use allocations::allocations;
use flightdeck::events::{Events, LossCause};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

flightdeck::kind! {
    Worked("signal.worked") { writer: u64, n: u64 }
    Sampled("signal.sampled", class = Verbose) { n: u64 }
    Raised("signal.raised") { n: u64 }
    NeverMet("signal.never_met") { n: u64 }
}

fn install(signal: libc::c_int, handler: extern "C" fn(libc::c_int)) {
    // SAFETY: a zeroed `sigaction` is one without flags; the handler does what handlers may.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = handler as *const () as usize;
        action.sa_flags = libc::SA_RESTART;
        assert_eq!(libc::sigaction(signal, &raw const action, std::ptr::null_mut()), 0);
    }
}

static SAMPLES: AtomicU64 = AtomicU64::new(0);
static PROFILED: [OnceLock<Events>; 2] = [OnceLock::new(), OnceLock::new()];
static ROUND: AtomicUsize = AtomicUsize::new(0);

extern "C" fn sample(_: libc::c_int) {
    if let Some(events) = PROFILED[ROUND.load(Ordering::Relaxed)].get() {
        events.record_in_signal(Sampled { n: SAMPLES.fetch_add(1, Ordering::Relaxed) });
    }
}

/// Sends SIGPROF to this thread 10,000 times a second, until dropped.
struct Profiled(libc::timer_t);

impl Profiled {
    fn start() -> Self {
        let mut timer = std::ptr::null_mut();
        let every = libc::timespec { tv_sec: 0, tv_nsec: 100_000 };
        let times = libc::itimerspec { it_interval: every, it_value: every };
        // SAFETY: plain data, filled in as `timer_create` and `timer_settime` read it; a timer of our own.
        unsafe {
            let mut event: libc::sigevent = std::mem::zeroed();
            event.sigev_notify = libc::SIGEV_THREAD_ID;
            event.sigev_signo = libc::SIGPROF;
            event.sigev_notify_thread_id = libc::syscall(libc::SYS_gettid) as libc::c_int;
            assert_eq!(libc::timer_create(libc::CLOCK_MONOTONIC, &raw mut event, &raw mut timer), 0);
            assert_eq!(libc::timer_settime(timer, 0, &raw const times, std::ptr::null_mut()), 0);
        }
        Self(timer)
    }
}

impl Drop for Profiled {
    fn drop(&mut self) {
        // SAFETY: made in `start`.
        unsafe { libc::timer_delete(self.0) };
    }
}

#[test]
fn ten_thousand_signals_a_second_into_four_writers_and_every_event_is_accounted_for() {
    install(libc::SIGPROF, sample);
    // With a shard for each, two of them kept by hand; and with one, so that handlers interrupt writes to the very
    // shards that they may use themselves.
    for (round, shards, by_hand) in [(0, 4, 2), (1, 1, 0)] {
        let builder = Events::builder().memory(8 << 20).shards(shards);
        let events = PROFILED[round].get_or_init(|| builder.build().unwrap());
        events.declare::<Sampled>();
        SAMPLES.store(0, Ordering::Relaxed);
        ROUND.store(round, Ordering::Relaxed);
        let end = Instant::now() + Duration::from_millis(1_500);
        let written: u64 = std::thread::scope(|threads| {
            let start = |writer: u64| {
                threads.spawn(move || {
                    let mut own = (writer < by_hand).then(|| events.writer().unwrap());
                    let _profiled = Profiled::start();
                    let mut n = 0;
                    while n % 256 != 0 || Instant::now() < end {
                        match &mut own {
                            Some(own) => own.record(Worked { writer, n }),
                            None => events.record(Worked { writer, n }),
                        }
                        n += 1;
                    }
                    n
                })
            };
            let writers: Vec<_> = (0..4).map(start).collect();
            writers.into_iter().map(|writer| writer.join().unwrap()).sum()
        });
        let sampled = SAMPLES.load(Ordering::Relaxed);
        let stats = events.stats();
        println!("{shards} shards: {sampled} signals, {written} records, {} lost", stats.lost());
        assert!(sampled > 1_500, "only {sampled} signals");
        assert_eq!(stats.written + stats.lost(), written + sampled, "{stats:?}");
        assert!(stats.losses.iter().all(|loss| loss.cause == LossCause::NoShard), "{:?}", stats.losses);
        assert_eq!(stats.shards_claimed, 0);
    }
}

static CALLED: OnceLock<Events> = OnceLock::new();
static RAISED: AtomicU64 = AtomicU64::new(0);
static ALLOCATED: AtomicI64 = AtomicI64::new(-1);
static DONE: AtomicBool = AtomicBool::new(false);

extern "C" fn raised(_: libc::c_int) {
    if let Some(events) = CALLED.get() {
        let allocated = allocations(|| {
            events.record_in_signal(Raised { n: RAISED.fetch_add(1, Ordering::Relaxed) });
            events.record_in_signal(NeverMet { n: 0 });
        });
        ALLOCATED.store(allocated as i64, Ordering::Relaxed);
        DONE.store(true, Ordering::Release);
    }
}

#[test]
fn the_first_record_of_a_thread_may_be_a_handlers_and_registers_nothing() {
    let events = CALLED.get_or_init(|| Events::builder().memory(1 << 20).shards(2).build().unwrap());
    events.declare::<Raised>();
    install(libc::SIGUSR1, raised);
    let (stays, handle) = (AtomicBool::new(true), AtomicU64::new(0));
    std::thread::scope(|threads| {
        threads.spawn(|| {
            // SAFETY: asks for the handle of this thread.
            handle.store(unsafe { libc::pthread_self() }, Ordering::Release);
            while stays.load(Ordering::Relaxed) {
                std::thread::sleep(Duration::from_millis(1));
            }
        });
        while handle.load(Ordering::Acquire) == 0 {
            std::thread::yield_now();
        }
        // SAFETY: the thread runs until it is told to end.
        assert_eq!(unsafe { libc::pthread_kill(handle.load(Ordering::Relaxed), libc::SIGUSR1) }, 0);
        while !DONE.load(Ordering::Acquire) {
            std::thread::yield_now();
        }
        assert_eq!(events.stats().shards_claimed, 0, "the handler claimed a shard for the thread");
        stays.store(false, Ordering::Relaxed);
    });
    assert_eq!(ALLOCATED.load(Ordering::Relaxed), 0);
    let answer = events.query().run().unwrap();
    let event = answer.iter().next().unwrap();
    assert_eq!((answer.len(), event.kind(), event.thread()), (1, "signal.raised", 0));
    let losses: Vec<_> = events.losses().iter().map(|loss| (loss.cause, loss.count)).collect();
    assert_eq!(losses, [(LossCause::KindNotMet, 1)], "a handler meets no kind");
    events.record(NeverMet { n: 1 });
    assert_eq!(events.query().kind::<NeverMet>().count(), 1, "and leaves it to be met");
    events.stop();
    events.record_in_signal(Raised { n: 9 });
    assert!(events.losses().iter().any(|loss| loss.cause == LossCause::Stopped));
}
