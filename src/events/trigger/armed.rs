//! A trigger that is armed: what it has seen, what it is about to capture, and its accounts.

use super::capture::{self, Trimmed};
use super::cause::TriggerCause;
use super::directory::{Files, Told};
use super::error::TriggerError;
use super::limit::{self, Limit};
use super::receipt::{CapturePlace, Captured, TriggerReceipt, TriggerStatus};
#[cfg(all(feature = "signals", unix))]
use super::signal::SignalFlag;
use super::spec::{Narrow, On, OnReceipt, Trigger};
use super::window::{Admitted, Scope, Window, Windows};
use crate::clock::{Converter, Ticks};
use crate::contain::contain;
use crate::events::cursor::{Cursor, CursorState, Delivery};
use crate::events::handle::Events;
use crate::events::incident::{CaptureError, Pin};
use crate::id::CorrelationId;
use crate::sync::{Arc, AtomicBool, AtomicU64, Mutex, Relaxed, thread};
use std::cell::Cell;
use std::ops::RangeInclusive;
use std::time::{Duration, Instant};

/// How many events a trigger looks at in its turn, so that others come to theirs.
const DEMAND: usize = 4_096;
/// How many calls may wait; more are suppressed.
const MOST_CALLS: usize = 64;
/// After that long a cursor looks again.
pub(super) const BETWEEN_LOOKS: Duration = Duration::from_micros(25);
/// What may be said of a cause in the incident store, in bytes.
const LONGEST_CAUSE: usize = 1_000;

/// A trigger of a [`Triggers`](super::Triggers).
pub(super) struct Armed {
    pub(super) name: Arc<str>,
    on: Source,
    most_bytes: Option<usize>,
    narrow: Option<Box<Narrow>>,
    /// None: to incidents.
    files: Option<Mutex<Files>>,
    pub(super) on_receipt: Option<Box<OnReceipt>>,
    is_fatal: bool,
    watch: Mutex<Watch>,
    /// Calls that wait.
    calls: Mutex<Vec<Call>>,
    accounts: Accounts,
    pub(super) is_removed: AtomicBool,
}

/// What sets it off, apart from what its cursor finds and from calls.
enum Source {
    Match {
        is_panic: bool,
    },
    #[cfg(all(feature = "signals", unix))]
    Signal(SignalFlag),
    Shutdown,
    Call,
}

/// What changes as it is evaluated.
struct Watch {
    cursor: Option<Cursor>,
    windows: Windows,
}

/// Somebody asked.
struct Call {
    at: Ticks,
    cause: TriggerCause,
}

/// Relaxed: each stands for itself.
#[derive(Default)]
struct Accounts {
    seen: AtomicU64,
    fired: AtomicU64,
    coalesced: AtomicU64,
    suppressed: AtomicU64,
    captured: AtomicU64,
    failed: AtomicU64,
    events: AtomicU64,
    bytes: AtomicU64,
    missed: AtomicU64,
    panicked: AtomicU64,
}

/// How long the last evaluation may take; `None`: as long as it takes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Last {
    looking: Option<Instant>,
    capturing: Option<Instant>,
}

impl Last {
    /// Until then. Half of the time is for looking, so that what was found is captured.
    pub(super) fn until(end: Option<Instant>) -> Self {
        let now = Instant::now();
        Self { looking: end.map(|end| now + end.saturating_duration_since(now) / 2), capturing: end }
    }

    fn is_looked_through(&self) -> bool {
        self.looking.is_some_and(|end| Instant::now() >= end)
    }

    fn is_over(&self) -> bool {
        self.capturing.is_some_and(|end| Instant::now() >= end)
    }
}

/// What came of one turn.
pub(super) struct Turn {
    /// What is to be captured now.
    pub(super) due: Vec<Window>,
    pub(super) seen: u64,
    /// There is more to look at.
    pub(super) has_more: bool,
}

/// What a receipt says, apart from its number.
struct Made {
    captured_at: Ticks,
    got: Option<RangeInclusive<Ticks>>,
    captured: Captured,
}

