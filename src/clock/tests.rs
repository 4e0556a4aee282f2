//! What a clock does when its counter, the system or somebody at the wall clock misbehaves. The clocks of the machine
//! are scripted; all behind them is the real thing.

use super::script::Script;
use super::*;
use crate::sync::{Arc, thread};
use proptest::prelude::*;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

const SECOND: Duration = Duration::from_secs(1);
/// Ticks per nanosecond.
const RATE: f64 = 2.6;

/// A counter at [`RATE`], whose clock has been compared once.
fn counter() -> (Arc<Script>, Clock) {
    let script = Arc::new(Script::counter());
    let clock = Clock::scripted(&script);
    script.pass(SECOND, RATE);
    assert_eq!(clock.recheck(), ClockCheck::Steady { slept: Duration::ZERO });
    (script, clock)
}

fn pass_and_check(script: &Script, clock: &Clock, rate: f64) -> ClockCheck {
    script.pass(SECOND, rate);
    clock.recheck()
}

#[test]
fn a_precise_clock_agrees_with_the_system_clock() {
    let clock = Clock::precise();
    let (t0, i0) = (clock.now(), Instant::now());
    thread::sleep(Duration::from_millis(30));
    let (t1, i1) = (clock.now(), Instant::now());
    let ours = clock.converter().ns_between(t0, t1) as f64;
    let theirs = (i1 - i0).as_nanos() as f64;
    assert!((ours / theirs - 1.0).abs() < 0.05, "{ours} ns against {theirs} ns");
    let status = clock.status();
    assert!(status.checks > 0 && status.segments == 1 && status.last_check > Some(t1), "{status}");
    assert_eq!(status.source == ClockSource::Tsc, status.reason == SourceReason::InvariantTsc);
}

#[test]
fn wall_time_is_the_systems() {
    for clock in [Clock::precise(), Clock::system(), Clock::coarse()] {
        let stamp = clock.now();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos() as u64;
        assert!(clock.converter().unix_ns(stamp).abs_diff(now) < 1_000_000_000, "{clock:?}");
    }
}

#[test]
fn supplied_times_convert_without_loss() {
    let clock = Clock::supplied();
    clock.supply(Ticks(1_674_981_768_697_763_387));
    clock.supply(Ticks(5));
    assert_eq!(clock.now(), Ticks(1_674_981_768_697_763_387));
    let converter = clock.converter();
    assert_eq!(converter.unix_ns(clock.now()), 1_674_981_768_697_763_387);
    assert_eq!(converter.ticks_at_unix_ns(7), Ticks(7));
    assert_eq!((clock.recheck(), clock.status().checks), (ClockCheck::Skipped, 0));
}

#[test]
fn a_manual_clock_moves_by_hand_only() {
    let clock = Clock::manual();
    clock.advance(Duration::from_micros(3));
    assert_eq!(clock.now(), Ticks(3_000));
    let system = Clock::system();
    let before = system.now();
    system.advance(Duration::from_secs(3_600));
    assert!(system.converter().ns_between(before, system.now()) < 3_600_000_000_000);
}

