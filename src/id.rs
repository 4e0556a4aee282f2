//! The identities that the parts exchange: plain values, no meaning hidden in them.

use std::fmt;
use std::num::ParseIntError;
use std::str::FromStr;

/// What a host works for: a request, an order, a trace. 128 bits, as a W3C trace id; zero means none.
///
/// ```
/// use flightdeck::CorrelationId;
/// let id: CorrelationId = "b0103bb0161ad7fa352fe1828eeb643a".parse()?;
/// assert_eq!(id.to_string(), "b0103bb0161ad7fa352fe1828eeb643a");
/// assert_eq!(CorrelationId::from(7_u64).get(), 7);
/// # Ok::<(), std::num::ParseIntError>(())
/// ```
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CorrelationId(u128);

impl CorrelationId {
    /// No id: such records are kept and found by time, and no index holds them.
    pub const NONE: Self = Self(0);

    /// An id of these 128 bits.
    #[must_use]
    pub const fn new(value: u128) -> Self {
        Self(value)
    }

    /// The 128 bits.
    #[must_use]
    pub const fn get(self) -> u128 {
        self.0
    }

    /// Whether this is [`CorrelationId::NONE`].
    #[must_use]
    pub const fn is_none(self) -> bool {
        self.0 == 0
    }

    pub(crate) const fn halves(self) -> (u64, u64) {
        ((self.0 >> 64) as u64, self.0 as u64)
    }

    pub(crate) const fn from_halves(high: u64, low: u64) -> Self {
        Self(((high as u128) << 64) | low as u128)
    }
}

impl From<u128> for CorrelationId {
    fn from(value: u128) -> Self {
        Self(value)
    }
}

impl From<u64> for CorrelationId {
    fn from(value: u64) -> Self {
        Self(value.into())
    }
}

/// Up to 32 hexadecimal digits.
impl FromStr for CorrelationId {
    type Err = ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        u128::from_str_radix(text, 16).map(Self)
    }
}

impl fmt::Display for CorrelationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Debug for CorrelationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CorrelationId({self})")
    }
}

/// One stretch of work inside a request. 64 bits, as a W3C parent id; zero means none.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SpanId(u64);

impl SpanId {
    /// No span.
    pub const NONE: Self = Self(0);

    /// An id of these 64 bits.
    #[must_use]
    pub const fn new(value: u64) -> Self {
        Self(value)
    }

    /// The 64 bits.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }

    /// Whether this is [`SpanId::NONE`].
    #[must_use]
    pub const fn is_none(self) -> bool {
        self.0 == 0
    }
}

/// Up to 16 hexadecimal digits.
impl FromStr for SpanId {
    type Err = ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        u64::from_str_radix(text, 16).map(Self)
    }
}

impl fmt::Display for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl fmt::Debug for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SpanId({self})")
    }
}

/// The number of a config snapshot: 1 for the first, one more for each that replaced another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Revision(u64);

impl Revision {
    /// The revision a config starts with.
    pub const FIRST: Self = Self(1);

    /// The number.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }

    #[must_use]
    pub(crate) const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// The identity of a deck (or of a part used alone) in this process. Never used twice, so what a
/// thread remembers of a dropped deck is a miss and never a wrong hit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct DeckId(u64);

impl DeckId {
    /// What an empty entry holds.
    pub(crate) const NONE: Self = Self(0);

    pub(crate) fn unique() -> Self {
        Self(crate::sync::unique_number())
    }
}
