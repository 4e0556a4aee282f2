//! The supervisor's thread: the only place that changes the state of workers. It sleeps until somebody has news for
//! it or something is due.

use super::incident::{Incident, StopReport, WorkerState, WorkerStatus};
use super::policy::{Decision, Exit, History, Rules, Window};
use super::spec::ChildSpec;
use super::watchdog::Watchdog;
use super::worker::{Incarnation, panic_text};
use crate::error::Severity;
use crate::status::ErrorSlot;
use crate::sync::{Arc, AtomicBool, AtomicU64, Mutex, OnceLock, Relaxed, SegQueue, thread};
use std::hash::{BuildHasher, RandomState};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

/// How often a thread that was asked to stop is looked at: its last news comes before its destructors.
const GONE_CHECK: Duration = Duration::from_millis(1);

pub(crate) type Observer = dyn Fn(&Incident) + Send + Sync;
pub(crate) type ChoreBody = dyn FnMut() + Send;

/// Something done every so often on the supervisor's thread.
pub(crate) struct Chore {
    pub(crate) name: Arc<str>,
    pub(crate) every: Duration,
    pub(crate) body: Box<ChoreBody>,
    pub(crate) due: Instant,
}

/// What the supervisor's thread is told.
#[derive(Debug)]
pub(crate) enum News {
    Ended {
        worker: u64,
        generation: u64,
        exit: Exit,
    },
    /// A chore is to be done this often.
    Pace {
        chore: Arc<str>,
        every: Duration,
    },
    /// A chore is to be done now.
    Soon {
        chore: Arc<str>,
    },
    Add {
        worker: u64,
        spec: ChildSpec,
    },
    Remove {
        worker: u64,
        deadline: Instant,
    },
    Stop {
        deadline: Instant,
    },
}

/// The workers by number, in the order in which they were taken on. Numbers never come back.
#[derive(Default)]
struct Roll {
    taken: u64,
    workers: Vec<(u64, WorkerStatus)>,
}

impl Roll {
    /// Puts a worker's name down, unless it is there already, and gives the worker a number.
    fn enroll(&mut self, spec: &ChildSpec) -> Option<u64> {
        let name = &spec.name;
        if self.workers.iter().any(|(_, status)| status.name == *name) {
            return None;
        }
        self.taken += 1;
        let status = WorkerStatus {
            name: name.clone(),
            state: WorkerState::Starting,
            generation: 0,
            restarts: 0,
            last_failure: None,
            is_needed: spec.limited,
        };
        self.workers.push((self.taken, status));
        Some(self.taken)
    }
}

/// What has happened so far. Relaxed: each stands for itself.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) starts: AtomicU64,
    pub(crate) restarts: AtomicU64,
    pub(crate) failures: AtomicU64,
    pub(crate) abandoned: AtomicU64,
    pub(crate) chores: AtomicU64,
    pub(crate) chore_panics: AtomicU64,
    pub(crate) observer_panics: AtomicU64,
}

impl Counts {
    fn count(&self, incident: &Incident) {
        let count = match incident {
            Incident::Started { generation, .. } => {
                if *generation > 1 {
                    self.restarts.fetch_add(1, Relaxed);
                }
                &self.starts
            }
            Incident::Ended { exit, .. } if exit.failure().is_some() => &self.failures,
            Incident::Abandoned { .. } => &self.abandoned,
            Incident::ChorePanicked { .. } => &self.chore_panics,
            _ => return,
        };
        count.fetch_add(1, Relaxed);
    }
}

/// What the supervisor's thread shares with handles and workers.
pub(crate) struct Shared {
    news: SegQueue<News>,
    thread: OnceLock<thread::Thread>,
    roll: Mutex<Roll>,
    /// Threads of workers that run.
    own_threads: Mutex<Vec<thread::ThreadId>>,
    melted_down: AtomicBool,
    report: Mutex<Option<StopReport>>,
    waiting: Mutex<Vec<thread::Thread>>,
    /// Somebody asked for the end.
    stopping: AtomicBool,
    pub(crate) counts: Counts,
    pub(crate) errors: ErrorSlot,
    pub(crate) started: Instant,
    pub(crate) watchdog: Watchdog,
}

