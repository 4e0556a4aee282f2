//! Records out of bytes: lines, or several lines where a quoted field runs over them. Memory is bounded
//! by the longest line that is taken; a longer one is skipped as it streams by.

use std::collections::VecDeque;
use std::io::{self, Read};

/// The longest record that is held, in bytes: what a store takes in one event, 1 MiB, less what numbers and names of
/// fields take there more than in text. A longer line is named as broken, rather than lost among the events.
pub const LONGEST_LINE: usize = (1 << 20) - (16 << 10);

/// How much is read at once.
const STEP: usize = 256 << 10;

/// How much of an input is looked at to find its format.
const HEAD: usize = 64 << 10;

/// The records of one input.
pub struct Records<R> {
    source: R,
    buffer: Vec<u8>,
    /// `buffer[start..end]` is read and not yet given out.
    start: usize,
    end: usize,
    is_at_end: bool,
    longest: usize,
    /// The line that starts at `start`, from 1.
    line: u64,
    /// Where the last record's second line starts, if it has one.
    second_line: Option<usize>,
    /// Long lines that were passed while looking for the format: line and length.
    skipped: VecDeque<(u64, u64)>,
    read: u64,
}

/// What comes next in an input.
#[derive(Debug, PartialEq, Eq)]
pub enum Item<'a> {
    /// A record without the end of its last line.
    Record {
        /// The line that it starts on, from 1.
        line: u64,
        bytes: &'a [u8],
    },
    /// A line longer than is held.
    TooLong {
        /// From 1.
        line: u64,
        /// Its length.
        bytes: u64,
    },
}

impl<R: Read> Records<R> {
    pub fn new(source: R, longest: usize) -> Self {
        Self {
            source,
            buffer: Vec::new(),
            start: 0,
            end: 0,
            is_at_end: false,
            longest: longest.max(1),
            line: 1,
            second_line: None,
            skipped: VecDeque::new(),
            read: 0,
        }
    }

    /// Bytes read from the input so far.
    pub fn bytes_read(&self) -> u64 {
        self.read
    }

    /// The first bytes of what comes next, and whether that is all there is. Reads on until there are
    /// 64 KiB, or one line at least.
    pub fn head(&mut self) -> io::Result<(&[u8], bool)> {
        loop {
            let pending = self.pending();
            let is_enough =
                pending.len() >= HEAD && (pending.contains(&b'\n') || pending.len() > self.longest);
            if is_enough || self.is_at_end {
                break;
            }
            self.fill()?;
        }
        let head = self.pending();
        let shown = if self.is_at_end { head.len() } else { head.len().min(HEAD.max(first_line(head))) };
        Ok((head.get(..shown).unwrap_or(head), self.is_at_end))
    }

    /// Passes the next line if it is longer than is held, for [`Records::head`] to look behind it; it
    /// is still reported by [`Records::next`]. Whether there was such a line.
    pub fn skip_long_line(&mut self) -> io::Result<bool> {
        let is_long = first_line(self.pending()) > self.longest;
        if is_long {
            let line = self.line;
            let bytes = self.skip_line()?;
            self.skipped.push_back((line, bytes));
        }
        Ok(is_long)
    }

