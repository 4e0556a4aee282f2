//! Which concerns there are, since when and how often; and by which rule each ends. Pure, in virtual time.

use std::collections::BTreeMap;
use std::time::Duration;

/// By which rule a concern ends. Each also ends when it is sighted no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ends {
    /// By nothing else: as long as it holds, it is there.
    WithCause,
    /// When its count has not changed for a while, or when it is acknowledged.
    Settled,
    /// When it is acknowledged.
    Acknowledged,
}

/// A concern that holds now, or a count that is not zero.
#[derive(Clone, Debug)]
pub(crate) struct Sighting<K, C> {
    pub(crate) key: K,
    pub(crate) what: C,
    /// How often it happened; of what merely holds, any number that stays the same as long as it does.
    pub(crate) count: u64,
    pub(crate) ends: Ends,
}

/// A concern that there is.
#[derive(Clone, Debug)]
pub(crate) struct Entry<K, C> {
    pub(crate) sighting: Sighting<K, C>,
    pub(crate) since: Duration,
    /// When it was there for certain, or its count changed, last.
    pub(crate) last: Duration,
    /// How often it has come, this time included.
    pub(crate) times: u64,
}

/// A concern that there was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Past<C> {
    pub(crate) what: C,
    /// When it came for the first time.
    pub(crate) first: Duration,
    /// When it ended for the last time.
    pub(crate) ended: Duration,
    pub(crate) times: u64,
}

/// What a look found to be new.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Look<C> {
    pub(crate) entered: Vec<C>,
    pub(crate) left: Vec<C>,
}

/// All concerns, those that there are and those that there were.
#[derive(Debug)]
pub(crate) struct Ledger<K, C> {
    open: Vec<Entry<K, C>>,
    /// The counts at which concerns were settled or acknowledged: the same again is nothing new.
    quiet: BTreeMap<K, u64>,
    past: BTreeMap<K, Past<C>>,
    room: usize,
    forgotten: u64,
}

impl<K: Ord + Clone, C: Clone> Ledger<K, C> {
    /// A ledger that remembers so many concerns that there were.
    pub(crate) fn new(room: usize) -> Self {
        let (open, quiet, past) = (Vec::new(), BTreeMap::new(), BTreeMap::new());
        Self { open, quiet, past, room, forgotten: 0 }
    }

    /// The concerns that there are, in the order of the sightings.
    pub(crate) fn open(&self) -> &[Entry<K, C>] {
        &self.open
    }

    /// The concerns that there were, and are not now; the one that ended last first.
    pub(crate) fn past(&self) -> Vec<Past<C>> {
        let is_open = |key: &K| self.open.iter().any(|entry| entry.sighting.key == *key);
        let mut past: Vec<_> =
            self.past.iter().filter(|(key, _)| !is_open(key)).map(|(_, past)| past.clone()).collect();
        past.sort_by_key(|past| std::cmp::Reverse(past.ended));
        past
    }

    /// How many of those were forgotten for want of room.
    pub(crate) fn forgotten(&self) -> u64 {
        self.forgotten
    }

    /// Takes in all that is sighted now.
    pub(crate) fn look(
        &mut self,
        now: Duration,
        settle: Duration,
        sightings: Vec<Sighting<K, C>>,
    ) -> Look<C> {
        let mut before = std::mem::take(&mut self.open);
        let mut quiet = BTreeMap::new();
        let mut look = Look { entered: Vec::new(), left: Vec::new() };
        for sighting in sightings {
            let found = before.iter().position(|entry| entry.sighting.key == sighting.key);
            match found.map(|at| before.swap_remove(at)) {
                None if self.quiet.get(&sighting.key) == Some(&sighting.count) => {
                    quiet.insert(sighting.key, sighting.count);
                }
                None => {
                    look.entered.push(sighting.what.clone());
                    let times = self.past.get(&sighting.key).map_or(0, |past| past.times) + 1;
                    self.open.push(Entry { sighting, since: now, last: now, times });
                }
                Some(mut entry) => {
                    let is_settling = sighting.ends == Ends::Settled;
                    if !is_settling || entry.sighting.count != sighting.count {
                        entry.last = now;
                    }
                    entry.sighting = sighting;
                    if is_settling && now.saturating_sub(entry.last) >= settle {
                        quiet.insert(entry.sighting.key.clone(), entry.sighting.count);
                        look.left.push(entry.sighting.what.clone());
                        self.bury(now, entry);
                    } else {
                        self.open.push(entry);
                    }
                }
            }
        }
        for entry in before {
            look.left.push(entry.sighting.what.clone());
            self.bury(now, entry);
        }
        self.quiet = quiet;
        look
    }

    /// Ends a concern that somebody has seen at this count; unless it is not there, has happened again since, or holds
    /// as long as its cause does.
    pub(crate) fn acknowledge(&mut self, now: Duration, key: &K, count: u64) -> Option<C> {
        let is_it = |entry: &Entry<K, C>| {
            let Sighting { key: other, count: counted, ends, .. } = &entry.sighting;
            other == key && *counted == count && *ends != Ends::WithCause
        };
        let entry = self.open.iter().position(is_it).map(|at| self.open.remove(at))?;
        self.quiet.insert(key.clone(), count);
        let what = entry.sighting.what.clone();
        self.bury(now, entry);
        Some(what)
    }