impl Shared {
    pub(crate) fn new() -> Self {
        Self {
            news: SegQueue::new(),
            thread: OnceLock::new(),
            roll: Mutex::default(),
            own_threads: Mutex::default(),
            melted_down: AtomicBool::new(false),
            report: Mutex::default(),
            waiting: Mutex::default(),
            stopping: AtomicBool::new(false),
            counts: Counts::default(),
            errors: ErrorSlot::new(),
            started: Instant::now(),
            watchdog: Watchdog::new(),
        }
    }

    /// News that the thread has not heard yet.
    pub(crate) fn news_waiting(&self) -> usize {
        self.news.len()
    }

    /// Whether everything was asked to stop.
    pub(crate) fn is_stopping(&self) -> bool {
        self.stopping.load(Relaxed)
    }

    pub(crate) fn tell(&self, news: News) {
        if let News::Stop { .. } = news {
            // Relaxed: a hint for whoever asks how it is.
            self.stopping.store(true, Relaxed);
        }
        self.news.push(news);
        if let Some(thread) = self.thread.get() {
            thread.unpark();
        }
    }

    pub(crate) fn has_melted_down(&self) -> bool {
        self.melted_down.load(Relaxed)
    }

    /// Whether the calling thread is the supervisor's.
    pub(crate) fn is_supervisor_thread(&self) -> bool {
        let this = thread::current().id();
        self.thread.get().is_some_and(|thread| thread.id() == this)
    }

    /// Whether the calling thread is the supervisor's or one of its workers'.
    pub(crate) fn is_own_thread(&self) -> bool {
        self.is_supervisor_thread() || self.own_threads.lock().contains(&thread::current().id())
    }

    /// Takes a worker on, unless there is one of its name.
    pub(crate) fn add(&self, spec: ChildSpec) -> Result<(), ChildSpec> {
        // The news goes out under the lock: nobody removes a worker that the engine has not heard of.
        let mut roll = self.roll.lock();
        match roll.enroll(&spec) {
            Some(worker) => self.tell(News::Add { worker, spec }),
            None => return Err(spec),
        }
        Ok(())
    }

    /// How the removal of a worker went, once it is over.
    pub(crate) fn removal(&self, worker: u64) -> Option<StopReport> {
        let roll = self.roll.lock();
        match roll.workers.iter().find(|(number, _)| *number == worker) {
            None => Some(StopReport::default()),
            Some((_, status)) if status.state == WorkerState::Abandoned => {
                Some(StopReport { abandoned: vec![status.name.clone()], ..StopReport::default() })
            }
            Some(_) => None,
        }
    }

    pub(crate) fn number_of(&self, name: &str) -> Option<u64> {
        let roll = self.roll.lock();
        roll.workers.iter().find(|(_, status)| *status.name == *name).map(|(worker, _)| *worker)
    }

    pub(crate) fn workers(&self) -> Vec<WorkerStatus> {
        self.roll.lock().workers.iter().map(|(_, status)| status.clone()).collect()
    }

    /// The report of the stop, once there is one.
    pub(crate) fn report(&self) -> Option<StopReport> {
        self.report.lock().clone()
    }

    /// What `found` finds, once it does, or `None` at the deadline.
    pub(crate) fn wait_for(
        &self,
        deadline: Instant,
        found: impl Fn() -> Option<StopReport>,
    ) -> Option<StopReport> {
        loop {
            // Put down anew each time: who wakes the waiting takes them all from the list.
            self.waiting.lock().push(thread::current());
            if let Some(report) = found() {
                return Some(report);
            }
            match deadline.saturating_duration_since(Instant::now()) {
                Duration::ZERO => return None,
                left => thread::park_timeout(left),
            }
        }
    }

    fn wake_waiting(&self) {
        self.waiting.lock().drain(..).for_each(|thread| thread.unpark());
    }
}

