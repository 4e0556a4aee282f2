//! Where in a text something stands.

use super::place::{Place, Step};
use std::collections::BTreeMap;
use std::fmt;

/// A line and a column of a text, each from 1 up; columns count characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub struct Position {
    /// From 1 up.
    pub line: u32,
    /// From 1 up, in characters.
    pub column: u32,
}

impl Position {
    pub(super) fn new(line: usize, column: usize) -> Self {
        let small = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        Self { line: small(line), column: small(column) }
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

/// The lines of a text.
#[derive(Debug)]
pub(super) struct Lines<'a> {
    text: &'a [u8],
    starts: Vec<usize>,
    /// How many characters begin before each block, so that a long line costs no more than short ones.
    counts: Vec<usize>,
}

const BLOCK: usize = 256;

fn characters(bytes: &[u8]) -> usize {
    // All but those in which a character goes on.
    bytes.iter().filter(|byte| **byte & 0xc0 != 0x80).count()
}

impl<'a> Lines<'a> {
    pub(super) fn of(text: &'a str) -> Self {
        let text = text.as_bytes();
        let ends = text.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at + 1);
        let starts = std::iter::once(0).chain(ends).collect();
        let counts = text
            .chunks(BLOCK)
            .scan(0, |before, block| Some(std::mem::replace(before, *before + characters(block))));
        Self { text, starts, counts: counts.collect() }
    }

    /// Where a byte stands.
    pub(super) fn position(&self, at: usize) -> Position {
        let line = self.starts.partition_point(|start| *start <= at).max(1);
        let start = self.starts.get(line - 1).copied().unwrap_or_default();
        Position::new(line, self.before(at).saturating_sub(self.before(start)) + 1)
    }

    /// How many characters begin before a byte.
    fn before(&self, at: usize) -> usize {
        let at = at.min(self.text.len());
        let Some(counted) = self.counts.get(at / BLOCK).or(self.counts.last()) else { return 0 };
        let block = (at / BLOCK).min(self.counts.len() - 1) * BLOCK;
        counted + characters(self.text.get(block..at).unwrap_or_default())
    }
}

/// Where the values of a tree stand, in the shape of the tree. A name stands where it begins, an element where its value does.
#[derive(Debug)]
pub(super) struct Spot {
    pub(super) position: Position,
    pub(super) parts: Parts,
}

#[derive(Debug)]
pub(super) enum Parts {
    None,
    Names(BTreeMap<String, Spot>),
    Elements(Vec<Spot>),
}

impl Spot {
    /// Where the innermost thing around a place stands that the text has.
    pub(super) fn nearest(&self, place: &Place) -> Position {
        let mut spot = self;
        for step in place.segments() {
            let inner = match (&spot.parts, step) {
                (Parts::Names(names), Step::Name(name)) => names.get(&**name),
                (Parts::Elements(elements), Step::Index(index)) => elements.get(*index),
                _ => None,
            };
            match inner {
                Some(inner) => spot = inner,
                None => break,
            }
        }
        spot.position
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_count_characters() {
        let lines = Lines::of("ab\nüx\n");
        let at = |at| lines.position(at).to_string();
        assert_eq!(
            [at(0), at(1), at(2), at(3), at(5), at(7), at(99)],
            ["1:1", "1:2", "1:3", "2:1", "2:2", "3:1", "3:1"]
        );
        assert_eq!(Lines::of("").position(0), Position::new(1, 1));
        let long = format!("x\n{}", "ü".repeat(1_000));
        let lines = Lines::of(&long);
        assert_eq!(lines.position(2 + 2 * 700), Position::new(2, 701));
        assert_eq!(lines.position(long.len()), Position::new(2, 1_001));
        let whole = "y".repeat(BLOCK);
        assert_eq!(Lines::of(&whole).position(BLOCK), Position::new(1, BLOCK + 1));
    }
}
