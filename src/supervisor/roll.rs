//! The children by number and by path, as everybody may see them.

use super::error::StartError;
use super::incident::{StopReport, WorkerState, WorkerStatus};
use super::machine::{Id, Plan, ROOT, View};
use super::pulse::Pulse;
use super::rules::AutoShutdown;
use super::spec::{ChildSpec, Kind, Restart};
use crate::sync::Arc;
use std::collections::{BTreeMap, HashMap};

/// One child. Numbers only grow, so they give the order in which children were taken on.
#[derive(Debug)]
struct Row {
    status: WorkerStatus,
    /// Of a supervisor.
    auto_shutdown: Option<AutoShutdown>,
    /// Of its last run.
    pulse: Option<Pulse>,
}

#[derive(Debug)]
pub(crate) struct Roll {
    taken: Id,
    rows: BTreeMap<Id, Row>,
    by_path: HashMap<Arc<str>, Id>,
    auto_shutdown: AutoShutdown,
}

impl Roll {
    pub(crate) fn new(auto_shutdown: AutoShutdown) -> Self {
        Self { taken: ROOT, rows: BTreeMap::new(), by_path: HashMap::new(), auto_shutdown }
    }

    /// Puts a child and all below it down, with numbers and paths, unless something is wrong with one of them.
    pub(crate) fn enroll(&mut self, parent: Id, spec: ChildSpec) -> Result<Plan, StartError> {
        let (above, auto_shutdown) = match self.rows.get(&parent) {
            _ if parent == ROOT => ("".into(), self.auto_shutdown),
            Some(Row { status, auto_shutdown: Some(auto_shutdown), .. }) => {
                (status.name.clone(), *auto_shutdown)
            }
            _ => return Err(StartError::NoSupervisor { child: spec.name.to_string() }),
        };
        let (taken, mut plans) = (self.taken, Vec::new());
        let plan = self.plan(&above, auto_shutdown, spec, &mut plans);
        if plan.is_err() {
            self.taken = taken;
            for path in plans {
                if let Some(id) = self.by_path.remove(&path) {
                    self.rows.remove(&id);
                }
            }
        }
        plan
    }

    /// What it puts down it adds to the list.
    fn plan(
        &mut self,
        above: &str,
        auto_shutdown: AutoShutdown,
        mut spec: ChildSpec,
        put_down: &mut Vec<Arc<str>>,
    ) -> Result<Plan, StartError> {
        let path: Arc<str> =
            if above.is_empty() { spec.name.clone() } else { format!("{above}/{}", spec.name).into() };
        let name = || path.to_string();
        if self.by_path.contains_key(&path) {
            return Err(StartError::DuplicateName { name: name() });
        }
        if spec.significant && spec.restart == Restart::Permanent {
            return Err(StartError::PermanentSignificant { name: name() });
        }
        if spec.significant && auto_shutdown == AutoShutdown::Never {
            return Err(StartError::NeverSignificant { name: name() });
        }
        self.taken += 1;
        let (id, mut children, mut below) = (self.taken, Vec::new(), None);
        if let Kind::Supervisor(rules) = &mut spec.kind {
            children = std::mem::take(&mut rules.children);
            below = Some(rules.auto_shutdown);
        }
        let status = WorkerStatus {
            name: path.clone(),
            is_supervisor: below.is_some(),
            state: WorkerState::Starting,
            generation: 0,
            restarts: 0,
            last_failure: None,
            has_failed: false,
            is_needed: spec.limited,
            restarts_hung: spec.ends_hung,
        };
        self.rows.insert(id, Row { status, auto_shutdown: below, pulse: None });
        self.by_path.insert(path.clone(), id);
        put_down.push(path.clone());
        let children = children
            .into_iter()
            .map(|child| self.plan(&path, below.unwrap_or_default(), child, put_down))
            .collect::<Result<_, _>>()?;
        Ok(Plan { id, path, spec, children })
    }

    pub(crate) fn find(&self, path: &str) -> Option<Id> {
        self.by_path.get(path).copied()
    }

    pub(crate) fn is_supervisor(&self, id: Id) -> bool {
        self.rows.get(&id).is_some_and(|row| row.status.is_supervisor)
    }

    pub(crate) fn get(&self, id: Id) -> Option<&WorkerStatus> {
        self.rows.get(&id).map(|row| &row.status)
    }

    pub(crate) fn statuses(&self) -> Vec<WorkerStatus> {
        self.rows.values().map(|row| row.status.clone()).collect()
    }

    /// A run has begun that has this pulse.
    pub(crate) fn beats_by(&mut self, id: Id, pulse: Pulse) {
        if let Some(row) = self.rows.get_mut(&id) {
            row.pulse = Some(pulse);
        }
    }

    /// How often the last run of each has beaten.
    #[cfg(all(feature = "mapped", target_os = "linux"))]
    pub(crate) fn beats(&self) -> HashMap<Arc<str>, u64> {
        let rows = self.rows.values();
        rows.filter_map(|row| Some((row.status.name.clone(), row.pulse.as_ref()?.beats()))).collect()
    }

    pub(crate) fn are_well(&self) -> bool {
        self.rows.values().all(|row| row.status.is_well())
    }

    pub(crate) fn update(&mut self, id: Id, view: View) {
        if let Some(Row { status, .. }) = self.rows.get_mut(&id) {
            status.state = view.state;
            status.generation = view.generation;
            status.restarts = view.generation.saturating_sub(1);
            status.last_failure = view.last_failure.map(|why| why.to_string());
            status.has_failed = view.has_failed;
        }
    }

    pub(crate) fn remove(&mut self, id: Id) {
        if let Some(row) = self.rows.remove(&id) {
            self.by_path.remove(&row.status.name);
        }
    }

    /// A run ended after everything was over: whose it was, if it was abandoned and that is news.
    pub(crate) fn ended_late(&mut self, id: Id, generation: u64) -> Option<Arc<str>> {
        let Row { status, .. } = self.rows.get_mut(&id)?;
        let is_late = status.generation == generation && status.state == WorkerState::Abandoned;
        is_late.then(|| {
            status.state = WorkerState::Finished;
            status.name.clone()
        })
    }
}

/// Of a report, what concerns this child.
pub(crate) fn part_of(report: StopReport, path: &str) -> StopReport {
    let is_below = |other: &Arc<str>| {
        other.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    let StopReport { mut stopped, mut abandoned, pending } = report;
    stopped.retain(is_below);
    abandoned.retain(is_below);
    StopReport { stopped, abandoned, pending }
}
