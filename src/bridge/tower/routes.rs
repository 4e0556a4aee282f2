//! The routes that requests come by, and how long they took on each.

use super::outcome::Outcome;
use crate::sync::{Mutex, OnceLock};
use crate::telemetry::{Description, Histogram, Resolution, Telemetry, Unit};
use ahash::RandomState;

/// How long requests took, in nanoseconds.
const DURATIONS: &str = "http_request_ns";

/// A power of two, so many more than there are routes that a search ends soon.
const SLOTS: usize = 1 << 11;
const MOST: usize = 1_000;
/// Of them all, and of what has none of its own.
const MOST_SERIES: usize = MOST * Outcome::LABELS.len() + 1;

/// Looked up without a lock, and never forgotten.
pub(super) struct Routes {
    telemetry: Telemetry,
    resolution: Resolution,
    slots: Box<[OnceLock<Box<Route>>]>,
    hasher: RandomState,
    /// How many there are. Held by whoever adds one.
    len: Mutex<usize>,
    other: OnceLock<Histogram>,
}

/// Its name, and a histogram for each way to end.
struct Route {
    name: Box<str>,
    durations: [OnceLock<Histogram>; Outcome::LABELS.len()],
}

impl Route {
    /// Nothing is compared with nothing: an empty text lies nowhere, and some processors take a hundred nanoseconds to find that out.
    #[inline]
    fn is_called(&self, name: &str) -> bool {
        self.name.len() == name.len() && (name.is_empty() || *self.name == *name)
    }
}

/// Where a route is kept; none of those beyond the last.
#[derive(Clone, Copy, Debug)]
pub(super) struct RouteId(Option<u16>);

impl Routes {
    pub(super) fn new(telemetry: &Telemetry, resolution: Resolution) -> Self {
        let description = Description::new("time from a request to its response").unit(Unit::Nanoseconds);
        // A host that has described it otherwise before knows better.
        let _ = telemetry.describe(DURATIONS, description.most_series(MOST_SERIES));
        Self {
            telemetry: telemetry.clone(),
            resolution,
            slots: (0..SLOTS).map(|_| OnceLock::new()).collect(),
            hasher: RandomState::new(),
            len: Mutex::new(0),
            other: OnceLock::new(),
        }
    }

    /// The slot that the route has, or would take.
    #[inline]
    fn slot(&self, name: &str) -> usize {
        let start = self.hasher.hash_one(name) as usize;
        let places = (0..SLOTS).map(|step| start.wrapping_add(step) % SLOTS);
        let is_its = |place: &usize| self.slots[*place].get().is_none_or(|route| route.is_called(name));
        places.into_iter().find(is_its).unwrap_or_default()
    }

    /// The route of this name, which is new as a rule only when a host has just begun.
    #[inline]
    pub(super) fn find(&self, name: &str) -> RouteId {
        let slot = self.slot(name);
        if self.slots[slot].get().is_some() { RouteId(Some(slot as u16)) } else { self.meet(name) }
    }

    #[cold]
    fn meet(&self, name: &str) -> RouteId {
        let route = Route { name: name.into(), durations: [const { OnceLock::new() }; _] };
        let mut len = self.len.lock();
        let slot = self.slot(name);
        let place = &self.slots[slot];
        if place.get().is_none() {
            if *len == MOST {
                return RouteId(None);
            }
            *len += 1;
            let _ = place.set(Box::new(route));
        }
        RouteId(Some(slot as u16))
    }

    /// Where it is recorded how long a request took on this route.
    #[inline]
    pub(super) fn durations(&self, id: RouteId, outcome: Outcome) -> &Histogram {
        let Some(route) = id.0.and_then(|slot| self.slots.get(usize::from(slot))?.get()) else {
            return self.other();
        };
        let place = &route.durations[outcome.place()];
        place.get().unwrap_or_else(|| self.ask(route, outcome, place))
    }

    #[cold]
    fn ask<'a>(&'a self, route: &Route, outcome: Outcome, place: &'a OnceLock<Histogram>) -> &'a Histogram {
        let name = if route.name.is_empty() { "unmatched" } else { &route.name };
        let labels = [("route", name), ("status", Outcome::LABELS[outcome.place()])];
        let asked = self.telemetry.try_histogram_of(DURATIONS, &labels, self.resolution);
        place.get_or_init(|| asked.unwrap_or_else(|_| self.other().clone()))
    }

    /// That of all that have none of their own. Where there is none either, the telemetry counts how often it was asked for.
    #[cold]
    fn other(&self) -> &Histogram {
        let labels = [("route", "_other"), ("status", "any")];
        self.other.get_or_init(|| self.telemetry.histogram_of(DURATIONS, &labels, self.resolution))
    }
}

impl std::fmt::Debug for Routes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Routes").field("len", &*self.len.lock()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::Value;
    use http::StatusCode;

    const OK: Outcome = Outcome::Status(StatusCode::OK);

    fn counts(telemetry: &Telemetry) -> Vec<(String, u64)> {
        let count = |value: &Value| match value {
            Value::Histogram(values) => values.count(),
            other => panic!("no histogram: {other:?}"),
        };
        let snapshot = telemetry.snapshot();
        snapshot.series(DURATIONS).map(|(key, value)| (key.labels().to_string(), count(value))).collect()
    }

    #[test]
    fn routes_beyond_the_last_share_one_and_none_is_lost() {
        let cells = 4 * MOST * Resolution::new(1).up_to(3).bytes();
        let telemetry = Telemetry::builder().cells(cells).build().unwrap();
        let routes = Routes::new(&telemetry, Resolution::new(1).up_to(3));
        for number in 0..MOST + 10 {
            let id = routes.find(&format!("/{number}"));
            assert_eq!(id.0.is_none(), number >= MOST);
            assert_eq!(id.0, routes.find(&format!("/{number}")).0, "found again");
            routes.durations(id, OK).record(1);
        }
        let counts = counts(&telemetry);
        assert_eq!(counts.iter().map(|(_, count)| count).sum::<u64>(), MOST as u64 + 10);
        assert!(counts.contains(&(r#"{route="_other",status="any"}"#.to_owned(), 10)), "{counts:?}");
    }

    #[test]
    fn without_cells_left_they_share_one_too() {
        // Room for three.
        let telemetry = Telemetry::builder().cells(4_096).build().unwrap();
        let routes = Routes::new(&telemetry, Resolution::default());
        routes.other().record(1);
        for name in ["", "/a", "/b", "/c"] {
            routes.durations(routes.find(name), OK).record(1);
        }
        let counts = counts(&telemetry);
        let expected = [
            (r#"{route="/a",status="2xx"}"#, 1),
            (r#"{route="_other",status="any"}"#, 3),
            (r#"{route="unmatched",status="2xx"}"#, 1),
        ];
        assert_eq!(counts, expected.map(|(labels, count)| (labels.to_owned(), count)));
        assert_eq!(telemetry.stats().refused_updates, 0);
    }
}
