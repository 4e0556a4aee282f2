//! Codes of config.

use super::{Code, later, never};

pub(super) const CODES: &[Code] = &[
    later(
        "config.derive.busy",
        "derive the value once at start-up, away from closures that build a new config",
    )
    .warn(),
    never("config.derive.failed", "let `Validate` reject configs from which this value cannot be made"),
    never(
        "config.derive.panicked",
        "mend the closure that derives it, and let it return an error in place of the panic",
    ),
    never(
        "config.environment.contradiction",
        "see what sets both variables: `env | sort` where the host is started",
    ),
    never(
        "config.environment.prefix",
        "use one prefix for all variables of the host, as it stands in `Sources::new`",
    ),
    never(
        "config.environment.type",
        "ask `Sourced::why` what else sets that path, and unset what is left over",
    ),
    never(
        "config.environment.variable",
        "write paths in capitals with `__` for each dot, such as `APP__LIMITS__RATE`",
    ),
    never(
        "config.history.forgotten",
        "take `Config::history` for what is kept, or keep copies of what must be gone back to",
    )
    .warn(),
    later(
        "config.history.not_yet",
        "wait with `Config::wait_for`, and check that the revision is of this config",
    )
    .warn(),
    never(
        "config.history.too_early",
        "look up the change in the events, `flightdeck.config.published` says who and why",
    )
    .warn(),
    never(
        "config.patch.refused",
        "mend each of the reasons and send the whole patch again: none of it was applied",
    ),
    never("config.path.no_such_element", "read the list first and take an index below its length"),
    never("config.path.no_tree", "derive `Serialize` for it and use texts or numbers as keys of maps"),
    never(
        "config.path.not_offered",
        "call `.paths(Paths::new())` where the config is built; the feature `serde` must be on",
    ),
    never(
        "config.path.not_writable",
        "ask whoever runs the host whether it may change at run time; a deploy changes it as well",
    ),
    never("config.path.out_of_range", "choose a number that the field's type can hold, or widen the type"),
    never(
        "config.path.secret",
        "use the secret where it is needed through `Config::load`, and hand on nothing but its path",
    ),
    never(
        "config.path.through_scalar",
        "look at the value one step up: it has other parts than the path supposes",
    ),
    never("config.path.too_deep", "check what made the path: configs are rarely nested more than ten levels"),
    never("config.path.too_long", "check what made the path: it is hardly one that a person wrote"),
    never(
        "config.path.unclosed",
        "quote names that have special characters in double quotes, from end to end",
    ),
    never("config.path.unexpected", "join names with one dot each, and write elements of lists as `name[0]`"),
    never(
        "config.path.unfit",
        "compare the value with the type of the config: names, missing fields, variants of enums",
    ),
    never("config.path.unknown", "take the spelling of one of the names that are listed, letter for letter"),
    never("config.path.unknown_mark", "leave the secret out of the change if it is to stay as it is"),
    never(
        "config.path.wrong_type",
        "send the value in the type that it has in the config; a text in quotes is no number",
    ),
    never("config.replay.gap", "take the oldest value that is known after the gap as the base of the replay"),
    never(
        "config.replay.incomplete",
        "raise the memory of the events, or replay sooner: what is missing was overwritten",
    ),
    never("config.replay.unfit", "replay with the build and the `Paths` that the events were recorded with"),
    never("config.source.duplicate", "search the file for the key, later tables of one name included"),
    never(
        "config.source.mistyped",
        "open the file at that line and give the value the type that is expected",
    ),
    never(
        "config.source.needs_restart",
        "plan a restart for it, or take it out of `Sources::restart` if the host can follow it",
    ),
    never("config.source.nested", "set a flag in the callback, and look or reload from a thread of its own"),
    never("config.source.not_a_file", "check the path: a folder, a device or a pipe lies there"),
    never(
        "config.source.not_loaded",
        "mend each of the reasons: the host runs on with the last config that was good",
    ),
    never(
        "config.source.not_serialised",
        "derive `Serialize` for all of its parts, and use texts as keys of maps",
    ),
    never("config.source.not_text", "convert it with `iconv -t UTF-8`, or remove the byte at that place"),
    never(
        "config.source.panicked",
        "let `Validate` report a violation where it asserts; the file that set it off is named in the event",
    ),
    never("config.source.path", "write the path as it stands in the config's type, names joined by dots"),
    never("config.source.syntax", "open the file at that line, or run it through a checker of its format"),
    never("config.source.too_deep", "check what made the file: no config needs so many levels"),
    never("config.source.too_long", "check that it is the right file before the limit is raised"),
    never(
        "config.source.too_much",
        "write out what the aliases stand for; a file of aliases of aliases is an attack or a mistake",
    ),
    never("config.source.unknown_format", "rename the file so that its ending says what is in it"),
    never("config.source.unknown_key", "remove the key if nothing reads it any more"),
    later(
        "config.source.unreadable",
        "check path, owner and mode of the file as the user that the host runs as (`ls -l`, `sudo -u USER cat`)",
    ),
    never("config.source.unsupported", "use a large number, or a flag beside it, for what has no limit"),
    never(
        "config.source.violated",
        "correct the value where it is set; the rule that it broke is in the config's `Validate`",
    ),
    later("config.update.busy", "keep slow work, as of files and networks, out of closures of updates")
        .warn(),
    later(
        "config.update.conflict",
        "read the config anew, apply the change to that, and try three times at most",
    )
    .warn(),
    never("config.update.failed", "mend what the closure returned as its error; the config is as before"),
    never(
        "config.update.nested",
        "put both changes into one closure, or publish the second one after the first",
    ),
    never(
        "config.value.rejected",
        "correct all violations that are named, each says the field and what it takes",
    ),
    later("config.watch.folder", "raise `fs.inotify.max_user_watches`, or check the folder's mode"),
    later(
        "config.watch.no_thread",
        "raise the limit on threads (`ulimit -u`, `pids.max` of the cgroup), or call `tick` yourself",
    ),
    later(
        "config.watch.signal",
        "check that no other library claims the signal and that a sandbox does not forbid it",
    ),
    later(
        "config.watch.unavailable",
        "raise `fs.inotify.max_user_instances`, or reload on a signal or at a time",
    ),
];