#[test]
fn a_rate_that_changes_begins_a_segment_and_old_stamps_keep_theirs() {
    for (ppm, changes) in [(-600.0, 1), (-450.0, 0), (450.0, 0), (600.0, 1), (100_000.0, 1), (-900_000.0, 1)]
    {
        let (script, clock) = counter();
        let old: Vec<Ticks> =
            (0..5).map(|_| (pass_and_check(&script, &clock, RATE), clock.now()).1).collect();
        let before: Vec<u64> = old.iter().map(|at| clock.converter().unix_ns(*at)).collect();
        let faster = RATE * (1.0 + ppm / 1e6);
        let found = pass_and_check(&script, &clock, faster);
        match found {
            ClockCheck::RateChanged { ppm: seen } => {
                assert!(changes == 1 && (seen - ppm).abs() < 1.0, "{found:?}");
                assert!(found.is_disturbed());
            }
            _ => assert!(changes == 0 && !found.is_disturbed(), "{ppm}: {found:?}"),
        }
        for _ in 0..100 {
            assert!(matches!(pass_and_check(&script, &clock, faster), ClockCheck::Steady { .. }));
        }
        let (status, converter) = (clock.status(), clock.converter());
        assert_eq!((status.rate_changes, status.segments), (changes, 1 + changes), "{status}");
        if changes == 1 {
            let after: Vec<u64> = old.iter().map(|at| converter.unix_ns(*at)).collect();
            assert_eq!(before, after, "{ppm}: old stamps keep their times to the nanosecond");
            let latest = status.ns_per_tick.unwrap();
            assert!((latest * faster - 1.0).abs() < 1e-6, "{latest}");
        }
        // 107 seconds since the start: the one before the first comparison, and all since.
        let ns = converter.ns_between(old[0], clock.now());
        // Within a segment: what the rate wandered, over the five seconds from its end that this stamp lies.
        let most = if changes == 1 { 1_000 } else { 5 * 450_000 };
        assert!(ns.abs_diff(105_000_000_000) < most, "{ppm}: {ns}");
    }
}

#[test]
fn a_change_between_two_comparisons_is_off_by_no_more_than_the_time_between_them() {
    let (script, clock) = counter();
    let begin = clock.now();
    script.pass(Duration::from_millis(300), RATE);
    let middle = clock.now();
    script.pass(Duration::from_millis(700), RATE * 2.0);
    assert!(matches!(clock.recheck(), ClockCheck::RateChanged { .. }));
    let end = clock.now();
    assert!(matches!(pass_and_check(&script, &clock, RATE * 2.0), ClockCheck::RateChanged { .. }));
    for _ in 0..9 {
        assert!(matches!(pass_and_check(&script, &clock, RATE * 2.0), ClockCheck::Steady { .. }));
    }
    let converter = clock.converter();
    assert!(converter.ns_between(begin, end).abs_diff(1_000_000_000) < 100);
    assert!(converter.ns_between(begin, middle) < 1_000_000_000);
    assert!(converter.ns_between(end, clock.now()).abs_diff(10_000_000_000) < 100);
}

#[test]
fn a_counter_that_goes_back_is_carried_on_and_counted() {
    for jump in [-3_000_000_000_000, -2_700_000_000] {
        let (script, clock) = counter();
        let origin = clock.now();
        pass_and_check(&script, &clock, RATE);
        let before = clock.now();
        script.pass(SECOND / 2, RATE);
        script.jump(jump);
        assert!(clock.now() < before, "the machine's doing, not yet found out");
        script.pass(SECOND / 2, RATE);
        let found = clock.recheck();
        assert!(matches!(found, ClockCheck::WentBack { slept: Duration::ZERO }), "{found:?}");
        let after = clock.now();
        assert!(after > before);
        pass_and_check(&script, &clock, RATE);
        let (status, converter) = (clock.status(), clock.converter());
        assert_eq!((status.backward_jumps, status.rate_changes, status.segments), (1, 0, 2), "{status}");
        assert!(converter.ns_between(before, after).abs_diff(1_000_000_000) < 100, "{converter:?}");
        assert!(converter.ns_between(origin, clock.now()).abs_diff(3_000_000_000) < 100);
    }
}

