//! Which metrics there are: names, types, series. Cold: a handle is resolved once.

use super::buckets::Resolution;
use super::carry::Tally;
use super::cells::Cells;
use super::error::{DescribeError, RegisterError};
use super::group::known::Registered;
use super::group::sheet::Sheet;
use super::section::roll::Roll;
use super::series::member::{Common, Hold, List};
use super::series::name::{MOST_VALUE, check_name, cut};
use super::series::pool::{Exhausted, Pool};
use super::series::{Description, Labels, Members, MetricStatus, Retired};
use crate::local::Registering;
use crate::status::ErrorSlot;
use crate::sync::{Arc, AtomicU64, Mutex, MutexGuard, Relaxed};
use ahash::{AHashMap, RandomState};
use std::fmt;
use std::ops::{Deref, DerefMut};
use std::time::{Duration, Instant};

/// What a metric is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum MetricType {
    /// A sum that only grows.
    Counter,
    /// A sum that goes up and down.
    UpDownCounter,
    /// An integer that was last set.
    Gauge,
    /// A number that was last set.
    FloatGauge,
    /// A distribution of integers.
    Histogram,
}

impl MetricType {
    /// A histogram's cells are its buckets, its sum, and the greatest value beyond its range.
    pub(crate) const fn cells(self, resolution: Resolution) -> usize {
        match self {
            Self::Histogram => resolution.cells(),
            _ => 1,
        }
    }
}

impl fmt::Display for MetricType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Counter => "counter",
            Self::UpDownCounter => "up/down counter",
            Self::Gauge => "gauge",
            Self::FloatGauge => "float gauge",
            Self::Histogram => "histogram",
        })
    }
}

/// All metrics of a telemetry.
#[derive(Debug)]
pub(crate) struct Registry {
    known: Mutex<Known>,
    /// Values of labels that were too long.
    cut: AtomicU64,
    /// How often threads' caches were asked to let go of what they hold.
    generation: AtomicU64,
    errors: ErrorSlot,
}

#[derive(Debug)]
struct Known {
    /// By name. Never forgotten: what a metric once was it stays.
    metrics: AHashMap<Arc<str>, Members>,
    /// Described, and not asked for yet.
    described: AHashMap<Arc<str>, Description>,
    pool: Pool,
    /// For readers that have nothing but words.
    roll: Roll,
    /// What readers go through, until there is another series.
    list: Option<Arc<List>>,
    overflowed: u64,
    retired: u64,
    /// When somebody last looked for idle series, now and then.
    looked: Option<Instant>,
}

/// What is known, with the lock.
struct Locked<'a> {
    // Unlocked before the mark goes.
    known: MutexGuard<'a, Known>,
    /// None if a call further up has set it.
    _registering: Option<Registering>,
}

impl Deref for Locked<'_> {
    type Target = Known;
    fn deref(&self) -> &Known {
        &self.known
    }
}

impl DerefMut for Locked<'_> {
    fn deref_mut(&mut self) -> &mut Known {
        &mut self.known
    }
}

/// How the registry is doing.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Usage {
    pub(crate) metrics: u64,
    pub(crate) series: u64,
    pub(crate) cells_left: u64,
    pub(crate) retired: u64,
    pub(crate) overflowed: u64,
    pub(crate) values_cut: u64,
    pub(crate) carried: Tally,
    pub(crate) to_carry: u64,
}

impl Registry {
    /// Of `size` cells, of which `reserved` have another use. Series are written to the roll; what is refused is noted.
    pub(crate) fn new(
        cells: Arc<Cells>,
        roll: Roll,
        size: usize,
        reserved: usize,
        errors: ErrorSlot,
    ) -> Self {
        let known = Known {
            metrics: AHashMap::default(),
            described: AHashMap::default(),
            pool: Pool::new(cells, size, reserved),
            roll,
            list: None,
            overflowed: 0,
            retired: 0,
            looked: None,
        };
        Self { known: Mutex::new(known), cut: AtomicU64::new(0), generation: AtomicU64::new(0), errors }
    }

