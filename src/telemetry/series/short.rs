//! Short texts as numbers, so that they are hashed and compared without a loop.

/// Bytes that fit; the last of a number's is for their count.
const MOST: usize = size_of::<u128>() - 1;

/// In place of a number where there is none: no text's.
pub(super) const NONE: u128 = u128::MAX;

/// The text as a number that no other text has: its bytes, and how many they are. None if it is longer than 15 bytes.
#[inline(always)]
pub(super) fn number(text: &str) -> Option<u128> {
    let bytes = text.as_bytes();
    // Two loads that may overlap reach all bytes of a length. What both have read is the same, so it may be or-ed.
    let (low, high) = if let Some((first, last)) = ends::<8>(bytes) {
        if bytes.len() > MOST {
            return None;
        }
        // The last 8 bytes without those that the first 8 have already; none are left of 8.
        let left = (bytes.len() - 8) as u32 * 8;
        (u64::from_le_bytes(*first), u64::from_le_bytes(*last).checked_shr(64 - left).unwrap_or(0))
    } else if let Some((first, last)) = ends::<4>(bytes) {
        let (first, last) = (u32::from_le_bytes(*first), u32::from_le_bytes(*last));
        (u64::from(first) | u64::from(last) << ((bytes.len() - 4) * 8), 0)
    } else if let Some((first, last)) = ends::<2>(bytes) {
        let (first, last) = (u16::from_le_bytes(*first), u16::from_le_bytes(*last));
        (u64::from(first) | u64::from(last) << ((bytes.len() - 2) * 8), 0)
    } else {
        (bytes.first().copied().map_or(0, u64::from), 0)
    };
    Some(u128::from(high | (bytes.len() as u64) << 56) << 64 | u128::from(low))
}

/// The first and the last `N` bytes; none if there are fewer.
#[inline(always)]
fn ends<const N: usize>(bytes: &[u8]) -> Option<(&[u8; N], &[u8; N])> {
    Some((bytes.first_chunk()?, bytes.last_chunk()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_number_is_its_bytes_and_their_count(text in "[a-c\u{0}\u{ff}]{0,20}") {
            let mut bytes = text.as_bytes().to_vec();
            let expected = (bytes.len() <= 15).then(|| {
                let count = bytes.len() as u8;
                bytes.resize(15, 0);
                bytes.push(count);
                u128::from_le_bytes(bytes.try_into().unwrap())
            });
            prop_assert_eq!(number(&text), expected);
        }
    }
}
