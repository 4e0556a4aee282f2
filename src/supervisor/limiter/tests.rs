//! What becomes of a limiter when its clock goes wrong: on clocks that a test moves.

use super::*;
use crate::clock::script::Script;

const MS: Duration = Duration::from_millis(1);

/// A clock that runs at three ticks a nanosecond, and is known to.
fn running() -> (Arc<Script>, Clock) {
    let script = Arc::new(Script::counter());
    let clock = Clock::scripted(&script);
    script.pass(1_000 * MS, 3.0);
    let _ = clock.recheck();
    (script, clock)
}

fn taken(limiter: &Limiter) -> usize {
    (0..1_000).take_while(|_| limiter.check().is_ok()).count()
}

#[test]
fn a_clock_that_runs_otherwise_is_followed() {
    let (script, clock) = running();
    let limiter = Limiter::on(&clock, Limits::per_second(100).burst(10)).unwrap();
    assert_eq!(taken(&limiter), 10);
    script.pass(50 * MS, 3.0);
    assert_eq!(taken(&limiter), 5);
    // The guest moves to a machine whose counter runs at another rate.
    for _ in 0..3 {
        script.pass(1_000 * MS, 1.5);
        let _ = clock.recheck();
    }
    assert_eq!(taken(&limiter), 10);
    let retry_after = limiter.check().unwrap_err().retry_after;
    assert!((9 * MS..=11 * MS).contains(&retry_after), "{retry_after:?}");
    script.pass(51 * MS, 1.5);
    assert_eq!(taken(&limiter), 5);
}

#[test]
fn whoever_is_never_refused_follows_too() {
    let (script, clock) = running();
    let limiter = Limiter::on(&clock, Limits::per_second(1_000).burst(100)).unwrap();
    for _ in 0..3 {
        script.pass(1_000 * MS, 6.0);
        let _ = clock.recheck();
    }
    // It holds its burst, and 64 permits on it knows.
    (0..64).for_each(|_| assert!(limiter.check().is_ok()));
    assert_eq!(f64::from_bits(limiter.0.ns_per_tick.load(Relaxed)), clock.course().ns_per_tick());
}

#[test]
fn a_counter_that_went_back_leaves_it_empty_and_not_closed() {
    let (script, clock) = running();
    let limiter = Limiter::on(&clock, Limits::per_second(100).burst(10)).unwrap();
    assert_eq!(taken(&limiter), 10);
    // By half a second: that is waited for.
    script.jump(-1_500_000_000);
    let retry_after = limiter.check().unwrap_err().retry_after;
    assert!(retry_after > 500 * MS && retry_after < 600 * MS, "{retry_after:?}");
    // By more than an hour.
    script.jump(-20_000_000_000_000);
    assert_eq!(limiter.check().unwrap_err().retry_after, Duration::ZERO, "look again");
    assert_eq!(limiter.stats().clock_went_back, 1);
    assert_eq!(taken(&limiter), 0);
    script.pass(51 * MS, 3.0);
    assert_eq!(taken(&limiter), 5);
    assert_eq!(limiter.stats().allowed, 15);
}
