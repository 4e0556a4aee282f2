//! What a host puts around its service.

use super::body::{BodyEnd, Ends, Head, Until};
use super::outcome::Outcome;
use super::request::Underway;
use super::requests::{RequestHead, Requests, Rules};
use crate::events::Events;
use crate::sync::{Arc, OnceLock};
use crate::telemetry::{Resolution, Telemetry};
use http::{Method, Request, Response};
use http_body::Body;
use pin_project_lite::pin_project;
use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll};
use tower_layer::Layer;
use tower_service::Service;

/// Records and counts the requests that a service answers: see [the module](super). Cheap to clone.
///
/// All that it makes count together. It keeps events and telemetry alive; after the deck's shutdown it counts what it could not record as
/// any other does.
pub struct RequestLayer<U = Head> {
    plan: Arc<Plan>,
    until: PhantomData<fn() -> U>,
}

/// What all clones of a layer share: axum clones one that is around a handler for each request.
struct Plan {
    events: Events,
    telemetry: Telemetry,
    rules: Rules,
    /// Made with the first service.
    requests: OnceLock<Arc<Requests>>,
}

impl RequestLayer {
    /// One that records here and counts there. Of a deck: `RequestLayer::new(deck.events(), deck.telemetry())`.
    #[must_use]
    pub fn new(events: &Events, telemetry: &Telemetry) -> Self {
        Self::of(events, telemetry, Rules::default())
    }

    /// Requests last until their responses' bodies have been sent, or their clients are gone, instead of until the head is there.
    /// Bodies are wrapped, for which axum allocates. A body that ends with an error is a request that failed.
    #[must_use]
    pub fn until_body_end(self) -> RequestLayer<BodyEnd> {
        RequestLayer::of(&self.plan.events, &self.plan.telemetry, self.plan.rules.clone())
    }
}

impl<U> RequestLayer<U> {
    fn of(events: &Events, telemetry: &Telemetry, rules: Rules) -> Self {
        let (events, telemetry) = (events.clone(), telemetry.clone());
        let plan = Plan { events, telemetry, rules, requests: OnceLock::new() };
        Self { plan: Arc::new(plan), until: PhantomData }
    }

    fn with(self, change: impl FnOnce(&mut Rules)) -> Self {
        let mut rules = self.plan.rules.clone();
        change(&mut rules);
        Self::of(&self.plan.events, &self.plan.telemetry, rules)
    }

    /// By what name requests are counted together, in place of axum's matched path: one of a few, and not what clients choose.
    ///
    /// ```
    /// use flightdeck::bridge::tower::RequestLayer;
    /// # let deck = flightdeck::Flightdeck::builder().start()?;
    /// let layer = RequestLayer::new(deck.events(), deck.telemetry())
    ///     .route_by(|head| if head.uri().path().starts_with("/api/") { Some("api") } else { None });
    /// # Ok::<(), flightdeck::StartError<()>>(())
    /// ```
    #[must_use]
    pub fn route_by(
        self,
        route_of: impl for<'r> Fn(RequestHead<'r>) -> Option<&'r str> + Send + Sync + 'static,
    ) -> Self {
        self.with(|rules| rules.route_of = Some(Arc::new(route_of)))
    }

    /// Records no paths: where there are secrets or persons in them.
    #[must_use]
    pub fn without_paths(self) -> Self {
        self.with(|rules| rules.has_paths = false)
    }

    /// Each request begins a trace, whatever its headers say: for hosts that strangers talk to, who could otherwise put what they do
    /// under the ids of others.
    #[must_use]
    pub fn new_traces(self) -> Self {
        self.with(|rules| rules.believes_callers = false)
    }

    /// How finely the histogram tells durations apart: 3.2 % unless said, up to 68 s. The coarser, the more routes the telemetry has
    /// cells for.
    #[must_use]
    pub fn resolution(self, resolution: Resolution) -> Self {
        self.with(|rules| rules.resolution = resolution)
    }
}

