//! Scopes as W3C trace context writes them: the header `traceparent` of an HTTP request.
//!
//! Format: <https://www.w3.org/TR/trace-context/#traceparent-header>, version 00:
//! `00-<32 hex digits trace id>-<16 hex digits parent id>-<2 hex digits flags>`, lower case.

use super::error::TraceparentError;
use super::scope::Scope;
use crate::id::{CorrelationId, SpanId};
use std::fmt;

impl Scope {
    /// The scope of the caller that sent this header: work that it causes here has the caller's span as its
    /// parent.
    ///
    /// Of a later version than 00 the parts that 00 knows are taken, as the specification asks.
    ///
    /// ```
    /// use flightdeck::events::Scope;
    /// let scope = Scope::from_traceparent("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")?;
    /// assert_eq!(scope.traceparent().to_string(), "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
    /// # Ok::<(), flightdeck::events::TraceparentError>(())
    /// ```
    ///
    /// # Errors
    /// If the header is not of that form, or one of its ids is zero: a new trace should begin then.
    pub fn from_traceparent(header: &str) -> Result<Self, TraceparentError> {
        let Some([high, low, span, flags]) = numbers(header.as_bytes()) else {
            return Err(TraceparentError::Malformed { header: header.chars().take(80).collect() });
        };
        let (id, span) = (CorrelationId::from_halves(high, low), SpanId::new(span));
        if id.is_none() || span.is_none() {
            return Err(TraceparentError::Zero { what: if id.is_none() { "trace id" } else { "parent id" } });
        }
        Ok(Self::joined(id, span).with_sampled(flags & SAMPLED != 0))
    }

    /// The header to send along with work that leaves this process. Its flags say whether the trace
    /// [is sampled](Scope::is_sampled).
    #[must_use]
    pub fn traceparent(self) -> Traceparent {
        Traceparent(self)
    }
}

/// The flag of a trace that is sampled. No other one is known to version 00.
const SAMPLED: u64 = 1;

/// Both halves of the trace id, the parent id, and the flags. Every request may have such a header, so this is
/// straight-line code, eight digits at a time: random digits are what a branch predictor is worst at.
fn numbers(header: &[u8]) -> Option<[u64; 4]> {
    let (head, rest) = header.split_first_chunk::<55>()?;
    let mut odd = 0;
    let mut number = |digits: [u8; 8]| {
        let (value, is_odd) = of_digits(digits);
        odd |= is_odd;
        value
    };
    let mut long = |at: usize| number(array(head, at)) << 32 | number(array(head, at + 8));
    let (high, low, span) = (long(3), long(19), long(36));
    // The pairs of digits that stand alone, as one number.
    let ([v, w], [f, g]) = (array(head, 0), array(head, 53));
    let alone = number([b'0', b'0', b'0', b'0', v, w, f, g]);
    let (version, flags) = (alone >> 8, alone & 0xff);
    let is_joined = [head[2], head[35], head[52]] == [b'-'; 3];
    let is_ended = match version {
        0 => rest.is_empty(),
        0xff => false,
        _ => rest.first().is_none_or(|byte| *byte == b'-'),
    };
    (odd == 0 && is_joined && is_ended).then_some([high, low, span, flags])
}
/// So many bytes of the header, from this one on.
#[inline(always)]
fn array<const N: usize>(head: &[u8; 55], at: usize) -> [u8; N] {
    std::array::from_fn(|byte| head[at + byte])
}

/// The number that eight lower-case hexadecimal digits are, and bits where one of them is none. In each byte of a word at once: no
/// step carries into the next.
#[inline(always)]
fn of_digits(digits: [u8; 8]) -> (u64, u64) {
    const EACH: u64 = 0x0101_0101_0101_0101;
    let text = u64::from_be_bytes(digits);
    // Of `a` to `f` the low half is 1 to 6, and bit 6 is set; 24 at most.
    let values = (text & (0x0f * EACH)) + 9 * (text >> 6 & EACH);
    let letters = (values + 6 * EACH) >> 4 & EACH;
    // What is written otherwise than it would be here is no digit.
    let is_odd = text ^ (values + 0x30 * EACH + 0x27 * letters) | values & (0x10 * EACH);
    let pairs = (values | values >> 4) & 0x00ff_00ff_00ff_00ff;
    let fours = (pairs | pairs >> 8) & 0x0000_ffff_0000_ffff;
    ((fours | fours >> 16) & 0xffff_ffff, is_odd)
}

