//! Paths in token streams: where `crate`, `super` and `std` lead, also through the trees of `use`.

use crate::tokens::Token;

/// One path out of a module.
#[derive(Debug)]
pub struct Path {
    /// What it names below the crate's root.
    pub in_crate: Option<String>,
    /// What it names below `std`, `core` or `alloc`.
    pub in_std: Option<String>,
    pub line: usize,
    pub in_test: bool,
}

/// The paths of a file that leave its module.
pub fn paths(module: &[String], tokens: &[Token]) -> Vec<Path> {
    let mut found = Vec::new();
    // Inline modules around the token: name, and the brace depth outside.
    let mut inline: Vec<(&str, usize)> = Vec::new();
    let mut depth = 0;
    for (at, token) in tokens.iter().enumerate() {
        match &*token.text {
            "{" => {
                if let Some(name) = inline_module(tokens, at) {
                    inline.push((name, depth));
                }
                depth += 1;
            }
            "}" => {
                depth = depth.saturating_sub(1);
                inline.pop_if(|(_, outside)| *outside == depth);
            }
            head @ ("crate" | "super" | "std" | "core" | "alloc") if is_head(tokens, at) => {
                let here: Vec<&str> =
                    module.iter().map(String::as_str).chain(inline.iter().map(|(name, _)| *name)).collect();
                let mut flat = Vec::new();
                expand(tokens, at + 1, vec![head], token.line, &mut flat);
                found.extend(flat.iter().map(|(segments, line)| {
                    let (in_crate, in_std) = resolve(&here, segments);
                    Path { in_crate, in_std, line: *line, in_test: token.in_test }
                }));
            }
            _ => {}
        }
    }
    found
}

/// What the root re-exports: name, and the module it comes from.
pub fn re_exports(root: &[Token]) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for at in (0..root.len()).filter(|at| root[*at].text == "use") {
        let Some(first) = root.get(at + 1) else { break };
        let mut flat = Vec::new();
        expand(root, at + 2, vec![&first.text], first.line, &mut flat);
        for (segments, _) in flat {
            if let [part, .., name] = &segments[..] {
                found.push((name.to_string(), part.to_string()));
            }
        }
    }
    found
}

fn inline_module(tokens: &[Token], brace: usize) -> Option<&str> {
    let name = tokens.get(brace.checked_sub(1)?)?;
    let word = tokens.get(brace.checked_sub(2)?)?;
    (word.text == "mod").then_some(&*name.text)
}

/// Whether a path begins here: nothing before it, or a bare `::`.
fn is_head(tokens: &[Token], at: usize) -> bool {
    let before = |n: usize| at.checked_sub(n).map(|at| &*tokens[at].text);
    match before(1) {
        Some("::") => !before(2).is_some_and(|text| text == ">" || is_word(text)),
        _ => true,
    }
}

fn is_word(text: &str) -> bool {
    text.starts_with(|c: char| c == '_' || c.is_alphanumeric())
        && !matches!(text, "use" | "return" | "in" | "as" | "else" | "match" | "if" | "impl" | "for" | "dyn")
}

/// All paths that go on from `at` behind `prefix`, each with its line. Returns where they end.
fn expand<'a>(
    tokens: &'a [Token],
    mut at: usize,
    mut prefix: Vec<&'a str>,
    mut line: usize,
    found: &mut Vec<(Vec<&'a str>, usize)>,
) -> usize {
    while tokens.get(at).is_some_and(|token| token.text == "::") {
        match tokens.get(at + 1) {
            Some(open) if open.text == "{" => {
                at += 2;
                while let Some(token) = tokens.get(at) {
                    match &*token.text {
                        "}" => return at + 1,
                        text if text == "*" || is_word(text) => {
                            let mut longer = prefix.clone();
                            longer.push(text);
                            at = expand(tokens, at + 1, longer, token.line, found);
                        }
                        _ => at += 1,
                    }
                }
                return at;
            }
            Some(next) if next.text == "*" || is_word(&next.text) => {
                prefix.push(&next.text);
                line = next.line;
                at += 2;
            }
            _ => break,
        }
    }
    // `b as c`: the new name is no path.
    if tokens.get(at).is_some_and(|token| token.text == "as") {
        at += 2;
    }
    found.push((prefix, line));
    at
}

/// The first name below the crate's root, or below std, that a path from module `here` leads to.
fn resolve(here: &[&str], segments: &[&str]) -> (Option<String>, Option<String>) {
    let owned = |name: &&str| (*name).to_owned();
    match segments {
        ["crate", rest @ ..] => (rest.iter().find(|name| **name != "self").map(owned), None),
        ["super", ..] => {
            let ups = segments.iter().take_while(|name| **name == "super").count();
            let stays = &here[..here.len().saturating_sub(ups)];
            let named = segments[ups..].iter().find(|name| **name != "self");
            (stays.first().or(named).map(owned), None)
        }
        [_, rest @ ..] => (None, rest.first().map(owned)),
        [] => (None, None),
    }
}
