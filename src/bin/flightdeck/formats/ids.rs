//! Ids: of a request or trace up to 128 bits, of a span up to 64.

use super::row::Correlation;
use flightdeck::SpanId;
use std::borrow::Cow;

/// A trace id: up to 32 hexadecimal digits (leading zeros do not count, as in W3C trace context) or a
/// UUID; what is neither stays text; zero or nothing is none.
pub fn trace(text: Cow<'_, str>) -> Correlation<'_> {
    match number(&text) {
        Some(0) => Correlation::None,
        Some(id) => Correlation::Id128(id),
        None => plain(text),
    }
}

/// An id whose form the format leaves open: a number only at the full width of 16 or 32 digits, or as
/// a UUID. Shorter ones stay text, since `7` and `007` may well be two requests.
pub fn request(text: Cow<'_, str>) -> Correlation<'_> {
    if matches!(text.len(), 16 | 32 | 36) { trace(text) } else { plain(text) }
}

/// A name, compared as it is written.
pub fn plain(text: Cow<'_, str>) -> Correlation<'_> {
    if text.is_empty() || text == "-" { Correlation::None } else { Correlation::Text(text) }
}

/// A span id: up to 16 hexadecimal digits. `root`, zeros and nothing are no span; `None` if it is
/// something else.
pub fn span(text: &str) -> Option<SpanId> {
    if matches!(text, "" | "root" | "null" | "-") {
        return Some(SpanId::NONE);
    }
    hex(text, 16).map(|id| SpanId::new(id as u64))
}

/// The number behind a trace id in digits or as a UUID.
fn number(text: &str) -> Option<u128> {
    let bytes = text.as_bytes();
    let is_uuid = bytes.len() == 36 && [8, 13, 18, 23].iter().all(|&at| bytes[at] == b'-');
    if is_uuid {
        let digits: String = text.split('-').collect();
        return (digits.len() == 32).then(|| hex(&digits, 32))?;
    }
    hex(text, 32)
}

fn hex(text: &str, longest: usize) -> Option<u128> {
    // `from_str_radix` alone would take a sign.
    let is_hex = (1..=longest).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_hex.then(|| u128::from_str_radix(text, 16).ok())?
}

/// What a user who types this id may mean: the number it spells, and the text as it stands. A format
/// decides for itself which of the two it writes, so a query asks for both.
pub fn meant(text: &str) -> impl Iterator<Item = Correlation<'_>> {
    let by_number = number(text).filter(|id| *id != 0).map(Correlation::Id128);
    by_number.into_iter().chain(Some(Correlation::Text(Cow::Borrowed(text))))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: u128 = 0x0af7_6519_16cd_43dd_8448_eb21_1c80_319c;

    #[test]
    fn trace_ids_are_numbers_at_any_width() {
        for text in [
            "0af7651916cd43dd8448eb211c80319c",
            "AF7651916CD43DD8448EB211C80319C",
            "0af76519-16cd-43dd-8448-eb211c80319c",
        ] {
            assert_eq!(trace(text.into()), Correlation::Id128(ID), "{text}");
        }
        assert_eq!(trace("0".repeat(32).into()), Correlation::None);
        assert_eq!(trace("".into()), Correlation::None);
        for text in [
            "+1",
            "0x12",
            "order-7",
            "0af7651916cd43dd8448eb211c80319c0",
            "0af76519-16cd-43dd-8448-eb211c80-19c",
        ] {
            assert_eq!(trace(text.into()), Correlation::Text(text.into()), "{text}");
        }
    }

    #[test]
    fn short_request_ids_stay_as_written() {
        assert_eq!(request("007".into()), Correlation::Text("007".into()));
        assert_eq!(request("bc".into()), Correlation::Text("bc".into()));
        assert_eq!(request("00000000000000ff".into()), Correlation::Id128(255));
        assert_eq!(request("-".into()), Correlation::None);
    }

    #[test]
    fn span_ids() {
        assert_eq!(span("b7ad6b7169203331"), Some(SpanId::new(0xb7ad_6b71_6920_3331)));
        assert_eq!(span("root"), Some(SpanId::NONE));
        assert_eq!(span("b7ad6b71692033310"), None);
        assert_eq!(span("span-1"), None);
    }

    #[test]
    fn a_typed_id_may_be_a_number_or_a_name() {
        let both: Vec<_> = meant("bc").collect();
        assert_eq!(both, [Correlation::Id128(0xbc), Correlation::Text("bc".into())]);
        assert_eq!(meant("libc6").collect::<Vec<_>>(), [Correlation::Text("libc6".into())]);
    }
}
