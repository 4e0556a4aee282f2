//! Overwriting the bytes of what has been pruned, in rings and overflow: see `ring/wipe.rs` for how.

use super::handle::Events;
use super::shard::{Owner, Shard};
use super::store::{Store, ThreadSeat};
use super::writer::Writer;
use crate::local::Busy;

/// What was overwritten, and what is yet to be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ScrubReport {
    /// Bytes overwritten by this call.
    pub wiped_bytes: u64,
    /// Bytes that are left, of pruned events and of what is overwritten next: in shards that other threads hold, and in slots
    /// of the overflow that somebody is in the middle of: for good, if that was a thread that was killed there.
    pub pending_bytes: u64,
    /// How many shards those lie in.
    pub pending_shards: usize,
}

impl ScrubReport {
    /// Whether nothing is left.
    #[must_use]
    pub const fn is_complete(&self) -> bool {
        self.pending_bytes == 0
    }
}

impl Events {
    /// Overwrites what has been pruned or [cleared](Events::clear): values, ids and times of those events are then in the
    /// store's memory no more. For secrets that should never have been recorded, and for data that must go by law.
    ///
    /// Done at once for all shards that nobody holds, for the calling thread's own, and for the overflow. Another thread's
    /// shard only that thread may write: it is left a request, and fulfils it as it records, four blocks at each new block,
    /// which holds that record up by 15 us where blocks have 64 KiB; if it ends before, the next owner or the next scrub does. Until then the report counts it as
    /// pending; call again to ask how far it is, or have an idle thread call [`Events::scrub_this_thread`].
    ///
    /// Of each event its length, kind and severity stay, and the index and block tables. It does not touch
    /// [incidents](Events::pin), answers that were given out, or what the system has written to a swap device.
    ///
    /// Costs a store a word that was pruned. Readers and recording threads do not wait; a thread that begins to record meanwhile
    /// may find its shard taken, and shares one. Does nothing in the child of a `fork`, where all is pending.
    ///
    /// ```
    /// use flightdeck::events::Events;
    /// flightdeck::kind! { LoggedIn("user.logged_in") { token: str } }
    ///
    /// let events = Events::builder().build()?;
    /// events.record(LoggedIn { token: "should have been a secret field" });
    /// events.clear();
    /// let report = events.scrub();
    /// assert!(report.is_complete() && report.wiped_bytes > 32);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn scrub(&self) -> ScrubReport {
        let store = self.store();
        let shards = &store.view.shards;
        if store.is_forked() {
            // A request would be one to the parent.
            return report(0, 0, shards.iter().map(|shard| left_unasked(shard)));
        }
        shards.iter().for_each(|shard| ask(shard));
        let (mut words, mut busy) = (wipe_own(store), 0);
        for shard in store.view.shards.iter().filter(|shard| left(shard) > 0) {
            if shard.try_claim(Owner::UNKNOWN) {
                // SAFETY: claimed above, released below.
                words += unsafe { wipe(shard) };
                // SAFETY: as above, no write follows.
                unsafe { shard.release() };
            }
        }
        for (_, overflow) in store.view.overflow.iter() {
            let wiped = overflow.wipe();
            words += wiped.words;
            busy += wiped.busy;
        }
        report(words, busy, shards.iter().map(|shard| left(shard)))
    }

    /// As [`Events::scrub`], of the calling thread's own shard alone: for threads that record seldom, which would fulfil a
    /// request late. What is pending is that shard's.
    pub fn scrub_this_thread(&self) -> ScrubReport {
        let store = self.store();
        if store.is_forked() {
            return ScrubReport::default();
        }
        let seat = ThreadSeat::held(store.deck).or_else(|| ThreadSeat::claimed(store.deck));
        let own = seat.and_then(ThreadSeat::shard);
        own.into_iter().for_each(ask);
        let words = wipe_own(store);
        report(words, 0, own.into_iter().map(left))
    }
}

