//! Marks: events that belong to nothing but a moment, in two words of header in place of six.

use super::class::Class;
use super::handle::Events;
use super::loss::{LossCause, Losses};
use super::payload::{Payload, Personals};
use super::record::{Flags, Lead, MARK_WORDS};
use super::ring::Entry;
use super::schema::Event;
use super::store::{Fields, Store, Write};
use super::target::Target;
use super::writer::Writer;
use crate::sync::Relaxed;

/// A mark as the write path takes it.
#[derive(Clone, Copy)]
struct Mark<E: Fields> {
    lead: Lead,
    fields: E,
}

impl<E: Fields> Write for Mark<E> {
    #[inline(always)]
    fn class(&self) -> Class {
        self.fields.class(self.lead)
    }

    #[inline(always)]
    fn is_prompt(&self) -> bool {
        self.fields.is_prompt()
    }

    #[inline(always)]
    fn write<'a>(&self, store: &'a Store, mut target: impl Target<'a>, _thread: u32) {
        let (class, longest) = (self.class(), store.values.longest);
        let words = MARK_WORDS + self.fields.words(longest);
        if words > store.longest[class] {
            return store.lost(target.losses(store), LossCause::TooLarge, class);
        }
        let Some(reserved) = target.reserve(words) else {
            return store.lost(target.losses(store), target.refusal(), class);
        };
        let ticks = store.ticks(&target, None);
        let (header, body) = reserved.words.split_at(MARK_WORDS);
        let lead = self.lead.of_record(words, Flags::MARK);
        header.iter().zip([lead.word(), ticks]).for_each(|(place, word)| place.store(word, Relaxed));
        let mut body = Payload::new(body, Personals::Now(&store.values.pseudonyms), longest);
        self.fields.encode(&mut body);
        let cut = body.finish();
        target.commit(reserved, Entry { ticks, kind: lead.kind(), bucket: None });
        if cut > 0 {
            store.values.cut.fetch_add(cut, Relaxed);
        }
    }

    #[cold]
    fn lose(&self, store: &Store, losses: &Losses, cause: LossCause) {
        store.lost(losses, cause, self.lead.class());
    }
}

impl Events {
    /// Records an event without id, span and thread, whatever scope this thread is in: 16 bytes of header in place of
    /// 48, for what belongs to nothing but its moment (a tick, a sample of a level). Queries by time and kind find it,
    /// those by id, span or thread do not. Otherwise as [`Events::record`].
    ///
    /// ```
    /// use flightdeck::events::Events;
    /// flightdeck::kind! { Ticked("loop.ticked") { queued: u64 } }
    /// let events = Events::builder().build()?;
    /// events.mark(Ticked { queued: 3 });
    /// let answer = events.query().kind::<Ticked>().run()?;
    /// assert!(answer.iter().next().is_some_and(|event| event.correlation().is_none()));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline(always)]
    pub fn mark<E: Event>(&self, event: E) {
        if let Some(lead) = self.store.admit(E::site()) {
            self.store.record(Mark { lead, fields: event });
        }
    }
}

impl Writer {
    /// As [`Events::mark`].
    #[inline(always)]
    pub fn mark<E: Event>(&mut self, event: E) {
        if let Some(lead) = self.store().admit(E::site()) {
            self.write(&Mark { lead, fields: event });
        }
    }
}
