//! What can go wrong when a metric is registered. Updating one never fails.

use super::buckets::Resolution;
use super::registry::MetricType;
use super::series::{Description, LabelError, NameError};
use crate::error::{Diagnostic, Retry, Severity};
#[cfg(all(feature = "mapped", target_os = "linux"))]
use crate::mapped::CreateError;
use thiserror::Error;

/// Why a metric was not registered.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum RegisterError {
    /// No cells are left.
    #[error(
        "metric `{name}` needs {needed} cells side by side, and at most {left} of {cells} are free: build the telemetry with more cells"
    )]
    NoRoom {
        /// The metric.
        name: String,
        /// What it takes.
        needed: usize,
        /// The longest run there is.
        left: usize,
        /// All there are.
        cells: usize,
    },
    /// The name is taken by a metric of another type.
    #[error(
        "metric `{name}` is a {registered} already, and was asked for as a {asked}: give one of them another name"
    )]
    OtherType {
        /// The metric.
        name: String,
        /// What it is.
        registered: MetricType,
        /// What it was asked for as.
        asked: MetricType,
    },
    /// The histogram has another resolution.
    #[error(
        "histogram `{name}` has a relative error of {} up to {} already, and was asked for with {} up to {}: ask for one resolution, or none",
        registered.relative_error(), registered.greatest(), asked.relative_error(), asked.greatest()
    )]
    OtherResolution {
        /// The metric.
        name: String,
        /// Its resolution.
        registered: Resolution,
        /// What it was asked for with.
        asked: Resolution,
    },
    /// There is no such precision.
    #[error(
        "histogram `{name}` was asked for with a precision of {precision} bits: give it {} to {}",
        Resolution::PRECISIONS.start(), Resolution::PRECISIONS.end()
    )]
    Precision {
        /// The metric.
        name: String,
        /// What it was asked for with.
        precision: u32,
    },
    /// There are as many metrics as there are cells.
    #[error(
        "metric `{name}` is one too many: there are {most} already; put what varies into labels, or build with more cells"
    )]
    ManyMetrics {
        /// The metric.
        name: String,
        /// How many there are.
        most: usize,
    },
    /// This process is a child of the one that built the telemetry, which lies in a file that is its parent's.
    #[error("metric `{name}` belongs to the process that this one is a fork of: build a telemetry here")]
    Forked {
        /// The metric.
        name: String,
    },
    /// Its name is none.
    #[error(transparent)]
    Name(#[from] NameError),
    /// Its labels are none.
    #[error(transparent)]
    Label(#[from] LabelError),
}

impl Diagnostic for RegisterError {
    fn code(&self) -> &'static str {
        match self {
            Self::NoRoom { .. } => "telemetry.metric.no_room",
            Self::OtherType { .. } => "telemetry.metric.other_type",
            Self::OtherResolution { .. } => "telemetry.metric.other_resolution",
            Self::Precision { .. } => "telemetry.metric.precision",
            Self::ManyMetrics { .. } => "telemetry.metric.too_many",
            Self::Forked { .. } => "telemetry.metric.forked",
            Self::Name(error) => error.code(),
            Self::Label(error) => error.code(),
        }
    }

    fn severity(&self) -> Severity {
        Severity::Error
    }

    fn retry(&self) -> Retry {
        Retry::Never
    }
}

/// Why two snapshots do not add up.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum AddError {
    /// A series is of one type here, and of another there.
    #[error("series `{series}` is a {here} here and a {there} there: give one of them another name")]
    OtherType {
        /// Its name and labels.
        series: String,
        /// What it is here.
        here: MetricType,
        /// What it is in the other snapshot.
        there: MetricType,
    },
}

impl Diagnostic for AddError {
    fn code(&self) -> &'static str {
        "telemetry.snapshot.other_type"
    }

    fn severity(&self) -> Severity {
        Severity::Error
    }

    fn retry(&self) -> Retry {
        Retry::Never
    }
}

/// Why a metric was not described.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum DescribeError {
    /// It was described otherwise before.
    #[error(
        "metric `{metric}` is described as {:?} in {} with at most {} series already, and was now as {:?} in {} with {}: describe it once",
        before.help(), before.unit_name(), before.limit(), asked.help(), asked.unit_name(), asked.limit()
    )]
    Otherwise {
        /// The metric.
        metric: String,
        /// What was said first, and holds.
        before: Box<Description>,
        /// What was said now.
        asked: Box<Description>,
    },
    /// A unit that some exporter could not write.
    #[error("metric `{metric}` has a unit {unit:?}: use 1 to 63 letters, digits and underscores")]
    UnfitUnit {
        /// The metric.
        metric: String,
        /// The unit.
        unit: String,
    },
    /// A help text that is too long.
    #[error("metric `{metric}` has a help text of {bytes} bytes, of at most {}: shorten it", Self::MOST_HELP)]
    LongHelp {
        /// The metric.
        metric: String,
        /// How long it is.
        bytes: usize,
    },
    /// There are as many metrics as there are cells.
    #[error(
        "metric `{metric}` is one too many: {most} are described or registered already; build with more cells"
    )]
    ManyMetrics {
        /// The metric.
        metric: String,
        /// How many there are.
        most: usize,
    },
    /// Its name is none.
    #[error(transparent)]
    Name(#[from] NameError),
}

impl DescribeError {
    /// Bytes of a help text.
    pub const MOST_HELP: usize = 1_023;
}

impl Diagnostic for DescribeError {
    fn code(&self) -> &'static str {
        match self {
            Self::Otherwise { .. } => "telemetry.description.otherwise",
            Self::UnfitUnit { .. } => "telemetry.description.unfit_unit",
            Self::LongHelp { .. } => "telemetry.description.long_help",
            Self::ManyMetrics { .. } => "telemetry.description.too_many",
            Self::Name(error) => error.code(),
        }
    }

    fn severity(&self) -> Severity {
        Severity::Error
    }

    fn retry(&self) -> Retry {
        Retry::Never
    }
}

/// Why no telemetry was built.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum BuildError {
    /// The system has no such amount of memory.
    #[error(
        "telemetry memory of {bytes} bytes could not be reserved: ask for fewer cells, threads or less memory"
    )]
    OutOfMemory {
        /// What was asked for.
        bytes: usize,
    },
    /// The file that it was to lie in cannot be had.
    #[cfg(all(feature = "mapped", target_os = "linux"))]
    #[error("telemetry has no file: {0}")]
    Mapped(#[source] CreateError),
}

impl Diagnostic for BuildError {
    fn code(&self) -> &'static str {
        match self {
            Self::OutOfMemory { .. } => "telemetry.memory.unavailable",
            #[cfg(all(feature = "mapped", target_os = "linux"))]
            Self::Mapped(error) => error.code(),
        }
    }

    fn severity(&self) -> Severity {
        Severity::Error
    }

    fn retry(&self) -> Retry {
        match self {
            Self::OutOfMemory { .. } => Retry::Later,
            #[cfg(all(feature = "mapped", target_os = "linux"))]
            Self::Mapped(error) => error.retry(),
        }
    }
}
