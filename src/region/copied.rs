//! A copy of words that others write meanwhile: piece by piece, in the order in which whoever copies asks for them.

use crate::sync::{AtomicU64, Relaxed};
use std::io;

/// Words of a piece, where nobody says otherwise: 1 MiB.
const PIECE: usize = 1 << 17;
/// How often what was overtaken is begun anew, likewise.
const TRIES: usize = 8;

/// Takes words, and where they belong.
type Put<'a> = dyn FnMut(usize, &[u64]) -> io::Result<()> + 'a;

/// Where a copy goes: a place that is all zero before, and takes words in any order.
pub struct Copied<'a> {
    put: &'a mut Put<'a>,
    taken: Vec<u64>,
    piece: usize,
    tries: usize,
    /// Whether zeros go there, too.
    anew: bool,
}

impl<'a> Copied<'a> {
    /// With memory for a piece, and no more than that.
    pub fn new(put: &'a mut Put<'a>) -> Self {
        Self { put, taken: Vec::new(), piece: PIECE, tries: TRIES, anew: false }
    }

    /// With pieces of so many words, a power of two, and so many tries.
    #[cfg(any(test, flightdeck_loom))]
    pub fn in_pieces(self, piece: usize, tries: usize) -> Self {
        Self { piece, tries, ..self }
    }

    /// Words of a piece, a power of two.
    pub(crate) fn piece(&self) -> usize {
        self.piece
    }

    /// Copies something, again while `copy` says that it was overtaken, a bounded number of times; the last one counts.
    ///
    /// # Errors
    /// As `copy` says.
    pub(crate) fn again_while<T>(
        &mut self,
        mut copy: impl FnMut(&mut Self) -> io::Result<T>,
        is_overtaken: impl Fn(&T) -> bool,
    ) -> io::Result<T> {
        let anew = self.anew;
        let mut copied = copy(self);
        for _ in 1..self.tries {
            if !copied.as_ref().is_ok_and(&is_overtaken) {
                break;
            }
            // What is zero by now may not have been before.
            self.anew = true;
            copied = copy(self);
        }
        self.anew = anew;
        copied
    }

    /// Puts words that are known, also in the place of others.
    ///
    /// # Errors
    /// As whoever takes them says.
    pub fn put(&mut self, at: usize, words: &[u64]) -> io::Result<()> {
        (self.put)(at, words)
    }

    /// Loads words, relaxed, each once, and keeps them until they are put, or others are taken. No more than a piece.
    pub(crate) fn take(&mut self, words: &[AtomicU64]) {
        self.taken.clear();
        self.taken.extend(words.iter().map(|word| word.load(Relaxed)));
    }

    /// Puts what was taken; what is zero is there already.
    ///
    /// # Errors
    /// As whoever takes them says.
    pub(crate) fn put_taken(&mut self, at: usize) -> io::Result<()> {
        if self.anew || self.taken.iter().any(|word| *word != 0) {
            (self.put)(at, &self.taken)?;
        }
        Ok(())
    }

    /// Takes words, and puts them from `at` on.
    ///
    /// # Errors
    /// As whoever takes them says.
    pub fn load(&mut self, at: usize, words: &[AtomicU64]) -> io::Result<()> {
        for (number, words) in words.chunks(self.piece).enumerate() {
            self.take(words);
            self.put_taken(at + number * self.piece)?;
        }
        Ok(())
    }

    /// The same in the place of what was put there before.
    ///
    /// # Errors
    /// As whoever takes them says.
    pub(crate) fn load_again(&mut self, at: usize, words: &[AtomicU64]) -> io::Result<()> {
        let anew = std::mem::replace(&mut self.anew, true);
        let loaded = self.load(at, words);
        self.anew = anew;
        loaded
    }
}
