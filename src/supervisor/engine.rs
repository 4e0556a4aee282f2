//! The supervisor's thread: it tells the machine what happens, and does what that decides. It sleeps until somebody has
//! news for it or something is due.

use super::chores::{Chore, Chores};
use super::heartbeats::Heartbeats;
use super::incident::{Incident, WorkerStatus};
use super::machine::{Id, Machine, Output};
use super::policy::Exit;
use super::rules::Rules;
use super::shared::{News, Shared};
use super::spec::Kind;
use super::worker::Incarnation;
use crate::contain::contain;
use crate::error::Severity;
use crate::random;
use crate::sync::{Arc, AtomicBool, Relaxed, thread};
use std::collections::HashMap;
use std::time::{Duration, Instant};

/// After so many news in a row, what is due has its turn.
const NEWS_IN_A_ROW: u32 = 64;

/// Told of a child by its number; of a chore, or the process, without one.
pub(crate) type Observer = dyn Fn(Option<Id>, &Incident) + Send + Sync;
pub(crate) type OnMeltdown = dyn Fn(&WorkerStatus) + Send + Sync;

/// The state behind the thread.
pub(crate) struct Engine {
    shared: Arc<Shared>,
    observer: Arc<Observer>,
    on_meltdown: Option<Arc<OnMeltdown>>,
    machine: Machine,
    /// The current run of each child that has one.
    runs: HashMap<u64, (u64, Incarnation)>,
    heartbeats: Heartbeats,
    chores: Chores,
    began: Instant,
}

impl Engine {
    pub(crate) fn new(
        shared: Arc<Shared>,
        observer: Arc<Observer>,
        on_meltdown: Option<Arc<OnMeltdown>>,
        rules: Rules,
        chores: Vec<Chore>,
    ) -> Self {
        let seed = random::seed();
        Self {
            shared,
            observer,
            on_meltdown,
            machine: Machine::new(rules, seed),
            runs: HashMap::new(),
            heartbeats: Heartbeats::default(),
            chores: Chores(chores),
            began: Instant::now(),
        }
    }

    /// Runs until everything has stopped.
    pub(crate) fn run(mut self) {
        self.shared.attend();
        if cfg!(panic = "abort") {
            self.observe(None, &Incident::RestartsImpossible);
        }
        let mut in_a_row = 0;
        loop {
            self.shared.watchdog.awake();
            let news = self.shared.hear();
            in_a_row = if news.is_some() { in_a_row + 1 } else { 0 };
            if let Some(news) = news {
                self.hear(news);
                // Whoever has come to an end by the time that it is given up on has not been too late.
                if in_a_row % NEWS_IN_A_ROW != 0 {
                    if self.carry_out() {
                        return;
                    }
                    continue;
                }
            }
            let now = Instant::now();
            self.check_heartbeats(now);
            self.machine.pass(self.virtual_time(now));
            if self.carry_out() {
                return;
            }
            self.run_chores(now);
            if in_a_row == 0 {
                self.rest();
            }
        }
    }

    /// As the machine counts it.
    fn virtual_time(&self, at: Instant) -> Duration {
        at.saturating_duration_since(self.began)
    }

    fn hear(&mut self, news: News) {
        let now = self.virtual_time(Instant::now());
        match news {
            News::Ended { child, generation, exit } => {
                self.let_go(child, generation);
                self.machine.ended(child, generation, exit, now);
            }
            News::Gone { child, generation } => self.machine.gone(child, generation, now),
            News::Ready { child, generation } => self.machine.ready(child, generation, now),
            News::Add { parent, plan } => self.machine.add(parent, *plan, now),
            News::Ask { child, ask, ticket, deadline } => {
                self.machine.ask(child, ask, ticket, self.virtual_time(deadline), now);
            }
            News::Pace { chore, every } => self.chores.pace(&chore, every),
            News::Soon { chore } => {
                self.shared.soon_is_heard(&chore);
                self.chores.hurry(&chore);
            }
            News::Stop { deadline } => self.machine.stop(self.virtual_time(deadline), now),
        }
    }

    /// Does what the machine decided; whether everything is over.
    fn carry_out(&mut self) -> bool {
        while let Some(output) = self.machine.output() {
            match output {
                Output::Start { child, generation } => self.start(child, generation),
                Output::AskStop { child, generation } => {
                    if let Some((_, run)) = self.runs.get(&child).filter(|(of, _)| *of == generation) {
                        run.stop();
                    }
                }
                // Each thread says so, the last thing that it does.
                Output::AwaitGone { .. } => {}
                Output::Changed { child } => {
                    if let Some(view) = self.machine.view(child) {
                        self.shared.with_roll(|roll| roll.update(child, view));
                    }
                }
                Output::Removed { child } => {
                    self.runs.remove(&child);
                    self.shared.with_roll(|roll| roll.remove(child));
                }
                Output::Stopping => self.shared.begin_stop(),
                Output::Tell(child, incident) => self.observe(Some(child), &incident),
                Output::Answer { ticket, report } => self.shared.answer(ticket, report),
                Output::MeltedDown { child } => self.melt_down(child),
                Output::Over(report) => {
                    self.machine.drop_specs();
                    self.shared.close(report);
                    return true;
                }
            }
        }
        false
    }

