//! What was announced, against what is there.

use crate::demo::load::Done;
use flightdeck::CorrelationId;
use flightdeck::events::{QueryError, Recording};
use std::time::{Duration, Instant, SystemTime};

/// The last event of a request before its reply is sent.
const REPLIED: &str = "http.replied";
/// Two processes' clocks are compared: what was answered so much later than the oldest event that is kept must be there.
const CLOCKS: Duration = Duration::from_millis(20);

/// What became of the requests.
#[derive(Debug, Default)]
pub struct Checked {
    /// Answered, and in the file from beginning to end.
    pub whole: usize,
    /// Answered, and overwritten by later ones, in part or in full.
    pub overwritten: usize,
    /// Answered, and not there though it should be.
    pub missing: usize,
    /// The events of all that are whole.
    pub events: usize,
    /// Under way when the host was killed; of these, how many left events.
    pub under_way: usize,
    pub under_way_there: usize,
    /// How long all look-ups took together.
    pub took: Duration,
}

impl Checked {
    /// Looks each up by its id; says about once a second how far it is.
    pub fn of(
        recording: &Recording,
        done: &Done,
        mut progress: impl FnMut(usize, usize),
    ) -> Result<Self, QueryError> {
        let start = Instant::now();
        let mut next = Duration::from_secs(1);
        let mut checked = Self { under_way: done.unanswered.len(), ..Self::default() };
        for (place, (id, answered)) in done.answered.iter().enumerate() {
            checked.look_up(recording, *id, *answered)?;
            if place % 256 == 0 && start.elapsed() >= next {
                next += Duration::from_secs(1);
                progress(place, done.answered.len());
            }
        }
        for id in &done.unanswered {
            checked.under_way_there += usize::from(!recording.query().correlation(*id).run()?.is_empty());
        }
        checked.took = start.elapsed();
        Ok(checked)
    }

    fn look_up(
        &mut self,
        recording: &Recording,
        id: CorrelationId,
        answered: SystemTime,
    ) -> Result<(), QueryError> {
        let answer = recording.query().correlation(id).run()?;
        let has_ended = answer.iter().any(|event| event.kind() == REPLIED);
        if has_ended && answer.verdict().is_complete() {
            self.whole += 1;
            self.events += answer.len();
            return Ok(());
        }
        // From there on nothing is missing in the file, whichever id it belongs to.
        let since = recording.converter().system_time(answer.since());
        if answer.since().0 > 0 && answered <= since + CLOCKS {
            self.overwritten += 1;
        } else {
            self.missing += 1;
        }
        Ok(())
    }

    /// Requests that were answered.
    pub fn answered(&self) -> usize {
        self.whole + self.overwritten + self.missing
    }
}
