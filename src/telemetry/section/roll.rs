//! Which series there are, written down for readers that have nothing but words. Cold: under the registry's lock.

use crate::os;
use crate::region::log::{Draft, Record};
use crate::region::semispace::Semispace;
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

/// The log is rewritten for want of room where that gives back one word in so many: so a word that is appended costs copying so
/// many at most.
const WORTH: usize = 8;

/// Where the record of a series begins: now, and before the log was rewritten last, if it is that old.
#[derive(Clone, Copy, Debug)]
struct Place {
    at: usize,
    before: Option<usize>,
}

/// The writer's side: what stands where.
#[derive(Debug)]
pub(crate) struct Roll {
    log: Semispace,
    /// Words of it that were struck since it was rewritten.
    struck: usize,
    next: u32,
    /// By first cell.
    series: AHashMap<usize, Place>,
    earlier: Earlier,
    /// How many forks lay behind this process when it was made, where a child would write to the same words.
    born: Option<u32>,
}

impl Roll {
    /// With what is carried over from an earlier life.
    pub(in crate::telemetry) fn new(log: Semispace, earlier: Earlier, born: Option<u32>) -> Self {
        Self { log, struck: 0, next: 0, series: AHashMap::default(), earlier, born }
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
        self.earlier.give(common, labels.unwrap_or(&overflow), series, cells);
    }

    /// Writes down a metric, or what is said of it now.
    pub(crate) fn metric(&mut self, number: &mut Number, common: &Common) {
        if self.is_copied() {
            return;
        }
        let its = number.unwrap_or(self.next);
        let told = self.tell(METRIC, |draft| draft_metric(draft, its, common));
        if told.is_some() && number.is_none() {
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
        let told = self.tell(SERIES, |draft| {
            draft.word(u64::from(number) | if labels.is_none() { OVERFLOW } else { 0 });
            draft.word(series.cell as u64);
            draft.word(series.number());
            for (key, value) in labels.into_iter().flat_map(Labels::iter) {
                draft.text(key);
                draft.text(value);
            }
        });
        if let Some(at) = told {
            self.series.insert(series.cell, Place { at, before: None });
        }
    }

    /// Appends a record, in place of what was struck if there is no other room. Where it begins, if it has found any.
    fn tell(&mut self, tag: u32, content: impl Fn(&mut Draft<'_>)) -> Option<usize> {
        let mut draft = self.log.draft(tag);
        content(&mut draft);
        if !draft.fits() && self.struck.saturating_mul(WORTH) >= self.log.room() {
            drop(draft);
            self.rewrite();
            draft = self.log.draft(tag);
            content(&mut draft);
        }
        let at = draft.at();
        draft.commit().then_some(at)
    }

    fn rewrite(&mut self) {
        let mut cells: AHashMap<usize, usize> =
            self.series.drain().map(|(cell, place)| (place.at, cell)).collect();
        let series = &mut self.series;
        self.log.rewrite(|from, to| {
            if let Some(cell) = cells.remove(&from) {
                series.insert(cell, Place { at: to, before: Some(from) });
            }
        });
        self.struck = 0;
    }

    /// Strikes a series that is retired: before its cells are another's.
    pub(crate) fn leave(&mut self, series: &Series) {
        self.strike(series.cell);
    }

    fn strike(&mut self, cell: usize) {
        if let Some(Place { at, before }) = self.series.remove(&cell) {
            self.struck += self.log.strike(at, before);
        }
    }

    /// Strikes a metric that is none any more, and has no series.
    pub(crate) fn forget(&mut self, number: Number) {
        let Some(number) = number else { return };
        let is_its = |mut record: Record<'_>| {
            (record.tag == METRIC && record.word()? as u32 == number).then_some(record.begin)
        };
        let records: Vec<usize> = self.log.read().records().filter_map(is_its).collect();
        for at in records {
            self.struck += self.log.strike(at, None);
        }
    }

    /// Writes down that what a group counts lies in the cells from `first` on, and which counters its numbers are told with. Where
    /// there is no room for it, those have no name either: better none than one with half of its count.
    pub(crate) fn group(&mut self, first: usize, counters: impl Iterator<Item = usize> + Clone) {
        let told = self.tell(GROUP, |draft| {
            draft.word(first as u64);
            counters.clone().for_each(|cell| draft.word(cell as u64));
        });
        if told.is_none() {
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
