//! Sizes: how memory is divided before any of it is reserved.
//!
//! What a host chooses, and how, is told at [`Builder`].

use super::age::Retention;
use super::bell::Bell;
use super::bucket::BucketKey;
use super::class::{Class, PerClass};
use super::control::{Control, Given};
use super::error::BuildError;
use super::handle::Events;
use super::incident::Incidents;
use super::kinds::Kinds;
use super::loss::Losses;
use super::overflow::{Overflow, Slots};
use super::plan::Plan;
use super::privacy::Pseudonyms;
use super::record::{HEADER_WORDS, LINK_WORD, MAX_RECORD_WORDS};
use super::ring::{CACHED, Geometry};
use super::schemas::Schemas;
use super::section::{self, Counters, Shape};
use super::seeds::Seeds;
use super::shard::Shard;
use super::store::{Store, Values};
use super::threads::Threads;
use super::view::View;
use crate::clock::{Clock, ClockSource};
use crate::id::DeckId;
use crate::local;
#[cfg(all(feature = "mapped", target_os = "linux"))]
use crate::mapped::{self, MappedFile, Section, SectionSpec};
use crate::os;
use crate::region::log::Log;
use crate::region::{Region, Span};
use crate::status::ErrorSlot;
#[cfg(all(feature = "mapped", target_os = "linux"))]
use crate::sync::OnceLock;
use crate::sync::{Arc, AtomicBool, AtomicU64, thread};
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::time::{Duration, Instant};

/// Shards beside those that threads keep: shared ones, so many by default, then the emergency shard.
const SHARED: usize = 2;
const EMERGENCY: usize = 1;
/// Of event ids: as if it were one more shard.
const OVERFLOW: usize = 1;
/// Slots of the overflow, for each class: by default as many, or what fits beside the rings.
const SLOTS: usize = 1_024;
const LEAST_SLOTS: usize = 16;
const MOST_SLOTS: usize = 1 << 20;
/// Words of a slot: 512 bytes.
const SLOT: usize = 64;
/// An event id has twelve bits for the shard.
const MOST_KEPT: usize = 2_048;
const MOST_SHARED: usize = 4_096 - MOST_KEPT - EMERGENCY - OVERFLOW;
/// The smallest ring: two pages.
const LEAST_RING: usize = 1_024;
/// A shared ring is this much smaller than a kept one.
const SHARED_FRACTION: usize = 4;
/// Of which the overflow has 1.5 MiB.
const DEFAULT_MEMORY: usize = 18 << 20;
/// Bytes for incidents, and how many there can be.
const INCIDENTS: (usize, usize) = (1 << 20, 64);
/// In bytes.
pub(super) const LONGEST_VALUE: usize = 10_000;

/// Sizes and clock of an event store to be built.
///
/// # Choosing shards and memory
///
/// Give as many **shards** as threads record at the same time, with writers kept by hand counted in, and few more: each
/// has rings of its own, and those of an idle one hold nothing. Threads beyond that share a few smaller shards, and an
/// overflow that is smaller still, so what they record is soon overwritten: round up. **Memory** follows from how far back you want to look. An
/// event takes 48 bytes and its fields (8 a number; text 8 and its length, filled up to 8), so 200,000 events a second
/// of 64 bytes, kept for a minute, are 1.3 GB; rings are powers of two, and the classes share by
/// [weight](Builder::shares), so the answer is often two or three times that. A busy thread overwrites its own ring
/// sooner: if one of 16 writes it all, the minute becomes four seconds. `flightdeck size --rate 200k --bytes 64 --keep
/// 60s --threads 16` prints the setting; [`Builder::plan`] and [`Plan::held`] say the same in code.
#[derive(Clone, Debug)]
#[must_use = "a builder does nothing until `build`"]
pub struct Builder {
    memory: Option<usize>,
    shards: usize,
    shared: usize,
    slots: Option<usize>,
    shares: Shares,
    clock: Option<Clock>,
    deck: Option<DeckId>,
    prefault: bool,
    first_touch: bool,
    huge_pages: bool,
    lock: bool,
    longest_value: usize,
    span_seed: Option<u64>,
    directives: Given,
    max_age: PerClass<Option<Duration>>,
    incidents: (usize, usize),
    #[cfg(all(feature = "mapped", target_os = "linux"))]
    mapped: Option<mapped::Options>,
    /// A section of a file that somebody else made.
    #[cfg(all(feature = "mapped", target_os = "linux"))]
    section: Option<Section>,
}

