//! The client: threads that send requests as fast as they are answered, each under a trace id of its own.

use super::book::{SYMBOLS, symbol};
use crate::shown::nanos;
use flightdeck::CorrelationId;
use flightdeck::telemetry::Histogram;
use std::net::SocketAddr;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant, SystemTime};
use ureq::Agent;

/// Quantities asked for: each with each symbol makes some 1,500 different quotes.
const QUANTITIES: u64 = 32;

/// What a client is asked to do.
struct Order {
    host: SocketAddr,
    until: Instant,
    latency: Histogram,
    /// The host is to be killed: each request is told of, and the first that fails is the last.
    is_last: bool,
}

/// What clients did.
#[derive(Clone, Debug, Default)]
pub struct Done {
    pub requests: u64,
    /// Requests that failed or were refused.
    pub failed: u64,
    /// The slowest request.
    pub slowest: Option<Slow>,
    /// Of a host that was killed: requests that were answered, and when their clients knew; and those that were not.
    pub answered: Vec<(CorrelationId, SystemTime)>,
    pub unanswered: Vec<CorrelationId>,
}

/// A request that took long.
#[derive(Clone, Copy, Debug)]
pub struct Slow {
    pub latency: Duration,
    pub trace: CorrelationId,
}

impl Done {
    fn add(&mut self, other: Self) {
        self.requests += other.requests;
        self.failed += other.failed;
        self.note(other.slowest);
        self.answered.extend(other.answered);
        self.unanswered.extend(other.unanswered);
    }

    fn note(&mut self, slow: Option<Slow>) {
        let latency = |slow: &Slow| slow.latency;
        if slow.as_ref().map(latency) > self.slowest.as_ref().map(latency) {
            self.slowest = slow;
        }
    }
}

/// All client threads.
pub struct Load {
    clients: Vec<(Sender<Order>, JoinHandle<()>)>,
    done: Receiver<Done>,
}

impl Load {
    pub fn start(clients: usize) -> std::io::Result<Self> {
        let (report, done) = channel();
        let client = |number: usize| {
            let (orders, ordered) = channel();
            let report = report.clone();
            let mut random = Random::new(number as u64);
            let work = move || {
                // Whatever proxy the environment names is not meant for this machine.
                let agent = Agent::from(Agent::config_builder().proxy(None).build());
                for order in ordered {
                    if report.send(drive(&agent, &order, &mut random)).is_err() {
                        break;
                    }
                }
            };
            Ok((orders, thread::Builder::new().name(format!("client-{number}")).spawn(work)?))
        };
        Ok(Self { clients: (0..clients).map(client).collect::<std::io::Result<_>>()?, done })
    }

    /// Drives a host for so long; latencies go to `latency`, in nanoseconds.
    pub fn drive(&self, host: SocketAddr, time: Duration, latency: &Histogram) -> Done {
        self.order(host, time, latency, false)
    }

    /// The same, until the host answers no more.
    #[cfg(target_os = "linux")]
    pub fn drive_to_the_end(&self, host: SocketAddr, time: Duration, latency: &Histogram) -> Done {
        self.order(host, time, latency, true)
    }

    fn order(&self, host: SocketAddr, time: Duration, latency: &Histogram, is_last: bool) -> Done {
        let until = Instant::now() + time;
        let mut sum = Done::default();
        let ordered = self.clients.iter().filter(|(orders, _)| {
            orders.send(Order { host, until, latency: latency.clone(), is_last }).is_ok()
        });
        for _ in 0..ordered.count() {
            sum.add(self.done.recv().unwrap_or_default());
        }
        sum
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        for (orders, thread) in self.clients.drain(..) {
            drop(orders);
            let _ = thread.join();
        }
    }
}

fn drive(agent: &Agent, order: &Order, random: &mut Random) -> Done {
    let mut done = Done::default();
    while Instant::now() < order.until {
        let trace = CorrelationId::new(u128::from(random.next()) << 64 | u128::from(random.next()));
        let (symbol, quantity) =
            (symbol(random.below(SYMBOLS as u64) as usize), 1 + 40 * random.below(QUANTITIES));
        let url = format!("http://{}/quote/{symbol}/{quantity}", order.host);
        let traceparent = format!("00-{trace}-{:016x}-01", random.next() | 1);
        let start = Instant::now();
        let reply = agent.get(&url).header("traceparent", &traceparent).call();
        // To its end: the connection serves the next request.
        let is_whole = reply.is_ok_and(|mut reply| reply.body_mut().read_to_vec().is_ok());
        let latency = start.elapsed();
        order.latency.record(nanos(latency));
        done.requests += 1;
        done.failed += u64::from(!is_whole);
        done.note(Some(Slow { latency, trace }));
        match (order.is_last, is_whole) {
            (false, _) => {}
            (true, true) => done.answered.push((trace, SystemTime::now())),
            (true, false) => {
                done.unanswered.push(trace);
                break;
            }
        }
    }
    done
}

/// SplitMix64 (Steele, Lea, Flood 2014): enough to tell requests apart.
struct Random(u64);

impl Random {
    /// Different in each run, so that traces of two runs are not taken for each other.
    fn new(number: u64) -> Self {
        let now = std::time::UNIX_EPOCH.elapsed().map_or(0, |time| time.as_nanos() as u64);
        Self(now ^ number << 56)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }
}
