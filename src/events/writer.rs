//! A shard kept by hand: recording without the look-up of the thread's own.

use super::error::{RecordError, ValuesError, WriterError};
use super::kind::{Kind, Sink};
use super::loss::LossCause;
use super::schema::Event;
use super::shard::{Owner, Shard};
use super::stamp::Stamp;
use super::store::{Draft, Fields, Store, Write};
use super::threads::ThreadNumber;
use super::value::Value;
use crate::local::Busy;
use crate::sync::Arc;

/// Writes to a shard of its own, which it keeps until it drops.
///
/// For a loop that records a lot: it saves the thread-local look-up of [`Events::record`](super::Events::record).
/// Wait-free, like that. Moves between threads, and serves one at a time. It takes a shard from the threads
/// that record through the handle, so build the store with one more for each writer.
///
/// ```
/// use flightdeck::events::{Events, Stamp};
/// flightdeck::kind! { Ticked("market.tick") { price: f64 } }
///
/// let events = Events::builder().build()?;
/// let mut writer = events.writer()?;
/// writer.record_with(Stamp::of(7_u64), Ticked { price: 1.25 });
/// assert_eq!(events.query().correlation(7_u64).run()?.len(), 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Writer {
    store: Arc<Store>,
    shard: Arc<Shard>,
    thread: ThreadNumber,
}

impl Writer {
    pub(crate) fn new(store: &Arc<Store>) -> Result<Self, WriterError> {
        if store.is_forked() {
            return Err(WriterError::Forked);
        }
        // What allocates below may record: such a record goes another way.
        let _busy = Busy::set();
        let shard =
            store.claim_kept(Owner::UNKNOWN).ok_or(WriterError::NoShard { shards: store.view.kept })?;
        Ok(Self { store: store.clone(), shard, thread: store.view.threads.enter() })
    }

    /// Records an event in the scope of this thread.
    #[inline(always)]
    pub fn record<E: Event>(&mut self, event: E) {
        // What is not recorded leaves the scope as it is.
        if let Some(lead) = self.store.admit(E::site()) {
            self.write(&Draft { lead, stamp: Stamp::current(), fields: event });
        }
    }

    /// Records an event under a stamp of its own.
    #[inline(always)]
    pub fn record_with<E: Event>(&mut self, stamp: Stamp, event: E) {
        if let Some(lead) = self.store.admit(E::site()) {
            self.write(&Draft { lead, stamp, fields: event });
        }
    }

    /// Records an event of a kind defined at run time.
    ///
    /// # Errors
    /// As of [`Events::record_values`](super::Events::record_values).
    pub fn record_values(
        &mut self,
        stamp: Stamp,
        kind: &Kind,
        values: &[Value<'_>],
    ) -> Result<(), ValuesError> {
        kind.check_store(&self.store)?;
        kind.record(stamp, values, self)
    }

    /// Records an event under a stamp of its own, and says so if it is too large; see
    /// [`Events::try_record`](super::Events::try_record).
    ///
    /// # Errors
    /// As of [`Events::try_record_with`](super::Events::try_record_with).
    #[inline(always)]
    pub fn try_record_with<E: Event>(&mut self, stamp: Stamp, event: E) -> Result<(), RecordError> {
        if let Some(lead) = self.store.admit(E::site()) {
            let draft = Draft { lead, stamp, fields: event };
            self.store.check(&draft, E::site())?;
            self.write(&draft);
        }
        Ok(())
    }

    pub(super) fn store(&self) -> &Arc<Store> {
        &self.store
    }

    /// The store, the shard that is borrowed mutably with it, and the writer's number.
    pub(super) fn parts(&mut self) -> (&Arc<Store>, &Shard, u32) {
        (&self.store, &self.shard, self.thread.get())
    }

    #[inline(always)]
    pub(super) fn write(&mut self, draft: &impl Write) {
        if self.store.is_forked() {
            return draft.lose(&self.store, &self.store.losses, LossCause::Forked);
        }
        // SAFETY: this value holds the claim on its shard, and is borrowed mutably for the write.
        unsafe { self.store.write(&self.shard, self.thread.get(), draft) };
        if draft.is_prompt() {
            self.store.bell.after_commit();
        }
    }
}

impl Sink for &mut Writer {
    #[inline(always)]
    fn accept<E: Fields>(self, draft: Draft<E>) {
        self.write(&draft);
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        // To a child the shard is the parent's, which may be in the middle of a record, and in a file it is the very same words.
        if self.store.is_forked() {
            return;
        }
        // SAFETY: claimed in `new`; this value is gone after it.
        unsafe { self.shard.retire() };
    }
}
