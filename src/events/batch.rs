//! Several events at once: readers see all of them or none.
//!
//! Single records are not gathered into batches by themselves. All that could be saved is the publishing of each, which is
//! three plain stores to a line that is the writer's own: with `tail`, `indexed` and the count stored at every 16th record
//! only, and with none of the checks for a deadline that readers would need, a record of 64 bytes took 139 instructions in
//! place of 137, and 8.1 ns in place of 7.9 (ring of 256 KiB; 12.3 both ways with a reading of the clock; the least of four
//! runs each). What makes a slice cheap is what its events share: one stamp, one bucket, one reservation.

use super::build::LONGEST_VALUE;
use super::class::Class;
use super::error::{BatchError, ValuesError};
use super::handle::Events;
use super::kind::{Given, Kind};
use super::kinds::{Gated, Switch};
use super::loss::{LossCause, Losses};
use super::payload::{Payload, Personals};
use super::privacy::Aside;
use super::record::{Flags, HEADER_WORDS, LINK_WORD, Lead, Link, TIME_WORD};
use super::ring::Entry;
use super::schema::{Event, Schema, Site};
use super::stamp::Stamp;
use super::store::{Fields, Store, Write};
use super::target::Target;
use super::value::Value;
use super::writer::Writer;
use crate::clock::Ticks;
use crate::id::CorrelationId;
use crate::sync::{Arc, AtomicU64, Relaxed};
use std::ops::Range;

/// Events that are to be recorded together, with [`Events::record_batch`] or [`Writer::record_batch`].
///
/// They lie in one ring, that of the most precious class among them, in the order in which they were pushed, and
/// readers see all of them or none; only where some have times of their own, and others do not, may a query that began at
/// that very moment see those that have. An event without a time of its own gets the moment at which the batch is
/// recorded. Its memory is kept from one use to the next: a batch that has been as large before allocates nothing.
///
/// A batch is bound to no store, so values of `personal` fields wait in its memory as they are, and become pseudonyms
/// when it is recorded; they are overwritten when it is emptied, and its `Debug` does not show them. Secrets are
/// never in it.
///
/// ```
/// use flightdeck::events::{Batch, Events, Stamp};
/// flightdeck::kind! {
///     Debited("account.debited") { account: u64, amount: f64 }
///     Credited("account.credited") { account: u64, amount: f64 }
/// }
/// let events = Events::builder().build()?;
/// let mut batch = Batch::new();
/// batch.push_with(Stamp::of(7_u64), Debited { account: 1, amount: 10.0 });
/// batch.push_with(Stamp::of(7_u64), Credited { account: 2, amount: 10.0 });
/// assert_eq!(events.record_batch(&mut batch)?, 2);
/// assert!(batch.is_empty());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Batch {
    items: Vec<Item>,
    /// The records as they will lie in the ring, but for what is known only then, in the first `used` words.
    words: Vec<AtomicU64>,
    used: usize,
    refused: Vec<(usize, ValuesError)>,
    /// In bytes: a longer value is cut.
    longest: usize,
    /// How many were.
    cut: u64,
    /// A batch is bound to no store, so pseudonyms are for later.
    personal: Aside,
}

impl Default for Batch {
    fn default() -> Self {
        Self::new()
    }
}

#[derive(Debug)]
struct Item {
    /// Which one it was in the order of pushing.
    number: usize,
    /// Of its own, or else it gets that of the batch.
    ticks: Option<Ticks>,
    kind: KindOf,
    /// Where its record lies in `words`.
    at: usize,
    len: usize,
    /// Which word of the record says where the batch begins.
    batch_word: usize,
    flags: Flags,
    /// Which of the personal values are its own.
    personal: Range<usize>,
    id: CorrelationId,
    is_admitted: bool,
    /// The number of its kind and the bucket of its id in the store that it goes to, once that is known: worked out
    /// once, needed twice.
    kind_number: u32,
    bucket: Option<u32>,
    /// To be asked once the batch is sure to be recorded.
    gate: Option<Gated>,
}

