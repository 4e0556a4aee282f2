//! Lines in blocks, each with its label in front of the first.

use crate::output::{Output, OutputError};
use crate::terminal::Look;
use std::fmt::Display;

/// Columns of a label.
const LABEL: usize = 14;

/// Lines in blocks, each with its label in front of the first.
pub(super) struct Page<'a> {
    output: &'a mut Output,
    look: Look,
    label: &'static str,
}

impl<'a> Page<'a> {
    pub(super) const fn new(output: &'a mut Output, look: Look) -> Self {
        Self { output, look, label: "" }
    }

    /// A line that belongs to no block.
    pub(super) fn plain(&mut self, text: impl Display) -> Result<(), OutputError> {
        self.output.line(text)
    }

    pub(super) fn end_of_part(&mut self) -> Result<(), OutputError> {
        self.output.line("")
    }

    fn bold(&self, text: &str) -> String {
        if self.look.is_coloured { format!("\x1b[1m{text}\x1b[0m") } else { text.to_owned() }
    }

    pub(super) fn headline(&mut self, text: &str) -> Result<(), OutputError> {
        let text = self.bold(text);
        self.output.line(text)
    }

    pub(super) fn block(&mut self, label: &'static str) {
        self.label = label;
    }

    pub(super) fn line(&mut self, text: impl Display) -> Result<(), OutputError> {
        // Padded before it is painted: escapes take no columns.
        let label = format!("{:<LABEL$}", std::mem::take(&mut self.label));
        let label = self.bold(&label);
        let text = text.to_string();
        let mut lines =
            wrapped(text.trim_end(), self.look.columns().map(|columns| columns - LABEL)).into_iter();
        let first = lines.next().unwrap_or_default();
        self.output.line(format!("{label}{first}").trim_end())?;
        lines.try_for_each(|line| self.output.line(format_args!("{:LABEL$}    {line}", "")))
    }
}

/// Broken at blanks, after so many letters at most; what follows the first line is to be indented by four more.
fn wrapped(text: &str, columns: Option<usize>) -> Vec<String> {
    let columns = columns.unwrap_or(usize::MAX);
    let mut lines = vec![];
    let mut rest = text;
    loop {
        let room = if lines.is_empty() { columns } else { columns - 4 };
        let Some((end, letter)) = rest.char_indices().nth(room) else {
            lines.push(rest.to_owned());
            return lines;
        };
        // A word that is longer than a line is left to the terminal.
        let whole =
            rest.get(..end + letter.len_utf8()).and_then(|line| line.rfind(' ')).filter(|at| *at > room / 3);
        let cut = whole.or_else(|| rest.get(end..)?.find(' ').map(|at| end + at));
        let Some((line, after)) = cut.and_then(|at| rest.split_at_checked(at)) else {
            lines.push(rest.to_owned());
            return lines;
        };
        lines.push(line.trim_end().to_owned());
        rest = after.trim_start();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_broken_at_blanks() {
        assert_eq!(wrapped("a bc def", None), ["a bc def"]);
        assert_eq!(wrapped("one two three four", Some(9)), ["one two", "three", "four"]);
        assert_eq!(wrapped("exactly nine", Some(12)), ["exactly nine"]);
        assert_eq!(wrapped("supercalifragilistic is long", Some(8)), ["supercalifragilistic", "is", "long"]);
        assert_eq!(wrapped("ä ö ü ß é è", Some(7)), ["ä ö ü ß", "é è"]);
    }
}
