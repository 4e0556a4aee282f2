//! Ready-made kinds: calls of functions, with how long they took and how they ended, and changes of state.

use super::diff::Change;
use super::handle::Events;
use super::record::Flags;
use super::scope::ScopeGuard;
use super::span::Begun;
use crate::id::SpanId;
use std::fmt;

crate::kind! {
    /// A function was entered: what [`Events::enter_function`] records.
    pub FunctionEntered("function.entered", class = Verbose, severity = Debug) {
        call_id: u64, module: str, function: str,
    }
    /// The call ended: what the guard of [`Events::enter_function`] records.
    pub FunctionExited("function.exited", class = Verbose, severity = Debug) {
        call_id: u64, module: str, function: str, outcome: str, duration_ns: u64,
    }
    /// Some of a subject's values changed: what [`Events::state_changed`] records.
    pub StateChanged("state.changed") { subject: str, changes: diff }
}

impl Events {
    /// Records that a function was entered and, when the guard drops, that it was left, how and after how long.
    ///
    /// The call is a span under the current one, so what is recorded inside stands below it in a timeline; its call id
    /// is the id of that span. The guard stays on its thread: for work that moves, use [`Events::owned_span`].
    ///
    /// Costs two events and one more reading of the clock. Switched off, it costs a load and a branch. A sample or rate
    /// of `function.entered` decides about both events; one of `function.exited` alone has no effect.
    ///
    /// ```
    /// use flightdeck::events::{Events, Value};
    /// fn fill(events: &Events) {
    ///     let _call = events.enter_function(module_path!(), "fill");
    ///     // ...
    /// }
    /// let events = Events::builder().build()?;
    /// fill(&events);
    ///
    /// let answer = events.query().kind_named("function.exited").run()?;
    /// let exit = answer.iter().next().expect("recorded above");
    /// assert_eq!(exit.field("function"), Some(Value::Str("fill")));
    /// assert_eq!(exit.field("outcome"), Some(Value::Str("returned")));
    /// assert_eq!(exit.field("call_id"), Some(Value::U64(exit.span().get())));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline]
    pub fn enter_function<'a>(&'a self, module: &'a str, function: &'a str) -> Call<'a> {
        let event = |call: SpanId| FunctionEntered { call_id: call.get(), module, function };
        let begun = self.begin::<FunctionEntered<'_>, _>(Flags::NONE, event);
        let entered = begun.map(|begun| Entered {
            events: self,
            module,
            function,
            begun,
            outcome: "returned",
            _in: begun.scope.enter(),
        });
        Call { entered }
    }

    /// Records that values of `subject` changed: those of `changes` that differ. If none does nothing is recorded;
    /// returns whether there was one.
    ///
    /// ```
    /// use flightdeck::events::{Change, Events};
    /// let events = Events::builder().build()?;
    /// events.state_changed("breaker", &[Change::of("state", "closed", "open"), Change::of("failures", 5, 5)]);
    /// assert!(!events.state_changed("breaker", &[Change::of("state", "open", "open")]));
    ///
    /// let answer = events.query().run()?;
    /// assert!(answer.timeline().to_string().contains("subject=breaker changes=state: closed -> open\n"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline]
    pub fn state_changed(&self, subject: &str, changes: &[Change<'_>]) -> bool {
        let any = changes.iter().any(Change::differs);
        if any {
            self.record(StateChanged { subject, changes });
        }
        any
    }
}

/// A call of a function, from [`Events::enter_function`]: its end is recorded when this drops, also when it
/// drops because the function panics.
#[must_use = "the call ends when the guard drops"]
pub struct Call<'a> {
    entered: Option<Entered<'a>>,
}

struct Entered<'a> {
    events: &'a Events,
    module: &'a str,
    function: &'a str,
    begun: Begun,
    outcome: &'a str,
    /// Restores the scope, after the exit was recorded.
    _in: ScopeGuard,
}

impl<'a> Call<'a> {
    /// The id of the call, which is that of its span; `None` while its kind is switched off.
    #[must_use]
    pub fn id(&self) -> Option<SpanId> {
        self.entered.as_ref().map(|entered| entered.begun.scope.span())
    }

    /// How it will have ended, in place of `returned`. A panic is `unwound` whatever is said here.
    ///
    /// ```
    /// # use flightdeck::events::Events;
    /// # let events = Events::builder().build()?;
    /// let mut call = events.enter_function(module_path!(), "look_up");
    /// call.outcome("not found");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn outcome(&mut self, outcome: &'a str) {
        if let Some(entered) = &mut self.entered {
            entered.outcome = outcome;
        }
    }
}

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        let Self { events, module, function, begun, .. } = *self;
        let outcome = if begun.is_unwound() { "unwound" } else { self.outcome };
        let duration_ns = begun.scope.since().map_or(0, |since| events.clock().ns_since(since));
        let call_id = begun.scope.span().get();
        events.finish(&begun, FunctionExited { call_id, module, function, outcome, duration_ns });
    }
}

impl fmt::Debug for Call<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call").field("id", &self.id()).finish_non_exhaustive()
    }
}
