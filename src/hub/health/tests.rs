//! Which probes fail with which concern, and what the deck finds by itself.

use super::concern::Concern;
use super::report::{HealthLevel, failing};
use crate::clock::Clock;
use crate::clock::script::Script;
use crate::events::{Class, Events, Value};
use crate::hub::Flightdeck;
use crate::supervisor::{Ends, Probe, Probes};
use crate::sync::Arc;
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

const NONE: Probes = Probes::NONE;
const READY: Probes = Probes::of(&[Probe::Ready]);
const LIVE: Probes = Probes::of(&[Probe::Live, Probe::Ready]);

/// Each concern there is, as the table of [`Concern`] has it. One that is left out of here does not pass the test.
fn all() -> Vec<(Concern, Probes, Ends)> {
    use Ends::{Acknowledged, Settled, WithCause};
    let time = Duration::from_secs(9);
    let text = || "why".to_owned();
    let worker = || Arc::<str>::from("a");
    let fails = Probes::of(&[Probe::Startup, Probe::Ready]);
    vec![
        (Concern::EventsLost(a_loss()), NONE, Settled),
        (Concern::ShardsShort { shared: 1, emergency: 0, overflowed: 0 }, NONE, Settled),
        (Concern::TelemetryShared { updates: 1 }, NONE, Settled),
        (Concern::MetricsRefused { metrics: 1, updates: 0 }, NONE, Settled),
        #[cfg(feature = "sources")]
        (Concern::SourcesRefused { config: worker(), error: text() }, NONE, WithCause),
        #[cfg(feature = "sources")]
        (Concern::SourceStale { config: worker(), file: worker() }, NONE, WithCause),
        (Concern::SubscribersDetached { config: worker(), subscribers: 1 }, NONE, Acknowledged),
        (Concern::HandlersDetached { panics: 1 }, NONE, Acknowledged),
        (Concern::CapturesFailed { captures: 1 }, NONE, Settled),
        (
            Concern::BreakerOpen { breaker: worker(), state: crate::supervisor::BreakerState::Open },
            NONE,
            WithCause,
        ),
        (Concern::PipelineMissed { pipeline: worker(), events: 1 }, NONE, Settled),
        (Concern::PipelineFailing { pipeline: worker(), times: 1, error: text() }, NONE, Settled),
        (Concern::WorkerBackingOff { worker: worker(), is_needed: true }, READY, WithCause),
        (Concern::WorkerBackingOff { worker: worker(), is_needed: false }, NONE, WithCause),
        (Concern::WorkerHung { worker: worker(), is_needed: true, is_restarted: true }, READY, WithCause),
        (Concern::WorkerHung { worker: worker(), is_needed: true, is_restarted: false }, LIVE, WithCause),
        (Concern::WorkerHung { worker: worker(), is_needed: false, is_restarted: false }, NONE, WithCause),
        (Concern::WorkerFailed { worker: worker(), generation: 1 }, NONE, Acknowledged),
        (Concern::WorkerAbandoned { worker: worker(), generation: 1, is_needed: true }, READY, Acknowledged),
        (Concern::WorkerAbandoned { worker: worker(), generation: 1, is_needed: false }, NONE, Acknowledged),
        (Concern::ChoresPanicked { panics: 1 }, NONE, Settled),
        (Concern::MeltedDown, LIVE, WithCause),
        (Concern::SupervisorStuck { lasting: time, chore: None }, LIVE, WithCause),
        (Concern::CheckFailing { check: worker(), reason: text(), fails: LIVE }, LIVE, WithCause),
        (Concern::CheckUnknown { check: worker(), reason: text(), fails }, fails, WithCause),
        (Concern::CheckSlow { check: worker(), took: time, timeout: time }, NONE, WithCause),
        (Concern::SlowClock, NONE, Acknowledged),
        (Concern::ClockDisturbed { rate_changes: 1, backward_jumps: 0 }, NONE, Settled),
        (Concern::NoHugePages { reason: text() }, NONE, Acknowledged),
        (Concern::NotInFile { reason: text() }, NONE, Acknowledged),
        #[cfg(feature = "process")]
        (Concern::MemoryShort { level: crate::telemetry::Level::Critical }, READY, WithCause),
        #[cfg(feature = "process")]
        (Concern::MemoryShort { level: crate::telemetry::Level::High }, NONE, WithCause),
        #[cfg(feature = "process")]
        (Concern::PressureUnreadable { reason: text() }, NONE, WithCause),
        #[cfg(feature = "process")]
        (Concern::ProcessUnreadable { reason: text() }, NONE, WithCause),
        (Concern::RecordingOff, NONE, WithCause),
        (Concern::Stopping, READY, WithCause),
        (Concern::RestartsImpossible, NONE, Acknowledged),
    ]
}

fn a_loss() -> crate::events::Loss {
    let events = Events::builder().memory(1 << 20).shards(1).build().unwrap();
    events.stop();
    events.record(Lost {});
    let losses = events.losses();
    assert_eq!(losses[0].class, Class::Normal);
    losses[0]
}

