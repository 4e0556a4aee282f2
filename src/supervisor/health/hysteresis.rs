//! How many verdicts in a row change a state: one bad look is no failure, and one good one no recovery where more are
//! asked for.

use std::fmt;

/// How a check stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CheckState {
    /// Not known: too few verdicts yet, or the last one is too old.
    Unknown,
    /// It passes.
    Passing,
    /// It fails.
    Failing,
}

impl CheckState {
    /// The lower-case name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Passing => "passing",
            Self::Failing => "failing",
        }
    }
}

impl fmt::Display for CheckState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A state that follows verdicts with a delay on both edges.
#[derive(Clone, Debug)]
pub(super) struct Hysteresis {
    failures: u32,
    successes: u32,
    state: CheckState,
    /// The last verdict, and how many were the same in a row.
    last: Option<bool>,
    streak: u32,
}

impl Hysteresis {
    /// So many failures in a row make it fail, so many successes make it pass; both at least 1.
    pub(super) fn new(failures: u32, successes: u32) -> Self {
        Self { failures, successes, state: CheckState::Unknown, last: None, streak: 0 }
    }

    pub(super) fn state(&self) -> CheckState {
        self.state
    }

    pub(super) fn streak(&self) -> u32 {
        self.streak
    }

    pub(super) fn tell(&mut self, passed: bool) {
        self.streak = if self.last == Some(passed) { self.streak.saturating_add(1) } else { 1 };
        self.last = Some(passed);
        if passed && self.streak >= self.successes {
            self.state = CheckState::Passing;
        } else if !passed && self.streak >= self.failures {
            self.state = CheckState::Failing;
        }
    }

    /// What was said is too old: the state is not known. Successes have to come anew; failures count on, since silence is no
    /// success.
    pub(super) fn forget(&mut self) {
        self.state = CheckState::Unknown;
        if self.last == Some(true) {
            (self.last, self.streak) = (None, 0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[derive(Clone, Copy, Debug)]
    enum Step {
        Verdict(bool),
        Forget,
    }

    /// The whole past looked at anew each time: the state is that of the last verdict since all was forgotten with which a
    /// run of equal ones was long enough. A run of successes is broken by forgetting, one of failures is not.
    fn by_the_book(past: &[Step], failures: u32, successes: u32) -> CheckState {
        let since = past.iter().rposition(|step| matches!(step, Step::Forget)).map_or(0, |at| at + 1);
        let run = |at: usize, passed: bool| {
            let before = past[..=at].iter().rev();
            let unbroken = before.take_while(|step| match step {
                Step::Verdict(other) => *other == passed,
                Step::Forget => !passed,
            });
            unbroken.filter(|step| matches!(step, Step::Verdict(_))).count() as u32
        };
        let found = (since..past.len()).rev().find_map(|at| match past[at] {
            Step::Verdict(true) if run(at, true) >= successes => Some(CheckState::Passing),
            Step::Verdict(false) if run(at, false) >= failures => Some(CheckState::Failing),
            _ => None,
        });
        found.unwrap_or(CheckState::Unknown)
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step = prop_oneof![
            12 => any::<bool>().prop_map(Step::Verdict),
            1 => Just(Step::Forget),
        ];
        prop::collection::vec(step, 0..80)
    }

    proptest! {
        #[test]
        fn a_state_follows_runs_of_verdicts(steps in steps(), failures in 1_u32..5, successes in 1_u32..5) {
            let mut hysteresis = Hysteresis::new(failures, successes);
            for (at, step) in steps.iter().enumerate() {
                match step {
                    Step::Verdict(passed) => hysteresis.tell(*passed),
                    Step::Forget => hysteresis.forget(),
                }
                prop_assert_eq!(hysteresis.state(), by_the_book(&steps[..=at], failures, successes));
            }
        }
    }
}
