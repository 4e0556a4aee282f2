//! What is so now, posted as a whole: of two pages, written in turn, the newer whole one counts.
//!
//! **Layout.** Two pages of equal length, each a line of control (word 0: its turn; 1: words of content) and words. Post `n`,
//! counted from 1, goes to page `n % 2`, whose turn is `2n - 1` while it is written and `2n` after. So the other page is whole all
//! the time, also where whoever writes dies.
//!
//! One thread at a time posts; whoever reads may be another process with nothing but the right to read, and it believes nothing. A
//! post never waits. A reader finds a page torn if the writer has come round to it meanwhile: then it looks again, so many times.
//!
//! # Edges
//!
//! | edge | published by | observed by | then |
//! |---|---|---|---|
//! | `board-whole` | store of the even turn in [`Board::post`] | first fence in [`Board::look`] | all of the content is seen |
//! | `board-begun` | fence in [`Board::post`] | second fence in [`Board::look`] | whoever saw a word of a later post sees its turn |

use super::{LINE, Line, Region, Words};
use crate::sync::{Arc, Relaxed, acquire_fence, release, release_fence};

/// On the line of control.
const TURN: usize = 0;
/// On the line of control: words of content.
const LENGTH: usize = 1;
/// How often a reader looks again.
const LOOKS: usize = 1_000;

/// A page was written while it was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Torn;

#[derive(Clone, Debug)]
struct Page {
    control: Line,
    words: Words,
}

/// Two pages in a region.
#[derive(Clone, Debug)]
pub struct Board([Page; 2]);

impl Board {
    /// Words of memory that a board with room for so much content takes.
    pub const fn footprint(room: usize) -> usize {
        2 * Self::page(room)
    }

    /// Of one page.
    const fn page(room: usize) -> usize {
        LINE + room.next_multiple_of(LINE)
    }

    /// The board at `start` with room for so many words of content, a power of two. Nothing is posted where the memory is zero.
    ///
    /// # Panics
    /// If it leaves the region: layouts are computed or checked, never input.
    pub fn at(region: &Arc<Region>, start: usize, room: usize) -> Self {
        let page =
            |start: usize| Page { control: region.line(start), words: region.words(start + LINE, room) };
        Self([page(start), page(start + Self::page(room))])
    }

    /// How many words of content it has room for.
    pub fn room(&self) -> usize {
        self.0[0].words.len()
    }

    /// Posts this in place of what was there, as much of it as there is room for. By one thread at a time.
    pub fn post(&self, content: &[u64]) {
        // Relaxed: our own.
        let [one, other] = self.turns();
        let number = one.max(other) / 2 + 1;
        let Page { control, words } = &self.0[number as usize % 2];
        control.at::<TURN>().store(2 * number - 1, Relaxed);
        // Release, edge `board-begun` (partner: `look`): whoever sees a word that is stored below finds at least this turn after.
        release_fence("board-begun");
        let content = &content[..content.len().min(words.len())];
        control.at::<LENGTH>().store(content.len() as u64, Relaxed);
        content.iter().enumerate().for_each(|(at, word)| words.at(at).store(*word, Relaxed));
        // Release, edge `board-whole` (partner: `look`): whoever sees this turn sees the words above.
        control.at::<TURN>().store(2 * number, release("board-whole"));
    }

    fn turns(&self) -> [u64; 2] {
        [0, 1].map(|page: usize| self.0[page].control.at::<TURN>().load(Relaxed))
    }

    /// What was posted last, nothing if nothing was; a copy, which nobody changes any more.
    ///
    /// # Errors
    /// If it was replaced meanwhile.
    pub fn look(&self) -> Result<Vec<u64>, Torn> {
        let turns = self.turns();
        let is_whole = |page: &usize| turns[*page] != 0 && turns[*page].is_multiple_of(2);
        let Some(newest) = [0, 1].into_iter().filter(is_whole).max_by_key(|page| turns[*page]) else {
            return Ok(Vec::new());
        };
        let Page { control, words } = &self.0[newest];
        // Acquire, edge `board-whole` (partner: `post`): the content of this turn is visible.
        acquire_fence("board-whole");
        let length = usize::try_from(control.at::<LENGTH>().load(Relaxed)).unwrap_or(usize::MAX);
        let content = (0..length.min(words.len())).map(|at| words.at(at).load(Relaxed)).collect();
        // Acquire, edge `board-begun` (partner: `post`): if a word was of a later post, its turn is seen below.
        acquire_fence("board-begun");
        if control.at::<TURN>().load(Relaxed) == turns[newest] { Ok(content) } else { Err(Torn) }
    }

    /// As [`Board::look`], again and again while it is torn, a bounded number of times.
    ///
    /// # Errors
    /// If it is replaced all the time.
    pub fn read(&self) -> Result<Vec<u64>, Torn> {
        for _ in 1..LOOKS {
            match self.look() {
                Err(Torn) => std::hint::spin_loop(),
                seen => return seen,
            }
        }
        self.look()
    }
}

#[cfg(all(test, not(flightdeck_loom)))]
mod tests {
    use super::*;

    fn board(room: usize) -> Board {
        Board::at(&Region::heap(Board::footprint(room)).unwrap(), 0, room)
    }

    #[test]
    fn what_was_posted_last_is_there_as_a_whole_and_no_longer_than_there_is_room() {
        let board = board(4);
        assert_eq!((board.room(), board.read()), (4, Ok(vec![])));
        for content in [&[1, 2, 3][..], &[4], &[], &[5, 6, 7, 8]] {
            board.post(content);
            assert_eq!(board.read().as_deref(), Ok(content));
        }
        board.post(&[1, 2, 3, 4, 5]);
        assert_eq!(board.read(), Ok(vec![1, 2, 3, 4]));
    }

    #[test]
    fn whoever_dies_in_the_middle_leaves_what_was_posted_before() {
        let board = board(4);
        (1..=5).for_each(|n| board.post(&[n; 4]));
        // Post 6, not to its end.
        let page = &board.0[0];
        page.control.at::<TURN>().store(11, Relaxed);
        page.control.at::<LENGTH>().store(2, Relaxed);
        page.words.at(0).store(6, Relaxed);
        assert_eq!(board.read(), Ok(vec![5; 4]));
    }

    #[test]
    fn any_words_give_an_answer() {
        let board = board(4);
        for turns in [[u64::MAX; 2], [u64::MAX - 1, 2], [1, 3], [2, 2]] {
            for length in [0, 4, 5, u64::MAX] {
                for (page, turn) in board.0.iter().zip(turns) {
                    page.control.at::<TURN>().store(turn, Relaxed);
                    page.control.at::<LENGTH>().store(length, Relaxed);
                }
                assert!(board.read().unwrap().len() <= 4);
            }
        }
    }
}
