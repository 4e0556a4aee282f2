//! Records in a region, appended one after another and never changed, but for being struck out: names, schemas, what is told
//! once.
//!
//! **Layout.** A line of control words: how many words of records there are, and how many records found no room. Then the
//! records, each a word that says its tag (upper half) and how many words follow (lower half), and those words.
//!
//! One thread at a time appends; whoever reads may be another process with nothing but the right to read, and it believes
//! nothing: a length that leads beyond the end ends the walk. Neither side waits. A log never grows: what has no room left
//! is counted, and a shorter record may still have some.
//!
//! # Edges
//!
//! | edge | published by | observed by |
//! |---|---|---|
//! | `log-commit` | store of the length in [`Draft::commit`] | fences in [`Log::records`], `Log::copy` |
//! | `log-strike` | fence in [`Log::strike`] | fences in [`Log::stands`], `Log::copy_again` |

#[cfg(any(flightdeck_loom, all(feature = "mapped", target_os = "linux")))]
use super::copied::Copied;
use super::{LINE, Line, Region, Words};
use crate::sync::{Arc, Relaxed, acquire_fence, release, release_fence};
#[cfg(any(flightdeck_loom, all(feature = "mapped", target_os = "linux")))]
use std::io;

/// On the line of control: words of records.
const LENGTH: usize = 0;
/// On the line of control: records that found no room.
const REFUSED: usize = 1;

/// The tag of a record that was taken back. Its length stays, so walks go on behind it.
pub(super) const STRUCK: u32 = 0;

/// A log in a region.
#[derive(Clone, Debug)]
pub struct Log {
    control: Line,
    words: Words,
}

impl Log {
    /// Words of memory that a log for so many words of records takes.
    pub(crate) const fn footprint(words: usize) -> usize {
        LINE + words
    }

    /// The log at `start`, with room for so many words of records, a power of two. It is empty where the memory is zero.
    ///
    /// # Panics
    /// If it leaves the region: layouts are computed or checked, never input.
    pub fn at(region: &Arc<Region>, start: usize, words: usize) -> Self {
        Self { control: region.line(start), words: region.words(start + LINE, words) }
    }

    /// Starts a record. By one thread at a time, until the draft is committed or dropped.
    pub fn draft(&self, tag: u32) -> Draft<'_> {
        // Relaxed: our own.
        let start = self.control.at::<LENGTH>().load(Relaxed) as usize;
        Draft { log: self, tag, start, len: 0 }
    }

    /// Takes a record back that begins there: readers pass over it from now on, and whoever has read it learns of it by
    /// [`Log::stands`]. By the one thread that appends, before what the record speaks of becomes something else. How many words
    /// the record has.
    pub fn strike(&self, at: usize) -> usize {
        let word = self.words.at(at);
        let len = word.load(Relaxed) & u64::from(u32::MAX);
        // Relaxed, with a fence: the length stays, so nothing else of the log changes.
        word.store(u64::from(STRUCK) << 32 | len, Relaxed);
        // Release, edge `log-strike` (partner: `stands`): whoever sees what we store from here on sees that it is struck.
        release_fence("log-strike");
        1 + len as usize
    }

    /// Forgets all records, of which nobody may make anything any more. What found no room stays counted.
    pub(super) fn clear(&self) {
        self.control.at::<LENGTH>().store(0, Relaxed);
    }

    /// Words of records that it has room for.
    pub(super) fn room(&self) -> usize {
        self.words.len()
    }

    /// Whether the record that begins there with this word has not been struck. If it has not, what was read before this was
    /// what the record spoke of, and not what whoever struck it made of it.
    pub fn stands(&self, at: usize, head: u64) -> bool {
        // Acquire, edge `log-strike` (partner: `strike`): if what we read was stored after the record was struck, we see that.
        acquire_fence("log-strike");
        self.words.at(at).load(Relaxed) == head
    }

    /// How many records found no room.
    pub(crate) fn refused(&self) -> u64 {
        self.control.at::<REFUSED>().load(Relaxed)
    }

    /// Copies all of it to where a log of this size begins, and says how many words of records it has.
    ///
    /// # Errors
    /// As whoever takes the words says.
    #[cfg(any(flightdeck_loom, all(feature = "mapped", target_os = "linux")))]
    pub fn copy(&self, at: usize, to: &mut Copied<'_>) -> io::Result<usize> {
        let length = self.control.at::<LENGTH>().load(Relaxed);
        // Acquire, edge `log-commit` (partner: `commit`): the words of all records below the length are visible.
        acquire_fence("log-commit");
        let words = &self.words.all()[..(length as usize).min(self.words.len())];
        to.load(at + LINE, words)?;
        to.put(at, &[length, self.refused()])?;
        Ok(words.len())
    }

    /// Copies so many words of records once more, after what they speak of was copied: what was struck meanwhile is struck in the copy.
    ///
    /// # Errors
    /// As whoever takes the words says.
    #[cfg(any(flightdeck_loom, all(feature = "mapped", target_os = "linux")))]
    pub fn copy_again(&self, length: usize, at: usize, to: &mut Copied<'_>) -> io::Result<()> {
        // Acquire, edge `log-strike` (partner: `strike`): if what was copied was stored after a record was struck, we see that.
        acquire_fence("log-strike");
        to.load_again(at + LINE, &self.words.all()[..length.min(self.words.len())])
    }

    /// The records from word `from` on, 0 or the [end](Records::end) of an earlier walk.
    pub fn records(&self, from: usize) -> Records<'_> {
        let length = self.control.at::<LENGTH>().load(Relaxed);
        // Acquire, edge `log-commit` (partner: `commit`): the words of all records below the length are visible.
        acquire_fence("log-commit");
        let length = usize::try_from(length).unwrap_or(usize::MAX).min(self.words.len());
        Records { log: self, at: from, length }
    }
}