impl Default for Builder {
    fn default() -> Self {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        Self {
            memory: None,
            shards: (2 * cores).min(64),
            shared: SHARED,
            slots: None,
            shares: Shares::default(),
            clock: None,
            deck: None,
            prefault: false,
            first_touch: false,
            huge_pages: false,
            lock: false,
            longest_value: LONGEST_VALUE,
            span_seed: None,
            directives: Given::default(),
            max_age: PerClass::of(|_| None),
            incidents: INCIDENTS,
            #[cfg(all(feature = "mapped", target_os = "linux"))]
            mapped: None,
            #[cfg(all(feature = "mapped", target_os = "linux"))]
            section: None,
        }
    }
}

/// What became of the wish for huge pages, [`Builder::huge_pages`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum HugePages {
    /// Nobody asked.
    #[default]
    NotAsked,
    /// The system took the advice; it follows it as it finds huge pages free, when memory is first used.
    Advised,
    /// All memory was provided when the store was built, so much of it in huge pages as the system counted then.
    Provided {
        /// Bytes in huge pages.
        huge: u64,
        /// Bytes in all.
        all: u64,
    },
    /// There will be none.
    Refused {
        /// What the system says.
        reason: String,
    },
}

impl HugePages {
    /// What the system gave that took the advice.
    fn of(region: &Region) -> Self {
        match region.provided() {
            // Little of it has been used: it may give some later.
            Some(os::Provided { huge, all }) if all >= region.bytes() / 2 => match huge {
                0 => Self::Refused { reason: NO_HUGE_PAGES.to_owned() },
                huge => Self::Provided { huge, all },
            },
            _ => Self::Advised,
        }
    }
}

/// What helps, after what was the matter.
const NO_HUGE_PAGES: &str = "the system took the advice and provided small pages alone: for a file in memory mount its tmpfs with `huge=advise` \
    (of /dev/shm: `mount -o remount,huge=advise /dev/shm`), for one without a name write `advise` to \
    /sys/kernel/mm/transparent_hugepage/shmem_enabled; a disk's file system may have none; on the heap it found none free";

/// How memory is shared between the retention classes: weights. Without a weight a class gets the smallest ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_structs, reason = "there are three classes")]
pub struct Shares {
    /// Of [`Class::Critical`].
    pub critical: u32,
    /// Of [`Class::Normal`].
    pub normal: u32,
    /// Of [`Class::Verbose`].
    pub verbose: u32,
}

impl Default for Shares {
    fn default() -> Self {
        Self { critical: 1, normal: 4, verbose: 2 }
    }
}

impl Shares {
    /// All to one class, for hosts that have no other.
    #[must_use]
    pub const fn only(class: Class) -> Self {
        let none = Self { critical: 0, normal: 0, verbose: 0 };
        match class {
            Class::Critical => Self { critical: 1, ..none },
            Class::Normal => Self { normal: 1, ..none },
            Class::Verbose => Self { verbose: 1, ..none },
        }
    }

    fn of(self, class: Class) -> u64 {
        let Self { critical, normal, verbose } = self;
        u64::from(match class {
            Class::Critical => critical,
            Class::Normal => normal,
            Class::Verbose => verbose,
        })
    }
}

impl Builder {
    /// How much memory rings, indexes, block tables and the overflow take together, at most; 18 MiB by default. Rings
    /// are powers of two, so up to half of it may stay unused: [`Builder::plan`] tells.
    pub fn memory(mut self, bytes: usize) -> Self {
        self.memory = Some(bytes);
        self
    }

    /// How many threads and writers get a shard of their own; twice the cores by default, at most 64. Further
    /// threads share.
    pub fn shards(mut self, shards: usize) -> Self {
        self.shards = shards;
        self
    }

    /// How many shards are shared by the threads for which none is left to keep, 2 by default. A quarter the size of
    /// a kept one each.
    ///
    /// Such a thread takes one for each record. One that the system takes off its core in the middle of a record
    /// holds its shard until it runs again, so threads that record without pause, more of them than cores, find
    /// none free after a while: then it is the [overflow](Builder::overflow_slots)'s turn.
    pub fn shared_shards(mut self, shards: usize) -> Self {
        self.shared = shards;
        self
    }

