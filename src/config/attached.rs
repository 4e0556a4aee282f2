//! What optional parts attach to a config when it is built: each by its type, found again by all its snapshots.

use crate::sync::Arc;
use std::any::Any;
use std::fmt;

/// All that is attached to a config.
#[derive(Clone, Default)]
pub(super) struct Attached(Arc<Vec<Box<dyn Any + Send + Sync>>>);

impl Attached {
    pub(super) fn new(things: Vec<Box<dyn Any + Send + Sync>>) -> Self {
        Self(Arc::new(things))
    }

    /// The thing of this type, if one is attached; the first of several.
    #[allow(dead_code, reason = "what optional parts begin with")]
    pub(super) fn get<A: Any>(&self) -> Option<&A> {
        self.0.iter().find_map(|thing| thing.downcast_ref())
    }
}

impl fmt::Debug for Attached {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Attached").field("things", &self.0.len()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thing_is_found_by_its_type() {
        let attached = Attached::new(vec![Box::new(1_u32), Box::new("text")]);
        assert_eq!(attached.get::<&str>(), Some(&"text"));
        assert_eq!(attached.get::<u64>(), None);
    }
}
