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

use super::error::DefineError;
use super::record::{Flags, Lead, MAX_KINDS, MAX_RECORD_WORDS};
use super::schema::{Schema, Site};
use crate::os;
use crate::sync::{AtomicBool, AtomicU32, AtomicU64, Mutex, OnceLock, Relaxed, SiteNumber, acquire, release};

/// Kinds of one origin that a deck keeps apart. Of call sites the first number is for those without one, the last
/// for those that came too late.
const CAPACITY: usize = SiteNumber::MOST as usize + 1;
/// From here on kinds are the deck's own.
const DEFINED: u32 = MAX_KINDS / 2;

/// What a deck does with events of a kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Switch {
    /// Not met yet.
    Unknown = 0,
    /// Records them.
    On = 1,
    /// Leaves them out, as the host wishes.
    Off = 2,
    /// Counts them as lost: the deck has stopped.
    Stopped = 3,
}

/// One word per kind, all that a hot path looks at: the lead of its records, and in place of their length the
/// [`Switch`]. `N`, a power of two: numbers are below it.
#[derive(Debug)]
pub struct Switches<const N: usize>(Box<[AtomicU64; N]>);

impl<const N: usize> Switches<N> {
    /// All unknown.
    #[allow(clippy::new_without_default, reason = "nobody wants a default one")]
    pub fn new() -> Self {
        const { assert!(N.is_power_of_two()) };
        let words: Box<[_]> = (0..N).map(|_| AtomicU64::new(Switch::Unknown as u64)).collect();
        match words.try_into() {
            Ok(words) => Self(words),
            Err(_) => unreachable!("collected so many"),
        }
    }

    /// The lead of the kind's records if they are to be recorded, else why not.
    #[inline(always)]
    pub fn admit(&self, number: u32) -> Result<Lead, Switch> {
        // Acquire, edge `kind-known` (partner: `publish`): the schema of a known kind is visible to this
        // thread, and so to whoever reads the records it writes.
        let word = self.word(number).load(acquire("kind-known"));
        match word & MAX_RECORD_WORDS as u64 {
            1 => Ok(Lead::from_word(word ^ 1)),
            0 => Err(Switch::Unknown),
            2 => Err(Switch::Off),
            _ => Err(Switch::Stopped),
        }
    }

    #[inline(always)]
    fn word(&self, number: u32) -> &AtomicU64 {
        &self.0[number as usize % N]
    }

    /// Sets what to do with events of the kind, whose schema is in place.
    pub fn publish(&self, number: u32, lead: Lead, switch: Switch) {
        // Release, edge `kind-known` (partner: `admit`): the schema is visible with it.
        self.word(number).store(lead.word() | switch as u64, release("kind-known"));
    }
}

#[derive(Debug)]
enum Known {
    Declared(&'static Schema),
    Defined(Schema),
}

#[derive(Debug)]
struct Table {
    switches: Switches<CAPACITY>,
    schemas: Box<[OnceLock<Known>]>,
}

impl Table {
    fn new() -> Self {
        Self { switches: Switches::new(), schemas: (0..CAPACITY).map(|_| OnceLock::new()).collect() }
    }

    fn schema(&self, number: u32) -> Option<&Schema> {
        self.schemas.get(number as usize)?.get().map(|known| match known {
            Known::Declared(schema) => *schema,
            Known::Defined(schema) => schema,
        })
    }
}

/// All kinds of a deck.
#[derive(Debug)]
pub(crate) struct Kinds {
    declared: Table,
    defined: Table,
    /// How many kinds are defined. Also serialises whoever changes a table: cold.
    changes: Mutex<u32>,
    default: AtomicU32,
    stopped: AtomicBool,
    /// [`os::forks`] at the start: in a child the lock may be held for good by a thread that is not there.
    born: u32,
}

impl Kinds {
    pub(crate) fn new() -> Self {
        Self {
            declared: Table::new(),
            defined: Table::new(),
            changes: Mutex::new(0),
            default: AtomicU32::new(Switch::On as u32),
            stopped: AtomicBool::new(false),
            born: os::forks(),
        }
    }

