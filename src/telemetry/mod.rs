//! Telemetry: counters, gauges and histograms in per-thread cells, merged on read.
//!
//! | file | idea |
//! |---|---|
//! | `handle` | [`Telemetry`], what hosts hold |
//! | `metric` | the handles of metrics: what hot paths hold |
//! | `place` | the cells of a metric, as its handles know them |
//! | `cells` | slabs: one writer each, adopted when their thread ends |
//! | `carry` | what an earlier life counted |
//! | `seat` | a thread's hold on its slab |
//! | `registry` | names, types and series |
//! | `series` | labels, units, limits, and when series go |
//! | `buckets` | where a histogram counts a value |
//! | `snapshot` | all metrics as they were read |
//! | `arithmetic` | what two snapshots say together |
//! | `values` | values as they were read |
//! | `status` | how a telemetry is |
//! | `section` | all that a reader needs, in words, and their format |
//! | `recording` | those words, read by somebody who has nothing else |
//! | `extremes` | how low and how high a gauge was since somebody last asked |
//! | `window` | what metrics did in the last seconds |
//! | `process` | what the system says about this process (feature `process`) |
//! | `group` | counters that are changed together and read together |
//! | `handlers` | what hosts run when something is executed |
//! | `pressure` | how close memory is to its limits, and one number to scale by (feature `process`) |

pub(crate) mod cells;

mod arithmetic;
mod buckets;
mod carry;
mod error;
pub(crate) mod extremes;
pub(crate) mod group;
mod handle;
pub(crate) mod handlers;
mod metric;
mod place;
mod recording;
mod registry;
mod seat;
mod section;
pub(crate) mod series;
mod snapshot;
mod status;
mod values;
mod window;

#[cfg(feature = "process")]
mod pressure;
#[cfg(feature = "process")]
mod process;

pub use buckets::Resolution;
pub use carry::CarryError;
pub use error::{AddError, BuildError, DescribeError, RegisterError};
pub use extremes::{Extremes, ExtremesReader, Tracked};
pub use group::{Group, GroupError, GroupReading};
pub use handle::{Builder, Stats, Telemetry};
pub use handlers::{
    AttachError, Execution, Handler, HandlerNotice, HandlerPanic, HandlerState, HandlerStats, HandlerStatus,
    Measurement, MetadataValue, QueueStatus,
};
pub use metric::{Counter, FloatGauge, Gauge, Histogram, SampledTimer, Timer, UpDownCounter};
pub use recording::Recording;
#[cfg(all(feature = "mapped", target_os = "linux"))]
pub use recording::RecordingError;
pub use registry::MetricType;
pub use section::SectionError;
#[doc(hidden)]
pub use series::Site;
pub use series::{
    Description, Family, LabelError, Labels, MetricStatus, NameError, Retired, SeriesKey, Unit, UnitName,
    With,
};
pub use snapshot::Snapshot;
pub use status::Status;
pub use values::{HistogramValues, Value};
pub use window::{Window, WindowAnswer, WindowError, WindowStats};

#[cfg(feature = "process")]
pub use pressure::{
    InputError, Level, LevelChange, LevelSubscription, LoadInput, LoadParts, MemoryLimit, Pressure,
    PressureError, PressureReading, PressureStatus, PressureWatch, PressureWatchBuilder, WatchError,
};
#[cfg(feature = "process")]
pub use process::{Process, ProcessError, ProcessMetrics, ProcessStats};
