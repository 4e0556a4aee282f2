//! Rust source as words and signs, without comments and literals.

/// A word, `::` or a single sign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    pub text: String,
    pub line: usize,
    /// Inside an item marked `#[cfg(test)]`.
    pub in_test: bool,
}

/// The tokens of a file. Literals are dropped: nothing a layering test asks for stands in one.
pub fn tokens(source: &str) -> Vec<Token> {
    let mut found = Vec::new();
    let (mut rest, mut line) = (source, 1);
    while let Some(first) = rest.chars().next() {
        let (length, kept) = match first {
            '/' if rest.starts_with("//") => (rest.find('\n').unwrap_or(rest.len()), false),
            '/' if rest.starts_with("/*") => (block_comment(rest), false),
            '"' => (quoted(rest), false),
            '\'' => (char_or_lifetime(rest), false),
            ':' if rest.starts_with("::") => (2, true),
            c if c == '_' || c.is_alphanumeric() => {
                let length = rest.find(|c: char| c != '_' && !c.is_alphanumeric()).unwrap_or(rest.len());
                match raw_string(&rest[..length], &rest[length..]) {
                    Some(literal) => (length + literal, false),
                    None => (length, true),
                }
            }
            c => (c.len_utf8(), !c.is_whitespace()),
        };
        let text = &rest[..length];
        if kept {
            found.push(Token { text: text.to_owned(), line, in_test: false });
        }
        line += text.matches('\n').count();
        rest = &rest[length..];
    }
    mark_tests(&mut found);
    found
}

fn block_comment(rest: &str) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < rest.len() {
        match &rest.as_bytes()[at..] {
            [b'/', b'*', ..] => (depth, at) = (depth + 1, at + 2),
            [b'*', b'/', ..] => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            return at;
        }
    }
    rest.len()
}

/// The length of a literal in double quotes.
fn quoted(rest: &str) -> usize {
    let mut escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        match c {
            '"' if !escaped => return at + 1,
            _ => escaped = c == '\\' && !escaped,
        }
    }
    rest.len()
}

/// A character literal has its closing quote after one character or an escape; a lifetime has none.
fn char_or_lifetime(rest: &str) -> usize {
    let mut chars = rest.char_indices().skip(1);
    match chars.next() {
        Some((_, '\\')) => {
            chars.next();
            chars.find(|(_, c)| *c == '\'').map_or(rest.len(), |(at, _)| at + 1)
        }
        _ => match chars.next() {
            Some((at, '\'')) => at + 1,
            _ => 1,
        },
    }
}

/// The length of what follows a prefix `r`, `br` or `cr`, if it is a raw string.
fn raw_string(prefix: &str, rest: &str) -> Option<usize> {
    let hashes = rest.len() - rest.trim_start_matches('#').len();
    if !matches!(prefix, "r" | "br" | "cr") || !rest[hashes..].starts_with('"') {
        return None;
    }
    let end = format!("\"{}", &rest[..hashes]);
    let body = &rest[hashes + 1..];
    Some(hashes + 1 + body.find(&end).map_or(body.len(), |at| at + end.len()))
}

/// Marks each item under `#[cfg(test)]` or `#[cfg(all(test, ..))]`, to its closing brace or semicolon.
fn mark_tests(tokens: &mut [Token]) {
    let is = |tokens: &[Token], at: usize, texts: &[&str]| {
        texts.iter().enumerate().all(|(n, text)| tokens.get(at + n).is_some_and(|token| token.text == *text))
    };
    for at in 0..tokens.len() {
        let marked = is(tokens, at, &["#", "[", "cfg", "(", "test", ")"])
            || is(tokens, at, &["#", "[", "cfg", "(", "all", "(", "test"]);
        if !marked || tokens[at].in_test {
            continue;
        }
        let mut depth = 0_usize;
        for token in &mut tokens[at..] {
            token.in_test = true;
            match &*token.text {
                "{" => depth += 1,
                "}" => depth = depth.saturating_sub(1),
                ";" => {}
                _ => continue,
            }
            if depth == 0 {
                break;
            }
        }
    }
}
