//! The terminal behind standard error, taken over for a view and put back however that ends.

use crate::terminal;
use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
use ratatui::crossterm::terminal::{
    EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode,
};
use ratatui::crossterm::{cursor, execute};
use std::io::{self, IsTerminal, Stderr};
use std::sync::atomic::{AtomicBool, Ordering};

/// What a view draws on.
pub type Canvas = Terminal<CrosstermBackend<Stderr>>;

/// Whether the terminal is taken over now. One for the process, as its terminal is.
static IS_TAKEN: AtomicBool = AtomicBool::new(false);

/// Whether there is one on which a view can be drawn.
pub fn is_possible() -> bool {
    io::stderr().is_terminal() && !terminal::is_dumb()
}

/// Takes it over, until [`restore`].
pub fn take() -> io::Result<Canvas> {
    enable_raw_mode()?;
    IS_TAKEN.store(true, Ordering::Relaxed);
    let opened = execute!(io::stderr(), EnterAlternateScreen, cursor::Hide)
        .and_then(|()| Terminal::new(CrosstermBackend::new(io::stderr())));
    opened.inspect_err(|_| restore())
}

/// Puts it back. Harmless where it never was taken.
pub fn restore() {
    if IS_TAKEN.swap(false, Ordering::Relaxed) {
        let _ = disable_raw_mode();
        let _ = execute!(io::stderr(), LeaveAlternateScreen, cursor::Show);
    }
}