struct Child {
    number: u64,
    spec: ChildSpec,
    history: History,
    generation: u64,
    began: Instant,
    running: Option<Incarnation>,
    restart_at: Option<Instant>,
    /// Of one that is being removed: until when it may go in order.
    leave_by: Option<Instant>,
}

/// The state behind the thread.
pub(crate) struct Engine {
    shared: Arc<Shared>,
    observer: Arc<Observer>,
    children: Vec<Child>,
    window: Window,
    chores: Vec<Chore>,
    started: Instant,
    random: RandomState,
    draws: u64,
}

impl Engine {
    pub(crate) fn new(
        shared: Arc<Shared>,
        observer: Arc<Observer>,
        window: Window,
        chores: Vec<Chore>,
    ) -> Self {
        Self {
            shared,
            observer,
            children: Vec::new(),
            window,
            chores,
            started: Instant::now(),
            random: RandomState::new(),
            draws: 0,
        }
    }

    /// Runs until told to stop.
    pub(crate) fn run(mut self) {
        let _ = self.shared.thread.set(thread::current());
        if cfg!(panic = "abort") {
            self.observe(&Incident::RestartsImpossible);
        }
        loop {
            self.shared.watchdog.awake();
            match self.shared.news.pop() {
                Some(News::Ended { worker, generation, exit }) => self.ended(worker, generation, exit),
                Some(News::Add { worker, spec }) => {
                    self.enlist(worker, spec);
                    self.start(self.children.len() - 1);
                }
                Some(News::Remove { worker, deadline }) => self.remove(worker, deadline),
                Some(News::Pace { chore, every }) => self.pace(&chore, every),
                Some(News::Soon { chore }) => self.hurry(&chore),
                Some(News::Stop { deadline }) => return self.stop(deadline),
                None => self.rest(),
            }
        }
    }

    /// Does what is due, and sleeps until something is.
    fn rest(&mut self) {
        let now = Instant::now();
        let due: Vec<usize> = (0..self.children.len())
            .filter(|child| self.children[*child].restart_at.is_some_and(|at| at <= now))
            .collect();
        for child in &due {
            self.start(*child);
        }
        let left = self.let_go(now);
        let chores = self.run_chores(now);
        if !due.is_empty() || left || chores {
            return;
        }
        let restarts = self.children.iter().filter_map(|child| child.restart_at);
        let leaving = self.children.iter().filter_map(|child| child.leave_by);
        let leaving = leaving.map(|deadline| deadline.min(now + GONE_CHECK));
        let next = restarts.chain(leaving).chain(self.chores.iter().map(|chore| chore.due)).min();
        self.shared.watchdog.asleep(next);
        // News that came since was followed by an unpark, so neither form misses it.
        match next {
            Some(at) => thread::park_timeout(at.saturating_duration_since(now)),
            None => thread::park(),
        }
    }

    /// From now on chores of this name are done this often; for the first time no later than they would be.
    fn pace(&mut self, name: &str, every: Duration) {
        let next = Instant::now() + every;
        for chore in self.chores.iter_mut().filter(|chore| *chore.name == *name) {
            chore.every = every;
            chore.due = chore.due.min(next);
        }
    }

    /// Chores of this name are due now.
    fn hurry(&mut self, name: &str) {
        let now = Instant::now();
        for chore in self.chores.iter_mut().filter(|chore| *chore.name == *name) {
            chore.due = chore.due.min(now);
        }
    }

    fn run_chores(&mut self, now: Instant) -> bool {
        let mut ran = false;
        let mut panicked = Vec::new();
        for chore in self.chores.iter_mut().filter(|chore| chore.due <= now) {
            ran = true;
            self.shared.counts.chores.fetch_add(1, Relaxed);
            self.shared.watchdog.enter(&chore.name);
            if let Err(payload) = catch_unwind(AssertUnwindSafe(&mut chore.body)) {
                panicked.push(Incident::ChorePanicked {
                    chore: chore.name.clone(),
                    message: panic_text(&*payload),
                });
                // It is the host's as well, and may panic when it is dropped.
                let _ = catch_unwind(AssertUnwindSafe(|| drop(payload))).map_err(std::mem::forget);
            }
            self.shared.watchdog.leave();
            chore.due = Instant::now() + chore.every;
        }
        panicked.iter().for_each(|incident| self.observe(incident));
        ran
    }