    /// The next record; `None` at the end. With `is_quoted`, a line with an odd number of quotes goes on
    /// in the next; if it never closes (in this input, or within the longest record), the line stands
    /// alone.
    pub fn next(&mut self, is_quoted: bool) -> io::Result<Option<Item<'_>>> {
        self.second_line = None;
        let mut scan = Scan::default();
        if let Some((line, bytes)) = self.skipped.pop_front() {
            return Ok(Some(Item::TooLong { line, bytes }));
        }
        loop {
            if let Some((end, next)) = scan.run(self.pending(), is_quoted)
                && end <= self.longest
            {
                return Ok(Some(self.take(end, next, &scan)));
            }
            let whole = self.end - self.start;
            if whole > self.longest {
                return match scan.second_line {
                    Some(second) if second <= self.longest + 1 => Ok(Some(self.first_alone(second))),
                    _ => self.too_long().map(Some),
                };
            }
            if self.is_at_end {
                return Ok(match scan.second_line {
                    _ if whole == 0 => None,
                    Some(second) if scan.is_open => Some(self.first_alone(second)),
                    _ => {
                        scan.lines += u64::from(scan.is_inside);
                        Some(self.take(whole, whole, &scan))
                    }
                });
            }
            self.fill()?;
        }
    }

    /// Gives all but the first line of the last record back, to be read again as records of their own:
    /// what joined them was a stray quote. Whether there was more than one line.
    pub fn give_back(&mut self) -> bool {
        let Some(second) = self.second_line.take() else { return false };
        let lines = self.buffer.get(second..self.start).unwrap_or_default();
        self.line -= memchr::memchr_iter(b'\n', lines).count() as u64;
        // A last line without its end was counted all the same.
        if lines.last().is_some_and(|byte| *byte != b'\n') {
            self.line -= 1;
        }
        self.start = second;
        true
    }

    fn pending(&self) -> &[u8] {
        self.buffer.get(self.start..self.end).unwrap_or_default()
    }

    /// Gives `end` bytes out and moves on by `next`.
    fn take(&mut self, end: usize, next: usize, scan: &Scan) -> Item<'_> {
        let (at, line) = (self.start, self.line);
        self.start += next;
        self.line += scan.lines;
        self.second_line = scan.second_line.filter(|second| *second < next).map(|second| at + second);
        let bytes = self.buffer.get(at..at + end).unwrap_or_default();
        Item::Record { line, bytes: bytes.strip_suffix(b"\r").unwrap_or(bytes) }
    }

    /// Gives out the line before `second`.
    fn first_alone(&mut self, second: usize) -> Item<'_> {
        self.take(second.saturating_sub(1), second, &Scan { lines: 1, ..Scan::default() })
    }

    fn too_long(&mut self) -> io::Result<Item<'_>> {
        let line = self.line;
        let bytes = self.skip_line()?;
        Ok(Item::TooLong { line, bytes })
    }

    /// Moves behind the next line end without holding what lies before it; returns the line's length.
    fn skip_line(&mut self) -> io::Result<u64> {
        let mut skipped = 0;
        self.line += 1;
        loop {
            let pending = self.pending();
            if let Some(at) = memchr::memchr(b'\n', pending) {
                self.start += at + 1;
                return Ok(skipped + at as u64);
            }
            skipped += pending.len() as u64;
            self.start = self.end;
            if self.is_at_end {
                return Ok(skipped);
            }
            self.fill()?;
        }
    }

    /// Reads once, behind what is pending.
    fn fill(&mut self) -> io::Result<()> {
        if self.start > 0 {
            self.buffer.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        if self.buffer.len() < self.end + STEP {
            self.buffer.resize(self.end + STEP, 0);
        }
        let free = self.buffer.get_mut(self.end..).unwrap_or_default();
        let count = self.source.read(free)?;
        self.is_at_end = count == 0;
        self.end += count;
        self.read += count as u64;
        Ok(())
    }
}

/// How much the first line takes, with its end.
fn first_line(head: &[u8]) -> usize {
    memchr::memchr(b'\n', head).map_or(head.len(), |at| at + 1)
}

/// How far the next record was searched: bytes are looked at once, however often more are read.
#[derive(Default)]
struct Scan {
    done: usize,
    /// Complete lines so far.
    lines: u64,
    /// Whether a line has begun and not ended.
    is_inside: bool,
    /// Whether a quote is open.
    is_open: bool,
    second_line: Option<usize>,
}

