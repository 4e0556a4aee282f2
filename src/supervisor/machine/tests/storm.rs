//! Everything at once: runs end, are ready, are late and are asked for things at any moment. What holds at each of them,
//! whatever the order, is checked.

use super::super::child::{Aim, Child, Phase};
use super::super::{Ask, Id, Machine, Output, Plan, ROOT};
use super::trees::{Below, Tree, ms, top, worker};
use crate::supervisor::incident::{Incident, StopReport};
use crate::supervisor::liveness::Turn;
use crate::supervisor::policy::Exit;
use crate::supervisor::rules::Strategy as Along;
use crate::supervisor::spec::Restart;
use crate::sync::Arc;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

const FAR: Duration = Duration::from_secs(1 << 30);
/// How long a storm lasts.
const STORM: u64 = 60_000;

#[derive(Clone, Debug)]
enum Input {
    Ready(Id, u64),
    Ended(Id, u64, bool),
    Gone(Id, u64),
    Host,
}

#[derive(Debug, Default)]
struct Seen {
    starts: u64,
    stops: u64,
    restarts: u64,
    abandoned: u64,
    came_late: u64,
    not_ready: u64,
    no_thread: u64,
    escalations: u64,
    meltdowns: u64,
    stale: u64,
    stops_in_a_storm: u64,
    answers: u64,
    delays: u64,
    hung: u64,
}

struct Storm<'a> {
    machine: Machine,
    now: Duration,
    random: u64,
    /// What is to happen.
    coming: BTreeMap<(Duration, u64), Input>,
    trees: BTreeMap<Id, (Arc<str>, Tree)>,
    next: Id,
    /// Runs whose bodies are not over.
    alive: BTreeSet<(Id, u64)>,
    told: BTreeMap<(Arc<str>, u64, &'static str), u64>,
    is_calm: bool,
    is_ending: bool,
    over: Option<(Duration, StopReport)>,
    tickets: BTreeSet<u64>,
    melted: bool,
    /// Until when one that failed is not to be started, in which run of its supervisor.
    not_before: BTreeMap<Id, (Duration, u64)>,
    seen: &'a RefCell<Seen>,
}

