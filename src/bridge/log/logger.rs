//! What is installed.

use super::said::{Rules, Said};
use super::site::{self, SiteKey, severity};
use super::sites::Sites;
use super::stats::{Counts, Stats};
use crate::Severity;
use crate::bridge::inside::Inside;
use crate::bridge::name::dotted;
use crate::bridge::others::Others;
use crate::events::{Events, LevelWatch, Scope, Stamp, Value};
use crate::sync::{Arc, AtomicU64, Mutex, Relaxed};
use log::{LevelFilter, Metadata, Record};

/// A logger for the crate `log` that records in an event store: see [the module](super). Cheap to clone; clones are the same
/// logger, so keep one to ask for its [`stats`](Logger::stats).
///
/// It keeps the store alive as long as it is installed, which is for good.
#[derive(Clone, Debug)]
pub struct Logger {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    events: Events,
    rules: Rules,
    sites: Sites,
    others: Others,
    counts: Counts,
    /// How often levels may have changed, from 1 up.
    round: Arc<AtomicU64>,
    _watch: LevelWatch,
    leads: Mutex<Option<LevelWatch>>,
}

/// What a logger is told beforehand: see [`Logger::builder`].
#[derive(Debug)]
#[must_use = "a builder does nothing until `build`"]
pub struct LoggerBuilder {
    events: Events,
    rules: Rules,
}

impl LoggerBuilder {
    /// The key of the pair in which records say whose they are, such as `request_id`. The others are their thread's scope's.
    pub fn correlation_key(mut self, key: &str) -> Self {
        self.rules.correlation = Some(key.into());
        self
    }

    /// Pairs of this key, too, are secret, in any case, and whether with `_`, `-` or `.`.
    pub fn secret(mut self, key: &str) -> Self {
        self.rules.secrets.add(key);
        self
    }

    /// The logger.
    #[must_use]
    pub fn build(self) -> Logger {
        let Self { events, rules } = self;
        let round = Arc::new(AtomicU64::new(1));
        let next = round.clone();
        let inner = Inner {
            others: Others::new(&events, "log.other"),
            // Relaxed: a hint. A site that misses it asks with its next record.
            _watch: events.watch_levels(move || _ = next.fetch_add(1, Relaxed)),
            sites: Sites::new(),
            counts: Counts::default(),
            leads: Mutex::new(None),
            round,
            rules,
            events,
        };
        Logger { inner: Arc::new(inner) }
    }
}

impl Logger {
    /// One that records in this store.
    #[must_use]
    pub fn new(events: &Events) -> Self {
        Self::builder(events).build()
    }

    /// One that records in this store as told.
    pub fn builder(events: &Events) -> LoggerBuilder {
        LoggerBuilder { events: events.clone(), rules: Rules::default() }
    }

    /// Sets the greatest level of the crate `log` to what the store's directives allow at most, now and each time they
    /// change, as long as the logger lives. For a logger that is the only one: others see no more than that either.
    pub fn lead_max_level(&self) {
        let events = self.inner.events.clone();
        let lead = move || log::set_max_level(filter(events.least_severity()));
        lead();
        *self.inner.leads.lock() = Some(self.inner.events.watch_levels(lead));
    }

    /// What was not recorded as it was said.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.inner.counts.stats()
    }
}

fn filter(least: Option<Severity>) -> LevelFilter {
    match least {
        None | Some(Severity::Critical) => LevelFilter::Off,
        Some(Severity::Error) => LevelFilter::Error,
        Some(Severity::Warn) => LevelFilter::Warn,
        Some(Severity::Info) => LevelFilter::Info,
        Some(Severity::Debug) => LevelFilter::Debug,
        Some(Severity::Trace) => LevelFilter::Trace,
    }
}

impl Inner {
    fn record(&self, record: &Record<'_>) {
        let Some(_inside) = Inside::enter() else { return Counts::add(&self.counts.nested_left_out, 1) };
        let key = SiteKey { target: record.target(), line: record.line(), level: record.level() };
        let site = self.sites.site(key);
        let is_wanted = match site {
            Some(site) => site.is_wanted(self.round.load(Relaxed), &self.events),
            // The kind that it has then decides.
            None => true,
        };
        if !is_wanted {
            return;
        }
        let said = Said::of(record, &self.rules);
        if said.cut | said.left_out != 0 {
            Counts::add(&self.counts.values_cut, said.cut);
            Counts::add(&self.counts.pairs_left_out, said.left_out);
        }
        let stamp = match said.id {
            Some(id) if !id.is_none() => Stamp::of(id).span(Scope::current().span()),
            _ => Stamp::current(),
        };
        let taken = match site.and_then(|site| site.kind(&said, &self.events)) {
            Some(kind) => said.with_values(|values| self.events.record_values(stamp, kind, values)),
            None => match self.others.get(severity(record.level())) {
                Some(other) => {
                    Counts::add(&self.counts.as_text, 1);
                    let name =
                        site.map_or_else(|| dotted(record.target(), None), |site| site.name.to_string());
                    let values = [Value::Str(&name), Value::Str(&said.as_text())];
                    self.events.record_values(stamp, other, &values)
                }
                None => return Counts::add(&self.counts.refused, 1),
            },
        };
        if taken.is_err() {
            Counts::add(&self.counts.refused, 1);
        }
    }
}

impl log::Log for Logger {
    /// For a target as a whole: what one line of it may do is not asked.
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        self.inner.events.would_record(&site::schema(metadata.target(), None, metadata.level()))
    }

    fn log(&self, record: &Record<'_>) {
        self.inner.record(record);
    }

    /// Nothing waits: what is recorded is there.
    fn flush(&self) {}
}
