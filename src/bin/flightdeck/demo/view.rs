//! The live view: drawn ten times a second on a thread of its own, from a terminal that is put back however the
//! demo ends.

use super::live::{Live, Now};
use super::variant::Equipment;
use crate::args::Color;
use crate::screen::{self, Canvas};
use crate::shown::{self, grouped, nanos};
use crate::{interrupt, size};
use flightdeck::events::Value;
use flightdeck::supervisor::WorkerState;
use flightdeck::telemetry::HistogramValues;
use flightdeck::{Health, Ticks};
use ratatui::Frame;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEvent, KeyModifiers};
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color as Paint, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Paragraph, Sparkline};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

const EVERY: Duration = Duration::from_millis(100);
/// How far back the last events are looked for.
const RECENT: Duration = Duration::from_millis(150);

/// The view, until it drops.
pub struct View {
    closing: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl View {
    /// Takes over the terminal behind standard error.
    pub fn open(live: Arc<Live>, color: Color) -> io::Result<Self> {
        let terminal = screen::take()?;
        let closing = Arc::new(AtomicBool::new(false));
        let (told, is_colored) = (closing.clone(), color.applies(true));
        let spawned = thread::Builder::new().name("view".to_owned()).spawn(move || {
            let mut picture = Picture { live, is_colored, events: Vec::new() };
            show(terminal, &told, &mut picture);
        });
        let thread = Some(spawned.inspect_err(|_| screen::restore())?);
        Ok(Self { closing, thread })
    }
}

impl Drop for View {
    fn drop(&mut self) {
        // Relaxed: the flag stands for itself, and joining waits for what it causes.
        self.closing.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
        screen::restore();
    }
}

fn show(mut terminal: Canvas, closing: &AtomicBool, picture: &mut Picture) {
    while !closing.load(Ordering::Relaxed) {
        if terminal.draw(|frame| picture.draw(frame)).is_err() {
            return;
        }
        // Waiting for a key is the pause between two pictures.
        match event::poll(EVERY) {
            Ok(true) => {
                if let Ok(Event::Key(key)) = event::read()
                    && is_end(key)
                {
                    interrupt::request();
                }
            }
            Ok(false) => {}
            // Nothing to wait for keys with: the picture alone must not take a whole processor.
            Err(_) => thread::sleep(EVERY),
        }
    }
}

fn is_end(key: KeyEvent) -> bool {
    let is_interrupt = key.code == KeyCode::Char('c') && key.modifiers.contains(KeyModifiers::CONTROL);
    is_interrupt || key.code == KeyCode::Char('q')
}

struct Picture {
    live: Arc<Live>,
    is_colored: bool,
    /// The last that were found, for the turns in which nothing is recorded.
    events: Vec<Line<'static>>,
}

impl Picture {
    fn draw(&mut self, frame: &mut Frame<'_>) {
        let now = self.live.now();
        let health = self.live.deck.health();
        // A line for each worker, two more, and the border.
        let lower = u16::try_from(health.workers.len() + 4).unwrap_or(u16::MAX).max(7);
        let [title, upper, lower, events, foot] = Layout::vertical([
            Constraint::Length(1),
            Constraint::Length(9),
            Constraint::Length(lower),
            Constraint::Min(3),
            Constraint::Length(1),
        ])
        .areas(frame.area());
        let halves = |area| Layout::horizontal([Constraint::Percentage(50); 2]).areas::<2>(area);
        let ([rates, latency], [config, workers]) = (halves(upper), halves(lower));
        frame.render_widget(self.title(&now), title);
        self.rates(&now, frame, rates);
        self.latency(frame, latency);
        self.config(&now, frame, config);
        self.workers(&health, frame, workers);
        self.events(frame, events);
        frame.render_widget(
            Paragraph::new(" q or Ctrl-C ends it and prints the report").style(self.dim()),
            foot,
        );
    }

    fn paint(&self, paint: Paint) -> Style {
        if self.is_colored { Style::new().fg(paint) } else { Style::new() }
    }

