//! What the keys have made of the view.

use super::page::Page;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

/// What a key does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// It changed something, or nothing.
    Draw,
    /// The user has seen enough.
    Quit,
    /// The same as a signal would: the terminal hands over the key instead of sending one.
    Interrupt,
}

/// Which page, and what of it.
#[derive(Debug)]
pub struct State {
    pages: &'static [Page],
    /// The place of the page.
    at: usize,
    /// Lines above what is seen.
    pub offset: usize,
    /// How many lines there were room for, and how many there are: set by whoever draws.
    pub room: usize,
    pub lines: usize,
    /// Only lines with this text.
    pub filter: String,
    /// Whether the text is being written.
    pub is_writing: bool,
    pub is_by_name: bool,
    /// Whether nothing is looked at any more.
    pub is_still: bool,
    pub has_help: bool,
}

impl State {
    pub fn new(pages: &'static [Page]) -> Self {
        Self {
            pages,
            at: 0,
            offset: 0,
            room: 0,
            lines: 0,
            filter: String::new(),
            is_writing: false,
            is_by_name: false,
            is_still: false,
            has_help: false,
        }
    }

    pub fn page(&self) -> Page {
        self.pages.get(self.at).copied().unwrap_or(Page::Rates)
    }

    fn turn_to(&mut self, at: usize) {
        if at < self.pages.len() {
            (self.at, self.offset) = (at, 0);
        }
    }

    /// A key was pressed.
    pub fn press(&mut self, key: KeyEvent) -> Step {
        if key.kind == KeyEventKind::Release {
            return Step::Draw;
        }
        if key.code == KeyCode::Char('c') && key.modifiers.contains(KeyModifiers::CONTROL) {
            return Step::Interrupt;
        }
        if self.is_writing {
            self.write(key.code);
            return Step::Draw;
        }
        if self.has_help {
            self.has_help = false;
            return Step::Draw;
        }
        let (page, last) = (self.room.saturating_sub(1).max(1), self.lines.saturating_sub(self.room));
        match key.code {
            KeyCode::Char('q') | KeyCode::F(10) => return Step::Quit,
            KeyCode::Esc if !self.filter.is_empty() => self.filter.clear(),
            KeyCode::Esc => return Step::Quit,
            KeyCode::Char('h' | '?') | KeyCode::F(1) => self.has_help = true,
            KeyCode::Tab | KeyCode::Right => self.turn_to((self.at + 1) % self.pages.len()),
            KeyCode::BackTab | KeyCode::Left => {
                self.turn_to((self.at + self.pages.len() - 1) % self.pages.len());
            }
            KeyCode::Char(digit @ '1'..='9') => self.turn_to(digit as usize - '1' as usize),
            KeyCode::Char('s') => self.is_by_name = !self.is_by_name,
            KeyCode::Char('p' | ' ') => self.is_still = !self.is_still,
            KeyCode::Char('/') | KeyCode::F(4) => {
                self.is_writing = true;
                self.filter.clear();
            }
            KeyCode::Up | KeyCode::Char('k') => self.offset = self.offset.saturating_sub(1),
            KeyCode::Down | KeyCode::Char('j') => self.offset = (self.offset + 1).min(last),
            KeyCode::PageUp => self.offset = self.offset.saturating_sub(page),
            KeyCode::PageDown => self.offset = (self.offset + page).min(last),
            KeyCode::Home => self.offset = 0,
            KeyCode::End => self.offset = last,
            _ => {}
        }
        Step::Draw
    }

    fn write(&mut self, key: KeyCode) {
        match key {
            KeyCode::Enter => self.is_writing = false,
            KeyCode::Esc => {
                self.is_writing = false;
                self.filter.clear();
            }
            KeyCode::Backspace => _ = self.filter.pop(),
            KeyCode::Char(letter) => self.filter.push(letter),
            _ => {}
        }
        self.offset = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pressed(state: &mut State, keys: &[KeyCode]) -> Step {
        keys.iter().map(|key| state.press(KeyEvent::new(*key, KeyModifiers::NONE))).last().unwrap()
    }

    #[test]
    fn pages_are_turned_in_a_ring_and_by_number() {
        let mut state = State::new(&Page::ALL);
        pressed(&mut state, &[KeyCode::BackTab]);
        assert_eq!(state.page(), Page::Events);
        pressed(&mut state, &[KeyCode::Tab, KeyCode::Tab]);
        assert_eq!(state.page(), Page::Gauges);
        pressed(&mut state, &[KeyCode::Char('4'), KeyCode::Char('9')]);
        assert_eq!(state.page(), Page::Workers, "there are no nine");
    }

    #[test]
    fn nobody_moves_beyond_the_last_line() {
        let mut state = State { room: 10, lines: 25, ..State::new(&Page::ALL) };
        pressed(&mut state, &[KeyCode::PageDown, KeyCode::PageDown, KeyCode::Down]);
        assert_eq!(state.offset, 15);
        pressed(&mut state, &[KeyCode::PageUp]);
        assert_eq!(state.offset, 6);
        pressed(&mut state, &[KeyCode::Home, KeyCode::Up]);
        assert_eq!(state.offset, 0);
    }

    #[test]
    fn a_text_is_written_and_taken_back() {
        let mut state = State::new(&Page::ALL);
        let letters = ['/', 'q', 'u', 'x'].map(KeyCode::Char);
        assert_eq!(pressed(&mut state, &letters), Step::Draw, "not the end: a letter");
        pressed(&mut state, &[KeyCode::Backspace, KeyCode::Enter]);
        assert_eq!((state.filter.as_str(), state.is_writing), ("qu", false));
        assert_eq!(pressed(&mut state, &[KeyCode::Esc]), Step::Draw);
        assert_eq!(state.filter, "");
        assert_eq!(pressed(&mut state, &[KeyCode::Esc]), Step::Quit);
    }

    #[test]
    fn an_interrupt_is_one_whatever_is_being_done() {
        let interrupt = KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL);
        for before in ['1', '/', 'h'] {
            let mut state = State::new(&Page::ALL);
            pressed(&mut state, &[KeyCode::Char(before)]);
            assert_eq!(state.press(interrupt), Step::Interrupt, "after {before}");
        }
    }
}
