//! What a deck can be told while it runs: a config of its own.
//!
//! | file | idea |
//! |---|---|
//! | `values` | [`Settings`]: what can be said, and which of it makes sense |
//! | `force` | how a revision of them comes into force |
//! | `recording` | which events are recorded, by the builder, the settings and the host's config together |

mod force;
mod recording;
mod values;

pub(super) use force::{Built, chore, follow};
pub(super) use recording::{FromConfig, Recording};
pub use values::{PipelineSettings, Settings};
