//! The host's code within ours: its panics stay here, and leave their message.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// How many bytes are kept of what a panic or an error says.
const LONGEST_TEXT: usize = 4_096;

/// Runs it. It must leave its state sound when it unwinds, as any thread must whose panic others survive.
#[inline]
pub(crate) fn contain<R>(run: impl FnOnce() -> R) -> Result<R, String> {
    catch_unwind(AssertUnwindSafe(run)).map_err(message_of)
}

#[cold]
fn message_of(payload: Box<dyn Any + Send>) -> String {
    let message = cut(panic_text(&*payload));
    // The host's as well: it may panic when it is dropped.
    drop_contained(payload);
    message
}

/// Drops what is the host's. A panic ends here, and what it carries, which may panic in turn, is leaked.
pub(crate) fn drop_contained<T>(hosts: T) {
    let _ = catch_unwind(AssertUnwindSafe(|| drop(hosts))).map_err(std::mem::forget);
}

/// What a panic said, if it did.
pub(crate) fn text_of(payload: &(dyn Any + Send)) -> Option<&str> {
    let text = payload.downcast_ref::<&str>().copied();
    text.or_else(|| payload.downcast_ref::<String>().map(String::as_str))
}

/// The same, in any case.
pub(crate) fn panic_text(payload: &(dyn Any + Send)) -> &str {
    text_of(payload).unwrap_or("a panic without text")
}

/// Cut, and marked as such, where it is longer than is kept.
pub(crate) fn cut(text: &str) -> String {
    if text.len() <= LONGEST_TEXT {
        return text.to_owned();
    }
    let kept = (0..=LONGEST_TEXT).rev().find_map(|end| text.get(..end)).unwrap_or_default();
    format!("{kept}... ({} bytes)", text.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::panic::panic_any;

    /// Panics when it is dropped, with another one.
    struct Matryoshka(u32);

    impl Drop for Matryoshka {
        fn drop(&mut self) {
            if self.0 > 0 {
                panic_any(Matryoshka(self.0 - 1));
            }
        }
    }

    #[test]
    fn whatever_a_panic_carries_stays_here() {
        assert_eq!(contain(|| 7), Ok(7));
        assert_eq!(contain(|| panic!("as told")), Err::<(), _>("as told".to_owned()));
        assert_eq!(contain(|| panic!("number {}", 7)), Err::<(), _>("number 7".to_owned()));
        assert_eq!(contain(|| panic_any(Matryoshka(3))), Err::<(), _>("a panic without text".to_owned()));
        drop_contained(Matryoshka(3));
    }

    #[test]
    fn what_it_says_is_kept_up_to_some_length() {
        let long = "\u{fc}".repeat(3_000);
        let Err::<(), _>(kept) = contain(|| panic!("{long}")) else { unreachable!() };
        assert!(kept.starts_with(&long[..LONGEST_TEXT]) && kept.ends_with("... (6000 bytes)"), "{kept}");
    }
}
