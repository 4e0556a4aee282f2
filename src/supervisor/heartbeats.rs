//! When to look whether workers still beat.

use super::liveness::{Heartbeat, Liveness, Turn};
use super::machine::Id;
use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

struct Watched {
    generation: u64,
    heartbeat: Heartbeat,
    liveness: Liveness,
}

/// The runs that should beat. Times are those of the machine.
#[derive(Default)]
pub(crate) struct Heartbeats {
    watched: HashMap<Id, Watched>,
    due: BTreeSet<(Duration, Id)>,
}

impl Heartbeats {
    /// A run has begun that should beat. Says nothing of the one before any more.
    pub(crate) fn watch(&mut self, child: Id, generation: u64, heartbeat: Heartbeat, now: Duration) {
        let watched = Watched { generation, heartbeat, liveness: Liveness::new(heartbeat, now) };
        self.due.insert((watched.due(), child));
        if let Some(before) = self.watched.insert(child, watched) {
            self.due.remove(&(before.due(), child));
        }
    }

    pub(crate) fn due(&self) -> Option<Duration> {
        self.due.first().map(|(at, _)| *at)
    }

    /// Looks at all that are due. `beats` says how often a run has beaten; nothing of one that is over.
    pub(crate) fn check(
        &mut self,
        now: Duration,
        beats: impl Fn(Id, u64) -> Option<u64>,
    ) -> Vec<(Id, u64, Turn)> {
        let mut turns = Vec::new();
        while let Some((at, child)) = self.due.first().copied()
            && at <= now
        {
            self.due.pop_first();
            let Some(watched) = self.watched.get_mut(&child) else { continue };
            let generation = watched.generation;
            let Some(beats) = beats(child, generation) else {
                self.watched.remove(&child);
                continue;
            };
            turns.extend(watched.liveness.check(beats, now).map(|turn| (child, generation, turn)));
            self.due.insert((watched.due(), child));
        }
        turns
    }
}

impl Watched {
    /// On a grid that all have who have the same heartbeat: so that a thousand of them are looked at by four awakenings a period.
    fn due(&self) -> Duration {
        let grid = (self.heartbeat.period() / 4).max(Duration::from_micros(250)).as_nanos();
        let at = self.liveness.next_check().as_nanos().div_ceil(grid).saturating_mul(grid);
        Duration::from_nanos(u64::try_from(at).unwrap_or(u64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_thousand_are_looked_at_by_four_awakenings_for_each_period() {
        let mut all = Heartbeats::default();
        for child in 0..1_000 {
            all.watch(child, 1, Heartbeat::within(SECOND).checks(2), Duration::from_millis(child));
        }
        let (mut awakenings, mut turns) = (0, Vec::new());
        while let Some(at) = all.due()
            && at <= 10 * SECOND
        {
            awakenings += 1;
            // All beat but one.
            let beats = |child, _| Some(if child == 7 { 0 } else { at.as_nanos() as u64 });
            turns.extend(all.check(at, beats));
        }
        assert!(awakenings <= 80, "{awakenings} awakenings in 10 s");
        assert!(matches!(turns[..], [(7, 1, Turn::Hung { silent })] if silent <= SECOND + SECOND / 4));
    }

    #[test]
    fn a_run_that_is_over_is_looked_at_no_more_and_the_next_anew() {
        let mut all = Heartbeats::default();
        all.watch(1, 1, Heartbeat::within(SECOND).checks(1), Duration::ZERO);
        all.watch(1, 2, Heartbeat::within(SECOND).checks(1), SECOND / 2);
        let looked = |at, beats: Option<u64>| {
            move |all: &mut Heartbeats| all.check(at, |_, generation| beats.filter(|_| generation == 2))
        };
        assert_eq!(looked(SECOND, Some(0))(&mut all), []);
        assert_eq!(all.due(), Some(3 * SECOND / 2));
        assert_eq!(looked(2 * SECOND, None)(&mut all), []);
        assert_eq!(all.due(), None);
    }
}
