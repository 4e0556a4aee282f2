//! Codes of the deck's parts together.

use super::{Code, later, never};

pub(super) const CODES: &[Code] = &[
    never(
        "hub.config.other_type",
        "keep the config in a handle of its type where the deck is built, in place of its name",
    ),
    never("hub.config.taken", "call `.named(..)` on the builder of each config"),
    never("hub.config.unknown", "check the spelling against `Flightdeck::config_names`"),
    never("hub.dump.forked", "in a child of `fork`, build a deck of its own"),
    never(
        "hub.dump.no_layout",
        "it costs nothing while the deck runs: `Builder::dump_to` only decides how its memory is laid out",
    ),
    never("hub.guard.exists", "ask for it in one place at start-up, and pass on what that returns"),
    later(
        "hub.health.not_ready",
        "mend what is named, or wait longer: a check passes after as many successes as its threshold asks for",
    ),
    never(
        "hub.recording.absent",
        "see what the file has with `mapped::Header::parse`: sections of kind 3 to 5 are a whole deck's",
    ),
    later("hub.recording.busy", "read a copy of the file, or wait until its writer has less to do"),
    never("hub.recording.length", "copy it again with `cp --sparse=never`; other parts may be whole"),
    never(
        "hub.recording.version",
        "see which version of Flightdeck the host is built with: `cargo tree -i flightdeck`",
    ),
    never(
        "hub.systemd.socket",
        "start the service by `systemctl`, with `Type=notify` in its unit, or leave out `Builder::systemd`",
    ),
    never("hub.tail.shut_down", "start tails before `shutdown`, and let it print what is left"),
];
