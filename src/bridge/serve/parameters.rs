//! What comes after the `?`.

use std::borrow::Cow;

/// The parameters by these names, each at most once; or what is wrong with them.
pub(super) fn parameters<'a, const N: usize>(
    query: &'a str,
    names: [&str; N],
) -> Result<[Option<Cow<'a, str>>; N], String> {
    let mut found = [const { None }; N];
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let Some(at) = names.iter().position(|known| *known == name) else {
            return Err(format!("no parameter {name:?}: there are {}", names.join(", ")));
        };
        let value = decoded(value).ok_or_else(|| format!("parameter {name} is no text: {value:?}"))?;
        if found.get_mut(at).is_some_and(|slot| slot.replace(value).is_some()) {
            return Err(format!("parameter {name} is there twice: give it once"));
        }
    }
    Ok(found)
}

/// A value without `%2F` and the like.
fn decoded(value: &str) -> Option<Cow<'_, str>> {
    if !value.contains(['%', '+']) {
        return Some(Cow::Borrowed(value));
    }
    let (mut bytes, mut rest) = (Vec::with_capacity(value.len()), value.bytes());
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let mut digit = || char::from(rest.next()?).to_digit(16);
                (digit()? << 4 | digit()?) as u8
            }
            other => other,
        });
    }
    String::from_utf8(bytes).ok().map(Cow::Owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_known_and_given_once() {
        let of = |query| parameters(query, ["correlation", "limit"]);
        assert_eq!(of("correlation=a%2fb+c&limit=5").unwrap(), [Some("a/b c".into()), Some("5".into())]);
        assert_eq!(of("").unwrap(), [None, None]);
        for (query, said) in [
            ("corelation=5", "no parameter \"corelation\": there are correlation, limit"),
            ("limit=1&limit=2", "parameter limit is there twice: give it once"),
            ("correlation=%f", "parameter correlation is no text: \"%f\""),
            ("correlation=%ff", "parameter correlation is no text: \"%ff\""),
        ] {
            assert_eq!(of(query).unwrap_err(), said);
        }
    }
}
