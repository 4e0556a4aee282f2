//! Pages: who touches them first, huge ones, locked ones. What a process has is counted, so one test at a time.

#![cfg(target_os = "linux")]

use flightdeck::Flightdeck;
use flightdeck::events::{BuildError, Events, HugePages};
use std::sync::{Mutex, MutexGuard, PoisonError};

flightdeck::kind! { Noted("memory.noted") { n: u64 } }

fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A line of a file of `/proc/self` that counts KiB, as bytes.
fn bytes_of(file: &str, line: &str) -> usize {
    let text = std::fs::read_to_string(format!("/proc/self/{file}")).unwrap();
    let found = text.lines().find_map(|text| text.strip_prefix(line)?.strip_prefix(':'));
    found.map_or(0, |rest| rest.trim().trim_end_matches(" kB").trim().parse::<usize>().unwrap() << 10)
}

fn resident() -> usize {
    bytes_of("status", "VmRSS")
}

const MEMORY: usize = 64 << 20;

#[test]
fn memory_comes_at_first_use_at_once_or_with_its_owner() {
    let _alone = alone();
    let builder = || Events::builder().memory(MEMORY).shards(4);
    let shard = builder().plan().unwrap().ring.iter().map(|(_, bytes)| *bytes).sum::<usize>();
    let mut before = resident();
    let mut grown = || {
        let now = resident();
        let grown = now.saturating_sub(before);
        before = now;
        grown
    };
    let lazy = builder().build().unwrap();
    let at_once = grown();
    assert!(at_once < MEMORY / 16, "{at_once} bytes for a store that nobody wrote to");
    assert!(lazy.register_thread());
    let registered = grown();
    assert!(registered >= shard && registered < 2 * shard, "{registered} bytes for a shard of {shard}");
    assert!(lazy.register_thread());
    assert!(grown() < shard / 8, "touched twice");

    let owned = builder().first_touch(true).prefault(true).build().unwrap();
    let shared = grown();
    assert!(shared < MEMORY / 4, "{shared} bytes before any owner came");
    std::thread::scope(|threads| {
        threads.spawn(|| owned.record(Noted { n: 1 })).join().unwrap();
    });
    let claimed = grown();
    assert!(claimed >= shard && claimed < 2 * shard, "{claimed} bytes for a shard of {shard}");
    let mut writer = owned.writer().unwrap();
    writer.record(Noted { n: 2 });
    assert!(grown() < shard / 8, "the shard of a thread that ended is taken over with its pages");

    let all = builder().prefault(true).build().unwrap();
    let (faulted, total) = (grown(), all.plan().total);
    assert!(faulted >= total / 16 * 15, "{faulted} of {total} bytes");
}

#[test]
fn huge_pages_are_granted_or_their_refusal_is_seen() {
    let _alone = alone();
    let before = bytes_of("smaps_rollup", "AnonHugePages");
    let events = Events::builder().memory(MEMORY).huge_pages(true).prefault(true).build().unwrap();
    match events.huge_pages() {
        HugePages::Advised => {
            let huge = bytes_of("smaps_rollup", "AnonHugePages").saturating_sub(before);
            println!("{} of {} MiB in huge pages", huge >> 20, events.plan().total >> 20);
        }
        HugePages::Provided { huge, all } => {
            assert!(0 < huge && huge <= all && all >= MEMORY as u64 / 2, "{huge} of {all} bytes");
            let there = bytes_of("smaps_rollup", "AnonHugePages");
            assert!(there as u64 >= huge, "{there} bytes in all, and {huge} in the store");
        }
        HugePages::Refused { reason } => println!("refused: {reason}"),
        other => panic!("asked for, and {other:?}"),
    }
    assert_eq!(Events::builder().build().unwrap().huge_pages(), HugePages::NotAsked);
    // Too small for any.
    let deck = Flightdeck::builder().events(|events| events.memory(512 << 10).shards(1).huge_pages(true));
    let deck = deck.start().unwrap();
    let HugePages::Refused { reason } = deck.events().stats().huge_pages else { panic!("no huge page fits") };
    let health = deck.health();
    assert!(health.to_string().contains(&format!("no huge pages: {reason}")), "{health}");
}

#[test]
fn memory_is_locked_while_the_store_lives_or_there_is_no_store() {
    let _alone = alone();
    let locked = || bytes_of("status", "VmLck");
    let build = |first_touch| {
        Events::builder().memory(2 << 20).shards(2).first_touch(first_touch).lock_memory(true).build()
    };
    match build(false) {
        Ok(events) => {
            assert!(locked() >= events.plan().total, "{} bytes", locked());
            drop(events);
            assert_eq!(locked(), 0, "still locked when the store has gone");
            // Each page from its first use on.
            drop(build(true).unwrap());
        }
        Err(error @ BuildError::NotLocked { .. }) => println!("skipped: {error}"),
        Err(other) => panic!("{other}"),
    }
    // A thread that may not lock memory, whoever runs this.
    let refused = std::thread::spawn(move || {
        let none = libc::rlimit { rlim_cur: 0, rlim_max: libc::RLIM_INFINITY };
        let mut before = none;
        // SAFETY: `capset` is given a header and three words for each half of the set, all zero; limits are plain data.
        unsafe {
            let (header, sets) = ([0x2008_0522_u32, 0], [0_u32; 6]);
            assert_eq!(libc::getrlimit(libc::RLIMIT_MEMLOCK, &raw mut before), 0);
            let none = libc::rlimit { rlim_cur: 0, ..before };
            assert_eq!(libc::setrlimit(libc::RLIMIT_MEMLOCK, &raw const none), 0);
            assert_eq!(libc::syscall(libc::SYS_capset, header.as_ptr(), sets.as_ptr()), 0);
        }
        let refused = build(false).unwrap_err();
        // SAFETY: as above.
        unsafe { libc::setrlimit(libc::RLIMIT_MEMLOCK, &raw const before) };
        refused
    });
    let refused = refused.join().unwrap();
    assert!(matches!(refused, BuildError::NotLocked { .. }), "{refused}");
    assert!(refused.to_string().contains("os error"), "{refused}");
}

#[test]
fn our_own_threads_have_names_and_take_no_signals() {
    let (send, said) = std::sync::mpsc::channel();
    let deck =
        Flightdeck::builder().worker("book", flightdeck::supervisor::Restart::Temporary, move |_: &_| {
            let name = std::thread::current().name().map(str::to_owned);
            let status = std::fs::read_to_string("/proc/thread-self/status").unwrap();
            send.send((name, status)).unwrap();
        });
    let deck = deck.start().unwrap();
    let (name, status) = said.recv().unwrap();
    assert_eq!(name.as_deref(), Some("fd-book"));
    let blocked = status.lines().find_map(|line| line.strip_prefix("SigBlk:")).unwrap().trim();
    let blocked = u64::from_str_radix(blocked, 16).unwrap();
    let is_blocked = |signal: libc::c_int| blocked >> (signal - 1) & 1 == 1;
    for signal in [libc::SIGTERM, libc::SIGINT, libc::SIGPROF, libc::SIGALRM, libc::SIGUSR1, libc::SIGCHLD] {
        assert!(is_blocked(signal), "signal {signal} is delivered to our threads");
    }
    assert!(!is_blocked(libc::SIGSEGV), "a stack overflow would end the process without a word");
    // This thread's own mask is what it was.
    let own = std::fs::read_to_string("/proc/thread-self/status").unwrap();
    assert!(own.contains("SigBlk:\t0000000000000000"), "{own}");
    drop(deck);
}
