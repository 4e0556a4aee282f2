//! Codes of the deck as a whole.

use super::{Code, later};

pub(super) const CODES: &[Code] =
    &[later("deck.panic_hook.taken", "build one deck for each process, and clone its handle")];
