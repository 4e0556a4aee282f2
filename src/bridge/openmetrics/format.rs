//! Which page a scraper gets, and how it says so.

/// What a page is written in.
///
/// ```
/// use flightdeck::bridge::openmetrics::Format;
/// // What Prometheus 2.42 asks for.
/// let accept = "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,\
///               text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
/// assert_eq!(Format::negotiate(accept), Format::OPEN_METRICS);
/// assert_eq!(Format::negotiate("*/*").content_type(), "text/plain; version=0.0.4; charset=utf-8");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Format {
    pub(super) is_open_metrics: bool,
    pub(super) is_utf8: bool,
}

impl Format {
    /// OpenMetrics 1.0: with units, exemplars and an end that shows whether the page is whole.
    pub const OPEN_METRICS: Self = Self { is_open_metrics: true, is_utf8: false };
    /// Prometheus' text format 0.0.4, which everything reads.
    pub const TEXT: Self = Self { is_open_metrics: false, is_utf8: false };

    /// The same with names as they are, dots and umlauts included, in quotes where need be: only for a scraper that asks for
    /// it, such as Prometheus from 3.0 on.
    #[must_use]
    pub const fn with_utf8_names(self) -> Self {
        Self { is_utf8: true, ..self }
    }

    /// The best of what a request's `Accept` names: the greatest weight, then OpenMetrics. One that names nothing that there is
    /// gets [`Format::TEXT`], as from Prometheus' own libraries. Names are UTF-8 where it says `escaping=allow-utf-8`.
    #[must_use]
    pub fn negotiate(accept: &str) -> Self {
        let offers = accept.split(',').take(MOST_RANGES).filter_map(offer);
        let best = offers.max_by_key(|(weight, format)| (*weight, format.is_open_metrics, format.is_utf8));
        best.map_or(Self::TEXT, |(_, format)| format)
    }

    /// What an answer's `Content-Type` has to be.
    #[must_use]
    pub const fn content_type(self) -> &'static str {
        match (self.is_open_metrics, self.is_utf8) {
            (true, false) => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            (true, true) => {
                "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=allow-utf-8"
            }
            (false, false) => "text/plain; version=0.0.4; charset=utf-8",
            // Quoted names came with this version.
            (false, true) => "text/plain; version=1.0.0; charset=utf-8; escaping=allow-utf-8",
        }
    }
}

/// No scraper names as many.
const MOST_RANGES: usize = 32;

/// A media range as a weight in thousandths and what it gets; none if there is nothing of that kind.
fn offer(range: &str) -> Option<(u32, Format)> {
    let mut parts = range.split(';').map(str::trim);
    let media = parts.next()?;
    let (mut weight, mut version, mut is_utf8) = (1_000, "", false);
    for (key, value) in parts.filter_map(|part| part.split_once('=')) {
        let (key, value) = (key.trim(), value.trim().trim_matches('"'));
        if key.eq_ignore_ascii_case("q") {
            weight = thousandths(value)?;
        } else if key.eq_ignore_ascii_case("version") {
            version = value;
        } else if key.eq_ignore_ascii_case("escaping") {
            is_utf8 = value.eq_ignore_ascii_case("allow-utf-8");
        }
    }
    let is_open_metrics = media.eq_ignore_ascii_case("application/openmetrics-text");
    let is_text = ["text/plain", "text/*", "*/*"].iter().any(|known| media.eq_ignore_ascii_case(known));
    let is_known = match version {
        "" => is_open_metrics || is_text,
        "1.0.0" => is_open_metrics || (is_text && is_utf8),
        "0.0.4" => is_text,
        _ => false,
    };
    (is_known && weight > 0).then_some((weight, Format { is_open_metrics, is_utf8 }))
}

/// `0.75` as 750; none of what is no weight.
fn thousandths(weight: &str) -> Option<u32> {
    let weight: f64 = weight.parse().ok()?;
    (0.0..=1.0).contains(&weight).then_some((weight * 1_000.0) as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_greatest_weight_wins_and_open_metrics_among_equals() {
        for (accept, format) in [
            ("", Format::TEXT),
            ("*/*", Format::TEXT),
            ("text/html, application/json", Format::TEXT),
            ("application/openmetrics-text", Format::OPEN_METRICS),
            ("text/plain, application/openmetrics-text", Format::OPEN_METRICS),
            ("text/plain;q=1, application/openmetrics-text; q=0.9", Format::TEXT),
            ("application/openmetrics-text;version=2.0.0, text/plain;q=0.1", Format::TEXT),
            ("application/openmetrics-text;q=0", Format::TEXT),
            ("application/openmetrics-text;q=nonsense", Format::TEXT),
            ("APPLICATION/OpenMetrics-Text ; VERSION=\"1.0.0\" ; Q=.5", Format::OPEN_METRICS),
            // Prometheus 2.42 with native histograms, which asks for protobuf first.
            (
                "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited,\
                 application/openmetrics-text;version=1.0.0;q=0.8,application/openmetrics-text;version=0.0.1;q=0.75,\
                 text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
                Format::OPEN_METRICS,
            ),
            // Prometheus 3.
            (
                "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,\
                 application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,\
                 text/plain;version=0.0.4;q=0.2,*/*;q=0.1",
                Format::OPEN_METRICS.with_utf8_names(),
            ),
            ("text/plain;version=1.0.0;escaping=allow-utf-8", Format::TEXT.with_utf8_names()),
            // Such a page it could not tell from one with names in quotes.
            ("text/plain;version=1.0.0;escaping=underscores", Format::TEXT),
            ("application/openmetrics-text;version=1.0.0;escaping=underscores", Format::OPEN_METRICS),
        ] {
            assert_eq!(Format::negotiate(accept), format, "{accept}");
        }
    }
}
