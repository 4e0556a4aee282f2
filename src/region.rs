//! Words of memory, one type for all the places they can live in. Every part lays its shared state
//! out in a [`Region`]: rings, indexes, block tables, control lines, telemetry cells.
//!
//! A [`Words`] is a power-of-two run of a region that wraps: any index is in bounds, so hot paths
//! have neither a bounds check nor a panicking branch.

#[cfg(any(flightdeck_loom, all(feature = "mapped", target_os = "linux")))]
pub(crate) mod board;
#[cfg(any(flightdeck_loom, all(feature = "mapped", target_os = "linux")))]
pub(crate) mod copied;
mod copy;
#[cfg(all(test, not(flightdeck_loom)))]
pub(crate) mod hostile;
pub(crate) mod log;
pub(crate) mod semispace;
mod span;
#[cfg(any(flightdeck_loom, all(feature = "mapped", target_os = "linux")))]
pub(crate) mod stage;

use crate::os;
use crate::sync::{Arc, AtomicBool, AtomicU64, Relaxed, zeroed_words};
pub(crate) use copy::store_chunks;
pub(crate) use span::Span;
use std::io;

/// Words on one 128-byte line: the distance at which two cores (and the adjacent-line prefetcher of
/// x86-64) leave each other alone.
pub(crate) const LINE: usize = 16;

/// Memory of a fixed size, shared by whoever holds an `Arc` of it: fresh from the heap, all zero, or a file.
///
/// What was mapped for reading alone is read by relaxed loads and fences, and never stored to: that would be a fault of
/// the process.
pub struct Region {
    memory: Memory,
    /// First word that lies on a line boundary.
    start: usize,
    len: usize,
    /// To be unlocked before it goes back.
    locked: AtomicBool,
}

/// What a region's words lie in.
enum Memory {
    Heap(Box<[AtomicU64]>),
    #[cfg(all(feature = "mapped", target_os = "linux"))]
    Mapped(os::Map),
}

impl Memory {
    fn words(&self) -> &[AtomicU64] {
        match self {
            Self::Heap(words) => words,
            #[cfg(all(
                feature = "mapped",
                target_os = "linux",
                not(any(flightdeck_loom, flightdeck_shuttle))
            ))]
            // SAFETY: so many words, aligned to a page, mapped as long as `map` lives. Whoever else has the file mapped,
            // here or in another process, may change them at any time, which atomics allow; and where the mapping is
            // read-only all loads are relaxed ones of a word, which need no permission to write.
            Self::Mapped(map) => unsafe {
                std::slice::from_raw_parts(map.start().cast(), map.bytes() / size_of::<AtomicU64>())
            },
        }
    }
}

impl std::fmt::Debug for Region {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Region").field("len", &self.len).finish_non_exhaustive()
    }
}

impl Drop for Region {
    fn drop(&mut self) {
        if self.locked.load(Relaxed) {
            os::unlock(self.all().as_ptr().cast(), size_of_val(self.all()));
        }
    }
}

impl Region {
    /// Reserves `len` words, all zero; `None` where the system has no such amount.
    pub fn heap(len: usize) -> Option<Arc<Self>> {
        let words = zeroed_words(len.checked_add(LINE)?)?;
        let bytes = words.as_ptr() as usize;
        let word = size_of::<AtomicU64>();
        let start = (bytes.next_multiple_of(LINE * 8) - bytes).div_ceil(word).min(LINE);
        Some(Arc::new(Self { memory: Memory::Heap(words), start, len, locked: AtomicBool::new(false) }))
    }

    /// With these words in it, as a copy of another one has them.
    #[cfg(flightdeck_loom)]
    pub fn holding(words: &[u64]) -> Arc<Self> {
        let region = Self::heap(words.len()).unwrap();
        let places = region.run(0, words.len()).unwrap();
        places.iter().zip(words).for_each(|(place, word)| place.store(*word, Relaxed));
        region
    }

