//! Fields as words: how values are stored in a record and read back.
//!
//! | field | words |
//! |---|---|
//! | number, boolean | one |
//! | text, bytes | a [`Length`], and the bytes, little-endian, filled up with zeros |
//! | `diff` | a [`Length`], and the changes: see `diff` |
//! | `secret` | one: how many bytes it had |
//! | `personal` | one: its [`Pseudonym`](super::Pseudonym) |
//!
//! **Cutting costs short events nothing.** A value can only be too long in an event that is longer than one value may
//! be, so the write path compares the length of the whole record, as it has to anyway, and sends the long
//! ones through a second copy of itself that looks at each value. In the first copy `longest` is a constant that
//! no length exceeds, and the comparisons fold away.

use super::diff::Diff;
use super::privacy::{Aside, Hide, Privacy, Pseudonym, Pseudonyms};
use super::schema::{Field, FieldType};
use super::value::Value;
use crate::region::store_chunks;
use crate::sync::{AtomicU64, Relaxed};

/// As `longest`: no value is cut.
pub(crate) const ANY_LENGTH: usize = usize::MAX;

/// The word before bytes: how many there are, and how many there were before they were cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Length(u64);

impl Length {
    /// Bits for what is stored: more than the longest record has bytes.
    const STORED: u32 = 24;
    /// The greatest length before a cut that can be told: a tebibyte.
    const MOST: u64 = (1 << (64 - Self::STORED)) - 1;

    /// Of bytes that are all there. More than any record holds come out wrong, in a record that is refused.
    #[inline(always)]
    pub(crate) const fn whole(bytes: usize) -> Self {
        Self(bytes as u64)
    }

    pub(crate) fn cut(stored: usize, original: u64) -> Self {
        // Zero stands for "not cut", and a cut value had a byte at least.
        Self(stored as u64 | original.clamp(1, Self::MOST) << Self::STORED)
    }

    #[inline(always)]
    pub(crate) const fn from_word(word: u64) -> Self {
        Self(word)
    }

    #[inline(always)]
    pub(crate) const fn word(self) -> u64 {
        self.0
    }

    /// How many bytes are stored.
    pub(crate) const fn stored(self) -> usize {
        (self.0 & ((1 << Self::STORED) - 1)) as usize
    }

    /// How many there were, if some were cut off.
    pub(crate) fn original(self) -> Option<u64> {
        Some(self.0 >> Self::STORED).filter(|original| *original > 0)
    }
}

/// What becomes of personal values.
#[derive(Debug)]
pub(crate) enum Personals<'a> {
    /// Their pseudonyms are stored.
    Now(&'a Pseudonyms),
    /// They wait until it is known which store they go to.
    Later(&'a mut Aside),
}

/// Where the fields of one event go: a stretch of ring, reserved and not yet published.
#[derive(Debug)]
pub struct Payload<'a> {
    words: std::slice::Iter<'a, AtomicU64>,
    personals: Personals<'a>,
    /// A longer value is cut.
    longest: usize,
    /// How many were.
    cut: u64,
}

impl<'a> Payload<'a> {
    #[inline(always)]
    pub(crate) fn new(words: &'a [AtomicU64], personals: Personals<'a>, longest: usize) -> Self {
        Self { words: words.iter(), personals, longest, cut: 0 }
    }

    /// Stores the next word; what does not fit the reservation is left out.
    #[inline(always)]
    pub(crate) fn word(&mut self, word: u64) {
        if let Some(place) = self.words.next() {
            place.store(word, Relaxed);
        }
    }

    /// Stores the pseudonym of a personal value.
    #[inline(always)]
    pub(crate) fn personal(&mut self, value: &impl Hide) {
        let word = match &mut self.personals {
            Personals::Now(pseudonyms) => pseudonyms.of(value).word(),
            Personals::Later(aside) => aside.put(value, self.words.len()),
        };
        self.word(word);
    }

    /// The longest value that is not cut.
    #[inline(always)]
    pub(crate) fn longest(&self) -> usize {
        self.longest
    }

    #[inline(always)]
    pub(crate) fn bytes(&mut self, length: Length, bytes: &[u8]) {
        self.word(length.word());
        let (whole, rest) = bytes.as_chunks::<8>();
        let places = self.words.as_slice();
        store_chunks(places, whole);
        self.words = places.get(whole.len()..).unwrap_or_default().iter();
        if !rest.is_empty() {
            self.word(last_word(bytes, rest));
        }
    }

    /// As many of the bytes as are allowed, and their length before and after.
    ///
    /// No call takes this value by reference, in no branch: it would lie in memory then, for short values too.
    #[inline(always)]
    fn limited<'v>(&mut self, bytes: &'v [u8]) -> (Length, &'v [u8]) {
        if bytes.len() > self.longest {
            self.cut += 1;
            (Length::cut(self.longest, bytes.len() as u64), &bytes[..self.longest])
        } else {
            (Length::whole(bytes.len()), bytes)
        }
    }

    /// The same of text.
    #[inline(always)]
    fn limited_text<'v>(&mut self, text: &'v str) -> (Length, &'v [u8]) {
        if text.len() > self.longest {
            self.cut += 1;
            let kept = beginning(text, self.longest);
            (Length::cut(kept.len(), text.len() as u64), kept.as_bytes())
        } else {
            (Length::whole(text.len()), text.as_bytes())
        }
    }

    /// Overwrites what the event announced and did not store. How many values were cut.
    #[inline(always)]
    pub(crate) fn finish(self) -> u64 {
        self.words.for_each(|place| place.store(0, Relaxed));
        self.cut
    }
}

