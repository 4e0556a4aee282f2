//! Several events of one kind at once, straight from a slice into the ring.

use super::class::Class;
use super::error::{BatchError, RecordError, ValuesError};
use super::handle::Events;
use super::kinds::Switch;
use super::loss::{LossCause, Losses};
use super::payload::{ANY_LENGTH, Payload, Personals};
use super::record::{self, Flags, HEADER_WORDS, Lead, Link};
use super::ring::Entry;
use super::schema::Event;
use super::stamp::Stamp;
use super::store::{Store, Write};
use super::target::Target;
use super::writer::Writer;
use crate::sync::{Arc, Relaxed};

/// Events that may be recorded together.
struct Run<'a, E> {
    lead: Lead,
    stamp: &'a Stamp,
    events: &'a [E],
    size: Size,
}

/// How large a run is.
#[derive(Clone, Copy)]
struct Size {
    /// Of all records together.
    words: usize,
    /// In bytes: longer values are cut.
    longest: usize,
}

/// How many words the record of such an event takes, if no value is longer than so many bytes.
#[inline(always)]
fn record_words<E: Event>(event: &E, longest: usize) -> usize {
    HEADER_WORDS + 1 + event.payload_words(longest)
}

impl Size {
    /// Of these events, if they may be recorded together.
    #[inline(always)]
    fn of<E: Event>(events: &[E], store: &Store) -> Result<Self, BatchError> {
        let words = events.iter().map(|event| record_words(event, ANY_LENGTH)).sum();
        // No longer than one may be, so none of them is, nor all together. As a rule, and the least to look at.
        if words <= store.plain[E::CLASS] {
            return Ok(Self { words, longest: ANY_LENGTH });
        }
        Self::of_many(events, words, store)
    }

    /// The same where there are many.
    #[inline(never)]
    fn of_many<E: Event>(events: &[E], words: usize, store: &Store) -> Result<Self, BatchError> {
        let most = events.iter().map(|event| record_words(event, ANY_LENGTH)).max();
        if most > Some(store.plain[E::CLASS]) || words > store.longest_batch[E::CLASS] {
            return Self::of_long(events, store);
        }
        Ok(Self { words, longest: ANY_LENGTH })
    }

    /// The same where values may have to be cut, or there is too much.
    #[cold]
    #[inline(never)]
    fn of_long<E: Event>(events: &[E], store: &Store) -> Result<Self, BatchError> {
        let (class, longest) = (E::CLASS, store.values.longest);
        let (most, most_together) = (store.longest[class], store.longest_batch[class]);
        let sizes = (0..).zip(events).map(|(number, event)| (number, record_words(event, longest)));
        let too_large = |(number, words): (usize, usize)| {
            let error = || ValuesError::too_large(&E::site().schema, (words * 8, most * 8));
            (words > most).then(|| (number, error()))
        };
        let items: Vec<_> = sizes.clone().filter_map(too_large).collect();
        if !items.is_empty() {
            return Err(BatchError::Refused { items });
        }
        let words = sizes.map(|(_, words)| words).sum::<usize>();
        if words > most_together {
            let (bytes, most) = (words * 8, most_together * 8);
            return Err(BatchError::TooLarge { events: events.len(), bytes, class, most });
        }
        Ok(Self { words, longest })
    }
}

impl<E: Event> Write for Run<'_, E> {
    #[inline(always)]
    fn class(&self) -> Class {
        E::CLASS
    }

    #[inline(always)]
    fn is_prompt(&self) -> bool {
        E::PROMPT
    }

    #[inline(always)]
    fn write<'a>(&self, store: &'a Store, target: impl Target<'a>, thread: u32) {
        // Two copies: in the first no value can have to be cut, and no length is compared.
        if self.size.longest == ANY_LENGTH {
            self.write_all(store, target, thread, ANY_LENGTH);
        } else {
            self.write_long(store, target, thread);
        }
    }

    #[cold]
    fn lose(&self, store: &Store, losses: &Losses, cause: LossCause) {
        self.events.iter().for_each(|_| store.lost(losses, cause, E::CLASS));
    }
}

