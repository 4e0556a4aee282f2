//! The section: all that a reader needs of a telemetry, in words, so that whoever has these words can read its metrics.
//!
//! | file | idea |
//! |---|---|
//! | `shape` | which part lies where, and the words that say so |
//! | `roll` | which series there are: names, labels, cells |
//! | `error` | why words are no section |
//!
//! # Format, version 2
//!
//! A section is 64-bit words in the byte order of the machine that wrote it. Words that are not named are zero.
//!
//! | words | part |
//! |---|---|
//! | 0 to 31 | the head, below |
//! | 32 to 47 | the line of the turn: 32: the turn |
//! | then | a log: a line of 16 words, of which word 0: words of records; 1: records that found no room; and room for so many words of records as the head says |
//! | then | another log like it |
//! | then | control of the cells, two lines of 16 words: word 0: slabs ever claimed, from the first on; 1: chunks that were asked for, those given out at most; 16: updates of threads that had no slab |
//! | then | shared cells, one word for each cell |
//! | then | the tables of all slabs, for each chunk of cells one word: how many bytes from the table's first word on the slab's chunk begins, or 0 if it has none |
//! | then | the chunks, 64 words each |
//!
//! The value of a cell is the sum, modulo 2 to the 64th, of the shared cell and of its word in the chunks of all slabs.
//! Gauges have it in the shared cell alone.
//!
//! At **turn** `2n` the log `n % 2` (the first is 0) says which series there are. At turn `2n + 1` it does so still, while what stands in
//! it is copied to the other log, which does so from turn `2n + 2` on, until turn `2n + 5`, when it is written anew. Whoever reads takes
//! the turn first, and looks at it again in the end: if it has become so much by then, what was read is worth nothing.
//!
//! A **record of a log** is a word (tag in the upper half; in the lower half how many words follow) and those words. A text is
//! its length in bytes and the bytes, UTF-8, filled up with zeros. A reader passes over tags that it does not know, and over 0,
//! which takes the place of the tag of a record that was struck.
//!
//! Tag 1 is a **metric**: a word (number in the lower half; then 8 bits each of type: 0 counter, 1 up/down counter, 2 gauge, 3
//! float gauge, 4 histogram; of precision; and of width); a word that is 0 or one more than the label sets that it may have by its
//! description; a word for the unit (0 none, 1 count, 2 ratio, 3 percent, 4 bytes, 5 seconds, 6 milliseconds, 7 microseconds, 8
//! nanoseconds, 9 Celsius, 255 another one); its name; its help text; and, of another unit, its name. Of several records with one
//! number the last holds.
//!
//! Tag 2 is a **series**: a word (the number of its metric in the lower half; in the upper half, 1 if it is the series for label
//! sets beyond the limit); its first cell; a number that no other series has; and for each label key and value, by key. It is struck
//! when the series is retired, in both logs if it is in both. Where two have a cell in common, the later one has it.
//!
//! Tag 3 is a **group**: its first cell, and for each of its numbers the cell of a counter. Its cells are one more than it has numbers,
//! at most 32, and lie in one chunk: a sequence, and the numbers. In each slab, and in the shared cells, these belong together: the
//! sequence is odd while they change, and goes up by two with each change. What a number adds up to is part of the value of its
//! counter, besides what is in the counter's own cells. Who finds the sequence odd, or another than before the numbers were read,
//! may look again; if it stays odd, whoever wrote it was killed in the middle: each number is with or without that last change.
//!
//! A **histogram** of precision `p` and width `w` has `2^p x (w - p + 1)` buckets of a cell each, one more for values of more than `w`
//! bits, one for the sum of all values, and one (shared alone) for the greatest that had more than `w` bits. Bucket `b` has the
//! values from `(b - s x 2^p) x 2^s` up, `2^s` of them, where `s` is `b / 2^p - 1`, or 0 for the first.
//!
//! # The head
//!
//! | word | content |
//! |---|---|
//! | 0 | `FDMETRIC`, as bytes |
//! | 1 | version of this format: a reader refuses another one |
//! | 2 | words of the whole section |
//! | 3 | cells, a power of two |
//! | 4 | slabs, a power of two |
//! | 5 | chunks |
//! | 6 | words of a chunk (64) |
//! | 7 | words for records of each log, a power of two |

mod error;
pub(super) mod roll;
mod shape;

pub use error::SectionError;
pub(super) use shape::Shape;
#[cfg(all(feature = "mapped", target_os = "linux"))]
pub(crate) use shape::VERSION;
