//! Circuit breakers: calls that succeed, one that fails, and one that is rejected.

use crate::measure::Side;
use crate::pair::PairSide;
use crate::row::{Bar, Row};
use crate::session::Session;
use failsafe::{CircuitBreaker as _, Config};
use flightdeck::Clock;
use flightdeck::supervisor::{Breaker, BreakerSettings};
use recloser::Recloser;
use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

const LOAD: &str = "a load and a branch";
const FAILSAFE: &str = "failsafe 1.3, as by default";
const RECLOSER: &str = "recloser 1.4, as by default";

/// The least that a breaker has to do.
fn load_and_branch(word: &AtomicU64) {
    if black_box(word).load(Relaxed) == 0 {
        black_box(());
    }
}

/// What is called: whether it succeeds, the compiler does not know.
fn call() -> Result<u64, u64> {
    if black_box(true) { Ok(7) } else { Err(7) }
}

fn closed(change: impl FnOnce(&mut BreakerSettings)) -> Breaker {
    let mut settings = BreakerSettings::new();
    change(&mut settings);
    Breaker::new(settings).expect("they make sense")
}

fn through(breaker: &Breaker) {
    let _ = black_box(breaker).call(call);
}

pub(super) fn run(session: &mut Session) {
    session.row("breaker, closed, call + success", || {
        let (ours, word) = (closed(|_| ()), AtomicU64::new(0));
        let (failsafe, recloser) = (Config::new().build(), Recloser::default());
        Row::measure(
            Side::each("flightdeck Breaker::call", |_| through(&ours)),
            vec![
                Side::each(LOAD, |_| load_and_branch(&word)),
                Side::each(FAILSAFE, |_| _ = black_box(&failsafe).call(call)),
                Side::each(RECLOSER, |_| _ = black_box(&recloser).call(call)),
            ],
            &[Bar::FloorAtMost(3.0), Bar::TimesFaster(20.0, FAILSAFE), Bar::TimesFaster(2.0, RECLOSER)],
        )
    });
    session.row("breaker, closed, permit + success", || {
        let ours = closed(|_| ());
        Row::measure(
            Side::each("flightdeck Breaker::try_acquire, success", |_| {
                if let Ok(permit) = black_box(&ours).try_acquire() {
                    permit.success();
                }
            }),
            Vec::new(),
            &[Bar::FloorAtMost(3.0)],
        )
    });
    session.row("breaker, closed, call + success, one breaker from two threads", || {
        let ours = &closed(|_| ());
        let (failsafe, recloser) = (&Config::new().build(), &Recloser::default());
        Row::measure_pairs(
            PairSide::each("flightdeck Breaker::call", [move |_| through(ours); 2]),
            vec![
                PairSide::each(FAILSAFE, [move |_| _ = black_box(failsafe).call(call); 2]),
                PairSide::each(RECLOSER, [move |_| _ = black_box(recloser).call(call); 2]),
            ],
            &[Bar::TimesFaster(20.0, FAILSAFE), Bar::TimesFaster(2.0, RECLOSER)],
        )
    });
    session.row("breaker, closed, calls timed, call + success", || {
        let slow = |settings: &mut BreakerSettings| {
            settings.slow_call_duration = Some(Duration::from_secs(1));
        };
        let (ours, mut settings) = (closed(slow), BreakerSettings::new());
        slow(&mut settings);
        let clock = Clock::coarse();
        let ticker = clock.tick_every(Duration::from_millis(1));
        let coarse = Breaker::with_clock(settings, clock).expect("they make sense");
        let row = Row::measure(
            Side::each("flightdeck Breaker::call, precise clock", |_| through(&ours)),
            vec![Side::each("the same, coarse clock with a ticker", |_| through(&coarse))],
            &[],
        );
        drop(ticker);
        row
    });
    session.row("breaker, closed, call + failure", || {
        let ours = closed(|settings| settings.failure_rate_threshold = None);
        Row::measure(
            Side::each("flightdeck Breaker::call", |_| {
                let _ = black_box(&ours).call(|| black_box(Err::<u64, u64>(7)));
            }),
            Vec::new(),
            &[],
        )
    });
    session.row("breaker, open, rejection", || {
        let ours = closed(|settings| settings.consecutive_failures = Some(1));
        let _ = ours.call(|| Err::<(), ()>(()));
        let failsafe = Config::new().build();
        // Five in a row, as by default.
        (0..10).for_each(|_| _ = failsafe.call(|| Err::<(), ()>(())));
        let recloser = Recloser::custom().open_wait(Duration::from_secs(3_600)).build();
        (0..200).for_each(|_| _ = recloser.call(|| Err::<(), ()>(())));
        Row::measure(
            Side::each("flightdeck Breaker::call", |_| through(&ours)),
            vec![
                Side::each(FAILSAFE, |_| _ = black_box(&failsafe).call(call)),
                Side::each(RECLOSER, |_| _ = black_box(&recloser).call(call)),
            ],
            &[],
        )
    });
}