    fn dim(&self) -> Style {
        Style::new().add_modifier(Modifier::DIM)
    }

    fn block(&self, title: &'static str) -> Block<'static> {
        Block::bordered().title(title).border_style(self.dim())
    }

    fn title(&self, now: &Now) -> Line<'static> {
        let name =
            Span::styled(" flightdeck demo ", Style::new().add_modifier(Modifier::BOLD | Modifier::REVERSED));
        let text = format!(
            "  {:.1} of {:.0} s   round {} of {}   now: {}",
            now.elapsed.as_secs_f64(),
            self.live.length.as_secs_f64(),
            (now.round + 1).min(now.rounds),
            now.rounds,
            now.turn.map_or("warming up", Equipment::name)
        );
        Line::from(vec![name, Span::raw(text)])
    }

    fn rates(&self, now: &Now, frame: &mut Frame<'_>, area: Rect) {
        let block = self.block(" requests/s ");
        let inner = block.inner(area);
        frame.render_widget(block, area);
        let rows = Layout::vertical([Constraint::Length(1); Equipment::ALL.len()]).split(inner);
        for (equipment, row) in Equipment::ALL.into_iter().zip(rows.iter()) {
            let [text, graph] = Layout::horizontal([Constraint::Length(24), Constraint::Min(0)]).areas(*row);
            let rate = now.rate(equipment).map_or_else(String::new, grouped);
            let style = if now.turn == Some(equipment) { self.paint(Paint::Green) } else { Style::new() };
            frame.render_widget(
                Paragraph::new(format!("{:<15}{rate:>8}", equipment.name())).style(style),
                text,
            );
            let all: Vec<u64> =
                now.rates.iter().filter(|(of, _)| *of == equipment).map(|(_, rate)| *rate).collect();
            let shown = all.get(all.len().saturating_sub(graph.width.into())..).unwrap_or_default();
            frame.render_widget(Sparkline::default().data(shown).style(self.paint(Paint::Cyan)), graph);
        }
        let stats = self.live.deck.telemetry().snapshot();
        let counter = |name: &str| match stats.get(name) {
            Some(flightdeck::telemetry::Value::Counter(count)) => *count,
            _ => 0,
        };
        let (hits, misses) = (counter(super::flight::HITS), counter(super::flight::MISSES));
        let cache = format!(
            "recorded: {} requests\ncache: {} hits, {} misses",
            grouped(counter(super::flight::REQUESTS)),
            grouped(hits),
            grouped(misses)
        );
        let below = Rect { y: inner.y + 5, height: inner.height.saturating_sub(5), ..inner };
        frame.render_widget(Paragraph::new(cache), below);
    }

    fn latency(&self, frame: &mut Frame<'_>, area: Rect) {
        let block = self.block(" latency at the client, recording ");
        let inner = block.inner(area);
        frame.render_widget(block, area);
        let [recording, bare] = self.live.latency.each_ref().map(|histogram| histogram.values());
        let quantile =
            |of: &HistogramValues, share| of.quantile(share).map_or_else(|| "-".to_owned(), shown::ns);
        let bins = bins(&recording, inner.height.saturating_sub(1).into());
        let most = bins.iter().map(|(_, count)| *count).max().unwrap_or(0).max(1);
        let width = u64::from(inner.width.saturating_sub(10));
        let mut lines: Vec<Line<'_>> = bins
            .iter()
            .map(|(upper, count)| {
                let bar = "\u{2588}".repeat((count * width).div_ceil(most) as usize);
                Line::from(vec![
                    Span::raw(format!("{:>8} ", shown::ns(*upper))),
                    Span::styled(bar, self.paint(Paint::Yellow)),
                ])
            })
            .collect();
        let last = format!(
            "p50 {} p99 {} (no deck: {}, {})",
            quantile(&recording, 0.5),
            quantile(&recording, 0.99),
            quantile(&bare, 0.5),
            quantile(&bare, 0.99)
        );
        lines.push(Line::from(last));
        frame.render_widget(Paragraph::new(lines), inner);
    }

