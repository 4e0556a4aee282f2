//! What a writer has to bear from another process that asks: its own processor time for an event, with and without.
//!
//! The same readers as those of group `events`, over the file. The scorecard starts itself once more for each; it answers
//! orders on its input, so many queries each, as the thread does there.

use super::super::events::readers::{Asking, OF_A_LARGE_RING, Reader, Steps, visited};
use super::super::events::{self, LARGE, lap};
use super::scratch::Folder;
use crate::pair::{PairSide, Paired, in_pairs};
use crate::row::{Bar, Measured, Row};
use crate::session::Session;
use flightdeck::Clock;
use flightdeck::events::Recording;
use std::cell::OnceCell;
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// What the scorecard is told to be such a reader.
const ARGUMENT: &str = "--attached";
const ALONE: &str = "without a reader";

pub(super) fn run(session: &mut Session) {
    let measured = OnceCell::new();
    for (at, reader) in OF_A_LARGE_RING.iter().enumerate() {
        let name = format!(
            "event of 64 B, precise clock, Writer, {} ring, mapped, another process: {}: its processor time",
            LARGE.1, reader.name,
        );
        session.row_if_possible(&name, || {
            let measured: &Result<_, String> = measured.get_or_init(measure);
            let (paired, found) = measured.as_ref().map_err(String::clone)?;
            let [queries, events] = &found[at];
            let each = events.load(Relaxed) as f64 / queries.load(Relaxed) as f64;
            let sides = [
                (format!("with {} queries that find {each:.1} events", queries.load(Relaxed)), at + 1),
                (ALONE.to_owned(), 0),
            ];
            let sides =
                sides.map(|(name, side)| Measured { name, samples: paired.sides[side].first_cpu.clone() });
            let bars: Vec<_> = reader.bar.map(|most| Bar::AtMostTimes(most, ALONE)).into_iter().collect();
            Ok(Row { gain: Some(paired.gain()), ..Row::of(sides, &bars) })
        });
    }
}

/// Queries, and events they found, of each reader.
type Found = Vec<[AtomicU64; 2]>;

fn measure() -> Result<(Paired, Found), String> {
    let (bytes, folder) = (LARGE.0, Folder::in_memory());
    let events = events::store_in(bytes, 1, folder.file());
    let steps = Steps::of(&events);
    let writer = Mutex::new(events.writer().expect("a shard is free"));
    let write = |count: u64| {
        let mut writer = writer.lock().expect("nothing panics with it");
        (0..count).for_each(|n| steps.record(&mut writer, events.clock().now(), n));
    };
    write(lap(bytes));
    let found: Found = OF_A_LARGE_RING.iter().map(|_| [const { AtomicU64::new(0) }; 2]).collect();
    let readers: Result<Vec<_>, _> =
        (0..OF_A_LARGE_RING.len()).map(|at| Attached::start(&folder.file(), at, steps)).collect();
    let readers = readers.map_err(|error| format!("no reader could be started: {error}"))?;
    let with =
        readers.into_iter().zip(&OF_A_LARGE_RING).zip(&found).map(|((mut attached, reader), found)| {
            let [queries, events] = found;
            let ask = move |count: u64| {
                queries.fetch_add(count, Relaxed);
                events.fetch_add(attached.ask(count), Relaxed);
            };
            PairSide::of(reader.name, write, Some(Box::new(ask)))
        });
    let alone = PairSide::of(ALONE, write, None);
    let paired = in_pairs(std::iter::once(alone).chain(with).collect());
    Ok((paired, found))
}

/// A process that asks when it is told to.
struct Attached(Child);

impl Attached {
    fn start(file: &Path, reader: usize, Steps(shift): Steps) -> std::io::Result<Self> {
        let child = Command::new(std::env::current_exe()?)
            .arg(ARGUMENT)
            .arg(file)
            .args([reader.to_string(), shift.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        Ok(Self(child))
    }

    fn ask(&mut self, count: u64) -> u64 {
        let mut answer = [0; 8];
        let orders = self.0.stdin.as_mut().expect("it is piped");
        let answers = self.0.stdout.as_mut().expect("it is piped");
        let asked = orders.write_all(&count.to_ne_bytes()).and_then(|()| answers.read_exact(&mut answer));
        asked.expect("the reader answers");
        u64::from_ne_bytes(answer)
    }
}

impl Drop for Attached {
    fn drop(&mut self) {
        // Its input ends, and so does it.
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}

/// Is such a reader, if the arguments say so. `false` if they do not.
///
/// # Panics
/// If the file cannot be read.
pub fn answer_from(arguments: &[String]) -> bool {
    let [argument, file, reader, shift] = arguments else { return false };
    if argument != ARGUMENT {
        return false;
    }
    let recording = Recording::open(file).expect("the file of a deck");
    let reader: &Reader = &OF_A_LARGE_RING[reader.parse::<usize>().expect("a number")];
    let steps = Steps(shift.parse().expect("a number"));
    // The writer's stamps are the bare counter, as long as that has not gone back.
    let mut asking =
        Asking::new(reader, steps, Clock::precise(), |id| visited(recording.query().correlation(id)));
    let mut order = [0; 8];
    while std::io::stdin().read_exact(&mut order).is_ok() {
        let found = asking.times(u64::from_ne_bytes(order));
        let mut answers = std::io::stdout();
        if answers.write_all(&found.to_ne_bytes()).and_then(|()| answers.flush()).is_err() {
            break;
        }
    }
    true
}