    /// How many slots the overflow has, for each class: where events go that find no shard free, one of up to 488
    /// bytes, header included, in each. Rounded up to a power of two. By default 1,024; where [`Builder::memory`] is set as
    /// many of them as fit beside the rings, at least 16.
    ///
    /// Nothing is lost as long as there are as many slots as threads beyond the kept shards, signal handlers included:
    /// a slot is busy only while one event is written to it, or while the thread that does so is off its core. Events
    /// that are too long for a slot are lost where they find no shard free. Queries look at every slot that was ever used,
    /// about 10 ns each, and at none before the first.
    pub fn overflow_slots(mut self, slots: usize) -> Self {
        self.slots = Some(slots);
        self
    }

    /// How the memory is shared between the retention classes: 1 to critical, 4 to normal and 2 to verbose events by
    /// default. Rings are powers of two, so what they get is near these weights.
    pub fn shares(mut self, shares: Shares) -> Self {
        self.shares = shares;
        self
    }

    /// The clock that stamps events: [`Clock::precise`] by default.
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = Some(clock);
        self
    }

    /// Whether all memory is written to once before the store is handed out. Otherwise the system provides each
    /// page at its first use, in the middle of some record of the first lap: about a microsecond more, once in
    /// 4 KiB. Off by default, since it makes a store take its memory whether it is ever used or not.
    pub fn prefault(mut self, on: bool) -> Self {
        self.prefault = on;
        self
    }

    /// Whether each shard's memory is touched first by the thread that claims it, so that the system provides it near
    /// that thread's core (NUMA). Off by default. The thread's first record, or
    /// [`Events::register_thread`], takes that much longer: about a millisecond for 8 MiB. With
    /// [`Builder::prefault`] only the shards that threads share are touched at once.
    pub fn first_touch(mut self, on: bool) -> Self {
        self.first_touch = on;
        self
    }

    /// Whether to ask the system for huge pages: fewer misses of the address cache in stores of many megabytes.
    /// Off by default. A wish, not a condition: [`Events::huge_pages`] and the deck's health say what became of it.
    /// Needs feature `os`, and Linux with transparent huge pages not switched off. A deck's file in memory (on `/dev/shm`, or without a
    /// name) is provided in full when it is made, in that case, which takes as long as with [`Builder::prefault`]: only so has it huge
    /// pages at all, from Linux 5.14 on.
    pub fn huge_pages(mut self, on: bool) -> Self {
        self.huge_pages = on;
        self
    }

    /// Whether to lock the memory (`mlock`), so that no record ever waits for it to come back from a swap device.
    /// Off by default. All of it is provided at once, except with [`Builder::first_touch`]: then each page is
    /// locked as it is touched. If the system refuses, there is no store: a host that asks for this means it.
    /// Needs feature `os`.
    pub fn lock_memory(mut self, on: bool) -> Self {
        self.lock = on;
        self
    }

    /// How many bytes of a text or of bytes are kept: 10,000 by default. What is longer is cut, text between two
    /// characters, and says how long it was ([`Value::CutStr`](super::Value::CutStr)); [`Stats`](super::Stats)
    /// counts it. It is a limit for accidents, so it costs events shorter than this nothing, and longer ones
    /// a second look at each value.
    ///
    /// An event may still be too large as a whole: [`Plan::longest_event`].
    pub fn longest_value(mut self, bytes: usize) -> Self {
        self.longest_value = bytes;
        self
    }

    /// Makes span ids the same in each run: they follow from this number and from the order in which threads first
    /// ask for one; the thread that builds the store comes first. Random by default, since ids of two stores with
    /// one seed are the same. For tests and simulations; costs nothing per id.
    pub fn span_seed(mut self, seed: u64) -> Self {
        self.span_seed = Some(seed);
        self
    }

    /// Which kinds are recorded, sampled and limited from the start: a text such as `info,http=debug,db=1/100`, whose
    /// grammar [`Directives`](super::Directives) tells. Called again, both count, the later one where they differ. By
    /// default all is recorded. [`Events::set_directives`] changes them later.
    ///
    /// With rates among them, building takes up to 5 ms: a rate needs a sound clock.
    pub fn directives(mut self, text: impl Into<String>) -> Self {
        self.directives.add(text.into());
        self
    }

    /// Reads further directives from the variable `FLIGHTDECK_LOG`, once, in [`Builder::build`]. They count where they
    /// differ from those given here. If it is not set, there are none; if it makes no sense, there is no store. Without
    /// this call the environment is never asked.
    pub fn directives_from_env(mut self) -> Self {
        self.directives.add_env();
        self
    }

    /// How old events may become before they are pruned; by default they stay until they are overwritten. In wall time, as
    /// the deck's clock tells it.
    ///
    /// A deck prunes every second, so an event may be found for a second more. A store alone prunes when the host calls
    /// [`Events::prune_expired`]. Writers do not wait for it, nor do they know of it. [`Events::set_max_age`] changes it
    /// while the host runs.
    pub fn max_age(mut self, age: Duration) -> Self {
        self.max_age = PerClass::of(|_| Some(age));
        self
    }

    /// As [`Builder::max_age`], of one class.
    pub fn max_age_of(mut self, class: Class, age: Duration) -> Self {
        self.max_age[class] = Some(age);
        self
    }

    /// How many bytes [incidents](Events::pin) take together, and how many there can be: 1 MiB and 64 by default. An event
    /// takes 64 bytes and its fields.
    ///
    /// Reserved when the store is built, beside [`Builder::memory`], with some 150 bytes for each that there can be; the
    /// system provides it at its first use. With zero of either nothing can be pinned.
    pub fn incidents(mut self, bytes: usize, count: usize) -> Self {
        self.incidents = (bytes, count);
        self
    }

    /// Keeps all of it in a file, so that it outlives the process and another can read it: at a path, or where
    /// [`mapped::Options`] say. [`Recording::open`](super::Recording::open) reads it, and [`Events::file`] tells about it.
    ///
    /// Building takes up to 10 ms more, until the rate of a clock that counts is known: whoever reads the file could not tell it.
    /// Recording costs what it costs in memory: the system writes to the disk, if there is one, whenever it likes. While it
    /// does, a store to a page may wait for it; so a file in memory, below `/dev/shm`, is the better place for hosts to which
    /// that matters. The file has all of its length at once, [`Builder::plan`]'s `total` and `names` and 4 KiB.
    /// Whether a store can fail later, on a full disk, is up to the file system: [`mapped::Options`] tells which are safe.
    /// A thread that recorded keeps the file of a dropped store mapped until it ends, takes its place in another store, or builds one.
    /// It says `closed` once [`Events::stop`] is called or the last handle is dropped; in a file that does not, nobody's being the
    /// writer means that the process was killed.
    ///
    /// ```
    /// use flightdeck::events::{Events, Recording};
    /// flightdeck::kind! { OrderFilled("order.filled") { qty: u64 } }
    ///
    /// let folder = std::env::temp_dir();
    /// let events = Events::builder().mapped(flightdeck::mapped::Options::in_directory(folder)).build()?;
    /// events.record(OrderFilled { qty: 5 });
    /// // In another process, while this one runs or after it was killed:
    /// # let path = events.file().and_then(|file| file.path()).unwrap();
    /// let recording = Recording::open(path)?;
    /// assert_eq!(recording.query().kind_named("order.filled").run()?.len(), 1);
    /// # std::fs::remove_file(path)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[cfg(all(feature = "mapped", target_os = "linux"))]
    pub fn mapped(mut self, file: impl Into<mapped::Options>) -> Self {
        self.mapped = Some(file.into());
        self
    }

    /// Where its file was to be, which somebody else makes then.
    #[cfg(all(feature = "mapped", target_os = "linux"))]
    pub(crate) fn take_mapped(&mut self) -> Option<mapped::Options> {
        self.mapped.take()
    }

    /// The section that it needs of a file.
    #[cfg(all(feature = "mapped", target_os = "linux"))]
    pub(crate) fn section(&self) -> Result<SectionSpec, BuildError> {
        Ok(self.spec(&self.shape(&self.layout()?)))
    }

    /// Keeps all of it in this section, which is as [`Builder::section`] says. Whoever made the file says when it
    /// [counts](MappedFile::run), and hands it over: [`Events::close_with`].
    #[cfg(all(feature = "mapped", target_os = "linux"))]
    pub(crate) fn in_section(mut self, section: Section) -> Self {
        self.section = Some(section);
        self
    }

    #[cfg(all(feature = "mapped", target_os = "linux"))]
    fn spec(&self, shape: &Shape) -> SectionSpec {
        SectionSpec {
            kind: mapped::kind::EVENTS,
            version: section::VERSION as u32,
            instance: 0,
            words: shape.words(),
            huge_pages: self.huge_pages,
        }
    }

    pub(crate) fn deck(mut self, deck: DeckId) -> Self {
        self.deck = Some(deck);
        self
    }

    /// How the memory would be divided, part by part; how many events fit, and for how long. Reserves nothing.
    ///
    /// ```
    /// use flightdeck::events::{Class, Events};
    /// let plan = Events::builder().memory(256 << 20).shards(4).plan()?;
    /// assert!(plan.total <= 256 << 20);
    /// // 50,000 events a second, from four threads alike, with five numbers each.
    /// assert!(plan.held(Class::Normal, 50_000.0, 5 * 8).as_secs() >= 30);
    /// println!("{plan}");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// If it does not suffice, or the number of shards is out of range.
    pub fn plan(&self) -> Result<Plan, BuildError> {
        Ok(Plan::of(&self.shape(&self.layout()?)))
    }

    /// Reserves the memory and builds the store.
    ///
    /// # Errors
    /// As [`Builder::plan`], and if the system has not as much memory, or does not lock it, or directives make no sense.
    pub fn build(self) -> Result<Events, BuildError> {
        // What this thread has of stores that are gone, such as a file that is mapped, goes first.
        local::let_go_of_orphans();
        let plan = self.plan()?;
        let refused = |(origin, error)| BuildError::Directives { origin, error };
        let directives = self.directives.parsed().map_err(refused)?;
        let shape = self.shape(&self.layout()?);
        let shared = shape.shared;
        let bytes = plan.total + plan.names;
        let memory = self.reserve(&shape, bytes)?;
        let Span { region, start, .. } = &memory.span;
        let start = *start;
        // In this order: a page that has been touched is no longer made a huge one.
        let advised = self.huge_pages.then(|| region.advise_huge_pages());
        if self.lock {
            let refused = |error: io::Error| BuildError::NotLocked { bytes, reason: error.to_string() };
            region.lock(self.first_touch).map_err(refused)?;
        }
        let of_owners = shape.shards_at()..shape.shard(self.shards).0;
        match (self.prefault, self.first_touch) {
            (true, false) => region.touch(start, shape.words()),
            (true, true) => {
                region.touch(start, of_owners.start);
                region.touch(start + of_owners.end, shape.words() - of_owners.end);
            }
            (false, _) => {}
        }
        let huge_pages = match advised {
            None => HugePages::NotAsked,
            Some(Ok(())) => HugePages::of(region),
            Some(Err(error)) => HugePages::Refused { reason: error.to_string() },
        };
        os::watch_forks(local::forget_in_child).map_err(|_| BuildError::OutOfMemory { bytes })?;
        let clock = self.clock.unwrap_or_default();
        let random = RandomState::new();
        let key = BucketKey([random.hash_one(0), random.hash_one(1)]);
        section::write(region, start, &shape, key);
        let told = clock.tell(region, start + shape.clock_at());
        if memory.is_mapped {
            // Whoever reads the file cannot compare the clock with anything: the rate is told before there is a stamp.
            let _ = clock.converter();
        }
        let log = |(at, words): (usize, usize)| Log::at(region, start + at, words);
        let losses = |at: usize| Losses::at(region, start + at);
        let shard = |number| {
            let (at, rings) = shape.shard(number);
            Arc::new(Shard::laid_out(region, start + at, rings, losses(shape.losses_of(number))))
        };
        let control = Control::new(&clock).ok_or(BuildError::OutOfMemory { bytes })?;
        let converter = directives.have_limits().then(|| clock.converter());
        let schemas = Arc::new(Schemas::new(log(shape.kinds_at())));
        let kinds = Kinds::new(schemas.clone(), directives, converter, &clock)
            .ok_or(BuildError::OutOfMemory { bytes })?;
        let incidents = Incidents::new(self.incidents.0, self.incidents.1)
            .ok_or(BuildError::OutOfMemory { bytes: self.incidents.0 })?;
        let deck = self.deck.unwrap_or_else(DeckId::unique);
        let store = Arc::new_cyclic(|store| Store {
            deck,
            supplied_clock: clock.source() == ClockSource::Supplied,
            stamp_step: clock.least_step(),
            first_touch: self.first_touch,
            huge_pages,
            born: os::forks(),
            view: Arc::new(View {
                deck,
                clock: clock.clone(),
                shards: (0..shape.kept_shards + shape.shared_shards).map(shard).collect(),
                overflow: PerClass::of(|class| {
                    Overflow::new(region, start + shape.overflow_at(class), shape.slots)
                }),
                kept: self.shards,
                schemas,
                losses: losses(shape.losses_at()),
                threads: Threads::new(log(shape.threads_at())),
                key,
                counters: Counters::at(region, start),
                store: store.clone(),
                #[cfg(all(feature = "mapped", target_os = "linux"))]
                file: None,
            }),
            clock,
            kinds,
            control,
            losses: losses(shape.losses_at()),
            retention: Retention::new(&self.max_age),
            incidents,
            longest: PerClass::of(|class| longest(shared[class])),
            // A value that is too long takes more words than this by itself.
            plain: PerClass::of(|class| longest(shared[class]).min(HEADER_WORDS + self.longest_value / 8)),
            values: Values {
                longest: self.longest_value,
                cut: AtomicU64::new(0),
                links_left_out: AtomicU64::new(0),
                pseudonyms: Pseudonyms::default(),
            },
            longest_batch: PerClass::of(|class| shared[class].words / 4),
            key,
            span: memory.span.clone(),
            _told: told,
            #[cfg(all(feature = "mapped", target_os = "linux"))]
            file: OnceLock::new(),
            orphaned: AtomicBool::new(false),
            reclaimed: AtomicU64::new(0),
            seeds: Seeds::new(self.span_seed),
            bell: Bell::default(),
            started: Instant::now(),
            errors: ErrorSlot::new(),
        });
        store.seeds.restart_this_thread();
        #[cfg(all(feature = "mapped", target_os = "linux"))]
        if let Some(file) = memory.file {
            // All is laid out: from here on a reader believes it.
            file.run();
            let _ = store.file.set(Arc::new(file));
        }
        Ok(Events::of(store, plan))
    }

    /// As many words as that, of a file or of the heap.
    fn reserve(&self, shape: &Shape, bytes: usize) -> Result<Memory, BuildError> {
        let words = shape.words();
        #[cfg(all(feature = "mapped", target_os = "linux"))]
        if let Some(Section { region, start, words, .. }) = self.section.clone() {
            return Ok(Memory { span: Span { region, start, len: words }, is_mapped: true, file: None });
        }
        #[cfg(all(feature = "mapped", target_os = "linux"))]
        if let Some(options) = &self.mapped {
            let file = MappedFile::create(options, &[self.spec(shape)]).map_err(BuildError::Mapped)?;
            if let Some(Section { region, start, words, .. }) = file.section(mapped::kind::EVENTS, 0) {
                let span = Span { region, start, len: words };
                return Ok(Memory { span, is_mapped: true, file: Some(file) });
            }
        }
        let region = Region::heap(words).ok_or(BuildError::OutOfMemory { bytes })?;
        Ok(Memory {
            span: Span { region, start: 0, len: words },
            is_mapped: false,
            #[cfg(all(feature = "mapped", target_os = "linux"))]
            file: None,
        })
    }

    /// Where all this lies.
    fn shape(&self, layout: &Layout) -> Shape {
        let Layout { kept, shared, slots } = *layout;
        Shape::new([kept, shared], [self.shards, self.shared + EMERGENCY], slots)
    }

    fn layout(&self) -> Result<Layout, BuildError> {
        if !(1..=MOST_KEPT).contains(&self.shards) {
            return Err(BuildError::Shards { shards: self.shards, most: MOST_KEPT });
        }
        if self.shared > MOST_SHARED {
            return Err(BuildError::SharedShards { shards: self.shared, most: MOST_SHARED });
        }
        let bytes = self.memory.unwrap_or(DEFAULT_MEMORY);
        let available = bytes / 8;
        let slots_by_default = self.memory.is_none().then_some(SLOTS);
        let wanted =
            self.slots.map(|slots| slots.clamp(1, MOST_SLOTS).next_power_of_two()).or(slots_by_default);
        let mut slots = Slots { count: wanted.unwrap_or(LEAST_SLOTS), words: SLOT };
        let footprint =
            |words: &PerClass<usize>| Layout::of(words, slots).footprint(self.shards, self.shared);
        let fits = |words: &PerClass<usize>| footprint(words) <= available;
        let mut words = PerClass::of(|_| LEAST_RING);
        if !fits(&words) {
            let least = footprint(&words) * 8;
            return Err(BuildError::MemoryTooSmall { bytes, shards: self.shards, least });
        }
        // The largest unit for which all rings fit, each the power of two at or below its weight.
        for unit in (0..u32::BITS).map(|power| 1_u64 << power) {
            let wanted = PerClass::of(|class| ring_words(self.shares.of(class) * unit));
            if !fits(&wanted) {
                break;
            }
            words = wanted;
        }
        // What is left makes single rings larger, those of normal events first, and then the overflow.
        for class in [Class::Normal, Class::Verbose, Class::Critical] {
            let mut larger = words;
            larger[class] = ring_words(words[class] as u64 * 2);
            if self.shares.of(class) > 0 && fits(&larger) {
                words = larger;
            }
        }
        if wanted.is_none() {
            let free = available - footprint(&words) + slots.count * SLOT * Class::ALL.len();
            let count = free / (SLOT * Class::ALL.len());
            slots.count = 1 << count.clamp(LEAST_SLOTS, SLOTS).ilog2();
        }
        Ok(Layout::of(&words, slots))
    }
}

