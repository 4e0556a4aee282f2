//! An event that stays when the store goes on.

use super::answer::{Recorded, Row};
use super::class::Class;
use super::value::Value;
use super::view::View;
use crate::sync::Arc;
use std::fmt;

/// An event as it was recorded, copied out of the store: what a [`Pipeline`](super::Pipeline) passes on.
///
/// It takes an allocation for its payload, and holds on to the store, whose kinds it is read with.
pub struct OwnedEvent {
    view: Arc<View>,
    row: Row,
    payload: Box<[u8]>,
}

impl OwnedEvent {
    pub(super) fn new(view: &Arc<View>, row: &Row, payload: &[u8]) -> Self {
        Self { view: view.clone(), row: row.clone(), payload: payload.into() }
    }

    /// All that can be asked of it.
    #[must_use]
    pub fn recorded(&self) -> Recorded<'_> {
        Recorded { view: &self.view, row: &self.row, payload: &self.payload }
    }

    /// The name of its kind.
    #[must_use]
    pub fn kind(&self) -> &str {
        self.recorded().kind()
    }

    /// A field by name.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<Value<'_>> {
        self.recorded().field(name)
    }

    /// Against which events it is kept.
    #[must_use]
    pub fn class(&self) -> Class {
        self.recorded().class()
    }
}

impl fmt::Debug for OwnedEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.recorded().fmt(f)
    }
}
