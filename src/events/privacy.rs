//! Values that are not stored: secrets, of which a length is left, and personal ones, for which a pseudonym stands.
//!
//! Both are decided where the field is declared and carried out where it is encoded, so a value never reaches
//! the ring: there is nothing to redact later, on any way out.

use super::payload::{Encode, Payload};
use super::value::Value;
use std::fmt;
use std::hash::{BuildHasher, Hasher, RandomState};

/// Whether the values of a field may be stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Privacy {
    /// As they are.
    #[default]
    Open,
    /// Never: a mark and the length stand in their place. For tokens, keys, passwords.
    Secret,
    /// Never: a [`Pseudonym`] stands in their place, the same for equal values. For names, addresses, account numbers.
    Personal,
}

impl Privacy {
    /// As it stands in a section: part of the format.
    pub(super) const fn number(self) -> u64 {
        match self {
            Self::Open => 0,
            Self::Secret => 1,
            Self::Personal => 2,
        }
    }

    pub(super) fn of_number(number: u64) -> Option<Self> {
        [Self::Open, Self::Secret, Self::Personal].into_iter().find(|known| known.number() == number)
    }
}

/// What stands for a personal value: a hash under a key that each store makes for itself and keeps in memory alone.
///
/// Equal values of one store have equal pseudonyms, also in different kinds and fields, so what one user did can
/// still be followed. [`Events::pseudonym`](super::Events::pseudonym) tells which one a value has.
///
/// # What it protects, and what not
///
/// The hash is that of the standard library's `RandomState`, SipHash-1-3 today: made for keys that an adversary does
/// not know, even one who chooses values and sees pseudonyms (which is why it is not the faster ahash). Who holds an
/// answer, a report or a copy of the ring cannot tell the value, nor a right guess from a wrong one. But:
///
/// - who can call [`Events::pseudonym`](super::Events::pseudonym), or read the memory of the process, can try guesses:
///   a number of few digits or a name out of a list is soon found. A flag or a small enumeration is open to anybody
///   who knows a few events of each sort.
/// - equality itself is told, and how often each value occurs.
/// - another store, and this one after a restart, has another key: pseudonyms of two stores say nothing about
///   each other.
/// - with 64 bits, two of a billion different values share a pseudonym by chance in one store out of forty.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Pseudonym(u64);

impl Pseudonym {
    pub(crate) const fn from_word(word: u64) -> Self {
        Self(word)
    }

    pub(crate) const fn word(self) -> u64 {
        self.0
    }
}

/// Sixteen hexadecimal digits.
impl fmt::Display for Pseudonym {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl fmt::Debug for Pseudonym {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pseudonym({self})")
    }
}

/// Who makes the pseudonyms of one store: its key.
#[derive(Default)]
pub(crate) struct Pseudonyms(RandomState);

impl Pseudonyms {
    pub(crate) fn of(&self, value: &impl Hide) -> Pseudonym {
        value.expose(|bytes| {
            let mut hasher = self.0.build_hasher();
            hasher.write(bytes);
            Pseudonym(hasher.finish())
        })
    }
}

impl fmt::Debug for Pseudonyms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pseudonyms").finish_non_exhaustive()
    }
}

/// Personal values of events that are not bound to a store yet, and where their pseudonyms will go. In plain text:
/// this is memory of the host's, never part of a store, and overwritten when the batch is emptied.
pub(crate) struct Aside {
    bytes: Vec<u8>,
    /// Where each value ends in `bytes`, and how many words of its record are left where its pseudonym goes.
    values: Vec<(usize, usize)>,
}

impl Aside {
    pub(crate) const fn new() -> Self {
        Self { bytes: Vec::new(), values: Vec::new() }
    }

    /// Keeps a value; returns what stands in its place for now.
    #[cold]
    pub(crate) fn put(&mut self, value: &impl Hide, words_left: usize) -> u64 {
        value.expose(|bytes| self.bytes.extend_from_slice(bytes));
        self.values.push((self.bytes.len(), words_left));
        0
    }

    /// How many values it keeps.
    pub(crate) fn len(&self) -> usize {
        self.values.len()
    }

    /// These values as they go to a store: words left of the record, and pseudonym.
    pub(crate) fn settle(
        &self,
        values: std::ops::Range<usize>,
        pseudonyms: &Pseudonyms,
        mut body: impl FnMut(usize, u64),
    ) {
        let end_of = |number: usize| self.values.get(number).map_or(0, |(end, _)| *end);
        for number in values {
            let start = number.checked_sub(1).map_or(0, end_of);
            let Some((end, words_left)) = self.values.get(number) else { return };
            body(*words_left, pseudonyms.of(&&self.bytes[start..*end]).word());
        }
    }

    /// Forgets all, and leaves nothing behind.
    pub(crate) fn wipe(&mut self) {
        self.bytes.fill(0);
        self.bytes.clear();
        self.values.clear();
    }
}

impl fmt::Debug for Aside {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Aside").field("values", &self.values.len()).finish_non_exhaustive()
    }
}

/// A value that can be kept out of the store.
#[doc(hidden)]
pub trait Hide {
    /// Its bytes: for their length and their hash, nothing else.
    fn expose<R>(&self, body: impl FnOnce(&[u8]) -> R) -> R;
}

macro_rules! hide {
    ($($type:ty, $value:ident => $bytes:expr;)*) => {$(
        impl Hide for $type {
            #[inline]
            fn expose<R>(&self, body: impl FnOnce(&[u8]) -> R) -> R {
                let $value = self;
                body($bytes)
            }
        }
    )*};
}