/// Where a store's words are to lie.
struct Memory {
    span: Span,
    /// Whether others may read it.
    is_mapped: bool,
    #[cfg(all(feature = "mapped", target_os = "linux"))]
    file: Option<MappedFile>,
}

/// The sizes of all rings, and of the overflow.
#[derive(Clone, Copy)]
struct Layout {
    kept: PerClass<Geometry>,
    shared: PerClass<Geometry>,
    /// Of each class.
    slots: Slots,
}

impl Layout {
    /// With kept rings of so many words.
    fn of(words: &PerClass<usize>, slots: Slots) -> Self {
        Self {
            kept: PerClass::of(|class| ring_of(words[class])),
            shared: PerClass::of(|class| ring_of((words[class] / SHARED_FRACTION).max(LEAST_RING))),
            slots,
        }
    }

    /// Words of memory for so many kept shards, and so many shared ones beside the emergency shard and the overflow.
    fn footprint(&self, shards: usize, shared: usize) -> usize {
        Shard::footprint(&self.kept) * shards
            + Shard::footprint(&self.shared) * (shared + EMERGENCY)
            + self.slots.footprint() * Class::ALL.len()
    }
}

/// The words of a ring that is to have about as many. Links are 32-bit distances, so there are at most 2^31: 16 GiB.
fn ring_words(about: u64) -> usize {
    let power = about.max(1).ilog2().min(31);
    (1_usize << power).max(LEAST_RING)
}

/// The sizes of a ring of so many words: a bucket for every two events of middling size (16 words), and
/// blocks of a 256th of the ring, but of 4 KiB at least, and of 64 KiB at most: what is rare is found by passing over blocks.
fn ring_of(words: usize) -> Geometry {
    Geometry {
        words,
        block: (words / 256).clamp(512, 8_192).min(words / 4),
        buckets: (words / 32).max(64),
        // Where the index stays in a core's cache a miss is short, and queries have less to look through: a tenth of a
        // nanosecond more for an event, 40 less for a query and ring.
        queue: if words <= CACHED { 4 } else { 16 },
        link_word: LINK_WORD,
    }
}

/// The longest record that fits every ring, the smallest included.
pub(super) fn longest(smallest: Geometry) -> usize {
    // 1 MiB, or a quarter of the ring.
    (smallest.words / 4).min((1 << 20) / 8).min(MAX_RECORD_WORDS)
}
