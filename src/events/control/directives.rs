//! What a host wishes to be recorded, kind by kind.

use super::error::DirectivesError;
use super::parse;
use super::rate::Rate;
use crate::error::Severity;
use crate::events::class::Class;
use crate::events::schema::Schema;
use crate::sync::Arc;
use std::fmt;
use std::str::FromStr;

/// What is to be recorded, kind by kind: a text such as `info,http=verbose,order.filled=off,db[slow]=1/100`, parsed.
///
/// ```text
/// directives = [ directive { "," directive } ]
/// directive  = setting                        ; for all kinds
///            | name "=" setting               ; for that kind, and all whose names go on after a dot
///            | [ name ] "[" field "]" "=" setting   ; for those of them that have such a field
/// setting    = severity | class | "off"       ; the level
///            | "1/" N                         ; the sample: one of N, N from 1 to 1000000000
///            | M "/" ( "s" | "m" | "h" )      ; the rate: M a second, minute or hour, M from 1 to 1000000
///            | "unlimited"                    ; no rate
/// severity   = "trace" | "debug" | "info" | "warn" | "error" | "critical"
/// class      = "normal" | "verbose"
/// ```
///
/// Blanks around each part are skipped, and so are empty directives; settings may be written in capitals. Names may
/// hold anything but blanks, quotes, `,`, `=`, `*`, `[` and `]`.
///
/// | setting | of the kinds it speaks of |
/// |---|---|
/// | a severity | those at least as severe are recorded, whatever their class |
/// | a class | those of that class and of the more precious ones, whatever their severity: `verbose` is all of them (`critical` means the severity) |
/// | `off` | none is recorded, and they are not counted either |
/// | `1/N` | each thread at a time records one event of a kind in `N`, counting on from where a thread that ended before it stopped; `1/1` records all |
/// | `M/s` | each kind records `M` a second, all threads together: see [`Rate`] |
///
/// Level, sample and rate are decided apart, each by the **most specific** directive that speaks of it: the one with the
/// longest name; of two with one name, the one that asks for a field; of two of those, the later one. So
/// `info,db=1/10,db.query[slow]=1/1` records, of kinds of severity `info` and above, a tenth of those under `db`, and of
/// `db.query` all, if it has a field `slow`. An event that is sampled *and* limited asks the sample first. Of two directives
/// that say the same of the same kinds the later one counts, and the earlier one is dropped. Kinds of which none
/// speaks are recorded.
///
/// A field in brackets is one that the kind declares: whether an event's value is true or large is not asked, since the
/// answer would cost every event.
///
/// Its `Display` is the text again, in the shortest form: what it parses to is equal.
///
/// ```
/// use flightdeck::events::{Directives, DirectivesError, Events};
/// flightdeck::kind! {
///     Filled("order.filled") { qty: u64 }
///     Rejected("order.rejected", severity = Warn) { qty: u64 }
/// }
/// let events = Events::builder().directives("order=WARN, http = 1/100").build()?;
/// events.record(Filled { qty: 1 });
/// events.record(Rejected { qty: 2 });
/// assert_eq!(events.query().run()?.len(), 1);
/// assert_eq!(events.directives().to_string(), "order=warn,http=1/100");
///
/// events.set_directives("info".parse()?);
/// events.record(Filled { qty: 3 });
/// assert_eq!(events.query().run()?.len(), 2);
///
/// let refused = "info,http=verbos".parse::<Directives>().unwrap_err();
/// let DirectivesError::Refused { mistakes } = refused else { panic!("{refused}") };
/// assert_eq!((mistakes[0].at, &*mistakes[0].found), (10, "verbos"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Directives {
    // Shared, so that nothing is allocated when one is handed out under a lock: allocators may record.
    rules: Arc<[Rule]>,
}

/// One directive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Rule {
    /// The name of a kind, or how names begin, up to a dot; empty: all.
    pub(super) name: String,
    pub(super) field: Option<String>,
    pub(super) asks: Asks,
}

/// What a directive asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asks {
    Level(Level),
    /// One of so many.
    Sample(u32),
    /// At most so many; none: any number.
    Limit(Option<Rate>),
}

/// Which kinds are recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Level {
    Off,
    Severity(Severity),
    Class(Class),
}

impl Level {
    fn passes(self, schema: &Schema) -> bool {
        match self {
            Self::Off => false,
            Self::Severity(least) => schema.severity >= least,
            Self::Class(most) => schema.class <= most,
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Severity(severity) => severity.name(),
            Self::Class(class) => class.name(),
        }
    }
}

/// What is to become of a kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::events) struct Wish {
    pub(in crate::events) records: bool,
    /// One of so many.
    pub(in crate::events) every: u32,
    pub(in crate::events) limit: Option<Rate>,
}

/// How specific a directive is, for a kind that it speaks of.
type Rank = (usize, bool);

