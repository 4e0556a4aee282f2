//! OTP's rules, with what differs here, as plain recursion over lists: each call does everything there is to do, in order,
//! and writes down what may be seen. From the documentation of OTP's `supervisor` and from what `Supervisor`,
//! `ChildSpec` and `Rules` say; shares nothing with the machine.

use super::trees::{Below, MIN_UPTIME, MOST_DELAY, STABLE_AFTER, Tree};
use crate::supervisor::rules::{AutoShutdown, Strategy};
use crate::supervisor::spec::Restart;

/// The time in ms, and what was seen until then.
#[derive(Debug, Default)]
pub(super) struct Tape {
    pub(super) now: u64,
    pub(super) log: Vec<String>,
    /// Abandoned runs that were replaced.
    pub(super) orphans: Vec<(String, u64)>,
}

impl Tape {
    fn note(&mut self, what: String) {
        self.log.push(format!("{} {what}", self.now));
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Down {
    /// Has yet to start.
    Never,
    Done,
    /// By the host.
    Put,
}

/// What is to become of a child whose run was abandoned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wish {
    Stay,
    Again,
    Put,
    Out,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Returned,
    Failed,
}

#[derive(Debug)]
pub(super) struct Kid {
    pub(super) path: String,
    pub(super) tree: Tree,
    pub(super) is_significant: bool,
    pub(super) is_up: bool,
    pub(super) down: Down,
    pub(super) zombie: Option<Wish>,
    pub(super) generation: u64,
    pub(super) fails: u32,
    /// Removed, but for zombies below.
    pub(super) is_out: bool,
    added: bool,
    began: u64,
    unstable: u32,
    restarts: Vec<u64>,
    pub(super) kids: Vec<Kid>,
}

enum Verdict {
    Leave,
    Over(End),
    /// At this time.
    Again(u64),
}

impl Kid {
    pub(super) fn new(path: String, mut tree: Tree, above: AutoShutdown, added: bool) -> Self {
        let mut kids = Vec::new();
        if let Some(below) = &mut tree.below {
            for (n, child) in std::mem::take(&mut below.children).into_iter().enumerate() {
                let path = if path.is_empty() { n.to_string() } else { format!("{path}/{n}") };
                kids.push(Kid::new(path, child, below.auto, false));
            }
        }
        let is_significant = tree.may_be_significant(above);
        Self {
            path,
            tree,
            is_significant,
            is_up: false,
            down: Down::Never,
            zombie: None,
            generation: 0,
            fails: 0,
            is_out: false,
            added,
            began: 0,
            unstable: 0,
            restarts: Vec::new(),
            kids,
        }
    }

    fn rules(&self) -> &Below {
        self.tree.below.as_ref().unwrap()
    }

    pub(super) fn is_temporary(&self) -> bool {
        self.tree.restart == Restart::Temporary
    }

    fn is_replaced(&self) -> bool {
        self.tree.is_replaced && self.tree.below.is_none()
    }

    /// Those that stop last stand at the end.
    pub(super) fn stop_order(&self) -> Vec<usize> {
        let last = |i: &usize| self.kids[*i].tree.stops_last;
        let (lasts, others): (Vec<_>, Vec<_>) = (0..self.kids.len()).rev().partition(last);
        [others, lasts].concat()
    }

    pub(super) fn stop_all(&mut self, tape: &mut Tape) {
        for i in self.stop_order() {
            let kid = &mut self.kids[i];
            if kid.is_up {
                kid.stop(false, tape);
            } else if kid.zombie == Some(Wish::Again) {
                kid.zombie = Some(Wish::Stay);
            } else if kid.down == Down::Never {
                kid.down = Down::Done;
            }
        }
    }

    /// Stops one that is up; `again` if it is to be started again.
    fn stop(&mut self, again: bool, tape: &mut Tape) {
        self.is_up = false;
        self.down = Down::Done;
        if self.tree.below.is_some() {
            return self.stop_all(tape);
        }
        tape.note(format!("-{}", self.path));
        if self.tree.is_deaf {
            tape.now += self.tree.shutdown;
            tape.note(format!("~{}#{}", self.path, self.generation));
            if again && self.is_replaced() {
                tape.orphans.push((self.path.clone(), self.generation));
            } else {
                self.zombie = Some(if again && !self.is_temporary() { Wish::Again } else { Wish::Stay });
            }
        }
    }

    /// Whether a zombie is out of the way.
    fn bury(&mut self, tape: &mut Tape) -> bool {
        if self.zombie.is_some() && self.is_replaced() {
            tape.orphans.push((self.path.clone(), self.generation));
            self.zombie = None;
        }
        if self.zombie.is_some() {
            self.zombie = Some(Wish::Again);
        }
        self.zombie.is_none()
    }

