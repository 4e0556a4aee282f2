//! A page on its way: families, series, samples.

use super::buckets::ends;
use super::exemplars::{Kept, newest};
use super::family::{Family, Head, Shown};
use super::format::Format;
use super::labels::{Names, Told, labels};
use super::name::{help, quoted};
use super::number::{Scale, unsigned};
use super::own::Own;
use super::rendered::{Clash, Rendered};
use super::renderer::Renderer;
use super::sink::Sink;
use super::text::Text;
use crate::telemetry::{HistogramValues, SeriesKey, Snapshot, Value};
use ahash::AHashSet;
use std::io;

/// Where series are told.
type Series<'a> = (&'a SeriesKey, &'a Value);

/// A page on its way.
pub(super) struct Page<'a> {
    renderer: &'a Renderer,
    format: Format,
    sink: Sink<'a>,
    rendered: Rendered,
    /// Names that metrics have, and those of their samples.
    taken: AHashSet<String>,
    /// Of the series at hand, without braces.
    labels: Text,
    names: Names,
}

/// No more has room.
struct Full;

impl<'a> Page<'a> {
    pub(super) fn new(renderer: &'a Renderer, format: Format, sink: Sink<'a>) -> Self {
        let (rendered, taken) = (Rendered::default(), AHashSet::new());
        Self { renderer, format, sink, rendered, taken, labels: Text::new(), names: Names::default() }
    }

    /// Tells a snapshot, as far as there is room.
    pub(super) fn metrics(&mut self, snapshot: &Snapshot) {
        let all: Vec<Series<'_>> = snapshot.iter().collect();
        let mut metrics = all.chunk_by(|(one, _), (next, _)| one.name() == next.name());
        let _ = metrics.try_for_each(|series| self.metric(series));
        let told = self.rendered.series + self.rendered.left_out.all();
        self.rendered.left_out.room = all.len() as u64 - told;
    }

    /// Tells of Flightdeck itself, which has always room.
    pub(super) fn own(&mut self, own: &Own) {
        let own = own.clone().with_page(&self.rendered);
        for (family, rows) in own.families(self.format, self.renderer.with_total) {
            let Some(first) = rows.first() else { continue };
            if !self.takes(&family, first.name) {
                self.rendered.left_out.name += rows.len() as u64;
                continue;
            }
            self.heading(&family, first.help);
            let head = family.head(family.suffix);
            for row in rows {
                self.labels.clear();
                if let Some((key, value)) = row.label {
                    self.labels.push_str(key);
                    self.labels.push_str("=\"");
                    quoted(&mut self.labels, value);
                    self.labels.push('"');
                }
                self.sample(&head, &Text::new());
                family.scale.unsigned(&mut self.sink.text, row.value);
                self.sink.text.push('\n');
            }
        }
    }

    pub(super) fn end(mut self) -> io::Result<Rendered> {
        if self.format.is_open_metrics {
            self.sink.text.push_str("# EOF\n");
        }
        Ok(Rendered { bytes: self.sink.end()?, ..self.rendered })
    }

