//! Codes of mapped files.

use super::{Code, later, never};

pub(super) const CODES: &[Code] = &[
    never(
        "mapped.create.directory",
        "make a directory of mode 0700 for decks, such as one below /run, and give its path",
    ),
    never(
        "mapped.create.exists",
        "call `recover(3)`: the file of the life before becomes `path.1`, to be read there",
    ),
    never(
        "mapped.create.foreign",
        "look at the file: `flightdeck` puts aside only what it can read as a deck",
    ),
    later(
        "mapped.create.in_use",
        "see who has it: `fuser PATH`; start the host once, or with `in_directory`",
    ),
    never(
        "mapped.create.limit",
        "see the limit with `ulimit -f` where the host is started, or `LimitFSIZE=` of its unit",
    ),
    never(
        "mapped.create.no_place",
        "mount a tmpfs at /dev/shm in the container, or give a volume by FLIGHTDECK_DIR",
    ),
    later(
        "mapped.create.no_space",
        "see `df` of the directory; a tmpfs takes `size=` when it is mounted (in a container: `--shm-size`)",
    ),
    never(
        "mapped.create.not_reserved",
        "a file system over the network is no place for it: take a local one",
    ),
    never("mapped.create.size", "see what it is made of with `Builder::plan`"),
    never(
        "mapped.create.system",
        "check that the directory is there and can be written by the user of the host",
    ),
    never("mapped.header.byte_order", "see the byte order of a machine with `lscpu`"),
    never(
        "mapped.header.damaged",
        "the field may tell who wrote over it; what other files are there can still be read",
    ),
    never(
        "mapped.header.no_deck",
        "ask the host for its path, which `Events::file` says, or look below /dev/shm/flightdeck-UID",
    ),
    never("mapped.header.too_short", "compare its size with that of the file it was copied from"),
    never(
        "mapped.header.truncated",
        "copy it again with `cp --sparse=never`, and see whether the disk was full",
    ),
    never(
        "mapped.header.version",
        "see which version of Flightdeck the host is built with: `cargo tree -i flightdeck`",
    ),
    never("mapped.open.foreign_owner", "run it as that user: `sudo -u USER`; root may read all"),
    never(
        "mapped.open.no_file",
        "name the file itself: in a directory of decks that is PROGRAM.PROCESS.LIFE.deck",
    ),
    never("mapped.open.system", "check that the path is right and no link, and that this user may read it"),
    later(
        "mapped.open.unfinished",
        "see whether the process still runs; if not, the next start takes the file away",
    ),
    later(
        "mapped.open.written",
        "read it mapped: without `copied`, whose copies are of what nobody writes any more",
    ),
];
