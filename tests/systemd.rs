//! What systemd hears of a deck: by a socket of our own in its place, from a child process with its environment.

#![cfg(target_os = "linux")]

mod support;

use flightdeck::supervisor::{Check, Probe};
use flightdeck::{Diagnostic, Flightdeck, Settings};
use std::io::{BufRead, Write};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};
use std::{env, fs, path::PathBuf};
use support::PATIENCE;

const CHILD: &str = "FLIGHTDECK_SYSTEMD_CHILD";
/// What systemd waits for a word.
const WATCHDOG: Duration = Duration::from_millis(200);

/// Not a test of its own: what the others run, told line by line what to do.
#[test]
fn child() {
    if env::var_os(CHILD).is_none() {
        return;
    }
    let (feed, verdicts) = Check::told("feed");
    let (hangs, hung) = std::sync::mpsc::channel::<Duration>();
    let hung = Mutex::new(hung);
    let mut settings = Settings::default();
    settings.health = Duration::from_millis(10);
    let hang = move || {
        if let Ok(time) = hung.lock().unwrap().try_recv() {
            std::thread::sleep(time);
        }
    };
    let feed = feed.counts_for([Probe::Live, Probe::Ready]).failure_threshold(1).period(PATIENCE);
    let deck = Flightdeck::builder()
        .settings(settings)
        .check(feed)
        .supervisor(|supervisor| supervisor.every(Duration::from_millis(10), "hang", hang))
        .systemd()
        .start();
    let deck = match deck {
        Ok(deck) => deck,
        Err(error) => {
            println!("\nREFUSED {} {error}", error.code());
            return;
        }
    };
    for line in std::io::stdin().lock().lines() {
        match line.unwrap().as_str() {
            "pass" => verdicts.pass(),
            "fail" => verdicts.fail("no tick\nfor 3 s"),
            "hang" => hangs.send(WATCHDOG * 5).unwrap(),
            "stop" => assert!(deck.shutdown(PATIENCE).is_clean()),
            "count" => {
                println!(
                    "\nFAILURES {}",
                    deck.telemetry().counter("flightdeck_systemd_failures_total").value()
                );
            }
            other => panic!("{other}"),
        }
    }
}

struct Service {
    child: Child,
    socket: UnixDatagram,
}

impl Service {
    fn start(socket: UnixDatagram, address: &str, watchdog: Option<Duration>) -> Self {
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut command = Command::new(env::current_exe().unwrap());
        command.args(["--exact", "child", "--nocapture"]).env(CHILD, "1").env("NOTIFY_SOCKET", address);
        if let Some(time) = watchdog {
            command.env("WATCHDOG_USEC", time.as_micros().to_string());
        }
        let child =
            command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        Self { child, socket }
    }

    fn tell(&mut self, line: &str) {
        writeln!(self.child.stdin.as_ref().unwrap(), "{line}").unwrap();
    }

    /// One datagram, if one comes in time.
    fn hears(&self, time: Duration) -> Option<String> {
        self.socket.set_read_timeout(Some(time)).unwrap();
        let mut buffer = [0; 4_096];
        let length = self.socket.recv(&mut buffer).ok()?;
        Some(String::from_utf8(buffer[..length].to_vec()).unwrap())
    }

    /// All lines up to one that begins so.
    fn until(&self, begin: &str) -> Vec<String> {
        let end = Instant::now() + PATIENCE;
        let mut heard = Vec::new();
        while !heard.iter().any(|line: &String| line.starts_with(begin)) {
            assert!(Instant::now() < end, "`{begin}` never came: {heard:?}");
            heard.extend(self.hears(PATIENCE).iter().flat_map(|text| text.lines()).map(str::to_owned));
        }
        heard
    }

    fn end(mut self) {
        drop(self.child.stdin.take());
        assert!(self.child.wait().unwrap().success());
    }
}

fn place(name: &str) -> PathBuf {
    let path = env::temp_dir().join(format!("fd-{name}-{}", std::process::id()));
    let _ = fs::remove_file(&path);
    path
}

#[test]
fn a_service_says_when_it_is_ready_how_it_is_and_that_it_stops() {
    let path = place("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    let mut service = Service::start(socket, path.to_str().unwrap(), None);
    let before = service.until("STATUS=not ready");
    assert!(!before.iter().any(|line| line == "READY=1"), "{before:?}");
    service.tell("pass");
    let ready = service.until("READY=1");
    assert!(!ready.iter().any(|line| line.starts_with("WATCHDOG")), "nobody asked for it: {ready:?}");
    service.tell("fail");
    service.until("STATUS=not live, revision 1, 0 workers; check `feed` fails: no tick for 3 s");
    service.tell("pass");
    let again = service.until("STATUS=healthy");
    assert!(!again.iter().any(|line| line == "READY=1"), "once is enough: {again:?}");
    service.tell("stop");
    service.until("STOPPING=1");
    service.end();
    fs::remove_file(path).unwrap();
}

#[test]
fn a_watchdog_is_petted_while_the_deck_is_live_and_by_no_deck_that_hangs() {
    let name = format!("flightdeck-{}", std::process::id());
    let socket = UnixDatagram::bind_addr(&SocketAddr::from_abstract_name(&name).unwrap()).unwrap();
    let mut service = Service::start(socket, &format!("@{name}"), Some(WATCHDOG));
    service.tell("pass");
    for _ in 0..4 {
        service.until("WATCHDOG=1");
    }
    service.tell("fail");
    service.until("STATUS=not live");
    let heard = service.hears(WATCHDOG * 3);
    assert_eq!(heard, None, "it is not live");
    service.tell("pass");
    service.until("WATCHDOG=1");
    service.tell("hang");
    let quiet = (0..100).any(|_| service.hears(WATCHDOG * 2).is_none());
    assert!(quiet, "its supervisor hangs");
    service.until("WATCHDOG=1");
    service.end();
}

#[test]
fn without_systemd_nothing_is_told_and_a_socket_that_cannot_be_is_refused() {
    let run = |address: Option<&str>, commands: &str| {
        let mut command = Command::new(env::current_exe().unwrap());
        command.args(["--exact", "child", "--nocapture"]).env(CHILD, "1").env_remove("NOTIFY_SOCKET");
        if let Some(address) = address {
            command.env("NOTIFY_SOCKET", address);
        }
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        // One that was refused reads nothing.
        let _ = child.stdin.take().unwrap().write_all(commands.as_bytes());
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success());
        String::from_utf8(output.stdout).unwrap()
    };
    let said = run(None, "pass\nstop\ncount\n");
    assert!(said.contains("FAILURES 0"), "{said}");
    let said = run(Some("run/notify"), "");
    assert!(said.contains("REFUSED hub.systemd.socket systemd's socket `run/notify`"), "{said}");
    let gone = place("gone");
    let said = run(gone.to_str(), "pass\nstop\ncount\n");
    let count = said.lines().find_map(|line| line.strip_prefix("FAILURES ")).unwrap();
    assert!(count.parse::<u64>().unwrap() > 0, "{said}");
}
