//! What a request's headers say of the trace that it belongs to.

use crate::events::Scope;
use http::header::{HeaderMap, HeaderName, HeaderValue};

pub(super) static TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
pub(super) static TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

/// Bytes of a `traceparent`: ten times what version 00 has, for what later ones may say.
const LONGEST_PARENT: usize = 512;
/// Bytes of a `tracestate`. W3C asks to pass on 512 at least.
const LONGEST_STATE: usize = 4_096;

/// Why a header counts for nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unfit {
    Malformed,
    Repeated,
    TooLong,
    State,
}

impl Unfit {
    /// What label `why` says.
    pub(super) const LABELS: [&'static str; 4] = ["malformed", "repeated", "too_long", "tracestate_too_long"];
}

/// The scope of whoever sent these headers, if they say so.
#[inline]
pub(super) fn scope(headers: &HeaderMap) -> Result<Option<Scope>, Unfit> {
    // Of a map in which no name stands twice one look is enough.
    let parent = match headers.len() == headers.keys_len() {
        true => headers.get(&TRACEPARENT),
        false => only(headers)?,
    };
    let Some(parent) = parent else { return Ok(None) };
    if parent.len() > LONGEST_PARENT {
        return Err(Unfit::TooLong);
    }
    let text = std::str::from_utf8(parent.as_bytes()).map_err(|_| Unfit::Malformed)?;
    Scope::from_traceparent(text).map(Some).map_err(|_| Unfit::Malformed)
}

/// The header of the caller, if it is given once.
#[cold]
fn only(headers: &HeaderMap) -> Result<Option<&HeaderValue>, Unfit> {
    let mut parents = headers.get_all(&TRACEPARENT).iter();
    let parent = parents.next();
    if parents.next().is_some() { Err(Unfit::Repeated) } else { Ok(parent) }
}

/// What other tracing systems want to be told of the trace. Several headers are one list.
#[inline]
pub(super) fn state(headers: &HeaderMap) -> Result<Option<HeaderValue>, Unfit> {
    let Some(first) = headers.get(&TRACESTATE) else { return Ok(None) };
    let mut more = headers.get_all(&TRACESTATE).iter().skip(1);
    match more.next() {
        None if first.len() <= LONGEST_STATE => Ok(Some(first.clone())),
        None => Err(Unfit::State),
        Some(second) => joined(&[first, second], more),
    }
}

#[cold]
fn joined<'a>(
    first: &[&'a HeaderValue],
    more: impl Iterator<Item = &'a HeaderValue>,
) -> Result<Option<HeaderValue>, Unfit> {
    let mut list = Vec::new();
    for value in first.iter().copied().chain(more) {
        if list.len() + 1 + value.len() > LONGEST_STATE {
            return Err(Unfit::State);
        }
        if !list.is_empty() {
            list.push(b',');
        }
        list.extend_from_slice(value.as_bytes());
    }
    Ok(HeaderValue::from_bytes(&list).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    fn headers(name: &HeaderName, values: &[&[u8]]) -> HeaderMap {
        values.iter().map(|value| (name.clone(), HeaderValue::from_bytes(value).unwrap())).collect()
    }

    #[test]
    fn one_header_that_is_whole_names_the_caller() {
        let of = |values: &[&[u8]]| scope(&headers(&TRACEPARENT, values));
        assert_eq!(of(&[]), Ok(None));
        assert_eq!(of(&[PARENT.as_bytes()]).unwrap().unwrap().traceparent().to_string(), PARENT);
        assert_eq!(of(&[PARENT.as_bytes(); 2]), Err(Unfit::Repeated));
        let upper = PARENT.to_uppercase();
        let zero = PARENT.replace("4bf92f3577b34da6a3ce929d0e0e4736", &"0".repeat(32));
        let twice = format!("{PARENT},{PARENT}");
        for unfit in [b"", &b"\xff\xfe"[..], upper.as_bytes(), zero.as_bytes(), twice.as_bytes(), b"00-"] {
            assert_eq!(of(&[unfit]), Err(Unfit::Malformed), "{unfit:?}");
        }
        let later = |bytes: usize| format!("cc{}-{}", &PARENT[2..], "x".repeat(bytes - 56));
        assert!(of(&[later(LONGEST_PARENT).as_bytes()]).unwrap().is_some());
        assert_eq!(of(&[later(LONGEST_PARENT + 1).as_bytes()]), Err(Unfit::TooLong));
    }

    #[test]
    fn states_are_one_list_in_their_order() {
        let of = |values: &[&[u8]]| state(&headers(&TRACESTATE, values));
        let text = |state: &str| Ok(Some(HeaderValue::from_str(state).unwrap()));
        assert_eq!(of(&[]), Ok(None));
        assert_eq!(of(&[b"a=1"]), text("a=1"));
        assert_eq!(of(&[b"a=1", b"b=2,c=3", b"d=4"]), text("a=1,b=2,c=3,d=4"));
        let long = vec![b'x'; LONGEST_STATE];
        assert!(of(&[&long]).is_ok());
        assert_eq!(of(&[&long, b"y"]), Err(Unfit::State));
        assert_eq!(of(&[&[&long[..], b"x"].concat()]), Err(Unfit::State));
    }
}
