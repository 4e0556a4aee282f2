//! A worker whose work takes long, so that some of it is under way whenever the host is killed.

use crate::demo::book::{self, SYMBOLS};
use crate::demo::settings::Settings;
use flightdeck::Flightdeck;
use flightdeck::supervisor::WorkerContext;
use std::time::Duration;

flightdeck::kind! {
    /// All books are valued, one after the other.
    Settling("settlement.started", starts) { batch: u64, books: u64 }
    /// One of them was.
    Valued("settlement.valued") { symbol: str, position: u64 }
    /// All of them were.
    Settled("settlement.done") { batch: u64 }
}

/// The worker's name.
pub const NAME: &str = "settlement";

/// How long one book takes.
const BOOK: Duration = Duration::from_millis(10);
/// Ids of batches begin here, so that they are not taken for those of requests.
const FIRST: u64 = 0x5e77_1e00_0000;

/// Settles batch after batch until it is told to stop.
pub fn run(context: &WorkerContext, deck: &Flightdeck<Settings>) {
    for batch in 1.. {
        let _in = deck.scope(FIRST + batch);
        let span = deck.events().span(Settling { batch, books: SYMBOLS as u64 });
        for number in 0..SYMBOLS {
            let _ = context.wait(BOOK);
            if context.should_stop() {
                return;
            }
            deck.record(Valued { symbol: &book::symbol(number), position: 100 * batch + number as u64 });
        }
        span.end(Settled { batch });
    }
}