impl<E: Event> Run<'_, E> {
    #[cold]
    #[inline(never)]
    fn write_long<'a>(&self, store: &'a Store, target: impl Target<'a>, thread: u32) {
        self.write_all(store, target, thread, self.size.longest);
    }

    #[inline(always)]
    fn write_all<'a>(&self, store: &'a Store, mut target: impl Target<'a>, thread: u32, longest: usize) {
        let Self { lead, stamp, events, .. } = self;
        let bucket = (!stamp.id.is_none()).then(|| store.key.bucket(stamp.id));
        bucket.inspect(|bucket| target.prefetch(*bucket));
        let ticks = store.accepted_time(&target, stamp);
        let Some(reserved) = target.reserve(self.size.words) else {
            return self.lose(store, target.losses(store), target.refusal());
        };
        let is_linked = u32::from(bucket.is_some());
        let (mut rest, mut cut) = (reserved.words, 0);
        // Runs neither begin nor end a span, which one event does.
        let mut flags = stamp.flags.without(Flags::START.with(Flags::END)).with(Flags::BATCHED);
        let mut link = Link::unlinked(thread);
        for event in *events {
            let words = record_words(event, longest);
            let Some((record, after)) = rest.split_at_checked(words) else { break };
            let (header, body) = record.split_at(HEADER_WORDS);
            let values = record::header(lead.of_record(words, flags), ticks, stamp.id, link, stamp.span);
            record::store_header(header, values);
            let mut body = Payload::new(body, Personals::Now(&store.values.pseudonyms), longest);
            body.word(reserved.position);
            event.encode(&mut body);
            cut += body.finish();
            // The next one: the id has begun.
            link = Link::behind(thread, words as u32 * is_linked);
            flags = flags.without(Flags::ROOT);
            rest = after;
        }
        // Nothing is left, unless an event changed its size meanwhile.
        rest.iter().for_each(|place| place.store(0, Relaxed));
        let offsets = events.iter().scan(0, |end, event| {
            let offset = *end;
            *end += record_words(event, longest);
            Some(offset)
        });
        target.commit_run(reserved, offsets, Entry { ticks, kind: lead.kind(), bucket });
        if cut > 0 {
            store.values.cut.fetch_add(cut, Relaxed);
        }
    }
}

impl Events {
    /// Whether [`record_all`](Events::record_all) would take these events, without recording any: for hosts that must know
    /// before they promise something. One pass over their sizes, so less than a [`check`](Events::check) of each.
    ///
    /// # Errors
    /// As of [`record_all`](Events::record_all). Nothing counts as lost.
    #[inline]
    pub fn check_all<E: Event>(&self, events: &[E]) -> Result<(), BatchError> {
        Size::of(events, self.store()).map(|_| ())
    }

    /// Whether [`try_record`](Events::try_record) would take this event, without recording it.
    ///
    /// # Errors
    /// If it is larger than its class takes. Nothing counts as lost.
    #[inline]
    pub fn check<E: Event>(&self, event: &E) -> Result<(), RecordError> {
        let (store, words) = (self.store(), |longest| HEADER_WORDS + event.payload_words(longest));
        if words(ANY_LENGTH) <= store.plain[E::CLASS] {
            return Ok(());
        }
        let (words, most) = (words(store.values.longest), store.longest[E::CLASS]);
        if words <= most { Ok(()) } else { Err(RecordError::too_large(E::site(), (words * 8, most * 8))) }
    }

