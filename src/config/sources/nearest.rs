//! The known name that is most like one that is not known.

/// Names longer than this are not compared.
const LONGEST: usize = 64;

pub(super) fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let length = name.chars().count();
    if length > LONGEST {
        return None;
    }
    let name = name.to_lowercase();
    let like = |known: &&str| {
        let letters = distance(&name, &known.to_lowercase());
        // Half of the letters are another name.
        (known.chars().count() <= LONGEST && letters * 2 <= length.max(2)).then_some(letters)
    };
    known
        .into_iter()
        .filter_map(|known| like(&known).map(|letters| (letters, known)))
        .min()
        .map(|(_, known)| known)
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
    fn a_slip_finds_the_name_and_another_word_finds_none() {
        let known = ["listen", "limits", "max_orders", "venue"];
        assert_eq!(nearest("lisen", known), Some("listen"));
        assert_eq!(nearest("maxOrders", known), Some("max_orders"));
        assert_eq!(nearest("colour", known), None);
        assert_eq!(nearest(&"x".repeat(1_000), known), None);
    }
}
