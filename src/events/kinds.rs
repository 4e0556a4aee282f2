//! A deck's own table of kinds: which it knows, and which are switched on.
//!
//! Kinds declared at call sites are found by the site's process-wide number, kinds defined at run
//! time by a number of the deck. Both go through one kind of table.
//!
//! # Edges
//!
//! | edge | published by | observed by |
//! |---|---|---|
//! | `kind-known` | store in [`Switches::publish`] | load in [`Switches::admit`] |

use super::control::{Directives, Gates, Rate, Setting, Slot, bucket_time};
use super::error::DefineError;
use super::record::{Flags, Lead, MAX_RECORD_WORDS};
use super::schema::{Schema, Site};
use super::schemas::{CAPACITY, DEFINED, Schemas};
use crate::clock::{Clock, Converter};
use crate::os;
use crate::sync::{Arc, AtomicBool, AtomicU64, Mutex, Relaxed, SiteNumber, acquire, release};

/// Gates that a deck has: one for each kind there can be.
pub(super) const SLOTS: usize = Schemas::MOST;

/// What a deck does with events of a kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Switch {
    /// Not met yet.
    Unknown,
    /// Records them.
    On,
    /// Leaves them out, as the host wishes.
    Off,
    /// Counts them as lost: the deck has stopped.
    Stopped,
    /// Records those that a gate lets through.
    Gated(Gated),
}

impl Switch {
    const UNKNOWN: u64 = 0;
    const ON: u64 = 1;
    /// A bit that no other one has.
    const OFF: u64 = 2;
    /// A bit that no other one has; and in the bits above it, which gate.
    const GATED: u64 = 4;
    const STOPPED: u64 = 8;

    /// In place of the length of a lead.
    const fn bits(self) -> u64 {
        match self {
            Self::Unknown => Self::UNKNOWN,
            Self::On => Self::ON,
            Self::Off => Self::OFF,
            Self::Stopped => Self::STOPPED,
            Self::Gated(gated) => gated.0,
        }
    }
}

/// A kind with a gate: how its records begin, and which gate in place of their length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gated(u64);

impl Gated {
    /// A gate, of no kind yet.
    pub const fn by(slot: Slot) -> Self {
        Self(slot.word() | Switch::GATED)
    }

    /// How records of the kind begin.
    #[inline(always)]
    pub const fn lead(self) -> Lead {
        Lead::from_word(self.0 & !(MAX_RECORD_WORDS as u64))
    }

    /// The gate.
    #[inline(always)]
    pub const fn slot(self) -> Slot {
        Slot::in_word(self.0)
    }
}

const _: () = {
    let last = Gated::by(Slot::of(SLOTS as u16 - 1));
    assert!(SLOTS <= u16::MAX as usize && last.0 <= MAX_RECORD_WORDS as u64);
    assert!(last.slot().word() == Slot::of(SLOTS as u16 - 1).word());
};

/// The word of a kind, as it was a moment ago. A hot path asks whether it is [on](Look::on), then whether it is
/// [off](Look::is_off), then for its [gate](Look::gated), and leaves the rest to whoever is not in line.
#[derive(Clone, Copy, Debug)]
pub(super) struct Look(u64);

impl Look {
    #[inline(always)]
    const fn switch(self) -> u64 {
        self.0 & MAX_RECORD_WORDS as u64
    }

    /// The lead of the kind's records, if they are simply recorded.
    #[inline(always)]
    pub(super) fn on(self) -> Option<Lead> {
        (self.switch() == Switch::ON).then(|| Lead::from_word(self.0 ^ Switch::ON))
    }

    /// A test of a bit: of two comparisons with one word the compiler would make one choice among cases, and put those
    /// in an order of its own.
    #[inline(always)]
    pub(super) const fn is_off(self) -> bool {
        self.0 & Switch::OFF != 0
    }

    /// The gate of the kind, if it has one.
    #[inline(always)]
    pub(super) fn gated(self) -> Option<Gated> {
        (self.0 & Switch::GATED != 0).then_some(Gated(self.0))
    }