#[test]
fn a_counter_that_goes_back_before_its_rate_is_known_gives_no_stamp_twice() {
    for rate in [0.001, 0.9, RATE, 7.9] {
        for slept in [Duration::ZERO, SECOND * 60] {
            let script = Arc::new(Script::counter());
            let clock = Clock::scripted(&script);
            let begin = clock.now();
            // The ticks run on in the suspension.
            script.suspend(slept);
            script.jump((slept.as_nanos() as f64 * rate) as i64);
            script.pass(Duration::from_millis(60), rate);
            let before = clock.now();
            script.jump(-3_000_000_000_000);
            script.pass(Duration::from_millis(20), rate);
            let found = clock.recheck();
            assert!(matches!(found, ClockCheck::WentBack { .. }), "{found:?}");
            let after = clock.now();
            assert!(after > before && clock.status().ns_per_tick.is_none(), "{rate}: {before:?}, {after:?}");
            // What it looks like from here is not spoilt by where ticks went on.
            script.pass(Duration::from_millis(4), rate);
            assert!(clock.ns_since(after).abs_diff(4_000_000) < 2_000, "{rate}: {}", clock.ns_since(after));
            pass_and_check(&script, &clock, rate);
            let converter = clock.converter();
            let told = |at| converter.ns_between(begin, at);
            let gone = 80_000_000 + slept.as_nanos() as u64;
            assert!(told(after).abs_diff(gone) < 1_000, "{rate}: {}", told(after));
            assert!(told(before) > 0 && told(before) < told(after), "{rate}: {} ns", told(before));
            assert!(told(clock.now()).abs_diff(gone + 1_004_000_000) < 1_000, "{rate}");
            assert!(converter.ticks_in(SECOND).abs_diff((1e9 * rate) as u64) < 1_000 + (1e6 * rate) as u64);
        }
    }
}

#[test]
fn a_counter_that_stops_is_found_out() {
    let (script, clock) = counter();
    let before = clock.now();
    assert!(matches!(pass_and_check(&script, &clock, 0.0), ClockCheck::WentBack { .. }));
    assert!(clock.converter().ns_between(before, clock.now()).abs_diff(1_000_000_000) < 100);
    assert!(matches!(pass_and_check(&script, &clock, 1e-6), ClockCheck::WentBack { .. }));
    assert_eq!(clock.status().backward_jumps, 2);
}

#[test]
fn a_counter_that_jumps_ahead_is_off_until_the_next_comparison() {
    let (script, clock) = counter();
    let before = clock.now();
    script.jump(1 << 50);
    assert!(matches!(pass_and_check(&script, &clock, RATE), ClockCheck::RateChanged { .. }));
    let after = clock.now();
    pass_and_check(&script, &clock, RATE);
    pass_and_check(&script, &clock, RATE);
    let converter = clock.converter();
    assert!(converter.ns_between(before, after).abs_diff(1_000_000_000) < 100, "{converter:?}");
    assert!(converter.ns_between(after, clock.now()).abs_diff(2_000_000_000) < 100, "{converter:?}");
}

#[test]
fn time_asleep_counts_whether_the_counter_ran_on_or_stood_still() {
    let hour = Duration::from_secs(3_600);
    for (ran_on, segments) in [(true, 1), (false, 2)] {
        let (script, clock) = counter();
        let before = clock.now();
        script.suspend(hour);
        if ran_on {
            script.jump((hour.as_nanos() as f64 * RATE) as i64);
        }
        let found = pass_and_check(&script, &clock, RATE);
        match found {
            ClockCheck::Steady { slept } => assert!(ran_on && slept == hour, "{found:?}"),
            ClockCheck::StoodStill { slept } => assert!(!ran_on && slept == hour, "{found:?}"),
            _ => panic!("{found:?}"),
        }
        pass_and_check(&script, &clock, RATE);
        let (status, converter) = (clock.status(), clock.converter());
        assert_eq!((status.suspends, status.suspended, status.segments), (1, hour, segments), "{status}");
        let ns = converter.ns_between(before, clock.now());
        assert!(ns.abs_diff(3_602_000_000_000) < 100, "{ran_on}: {ns}");
        assert_eq!(status.wall_ahead_ns, 0);
    }
}

