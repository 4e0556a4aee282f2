//! Plain-old-data structs as fields, by way of zerocopy: stored as their bytes, read back as what they were.

use super::answer::Recorded;
use super::error::PodError;
use super::payload::{Encode, Payload};
use super::privacy::Hide;
use super::value::Value;
use std::fmt;
use zerocopy::{Immutable, IntoBytes, TryFromBytes};

/// A value of a `pod` field.
#[doc(hidden)]
pub struct Pod<'a, T>(pub &'a T);

impl<T> Clone for Pod<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Pod<'_, T> {}

impl<T: IntoBytes + Immutable> Encode for Pod<'_, T> {
    #[inline(always)]
    fn words(&self, longest: usize) -> usize {
        self.0.as_bytes().words(longest)
    }
    #[inline(always)]
    fn encode(&self, payload: &mut Payload<'_>) {
        self.0.as_bytes().encode(payload);
    }
}

impl<T: IntoBytes + Immutable> Hide for Pod<'_, T> {
    fn expose<R>(&self, body: impl FnOnce(&[u8]) -> R) -> R {
        body(self.0.as_bytes())
    }
}

impl<T> fmt::Debug for Pod<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<{} bytes>", size_of::<T>())
    }
}

impl Recorded<'_> {
    /// A field of type `pod T`, or bytes that hold a `T`. Copied out, so it need not lie aligned; checked for its
    /// size and, where `T` has invalid bit patterns, for those. Bytes are those of this machine's byte order.
    ///
    /// ```
    /// use flightdeck::events::Events;
    /// use zerocopy::{FromBytes, Immutable, IntoBytes};
    ///
    /// #[derive(Debug, PartialEq, FromBytes, IntoBytes, Immutable)]
    /// #[repr(C)]
    /// struct Quote { bid: u64, ask: u64, venue: [u8; 4], size: u32 }
    ///
    /// flightdeck::kind! { Quoted("market.quoted") { sequence: u64, quote: pod Quote } }
    ///
    /// let events = Events::builder().build()?;
    /// let quote = Quote { bid: 124, ask: 126, venue: *b"XETR", size: 900 };
    /// events.record(Quoted { sequence: 1, quote: &quote });
    ///
    /// let answer = events.query().run()?;
    /// let event = answer.iter().next().expect("recorded above");
    /// assert_eq!(event.pod::<Quote>("quote")?, quote);
    /// assert_eq!(event.pod::<u64>("quote").unwrap_err().to_string(), "field `quote` of kind `market.quoted` holds 24 bytes, and a `u64` takes 8: ask for the type that was recorded");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// If there is no such field, it does not hold bytes, or these are no `T`.
    pub fn pod<T: TryFromBytes>(&self, field: &str) -> Result<T, PodError> {
        let (kind, field) = (self.kind().to_owned(), field.to_owned());
        let bytes = match self.field(&field) {
            Some(Value::Bytes(bytes)) => bytes,
            Some(Value::CutBytes { bytes, .. }) => {
                return Err(PodError::Cut { kind, field, bytes });
            }
            Some(_) => return Err(PodError::NoBytes { kind, field }),
            None => return Err(PodError::NoField { kind, field }),
        };
        let wanted = std::any::type_name::<T>();
        if bytes.len() != size_of::<T>() {
            return Err(PodError::Size { kind, field, found: bytes.len(), wanted, takes: size_of::<T>() });
        }
        T::try_read_from_bytes(bytes).map_err(|_| PodError::Invalid { kind, field, wanted })
    }
}
