//! A kind defined at run time, bound to the store that knows it.

use super::error::ValuesError;
use super::payload::Value;
use super::record::Lead;
use super::schema::Schema;
use super::store::Store;
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

    pub(crate) fn check(&self, store: &Arc<Store>, values: &[Value<'_>]) -> Result<(), ValuesError> {
        self.check_store(store)?;
        ValuesError::check(&self.schema, values)
    }

    pub(crate) fn check_store(&self, store: &Arc<Store>) -> Result<(), ValuesError> {
        let is_ours = Arc::ptr_eq(&self.store, store);
        is_ours.then_some(()).ok_or_else(|| ValuesError::ForeignKind { kind: self.schema.name().to_owned() })
    }

    /// How its records begin, unless events of it are not to be recorded now.
    pub(crate) fn admit(&self) -> Option<Lead> {
        let admitted = self.store.kinds.admit_defined(self.number);
        admitted.map_err(|switch| self.store.not_admitted(switch, &self.schema)).ok()
    }
}
