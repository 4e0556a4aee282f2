//! Hosts that keep traces with `tracing-opentelemetry`, and the same traces here.

use flightdeck::bridge::tracing::Layer;
use flightdeck::events::{Events, Value};
use flightdeck::{CorrelationId, SpanId};
use opentelemetry::Context;
use opentelemetry::trace::{
    SpanContext, SpanId as OtelSpanId, TraceContextExt, TraceFlags, TraceId, TraceState, TracerProvider,
};
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing::{Dispatch, info, info_span};
use tracing_opentelemetry::OpenTelemetrySpanExt;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry;

const TRACE: u128 = 0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736;

fn caller() -> Context {
    let (trace, span) = (TraceId::from(TRACE), OtelSpanId::from(7));
    let caller = SpanContext::new(trace, span, TraceFlags::SAMPLED, true, TraceState::default());
    Context::new().with_remote_span_context(caller)
}

fn check(events: &Events, dispatch: &Dispatch) {
    let own = tracing::dispatcher::with_default(dispatch, || {
        // As a server does it: the span first, then where it comes from.
        let request = info_span!("request");
        request.set_parent(caller()).unwrap();
        request.in_scope(|| {
            info!("inside");
            info_span!("child").in_scope(|| info!("deeper"));
        });
        info_span!("said", request_id = 5).in_scope(|| info!("of 5"));
        let own = info_span!("own");
        own.in_scope(|| info!("of a trace that began here"));
        own.context().span().span_context().trace_id().to_bytes()
    });
    let answer = events.query().correlation(TRACE).run().unwrap();
    let kinds: Vec<_> =
        answer.iter().map(|event| event.kind().rsplit('.').next().unwrap().to_owned()).collect();
    let named = |name: &str| kinds.iter().filter(|kind| *kind == name).count();
    assert_eq!((named("request"), named("child"), named("in_trace")), (1, 2, 2), "{}", answer.timeline());
    let said: Vec<_> = answer.iter().filter_map(|event| event.field("message")).collect();
    assert_eq!(said, [Value::Str("inside"), Value::Str("deeper")]);
    let entered = answer.iter().next().unwrap();
    assert_eq!(entered.kind(), "tracing.in_trace");
    // What comes before it is found by its span.
    let request = events.query().span(entered.span()).run().unwrap();
    let began = request.iter().next().unwrap();
    assert!(began.is_start() && entered.span() != SpanId::NONE && request.iter().last().unwrap().is_end());
    assert_eq!(events.query().correlation(5_u64).count(), 3);
    let own = CorrelationId::new(u128::from_be_bytes(own));
    assert_eq!(events.query().correlation(own).count(), 3, "{own}");
}

#[test]
fn spans_have_the_trace_ids_of_the_other_layer_whichever_comes_first() {
    let provider = SdkTracerProvider::builder().build();
    let tracer = || provider.tracer("host");
    for ours_is_first in [false, true] {
        let events = Events::builder().memory(4 << 20).build().unwrap();
        let ours = Layer::builder(&events).correlation_field("request_id").build();
        let dispatch = if ours_is_first {
            Dispatch::new(
                registry().with(ours.by_levels()).with(tracing_opentelemetry::layer().with_tracer(tracer())),
            )
        } else {
            Dispatch::new(
                registry().with(tracing_opentelemetry::layer().with_tracer(tracer())).with(ours.by_levels()),
            )
        };
        check(&events, &dispatch);
    }
}
