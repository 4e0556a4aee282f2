//! Numbers for field names, given once for a whole replay: a row stores two bytes instead of a name.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

/// More names than any log has; input that makes up a new one in each row cannot grow the table past
/// this, its further names are stored in the rows.
const MOST_NAMES: usize = 4_096;

/// The names of fields, by number. Whoever writes rows reads it while the parser adds more.
#[derive(Debug)]
pub struct NameTable(Box<[OnceLock<Box<str>>]>);

impl NameTable {
    /// The name behind a number.
    pub fn get(&self, number: u16) -> Option<&str> {
        self.0.get(usize::from(number))?.get().map(AsRef::as_ref)
    }
}

/// Gives numbers to the names of fields.
#[derive(Debug)]
pub struct Names {
    table: Arc<NameTable>,
    numbers: HashMap<Box<str>, u16>,
    /// Which number followed the one before, the last time: rows of one format have their names in one
    /// order. Place 0 stands for the start of a row, place `n + 1` for number `n`.
    followers: Vec<u16>,
    before: usize,
}

impl Default for Names {
    fn default() -> Self {
        let table = (0..MOST_NAMES).map(|_| OnceLock::new()).collect();
        Self { table: Arc::new(NameTable(table)), numbers: HashMap::new(), followers: vec![0], before: 0 }
    }
}

impl Names {
    /// Tells that a row starts.
    pub fn start_row(&mut self) {
        self.before = 0;
    }

    /// The number of a name; `None` if the table is full.
    pub fn number(&mut self, name: &str) -> Option<u16> {
        let guess = self.followers.get(self.before).copied().unwrap_or_default();
        let number = if self.get(guess) == Some(name) { guess } else { self.find(name)? };
        if let Some(follower) = self.followers.get_mut(self.before) {
            *follower = number;
        }
        self.before = usize::from(number) + 1;
        Some(number)
    }

    /// The names so far, and those to come.
    pub fn table(&self) -> &Arc<NameTable> {
        &self.table
    }

    fn get(&self, number: u16) -> Option<&str> {
        self.table.get(number)
    }

    fn find(&mut self, name: &str) -> Option<u16> {
        if let Some(number) = self.numbers.get(name) {
            return Some(*number);
        }
        let number = u16::try_from(self.numbers.len()).ok()?;
        self.table.0.get(usize::from(number))?.set(name.into()).ok()?;
        self.numbers.insert(name.into(), number);
        self.followers.push(0);
        Some(number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_keeps_its_number_in_any_order() {
        let mut names = Names::default();
        for row in [["a", "b", "c"], ["a", "b", "c"], ["c", "a", "b"], ["a", "c", "b"]] {
            names.start_row();
            for name in row {
                let number = names.number(name).unwrap();
                assert_eq!(names.get(number), Some(name));
            }
        }
        assert_eq!((names.get(2), names.get(3)), (Some("c"), None));
    }

    #[test]
    fn the_table_is_bounded() {
        let mut names = Names::default();
        for at in 0..MOST_NAMES {
            assert!(names.number(&at.to_string()).is_some());
        }
        assert_eq!(names.number("one more"), None);
        assert_eq!(names.number("7"), Some(7));
    }
}
