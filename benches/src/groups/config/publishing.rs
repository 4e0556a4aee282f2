//! Changing, and reading meanwhile.

use super::{Limits, config};
use crate::measure::{Samples, Side};
use crate::row::{Bar, Measured, Row};
use crate::session::Session;
use arc_swap::ArcSwap;
use flightdeck::config::{Change, Config};
use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};
use tokio::sync::watch;

const IDLE: &str = "the same while nobody publishes";
/// Reads of which the time is taken once: a clock costs more than a read.
const BATCH: u64 = 64;
/// Batches whose p99.9 makes one sample.
const BATCHES: usize = 20_000;
const ROUNDS: usize = 30;

pub(super) fn run(session: &mut Session) {
    for (subscribers, most) in [(0, 1_500.0), (8, 2_000.0), (1_000, 60_000.0)] {
        session.row(&format!("config publish, {subscribers} subscribers"), || publish(subscribers, most));
    }
    for (name, pause) in
        [("at 10,000 a second", Duration::from_micros(100)), ("at full speed", Duration::ZERO)]
    {
        session
            .row(&format!("config read, p99.9 of batches of 64 while one thread publishes {name}"), || {
                beside_a_publisher(pause)
            });
    }
}

fn publish(subscribers: usize, most: f64) -> Row {
    let config = config();
    let told = Arc::new(AtomicU64::new(0));
    for _ in 0..subscribers {
        let told = told.clone();
        let count = move |change: &Change<Limits>| {
            told.fetch_add(change.new.rate, Relaxed);
        };
        config.subscribe(count).forever();
    }
    let swap = ArcSwap::from_pointee(Limits { rate: 7 });
    let (sender, _receiver) = watch::channel(Limits { rate: 7 });
    let ours = Side::each("flightdeck Config::replace, with history and freeing", |n| {
        assert!(config.replace(Limits { rate: n }).is_ok());
    });
    let peers = vec![
        Side::each("arc_swap::ArcSwap::store, tells nobody", |n| {
            swap.store(Arc::new(Limits { rate: n }));
        }),
        Side::each("tokio::sync::watch::Sender::send_replace, one receiver that does not wait", |n| {
            black_box(sender.send_replace(Limits { rate: n }));
        }),
    ];
    let peers = if subscribers == 0 { peers } else { Vec::new() };
    Row::measure(ours, peers, &[Bar::FloorAtMost(most)])
}

/// Rounds of each in turn, so that a machine that drifts drifts for both.
fn beside_a_publisher(pause: Duration) -> Row {
    let config = config();
    let (publishing, done) = (AtomicBool::new(false), AtomicBool::new(false));
    let (mut busy, mut idle) = (Vec::new(), Vec::new());
    thread::scope(|threads| {
        threads.spawn(|| {
            let mut due = Instant::now();
            while !done.load(Relaxed) {
                if !publishing.load(Relaxed) {
                    thread::park_timeout(Duration::from_millis(1));
                    due = Instant::now();
                    continue;
                }
                assert!(config.update(|now| Limits { rate: now.rate + 1 }).is_ok());
                due += pause;
                while !pause.is_zero() && Instant::now() < due {
                    std::hint::spin_loop();
                }
            }
        });
        for _ in 0..ROUNDS {
            for (samples, publishes) in [(&mut busy, true), (&mut idle, false)] {
                publishing.store(publishes, Relaxed);
                // Until the other thread does so.
                thread::sleep(Duration::from_millis(3));
                samples.push(slowest(&config));
            }
        }
        done.store(true, Relaxed);
    });
    let busy = Measured::from(("flightdeck Reader::get, a batch".to_owned(), Samples(busy)));
    let idle = Measured::from((IDLE.to_owned(), Samples(idle)));
    Row::of([busy, idle], &[Bar::AtMostTimes(5.0, IDLE)])
}

/// The p99.9 of batches, in nanoseconds a batch.
fn slowest(config: &Config<Limits>) -> f64 {
    let mut reader = config.reader();
    let mut took: Vec<u64> = (0..BATCHES)
        .map(|_| {
            let start = Instant::now();
            for _ in 0..BATCH {
                black_box(black_box(&mut reader).get().rate);
            }
            start.elapsed().as_nanos() as u64
        })
        .collect();
    took.sort_unstable();
    took[BATCHES * 999 / 1_000] as f64
}