#[derive(Debug)]
enum KindOf {
    Declared(&'static Site),
    Defined(Kind),
}

impl KindOf {
    fn schema(&self) -> &Schema {
        match self {
            Self::Declared(site) => &site.schema,
            Self::Defined(kind) => kind.schema(),
        }
    }
}

impl Batch {
    /// An empty one.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            items: Vec::new(),
            words: Vec::new(),
            used: 0,
            refused: Vec::new(),
            longest: LONGEST_VALUE,
            cut: 0,
            personal: Aside::new(),
        }
    }

    /// The same with another limit than 10,000 bytes, beyond which values are cut as they are pushed. A batch is bound
    /// to no store, so [`Builder::longest_value`](super::Builder::longest_value) has no say here.
    #[must_use]
    pub fn longest_value(mut self, bytes: usize) -> Self {
        self.longest = bytes;
        self
    }

    /// How many events it holds.
    #[must_use]
    pub fn len(&self) -> usize {
        self.items.len() + self.refused.len()
    }

    /// Whether it holds none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Takes all events out again.
    pub fn clear(&mut self) {
        self.items.clear();
        self.used = 0;
        self.refused.clear();
        self.cut = 0;
        self.personal.wipe();
    }

    /// Adds an event in the scope that this thread is in now.
    pub fn push<E: Event>(&mut self, event: E) {
        self.push_with(Stamp::current(), event);
    }

    /// Adds an event under a stamp of its own.
    pub fn push_with<E: Event>(&mut self, stamp: Stamp, event: E) {
        self.add(KindOf::Declared(E::site()), stamp, &event);
    }

    /// Adds an event of a kind defined at run time. Values that are not those of the kind's fields make the batch be
    /// refused when it is recorded, along with all others that do.
    pub fn push_values(&mut self, stamp: Stamp, kind: &Kind, values: &[Value<'_>]) {
        match Given::<true>::checked(kind.schema(), values) {
            Ok(given) => self.add(KindOf::Defined(kind.clone()), stamp, &given),
            Err(error) => self.refused.push((self.len(), error)),
        }
    }

    fn add(&mut self, kind: KindOf, stamp: Stamp, fields: &impl Fields) {
        let batch_word = HEADER_WORDS + stamp.prefix();
        let (at, len) = (self.used, batch_word + 1 + fields.words(self.longest));
        self.used += len;
        if self.used > self.words.len() {
            self.words.resize_with(self.used.next_power_of_two(), || AtomicU64::new(0));
        }
        let (high, low) = stamp.id.halves();
        let personal = self.personal.len();
        let later = Personals::Later(&mut self.personal);
        // Of a length that the compiler knows, as a rule.
        let mut record = Payload::new(&self.words[at..][..len], later, self.longest);
        [0, 0, high, low, 0, stamp.span.get()].into_iter().for_each(|word| record.word(word));
        stamp.encode_prefix(&mut record);
        record.word(0);
        fields.encode(&mut record);
        self.cut += record.finish();
        let (number, flags) = (self.len(), stamp.flags.with(Flags::BATCHED));
        let personal = personal..self.personal.len();
        self.items.push(Item {
            number,
            ticks: stamp.ticks,
            kind,
            at,
            len,
            batch_word,
            flags,
            personal,
            id: stamp.id,
            is_admitted: false,
            kind_number: 0,
            bucket: None,
            gate: None,
        });
    }

    /// Decides what of it is to be recorded, and whether it may be. What is sampled or limited is asked last, so that a
    /// batch that is refused uses up nothing; whether it fits is so judged as if all of that were recorded.
    fn prepare(&mut self, store: &Arc<Store>) -> Result<Prepared, BatchError> {
        let mut refused = self.refused.clone();
        let mut whole = Prepared::NOTHING;
        for item in &mut self.items {
            let switch = match &item.kind {
                KindOf::Declared(site) => store.kinds.admit(site),
                KindOf::Defined(kind) => match kind.check_store(store) {
                    Ok(()) => kind.switch(),
                    Err(error) => {
                        refused.push((item.number, error));
                        Err(Switch::Off)
                    }
                },
            };
            item.gate = None;
            let lead = match switch {
                Ok(lead) => Some(lead),
                Err(Switch::Gated(gated)) => {
                    item.gate = Some(gated);
                    Some(gated.lead())
                }
                Err(switch) => {
                    store.not_admitted(switch, item.kind.schema());
                    None
                }
            };
            item.is_admitted = lead.is_some();
            if let Some(lead) = lead {
                // The batch as a whole may be longer than a record can state.
                let longest = store.longest[lead.class()];
                if item.len > longest {
                    let schema = item.kind.schema();
                    let error = ValuesError::too_large(schema, (item.len * 8, longest * 8));
                    refused.push((item.number, error));
                    continue;
                }
                if let Err(times) = store.check_time(item.ticks) {
                    refused.push((item.number, ValuesError::time(item.kind.schema(), times)));
                    continue;
                }
                item.kind_number = lead.kind();
                item.bucket = (!item.id.is_none()).then(|| store.key.bucket(item.id));
                self.words[item.at].store(lead.of_record(item.len, item.flags).word(), Relaxed);
                whole.add(lead.class(), item.len, item.kind.schema().is_prompt());
            }
        }
        if !refused.is_empty() {
            refused.sort_by_key(|(number, _)| *number);
            return Err(BatchError::Refused { items: refused });
        }
        let Prepared { class, words, count, .. } = whole;
        let most = store.longest_batch[class];
        if words > most {
            return Err(BatchError::TooLarge { events: count, bytes: words * 8, class, most: most * 8 });
        }
        if self.items.iter().any(|item| item.gate.is_some()) {
            // In the ring for which it was judged, whatever is left of it.
            whole = Prepared { class, ..self.ask_gates(store) };
        }
        // As a rule there are no personal values.
        for item in self.items.iter().filter(|item| !item.personal.is_empty()) {
            let (words, pseudonyms) = (&self.words[item.at..item.at + item.len], &store.values.pseudonyms);
            self.personal.settle(item.personal.clone(), pseudonyms, |left, pseudonym| {
                words[words.len() - left].store(pseudonym, Relaxed);
            });
        }
        Ok(whole)
    }

    /// What is left of the batch once samples and rates have had their say.
    #[cold]
    fn ask_gates(&mut self, store: &Arc<Store>) -> Prepared {
        let mut left = Prepared::NOTHING;
        for item in &mut self.items {
            if let Some(gated) = item.gate {
                item.is_admitted = store.pass(gated).is_some();
            }
            if item.is_admitted {
                let schema = item.kind.schema();
                left.add(schema.class(), item.len, schema.is_prompt());
            }
        }
        left
    }

    /// It was recorded.
    fn close(&mut self, store: &Store) {
        if self.cut > 0 {
            store.values.cut.fetch_add(self.cut, Relaxed);
        }
        self.clear();
    }

    /// What is to be recorded: each item and its record.
    fn admitted(&self) -> impl Iterator<Item = (&Item, &[AtomicU64])> + Clone {
        let admitted = self.items.iter().filter(|item| item.is_admitted);
        admitted.map(|item| (item, &self.words[item.at..item.at + item.len]))
    }
}

