//! What is written and not yet passed on, in whichever format.

use super::builder::Format;
use super::chrome::Chrome;
use super::entry::Entry;
use super::held::{Held, Note};
use super::perfetto::Perfetto;
use super::process::Process;
use super::stats::Stats;
use super::track::{Kind, Track};
use crate::CorrelationId;
use crate::events::Gap;

/// So much is passed on at once.
const FULL: usize = 64 << 10;

#[derive(Debug)]
pub(super) struct Page {
    bytes: Vec<u8>,
    dialect: Dialect,
    has_begun: bool,
}

#[derive(Debug)]
enum Dialect {
    Perfetto(Perfetto),
    Chrome(Chrome),
}

impl Page {
    pub(super) fn new(format: Format, process: Process, seed: u64, most_flows: usize) -> Self {
        let dialect = match format {
            Format::Perfetto => Dialect::Perfetto(Perfetto::new(process, seed)),
            Format::Chrome => Dialect::Chrome(Chrome::new(process, most_flows)),
        };
        Self { bytes: Vec::with_capacity(2 * FULL), dialect, has_begun: false }
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(super) fn is_full(&self) -> bool {
        self.bytes.len() >= FULL
    }

    /// After what is there was passed on.
    pub(super) fn clear(&mut self) {
        self.bytes.clear();
    }

    /// What stands before all else, the first time.
    pub(super) fn begin(&mut self, at: u64) {
        if !std::mem::replace(&mut self.has_begun, true) {
            match &mut self.dialect {
                Dialect::Perfetto(perfetto) => perfetto.head(&mut self.bytes, at),
                Dialect::Chrome(chrome) => chrome.head(&mut self.bytes, at),
            }
        }
    }

    /// What stands after all else, where the format wants something there.
    pub(super) fn end(&mut self, stats: &Stats) {
        if let Dialect::Chrome(chrome) = &mut self.dialect {
            chrome.foot(&mut self.bytes, stats);
        }
    }

    /// Whether the format cannot say such a time.
    pub(super) fn is_too_early(&self, at: u64) -> bool {
        matches!(&self.dialect, Dialect::Chrome(chrome) if chrome.is_too_early(at))
    }

    pub(super) fn track(&mut self, track: Track, kind: Kind, name: &str) {
        match &mut self.dialect {
            Dialect::Perfetto(perfetto) => perfetto.track(&mut self.bytes, track, kind, name),
            Dialect::Chrome(chrome) => chrome.track(&mut self.bytes, track, kind, name),
        }
    }

    /// A span. In Perfetto's format its flow is held with its beginning; Chrome's has events for it, for an id that is one.
    pub(super) fn slice(
        &mut self,
        track: Track,
        times: (u64, Option<u64>),
        begin: &Held,
        ending: &[u8],
        flow: CorrelationId,
    ) {
        match &mut self.dialect {
            Dialect::Perfetto(perfetto) => perfetto.slice(&mut self.bytes, track, times, begin, ending),
            Dialect::Chrome(chrome) => chrome.slice(&mut self.bytes, track, times, begin, ending, flow),
        }
    }

    pub(super) fn instant(&mut self, track: Track, at: u64, held: &Held) {
        match &mut self.dialect {
            Dialect::Perfetto(perfetto) => perfetto.instant(&mut self.bytes, track, at, held),
            Dialect::Chrome(chrome) => chrome.instant(&mut self.bytes, track, at, held),
        }
    }

    pub(super) fn sample(&mut self, track: Track, name: &str, at: u64, value: f64) {
        match &mut self.dialect {
            Dialect::Perfetto(perfetto) => perfetto.sample(&mut self.bytes, track, at, value),
            Dialect::Chrome(chrome) => chrome.sample(&mut self.bytes, name, at, value),
        }
    }

    pub(super) fn gap(&mut self, at: u64, gap: &Gap) {
        match &mut self.dialect {
            Dialect::Perfetto(perfetto) => perfetto.gap(&mut self.bytes, at, gap),
            Dialect::Chrome(chrome) => chrome.gap(&mut self.bytes, at, gap),
        }
    }

    /// What is to be written of an event, later.
    pub(super) fn hold(&mut self, held: &mut Held, entry: &Entry<'_>, note: Note) {
        match &mut self.dialect {
            // Names that are new go to the page at once.
            Dialect::Perfetto(perfetto) => perfetto.hold(&mut self.bytes, held, entry, note),
            Dialect::Chrome(chrome) => chrome.hold(held, entry, note),
        }
    }

    /// Says more of what is held.
    pub(super) fn add_note(&mut self, held: &mut Held, note: Note) {
        match &mut self.dialect {
            Dialect::Perfetto(perfetto) => perfetto.add_note(&mut self.bytes, held, note),
            Dialect::Chrome(chrome) => chrome.add_note(held, note),
        }
    }

    /// What the end of a span adds to its beginning.
    pub(super) fn hold_end(&mut self, ending: &mut Vec<u8>, begin: &Held, entry: &Entry<'_>) {
        match &mut self.dialect {
            Dialect::Perfetto(perfetto) => perfetto.hold_end(&mut self.bytes, ending, begin, entry),
            Dialect::Chrome(chrome) => chrome.hold_end(ending, begin, entry),
        }
    }
}
