//! What became of the workers that went wrong: from what the deck itself recorded of them, not from what was done to them.

use super::faults;
use flightdeck::Ticks;
use flightdeck::events::{Events, QueryError, Recorded, Value};
use std::time::Duration;

/// Something that went wrong, and how it went on.
#[derive(Debug)]
pub struct Incident {
    /// The worker's path, or the supervisor's.
    pub worker: String,
    /// Since the course began.
    pub at: Duration,
    pub what: What,
    /// Until it ran again; absent if it has not, or only along with its supervisor.
    pub back_after: Option<Duration>,
}

/// What went wrong.
#[derive(Debug, PartialEq, Eq)]
pub enum What {
    Panicked {
        why: String,
        /// File and line.
        place: Option<String>,
    },
    Failed {
        why: String,
    },
    /// It was asked to stop.
    Hung {
        /// For how long it had been when that was found.
        silent: Duration,
        /// How long it was waited for, if it did not stop in time and its thread was given up.
        abandoned_after: Option<Duration>,
        /// When its thread came to an end.
        ended_after: Option<Duration>,
    },
    /// A supervisor stopped its children and failed, over one restart too many.
    MeltedDown {
        over: String,
        /// How many failures of that child came before.
        failures: usize,
    },
}

/// An event of a worker's life.
struct Noted {
    at: Ticks,
    kind: Kind,
    worker: String,
    generation: u64,
    /// Of whoever failed, why; of a supervisor, over which child; of a panic, where.
    text: String,
    /// For how long it was silent, or waited for.
    took: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Started,
    Panic,
    Panicked,
    Failed,
    Hung,
    Abandoned,
    Ended,
    MeltedDown,
}

const KINDS: [(&str, Kind); 8] = [
    ("flightdeck.worker.started", Kind::Started),
    ("flightdeck.thread.panicked", Kind::Panic),
    ("flightdeck.worker.failed", Kind::Failed),
    ("flightdeck.worker.hung", Kind::Hung),
    ("flightdeck.worker.abandoned", Kind::Abandoned),
    ("flightdeck.worker.abandoned_ended", Kind::Ended),
    ("flightdeck.worker.abandoned_failed", Kind::Ended),
    ("flightdeck.supervisor.escalated", Kind::MeltedDown),
];

