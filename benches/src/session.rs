//! Which rows are wanted, and progress on standard error.

use crate::groups;
use crate::row::{Holds, Row};
use std::time::Instant;

/// One run of the scorecard.
#[derive(Debug, Default)]
pub struct Session {
    filter: Option<String>,
    /// The filter is no part of a row's name, though it may stand in one.
    is_group: bool,
    group: &'static str,
    rows: Vec<Row>,
    skipped: Vec<String>,
}

impl Session {
    /// A run of the rows that `filter` wants: a group's name, or part of a row's; all without it.
    #[must_use]
    pub fn new(filter: Option<String>) -> Self {
        let is_group =
            filter.as_ref().is_some_and(|filter| groups::ALL.iter().any(|(name, _)| name == filter));
        Self { filter, is_group, ..Self::default() }
    }

    /// Rows from here on belong to this group.
    pub fn enter(&mut self, group: &'static str) {
        self.group = group;
    }

    /// Measures a row if it is wanted.
    pub fn row(&mut self, name: &str, measure: impl FnOnce() -> Row) {
        self.row_if_possible(name, || Ok(measure()));
    }

    /// Measures a row if it is wanted, or says why this machine cannot.
    pub fn row_if_possible(&mut self, name: &str, measure: impl FnOnce() -> Result<Row, String>) {
        let wanted = |filter: &String| {
            if self.is_group { filter == self.group } else { name.contains(filter.as_str()) }
        };
        if !self.filter.as_ref().is_none_or(wanted) {
            return;
        }
        eprint!("{}: {name} ... ", self.group);
        let start = Instant::now();
        match measure() {
            Ok(row) => {
                let row = Row { group: self.group, name: name.to_owned(), ..row };
                let verdict = match row.holds() {
                    Holds::Yes => "holds",
                    Holds::No => "DOES NOT HOLD",
                    Holds::Unfit => "unfit",
                };
                eprintln!("{verdict} ({:.1} s)", start.elapsed().as_secs_f64());
                self.rows.push(row);
            }
            Err(reason) => {
                eprintln!("SKIPPED: {reason}");
                self.skipped.push(format!("{}: {name}: {reason}", self.group));
            }
        }
    }

    /// The rows that this machine cannot measure, and why.
    #[must_use]
    pub fn skipped(&self) -> &[String] {
        &self.skipped
    }

    /// What was measured.
    #[must_use]
    pub fn into_rows(self) -> Vec<Row> {
        self.rows
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::Samples;
    use crate::row::Measured;

    #[test]
    fn what_the_machine_cannot_measure_is_told_and_no_row() {
        let mut session = Session::new(Some("large".to_owned()));
        session.enter("events");
        let side = || Measured { name: "ours".to_owned(), samples: Samples(vec![1.0]) };
        session.row("large and there", || Row::of([side()], &[]));
        session.row_if_possible("large and not there", || Err("needs 9 GiB".to_owned()));
        session.row_if_possible("not wanted", || Err("never asked".to_owned()));
        assert_eq!(session.skipped(), ["events: large and not there: needs 9 GiB"]);
        assert_eq!(session.into_rows().len(), 1);
    }

    #[test]
    fn a_groups_name_wants_that_group_alone() {
        let mut session = Session::new(Some("queries".to_owned()));
        let side = || Measured { name: "ours".to_owned(), samples: Samples(vec![1.0]) };
        session.enter("events");
        session.row("what a writer bears from queries", || Row::of([side()], &[]));
        session.enter("queries");
        session.row("by correlation", || Row::of([side()], &[]));
        assert_eq!(session.into_rows().iter().map(|row| row.group).collect::<Vec<_>>(), ["queries"]);
    }
}
