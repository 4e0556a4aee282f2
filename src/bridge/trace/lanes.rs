//! Which spans fit on one track: those that lie beside one another or within one another.
//!
//! Spans are placed when they end, so what is placed never ends before what was. Then one that began at `start` does not
//! fit where something placed covers that instant: something that began before it or with it, and ended in it. What began
//! later lies within it.

/// Lanes beside one track; what fits on none has a track of its own.
const MOST_LANES: usize = 8;
/// Stretches of a lane that are told apart where it is not known which spans are open.
const MOST_STRETCHES: usize = 64;

/// The lanes of one track, the track itself first, and which of its spans are open.
#[derive(Debug, Default)]
pub(super) struct Lanes {
    /// When those began that have not ended, ascending.
    open: Vec<u64>,
    lanes: Vec<Lane>,
    /// Its spans are not among the open ones.
    is_blind: bool,
}

impl Lanes {
    /// Of spans of which it is known only at their end that they belong here.
    pub(super) fn blind() -> Self {
        Self { is_blind: true, ..Self::default() }
    }

    pub(super) fn began(&mut self, start: u64) {
        let at = self.open.partition_point(|open| *open <= start);
        self.open.insert(at, start);
    }

    pub(super) fn ended(&mut self, start: u64) {
        let at = self.open.partition_point(|open| *open < start);
        if self.open.get(at) == Some(&start) {
            self.open.remove(at);
        }
    }

    /// The lane for a span that has [ended](Lanes::ended); `None`: it fits on none.
    pub(super) fn place(&mut self, start: u64, end: u64) -> Option<usize> {
        let at = self.lanes.iter().position(|lane| lane.fits(start, end)).unwrap_or(self.lanes.len());
        if at >= MOST_LANES {
            return None;
        }
        if at == self.lanes.len() {
            self.lanes.push(Lane::default());
        }
        let (open, is_blind) = (&self.open, self.is_blind);
        let is_open_between = |from: u64, to: u64| {
            let first = open.partition_point(|open| *open < from);
            is_blind || open.get(first).is_some_and(|open| *open < to)
        };
        self.lanes[at].place(start, end, is_open_between);
        Some(at)
    }
}

/// What is placed on one lane: stretches that are covered, ascending and apart from one another.
#[derive(Debug, Default)]
struct Lane {
    covered: Vec<(u64, u64)>,
}

impl Lane {
    fn fits(&self, start: u64, end: u64) -> bool {
        let before = self.covered.partition_point(|(from, _)| *from <= start);
        let is_free = before.checked_sub(1).is_none_or(|last| self.covered[last].1 <= start);
        // What came late could lie in the middle of what is placed.
        is_free && self.covered.last().is_none_or(|(_, last)| *last <= end)
    }

    fn place(&mut self, start: u64, end: u64, is_open_between: impl Fn(u64, u64) -> bool) {
        // The others lie within it.
        self.covered.truncate(self.covered.partition_point(|(from, _)| *from <= start));
        match self.covered.last_mut() {
            // Nothing that is open could tell the two apart, and what begins from now on lies after both.
            Some(last) if !is_open_between(last.1, start) => last.1 = end,
            _ => self.covered.push((start, end)),
        }
        if self.covered.len() > MOST_STRETCHES {
            // What lies between the two fits no more, and goes elsewhere.
            let (_, end) = self.covered.remove(1);
            self.covered[0].1 = end;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Whether begins and ends, written in this order and sorted by time, close what they should.
    fn nest(spans: &[(u64, u64)]) -> bool {
        let mut moments: Vec<(u64, usize, bool)> = Vec::new();
        for (at, (start, end)) in spans.iter().enumerate() {
            moments.extend([(*start, at, true), (*end, at, false)]);
        }
        moments.sort_by_key(|(time, ..)| *time);
        let mut open = Vec::new();
        moments.into_iter().all(|(_, at, begins)| {
            if begins {
                open.push(at);
                return true;
            }
            open.pop() == Some(at)
        })
    }

    #[test]
    fn nested_spans_share_a_lane_and_crossing_ones_do_not() {
        let mut lanes = Lanes::default();
        for start in [0, 10, 20] {
            lanes.began(start);
        }
        let mut end = |start, end| {
            lanes.ended(start);
            lanes.place(start, end)
        };
        assert_eq!(end(20, 30), Some(0));
        assert_eq!(end(0, 40), Some(0), "around the other");
        assert_eq!(end(10, 50), Some(1), "what was around it has ended");
        assert_eq!(end(50, 60), Some(0), "beside them");
        assert_eq!(end(50, 61), Some(1), "one with the same start may be the inner or the outer one");
    }

    #[test]
    fn a_span_around_many_takes_no_more_memory_than_one() {
        let mut lanes = Lanes::default();
        lanes.began(0);
        for at in 0..10_000 {
            assert_eq!(lanes.place(10 * at + 1, 10 * at + 5), Some(0));
        }
        assert_eq!(lanes.lanes[0].covered.len(), 1);
        lanes.ended(0);
        assert_eq!(lanes.place(0, 200_000), Some(0));
    }

    proptest! {
        #[test]
        fn whatever_shares_a_lane_nests(
            spans in prop::collection::vec((0_u64..60, 0_u64..40), 0..120),
            blind in any::<bool>(),
            late in any::<bool>(),
        ) {
            let mut spans: Vec<_> = spans.into_iter().map(|(start, length)| (start, start + length)).collect();
            if !late {
                spans.sort_by_key(|(_, end)| *end);
            }
            let mut lanes = if blind { Lanes::blind() } else { Lanes::default() };
            spans.iter().filter(|_| !blind).for_each(|(start, _)| lanes.began(*start));
            let mut placed = vec![Vec::new(); MOST_LANES];
            for (start, end) in spans {
                lanes.ended(start);
                if let Some(at) = lanes.place(start, end) {
                    placed[at].push((start, end));
                }
            }
            for lane in placed {
                prop_assert!(nest(&lane), "{lane:?}");
            }
        }
    }
}