/// A record that nobody sees yet.
#[must_use = "a draft that is not committed is forgotten"]
pub struct Draft<'a> {
    log: &'a Log,
    tag: u32,
    /// Where its first word goes, which says how many follow.
    start: usize,
    /// How many follow so far, whether or not there is room.
    len: usize,
}

impl Draft<'_> {
    /// Where the record will begin.
    pub(crate) fn at(&self) -> usize {
        self.start
    }

    /// Adds a word.
    pub fn word(&mut self, word: u64) {
        let at = self.start.saturating_add(1 + self.len);
        if at < self.log.words.len() {
            self.log.words.at(at).store(word, Relaxed);
        }
        self.len += 1;
    }

    /// Adds a text: its length in bytes, and the bytes, filled up to whole words.
    pub(crate) fn text(&mut self, text: &str) {
        self.word(text.len() as u64);
        for chunk in text.as_bytes().chunks(8) {
            let mut word = [0; 8];
            word.iter_mut().zip(chunk).for_each(|(to, from)| *to = *from);
            self.word(u64::from_le_bytes(word));
        }
    }

    /// Whether there is room for it so far.
    pub(crate) fn fits(&self) -> bool {
        self.end() <= self.log.words.len() && self.len <= u32::MAX as usize
    }

    fn end(&self) -> usize {
        self.start.saturating_add(1 + self.len)
    }

    /// Makes the record visible; `false` if there was no room for it, which is counted.
    pub fn commit(self) -> bool {
        let control = &self.log.control;
        if !self.fits() {
            // One thread at a time, so a load and a store.
            let refused = control.at::<REFUSED>();
            refused.store(refused.load(Relaxed).saturating_add(1), Relaxed);
            return false;
        }
        self.log.words.at(self.start).store(u64::from(self.tag) << 32 | self.len as u64, Relaxed);
        // Release, edge `log-commit` (partner: `records`): whoever sees this length sees the words below it.
        control.at::<LENGTH>().store(self.end() as u64, release("log-commit"));
        true
    }
}

/// A walk along a log.
#[derive(Debug)]
pub struct Records<'a> {
    log: &'a Log,
    at: usize,
    length: usize,
}

impl Records<'_> {
    /// Where the walk stands: where the next one may go on.
    pub(crate) fn end(&self) -> usize {
        self.at
    }
}

impl<'a> Iterator for Records<'a> {
    type Item = Record<'a>;

    fn next(&mut self) -> Option<Record<'a>> {
        let left = self.length.checked_sub(self.at)?.checked_sub(1)?;
        let head = self.log.words.at(self.at).load(Relaxed);
        let len = head as u32 as usize;
        if len > left {
            // Nothing that a writer made.
            return None;
        }
        let begin = self.at;
        self.at = begin + 1 + len;
        Some(Record { tag: (head >> 32) as u32, head, log: self.log, begin, at: begin + 1, end: self.at })
    }
}

/// A record, read word by word from its beginning: each word once, since in a hostile file it may change.
#[derive(Debug)]
pub struct Record<'a> {
    /// What sort of record it is.
    pub tag: u32,
    /// The word that it begins with, and where that is.
    pub head: u64,
    pub begin: usize,
    log: &'a Log,
    at: usize,
    end: usize,
}

impl Record<'_> {
    /// How many words are left.
    pub(crate) fn left(&self) -> usize {
        self.end - self.at
    }

    /// The next word, if there is one.
    pub fn word(&mut self) -> Option<u64> {
        (self.at < self.end).then(|| {
            let word = self.log.words.at(self.at).load(Relaxed);
            self.at += 1;
            word
        })
    }

    /// The next text, if there is one; what is no UTF-8 in it is replaced.
    pub(crate) fn text(&mut self) -> Option<String> {
        let bytes = usize::try_from(self.word()?).ok()?;
        if bytes.div_ceil(8) > self.left() {
            return None;
        }
        let mut text = Vec::with_capacity(bytes.next_multiple_of(8));
        for _ in 0..bytes.div_ceil(8) {
            text.extend_from_slice(&self.word()?.to_le_bytes());
        }
        text.truncate(bytes);
        Some(String::from_utf8(text).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into()))
    }
}