/// Asks the deck for all of it, the oldest first.
pub fn gather(events: &Events, began: Ticks) -> Result<Vec<Incident>, QueryError> {
    let mut noted = Vec::new();
    for (name, kind) in KINDS {
        match events.query().kind_named(name).run() {
            Ok(answer) => noted.extend(answer.iter().map(|event| Noted::of(&event, kind))),
            // Nothing of the kind has happened.
            Err(QueryError::UnknownKind { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    noted.retain(|noted| faults::is_one(&noted.worker));
    noted.sort_by_key(|noted| noted.at);
    let converter = events.clock().converter();
    let between = |from: Ticks, to: Ticks| Duration::from_nanos(converter.ns_between(from, to));
    Ok((0..noted.len()).filter_map(|place| tell(&noted, place, began, &between)).collect())
}

impl Noted {
    fn of(event: &Recorded<'_>, kind: Kind) -> Self {
        let text = |name: &str| event.field(name).map(|value| value.to_string()).unwrap_or_default();
        let number = |name: &str| match event.field(name) {
            Some(Value::U64(number)) => number,
            _ => 0,
        };
        let has_panicked = matches!(event.field("panicked"), Some(Value::Bool(true)));
        let (worker, said) = match kind {
            Kind::Panic => (
                text("thread").trim_start_matches("fd-").to_owned(),
                format!("{}:{}", text("file"), number("line")),
            ),
            Kind::MeltedDown => (text("supervisor"), text("worker")),
            _ => (text("worker"), text("why")),
        };
        Self {
            at: event.ticks(),
            kind: if has_panicked && kind == Kind::Failed { Kind::Panicked } else { kind },
            worker,
            generation: number("generation"),
            text: said,
            took: Duration::from_nanos(number("silent_ns").max(number("waited_ns"))),
        }
    }
}

/// What began with this event, if something went wrong with it.
fn tell(
    noted: &[Noted],
    place: usize,
    began: Ticks,
    between: &impl Fn(Ticks, Ticks) -> Duration,
) -> Option<Incident> {
    let (before, [this, after @ ..]) = noted.split_at_checked(place)? else { return None };
    let of_it = |other: &&Noted| other.worker == this.worker;
    let of_run = |other: &&Noted| of_it(other) && other.generation == this.generation;
    let since = |other: &Noted| between(this.at, other.at);
    let what = match this.kind {
        Kind::Started | Kind::Panic | Kind::Abandoned | Kind::Ended => return None,
        // One that was hung and did stop is told of already.
        Kind::Failed if before.iter().filter(of_run).any(|other| other.kind == Kind::Hung) => return None,
        Kind::Failed => What::Failed { why: this.text.clone() },
        Kind::Panicked => {
            let panic = before.iter().rev().filter(of_it).find(|other| other.kind == Kind::Panic);
            What::Panicked { why: this.text.clone(), place: panic.map(|panic| panic.text.clone()) }
        }
        Kind::Hung => {
            let first = |is: fn(Kind) -> bool| after.iter().filter(of_run).find(|other| is(other.kind));
            // Not by the times of the events: each is told a moment after it happened.
            let abandoned_after = first(|kind| kind == Kind::Abandoned).map(|abandoned| abandoned.took);
            // Giving up is a failure, too, and comes while the thread goes on.
            let has_ended: fn(Kind) -> bool = match abandoned_after {
                Some(_) => |kind| kind == Kind::Ended,
                None => |kind| matches!(kind, Kind::Failed | Kind::Panicked),
            };
            What::Hung { silent: this.took, abandoned_after, ended_after: first(has_ended).map(since) }
        }
        Kind::MeltedDown => {
            let has_failed = |other: &&Noted| matches!(other.kind, Kind::Failed | Kind::Panicked);
            let failures = before.iter().filter(|other| other.worker == this.text).filter(has_failed).count();
            What::MeltedDown { over: this.text.clone(), failures }
        }
    };
    let back_after = match this.kind {
        Kind::MeltedDown => all_started(before, after).map(since),
        _ => {
            let own = after.iter().take_while(|other| other.kind != Kind::MeltedDown);
            own.filter(of_it).find(|other| other.kind == Kind::Started).map(since)
        }
    };
    Some(Incident { worker: this.worker.clone(), at: between(began, this.at), what, back_after })
}

/// When the last of all children that had been there has started again.
fn all_started<'a>(before: &[Noted], after: &'a [Noted]) -> Option<&'a Noted> {
    let starts = |noted: &&Noted| noted.kind == Kind::Started;
    let again = |child: &Noted| after.iter().filter(starts).find(|other| other.worker == child.worker);
    let all: Option<Vec<_>> = before.iter().filter(starts).map(again).collect();
    all?.into_iter().max_by_key(|noted| noted.at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use flightdeck::Clock;

    flightdeck::kind! {
        Started("flightdeck.worker.started") { worker: str, generation: u64 }
        Died("flightdeck.worker.failed") { worker: str, generation: u64, panicked: bool, why: str }
        Panicked("flightdeck.thread.panicked") { thread: str, file: str, line: u64 }
        Hung("flightdeck.worker.hung") { worker: str, generation: u64, silent_ns: u64 }
        Abandoned("flightdeck.worker.abandoned") { worker: str, generation: u64, waited_ns: u64 }
        Ended("flightdeck.worker.abandoned_ended") { worker: str, generation: u64 }
        Escalated("flightdeck.supervisor.escalated") { supervisor: str, worker: str }
    }

    /// Each event comes a microsecond after the one before.
    fn deck() -> Events {
        Events::builder().memory(1 << 20).clock(Clock::stepping(Duration::from_micros(1))).build().unwrap()
    }

    fn start(events: &Events, worker: &str, generation: u64) {
        events.record(Started { worker, generation });
    }

    #[test]
    fn one_that_was_hung_and_did_stop_is_told_of_once() {
        let events = deck();
        start(&events, "faults/stuck", 1);
        events.record(Hung { worker: "faults/stuck", generation: 1, silent_ns: 300 });
        events.record(Died { worker: "faults/stuck", generation: 1, panicked: false, why: "silent" });
        start(&events, "faults/stuck", 2);
        let told = gather(&events, Ticks(0)).unwrap();
        let [Incident { what: What::Hung { silent, abandoned_after, ended_after }, back_after, .. }] =
            &told[..]
        else {
            panic!("{told:?}")
        };
        assert_eq!((*silent, *abandoned_after), (Duration::from_nanos(300), None));
        assert!(ended_after.is_some() && back_after > ended_after, "{told:?}");
    }

    #[test]
    fn one_that_was_given_up_ends_when_its_thread_does() {
        let events = deck();
        let (worker, generation) = ("faults/stuck", 1);
        start(&events, worker, generation);
        events.record(Hung { worker, generation, silent_ns: 300 });
        events.record(Died { worker, generation, panicked: false, why: "silent" });
        events.record(Abandoned { worker, generation, waited_ns: 100 });
        let hung = |told: &[Incident]| match &told[0].what {
            What::Hung { abandoned_after, ended_after, .. } => (*abandoned_after, *ended_after),
            other => panic!("{other:?}"),
        };
        let (abandoned, ended) = hung(&gather(&events, Ticks(0)).unwrap());
        assert_eq!((abandoned, ended), (Some(Duration::from_nanos(100)), None));
        events.record(Ended { worker, generation });
        let (_, ended) = hung(&gather(&events, Ticks(0)).unwrap());
        assert!(ended > abandoned, "{ended:?}");
    }

    #[test]
    fn what_comes_back_only_with_its_supervisor_is_not_back_by_itself() {
        let events = deck();
        for worker in ["faults/flaky", "faults/broken", "price-feed"] {
            start(&events, worker, 1);
        }
        events.record(Panicked { thread: "fd-faults/broken", file: "a.rs", line: 7 });
        events.record(Died { worker: "faults/broken", generation: 1, panicked: true, why: "no" });
        events.record(Escalated { supervisor: "faults", worker: "faults/broken" });
        start(&events, "faults/flaky", 2);
        let before = gather(&events, Ticks(0)).unwrap();
        start(&events, "faults/broken", 2);
        let after = gather(&events, Ticks(0)).unwrap();
        let place = Some("a.rs:7".to_owned());
        for told in [&before, &after] {
            let [failed, melted] = &told[..] else { panic!("{told:?}") };
            assert_eq!(failed.what, What::Panicked { why: "no".into(), place: place.clone() });
            assert_eq!(melted.what, What::MeltedDown { over: "faults/broken".into(), failures: 1 });
            assert_eq!((&*melted.worker, failed.back_after), ("faults", None));
        }
        assert_eq!((before[1].back_after.is_some(), after[1].back_after.is_some()), (false, true));
    }
}