    fn start(&mut self, child: u64, generation: u64) {
        let Some((path, spec)) = self.machine.spec(child) else { return };
        let Kind::Worker(body) = &spec.kind else { return };
        let ended = {
            let shared = self.shared.clone();
            move |exit: Exit| {
                let failed = exit.failure().is_some();
                shared.tell(News::Ended { child, generation, exit });
                if let Some(last_words) = shared.last_words.get().filter(|_| failed) {
                    last_words(child, generation);
                }
            }
        };
        let gone = {
            let shared = self.shared.clone();
            move |thread| shared.tell_gone(child, generation, thread)
        };
        let ready = spec.ready_within.map(|_| {
            let (shared, is_said) = (self.shared.clone(), AtomicBool::new(false));
            let ready: Arc<dyn Fn() + Send + Sync> = Arc::new(move || {
                // Relaxed: once is enough, whoever is first.
                if !is_said.swap(true, Relaxed) {
                    shared.tell(News::Ready { child, generation });
                }
            });
            ready
        });
        let spawn = || Incarnation::spawn(path, generation, spec.stack_size, body, ready, ended, gone);
        let heartbeat = spec.heartbeat;
        let begun = self.shared.begin_run(spawn, Incarnation::thread_id);
        let now = self.virtual_time(Instant::now());
        match begun {
            Ok(run) => {
                self.shared.beats_by(child, run.pulse());
                self.runs.insert(child, (generation, run));
                if let Some(heartbeat) = heartbeat {
                    self.heartbeats.watch(child, generation, heartbeat, now);
                }
                self.machine.spawned(child, generation, now);
            }
            Err(error) => self.machine.ended(child, generation, Exit::NotSpawned(error.to_string()), now),
        }
    }

    /// A run is over: its thread ends by itself.
    fn let_go(&mut self, child: u64, generation: u64) {
        if self.runs.get(&child).is_some_and(|(of, _)| *of == generation) {
            self.runs.remove(&child);
        }
    }

    fn check_heartbeats(&mut self, now: Instant) {
        let now = self.virtual_time(now);
        if self.heartbeats.due().is_none_or(|due| due > now) {
            return;
        }
        let beats = |child, generation| {
            let (of, run) = self.runs.get(&child)?;
            (*of == generation).then(|| run.beats())
        };
        for (child, generation, turn) in self.heartbeats.check(now, beats) {
            self.machine.turned(child, generation, turn, now);
        }
    }

    fn run_chores(&mut self, now: Instant) {
        if self.chores.due().is_none_or(|due| due > now) {
            return;
        }
        let (done, panicked) = self.chores.run(now, &self.shared.watchdog);
        self.shared.counts.chores.fetch_add(done, Relaxed);
        panicked.iter().for_each(|incident| self.observe(None, incident));
    }

    /// Sleeps until there is news or something is due.
    fn rest(&self) {
        // What is the host's may have parked on this thread, and taken the wake-up of news for its own.
        if self.shared.news_waiting() > 0 {
            return;
        }
        let due = self.machine.deadline().into_iter().chain(self.heartbeats.due()).min();
        let machine = due.map(|at| self.began + at.min(LONGEST));
        let next = machine.into_iter().chain(self.chores.due()).min();
        self.shared.watchdog.asleep(next);
        // News that came since was followed by an unpark, so neither form misses it.
        match next {
            Some(at) => match at.saturating_duration_since(Instant::now()) {
                Duration::ZERO => {}
                left => thread::park_timeout(left),
            },
            None => thread::park(),
        }
    }

    fn melt_down(&self, child: u64) {
        self.shared.melt_down();
        let status = self.shared.with_roll(|roll| roll.get(child).cloned());
        if let (Some(on_meltdown), Some(status)) = (&self.on_meltdown, status) {
            self.call_host("callback for a meltdown", || on_meltdown(&status));
        }
    }

    fn observe(&self, child: Option<Id>, incident: &Incident) {
        let Shared { counts, errors, .. } = &*self.shared;
        // Before it is counted: whoever finds the count finds why. A restart that is scheduled says no more than the failure
        // before it.
        if incident.severity() >= Severity::Error {
            errors.note(incident.to_string());
        }
        counts.count(incident);
        self.call_host("observer", || (self.observer)(child, incident));
    }

    /// What is the host's must not take the workers down with it when it panics.
    fn call_host(&self, what: &str, call: impl FnOnce()) {
        if let Err(message) = contain(call) {
            let Shared { counts, errors, .. } = &*self.shared;
            errors.note(format!("the supervisor's {what} panicked: {message}"));
            counts.observer_panics.fetch_add(1, Relaxed);
        }
    }
}

/// Far enough for "whatever it takes", and never out of range.
pub(crate) const LONGEST: Duration = Duration::from_secs(1 << 30);