    #[inline(always)]
    fn lead(self) -> Result<Lead, Switch> {
        match self.switch() {
            Switch::ON => Ok(Lead::from_word(self.0 ^ Switch::ON)),
            Switch::UNKNOWN => Err(Switch::Unknown),
            Switch::OFF => Err(Switch::Off),
            Switch::STOPPED => Err(Switch::Stopped),
            _ => Err(Switch::Gated(Gated(self.0))),
        }
    }
}

const _: () = {
    assert!(!Look(Switch::UNKNOWN | Switch::ON | Switch::GATED | Switch::STOPPED).is_off());
    assert!((Switch::UNKNOWN | Switch::ON | Switch::OFF | Switch::STOPPED) & Switch::GATED == 0);
    assert!(Switch::STOPPED < 1 << Slot::LOWEST);
};

/// One word per kind, all that a hot path looks at: the lead of its records, and in place of their length the
/// [`Switch`]. `N`, a power of two: numbers are below it.
#[derive(Debug)]
pub struct Switches<const N: usize>(Box<[AtomicU64; N]>);

impl<const N: usize> Switches<N> {
    /// All unknown.
    #[allow(clippy::new_without_default, reason = "nobody wants a default one")]
    pub fn new() -> Self {
        const { assert!(N.is_power_of_two()) };
        let words: Box<[_]> = (0..N).map(|_| AtomicU64::new(Switch::UNKNOWN)).collect();
        match words.try_into() {
            Ok(words) => Self(words),
            Err(_) => unreachable!("collected so many"),
        }
    }

    /// The lead of the kind's records if they are to be recorded, else why not.
    #[inline(always)]
    pub fn admit(&self, number: u32) -> Result<Lead, Switch> {
        self.look(number).lead()
    }

    #[inline(always)]
    fn look(&self, number: u32) -> Look {
        // Acquire, edge `kind-known` (partner: `publish`): the schema of a known kind is visible to this
        // thread, and so to whoever reads the records it writes.
        Look(self.word(number).load(acquire("kind-known")))
    }

    #[inline(always)]
    fn word(&self, number: u32) -> &AtomicU64 {
        &self.0[number as usize % N]
    }

    /// Sets what to do with events of the kind, whose schema is in place.
    pub fn publish(&self, number: u32, lead: Lead, switch: Switch) {
        // Release, edge `kind-known` (partner: `admit`): the schema is visible with it.
        self.word(number).store(lead.word() | switch.bits(), release("kind-known"));
    }
}

/// All kinds of a deck.
#[derive(Debug)]
pub(crate) struct Kinds {
    declared: Switches<CAPACITY>,
    defined: Switches<CAPACITY>,
    schemas: Arc<Schemas>,
    pub(super) gates: Gates<SLOTS>,
    /// Serialises whoever changes a table: cold. Nothing is allocated or freed under it, since allocators may record.
    changes: Mutex<Changing>,
    clock: Clock,
    on: AtomicBool,
    stopped: AtomicBool,
    /// [`os::forks`] at the start: in a child the lock may be held for good by a thread that is not there.
    born: u32,
}

/// What decides about kinds, and which of them have gates.
#[derive(Debug)]
struct Changing {
    /// How many kinds are defined.
    defined: u32,
    directives: Directives,
    /// From rates to ticks; there if a directive has a rate.
    converter: Option<Converter>,
    /// By gate.
    gated: Vec<Behind>,
    /// By kind, those defined at run time last, one more than the number of its gate; zero: it has none.
    slots: Box<[u16]>,
}

/// What is behind a gate.
#[derive(Debug)]
struct Behind {
    kind: u32,
    /// The rate it was given last. Its pace may change where the rate does not.
    limit: Option<Rate>,
}

