//! A log that is written anew without what was struck when it is full: two halves (semispaces, as of a copying collector), of which
//! one counts.
//!
//! **Layout.** A line of control, word 0 of which is the turn; then two logs of equal length. At turn `2n` the log `n % 2` counts; at
//! turn `2n + 1` it still does, while what stands in it is copied to the other one, which counts from turn `2n + 2` on. So whoever dies
//! in the middle leaves the log that counts as it was.
//!
//! One thread at a time writes; whoever reads may be another process with nothing but the right to read, and it believes nothing.
//! Neither side waits. What a reader began to read stays as it is until the log has been rewritten once and is about to be
//! rewritten again: then the reader finds out, and begins anew.
//!
//! # Edges
//!
//! | edge | published by | observed by | then |
//! |---|---|---|---|
//! | `space-whole` | store of the even turn in [`Semispace::rewrite`] | fence in [`Semispace::read`] | all that was copied is seen |
//! | `space-begun` | fence in [`Semispace::rewrite`] | fence in [`Reading::holds`] | whoever saw a word of the next content sees its turn |
//!
//! Besides those of [`Log`]: `log-commit` for what is appended, `log-strike` for what is struck.

#[cfg(any(flightdeck_loom, all(feature = "mapped", target_os = "linux")))]
use super::copied::Copied;
use super::log::{Draft, Log, Records, STRUCK};
use super::{LINE, Line, Region};
use crate::sync::{Arc, Relaxed, acquire_fence, release, release_fence};
#[cfg(any(flightdeck_loom, all(feature = "mapped", target_os = "linux")))]
use std::io;

/// On the line of control.
const TURN: usize = 0;

/// Two logs in a region, one of which counts.
#[derive(Clone, Debug)]
pub struct Semispace {
    control: Line,
    halves: [Log; 2],
}

impl Semispace {
    /// Words of memory that it takes with room for so many words of records.
    pub(crate) const fn footprint(words: usize) -> usize {
        LINE + 2 * Self::half(words)
    }

    const fn half(words: usize) -> usize {
        Log::footprint(words).next_multiple_of(LINE)
    }

    /// The one at `start`, with room for so many words of records, a power of two. It is empty where the memory is zero.
    ///
    /// # Panics
    /// If it leaves the region: layouts are computed or checked, never input.
    pub fn at(region: &Arc<Region>, start: usize, words: usize) -> Self {
        let half = |number: usize| Log::at(region, start + LINE + number * Self::half(words), words);
        Self { control: region.line(start), halves: [half(0), half(1)] }
    }

    /// The log that counts at a turn, and the other one.
    fn halves(&self, turn: u64) -> [&Log; 2] {
        let [first, second] = &self.halves;
        if (turn / 2).is_multiple_of(2) { [first, second] } else { [second, first] }
    }

    fn turn(&self) -> u64 {
        self.control.at::<TURN>().load(Relaxed)
    }

    /// Starts a record. By one thread at a time, until the draft is committed or dropped.
    pub fn draft(&self, tag: u32) -> Draft<'_> {
        self.halves(self.turn())[0].draft(tag)
    }

    /// Strikes the record that begins there, and also where it began before the log was rewritten last, if it is that old: before
    /// what it speaks of becomes something else. How many words the next rewriting gives back.
    pub fn strike(&self, at: usize, before: Option<usize>) -> usize {
        let [log, other] = self.halves(self.turn());
        if let Some(before) = before {
            // Whoever began to read there learns of it, too.
            other.strike(before);
        }
        log.strike(at)
    }

    /// Copies all records that stand to the other half, which counts then. `moved` is told where each began, and begins.
    pub fn rewrite(&self, mut moved: impl FnMut(usize, usize)) {
        // Even, unless somebody else has written here.
        let turn = self.turn() & !1;
        let [from, to] = self.halves(turn);
        self.control.at::<TURN>().store(turn + 1, Relaxed);
        // Release, edge `space-begun` (partner: `holds`): whoever sees a word that is stored below finds at least this turn after.
        release_fence("space-begun");
        to.clear();
        for mut record in from.records(0).filter(|record| record.tag != STRUCK) {
            let mut draft = to.draft(record.tag);
            let at = draft.at();
            while let Some(word) = record.word() {
                draft.word(word);
            }
            if draft.commit() {
                moved(record.begin, at);
            }
        }
        // Release, edge `space-whole` (partner: `read`): whoever sees this turn sees all that was copied.
        self.control.at::<TURN>().store(turn.wrapping_add(2), release("space-whole"));
    }

    /// Words of records that it has room for.
    pub(crate) fn room(&self) -> usize {
        self.halves[0].room()
    }

    /// How many records found no room.
    pub(crate) fn refused(&self) -> u64 {
        self.halves.iter().fold(0, |sum, log| sum.saturating_add(log.refused()))
    }

    /// What counts now.
    pub fn read(&self) -> Reading<'_> {
        self.read_as_of(self.turn())
    }

    /// What counted at a turn that was seen.
    fn read_as_of(&self, turn: u64) -> Reading<'_> {
        // Acquire, edge `space-whole` (partner: `rewrite`): what was copied before this turn is visible.
        acquire_fence("space-whole");
        Reading { space: self, turn, log: self.halves(turn)[0] }
    }
}

/// What counted when somebody began to read.
#[derive(Debug)]
pub struct Reading<'a> {
    space: &'a Semispace,
    turn: u64,
    log: &'a Log,
}

