//! Bytes into shared words, as fast as the processor moves them.
//!
//! Word by word a copy of 200 bytes costs four times a plain one, and no compiler may join atomic stores. On x86-64 two of
//! them are one 16-byte move, written in assembly. The processor may store it in parts, of which nobody makes anything: what
//! is read from a ring or a slot is not believed before the check that follows, and that needs no more of these stores than
//! that they come after the fence before them and before the commit after them, as all stores do there in order (Intel SDM
//! volume 3, 9.2.2; AMD APM volume 2, 7.2). Models, other targets, and builds with `--cfg flightdeck_words` (for sanitizers, which do
//! not look into assembly) store word by word.

use crate::sync::AtomicU64;

/// Stores as many of the chunks as there are places.
#[inline(always)]
pub(crate) fn store_chunks(places: &[AtomicU64], chunks: &[[u8; 8]]) {
    let words = places.len().min(chunks.len());
    let (places, chunks) = (places.as_ptr(), chunks.as_ptr().cast());
    // SAFETY: both have so many words, and a shared slice of atomics may be stored to.
    unsafe { store_words(places, chunks, words) }
}

/// # Safety
/// `to` are so many shared words, `from` so many to be read, of any alignment.
#[cfg(all(
    target_arch = "x86_64",
    target_pointer_width = "64",
    not(any(flightdeck_loom, flightdeck_shuttle, flightdeck_words, miri))
))]
#[inline(always)]
unsafe fn store_words(to: *const AtomicU64, from: *const u64, words: usize) {
    // SAFETY: it reads `words` words from `from` on and stores them from `to` on (contract), the first of an odd number
    // alone, the others sixteen bytes at a time; it clobbers what it says.
    unsafe {
        core::arch::asm!(
            "neg {left}",
            "jz 4f",
            "test {left}, 1",
            "jz 3f",
            "mov {word}, [{from} + 8 * {left}]",
            "mov [{to} + 8 * {left}], {word}",
            "inc {left}",
            "jz 4f",
            "3:",
            "movups {pair}, [{from} + 8 * {left}]",
            "movups [{to} + 8 * {left}], {pair}",
            "add {left}, 2",
            "jnz 3b",
            "4:",
            left = inout(reg) words => _,
            // Their ends: what is left counts up to them.
            from = in(reg) from.wrapping_add(words),
            to = in(reg) to.wrapping_add(words),
            word = out(reg) _,
            pair = out(xmm_reg) _,
            options(nostack),
        );
    }
}

/// # Safety
/// As above.
#[cfg(not(all(
    target_arch = "x86_64",
    target_pointer_width = "64",
    not(any(flightdeck_loom, flightdeck_shuttle, flightdeck_words, miri))
)))]
#[inline(always)]
unsafe fn store_words(to: *const AtomicU64, from: *const u64, words: usize) {
    for at in 0..words {
        // SAFETY: `at` is below `words` (contract).
        unsafe { (*to.add(at)).store(u64::from_le(from.add(at).read_unaligned()), crate::sync::Relaxed) };
    }
}

#[cfg(all(test, not(flightdeck_loom)))]
mod tests {
    use super::*;
    use crate::sync::Relaxed;

    #[test]
    fn all_that_has_a_place_is_stored_and_nothing_beyond() {
        let bytes: Vec<u8> = (0..=255).collect();
        for shift in 0..9 {
            for words in 0..30 {
                for room in [0, 1, words / 2, words, words + 1] {
                    let places: Vec<_> = (0..=room).map(|_| AtomicU64::new(u64::MAX)).collect();
                    let chunks = bytes[shift..shift + 8 * words].as_chunks::<8>().0;
                    store_chunks(&places[..room], chunks);
                    let stored: Vec<u64> = places.iter().map(|place| place.load(Relaxed)).collect();
                    let expected = chunks.iter().take(room).map(|chunk| u64::from_le_bytes(*chunk));
                    let beyond = std::iter::repeat(u64::MAX);
                    let expected: Vec<u64> = expected.chain(beyond).take(room + 1).collect();
                    assert_eq!(stored, expected, "{words} words from {shift}, room for {room}");
                }
            }
        }
    }
}
