//! Fields onto as many lines as they need.

use std::fmt::{self, Display, Write};

/// Less room than this is as good as none.
const LEAST: usize = 20;

/// Puts pieces of text behind each other, and those that would go beyond a column on lines of their own.
pub(super) struct Wrap<'a> {
    /// The last column, if there is one.
    within: Option<usize>,
    column: usize,
    /// What further lines begin with, and its columns.
    hanging: &'a str,
    indent: usize,
}

impl<'a> Wrap<'a> {
    /// Starts behind `column`. Lines after the first begin with `hanging`.
    pub(super) fn new(within: Option<u16>, column: usize, hanging: &'a str) -> Self {
        let indent = hanging.chars().count();
        let within = within.map(usize::from).filter(|within| *within >= indent + LEAST);
        Self { within, column, hanging, indent }
    }

    /// What the first line begins with. Behind it, lines may be broken.
    pub(super) fn begin<T: Display>(
        &mut self,
        out: &mut impl Write,
        piece: &str,
        paint: impl Fn(String) -> T,
    ) -> fmt::Result {
        let room = self.within.map_or(usize::MAX, |within| within.saturating_sub(self.column).max(LEAST));
        self.broken(out, piece, room, paint)
    }

    /// The next piece, after a space. One that is longer than a line is broken, at a space where that is near.
    pub(super) fn put(&mut self, out: &mut impl Write, piece: &str) -> fmt::Result {
        let length = piece.chars().count();
        let Some(within) = self.within else { return write!(out, " {piece}") };
        if self.column + 1 + length <= within {
            self.column += 1 + length;
            return write!(out, " {piece}");
        }
        self.next_line(out)?;
        self.broken(out, piece, within - self.indent, |text| text)
    }

    fn next_line(&mut self, out: &mut impl Write) -> fmt::Result {
        self.column = self.indent;
        write!(out, "\n{}", self.hanging)
    }

    /// The first line has room for so many characters.
    fn broken<T: Display>(
        &mut self,
        out: &mut impl Write,
        piece: &str,
        mut room: usize,
        paint: impl Fn(String) -> T,
    ) -> fmt::Result {
        let mut rest: Vec<char> = piece.chars().collect();
        while rest.len() > room {
            let line = rest.get(..=room).unwrap_or_default();
            let space = line.iter().rposition(|char| *char == ' ').filter(|space| *space > room / 2);
            let line: String = rest.drain(..space.unwrap_or(room)).collect();
            rest.drain(..usize::from(space.is_some()));
            write!(out, "{}", paint(line))?;
            self.next_line(out)?;
            room = self.within.map_or(usize::MAX, |within| within - self.indent);
        }
        self.column += rest.len();
        write!(out, "{}", paint(rest.into_iter().collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrapped(within: Option<u16>, name: &str, pieces: &[&str]) -> Vec<String> {
        let mut text = String::new();
        let mut wrap = Wrap::new(within, 0, "    ");
        wrap.begin(&mut text, name, |text| text).unwrap();
        pieces.iter().for_each(|piece| wrap.put(&mut text, piece).unwrap());
        text.lines().map(str::to_owned).collect()
    }

    #[test]
    fn pieces_go_on_the_line_as_long_as_they_fit() {
        let long = "x".repeat(45);
        let pieces = ["a=1", "b=12345678901", "c=3", &long];
        assert_eq!(wrapped(None, "name", &pieces[..3]), ["name a=1 b=12345678901 c=3"]);
        let full = format!("    {}", "x".repeat(20));
        let lines = ["name a=1 b=12345678901", "    c=3", &full, &full, "    xxxxx"];
        assert_eq!(wrapped(Some(24), "name", &pieces), lines);
        assert_eq!(wrapped(Some(23), "name", &pieces[..3]), ["name a=1 b=12345678901 c=3"], "too narrow");
    }

    #[test]
    fn what_is_longer_than_a_line_is_broken_at_a_space() {
        let text = "text=the quick brown fox jumps over it";
        let lines = ["n", "    text=the quick brown", "    fox jumps over it"];
        assert_eq!(wrapped(Some(24), "n", &[text]), lines);
        let lines = ["a_name_that_does_not_fit", "    _at_all n=5"];
        assert_eq!(wrapped(Some(24), "a_name_that_does_not_fit_at_all", &["n=5"]), lines);
    }
}
