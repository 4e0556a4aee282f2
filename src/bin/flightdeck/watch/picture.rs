//! How the view is drawn.

use super::page::{Page, Tone};
use super::sight::Sight;
use super::state::State;
use crate::recording::Fate;
use crate::shown::{self, grouped, nanos, plain};
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Clear, Paragraph};

const HELP: [&str; 7] = [
    " Tab, 1 to 6      another page",
    " arrows, PgUp, PgDn, Home, End",
    " /                only lines with a text",
    " s                by name, or by size",
    " p, Space         hold still, go on",
    " q, F10           quit",
    " any key closes this",
];

/// How it looks, and which pages there are.
pub struct Picture {
    pub is_coloured: bool,
    pub pages: &'static [Page],
}

impl Picture {
    pub fn draw(&self, frame: &mut Frame<'_>, sight: &Sight, state: &mut State) {
        let [title, tabs, head, lines, foot] = Layout::vertical([
            Constraint::Length(1),
            Constraint::Length(1),
            Constraint::Length(state.page().head(sight).is_some().into()),
            Constraint::Min(1),
            Constraint::Length(1),
        ])
        .areas(frame.area());
        frame.render_widget(self.title(sight), title);
        frame.render_widget(self.tabs(state, tabs.width), tabs);
        if let Some(columns) = state.page().head(sight) {
            frame.render_widget(Line::styled(columns, self.style(Tone::Head)), head);
        }
        let rows = state.page().rows(sight, state);
        (state.room, state.lines) = (lines.height.into(), rows.len());
        // What was there may be gone by now.
        state.offset = state.offset.min(rows.len().saturating_sub(state.room));
        let seen = rows.into_iter().skip(state.offset).take(state.room);
        let seen: Vec<_> = seen.map(|(tone, text)| Line::styled(text, self.style(tone))).collect();
        let seen =
            if seen.is_empty() { vec![Line::styled("  nothing", self.style(Tone::Faint))] } else { seen };
        frame.render_widget(Paragraph::new(seen), lines);
        frame.render_widget(self.foot(state), foot);
        if state.has_help {
            self.help(frame);
        }
    }

    fn style(&self, tone: Tone) -> Style {
        let paint = |paint| if self.is_coloured { Style::new().fg(paint) } else { Style::new() };
        match tone {
            Tone::Plain => Style::new(),
            Tone::Head => Style::new().add_modifier(Modifier::BOLD),
            Tone::Good => paint(Color::Green),
            Tone::Doubtful => paint(Color::Yellow),
            Tone::Bad => paint(Color::Red),
            Tone::Faint => Style::new().add_modifier(Modifier::DIM),
        }
    }

    /// Whose deck it is and how that is; of several, how many run.
    fn title(&self, sight: &Sight) -> Line<'static> {
        let [deck] = sight.decks.as_slice() else {
            let running = sight.decks.iter().filter(|deck| deck.fate == Fate::Running).count();
            let text = format!(" {} decks, {running} of which run", sight.decks.len());
            return Line::styled(text, self.style(Tone::Head));
        };
        let tone = match deck.fate {
            Fate::Running => Tone::Good,
            Fate::Died | Fate::WentDown => Tone::Bad,
            Fate::Closed | Fate::Copied | Fate::Unknown => Tone::Plain,
        };
        let fate = if deck.fate == Fate::Running {
            let age = sight.time.duration_since(deck.created).unwrap_or_default();
            format!("runs, for {}", shown::ago(nanos(age)))
        } else {
            deck.fate.to_string()
        };
        let mut spans = vec![
            Span::styled(format!(" {} ", deck.who), self.style(Tone::Head)),
            Span::styled(fate, self.style(tone)),
        ];
        if deck.lost > 0 {
            spans.push(Span::styled(format!("  {} events lost", grouped(deck.lost)), self.style(Tone::Bad)));
        }
        let path = plain(&deck.path.to_string_lossy());
        let after = if deck.fate.is_over() {
            format!("  see `flightdeck post-mortem {path}`")
        } else {
            format!("  {path}")
        };
        spans.push(Span::styled(after, self.style(Tone::Faint)));
        Line::from(spans)
    }

    /// All pages by name; where there is no room for that, by number, and the present one by name.
    fn tabs(&self, state: &State, width: u16) -> Line<'static> {
        // Of each its number, its name, and three spaces.
        let needed: usize = self.pages.iter().map(|page| page.name().len() + 4).sum();
        let has_room = needed <= width.into();
        let tab = |(place, page): (usize, &Page)| {
            let chosen = if *page == state.page() { Modifier::REVERSED } else { Modifier::empty() };
            let is_named = has_room || *page == state.page();
            let name = if is_named { format!(" {}", page.name()) } else { String::new() };
            Span::styled(format!(" {}{name} ", place + 1), Style::new().add_modifier(chosen))
        };
        Line::from_iter(self.pages.iter().enumerate().map(tab))
    }

    fn foot(&self, state: &State) -> Line<'static> {
        if state.is_writing {
            return Line::from(format!(" lines with: {}_", state.filter));
        }
        let mut said = vec![" h help  q quit".to_owned()];
        if state.lines > state.room {
            let last = (state.offset + state.room).min(state.lines);
            said.push(format!("{} to {last} of {}", state.offset + 1, state.lines));
        }
        if !state.filter.is_empty() {
            said.push(format!("lines with `{}`", plain(&state.filter)));
        }
        if state.is_by_name {
            said.push("by name".to_owned());
        }
        if state.is_still {
            said.push("HOLDING STILL, p goes on".to_owned());
        }
        Line::styled(said.join("   "), self.style(Tone::Faint))
    }

    fn help(&self, frame: &mut Frame<'_>) {
        let area = frame.area();
        let (width, height) = (44.min(area.width), 9.min(area.height));
        let (x, y) = ((area.width - width) / 2, (area.height - height) / 2);
        let middle = Rect { x, y, width, height };
        frame.render_widget(Clear, middle);
        frame.render_widget(
            Paragraph::new(HELP.map(Line::from).to_vec()).block(Block::bordered().title(" keys ")),
            middle,
        );
    }
}