impl Writer {
    /// As [`Events::scrub_this_thread`], of the writer's shard.
    pub fn scrub(&mut self) -> ScrubReport {
        let (store, shard, _) = self.parts();
        if store.is_forked() {
            return ScrubReport::default();
        }
        ask(shard);
        // SAFETY: the writer holds the claim on its shard, and is borrowed mutably.
        let words = unsafe { wipe(shard) };
        report(words, 0, std::iter::once(left(shard)))
    }
}

fn report(words: u64, busy: u64, left: impl Iterator<Item = u64>) -> ScrubReport {
    let mut report = ScrubReport { wiped_bytes: words * 8, pending_bytes: busy * 8, pending_shards: 0 };
    for words in left.filter(|words| *words > 0) {
        report.pending_bytes += words * 8;
        report.pending_shards += 1;
    }
    report
}

fn ask(shard: &Shard) {
    shard.rings().iter().for_each(|(_, ring)| ring.ask_to_wipe());
}

/// Words that are yet to be wiped.
fn left(shard: &Shard) -> u64 {
    shard.rings().iter().map(|(_, ring)| ring.words_to_wipe()).sum()
}

/// The same of a shard that nobody asked: all that has been pruned.
fn left_unasked(shard: &Shard) -> u64 {
    shard.rings().iter().map(|(_, ring)| ring.words_pruned()).sum()
}

/// Wipes what was asked for; how many words that were.
///
/// # Safety
/// The caller holds the claim on the shard, and is not in the middle of a write to it.
unsafe fn wipe(shard: &Shard) -> u64 {
    let rings = shard.rings().iter();
    // SAFETY: the contract is the same.
    rings.map(|(class, _)| unsafe { shard.writing(class) }.wipe(u64::MAX)).sum()
}

/// The same of this thread's own shard, unless it is in the middle of a record, or a claim is open there.
fn wipe_own(store: &Store) -> u64 {
    let Some(_busy) = Busy::set() else { return 0 };
    let own = ThreadSeat::held(store.deck).and_then(ThreadSeat::shard);
    // SAFETY: the seat holds the claim on the shard, this thread the seat, and `_busy` excludes a write of this thread.
    own.map_or(0, |shard| unsafe { wipe(shard) })
}

#[cfg(all(test, not(flightdeck_loom)))]
mod tests {
    use crate::clock::{Clock, Ticks};
    use crate::events::shard::Owner;
    use crate::events::{Events, Stamp, Value};
    use crate::sync::{AtomicBool, Relaxed, thread};
    use std::sync::mpsc;
    use std::time::Duration;

    crate::kind! {
        Told("scrub.told") { text: str, n: u64 }
        Failed("scrub.failed", class = Critical) { text: str }
        Traced("scrub.traced", class = Verbose) { text: str }
    }

    const SECRET: &str = "hunter2-password";

    /// How often the secret lies in the store's memory.
    fn found(events: &Events) -> usize {
        let bytes = events.view().shards[0].region().copied();
        bytes.as_chunks::<8>().0.windows(2).filter(|pair| pair.concat() == SECRET.as_bytes()).count()
    }

    /// Of 16 bytes times `length`, all of them secret.
    fn tell(events: &Events, length: usize) {
        let text = SECRET.repeat(length);
        events.record_with(Stamp::of(1_u64), Told { text: &text, n: 1 });
        events.record_with(Stamp::of(1_u64), Failed { text: &text });
        events.record_with(Stamp::of(1_u64), Traced { text: &text });
    }

