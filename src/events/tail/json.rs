//! A gap as JSON; events have theirs from [`Recorded::json`](crate::events::Recorded::json).

use crate::events::cursor::{Gap, GapCause};
use std::fmt::{self, Write};

/// `{"gap":{..}}`, which no event looks like. Names without anything to escape.
pub(super) fn gap(line: &mut String, gap: &Gap) -> fmt::Result {
    let (cause, class) = (gap.cause.name(), gap.class.name());
    let is_lost = matches!(gap.cause, GapCause::Lost(_));
    write!(line, "{{\"gap\":{{\"cause\":\"{cause}\",\"lost\":{is_lost},\"count\":\"{}\"", gap.count)?;
    write!(line, ",\"class\":\"{class}\"")?;
    if let Some(shard) = gap.shard {
        write!(line, ",\"shard\":{shard}")?;
    }
    write!(line, ",\"from_ticks\":\"{}\",\"until_ticks\":\"{}\"}}}}", gap.from.0, gap.until.0)
}
