//! `--export OUT` of commands that have a store of their own.

use super::counter::{Counter, counter};
use super::{ExportError, FormatName, How, Sink, shown};
use flightdeck::Converter;
use std::path::PathBuf;

/// Where the events are to go.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct To {
    /// Write its events to OUT as well: .jsonl, .csv, or a trace, .pftrace for Perfetto and .trace.json for Chrome
    #[arg(long, value_name = "OUT")]
    pub export: Option<PathBuf>,
    /// Overwrite OUT if it is there
    #[arg(long, requires = "export")]
    pub force: bool,
    /// In a trace draw this field of events of this kind as a counter; again for more
    #[arg(long = "counter", value_name = "KIND=FIELD", requires = "export", value_parser = counter)]
    pub counters: Vec<Counter>,
}

/// A place that is taken, and what is to be written there.
pub struct Place<'t> {
    format: FormatName,
    counters: &'t [Counter],
    sink: Sink<'static>,
}

impl To {
    /// The place for it, if one is asked for: before anything is done, so that what cannot be is said at once.
    pub fn open(&self) -> Result<Option<Place<'_>>, ExportError> {
        let Some(out) = &self.export else { return Ok(None) };
        let format = FormatName::of(out).map_err(|_| ExportError::Suffix { out: shown(out) })?;
        format.may_have(&self.counters)?;
        Ok(Some(Place { format, counters: &self.counters, sink: Sink::named(out, self.force)? }))
    }
}

impl<'t> Place<'t> {
    /// Whether each event is a line there, and not part of a picture.
    pub fn is_lines(&self) -> bool {
        self.format.of_trace().is_none()
    }

    /// How to write there, and where that is.
    pub fn how(self, converter: Converter) -> (How<'t>, Sink<'static>) {
        let how = How::new(self.format, converter);
        (How { counters: self.counters, ..how }, self.sink)
    }
}