    /// The words of a file that is mapped.
    #[cfg(all(feature = "mapped", target_os = "linux"))]
    pub(crate) fn mapped(map: os::Map) -> Arc<Self> {
        let len = map.bytes() / size_of::<AtomicU64>();
        Arc::new(Self { memory: Memory::Mapped(map), start: 0, len, locked: AtomicBool::new(false) })
    }

    /// So many words of memory, as `read` fills them in from byte so many on, piece by piece.
    #[cfg(all(feature = "mapped", target_os = "linux"))]
    pub(crate) fn read_in(
        len: usize,
        mut read: impl FnMut(&mut [u8], u64) -> io::Result<()>,
    ) -> io::Result<Arc<Self>> {
        const PIECE: usize = 1 << 18;
        let region = Self::heap(len).ok_or(io::ErrorKind::OutOfMemory)?;
        let mut bytes = vec![0; PIECE.min(len * 8)];
        for (number, words) in region.all()[region.start..][..len].chunks(PIECE / 8).enumerate() {
            let piece = &mut bytes[..words.len() * 8];
            read(piece, (number * PIECE) as u64)?;
            for (word, bytes) in words.iter().zip(piece.as_chunks::<8>().0) {
                word.store(u64::from_ne_bytes(*bytes), Relaxed);
            }
        }
        Ok(region)
    }

    /// Whether it may be stored to.
    pub(crate) const fn is_writable(&self) -> bool {
        match &self.memory {
            Memory::Heap(_) => true,
            #[cfg(all(
                feature = "mapped",
                target_os = "linux",
                not(any(flightdeck_loom, flightdeck_shuttle))
            ))]
            Memory::Mapped(map) => map.is_writable(),
        }
    }

    /// How many words it has.
    #[cfg(all(feature = "mapped", target_os = "linux"))]
    pub(crate) const fn len(&self) -> usize {
        self.len
    }

    /// How many bytes it takes, with what lies before its first line.
    pub(crate) fn bytes(&self) -> u64 {
        size_of_val(self.all()) as u64
    }

    /// Writes what has changed to where it is kept.
    #[cfg(all(feature = "mapped", target_os = "linux"))]
    pub(crate) fn sync(&self) -> io::Result<()> {
        match &self.memory {
            Memory::Heap(_) => Ok(()),
            Memory::Mapped(map) => map.sync(),
        }
    }

    /// Says that nobody writes it any more: what is stored from now on is of no account.
    #[cfg(all(feature = "mapped", target_os = "linux"))]
    pub(crate) fn let_go(&self) {
        if let Memory::Mapped(map) = &self.memory {
            map.let_go();
        }
    }

    /// All that belongs to it, also what lies before the first line.
    fn all(&self) -> &[AtomicU64] {
        self.memory.words()
    }

    /// Touches every page of `len` words from `start` on, so that the system provides it now and not at the first
    /// use, near the core that this runs on. Changes no word, whoever else writes at the same time. Nothing is done where
    /// nothing may be stored.
    pub(crate) fn touch(&self, start: usize, len: usize) {
        if !self.is_writable() {
            return;
        }
        const PAGE: usize = 4_096 / size_of::<AtomicU64>();
        let words = self.all();
        let first = (self.start + start).min(words.len());
        let touched = &words[first..(first + len).min(words.len())];
        for word in touched.iter().step_by(PAGE).chain(touched.last()) {
            // A compiler that saw the zero would make a load of it, which provides no page.
            word.fetch_or(std::hint::black_box(0), Relaxed);
        }
    }

    /// All that is in it.
    #[cfg(all(test, not(flightdeck_loom)))]
    pub(crate) fn copied(&self) -> Vec<u8> {
        self.all().iter().flat_map(|word| word.load(Relaxed).to_ne_bytes()).collect()
    }

    /// Asks the system to back it by huge pages.
    pub(crate) fn advise_huge_pages(&self) -> io::Result<()> {
        let (start, bytes) = (self.all().as_ptr().cast(), size_of_val(self.all()));
        match &self.memory {
            Memory::Heap(_) => os::advise_huge_pages(start, bytes),
            #[cfg(all(
                feature = "mapped",
                target_os = "linux",
                not(any(flightdeck_loom, flightdeck_shuttle))
            ))]
            Memory::Mapped(_) => os::advise_huge_pages_of_file(start, bytes),
        }
    }

    /// What the system provided of it by now; `None` where nobody says.
    pub(crate) fn provided(&self) -> Option<os::Provided> {
        os::provided(self.all().as_ptr().cast(), size_of_val(self.all()))
    }

    /// Keeps it from being swapped out: all of it now, or each page once it has been touched.
    pub(crate) fn lock(&self, when_touched: bool) -> io::Result<()> {
        os::lock(self.all().as_ptr().cast(), size_of_val(self.all()), when_touched)?;
        // Relaxed: read by whoever drops the last `Arc`, which orders it.
        self.locked.store(true, Relaxed);
        Ok(())
    }

    /// `len` words from `start` on. Layouts are computed by the crate, never taken from input.
    ///
    /// # Panics
    /// When the run leaves the region, or `len` is no power of two: a wrong layout.
    pub(crate) fn words(self: &Arc<Self>, start: usize, len: usize) -> Words {
        assert!(len.is_power_of_two(), "a run of words has a power-of-two length, not {len}");
        assert!(
            start.checked_add(len).is_some_and(|end| end <= self.len),
            "words {start}..+{len} leave a region of {}",
            self.len
        );
        Words { first: &raw const self.all()[self.start + start], mask: len - 1, _region: self.clone() }
    }

    /// `len` words from `start` on, if it has them: for layouts that were read.
    pub(crate) fn run(&self, start: usize, len: usize) -> Option<&[AtomicU64]> {
        let end = start.checked_add(len).filter(|end| *end <= self.len)?;
        self.all().get(self.start + start..self.start + end)
    }

    /// The line at `start`.
    ///
    /// # Panics
    /// When it leaves the region, or does not start on a line boundary: a wrong layout.
    pub(crate) fn line(self: &Arc<Self>, start: usize) -> Line {
        assert!(start.is_multiple_of(LINE), "a line starts at a multiple of {LINE} words, not at {start}");
        let Words { first, _region, .. } = self.words(start, LINE);
        Line { first, _region }
    }
}

