//! Moments that the model does not know, since everything settles between its steps.

use super::super::{Ask, Machine, Output, Plan, ROOT};
use super::trees::ms;
use crate::supervisor::backoff::Backoff;
use crate::supervisor::incident::{Incident, WorkerState};
use crate::supervisor::liveness::Turn;
use crate::supervisor::policy::Exit;
use crate::supervisor::rules::{Rules, Strategy};
use crate::supervisor::spec::{ChildSpec, Restart};
use std::time::Duration;

const FAR: Duration = Duration::from_secs(1 << 30);

fn failed() -> Exit {
    Exit::Failed("so".into())
}

fn worker(id: u64) -> Plan {
    let backoff = Backoff::between(Duration::ZERO, Duration::ZERO);
    let spec = ChildSpec::new(id.to_string(), Restart::Permanent, |_| ()).backoff(backoff);
    Plan { id, path: id.to_string().into(), spec: spec.shutdown(ms(100)), children: Vec::new() }
}

/// Does what is to be done, but for stops, and says what it was.
fn carry_out(machine: &mut Machine, now: Duration) -> Vec<String> {
    let mut done = Vec::new();
    while let Some(output) = machine.output() {
        match output {
            Output::Start { child, generation } => {
                done.push(format!("+{child}#{generation}"));
                machine.spawned(child, generation, now);
            }
            Output::AskStop { child, .. } => done.push(format!("-{child}")),
            Output::Tell(_, Incident::Abandoned { worker, .. }) => done.push(format!("~{worker}")),
            Output::AwaitGone { child, generation } => machine.gone(child, generation, now),
            Output::Tell(_, Incident::RestartScheduled { worker, .. }) => done.push(format!("r{worker}")),
            Output::Over(_) => done.push("over".into()),
            _ => {}
        }
    }
    done
}

fn three(strategy: Strategy) -> Machine {
    let mut machine = Machine::new(Rules::new().strategy(strategy).max_restarts(1), 0);
    (1..=3).for_each(|id| machine.add(ROOT, worker(id), Duration::ZERO));
    assert_eq!(carry_out(&mut machine, Duration::ZERO), ["+1#1", "+2#1", "+3#1"]);
    machine
}

#[test]
fn an_end_among_those_that_are_being_stopped_is_no_restart_of_its_own() {
    let mut machine = three(Strategy::OneForAll);
    machine.ended(1, 1, failed(), ms(1));
    assert_eq!(carry_out(&mut machine, ms(1)), ["r1", "-3"]);
    // Before it is asked. As one of its own, it would be one restart too many.
    machine.ended(2, 1, failed(), ms(2));
    assert_eq!(carry_out(&mut machine, ms(2)), [""; 0]);
    machine.ended(3, 1, Exit::Returned, ms(3));
    machine.pass(ms(3));
    assert_eq!(carry_out(&mut machine, ms(3)), ["+1#2", "+2#2", "+3#2"]);
}

#[test]
fn an_earlier_sibling_that_fails_meanwhile_takes_more_along() {
    let mut machine = three(Strategy::RestForOne);
    machine.ask(2, Ask::Restart, None, FAR, ms(1));
    machine.ended(2, 1, Exit::Returned, ms(1));
    machine.ended(2, 2, failed(), ms(1));
    machine.spawned(2, 2, ms(1));
    assert_eq!(carry_out(&mut machine, ms(1)), ["-2", "+2#2", "r2", "-3"]);
    machine.ended(1, 1, failed(), ms(2));
    // That is one restart too many: it may be seen from it that the first was counted, and by this one too.
    assert_eq!(carry_out(&mut machine, ms(2)), [""; 0], "the third is awaited");
    machine.ended(3, 1, Exit::Returned, ms(3));
    machine.pass(FAR - ms(1));
    assert_eq!(carry_out(&mut machine, FAR - ms(1)), ["~3"], "melted down");
    assert_eq!(machine.view(1).unwrap().state, WorkerState::Finished);
}

#[test]
fn what_fails_while_everything_stops_is_not_restarted() {
    let mut machine = three(Strategy::OneForOne);
    machine.stop(FAR, ms(1));
    assert_eq!(carry_out(&mut machine, ms(1)), ["-3"]);
    machine.ended(1, 1, failed(), ms(2));
    machine.ended(3, 1, failed(), ms(3));
    assert_eq!(carry_out(&mut machine, ms(3)), ["-2"]);
    machine.ended(2, 1, Exit::Returned, ms(4));
    assert_eq!(carry_out(&mut machine, ms(4)), ["over"]);
}