impl Storm<'_> {
    fn draw(&mut self, below: u64) -> u64 {
        self.random =
            self.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.random >> 33) % below.max(1)
    }

    fn at(&mut self, delay: u64, input: Input) {
        let number = self.coming.len() as u64 + (self.draw(1 << 20) << 20);
        self.coming.insert((self.now + ms(delay), number), input);
    }

    fn learn(&mut self, plan: &Plan, tree: &Tree) {
        self.trees.insert(plan.id, (plan.path.clone(), tree.clone()));
        if let Some(below) = &tree.below {
            plan.children.iter().zip(&below.children).for_each(|(plan, tree)| self.learn(plan, tree));
        }
    }

    /// Until there is nothing to come, or for so long.
    fn run(&mut self, until: Duration) {
        loop {
            self.carry_out();
            if self.over.is_some() {
                return;
            }
            let due = self.machine.deadline().filter(|at| *at < FAR);
            let next = [due, self.coming.keys().next().map(|(at, _)| *at)].into_iter().flatten().min();
            let Some(next) = next.filter(|at| *at <= until) else { return };
            self.now = self.now.max(next);
            // What comes at the time something is due may come before it or after it.
            if due == Some(next) && self.draw(2) == 0 {
                self.machine.pass(self.now);
                continue;
            }
            match self.coming.first_entry() {
                Some(entry) if entry.key().0 <= self.now => {
                    let input = entry.remove();
                    self.hear(input);
                }
                _ => self.machine.pass(self.now),
            }
        }
    }

    fn hear(&mut self, input: Input) {
        match input {
            Input::Ready(id, generation) => self.machine.ready(id, generation, self.now),
            Input::Ended(id, generation, fails) => {
                if !self.alive.remove(&(id, generation)) {
                    return;
                }
                let exit = if fails { Exit::Failed("so".into()) } else { Exit::Returned };
                self.machine.ended(id, generation, exit, self.now);
                self.carry_out();
                self.repeat(id, generation);
            }
            Input::Gone(id, generation) => self.machine.gone(id, generation, self.now),
            Input::Host => self.ask(),
        }
    }

    /// What is told a second time changes nothing.
    fn repeat(&mut self, id: Id, generation: u64) {
        let is_awaited = self.machine.children.get(&id).is_some_and(|child| {
            child.generation == generation && matches!(child.phase, Phase::Leaving(_) | Phase::Abandoned(_))
        });
        if is_awaited {
            return;
        }
        self.machine.ended(id, generation, Exit::Failed("stale".into()), self.now);
        self.machine.ready(id, generation, self.now);
        self.machine.gone(id, generation, self.now);
        self.machine.spawned(id, generation, self.now);
        assert_eq!(self.machine.output(), None, "{id} {generation}");
        self.seen.borrow_mut().stale += 1;
    }

    fn ask(&mut self) {
        let ids: Vec<Id> = self.trees.keys().copied().collect();
        if ids.is_empty() {
            return;
        }
        let id = ids[self.draw(ids.len() as u64) as usize];
        if self.draw(3) == 0 {
            let generation = self.machine.child(id).generation;
            if self.alive.contains(&(id, generation)) {
                let turn = Turn::Hung { silent: ms(1) };
                return self.machine.turned(id, generation, turn, self.now);
            }
        }
        let by = if self.draw(2) == 0 { FAR } else { self.now + ms(self.draw(300)) };
        let ticket = self.random;
        let ask = match self.draw(10) {
            0 => Ask::Remove,
            1 | 2 => Ask::Terminate,
            3..=5 => Ask::Restart,
            _ => return self.add(id),
        };
        if ask == Ask::Restart {
            self.not_before.remove(&id);
        } else {
            self.tickets.insert(ticket);
        }
        self.machine.ask(id, ask, Some(ticket).filter(|_| ask != Ask::Restart), by, self.now);
    }

    fn add(&mut self, id: Id) {
        let (path, mut tree) = self.trees[&id].clone();
        // A sibling of it, or a child.
        let (parent, above) = match &tree.below {
            Some(_) => (id, path),
            None => (ROOT, "".into()),
        };
        tree.below = None;
        let name = format!("n{}", self.next);
        let auto = self.machine.node(parent).auto_shutdown;
        let mut next = self.next;
        let plan = tree.plan(&above, &name, auto, &mut next);
        self.next = next;
        self.learn(&plan, &tree);
        self.machine.add(parent, plan, self.now);
    }

    fn carry_out(&mut self) {
        while let Some(output) = self.machine.output() {
            assert!(self.over.is_none(), "all was over before {output:?}");
            match output {
                Output::Start { child, generation } => self.start(child, generation),
                Output::AskStop { child, generation } => self.ask_stop(child, generation),
                Output::AwaitGone { child, generation } => {
                    let delay = if self.is_calm { 0 } else { [0, 0, 5, 400][self.draw(4) as usize] };
                    self.at(delay, Input::Gone(child, generation));
                }
                Output::Removed { child } => {
                    self.trees.remove(&child);
                }
                Output::Tell(_, incident) => self.tell(incident),
                Output::Answer { ticket, .. } => {
                    assert!(self.tickets.remove(&ticket), "answered twice");
                    self.seen.borrow_mut().answers += 1;
                }
                Output::MeltedDown { .. } => {
                    self.melted = true;
                    self.seen.borrow_mut().meltdowns += 1;
                }
                Output::Over(report) => self.over = Some((self.now, report)),
                Output::Changed { .. } | Output::Stopping => {}
            }
        }
    }

    fn start(&mut self, child: Id, generation: u64) {
        self.is_not_early(child);
        let tree = self.trees[&child].1.clone();
        let runs = self.alive.range((child, 0)..=(child, u64::MAX)).count();
        assert!(runs == 0 || tree.is_replaced, "two runs of {child} at once");
        assert!(!self.alive.contains(&(child, generation)));
        if !self.is_calm && self.draw(20) == 0 {
            self.seen.borrow_mut().no_thread += 1;
            return self.machine.ended(child, generation, Exit::NotSpawned("no thread".into()), self.now);
        }
        self.alive.insert((child, generation));
        self.machine.spawned(child, generation, self.now);
        let patience = self.draw(1_000);
        if tree.reports_ready {
            let delay = if self.is_calm { 0 } else { patience };
            self.at(delay, Input::Ready(child, generation));
        }
        if !self.is_calm && self.draw(2) == 0 {
            let (life, fails) = (self.draw(20_000), self.draw(3) > 0);
            self.at(life, Input::Ended(child, generation, fails));
        }
    }

    /// Whoever failed alone waits for its delay, unless the host or a restart of its supervisor does away with it.
    fn is_not_early(&mut self, child: Id) {
        let parent = self.machine.child(child).parent.unwrap();
        let Some((due, run)) = self.not_before.remove(&child) else { return };
        if self.machine.node(parent).strategy == Along::OneForOne
            && self.machine.child(parent).generation == run
        {
            self.seen.borrow_mut().delays += u64::from(due == self.now);
            assert!(due <= self.now, "{child} was to wait until {due:?}, and starts at {:?}", self.now);
        }
    }

    fn ask_stop(&mut self, child: Id, generation: u64) {
        assert!(self.alive.contains(&(child, generation)) || self.coming.len() > 1);
        self.seen.borrow_mut().stops += 1;
        let tree = self.trees[&child].1.clone();
        let parent = self.machine.child(child).parent.unwrap();
        let halt = self.machine.node(parent).halt.as_ref();
        if matches!(self.machine.child(child).phase, Phase::Stopping(Aim::Halt))
            && halt.is_some_and(|halt| !halt.at_once && !halt.is_last_call)
        {
            let order = self.machine.in_start_order(parent);
            let after = order.iter().skip_while(|sibling| **sibling != child).skip(1);
            for sibling in after {
                assert!(
                    !self.machine.child(*sibling).phase.is_active(),
                    "{sibling} is to stop before {child}"
                );
            }
        }
        let delay = match tree.is_deaf {
            true if self.draw(3) == 0 => return,
            true => self.draw(10_000),
            false if self.is_calm => 0,
            false => self.draw(tree.shutdown * 3 / 2 + 2),
        };
        let fails = self.draw(8) == 0;
        self.at(delay, Input::Ended(child, generation, fails));
    }

    fn tell(&mut self, incident: Incident) {
        let mut seen = self.seen.borrow_mut();
        let (worker, generation, what) = match incident {
            Incident::Started { worker, generation } => {
                seen.starts += 1;
                (worker, generation, "started")
            }
            Incident::Ended { worker, generation, exit, .. } => {
                seen.not_ready += u64::from(matches!(exit, Exit::NotReady(_)));
                (worker, generation, "ended")
            }
            Incident::Abandoned { worker, generation, .. } => {
                seen.abandoned += 1;
                // Whose time is over takes none from others that were not asked.
                let is_at_once = self.machine.node(ROOT).halt.as_ref().is_some_and(|halt| halt.at_once);
                if self.is_ending && is_at_once {
                    let runs = |(_, child): &(&Id, &Child)| child.node.is_none() && child.phase.is_up();
                    let found = self.machine.children.iter().find(runs);
                    assert!(found.is_none(), "{worker} is given up before {found:?} is asked");
                }
                (worker, generation, "abandoned")
            }
            Incident::AbandonedEnded { worker, generation, .. } => {
                seen.came_late += 1;
                assert!(self.told.contains_key(&(worker.clone(), generation, "abandoned")));
                (worker, generation, "came late")
            }
            Incident::RestartScheduled { worker, delay } => {
                seen.restarts += 1;
                let found = self.trees.iter().find(|(_, (path, _))| *path == worker);
                let (id, _) = found.expect("it is on the list");
                let parent = self.machine.child(*id).parent.unwrap();
                let run = self.machine.child(parent).generation;
                self.not_before.insert(*id, (self.now + delay, run));
                return;
            }
            Incident::Hung { .. } => {
                seen.hung += 1;
                return;
            }
            Incident::Escalated { .. } => {
                seen.escalations += 1;
                return;
            }
            _ => return,
        };
        drop(seen);
        let times = self.told.entry((worker.clone(), generation, what)).or_default();
        *times += 1;
        assert_eq!(*times, 1, "{worker} {generation} {what}");
    }

    /// Nothing is stuck, and whoever is to run runs.
    fn is_settled(&self) {
        assert_eq!(self.tickets, BTreeSet::new(), "somebody waits for ever");
        for (id, child) in self.machine.children.iter().filter(|(id, _)| **id != ROOT) {
            let parent = child.parent.unwrap();
            if !self.machine.is_open(parent) {
                continue;
            }
            match &child.phase {
                Phase::Running | Phase::Terminated | Phase::Abandoned(_) => {}
                Phase::Ended if child.spec.restart != Restart::Permanent => {}
                Phase::Ended if parent == ROOT && self.melted => {}
                phase => panic!("{id} {} is {phase:?}", child.path),
            }
            if child.phase == Phase::Running && child.node.is_none() {
                assert!(self.alive.contains(&(*id, child.generation)), "{id} does not run");
            }
        }
    }

    /// Stops everything, and looks whether that is said to have gone as it did.
    fn end(&mut self) {
        let by = if self.draw(2) == 0 { FAR } else { self.now + ms(self.draw(1_000)) };
        self.is_ending = true;
        let times = |id: &Id| self.trees[id].1.below.is_none().then(|| ms(self.trees[id].1.shutdown));
        let longest: Duration = self.trees.keys().filter_map(times).sum();
        let began = self.now;
        self.machine.stop(by, self.now);
        self.run(FAR);
        let (at, report) = self.over.clone().expect("it ends");
        assert!(
            at <= by.max(began) && at - began <= longest,
            "{at:?} after {began:?}, by {by:?}, {longest:?}"
        );
        let mut named: Vec<Arc<str>> = report.stopped.iter().chain(&report.abandoned).cloned().collect();
        named.sort();
        let mut workers: Vec<Arc<str>> = self
            .trees
            .values()
            .filter(|(_, tree)| tree.below.is_none())
            .map(|(path, _)| path.clone())
            .collect();
        workers.sort();
        assert_eq!(named, workers, "each worker once");
    }
}

