//! How requests end.

use http::StatusCode;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Status(StatusCode),
    Cancelled,
    Failed,
    Panicked,
}

impl Outcome {
    /// What label `status` says, by [`Outcome::place`].
    pub(super) const LABELS: [&'static str; 9] =
        ["1xx", "2xx", "3xx", "4xx", "5xx", "other", "cancelled", "failed", "panicked"];

    #[inline]
    pub(super) fn place(self) -> usize {
        match self {
            // Statuses are 100 to 999.
            Self::Status(status) => usize::from((status.as_u16() / 100).clamp(1, 6)) - 1,
            Self::Cancelled => 6,
            Self::Failed => 7,
            Self::Panicked => 8,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_outcome_has_the_label_it_is_called_by() {
        let label = |outcome: Outcome| Outcome::LABELS[outcome.place()];
        let of_status = |code| label(Outcome::Status(StatusCode::from_u16(code).unwrap()));
        assert_eq!([100, 204, 308, 404, 599].map(of_status), ["1xx", "2xx", "3xx", "4xx", "5xx"]);
        assert_eq!([600, 999].map(of_status), ["other", "other"]);
        let ends = [Outcome::Cancelled, Outcome::Failed, Outcome::Panicked];
        assert_eq!(ends.map(label), ["cancelled", "failed", "panicked"]);
    }
}
