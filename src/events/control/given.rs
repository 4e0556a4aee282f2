//! Where a store to be built has its directives from.

use super::ENV;
use super::directives::Directives;
use super::error::DirectivesError;
use std::env::{self, VarError};

/// Texts of directives, not yet looked at.
#[derive(Clone, Debug, Default)]
pub(in crate::events) struct Given {
    texts: Vec<String>,
    from_env: bool,
}

impl Given {
    pub(in crate::events) fn add(&mut self, text: String) {
        self.texts.push(text);
    }

    pub(in crate::events) fn add_env(&mut self) {
        self.from_env = true;
    }

    /// All of them, those of the environment last; else which of them is wrong, and how.
    pub(in crate::events) fn parsed(&self) -> Result<Directives, (&'static str, DirectivesError)> {
        let mut all = Directives::default();
        for text in &self.texts {
            all = all.and(&text.parse().map_err(|error| ("the builder", error))?);
        }
        if self.from_env {
            let text = match env::var(ENV) {
                Ok(text) => text,
                Err(VarError::NotPresent) => return Ok(all),
                Err(VarError::NotUnicode(_)) => {
                    return Err((ENV, DirectivesError::NotUnicode { variable: ENV }));
                }
            };
            all = all.and(&text.parse().map_err(|error| (ENV, error))?);
        }
        Ok(all)
    }
}