    fn known(&self) -> Locked<'_> {
        // Before the lock, which may allocate as well.
        let registering = Registering::set();
        Locked { known: self.known.lock(), _registering: registering }
    }

    /// A claim on a metric's series of these labels, which is made if it is new.
    pub(crate) fn resolve(
        &self,
        name: &str,
        labels: &[(&str, &str)],
        asked: MetricType,
        resolution: Option<Resolution>,
    ) -> Result<Hold, RegisterError> {
        let resolved = self.resolve_unnoted(name, labels, asked, resolution);
        resolved.inspect_err(|error| self.errors.note_error(error))
    }

    /// Claims on the series without labels of each of these metrics, and cells for a group of them; or nothing: what had to be made
    /// for it is gone again.
    pub(crate) fn resolve_all(
        &self,
        names: &[String],
        asked: MetricType,
    ) -> Result<Registered, RegisterError> {
        let check = |name: &String| -> Result<Labels, RegisterError> {
            check_name(name)?;
            Ok(Labels::default())
        };
        let labels: Result<Vec<_>, _> = names.iter().map(check).collect();
        let resolved = labels.and_then(|labels| {
            let mut known = self.known();
            let first = known.take_together(names)?;
            match known.resolve_all(names, labels, asked) {
                Ok(holds) => {
                    known.roll.group(first, holds.iter().map(Hold::cell));
                    Ok(Registered { holds, first })
                }
                Err(error) => {
                    known.pool.untake(first, Sheet::cells(names.len()));
                    Err(error)
                }
            }
        });
        resolved.inspect_err(|error| self.errors.note_error(error))
    }

    fn resolve_unnoted(
        &self,
        name: &str,
        labels: &[(&str, &str)],
        asked: MetricType,
        resolution: Option<Resolution>,
    ) -> Result<Hold, RegisterError> {
        check_name(name)?;
        if let Some(precision) = resolution.map(Resolution::precision)
            && !Resolution::PRECISIONS.contains(&precision)
        {
            return Err(RegisterError::Precision { name: name.to_owned(), precision });
        }
        let (labels, cut) = Labels::new(name, labels)?;
        if cut > 0 {
            self.cut.fetch_add(cut, Relaxed);
        }
        self.known().resolve(name, labels, asked, resolution)
    }

    /// Whether a metric of this name and type may be there, or come.
    pub(crate) fn expect(&self, name: &str, asked: MetricType) -> Result<(), RegisterError> {
        self.expect_unnoted(name, asked).inspect_err(|error| self.errors.note_error(error))
    }

    fn expect_unnoted(&self, name: &str, asked: MetricType) -> Result<(), RegisterError> {
        check_name(name)?;
        match self.known().metrics.get(name).map(Members::metric_type) {
            Some(registered) if registered != asked => {
                Err(RegisterError::OtherType { name: name.to_owned(), registered, asked })
            }
            _ => Ok(()),
        }
    }

    /// What threads' caches must have been filled in to be of use.
    #[inline(always)]
    pub(crate) fn generation(&self) -> u64 {
        // Relaxed: a hint; what a cache holds is a handle like any other.
        self.generation.load(Relaxed)
    }

    /// Retires what has not changed for so long and is held by nobody.
    pub(crate) fn retire_idle(&self, now: Instant, age: Duration) -> Retired {
        let mut known = self.known();
        let retired = known.retire_idle(now, age);
        if retired.series + retired.held_by_caches > 0 {
            self.empty_caches(&known);
        }
        retired
    }

    /// Asks threads' caches to let go: of what nobody needs, and of what stands in for a series that has room now.
    fn empty_caches(&self, _one_at_a_time: &Known) {
        self.generation.store(self.generation() + 1, Relaxed);
    }

    /// As [`Registry::retire_idle`], at most twice in that time.
    pub(crate) fn retire_now_and_then(&self, now: Instant, age: Duration) -> Retired {
        let due = {
            let mut known = self.known();
            let due = known.looked.is_none_or(|last| now.saturating_duration_since(last) >= age / 2);
            if due {
                known.looked = Some(now);
            }
            due
        };
        if due { self.retire_idle(now, age) } else { Retired::default() }
    }

    /// Says what a metric is for. It need not be there yet.
    pub(crate) fn describe(&self, name: &str, description: Description) -> Result<(), DescribeError> {
        self.describe_unnoted(name, description).inspect_err(|error| self.errors.note_error(error))
    }

    fn describe_unnoted(&self, name: &str, description: Description) -> Result<(), DescribeError> {
        check_name(name)?;
        if let Some(unit) = description.its_unit().filter(|unit| !unit.is_fit()) {
            return Err(DescribeError::UnfitUnit {
                metric: name.to_owned(),
                unit: cut(&unit.to_string(), MOST_VALUE).to_owned(),
            });
        }
        if description.help().len() > DescribeError::MOST_HELP {
            return Err(DescribeError::LongHelp { metric: name.to_owned(), bytes: description.help().len() });
        }
        let mut known = self.known();
        if known.describe(name, description)? {
            self.empty_caches(&known);
        }
        Ok(())
    }

    /// All series now.
    pub(crate) fn list(&self) -> Arc<List> {
        self.known().list()
    }

    /// How each metric is doing, by name.
    pub(crate) fn metrics(&self) -> Vec<MetricStatus> {
        let mut metrics: Vec<_> = self.known().metrics.values().map(Members::status).collect();
        metrics.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        metrics
    }

    pub(crate) fn usage(&self) -> Usage {
        let mut known = self.known();
        let (carried, to_carry) = known.roll.earlier().usage();
        Usage {
            carried,
            to_carry,
            metrics: known.metrics.len() as u64,
            series: known.metrics.values().map(Members::len).sum::<usize>() as u64,
            cells_left: known.pool.left() as u64,
            retired: known.retired,
            overflowed: known.overflowed,
            values_cut: self.cut.load(Relaxed),
        }
    }

    /// What of a label's value is looked at.
    #[cold]
    #[inline(never)]
    pub(crate) fn cut_value<'a>(&self, value: &'a str) -> &'a str {
        self.cut.fetch_add(1, Relaxed);
        cut(value, MOST_VALUE)
    }
}

