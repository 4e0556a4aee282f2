//! Cursors that events of prompt kinds wake.

use super::Cursor;
use crate::events::error::PromptError;
use crate::os;
use crate::sync::thread;
use std::time::Duration;

/// For how long one parks at most for whom there is something that is stamped later than the clock it asked.
const UNTIL_ITS_TIME: Duration = Duration::from_micros(50);

/// What a prompt cursor has said of itself to those who write.
#[derive(Debug, Default)]
pub(super) struct Listening {
    /// The word of the bell under which it waits, or waited last.
    word: Option<u32>,
    /// The system refused the barrier when it was to say so.
    is_deaf: bool,
    pub(super) woken: u64,
    pub(super) deaf: u64,
}

impl Cursor {
    /// From now on an event of a prompt kind ends its wait at once: one that was declared with `prompt` in
    /// [`kind!`](crate::kind), or defined [so](crate::events::Schema::prompting), whatever the filters. Events of other kinds
    /// are found at the next [time-out](Cursor::park_between), which stays the longest that it parks. The end of the store
    /// wakes it, too.
    ///
    /// ```
    /// use flightdeck::events::{Delivery, Events};
    /// flightdeck::kind! { OrderRejected("order.rejected", prompt) { order: u64 } }
    ///
    /// let events = Events::builder().build()?;
    /// let mut cursor = match events.query().kind::<OrderRejected>().follow()?.prompt() {
    ///     Ok(cursor) => cursor,
    ///     // No such barrier here: this one finds events within a millisecond.
    ///     Err(_) => events.query().kind::<OrderRejected>().follow()?,
    /// };
    /// std::thread::scope(|threads| {
    ///     threads.spawn(|| events.record(OrderRejected { order: 7 }));
    ///     assert!(matches!(cursor.recv(), Some(Delivery::Event(_))));
    /// });
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// **Cost.** A write of a prompt kind looks whether somebody waits, which is a load and a branch after its commit. If so,
    /// it wakes all who wait: the only case in which recording makes a system call (`futex`), and one write does for all that
    /// come until somebody waits again. A cursor that is gone, or busy, may cost one more. Kinds that are declared and not prompt
    /// pay nothing, those defined at run time a branch. All ways to record wake: threads, writers, batches (once, if an
    /// event of it is prompt), claims, spans, and signal handlers, for which that call is allowed. In the child of a fork nobody
    /// is woken: nothing is recorded.
    ///
    /// The cursor pays for both sides: before it parks, unless nobody rang since it parked last, it asks the system for a
    /// barrier in all threads of the process (`membarrier`; some microseconds, and an interrupt to each core that runs one of
    /// them), and looks once more, be it within 20 us of the last look. So it is for events that are rare and matter.
    ///
    /// Nothing is missed between that look and the wait. What delays it is the system, which has to run the thread, and a
    /// writer that the system stops just before it wakes; then the time-out is left. Unparking its thread does not end
    /// its wait.
    ///
    /// # Errors
    /// If the system has no such barrier or forbids it (a build without feature `os`, no Linux, a filter on system calls),
    /// this process is a fork of the one that built the store, or what is followed is a recording. Should it be forbidden later, the cursor goes on
    /// with its time-outs and [says so](super::CursorStats::deaf).
    pub fn prompt(mut self) -> Result<Self, PromptError> {
        match &self.store {
            Some(store) if store.is_forked() => return Err(PromptError::Forked),
            Some(_) => {}
            None => return Err(PromptError::Recording),
        }
        let refused = |error: std::io::Error| PromptError::NoBarrier { reason: error.to_string() };
        os::prepare_barrier().and_then(|()| os::barrier()).map_err(refused)?;
        self.listening = Some(Listening::default());
        Ok(self)
    }

    /// Says that it waits from now on. Whether it has to look once more, for what was committed before that.
    pub(super) fn announce(&mut self) -> bool {
        let (Some(listening), Some(store)) = (&mut self.listening, &self.store) else { return false };
        let before = listening.word;
        let announced = store.bell.announce(before);
        listening.is_deaf = announced.is_err();
        listening.word = announced.ok();
        listening.word.is_some() && listening.word != before
    }

    /// Parks for so long at the most.
    pub(super) fn park(&mut self, stay: Duration) {
        self.pace.parked();
        let has_to_wait = self.has_something_later();
        match (&mut self.listening, &self.store) {
            (Some(Listening { word: Some(word), woken, .. }), Some(store)) => {
                // What is there already rings no more.
                let stay = if has_to_wait { stay.min(UNTIL_ITS_TIME) } else { stay };
                *woken += u64::from(store.bell.wait(*word, stay));
            }
            (listening, _) => {
                if let Some(listening) = listening {
                    listening.deaf += u64::from(listening.is_deaf);
                }
                thread::park_timeout(stay);
            }
        }
    }
}
