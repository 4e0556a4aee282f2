//! What can be written on the command line.

#[cfg(target_os = "linux")]
use crate::ask;
use crate::export::To;
#[cfg(target_os = "linux")]
use crate::recording::Named;
use crate::replay::{Moment, moment};
use crate::{quantity, size, terminal};
use clap::builder::NonEmptyStringValueParser;
use clap::{Parser, Subcommand, ValueEnum, value_parser};
use flightdeck::events::Class;
#[cfg(target_os = "linux")]
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// Config, events, telemetry and supervision for a host that must not wait: see it work.
#[derive(Debug, Parser)]
#[command(name = "flightdeck", version, after_long_help = EXAMPLES, max_term_width = 100)]
pub struct Args {
    /// When to use colour; `auto` means on a terminal, unless NO_COLOR is set
    #[arg(long, global = true, value_enum, value_name = "WHEN", default_value_t = Color::Auto)]
    pub color: Color,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

const EXAMPLES: &str = "\
Examples:
  flightdeck demo                           ten seconds of a real host under load, then a report
  flightdeck replay app.jsonl               what happened, and how fast it was recorded
  flightdeck replay -c 7f3a... traces/*.csv everything that belongs to one request
  flightdeck query engine.deck -S -5m       what a host recorded in a file, while it runs or after it died
  flightdeck size --rate 200k --keep 60s    the setting that keeps a minute of events
  flightdeck list                           decks in files, of hosts that run or died
  flightdeck attach                         watch the deck of another process
  flightdeck post-mortem host.deck          how a host ended, and what it was doing
  flightdeck explain config.update.busy     what to do about an error

Exit codes: 0 done, 1 nothing found, 2 wrong usage or unreadable input, 130 interrupted";

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run a real HTTP host with Flightdeck linked in, under load, and report what that cost
    Demo(Demo),
    /// Feed logs and traces through the event store as fast as it goes, and ask it questions
    Replay(Replay),
    /// Ask the file of a deck which events there are, while its process runs or after it died
    #[cfg(target_os = "linux")]
    Query(ask::Query),
    /// Print the last events of the file of a deck, and follow what comes
    #[cfg(target_os = "linux")]
    Tail(ask::Tail),
    /// Write the events of the file of a deck as JSON lines, CSV, or a trace for Perfetto or Chrome
    #[cfg(target_os = "linux")]
    Export(ask::Export),
    /// Say how much memory keeps events for so long, and the setting to paste
    Size(Size),
    /// List the decks of this user that lie in files: those of hosts that run, closed or died
    #[cfg(target_os = "linux")]
    List(List),
    /// Watch a deck of another process: rates, gauges, histograms, workers, config, events
    #[cfg(target_os = "linux")]
    Attach(Attach),
    /// Show counters by rate, gauges and histograms of one deck or of several together
    #[cfg(target_os = "linux")]
    Top(Top),
    /// Say how the host of a deck's file ended, and what it was doing
    #[cfg(target_os = "linux")]
    PostMortem(PostMortem),
    /// Serve metrics and probes of a deck's file over HTTP, for Prometheus
    #[cfg(target_os = "linux")]
    Serve(Serve),
    /// Say what to do about an error, by its code
    Explain(Explain),
    /// Write what a shell needs to complete commands and options
    Completions(Completions),
}

/// `flightdeck demo`.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  flightdeck demo --seconds 30
  flightdeck demo --seconds 5 --json | jq .latency
  flightdeck demo --chaos
  flightdeck demo --kill --keep
  flightdeck demo --seconds 2 --export demo.pftrace
  flightdeck demo --seconds 60 --config host.toml

FILE (TOML or JSON) may have cache_entries, margin_bps and depth. Edit it while the demo runs: what is
wrong is told and changes nothing, what is right takes effect.

With --chaos, workers beside the host panic, hang and do not start; the report tells what became of each.

With --kill (Linux) the deck lies in a file that outlives the host. Each answered request was announced: what was
recorded of it is looked up in the file, by its id. Then comes the post-mortem. Nothing is left behind without --keep.")]
pub struct Demo {
    /// How long to run; 10 without it, with --kill 4
    #[arg(long, value_name = "N", value_parser = value_parser!(u64).range(1..=86_400))]
    seconds: Option<u64>,
    /// Take the host's config from FILE and follow its changes, in place of changes of the demo's own
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Have other workers panic, hang and melt down while the host serves
    #[arg(long)]
    pub chaos: bool,
    /// Run the host in a process of its own, kill it with SIGKILL under load, and ask the file of its deck
    #[cfg(target_os = "linux")]
    #[arg(long, conflicts_with_all = ["config", "export"])]
    pub kill: bool,
    /// Leave the file of the killed host where it is
    #[cfg(target_os = "linux")]
    #[arg(long, requires = "kill")]
    pub keep: bool,
    /// Be the host that is killed
    #[cfg(target_os = "linux")]
    #[arg(long, value_name = "FILE", hide = true)]
    pub as_host: Option<PathBuf>,
    /// Print one JSON object instead of the report
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub to: To,
}

impl Demo {
    /// How long to run.
    pub fn seconds(&self) -> u64 {
        #[cfg(target_os = "linux")]
        let usual = if self.kill { 4 } else { 10 };
        #[cfg(not(target_os = "linux"))]
        let usual = 10;
        self.seconds.unwrap_or(usual)
    }
}

/// `flightdeck completions`.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  flightdeck completions bash > ~/.local/share/bash-completion/completions/flightdeck
  flightdeck completions zsh > ~/.zfunc/_flightdeck       with ~/.zfunc in fpath
  flightdeck completions fish > ~/.config/fish/completions/flightdeck.fish")]
pub struct Completions {
    /// For which shell
    #[arg(value_enum)]
    pub shell: clap_complete::Shell,
}

/// `flightdeck replay`.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Formats, recognised from the first lines: span CSV and log CSV (columns found by the names in the
header), dpkg.log, JSON lines (journalctl -o json, most loggers), common and combined access logs.
Times without an offset are taken as UTC.

With any of --where, --kind, --since, --until, --limit and --explain, and without -c, the events are
listed instead of the report, the newest last, long texts cut (--json has them whole). With -c these
choose among the events of ID.

PREDICATE compares fields of rows, as they are shown, with literals:
  status >= 500 && path ~ \"/buy\"           also == != < <= > !~, ||, !, parentheses
  has user && !(user == \"root\")            whether a row has the field
  duration_ns > 300ms                      how long a row took, if it says so
  * ~ \"timeout\"                            any text of the row
  `@timestamp` ~ \"2024\"                    names with other letters than a-z 0-9 _ . in backticks

TIME is RFC 3339 (2024-02-29T12:00:00Z), a time of day such as 12:00:00 on the day in UTC on which
the data ends, or a length before its end such as -5m. Both ends belong to it.

Examples:
  flightdeck replay                                   this machine's package log
  flightdeck replay trace.csv log.csv --slowest 5     the five slowest requests with their timelines
  flightdeck replay -c libc6 /var/log/dpkg.log        what happened to one package
  flightdeck replay -c 7f3a... --tree traces/*.csv    where the time of one request went
  flightdeck replay access.log --where 'status >= 500' --since -5m
  flightdeck replay --kind dpkg.remove --kind dpkg.purge --limit 100
  journalctl -o json | flightdeck replay - -c ssh.service --json
  flightdeck replay trace.csv log.csv --export trace.pftrace    all of it for ui.perfetto.dev
  flightdeck replay access.log --where 'status >= 500' --export errors.csv
  zcat access.log.gz | flightdeck replay -m 64MiB -")]
pub struct Replay {
    /// Files to read, `-` for standard input; without any: /var/log/dpkg.log
    #[arg(value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Show everything that belongs to ID: a trace or request id, a package, a unit, an address
    #[arg(short, long, value_name = "ID", value_parser = NonEmptyStringValueParser::new())]
    pub correlation: Option<String>,
    /// Show only the spans of that ID: how long each took, how much of it was its own, what was waited for
    #[arg(long, requires = "correlation")]
    pub tree: bool,
    /// Show only events whose fields are so, such as 'status >= 500'; see --help
    #[arg(long = "where", value_name = "PREDICATE")]
    pub predicate: Option<String>,
    /// Show only events of this kind, such as span, log, http.request or dpkg.install; again for more kinds
    #[arg(long = "kind", value_name = "NAME")]
    pub kinds: Vec<String>,
    /// Show only events from this time on: RFC 3339, HH:MM:SS, or -5m for so long before the data ends
    #[arg(long, value_name = "TIME", allow_hyphen_values = true, value_parser = moment::parse)]
    pub since: Option<Moment>,
    /// Show only events up to this time, written alike
    #[arg(long, value_name = "TIME", allow_hyphen_values = true, value_parser = moment::parse)]
    pub until: Option<Moment>,
    /// How many events to list, the newest; 20 without it
    #[arg(long, value_name = "N", conflicts_with = "correlation", value_parser = value_parser!(u32).range(0..=100_000_000))]
    pub limit: Option<u32>,
    /// Say what it took to find the events: records looked at, and by which way
    #[arg(long)]
    pub explain: bool,
    /// Memory for the whole deck, such as 256MiB or 1g; without it every row is kept
    #[arg(short, long, value_name = "SIZE", value_parser = size::parse)]
    pub memory: Option<usize>,
    /// How many threads write; one for each core, at most 4, without it
    #[arg(long, value_name = "N", value_parser = value_parser!(u16).range(1..=128))]
    pub threads: Option<u16>,
    /// How many of the slowest ids to show, with their timelines
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = value_parser!(u32).range(0..=100_000))]
    pub slowest: u32,
    /// Print one JSON object instead of the report
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub to: To,
}

impl Replay {
    /// Whether events are asked for, rather than a report on all of them.
    pub fn asks_for_events(&self) -> bool {
        let filters = self.predicate.is_some() || !self.kinds.is_empty();
        filters || self.since.is_some() || self.until.is_some() || self.limit.is_some() || self.explain
    }
}

/// `flightdeck size`.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
A number or a boolean takes 8 bytes; text takes 8 and its length, filled up to 8. Nothing is reserved.
Memory is shared between the retention classes by the default weights; a host with events of one class
needs less: see `Builder::shares`.

Examples:
  flightdeck size --rate 200k --bytes 64 --keep 60s --threads 16
  flightdeck size --rate 1.5M --keep 5m --class verbose
  flightdeck size --rate 50 --keep 2d --threads 4 --json | jq .memory")]
pub struct Size {
    /// Events a second from all threads together, such as 200k or 1.5M
    #[arg(long, value_name = "N", value_parser = quantity::rate)]
    pub rate: f64,
    /// How far back they shall reach: 500ms, 60s, 5m, 2h, 1d
    #[arg(long, value_name = "TIME", value_parser = quantity::keep)]
    pub keep: Duration,
    /// What the fields of one event take
    #[arg(long, value_name = "BYTES", default_value_t = 64)]
    pub bytes: usize,
    /// How many threads record, each in a shard of its own; one for each core without it
    #[arg(long, value_name = "N")]
    pub threads: Option<u16>,
    /// The retention class of the events
    #[arg(long, value_enum, value_name = "CLASS", default_value_t = ClassName::Normal)]
    pub class: ClassName,
    /// Print one JSON object instead of the text
    #[arg(long)]
    pub json: bool,
}

/// `flightdeck list`.
#[cfg(target_os = "linux")]
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
A deck is `running` while its process has the file; `closed` once its host ended as asked; `died` if the process
is gone and had not closed it, and then how long ago it recorded its last event. Those that run come first, then the
newest. Exit code 1 if there is none.

Examples:
  flightdeck list
  flightdeck list /var/lib/host
  flightdeck list --json | jq -r 'select(.state == \"died\").file'")]
pub struct List {
    /// Where to look; without any: $FLIGHTDECK_DIR, $XDG_RUNTIME_DIR, /dev/shm and the directory for temporary files
    #[arg(value_name = "DIR")]
    pub directories: Vec<PathBuf>,
    /// Print one JSON object a line
    #[arg(long)]
    pub json: bool,
}

/// `flightdeck attach`.
#[cfg(target_os = "linux")]
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
The process that is watched does not notice: its file is read, and nothing else. A deck whose process ends stays on the
screen as it was.

Keys: Tab or 1 to 6 another page; arrows, PgUp, PgDn, Home, End move; / only lines with a text; s sort by name or by
size; p or Space hold still; h or F1 help; q or F10 quit.

Examples:
  flightdeck attach                                       the only deck that runs
  flightdeck attach 4711                                  that of process 4711
  flightdeck attach /dev/shm/flightdeck-0/host.4711.3.deck")]
pub struct Attach {
    /// The file of a deck, or the number of a process that has one; the only deck that runs without it
    #[arg(value_name = "FILE|PID")]
    pub deck: Option<PathBuf>,
    /// Read it also if it belongs to another user, who may change it meanwhile in any way
    #[arg(long)]
    pub any_user: bool,
    /// How often to look
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = quantity::keep)]
    pub interval: Duration,
}

/// `flightdeck serve`.
#[cfg(target_os = "linux")]
#[derive(Debug, clap::Args)]
#[command(group(clap::ArgGroup::new("served").required(true).args(["file", "demo"])))]
#[command(after_long_help = "\
/metrics is for Prometheus, /livez, /readyz and /startupz are for whoever restarts hosts: they fail once the host is gone.
The host does not notice: its file is read, and nothing else. Whoever reaches another address than this machine's needs
the token for all but the probes. It serves until it is interrupted or told to terminate, and then ends with exit code 0.

Examples:
  flightdeck serve /dev/shm/flightdeck-0/host.4711.3.deck
  flightdeck serve --demo & curl -s localhost:9464/metrics | head
  flightdeck serve host.deck --events & curl -s 'localhost:9464/events?correlation=7f3a' | jq .
  FLIGHTDECK_TOKEN=$(openssl rand -hex 16) flightdeck serve host.deck --address 0.0.0.0:9464 --events")]
pub struct Serve {
    /// The file of a deck, whose process runs or ran: see `Builder::mapped`
    #[arg(value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// Serve the demo's host, under load in a process of its own, in place of a file
    #[arg(long)]
    pub demo: bool,
    /// Read it also if it belongs to another user, who may change it meanwhile in any way
    #[arg(long, requires = "file")]
    pub any_user: bool,
    /// Where to listen; port 0 is any that is free
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9464")]
    pub address: SocketAddr,
    /// Tell the events of one id, too: /events?correlation=ID
    #[arg(long)]
    pub events: bool,
    /// Tell the configs in force, too, secrets aside: /config
    #[arg(long)]
    pub configs: bool,
    /// Who has it is told all, others only whether a probe passes: 16 characters at least
    #[arg(long, value_name = "TOKEN", env = "FLIGHTDECK_TOKEN", hide_env_values = true)]
    pub token: Option<String>,
}

/// `flightdeck top`.
#[cfg(target_os = "linux")]
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
On a terminal it looks again and again, with the keys of `flightdeck attach`. Elsewhere it looks twice, prints what
happened in between as one table, and ends. Metrics of several decks with the same name and labels are added up, gauges
too.

Exit codes: 0 done; 1 there is no deck; 2 a file cannot be read.

Examples:
  flightdeck top                                    the only deck that runs
  flightdeck top /dev/shm/flightdeck-0/*.deck       all of them together
  flightdeck top --interval 5s host.deck | head
  flightdeck top host.deck --json | jq .series")]
pub struct Top {
    /// Files of decks, or numbers of processes that have one; the only deck that runs without any
    #[arg(value_name = "FILE|PID")]
    pub decks: Vec<PathBuf>,
    /// Read them also if they belong to other users, who may change them meanwhile in any way
    #[arg(long)]
    pub any_user: bool,
    /// How often to look, or how long to wait between the two looks
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = quantity::keep)]
    pub interval: Duration,
    /// How many lines of each sort to print
    #[arg(short = 'n', long, value_name = "N")]
    pub limit: Option<usize>,
    /// Print one JSON object instead, also on a terminal
    #[arg(long)]
    pub json: bool,
}

/// `flightdeck post-mortem`.
#[cfg(target_os = "linux")]
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
The first line says it all and can be pasted into a chat. Then: how and when the process ended, its last errors, what
each thread did last, which ids were not finished, config and workers as they were, what is kept, what was lost, and
what the file cannot know. A file of any size takes a fraction of a second, since the last moments are looked at, not
all there is.

Exit codes: 0 the host closed its deck, or still runs; 1 it died; 2 the file cannot be read.

Examples:
  flightdeck post-mortem /dev/shm/flightdeck-0/host.4711.3.deck
  flightdeck post-mortem host.deck | head -1
  flightdeck post-mortem host.deck --json | jq '.unfinished.newest[].correlation'")]
pub struct PostMortem {
    #[command(flatten)]
    pub file: Named,
    /// Print one JSON object instead of the report
    #[arg(long)]
    pub json: bool,
}

/// `flightdeck explain`.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  flightdeck explain config.update.busy
  flightdeck explain config.path events.query    all codes below these
  flightdeck explain --json | jq -r .code        all there are")]
pub struct Explain {
    /// Codes, or beginnings of codes; all without any
    #[arg(value_name = "CODE", value_parser = NonEmptyStringValueParser::new())]
    pub codes: Vec<String>,
    /// Print one JSON object a line
    #[arg(long)]
    pub json: bool,
}

/// A retention class.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ClassName {
    /// Rare and wanted long after.
    Critical,
    /// What requests do.
    Normal,
    /// Detail by the million.
    Verbose,
}

impl From<ClassName> for Class {
    fn from(name: ClassName) -> Self {
        match name {
            ClassName::Critical => Self::Critical,
            ClassName::Normal => Self::Normal,
            ClassName::Verbose => Self::Verbose,
        }
    }
}

/// When to use colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Color {
    /// On a terminal, unless `NO_COLOR` is set.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

impl Color {
    /// Whether to colour what goes to a place that is, or is not, a terminal.
    pub fn applies(self, is_terminal: bool) -> bool {
        match self {
            Self::Always => true,
            Self::Never => false,
            Self::Auto => {
                let is_unwanted = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
                is_terminal && !is_unwanted && !terminal::is_dumb()
            }
        }
    }

    /// What `--color` says, before the command line is parsed: help and usage errors are coloured too.
    pub fn foreseen(args: impl Iterator<Item = std::ffi::OsString>) -> clap::ColorChoice {
        let mut is_next = false;
        let mut choice = clap::ColorChoice::Auto;
        for arg in args {
            let Some(arg) = arg.to_str() else { continue };
            let value = if is_next { Some(arg) } else { arg.strip_prefix("--color=") };
            match value {
                Some("always") => choice = clap::ColorChoice::Always,
                Some("never") => choice = clap::ColorChoice::Never,
                _ if arg == "--" => break,
                _ => {}
            }
            is_next = arg == "--color";
        }
        choice
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_definition_is_sound() {
        Args::command().debug_assert();
    }

    #[test]
    fn a_replay_takes_files_and_options_in_any_order() {
        let args = Args::try_parse_from([
            "flightdeck",
            "replay",
            "-m",
            "64m",
            "a",
            "-",
            "-c",
            "x",
            "--color",
            "never",
        ]);
        let Args { color, command: Command::Replay(replay) } = args.unwrap() else { panic!("no replay") };
        assert_eq!(color, Color::Never);
        assert_eq!(replay.memory, Some(64 << 20));
        assert_eq!(replay.correlation.as_deref(), Some("x"));
        assert_eq!(replay.files, [PathBuf::from("a"), PathBuf::from("-")]);
    }

    #[test]
    fn colour_is_foreseen() {
        let foreseen = |args: &[&str]| Color::foreseen(args.iter().map(Into::into));
        assert_eq!(foreseen(&["replay", "--color", "never"]), clap::ColorChoice::Never);
        assert_eq!(foreseen(&["--color=always", "x"]), clap::ColorChoice::Always);
        assert_eq!(foreseen(&["--", "--color=always"]), clap::ColorChoice::Auto);
    }
}
