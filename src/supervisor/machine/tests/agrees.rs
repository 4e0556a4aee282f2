//! The machine does what the model does, step by step: between steps, everything has settled.

use super::super::{Ask, Id, Machine, Output, ROOT};
use super::oracle::{Down, End, Kid, Tape};
use super::trees::{Below, Step, Tree, ms, steps, top};
use crate::supervisor::incident::{Incident, StopReport, WorkerState};
use crate::supervisor::policy::Exit;
use crate::supervisor::rules::AutoShutdown;
use crate::supervisor::spec::Restart;
use proptest::test_runner::{Config, TestRunner};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

const FAR: Duration = Duration::from_secs(1 << 30);

/// What runs are told of later.
enum Input {
    Ready(Id, u64),
    Ended(Id, u64, Exit),
    Gone(Id, u64),
}

/// A world in which threads do at once what they do at all.
struct World {
    machine: Machine,
    now: Duration,
    log: Vec<String>,
    inputs: VecDeque<Input>,
    next: Id,
    ids: BTreeMap<String, Id>,
    trees: BTreeMap<Id, (String, Tree)>,
    fails: BTreeMap<Id, u32>,
    over: bool,
}

impl World {
    fn note(&mut self, what: String) {
        self.log.push(format!("{} {what}", self.now.as_millis()));
    }

    fn learn(&mut self, plan: &super::super::Plan, tree: &Tree) {
        self.ids.insert(plan.path.to_string(), plan.id);
        self.trees.insert(plan.id, (plan.path.to_string(), tree.clone()));
        if let Some(below) = &tree.below {
            plan.children.iter().zip(&below.children).for_each(|(plan, tree)| self.learn(plan, tree));
        }
    }

    fn settle(&mut self) {
        loop {
            self.carry_out();
            match self.inputs.pop_front() {
                Some(Input::Ready(id, generation)) => self.machine.ready(id, generation, self.now),
                Some(Input::Ended(id, generation, exit)) => {
                    self.machine.ended(id, generation, exit, self.now)
                }
                Some(Input::Gone(id, generation)) => self.machine.gone(id, generation, self.now),
                None => match self.machine.deadline() {
                    Some(at) if at < FAR => {
                        self.now = self.now.max(at);
                        self.machine.pass(self.now);
                    }
                    _ => return,
                },
            }
        }
    }

    fn carry_out(&mut self) {
        while let Some(output) = self.machine.output() {
            match output {
                Output::Start { child, generation } => self.start(child, generation),
                Output::AskStop { child, generation } => {
                    let (path, tree) = &self.trees[&child];
                    if !tree.is_deaf {
                        self.inputs.push_back(Input::Ended(child, generation, Exit::Returned));
                    }
                    let path = path.clone();
                    self.note(format!("-{path}"));
                }
                Output::AwaitGone { child, generation } => {
                    self.inputs.push_back(Input::Gone(child, generation));
                }
                Output::Removed { child } => {
                    let (path, _) = self.trees.remove(&child).unwrap();
                    self.note(format!("x{path}"));
                }
                Output::Tell(_, incident) => match incident {
                    Incident::Abandoned { worker, generation, .. } => {
                        self.note(format!("~{worker}#{generation}"))
                    }
                    Incident::AbandonedEnded { worker, generation, .. } => {
                        self.note(format!("z{worker}#{generation}"));
                    }
                    Incident::RestartScheduled { worker, delay } => {
                        self.note(format!("r{worker} {}", delay.as_millis()));
                    }
                    Incident::Escalated { supervisor, .. } => self.note(format!("!{supervisor}")),
                    Incident::MeltedDown { .. } => self.note("!".to_owned()),
                    Incident::AutoShutdown { supervisor, .. } => self.note(format!("${supervisor}")),
                    _ => {}
                },
                Output::Over(report) => {
                    self.over = true;
                    self.note(told(&report));
                }
                Output::Changed { .. }
                | Output::MeltedDown { .. }
                | Output::Answer { .. }
                | Output::Stopping => {}
            }
        }
    }