impl Armed {
    /// Checks what can be wrong, and takes what it needs of the system.
    pub(super) fn new(trigger: Trigger, events: &Events) -> Result<Self, TriggerError> {
        let Trigger { name, on, reach, at_most, most_bytes, narrow, directory, on_receipt, is_fatal } =
            trigger;
        if let On::Match { view, .. } = &on
            && !Arc::ptr_eq(view, events.view())
        {
            return Err(TriggerError::ForeignQuery { name });
        }
        let (times, per) = at_most;
        if !(1..=limit::MOST).contains(&times) || per.is_zero() {
            return Err(TriggerError::Limit { name, times, per, limit: limit::MOST });
        }
        if let Some(Err(CaptureError::Query(error))) = narrow.as_ref().map(|narrow| {
            // Of no time: what it would refuse is refused now.
            capture::answer(events, Scope::All, Ticks(0)..=Ticks(0), Some(&**narrow))
        }) {
            return Err(TriggerError::Query(error));
        }
        let stats = events.incident_stats();
        if directory.is_none() && (stats.bytes_capacity == 0 || stats.capacity == 0) {
            return Err(TriggerError::NoIncidents { name });
        }
        let files = directory.map(|directory| Files::open(directory, &name)).transpose()?.map(Mutex::new);
        // Last: a signal that has got a handler keeps one.
        let (on, cursor) = match on {
            On::Match { cursor, is_panic, .. } => {
                (Source::Match { is_panic }, Some(cursor.map_err(TriggerError::Query)?))
            }
            #[cfg(all(feature = "signals", unix))]
            On::Signal(signal) => (Source::Signal(SignalFlag::register(signal)?), None),
            On::Shutdown => (Source::Shutdown, None),
            On::Call => (Source::Call, None),
        };
        let windows = Windows::new(reach, Limit::new(times, per));
        Ok(Self {
            name: name.into(),
            on,
            most_bytes,
            narrow,
            files,
            on_receipt,
            is_fatal,
            watch: Mutex::new(Watch { cursor, windows }),
            calls: Mutex::new(Vec::new()),
            accounts: Accounts::default(),
            is_removed: AtomicBool::new(false),
        })
    }

    /// Sets it off by call.
    pub(super) fn call(&self, at: Ticks, cause: TriggerCause) {
        let mut calls = self.calls.lock();
        if calls.len() < MOST_CALLS {
            calls.push(Call { at, cause });
            return;
        }
        drop(calls);
        self.watch.lock().windows.left_out.suppressed += 1;
        add(&self.accounts.seen, 1);
        add(&self.accounts.suppressed, 1);
    }

    /// Looks what set it off since the last turn, and which look-aheads are over. The last time all of it, and all of them.
    pub(super) fn turn(&self, events: &Events, last: Option<&Last>) -> Turn {
        let mut watch = self.watch.lock();
        let Watch { cursor, windows } = &mut *watch;
        // Taken when it is needed: right after the start of a deck it may wait.
        let (mut clock, now) = (None, Instant::now());
        let mut hits = Hits { windows, accounts: &self.accounts, events, clock: &mut clock, now, seen: 0 };
        let mut has_more = false;
        if let Some(cursor) = cursor {
            let is_panic = matches!(self.on, Source::Match { is_panic: true });
            // What came after this turn began has nothing to do with its end.
            let (began, is_past) = (last.map(|_| events.clock().now()), Cell::new(false));
            let mut deliver = |delivery: Delivery<'_>| {
                hits.deliver(&delivery, is_panic);
                let ticks = delivery.event().map(|event| event.ticks());
                is_past.set(is_past.get() || began.is_some_and(|began| ticks > Some(began)));
            };
            has_more = cursor.poll(DEMAND, &mut deliver).state == CursorState::More;
            if let Some(last) = last {
                // Twice: the first look may have been taken before the last events came.
                for _ in 0..2 {
                    thread::sleep(BETWEEN_LOOKS);
                    while cursor.poll(DEMAND, &mut deliver).state == CursorState::More
                        && !is_past.get()
                        && !last.is_looked_through()
                    {}
                }
                hits.miss(cursor.stats().behind);
            }
        }
        let calls = std::mem::take(&mut *self.calls.lock());
        calls.into_iter().for_each(|call| hits.hit(call.at, call.cause.correlation(), || call.cause));
        #[cfg(all(feature = "signals", unix))]
        if let Source::Signal(flag) = &self.on
            && flag.take()
        {
            hits.at_once(TriggerCause::Signal { signal: flag.signal });
        }
        if last.is_some() && matches!(self.on, Source::Shutdown) {
            hits.at_once(TriggerCause::Shutdown);
        }
        let seen = hits.seen;
        let due = windows.close(events, last.is_some());
        Turn { due, seen, has_more }
    }

    /// Captures what a window asks for; the number is for the receipt. Nothing is captured once the last one is over.
    pub(super) fn capture(
        &self,
        events: &Events,
        window: Window,
        last: Option<&Last>,
        number: u64,
    ) -> TriggerReceipt {
        let asked = window.asked();
        let made = match last {
            Some(last) if last.is_over() => Err(CaptureError::OutOfTime),
            _ => contain(|| self.make(events, &window))
                .unwrap_or_else(|message| Err(CaptureError::Panicked { message: message.into() })),
        };
        let (captured_at, got, result) = match made {
            Ok(Made { captured_at, got, captured }) => {
                add(&self.accounts.captured, 1);
                add(&self.accounts.events, captured.events as u64);
                add(&self.accounts.bytes, captured.bytes);
                (captured_at, got, Ok(captured))
            }
            Err(error) => {
                add(&self.accounts.failed, 1);
                (events.clock().now(), None, Err(error))
            }
        };
        let left_out = std::mem::take(&mut self.watch.lock().windows.left_out);
        let (trigger, cause, at) = (self.name.clone(), window.cause, window.at);
        let is_fatal = self.is_fatal;
        TriggerReceipt { number, trigger, is_fatal, cause, at, captured_at, asked, got, result, left_out }
    }

    fn make(&self, events: &Events, window: &Window) -> Result<Made, CaptureError> {
        // What is recorded from here on may be missing.
        let captured_at = events.clock().now();
        let range = window.from..=window.until;
        let mut answer = capture::answer(events, window.scope, range, self.narrow.as_deref())?;
        let mut got = window.asked().and_then(|asked| capture::got(&answer, &asked, captured_at));
        let most = match (self.most_bytes, &self.files) {
            (Some(most), _) => most,
            (None, None) => capture::share_of_incidents(events),
            (None, Some(_)) => usize::MAX,
        };
        // What was trimmed says that the answer was cut; what of it is whole stays what it was.
        let trimmed = capture::trim(&mut answer, most, window.at);
        let (cause, at) = (&window.cause, window.at);
        let (place, bytes, evicted, trimmed) = match &self.files {
            None => {
                let said = said(cause);
                let receipt =
                    events.pin(Pin::named(&self.name).because(&said), &answer).map_err(CaptureError::Pin)?;
                (CapturePlace::Incident(receipt.id), receipt.bytes as u64, receipt.evicted, trimmed)
            }
            Some(files) => {
                let written = files.lock().write(&mut answer, Told { cause, at, trimmed })?;
                (CapturePlace::File(written.path), written.bytes, written.evicted, written.trimmed)
            }
        };
        if trimmed != Trimmed::default() {
            got = got.and_then(|got| trimmed.clip(got));
        }
        let (verdict, since) = (answer.verdict(), answer.since());
        let (missing, gone) = (answer.missing(), answer.gone());
        let (events, trimmed) = (answer.len(), trimmed.events);
        let captured = Captured { place, events, bytes, verdict, since, missing, gone, trimmed, evicted };
        Ok(Made { captured_at, got, captured })
    }

    /// Tells whoever wants to know of a receipt; a panic stays here.
    pub(super) fn tell(&self, receipt: &TriggerReceipt) {
        if let Some(told) = &self.on_receipt
            && contain(|| told(receipt)).is_err()
        {
            add(&self.accounts.panicked, 1);
        }
    }

    pub(super) fn status(&self) -> TriggerStatus {
        let (accounts, of) = (&self.accounts, |count: &AtomicU64| count.load(Relaxed));
        // What was captured first: it had been set off before.
        let (captured, failed, fired) = (of(&accounts.captured), of(&accounts.failed), of(&accounts.fired));
        TriggerStatus {
            name: self.name.clone(),
            seen: of(&accounts.seen),
            fired,
            coalesced: of(&accounts.coalesced),
            suppressed: of(&accounts.suppressed),
            captured,
            failed,
            open: fired.saturating_sub(captured + failed) as usize,
            events: of(&accounts.events),
            bytes: of(&accounts.bytes),
            missed: of(&accounts.missed),
            panicked: of(&accounts.panicked),
        }
    }
}