    /// Records all of these events together, in the scope of this thread: readers see all of them or none. How many:
    /// none if their kind is switched off.
    ///
    /// Written straight into the ring, with one time for all, which makes it the cheapest way to record many events of a
    /// kind; for events of several kinds, ids or times there is [`Batch`](super::Batch). Wait-free, and allocates nothing,
    /// except for a kind that is sampled or limited: then those let through are gathered first.
    ///
    /// ```
    /// use flightdeck::events::Events;
    /// flightdeck::kind! { Filled("order.filled") { qty: u64, venue: str } }
    /// let events = Events::builder().build()?;
    /// let fills = [Filled { qty: 5, venue: "XETRA" }, Filled { qty: 7, venue: "CHIX" }];
    /// assert_eq!(events.record_all(&fills)?, 2);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// If some are larger than their class takes, of which each is named, or all together exceed a quarter of the smallest
    /// ring they may have to lie in, or the stamp brings a time out of range. Nothing is recorded then.
    #[inline]
    pub fn record_all<E: Event>(&self, events: &[E]) -> Result<usize, BatchError> {
        self.record_all_with(Stamp::current(), events)
    }

    /// As [`record_all`](Events::record_all), under a stamp for all of them. A root is the first one alone; that a
    /// stamp starts or ends a span is left out.
    ///
    /// # Errors
    /// As of [`record_all`](Events::record_all).
    #[inline]
    pub fn record_all_with<E: Event>(&self, stamp: Stamp, events: &[E]) -> Result<usize, BatchError> {
        let (store, mut some) = (self.store(), Vec::new());
        let Some((lead, events, size)) = let_through(store, &stamp, events, &mut some)? else { return Ok(0) };
        store.record(Run { lead, stamp: &stamp, events, size });
        Ok(events.len())
    }
}

impl Writer {
    /// As [`Events::record_all`].
    ///
    /// # Errors
    /// As there.
    #[inline]
    pub fn record_all<E: Event>(&mut self, events: &[E]) -> Result<usize, BatchError> {
        self.record_all_with(Stamp::current(), events)
    }

    /// As [`Events::record_all_with`].
    ///
    /// # Errors
    /// As there.
    #[inline]
    pub fn record_all_with<E: Event>(&mut self, stamp: Stamp, events: &[E]) -> Result<usize, BatchError> {
        let mut some = Vec::new();
        let Some((lead, events, size)) = let_through(self.store(), &stamp, events, &mut some)? else {
            return Ok(0);
        };
        self.write(&Run { lead, stamp: &stamp, events, size });
        Ok(events.len())
    }
}

/// How the records of events begin, which those are, and how large they are together.
type LetThrough<'a, E> = (Lead, &'a [E], Size);

/// Those of the events that are to be recorded, if there are any: as a rule all of them. `some` has room for others.
#[inline(always)]
fn let_through<'a, E: Event>(
    store: &Arc<Store>,
    stamp: &Stamp,
    events: &'a [E],
    some: &'a mut Vec<E>,
) -> Result<Option<LetThrough<'a, E>>, BatchError> {
    if let Err(times) = store.check_time(stamp.supplied()) {
        let error = ValuesError::time(&E::site().schema, times);
        return Err(BatchError::Refused { items: vec![(0, error)] });
    }
    match store.kinds.look(E::site()).on() {
        Some(_) if events.is_empty() => Ok(None),
        Some(lead) => Ok(Some((lead, events, Size::of(events, store)?))),
        None => let_some_through(store, events, some),
    }
}

/// The same of a kind that is not simply recorded. Too much is too much whatever sample and rate would have left of it, and
/// then they are not asked.
#[cold]
#[inline(never)]
fn let_some_through<'a, E: Event>(
    store: &Arc<Store>,
    events: &'a [E],
    some: &'a mut Vec<E>,
) -> Result<Option<LetThrough<'a, E>>, BatchError> {
    match store.kinds.admit(E::site()) {
        _ if events.is_empty() => Ok(None),
        Ok(lead) => Ok(Some((lead, events, Size::of(events, store)?))),
        Err(Switch::Gated(gated)) => {
            Size::of(events, store)?;
            some.extend(events.iter().filter(|_| store.pass(gated).is_some()));
            let size = Size::of(some, store)?;
            Ok((!some.is_empty()).then_some((gated.lead(), &some[..], size)))
        }
        Err(switch) => {
            events.iter().for_each(|_| store.not_admitted(switch, &E::site().schema));
            Ok(None)
        }
    }
}
