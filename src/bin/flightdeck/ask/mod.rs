//! Asking the file of a deck: `query`, `tail` and `export`.
//!
//! - `args`: what can be written on the command line; `when`, `field`: times and conditions on fields as users write them
//! - `select`: from all that to a question
//! - `form`: from that to how events are written
//! - `query`, `tail`, `follow`, `export`: the commands
//! - `explained`: what was looked at, and what is missing

mod args;
mod explained;
mod export;
mod field;
mod follow;
mod form;
mod query;
mod select;
mod tail;
mod when;

pub use args::{Export, Query, Tail};
pub use export::run as export;
pub use query::run as query;
pub use tail::run as tail;
pub use when::WhenError;
