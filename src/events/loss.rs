//! What was not kept, by cause. Cold, and reached from any context: atomic additions only.

use super::class::Class;
use crate::clock::Ticks;
use crate::region::{Region, Words};
use crate::sync::{Arc, AtomicU64, Relaxed};

/// Why an event was not kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum LossCause {
    /// More threads wrote at once than there were shards, and every slot of the overflow was busy too, or too small.
    NoShard,
    /// It was larger than the store takes.
    TooLarge,
    /// More kinds are in use than a deck keeps apart.
    TooManyKinds,
    /// The deck had stopped.
    Stopped,
    /// A signal handler recorded an event of a kind that the deck had not met: see
    /// [`Events::declare`](super::Events::declare).
    KindNotMet,
    /// The shard has written 2^54 words, 144 petabytes: its positions are used up, and event ids with them.
    UsedUp,
    /// The host supplied a time before the clock's first instant, or more than a second ahead: see
    /// [`Stamp::at`](super::Stamp::at).
    TimeOutOfRange,
    /// This process is a fork of the one that built the store, which alone may write it.
    Forked,
}

impl LossCause {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::NoShard,
        Self::TooLarge,
        Self::TooManyKinds,
        Self::Stopped,
        Self::KindNotMet,
        Self::UsedUp,
        Self::TimeOutOfRange,
        Self::Forked,
    ];

    /// The lower-case name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::NoShard => "no_shard",
            Self::TooLarge => "too_large",
            Self::TooManyKinds => "too_many_kinds",
            Self::Stopped => "stopped",
            Self::KindNotMet => "kind_not_met",
            Self::UsedUp => "used_up",
            Self::TimeOutOfRange => "time_out_of_range",
            Self::Forked => "forked",
        }
    }
}

/// How many events of a class were lost to one cause in one place, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Loss {
    /// Why.
    pub cause: LossCause,
    /// Of which class.
    pub class: Class,
    /// The shard they were meant for; `None` where it did not come to that.
    pub shard: Option<u16>,
    /// How many.
    pub count: u64,
    /// When the first one was lost, or its own time, if the host supplied one that is later.
    pub first: Ticks,
    /// The same of the last one.
    pub last: Ticks,
}

/// The counters of one place, in words of a region. Relaxed throughout: each stands for itself.
///
/// Of each cause and class three words, causes in the order of [`LossCause::ALL`], each with its classes: how many, when the
/// first was lost (its complement, so that zero is none), when the last. Then the sum of all counts, and whether there are
/// any.
#[derive(Clone, Debug)]
pub(crate) struct Losses(Words);

/// Words of one cause and class.
const CELL: usize = 3;
const TOTAL: usize = LossCause::ALL.len() * Class::ALL.len() * CELL;
const ANY: usize = TOTAL + 1;

const _: () = assert!(ANY < Losses::WORDS);

impl Losses {
    /// Words of memory that they take.
    pub(crate) const WORDS: usize = 128;

    /// Those at `start`, of which there are none where the memory is zero.
    pub(crate) fn at(region: &Arc<Region>, start: usize) -> Self {
        Self(region.words(start, Self::WORDS))
    }

    fn cell(&self, cause: LossCause, class: Class) -> [&AtomicU64; CELL] {
        let first = (cause as usize * Class::ALL.len() + class as usize) * CELL;
        std::array::from_fn(|at| self.0.at(first + at))
    }

    #[cold]
    pub(crate) fn count(&self, cause: LossCause, class: Class, at: Ticks) {
        self.0.at(ANY).store(1, Relaxed);
        let [count, first, last] = self.cell(cause, class);
        first.fetch_max(!at.0, Relaxed);
        last.fetch_max(at.0, Relaxed);
        count.fetch_add(1, Relaxed);
        self.0.at(TOTAL).fetch_add(1, Relaxed);
    }

    /// How many there were.
    pub(crate) fn total(&self) -> u64 {
        self.0.at(TOTAL).load(Relaxed)
    }

    /// Whether there are any, so that whoever asks need not look at all.
    #[inline]
    pub(crate) fn any(&self) -> bool {
        self.0.at(ANY).load(Relaxed) != 0
    }

    /// Those that occurred; `shard` says where.
    pub(crate) fn occurred(&self, shard: Option<u16>) -> impl Iterator<Item = Loss> {
        let of_cause = move |cause: LossCause| {
            Class::ALL.into_iter().map(move |class| {
                let [count, first, last] = self.cell(cause, class).map(|word| word.load(Relaxed));
                Loss { cause, class, shard, count, first: Ticks(!first), last: Ticks(last) }
            })
        };
        LossCause::ALL.into_iter().flat_map(of_cause).filter(|loss| loss.count > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::{Batch, Events};

    crate::kind! { Called("loss.called") { n: u64 } }

    #[test]
    fn what_a_used_up_shard_takes_no_more_is_counted_there_whatever_way_it_came() {
        let events = Events::builder().memory(4 << 20).shards(2).build().unwrap();
        let [mut first, mut second] = [(); 2].map(|()| events.writer().unwrap());
        events.view().shards[1].rings().iter().for_each(|(_, ring)| ring.use_up());
        for writer in [&mut first, &mut second] {
            writer.record(Called { n: 0 });
            writer.mark(Called { n: 1 });
            assert_eq!(writer.record_all(&[Called { n: 2 }, Called { n: 3 }]).unwrap(), 2);
            let mut batch = Batch::new();
            (4..7).for_each(|n| batch.push(Called { n }));
            assert_eq!(writer.record_batch(&mut batch).unwrap(), 3);
        }
        let losses: Vec<_> =
            events.losses().iter().map(|loss| (loss.cause, loss.shard, loss.count)).collect();
        assert_eq!(losses, [(LossCause::UsedUp, Some(1), 7)]);
        assert_eq!(events.query().count(), 7);
    }
}