    fn start(&mut self, tape: &mut Tape) -> Result<(), End> {
        self.generation += 1;
        self.began = tape.now;
        if self.tree.below.is_none() {
            tape.note(format!("+{}#{}", self.path, self.generation));
            if self.fails > 0 {
                self.fails -= 1;
                return Err(End::Failed);
            }
            self.is_up = true;
            return Ok(());
        }
        self.restarts.clear();
        let mut list = Vec::new();
        for (i, kid) in self.kids.iter_mut().enumerate() {
            let once = kid.added && kid.generation > 0 && kid.is_temporary();
            if !once && kid.zombie != Some(Wish::Out) && !kid.is_out && kid.bury(tape) {
                kid.down = Down::Never;
                list.push(i);
            }
        }
        self.is_up = true;
        let started = self.start_list(list, tape);
        self.is_up = started.is_ok();
        started
    }

    /// Starts some of its children in order, as often as it takes.
    pub(super) fn start_list(&mut self, mut list: Vec<usize>, tape: &mut Tape) -> Result<(), End> {
        while !list.is_empty() {
            let i = list.remove(0);
            let Err(end) = self.kids[i].start(tape) else { continue };
            match self.verdict(i, end, true, tape) {
                Verdict::Leave => {}
                Verdict::Over(end) => return Err(end),
                Verdict::Again(due) => {
                    let mut first = self.who_starts(i, due, tape);
                    // Of a group, all that wait are in it.
                    if self.rules().along == Strategy::OneForOne {
                        first.extend(list);
                    }
                    list = first;
                }
            }
        }
        Ok(())
    }

    /// What follows from the end of a child, in which nobody had a hand.
    fn verdict(&mut self, i: usize, end: End, failed_to_start: bool, tape: &mut Tape) -> Verdict {
        let now = tape.now;
        let rules = self.rules().clone();
        let kid = &mut self.kids[i];
        kid.is_up = false;
        kid.down = Down::Done;
        let ran = now - kid.began;
        if failed_to_start || ran < MIN_UPTIME {
            kid.unstable += 1;
        } else if ran >= STABLE_AFTER {
            kid.unstable = 0;
        }
        let again = match kid.tree.restart {
            Restart::Permanent => true,
            Restart::Transient => end == End::Failed,
            Restart::Temporary => false,
        };
        if !again {
            let left = |kid: &Kid| {
                kid.is_significant
                    && (kid.is_up || kid.zombie.is_some() || kid.down == Down::Never || kid.is_out)
            };
            let is_over = self.kids[i].is_significant
                && match rules.auto {
                    AutoShutdown::Never => false,
                    AutoShutdown::AnySignificant => true,
                    AutoShutdown::AllSignificant => !self.kids.iter().any(left),
                };
            if !is_over {
                return Verdict::Leave;
            }
            tape.note(format!("${}", self.path));
            self.stop_all(tape);
            return Verdict::Over(End::Returned);
        }
        if self.kids[i].tree.is_limited {
            let within = self.restarts.iter().filter(|then| now - **then < rules.window).count();
            if within >= rules.most {
                tape.note(format!("!{}", self.path));
                self.stop_all(tape);
                return Verdict::Over(End::Failed);
            }
            self.restarts.push(now);
        }
        let kid = &self.kids[i];
        let delay = match kid.unstable {
            0 => 0,
            n => (kid.tree.delay << (n - 1).min(20)).min(MOST_DELAY),
        };
        tape.note(format!("r{} {delay}", kid.path));
        Verdict::Again(now + delay)
    }

    /// Stops those that are started along with a child, and says who is to be started then.
    fn who_starts(&mut self, i: usize, due: u64, tape: &mut Tape) -> Vec<usize> {
        let from = match self.rules().along {
            Strategy::OneForOne => {
                tape.now = due;
                return vec![i];
            }
            Strategy::OneForAll => 0,
            Strategy::RestForOne => i,
        };
        for k in (from..self.kids.len()).rev().filter(|k| *k != i) {
            let kid = &mut self.kids[k];
            if kid.is_up {
                kid.stop(true, tape);
                kid.down = if kid.is_temporary() { Down::Done } else { Down::Never };
            } else if kid.zombie == Some(Wish::Again) && kid.is_temporary() {
                kid.zombie = Some(Wish::Stay);
            }
        }
        tape.now = tape.now.max(due);
        let mut list = Vec::new();
        for k in from..self.kids.len() {
            let kid = &mut self.kids[k];
            let is_put =
                kid.down == Down::Put || matches!(kid.zombie, Some(Wish::Put | Wish::Out)) || kid.is_out;
            let is_spent = kid.is_temporary() && (kid.down == Down::Done || kid.zombie.is_some());
            if k == i || (!is_put && !is_spent && kid.bury(tape)) {
                kid.down = Down::Never;
                list.push(k);
            }
        }
        list
    }

