//! What a trigger is: what sets it off, what it captures, and where that goes.

use super::directory::Directory;
use super::receipt::TriggerReceipt;
use super::window::Reach;
use crate::events::cursor::Cursor;
use crate::events::error::QueryError;
use crate::events::query::Query;
use crate::events::view::View;
use crate::sync::Arc;
use std::fmt;
use std::time::Duration;

/// How far back a trigger looks, unless told otherwise.
const LOOK_BACK: Duration = Duration::from_secs(10);
/// How often it captures at the most, unless told otherwise.
const AT_MOST: (usize, Duration) = (1, Duration::from_secs(10));

/// Says what is to be captured of each match.
pub(super) type Narrow = dyn for<'a> Fn(Query<'a>) -> Query<'a> + Send + Sync;
/// Is told of each receipt.
pub(super) type OnReceipt = dyn Fn(&TriggerReceipt) + Send + Sync;

/// A trigger: what sets it off, what is captured then, where that goes, and how often. It does nothing before
/// [`Triggers::add`](super::Triggers::add), which arms it; then it is known by its name.
///
/// | made by | is set off by |
/// |---|---|
/// | [`Query::trigger`] | each event that matches, recorded from that call on |
/// | [`Flightdeck::on_panic`](crate::Flightdeck::on_panic) | a panic |
/// | [`Trigger::on_signal`] (feature `signals`) | a signal of the process |
/// | [`Trigger::on_shutdown`] | the shutdown of the deck, before recording ends |
/// | [`Trigger::on_call`] | [`Triggers::fire`](super::Triggers::fire), which sets off any other, too |
///
/// By default it captures what all threads recorded within 10 s before the match, as an
/// [incident](crate::events::Events::incidents), once in 10 s at the most. Nothing about it costs a writer anything: a match is
/// found by a [`Cursor`], as soon as that comes by.
///
/// ```
/// use flightdeck::Severity;
/// use flightdeck::events::{Events, Triggers};
/// use std::time::Duration;
/// flightdeck::kind! {
///     OrderFilled("order.filled") { qty: u64 }
///     OrderRejected("order.rejected", severity = Error) { reason: str }
/// }
///
/// let events = Events::builder().build()?;
/// let triggers = Triggers::new(&events);
/// let errors = events.query().severity_at_least(Severity::Error).trigger("errors");
/// triggers.add(errors.look_back(Duration::from_secs(5)).at_most(10, Duration::from_secs(60)))?;
///
/// events.record(OrderFilled { qty: 5 });
/// events.record(OrderRejected { reason: "no funds" });
/// triggers.poll(); // a deck does it by itself
/// let receipt = &triggers.receipts()[0];
/// let captured = receipt.result.as_ref().expect("there is room");
/// assert_eq!((captured.events, receipt.cause.to_string().contains("order.rejected")), (2, true));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "a trigger does nothing before it is added to `Triggers`"]
pub struct Trigger {
    pub(super) name: Box<str>,
    pub(super) on: On,
    pub(super) reach: Reach,
    pub(super) at_most: (usize, Duration),
    pub(super) most_bytes: Option<usize>,
    pub(super) narrow: Option<Box<Narrow>>,
    /// None: to incidents.
    pub(super) directory: Option<Directory>,
    pub(super) on_receipt: Option<Box<OnReceipt>>,
    pub(super) is_fatal: bool,
}

/// What sets a trigger off.
pub(super) enum On {
    Match {
        view: Arc<View>,
        cursor: Box<Result<Cursor, QueryError>>,
        is_panic: bool,
    },
    #[cfg(all(feature = "signals", unix))]
    Signal(i32),
    Shutdown,
    Call,
}

impl fmt::Debug for Trigger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Trigger")
            .field("name", &self.name)
            .field("reach", &self.reach)
            .finish_non_exhaustive()
    }
}

impl Query<'_> {
    /// A trigger that each match sets off, of what is recorded from now on. See [`Trigger`].
    ///
    /// What is wrong with the query is said when the trigger is armed: it has what [`Query::follow`] takes.
    pub fn trigger(self, name: impl Into<Box<str>>) -> Trigger {
        let view = self.view.clone();
        let cursor = Box::new(self.follow());
        Trigger::new(name.into(), On::Match { view, cursor, is_panic: false })
    }
}

impl Trigger {
    fn new(name: Box<str>, on: On) -> Self {
        Self {
            name,
            on,
            reach: Reach { back: LOOK_BACK, ahead: Duration::ZERO, is_chain: false },
            at_most: AT_MOST,
            most_bytes: None,
            narrow: None,
            directory: None,
            on_receipt: None,
            is_fatal: false,
        }
    }

