//! `size`: the setting of an event store that keeps what is wanted, and what that takes.

use crate::args::Size;
use crate::outcome::Failure;
use crate::output::Output;
use crate::shown::{self, grouped, nanos};
use flightdeck::events::{Class, Events, Plan};
use flightdeck::{Diagnostic, Retry, Severity};
use serde_json::{Value as Json, json};
use std::time::Duration;

/// No thread records faster, whatever the machine.
const MOST_A_THREAD: f64 = 1e8;

/// Why nothing is as large as asked for.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SizingError {
    /// Faster than threads can write.
    #[error(
        "rate is {} a second, and {threads} threads record at most {}: give a lower --rate or more --threads",
        grouped(*rate as u64), grouped(*most as u64)
    )]
    Rate { rate: f64, threads: usize, most: f64 },
    /// No ring takes such an event.
    #[error(
        "events with {} bytes of fields are over the longest there can be, {}: keep large data elsewhere and its \
         name here",
        grouped(*bytes as u64), grouped(*most as u64)
    )]
    Payload { bytes: usize, most: usize },
    /// No store is as large.
    #[error(
        "{class} events for {} are over what {threads} threads can hold, {}: lower --keep, --rate or --bytes, or \
         give more --threads",
        time(*keep), time(*most)
    )]
    Keep { class: Class, keep: Duration, threads: usize, most: Duration },
}

impl Diagnostic for SizingError {
    fn code(&self) -> &'static str {
        match self {
            Self::Rate { .. } => "cli.sizing.rate",
            Self::Payload { .. } => "cli.sizing.payload",
            Self::Keep { .. } => "cli.sizing.keep",
        }
    }

    fn severity(&self) -> Severity {
        Severity::Error
    }

    fn retry(&self) -> Retry {
        Retry::Never
    }
}

/// What an event takes beside its fields.
const HEADER: usize = 48;

/// What was found.
struct Found {
    memory: usize,
    plan: Plan,
}

pub fn run(asked: &Size, output: &mut Output) -> Result<(), Failure> {
    let threads = asked.threads.map_or_else(cores, usize::from);
    let found = smallest(asked, threads)?;
    if asked.json {
        output.json(&object(asked, &found))?
    } else {
        output.line(text(asked, &found))?
    }
    Ok(())
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// The least memory with which so much is kept so long.
fn smallest(asked: &Size, threads: usize) -> Result<Found, Failure> {
    let most = MOST_A_THREAD * threads as f64;
    let (class, keep, bytes) = (Class::from(asked.class), asked.keep, asked.bytes);
    let plan = |memory| Events::builder().shards(threads).memory(memory).plan();
    let largest = plan(usize::MAX / 2)?;
    if asked.rate > most {
        return Err(SizingError::Rate { rate: asked.rate, threads, most }.into());
    }
    let longest = largest.longest_event[class] - HEADER;
    if bytes > longest {
        return Err(SizingError::Payload { bytes, most: longest }.into());
    }
    let held = |plan: &Plan| plan.held(class, asked.rate, bytes);
    // Each division of memory there is, from the largest down: a store given less than a plan's total is divided
    // in the next smaller way. More memory may mean a smaller ring of one class, so all are looked at.
    let mut best = None;
    let mut next = Some(largest);
    let mut reached = Duration::ZERO;
    while let Some(this) = next {
        reached = reached.max(held(&this));
        if held(&this) >= keep {
            best = Some(this);
        }
        next = plan(this.total - 1).ok();
    }
    let Some(best) = best else {
        return Err(SizingError::Keep { class, keep, threads, most: reached }.into());
    };
    // A round number that gives the same rings, if there is one: what it has more goes to the overflow.
    let memory = best.total.next_multiple_of(1 << 20);
    let round = plan(memory)?;
    let is_same = (round.ring, round.shared_ring) == (best.ring, best.shared_ring);
    Ok(if is_same { Found { memory, plan: round } } else { Found { memory: best.total, plan: best } })
}

/// The memory as it is written in the host's source.
fn literal(memory: usize) -> String {
    match memory {
        memory if memory.is_multiple_of(1 << 30) => format!("{} << 30", memory >> 30),
        memory if memory.is_multiple_of(1 << 20) => format!("{} << 20", memory >> 20),
        memory => grouped(memory as u64).replace(',', "_"),
    }
}

fn text(asked: &Size, Found { memory, plan }: &Found) -> String {
    let Size { rate, bytes, keep, .. } = *asked;
    let class = Class::from(asked.class);
    let held = plan.held(class, rate, bytes);
    let one = held / u32::try_from(plan.shards).unwrap_or(u32::MAX);
    let threads = shown::count(plan.shards as u64, "thread");
    let alone = if plan.shards == 1 {
        String::new()
    } else {
        format!(
            "\nThat is with all threads recording alike; where one of them records it all: {}.",
            time(one)
        )
    };
    format!(
        "To keep {class} events for {keep}, at {rate} a second from {threads}, {bytes} bytes of fields each:\n\n    \
         Flightdeck::builder().events(|events| events.memory({memory}).shards({shards}))\n\n\
         {fit} {class} events fit: {held}.{alone}\n\n{plan}",
        keep = time(keep),
        rate = number(rate),
        memory = literal(*memory),
        shards = plan.shards,
        fit = grouped(plan.events_that_fit(class, bytes)),
        held = time(held),
    )
}

/// A length of time for a person: `60 s`, `95.5 s`.
fn time(time: Duration) -> String {
    let shown = shown::ns(nanos(time));
    let (number, unit) = shown.split_once(' ').unwrap_or((&shown, ""));
    let short =
        if number.contains('.') { number.trim_end_matches('0').trim_end_matches('.') } else { number };
    format!("{short} {unit}")
}

/// A rate as a person wrote it: whole if it is.
fn number(rate: f64) -> String {
    if rate.fract() == 0.0 { grouped(rate as u64) } else { rate.to_string() }
}

fn object(asked: &Size, Found { memory, plan }: &Found) -> Json {
    let (class, rate, bytes) = (Class::from(asked.class), asked.rate, asked.bytes);
    let of_class = |class: Class| {
        json!({
            "class": class.name(),
            "ring": plan.ring[class],
            "index": plan.index[class],
            "block_table": plan.table[class],
            "control": plan.control[class],
            "shared_ring": plan.shared_ring[class],
            "shared_index": plan.shared_index[class],
            "shared_block_table": plan.shared_table[class],
            "shared_control": plan.shared_control[class],
            "overflow": plan.overflow[class],
            "total": plan.of_class(class),
            "longest_event": plan.longest_event[class],
        })
    };
    json!({
        "class": class.name(),
        "rate": rate,
        "payload_bytes": bytes,
        "keep_ns": nanos(asked.keep),
        "memory": memory,
        "shards": plan.shards,
        "events_that_fit": plan.events_that_fit(class, bytes),
        "held_ns": nanos(plan.held(class, rate, bytes)),
        "plan": {
            "total": plan.total,
            "shared_shards": plan.shared_shards,
            "overflow_slots": plan.overflow_slots,
            "classes": Class::ALL.map(of_class),
        },
    })
}