hide! {
    u64, value => &value.to_le_bytes();
    i64, value => &value.to_le_bytes();
    f64, value => &value.to_bits().to_le_bytes();
    bool, value => &[u8::from(*value)];
    &str, value => value.as_bytes();
    &[u8], value => value;
}

impl Hide for Value<'_> {
    fn expose<R>(&self, body: impl FnOnce(&[u8]) -> R) -> R {
        match self {
            Self::U64(value) => value.expose(body),
            Self::I64(value) => value.expose(body),
            Self::F64(value) => value.expose(body),
            Self::Bool(value) => value.expose(body),
            Self::Str(value) | Self::CutStr { kept: value, .. } => value.expose(body),
            Self::Bytes(value) | Self::CutBytes { kept: value, .. } => value.expose(body),
            Self::Secret { bytes } => bytes.expose(body),
            Self::Personal(pseudonym) => pseudonym.0.expose(body),
            Self::Diff(diff) => diff.bytes().expose(body),
        }
    }
}

pub(crate) fn show_secret(f: &mut fmt::Formatter<'_>, bytes: u64) -> fmt::Result {
    write!(f, "<secret, {bytes} byte{}>", if bytes == 1 { "" } else { "s" })
}

/// A value of a secret field.
#[doc(hidden)]
#[derive(Clone, Copy)]
pub struct Secret<T>(pub T);

impl<T: Hide> Secret<T> {
    fn bytes(&self) -> u64 {
        self.0.expose(|bytes| bytes.len() as u64)
    }
}

impl<T: Hide> Encode for Secret<T> {
    #[inline(always)]
    fn words(&self, _longest: usize) -> usize {
        1
    }
    #[inline(always)]
    fn encode(&self, payload: &mut Payload<'_>) {
        payload.word(self.bytes());
    }
}

impl<T: Hide> fmt::Debug for Secret<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        show_secret(f, self.bytes())
    }
}

/// A value of a personal field.
#[doc(hidden)]
#[derive(Clone, Copy)]
pub struct Personal<T>(pub T);

impl<T: Hide> Encode for Personal<T> {
    #[inline(always)]
    fn words(&self, _longest: usize) -> usize {
        1
    }
    #[inline(always)]
    fn encode(&self, payload: &mut Payload<'_>) {
        payload.personal(&self.0);
    }
}

impl<T> fmt::Debug for Personal<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The key is the store's, and it is not at hand here.
        f.write_str("<personal>")
    }
}

#[cfg(test)]
mod tests {
    use crate::events::{Change, Events, FieldType, Schema, Stamp, Value};
    use crate::sync::Relaxed;

    crate::kind! {
        Hidden("privacy.hidden") { token: secret str, pin: secret u64, key: secret bytes, user: personal str, account: personal u64 }
        Shown("privacy.shown") { text: str, number: u64, raw: bytes }
    }

    const TEXT: &str = "hunter2-hunter2-hunter2";
    const NUMBER: u64 = 0x5345_4352_4554_5f31;

    /// All bytes of all rings, written or not.
    fn ring_bytes(events: &Events) -> Vec<u8> {
        let rings = events.view().rings();
        let words = rings.flat_map(|(_, _, ring)| {
            (0..ring.geometry().words as u64).map(|position| ring.word(position).to_le_bytes())
        });
        words.flatten().collect()
    }

    fn holds(bytes: &[u8], planted: &[u8]) -> bool {
        bytes.windows(planted.len()).any(|window| window == planted)
    }

    fn record_hidden(events: &Events) {
        let hidden = Hidden { token: TEXT, pin: NUMBER, key: TEXT.as_bytes(), user: TEXT, account: NUMBER };
        events.record(hidden);
        let schema = Schema::new("privacy.run_time")
            .secret_field("token", FieldType::Str)
            .personal_field("user", FieldType::Str)
            .secret_field("pin", FieldType::U64)
            .personal_field("account", FieldType::U64);
        let kind = events.define(schema).unwrap();
        let values = [Value::Str(TEXT), Value::Str(TEXT), Value::U64(NUMBER), Value::U64(NUMBER)];
        events.record_values(Stamp::current(), &kind, &values).unwrap();
        let changes = [
            Change::of("token", TEXT, "").secret(),
            Change::of("user", "", TEXT).personal(),
            Change::of("pin", NUMBER, 0_u64).secret(),
        ];
        assert!(events.state_changed("session", &changes));
    }

    #[test]
    fn a_planted_secret_is_nowhere_in_the_rings() {
        // Cut as well: what is hidden must not appear in the second copy of the write path either.
        for longest in [10_000, 8] {
            let events =
                Events::builder().memory(256 << 10).shards(1).longest_value(longest).build().unwrap();
            record_hidden(&events);
            let bytes = ring_bytes(&events);
            assert!(!holds(&bytes, b"hunter2"), "a secret text, or a part of it");
            assert!(!holds(&bytes, &NUMBER.to_le_bytes()), "a secret number");
            let hash = events.pseudonym(TEXT).word();
            assert!(holds(&bytes, &hash.to_le_bytes()), "the pseudonym is what was stored");

            // The search finds what is there.
            events.record(Shown { text: TEXT, number: NUMBER, raw: b"hunter3" });
            let bytes = ring_bytes(&events);
            assert!(holds(&bytes, b"hunter2-") && holds(&bytes, &NUMBER.to_le_bytes()));
            assert!(holds(&bytes, b"hunter3"));
            assert_eq!(events.store().values.cut.load(Relaxed), u64::from(longest == 8));
        }
    }
}
