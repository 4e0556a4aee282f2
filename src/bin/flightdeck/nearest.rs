//! Names like one that was mistaken.

/// More are not listed.
const MOST: usize = 16;

/// `names`, those first that are most like `name`, in one line.
pub fn listed<'a>(name: &str, names: impl IntoIterator<Item = &'a str>) -> String {
    let mut names: Vec<_> = names.into_iter().collect();
    names.sort_by_cached_key(|known| distance(&name.to_lowercase(), &known.to_lowercase()));
    let shown: Vec<_> =
        names.iter().take(MOST).map(|name| format!("`{}`", crate::formats::excerpt(name))).collect();
    let more = names.len().saturating_sub(MOST);
    match (shown.is_empty(), more) {
        (true, _) => "none".to_owned(),
        (false, 0) => shown.join(", "),
        (false, _) => format!("{} and {more} more", shown.join(", ")),
    }
}

/// How many letters lie between two names (Levenshtein).
fn distance(one: &str, other: &str) -> usize {
    let mut row: Vec<usize> = (0..=other.chars().count()).collect();
    for (above, from) in one.chars().enumerate() {
        let (mut corner, mut left) = (above, above + 1);
        for (place, to) in row.iter_mut().skip(1).zip(other.chars()) {
            let here = (corner + usize::from(from != to)).min(left + 1).min(*place + 1);
            corner = std::mem::replace(place, here);
            left = here;
        }
        if let Some(first) = row.first_mut() {
            *first = above + 1;
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_count_letters() {
        for (one, other, letters) in [("", "", 0), ("abc", "", 3), ("", "ab", 2), ("kitten", "sitting", 3)] {
            assert_eq!((distance(one, other), distance(other, one)), (letters, letters), "{one} {other}");
        }
    }

    #[test]
    fn the_most_alike_come_first() {
        assert_eq!(listed("stauts", ["bytes", "status", "State"]), "`status`, `State`, `bytes`");
        assert_eq!(listed("x", []), "none");
        assert!(listed("x", vec!["y"; 20]).ends_with("`y` and 4 more"));
    }
}