/// What a batch comes to.
#[derive(Clone, Copy, Debug)]
struct Prepared {
    class: Class,
    words: usize,
    count: usize,
    /// Whether one of its kinds is prompt.
    is_prompt: bool,
}

impl Prepared {
    const NOTHING: Self = Self { class: Class::Verbose, words: 0, count: 0, is_prompt: false };

    fn add(&mut self, class: Class, words: usize, is_prompt: bool) {
        self.class = self.class.min(class);
        self.words += words;
        self.count += 1;
        self.is_prompt |= is_prompt;
    }
}

/// A batch that may be recorded.
struct Whole<'a> {
    batch: &'a Batch,
    prepared: Prepared,
}

impl Write for Whole<'_> {
    fn class(&self) -> Class {
        self.prepared.class
    }

    fn is_prompt(&self) -> bool {
        self.prepared.is_prompt
    }

    fn write<'a>(&self, store: &'a Store, mut target: impl Target<'a>, thread: u32) {
        // One reading of the clock for all that have no time of their own.
        let now = store.ticks(&target, None);
        let Some(reserved) = target.reserve(self.prepared.words) else {
            return self.lose(store, target.losses(store), target.refusal());
        };
        let mut rest = reserved.words;
        for (item, record) in self.batch.admitted() {
            let ticks = item.ticks.map_or(now, |ticks| ticks.0);
            let thread = Link::unlinked(thread).word();
            // What was not known when it was pushed.
            for (number, word) in [(LINK_WORD, thread), (item.batch_word, reserved.position)] {
                record[number].store(word, Relaxed);
            }
            let Some((places, after)) = rest.split_at_checked(record.len()) else { break };
            // Without a time, which comes last: as in `store_header`.
            record[TIME_WORD].store(0, Relaxed);
            record.iter().zip(places).for_each(|(word, place)| place.store(word.load(Relaxed), Relaxed));
            places[TIME_WORD].store(ticks, Relaxed);
            rest = after;
            if item.ticks.is_some() {
                store.ticks(&target, item.ticks);
            }
        }
        let admitted = self.batch.items.iter().filter(|item| item.is_admitted);
        let entries = admitted.scan(0, |end, item| {
            let offset = *end;
            *end += item.len;
            let ticks = item.ticks.map_or(now, |ticks| ticks.0);
            Some((offset, Entry { ticks, kind: item.kind_number, bucket: item.bucket }))
        });
        target.commit_batch(reserved, entries);
    }

    fn lose(&self, store: &Store, losses: &Losses, cause: LossCause) {
        for (item, record) in self.batch.admitted() {
            let class = Lead::from_word(record[0].load(Relaxed)).class();
            store.lost_at(losses, cause, class, item.ticks);
        }
    }
}

impl Events {
    /// Records all events of the batch together, and empties it; how many those were: what is switched off, sampled or
    /// over its rate is left out. Wait-free, as [`Events::record`] is; one clock reading for all.
    ///
    /// # Errors
    /// If an event of it is none of its kind, or all together exceed a quarter of the smallest ring they may have to
    /// lie in. Nothing is recorded then, and the batch stays as it is.
    pub fn record_batch(&self, batch: &mut Batch) -> Result<usize, BatchError> {
        let prepared = batch.prepare(&self.store)?;
        if prepared.count > 0 {
            self.store.record(Whole { batch, prepared });
        }
        batch.close(&self.store);
        Ok(prepared.count)
    }
}

impl Writer {
    /// As [`Events::record_batch`].
    ///
    /// # Errors
    /// As there.
    pub fn record_batch(&mut self, batch: &mut Batch) -> Result<usize, BatchError> {
        let prepared = batch.prepare(self.store())?;
        if prepared.count > 0 {
            self.write(&Whole { batch, prepared });
        }
        batch.close(self.store());
        Ok(prepared.count)
    }
}