impl Known {
    /// Cells for a group of metrics of these names.
    fn take_together(&mut self, names: &[String]) -> Result<usize, RegisterError> {
        let name = || names.first().cloned().unwrap_or_default();
        if self.roll.is_copied() {
            return Err(RegisterError::Forked { name: name() });
        }
        let (needed, cells) = (Sheet::cells(names.len()), self.pool.size());
        let no_room = |Exhausted { left }| RegisterError::NoRoom { name: name(), needed, left, cells };
        self.pool.take_in_chunk(needed).map_err(no_room)
    }

    fn resolve_all(
        &mut self,
        names: &[String],
        labels: Vec<Labels>,
        asked: MetricType,
    ) -> Result<Vec<Hold>, RegisterError> {
        let mut holds = Vec::with_capacity(names.len());
        let mut made = Vec::new();
        for (name, labels) in names.iter().zip(labels) {
            let metric = self.metrics.get(&**name);
            let is_new = metric.is_none_or(|members| !members.has(&labels));
            match self.resolve(name, labels, asked, None) {
                Ok(hold) => holds.push(hold),
                Err(error) => {
                    // Before their series go: those may have no claims.
                    drop(holds);
                    made.into_iter().for_each(|name| self.unmake(name));
                    return Err(error);
                }
            }
            if is_new {
                made.push(name);
            }
        }
        Ok(holds)
    }

    /// Takes back the series without labels that was just made, and its metric if that has nothing else. Nobody has had it:
    /// the lock has been held since.
    fn unmake(&mut self, name: &str) {
        let Some(members) = self.metrics.get_mut(name) else { return };
        if let Some(series) = members.unmake(&Labels::default()) {
            self.roll.leave(&series);
            self.pool.give_back(series);
        }
        if members.is_untouched()
            && let Some((name, members)) = self.metrics.remove_entry(name)
        {
            self.roll.forget(members.number());
            if let Some(description) = members.description() {
                self.described.insert(name, description.clone());
            }
        }
        self.list = None;
    }

