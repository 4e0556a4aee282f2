//! Which series there are, written down for readers that have nothing but words. Cold: under the registry's lock.

use crate::os;
use crate::region::log::{Draft, Log};
use crate::telemetry::buckets::Resolution;
use crate::telemetry::carry::Earlier;
use crate::telemetry::cells::Cells;
use crate::telemetry::registry::MetricType;
use crate::telemetry::series::member::{Common, Series};
use crate::telemetry::series::{Description, Labels, Unit};
use ahash::AHashMap;

/// Tags of records.
pub(in crate::telemetry) const METRIC: u32 = 1;
pub(in crate::telemetry) const SERIES: u32 = 2;
pub(in crate::telemetry) const GROUP: u32 = 3;

/// In a series' first word: it is that of label sets beyond the limit.
pub(in crate::telemetry) const OVERFLOW: u64 = 1 << 32;

/// Numbers of types, in the order of the format.
const TYPES: [MetricType; 5] = [
    MetricType::Counter,
    MetricType::UpDownCounter,
    MetricType::Gauge,
    MetricType::FloatGauge,
    MetricType::Histogram,
];

/// Units, the first of which has number 1.
const UNITS: [Unit; 9] = [
    Unit::Count,
    Unit::Ratio,
    Unit::Percent,
    Unit::Bytes,
    Unit::Seconds,
    Unit::Milliseconds,
    Unit::Microseconds,
    Unit::Nanoseconds,
    Unit::Celsius,
];
/// That of a unit that has a name.
const OTHER: u64 = 255;

/// The number of a metric in the roll, once it has one.
pub(crate) type Number = Option<u32>;

/// The writer's side: what stands where.
#[derive(Debug)]
pub(crate) struct Roll {
    log: Log,
    next: u32,
    /// By first cell: where the record of the series begins.
    series: AHashMap<usize, usize>,
    earlier: Earlier,
    /// How many forks lay behind this process when it was made, where a child would write to the same words.
    born: Option<u32>,
}

impl Roll {
    /// With what is carried over from an earlier life.
    pub(in crate::telemetry) fn new(log: Log, earlier: Earlier, born: Option<u32>) -> Self {
        Self { log, next: 0, series: AHashMap::default(), earlier, born }
    }

    /// Whether this process is a child of the one whose words these are: it has only a copy of what belongs to them.
    pub(crate) fn is_copied(&self) -> bool {
        self.born.is_some_and(|born| born != os::forks())
    }

    pub(crate) fn earlier(&self) -> &Earlier {
        &self.earlier
    }

    /// Gives a series that has just been made what it counted in an earlier life. Without labels it is the one for label sets
    /// beyond the limit.
    pub(crate) fn carry(&mut self, common: &Common, labels: Option<&Labels>, series: &Series, cells: &Cells) {
        let overflow = Labels::overflow();
        self.earlier.give(&common.name, labels.unwrap_or(&overflow), series, cells);
    }

    /// Writes down a metric, or what is said of it now.
    pub(crate) fn metric(&mut self, number: &mut Number, common: &Common) {
        if self.is_copied() {
            return;
        }
        let its = number.unwrap_or(self.next);
        let mut draft = self.log.draft(METRIC);
        draft_metric(&mut draft, its, common);
        if draft.commit() && number.is_none() {
            *number = Some(its);
            self.next = self.next.wrapping_add(1);
        }
    }

    /// Writes down a series that has just been made, and its metric before the first. Without labels it is the one for
    /// label sets beyond the limit.
    pub(crate) fn enter(
        &mut self,
        number: &mut Number,
        common: &Common,
        labels: Option<&Labels>,
        series: &Series,
    ) {
        if number.is_none() {
            self.metric(number, common);
        }
        // Where there was no room for the metric, the log has counted that.
        let Some(number) = *number else { return };
        let mut draft = self.log.draft(SERIES);
        let at = draft.at();
        draft.word(u64::from(number) | if labels.is_none() { OVERFLOW } else { 0 });
        draft.word(series.cell as u64);
        for (key, value) in labels.into_iter().flat_map(Labels::iter) {
            draft.text(key);
            draft.text(value);
        }
        if draft.commit() {
            self.series.insert(series.cell, at);
        }
    }

    /// Strikes a series that is retired: before its cells are another's.
    pub(crate) fn leave(&mut self, series: &Series) {
        self.strike(series.cell);
    }

    fn strike(&mut self, cell: usize) {
        if let Some(at) = self.series.remove(&cell) {
            self.log.strike(at);
        }
    }

    /// Writes down that what a group counts lies in the cells from `first` on, and which counters its numbers are told with. Where
    /// there is no room for it, those have no name either: better none than one with half of its count.
    pub(crate) fn group(&mut self, first: usize, counters: impl Iterator<Item = usize> + Clone) {
        let mut draft = self.log.draft(GROUP);
        draft.word(first as u64);
        counters.clone().for_each(|cell| draft.word(cell as u64));
        if !draft.commit() {
            counters.for_each(|cell| self.strike(cell));
        }
    }
}

fn draft_metric(draft: &mut Draft<'_>, number: u32, common: &Common) {
    let metric_type = TYPES.iter().position(|other| *other == common.metric_type).unwrap_or_default() as u64;
    let (precision, width) = common.resolution.parts();
    draft.word(u64::from(number) | metric_type << 32 | u64::from(precision) << 40 | u64::from(width) << 48);
    let description = common.description.as_ref();
    draft.word(description.map_or(0, |description| (description.limit() as u64).saturating_add(1)));
    let unit = description.and_then(Description::its_unit);
    let of_unit =
        |unit: Unit| UNITS.iter().position(|other| *other == unit).map_or(OTHER, |at| at as u64 + 1);
    draft.word(unit.map_or(0, of_unit));
    draft.text(&common.name);
    draft.text(description.map_or("", Description::help));
    if let Some(unit) = unit.filter(|unit| of_unit(*unit) == OTHER) {
        draft.text(&unit.to_string());
    }
}

/// What a number of a type stands for.
pub(in crate::telemetry) fn type_of(number: u8) -> Option<MetricType> {
    TYPES.get(usize::from(number)).copied()
}

/// What a number of a unit stands for; `name` reads that of another one.
pub(in crate::telemetry) fn unit_of(number: u64, name: impl FnOnce() -> Option<String>) -> Option<Unit> {
    match number {
        OTHER => Unit::named(&name()?),
        _ => UNITS.get(usize::try_from(number).ok()?.checked_sub(1)?).copied(),
    }
}

/// What a number of a resolution stands for, if there is one.
pub(in crate::telemetry) fn resolution_of(precision: u8, width: u8) -> Option<Resolution> {
    Resolution::of_parts(precision.into(), width.into())
}
