//! Rate limiters: permits that are there, and some that are not.

use crate::measure::Side;
use crate::pair::PairSide;
use crate::row::{Bar, Row};
use crate::session::Session;
use flightdeck::supervisor::{Limiter, Limits};
use flightdeck::{Clock, Ticker};
use governor::clock::QuantaUpkeepClock;
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use std::hint::black_box;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

const CLOCK: &str = "a reading of the clock";
const EXCHANGE: &str = "a load and an exchange";
const GOVERNOR: &str = "governor 0.10, direct, features quanta and std";
const UPKEEP: &str = "governor 0.10, direct, quanta's upkeep clock";

/// More than is ever asked for.
const PLENTY: u32 = 200_000_000;

fn ours(clock: &Clock, limits: Limits) -> Limiter {
    Limiter::on(clock, limits).expect("they can be kept")
}

fn coarse() -> (Clock, Ticker) {
    let clock = Clock::coarse();
    let ticker = clock.tick_every(Duration::from_millis(1)).expect("a thread");
    (clock, ticker)
}

fn governor(quota: Quota) -> DefaultDirectRateLimiter {
    RateLimiter::direct(quota)
}

fn plenty() -> Quota {
    Quota::per_second(NonZeroU32::new(PLENTY).expect("more than none"))
}

fn none_left() -> Quota {
    Quota::per_hour(NonZeroU32::MIN)
}

/// The least that a shared bucket has to do.
fn exchange(word: &AtomicU64) {
    let seen = word.load(Relaxed);
    let _ = black_box(word.compare_exchange(seen, seen.wrapping_add(1), Relaxed, Relaxed));
}

fn check(limiter: &Limiter) {
    let _ = black_box(black_box(limiter).check());
}

pub(super) fn run(session: &mut Session) {
    session.row("rate limiter, precise clock, allowed", || {
        let clock = Clock::precise();
        let (limiter, peer, word) =
            (ours(&clock, Limits::per_second(PLENTY)), governor(plenty()), AtomicU64::new(0));
        Row::measure(
            Side::each("flightdeck Limiter::check", |_| check(&limiter)),
            vec![
                Side::each(CLOCK, |_| _ = black_box(clock.now())),
                Side::each(EXCHANGE, |_| exchange(&word)),
                Side::each(GOVERNOR, |_| _ = black_box(black_box(&peer).check())),
            ],
            &[Bar::TimesFaster(1.0, GOVERNOR)],
        )
    });
    session.row("rate limiter, coarse clock, allowed", || {
        let (clock, ticker) = coarse();
        let limiter = ours(&clock, Limits::per_second(PLENTY));
        let (peer, word) = (governor(plenty()), AtomicU64::new(0));
        // Without its thread the upkeep clock reads the counter; it asks for one a process, which stays.
        let upkeep = QuantaUpkeepClock::from_interval(Duration::from_millis(1));
        let upkeep = upkeep.ok().map(|clock| RateLimiter::direct_with_clock(plenty(), clock));
        let mut others = vec![
            Side::each(CLOCK, |_| _ = black_box(clock.now())),
            Side::each(EXCHANGE, |_| exchange(&word)),
            Side::each(GOVERNOR, |_| _ = black_box(black_box(&peer).check())),
        ];
        if let Some(upkeep) = &upkeep {
            others.push(Side::each(UPKEEP, move |_| _ = black_box(black_box(upkeep).check())));
        }
        let row = Row::measure(
            Side::each("flightdeck Limiter::check, Clock::coarse with a ticker", |_| check(&limiter)),
            others,
            &[Bar::TimesFaster(2.5, GOVERNOR)],
        );
        drop(ticker);
        row
    });
    session.row("rate limiter, a reading at hand, allowed", || {
        let clock = Clock::precise();
        let (limiter, peer) = (ours(&clock, Limits::per_second(PLENTY)), governor(plenty()));
        let mut now = clock.now();
        Row::measure(
            Side::each("flightdeck Limiter::check_at", |_| {
                // About as much later as it would be.
                now.0 = now.0.wrapping_add(64);
                let _ = black_box(black_box(&limiter).check_at(now));
            }),
            vec![Side::each(GOVERNOR, |_| _ = black_box(black_box(&peer).check()))],
            &[Bar::TimesFaster(2.5, GOVERNOR)],
        )
    });
    session.row("rate limiter, precise clock, refused", || {
        let (limiter, peer) = (ours(&Clock::precise(), Limits::per_hour(1)), governor(none_left()));
        check(&limiter);
        let _ = peer.check();
        Row::measure(
            Side::each("flightdeck Limiter::check", |_| check(&limiter)),
            vec![Side::each(GOVERNOR, |_| _ = black_box(black_box(&peer).check()))],
            &[],
        )
    });
    session.row("rate limiter, precise clock, allowed, one limiter from two threads", || {
        let (limiter, peer) = (&ours(&Clock::precise(), Limits::per_second(PLENTY)), &governor(plenty()));
        let word = &AtomicU64::new(0);
        Row::measure_pairs(
            PairSide::each("flightdeck Limiter::check", [move |_| check(limiter); 2]),
            vec![
                PairSide::each(EXCHANGE, [move |_| exchange(word); 2]),
                PairSide::each(GOVERNOR, [move |_| _ = black_box(black_box(peer).check()); 2]),
            ],
            &[Bar::TimesFaster(1.0, GOVERNOR)],
        )
    });
    session.row("rate limiter, coarse clock, allowed, one limiter from two threads", || {
        let (clock, ticker) = coarse();
        let (limiter, peer) = (&ours(&clock, Limits::per_second(PLENTY)), &governor(plenty()));
        let word = &AtomicU64::new(0);
        let row = Row::measure_pairs(
            PairSide::each(
                "flightdeck Limiter::check, Clock::coarse with a ticker",
                [move |_| check(limiter); 2],
            ),
            vec![
                PairSide::each(EXCHANGE, [move |_| exchange(word); 2]),
                PairSide::each(GOVERNOR, [move |_| _ = black_box(black_box(peer).check()); 2]),
            ],
            &[Bar::TimesFaster(1.0, GOVERNOR)],
        );
        drop(ticker);
        row
    });
}