/// What set a trigger off in one turn, as it comes in.
struct Hits<'a> {
    windows: &'a mut Windows,
    accounts: &'a Accounts,
    events: &'a Events,
    clock: &'a mut Option<Converter>,
    now: Instant,
    seen: u64,
}

impl Hits<'_> {
    fn deliver(&mut self, delivery: &Delivery<'_>, is_panic: bool) {
        match delivery {
            Delivery::Event(event) => self.hit(event.ticks(), event.correlation(), || {
                if is_panic { TriggerCause::panic(event) } else { TriggerCause::event(event) }
            }),
            Delivery::Gap(gap) => self.miss(gap.count),
        }
    }

    /// So many events are not looked at.
    fn miss(&mut self, events: u64) {
        add(&self.accounts.missed, events);
        self.windows.left_out.missed += events;
    }

    /// Something without a stamp of its own.
    fn at_once(&mut self, cause: TriggerCause) {
        self.hit(self.events.clock().now(), cause.correlation(), || cause);
    }

    fn hit(&mut self, at: Ticks, id: CorrelationId, cause: impl FnOnce() -> TriggerCause) {
        self.seen += 1;
        add(&self.accounts.seen, 1);
        match self.windows.admit(at, id, self.now) {
            Admitted::Covered => add(&self.accounts.coalesced, 1),
            Admitted::Suppressed => add(&self.accounts.suppressed, 1),
            Admitted::Fired => {
                add(&self.accounts.fired, 1);
                let clock = self.clock.get_or_insert_with(|| self.events.clock().converter());
                self.windows.open(cause(), at, clock, self.now);
            }
        }
    }
}

/// A cause as the incident store takes it.
fn said(cause: &TriggerCause) -> String {
    let mut said = cause.to_string();
    let end = (0..=LONGEST_CAUSE.min(said.len())).rev().find(|at| said.is_char_boundary(*at));
    said.truncate(end.unwrap_or(0));
    said
}

fn add(count: &AtomicU64, by: u64) {
    count.fetch_add(by, Relaxed);
}