    fn observe(&self, incident: &Incident) {
        let Shared { counts, errors, .. } = &*self.shared;
        // Before it is counted: whoever finds the count finds why. A restart that is scheduled says no more than the failure
        // before it.
        if incident.severity() >= Severity::Error {
            errors.note(incident.to_string());
        }
        counts.count(incident);
        // An observer that panics must not take the workers down with it.
        if let Err(payload) = catch_unwind(AssertUnwindSafe(|| (self.observer)(incident))) {
            errors.note(format!("the supervisor's observer panicked: {}", panic_text(&*payload)));
            counts.observer_panics.fetch_add(1, Relaxed);
            // It is the host's as well, and may panic when it is dropped.
            let _ = catch_unwind(AssertUnwindSafe(|| drop(payload))).map_err(std::mem::forget);
        }
    }

    /// Takes a worker on; it is yet to be started.
    fn enlist(&mut self, number: u64, spec: ChildSpec) {
        self.children.push(Child {
            number,
            spec,
            history: History::default(),
            generation: 0,
            began: Instant::now(),
            running: None,
            restart_at: None,
            leave_by: None,
        });
    }

    /// Asks a worker to stop, for good.
    fn remove(&mut self, worker: u64, deadline: Instant) {
        let Some(child) = self.children.iter_mut().find(|child| child.number == worker) else {
            return;
        };
        child.restart_at = None;
        if let Some(incarnation) = &child.running {
            incarnation.stop();
        }
        child.leave_by = Some(deadline.min(Instant::now() + child.spec.shutdown));
    }

    /// Takes those who were to leave and have left off the roll, and gives up on those whose time is over.
    fn let_go(&mut self, now: Instant) -> bool {
        let leaves = |child: &mut Child| {
            let is_gone = child.running.as_ref().is_none_or(Incarnation::is_gone);
            child.leave_by.is_some_and(|deadline| is_gone || deadline <= now)
        };
        let gone: Vec<Child> = self.children.extract_if(.., leaves).collect();
        for child in &gone {
            if child.running.as_ref().is_none_or(Incarnation::is_gone) {
                let stays = |status: &WorkerStatus| status.state == WorkerState::Abandoned;
                let mut roll = self.shared.roll.lock();
                roll.workers.retain(|(worker, status)| *worker != child.number || stays(status));
            } else {
                self.update(child.number, |status| status.state = WorkerState::Abandoned);
                self.observe(&Incident::Abandoned { worker: child.spec.name.clone() });
            }
        }
        if !gone.is_empty() {
            self.shared.wake_waiting();
        }
        !gone.is_empty()
    }

    fn start(&mut self, child: usize) {
        let child = &mut self.children[child];
        let worker = child.number;
        child.generation += 1;
        child.restart_at = None;
        child.began = Instant::now();
        let (generation, name) = (child.generation, child.spec.name.clone());
        let shared = self.shared.clone();
        let ended = move |exit| {
            let this = thread::current().id();
            shared.own_threads.lock().retain(|thread| *thread != this);
            shared.tell(News::Ended { worker, generation, exit });
        };
        // Held while the thread starts, so that it cannot leave the list before it is on it.
        let mut own_threads = self.shared.own_threads.lock();
        match Incarnation::spawn(&name, generation, &child.spec.body, ended) {
            Ok(incarnation) => {
                own_threads.push(incarnation.thread_id());
                drop(own_threads);
                child.running = Some(incarnation);
                self.update(worker, |status| {
                    status.state = WorkerState::Running;
                    status.restarts = generation - 1;
                    status.generation = generation;
                });
                self.observe(&Incident::Started { worker: name, generation });
            }
            Err(error) => {
                drop(own_threads);
                let exit = Exit::NotSpawned(error.to_string());
                self.shared.tell(News::Ended { worker, generation, exit });
            }
        }
    }

