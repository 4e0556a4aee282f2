//! Groups and handlers.

use crate::measure::Side;
use crate::row::Row;
use crate::session::Session;
use flightdeck::telemetry::Telemetry;

pub(super) fn run(session: &mut Session) {
    session.row("three counters that are read together", || {
        let telemetry = Telemetry::new();
        let group =
            telemetry.group("requests", ["ok", "err", "total"]).expect("it asks for nothing impossible");
        let apart = ["ok", "err", "total"].map(|name| telemetry.counter(name));
        Row::measure(
            Side::each("flightdeck Group::add", |n| group.add([n & 1, !n & 1, 1])),
            vec![Side::each("three counters", |n| {
                apart.iter().zip([n & 1, !n & 1, 1]).for_each(|(counter, more)| counter.increment(more));
            })],
            &[],
        )
    });
    session.row("execute with a measurement and a label", || {
        let (heard, unheard) = (Telemetry::new(), Telemetry::new());
        let calls = heard.counter("calls");
        heard.attach("count", "http", move |_| calls.increment(1)).expect("the id is new");
        let execute = |telemetry: &Telemetry, n: u64| {
            telemetry.execute("http.request.stop", &[("bytes", n.into())], &[("route", "/buy".into())]);
        };
        Row::measure(
            Side::each("flightdeck, nobody is attached", |n| execute(&unheard, n)),
            vec![Side::each("one handler, which counts", |n| execute(&heard, n))],
            &[],
        )
    });
}
