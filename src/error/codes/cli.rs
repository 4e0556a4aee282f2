//! Codes of the command-line tool.

use super::{Code, later, never};

pub(super) const CODES: &[Code] = &[
    never(
        "cli.ask.id",
        "copy it from `id=` of a line, or `correlation` of its JSON; leading zeros may be left out",
    ),
    never("cli.ask.regex", "try it with `grep -E` first, or look for text in one field: -w FIELD~TEXT"),
    later("cli.demo.ask", "look up the deck's own code for that message: `flightdeck explain events`"),
    later(
        "cli.demo.config",
        "check the file that `--config` names, or leave it out: the demo then changes a config of its own",
    ),
    later(
        "cli.demo.deck",
        "check `ulimit -v` and the memory of the container: the demo takes some tens of MiB",
    ),
    later("cli.demo.host", "check `ulimit -n` and `ulimit -u`: the demo takes a socket and some threads"),
    later(
        "cli.demo.unanswered",
        "ask 127.0.0.1 with another tool: a sandbox may have a loopback interface that is down",
    ),
    never("cli.export.counter", "in lines and rows the field is there anyway, for whatever draws it"),
    never(
        "cli.export.exists",
        "a name with the time in it, such as engine-$(date +%s).jsonl, is never taken",
    ),
    never(
        "cli.export.format",
        "with a suffix such as .jsonl, .csv, .pftrace or .trace.json the format need not be said",
    ),
    never("cli.export.suffix", "write .jsonl first: each line has all of an event, for jq and the like"),
    never(
        "cli.export.write",
        "check that the directory is there and the space left; `-o -` writes to standard output",
    ),
    never(
        "cli.input.empty",
        "check what writes it: the program may not have flushed, or logs somewhere else",
    )
    .warn(),
    never(
        "cli.input.folder",
        "let the shell list the files, or `find` where they lie in folders of their own",
    ),
    never(
        "cli.input.format",
        "`flightdeck replay --help` lists the formats; of others, write each row as a line of JSON",
    ),
    never(
        "cli.input.open",
        "check the name and the rights of whoever runs this; `-` reads from standard input",
    ),
    never(
        "cli.input.read",
        "copy the file first: what is written meanwhile, or lies on a share, may break off",
    ),
    never("cli.input.twice", "name `-` once, and let `cat` join what is to come in by it"),
    never("cli.interrupt", "look what the sandbox forbids: a handler for SIGINT is all that is asked for"),
    never(
        "cli.moment.form",
        "a time of day is one of the last day in the rows, a length counts back from their end",
    ),
    never("cli.output.closed", "nothing to mend: whoever read the output, such as `head`, had enough").info(),
    never(
        "cli.output.failed",
        "check the space left where the output goes, and the rights of whoever runs this",
    ),
    never("cli.quantity.no_unit", "write the unit right behind the number, as in 30s"),
    never("cli.quantity.number", "leave out signs, spaces and separators of thousands"),
    never(
        "cli.quantity.range",
        "check the unit: it is off by a factor of a thousand more often than the number is",
    ),
    never(
        "cli.quantity.unit",
        "spell the unit as in the message; upper and lower case are the same for rates",
    ),
    never("cli.screen", "see that the terminal is still there; `flightdeck top --json` needs none"),
    never("cli.serve.deck", "see what it says of memory and threads: `ulimit -u`, `ulimit -v`"),
    never("cli.size.number", "write whole numbers: 1536m in place of 1.5g"),
    never("cli.size.too_large", "check the unit: k, m, g and t count in 1024, kb to tb in 1000"),
    never("cli.size.unit", "write whole numbers, and k, m, g or t behind them"),
    never("cli.size.zero", "leave the option out for what the tool takes by itself"),
    never(
        "cli.sizing.keep",
        "keep critical events long and verbose ones short: each class has a share of its own",
    ),
    never("cli.sizing.payload", "give the size of one event's fields, not that of all of them"),
    never(
        "cli.sizing.rate",
        "give the rate of the whole host at its busiest, and all threads that record then",
    ),
    never("cli.wanted.backwards", "give the earlier of the two with `--since`, the later one with `--until`"),
    never("cli.wanted.field", "run it once with `--json` and without a field to see what the rows have"),
    never("cli.wanted.kind", "run it once without a kind: the report lists those that were read"),
    never("cli.when.form", "`flightdeck query --help` lists all ways to write a time"),
    never(
        "cli.when.no_crash",
        "ask again once the process has ended; -30s counts back from now while it runs",
    ),
];
