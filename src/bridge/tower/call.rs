//! What a host puts around its clients.

use super::carried;
use super::inject::inject_scope;
use super::kinds::{Answered, CallCancelled, CallFailed, Called};
use super::requests::fresh;
use crate::events::{Events, Scope};
use http::{Request, Response};
use pin_project_lite::pin_project;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use tower_layer::Layer;
use tower_service::Service;

/// Makes each request that a client sends a span, and tells whoever answers it so: see [the module](super). Cheap to clone.
///
/// A call belongs to the scope that its thread is in when it is made; outside of any it begins a trace. It lasts until the head of
/// its response is there. A `traceparent` that the request has already is replaced. Nothing is counted.
///
/// ```
/// use flightdeck::bridge::tower::CallLayer;
/// use http::{Request, Response};
/// use std::future::{Ready, ready};
/// use std::task::{Context, Poll};
/// use tower_layer::Layer;
/// use tower_service::Service;
///
/// /// Where the request would be sent.
/// struct Wire;
/// impl Service<Request<()>> for Wire {
///     type Response = Response<String>;
///     type Error = std::convert::Infallible;
///     type Future = Ready<Result<Response<String>, Self::Error>>;
///     fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> { Poll::Ready(Ok(())) }
///     fn call(&mut self, request: Request<()>) -> Self::Future {
///         ready(Ok(Response::new(request.headers()["traceparent"].to_str().unwrap().to_owned())))
///     }
/// }
///
/// let events = flightdeck::events::Events::builder().build()?;
/// let mut client = CallLayer::new(&events).layer(Wire);
/// let _in = events.scope(42_u64);
/// let call = client.call(Request::get("http://prices.example/quote/FDK?user=7").body(())?);
/// # let mut context = Context::from_waker(std::task::Waker::noop());
/// # let Poll::Ready(response) = std::pin::pin!(call).poll(&mut context) else { panic!("ready") };
/// # use std::future::Future;
/// assert!(response?.body().starts_with("00-0000000000000000000000000000002a-"));
/// let answer = events.query().correlation(42_u64).run()?;
/// assert!(answer.timeline().to_string().contains("http.called method=GET host=prices.example path=/quote/FDK"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct CallLayer {
    events: Events,
}

impl CallLayer {
    /// One that records here.
    #[must_use]
    pub fn new(events: &Events) -> Self {
        Self { events: events.clone() }
    }
}

impl<S> Layer<S> for CallLayer {
    type Service = CallService<S>;

    fn layer(&self, inner: S) -> CallService<S> {
        CallService { inner, events: self.events.clone() }
    }
}

/// A client whose requests are spans: from [`CallLayer`].
#[derive(Clone, Debug)]
pub struct CallService<S> {
    inner: S,
    events: Events,
}

impl<S, A, B> Service<Request<A>> for CallService<S>
where
    S: Service<Request<A>, Response = Response<B>>,
{
    type Response = Response<B>;
    type Error = S::Error;
    type Future = CallFuture<S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<A>) -> Self::Future {
        let around = Scope::current();
        let begins = around.correlation().is_none().then(|| fresh(&self.events).enter());
        let (uri, method) = (request.uri(), request.method().as_str());
        let called = Called { method, host: uri.host().unwrap_or_default(), path: uri.path() };
        let scope = self.events.start(called);
        drop(begins);
        inject_scope(scope, carried::of(scope.correlation()), request.headers_mut());
        let underway = Underway { events: self.events.clone(), scope, is_over: false };
        let within = scope.enter();
        let future = self.inner.call(request);
        drop(within);
        CallFuture { future: Some(future), underway: Some(underway) }
    }
}

/// A call that is being made. It ends once, also if it is dropped: as cancelled.
#[derive(Debug)]
struct Underway {
    events: Events,
    scope: Scope,
    is_over: bool,
}

impl Underway {
    fn end<B, E>(mut self, result: &Result<Response<B>, E>) {
        self.is_over = true;
        if self.scope.since().is_some() {
            match result {
                Ok(response) => {
                    self.events.end(self.scope, Answered { status: response.status().as_u16().into() });
                }
                Err(_) => self.events.end(self.scope, CallFailed {}),
            }
        }
    }
}

impl Drop for Underway {
    fn drop(&mut self) {
        if !self.is_over && self.scope.since().is_some() {
            self.events.end(self.scope, CallCancelled {});
        }
    }
}

pin_project! {
    /// A call that is being made. Each poll runs in its scope.
    #[must_use = "futures do nothing unless polled"]
    pub struct CallFuture<F> {
        #[pin]
        future: Option<F>,
        underway: Option<Underway>,
    }

    impl<F> PinnedDrop for CallFuture<F> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            let within = this.underway.as_ref().map(|underway| underway.scope.enter());
            this.future.set(None);
            drop(within);
        }
    }
}

impl<F, B, E> Future for CallFuture<F>
where
    F: Future<Output = Result<Response<B>, E>>,
{
    type Output = Result<Response<B>, E>;

    /// # Panics
    /// If it is polled once more after it was ready.
    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let underway = this.underway.take().expect("polled after it was ready");
        let within = underway.scope.enter();
        let polled = this.future.as_mut().as_pin_mut().map_or(Poll::Pending, |future| future.poll(context));
        if let Poll::Ready(result) = polled {
            this.future.set(None);
            drop(within);
            underway.end(&result);
            return Poll::Ready(result);
        }
        drop(within);
        *this.underway = Some(underway);
        Poll::Pending
    }
}

impl<F> fmt::Debug for CallFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CallFuture").field("underway", &self.underway).finish_non_exhaustive()
    }
}