    #[test]
    fn nothing_of_what_was_cleared_is_left_anywhere() {
        // Up to several laps, with long records, so that some lie behind gaps and some in part.
        for records in [1, 7, 40, 333, 1_000] {
            let events = Events::builder().memory(1 << 20).shards(2).build().unwrap();
            for n in 0..records {
                tell(&events, 1 + n * 7 % 60);
                events.record_in_signal(Told { text: SECRET, n: 2 });
                if n == records / 2 {
                    events.clear();
                }
            }
            thread::scope(|threads| {
                threads.spawn(|| tell(&events, 3)).join().unwrap();
            });
            assert!(found(&events) > 0);
            let stats = events.stats();
            assert_eq!(events.clear(), stats.kept);
            let report = events.scrub();
            assert!(report.is_complete() && report.wiped_bytes > 0, "{report:?}");
            assert_eq!((found(&events), events.scrub().wiped_bytes), (0, 0), "{records}");
            let after = events.stats();
            assert_eq!(
                (after.written, after.kept, after.pruned),
                (stats.written, 0, stats.pruned + stats.kept)
            );
            tell(&events, 2);
            assert_eq!(events.query().correlation(1_u64).count(), 3, "writing goes on");
        }
    }

    #[test]
    fn the_overflow_is_wiped_slot_by_slot() {
        let clock = Clock::stepping(Duration::from_nanos(1));
        let events = Events::builder().memory(1 << 20).shards(1).clock(clock).build().unwrap();
        assert!(events.view().shards.iter().all(|shard| shard.try_claim(Owner::UNKNOWN)));
        // Long ones first, then short ones over them: nothing is left behind those.
        for length in [20, 1] {
            (0..events.plan().overflow_slots).for_each(|_| tell(&events, length));
        }
        assert_eq!(found(&events), 3 * events.plan().overflow_slots);
        let kept = events.query().run().unwrap().iter().nth_back(2).unwrap().ticks();
        events.prune_before(kept);
        let held = (events.query().count(), events.stats().kept);
        let _ = events.scrub();
        assert_eq!(found(&events), 3, "what was not pruned");
        assert_eq!((events.query().count(), events.stats().kept), held);
        assert_eq!(
            events
                .query()
                .correlation(1_u64)
                .run()
                .unwrap()
                .iter()
                .filter(|event| event.ticks() >= kept)
                .count(),
            3
        );
        assert_eq!(events.clear(), 3);
        assert!(events.scrub().wiped_bytes > 0 && found(&events) == 0);
        tell(&events, 1);
        assert_eq!(events.query().count(), 3);
    }

    #[test]
    fn what_is_kept_is_as_before() {
        let clock = Clock::manual();
        let events = Events::builder().memory(1 << 20).shards(1).clock(clock.clone()).build().unwrap();
        for border in [5, 60, 61, 300, 444, 990, 1_000] {
            for n in clock.now().0..1_000 {
                clock.advance(Duration::from_nanos(1));
                let secret = SECRET.repeat(n as usize % 9);
                events.record_with(
                    Stamp::of(n % 10 + 1),
                    Told { text: if n < border { &secret } else { "open" }, n },
                );
                events.mark(Told { text: "open", n });
            }
            let told = |id: u64| {
                let answer = events.query().correlation(id).run().unwrap();
                let event =
                    |event: crate::events::Recorded<'_>| (event.id(), event.ticks(), format!("{event:?}"));
                answer.iter().map(event).collect::<Vec<_>>()
            };
            events.prune_before(Ticks(border + 1));
            let before = (1..=10).map(told).collect::<Vec<_>>();
            let count = events.query().count();
            let (stats, verdict) = (events.stats(), events.query().run().unwrap().verdict());
            assert!(events.scrub().is_complete());
            assert_eq!((1..=10).map(told).collect::<Vec<_>>(), before, "{border}");
            assert_eq!(events.query().count(), count, "{border}");
            let after = events.stats();
            assert_eq!(
                (after.kept, after.pruned, after.overwritten),
                (stats.kept, stats.pruned, stats.overwritten)
            );
            assert_eq!((after.classes, events.query().run().unwrap().verdict()), (stats.classes, verdict));
        }
        assert_eq!(found(&events), 0);
    }

