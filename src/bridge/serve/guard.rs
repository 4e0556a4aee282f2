//! Who may ask: whoever has the token, and on this machine nobody by way of a browser.

use hyper::HeaderMap;
use hyper::header::{AUTHORIZATION, HOST};
use std::net::IpAddr;

/// Whether a request has the token. Takes the same time whatever it has.
pub(super) fn has_token(headers: &HeaderMap, token: &str) -> bool {
    let given = headers.get(AUTHORIZATION).map_or(&b""[..], |value| value.as_bytes());
    let given = match given.split_at_checked(SCHEME.len()) {
        Some((scheme, given)) if scheme.eq_ignore_ascii_case(SCHEME) => given,
        _ => b"",
    };
    let differs = |(one, other): (&u8, &u8)| u32::from(one ^ other);
    let differing: u32 = given.iter().zip(token.as_bytes()).map(differs).sum();
    differing == 0 && given.len() == token.len()
}

const SCHEME: &[u8] = b"Bearer ";

/// Whether a request is for this machine by a name that nobody else can give it. A page in a browser may have a name that
/// leads here and ask in that name; it could read the answer.
pub(super) fn is_for_this_machine(headers: &HeaderMap) -> bool {
    // Programs of old send none, browsers always do.
    headers.get_all(HOST).iter().all(|host| host.to_str().is_ok_and(is_address))
}

fn is_address(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(inside) => inside.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: hyper::header::HeaderName, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(name, value.parse().unwrap())])
    }

    #[test]
    fn a_token_is_all_of_it() {
        for (given, is_it) in [
            ("Bearer 0123456789abcdef", true),
            ("bearer 0123456789abcdef", true),
            ("Bearer 0123456789abcde", false),
            ("Bearer 0123456789abcdef0", false),
            ("Bearer 0123456789abcdeF", false),
            ("Basic 0123456789abcdef", false),
            ("0123456789abcdef", false),
            ("Bearer ", false),
            ("", false),
        ] {
            assert_eq!(has_token(&headers(AUTHORIZATION, given), "0123456789abcdef"), is_it, "{given}");
        }
        assert!(!has_token(&HeaderMap::new(), "0123456789abcdef"));
    }

    #[test]
    fn a_name_that_anybody_may_give_is_not_this_machine() {
        for (host, is_this) in [
            ("127.0.0.1:9464", true),
            ("[::1]:9464", true),
            ("LocalHost", true),
            ("evil.example:9464", false),
            ("localhost.evil.example", false),
            ("", false),
        ] {
            assert_eq!(is_for_this_machine(&headers(HOST, host)), is_this, "{host}");
        }
        assert!(is_for_this_machine(&HeaderMap::new()));
    }
}
