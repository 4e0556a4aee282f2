//! The supervisor's thread: the only place that changes the state of workers. It sleeps until somebody has news for
//! it or something is due.

use super::incident::{Incident, StopReport, WorkerState, WorkerStatus};
use super::policy::{Decision, Exit, History, Rules, Window};
use super::spec::ChildSpec;
use super::worker::{Incarnation, panic_text};
use crate::sync::{Arc, AtomicBool, Mutex, OnceLock, Relaxed, SegQueue, thread};
use std::hash::{BuildHasher, RandomState};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

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
    Ended { worker: usize, generation: u64, exit: Exit },
    Add(ChildSpec),
    Stop { deadline: Instant },
}

/// What the supervisor's thread shares with handles and workers.
#[derive(Default)]
pub(crate) struct Shared {
    news: SegQueue<News>,
    thread: OnceLock<thread::Thread>,
    pub(crate) status: Mutex<Vec<WorkerStatus>>,
    /// Threads of workers that run.
    own_threads: Mutex<Vec<thread::ThreadId>>,
    melted_down: AtomicBool,
    report: Mutex<Option<StopReport>>,
    waiting: Mutex<Vec<thread::Thread>>,
}

impl Shared {
    pub(crate) fn tell(&self, news: News) {
        self.news.push(news);
        if let Some(thread) = self.thread.get() {
            thread.unpark();
        }
    }

    pub(crate) fn has_melted_down(&self) -> bool {
        self.melted_down.load(Relaxed)
    }

    /// Whether the calling thread is the supervisor's or one of its workers'.
    pub(crate) fn is_own_thread(&self) -> bool {
        let this = thread::current().id();
        self.thread.get().is_some_and(|thread| thread.id() == this) || self.own_threads.lock().contains(&this)
    }

    /// The report of the stop, once there is one, or `None` at the deadline.
    pub(crate) fn wait_for_report(&self, deadline: Instant) -> Option<StopReport> {
        self.waiting.lock().push(thread::current());
        loop {
            if let Some(report) = &*self.report.lock() {
                return Some(report.clone());
            }
            match deadline.saturating_duration_since(Instant::now()) {
                Duration::ZERO => return None,
                left => thread::park_timeout(left),
            }
        }
    }
}

struct Child {
    spec: ChildSpec,
    history: History,
    generation: u64,
    began: Instant,
    running: Option<Incarnation>,
    restart_at: Option<Instant>,
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
        for worker in 0..self.children.len() {
            self.start(worker);
        }
        loop {
            match self.shared.news.pop() {
                Some(News::Ended { worker, generation, exit }) => self.ended(worker, generation, exit),
                Some(News::Add(spec)) => {
                    let worker = self.enlist(spec);
                    self.start(worker);
                }
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
        let chores = self.run_chores(now);
        if !due.is_empty() || chores {
            return;
        }
        let restarts = self.children.iter().filter_map(|child| child.restart_at);
        let next = restarts.chain(self.chores.iter().map(|chore| chore.due)).min();
        // News that came since was followed by an unpark, so neither form misses it.
        match next {
            Some(at) => thread::park_timeout(at.saturating_duration_since(now)),
            None => thread::park(),
        }
    }

    fn run_chores(&mut self, now: Instant) -> bool {
        let mut ran = false;
        let mut panicked = Vec::new();
        for chore in self.chores.iter_mut().filter(|chore| chore.due <= now) {
            ran = true;
            if let Err(payload) = catch_unwind(AssertUnwindSafe(&mut chore.body)) {
                panicked.push(Incident::ChorePanicked {
                    chore: chore.name.clone(),
                    message: panic_text(&*payload),
                });
            }
            chore.due = Instant::now() + chore.every;
        }
        panicked.iter().for_each(|incident| self.observe(incident));
        ran
    }

    fn observe(&self, incident: &Incident) {
        // An observer that panics must not take the workers down with it.
        let _ = catch_unwind(AssertUnwindSafe(|| (self.observer)(incident)));
    }

    /// Takes a worker on; it is yet to be started.
    pub(crate) fn enlist(&mut self, spec: ChildSpec) -> usize {
        self.shared.status.lock().push(WorkerStatus {
            name: spec.name.clone(),
            state: WorkerState::Starting,
            generation: 0,
            restarts: 0,
            last_failure: None,
        });
        self.children.push(Child {
            spec,
            history: History::default(),
            generation: 0,
            began: Instant::now(),
            running: None,
            restart_at: None,
        });
        self.children.len() - 1
    }

    fn start(&mut self, worker: usize) {
        let child = &mut self.children[worker];
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

    fn ended(&mut self, worker: usize, generation: u64, exit: Exit) {
        let now = Instant::now();
        self.draws += 1;
        let jitter = self.random.hash_one(self.draws) as f64 / u64::MAX as f64;
        let Some(child) = self.children.get_mut(worker).filter(|child| child.generation == generation) else {
            return;
        };
        child.running = None;
        let ran = now.saturating_duration_since(child.began);
        let rules = Rules {
            restart: child.spec.restart,
            stable_after: child.spec.stable_after,
            backoff: child.spec.backoff,
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
                self.children[worker].restart_at = Some(now + delay);
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

    fn update(&self, worker: usize, change: impl FnOnce(&mut WorkerStatus)) {
        if let Some(status) = self.shared.status.lock().get_mut(worker) {
            change(status);
        }
    }

    /// Stops the workers, last started first, each in its own time and all before the deadline.
    fn stop_children(&mut self, deadline: Instant) -> StopReport {
        let mut report = StopReport::default();
        for worker in (0..self.children.len()).rev() {
            self.children[worker].restart_at = None;
            let name = self.children[worker].spec.name.clone();
            let Some(incarnation) = self.children[worker].running.take() else {
                report.stopped.push(name);
                self.update(worker, |status| {
                    if status.state != WorkerState::Abandoned {
                        status.state = WorkerState::Finished;
                    }
                });
                continue;
            };
            incarnation.stop();
            let deadline = deadline.min(Instant::now() + self.children[worker].spec.shutdown);
            while !incarnation.is_gone() && Instant::now() < deadline {
                // Woken by the news that it ended; then only its destructors are left.
                let left = deadline.saturating_duration_since(Instant::now());
                thread::park_timeout(left.min(Duration::from_millis(1)));
            }
            // Ends of the generation that was just stopped are no news any more.
            self.children[worker].generation += 1;
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
        self.shared.waiting.lock().drain(..).for_each(|thread| thread.unpark());
    }
}
