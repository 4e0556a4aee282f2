//! What is said beside the results, on standard error: messages of one line each, and progress on a
//! terminal. Nothing here can fail: who closed standard error does not want to know.

use crate::args::Color;
use crate::shown;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::fmt::Display;
use std::io::{self, IsTerminal, Write};

/// Standard error.
pub struct Messages {
    is_colored: bool,
    bar: ProgressBar,
}

impl Messages {
    pub fn stderr(color: Color) -> Self {
        Self { is_colored: color.applies(io::stderr().is_terminal()), bar: ProgressBar::hidden() }
    }

    /// Something was not done.
    pub fn error(&self, message: impl Display) {
        self.say("error", "\x1b[1;31m", &message);
    }

    /// Something in `text` is wrong at this byte of it: shown beneath, with a mark.
    pub fn error_in(&self, message: impl Display, text: &str, at: usize) {
        self.error(message);
        let [text, mark] = marked(text, at);
        self.bar.suspend(|| {
            let _ = writeln!(io::stderr().lock(), "  {text}\n  {mark}");
        });
    }

    /// Something is not as expected, and the work goes on.
    pub fn warn(&self, message: impl Display) {
        self.say("warning", "\x1b[1;33m", &message);
    }

    /// Something worth knowing.
    pub fn note(&self, message: impl Display) {
        self.say("note", "\x1b[1m", &message);
    }

    fn say(&self, what: &str, paint: &str, message: &dyn Display) {
        // File names and rows are input too.
        let line = shown::plain(&message.to_string());
        self.bar.suspend(|| {
            let (paint, plain) = if self.is_colored { (paint, "\x1b[0m") } else { ("", "") };
            let _ = writeln!(io::stderr().lock(), "{paint}{what}:{plain} {line}");
        });
    }

    /// Shows a bar up to `total` bytes, or without an end, if standard error is a terminal.
    pub fn start_progress(&mut self, total: Option<u64>) {
        let paint = if self.is_colored { ".cyan" } else { "" };
        let template = match total {
            Some(_) => format!(
                "{{bar:32{paint}}} {{percent:>3}} %  {{binary_bytes}} of {{binary_total_bytes}}  {{msg}}"
            ),
            None => format!("{{spinner{}}} {{binary_bytes}}  {{msg}}", paint.replace('.', ":.")),
        };
        let target = ProgressDrawTarget::stderr_with_hz(10);
        self.bar = ProgressBar::with_draw_target(total, target);
        if let Ok(style) = ProgressStyle::with_template(&template) {
            self.bar.set_style(style);
        }
    }

    /// Moves the bar.
    pub fn progress(&self, bytes: u64, rows: u64) {
        if !self.bar.is_hidden() {
            self.bar.set_message(format!("{rows} rows"));
            self.bar.set_position(bytes);
        }
    }

    /// Takes the bar away.
    pub fn end_progress(&mut self) {
        self.bar.finish_and_clear();
        self.bar = ProgressBar::hidden();
    }
}

/// `text` on one line, as much of it as fits beside what is at this byte, and a line with a caret under that.
fn marked(text: &str, at: usize) -> [String; 2] {
    const BEFORE: usize = 50;
    const AFTER: usize = 30;
    let (before, after) = text.split_at_checked(at).unwrap_or((text, ""));
    let skipped = before.chars().count().saturating_sub(BEFORE);
    let before = shown::plain(&before.chars().skip(skipped).collect::<String>());
    let start = if skipped > 0 { "..." } else { "" };
    let end = if after.chars().nth(AFTER).is_some() { "..." } else { "" };
    let after = shown::plain(&after.chars().take(AFTER).collect::<String>());
    let columns = start.len() + before.chars().count();
    [format!("{start}{before}{after}{end}"), format!("{:columns$}^", "")]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_caret_is_under_the_byte() {
        for (text, at, expected) in [
            ("a == ", 5, ["a == ", "     ^"]),
            ("é\t== ?", 6, [r"é\t== ?", "      ^"]),
            ("", 0, ["", "^"]),
            ("é", 1, ["é", " ^"]),
        ] {
            assert_eq!(marked(text, at), expected, "{text:?}");
        }
        let [text, mark] = marked(&format!("{}!{}", "x".repeat(900), "y".repeat(900)), 900);
        assert_eq!(text.chars().nth(mark.len() - 1), Some('!'));
        assert!(text.len() < 100 && text.starts_with("...x") && text.ends_with("y..."), "{text}");
    }
}
