//! Where incidents lie: one piece of memory, reserved once, oldest first and without gaps. Whatever goes is closed up, and
//! what is free then is overwritten with zeros.

use super::packed::{pack, packed_bytes, unpack};
use super::{Incident, IncidentId, IncidentReceipt, IncidentStats, Pin, PinError};
use crate::clock::Ticks;
use crate::events::answer::{Answer, Verdict};
use crate::events::class::PerClass;
use crate::events::query::Work;
use crate::events::view::View;
use crate::sync::Arc;
use std::fmt;
use std::ops::Range;

/// All incidents of a store.
pub(crate) struct Shelf {
    /// As long as it ever had to be; its capacity never changes.
    bytes: Vec<u8>,
    /// Of those, how many hold something. The others are zero.
    used: usize,
    /// Oldest first, so by number too, and in the order in which they lie. Its capacity never changes.
    entries: Vec<Entry>,
    /// How many bytes there may be.
    most_bytes: usize,
    /// How many entries.
    most: usize,
    last_id: u64,
    evicted: u64,
    dropped: u64,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    id: IncidentId,
    start: usize,
    /// Of its name, its cause and its events, in this order.
    parts: [usize; 3],
    events: usize,
    at: Ticks,
    is_protected: bool,
    said: Said,
}

/// What the answer says of itself.
#[derive(Clone, Copy, Debug)]
struct Said {
    verdict: Verdict,
    since: PerClass<Ticks>,
    matched: usize,
    work: Work,
    gone: u64,
    recorded: Option<u64>,
}

/// A copy of the events of an incident, to be unpacked without the lock.
pub(super) struct Copied {
    packed: Vec<u8>,
    said: Said,
}

impl Copied {
    pub(super) fn unpack(self, view: &Arc<View>) -> Answer {
        let Said { verdict, since, matched, work, gone, recorded } = self.said;
        let mut answer = Answer::empty(view);
        answer.rows = unpack(&self.packed, &mut answer.bytes);
        (answer.verdict, answer.since) = (verdict, since);
        (answer.matched, answer.work) = (matched, work);
        (answer.gone, answer.recorded) = (gone, recorded);
        answer
    }
}

impl Entry {
    fn bytes(&self) -> usize {
        self.parts.iter().sum()
    }

    fn part(&self, number: usize) -> Range<usize> {
        let start = self.start + self.parts.iter().take(number).sum::<usize>();
        start..start + self.parts.get(number).copied().unwrap_or(0)
    }

    fn since(&self) -> Ticks {
        self.said.since.iter().map(|(_, since)| *since).max().unwrap_or_default()
    }
}

impl fmt::Debug for Shelf {
    /// Not what was recorded.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shelf").field("used", &self.used).finish_non_exhaustive()
    }
}

impl Shelf {
    /// `None` where the system has not as much memory.
    pub(super) fn new(most_bytes: usize, most: usize) -> Option<Self> {
        let (mut bytes, mut entries) = (Vec::new(), Vec::new());
        if most_bytes > 0 && most > 0 {
            bytes.try_reserve_exact(most_bytes).ok()?;
            entries.try_reserve_exact(most).ok()?;
        }
        Some(Self { bytes, used: 0, entries, most_bytes, most, last_id: 0, evicted: 0, dropped: 0 })
    }

    /// Copies an answer here, older ones making room.
    pub(super) fn put(
        &mut self,
        pin: &Pin<'_>,
        at: Ticks,
        answer: &Answer,
    ) -> Result<IncidentReceipt, PinError> {
        let events: usize = answer.rows.iter().map(packed_bytes).sum();
        let parts = [pin.name.len(), pin.cause.len(), events];
        let needed = parts.iter().sum();
        let evicted = self.make_room(pin.name, needed)?;
        let start = self.used;
        self.append(pin.name.as_bytes());
        self.append(pin.cause.as_bytes());
        for row in &answer.rows {
            let (words, payload) = pack(row, &answer.bytes);
            self.append(&words);
            self.append(payload);
        }
        self.last_id += 1;
        let (id, events) = (IncidentId(self.last_id), answer.rows.len());
        let said = Said {
            verdict: answer.verdict,
            since: answer.since,
            matched: answer.matched,
            work: answer.work,
            gone: answer.gone,
            recorded: answer.recorded,
        };
        self.entries.push(Entry { id, start, parts, events, at, is_protected: pin.is_protected, said });
        Ok(IncidentReceipt {
            id,
            events,
            bytes: needed,
            verdict: answer.verdict,
            since: answer.since(),
            missing: answer.missing(),
            gone: answer.gone,
            evicted,
        })
    }

