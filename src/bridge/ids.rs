//! Correlation ids, as fields have them.

use crate::CorrelationId;

/// The correlation id that a text stands for: up to 32 hexadecimal digits, dashes aside, are that number; of any other text it is
/// the 128-bit FNV-1a hash, which is the same everywhere and at all times.
///
/// ```
/// use flightdeck::CorrelationId;
/// use flightdeck::bridge::correlation_of;
/// assert_eq!(correlation_of("2a"), CorrelationId::new(42));
/// assert_eq!(correlation_of("00000000-0000-0000-0000-00000000002a"), CorrelationId::new(42));
/// assert_ne!(correlation_of("order-7"), correlation_of("order-8"));
/// ```
#[must_use]
pub fn correlation_of(text: &str) -> CorrelationId {
    CorrelationId::new(hexadecimal(text).unwrap_or_else(|| hash(text)))
}

fn hexadecimal(text: &str) -> Option<u128> {
    let (mut number, mut digits) = (0_u128, 0);
    for byte in text.bytes().filter(|byte| *byte != b'-') {
        digits += 1;
        number = number << 4 | u128::from(char::from(byte).to_digit(16)?);
    }
    (1..=32).contains(&digits).then_some(number)
}

fn hash(text: &str) -> u128 {
    const BASIS: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
    const PRIME: u128 = 0x0000_0000_0100_0000_0000_0000_0000_013b;
    text.bytes().fold(BASIS, |hash, byte| (hash ^ u128::from(byte)).wrapping_mul(PRIME))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_published_hash() {
        assert_eq!(hash(""), 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d);
        assert_eq!(hash("a"), 0xd228_cb69_6f1a_8caf_7891_2b70_4e4a_8964);
    }

    #[test]
    fn hexadecimal_is_what_a_trace_id_or_a_uuid_looks_like() {
        assert_eq!(hexadecimal(&"f".repeat(32)), Some(u128::MAX));
        for text in ["", "-", "xyz", "12 ", "+1", &"0".repeat(33)] {
            assert_eq!(hexadecimal(text), None, "{text}");
        }
    }
}
