//! Two threads at once. What a second core gives varies from second to second on shared machines, so every
//! round also runs two loops that share nothing, and a row is only worth its figures if those gain.

use crate::measure::{Samples, median};
use std::hint::black_box;
use std::sync::Barrier;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

/// One way to do something from two threads: what each of them runs for a number of operations.
pub struct PairSide<'a> {
    pub(crate) name: String,
    threads: [Batch<'a>; 2],
}

type Batch<'a> = Box<dyn FnMut(u64) + Send + 'a>;

impl<'a> PairSide<'a> {
    /// A side of which each thread runs its own `operation`, given a running number.
    pub fn each<F: FnMut(u64) + Send + 'a>(name: impl Into<String>, threads: [F; 2]) -> Self {
        let batch = |mut operation: F| -> Batch<'a> {
            let mut number = 0_u64;
            Box::new(move |count| {
                for _ in 0..count {
                    number = number.wrapping_add(1);
                    operation(black_box(number));
                }
            })
        };
        Self { name: name.into(), threads: threads.map(batch) }
    }
}

/// What two threads measured.
pub struct Paired {
    /// Nanoseconds per operation of a thread, while the other runs too; one entry a side.
    pub samples: Vec<Samples>,
    /// How much more two plain loops did than one, in the middle of all rounds.
    pub gain: f64,
}

/// Below this gain of two plain loops over one, the machine has no second core to speak of.
pub const LEAST_GAIN: f64 = 1.6;
/// How often each side has its turn.
const ROUNDS: usize = 30;
/// How long a turn lasts.
const TURN: Duration = Duration::from_millis(50);
/// Operations between two looks at the clock.
const STRIDE: u64 = 512;

#[derive(Clone, Copy)]
enum Turn {
    /// The plain loop on this thread alone.
    Alone,
    /// The side of this number on both, zero being the plain loops.
    Both(usize),
}

/// Runs the sides in turn on two threads that live as long as this does.
pub fn in_pairs(sides: Vec<PairSide<'_>>) -> Paired {
    in_pairs_for(sides, ROUNDS, TURN)
}

fn in_pairs_for(sides: Vec<PairSide<'_>>, rounds: usize, turn: Duration) -> Paired {
    let plain = PairSide::each("two plain loops", [plain_loop, plain_loop]);
    let count = sides.len();
    let (mut first, mut second) = (Vec::new(), Vec::new());
    for side in std::iter::once(plain).chain(sides) {
        let [a, b] = side.threads;
        first.push(a);
        second.push(b);
    }
    let barrier = Barrier::new(2);
    thread::scope(|scope| {
        let barrier = &barrier;
        let workers = [first, second].map(|batches| {
            let (orders, ordered) = channel();
            let (results, rates) = channel();
            scope.spawn(move || work(batches, turn, barrier, &ordered, &results));
            (orders, rates)
        });
        let run = |turn: Turn| -> f64 {
            let asked = if matches!(turn, Turn::Alone) { &workers[..1] } else { &workers[..] };
            for (orders, _) in asked {
                orders.send(turn).expect("a worker lives until its orders end");
            }
            asked.iter().map(|(_, rates)| rates.recv().expect("a worker answers each order")).sum()
        };
        let mut samples = vec![Samples(Vec::with_capacity(rounds)); count];
        let mut gains = Vec::with_capacity(rounds);
        // The first round warms up.
        for round in 0..=rounds {
            let alone = run(Turn::Alone);
            let gain = run(Turn::Both(0)) / alone;
            let rates: Vec<f64> = (1..=count).map(|side| run(Turn::Both(side))).collect();
            if round > 0 {
                gains.push(gain);
                samples.iter_mut().zip(rates).for_each(|(samples, rate)| samples.0.push(2.0 / rate));
            }
        }
        Paired { samples, gain: median(&gains) }
    })
}

/// Serves one thread's share of the turns. Answers with operations per nanosecond.
fn work(
    mut batches: Vec<Batch<'_>>,
    turn: Duration,
    barrier: &Barrier,
    orders: &Receiver<Turn>,
    rates: &Sender<f64>,
) {
    while let Ok(order) = orders.recv() {
        let side = match order {
            Turn::Alone => 0,
            Turn::Both(side) => {
                barrier.wait();
                side
            }
        };
        let (start, mut operations) = (Instant::now(), 0);
        let took = loop {
            batches[side](STRIDE);
            operations += STRIDE;
            let took = start.elapsed();
            if took >= turn {
                break took;
            }
        };
        if rates.send(operations as f64 / took.as_nanos() as f64).is_err() {
            return;
        }
    }
}

/// Work in registers only: whatever two of these do not gain, the machine does not have.
fn plain_loop(number: u64) {
    let mut state = number;
    for _ in 0..16 {
        state = state.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(17);
    }
    black_box(state);
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU64, Ordering};

    #[test]
    fn both_threads_run_each_side_and_a_slower_one_shows() {
        let counts = [AtomicU64::new(0), AtomicU64::new(0)];
        let quick = [&counts[0], &counts[1]].map(|count| {
            move |_: u64| {
                count.fetch_add(1, Ordering::Relaxed);
            }
        });
        let slow = || {
            |_: u64| {
                for n in 0..200 {
                    black_box(n);
                }
            }
        };
        let sides = vec![PairSide::each("quick", quick), PairSide::each("slow", [slow(), slow()])];
        let paired = in_pairs_for(sides, 3, Duration::from_millis(2));
        assert!(counts.iter().all(|count| count.load(Ordering::Relaxed) > 0));
        assert!(paired.samples.iter().all(|samples| samples.0.len() == 3));
        assert!(paired.samples[1].median() > paired.samples[0].median());
        assert!(paired.gain > 0.0);
    }
}