    fn config(&self, now: &Now, frame: &mut Frame<'_>, area: Rect) {
        let current = self.live.deck.config().load();
        let mut lines = vec![
            Line::styled(format!("revision {}", current.revision()), self.paint(Paint::Green)),
            Line::from(current.value().to_string()),
        ];
        let rows = usize::from(area.height.saturating_sub(4));
        lines.extend(now.said.iter().rev().take(rows).map(|said| Line::styled(said.clone(), self.dim())));
        frame.render_widget(Paragraph::new(lines).block(self.block(" config ")), area);
    }

    fn workers(&self, health: &Health, frame: &mut Frame<'_>, area: Rect) {
        let mut lines = Vec::new();
        let failed = health.workers.iter().filter(|worker| worker.last_failure.is_some()).count();
        let has_room = health.workers.len() + failed + 4 <= area.height.into();
        for worker in &health.workers {
            let (state, paint) = match &worker.state {
                WorkerState::Running => ("running".to_owned(), Paint::Green),
                WorkerState::BackingOff { delay } => {
                    (format!("back in {}", shown::ns(nanos(*delay))), Paint::Yellow)
                }
                other => (format!("{other:?}").to_lowercase(), Paint::Red),
            };
            lines.push(Line::from(vec![
                Span::raw(format!("{}: ", worker.name)),
                Span::styled(state, self.paint(paint)),
                Span::raw(format!(", {}", shown::count(worker.restarts, "restart"))),
            ]));
            lines.extend(
                worker
                    .last_failure
                    .as_ref()
                    .filter(|_| has_room)
                    .map(|why| Line::styled(why.clone(), self.paint(Paint::Red))),
            );
        }
        let plan = self.live.deck.events().plan();
        lines.push(Line::from(health.to_string()));
        lines.push(Line::styled(format!("events: {}", size::shown(plan.total as u64)), self.dim()));
        frame.render_widget(Paragraph::new(lines).block(self.block(" workers and health ")), area);
    }

    fn events(&mut self, frame: &mut Frame<'_>, area: Rect) {
        let rows = usize::from(area.height.saturating_sub(2));
        let events = self.live.deck.events();
        let clock = events.clock();
        let converter = clock.converter();
        let from = Ticks(clock.now().0.saturating_sub(converter.ticks_in(RECENT)));
        // Only the blocks of the last moments are looked at, while the host goes on writing.
        if let Ok(answer) = events.query().between(from..).newest_first().limit(rows).run()
            && !answer.is_empty()
        {
            let lines = answer.iter().map(|event| {
                let mut text = format!("{:.8} {:<14}", event.correlation().to_string(), event.kind());
                for (name, value) in event.fields() {
                    let value = match value {
                        Value::F64(number) => format!("{number:.3}"),
                        other => other.to_string(),
                    };
                    text.push_str(&format!(" {name}={value}"));
                }
                Line::from(text)
            });
            self.events = lines.collect();
        }
        let block = self.block(" last events, asked from the running deck ");
        frame.render_widget(Paragraph::new(self.events.clone()).block(block), area);
    }
}

/// So many bins of equal ratio between the fastest and the slowest but one in a thousand; what is slower is in
/// the last. Upper ends in nanoseconds.
fn bins(values: &HistogramValues, count: usize) -> Vec<(u64, u64)> {
    let (Some(low), Some(high)) = (values.quantile(0.001), values.quantile(0.999)) else { return Vec::new() };
    let ratio = (high as f64 / low.max(1) as f64).max(1.01).powf(1.0 / count.max(1) as f64);
    let mut bins: Vec<(u64, u64)> =
        (1..=count).map(|at| ((low.max(1) as f64 * ratio.powi(at as i32)) as u64, 0)).collect();
    for (least, _, number) in values.buckets() {
        let place = bins.iter().position(|(upper, _)| least < *upper).unwrap_or(bins.len().saturating_sub(1));
        if let Some((_, count)) = bins.get_mut(place) {
            *count += number;
        }
    }
    bins
}