/// For models, in which who reads has begun before anything happens.
#[cfg(flightdeck_loom)]
impl Semispace {
    /// As [`Semispace::read`] was at a turn.
    pub fn read_since(&self, turn: u64) -> Reading<'_> {
        self.read_as_of(turn)
    }
}

impl<'a> Reading<'a> {
    /// The turn at which it began.
    #[cfg(flightdeck_loom)]
    pub fn since(&self) -> u64 {
        self.turn
    }

    /// All records.
    pub fn records(&self) -> Records<'a> {
        self.log.records(0)
    }

    /// As [`Log::stands`].
    pub fn stands(&self, at: usize, head: u64) -> bool {
        self.log.stands(at, head)
    }

    /// Whether all that was read so far was what it was taken for: nobody has begun to write something else in its place.
    pub fn holds(&self) -> bool {
        // Acquire, edge `space-begun` (partner: `rewrite`): if a word was of the content after, its turn is seen below.
        acquire_fence("space-begun");
        // Up to the end of the next rewriting, which is to the other half.
        self.space.turn().wrapping_sub(self.turn & !1) <= 2
    }
}

#[cfg(any(flightdeck_loom, all(feature = "mapped", target_os = "linux")))]
impl Reading<'_> {
    /// Copies what counts to where a semispace of this size begins; `between` copies what its records speak of. What was struck by
    /// then is struck in the copy. Whether it is what it is taken for: if not, it is to be copied anew.
    ///
    /// # Errors
    /// As whoever takes the words says.
    pub fn copy(
        &self,
        at: usize,
        to: &mut Copied<'_>,
        between: impl FnOnce(&mut Copied<'_>) -> io::Result<()>,
    ) -> io::Result<bool> {
        let Self { space, turn, log } = self;
        let half = (turn / 2 % 2) as usize;
        let half_at = |half: usize| at + LINE + half * Semispace::half(space.room());
        let length = log.copy(half_at(half), to)?;
        between(to)?;
        log.copy_again(length, half_at(half), to)?;
        // Of the other half nothing counts but what found no room there.
        to.put(half_at(1 - half), &[0, space.halves(*turn)[1].refused()])?;
        to.put(at, &[turn & !1])?;
        Ok(self.holds())
    }
}

#[cfg(all(test, not(flightdeck_loom)))]
mod tests {
    use super::*;

    fn space(words: usize) -> Semispace {
        Semispace::at(&Region::heap(Semispace::footprint(words)).unwrap(), 0, words)
    }

    fn tell(space: &Semispace, tag: u32) -> Option<usize> {
        let mut draft = space.draft(tag);
        let at = draft.at();
        draft.word(u64::from(tag) * 10);
        draft.commit().then_some(at)
    }

    fn tags(reading: &Reading<'_>) -> Vec<u32> {
        reading.records().map(|record| record.tag).filter(|tag| *tag != STRUCK).collect()
    }

    #[test]
    fn what_was_struck_makes_room_and_what_stands_moves() {
        let space = space(8);
        let at: Vec<_> = (1..=4).map(|tag| tell(&space, tag).unwrap()).collect();
        assert_eq!((tell(&space, 5), space.refused()), (None, 1));
        assert_eq!((space.strike(at[0], None), space.strike(at[2], None)), (2, 2));
        let reading = space.read();
        let mut moved = Vec::new();
        space.rewrite(|from, to| moved.push((from, to)));
        assert_eq!(moved, [(2, 0), (6, 2)]);
        assert!(tell(&space, 6).is_some());
        assert_eq!((tags(&space.read()), space.refused()), (vec![2, 4, 6], 1));
        // Whoever began before reads on, and learns of what is struck now.
        assert_eq!(tags(&reading), [2, 4]);
        let head = |at| reading.records().find(|record| record.begin == at).unwrap().head;
        let heads = [head(2), head(6)];
        assert!(reading.stands(2, heads[0]) && reading.holds());
        space.strike(0, Some(2));
        assert!(!reading.stands(2, heads[0]) && reading.stands(6, heads[1]) && reading.holds());
        space.rewrite(|_, _| ());
        assert!(!reading.holds() && tags(&space.read()) == [4, 6]);
    }

    #[test]
    fn whoever_dies_while_it_is_rewritten_leaves_what_was_there() {
        use crate::sync::fuse::vanishes_before;
        let space = space(16);
        (1..=5).for_each(|tag| _ = tell(&space, tag));
        // Each record that is copied is published, and first the turn.
        for publications in 1..=6 {
            assert!(vanishes_before(publications, || space.rewrite(|_, _| ())), "{publications}");
            let reading = space.read();
            assert_eq!(tags(&reading), [1, 2, 3, 4, 5]);
            assert!(reading.holds());
        }
        space.rewrite(|_, _| ());
        assert_eq!(tags(&space.read()), [1, 2, 3, 4, 5]);
    }

    #[test]
    fn any_words_give_an_answer() {
        let space = space(8);
        (1..=4).for_each(|tag| _ = tell(&space, tag));
        for turn in [0, 1, 2, 3, u64::MAX - 1, u64::MAX] {
            space.control.at::<TURN>().store(turn, Relaxed);
            let reading = space.read();
            let (seen, holds) = (tags(&reading).len(), reading.holds());
            assert!(seen <= 4 && holds);
            space.control.at::<TURN>().store(turn.wrapping_sub(7), Relaxed);
            assert!(!reading.holds());
            space.rewrite(|_, _| ());
        }
    }
}