#[test]
fn a_system_clock_that_slept_tells_the_time_again() {
    let script = Arc::new(Script::system());
    let clock = Clock::scripted(&script);
    let begin = clock.now();
    assert_eq!(clock.status().ns_per_tick, Some(1.0));
    script.pass(SECOND, 1.0);
    script.suspend(SECOND * 60);
    assert_eq!(pass_and_check(&script, &clock, 1.0), ClockCheck::StoodStill { slept: SECOND * 60 });
    assert_eq!(clock.converter().ns_between(begin, clock.now()), 62_000_000_000);
    assert_eq!(clock.status().ns_per_tick, Some(1.0), "nanoseconds they remain");
    let stamp = clock.now();
    script.pass(SECOND, 1.0);
    assert_eq!(clock.ns_since(stamp), 1_000_000_000);
}

#[test]
fn a_short_stall_is_no_suspension() {
    let (script, clock) = counter();
    script.suspend(Duration::from_millis(5));
    script.jump((5e6 * RATE) as i64);
    assert_eq!(pass_and_check(&script, &clock, RATE), ClockCheck::Steady { slept: Duration::ZERO });
    assert_eq!(clock.status().suspends, 0);
}

#[test]
fn whoever_sets_the_wall_clock_changes_no_stamp() {
    let (script, clock) = counter();
    let begin = clock.now();
    let told = clock.converter().unix_ns(begin);
    for wall in [0, 2_000_000_000_000_000_000, 1_700_000_000_000_000_000 - 86_400_000_000_000] {
        script.set_wall(wall);
        assert!(matches!(pass_and_check(&script, &clock, RATE), ClockCheck::Steady { .. }));
        assert_eq!(clock.converter().unix_ns(begin), told);
        // The script's wall clock was set a second ago.
        let expected = wall as i64 + 1_000_000_000 - clock.converter().unix_ns(clock.now()) as i64;
        assert!((clock.status().wall_ahead_ns - expected).abs() < 100, "{}", clock.status().wall_ahead_ns);
    }
    assert_eq!(clock.status().segments, 1);
}

#[test]
fn the_oldest_of_many_segments_convert_as_one() {
    let (script, clock) = counter();
    let mut seen = vec![(clock.now(), 1_000_000_000)];
    for n in 1..=200_u64 {
        let rate = if n % 2 == 0 { RATE } else { RATE * 1.01 };
        assert!(pass_and_check(&script, &clock, rate).is_disturbed(), "{n}");
        seen.push((clock.now(), (n + 1) * 1_000_000_000));
    }
    let status = clock.status();
    assert_eq!((status.segments, status.segments + status.merged), (64, status.rate_changes + 1), "{status}");
    assert!(status.merged > 100);
    let converter = clock.converter();
    for (n, (at, ns)) in seen.iter().enumerate() {
        // Those at the mean rate of all merged ones are off by half a percent of a second, as it goes.
        let most = if n as u64 >= status.merged { 100 } else { 10_000_000 };
        let told = converter.ns_between(Ticks(7_000_000_000_000), *at);
        assert!(told.abs_diff(*ns) <= most, "{n}: {told} is not {ns}");
    }
}

#[test]
fn a_clock_is_not_compared_more_often_than_makes_sense() {
    let (script, clock) = counter();
    for _ in 0..1_000 {
        script.pass(Duration::from_millis(1), RATE);
        let _ = clock.recheck();
    }
    let checks = clock.status().checks;
    assert!((4..=6).contains(&checks), "{checks} in two seconds");
    let quick = Arc::new(Script::counter());
    let clock = Clock::scripted(&quick);
    quick.pass(Duration::from_millis(4), RATE);
    assert_eq!((clock.recheck(), clock.status().ns_per_tick), (ClockCheck::Skipped, None));
    quick.pass(Duration::from_millis(1), RATE);
    assert!(matches!(clock.recheck(), ClockCheck::Steady { .. }));
    assert!((clock.status().ns_per_tick.unwrap() * RATE - 1.0).abs() < 1e-4);
}