    fn start(&mut self, child: Id, generation: u64) {
        let (path, tree) = self.trees[&child].clone();
        self.note(format!("+{path}#{generation}"));
        let fails = self.fails.entry(child).or_default();
        if *fails == 0 {
            self.machine.spawned(child, generation, self.now);
            if tree.reports_ready {
                self.inputs.push_back(Input::Ready(child, generation));
            }
            return;
        }
        *fails -= 1;
        if tree.reports_ready {
            self.machine.spawned(child, generation, self.now);
            self.inputs.push_back(Input::Ended(child, generation, Exit::Failed("early".into())));
        } else {
            self.machine.ended(child, generation, Exit::NotSpawned("no thread".into()), self.now);
        }
    }
}

fn told(report: &StopReport) -> String {
    let list = |list: &[crate::sync::Arc<str>]| list.join(",");
    format!("over {} | {}", list(&report.stopped), list(&report.abandoned))
}

/// What is done to a child of a supervisor, as the model does it.
type Act = dyn FnMut(&mut Kid, usize, &mut Tape) -> Option<End>;

/// Both at once.
struct Pair {
    world: World,
    top: Kid,
    tape: Tape,
    over: bool,
    added: usize,
    seen: BTreeMap<&'static str, u64>,
}

impl Pair {
    fn new(below: &Below) -> Self {
        let machine = Machine::new(below.rules(), 0);
        let mut world = World {
            machine,
            now: Duration::ZERO,
            log: Vec::new(),
            inputs: VecDeque::new(),
            next: ROOT,
            ids: BTreeMap::from([(String::new(), ROOT)]),
            trees: BTreeMap::new(),
            fails: BTreeMap::new(),
            over: false,
        };
        let mut next = ROOT;
        for (plan, tree) in below.plans(&mut next).into_iter().zip(&below.children) {
            world.learn(&plan, tree);
            world.machine.add(ROOT, plan, Duration::ZERO);
            world.settle();
        }
        world.next = next;
        let mut tree = Tree {
            restart: Restart::Temporary,
            is_deaf: false,
            reports_ready: false,
            is_limited: true,
            stops_last: false,
            is_significant: false,
            is_replaced: false,
            shutdown: 0,
            delay: 0,
            below: Some(below.clone()),
        };
        tree.below.as_mut().unwrap().children.clear();
        let mut top = Kid::new(String::new(), tree, AutoShutdown::Never, false);
        top.is_up = true;
        let mut tape = Tape::default();
        for (n, child) in below.children.iter().enumerate() {
            let kid = Kid::new(n.to_string(), child.clone(), below.auto, true);
            assert_eq!(top.add(kid, &mut tape), None, "nothing fails before it is told to");
        }
        Self { world, top, tape, over: false, added: 0, seen: BTreeMap::new() }
    }

    /// A child for which this holds, with the way to it.
    fn choose(&self, pick: usize, holds: impl Fn(&Kid) -> bool) -> Option<(Vec<usize>, String)> {
        let mut all = Vec::new();
        self.top.all(&[], &mut all);
        all.retain(|(_, kid)| holds(kid));
        let (route, kid) = all.get(pick.checked_rem(all.len())?)?;
        Some((route.clone(), kid.path.clone()))
    }