#[test]
fn one_that_is_stopped_for_good_has_stopped_when_its_thread_is_gone() {
    let mut machine = three(Strategy::OneForOne);
    machine.stop(FAR, ms(1));
    assert_eq!(carry_out(&mut machine, ms(1)), ["-3"]);
    machine.ended(3, 1, Exit::Returned, ms(2));
    let awaited = std::iter::from_fn(|| machine.output()).any(|output| {
        assert!(!matches!(output, Output::AskStop { .. }), "the next is asked too early");
        output == Output::AwaitGone { child: 3, generation: 1 }
    });
    assert!(awaited);
    machine.gone(3, 1, ms(3));
    assert_eq!(carry_out(&mut machine, ms(3)), ["-2"]);
    // One whose thread does not go is not waited for longer than one whose body does not.
    machine.ended(2, 1, Exit::Returned, ms(4));
    while machine.output().is_some() {}
    machine.pass(ms(103));
    assert_eq!(carry_out(&mut machine, ms(103)), ["~2", "-1"]);
    assert_eq!(machine.view(2).unwrap().state, WorkerState::Abandoned);
}

#[test]
fn a_removal_of_the_one_that_failed_does_not_leave_its_siblings_down() {
    let mut machine = three(Strategy::OneForAll);
    machine.ended(1, 1, failed(), ms(1));
    assert_eq!(carry_out(&mut machine, ms(1)), ["r1", "-3"]);
    machine.ask(1, Ask::Remove, None, FAR, ms(1));
    machine.ended(3, 1, Exit::Returned, ms(2));
    assert_eq!(carry_out(&mut machine, ms(2)), ["-2"]);
    machine.ended(2, 1, Exit::Returned, ms(3));
    assert_eq!(carry_out(&mut machine, ms(3)), ["+2#2", "+3#2"]);
}

#[test]
fn without_a_thread_a_start_is_tried_again_after_ever_longer_delays() {
    let mut machine = Machine::new(Rules::new().max_restarts(10), 0);
    let mut plan = worker(1);
    let backoff = Backoff::between(ms(10), ms(30)).jitter(crate::supervisor::backoff::Jitter::None);
    plan.spec = plan.spec.backoff(backoff);
    machine.add(ROOT, plan, Duration::ZERO);
    let mut starts = Vec::new();
    let mut now = Duration::ZERO;
    while starts.len() < 6 {
        while let Some(output) = machine.output() {
            if let Output::Start { child, generation } = output {
                starts.push(now);
                if starts.len() < 6 {
                    let exit = Exit::NotSpawned("resource temporarily unavailable".into());
                    machine.ended(child, generation, exit, now);
                } else {
                    machine.spawned(child, generation, now);
                }
            }
        }
        if let Some(at) = machine.deadline() {
            now = at;
            machine.pass(now);
        }
    }
    assert_eq!(starts, [0, 10, 30, 60, 90, 120].map(ms));
    let view = machine.view(1).unwrap();
    assert_eq!((view.state, view.generation), (WorkerState::Running, 6));
    assert_eq!(view.last_failure.as_deref(), Some("resource temporarily unavailable"));
}

/// A machine with one child, whose first run has begun.
fn one(spec: ChildSpec) -> Machine {
    let mut machine = Machine::new(Rules::new(), 0);
    let plan = Plan { id: 1, path: "1".into(), spec: spec.shutdown(ms(100)), children: Vec::new() };
    machine.add(ROOT, plan, Duration::ZERO);
    carry_out(&mut machine, Duration::ZERO);
    machine
}

fn spec(restart: Restart) -> ChildSpec {
    ChildSpec::new("1", restart, |_| ()).backoff(Backoff::between(Duration::ZERO, Duration::ZERO))
}

const HUNG: Turn = Turn::Hung { silent: Duration::from_secs(1) };

#[test]
fn one_that_hung_while_it_started_is_hung_until_it_beats() {
    let mut machine = one(spec(Restart::Permanent).reports_ready(FAR));
    machine.turned(1, 1, HUNG, ms(1));
    machine.ready(1, 1, ms(2));
    assert_eq!(machine.view(1).unwrap().state, WorkerState::Hung);
    machine.turned(1, 1, Turn::Recovered { hung: ms(2) }, ms(3));
    assert_eq!(machine.view(1).unwrap().state, WorkerState::Running);
}

