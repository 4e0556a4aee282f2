//! A call site, known by its target, its line and its level, and the kinds of its events.

use super::said::Said;
use crate::Severity;
use crate::bridge::name::{class, dotted};
use crate::bridge::told::Told;
use crate::events::{Events, Kind, Schema};
use crate::sync::{AtomicU64, OnceLock, Relaxed};
use log::Level;

/// Combinations of keys and types that are told apart.
const MOST_SHAPES: usize = 16;

#[derive(Debug)]
pub(super) struct Site {
    pub(super) key: SiteKey<Box<str>>,
    pub(super) name: Box<str>,
    first: OnceLock<Box<Known>>,
    /// Twice the round in which levels were asked last, and one more if it was wanted.
    asked: AtomicU64,
}

/// What tells call sites apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct SiteKey<T> {
    pub(super) target: T,
    pub(super) line: Option<u32>,
    pub(super) level: Level,
}

/// A combination of keys and types, and the next one.
#[derive(Debug)]
struct Known {
    shape: Box<[(Box<str>, u128)]>,
    kind: Kind,
    next: OnceLock<Box<Known>>,
}

pub(super) fn severity(level: Level) -> Severity {
    match level {
        Level::Error => Severity::Error,
        Level::Warn => Severity::Warn,
        Level::Info => Severity::Info,
        Level::Debug => Severity::Debug,
        Level::Trace => Severity::Trace,
    }
}

/// Events of a target, and of a line of it if there is one, apart from their fields.
pub(super) fn schema(target: &str, line: Option<u32>, level: Level) -> Schema {
    let name = dotted(target, line.map(|line| line.to_string()).as_deref());
    let severity = severity(level);
    Schema::new(name).severity_of(severity).class_of(class(severity))
}

impl Site {
    pub(super) fn new(key: SiteKey<&str>) -> Self {
        let SiteKey { target, line, level } = key;
        Self {
            name: schema(target, line, level).name().into(),
            key: SiteKey { target: target.into(), line, level },
            first: OnceLock::new(),
            asked: AtomicU64::new(0),
        }
    }

    fn schema(&self) -> Schema {
        schema(&self.key.target, self.key.line, self.key.level)
    }

    /// Whether levels let it through, as they said in this round, which is never 0.
    #[inline]
    pub(super) fn is_wanted(&self, round: u64, events: &Events) -> bool {
        // Relaxed: it stands for itself.
        let asked = self.asked.load(Relaxed);
        if asked >> 1 == round {
            return asked & 1 == 1;
        }
        // An answer that comes too late for its round is asked for again in the next one.
        let is_wanted = events.would_record(&self.schema());
        self.asked.store(round << 1 | u64::from(is_wanted), Relaxed);
        is_wanted
    }

    /// The kind of records like this one; none if there are too many.
    pub(super) fn kind(&self, said: &Said<'_>, events: &Events) -> Option<&Kind> {
        let mut place = &self.first;
        for _ in 0..MOST_SHAPES {
            if place.get().is_none() {
                let known = Self::define(self.schema(), said, events)?;
                // Whoever was faster may have set one of another shape, which is then looked at like any.
                let _ = place.set(Box::new(known));
            }
            let known = place.get()?;
            let parts = known.shape.iter().map(|(key, code)| (&**key, *code));
            if parts.eq(said.shape().map(|(key, code, _)| (key, code))) {
                return Some(&known.kind);
            }
            place = &known.next;
        }
        None
    }

    fn define(schema: Schema, said: &Said<'_>, events: &Events) -> Option<Known> {
        let with_field = |schema: Schema, (key, code, is_secret): (&str, u128, bool)| {
            let field_type = Told::field_type(code as usize)?;
            let key = key.to_owned();
            Some(if is_secret { schema.secret_field(key, field_type) } else { schema.field(key, field_type) })
        };
        let kind = events.define(said.shape().try_fold(schema, with_field)?).ok()?;
        let shape = said.shape().map(|(key, code, _)| (key.into(), code)).collect();
        Some(Known { shape, kind, next: OnceLock::new() })
    }
}
