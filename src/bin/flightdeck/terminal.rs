//! What the terminal can do.

use crate::args::Color;
use flightdeck::events::Timeline;
use ratatui::crossterm::terminal;
use std::io::{self, IsTerminal};

/// Narrower terminals are left to break lines themselves.
const NARROWEST: u16 = 60;

/// Whether it understands no escape sequences: an editor's shell buffer, for example.
pub fn is_dumb() -> bool {
    std::env::var_os("TERM").is_some_and(|kind| kind == "dumb")
}

/// How results look on standard output.
#[derive(Clone, Copy, Debug)]
pub struct Look {
    pub is_coloured: bool,
    /// Where it is no terminal, lines are as long as they are.
    columns: Option<u16>,
    is_ascii: bool,
}

impl Look {
    pub fn stdout(color: Color) -> Self {
        let is_terminal = io::stdout().is_terminal();
        let columns = terminal::size().ok().filter(|_| is_terminal).map(|(columns, _)| columns);
        Self {
            is_coloured: color.applies(is_terminal),
            columns: columns.filter(|columns| *columns >= NARROWEST),
            is_ascii: is_dumb(),
        }
    }

    /// How long a line may be, where there is an end to it.
    pub fn columns(self) -> Option<usize> {
        self.columns.map(usize::from)
    }

    /// A timeline that looks like this.
    pub fn apply(self, timeline: Timeline<'_>) -> Timeline<'_> {
        let timeline = timeline.colour(self.is_coloured);
        let timeline = if self.is_ascii { timeline.ascii() } else { timeline };
        match self.columns {
            Some(columns) => timeline.within(columns),
            None => timeline,
        }
    }
}
