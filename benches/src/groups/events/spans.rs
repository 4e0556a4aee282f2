//! Two events that belong together: the beginning of a span and its end.

use super::{CACHED, Filled, in_runs, lap, set_up, store};
use crate::measure::Side;
use crate::row::{Bar, Row};
use crate::session::Session;
use fastrace::collector::{Config, Reporter, SpanContext, SpanRecord};
use fastrace::local::LocalSpan;
use fastrace::prelude::Span;
use flightdeck::SpanId;
use flightdeck::events::{Events, Stamp};
use std::hint::black_box;
use std::sync::Once;
use std::sync::atomic::{AtomicU64, Ordering};

flightdeck::kind! {
    Began("request.began") {}
    Ended("request.ended") {}
}

const FASTRACE: &str = "fastrace span";
/// Spans under one root, which fastrace hands over at once; its documentation asks for short roots.
const UNDER_A_ROOT: u64 = 100;

pub(super) fn run(session: &mut Session) {
    let (bytes, ring) = CACHED;
    session.row(&format!("start and end of a span, no fields, precise clock, Writer, {ring} ring"), || {
        let events = store(bytes, 1);
        let mut writer = events.writer().expect("a shard is free");
        let name = format!("flightdeck Writer, two events, {}", set_up(&events));
        let ours = Side::each(name, |n| {
            let (id, span) = (in_runs(n), events.fresh_span());
            writer.record_with(Stamp::of(id).span(span).starts_under(SpanId::NONE), Began {});
            writer.record_with(Stamp::of(id).span(span).ends(), Ended {});
        });
        Row::measure(ours.warmed(lap(bytes)), vec![bare()], &[Bar::TimesFaster(2.5, FASTRACE)])
    });
    session.row(
        &format!("start and end of a span, 64 B at its start, precise clock, Writer, {ring} ring"),
        || {
            let events = store(bytes, 1);
            let mut writer = events.writer().expect("a shard is free");
            let name = format!("flightdeck Writer, two events, {}", set_up(&events));
            let ours = Side::each(name, |n| {
                let (id, span) = (in_runs(n), events.fresh_span());
                writer.record_with(Stamp::of(id).span(span).starts_under(SpanId::NONE), Filled::of(n));
                writer.record_with(Stamp::of(id).span(span).ends(), Ended {});
            });
            let against = vec![bare(), with_properties()];
            Row::measure(ours.warmed(lap(bytes)), against, &[Bar::TimesFaster(2.5, FASTRACE)])
        },
    );
    session.row(
        &format!("start and end of a span, 64 B at its start, precise clock, record, {ring} ring"),
        || {
            let events = store(bytes, 1);
            let name = format!("flightdeck Events::start and end, two events, {}", set_up(&events));
            let ours = Side::each(name, |n| span(&events, n));
            Row::measure(ours.warmed(lap(bytes)), vec![bare(), with_properties()], &[])
        },
    );
}

#[inline(always)]
fn span(events: &Events, n: u64) {
    let scope = events.start(Filled::of(n));
    events.end(scope, Ended {});
}

fn bare() -> Side<'static> {
    let name = format!("{FASTRACE}, {UNDER_A_ROOT} under a root, no fields, its collector discards");
    under_roots(name, |_| {
        drop(LocalSpan::enter_with_local_parent("request"));
    })
}

fn with_properties() -> Side<'static> {
    let name = format!("{FASTRACE}, {UNDER_A_ROOT} under a root, eight properties, its collector discards");
    under_roots(name, |n| {
        let names = ["a", "b", "c", "d", "e", "f", "g", "h"];
        let properties = || names.map(|name| (name, n.to_string()));
        drop(LocalSpan::enter_with_local_parent("request").with_properties(properties));
    })
}

fn under_roots(name: String, mut operation: impl FnMut(u64) + 'static) -> Side<'static> {
    static COLLECTED: Once = Once::new();
    COLLECTED.call_once(|| fastrace::set_reporter(Discard, Config::default()));
    let mut done = 0;
    let side = Side::new(name, move |count| {
        let end = done + count;
        while done < end {
            let root = Span::root("root", SpanContext::random());
            let _entered = root.set_local_parent();
            for n in done..end.min(done + UNDER_A_ROOT) {
                operation(black_box(n + 1));
            }
            done = end.min(done + UNDER_A_ROOT);
        }
    });
    let before = REPORTED.load(Ordering::Relaxed);
    let side = side.warmed(10_000);
    fastrace::flush();
    let reported = REPORTED.load(Ordering::Relaxed) - before;
    assert!(reported >= 10_000, "the peer collects nothing, so its figure is worth nothing: {reported}");
    side
}

/// Spans that reached the reporter.
static REPORTED: AtomicU64 = AtomicU64::new(0);

struct Discard;

impl Reporter for Discard {
    fn report(&mut self, spans: Vec<SpanRecord>) {
        REPORTED.fetch_add(black_box(spans).len() as u64, Ordering::Relaxed);
    }
}