    /// A child ended by itself; whether this supervisor then did.
    fn after(&mut self, i: usize, end: End, tape: &mut Tape) -> Option<End> {
        match self.verdict(i, end, false, tape) {
            Verdict::Leave => None,
            Verdict::Over(end) => Some(end),
            Verdict::Again(due) => {
                let list = self.who_starts(i, due, tape);
                self.start_list(list, tape).err()
            }
        }
    }

    /// Does something with the child at the end of a route; whether this supervisor ended over that.
    pub(super) fn at(
        &mut self,
        route: &[usize],
        tape: &mut Tape,
        act: &mut dyn FnMut(&mut Kid, usize, &mut Tape) -> Option<End>,
    ) -> Option<End> {
        match route {
            [i] => act(self, *i, tape),
            [i, rest @ ..] => {
                let end = self.kids[*i].at(rest, tape, act)?;
                self.after(*i, end, tape)
            }
            [] => None,
        }
    }

    pub(super) fn end(&mut self, i: usize, end: End, tape: &mut Tape) -> Option<End> {
        self.after(i, end, tape)
    }

    pub(super) fn restart(&mut self, i: usize, tape: &mut Tape) -> Option<End> {
        let is_open = self.is_up;
        let kid = &mut self.kids[i];
        if kid.zombie == Some(Wish::Out) || kid.is_out {
            return None;
        }
        if kid.is_up {
            let is_temporary = kid.is_temporary();
            kid.stop(true, tape);
            // The host's wish.
            if kid.zombie.is_some() && is_temporary {
                kid.zombie = Some(Wish::Again);
            }
            if kid.zombie.is_some() {
                return None;
            }
        } else if !kid.bury(tape) {
            return None;
        } else if !is_open {
            if kid.down == Down::Put {
                kid.down = Down::Done;
            }
            return None;
        }
        self.start_list(vec![i], tape).err()
    }

    pub(super) fn add(&mut self, kid: Kid, tape: &mut Tape) -> Option<End> {
        self.kids.push(kid);
        if !self.is_up {
            self.kids.last_mut().unwrap().down = Down::Done;
            return None;
        }
        self.start_list(vec![self.kids.len() - 1], tape).err()
    }

    pub(super) fn terminate(&mut self, i: usize, tape: &mut Tape) -> Option<End> {
        let kid = &mut self.kids[i];
        if kid.is_up {
            kid.stop(false, tape);
        }
        match kid.zombie {
            Some(Wish::Out) => {}
            Some(_) => kid.zombie = Some(Wish::Put),
            None => kid.down = Down::Put,
        }
        None
    }

    pub(super) fn remove(&mut self, i: usize, tape: &mut Tape) -> Option<End> {
        let kid = &mut self.kids[i];
        if kid.is_up {
            kid.stop(false, tape);
        }
        if kid.take_off(tape) {
            self.kids.remove(i);
        }
        None
    }

    fn take_off(&mut self, tape: &mut Tape) -> bool {
        if self.zombie.is_some() {
            self.zombie = Some(Wish::Out);
            return false;
        }
        self.kids.retain_mut(|kid| !kid.take_off(tape));
        self.is_out = !self.kids.is_empty();
        if !self.is_out {
            tape.note(format!("x{}", self.path));
        }
        !self.is_out
    }

    /// An abandoned run ends.
    pub(super) fn late(&mut self, i: usize, tape: &mut Tape) -> Option<End> {
        let kid = &mut self.kids[i];
        tape.note(format!("z{}#{}", kid.path, kid.generation));
        match kid.zombie.take() {
            Some(Wish::Put) => kid.down = Down::Put,
            Some(Wish::Out) => {
                tape.note(format!("x{}", kid.path));
                self.kids.remove(i);
            }
            Some(Wish::Again) if self.is_up => return self.start_list(vec![i], tape).err(),
            _ => kid.down = Down::Done,
        }
        None
    }

    /// Takes those off the list that were only kept for what was below.
    pub(super) fn sweep(&mut self, tape: &mut Tape) {
        self.kids.iter_mut().for_each(|kid| kid.sweep(tape));
        self.kids.retain_mut(|kid| {
            let is_empty = kid.is_out && kid.kids.is_empty();
            if is_empty {
                tape.note(format!("x{}", kid.path));
            }
            !is_empty
        });
    }

    /// All below, with routes to them.
    pub(super) fn all<'a>(&'a self, above: &[usize], found: &mut Vec<(Vec<usize>, &'a Kid)>) {
        for (i, kid) in self.kids.iter().enumerate() {
            let route = [above, &[i]].concat();
            found.push((route.clone(), kid));
            kid.all(&route, found);
        }
    }
}