    fn metric(&mut self, series: &[Series<'_>]) -> Result<(), Full> {
        let Some((key, first)) = series.first() else { return Ok(()) };
        let values = series.iter().map(|(_, value)| *value);
        let family = Family::of(key, values, self.format, self.renderer.with_total);
        if !self.takes(&family, key.name()) {
            self.rendered.left_out.name += series.len() as u64;
            return Ok(());
        }
        let lines = Lines::new(&family, self.bucket_ends(&family, first));
        self.names.forget();
        let mut mark = self.sink.mark();
        self.heading(&family, key.help().unwrap_or_default());
        // All labels of the metric so far, once some are not as they were.
        let mut known: Option<AHashSet<Text>> = None;
        let mut is_told = false;
        for (index, (key, value)) in series.iter().enumerate() {
            let told = self.label(&family, key);
            if told.has_changed && known.is_none() {
                known = Some(self.labels_of(&family, series.get(..index).unwrap_or_default()));
                self.label(&family, key);
            }
            let is_new = known.as_mut().is_none_or(|known| known.insert(self.labels.clone()));
            if told.is_ambiguous || !is_new {
                self.rendered.left_out.labels += 1;
                self.clash(&family.name, &key.to_string());
                continue;
            }
            let before = (self.rendered.samples, self.rendered.exemplars);
            self.values(&family, key, value, &lines);
            if self.sink.len() > self.renderer.most_bytes {
                self.sink.take_back(mark);
                (self.rendered.samples, self.rendered.exemplars) = before;
                return Err(Full);
            }
            self.rendered.metrics += u64::from(!is_told);
            self.rendered.series += 1;
            self.rendered.replaced_characters += told.replaced;
            if !self.sink.settle() {
                return Err(Full);
            }
            (is_told, mark) = (true, self.sink.mark());
        }
        if !is_told {
            self.sink.take_back(mark);
        }
        Ok(())
    }

    /// Takes a metric's names, if nobody has one of them.
    fn takes(&mut self, family: &Family, name: &str) -> bool {
        let names: Vec<_> = family.names().collect();
        if let Some(taken) = names.iter().find(|name| self.taken.contains(*name)) {
            self.clash(taken, name);
            return false;
        }
        self.taken.extend(names);
        true
    }

    fn clash(&mut self, shown: &str, left_out: &str) {
        let clash = || Clash { shown: shown.to_owned(), left_out: left_out.to_owned() };
        self.rendered.clash.get_or_insert_with(clash);
    }

    fn heading(&mut self, family: &Family, text: &str) {
        let is_open_metrics = self.format.is_open_metrics;
        self.line(family, "# HELP ");
        let text = if text.is_empty() { "Not described." } else { text };
        self.rendered.replaced_characters += help(&mut self.sink.text, text, is_open_metrics);
        self.sink.text.push('\n');
        self.line(family, "# TYPE ");
        self.sink.text.push_str(family.shown.name(self.format));
        self.sink.text.push('\n');
        if let Some(unit) = family.unit.as_deref().filter(|_| is_open_metrics) {
            self.line(family, "# UNIT ");
            self.sink.text.push_str(unit);
            self.sink.text.push('\n');
        }
    }

    fn line(&mut self, family: &Family, start: &str) {
        let out = &mut self.sink.text;
        out.push_str(start);
        if family.is_quoted {
            out.push('"');
            quoted(out, &family.name);
            out.push('"');
        } else {
            out.push_str(&family.name);
        }
        out.push(' ');
    }

    /// Of the series at hand.
    fn label(&mut self, family: &Family, key: &SeriesKey) -> Told {
        self.labels.clear();
        let is_histogram = family.shown == Shown::Histogram;
        labels(&mut self.labels, key.labels(), &mut self.names, self.format.is_utf8, is_histogram)
    }

    fn labels_of(&mut self, family: &Family, series: &[Series<'_>]) -> AHashSet<Text> {
        let label = |(key, _): &Series<'_>| {
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
            if self.format.is_open_metrics && family.scale == Scale::NONE {
                label.push_str(".0");
            }
            label.push('"');
            (end, label)
        };
        ends(values.resolution(), self.renderer.most_buckets).map(told).collect()
    }

    fn values(&mut self, family: &Family, key: &SeriesKey, value: &Value, lines: &Lines) {
        if let Value::Histogram(values) = value {
            return self.histogram(family, key, values, lines);
        }
        self.sample(&lines.first, &Text::new());
        let (out, scale) = (&mut self.sink.text, family.scale);
        match value {
            Value::Counter(number) => scale.unsigned(out, *number),
            Value::UpDownCounter(number) | Value::Gauge(number) => scale.signed(out, *number),
            Value::FloatGauge(number) => scale.float(out, *number),
            Value::Histogram(_) => {}
        }
        out.push('\n');
    }

    fn histogram(&mut self, family: &Family, key: &SeriesKey, values: &HistogramValues, lines: &Lines) {
        let exemplars = self.renderer.exemplars.as_ref().filter(|_| self.format.is_open_metrics);
        let kept = exemplars.and_then(|exemplars| exemplars.take(key.name(), key.labels().iter()));
        let (mut filled, mut sum, mut above) = (values.buckets().peekable(), 0_u64, None);
        for (end, label) in &lines.ends {
            while let Some((_, _, count)) = filled.next_if(|(_, high, _)| high <= end) {
                sum = sum.wrapping_add(count);
            }
            self.sample(&lines.first, label);
            unsigned(&mut self.sink.text, sum);
            self.exemplar(family, kept.as_deref(), above, *end);
            above = Some(*end);
        }
        let count = filled.fold(sum, |sum, (_, _, count)| sum.wrapping_add(count));
        self.sample(&lines.first, &Text::from("le=\"+Inf\""));
        unsigned(&mut self.sink.text, count);
        if above != Some(u64::MAX) {
            self.exemplar(family, kept.as_deref(), above, u64::MAX);
        } else {
            self.sink.text.push('\n');
        }
        self.sample(&lines.sum, &Text::new());
        family.scale.unsigned(&mut self.sink.text, values.sum());
        self.sink.text.push('\n');
        self.sample(&lines.count, &Text::new());
        unsigned(&mut self.sink.text, count);
        self.sink.text.push('\n');
    }

    /// Ends the line of a bucket.
    fn exemplar(&mut self, family: &Family, kept: Option<&Kept>, above: Option<u64>, end: u64) {
        let out = &mut self.sink.text;
        if let Some(exemplar) = kept.and_then(|kept| newest(kept, above, end)) {
            exemplar.labels(out);
            family.scale.unsigned(out, exemplar.value);
            exemplar.time(out);
            self.rendered.exemplars += 1;
        }
        out.push('\n');
    }

    /// Begins the line of a sample of the series at hand.
    #[inline]
    fn sample(&mut self, head: &Head, label: &Text) {
        self.rendered.samples += 1;
        let (out, labels) = (&mut self.sink.text, &self.labels);
        if labels.is_empty() && label.is_empty() {
            return out.push_text(&head.bare);
        }
        out.push_text(&head.labelled);
        out.push_text(labels);
        if !labels.is_empty() && !label.is_empty() {
            out.push(',');
        }
        out.push_text(label);
        out.push_str("} ");
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