impl Changing {
    /// The gate of a kind, which gets one if it has none.
    fn gate(&mut self, table: usize, kind: u32) -> (Slot, &mut Behind) {
        let given = &mut self.slots[table];
        if *given == 0 {
            self.gated.push(Behind { kind, limit: None });
            *given = self.gated.len() as u16;
        }
        let number = *given - 1;
        (Slot::of(number), &mut self.gated[usize::from(number)])
    }
}

impl Kinds {
    /// `None` where the system has not as much memory.
    pub(crate) fn new(
        schemas: Arc<Schemas>,
        directives: Directives,
        converter: Option<Converter>,
        clock: &Clock,
    ) -> Option<Self> {
        let changing = Changing {
            defined: 0,
            directives,
            converter,
            gated: Vec::with_capacity(SLOTS),
            slots: vec![0; SLOTS].into(),
        };
        Some(Self {
            declared: Switches::new(),
            defined: Switches::new(),
            schemas,
            gates: Gates::new()?,
            changes: Mutex::new(changing),
            clock: clock.clone(),
            on: AtomicBool::new(true),
            stopped: AtomicBool::new(false),
            born: os::forks(),
        })
    }

    /// What is to become of this site's events, for a hot path; a kind that was not met yet is neither on nor off.
    #[inline(always)]
    pub(super) fn look(&self, site: &'static Site) -> Look {
        self.declared.look(site.number.get())
    }

    /// How records of this site's events begin, if they are simply to be recorded.
    pub(crate) fn admit(&self, site: &'static Site) -> Result<Lead, Switch> {
        match self.declared.admit(site.number.get()) {
            Err(Switch::Unknown) => self.meet(site),
            known => known,
        }
    }

    /// As [`Kinds::admit`], but meets no new kind: no lock.
    pub(crate) fn admit_met(&self, site: &'static Site) -> Result<Lead, Switch> {
        self.declared.admit(site.number.get())
    }

    /// The first event of a site here.
    #[cold]
    #[inline(never)]
    fn meet(&self, site: &'static Site) -> Result<Lead, Switch> {
        let number = site.number.assigned();
        if number == SiteNumber::MOST || os::forks() != self.born {
            return Err(Switch::Unknown);
        }
        let mut changing = self.changes.lock();
        self.schemas.declare(number, &site.schema);
        self.publish(&mut changing, number);
        drop(changing);
        self.declared.admit(number)
    }

    /// As [`Kinds::look`], for a kind defined at run time.
    #[inline(always)]
    pub(super) fn look_defined(&self, kind: u32) -> Look {
        self.defined.look(kind - DEFINED)
    }

    /// As [`Kinds::admit`], for a kind defined at run time.
    pub(crate) fn admit_defined(&self, kind: u32) -> Result<Lead, Switch> {
        self.look_defined(kind).lead()
    }

    /// The number of a kind defined at run time: that of an equal one, if there is one.
    pub(crate) fn define(&self, schema: Schema) -> Result<u32, DefineError> {
        if os::forks() != self.born {
            return Err(DefineError::Forked { schema: Box::new(schema) });
        }
        let mut changing = self.changes.lock();
        let number = changing.defined;
        if let Some(same) = (0..number).find(|n| self.schema(DEFINED + n) == Some(&schema)) {
            // Before the schema is freed: an allocator may record, and meet a kind.
            drop(changing);
            return Ok(DEFINED + same);
        }
        if number as usize == CAPACITY {
            drop(changing);
            return Err(DefineError::TooMany { schema: Box::new(schema), limit: CAPACITY });
        }
        self.schemas.define(DEFINED + number, schema);
        self.publish(&mut changing, DEFINED + number);
        changing.defined += 1;
        Ok(DEFINED + number)
    }

    /// The schema of a kind that is known.
    #[inline]
    pub(crate) fn schema(&self, kind: u32) -> Option<&Schema> {
        self.schemas.schema(kind)
    }

    /// Switches all kinds, also those yet to come.
    pub(crate) fn switch_all(&self, on: bool) {
        let mut changing = self.changes.lock();
        self.on.store(on, Relaxed);
        self.publish_all(&mut changing);
    }

