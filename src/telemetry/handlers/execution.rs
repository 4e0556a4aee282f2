//! What a handler is told.

use std::time::Duration;

/// Something measured.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Measurement {
    /// A number that is never negative.
    U64(u64),
    /// An integer.
    I64(i64),
    /// A number.
    F64(f64),
    /// A time.
    Duration(Duration),
}

/// Something known beside what was measured.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum MetadataValue<'a> {
    /// A number that is never negative.
    U64(u64),
    /// An integer.
    I64(i64),
    /// A number.
    F64(f64),
    /// Yes or no.
    Bool(bool),
    /// Text.
    Str(&'a str),
}

macro_rules! from {
    ($($value:ty: $($type:ty => $variant:ident),*;)*) => {$($(
        impl From<$type> for $value {
            #[inline]
            fn from(value: $type) -> Self {
                Self::$variant(value.into())
            }
        }
    )*)*};
}

from! {
    Measurement: u64 => U64, u32 => U64, u16 => U64, u8 => U64, i64 => I64, i32 => I64, f64 => F64, f32 => F64,
        Duration => Duration;
    MetadataValue<'_>: u64 => U64, u32 => U64, u16 => U64, u8 => U64, i64 => I64, i32 => I64, f64 => F64, f32 => F64,
        bool => Bool;
}

macro_rules! from_usize {
    ($($value:ty)*) => {$(
        impl From<usize> for $value {
            #[inline]
            fn from(value: usize) -> Self {
                Self::U64(value as u64)
            }
        }
    )*};
}

from_usize! { Measurement MetadataValue<'_> }

impl<'a> From<&'a str> for MetadataValue<'a> {
    #[inline]
    fn from(value: &'a str) -> Self {
        Self::Str(value)
    }
}

/// Something that was [executed](super::super::Telemetry::execute): what a handler is told. It lasts as long as the call.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Execution<'a> {
    /// What it is called.
    pub name: &'a str,
    /// What was measured, by name, as it was given.
    pub measurements: &'a [(&'a str, Measurement)],
    /// What is known beside that, by name, as it was given.
    pub metadata: &'a [(&'a str, MetadataValue<'a>)],
}

impl<'a> Execution<'a> {
    /// The first measurement of this name.
    #[must_use]
    pub fn measurement(&self, name: &str) -> Option<Measurement> {
        self.measurements.iter().find(|(of, _)| *of == name).map(|(_, value)| *value)
    }

    /// The first metadata of this name.
    #[must_use]
    pub fn metadata(&self, name: &str) -> Option<MetadataValue<'a>> {
        self.metadata.iter().find(|(of, _)| *of == name).map(|(_, value)| *value)
    }
}
