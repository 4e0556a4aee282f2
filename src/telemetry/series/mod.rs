//! Series: what a metric is divided into by labels, how many there may be, and when they go.
//!
//! A metric is a name with a type, perhaps described; a series is one set of labels of it, and has cells. Sets are told
//! apart in full, key by key and value by value. A metric has at most as many labelled series as its
//! description allows; what comes beyond is counted in one further series labelled `overflow="true"`, so
//! totals stay exact.
//!
//! **Memory** is bounded by
//!
//! > `cells x 8 B` (shared) `+ cells x 32 B` (names for recordings) `+ threads x cells / 8 B` (tables) `+ chunks touched x 512 B` `+ label sets`
//!
//! where chunks touched are at most *most threads alive at once* x *cells in use* / 64, and no more than the pool
//! has; and label sets are at most `sum over metrics of (limit + 2)` and never more than there are cells, each of its
//! text (at most 16 labels of 127 + 255 bytes) and about 250 bytes. A thread that counts by values keeps up to 1,024
//! sets at hand, in up to 200 KiB and the text of the values; call sites have a handle each in a table that is at
//! most twice as large as need be.
//!
//! | file | idea |
//! |---|---|
//! | `unit` | units and descriptions |
//! | `name` | which names and keys there may be |
//! | `labels` | sets of labels |
//! | `member` | a series and who holds it |
//! | `claims` | the count of holders, and what its end tells |
//! | `pool` | free cells |
//! | `members` | the series of one metric, and its limit |
//! | `ask` | how hosts ask for series with labels |
//! | `site` | call sites that resolve once |
//! | `family` | values known only at the update |
//! | `cache` | the label sets that a thread has at hand |
//! | `short` | short texts as numbers |
//! | `kind` | what counters, gauges and histograms have in common |
//! | `retire` | which series have gone idle |

mod ask;
mod cache;
pub(crate) mod claims;
mod family;
mod kind;
mod labels;
pub(super) mod member;
mod members;
pub(super) mod name;
pub(super) mod pool;
mod retire;
mod short;
mod site;
mod unit;

pub use family::{Family, With};
pub(super) use kind::Kind;
pub use labels::Labels;
pub use member::SeriesKey;
pub(super) use members::Members;
pub use members::MetricStatus;
pub use name::{LabelError, NameError};
pub use retire::Retired;
#[doc(hidden)]
pub use site::Site;
pub(super) use site::Sites;
pub use unit::{Description, Unit, UnitName};
