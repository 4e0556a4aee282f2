//! What is said through the crate `tracing`, beside other layers and none.

use crate::measure::Side;
use crate::row::{Bar, Row};
use crate::session::Session;
use flightdeck::bridge::tracing::Layer;
use flightdeck::events::Events;
use opentelemetry::Context;
use opentelemetry::trace::TracerProvider;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{SdkTracerProvider, Span, SpanData, SpanProcessor};
use std::hint::black_box;
use std::time::Duration;
use tracing::{Dispatch, Subscriber};
use tracing_flight_recorder::{FlightRecorder, FlightRecorderLayer};
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::{Identity, Layer as _, SubscriberExt};
use tracing_subscriber::{EnvFilter, fmt, registry};

const FMT: &str = "tracing_subscriber::fmt into a sink";
const RECORDER: &str = "tracing-flight-recorder";
const BARE: &str = "the registry alone";
const OPENTELEMETRY: &str = "tracing-opentelemetry into a processor that drops";

/// What our ring of 256 KiB keeps of them, about.
const LINES: usize = 2_048;

fn store() -> Events {
    Events::builder().memory(1 << 20).build().expect("as much memory")
}

/// Runs with this subscriber, which is entered once a batch.
fn under<'a>(
    name: &str,
    subscriber: impl Subscriber + Send + Sync + 'static,
    operation: impl Fn(u64) + 'a,
) -> Side<'a> {
    let dispatch = Dispatch::new(subscriber);
    Side::new(name, move |count| {
        let _entered = tracing::dispatcher::set_default(&dispatch);
        for n in 0..count {
            operation(black_box(n));
        }
    })
}

fn event(n: u64) {
    tracing::info!(order = n, qty = 5, venue = black_box("XETRA"), "filled");
}

fn span(n: u64) {
    let span = tracing::info_span!("request", order = n);
    drop(span.enter());
}

flightdeck::kind! {
    Began("bridges.began") { order: u64 }
    Ended("bridges.ended") {}
}

/// What the layer makes of a span.
fn spanned(events: &Events, order: u64) {
    let scope = events.start(Began { order });
    drop(scope.enter());
    events.end(scope, Ended {});
}

/// Less than any exporter does.
#[derive(Debug)]
struct Dropping;

impl SpanProcessor for Dropping {
    fn on_start(&self, _: &mut Span, _: &Context) {}

    fn on_end(&self, span: SpanData) {
        black_box(span);
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        Ok(())
    }
}

pub(super) fn run(session: &mut Session) {
    session.row("tracing::info! with three fields and a message", || {
        let (events, recorder) = (store(), FlightRecorder::new(LINES));
        let recording = FlightRecorderLayer::new(recorder.clone()).with_filter(EnvFilter::new("info"));
        let layer = Layer::new(&events);
        let row = Row::measure(
            under("flightdeck's layer, by levels", registry().with(layer.clone().by_levels()), event),
            vec![
                under(FMT, registry().with(fmt::layer().with_writer(std::io::sink)), event),
                under(RECORDER, registry().with(recording), event),
                under("flightdeck's layer, without levels", registry().with(layer), event),
                under(BARE, registry(), event),
            ],
            &[Bar::TimesFaster(6.0, FMT), Bar::TimesFaster(2.0, RECORDER)],
        );
        assert!(events.stats().written > 0 && recorder.snapshot().len() == LINES, "somebody kept nothing");
        row
    });
    session.row("tracing::info! that is off", || {
        let events = store();
        events.set_directives("warn".parse().expect("as its documentation says"));
        let layer = Layer::new(&events).by_levels();
        let row = Row::measure(
            under("flightdeck's layer, by levels", registry().with(layer), event),
            vec![under(
                "EnvFilter and fmt",
                registry().with(fmt::layer().with_writer(std::io::sink)).with(EnvFilter::new("warn")),
                event,
            )],
            &[],
        );
        assert_eq!(events.stats().written, 0);
        row
    });
    session.row("tracing span with a field: new, enter, exit, close", || {
        let events = store();
        let layer = Layer::new(&events);
        let provider = SdkTracerProvider::builder().with_span_processor(Dropping).build();
        let opentelemetry = tracing_opentelemetry::layer().with_tracer(provider.tracer("scorecard"));
        let row = Row::measure(
            under(
                "flightdeck's layer, by levels, two events",
                registry().with(layer.clone().by_levels()),
                span,
            ),
            vec![
                under(BARE, registry(), span),
                under(
                    "the registry and a filter before nothing",
                    registry().with(Identity::new().with_filter(LevelFilter::TRACE)),
                    span,
                ),
                under("flightdeck's layer, without levels, two events", registry().with(layer), span),
                Side::each("two events and the scope between, without tracing", |n| spanned(&events, n)),
                under(FMT, registry().with(fmt::layer().with_writer(std::io::sink)), span),
                under(OPENTELEMETRY, registry().with(opentelemetry), span),
            ],
            &[Bar::AtMostTimes(1.5, BARE), Bar::TimesFaster(2.0, OPENTELEMETRY)],
        );
        assert!(events.stats().written > 0, "it records nothing");
        row
    });
}
