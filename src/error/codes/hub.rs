//! Codes of the deck's parts together.

use super::{Code, never};

pub(super) const CODES: &[Code] = &[
    never(
        "hub.config.other_type",
        "keep the config in a handle of its type where the deck is built, in place of its name",
    ),
    never("hub.config.taken", "call `.named(..)` on the builder of each config"),
    never("hub.config.unknown", "check the spelling against `Flightdeck::config_names`"),
    never("hub.tail.shut_down", "start tails before `shutdown`, and let it print what is left"),
];
