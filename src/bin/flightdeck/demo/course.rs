//! What happens in the course of the demo: the variants in turn, and at set moments a change of config, a refused
//! one, and a line that makes the worker panic.

use super::faults::Faults;
use super::feed;
use super::live::Live;
use super::load::Load;
use super::settings::{CHANGES, REFUSED, Settings};
use super::source::Source;
use super::variant::{Equipment, Round, Variant};
use crate::interrupt;
use flightdeck::{Revision, Ticks};
use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};

/// Rounds in which each variant has one turn: no fewer, so that a median is worth something.
const LEAST_ROUNDS: u32 = 10;
/// How long a turn takes at most: a shared machine changes its pace from second to second, so turns that are
/// compared must lie close together.
const LONGEST_TURN: Duration = Duration::from_millis(25);

/// A revision of the config.
#[derive(Clone, Debug)]
pub struct Revised {
    pub revision: Revision,
    pub at: Duration,
    pub settings: Settings,
}

/// What was done, apart from requests.
#[derive(Debug, Default)]
pub struct Log {
    /// When it began, by the recording deck's clock.
    pub began: Ticks,
    pub revisions: Vec<Revised>,
    /// What the config said to a change that makes no sense.
    pub refused: Option<String>,
    pub rounds: u32,
    pub took: Duration,
    pub is_interrupted: bool,
}

pub struct Course<'a> {
    pub variants: &'a mut [Variant],
    pub load: Load,
    pub lines: &'a Sender<String>,
    pub live: &'a Live,
    /// Where the config comes from, if not from here.
    pub source: Option<Source>,
    /// What goes wrong besides, if that is wanted.
    pub faults: Option<Faults>,
}

impl Course<'_> {
    /// Runs for so long, or until interrupted.
    pub fn run(&mut self, length: Duration) -> Log {
        let turns = Equipment::ALL.len() as u32;
        let rounds = (length.as_secs_f64() / (LONGEST_TURN * turns).as_secs_f64()).ceil() as u32;
        let rounds = rounds.max(LEAST_ROUNDS);
        let turn = length / (rounds * turns);
        let start = Instant::now();
        let mut log = Log::default();
        if let Some(deck) = self.recording().and_then(|variant| variant.deck.as_ref()) {
            log.began = deck.events().clock().now();
            let first = deck.config().load();
            log.revisions.push(Revised { revision: first.revision(), at: Duration::ZERO, settings: **first });
        }
        // Connections are made, code and caches warm; not counted.
        for variant in &*self.variants {
            self.load.drive(variant.host.address, turn, &self.live.warm_up);
        }
        for round in 0..rounds {
            self.act(round, rounds, start, &mut log);
            for place in 0..self.variants.len() {
                if interrupt::came() {
                    log.is_interrupted = true;
                    log.took = start.elapsed();
                    return log;
                }
                // Each variant is first, second, third and last equally often.
                let number = (place + round as usize) % self.variants.len();
                self.feed(round as usize * self.variants.len() + place);
                self.turn(number, turn, start);
            }
            log.rounds += 1;
            self.live.note(|now| (now.round, now.rounds) = (round + 1, rounds));
        }
        log.took = start.elapsed();
        log
    }

    fn recording(&self) -> Option<&Variant> {
        self.variants.iter().find(|variant| variant.equipment == Equipment::Recording)
    }

    fn turn(&mut self, number: usize, time: Duration, start: Instant) {
        let Some(variant) = self.variants.get_mut(number) else { return };
        self.live.note(|now| now.turn = Some(variant.equipment));
        let (before, began) = (variant.host.cpu(), Instant::now());
        let done = self.load.drive(variant.host.address, time, &variant.latency);
        let (took, after) = (began.elapsed(), variant.host.cpu());
        let cpu = before.zip(after).map(|(before, after)| after.saturating_sub(before));
        variant.rounds.push(Round { requests: done.requests, time: took, cpu });
        variant.slow.extend(done.slowest);
        variant.failed += done.failed;
        let rate = (done.requests as f64 / took.as_secs_f64()) as u64;
        self.live.note(|now| {
            now.elapsed = start.elapsed();
            now.rates.push((variant.equipment, rate));
        });
    }

    /// Moves a book in every host: the recording one's worker does it, the others are told by hand.
    fn feed(&self, step: usize) {
        let number = step * 7 % super::book::SYMBOLS;
        let middle = 20.0 + 3.5 * number as f64 + (step % 11) as f64 * 0.01;
        for variant in &*self.variants {
            if variant.equipment == Equipment::Recording {
                let _ = self.lines.send(format!("{};{middle}", super::book::symbol(number)));
            } else {
                variant.host.shared.move_book(number, middle);
            }
        }
    }

    fn act(&mut self, round: u32, rounds: u32, start: Instant, log: &mut Log) {
        if self.source.is_some() {
            self.follow(start, log);
        } else {
            self.change(round, rounds, start, log);
        }
        if round == rounds * 2 / 5 {
            let _ = self.lines.send(feed::MALFORMED.to_owned());
            self.live.say(format!("malformed line sent to worker {}", feed::NAME));
        }
        if let Some(said) = self.faults.as_ref().and_then(|faults| faults.act(round, rounds)) {
            self.live.say(said.to_owned());
        }
    }

    /// What the file said meanwhile: the recording host has it from its deck, the others are told.
    fn follow(&mut self, start: Instant, log: &mut Log) {
        let Some(source) = &mut self.source else { return };
        match source.news() {
            None => {}
            Some(Ok(())) => self.live.say("the file is well again".to_owned()),
            Some(Err(refused)) => {
                self.live.say(format!("refused: {refused}"));
                log.refused = Some(refused);
            }
        }
        let now = source.config().load();
        if log.revisions.last().is_none_or(|last| last.revision != now.revision()) {
            let (revision, settings, at) = (now.revision(), **now, start.elapsed());
            log.revisions.push(Revised { revision, at, settings });
            for variant in self.variants.iter().filter(|other| other.equipment != Equipment::Recording) {
                variant.configure(settings);
            }
            self.live.say(format!("changed: {settings}"));
        }
    }

    fn change(&mut self, round: u32, rounds: u32, start: Instant, log: &mut Log) {
        let change = [rounds / 4, rounds / 2, rounds * 3 / 4].iter().position(|at| *at == round);
        if let Some(settings) = change.and_then(|number| CHANGES.get(number)) {
            for variant in &*self.variants {
                let published = variant.configure(*settings);
                if variant.equipment == Equipment::Recording {
                    log.revisions.extend(published.map(|published| Revised {
                        revision: published.revision(),
                        at: start.elapsed(),
                        settings: *settings,
                    }));
                }
            }
            self.live.say(format!("changed: {settings}"));
        }
        if round == rounds * 3 / 10
            && let Some(deck) = self.recording().and_then(|variant| variant.deck.as_ref())
        {
            log.refused = deck.config().replace(REFUSED).err().map(|error| error.to_string());
            self.live.say("refused: nothing changed".to_owned());
        }
    }
}