crate::kind! { Lost("health.lost") {} }

#[test]
fn each_concern_fails_the_probes_of_the_table_and_ends_by_its_rule() {
    let all = all();
    for (concern, fails, ends) in &all {
        assert_eq!((concern.fails(), concern.ends()), (*fails, *ends), "{concern}");
        let probes = failing([concern].into_iter(), !fails.contains(Probe::Startup));
        assert_eq!(probes, *fails, "{concern}");
        let level = HealthLevel::of(false, probes);
        assert_ne!(level, HealthLevel::Healthy, "{concern}");
        let counted = concern.count() > 0;
        assert!(counted || *ends != Ends::Settled, "what settles is counted: {concern}");
    }
    // The codes stand in one match, in this file's neighbour: as many as here.
    let codes: BTreeSet<_> = all.iter().map(|(concern, ..)| concern.code()).collect();
    let source = include_str!("concern.rs");
    let method = source.split("pub const fn code").nth(1).unwrap().split("/// The part").next().unwrap();
    let in_source = method.lines().filter(|line| line.contains("=> \""));
    let features = [cfg!(feature = "sources"), cfg!(feature = "process")];
    if features == [true, true] {
        assert_eq!(codes.len(), in_source.count(), "{codes:?}");
    }
}

#[test]
fn until_the_start_is_over_nothing_the_host_checked_fails_liveness_but_a_failed_start() {
    let check = |fails: &[Probe]| Concern::CheckFailing {
        check: "a".into(),
        reason: String::new(),
        fails: Probes::of(fails),
    };
    let starting = Probes::of(&[Probe::Startup, Probe::Ready]);
    assert_eq!(failing([].into_iter(), false), starting);
    assert_eq!(failing([&check(&[Probe::Live])].into_iter(), false), starting);
    assert_eq!(failing([&check(&[Probe::Live])].into_iter(), true), Probes::of(&[Probe::Live]));
    // Added to a deck that had started.
    let late = check(&[Probe::Startup, Probe::Live, Probe::Ready]);
    assert_eq!(failing([&late].into_iter(), true), Probes::of(&[Probe::Ready]));
    let failed = check(&[Probe::Startup, Probe::Live]);
    assert_eq!(failing([&failed].into_iter(), false), Probe::ALL.into_iter().collect());
    assert_eq!(failing([&Concern::MeltedDown].into_iter(), false), Probe::ALL.into_iter().collect());
}

fn wait_until(what: &str, met: impl Fn() -> bool) {
    let end = Instant::now() + Duration::from_secs(20);
    while !met() {
        assert!(Instant::now() < end, "in vain: {what}");
        crate::sync::thread::sleep(Duration::from_millis(10));
    }
}

/// The deck compares its clock by itself.
#[test]
fn a_clock_that_goes_back_shows_in_health_and_as_an_event() {
    let script = Arc::new(Script::counter());
    let clock = Clock::scripted(&script);
    let deck = Flightdeck::builder().events(|events| events.clock(clock.clone())).start().unwrap();
    script.pass(Duration::from_secs(1), 2.0);
    wait_until("a comparison", || clock.status().checks == 1);
    assert!(deck.health().is_healthy(), "{}", deck.health());
    script.at_once(|machine| {
        machine.suspend(Duration::from_secs(60));
        machine.pass(Duration::from_secs(1), 2.0);
    });
    wait_until("another", || clock.status().checks == 2);
    assert!(deck.health().is_healthy(), "a machine may sleep: {}", deck.health());
    script.at_once(|machine| {
        machine.jump(-1 << 40);
        machine.pass(Duration::from_secs(1), 2.0);
    });
    wait_until("a third", || clock.status().checks == 3);
    let concern = Concern::ClockDisturbed { rate_changes: 0, backward_jumps: 1 };
    assert_eq!(deck.health().concerns, [concern]);
    assert!(deck.is_live() && deck.is_ready(), "degraded, no more");
    let settled = |settings: &crate::Settings| {
        let mut settings = settings.clone();
        settings.settle = Duration::from_millis(20);
        settings
    };
    deck.settings().update(settled).unwrap();
    wait_until("it to settle", || deck.health().is_healthy());
    assert_eq!(clock.status().backward_jumps, 1, "counted for ever");
    wait_until("both changes", || deck.telemetry().counter("flightdeck_health_changes_total").value() == 2);
    let clock_events = || {
        deck.events().query().kind_named("flightdeck.clock.slept").kind_named("flightdeck.clock.disturbed")
    };
    wait_until("the event", || clock_events().count() == 2);
    let answer = clock_events().run().unwrap();
    let told: Vec<_> = answer.iter().map(|event| (event.kind(), event.fields().next().unwrap().1)).collect();
    let slept = ("flightdeck.clock.slept", Value::U64(60_000_000_000));
    assert_eq!(told, [slept, ("flightdeck.clock.disturbed", Value::Bool(true))]);
}