    /// How records of this site's events begin, if they are to be recorded.
    #[inline(always)]
    pub(crate) fn admit(&self, site: &'static Site) -> Result<Lead, Switch> {
        match self.declared.switches.admit(site.number.get()) {
            Err(Switch::Unknown) => self.meet(site),
            known => known,
        }
    }

    /// As [`Kinds::admit`], but meets no new kind: no lock.
    pub(crate) fn admit_met(&self, site: &'static Site) -> Result<Lead, Switch> {
        self.declared.switches.admit(site.number.get())
    }

    /// The first event of a site here.
    #[cold]
    #[inline(never)]
    fn meet(&self, site: &'static Site) -> Result<Lead, Switch> {
        let number = site.number.assigned();
        if number == SiteNumber::MOST || os::forks() != self.born {
            return Err(Switch::Unknown);
        }
        let _changing = self.changes.lock();
        let _ = self.declared.schemas[number as usize].set(Known::Declared(&site.schema));
        self.publish(&self.declared, number, number);
        self.declared.switches.admit(number)
    }

    /// As [`Kinds::admit`], for a kind defined at run time.
    #[inline(always)]
    pub(crate) fn admit_defined(&self, kind: u32) -> Result<Lead, Switch> {
        self.defined.switches.admit(kind - DEFINED)
    }

    /// The number of a kind defined at run time: that of an equal one, if there is one.
    pub(crate) fn define(&self, schema: Schema) -> Result<u32, DefineError> {
        let mut count = self.changes.lock();
        if let Some(same) = (0..*count).find(|n| self.defined.schema(*n) == Some(&schema)) {
            return Ok(DEFINED + same);
        }
        if *count as usize == CAPACITY {
            // Before anything is allocated: an allocator may record, and meet a kind.
            drop(count);
            return Err(DefineError::TooMany { schema: Box::new(schema), limit: CAPACITY });
        }
        let number = *count;
        let _ = self.defined.schemas[number as usize].set(Known::Defined(schema));
        self.publish(&self.defined, number, DEFINED + number);
        *count += 1;
        Ok(DEFINED + number)
    }

    /// The schema of a kind that a record names.
    pub(crate) fn schema(&self, kind: u32) -> Option<&Schema> {
        if kind < DEFINED { self.declared.schema(kind) } else { self.defined.schema(kind - DEFINED) }
    }

    /// The numbers of all known kinds of this name.
    pub(crate) fn named(&self, name: &str) -> Vec<u32> {
        let numbers = |table: &Table, base: u32| -> Vec<u32> {
            let known = |n: &u32| table.schema(*n).is_some_and(|schema| schema.name() == name);
            (0..CAPACITY as u32).filter(known).map(|n| base + n).collect()
        };
        let mut found = numbers(&self.declared, 0);
        found.append(&mut numbers(&self.defined, DEFINED));
        found
    }

    /// Switches all kinds, also those yet to come.
    pub(crate) fn switch_all(&self, on: bool) {
        let _changing = self.changes.lock();
        self.default.store(if on { Switch::On } else { Switch::Off } as u32, Relaxed);
        self.publish_all();
    }

    /// Stops for good: what comes from now on is a counted loss.
    pub(crate) fn stop(&self) {
        let _changing = self.changes.lock();
        self.stopped.store(true, Relaxed);
        self.publish_all();
    }

    fn publish_all(&self) {
        for (table, base) in [(&self.declared, 0), (&self.defined, DEFINED)] {
            for number in 0..CAPACITY as u32 {
                self.publish(table, number, base + number);
            }
        }
    }

    /// Sets what to do with events of a kind, if it is known.
    fn publish(&self, table: &Table, number: u32, kind: u32) {
        if let Some(schema) = table.schema(number) {
            let flags = if schema.starts { Flags::ROOT } else { Flags::NONE };
            table.switches.publish(
                number,
                Lead::of_kind(kind, schema.severity, schema.class, flags),
                self.switch_of_new(),
            );
        }
    }

    // Read under the lock of `changes` only.
    fn switch_of_new(&self) -> Switch {
        match (self.stopped.load(Relaxed), self.default.load(Relaxed) == Switch::On as u32) {
            (true, _) => Switch::Stopped,
            (false, true) => Switch::On,
            (false, false) => Switch::Off,
        }
    }
}
