//! What a column or key of some name stands for. Case and punctuation do not count: `TraceID`,
//! `trace_id` and `trace.id` are one name.

use super::level::Scale;
use super::time::Unit;

/// What a field stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// When; a start where there is an end. Of several the least rank counts, then the first.
    Time(u8),
    /// When it ended.
    End,
    /// How long it took; the unit where the name says it.
    Length(Option<Unit>),
    /// How much it matters, and what its numbers mean.
    Level(Scale),
    /// What it belongs to. Of several the least rank counts, then the first.
    Belongs(Id),
    /// The own or enclosing span.
    Span,
    /// The span above.
    Parent,
    /// What a person reads first.
    Message,
    /// Anything else.
    Field,
}

/// The forms of an id, best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Id {
    /// A trace id: hexadecimal.
    Trace,
    /// A request's id: any form.
    Request,
    /// A unit or service: a name.
    Unit,
}

/// What a field of this name stands for.
pub fn role(name: &str) -> Role {
    const LONGEST: usize = 24;
    let mut letters = [0; LONGEST];
    let mut count = 0;
    for byte in name.bytes() {
        if matches!(byte, b'_' | b'-' | b'.' | b'@' | b' ') {
            continue;
        }
        let Some(letter) = letters.get_mut(count) else { return Role::Field };
        *letter = byte.to_ascii_lowercase();
        count += 1;
    }
    match letters.get(..count).unwrap_or_default() {
        b"timeunixnano" | b"starttimeunixnano" | b"realtimetimestamp" => Role::Time(0),
        b"time" | b"timestamp" | b"ts" | b"datetime" | b"starttime" | b"start" | b"startns"
        | b"eventtime" => Role::Time(1),
        b"endtimeunixnano" | b"endtime" | b"end" | b"endns" => Role::End,
        b"duration" | b"elapsed" | b"latency" => Role::Length(None),
        b"durations" | b"durationseconds" | b"elapseds" | b"elapsedseconds" => {
            Role::Length(Some(Unit::Second))
        }
        b"durationms" | b"elapsedms" | b"latencyms" | b"responsetimems" => Role::Length(Some(Unit::Milli)),
        b"durationus" | b"elapsedus" | b"latencyus" | b"durationmicros" => Role::Length(Some(Unit::Micro)),
        b"durationns" | b"elapsedns" | b"latencyns" | b"durationnanos" => Role::Length(Some(Unit::Nano)),
        b"priority" | b"syslogseverity" => Role::Level(Scale::Syslog),
        b"level" | b"severity" | b"loglevel" | b"lvl" | b"severitytext" => Role::Level(Scale::Tens),
        b"severitynumber" => Role::Level(Scale::Otel),
        b"traceid" | b"contexttraceid" | b"oteltraceid" => Role::Belongs(Id::Trace),
        b"requestid" | b"reqid" | b"correlationid" | b"xrequestid" | b"rid" | b"transactionid"
        | b"requestuuid" => Role::Belongs(Id::Request),
        b"systemdunit" | b"unit" => Role::Belongs(Id::Unit),
        b"spanid" | b"contextspanid" | b"otelspanid" => Role::Span,
        b"parentid" | b"parentspanid" | b"parent" => Role::Parent,
        b"msg" | b"message" | b"log" | b"body" | b"fieldsmessage" => Role::Message,
        _ => Role::Field,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writing_does_not_matter() {
        for name in ["trace_id", "TraceID", "traceId", "trace.id", "TRACE-ID"] {
            assert_eq!(role(name), Role::Belongs(Id::Trace), "{name}");
        }
        for name in ["@timestamp", "Timestamp", "ts"] {
            assert_eq!(role(name), Role::Time(1), "{name}");
        }
        assert_eq!(role("__REALTIME_TIMESTAMP"), Role::Time(0));
        assert_eq!(role("_SYSTEMD_UNIT"), Role::Belongs(Id::Unit));
        assert_eq!(role("duration_ms"), Role::Length(Some(Unit::Milli)));
    }

    #[test]
    fn other_names_are_fields() {
        for name in ["", "_", "pod", "é", "_SOURCE_REALTIME_TIMESTAMP", "traceidtraceidtraceidtraceid"] {
            assert_eq!(role(name), Role::Field, "{name}");
        }
    }
}