#[cfg(all(test, not(flightdeck_loom)))]
mod tests {
    use super::*;

    fn log(words: usize) -> Log {
        Log::at(&Region::heap(Log::footprint(words)).unwrap(), 0, words)
    }

    fn tell(log: &Log, tag: u32, text: &str) -> bool {
        let mut draft = log.draft(tag);
        draft.word(u64::from(tag) * 10);
        draft.text(text);
        draft.commit()
    }

    fn told(log: &Log, from: usize) -> Vec<(u32, u64, String)> {
        let records = log.records(from);
        records.map(|mut record| (record.tag, record.word().unwrap(), record.text().unwrap())).collect()
    }

    #[test]
    fn what_was_told_is_read_back_and_a_later_walk_goes_on_where_one_ended() {
        let log = log(64);
        assert_eq!(told(&log, 0), []);
        assert!(tell(&log, 1, "") && tell(&log, 2, "a text of more than one word"));
        let mut first = log.records(0);
        assert_eq!(first.by_ref().count(), 2);
        assert!(tell(&log, 3, "später"));
        assert_eq!(told(&log, first.end()), [(3, 30, "später".into())]);
        assert_eq!(told(&log, 0).len(), 3);
        let mut last = log.records(first.end()).next().unwrap();
        assert_eq!((last.word(), last.text().is_some(), last.word(), last.left()), (Some(30), true, None, 0));
        assert!(last.text().is_none());
    }

    #[test]
    fn what_has_no_room_is_counted_and_what_is_shorter_may_have_some() {
        let log = log(16);
        assert!(tell(&log, 1, "12345678") && tell(&log, 2, "12345678"));
        // Four words of header, number, length and text each: eight are left, and nine are asked for.
        assert!(!tell(&log, 3, &"x".repeat(41)));
        assert!(tell(&log, 4, &"x".repeat(40)));
        assert!(!tell(&log, 5, ""));
        assert_eq!(told(&log, 0).iter().map(|(tag, ..)| *tag).collect::<Vec<_>>(), [1, 2, 4]);
        assert_eq!(log.refused(), 2);
    }

    #[test]
    fn a_draft_that_is_dropped_leaves_no_trace() {
        let log = log(64);
        let mut draft = log.draft(9);
        draft.text("forgotten");
        drop(draft);
        assert!(tell(&log, 1, "kept"));
        assert_eq!(told(&log, 0), [(1, 10, "kept".into())]);
    }

    #[test]
    fn what_was_struck_is_passed_over_and_nothing_else() {
        let log = log(64);
        assert!(tell(&log, 1, "one"));
        let second = log.records(0).end() + log.records(0).map(|record| 1 + record.left()).sum::<usize>();
        assert!(tell(&log, 2, "two") && tell(&log, 3, "three"));
        let heads: Vec<_> = log.records(0).map(|record| (record.begin, record.head)).collect();
        let stand = || heads.iter().map(|(at, head)| log.stands(*at, *head)).collect::<Vec<_>>();
        assert_eq!(stand(), [true; 3]);
        log.strike(second);
        assert_eq!(stand(), [true, false, true]);
        let told: Vec<_> = log.records(0).map(|record| record.tag).collect();
        assert_eq!(told, [1, STRUCK, 3]);
    }

    #[test]
    fn any_words_come_to_an_end() {
        let (mut seed, log) = (7_u64, log(64));
        let mut random = || {
            seed = seed.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1);
            seed >> 32
        };
        for round in 0..2_000_u64 {
            let length = [0, 1, 63, 64, 65, u64::MAX][round as usize % 6];
            log.control.at::<LENGTH>().store(length, Relaxed);
            for at in 0..64 {
                let word = match random() % 4 {
                    0 => 0,
                    1 => u64::MAX,
                    2 => random() % 70,
                    _ => random() << 32 | random(),
                };
                log.words.at(at).store(word, Relaxed);
            }
            let from = random() as usize % 80;
            let (mut records, mut words) = (0, 0);
            for mut record in log.records(from) {
                records += 1;
                while let Some(text) = record.text() {
                    // What is replaced takes three bytes for one.
                    assert!(text.len() <= 64 * 8 * 3);
                    words += 1;
                }
                while record.word().is_some() {
                    words += 1;
                }
            }
            assert!(records <= 64 && words <= 64, "{records} records, {words} words");
        }
    }
}
