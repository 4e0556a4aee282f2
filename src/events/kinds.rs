//! A deck's own table of kinds: which it knows, and which are switched on.
//!
//! Kinds declared at call sites are found by the site's process-wide number, kinds defined at run
//! time by a number of the deck. Both go through one kind of table.
//!
//! # Edges
//!
//! | edge | published by | observed by |
//! |---|---|---|
//! | `kind-known` | store in [`Switches::publish`] | load in [`Switches::state`] |

use super::error::DefineError;
use super::record::MAX_KINDS;
use super::schema::{Schema, Site};
use crate::sync::{AtomicBool, AtomicU32, Mutex, OnceLock, Relaxed, acquire, release};

/// Kinds of one origin that a deck keeps apart, the unused number 0 included.
const CAPACITY: usize = 4_096;
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

/// One word per kind: all that a hot path looks at.
#[derive(Debug)]
pub struct Switches(Box<[AtomicU32]>);

impl Switches {
    /// All unknown.
    pub fn new(capacity: usize) -> Self {
        Self((0..capacity).map(|_| AtomicU32::new(Switch::Unknown as u32)).collect())
    }

    /// What to do with events of the kind; `None` beyond the table.
    #[inline(always)]
    pub fn state(&self, number: u32) -> Option<Switch> {
        // Acquire, edge `kind-known` (partner: `publish`): the schema of a known kind is visible to this
        // thread, and so to whoever reads the records it writes.
        self.0.get(number as usize).map(|word| match word.load(acquire("kind-known")) {
            0 => Switch::Unknown,
            1 => Switch::On,
            2 => Switch::Off,
            _ => Switch::Stopped,
        })
    }

    /// Sets what to do with events of the kind, whose schema is in place.
    pub fn publish(&self, number: u32, switch: Switch) {
        if let Some(word) = self.0.get(number as usize) {
            // Release, edge `kind-known` (partner: `state`): the schema is visible with it.
            word.store(switch as u32, release("kind-known"));
        }
    }
}

#[derive(Debug)]
enum Known {
    Declared(&'static Schema),
    Defined(Schema),
}

#[derive(Debug)]
struct Table {
    switches: Switches,
    schemas: Box<[OnceLock<Known>]>,
}

impl Table {
    fn new() -> Self {
        Self { switches: Switches::new(CAPACITY), schemas: (0..CAPACITY).map(|_| OnceLock::new()).collect() }
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
}

impl Kinds {
    pub(crate) fn new() -> Self {
        Self {
            declared: Table::new(),
            defined: Table::new(),
            changes: Mutex::new(0),
            default: AtomicU32::new(Switch::On as u32),
            stopped: AtomicBool::new(false),
        }
    }

    /// Whether to record an event of this site, and as which kind.
    #[inline(always)]
    pub(crate) fn admit(&self, site: &'static Site) -> Result<u32, Switch> {
        let number = site.number.get();
        match self.declared.switches.state(number) {
            Some(Switch::On) => Ok(number),
            Some(Switch::Off) => Err(Switch::Off),
            state => self.admit_slowly(site, number, state),
        }
    }

    #[cold]
    fn admit_slowly(&self, site: &'static Site, number: u32, state: Option<Switch>) -> Result<u32, Switch> {
        match state {
            None => Err(Switch::Unknown),
            Some(Switch::Unknown) => {
                let _changing = self.changes.lock();
                let _ = self.declared.schemas[number as usize].set(Known::Declared(&site.schema));
                let switch = self.switch_of_new();
                self.declared.switches.publish(number, switch);
                if switch == Switch::On { Ok(number) } else { Err(switch) }
            }
            Some(other) => Err(other),
        }
    }

    /// As [`Kinds::admit`], for a kind defined at run time.
    #[inline(always)]
    pub(crate) fn admit_defined(&self, kind: u32) -> Result<u32, Switch> {
        match self.defined.switches.state(kind - DEFINED) {
            Some(Switch::On) => Ok(kind),
            state => Err(state.unwrap_or(Switch::Unknown)),
        }
    }

    /// The number of a kind defined at run time: that of an equal one, if there is one.
    pub(crate) fn define(&self, schema: Schema) -> Result<u32, DefineError> {
        let mut count = self.changes.lock();
        if let Some(same) = (0..*count).find(|n| self.defined.schema(*n) == Some(&schema)) {
            return Ok(DEFINED + same);
        }
        if *count as usize == CAPACITY {
            return Err(DefineError::TooMany { schema: Box::new(schema), limit: CAPACITY });
        }
        let number = *count;
        let _ = self.defined.schemas[number as usize].set(Known::Defined(schema));
        self.defined.switches.publish(number, self.switch_of_new());
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
        for table in [&self.declared, &self.defined] {
            for number in (0..CAPACITY as u32).filter(|n| table.schema(*n).is_some()) {
                table.switches.publish(number, self.switch_of_new());
            }
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
