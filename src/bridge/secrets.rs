//! Fields whose names say that they hold what must not be stored.

/// Parts of such names.
const PARTS: [&str; 10] = [
    "password",
    "passwd",
    "secret",
    "token",
    "authorization",
    "api_key",
    "apikey",
    "private_key",
    "credential",
    "cookie",
];

/// Names besides those: in lower case, with `_`.
#[derive(Debug, Default)]
pub(super) struct Secrets(Vec<Box<str>>);

impl Secrets {
    pub(super) fn add(&mut self, name: &str) {
        self.0.push(name.bytes().map(|byte| char::from(folded(byte))).collect::<String>().into());
    }

    /// Whether a field of this name is one. Allocates nothing.
    pub(super) fn has(&self, name: &str) -> bool {
        let holds = |part: &&str| name.as_bytes().windows(part.len()).any(|bytes| is_like(bytes, part));
        PARTS.iter().any(holds) || self.0.iter().any(|known| is_like(name.as_bytes(), known))
    }
}

/// One case, and one mark between words.
fn folded(byte: u8) -> u8 {
    match byte {
        b'-' | b'.' => b'_',
        _ => byte.to_ascii_lowercase(),
    }
}

fn is_like(bytes: &[u8], name: &str) -> bool {
    bytes.iter().map(|byte| folded(*byte)).eq(name.bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_compared_in_any_case_and_with_any_mark() {
        let mut secrets = Secrets::default();
        secrets.add("Card-Number");
        for name in
            ["password", "db.PASSWORD", "X-Api-Key", "http.request.header.authorization", "card.number"]
        {
            assert!(secrets.has(name), "{name}");
        }
        for name in ["", "pass", "card", "card_number_2", "keys", "message"] {
            assert!(!secrets.has(name), "{name}");
        }
    }
}
