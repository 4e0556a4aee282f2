//! Telemetry: what an update, a reading and the memory cost.
//!
//! | file | idea |
//! |---|---|
//! | `peers` | how others are set up |
//! | `counters` | kept handles, from one thread and from two |
//! | `labels` | labels that are known at the call site, and by their values |
//! | `histograms` | kept handles, from one thread and from two |
//! | `timers` | one call in many is measured |
//! | `reading` | snapshots, windows, retirement, and what writers have to bear from them |
//! | `memory` | what a thread takes for a metric |
//! | `system` | what the system is asked |
//! | `together` | groups and handlers |

mod counters;
mod histograms;
mod labels;
mod memory;
mod peers;
mod reading;
mod system;
mod timers;
mod together;

use crate::session::Session;

pub(super) fn run(session: &mut Session) {
    counters::run(session);
    labels::run(session);
    histograms::run(session);
    timers::run(session);
    reading::run(session);
    memory::run(session);
    system::run(session);
    together::run(session);
}

/// A power of two, so that it costs no division to go round.
const VALUES: usize = 1 << 12;

/// Latencies in microseconds over four decades, in no order a branch predictor could learn.
fn latencies() -> Box<[u64; VALUES]> {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        10_u64.pow((state >> 60) as u32 % 4) * (1 + (state >> 32) % 1_000)
    };
    Box::new([(); VALUES].map(|()| next()))
}
