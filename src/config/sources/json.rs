//! JSON as a tree, with where its names stand. A name that is in a section twice is refused.

use super::place::{Place, Step};
use super::position::{Lines, Parts, Position, Spot};
use super::problem::Problem;
use super::text::{MOST_ERRORS, Reading, Said};
use serde_json::Value;
use std::collections::BTreeMap;

pub(super) fn read(reading: &Reading<'_>) -> Result<Said, Vec<Problem>> {
    let tree: Value = serde_json::from_str(reading.text).map_err(|error| {
        let position = Position::new(error.line().max(1), error.column().max(1));
        let text = error.to_string();
        // It says where at the end, which the origin says already.
        let reason = text.rsplit_once(" at line ").map_or(text.as_str(), |(reason, _)| reason);
        vec![reading.syntax(Some(position), reason)]
    })?;
    let lines = Lines::of(reading.text);
    let mut scan = Scan { reading, lines: &lines, at: 0, place: Place::root(), problems: Vec::new() };
    let spot = scan.value();
    match (scan.problems, spot) {
        (problems, spot) if problems.is_empty() => Ok(Said { tree, spot }),
        (problems, _) => Err(problems),
    }
}

/// Goes through a text that is known to be JSON.
struct Scan<'a> {
    reading: &'a Reading<'a>,
    lines: &'a Lines<'a>,
    at: usize,
    place: Place,
    problems: Vec<Problem>,
}

impl Scan<'_> {
    fn byte(&self) -> Option<u8> {
        self.reading.text.as_bytes().get(self.at).copied()
    }

    /// The next byte that is no blank.
    fn next(&mut self) -> Option<u8> {
        while self.byte().is_some_and(|byte| byte.is_ascii_whitespace()) {
            self.at += 1;
        }
        self.byte()
    }

    /// Whether `byte` comes next; passes it then.
    fn passes(&mut self, byte: u8) -> bool {
        let comes = self.next() == Some(byte);
        self.at += usize::from(comes);
        comes
    }

    /// None where it is no JSON after all.
    fn value(&mut self) -> Option<Spot> {
        let first = self.next()?;
        let position = self.lines.position(self.at);
        let parts = match first {
            b'{' => Parts::Names(self.names()?),
            b'[' => Parts::Elements(self.elements()?),
            b'"' => {
                self.text()?;
                Parts::None
            }
            _ => {
                while self
                    .byte()
                    .is_some_and(|byte| !matches!(byte, b',' | b']' | b'}') && !byte.is_ascii_whitespace())
                {
                    self.at += 1;
                }
                Parts::None
            }
        };
        Some(Spot { position, parts })
    }

    fn inside(&mut self, step: Step) -> Option<Spot> {
        self.place.push(step);
        let spot = self.value();
        self.place.pop();
        spot
    }

    fn names(&mut self) -> Option<BTreeMap<String, Spot>> {
        let mut names = BTreeMap::new();
        self.at += 1;
        if self.passes(b'}') {
            return Some(names);
        }
        loop {
            self.next()?;
            let position = self.lines.position(self.at);
            let name: String = serde_json::from_str(self.text()?).ok()?;
            self.passes(b':');
            let Spot { parts, .. } = self.inside(Step::Name(name.as_str().into()))?;
            if names.contains_key(&name) && self.problems.len() < MOST_ERRORS {
                let (origin, path) =
                    (self.reading.at(position), self.place.clone().child(name.as_str()).to_string());
                self.problems.push(Problem::Duplicate { origin, path });
            }
            names.insert(name, Spot { position, parts });
            if !self.passes(b',') {
                return self.passes(b'}').then_some(names);
            }
        }
    }

    fn elements(&mut self) -> Option<Vec<Spot>> {
        let mut elements = Vec::new();
        self.at += 1;
        if self.passes(b']') {
            return Some(elements);
        }
        loop {
            elements.push(self.inside(Step::Index(elements.len()))?);
            if !self.passes(b',') {
                return self.passes(b']').then_some(elements);
            }
        }
    }

    /// Passes a text in quotes, and gives it with them.
    fn text(&mut self) -> Option<&str> {
        let start = self.at;
        self.at += 1;
        loop {
            match self.byte()? {
                b'"' => break,
                b'\\' => self.at += 2,
                _ => self.at += 1,
            }
        }
        self.at += 1;
        self.reading.text.get(start..self.at)
    }
}