/// One line of a region: words that change together.
///
/// Invariant: `first .. first + LINE` lies in `_region`.
#[derive(Clone)]
pub(crate) struct Line {
    first: *const AtomicU64,
    _region: Arc<Region>,
}

// SAFETY: as of `Words`.
unsafe impl Send for Line {}
// SAFETY: as of `Words`.
unsafe impl Sync for Line {}

impl Line {
    /// A word of the line.
    #[inline(always)]
    pub(crate) fn at<const AT: usize>(&self) -> &AtomicU64 {
        const { assert!(AT < LINE) };
        &self.words()[AT]
    }

    /// All its words.
    #[inline(always)]
    pub(crate) fn words(&self) -> &[AtomicU64; LINE] {
        // SAFETY: so many words inside the region (invariant).
        unsafe { &*self.first.cast() }
    }
}

impl std::fmt::Debug for Line {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Line").finish_non_exhaustive()
    }
}

/// A power-of-two run of words in a region; indexes wrap.
///
/// Invariant: `first .. first + mask + 1` lies in `_region`, which lives as long as this does and
/// hands out shared references only.
#[derive(Clone)]
pub(crate) struct Words {
    first: *const AtomicU64,
    mask: usize,
    _region: Arc<Region>,
}

// SAFETY: all that can be reached through it is `&AtomicU64` into memory that the `Arc` keeps alive;
// two threads that use it share atomics and nothing else.
unsafe impl Send for Words {}
// SAFETY: as above.
unsafe impl Sync for Words {}

impl Words {
    /// The word at `index`, modulo the length.
    #[inline(always)]
    pub(crate) fn at(&self, index: usize) -> &AtomicU64 {
        // SAFETY: the mask keeps the index below the length of a run inside the region (invariant).
        unsafe { &*self.first.add(index & self.mask) }
    }