/// The `rest` that `bytes` end with, fewer than eight, as a word filled up with zeros.
#[inline(always)]
fn last_word(bytes: &[u8], rest: &[u8]) -> u64 {
    match bytes.last_chunk::<8>() {
        // With bytes before them that are shifted out again.
        Some(last) => u64::from_le_bytes(*last) >> (64 - 8 * rest.len()),
        None => rest.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte)),
    }
}

/// A value that can be a field.
#[doc(hidden)]
pub trait Encode {
    /// How many words it takes, if no value is longer than so many bytes.
    fn words(&self, longest: usize) -> usize;
    fn encode(&self, payload: &mut Payload<'_>);
}

macro_rules! one_word {
    ($($type:ty, $value:ident => $word:expr;)*) => {$(
        impl Encode for $type {
            #[inline(always)]
            fn words(&self, _longest: usize) -> usize {
                1
            }
            #[inline(always)]
            fn encode(&self, payload: &mut Payload<'_>) {
                let $value = *self;
                payload.word($word);
            }
        }
    )*};
}

one_word! {
    u64, value => value;
    i64, value => value.cast_unsigned();
    f64, value => value.to_bits();
    bool, value => u64::from(value);
}

/// Words of a value of so many bytes.
#[inline(always)]
fn words_of(bytes: usize) -> usize {
    1 + bytes.div_ceil(8)
}

impl Encode for &[u8] {
    #[inline(always)]
    fn words(&self, longest: usize) -> usize {
        words_of(if self.len() > longest { longest } else { self.len() })
    }
    #[inline(always)]
    fn encode(&self, payload: &mut Payload<'_>) {
        let (length, kept) = payload.limited(self);
        payload.bytes(length, kept);
    }
}

/// What is kept of a longer text: whole characters, so up to three bytes less than allowed.
#[cold]
pub(crate) fn beginning(text: &str, longest: usize) -> &str {
    let end = (0..=longest).rev().find(|end| text.is_char_boundary(*end));
    &text[..end.unwrap_or_default()]
}

impl Encode for &str {
    #[inline(always)]
    fn words(&self, longest: usize) -> usize {
        words_of(if self.len() > longest { beginning(self, longest).len() } else { self.len() })
    }
    #[inline(always)]
    fn encode(&self, payload: &mut Payload<'_>) {
        let (length, kept) = payload.limited_text(self);
        payload.bytes(length, kept);
    }
}

/// The fields of a payload that was read. Ends early where the words do not bear out the schema.
#[inline]
pub(crate) fn decode<'a>(
    fields: &'a [Field],
    payload: &'a [u8],
) -> impl Iterator<Item = (&'a Field, Value<'a>)> {
    let mut rest = payload;
    fields.iter().map_while(move |field| {
        let value = match field.privacy {
            Privacy::Open => take_value(&mut rest, field.field_type)?,
            Privacy::Secret => Value::Secret { bytes: take_word(&mut rest)? },
            Privacy::Personal => Value::Personal(Pseudonym::from_word(take_word(&mut rest)?)),
        };
        Some((field, value))
    })
}

/// The value that `bytes` begin with.
#[inline]
pub(crate) fn take_value<'a>(bytes: &mut &'a [u8], field_type: FieldType) -> Option<Value<'a>> {
    Some(match field_type {
        FieldType::U64 => Value::U64(take_word(bytes)?),
        FieldType::I64 => Value::I64(take_word(bytes)?.cast_signed()),
        FieldType::F64 => Value::F64(f64::from_bits(take_word(bytes)?)),
        FieldType::Bool => Value::Bool(take_word(bytes)? != 0),
        FieldType::Str => {
            let (kept, original) = take_bytes(bytes)?;
            match (str::from_utf8(kept), original) {
                (Ok(kept), None) => Value::Str(kept),
                (Ok(kept), Some(bytes)) => Value::CutStr { kept, bytes },
                (Err(_), None) => Value::Bytes(kept),
                (Err(_), Some(bytes)) => Value::CutBytes { kept, bytes },
            }
        }
        FieldType::Bytes => match take_bytes(bytes)? {
            (kept, None) => Value::Bytes(kept),
            (kept, Some(bytes)) => Value::CutBytes { kept, bytes },
        },
        FieldType::Diff => Value::Diff(Diff::stored(take_bytes(bytes)?.0)),
    })
}

#[inline]
pub(crate) fn take_word(bytes: &mut &[u8]) -> Option<u64> {
    let (word, rest) = bytes.split_first_chunk::<8>()?;
    *bytes = rest;
    Some(u64::from_le_bytes(*word))
}

/// Bytes and, if some were cut off, how many there were.
pub(crate) fn take_bytes<'a>(bytes: &mut &'a [u8]) -> Option<(&'a [u8], Option<u64>)> {
    let length = Length::from_word(take_word(bytes)?);
    let stored = bytes.get(..length.stored())?;
    *bytes = bytes.get(length.stored().next_multiple_of(8)..)?;
    Some((stored, length.original()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_give_back_what_went_in() {
        assert_eq!((Length::whole(0).stored(), Length::whole(0).original()), (0, None));
        for stored in [0, 1, 10_000, (1 << 24) - 1] {
            let whole = Length::from_word(Length::whole(stored).word());
            assert_eq!((whole.stored(), whole.original()), (stored, None));
            for original in [1, 10_001, 1 << 39] {
                let cut = Length::from_word(Length::cut(stored, original).word());
                assert_eq!((cut.stored(), cut.original()), (stored, Some(original)));
            }
        }
        assert_eq!(Length::cut(5, u64::MAX).original(), Some((1 << 40) - 1), "told as well as it can be");
    }
}
