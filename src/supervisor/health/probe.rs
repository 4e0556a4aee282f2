//! What is asked from outside: the three probes of Kubernetes.

use std::fmt;

/// What somebody asks a host from outside. The words and their meaning are those of Kubernetes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Probe {
    /// Has it started? Once it has, it stays so. Until then it is not ready, and what counts for liveness is not asked.
    Startup,
    /// Can it go on? If not, only a restart helps.
    Live,
    /// Can it take work now? If not, it is given none until it can.
    Ready,
}

impl Probe {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Startup, Self::Live, Self::Ready];

    /// The lower-case name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Startup => "startup",
            Self::Live => "live",
            Self::Ready => "ready",
        }
    }
}

impl fmt::Display for Probe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Some of the probes.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Probes(u8);

impl Probes {
    /// None of them.
    pub const NONE: Self = Self(0);

    /// These.
    #[must_use]
    pub const fn of(probes: &[Probe]) -> Self {
        let (mut bits, mut at) = (0, 0);
        while at < probes.len() {
            bits |= 1 << probes[at] as u8;
            at += 1;
        }
        Self(bits)
    }

    /// Whether this one is among them.
    #[must_use]
    pub const fn contains(self, probe: Probe) -> bool {
        self.0 >> probe as u8 & 1 == 1
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Those of both.
    #[must_use]
    pub const fn and(self, others: Self) -> Self {
        Self(self.0 | others.0)
    }

    /// Each of them.
    pub fn iter(self) -> impl Iterator<Item = Probe> {
        Probe::ALL.into_iter().filter(move |probe| self.contains(*probe))
    }
}

impl FromIterator<Probe> for Probes {
    fn from_iter<I: IntoIterator<Item = Probe>>(probes: I) -> Self {
        probes.into_iter().fold(Self::NONE, |sum, probe| sum.and(Self::of(&[probe])))
    }
}

impl From<Probe> for Probes {
    fn from(probe: Probe) -> Self {
        Self::of(&[probe])
    }
}

impl fmt::Debug for Probes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

/// The names with commas between them, or `none`.
impl fmt::Display for Probes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.iter().map(Probe::name).collect();
        f.pad(&if names.is_empty() { "none".to_owned() } else { names.join(", ") })
    }
}
