//! What of a page stays as it is for as long as its series do: all but the numbers.
//!
//! Names, labels, units and help texts are looked at, written and held against each other once for a list of series; a page is that
//! text with numbers put in.

use super::buckets::ends;
use super::family::{Family, Head, Shown, could_be_counted, is_counted_elsewhere};
use super::format::Format;
use super::labels::{Names, Told, labels};
use super::number::Scale;
use super::rendered::{Clash, LeftOut};
use super::renderer::Renderer;
use super::text::Text;
use crate::sync::Arc;
use crate::telemetry::{SeriesKey, Snapshot, Value};
use ahash::AHashSet;
use std::ops::Range;

/// The text of all metrics, and where numbers belong.
#[derive(Debug)]
pub(super) struct Fixed {
    keys: Arc<[SeriesKey]>,
    format: Format,
    text: Text,
    /// A number comes where so much of the text is before it; a line ends behind each.
    numbers: Vec<usize>,
    pub(super) metrics: Vec<Metric>,
    series: Vec<Line>,
    /// Gauges that are told as counters as long as each of their values could be one's, and whether it could.
    counted: Vec<(Range<usize>, bool)>,
    /// Names that metrics have, and those of their samples.
    taken: AHashSet<String>,
    pub(super) left_out: LeftOut,
    pub(super) clash: Option<Clash>,
}

/// A metric of which something is told.
#[derive(Debug)]
pub(super) struct Metric {
    pub(super) scale: Scale,
    /// Of a histogram the last values of its buckets, but for the last bucket.
    pub(super) ends: Vec<u64>,
    series: Range<usize>,
}

/// A series that is told.
#[derive(Clone, Copy, Debug)]
pub(super) struct Line {
    /// Its place in the snapshot.
    pub(super) at: usize,
    pub(super) replaced: u64,
}

/// No more has room.
struct Full;

impl Fixed {
    pub(super) fn of(renderer: &Renderer, format: Format, snapshot: &Snapshot) -> Self {
        let fixed = Self {
            keys: snapshot.keys().clone(),
            format,
            text: Text::new(),
            numbers: Vec::new(),
            metrics: Vec::new(),
            series: Vec::new(),
            counted: Vec::new(),
            taken: AHashSet::new(),
            left_out: LeftOut::default(),
            clash: None,
        };
        Making { renderer, fixed, labels: Text::new(), names: Names::default() }.made(snapshot)
    }

    /// Whether a page of this snapshot has this text.
    pub(super) fn is_of(&self, snapshot: &Snapshot, format: Format) -> bool {
        let could_be = |range: &Range<usize>| snapshot.values()[range.clone()].iter().all(could_be_counted);
        Arc::ptr_eq(&self.keys, snapshot.keys())
            && self.format == format
            && self.counted.iter().all(|(range, could)| could_be(range) == *could)
    }

    pub(super) fn format(&self) -> Format {
        self.format
    }

    pub(super) fn bytes(&self) -> usize {
        self.text.len()
    }

    pub(super) fn has_taken(&self, name: &str) -> bool {
        self.taken.contains(name)
    }

    /// How many series are told.
    pub(super) fn len(&self) -> usize {
        self.series.len()
    }

    pub(super) fn series_of(&self, metric: &Metric) -> &[Line] {
        &self.series[metric.series.clone()]
    }

    /// What comes before each number, one after the other.
    pub(super) fn pieces(&self) -> Pieces<'_> {
        Pieces { text: &self.text, ends: self.numbers.iter(), at: 0 }
    }
}

/// Text up to the next number, and the next.
#[derive(Debug)]
pub(super) struct Pieces<'a> {
    text: &'a Text,
    ends: std::slice::Iter<'a, usize>,
    at: usize,
}

impl Pieces<'_> {
    #[inline]
    pub(super) fn write_next(&mut self, out: &mut Text) {
        debug_assert!(self.ends.len() > 0, "a number that no line was made for");
        let end = self.ends.next().copied().unwrap_or(self.at);
        out.push_part(self.text, self.at..end);
        self.at = end;
    }
}

/// A page's text on its way.
struct Making<'a> {
    renderer: &'a Renderer,
    fixed: Fixed,
    /// Of the series at hand, without braces.
    labels: Text,
    names: Names,
}

/// Where something began that may be taken back.
#[derive(Clone, Copy)]
struct Mark {
    text: usize,
    numbers: usize,
}