    #[test]
    fn another_threads_shard_is_wiped_by_that_thread_as_it_records_or_by_hand() {
        for by_hand in [true, false] {
            let events = Events::builder().memory(1 << 20).shards(2).build().unwrap();
            let (go, told) = (mpsc::sync_channel::<()>(0), mpsc::sync_channel(0));
            thread::scope(|threads| {
                let events = &events;
                let (ready, next) = (told.0, go.1);
                threads.spawn(move || {
                    (0..20).for_each(|_| tell(events, 4));
                    ready.send(()).unwrap();
                    let _ = next.recv();
                    if by_hand {
                        let report = events.scrub_this_thread();
                        assert!(report.is_complete() && report.wiped_bytes > 0);
                    } else {
                        // A quarter of a lap is enough.
                        let block = events.plan().block[crate::events::Class::Normal] / 64;
                        for _ in 0..block * 80 {
                            events.record(Told { text: "open", n: 0 });
                            events.record(Failed { text: "open" });
                            events.record(Traced { text: "open" });
                        }
                    }
                    ready.send(()).unwrap();
                    let _ = next.recv();
                });
                told.1.recv().unwrap();
                assert_eq!(events.clear(), 60);
                let report = events.scrub();
                assert_eq!((report.pending_shards, report.is_complete()), (1, false));
                assert!(report.pending_bytes >= 60 * 4 * 16 && found(events) == 240);
                assert_eq!(events.scrub(), report, "asked again, nothing has changed");
                go.0.send(()).unwrap();
                told.1.recv().unwrap();
                assert_eq!((events.scrub().pending_bytes, found(events)), (0, 0), "by hand: {by_hand}");
                drop(go.0);
            });
        }
    }

    /// Readers in flight see what was recorded, or nothing.
    #[test]
    fn nobody_reads_a_record_that_was_wiped_in_part() {
        let events = Events::builder().memory(1 << 18).shards(2).overflow_slots(16).build().unwrap();
        let done = AtomicBool::new(false);
        thread::scope(|threads| {
            let writers: Vec<_> = (1..=3_u64)
                .map(|id| {
                    let events = &events;
                    threads.spawn(move || {
                        for n in 0..6_000 {
                            let text = [b'a' + (n % 26) as u8].repeat(n as usize % 300);
                            let text = std::str::from_utf8(&text).unwrap();
                            events.record_with(Stamp::of(id), Told { text, n });
                        }
                    })
                })
                .collect();
            let read = threads.spawn(|| {
                let mut read = 0_u64;
                while !done.load(Relaxed) {
                    let by_id = (1..=3_u64).map(|id| events.query().correlation(id));
                    for query in by_id.chain([events.query()]) {
                        for event in query.run().unwrap().iter() {
                            let Some(Value::U64(n)) = event.field("n") else { panic!("{event:?}") };
                            let Some(Value::Str(text)) = event.field("text") else { panic!("{event:?}") };
                            assert_eq!(text.len(), n as usize % 300);
                            assert!(text.bytes().all(|byte| byte == b'a' + (n % 26) as u8), "{event:?}");
                            assert!((1..=3).contains(&event.correlation().get()) && event.ticks().0 > 0);
                            read += 1;
                        }
                    }
                }
                read
            });
            let scrubbed = threads.spawn(|| {
                let mut wiped = 0;
                while !done.load(Relaxed) {
                    events.clear();
                    wiped += events.scrub().wiped_bytes;
                    thread::sleep(Duration::from_micros(200));
                }
                wiped
            });
            writers.into_iter().for_each(|writer| writer.join().unwrap());
            done.store(true, Relaxed);
            assert!(read.join().unwrap() > 0 && scrubbed.join().unwrap() > 0);
        });
        let stats = events.stats();
        assert_eq!(stats.kept + stats.pruned + stats.overwritten, 18_000);
    }
}
