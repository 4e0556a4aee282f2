//! A kind defined at run time, bound to the store that knows it.

use super::class::Class;
use super::error::ValuesError;
use super::kinds::Switch;
use super::loss::LossCause;
use super::payload::{ANY_LENGTH, Encode, Payload};
use super::privacy::{Personal, Privacy, Secret};
use super::record::Lead;
use super::schema::{Field, Schema};
use super::stamp::Stamp;
use super::store::{Draft, Fields, Store};
use super::value::Value;
use crate::sync::Arc;

/// A kind of events that was [defined at run time](super::Events::define). Cheap to clone.
#[derive(Clone, Debug)]
pub struct Kind {
    store: Arc<Store>,
    schema: Arc<Schema>,
    number: u32,
    /// Whether some of its values are not to be stored as they are.
    hides: bool,
}

impl Kind {
    pub(crate) fn new(store: Arc<Store>, schema: Arc<Schema>, number: u32) -> Self {
        let hides = schema.fields().iter().any(|field| field.privacy != Privacy::Open);
        Self { store, schema, number, hides }
    }

    /// Its name, severity and fields.
    #[must_use]
    pub fn schema(&self) -> &Schema {
        &self.schema
    }

    /// Hands an event of this kind with these values to `sink`, of the store that [it belongs to](Kind::check_store), unless
    /// such are not to be recorded now.
    #[inline(always)]
    pub(crate) fn record<'a>(
        &self,
        stamp: Stamp,
        values: &'a [Value<'a>],
        sink: impl Sink,
    ) -> Result<(), ValuesError> {
        self.record_if(Self::admit, stamp, values, sink).map(|_| ())
    }

    /// As [`Kind::record`], if `admit` says how its records begin. Whether it did.
    #[inline(always)]
    pub(crate) fn record_if<'a>(
        &self,
        admit: impl FnOnce(&Self) -> Option<Lead>,
        stamp: Stamp,
        values: &'a [Value<'a>],
        sink: impl Sink,
    ) -> Result<bool, ValuesError> {
        if self.hides {
            self.given::<true>(admit, stamp, values, sink)
        } else {
            self.given::<false>(admit, stamp, values, sink)
        }
    }

    /// `HIDES` is what the field of that name says: kinds that hide nothing do not ask each value.
    #[inline(always)]
    fn given<const HIDES: bool>(
        &self,
        admit: impl FnOnce(&Self) -> Option<Lead>,
        stamp: Stamp,
        values: &[Value<'_>],
        sink: impl Sink,
    ) -> Result<bool, ValuesError> {
        let fields = Given::<HIDES>::checked(&self.schema, values)?;
        let admitted = admit(self);
        if let Some(lead) = admitted {
            let draft = Draft { lead, stamp, fields };
            if let Err(sizes) = self.store.check_size(&draft) {
                return Err(ValuesError::too_large(&self.schema, sizes));
            }
            self.store.check_time(draft.stamp.supplied()).map_err(|times| {
                self.store.lost(&self.store.losses, LossCause::TimeOutOfRange, lead.class());
                ValuesError::time(&self.schema, times)
            })?;
            sink.accept(draft);
        }
        Ok(admitted.is_some())
    }

    pub(crate) fn check_store(&self, store: &Arc<Store>) -> Result<(), ValuesError> {
        let is_ours = Arc::ptr_eq(&self.store, store);
        is_ours.then_some(()).ok_or_else(|| ValuesError::ForeignKind { kind: self.schema.name().to_owned() })
    }

    /// How its records begin, unless events of it are not to be recorded now.
    #[inline(always)]
    pub(crate) fn admit(&self) -> Option<Lead> {
        let look = self.store.kinds.look_defined(self.number);
        if let Some(lead) = look.on() {
            return Some(lead);
        }
        match look.gated() {
            Some(gated) => self.store.pass(gated),
            None if look.is_off() => None,
            None => {
                self.store.not_admitted(Switch::Stopped, &self.schema);
                None
            }
        }
    }

    /// How the records of a span's end begin: sample and rate were asked when it began.
    pub(crate) fn admit_end(&self) -> Option<Lead> {
        match self.switch() {
            Err(Switch::Gated(gated)) => Some(gated.lead()),
            _ => self.admit(),
        }
    }

    /// How its records begin, or why they are not simply recorded now.
    pub(crate) fn switch(&self) -> Result<Lead, Switch> {
        self.store.kinds.admit_defined(self.number)
    }
}

/// Who takes a draft, whatever its fields.
pub(crate) trait Sink {
    fn accept<E: Fields>(self, draft: Draft<E>);
}

/// Values for fields whose types they have.
#[derive(Clone, Copy)]
pub(crate) struct Given<'a, const HIDES: bool> {
    fields: &'a [Field],
    values: &'a [Value<'a>],
    /// Of them all, uncut: added up once, asked for twice.
    words: usize,
    is_prompt: bool,
}

impl<'a, const HIDES: bool> Given<'a, HIDES> {
    #[inline(always)]
    pub(crate) fn checked(schema: &'a Schema, values: &'a [Value<'a>]) -> Result<Self, ValuesError> {
        let fields = schema.fields();
        let mut words = 0;
        for (field, value) in fields.iter().zip(values) {
            if value.field_type() != Some(field.field_type) {
                return Err(ValuesError::of_value(schema, field, value, values));
            }
            words += stored_words(if HIDES { field.privacy } else { Privacy::Open }, value, ANY_LENGTH);
        }
        if fields.len() != values.len() {
            return Err(ValuesError::count(schema, values));
        }
        Ok(Self { fields, values, words, is_prompt: schema.is_prompt() })
    }

    #[inline(always)]
    fn pairs(&self) -> impl Iterator<Item = (Privacy, &'a Value<'a>)> {
        self.fields.iter().map(|field| field.privacy).zip(self.values)
    }

    #[cold]
    fn count(&self, longest: usize) -> usize {
        self.pairs().map(|(privacy, value)| stored_words(privacy, value, longest)).sum()
    }
}

#[inline(always)]
fn stored_words(privacy: Privacy, value: &Value<'_>, longest: usize) -> usize {
    match privacy {
        Privacy::Open => value.words(longest),
        Privacy::Secret | Privacy::Personal => 1,
    }
}

impl<const HIDES: bool> Fields for Given<'_, HIDES> {
    #[inline(always)]
    fn class(&self, lead: Lead) -> Class {
        lead.class()
    }
    #[inline(always)]
    fn is_prompt(&self) -> bool {
        self.is_prompt
    }
    #[inline(always)]
    fn words(&self, longest: usize) -> usize {
        if longest == ANY_LENGTH { self.words } else { self.count(longest) }
    }

    #[inline(always)]
    fn encode(&self, payload: &mut Payload<'_>) {
        if !HIDES {
            // A loop: a call of `for_each` would take the payload by reference, and so into memory.
            for value in self.values {
                value.encode(payload);
            }
            return;
        }
        for (privacy, value) in self.pairs() {
            match privacy {
                Privacy::Open => value.encode(payload),
                Privacy::Secret => Secret(*value).encode(payload),
                Privacy::Personal => Personal(*value).encode(payload),
            }
        }
    }
}
