//! The id and span that work belongs to, wherever it runs.

use crate::clock::Ticks;
use crate::id::{CorrelationId, SpanId};
use crate::local;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll};

/// An id and a span that work belongs to. A small value: copy it into a closure, a channel or a task
/// to carry the scope along.
///
/// On a thread it is in force while the guard of [`Scope::enter`] lives; in a future, for each poll, with
/// [`InScope::in_scope`], on whichever thread and executor that poll runs.
///
/// ```
/// use flightdeck::events::{Events, InScope, Scope};
/// flightdeck::kind! { Worked("work.done") { units: u64 } }
///
/// let events = Events::builder().build()?;
/// {
///     let _in = Scope::root(7_u64).enter();
///     events.record(Worked { units: 1 });
///     let carried = Scope::current();
///     std::thread::scope(|threads| {
///         threads.spawn(|| {
///             let _in = carried.enter();
///             events.record(Worked { units: 2 });
///         });
///     });
/// }
/// assert_eq!(events.query().correlation(7_u64).run()?.len(), 2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scope(local::Scope);

impl Default for Scope {
    fn default() -> Self {
        Self(local::Scope::NONE)
    }
}

impl Scope {
    /// The scope of an id that begins here: its first event is marked as the root, which is what makes
    /// answers about it [`Complete`](super::Verdict::Complete). Where the id came from elsewhere, use
    /// [`Scope::joined`].
    #[must_use]
    pub fn root(id: impl Into<CorrelationId>) -> Self {
        Self(local::Scope { id: id.into(), ..local::Scope::NONE }.marked(local::Scope::FRESH, true))
    }

    /// The scope of an id that began elsewhere, in the span that handed the work over.
    #[must_use]
    pub fn joined(id: impl Into<CorrelationId>, span: SpanId) -> Self {
        Self(local::Scope { id: id.into(), span, ..local::Scope::NONE })
    }

    /// The scope of a span that begins now. Where it goes on with the trace that this thread is in, it is sampled if that is.
    #[inline]
    pub(crate) fn begun(id: CorrelationId, span: SpanId, since: Ticks) -> Self {
        let around = local::scope();
        let is_unsampled = around.is(local::Scope::UNSAMPLED) && around.id == id;
        let scope = local::Scope { id, span, since: since.0, ..local::Scope::NONE };
        Self(scope.marked(local::Scope::UNSAMPLED, is_unsampled))
    }

    /// The same, as its trace's header says of being sampled.
    pub(crate) fn with_sampled(self, is_sampled: bool) -> Self {
        Self(self.0.marked(local::Scope::UNSAMPLED, !is_sampled))
    }

    /// The scope this thread is in, to carry it elsewhere.
    #[must_use]
    pub fn current() -> Self {
        Self(local::scope().marked(local::Scope::FRESH, false))
    }

    /// The same, with what is fresh about it: the thread has it no more.
    pub(crate) fn taken() -> Self {
        Self(local::use_scope())
    }

    /// The same id in another span.
    #[must_use]
    pub fn in_span(self, span: SpanId) -> Self {
        Self(local::Scope { span, since: local::Scope::NOT_KNOWN, ..self.0 })
    }

    /// The same span for another id: where it turned out only after it had begun whose work it is.
    #[must_use]
    pub fn for_id(self, id: impl Into<CorrelationId>) -> Self {
        Self(local::Scope { id: id.into(), ..self.0 }.marked(local::Scope::UNSAMPLED, false))
    }

    /// The id.
    #[must_use]
    pub fn correlation(self) -> CorrelationId {
        self.0.id
    }

    /// The span.
    #[must_use]
    pub fn span(self) -> SpanId {
        self.0.span
    }

    /// Whether whoever began its trace wants it to be kept, as [`Scope::from_traceparent`] read it; a trace that began here is.
    ///
    /// What is recorded here does not depend on it: [directives](super::Directives) say that. It is what the header of
    /// [`Scope::traceparent`] passes on, so that a store of traces behind this host keeps no more than it was meant to.
    #[must_use]
    pub fn is_sampled(self) -> bool {
        !self.0.is(local::Scope::UNSAMPLED)
    }

    /// When its span began, by the clock of the deck that recorded the beginning; `None` of one that began elsewhere.
    #[must_use]
    pub fn since(self) -> Option<Ticks> {
        (self.0.since != local::Scope::NOT_KNOWN).then_some(Ticks(self.0.since))
    }

    /// Puts this thread into the scope until the guard drops, which restores the one before.
    #[inline]
    pub fn enter(self) -> ScopeGuard {
        ScopeGuard { before: local::replace_scope(self.0), _thread: PhantomData }
    }
}

/// Restores the scope that was in force before. Bound to its thread; guards drop in reverse order.
#[derive(Debug)]
#[must_use = "the scope ends when the guard drops"]
pub struct ScopeGuard {
    before: local::Scope,
    _thread: PhantomData<*const ()>,
}

impl Drop for ScopeGuard {
    #[inline]
    fn drop(&mut self) {
        local::replace_scope(self.before);
    }
}

/// Puts a future into a scope.
pub trait InScope: Future + Sized {
    /// The same future; each of its polls runs in `scope`, also a poll that panics leaves it again.
    fn in_scope(self, scope: Scope) -> Scoped<Self> {
        Scoped { scope: scope.0, future: self }
    }
}

impl<F: Future> InScope for F {}

/// A future whose polls run in a scope.
#[derive(Debug)]
#[must_use = "futures do nothing unless polled"]
pub struct Scoped<F> {
    scope: local::Scope,
    future: F,
}

impl<F: Future> Future for Scoped<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        struct Left<'a> {
            scope: &'a mut local::Scope,
            before: local::Scope,
        }
        impl Drop for Left<'_> {
            fn drop(&mut self) {
                // Kept for the next poll: the root may have been recorded in this one.
                if !local::replace_scope(self.before).is(local::Scope::FRESH) {
                    *self.scope = self.scope.marked(local::Scope::FRESH, false);
                }
            }
        }
        // SAFETY: `future` is pinned with `self` and never moved out; `scope` is not pinned.
        let (scope, future) = unsafe {
            let this = self.get_unchecked_mut();
            (&mut this.scope, Pin::new_unchecked(&mut this.future))
        };
        let before = local::replace_scope(*scope);
        let _left = Left { scope, before };
        future.poll(context)
    }
}