impl Rule {
    /// All names that begin with it are prefixes of one another, so the longest is the most specific.
    fn rank(&self, schema: &Schema) -> Option<Rank> {
        let rest = schema.name().strip_prefix(&*self.name)?;
        let is_below = self.name.is_empty() || rest.is_empty() || rest.starts_with('.');
        let has = |field: &String| schema.fields().iter().any(|known| known.name == *field);
        (is_below && self.field.as_ref().is_none_or(has)).then_some((self.name.len(), self.field.is_some()))
    }

    /// Whether the other one says the same of the same kinds.
    fn replaces(&self, other: &Self) -> bool {
        let aspect = |rule: &Self| std::mem::discriminant(&rule.asks);
        (aspect(self), &self.name, &self.field) == (aspect(other), &other.name, &other.field)
    }
}

impl Directives {
    /// From the left to the right, of which the later ones count.
    pub(super) fn of(given: Vec<Rule>) -> Self {
        let mut rules: Vec<Rule> = Vec::with_capacity(given.len());
        for rule in given {
            rules.retain(|earlier| !rule.replaces(earlier));
            rules.push(rule);
        }
        Self { rules: rules.into() }
    }

    /// These, and then others, which count where both say something.
    #[must_use]
    pub fn and(&self, later: &Self) -> Self {
        Self::of(self.rules.iter().chain(&*later.rules).cloned().collect())
    }

    /// Whether there are none: all is recorded.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// Those that speak of the host's kinds: the deck's own are `flightdeck`.
    fn of_host(&self) -> impl Iterator<Item = &Rule> {
        self.rules.iter().filter(|rule| !(rule.name == "flightdeck" || rule.name.starts_with("flightdeck.")))
    }

    /// The least severity at which some kind of the host's may be recorded; none: nothing is.
    pub(in crate::events) fn least_severity(&self) -> Option<Severity> {
        let levels = || {
            self.of_host().filter_map(|rule| match rule.asks {
                Asks::Level(level) => Some((rule, level)),
                _ => None,
            })
        };
        let speaks_of_all = |(rule, _): (&Rule, Level)| rule.name.is_empty() && rule.field.is_none();
        // Kinds of which none speaks are recorded.
        if !levels().any(speaks_of_all) {
            return Some(Severity::Trace);
        }
        let least = levels().filter_map(|(_, level)| match level {
            Level::Off => None,
            Level::Severity(severity) => Some(severity),
            Level::Class(_) => Some(Severity::Trace),
        });
        least.min()
    }

    /// Whether no kind of the host's is recorded: the deck's own, `flightdeck`, do not matter.
    pub(in crate::events) fn are_off(&self) -> bool {
        let mut all = false;
        for rule in self.of_host() {
            match rule.asks {
                Asks::Level(Level::Off) => all |= rule.name.is_empty() && rule.field.is_none(),
                Asks::Level(_) => return false,
                _ => {}
            }
        }
        all
    }

    /// Whether some rate is asked for.
    pub(in crate::events) fn have_limits(&self) -> bool {
        self.rules.iter().any(|rule| matches!(rule.asks, Asks::Limit(Some(_))))
    }

    /// What becomes of a kind. Allocates nothing: it is asked for under a lock.
    pub(in crate::events) fn wish(&self, schema: &Schema) -> Wish {
        let mut wish = Wish { records: true, every: 1, limit: None };
        let mut decided: [Option<Rank>; 3] = [None; 3];
        for rule in &*self.rules {
            let Some(rank) = rule.rank(schema) else { continue };
            let by = match rule.asks {
                Asks::Level(_) => &mut decided[0],
                Asks::Sample(_) => &mut decided[1],
                Asks::Limit(_) => &mut decided[2],
            };
            if *by > Some(rank) {
                continue;
            }
            *by = Some(rank);
            match rule.asks {
                Asks::Level(level) => wish.records = level.passes(schema),
                Asks::Sample(every) => wish.every = every,
                Asks::Limit(limit) => wish.limit = limit,
            }
        }
        wish
    }
}

impl FromStr for Directives {
    type Err = DirectivesError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        parse::rules(text).map(Self::of).map_err(|mistakes| DirectivesError::Refused { mistakes })
    }
}