#[test]
fn a_duration_is_right_after_a_change_of_rate() {
    let (script, clock) = counter();
    pass_and_check(&script, &clock, RATE / 2.0);
    let begin = clock.now();
    script.pass(Duration::from_millis(1), RATE / 2.0);
    assert!(clock.ns_since(begin).abs_diff(1_000_000) < 100);
    assert!(clock.converter().ticks_in(SECOND).abs_diff((1e9 * RATE / 2.0) as u64) < 1_000);
}

#[test]
fn supplied_times_must_be_of_the_clocks_own_life() {
    let (script, clock) = counter();
    let now = clock.now();
    let begin = Ticks(7_000_000_000_000);
    let ticks = |ns: f64| (ns * RATE) as u64;
    assert!(clock.accepts(begin) && clock.accepts(now) && clock.accepts(Ticks(now.0 + ticks(0.9e9))));
    assert!(!clock.accepts(Ticks(begin.0 - 1)) && !clock.accepts(Ticks(0)));
    assert!(!clock.accepts(Ticks(now.0 + ticks(1.1e9))) && !clock.accepts(Ticks(u64::MAX)));
    script.pass(SECOND, RATE);
    assert!(clock.accepts(Ticks(now.0 + ticks(1.1e9))), "a second later");
    for clock in [Clock::supplied(), Clock::manual()] {
        assert!(clock.accepts(Ticks(0)) && clock.accepts(Ticks(i64::MAX as u64)));
        assert!(!clock.accepts(Ticks(1 << 63)));
    }
}

#[test]
fn wall_times_become_ticks_or_an_error_that_names_the_range() {
    let (script, clock) = counter();
    script.suspend(SECOND * 60);
    pass_and_check(&script, &clock, RATE);
    let begin = UNIX_EPOCH + Duration::from_nanos(1_700_000_000_000_000_000);
    let end = begin + SECOND * 62;
    let converter = clock.converter();
    for ms in [0, 1, 999, 1_000, 1_999, 62_000, 62_900] {
        let at = begin + Duration::from_millis(ms);
        let told = converter.system_time(clock.ticks_at(at).unwrap());
        let apart = told.duration_since(at).unwrap_or_else(|before| before.duration());
        assert!(apart < Duration::from_nanos(10), "{ms} ms: {apart:?}");
    }
    // While it slept no tick passed: the first one after stands for all of them.
    let asleep = clock.ticks_at(begin + SECOND * 30).unwrap();
    assert!(converter.system_time(asleep) >= begin + SECOND * 61, "{asleep:?}");
    for wrong in [begin - Duration::from_nanos(1), end + Duration::from_millis(1_001), UNIX_EPOCH - SECOND] {
        let TimeError::OutOfRange { earliest, latest, .. } = clock.ticks_at(wrong).unwrap_err();
        assert_eq!(earliest, 1_700_000_000_000_000_000);
        assert!(latest.abs_diff(earliest + 63_000_000_000) < 10, "{latest}");
    }
    assert_eq!(Clock::supplied().ticks_at(UNIX_EPOCH + SECOND).unwrap(), Ticks(1_000_000_000));
}

/// What may happen to a machine.
#[derive(Clone, Debug)]
enum Happening {
    Runs { ms: u64 },
    ChangesRate { factor: f64 },
    Suspends { s: u64, runs_on: bool },
    JumpsBack { ticks: i64 },
}