    fn step(&mut self, step: Step) {
        let is_worker = |kid: &Kid| kid.tree.below.is_none();
        let (now, world) = (self.world.now, &self.world);
        let id_of = |path: &String| world.ids[path];
        let mut act: Box<Act>;
        let route;
        let name = match step {
            Step::End(pick, fails) => {
                let Some((to, path)) = self.choose(pick, |kid| is_worker(kid) && kid.is_up) else { return };
                let id = id_of(&path);
                let generation = self.world.machine.view(id).unwrap().generation;
                let (exit, end) = if fails {
                    (Exit::Failed("so".into()), End::Failed)
                } else {
                    (Exit::Returned, End::Returned)
                };
                self.world.machine.ended(id, generation, exit, now);
                (route, act) =
                    (to, Box::new(move |kid: &mut Kid, i: usize, tape: &mut Tape| kid.end(i, end, tape)));
                "ends"
            }
            Step::Fails(pick, times) => {
                let Some((to, path)) = self.choose(pick, is_worker) else { return };
                let id = id_of(&path);
                self.world.fails.insert(id, times);
                (route, act) = (
                    to,
                    Box::new(move |kid: &mut Kid, i: usize, _: &mut Tape| {
                        kid.kids[i].fails = times;
                        None
                    }),
                );
                "starts that fail"
            }
            Step::Add(pick, tree) => {
                self.added += 1;
                let name = format!("n{}", self.added);
                let found = self.choose(pick, |kid| !is_worker(kid) && !kid.is_out);
                // Below something that was removed nothing is taken on.
                let found = found.filter(|(to, _)| !self.is_below_removed(to));
                let (to, path, auto) = match found {
                    Some((to, path)) if pick % 3 != 0 => {
                        let auto = self.kid(&to).tree.below.as_ref().unwrap().auto;
                        (to, path, auto)
                    }
                    _ => (Vec::new(), String::new(), self.top.tree.below.as_ref().unwrap().auto),
                };
                let plan = tree.plan(&path, &name, auto, &mut self.world.next);
                self.world.learn(&plan, &tree);
                let kid = Kid::new(plan.path.to_string(), tree, auto, true);
                let parent = self.world.ids[&path];
                self.world.machine.add(parent, plan, now);
                let mut kid = Some(kid);
                let add = &mut |of: &mut Kid, tape: &mut Tape| of.add(kid.take().unwrap(), tape);
                let end = match &to[..] {
                    [] => add(&mut self.top, &mut self.tape),
                    _ => self.top.at(&to, &mut self.tape, &mut |above, i, tape| {
                        let end = add(&mut above.kids[i], tape)?;
                        above.end(i, end, tape)
                    }),
                };
                self.finish(end, "adds");
                return;
            }
            Step::Remove(pick) => {
                let Some((to, path)) = self.choose(pick, |_| true) else { return };
                if self.is_below_removed(&to) {
                    return;
                }
                self.world.machine.ask(id_of(&path), Ask::Remove, None, FAR, now);
                (route, act) = (to, Box::new(Kid::remove));
                "removals"
            }
            Step::Terminate(pick) => {
                let Some((to, path)) = self.choose(pick, |kid| !kid.is_out) else { return };
                self.world.machine.ask(id_of(&path), Ask::Terminate, None, FAR, now);
                (route, act) = (to, Box::new(Kid::terminate));
                "terminations"
            }
            Step::Restart(pick) => {
                let Some((to, path)) = self.choose(pick, |_| true) else { return };
                self.world.machine.ask(id_of(&path), Ask::Restart, None, FAR, now);
                (route, act) = (to, Box::new(Kid::restart));
                "restarts by the host"
            }
            Step::Late(pick) => {
                if let Some(which) = pick.checked_rem(self.tape.orphans.len())
                    && pick % 2 == 0
                {
                    let (path, generation) = self.tape.orphans.remove(which);
                    let id = self.world.ids[&path];
                    self.tape.log.push(format!("{} z{path}#{generation}", self.tape.now));
                    self.world.machine.ended(id, generation, Exit::Returned, now);
                    return self.finish(None, "late ends of what was replaced");
                }
                let Some((to, path)) = self.choose(pick, |kid| kid.zombie.is_some()) else { return };
                let id = id_of(&path);
                let generation = self.world.machine.view(id).unwrap().generation;
                self.world.machine.ended(id, generation, Exit::Returned, now);
                (route, act) = (to, Box::new(Kid::late));
                "late ends"
            }
            Step::Pass(time) => {
                self.world.now += ms(time);
                self.tape.now += time;
                self.world.machine.pass(self.world.now);
                return self.finish(None, "passing of time");
            }
        };
        let end = self.top.at(&route, &mut self.tape, &mut *act);
        self.top.sweep(&mut self.tape);
        self.finish(end, name);
    }

    fn kid(&self, route: &[usize]) -> &Kid {
        route.iter().fold(&self.top, |kid, i| &kid.kids[*i])
    }

    fn is_below_removed(&self, route: &[usize]) -> bool {
        (0..route.len()).any(|n| self.kid(&route[..=n]).is_out)
    }

    fn finish(&mut self, end: Option<End>, name: &'static str) {
        *self.seen.entry(name).or_default() += 1;
        if end == Some(End::Returned) {
            self.end_model();
        }
        self.world.settle();
        self.compare();
    }

    fn end_model(&mut self) {
        self.over = true;
        let mut report = (Vec::new(), Vec::new());
        self.list(&self.top, &mut report);
        let line = format!("{} over {} | {}", self.tape.now, report.0.join(","), report.1.join(","));
        self.tape.log.push(line);
    }

