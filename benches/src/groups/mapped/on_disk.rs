//! The slowest events while the system writes the file back to its disk. `FLIGHTDECK_DISK_SECONDS` says for how long, 30 by
//! default: the system begins after some five to thirty.

use super::super::events::latency::{Histogram, nanoseconds_per_tick, ticks};
use super::super::events::{self, LARGE, in_runs, lap, precise};
use super::scratch::Folder;
use crate::measure::Samples;
use crate::row::{Measured, Row};
use crate::session::Session;
use std::hint::black_box;
use std::time::{Duration, Instant};

const QUANTILES: [(u64, &str); 3] = [(9_990, "p99.9"), (9_999, "p99.99"), (10_000, "slowest")];
/// Events between two looks at the time.
const TURN: u64 = 1_000;

pub(super) fn run(session: &mut Session) {
    let seconds =
        std::env::var("FLIGHTDECK_DISK_SECONDS").ok().and_then(|said| said.parse().ok()).unwrap_or(30);
    session.row(&format!("event of 64 B in a file on a disk, at full speed for {seconds} s"), || {
        let (disk, memory) = (Folder::on_disk(), Folder::in_memory());
        let sides = [("in temporary files", disk.file()), ("in memory", memory.file())];
        let measured = sides.into_iter().flat_map(|(place, file)| {
            let seen = latencies(file, Duration::from_secs(seconds));
            QUANTILES.iter().zip(seen).map(move |((_, name), ns)| Measured {
                name: format!("{place}, {name}"),
                samples: Samples(vec![ns]),
            })
        });
        Row::of(measured, &[])
    });
}

/// In nanoseconds, by quantile.
fn latencies(file: std::path::PathBuf, time: Duration) -> [f64; 3] {
    let events = events::store_in(LARGE.0, 1, file);
    let mut writer = events.writer().expect("a shard is free");
    (0..lap(LARGE.0)).for_each(|n| precise(&mut writer, in_runs(n), n));
    let (tick, mut histogram, mut slowest) = (nanoseconds_per_tick(), Histogram::new(), 0);
    let (began, mut n) = (Instant::now(), 0);
    while began.elapsed() < time {
        for number in n..n + TURN {
            let number = black_box(number + 1);
            let start = ticks();
            precise(&mut writer, in_runs(number), number);
            let took = ticks() - start;
            histogram.count(took);
            slowest = slowest.max(took);
        }
        n += TURN;
    }
    QUANTILES.map(|(share, _)| match share {
        10_000 => slowest as f64 * tick,
        share => histogram.quantile(share) as f64 * tick,
    })
}