    /// The `len` words from `index`, modulo the length.
    ///
    /// # Safety
    /// They lie in one piece: `index` modulo the length, and `len`, add up to at most the length.
    #[inline(always)]
    pub(crate) unsafe fn run_unchecked(&self, index: usize, len: usize) -> &[AtomicU64] {
        let start = index & self.mask;
        debug_assert!(len <= self.len() - start, "{len} words from {start} in a run of {}", self.len());
        // SAFETY: `start + len` is at most the length of a run inside the region (contract, invariant).
        unsafe { std::slice::from_raw_parts(self.first.add(start), len) }
    }

    /// The `len` words from `index`, modulo the length, if they lie in one piece.
    pub(crate) fn run(&self, index: usize, len: usize) -> Option<&[AtomicU64]> {
        let fits = len <= self.len() - (index & self.mask);
        // SAFETY: they do.
        fits.then(|| unsafe { self.run_unchecked(index, len) })
    }

    /// As [`Words::run_unchecked`], of a length known at compile time.
    ///
    /// # Safety
    /// As there.
    #[inline(always)]
    pub(crate) unsafe fn run_in_one_piece<const N: usize>(&self, index: usize) -> &[AtomicU64; N] {
        // SAFETY: `N` words (contract).
        unsafe { &*self.run_unchecked(index, N).as_ptr().cast() }
    }

    /// All of them.
    #[cfg(any(flightdeck_loom, all(feature = "mapped", target_os = "linux")))]
    pub(crate) fn all(&self) -> &[AtomicU64] {
        // SAFETY: from the first on, as many as there are.
        unsafe { self.run_unchecked(0, self.len()) }
    }

    /// Where it begins: a pointer that reaches the whole region.
    #[inline(always)]
    pub(crate) fn first(&self) -> *const AtomicU64 {
        self.first
    }

    #[inline(always)]
    pub(crate) fn len(&self) -> usize {
        self.mask + 1
    }

    /// Asks the processor to fetch the line of `index`. A hint: no effect on any value.
    #[inline(always)]
    pub(crate) fn prefetch(&self, index: usize) {
        prefetch(self.first.wrapping_add(index & self.mask));
    }

    /// As [`Words::prefetch`], also of the 64 bytes that follow, wherever they belong.
    #[inline(always)]
    pub(crate) fn prefetch_two(&self, index: usize) {
        let first = self.first.wrapping_add(index & self.mask);
        prefetch(first);
        prefetch(first.wrapping_add(8));
    }
}

#[inline(always)]
fn prefetch(word: *const AtomicU64) {
    #[cfg(all(target_arch = "x86_64", not(flightdeck_loom)))]
    {
        use core::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: a prefetch dereferences nothing: any address will do.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(word.cast()) };
    }
    #[cfg(not(all(target_arch = "x86_64", not(flightdeck_loom))))]
    let _ = word;
}

impl std::fmt::Debug for Words {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Words").field("len", &self.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sync::Relaxed;

    #[test]
    fn runs_start_on_a_line_and_wrap() {
        let region = Region::heap(256).unwrap();
        let run = region.words(16, 64);
        assert_eq!(std::ptr::from_ref(run.at(0)) as usize % (LINE * 8), 0);
        run.at(3).store(7, Relaxed);
        assert_eq!(run.at(64 + 3).load(Relaxed), 7);
        assert_eq!(region.words(19, 1).at(99).load(Relaxed), 7);
        // SAFETY: 3 + 61 words of 64.
        let piece = unsafe { run.run_unchecked(64 + 3, 61) };
        assert_eq!((piece.len(), piece[0].load(Relaxed)), (61, 7));
    }

    #[test]
    #[should_panic(expected = "leave a region")]
    fn a_layout_that_leaves_the_region_is_refused() {
        let region = Region::heap(64).unwrap();
        let _ = region.words(32, 64);
    }
}
