//! Two threads at once. What a second core gives varies from second to second on shared machines, so every
//! round also runs two loops that share nothing, and a row is only worth its figures if those gain.

use crate::measure::Samples;
use rustix::time::{ClockId, clock_gettime};
use std::hint::black_box;
use std::sync::Barrier;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

/// One way to do something from two threads: what each of them runs for a number of operations.
pub struct PairSide<'a> {
    pub(crate) name: String,
    threads: [Option<Batch<'a>>; 2],
}

type Batch<'a> = Box<dyn FnMut(u64) + Send + 'a>;

impl<'a> PairSide<'a> {
    /// A side of which each thread runs its own `operation`, given a running number.
    pub fn each<F: FnMut(u64) + Send + 'a>(name: impl Into<String>, threads: [F; 2]) -> Self {
        Self { name: name.into(), threads: threads.map(|operation| Some(each(operation))) }
    }

    /// A side of the first thread alone, while the second one sleeps.
    pub fn alone(name: impl Into<String>, operation: impl FnMut(u64) + Send + 'a) -> Self {
        Self { name: name.into(), threads: [Some(each(operation)), None] }
    }

    /// A side whose threads do different things. Each batch is told how many operations to run.
    pub fn of(
        name: impl Into<String>,
        first: impl FnMut(u64) + Send + 'a,
        second: Option<Box<dyn FnMut(u64) + Send + 'a>>,
    ) -> Self {
        Self { name: name.into(), threads: [Some(Box::new(first)), second] }
    }
}

fn each<'a>(mut operation: impl FnMut(u64) + Send + 'a) -> Batch<'a> {
    let mut done = 0_u64;
    Box::new(move |count| {
        // Counted in a register, so that the loop itself stores nothing.
        for number in done..done + count {
            operation(black_box(number + 1));
        }
        done += count;
    })
}

/// What two threads measured.
pub struct Paired {
    /// What each side took.
    pub sides: Vec<PairTimes>,
    /// How many times as much two plain loops did as one, in each round.
    pub gains: Samples,
}

/// What a side took, round by round.
#[derive(Clone, Debug, Default)]
pub struct PairTimes {
    /// Nanoseconds per operation of a thread, while the other runs too.
    pub each: Samples,
    /// Nanoseconds of its processor time that an operation took the first thread: what it does not have while it waits
    /// for its core is not in it.
    pub first_cpu: Samples,
    /// The same of both threads, in the middle.
    pub cpu: Samples,
}

impl Paired {
    /// How much more two plain loops did than one, in the middle of all rounds.
    #[must_use]
    pub fn gain(&self) -> f64 {
        self.gains.median()
    }
}

/// Below this gain of two plain loops over one, the machine has no second core to speak of.
pub const LEAST_GAIN: f64 = 1.6;
/// How often each side has its turn.
const ROUNDS: usize = 30;
/// How long a turn lasts.
const TURN: Duration = Duration::from_millis(50);
/// Operations between two looks at the clock.
const STRIDE: u64 = 512;

/// Runs the sides in turn on two threads that live as long as this does.
pub fn in_pairs(sides: Vec<PairSide<'_>>) -> Paired {
    in_pairs_for(sides, ROUNDS, TURN)
}

