//! The section: all that an event store keeps, in words, so that whoever has these words can answer for it.
//!
//! | file | idea |
//! |---|---|
//! | `shape` | which part lies where: computed when a store is made, checked when one is read |
//! | `head` | the words that say so, and counters |
//! | `open` | a view of words that somebody else wrote |
//! | `error` | why there is none |
//!
//! # Format, version 1
//!
//! A section is 64-bit words in the byte order of the machine that wrote it. Every part starts at a multiple of 16 words from
//! the section's start. Words that are not named are zero.
//!
//! | words | part |
//! |---|---|
//! | 0 to 127 | the head, below |
//! | 128 to 415 | the clock: a line (word 0: what is added to the processor's counter; 1: how time is read, 0 for tsc, 1 system, 2 coarse, 3 supplied, 4 manual; 2, 3: the first instant in ticks and in nanoseconds since the Unix epoch); a line (0: how many segments there ever were; 1: how many of those were given up); from word 32 on the segments, number `n` at place `n % 64`, each of three words: ticks, nanoseconds since the first instant, and the bits of a 64-bit float, nanoseconds per tick |
//! | then | the log of kinds: a line (0: words of records; 1: records that found no room), and the records |
//! | then | the log of threads, likewise |
//! | then | counters of losses, 128 words for what came to no shard, and as many for each shard |
//! | then | the shards, those that threads keep first, then the shared ones, the emergency shard last; in each a ring of class critical, of normal, of verbose |
//! | then | the overflow of class critical, of normal, of verbose |
//!
//! A **record of a log** is a word (tag in the upper half; in the lower half how many words follow) and those words. A text is
//! its length in bytes and the bytes, UTF-8, filled up with zeros. Tag 1 is a kind: its number; severity (8 bits, 0 for trace to
//! 5 for critical), class (8 bits), and flags (bit 16: an id begins with such an event; bit 17: it wakes whoever waits); its name; and for
//! each field a word (8 bits type: 0 u64, 1 i64, 2 f64, 3 bool, 4 text, 5 bytes, 6 diff; 8 bits: 0 open, 1 secret, 2 personal)
//! and its name. Tag 2 is a thread: a word (its number in records; in the upper half the system's number, or 0) and, if it has
//! one, its name.
//!
//! **Losses**: for each cause (`no_shard`, `too_large`, `too_many_kinds`, `stopped`, `kind_not_met`, `used_up`,
//! `time_out_of_range`, `forked`) and in it each class three words: how many, the complement of the ticks of the first, the ticks of
//! the last. Word 72 is the sum of all counts, word 73 is not zero if there are any.
//!
//! A **ring** of `W` words, blocks of `B`, `H` buckets: a line (0: `intent`; 1: from these ticks on nothing was overwritten); a line
//! (0: `tail`; 1: `indexed`; 2: records ever committed); a line (0: watermark; 1: from these ticks on nothing was pruned); `W`
//! words; `H` bucket heads; for each of the `W / B` blocks four words (position of its first record or all ones, least ticks,
//! greatest ticks, bit `kind % 64` of each kind); for each block how many records there were before its first; filled up to
//! a whole line. Positions count words, start at `W`, and lie at `position % W`. A record at `p` is what was written there if `intent`, read after
//! it, is at most `p + W`, and it is committed if it lies below `tail`. What lies in `[tail, intent)` was never finished.
//!
//! A **record** is described in `record`; its id's bucket is that of `bucket`, under the key in the head, modulo `H`; from
//! a bucket's head each record links to the one before it, by distance. Records from `indexed` on are in no bucket yet.
//!
//! An **overflow** of `N` slots of `S` words: a line (0: the next ticket, 1: from these ticks on nothing was overwritten, 2: records
//! ever committed); a line (0: tickets below are pruned, 1: from these ticks on nothing was); the slots, ticket `t` in slot `t % N`, each a word (the ticket
//! times four, plus 1 while it is being written, plus 2 if it was wiped), the ticks from which on nothing of it is, records ever committed to
//! the slot, and records up to a zero word.
//!
//! # The head
//!
//! | word | content |
//! |---|---|
//! | 0 | `FDEVENTS`, as bytes |
//! | 1 | version of this format: a reader refuses another one |
//! | 2 | words of the whole section |
//! | 3, 4 | words of a record's header (6), which of them is the link (4) |
//! | 5, 6 | shards that threads keep; others, the emergency shard included |
//! | 7, 8 | slots of the overflow of each class, and words of each |
//! | 9, 10 | words for records of the log of kinds, of the log of threads |
//! | 12, 13 | the key of buckets |
//! | 16 to 27 | of the rings of kept shards, for each class: words, words of a block, buckets, records that wait to be linked |
//! | 32 to 43 | the same of the other shards |
//! | 64 to 66 | events that were pruned, by class |
//! | 68 to 70 | of those, the ones that had become too old |

mod error;
mod head;
mod open;
mod shape;
#[cfg(all(test, not(flightdeck_loom)))]
mod tests;

pub use error::SectionError;
#[cfg(all(feature = "mapped", target_os = "linux"))]
pub(super) use head::VERSION;
pub(super) use head::{Counters, write};
pub(super) use open::{Span, open};
pub(super) use shape::Shape;

/// The tag of a kind in its log.
pub(super) const SCHEMA: u32 = 1;
/// The tag of a thread in its log.
pub(super) const THREAD: u32 = 2;
