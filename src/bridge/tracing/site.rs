//! A call site: what its events are called, and the kinds that they are of.
//!
//! `tracing` tells the names of fields beforehand, and their types with each event. So a call site has a kind for each
//! combination of types that it was met with: one, as a rule, and further ones where values are missing now and then.

use super::name;
use super::said::Shape;
use crate::bridge::name::class;
use crate::bridge::secrets::Secrets;
use crate::events::{Events, FieldType, Kind, Schema};
use crate::sync::{AtomicBool, OnceLock, Relaxed};
use tracing::Metadata;

/// Fields that are told apart.
pub(super) const MOST_FIELDS: usize = 32;
/// Combinations of types that are told apart.
const MOST_SHAPES: usize = 16;

pub(super) struct Site {
    pub(super) metadata: &'static Metadata<'static>,
    name: Box<str>,
    /// A bit for each field that holds what must not be stored.
    pub(super) secret: u32,
    /// Which field names whose work it is.
    pub(super) id_field: Option<usize>,
    pub(super) traceparent: Option<usize>,
    first: OnceLock<Box<Known>>,
    /// The kind of the ends of its spans, which have no values.
    end: OnceLock<Kind>,
    /// As levels said when they were asked last.
    pub(super) is_wanted: AtomicBool,
}

/// A combination of types, and the next one.
struct Known {
    shape: Shape,
    kind: Kind,
    next: OnceLock<Box<Known>>,
}

/// What a layer was told of fields.
#[derive(Debug, Default)]
pub(super) struct Rules {
    pub(super) correlation: Option<Box<str>>,
    pub(super) secrets: Secrets,
}

impl Site {
    pub(super) fn new(metadata: &'static Metadata<'static>, rules: &Rules) -> Self {
        let fields = || metadata.fields().iter().take(MOST_FIELDS).enumerate();
        let named = |wanted: &str| fields().find(|(_, field)| field.name() == wanted).map(|(index, _)| index);
        let secrets = fields().filter(|(_, field)| rules.secrets.has(field.name()));
        Self {
            metadata,
            name: name::kind(metadata).into(),
            secret: secrets.fold(0, |mask, (index, _)| mask | 1 << index),
            id_field: rules.correlation.as_deref().and_then(named),
            traceparent: named("traceparent"),
            first: OnceLock::new(),
            end: OnceLock::new(),
            is_wanted: AtomicBool::new(true),
        }
    }

    /// Its events, apart from types: with all fields that they may have.
    fn schema(&self) -> Schema {
        let severity = name::severity(self.metadata.level());
        Schema::new(String::from(&*self.name)).severity_of(severity).class_of(class(severity))
    }

    /// Asks what levels say of it, and keeps the answer.
    pub(super) fn ask(&self, events: &Events) -> bool {
        let fields = self.metadata.fields().iter();
        let schema = fields.fold(self.schema(), |schema, field| schema.field(field.name(), FieldType::Str));
        let is_wanted = events.would_record(&schema);
        // Relaxed: it stands for itself.
        self.is_wanted.store(is_wanted, Relaxed);
        is_wanted
    }

    /// The kind of events with values of these types; none if there are too many.
    #[inline]
    pub(super) fn kind(&self, shape: Shape, events: &Events) -> Option<&Kind> {
        match self.first.get() {
            Some(known) if known.shape == shape => Some(&known.kind),
            _ => self.look_up(shape, events),
        }
    }

    /// The kind of the end of a span.
    #[inline]
    pub(super) fn end(&self, events: &Events) -> Option<&Kind> {
        let known = self.end.get();
        known.or_else(|| {
            let kind = self.kind(Shape::EMPTY, events)?;
            Some(self.end.get_or_init(|| kind.clone()))
        })
    }

    #[inline(never)]
    fn look_up(&self, shape: Shape, events: &Events) -> Option<&Kind> {
        let mut place = &self.first;
        for _ in 0..MOST_SHAPES {
            if place.get().is_none() {
                let kind = self.define(shape, events)?;
                // Whoever was faster may have set one of another shape, which is then looked at like any.
                let _ = place.set(Box::new(Known { shape, kind, next: OnceLock::new() }));
            }
            let known = place.get()?;
            if known.shape == shape {
                return Some(&known.kind);
            }
            place = &known.next;
        }
        None
    }

    fn define(&self, shape: Shape, events: &Events) -> Option<Kind> {
        let with_field = |schema: Schema, (index, field_type): (usize, FieldType)| {
            let name = self.metadata.fields().iter().nth(index).map_or("", |field| field.name());
            if self.secret >> index & 1 == 1 {
                schema.secret_field(name, field_type)
            } else {
                schema.field(name, field_type)
            }
        };
        events.define(shape.types().fold(self.schema(), with_field)).ok()
    }
}

impl std::fmt::Debug for Site {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Site").field("name", &self.name).finish_non_exhaustive()
    }
}
