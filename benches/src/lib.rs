//! The scorecard: Flightdeck against its peers and against what is physically possible, on this machine.
//!
//! | file | idea |
//! |---|---|
//! | `measure` | sides of a comparison, run in turn in one process: A B A B |
//! | `pair` | the same with two threads, and whether this machine can run two at all |
//! | `row` | one comparison, its bars, and whether they hold |
//! | `session` | which rows are wanted, and progress |
//! | `report` | the table and the JSON |
//! | `machine` | what the figures belong to |
//! | `tool` | the command-line tool, run as a user does |
//! | `groups` | the rows |
//!
//! Neighbouring batches see the same machine, so a ratio is taken within each round and the median of
//! those ratios is compared; a floor (the fastest batch) stands for what the code costs when nothing
//! interferes. The loop around an operation is measured as well, and never subtracted: it overlaps
//! with the operation.

pub mod groups;
pub mod machine;
pub mod measure;
pub mod pair;
pub mod report;
pub mod row;
pub mod session;
pub mod tool;