/// A scope in the form of the header `traceparent`. Outside any scope its ids are zero, which receivers ignore.
#[derive(Clone, Copy, Debug)]
pub struct Traceparent(Scope);

impl fmt::Display for Traceparent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let flags = u64::from(self.0.is_sampled()) * SAMPLED;
        write!(f, "00-{}-{}-{flags:02x}", self.0.correlation(), self.0.span())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn a_header_is_read_as_it_is_written() {
        let scope = Scope::from_traceparent(HEADER).unwrap();
        assert_eq!(scope.correlation().get(), 0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736);
        assert_eq!(scope.span(), SpanId::new(0x00f0_67aa_0ba9_02b7));
        assert_eq!(scope.traceparent().to_string(), HEADER);
    }

    #[test]
    fn digits_are_those_that_are_written_in_lower_case() {
        for place in 0..8 {
            for byte in 0..=u8::MAX {
                let mut digits = *b"0123cdef";
                digits[place] = byte;
                let is_digit = matches!(byte, b'0'..=b'9' | b'a'..=b'f');
                let (value, is_odd) = of_digits(digits);
                assert_eq!(is_odd == 0, is_digit, "{digits:?}");
                if is_digit {
                    let text = std::str::from_utf8(&digits).unwrap();
                    assert_eq!(value, u64::from_str_radix(text, 16).unwrap());
                }
            }
        }
    }

    #[test]
    fn what_is_not_sampled_is_passed_on_as_such() {
        let not_sampled = HEADER[..53].to_owned() + "00";
        let scope = Scope::from_traceparent(&not_sampled).unwrap();
        assert!(!scope.is_sampled());
        assert_eq!(scope.traceparent().to_string(), not_sampled);
        // Whatever else flags will say is not for us to pass on.
        let more = HEADER[..53].to_owned() + "ff";
        assert_eq!(Scope::from_traceparent(&more).unwrap().traceparent().to_string(), HEADER);
        // Inside the trace, also in a span of ours, and in no other one.
        let events = crate::events::Events::builder().memory(1 << 20).build().unwrap();
        let _in = scope.enter();
        let mark = crate::events::Schema::new("trace_context.inner");
        let kind = events.define(mark).unwrap();
        let started = |stamp| events.start_values(stamp, &kind, &[]).unwrap().0;
        assert!(!started(crate::events::Stamp::current()).is_sampled());
        assert!(started(crate::events::Stamp::of(7_u64)).is_sampled());
        assert!(Scope::root(7_u64).is_sampled() && scope.for_id(7_u64).is_sampled());
    }

    #[test]
    fn later_versions_may_say_more() {
        let later = HEADER.replacen("00", "cc", 1) + "-what-the-future-will-be-like";
        assert_eq!(Scope::from_traceparent(&later).unwrap().traceparent().to_string(), HEADER);
    }

    #[test]
    fn anything_else_is_refused() {
        for header in [
            "",
            "00",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00F067AA0BA902B7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e473-00f067aa0ba902b7-01",
            "00-+bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-\u{e9}bf92f3577b34da6a3ce929d0e0e473-00f067aa0ba902b7-01",
        ] {
            let refused = Scope::from_traceparent(header);
            assert!(matches!(refused, Err(TraceparentError::Malformed { .. })), "{header}");
        }
        for header in [
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
        ] {
            assert!(
                matches!(Scope::from_traceparent(header), Err(TraceparentError::Zero { .. })),
                "{header}"
            );
        }
    }
}