impl Scan {
    /// Where the record ends and the next one starts, if `pending` holds as much.
    fn run(&mut self, pending: &[u8], is_quoted: bool) -> Option<(usize, usize)> {
        while let Some(rest) = pending.get(self.done..).filter(|rest| !rest.is_empty()) {
            let length = memchr::memchr(b'\n', rest);
            let line = rest.get(..length.unwrap_or(rest.len())).unwrap_or(rest);
            if is_quoted && memchr::memchr_iter(b'"', line).count() % 2 == 1 {
                self.is_open = !self.is_open;
            }
            self.done += line.len();
            self.is_inside = length.is_none();
            // The line goes on in what is not read yet.
            length?;
            let end = self.done;
            self.done += 1;
            self.lines += 1;
            if !self.is_open {
                return Some((end, self.done));
            }
            self.second_line.get_or_insert(self.done);
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Hands out a few bytes at a time, as a slow pipe does.
    struct Slow<'a>(&'a [u8], usize);

    impl Read for Slow<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let count = self.1.min(self.0.len()).min(buffer.len());
            let (now, later) = self.0.split_at(count);
            buffer[..count].copy_from_slice(now);
            self.0 = later;
            Ok(count)
        }
    }

    fn all(bytes: &[u8], is_quoted: bool, longest: usize, step: usize) -> Vec<(u64, String)> {
        let mut records = Records::new(Slow(bytes, step), longest);
        let mut found = Vec::new();
        while let Some(item) = records.next(is_quoted).unwrap() {
            found.push(match item {
                Item::Record { line, bytes } => (line, String::from_utf8_lossy(bytes).into_owned()),
                Item::TooLong { line, bytes } => (line, format!("<{bytes}>")),
            });
        }
        found
    }

    #[track_caller]
    fn gives(bytes: &str, is_quoted: bool, expected: &[(u64, &str)]) {
        for step in [1, 3, 1_000] {
            let found = all(bytes.as_bytes(), is_quoted, 10, step);
            let found: Vec<_> = found.iter().map(|(line, text)| (*line, text.as_str())).collect();
            assert_eq!(found, expected, "{step} bytes at a time");
        }
    }

    #[test]
    fn lines() {
        gives("", false, &[]);
        gives("a\r\n\nb", false, &[(1, "a"), (2, ""), (3, "b")]);
        gives("\"a\nb\n", false, &[(1, "\"a"), (2, "b")]);
    }

    #[test]
    fn a_long_line_is_skipped_and_measured() {
        gives("0123456789\n", false, &[(1, "0123456789")]);
        gives("a\n01234567890\nb\n", false, &[(1, "a"), (2, "<11>"), (3, "b")]);
        gives("0123456789012345", false, &[(1, "<16>")]);
        gives("0123456789\"12345\nb\"\n", true, &[(1, "<16>"), (2, "b\"")]);
    }

    #[test]
    fn quoted_records_run_over_lines() {
        gives("a,\"b\nc\"\nd\n", true, &[(1, "a,\"b\nc\""), (3, "d")]);
        gives("a,\"b\nc\"", true, &[(1, "a,\"b\nc\"")]);
        gives("\"\"\"\n\"\n", true, &[(1, "\"\"\"\n\"")]);
    }

    #[test]
    fn a_quote_that_never_closes_costs_one_line() {
        gives("\"345678901\n", true, &[(1, "\"345678901")]);
        gives("a\"\nb\nc\n", true, &[(1, "a\""), (2, "b"), (3, "c")]);
        gives("a\"\n2345\n6789\n0123\"\n", true, &[(1, "a\""), (2, "2345"), (3, "6789"), (4, "0123\"")]);
    }

    #[test]
    fn lines_joined_by_a_stray_quote_can_be_given_back() {
        for end in ["", "\n"] {
            let text = format!("a\nb\"\nc\nd\"{end}");
            let mut records = Records::new(text.as_bytes(), 100);
            assert!(records.next(true).unwrap().is_some());
            assert!(!records.give_back());
            assert_eq!(records.next(true).unwrap(), Some(Item::Record { line: 2, bytes: b"b\"\nc\nd\"" }));
            assert!(records.give_back());
            assert_eq!(records.next(true).unwrap(), Some(Item::Record { line: 3, bytes: b"c" }));
            assert_eq!(records.next(true).unwrap(), Some(Item::Record { line: 4, bytes: b"d\"" }));
            assert_eq!(records.next(true).unwrap(), None);
        }
    }

    #[test]
    fn a_head_is_read_without_taking_it() {
        let mut records = Records::new(Slow(b"one\ntwo\n", 2), 100);
        assert_eq!(records.head().unwrap(), (&b"one\ntwo\n"[..], true));
        assert_eq!(records.next(false).unwrap(), Some(Item::Record { line: 1, bytes: b"one" }));
    }

    #[test]
    fn a_long_first_line_can_be_looked_behind_and_is_still_reported() {
        let text = format!("{}\nb\n", "x".repeat(3 * STEP));
        let mut records = Records::new(text.as_bytes(), 100);
        assert!(!records.head().unwrap().1);
        assert!(records.skip_long_line().unwrap());
        assert_eq!(records.head().unwrap(), (&b"b\n"[..], true));
        assert_eq!(records.next(false).unwrap(), Some(Item::TooLong { line: 1, bytes: 3 * STEP as u64 }));
        assert_eq!(records.next(false).unwrap(), Some(Item::Record { line: 2, bytes: b"b" }));
        assert!(records.buffer.len() <= 3 * STEP, "{} bytes held", records.buffer.len());
    }

    proptest! {
        /// Every line comes out exactly once, at its own number, whatever the quotes and the reads.
        #[test]
        fn no_line_is_lost_or_doubled(text in "[a\"\n\r]{0,60}", is_quoted: bool, step in 1..20_usize) {
            let lines: Vec<&str> = text.split_terminator('\n').collect();
            let found = all(text.as_bytes(), is_quoted, 10, step);
            prop_assert_eq!(found.first().map_or(1, |(line, _)| *line), 1);
            for (at, (line, record)) in found.iter().enumerate() {
                let next = found.get(at + 1).map_or(lines.len() as u64 + 1, |(line, _)| *line);
                let whole = lines[*line as usize - 1..next as usize - 1].join("\n");
                if whole.len() > 10 {
                    prop_assert_eq!(record, &format!("<{}>", whole.len()));
                } else {
                    prop_assert_eq!(record, whole.strip_suffix('\r').unwrap_or(&whole));
                }
            }
            prop_assert_eq!(found.is_empty(), lines.is_empty());
        }
    }
}