fn in_pairs_for(sides: Vec<PairSide<'_>>, rounds: usize, turn: Duration) -> Paired {
    let plain = [
        PairSide::alone("one plain loop", plain_loop),
        PairSide::each("two plain loops", [plain_loop, plain_loop]),
    ];
    let (first, second): (Vec<_>, Vec<_>) =
        plain.into_iter().chain(sides).map(|side| side.threads.into()).unzip();
    let both: Vec<bool> = second.iter().map(Option::is_some).collect();
    let barrier = Barrier::new(2);
    thread::scope(|scope| {
        let (barrier, both) = (&barrier, &both);
        let workers = [first, second].map(|batches| {
            let (orders, ordered) = channel();
            let (results, rates) = channel();
            scope.spawn(move || work(batches, both, turn, barrier, &ordered, &results));
            (orders, rates)
        });
        let run = |side: usize| -> Vec<Rate> {
            let asked = if both[side] { &workers[..] } else { &workers[..1] };
            for (orders, _) in asked {
                orders.send(side).expect("a worker lives until its orders end");
            }
            asked.iter().map(|(_, rates)| rates.recv().expect("a worker answers each order")).collect()
        };
        let mut paired =
            Paired { sides: vec![PairTimes::default(); both.len() - 2], gains: Samples::default() };
        // The first round warms up.
        for round in 0..=rounds {
            let rates: Vec<_> = (0..both.len()).map(run).collect();
            if round > 0 {
                paired.gains.0.push(sum(&rates[1], |rate| rate.wall) / sum(&rates[0], |rate| rate.wall));
                for (times, rates) in paired.sides.iter_mut().zip(&rates[2..]) {
                    let threads = rates.len() as f64;
                    times.each.0.push(threads / sum(rates, |rate| rate.wall));
                    times.first_cpu.0.push(rates[0].cpu.recip());
                    times.cpu.0.push(sum(rates, |rate| rate.cpu.recip()) / threads);
                }
            }
        }
        paired
    })
}

/// Operations per nanosecond.
#[derive(Clone, Copy)]
struct Rate {
    wall: f64,
    /// Of the thread's processor time.
    cpu: f64,
}

fn sum(rates: &[Rate], of: impl Fn(&Rate) -> f64) -> f64 {
    rates.iter().map(of).sum()
}

/// Serves one thread's share of the turns.
fn work(
    mut batches: Vec<Option<Batch<'_>>>,
    both: &[bool],
    turn: Duration,
    barrier: &Barrier,
    orders: &Receiver<usize>,
    rates: &Sender<Rate>,
) {
    while let Ok(side) = orders.recv() {
        let batch = batches[side].as_mut().expect("a thread is asked for what it has");
        if both[side] {
            barrier.wait();
        }
        let (start, cpu_start, mut operations) = (Instant::now(), cpu_time(), 0);
        let took = loop {
            batch(STRIDE);
            operations += STRIDE;
            let took = start.elapsed();
            if took >= turn {
                break took;
            }
        };
        let cpu = cpu_time() - cpu_start;
        let rate = |took: Duration| operations as f64 / took.as_nanos() as f64;
        if rates.send(Rate { wall: rate(took), cpu: rate(cpu) }).is_err() {
            return;
        }
    }
}

/// How long this thread has had a core.
fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::try_from(time).expect("it is not negative")
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
        let sides = vec![
            PairSide::each("quick", quick),
            PairSide::each("slow", [slow(), slow()]),
            PairSide::alone("slow alone", slow()),
        ];
        let paired = in_pairs_for(sides, 3, Duration::from_millis(2));
        assert!(counts.iter().all(|count| count.load(Ordering::Relaxed) > 0));
        assert!(paired.sides.iter().all(|times| times.each.0.len() == 3 && times.cpu.0.len() == 3));
        assert!(paired.sides[1].each.median() > paired.sides[0].each.median());
        assert_eq!(paired.sides[2].first_cpu, paired.sides[2].cpu, "one thread is both");
        assert!(paired.gain() > 0.0);
    }

    #[test]
    fn processor_time_leaves_out_what_a_thread_sleeps() {
        let sleepy = |count| thread::sleep(Duration::from_micros(count));
        let busy: Box<dyn FnMut(u64) + Send> = Box::new(|count| (0..count).for_each(plain_loop));
        let paired =
            in_pairs_for(vec![PairSide::of("sleepy", sleepy, Some(busy))], 3, Duration::from_millis(5));
        let times = &paired.sides[0];
        assert!(times.first_cpu.median() * 2.0 < times.each.floor().max(1_000.0), "{times:?}");
    }
}
