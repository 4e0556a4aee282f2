//! Rows into the store: parsed by one thread, written by others, in bounded memory.

use super::batch::RowBatch;
use super::deck::{Deck, Need, Room};
use super::load::Loader;
use super::names::NameTable;
use crate::messages::Messages;
use crate::outcome::Failure;
use flightdeck::events::Writer;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

/// Batches that wait for one writer: parsing goes on while it writes.
const WAITING: usize = 2;

/// A store with all rows written to it.
pub struct Filled {
    pub deck: Deck,
    pub writers: Vec<Written>,
    /// From the earliest start to the latest time or end, in nanoseconds since 1970.
    pub times: Option<(u64, u64)>,
}

/// What one thread wrote.
#[derive(Clone, Copy, Debug, Default)]
pub struct Written {
    pub events: u64,
    /// Time spent in writing rows that were parsed already.
    pub spent: Duration,
}

/// Reads all that `loader` yields and writes it with so many threads; `has_fields` so that predicates find what is in it.
pub fn fill(
    loader: &mut Loader,
    threads: usize,
    room: Room,
    has_fields: bool,
    messages: &Messages,
) -> Result<Filled, Failure> {
    let names = has_fields.then(|| Arc::clone(loader.names.table()));
    let mut turns = Turns::new(threads, names.clone());
    let mut times = Times::default();
    let mut held = Vec::new();
    // What all rows need is known when they are parsed, so they wait for the store; as soon as they are
    // more than it may ever hold, its size is known too.
    if let Room::Enough(most) = room {
        while turns.fullest().total * threads as u64 <= most as u64 {
            let mut batch = RowBatch::default();
            if !loader.fill(&mut batch, messages) {
                break;
            }
            times.note(&batch);
            held.push((turns.next(&batch), batch));
        }
    }
    let deck = Deck::new(threads, room, turns.fullest())?;
    let deck = match names {
        Some(names) => deck.with_fields(names),
        None => deck,
    };
    let writers = (0..threads).map(|_| deck.events.writer()).collect::<Result<Vec<_>, _>>()?;
    let (used, spare) = channel();
    let writers = thread::scope(|scope| {
        let lines: Vec<_> = writers
            .into_iter()
            .map(|writer| {
                let (line, batches) = sync_channel(WAITING);
                let (deck, used) = (&deck, used.clone());
                (line, scope.spawn(move || write(deck, writer, batches, &used)))
            })
            .collect();
        // A writer takes batches until its line closes, so sending fails only after it panicked, which
        // joining passes on.
        let send = |turn: usize, batch| lines.get(turn).map(|(line, _)| line.send(batch));
        for (turn, batch) in held {
            let _ = send(turn, batch);
        }
        loop {
            let mut batch: RowBatch = spare.try_recv().unwrap_or_default();
            if !loader.fill(&mut batch, messages) {
                break;
            }
            times.note(&batch);
            let _ = send(turns.next(&batch), batch);
        }
        let joined = lines.into_iter().map(|(line, thread)| {
            drop(line);
            thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        });
        joined.collect()
    });
    Ok(Filled { deck, writers, times: times.0 })
}

fn write(deck: &Deck, mut writer: Writer, batches: Receiver<RowBatch>, used: &Sender<RowBatch>) -> Written {
    let mut written = Written::default();
    for batch in batches {
        let start = Instant::now();
        for row in batch.rows() {
            deck.record(&mut writer, &row);
        }
        written.spent += start.elapsed();
        written.events += batch.len() as u64;
        // Nobody takes it back when all is read.
        let _ = used.send(batch);
    }
    written
}

/// Whose turn it is: the writer's with the least bytes so far. Decided when a batch is parsed, not when a
/// writer is free, so that what each ring must hold is known before there is one.
struct Turns {
    needs: Vec<Need>,
    /// Of fields, where each takes a place of its own.
    names: Option<Arc<NameTable>>,
}

impl Turns {
    fn new(threads: usize, names: Option<Arc<NameTable>>) -> Self {
        Self { needs: vec![Need::default(); threads], names }
    }

    fn next(&mut self, batch: &RowBatch) -> usize {
        let least = self.needs.iter_mut().enumerate().min_by_key(|(_, need)| need.total);
        let Some((turn, need)) = least else { return 0 };
        need.add(Need::of(batch, self.names.as_deref()));
        turn
    }

    /// What the fullest ring must hold, and the longest record of all.
    fn fullest(&self) -> Need {
        self.needs.iter().fold(Need::default(), |most, need| Need {
            total: most.total.max(need.total),
            longest: most.longest.max(need.longest),
        })
    }
}

#[derive(Default)]
struct Times(Option<(u64, u64)>);

impl Times {
    fn note(&mut self, batch: &RowBatch) {
        for row in batch.rows() {
            let (start, end) = (row.time_ns(), row.end_ns().unwrap_or(row.time_ns()));
            let (first, last) = self.0.unwrap_or((start, end));
            self.0 = Some((first.min(start), last.max(end)));
        }
    }
}