#[test]
fn whatever_happens_when_nothing_is_lost_stuck_or_there_twice() {
    let cases = 10_000;
    let mut runner = TestRunner::new(Config { cases, failure_persistence: None, ..Config::default() });
    let seen = RefCell::new(Seen::default());
    let input = (top(), prop::collection::vec(worker(), 0..3), any::<u64>(), any::<bool>());
    let outcome = runner.run(&input, |(mut below, more, seed, in_storm)| {
        below.children.extend(more);
        storm(&below, seed, in_storm, &seen);
        Ok(())
    });
    if let Err(error) = outcome {
        panic!("{error}");
    }
    println!("{cases} storms: {:?}", seen.borrow());
    let Seen {
        starts,
        stops,
        restarts,
        abandoned,
        came_late,
        not_ready,
        no_thread,
        escalations,
        meltdowns,
        stale,
        stops_in_a_storm,
        answers,
        delays,
        hung,
    } = seen.into_inner();
    let counts = [
        starts,
        stops,
        restarts,
        abandoned,
        came_late,
        not_ready,
        no_thread,
        escalations,
        meltdowns,
        stale,
        stops_in_a_storm,
        answers,
        delays,
        hung,
    ];
    assert!(counts.iter().all(|count| *count >= 500), "too few to tell: {counts:?}");
}

