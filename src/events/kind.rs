//! A kind defined at run time, bound to the store that knows it.

use super::error::ValuesError;
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
}

impl Kind {
    pub(crate) fn new(store: Arc<Store>, schema: Arc<Schema>, number: u32) -> Self {
        Self { store, schema, number }
    }

    /// Its name, severity and fields.
    #[must_use]
    pub fn schema(&self) -> &Schema {
        &self.schema
    }

    /// An event of this kind with these values; `None` if such are not to be recorded now.
    pub(crate) fn draft<'a>(
        &'a self,
        store: &Arc<Store>,
        stamp: Stamp,
        values: &'a [Value<'a>],
    ) -> Result<Option<Draft<Given<'a>>>, ValuesError> {
        if !Arc::ptr_eq(&self.store, store) {
            return Err(ValuesError::ForeignKind { kind: self.schema.name().to_owned() });
        }
        ValuesError::check(&self.schema, values)?;
        let Some(lead) = self.admit() else { return Ok(None) };
        let draft = Draft { lead, stamp, fields: Given::new(self.schema.fields(), values) };
        store.check_size(&draft).map_err(|(needed, limit)| ValuesError::TooLarge {
            kind: self.schema.name().to_owned(),
            class: self.schema.class(),
            needed,
            limit,
        })?;
        Ok(Some(draft))
    }

    /// How its records begin, unless events of it are not to be recorded now.
    fn admit(&self) -> Option<Lead> {
        let admitted = self.store.kinds.admit_defined(self.number);
        admitted.map_err(|switch| self.store.not_admitted(switch, &self.schema)).ok()
    }
}

/// Values for fields whose types they have.
#[derive(Clone, Copy)]
pub(crate) struct Given<'a> {
    fields: &'a [Field],
    values: &'a [Value<'a>],
    /// Of them all, uncut: added up once, asked for twice.
    words: usize,
}

impl<'a> Given<'a> {
    fn new(fields: &'a [Field], values: &'a [Value<'a>]) -> Self {
        let uncounted = Self { fields, values, words: 0 };
        Self { words: uncounted.count(ANY_LENGTH), ..uncounted }
    }

    fn pairs(&self) -> impl Iterator<Item = (Privacy, &'a Value<'a>)> {
        self.fields.iter().map(|field| field.privacy).zip(self.values)
    }

    fn count(&self, longest: usize) -> usize {
        let words = |(privacy, value): (Privacy, &Value<'_>)| match privacy {
            Privacy::Open => value.words(longest),
            Privacy::Secret | Privacy::Personal => 1,
        };
        self.pairs().map(words).sum()
    }
}

impl Fields for Given<'_> {
    #[inline(always)]
    fn words(&self, longest: usize) -> usize {
        if longest == ANY_LENGTH { self.words } else { self.count(longest) }
    }

    fn encode(&self, payload: &mut Payload<'_>) {
        self.pairs().for_each(|(privacy, value)| match privacy {
            Privacy::Open => value.encode(payload),
            Privacy::Secret => Secret(*value).encode(payload),
            Privacy::Personal => Personal(*value).encode(payload),
        });
    }
}
