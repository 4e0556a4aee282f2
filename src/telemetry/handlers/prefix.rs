//! Names of executions: words with dots between them, `http.request.stop`. A prefix is made of whole words.

/// The longest prefix, in bytes.
pub(super) const LONGEST: usize = 256;

/// What the names begin with that a handler is called for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Prefix(Box<str>);

impl Prefix {
    /// `None` if one of its words is empty, or it is too long. The empty prefix has no words: all names begin with it.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let is_sound = text.is_empty() || text.split('.').all(|word| !word.is_empty());
        (is_sound && text.len() <= LONGEST).then(|| Self(text.into()))
    }

    #[inline]
    pub(super) fn begins(&self, name: &str) -> bool {
        match name.strip_prefix(&*self.0) {
            Some(rest) => rest.is_empty() || self.0.is_empty() || rest.starts_with('.'),
            None => false,
        }
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

/// Text of the host as a message has it: its beginning, in one line.
pub(super) fn shown(text: &str) -> String {
    text.chars().take(64).flat_map(char::escape_debug).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_prefix_is_made_of_whole_words() {
        let prefix = Prefix::parse("http.request").unwrap();
        assert!(
            ["http.request", "http.request.stop", "http.request."].iter().all(|name| prefix.begins(name))
        );
        assert!(
            ["http", "http.requests", "http.requests.stop", "xhttp.request", ""]
                .iter()
                .all(|name| !prefix.begins(name))
        );
        assert!(["", "http"].iter().all(|name| Prefix::parse("").unwrap().begins(name)));
        assert!([".", "http.", ".http", "a..b"].iter().all(|text| Prefix::parse(text).is_none()));
    }

    proptest! {
        #[test]
        fn it_begins_a_name_as_its_words_begin_the_words(
            words in prop::collection::vec("[ab]{1,2}", 1..4),
            name in prop::collection::vec("[ab]{1,2}", 1..5),
        ) {
            let prefix = Prefix::parse(&words.join(".")).unwrap();
            prop_assert_eq!(prefix.begins(&name.join(".")), name.starts_with(&words));
        }
    }
}