impl fmt::Display for Directives {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.rules
            .iter()
            .enumerate()
            .try_for_each(|(number, rule)| write!(f, "{}{rule}", if number == 0 { "" } else { "," }))
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        if let Some(field) = &self.field {
            write!(f, "[{field}]")?;
        }
        let is_default = self.name.is_empty() && self.field.is_none();
        f.write_str(if is_default { "" } else { "=" })?;
        match self.asks {
            Asks::Level(level) => f.write_str(level.name()),
            Asks::Sample(every) => write!(f, "1/{every}"),
            Asks::Limit(Some(rate)) => rate.fmt(f),
            Asks::Limit(None) => f.write_str(parse::UNLIMITED),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::schema::FieldType;

    fn wish(directives: &str, schema: &Schema) -> Wish {
        directives.parse::<Directives>().unwrap().wish(schema)
    }

    fn records(directives: &str, name: &'static str, severity: Severity, class: Class) -> bool {
        wish(directives, &Schema::new(name).severity_of(severity).class_of(class)).records
    }

    #[test]
    fn a_level_is_a_severity_a_class_or_off() {
        for (severity, class) in Severity::ALL.iter().flat_map(|s| Class::ALL.map(|class| (*s, class))) {
            let records = |directives| records(directives, "a.b", severity, class);
            assert!(records("") && records("trace") && records("verbose") && records("other=off"));
            assert!(!records("off"));
            assert_eq!(records("warn"), severity >= Severity::Warn);
            assert_eq!(records("critical"), severity == Severity::Critical);
            assert_eq!(records("normal"), class != Class::Verbose);
        }
    }

    #[test]
    fn names_end_at_dots_and_the_longest_decides() {
        let records = |directives, name| records(directives, name, Severity::Info, Class::Normal);
        for (name, expected) in [("http", false), ("http.accepted", false), ("https", true), ("htt", true)] {
            assert_eq!(records("http=off", name), expected, "{name}");
        }
        // In whichever order they stand.
        let are_off = |text: &str| text.parse::<Directives>().unwrap().are_off();
        assert!(are_off("off") && are_off("off,flightdeck=info") && are_off("off,db=off,1/10"));
        assert!(!are_off("") && !are_off("db=off") && !are_off("off,db=info") && !are_off("off,info"));
        for directives in ["off,http=info,http.body=off", "http.body=off,http=info,off"] {
            let recorded = ["http", "http.head", "http.body", "http.body.part", "db"];
            assert_eq!(recorded.map(|name| records(directives, name)), [true, true, false, false, false]);
        }
        assert!(records("db=off,db=info", "db") && !records("db=info,db=off", "db"), "the later one");
    }

    #[test]
    fn the_least_severity_is_that_of_the_most_talkative() {
        let least = |text: &str| text.parse::<Directives>().unwrap().least_severity();
        for (directives, severity) in [
            ("", Some(Severity::Trace)),
            ("db=off", Some(Severity::Trace)),
            ("[slow]=off", Some(Severity::Trace)),
            ("warn", Some(Severity::Warn)),
            ("warn,db=info,http=error,1/10", Some(Severity::Info)),
            ("off,db=normal", Some(Severity::Trace)),
            ("off", None),
            ("off,flightdeck=info,db=off", None),
        ] {
            assert_eq!(least(directives), severity, "{directives}");
        }
    }

    #[test]
    fn a_field_makes_a_directive_more_specific() {
        let slow = Schema::new("db.query").field("slow", FieldType::Bool);
        let plain = Schema::new("db.query");
        assert_eq!(wish("db[slow]=1/100", &slow).every, 100);
        assert_eq!(wish("db[slow]=1/100", &plain).every, 1);
        assert_eq!(wish("[slow]=1/100,1/7", &slow).every, 100);
        assert_eq!(wish("db[slow]=1/100,db=1/7", &slow).every, 100, "the one that asks for a field");
        assert_eq!(wish("db.query=1/7,db[slow]=1/100", &slow).every, 7, "the longer name");
        assert!(!wish("db[slow]=off", &slow).records && wish("db[slow]=off", &plain).records);
    }

    #[test]
    fn level_sample_and_rate_are_decided_apart() {
        let schema = Schema::new("db.query");
        let of = |directives| wish(directives, &schema);
        let expected = Wish { records: true, every: 10, limit: Some(Rate::per_second(5)) };
        assert_eq!(of("off,db=info,1/10,db.query=5/s"), expected);
        assert_eq!(of("off,db=info,1/10,5/s,db=unlimited"), Wish { limit: None, ..expected });
        assert!("5/s".parse::<Directives>().unwrap().have_limits());
        assert!(!"unlimited,1/3".parse::<Directives>().unwrap().have_limits());
    }

    #[test]
    fn later_ones_count_and_the_text_is_the_shortest() {
        let directives: Directives =
            " INFO ,, db = 1/10,db=Warn , db=1/20,[slow]=5/M,x.y[z] = unlimited".parse().unwrap();
        assert_eq!(directives.to_string(), "info,db=warn,db=1/20,[slow]=5/m,x.y[z]=unlimited");
        let both = directives.and(&"db=off,error".parse().unwrap());
        assert_eq!(both.to_string(), "db=1/20,[slow]=5/m,x.y[z]=unlimited,db=off,error");
        assert!(" , ,".parse::<Directives>().unwrap().is_empty());
    }
}