impl Making<'_> {
    fn made(mut self, snapshot: &Snapshot) -> Fixed {
        let all: Vec<_> = snapshot.iter().collect();
        let mut first = 0;
        // Of one name there may be series of two shapes, in a sum of snapshots or in a file; the first has it.
        let shape =
            |(key, value): &(&SeriesKey, &Value)| (key.metric_type(), matches!(value, Value::Histogram(_)));
        let is_one = |one: &_, next: &_| shape(one) == shape(next);
        for series in all.chunk_by(|one, next| one.0.name() == next.0.name() && is_one(one, next)) {
            if let Err(Full) = self.metric(first, series) {
                break;
            }
            first += series.len();
        }
        let fixed = &mut self.fixed;
        let told = fixed.series.len() as u64 + fixed.left_out.all();
        fixed.left_out.room = all.len() as u64 - told;
        self.fixed
    }

    /// All series of a metric, of which so many others came before.
    fn metric(&mut self, first: usize, series: &[(&SeriesKey, &Value)]) -> Result<(), Full> {
        let Some((key, value)) = series.first() else { return Ok(()) };
        let (format, before) = (self.fixed.format, self.fixed.series.len());
        let could_be = series.iter().all(|(_, value)| could_be_counted(value));
        if is_counted_elsewhere(key) {
            self.fixed.counted.push((first..first + series.len(), could_be));
        }
        let family = Family::of(key, could_be, format, self.renderer.with_total);
        if !self.takes(&family, key.name()) {
            self.fixed.left_out.name += series.len() as u64;
            return Ok(());
        }
        let begin = self.mark();
        let replaced = family.heading(&mut self.fixed.text, key.help().unwrap_or_default(), format);
        let lines = Lines::new(&family, self.bucket_ends(&family, value));
        let told = self.series(&family, &lines, first, series);
        match self.fixed.series.get_mut(before) {
            Some(first) => {
                first.replaced += replaced;
                let ends = lines.ends.iter().map(|(end, _)| *end).collect();
                let series = before..self.fixed.series.len();
                self.fixed.metrics.push(Metric { scale: family.scale, ends, series });
            }
            None => self.take_back(begin),
        }
        told
    }

    fn series(
        &mut self,
        family: &Family,
        lines: &Lines,
        first: usize,
        series: &[(&SeriesKey, &Value)],
    ) -> Result<(), Full> {
        self.names.forget();
        // All labels of the metric so far, once some are not as they were.
        let mut known: Option<AHashSet<Text>> = None;
        for (index, (key, _)) in series.iter().enumerate() {
            let told = self.label(family, key);
            if told.has_changed && known.is_none() {
                known = Some(self.labels_of(family, series.get(..index).unwrap_or_default()));
                self.label(family, key);
            }
            let is_new = known.as_mut().is_none_or(|known| known.insert(self.labels.clone()));
            if told.is_ambiguous || !is_new {
                self.fixed.left_out.labels += 1;
                self.clash(&family.name, &key.to_string());
                continue;
            }
            let mark = self.mark();
            self.lines(family, lines);
            if self.fixed.text.len() as u64 > self.renderer.most_bytes {
                self.take_back(mark);
                return Err(Full);
            }
            self.fixed.series.push(Line { at: first + index, replaced: told.replaced });
        }
        Ok(())
    }

    fn mark(&self) -> Mark {
        Mark { text: self.fixed.text.len(), numbers: self.fixed.numbers.len() }
    }

    fn take_back(&mut self, mark: Mark) {
        self.fixed.text.truncate(mark.text);
        self.fixed.numbers.truncate(mark.numbers);
    }

    /// Takes a metric's names, if nobody has one of them.
    fn takes(&mut self, family: &Family, name: &str) -> bool {
        let names: Vec<_> = family.names().collect();
        if let Some(taken) = names.iter().find(|name| self.fixed.taken.contains(*name)) {
            self.clash(taken, name);
            return false;
        }
        self.fixed.taken.extend(names);
        true
    }

    fn clash(&mut self, shown: &str, left_out: &str) {
        self.fixed.clash.get_or_insert_with(|| Clash::new(shown, left_out));
    }

    /// Of the series at hand.
    fn label(&mut self, family: &Family, key: &SeriesKey) -> Told {
        self.labels.clear();
        let is_histogram = family.shown == Shown::Histogram;
        labels(&mut self.labels, key.labels(), &mut self.names, self.fixed.format.is_utf8, is_histogram)
    }

    fn labels_of(&mut self, family: &Family, series: &[(&SeriesKey, &Value)]) -> AHashSet<Text> {
        let label = |(key, _): &(&SeriesKey, &Value)| {
            self.label(family, key);
            self.labels.clone()
        };
        series.iter().map(label).collect()
    }

    /// The last values of a histogram's buckets, and how their labels say so.
    fn bucket_ends(&self, family: &Family, value: &Value) -> Vec<(u64, Text)> {
        let Value::Histogram(values) = value else { return Vec::new() };
        let told = |end| {
            let mut label = Text::from("le=\"");
            family.scale.unsigned(&mut label, end);
            // There a number with such a meaning is a floating-point one.
            if self.fixed.format.is_open_metrics && family.scale == Scale::NONE {
                label.push_str(".0");
            }
            label.push('"');
            (end, label)
        };
        ends(values.resolution(), self.renderer.most_buckets).map(told).collect()
    }

    /// Those of the series at hand, in the order in which their numbers are written.
    fn lines(&mut self, family: &Family, lines: &Lines) {
        let (fixed, labels, none) = (&mut self.fixed, &self.labels, &Text::new());
        let mut line = |head: &Head, label: &Text| {
            head.write(&mut fixed.text, labels, label);
            fixed.numbers.push(fixed.text.len());
        };
        if family.shown != Shown::Histogram {
            return line(&lines.first, none);
        }
        lines.ends.iter().for_each(|(_, label)| line(&lines.first, label));
        line(&lines.first, &Text::from("le=\"+Inf\""));
        line(&lines.sum, none);
        line(&lines.count, none);
    }
}

/// How the lines of a metric's series begin.
struct Lines {
    /// Of a histogram's bucket, or of the one line there is.
    first: Head,
    sum: Head,
    count: Head,
    /// The last values of a histogram's buckets, and the label that says so.
    ends: Vec<(u64, Text)>,
}

impl Lines {
    fn new(family: &Family, ends: Vec<(u64, Text)>) -> Self {
        let first = if family.shown == Shown::Histogram { "_bucket" } else { family.suffix };
        Self { first: family.head(first), sum: family.head("_sum"), count: family.head("_count"), ends }
    }
}
