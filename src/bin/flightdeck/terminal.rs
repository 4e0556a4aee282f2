//! What the terminal can do.

/// Whether it understands no escape sequences: an editor's shell buffer, for example.
pub fn is_dumb() -> bool {
    std::env::var_os("TERM").is_some_and(|kind| kind == "dumb")
}