    fn resolve(
        &mut self,
        name: &str,
        labels: Labels,
        asked: MetricType,
        resolution: Option<Resolution>,
    ) -> Result<Hold, RegisterError> {
        if self.roll.is_copied() {
            return Err(RegisterError::Forked { name: name.to_owned() });
        }
        let before = self.metrics.get(name).map(Members::resolution);
        let effective = before.or(resolution).unwrap_or_default().sane();
        let (size, metrics) = (self.pool.size(), self.metrics.len());
        let no_room = |exhausted: Exhausted| RegisterError::NoRoom {
            name: name.to_owned(),
            needed: asked.cells(effective),
            left: exhausted.left,
            cells: size,
        };
        if let Some(members) = self.metrics.get_mut(name) {
            let registered = members.metric_type();
            if registered != asked {
                return Err(RegisterError::OtherType { name: name.to_owned(), registered, asked });
            }
            if resolution.is_some_and(|asked| asked.sane() != effective) {
                let (registered, asked) = (effective, resolution.unwrap_or_default().sane());
                return Err(RegisterError::OtherResolution { name: name.to_owned(), registered, asked });
            }
            let (series, overflowed) = (members.len(), members.overflowed());
            let hold = members.resolve(labels, &mut self.pool, &mut self.roll).map_err(no_room)?;
            self.overflowed += members.overflowed() - overflowed;
            if members.len() != series {
                self.list = None;
            }
            return Ok(hold);
        }
        if metrics >= size {
            return Err(RegisterError::ManyMetrics { name: name.to_owned(), most: size });
        }
        // Kept only if it gets cells: a name that was refused is free for another type.
        let name: Arc<str> = name.into();
        let description = self.described.get(&name).cloned();
        let common = Common { name: name.clone(), metric_type: asked, resolution: effective, description };
        let mut members = Members::new(common, RandomState::new());
        let hold = members.resolve(labels, &mut self.pool, &mut self.roll).map_err(no_room)?;
        self.overflowed += members.overflowed();
        self.described.remove(&name);
        self.metrics.insert(name, members);
        self.list = None;
        Ok(hold)
    }

    /// Whether a metric that is there has another limit now, perhaps.
    fn describe(&mut self, name: &str, description: Description) -> Result<bool, DescribeError> {
        let before = match self.metrics.get(name) {
            Some(members) => members.description(),
            None => self.described.get(name),
        };
        match before {
            Some(before) if *before == description => return Ok(false),
            Some(before) => {
                let before = Box::new(before.clone());
                let (metric, asked) = (name.to_owned(), Box::new(description));
                return Err(DescribeError::Otherwise { metric, before, asked });
            }
            None => {}
        }
        let (size, described) = (self.pool.size(), self.metrics.len() + self.described.len());
        match self.metrics.get_mut(name) {
            Some(members) => {
                members.describe(description, &mut self.roll);
                self.list = None;
                Ok(true)
            }
            None if described >= size => {
                Err(DescribeError::ManyMetrics { metric: name.to_owned(), most: size })
            }
            None => {
                self.described.insert(name.into(), description);
                Ok(false)
            }
        }
    }

    fn retire_idle(&mut self, now: Instant, age: Duration) -> Retired {
        let mut all = Retired::default();
        if self.roll.is_copied() {
            return all;
        }
        let (pool, roll) = (&mut self.pool, &mut self.roll);
        let cells = pool.cells().clone();
        for members in self.metrics.values_mut() {
            all += members.retire_idle(&cells, now, age, |series| {
                roll.leave(&series);
                pool.give_back(series);
            });
        }
        if all.series > 0 {
            self.retired += all.series;
            self.list = None;
        }
        all
    }

    fn list(&mut self) -> Arc<List> {
        let make = || {
            let mut all: Vec<_> = self.metrics.values().flat_map(Members::list).collect();
            all.sort_unstable_by(|(a, _), (b, _)| (a.name(), a.labels()).cmp(&(b.name(), b.labels())));
            let (keys, series): (Vec<_>, Vec<_>) = all.into_iter().unzip();
            Arc::new(List { keys: keys.into(), series: series.into() })
        };
        let list = self.list.take().unwrap_or_else(make);
        self.list = Some(list.clone());
        list
    }
}