    /// Whether [all are switched](Kinds::switch_all) on.
    pub(crate) fn is_on(&self) -> bool {
        self.on.load(Relaxed)
    }

    /// Stops for good: what comes from now on is a counted loss.
    pub(crate) fn stop(&self) {
        let mut changing = self.changes.lock();
        self.stopped.store(true, Relaxed);
        self.publish_all(&mut changing);
    }

    /// Whether it has. A hint: see [`Kinds::has_ended`].
    pub(crate) fn is_stopped(&self) -> bool {
        self.stopped.load(Relaxed)
    }

    /// Whether it has, or a flag says so that was set [after all that came before](Kinds::set_after). Whoever learns so sees
    /// all that was recorded before.
    pub(crate) fn has_ended(&self, flag: &AtomicBool) -> bool {
        let has_ended = self.stopped.load(Relaxed) || flag.load(Relaxed);
        if has_ended {
            // Both are set under this lock, so what came before that happened before what comes next here.
            drop(self.lock_here());
        }
        has_ended
    }

    /// Sets a flag for [`Kinds::has_ended`].
    pub(crate) fn set_after(&self, flag: &AtomicBool) {
        let _lock = self.lock_here();
        flag.store(true, Relaxed);
    }

    /// None in a child, where the lock may be held for good.
    fn lock_here(&self) -> Option<impl Drop> {
        (os::forks() == self.born).then(|| self.changes.lock())
    }

    /// Replaces the directives, or how they are told in ticks, for all kinds and those yet to come.
    pub(crate) fn set_directives(&self, directives: Directives, converter: Option<Converter>) {
        let mut changing = self.changes.lock();
        let before = (
            std::mem::replace(&mut changing.directives, directives),
            std::mem::replace(&mut changing.converter, converter),
        );
        self.publish_all(&mut changing);
        // In this order: see `changes`.
        drop(changing);
        drop(before);
    }

    /// The directives in force.
    pub(crate) fn directives(&self) -> Directives {
        self.changes.lock().directives.clone()
    }

    /// The kinds that have or had a gate, by its number.
    pub(super) fn gated(&self) -> impl Iterator<Item = (Slot, u32)> {
        let mut kinds = Vec::with_capacity(SLOTS);
        // So many fit without allocating anew.
        kinds.extend(self.changes.lock().gated.iter().map(|behind| behind.kind));
        (0..).map(Slot::of).zip(kinds)
    }

    fn publish_all(&self, changing: &mut Changing) {
        for number in 0..CAPACITY as u32 {
            self.publish(changing, number);
            self.publish(changing, DEFINED + number);
        }
    }

    /// Sets what to do with events of a kind, if it is known.
    fn publish(&self, changing: &mut Changing, kind: u32) {
        let (table, number, at) = match kind.checked_sub(DEFINED) {
            None => (&self.declared, kind, kind as usize),
            Some(number) => (&self.defined, number, CAPACITY + number as usize),
        };
        let Some(schema) = self.schema(kind) else { return };
        let wish = changing.directives.wish(schema);
        let pace = wish.limit.zip(changing.converter.as_ref()).map(|(rate, clock)| rate.in_ticks(clock));
        // Both flags are changed under the lock of `changes`, which the caller holds.
        let switch = if self.stopped.load(Relaxed) {
            Switch::Stopped
        } else if !wish.records || !self.on.load(Relaxed) {
            Switch::Off
        } else if wish.every > 1 || pace.is_some() {
            let (slot, behind) = changing.gate(at, kind);
            let is_another_rate = std::mem::replace(&mut behind.limit, wish.limit) != wish.limit;
            let setting = Setting { every: wish.every, pace, is_another_rate };
            self.gates.set(slot, setting, || bucket_time(&self.clock));
            Switch::Gated(Gated::by(slot))
        } else {
            Switch::On
        };
        let flags = if schema.starts { Flags::ROOT } else { Flags::NONE };
        let lead = Lead::of_kind(kind, schema.severity, schema.class, flags);
        table.publish(number, lead, switch);
    }
}