    fn list(&self, kid: &Kid, report: &mut (Vec<String>, Vec<String>)) {
        for i in kid.stop_order() {
            let kid = &kid.kids[i];
            if kid.tree.below.is_some() {
                self.list(kid, report);
            } else if kid.zombie.is_some() || self.tape.orphans.iter().any(|(path, _)| *path == kid.path) {
                report.1.push(kid.path.clone());
            } else {
                report.0.push(kid.path.clone());
            }
        }
    }

    fn stop(&mut self) {
        if !self.over {
            self.world.machine.stop(FAR, self.world.now);
            self.top.stop_all(&mut self.tape);
            self.end_model();
            self.world.settle();
        }
        assert!(self.world.over);
        self.compare();
    }

    /// That the same was seen, and that everybody is where they should be.
    fn compare(&mut self) {
        if self.world.log != self.tape.log {
            let same = self.world.log.iter().zip(&self.tape.log).take_while(|(a, b)| a == b).count();
            panic!(
                "after {:?}\nthe machine: {:?}\nthe model:   {:?}",
                &self.tape.log[same.saturating_sub(6)..same],
                &self.world.log[same..],
                &self.tape.log[same..]
            );
        }
        let mut all = Vec::new();
        self.top.all(&[], &mut all);
        let (listed, known): (BTreeSet<_>, BTreeSet<_>) = (
            all.iter().map(|(_, kid)| kid.path.clone()).collect(),
            self.world.trees.values().map(|(path, _)| path.clone()).collect(),
        );
        assert_eq!(listed, known);
        for (_, kid) in all {
            let view = self.world.machine.view(self.world.ids[&kid.path]).unwrap();
            let expected = match (kid.is_up, kid.zombie, kid.down) {
                (true, ..) => WorkerState::Running,
                (_, Some(_), _) => WorkerState::Abandoned,
                _ if kid.is_out => WorkerState::Abandoned,
                (_, _, Down::Never) => WorkerState::Starting,
                (_, _, Down::Done) => WorkerState::Finished,
                (_, _, Down::Put) => WorkerState::Terminated,
            };
            assert_eq!((view.state, view.generation), (expected, kid.generation), "{}", kid.path);
        }
        self.tape.now = self.tape.now.max(self.world.now.as_millis() as u64);
        self.world.now = ms(self.tape.now);
    }
}

/// What has to occur.
const WHAT: [&str; 17] = [
    "abandoned",
    "adds",
    "ends",
    "escalations",
    "late ends",
    "late ends of what was replaced",
    "meltdowns",
    "off the list",
    "passing of time",
    "removals",
    "restarts",
    "restarts by the host",
    "shut down by themselves",
    "starts",
    "starts that fail",
    "stops",
    "terminations",
];

/// What was seen over all cases.
#[derive(Debug, Default)]
struct Seen(BTreeMap<&'static str, u64>);

impl Seen {
    fn add(&mut self, pair: &Pair) {
        for (name, count) in &pair.seen {
            *self.0.entry(*name).or_default() += count;
        }
        let signs = [
            ("starts", '+'),
            ("stops", '-'),
            ("abandoned", '~'),
            ("restarts", 'r'),
            ("shut down by themselves", '$'),
            ("off the list", 'x'),
        ];
        for line in &pair.world.log {
            let what = line.split_once(' ').unwrap().1;
            for (name, sign) in signs {
                *self.0.entry(name).or_default() += u64::from(what.starts_with(sign));
            }
            *self.0.entry("meltdowns").or_default() += u64::from(what == "!");
            *self.0.entry("escalations").or_default() += u64::from(what.starts_with('!') && what != "!");
        }
    }
}

#[test]
fn the_machine_does_what_the_rules_say() {
    let cases = 10_000;
    let mut runner = TestRunner::new(Config { cases, failure_persistence: None, ..Config::default() });
    let seen = std::cell::RefCell::new(Seen::default());
    let outcome = runner.run(&(top(), steps()), |(below, steps)| {
        let mut pair = Pair::new(&below);
        pair.compare();
        for step in steps {
            if pair.over {
                break;
            }
            pair.step(step);
        }
        pair.stop();
        seen.borrow_mut().add(&pair);
        Ok(())
    });
    if let Err(error) = outcome {
        panic!("{error}");
    }
    let seen = seen.into_inner().0;
    println!("{cases} cases: {seen:?}");
    for name in WHAT {
        let count = seen.get(name).copied().unwrap_or(0);
        assert!(count >= 50, "too few to tell: {count} {name}");
    }
}
