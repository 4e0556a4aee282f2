//! Requests that a host answers, and those that it sends, through `tower`: in axum, hyper, tonic, or any other such service.
//!
//! A [`RequestLayer`] gives each request a correlation id, taken from the W3C header `traceparent` or new, makes it a span that its
//! handler runs in, on whichever thread, and counts it. A [`CallLayer`] makes each request that is sent a span below that and
//! says so in its `traceparent`, as [`inject`] does for any other client: two processes, one trace, found in both decks.
//!
//! ```
//! # #[cfg(feature = "axum")]
//! # {
//! use axum::{Router, routing::get};
//! use flightdeck::bridge::tower::RequestLayer;
//! use flightdeck::Flightdeck;
//!
//! async fn quote() -> &'static str { "1.25" }
//!
//! let deck = Flightdeck::builder().start()?;
//! let app: Router = Router::new()
//!     .route("/quote/{symbol}", get(quote))
//!     .layer(RequestLayer::new(deck.events(), deck.telemetry())); // after the routes it is for
//! # }
//! # Ok::<(), flightdeck::StartError<()>>(())
//! ```
//!
//! # Of a request
//!
//! | what | where |
//! |---|---|
//! | it comes in | event [`http.accepted`](kinds::Accepted): method, route, path; the beginning of a span below its caller's |
//! | the head of its response is there | event [`http.replied`](kinds::Replied): status; the end of the span |
//! | its future is dropped before that: the client is gone, or a time is over | [`http.cancelled`](kinds::Cancelled), at its end |
//! | its handler panics | [`http.panicked`](kinds::Panicked), critical |
//! | its service fails | [`http.failed`](kinds::Failed) |
//! | how many came in | counter `http_requests_total` |
//! | how many are in flight | up/down counter `http_requests_in_flight`, exact however each of them ends |
//! | how long each took | histogram `http_request_ns`, labels `route` and `status` (`2xx`, ..., `cancelled`, `panicked`, `failed`) |
//! | a header that names no trace | counter `flightdeck_http_unfit_headers_total`, label `why` |
//!
//! The metrics' descriptions are the host's if it gave them first. A request lasts **until the head of its response is there**; one of
//! [`RequestLayer::until_body_end`] until its body has been sent, with [`http.responding`](kinds::Responding) in between.
//!
//! **Routes** are those of axum (`/quote/{symbol}`, feature `axum`), or what [`RequestLayer::route_by`] says: never the path, of which
//! clients make as many as they like. Requests of no route are `unmatched`; those beyond the 1,000th route, or for which the
//! telemetry has no cells left, are `_other`: a histogram takes 1,027 cells unless [`RequestLayer::resolution`] says otherwise, of 32,768 unless
//! [`cells`](crate::telemetry::Builder::cells) does.
//!
//! **Ids**: a `traceparent` that is malformed, given twice or longer than 512 bytes is none: the request begins a trace, and it is
//! counted. With [`RequestLayer::new_traces`], for hosts that strangers talk to, all do. Everything is recorded, whether the caller's flags say
//! `sampled` or not ([directives](crate::events::Directives) decide); the flag is passed on as it came. So is `tracestate`, from
//! a request to the calls made while its future is polled; other tasks pass it on with [`RequestTrace::inject`].
//! [`RequestTrace`] is among the request's extensions.
//!
//! A request's beginning is a beginning of its id here, which is what answers' verdicts go by. Where a trace comes by more than
//! once, an answer that is complete since the last time may lack what was overwritten of an earlier one.
//!
//! **Secrets**: the path is recorded without its query; [`RequestLayer::without_paths`] leaves it out. No header is recorded.
//!
//! **Cost**: two events, three readings of the clock and three updates a request, without a lock. Allocated is a box for the
//! request's extension, and their map where there is none yet (axum has one); besides, several `tracestate` headers are joined in memory of their
//! own, a `traceparent` that cannot be read makes an error of it, and the first request of a route and status its histogram. A call
//! allocates for its header. axum puts what a `Router` is layered with into boxes of its own, for each request; what is
//! around a handler (`get(quote.layer(..))`) it does not. In a loop that keeps the caches warm a request took 0.33 us more behind the layer, and 0.29 with
//! all kinds switched off; 0.06 behind a layer that does nothing. Around a router each of these is 0.06 to 0.08 more.

mod body;
mod call;
mod caller;
mod carried;
mod inject;
pub mod kinds;
mod outcome;
mod request;
mod requests;
mod routes;
mod service;
mod trace;

pub use body::{BodyEnd, Head, Until, UntilEnd};
pub use call::{CallFuture, CallLayer, CallService};
pub use inject::inject;
pub use requests::RequestHead;
pub use service::{RequestFuture, RequestLayer, RequestService};
pub use trace::RequestTrace;