fn happening() -> impl Strategy<Value = Happening> {
    prop_oneof![
        8 => (250_u64..5_000).prop_map(|ms| Happening::Runs { ms }),
        1 => prop_oneof![0.5..0.998, 1.002..2.0].prop_map(|factor| Happening::ChangesRate { factor }),
        1 => (1_u64..100_000, any::<bool>()).prop_map(|(s, runs_on)| Happening::Suspends { s, runs_on }),
        1 => (1_i64..1 << 42).prop_map(|ticks| Happening::JumpsBack { ticks }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever happens at the instants of comparisons, stamps taken there tell the true time, in order, for ever.
    #[test]
    fn stamps_tell_the_true_time_whatever_happened(happenings in prop::collection::vec(happening(), 1..60)) {
        let (script, clock) = counter();
        let (mut rate, mut elapsed) = (RATE, 1_000_000_000_u64);
        let mut seen = vec![(clock.now(), elapsed)];
        for happened in happenings {
            match happened {
                Happening::Runs { ms } => {
                    script.pass(Duration::from_millis(ms), rate);
                    elapsed += ms * 1_000_000;
                }
                Happening::ChangesRate { factor } => {
                    rate = (rate * factor).clamp(0.1, 10.0);
                    script.pass(SECOND, rate);
                    elapsed += 1_000_000_000;
                }
                Happening::Suspends { s, runs_on } => {
                    script.suspend(SECOND * s as u32);
                    if runs_on {
                        script.jump((s as f64 * 1e9 * rate) as i64);
                    }
                    script.pass(SECOND, rate);
                    elapsed += (s + 1) * 1_000_000_000;
                }
                Happening::JumpsBack { ticks } => {
                    // Back by more than has passed since: by less looks like a rate that has changed.
                    script.jump(-ticks - (rate * 2e9) as i64);
                    script.pass(SECOND, rate);
                    elapsed += 1_000_000_000;
                }
            }
            prop_assert_ne!(clock.recheck(), ClockCheck::Skipped);
            seen.push((clock.now(), elapsed));
        }
        let (converter, merged) = (clock.converter(), clock.status().merged);
        prop_assert_eq!(merged, 0);
        let origin = converter.unix_ns(Ticks(7_000_000_000_000));
        for (at, ns) in &seen {
            let told = converter.unix_ns(*at) - origin;
            // A microsecond, and what a rate seen for a second is off by over a suspension.
            let most = 1_000 + ns / 1_000_000;
            prop_assert!(told.abs_diff(*ns) <= most, "{told} is not {ns}: {converter:?}");
        }
        for pair in seen.windows(2) {
            prop_assert!(pair[0].0 < pair[1].0);
            // In between, too, time never runs back.
            let (from, to) = (pair[0].0.0, pair[1].0.0);
            let times: Vec<u64> =
                (0..=64).map(|n| converter.unix_ns(Ticks(from + (to - from) / 64 * n))).collect();
            prop_assert!(times.is_sorted(), "{times:?}");
        }
    }

    /// From ticks to time and back leads to the same nanosecond.
    #[test]
    fn conversions_are_monotone_and_lead_back(
        rate in 0.05_f64..8.0,
        offsets in prop::collection::vec(0_u64..1 << 55, 2..200),
        changes in 0_u64..5,
    ) {
        let script = Arc::new(Script::counter());
        let clock = Clock::scripted(&script);
        let begin = clock.now().0;
        for n in 0..=changes {
            script.pass(SECOND * 3, rate * (1.0 + 0.002 * n as f64));
            let _ = clock.recheck();
        }
        let converter = clock.converter();
        let mut offsets = offsets;
        offsets.sort_unstable();
        let times: Vec<u64> = offsets.iter().map(|offset| converter.unix_ns(Ticks(begin + offset))).collect();
        prop_assert!(times.is_sorted());
        for (offset, ns) in offsets.iter().zip(&times) {
            let back = converter.ticks_at_unix_ns(*ns).0;
            // The ticks of a nanosecond, one for rounding, and the 10^15th part.
            let most = (rate * 1.01).ceil() as u64 + 1 + offset / 1_000_000_000_000_000 * 2;
            prop_assert!(back.abs_diff(begin + offset) <= most, "{back} is not {}", begin + offset);
            if *offset < 1 << 50 {
                let first = converter.first_tick_from(*ns);
                prop_assert!(first.0 <= begin + offset, "{first:?} is not the first of {ns}");
                prop_assert!(converter.unix_ns(first) >= *ns);
                prop_assert!(converter.unix_ns(Ticks(first.0 - 1)) < *ns);
            }
        }
    }

    /// A thousand comparisons of a counter that is steered as systems do begin no segment.
    #[test]
    fn a_steady_rate_stays_one_segment(
        drifts in prop::collection::vec((-200.0_f64..200.0, 10_u64..3_000), 1_000),
    ) {
        let (script, clock) = counter();
        for (ppm, ms) in drifts {
            script.pass(Duration::from_millis(ms), RATE * (1.0 + ppm / 1e6));
            prop_assert!(!clock.recheck().is_disturbed());
        }
        prop_assert_eq!(clock.status().segments, 1);
    }
}

#[test]
fn the_machines_own_counter_stays_one_segment() {
    let clock = Clock::precise();
    let end = Instant::now() + Duration::from_millis(1_500);
    while Instant::now() < end {
        let found = clock.recheck();
        assert!(!found.is_disturbed(), "{found:?}");
        thread::sleep(Duration::from_millis(5));
    }
    let status = clock.status();
    assert_eq!((status.segments, status.backward_jumps), (1, 0), "{status}");
    assert!(status.checks >= 5, "{status}");
}

/// How many threads of that name this process has; waits for the first to have given itself the name, and for the system to
/// have cleared away one that was joined.
#[cfg(target_os = "linux")]
fn clock_threads(expected: usize) -> usize {
    let is_one = |task: std::io::Result<std::fs::DirEntry>| {
        let name = std::fs::read_to_string(task.ok()?.path().join("comm")).ok()?;
        (name.trim() == "fd-clock").then_some(())
    };
    let count = || std::fs::read_dir("/proc/self/task").unwrap().filter_map(is_one).count();
    let end = Instant::now() + Duration::from_secs(5);
    while count() != expected && Instant::now() < end {
        thread::sleep(Duration::from_millis(1));
    }
    count()
}

// One test, since it counts the threads of the process.
#[test]
#[cfg(target_os = "linux")]
fn a_coarse_clock_has_a_thread_while_somebody_asks_for_it() {
    let clock = Clock::coarse();
    assert_eq!((clock_threads(0), clock.source()), (0, ClockSource::Coarse));
    let before = clock.now();
    thread::sleep(Duration::from_millis(20));
    assert!(clock.now() > before, "without a thread it moves on, too");

    let slow = clock.tick_every(Duration::from_millis(500)).unwrap();
    let quick = clock.clone().tick_every(Duration::from_millis(1)).unwrap();
    assert_eq!((clock_threads(1), clock.status().resolution), (1, Duration::from_millis(1)));
    let mut last = clock.now();
    let (mut steps, end) = (0, Instant::now() + Duration::from_millis(200));
    while Instant::now() < end {
        let now = clock.now();
        assert!(now >= last && clock.latest().unwrap() >= now);
        steps += u32::from(now > last);
        last = now;
    }
    assert!((10..=250).contains(&steps), "{steps} steps in 200 ms");
    drop(quick);
    assert_eq!((clock_threads(1), clock.status().resolution), (1, Duration::from_millis(500)));
    drop(slow);
    assert_eq!(clock_threads(0), 0, "gone before the drop returns");
    assert!(clock.now() >= last, "the system's own lags behind, and is not believed then");
    for _ in 0..20 {
        drop(clock.tick_every(Duration::from_millis(1)).unwrap());
    }
    assert_eq!(clock_threads(0), 0);

    assert!(matches!(clock.tick_every(Duration::ZERO), Err(TickError::Interval { .. })));
    assert!(matches!(clock.tick_every(Duration::from_secs(2)), Err(TickError::Interval { .. })));
    assert!(matches!(Clock::system().tick_every(SECOND), Err(TickError::NotCoarse { .. })));
    assert_eq!(clock_threads(0), 0);
}
