//! A page on its way: what stays the same of it, and the numbers of now.

use super::exemplars::{Kept, newest};
use super::fixed::{Fixed, Metric, Pieces};
use super::format::Format;
use super::name::quoted;
use super::number::Scale;
use super::own::Own;
use super::rendered::{Clash, Rendered};
use super::renderer::Renderer;
use super::sink::Sink;
use super::text::Text;
use crate::telemetry::{HistogramValues, SeriesKey, Snapshot, Value};
use std::io;

/// A page on its way.
pub(super) struct Page<'a> {
    renderer: &'a Renderer,
    format: Format,
    sink: Sink<'a>,
    rendered: Rendered,
}

impl<'a> Page<'a> {
    pub(super) fn new(renderer: &'a Renderer, format: Format, sink: Sink<'a>) -> Self {
        Self { renderer, format, sink, rendered: Rendered::default() }
    }

    /// Tells a snapshot, whose text is `fixed`, as far as there is room.
    pub(super) fn metrics(&mut self, fixed: &Fixed, snapshot: &Snapshot) {
        (self.rendered.left_out, self.rendered.clash) = (fixed.left_out, fixed.clash.clone());
        let (keys, values, mut pieces) = (snapshot.keys(), snapshot.values(), fixed.pieces());
        for metric in &fixed.metrics {
            for (index, line) in fixed.series_of(metric).iter().enumerate() {
                let (mark, before) = (self.sink.mark(), (self.rendered.samples, self.rendered.exemplars));
                let (key, value) = (&keys[line.at], &values[line.at]);
                self.values(metric, key, value, &mut pieces);
                let is_full = self.sink.len() > self.renderer.most_bytes;
                if is_full {
                    self.sink.take_back(mark);
                    (self.rendered.samples, self.rendered.exemplars) = before;
                } else {
                    self.rendered.metrics += u64::from(index == 0);
                    self.rendered.series += 1;
                    self.rendered.replaced_characters += line.replaced;
                }
                if is_full || !self.sink.settle() {
                    self.rendered.left_out.room += fixed.len() as u64 - self.rendered.series;
                    return;
                }
            }
        }
    }

    /// Tells of Flightdeck itself, which has always room.
    pub(super) fn own(&mut self, fixed: &Fixed, own: &Own) {
        let own = own.clone().with_page(&self.rendered);
        let (out, mut label) = (&mut self.sink.text, Text::new());
        for (family, rows) in own.families(self.format, self.renderer.with_total) {
            let Some(first) = rows.first() else { continue };
            if let Some(taken) = family.names().find(|name| fixed.has_taken(name)) {
                self.rendered.left_out.name += rows.len() as u64;
                self.rendered.clash.get_or_insert_with(|| Clash::new(&taken, first.name));
                continue;
            }
            family.heading(out, first.help, self.format);
            let head = family.head(family.suffix);
            for row in rows {
                label.clear();
                if let Some((key, value)) = row.label {
                    label.push_str(key);
                    label.push_str("=\"");
                    quoted(&mut label, value);
                    label.push('"');
                }
                head.write(out, &label, &Text::new());
                family.scale.unsigned(out, row.value);
                out.push('\n');
                self.rendered.samples += 1;
            }
        }
    }

    pub(super) fn end(mut self) -> io::Result<Rendered> {
        if self.format.is_open_metrics {
            self.sink.text.push_str("# EOF\n");
        }
        Ok(Rendered { bytes: self.sink.end()?, ..self.rendered })
    }

    #[inline]
    fn values(&mut self, metric: &Metric, key: &SeriesKey, value: &Value, pieces: &mut Pieces<'_>) {
        if let Value::Histogram(values) = value {
            return self.histogram(metric, key, values, pieces);
        }
        let (out, scale) = (&mut self.sink.text, metric.scale);
        pieces.write_next(out);
        match value {
            Value::Counter(number) => scale.unsigned(out, *number),
            Value::UpDownCounter(number) | Value::Gauge(number) => scale.signed(out, *number),
            Value::FloatGauge(number) => scale.float(out, *number),
            Value::Histogram(_) => {}
        }
        out.push('\n');
        self.rendered.samples += 1;
    }

    fn histogram(
        &mut self,
        metric: &Metric,
        key: &SeriesKey,
        values: &HistogramValues,
        pieces: &mut Pieces<'_>,
    ) {
        let exemplars = self.renderer.exemplars.as_ref().filter(|_| self.format.is_open_metrics);
        let kept = exemplars.and_then(|exemplars| exemplars.take(key.name(), key.labels().iter()));
        let (mut filled, mut sum, mut above) = (values.buckets().peekable(), 0_u64, None);
        for end in &metric.ends {
            while let Some((_, _, count)) = filled.next_if(|(_, high, _)| high <= end) {
                sum = sum.wrapping_add(count);
            }
            self.number(Scale::NONE, sum, pieces);
            self.exemplar(metric.scale, kept.as_deref(), above, *end);
            above = Some(*end);
        }
        let count = filled.fold(sum, |sum, (_, _, count)| sum.wrapping_add(count));
        self.number(Scale::NONE, count, pieces);
        if above != Some(u64::MAX) {
            self.exemplar(metric.scale, kept.as_deref(), above, u64::MAX);
        } else {
            self.sink.text.push('\n');
        }
        self.number(metric.scale, values.sum(), pieces);
        self.sink.text.push('\n');
        self.number(Scale::NONE, count, pieces);
        self.sink.text.push('\n');
    }

    /// A line of a histogram, but for its end.
    fn number(&mut self, scale: Scale, number: u64, pieces: &mut Pieces<'_>) {
        pieces.write_next(&mut self.sink.text);
        scale.unsigned(&mut self.sink.text, number);
        self.rendered.samples += 1;
    }

    /// Ends the line of a bucket.
    fn exemplar(&mut self, scale: Scale, kept: Option<&Kept>, above: Option<u64>, end: u64) {
        let out = &mut self.sink.text;
        if let Some(exemplar) = kept.and_then(|kept| newest(kept, above, end)) {
            exemplar.labels(out);
            scale.unsigned(out, exemplar.value);
            exemplar.time(out);
            self.rendered.exemplars += 1;
        }
        out.push('\n');
    }
}
