//! Retention classes: what keeps a flood of one sort of events from overwriting another.

use std::fmt;

/// How long events of a kind are worth keeping, against those of other kinds.
///
/// Each shard has a ring per class, so events overwrite none but those of their own class: a flood of verbose
/// events does not take a single critical one. How much memory each class gets is set by
/// [`Builder::shares`](super::Builder::shares).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Class {
    /// Rare and wanted long after: failures, changes of config, restarts.
    Critical = 0,
    /// What requests do.
    #[default]
    Normal = 1,
    /// Detail by the million.
    Verbose = 2,
}

impl Class {
    /// All, most precious first.
    pub const ALL: [Self; 3] = [Self::Critical, Self::Normal, Self::Verbose];

    /// The lower-case name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Critical => "critical",
            Self::Normal => "normal",
            Self::Verbose => "verbose",
        }
    }

    /// The class of a stored number; what is out of range counts as verbose.
    pub(crate) const fn from_bits(bits: u8) -> Self {
        match bits {
            0 => Self::Critical,
            1 => Self::Normal,
            _ => Self::Verbose,
        }
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// One of something for each class.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PerClass<T>(pub(crate) [T; Class::ALL.len()]);

impl<T> PerClass<T> {
    /// One for each class.
    pub fn of(one: impl FnMut(Class) -> T) -> Self {
        Self(Class::ALL.map(one))
    }

    /// Each class with its own, most precious first.
    #[inline]
    pub fn iter(&self) -> impl Iterator<Item = (Class, &T)> {
        // A slice: an array that is iterated over is copied first.
        const ALL: &[Class] = &Class::ALL;
        ALL.iter().copied().zip(&self.0)
    }
}

impl<T> std::ops::Index<Class> for PerClass<T> {
    type Output = T;

    #[inline(always)]
    fn index(&self, class: Class) -> &T {
        &self.0[class as usize]
    }
}

impl<T> std::ops::IndexMut<Class> for PerClass<T> {
    fn index_mut(&mut self, class: Class) -> &mut T {
        &mut self.0[class as usize]
    }
}