#[test]
fn one_that_is_ended_since_it_hung_has_failed_at_once_and_is_told_of_once() {
    let mut machine = one(spec(Restart::Permanent).restart_hung());
    let ended = |machine: &mut Machine| {
        let (mut ended, mut late) = (0, 0);
        while let Some(output) = machine.output() {
            match output {
                Output::Tell(_, Incident::Ended { exit: Exit::Hung(_), .. }) => ended += 1,
                Output::Tell(_, Incident::AbandonedEnded { .. }) => late += 1,
                _ => {}
            }
        }
        (ended, late)
    };
    machine.turned(1, 1, HUNG, ms(1));
    let view = machine.view(1).unwrap();
    assert_eq!((view.state, view.has_failed), (WorkerState::Stopping, true));
    assert_eq!(ended(&mut machine), (0, 0));
    machine.pass(ms(101));
    assert_eq!(machine.view(1).unwrap().state, WorkerState::Abandoned);
    assert_eq!(ended(&mut machine), (1, 0));
    machine.ended(1, 1, Exit::Returned, ms(200));
    assert_eq!(ended(&mut machine), (0, 1));
    machine.pass(ms(200));
    machine.spawned(1, 2, ms(200));
    let view = machine.view(1).unwrap();
    assert_eq!((view.state, view.has_failed), (WorkerState::Running, false));
}

#[test]
fn one_that_failed_and_then_returned_has_not_failed() {
    let mut machine = one(spec(Restart::Transient));
    machine.ended(1, 1, failed(), ms(1));
    assert!(machine.view(1).unwrap().has_failed);
    machine.pass(ms(1));
    assert_eq!(carry_out(&mut machine, ms(1)), ["r1", "+1#2"]);
    machine.ended(1, 2, Exit::Returned, ms(2));
    let view = machine.view(1).unwrap();
    assert_eq!((view.state, view.has_failed), (WorkerState::Finished, false));
    assert_eq!(view.last_failure.as_deref(), Some("so"), "as it is written down");
}

#[test]
fn what_is_added_while_the_topmost_gives_up_is_started_after_that() {
    let mut machine = three(Strategy::OneForOne);
    machine.ended(1, 1, failed(), ms(1));
    machine.pass(ms(1));
    carry_out(&mut machine, ms(1));
    machine.ended(1, 2, failed(), ms(2));
    assert_eq!(carry_out(&mut machine, ms(2)), ["-3"]);
    machine.add(ROOT, worker(4), ms(3));
    machine.ended(3, 1, Exit::Returned, ms(4));
    assert_eq!(carry_out(&mut machine, ms(4)), ["-2"]);
    machine.ended(2, 1, Exit::Returned, ms(5));
    assert_eq!(carry_out(&mut machine, ms(5)), ["+4#1"]);

    // Unless everything is to stop.
    let mut machine = three(Strategy::OneForOne);
    machine.ended(1, 1, failed(), ms(1));
    machine.pass(ms(1));
    carry_out(&mut machine, ms(1));
    machine.ended(1, 2, failed(), ms(2));
    machine.add(ROOT, worker(4), ms(3));
    machine.stop(FAR, ms(4));
    machine.ended(3, 1, Exit::Returned, ms(5));
    carry_out(&mut machine, ms(5));
    machine.ended(2, 1, Exit::Returned, ms(6));
    assert_eq!(carry_out(&mut machine, ms(6)), ["over"]);
    assert_eq!(machine.view(4).unwrap().state, WorkerState::Finished);
}

#[test]
fn a_hang_after_a_stable_run_is_no_start_that_failed() {
    let backoff = Backoff::between(ms(10), ms(1_000)).jitter(crate::supervisor::backoff::Jitter::None);
    let spec = || spec(Restart::Permanent).backoff(backoff).min_uptime(ms(100)).stable_after(ms(10_000));
    let mut machine = one(spec().restart_hung().reports_ready(FAR).unlimited_restarts());
    let mut now = Duration::ZERO;
    // The delay after a run that is ready or not, hangs after so long, and was silent for so long before that.
    let mut hangs = |is_ready: bool, after: u64, silent: u64| {
        let generation = machine.view(1).unwrap().generation;
        if is_ready {
            machine.ready(1, generation, now);
        }
        now += ms(after);
        machine.turned(1, generation, Turn::Hung { silent: ms(silent) }, now);
        // However long it takes to stop.
        now += ms(99);
        machine.ended(1, generation, Exit::Returned, now);
        let mut delay = None;
        while let Some(output) = machine.output() {
            if let Output::Tell(_, Incident::RestartScheduled { delay: found, .. }) = output {
                delay = Some(found);
            }
        }
        now += delay.expect("it is started again");
        machine.pass(now);
        machine.spawned(1, generation + 1, now);
        delay.unwrap()
    };
    assert_eq!([hangs(true, 50, 50), hangs(true, 20_000, 19_950)], [ms(10), ms(20)], "it got on for 50 ms");
    assert_eq!(hangs(true, 5_000, 50), ms(20), "neither stable nor short");
    assert_eq!(hangs(false, 20_000, 50), ms(40), "it was never ready");
    assert_eq!(hangs(true, 20_000, 50), Duration::ZERO, "it was stable until it hung");
}

