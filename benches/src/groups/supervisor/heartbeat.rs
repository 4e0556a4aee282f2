//! A worker says that it gets on.

use crate::measure::Side;
use crate::row::{Bar, Row};
use crate::session::Session;
use flightdeck::supervisor::{ChildSpec, Restart, Supervisor, WorkerContext};
use std::cell::Cell;
use std::hint::black_box;
use std::sync::mpsc;
use std::time::Duration;

/// For one beat, in nanoseconds.
const BEAT: f64 = 1.5;

thread_local! {
    static PLAIN: Cell<u64> = const { Cell::new(0) };
}

pub(super) fn run(session: &mut Session) {
    session.row("heartbeat of a worker", || {
        let (sender, contexts) = mpsc::channel();
        let body = move |context: &WorkerContext| {
            sender.send(context.clone()).expect("somebody waits for it");
            let _stopping = context.wait(Duration::MAX);
        };
        let spec = ChildSpec::new("beats", Restart::Temporary, body);
        let _supervisor = Supervisor::builder().worker(spec).start().expect("a thread");
        let context = contexts.recv().expect("it was started");
        let plain = |_| PLAIN.with(|count| count.set(black_box(count).get().wrapping_add(1)));
        Row::measure(
            Side::each("flightdeck WorkerContext::beat", |_| black_box(&context).beat()),
            vec![Side::each("a count of the thread's own", plain)],
            &[Bar::FloorAtMost(BEAT)],
        )
    });
}