    /// Makes room for one more of so many bytes, if there can be as much: how many older ones it took.
    fn make_room(&mut self, name: &str, needed: usize) -> Result<u64, PinError> {
        let (limit, count) = (self.most_bytes, self.most);
        if limit == 0 || count == 0 {
            return Err(PinError::Off);
        }
        if needed > limit {
            return Err(PinError::TooLarge { name: name.into(), needed, limit });
        }
        let kept = |entry: &&Entry| entry.is_protected;
        let held = self.entries.iter().filter(kept).map(Entry::bytes).sum::<usize>();
        let protected = self.entries.iter().filter(kept).count();
        if protected >= count || held + needed > limit {
            return Err(PinError::Full { name: name.into(), needed, protected, held, count, limit });
        }
        let mut evicted = 0;
        while self.entries.len() >= count || self.used + needed > limit {
            let Some(oldest) = self.entries.iter().position(|entry| !entry.is_protected) else { break };
            self.remove(oldest);
            evicted += 1;
        }
        self.evicted += evicted;
        Ok(evicted)
    }

    fn append(&mut self, bytes: &[u8]) {
        let free = self.bytes.get_mut(self.used..).unwrap_or_default();
        let (over, new) = bytes.split_at(bytes.len().min(free.len()));
        free.iter_mut().zip(over).for_each(|(to, from)| *to = *from);
        self.bytes.extend_from_slice(new);
        self.used += bytes.len();
    }

    /// Takes one out, closes up, and wipes what is free then.
    fn remove(&mut self, number: usize) {
        let gone = self.entries.remove(number);
        let bytes = gone.bytes();
        self.bytes.copy_within(gone.start + bytes..self.used, gone.start);
        let used = self.used - bytes;
        self.bytes[used..self.used].fill(0);
        self.used = used;
        self.entries.iter_mut().skip(number).for_each(|entry| entry.start -= bytes);
    }

    fn find(&self, id: IncidentId) -> Option<usize> {
        self.entries.binary_search_by_key(&id, |entry| entry.id).ok()
    }

    pub(super) fn drop(&mut self, id: IncidentId) -> bool {
        let found = self.find(id);
        if let Some(number) = found {
            self.remove(number);
            self.dropped += 1;
        }
        found.is_some()
    }

    pub(super) fn get(&self, id: IncidentId) -> Option<Copied> {
        let entry = self.entries.get(self.find(id)?)?;
        let packed = self.bytes.get(entry.part(2))?.to_vec();
        Some(Copied { packed, said: entry.said })
    }

    pub(super) fn list(&mut self) -> Vec<Incident> {
        let text = |range: Range<usize>| {
            String::from_utf8_lossy(self.bytes.get(range).unwrap_or_default()).into_owned().into_boxed_str()
        };
        let of_entry = |entry: &Entry| Incident {
            id: entry.id,
            name: text(entry.part(0)),
            cause: text(entry.part(1)),
            at: entry.at,
            events: entry.events,
            bytes: entry.bytes(),
            verdict: entry.said.verdict,
            since: entry.since(),
            is_protected: entry.is_protected,
        };
        self.entries.iter().map(of_entry).collect()
    }

    pub(super) fn stats(&self) -> IncidentStats {
        IncidentStats {
            held: self.entries.len(),
            capacity: self.most,
            bytes: self.used,
            bytes_capacity: self.most_bytes,
            pinned: self.last_id,
            evicted: self.evicted,
            dropped: self.dropped,
            refused: 0,
        }
    }

    /// All its memory, and what it could hold without asking for more.
    #[cfg(all(test, not(flightdeck_loom)))]
    pub(super) fn memory(&self) -> (&[u8], usize, usize) {
        (&self.bytes, self.bytes.capacity(), self.entries.capacity())
    }
}