impl<U> Clone for RequestLayer<U> {
    fn clone(&self) -> Self {
        Self { plan: self.plan.clone(), until: PhantomData }
    }
}

impl<U> fmt::Debug for RequestLayer<U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestLayer").field("requests", &self.plan.requests.get()).finish_non_exhaustive()
    }
}

impl<S, U> Layer<S> for RequestLayer<U> {
    type Service = RequestService<S, U>;

    fn layer(&self, inner: S) -> Self::Service {
        let Plan { events, telemetry, rules, requests } = &*self.plan;
        let make = || Arc::new(Requests::new(events, telemetry, rules.clone()));
        RequestService { inner, requests: requests.get_or_init(make).clone(), until: PhantomData }
    }
}

/// A service whose requests are recorded: from [`RequestLayer`].
pub struct RequestService<S, U = Head> {
    inner: S,
    requests: Arc<Requests>,
    until: PhantomData<fn() -> U>,
}

impl<S: Clone, U> Clone for RequestService<S, U> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone(), requests: self.requests.clone(), until: PhantomData }
    }
}

impl<S: fmt::Debug, U> fmt::Debug for RequestService<S, U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestService").field("inner", &self.inner).finish_non_exhaustive()
    }
}

impl<S, U, A, B> Service<Request<A>> for RequestService<S, U>
where
    S: Service<Request<A>, Response = Response<B>>,
    U: Until,
    B: Body,
{
    type Response = Response<U::Body<B>>;
    type Error = S::Error;
    type Future = RequestFuture<S::Future, U>;

    #[inline]
    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    #[inline]
    fn call(&mut self, mut request: Request<A>) -> Self::Future {
        let has_body = request.method() != Method::HEAD;
        let underway = self.requests.begin(&mut request);
        let within = underway.enter();
        let future = self.inner.call(request);
        drop(within);
        RequestFuture { future: Some(future), underway: Some(underway), has_body, until: PhantomData }
    }
}

pin_project! {
    /// A request that is being answered. Each poll runs in its scope.
    #[must_use = "futures do nothing unless polled"]
    pub struct RequestFuture<F, U = Head> {
        #[pin]
        future: Option<F>,
        // None once the request is over, or its body goes on with it.
        underway: Option<Underway>,
        has_body: bool,
        until: PhantomData<fn() -> U>,
    }

    impl<F, U> PinnedDrop for RequestFuture<F, U> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            // What the handler holds goes first, in its scope.
            let within = this.underway.as_ref().map(Underway::enter);
            this.future.set(None);
            drop(within);
        }
    }
}

impl<F, U, B, E> Future for RequestFuture<F, U>
where
    F: Future<Output = Result<Response<B>, E>>,
    U: Until,
    B: Body,
{
    type Output = Result<Response<U::Body<B>>, E>;

    /// # Panics
    /// If it is polled once more after it was ready.
    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let polled = {
            let ends = EndsUnwinding(this.underway);
            let _within = ends.0.as_ref().expect("polled after it was ready").enter();
            let polled = this.future.as_mut().as_pin_mut().map(|future| future.poll(context));
            if !matches!(polled, Some(Poll::Pending)) {
                this.future.set(None);
            }
            mem::forget(ends);
            polled
        };
        let Some(Poll::Ready(result)) = polled else { return Poll::Pending };
        let underway = this.underway.take().expect("it was there before");
        Poll::Ready(match result {
            Ok(response) => Ok(U::respond(response, Ends { underway, has_body: *this.has_body })),
            Err(error) => {
                underway.end(Outcome::Failed);
                Err(error)
            }
        })
    }
}

/// A poll that panics ends its request while the panic is on its way.
struct EndsUnwinding<'a>(&'a mut Option<Underway>);

impl Drop for EndsUnwinding<'_> {
    fn drop(&mut self) {
        *self.0 = None;
    }
}

impl<F, U> fmt::Debug for RequestFuture<F, U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestFuture").field("underway", &self.underway).finish_non_exhaustive()
    }
}