    fn bury(&mut self, now: Duration, entry: Entry<K, C>) {
        let Entry { sighting, since, times, .. } = entry;
        let first = self.past.get(&sighting.key).map_or(since, |past| past.first);
        self.past.insert(sighting.key, Past { what: sighting.what, first, ended: now, times });
        if self.past.len() > self.room {
            let oldest = self.past.iter().min_by_key(|(_, past)| past.ended).map(|(key, _)| key.clone());
            self.forgotten += u64::from(oldest.and_then(|key| self.past.remove(&key)).is_some());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SETTLE: u64 = 60;

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn sighting(key: &'static str, count: u64, ends: Ends) -> Sighting<&'static str, u64> {
        Sighting { key, what: count, count, ends }
    }

    fn look(
        ledger: &mut Ledger<&'static str, u64>,
        now: u64,
        seen: &[(&'static str, u64, Ends)],
    ) -> (Vec<u64>, Vec<u64>) {
        let seen = seen.iter().map(|(key, count, ends)| sighting(key, *count, *ends)).collect();
        let Look { entered, left } = ledger.look(at(now), at(SETTLE), seen);
        (entered, left)
    }

    #[test]
    fn a_count_that_stays_is_settled_and_one_that_grows_is_not() {
        let mut ledger = Ledger::new(8);
        let lost = |count| [("lost", count, Ends::Settled)];
        assert_eq!(look(&mut ledger, 0, &lost(1)), (vec![1], vec![]));
        assert_eq!(look(&mut ledger, 59, &lost(2)), (vec![], vec![]));
        assert_eq!(look(&mut ledger, 118, &lost(2)), (vec![], vec![]), "59 s after the second");
        assert_eq!(look(&mut ledger, 119, &lost(2)), (vec![], vec![2]));
        assert_eq!(look(&mut ledger, 500, &lost(2)), (vec![], vec![]), "nothing new");
        assert_eq!(look(&mut ledger, 501, &lost(3)), (vec![3], vec![]));
        assert_eq!(ledger.open()[0].times, 2);
        assert!(ledger.past().is_empty(), "it is there again");
        look(&mut ledger, 600, &lost(3));
        let past = Past { what: 3, first: at(0), ended: at(600), times: 2 };
        assert_eq!(ledger.past(), [past]);
    }

    #[test]
    fn what_holds_cannot_be_acknowledged_and_what_is_lasting_only_as_it_was_seen() {
        let mut ledger = Ledger::new(8);
        let seen = |count| {
            [("down", 1, Ends::WithCause), ("slow", 1, Ends::Acknowledged), ("lost", count, Ends::Settled)]
        };
        look(&mut ledger, 0, &seen(1));
        assert_eq!(ledger.acknowledge(at(1), &"down", 1), None);
        assert_eq!(ledger.acknowledge(at(1), &"slow", 1), Some(1));
        look(&mut ledger, 2, &seen(5));
        assert_eq!(ledger.acknowledge(at(3), &"lost", 1), None, "four more since");
        assert_eq!(ledger.acknowledge(at(3), &"lost", 5), Some(5));
        assert_eq!(look(&mut ledger, 4, &seen(5)), (vec![], vec![]));
        assert_eq!(ledger.open().len(), 1);
        assert_eq!(look(&mut ledger, 5, &[]), (vec![], vec![1]));
        let (entered, _) = look(&mut ledger, 6, &seen(5));
        assert_eq!(entered, [1, 1, 5], "gone meanwhile, so each is new");
    }

    #[test]
    fn the_past_is_bounded_and_what_it_forgets_is_counted() {
        let mut ledger = Ledger::new(2);
        for (now, key) in [(0, "a"), (2, "b"), (4, "c")] {
            look(&mut ledger, now, &[(key, now, Ends::WithCause)]);
            look(&mut ledger, now + 1, &[]);
        }
        let past: Vec<_> = ledger.past().iter().map(|past| past.what).collect();
        assert_eq!((past, ledger.forgotten()), (vec![4, 2], 1));
    }

    proptest! {
        /// A count alone decides: it is a concern from when it grew until it has stood still for the while.
        #[test]
        fn a_count_is_a_concern_while_it_grew_lately(steps in prop::collection::vec((1_u64..40, any::<bool>()), 1..80)) {
            let mut ledger = Ledger::new(4);
            let (mut now, mut count) = (0, 0);
            let mut grew = None;
            for (passes, grows) in steps {
                now += passes;
                if grows {
                    count += 1;
                    grew = Some(now);
                }
                let seen: Vec<_> = (count > 0).then_some(("lost", count, Ends::Settled)).into_iter().collect();
                look(&mut ledger, now, &seen);
                let expected = grew.is_some_and(|then| now - then < SETTLE);
                prop_assert_eq!(!ledger.open().is_empty(), expected, "at {}", now);
            }
        }
    }
}