#[test]
fn who_does_not_stop_leaves_a_part_of_the_time_to_those_whose_turn_comes_later() {
    let mut machine = Machine::new(Rules::new(), 0);
    let mut net = Plan { path: "net".into(), ..worker(2) };
    net.spec = ChildSpec::supervisor("net", Restart::Permanent, Rules::new());
    net.children = vec![worker(3), worker(4)];
    let mut deaf = worker(5);
    deaf.spec = deaf.spec.shutdown(FAR);
    for plan in [worker(1), net, deaf] {
        machine.add(ROOT, plan, Duration::ZERO);
    }
    carry_out(&mut machine, Duration::ZERO);
    let now = ms(1_000);
    machine.stop(now + ms(800), now);
    assert_eq!(carry_out(&mut machine, now), ["-5"]);
    // Asked again meanwhile: that makes it no later.
    machine.pass(now + ms(400));
    machine.stop(FAR, now + ms(400));
    machine.pass(now + ms(699));
    assert_eq!(carry_out(&mut machine, now + ms(699)), [""; 0]);
    machine.pass(now + ms(700));
    assert_eq!(carry_out(&mut machine, now + ms(700)), ["-4", "-3", "-1"]);
    for id in [1, 3, 4] {
        machine.ended(id, 1, Exit::Returned, now + ms(799));
    }
    assert_eq!(carry_out(&mut machine, now + ms(799)), [""; 0]);
    machine.pass(now + ms(800));
    let mut over = None;
    while let Some(output) = machine.output() {
        if let Output::Over(report) = output {
            over = Some(report);
        }
    }
    let report = over.expect("the time is over");
    assert_eq!((report.stopped.len(), &*report.abandoned), (3, &["5".into()][..]));
}

#[test]
fn without_any_time_all_are_asked_before_one_is_given_up() {
    let mut machine = three(Strategy::OneForOne);
    machine.stop(ms(1), ms(1));
    machine.pass(ms(1));
    assert_eq!(carry_out(&mut machine, ms(1)), ["-3", "-2", "-1", "~3", "~2", "~1", "over"]);
}

/// What is told of abandoned runs that are over.
fn late(machine: &mut Machine) -> Vec<(u64, Option<String>, Duration)> {
    let told = std::iter::from_fn(|| machine.output());
    told.filter_map(|output| match output {
        Output::Tell(1, Incident::AbandonedEnded { generation, exit, ran, .. }) => {
            Some((generation, exit.failure().map(str::to_owned), ran))
        }
        _ => None,
    })
    .collect()
}

#[test]
fn of_one_whose_thread_goes_late_the_end_of_its_body_is_told() {
    let mut machine = one(spec(Restart::Permanent));
    machine.ask(1, Ask::Terminate, None, FAR, ms(1));
    machine.ended(1, 1, failed(), ms(2));
    machine.pass(ms(101));
    assert_eq!(machine.view(1).unwrap().state, WorkerState::Abandoned);
    machine.gone(1, 1, ms(200));
    assert_eq!(late(&mut machine), [(1, Some("so".into()), ms(200))]);
    assert_eq!(machine.view(1).unwrap().state, WorkerState::Terminated);
}

#[test]
fn one_that_is_replaced_while_its_thread_goes_is_no_straggler_for_ever() {
    let mut machine = one(spec(Restart::Permanent).replace_abandoned());
    machine.ask(1, Ask::Terminate, None, FAR, ms(1));
    machine.ended(1, 1, failed(), ms(2));
    machine.pass(ms(101));
    machine.ask(1, Ask::Restart, None, FAR, ms(102));
    machine.spawned(1, 2, ms(102));
    assert_eq!(late(&mut machine), []);
    assert_eq!(&*machine.report(1).abandoned, ["1".into()]);
    machine.gone(1, 1, ms(200));
    assert_eq!(late(&mut machine), [(1, Some("so".into()), ms(200))]);
    assert_eq!(machine.report(1).abandoned, []);
}