    fn ended(&mut self, worker: u64, generation: u64, exit: Exit) {
        let now = Instant::now();
        self.draws += 1;
        let jitter = self.random.hash_one(self.draws) as f64 / u64::MAX as f64;
        let is_ended = |child: &Child| child.number == worker && child.generation == generation;
        let Some(index) = self.children.iter().position(is_ended) else {
            return;
        };
        let child = &mut self.children[index];
        let ran = now.saturating_duration_since(child.began);
        if child.leave_by.is_some() {
            // It is looked after until its thread is gone.
            let worker = child.spec.name.clone();
            return self.observe(&Incident::Ended { worker, generation, exit, ran });
        }
        child.running = None;
        let rules = Rules {
            restart: child.spec.restart,
            stable_after: child.spec.stable_after,
            backoff: child.spec.backoff,
            limited: child.spec.limited,
        };
        let since_start = now.saturating_duration_since(self.started);
        let decision = rules.ended(&mut child.history, &mut self.window, since_start, ran, &exit, jitter);
        let name = child.spec.name.clone();
        let failure = exit.failure().map(str::to_owned);
        self.observe(&Incident::Ended { worker: name.clone(), generation, exit, ran });
        let state = match decision {
            Decision::Finish | Decision::MeltDown => WorkerState::Finished,
            Decision::Restart(delay) => WorkerState::BackingOff { delay },
        };
        self.update(worker, |status| {
            status.state = state;
            if failure.is_some() {
                status.last_failure = failure;
            }
        });
        match decision {
            Decision::Finish => {}
            Decision::Restart(delay) => {
                self.children[index].restart_at = Some(now + delay);
                self.observe(&Incident::RestartScheduled { worker: name, delay });
            }
            Decision::MeltDown => {
                self.shared.melted_down.store(true, Relaxed);
                self.observe(&Incident::MeltedDown { worker: name });
                let longest = self.children.iter().map(|child| child.spec.shutdown).sum::<Duration>();
                self.stop_children(Instant::now() + longest);
            }
        }
    }

    fn update(&self, worker: u64, change: impl FnOnce(&mut WorkerStatus)) {
        let mut roll = self.shared.roll.lock();
        if let Some((_, status)) = roll.workers.iter_mut().find(|(number, _)| *number == worker) {
            change(status);
        }
    }

    /// Stops the workers, last started first, each in its own time and all before the deadline.
    fn stop_children(&mut self, deadline: Instant) -> StopReport {
        let mut report = StopReport::default();
        let mut order: Vec<usize> = (0..self.children.len()).rev().collect();
        order.sort_by_key(|child| self.children[*child].spec.stops_last);
        for index in order {
            let child = &mut self.children[index];
            child.restart_at = None;
            let (worker, name) = (child.number, child.spec.name.clone());
            let Some(incarnation) = child.running.take() else {
                report.stopped.push(name);
                self.update(worker, |status| {
                    if status.state != WorkerState::Abandoned {
                        status.state = WorkerState::Finished;
                    }
                });
                continue;
            };
            incarnation.stop();
            let deadline = deadline.min(Instant::now() + child.spec.shutdown);
            while !incarnation.is_gone() && Instant::now() < deadline {
                // Woken by the news that it ended; then only its destructors are left.
                let left = deadline.saturating_duration_since(Instant::now());
                thread::park_timeout(left.min(GONE_CHECK));
            }
            // Ends of the generation that was just stopped are no news any more.
            child.generation += 1;
            if incarnation.is_gone() {
                report.stopped.push(name);
                self.update(worker, |status| status.state = WorkerState::Finished);
            } else {
                report.abandoned.push(name.clone());
                self.update(worker, |status| status.state = WorkerState::Abandoned);
                self.observe(&Incident::Abandoned { worker: name });
            }
        }
        report
    }

    fn stop(mut self, deadline: Instant) {
        let report = self.stop_children(deadline);
        *self.shared.report.lock() = Some(report);
        self.shared.wake_waiting();
    }
}
