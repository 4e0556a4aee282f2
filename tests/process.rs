//! What the system says about this process: of this machine, and of copies of `/proc`.
#![cfg(target_os = "linux")]

use flightdeck::Diagnostic;
use flightdeck::telemetry::{Process, ProcessError, ProcessMetrics, Telemetry, Value};
use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// A copy of `/proc`, gone with the test.
struct Proc(PathBuf);

const STAT: &str = "4242 (a ) (b\u{fffd}) R 30506 30506 7660 0 -1 4194304 100 0 0 0 1234 66 0 0 20 0 7 0 557316 3133440 \
     359 18446744073709551615 1 2 3 0 0 0 0 0 0 0 0 0 17 0 0 0 0 0 0 4 5 6 7 8 9 10 0\n";
const STATUS: &str = "Name:\tcat\nUmask:\t0022\nVmPeak:\t    3060 kB\nVmHWM:\t    1764 kB\nVmRSS:\t    1700 kB\n\
     RssAnon:\t     112 kB\nThreads:\t7\n";
const LIMITS: &str = "Limit                     Soft Limit           Hard Limit           Units     \n\
     Max cpu time              unlimited            unlimited            seconds   \n\
     Max open files            20000                1048576              files     \n";

impl Proc {
    fn new(name: &str) -> Self {
        let root = std::env::temp_dir().join(format!("flightdeck-proc-{}-{name}", std::process::id()));
        fs::create_dir_all(root.join("self/fd")).unwrap();
        let proc = Self(root);
        proc.write("stat", "cpu  1 2 3\nintr 207083969 0 0\nctxt 345368123\nbtime 1795628870\nprocesses 9\n");
        proc.write("uptime", "5600.16 9000.00\n");
        proc.write("self/stat", STAT);
        proc.write("self/status", STATUS);
        proc.write("self/limits", LIMITS);
        (0..3).for_each(|descriptor| proc.write(&format!("self/fd/{descriptor}"), ""));
        proc
    }

    fn write(&self, file: &str, text: impl AsRef<[u8]>) {
        fs::write(self.0.join(file), text).unwrap();
    }

    fn read(&self) -> Result<flightdeck::telemetry::ProcessStats, ProcessError> {
        Process::from_copy(&self.0)?.read()
    }
}

