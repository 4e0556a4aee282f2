//! Codes of telemetry.

use super::{Code, later, never};

pub(super) const CODES: &[Code] = &[
    never("telemetry.carry.resolution", "what it counted then stays readable in the file of that life")
        .warn(),
    never("telemetry.carry.type", "what it counted then stays readable in the file of that life").warn(),
    never("telemetry.carry.unit", "what it counted then stays readable in the file of that life").warn(),
    never(
        "telemetry.description.long_help",
        "say in one sentence what is counted, and put the rest into the documentation",
    ),
    never(
        "telemetry.description.otherwise",
        "keep descriptions in one place at start-up, and let other code use the names alone",
    ),
    never(
        "telemetry.description.too_many",
        "raise `Builder::cells`, and look for names that are made while running",
    ),
    never("telemetry.description.unfit_unit", "use one of the variants of `Unit`, or a word such as `rows`"),
    never("telemetry.group.empty_name", "check what makes the name: it came out empty"),
    never("telemetry.group.other_numbers", "make the group in one place, and clone the handle"),
    never("telemetry.group.repeated", "check what makes the names: one came out twice"),
    never(
        "telemetry.group.size",
        "keep together what must add up, at most 31 numbers, and use counters for the rest",
    ),
    never("telemetry.handler.capacity", "start with 1024; `Handler::status` shows how many were left out"),
    later("telemetry.handler.duplicate", "attach it once at start-up, and keep the handle that is returned"),
    never("telemetry.handler.empty_id", "check what makes the id: it came out empty"),
    never("telemetry.handler.no_prefix", "list the names that it is to hear of, as far as they are alike"),
    never(
        "telemetry.handler.prefix",
        "write it as the names given to `execute` begin: words and single dots",
    ),
    later(
        "telemetry.handler.too_many",
        "look for code that attaches for each request: handlers are for start-up",
    ),
    never("telemetry.label.control_in_key", "use letters, digits and underscores in label keys"),
    never("telemetry.label.empty_key", "check what makes the key: it came out empty"),
    never("telemetry.label.long_key", "put what varies into the label's value"),
    never("telemetry.label.reserved", "take `overflowed` or another word of your own"),
    never("telemetry.label.too_many", "put what has many values into events, and keep labels for a few"),
    never("telemetry.label.twice", "check what joins the labels: two sources give the same key"),
    later(
        "telemetry.memory.unavailable",
        "check `ulimit -v` and the cgroup's `memory.max`, and take the defaults of `cells` and `threads` first",
    ),
    never("telemetry.metric.control_in_name", "name metrics in the code, and put input into labels"),
    never("telemetry.metric.empty_name", "check what makes the name: it came out empty"),
    never("telemetry.metric.forked", "start a process in place of a fork, or build the telemetry after it"),
    never("telemetry.metric.long_name", "name what is counted in a few words"),
    never(
        "telemetry.metric.no_room",
        "raise `Builder::cells` (a histogram takes about a thousand), or take a coarser `Resolution`",
    ),
    never("telemetry.metric.other_resolution", "make the histogram in one place, and clone the handle"),
    never(
        "telemetry.metric.other_type",
        "search the code for the name; in most cases a suffix such as `_total` or `_ns` sets the two apart",
    ),
    never("telemetry.metric.precision", "take 5 for about 3 % of error, 7 for under 1 %"),
    never(
        "telemetry.metric.too_many",
        "look for names that hold an id or an address, and make those labels with a limit",
    ),
    never("telemetry.pressure.bands", "start from the defaults, and move one threshold at a time"),
    never("telemetry.pressure.dead_band", "leave it at its default unless the load that is told swings"),
    never("telemetry.pressure.input_taken", "make each input once where the watch is built"),
    never(
        "telemetry.pressure.malformed",
        "report it with the file's text: the kernel or a sandbox writes it otherwise",
    )
    .warn(),
    never(
        "telemetry.pressure.many_inputs",
        "make one input for each kind of queue, and set it to the fullest",
    ),
    never("telemetry.pressure.too_long", "check that the path is that of a cgroup file").warn(),
    later(
        "telemetry.pressure.unreadable",
        "mount /proc and /sys/fs/cgroup into the container, read-only is enough",
    )
    .warn(),
    never(
        "telemetry.pressure.unsupported",
        "set a load of your own with `PressureWatch::input`, or build for Linux",
    )
    .warn(),
    never(
        "telemetry.process.malformed",
        "report it with the file's text: the kernel or a sandbox writes it otherwise",
    )
    .warn(),
    never("telemetry.process.too_long", "check that /proc is the kernel's own, and no overlay").warn(),
    later(
        "telemetry.process.unreadable",
        "mount /proc into the container; `hidepid` does not hide a process from itself",
    )
    .warn(),
    never("telemetry.process.unsupported", "ask the process's monitor outside, or build for Linux").warn(),
    never(
        "telemetry.recording.no_telemetry",
        "list the decks with `flightdeck list`, or see what sections there are by `mapped::Header`",
    ),
    never("telemetry.section.field", "copy the file again, from the machine it was written on"),
    never("telemetry.section.none", "give the whole file of a deck, and no part of it"),
    never("telemetry.section.too_short", "copy the file again, in all its length"),
    never("telemetry.section.version", "build the tool from the version that the host was built from"),
    never("telemetry.snapshot.other_type", "add up snapshots of hosts of one version"),
    never("telemetry.window.length", "choose a slot of a second for rates that people watch"),
    never("telemetry.window.other_telemetry", "keep metric handles beside the telemetry that gave them"),
    never("telemetry.window.refused", "see `Telemetry::stats` for how many metrics were refused"),
    never("telemetry.window.slots", "choose 60 slots of a second for the last minute"),
];