fn storm(below: &Below, seed: u64, in_storm: bool, seen: &RefCell<Seen>) {
    let mut storm = Storm {
        machine: Machine::new(below.rules(), seed),
        now: Duration::ZERO,
        random: seed,
        coming: BTreeMap::new(),
        trees: BTreeMap::new(),
        next: ROOT,
        alive: BTreeSet::new(),
        told: BTreeMap::new(),
        is_calm: false,
        is_ending: false,
        over: None,
        tickets: BTreeSet::new(),
        melted: false,
        not_before: BTreeMap::new(),
        seen,
    };
    let mut next = ROOT;
    let plans = below.plans(&mut next);
    storm.next = next;
    for (plan, tree) in plans.into_iter().zip(&below.children) {
        storm.learn(&plan, tree);
        storm.machine.add(ROOT, plan, Duration::ZERO);
    }
    for _ in 0..storm.draw(12) {
        let when = storm.draw(STORM);
        storm.at(when, Input::Host);
    }
    storm.run(ms(STORM));
    if storm.over.is_some() {
        return;
    }
    if in_storm {
        seen.borrow_mut().stops_in_a_storm += 1;
        return storm.end();
    }
    storm.is_calm = true;
    storm.run(FAR);
    if storm.over.is_none() {
        storm.is_settled();
        storm.end();
    }
}