    /// One that only [`Triggers::fire`](super::Triggers::fire) sets off.
    pub fn on_call(name: impl Into<Box<str>>) -> Self {
        Self::new(name.into(), On::Call)
    }

    /// One for last words: set off when the deck is shut down, after its workers have stopped and before recording ends,
    /// within the deadline. It has no look-ahead.
    pub fn on_shutdown(name: impl Into<Box<str>>) -> Self {
        Self::new(name.into(), On::Shutdown)
    }

    /// One that a signal sets off, such as `SIGUSR2`: `kill -USR2` of the process, and what led to this moment is kept.
    ///
    /// The handler sets a flag and does nothing else; several signals between two looks at it are one. Handlers that were
    /// there before are called as before. From arming on the signal never ends the process, also after
    /// the trigger is removed. Takes `SIGUSR1`, `SIGUSR2` and, on Linux, those of real time; any other is refused when
    /// it is armed. A thread of the host has to be there that does not block the signal: ours all do.
    #[cfg(all(feature = "signals", unix))]
    pub fn on_signal(name: impl Into<Box<str>>, signal: i32) -> Self {
        Self::new(name.into(), On::Signal(signal))
    }

    /// The same, told that what matches tells of panics.
    pub(crate) fn of_panics(mut self) -> Self {
        if let On::Match { is_panic, .. } = &mut self.on {
            *is_panic = true;
        }
        self
    }

    /// How far back from the match; 10 s by default. No further than the store reaches, as the receipt says.
    pub fn look_back(mut self, time: Duration) -> Self {
        self.reach.back = time;
        self
    }

    /// How far ahead; nothing by default. The capture is made when that is over. Matches meanwhile are part of it, and set
    /// off no other one. Other triggers, and look-aheads, go on meanwhile.
    pub fn look_ahead(mut self, time: Duration) -> Self {
        self.reach.ahead = time;
        self
    }

    /// All that is there of the id of the match, in place of everything of some time. With a [look-ahead](Trigger::look_ahead)
    /// what comes in that time, too. A match that belongs to no id fails to be captured, and the receipt says so.
    pub fn chain(mut self) -> Self {
        self.reach.is_chain = true;
        self
    }

    /// At most so many captures in any stretch of so long; one in 10 s by default. Matches beyond that are counted, and the
    /// next receipt says how many. Up to 1,000 in more than no time.
    pub fn at_most(mut self, captures: usize, per: Duration) -> Self {
        self.at_most = (captures, per);
        self
    }

    /// At most so many bytes of events a capture, 64 an event and its fields; of incidents a quarter of their store by
    /// default, of files no other limit than [`Directory::bytes`]. Of more than that what is nearest to the match is kept.
    pub fn most_bytes(mut self, bytes: usize) -> Self {
        self.most_bytes = Some(bytes);
        self
    }

    /// Captures only what passes these filters as well; everything by default. A panic in there makes the capture fail.
    ///
    /// ```
    /// use flightdeck::Severity;
    /// use flightdeck::events::Trigger;
    /// let trigger = Trigger::on_call("slow").capturing(|query| query.severity_at_least(Severity::Info));
    /// ```
    pub fn capturing(
        mut self,
        narrow: impl for<'a> Fn(Query<'a>) -> Query<'a> + Send + Sync + 'static,
    ) -> Self {
        self.narrow = Some(Box::new(narrow));
        self
    }

    /// Captures become incidents: by default.
    pub fn into_incidents(mut self) -> Self {
        self.directory = None;
        self
    }

    /// Captures become files, one each. The trigger's name is part of theirs, so it takes letters, digits, `-` and `_`.
    pub fn into_directory(mut self, directory: impl Into<Directory>) -> Self {
        self.directory = Some(directory.into());
        self
    }

    /// Marks it as fatal: each time it has captured, or has failed to, a deck that [is to](crate::Builder::dump_to) writes a copy of
    /// itself to a file. Nothing else follows: the process goes on. Not, by default.
    pub fn fatal(mut self) -> Self {
        self.is_fatal = true;
        self
    }

    /// Who is told of each receipt, on the thread that evaluates triggers: be quick. A panic there is counted.
    pub fn on_receipt(mut self, told: impl Fn(&TriggerReceipt) + Send + Sync + 'static) -> Self {
        self.on_receipt = Some(Box::new(told));
        self
    }
}