impl Drop for Proc {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn every_field_is_read_from_its_place() {
    let stats = Proc::new("places").read().unwrap();
    // Clock ticks are 1/100 s on all machines that run this test.
    assert_eq!(stats.user, Duration::from_millis(12_340));
    assert_eq!(stats.system, Duration::from_millis(660));
    assert_eq!(stats.cpu(), Duration::from_secs(13));
    assert_eq!((stats.resident_bytes, stats.virtual_bytes), (1700 * 1024, 3_133_440));
    assert_eq!((stats.open_descriptors, stats.descriptor_limit), (3, Some(20_000)));
    assert_eq!(stats.threads, 7);
    assert!((stats.start_seconds - 1_795_634_443.16).abs() < 1e-3, "{}", stats.start_seconds);
    assert!((stats.uptime.as_secs_f64() - 27.0).abs() < 1e-6, "{:?}", stats.uptime);
}

#[test]
fn no_limit_is_none_and_an_infinite_gauge() {
    let proc = Proc::new("unlimited");
    proc.write("self/limits", LIMITS.replace("20000  ", "unlimited"));
    assert_eq!(proc.read().unwrap().descriptor_limit, None);
    let telemetry = Telemetry::new();
    let metrics = ProcessMetrics::register(&telemetry, Process::from_copy(&proc.0).unwrap()).unwrap();
    metrics.refresh().unwrap();
    assert_eq!(telemetry.snapshot().get("process_max_fds"), Some(&Value::FloatGauge(f64::INFINITY)));
}

#[test]
fn what_is_odd_is_refused_by_field() {
    let cases: [(&str, &[u8], &str); 9] = [
        ("stat", b"cpu 1 2 3\n", "btime"),
        ("uptime", b"NaN 1\n", "uptime"),
        ("uptime", b"-1 1\n", "uptime"),
        ("self/stat", b"", "comm"),
        ("self/stat", b"1 (cat) R 1 2 3\n", "utime"),
        ("self/stat", b"1 (cat) R 0 0 0 0 0 0 0 0 0 0 1 -1 0 0 20 0 7 0 5 6\n", "stime"),
        ("self/status", b"VmRSS:\t 99999999999999999999 kB\n", "VmRSS"),
        ("self/status", b"VmRSS:\t 18446744073709551615 kB\n", "VmRSS"),
        ("self/limits", b"Max open files   many\n", "Max open files"),
    ];
    for (file, text, expected) in cases {
        let proc = Proc::new("odd");
        proc.write(file, text);
        match proc.read() {
            Err(ProcessError::Malformed { path, field }) => {
                assert_eq!((path, field), (proc.0.join(file), expected));
            }
            other => panic!("{file}: {other:?}"),
        }
    }
}

#[test]
fn what_is_absent_or_endless_is_refused() {
    for file in ["stat", "uptime", "self/stat", "self/status", "self/limits"] {
        let proc = Proc::new("absent");
        fs::remove_file(proc.0.join(file)).unwrap();
        let error = proc.read().unwrap_err();
        assert_eq!(error.code(), "telemetry.process.unreadable", "{file}: {error}");
        std::os::unix::fs::symlink("/dev/zero", proc.0.join(file)).unwrap();
        let error = proc.read().unwrap_err();
        assert_eq!(error.code(), "telemetry.process.too_long", "{file}: {error}");
    }
    let proc = Proc::new("no-descriptors");
    fs::remove_dir_all(proc.0.join("self/fd")).unwrap();
    assert_eq!(proc.read().unwrap_err().code(), "telemetry.process.unreadable");
}

#[test]
fn gauges_keep_their_values_when_a_refresh_fails_and_it_is_counted() {
    let proc = Proc::new("stale");
    let telemetry = Telemetry::new();
    let metrics = ProcessMetrics::register(&telemetry, Process::from_copy(&proc.0).unwrap()).unwrap();
    let stats = metrics.refresh().unwrap();
    let before = telemetry.snapshot();
    assert_eq!(before.get("process_threads"), Some(&Value::Gauge(7)));
    assert_eq!(before.get("process_cpu_seconds_total"), Some(&Value::FloatGauge(13.0)));
    assert_eq!(before.get("process_start_time_seconds"), Some(&Value::FloatGauge(stats.start_seconds)));
    // The last file to be read is the one that fails: nothing may be set by then.
    proc.write("self/stat", STAT.replace(" 7 0 557316", " 9 0 557316"));
    proc.write("self/limits", "");
    assert!(metrics.refresh().is_err());
    let after = telemetry.snapshot();
    for (key, value) in before.iter().filter(|(key, _)| key.name() != "process_read_errors_total") {
        assert_eq!(after.get(key.name()), Some(value), "{key:?}");
    }
    assert_eq!(after.get("process_read_errors_total"), Some(&Value::Counter(1)));
}

#[test]
fn this_process_is_what_it_is() {
    let process = Process::own().unwrap();
    let before = process.read().unwrap();
    assert!(before.resident_bytes > 100 << 10 && before.resident_bytes <= before.virtual_bytes, "{before:?}");
    assert!(before.threads >= 1 && before.open_descriptors >= 3, "{before:?}");
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64();
    assert!((now - before.start_seconds - before.uptime.as_secs_f64()).abs() < 2.0, "{now}, {before:?}");

    // 64 MiB written to, 100 descriptors, and 50 ms of work.
    let memory = std::hint::black_box(vec![1_u8; 64 << 20]);
    let files: Vec<_> = (0..100).map(|_| fs::File::open("/dev/null").unwrap()).collect();
    let began = Instant::now();
    let mut after = process.read().unwrap();
    while after.cpu() < before.cpu() + Duration::from_millis(50) && began.elapsed() < Duration::from_secs(30)
    {
        after = process.read().unwrap();
    }
    assert!(after.resident_bytes >= before.resident_bytes + (60 << 20), "{before:?}, {after:?}");
    // Other tests of this process open and close a few meanwhile.
    assert!(
        (80..=120).contains(&(after.open_descriptors - before.open_descriptors)),
        "{before:?}, {after:?}"
    );
    assert!(after.cpu() >= before.cpu() + Duration::from_millis(50), "{before:?}, {after:?}");
    drop((memory, files));
}
