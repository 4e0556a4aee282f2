//! Codes of events.

use super::{Code, later, never};

pub(super) const CODES: &[Code] = &[
    never(
        "events.batch.refused",
        "mend each event that is numbered and record the batch again: none of it was recorded",
    ),
    never(
        "events.batch.too_large",
        "commit in parts of a few hundred events, each of which is whole by itself",
    ),
    later(
        "events.capture.file",
        "free space on that disk, or move the captures with `Trigger::into_directory`",
    ),
    never(
        "events.capture.file_too_large",
        "narrow the trigger's chain or window, or raise the bytes of its directory",
    ),
    never(
        "events.capture.out_of_time",
        "give `shutdown` a second more than the slowest capture took; receipts say how long",
    ),
    never(
        "events.capture.panicked",
        "mend the closure that narrows the capture; the others of the trigger go on",
    ),
    never("events.claim.closed", "keep claims within one function, and commit before the thread returns"),
    never("events.claim.full", "add up the lengths first, or append in several records"),
    never("events.directives.not_unicode", "check what sets the variable where the host is started"),
    never(
        "events.directives.refused",
        "mend each mistake at its column: no directive of the text is in force",
    ),
    never(
        "events.directives.unbuilt",
        "parse the text with `Directives::from_str` first if a person wrote it, and show the mistakes",
    ),
    never("events.event.time_out_of_range", "leave the stamp out to have the time of recording"),
    never("events.event.too_large", "record a reference or a prefix, and keep what is large elsewhere"),
    never("events.follow.closed", "end the loop that reads the cursor: the deck was shut down"),
    later(
        "events.follow.timed_out",
        "look whether anything records what is followed: `Events::stats` counts what was written",
    ),
    never(
        "events.incidents.foreign_answer",
        "keep one deck for each process, or hand the answer's deck along with it",
    ),
    never("events.incidents.forked", "start a process in place of a fork, or build the deck after it"),
    later(
        "events.incidents.full",
        "write protected incidents out and let go of them by `Events::drop_incident`",
    ),
    never("events.incidents.off", "call `.incidents(64 << 20, 16)` on the events' builder"),
    never("events.incidents.text_too_long", "put what is long into an event, which is pinned along"),
    never("events.incidents.too_large", "pin the chain of one id, or a window of seconds around the failure"),
    never("events.kinds.forked", "define all kinds at start-up, ahead of any fork"),
    never(
        "events.kinds.too_many",
        "look for kinds that are defined for each request or file, and define them once",
    ),
    never(
        "events.memory.not_locked",
        "raise `ulimit -l` (`LimitMEMLOCK=` of systemd) above the memory of the events",
    ),
    never("events.memory.too_small", "see `Builder::plan` for what each shard and class would get"),
    later(
        "events.memory.unavailable",
        "check `ulimit -v`, the cgroup's `memory.max` and `vm.overcommit_memory`",
    ),
    never("events.pod.cut", "raise `longest_value` above the struct's size where the store is built"),
    never("events.pod.invalid", "check that recorder and reader were built from one definition of the type"),
    never("events.pod.no_bytes", "declare the field as `pod` if it is to hold a struct"),
    never("events.pod.no_field", "check the spelling against the `kind!` that declares it"),
    never("events.pod.size", "check that recorder and reader were built from one definition of the struct"),
    never("events.predicate.number_out_of_range", "check the literal's digits and sign"),
    never(
        "events.predicate.too_deep",
        "flatten it: `&&` binds tighter than `||`, so many parentheses change nothing",
    ),
    never("events.predicate.too_long", "ask for an id or a range of time first, and filter what is left"),
    never("events.predicate.unclosed", "escape quotes within a text as `\\\"`"),
    never(
        "events.predicate.unexpected",
        "put names with other letters than a-z 0-9 _ . into backticks, and texts into double quotes",
    ),
    never("events.prompt.forked", "start a process in place of a fork, or build the deck after it"),
    never(
        "events.prompt.no_barrier",
        "allow `membarrier` in the container's seccomp profile if 1 ms of delay is too much",
    ),
    never(
        "events.prompt.recording",
        "follow the recording without `prompt`: it looks every millisecond at the latest",
    ),
    never("events.query.buckets", "divide the range by about a hundred for a chart"),
    never("events.query.contradiction", "run two queries if either is meant"),
    never("events.query.field_type", "look at the field's type where its kind is declared"),
    never(
        "events.query.kind_severity",
        "raise the severity where the kind is declared if it was to be found by it",
    ),
    never(
        "events.query.nameless",
        "define kinds once, and few of them: the log of names in a file has a fixed size",
    ),
    never("events.query.no_event", "pin what must stay, or follow from `Start::Oldest` and look at the gap"),
    never(
        "events.query.no_id",
        "check where the id comes from: zero is what a missing header or field gives",
    ),
    never("events.query.not_followed", "run the query again for what is newest at that moment"),
    never("events.query.order", "collect the answer first if it is small, it can be read in both directions"),
    never(
        "events.query.other_fields",
        "compare the `kind!` of both builds, and list what the recording has by `Recording::kinds`",
    ),
    never("events.query.range", "check which end is which, and that both are of one clock"),
    never(
        "events.query.secret_field",
        "declare the field `personal` if equal values are to be found: it is stored as a keyed hash",
    ),
    never("events.query.unknown_field", "check the spelling against the `kind!` that declares it"),
    never(
        "events.query.unknown_kind",
        "check the spelling, or call `Events::declare` at start-up for kinds that are recorded later",
    ),
    never("events.quota.exists", "make the quota in one place, and clone the handle"),
    never("events.quota.keys", "make it one key for each tenant, not for each request"),
    never(
        "events.quota.rate",
        "leave the quota out for no limit; switch the kind off by a directive for none at all",
    ),
    later("events.quota.unavailable", "lower the number of keys to as many as are busy at a time"),
    never("events.recording.no_events", "see what sections there are by `mapped::Header`: kind 1 is events"),
    never("events.reserve.forked", "start a process in place of a fork, or build the deck after it"),
    never("events.reserve.no_shard", "raise `Builder::shards` to the number of threads that record"),
    never(
        "events.reserve.not_raw",
        "build the bytes first and record the kind as usual if it has several fields",
    ),
    later("events.reserve.open", "look for a claim that is kept across a call which records as well"),
    never("events.reserve.used_up", "report it: this takes half a year of full speed in one ring"),
    never("events.section.clock", "build the tool from the version that the host was built from"),
    never("events.section.field", "copy the file again, from the machine it was written on"),
    never("events.section.none", "give the whole file of a deck, and no part of it"),
    never("events.section.too_short", "copy the file again, in all its length"),
    never("events.section.version", "build the tool from the version that the host was built from"),
    never(
        "events.shards.out_of_range",
        "take as many shards as threads record, and a few for those that come and go",
    ),
    never(
        "events.shards.shared_out_of_range",
        "share two to eight: they are for the few threads beyond the shards",
    ),
    never(
        "events.traceparent.malformed",
        "check which client or proxy sends the header, and log it as it came",
    ),
    never("events.traceparent.zero", "check which client sends it: its tracer is switched off or not set up"),
    later(
        "events.trigger.directory",
        "create the folder for the user that the host runs as, and check that its disk is mounted",
    ),
    never("events.trigger.duplicate_name", "arm triggers in one place at start-up"),
    never("events.trigger.ended", "see the receipts for what was captured until the end"),
    never("events.trigger.file_name", "take the name of what it watches, such as `slow-checkout`"),
    never("events.trigger.foreign_query", "call `query` on the events of the deck whose triggers these are"),
    never("events.trigger.limit", "allow a few captures an hour: the first ones tell the most"),
    never("events.trigger.name", "name what it watches in a word or two"),
    later(
        "events.trigger.no_handler",
        "check that a sandbox does not forbid `sigaction`, or set the trigger off by call",
    ),
    never("events.trigger.no_incidents", "call `.incidents(64 << 20, 16)` on the events' builder"),
    never("events.trigger.no_thread", "rename the worker that has the name, or raise the limit on threads"),
    never("events.trigger.signal", "send SIGUSR2 (`kill -USR2 PID`) if no other library waits for it"),
    later(
        "events.trigger.too_many",
        "look for triggers that are armed for each request, and make one with a predicate",
    ),
    never("events.trigger.unknown", "check the spelling against `Triggers::list`"),
    never("events.values.count", "ask the kind's schema for its fields where values are collected by a loop"),
    never("events.values.foreign_kind", "keep kinds beside the deck that defined them"),
    never("events.values.hidden", "take the secret from where it came: an answer never holds it"),
    never(
        "events.values.type",
        "ask the kind's schema for the field's type where values are collected by a loop",
    ),
    never("events.writer.forked", "start a process in place of a fork, or build the deck after it"),
    later(
        "events.writer.no_shard",
        "raise `Builder::shards` to the number of writers, or record through `Events::record`, which shares",
    ),
];
