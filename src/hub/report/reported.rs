//! An error that is to be reported, and what the host knows about it.

use super::known;
use crate::contain::contain;
use crate::error::{Diagnostic, Retry, Severity};
use std::borrow::Cow;
use std::error::Error;
use std::fmt::{self, Write};

/// Characters of a message, of each cause, and of a code; how many causes there are at most.
const MESSAGE: usize = 1_024;
const CAUSE: usize = 256;
const CODE: usize = 64;
const CAUSES: usize = 8;
/// The code of an error that nobody has given one.
const HOST: &str = "host";

/// An error, and what the host says about it: see [`Flightdeck::report`](crate::Flightdeck::report). A reference to an
/// error is one that nothing more is said about.
#[derive(Clone, Debug)]
#[must_use = "it is reported by `Flightdeck::report`"]
pub struct Reported<'e> {
    pub(super) error: &'e (dyn Error + 'static),
    /// What the error itself says, where its type is known to be one of this crate's.
    of_error: Option<Advice>,
    code: Option<Cow<'static, str>>,
    severity: Option<Severity>,
    retry: Option<Retry>,
    recovery: Option<Cow<'static, str>>,
    is_withheld: bool,
}

/// What an error of this crate says beside its message.
#[derive(Clone, Debug)]
pub(super) struct Advice {
    code: &'static str,
    severity: Severity,
    retry: Retry,
    recovery: Cow<'static, str>,
}

impl Advice {
    pub(super) fn of(error: &dyn Diagnostic) -> Self {
        let (severity, retry, recovery) = (error.severity(), error.retry(), error.recovery());
        Self { code: error.code(), severity, retry, recovery }
    }
}

/// All that is said of an error in the end.
pub(super) struct Told {
    pub(super) code: Cow<'static, str>,
    pub(super) severity: Severity,
    pub(super) retry: Retry,
    pub(super) recovery: Cow<'static, str>,
    pub(super) message: String,
    pub(super) causes: Vec<String>,
}

impl<'e> Reported<'e> {
    /// Any error.
    pub fn new(error: &'e (dyn Error + 'static)) -> Self {
        Self {
            error,
            of_error: None,
            code: None,
            severity: None,
            retry: None,
            recovery: None,
            is_withheld: false,
        }
    }

    /// One that tells code, severity, advice and hint by itself: the host's own, if it implements [`Diagnostic`]. Those of this
    /// crate are known without it, but for generic ones, such as that of a config that is not the deck's.
    pub fn of<E: Diagnostic>(error: &'e E) -> Self {
        Self { of_error: Some(Advice::of(error)), ..Self::new(error) }
    }

    /// Its code, in place of what it would have: stable text, such as `venue.answer`, for alerts and counters. Made while
    /// running it would make counters without end: telemetry has a limit for that, and counts the rest together.
    pub fn code(mut self, code: impl Into<Cow<'static, str>>) -> Self {
        self.code = Some(code.into());
        self
    }

    /// How much it matters; without it [`Severity::Error`], or what an error of this crate says.
    pub fn severity(mut self, severity: Severity) -> Self {
        self.severity = Some(severity);
        self
    }

    /// Whether to try again; without it [`Retry::Never`], or what an error of this crate says.
    pub fn retry(mut self, retry: Retry) -> Self {
        self.retry = Some(retry);
        self
    }

    /// What a person can do about it, in one line.
    pub fn recovery(mut self, hint: impl Into<Cow<'static, str>>) -> Self {
        self.recovery = Some(hint.into());
        self
    }

    /// Neither its message nor those of its causes are kept, only their lengths: for errors that may quote a secret.
    pub fn withheld(mut self) -> Self {
        self.is_withheld = true;
        self
    }

    /// With what is known of it in a deck with a config of this type.
    pub(super) fn told<C: Send + Sync + 'static>(self) -> Told {
        let advice = self.of_error.or_else(|| chain(self.error).find_map(known::advice::<C>));
        let (code, severity, retry, recovery) = match advice {
            Some(Advice { code, severity, retry, recovery }) => (code, severity, retry, recovery),
            None => (HOST, Severity::Error, Retry::Never, Cow::Borrowed("")),
        };
        let text = |error: &dyn Error, limit| {
            if self.is_withheld { withheld(error) } else { bounded(error, limit) }
        };
        Told {
            code: self.code.map_or(Cow::Borrowed(code), |code| one_line(code, CODE)),
            severity: self.severity.unwrap_or(severity),
            retry: self.retry.unwrap_or(retry),
            recovery: self.recovery.map_or(recovery, |hint| one_line(hint, CAUSE)),
            message: text(self.error, MESSAGE),
            causes: chain(self.error).skip(1).take(CAUSES).map(|cause| text(cause, CAUSE)).collect(),
        }
    }
}

impl<'e, E: Error + 'static> From<&'e E> for Reported<'e> {
    fn from(error: &'e E) -> Self {
        Self::new(error)
    }
}

impl<'e> From<&'e (dyn Error + 'static)> for Reported<'e> {
    fn from(error: &'e (dyn Error + 'static)) -> Self {
        Self::new(error)
    }
}

impl<'e> From<&'e (dyn Error + Send + Sync + 'static)> for Reported<'e> {
    fn from(error: &'e (dyn Error + Send + Sync + 'static)) -> Self {
        Self::new(error)
    }
}

/// The error and its causes. A chain may be circular, so it ends where it is long.
fn chain<'e>(error: &'e (dyn Error + 'static)) -> impl Iterator<Item = &'e (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error| error.source()).take(4 * CAUSES)
}

/// In one line, and no longer than that. What its own code does to that end may fail, or panic.
fn bounded(error: &dyn Error, limit: usize) -> String {
    shown(error, Line { text: String::new(), left: limit }, |mut line, is_whole| {
        if !is_whole && line.left == 0 {
            line.text.push_str("...");
        }
        line.text
    })
}

fn withheld(error: &dyn Error) -> String {
    shown(error, Length(0), |length, _| format!("<withheld, {} bytes>", length.0))
}

fn shown<W: Write>(error: &dyn Error, mut to: W, done: impl FnOnce(W, bool) -> String) -> String {
    let text = |to: &mut W| write!(to, "{error}").is_ok();
    match contain(|| text(&mut to)) {
        Ok(is_whole) => done(to, is_whole),
        Err(_) => "an error that panics when it is shown".to_owned(),
    }
}

fn one_line(text: Cow<'static, str>, limit: usize) -> Cow<'static, str> {
    if text.len() <= limit && !text.contains(char::is_control) {
        return text;
    }
    let mut line = Line { text: String::new(), left: limit };
    if line.write_str(&text).is_err() {
        line.text.push_str("...");
    }
    line.text.into()
}

/// So many characters at most, none of them a control character; then it fails, so that nothing more is made.
struct Line {
    text: String,
    left: usize,
}

impl Write for Line {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for char in text.chars() {
            self.left = self.left.checked_sub(1).ok_or(fmt::Error)?;
            if char.is_control() {
                self.text.extend(char.escape_default());
            } else {
                self.text.push(char);
            }
        }
        Ok(())
    }
}

struct Length(usize);

impl Write for Length {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0 += text.len();
        Ok(())
    }
}
