//! What changed: named values before and after, of which only those that differ are stored.
//!
//! Stored, each change is its name (as text), a word of two tags, and the two values as any field would be.

use super::payload::{Encode, Length, Payload, take_bytes, take_value, take_word};
use super::privacy::{Hide, Privacy, Pseudonym, Secret};
use super::schema::FieldType;
use super::value::Value;
use std::fmt;

/// A named value before and after. Of a field of type `diff` only those are stored in which the two differ.
///
/// ```
/// use flightdeck::events::{Change, Events, Value};
/// flightdeck::kind! { Repriced("order.repriced") { order: u64, changes: diff } }
///
/// let events = Events::builder().build()?;
/// let changes = [
///     Change::of("price", 1.25, 1.5),
///     Change::of("venue", "XETRA", "XETRA"),
///     Change::of("pin", "1234", "4321").secret(),
/// ];
/// events.record(Repriced { order: 7, changes: &changes });
///
/// let answer = events.query().run()?;
/// let event = answer.iter().next().expect("recorded above");
/// let Some(Value::Diff(diff)) = event.field("changes") else { panic!("a diff") };
/// assert_eq!(diff.to_string(), "price: 1.25 -> 1.5, pin: <secret, 4 bytes> -> <secret, 4 bytes>");
/// assert_eq!(diff.iter().next().map(|price| price.after()), Some(Value::F64(1.5)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy)]
pub struct Change<'a> {
    name: &'a str,
    before: Value<'a>,
    after: Value<'a>,
    privacy: Privacy,
}

impl<'a> Change<'a> {
    /// A change of the value called `name`.
    #[inline]
    #[must_use]
    pub fn of(name: &'a str, before: impl Into<Value<'a>>, after: impl Into<Value<'a>>) -> Self {
        Self { name, before: before.into(), after: after.into(), privacy: Privacy::Open }
    }

    /// The same of values that are never stored: a mark and their lengths stand in their place.
    #[must_use]
    pub fn secret(mut self) -> Self {
        self.privacy = Privacy::Secret;
        self
    }

    /// The same of values that are stored as [pseudonyms](Pseudonym).
    #[must_use]
    pub fn personal(mut self) -> Self {
        self.privacy = Privacy::Personal;
        self
    }

    /// What the value is called.
    #[must_use]
    pub fn name(&self) -> &'a str {
        self.name
    }

    /// The value before.
    #[must_use]
    pub fn before(&self) -> Value<'a> {
        self.before
    }

    /// The value after.
    #[must_use]
    pub fn after(&self) -> Value<'a> {
        self.after
    }

    /// Whether the two differ. Of floating-point numbers the bits count: a NaN that stays is no change.
    #[must_use]
    pub fn differs(&self) -> bool {
        !self.before.is_same(&self.after)
    }

    fn words(&self, longest: usize) -> usize {
        let side = |value: &Value<'_>| match self.privacy {
            Privacy::Open => value.words(longest),
            Privacy::Secret | Privacy::Personal => 1,
        };
        self.name.words(longest) + 1 + side(&self.before) + side(&self.after)
    }

    fn encode(&self, payload: &mut Payload<'_>) {
        self.name.encode(payload);
        let tag = |value| u64::from(Tag::of(value, self.privacy).0);
        payload.word(tag(&self.before) | tag(&self.after) << 8);
        for value in [self.before, self.after] {
            match self.privacy {
                Privacy::Open => value.encode(payload),
                Privacy::Secret => Secret(value).encode(payload),
                Privacy::Personal => payload.personal(&value),
            }
        }
    }
}

impl fmt::Display for Change<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let side = |f: &mut fmt::Formatter<'_>, value: &Value<'_>| match self.privacy {
            Privacy::Open => write!(f, "{value}"),
            Privacy::Secret => write!(f, "{:?}", Secret(*value)),
            Privacy::Personal => f.write_str("<personal>"),
        };
        write!(f, "{}: ", self.name)?;
        side(f, &self.before)?;
        f.write_str(" -> ")?;
        side(f, &self.after)
    }
}

/// As it is shown: what is secret or personal stays so.
impl fmt::Debug for Change<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Change({self})")
    }
}

/// What a value in a diff is: a type of field, or what stands in place of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Tag(u8);

impl Tag {
    /// By number. A diff in a diff is not among them: [`Tag::of`] takes it for bytes, which its words are.
    const TYPES: [FieldType; 6] =
        [FieldType::U64, FieldType::I64, FieldType::F64, FieldType::Bool, FieldType::Str, FieldType::Bytes];
    const SECRET: Self = Self(6);
    const PERSONAL: Self = Self(7);

    fn of(value: &Value<'_>, privacy: Privacy) -> Self {
        match (privacy, value) {
            (Privacy::Secret, _) | (Privacy::Open, Value::Secret { .. }) => Self::SECRET,
            (Privacy::Personal, _) | (Privacy::Open, Value::Personal(_)) => Self::PERSONAL,
            (Privacy::Open, value) => {
                let number = Self::TYPES.iter().position(|known| Some(*known) == value.field_type());
                Self(number.map_or(5, |number| number as u8))
            }
        }
    }

    fn take<'a>(self, bytes: &mut &'a [u8]) -> Option<Value<'a>> {
        match self {
            Self::SECRET => Some(Value::Secret { bytes: take_word(bytes)? }),
            Self::PERSONAL => Some(Value::Personal(Pseudonym::from_word(take_word(bytes)?))),
            Self(number) => take_value(bytes, *Self::TYPES.get(usize::from(number))?),
        }
    }
}

impl Encode for &[Change<'_>] {
    fn words(&self, longest: usize) -> usize {
        let changes = self.iter().filter(|change| change.differs());
        1 + changes.map(|change| change.words(longest)).sum::<usize>()
    }
    fn encode(&self, payload: &mut Payload<'_>) {
        let words = Encode::words(self, payload.longest());
        payload.word(Length::whole((words - 1) * 8).word());
        self.iter().filter(|change| change.differs()).for_each(|change| change.encode(payload));
    }
}

/// Changes as they were stored: of what was given, what differed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Diff<'a>(&'a [u8]);

impl<'a> Diff<'a> {
    pub(crate) fn stored(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(crate) fn bytes(&self) -> &'a [u8] {
        self.0
    }

    /// The changes, in the order given. Ends early where the bytes do not bear it out.
    pub fn iter(&self) -> impl Iterator<Item = Change<'a>> + use<'a> {
        let mut rest = self.0;
        std::iter::from_fn(move || {
            let name = str::from_utf8(take_bytes(&mut rest)?.0).ok()?;
            let [before, after, ..] = take_word(&mut rest)?.to_le_bytes();
            let before = Tag(before).take(&mut rest)?;
            let after = Tag(after).take(&mut rest)?;
            Some(Change { name, before, after, privacy: Privacy::Open })
        })
    }
}

impl Hide for Diff<'_> {
    fn expose<R>(&self, body: impl FnOnce(&[u8]) -> R) -> R {
        body(self.0)
    }
}

/// `price: 1.25 -> 1.5, venue: XETRA -> LSE`.
impl fmt::Display for Diff<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, change) in self.iter().enumerate() {
            write!(f, "{}{change}", if i == 0 { "" } else { ", " })?;
        }
        Ok(())
    }
}

impl fmt::Debug for Diff<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Diff({self})")
    }
}
