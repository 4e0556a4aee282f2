//! The characters of trees and bars, and colours.

use std::fmt::{self, Display};

/// How a timeline is drawn.
#[derive(Clone, Copy, Debug)]
pub(in crate::events) struct Style {
    pub(super) glyphs: &'static Glyphs,
    is_coloured: bool,
}

/// What trees and bars are made of; those of trees are two columns wide, all others one.
#[derive(Debug)]
pub(super) struct Glyphs {
    /// A child that others follow, the last one, what leads past to those that follow, and what leads nowhere.
    pub(super) child: &'static str,
    pub(super) last: &'static str,
    pub(super) past: &'static str,
    pub(super) nothing: &'static str,
    /// Indentation that was left out.
    pub(super) deeper: &'static str,
    /// A span of known and of unknown end, and what takes no time.
    pub(super) bar: char,
    pub(super) open: char,
    pub(super) point: char,
    /// What stands between events.
    pub(super) note: char,
}

const UNICODE: Glyphs = Glyphs {
    child: "├ ",
    last: "└ ",
    past: "│ ",
    nothing: "  ",
    deeper: "┄ ",
    bar: '█',
    open: '░',
    point: '·',
    note: '⋮',
};

const ASCII: Glyphs = Glyphs {
    child: "|-",
    last: "`-",
    past: "| ",
    nothing: "  ",
    deeper: "~ ",
    bar: '=',
    open: '-',
    point: '.',
    note: ':',
};

/// What a colour stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::events) enum Role {
    Name,
    Warning,
    Error,
    Bar,
    Aside,
}

impl Role {
    const fn code(self) -> &'static str {
        match self {
            Self::Name => "\x1b[1m",
            Self::Warning => "\x1b[1;33m",
            Self::Error => "\x1b[1;31m",
            Self::Bar => "\x1b[36m",
            Self::Aside => "\x1b[2m",
        }
    }
}

impl Default for Style {
    fn default() -> Self {
        Self { glyphs: &UNICODE, is_coloured: false }
    }
}

impl Style {
    pub(super) fn ascii(self) -> Self {
        Self { glyphs: &ASCII, ..self }
    }

    pub(in crate::events) fn coloured(self, is_coloured: bool) -> Self {
        Self { is_coloured, ..self }
    }

    /// In the colour of its role, if colours are wanted.
    pub(in crate::events) fn paint<T: Display>(self, role: Role, what: T) -> Painted<T> {
        Painted { role: Some(role).filter(|_| self.is_coloured), what }
    }
}

pub(in crate::events) struct Painted<T> {
    role: Option<Role>,
    what: T,
}

impl<T: Display> Display for Painted<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.role {
            Some(role) => write!(f, "{}{}\x1b[0m", role.code(), self.what),
            None => self.what.fmt(f),
        }
    }
}
