//! How close memory is to its limits: of this machine, and of copies of what Linux writes.
#![cfg(target_os = "linux")]

mod support;

use flightdeck::events::Value;
use flightdeck::telemetry::{
    Level, MemoryLimit, Pressure, PressureError, PressureReading, PressureWatch, PressureWatchBuilder,
    Process,
};
use flightdeck::{Concern, Diagnostic, Flightdeck, PartState};
use proptest::prelude::*;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use support::{PATIENCE, until};

/// A copy of a file system, gone with the test.
struct Root(PathBuf);

const MIB: u64 = 1 << 20;
/// "No limit", as version 1 writes it.
const V1_UNLIMITED: &str = "9223372036854771712\n";
const V2_MOUNT: &str = "22 28 0:21 / /proc rw,nosuid,nodev,noexec,relatime shared:14 - proc proc rw\n\
     35 24 0:30 / /sys/fs/cgroup rw,nosuid,nodev,noexec,relatime shared:9 - cgroup2 cgroup2 rw,nsdelegate,memory_recursiveprot\n";
const V1_MOUNTS: &str = "32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,relatime shared:15 - cgroup cgroup rw,cpu,cpuacct\n\
     35 31 0:32 / /sys/fs/cgroup/memory rw,relatime shared:16 shared:17 - cgroup cgroup rw,memory\n";
const V2_GROUP: &str = "sys/fs/cgroup/host.slice/book.service";

impl Root {
    /// With 16 GiB, of which 12 GiB are available, 8 processors, and no groups.
    fn new(name: &str) -> Self {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let folder = format!("flightdeck-pressure-{}-{name}-{number}", std::process::id());
        let root = Self(std::env::temp_dir().join(folder));
        root.memory(16 << 20, 12 << 20);
        root.write("proc/self/mountinfo", "22 28 0:21 / /proc rw,relatime shared:14 - proc proc rw\n");
        root.write("proc/self/cgroup", "0::/\n");
        root.cpu(0);
        root.write("proc/self/status", "Name:\tcat\nCpus_allowed:\tff\nCpus_allowed_list:\t0-3,8-10,12\n");
        root
    }

    /// With a group of version 2 in another.
    fn unified(name: &str) -> Self {
        let root = Self::new(name);
        root.write("proc/self/mountinfo", V2_MOUNT);
        root.write("proc/self/cgroup", "0::/host.slice/book.service\n");
        for group in ["sys/fs/cgroup/host.slice", V2_GROUP] {
            root.write(&format!("{group}/memory.max"), "max\n");
            root.write(&format!("{group}/memory.high"), "max\n");
            root.write(&format!("{group}/cpu.max"), "max 100000\n");
            root.used(group, 300 * MIB, 100 * MIB);
        }
        root
    }

    /// With a group of version 1.
    fn first(name: &str) -> Self {
        let root = Self::new(name);
        root.write("proc/self/mountinfo", V1_MOUNTS);
        root.write("proc/self/cgroup", "9:name=systemd:/\n4:memory:/book:1\n2:cpu,cpuacct:/book:1\n0::/\n");
        for group in ["", "/book:1"] {
            let memory = |file| format!("sys/fs/cgroup/memory{group}/{file}");
            root.write(&memory("memory.limit_in_bytes"), V1_UNLIMITED);
            root.write(&memory("memory.usage_in_bytes"), "314572800\n");
            root.write(&memory("memory.stat"), "cache 7\ninactive_file 1\ntotal_inactive_file 104857600\n");
            root.write(&format!("sys/fs/cgroup/cpu,cpuacct{group}/cpu.cfs_quota_us"), "-1\n");
            root.write(&format!("sys/fs/cgroup/cpu,cpuacct{group}/cpu.cfs_period_us"), "100000\n");
        }
        root
    }

    fn write(&self, file: &str, text: impl AsRef<[u8]>) {
        let path = self.0.join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn memory(&self, total: u64, available: u64) {
        let text = format!(
            "MemTotal:       {total} kB\nMemFree:            1024 kB\nMemAvailable:   {available} kB\nBuffers:   25764 kB\n"
        );
        self.write("proc/meminfo", text);
    }

    /// Sets the share of memory in use, in thousandths.
    fn in_use(&self, thousandths: u64) {
        self.memory(1_000_000, 1_000_000 - thousandths * 1_000);
    }

    fn stalled(&self, percent: u64) {
        let text = format!(
            "some avg10={percent}.00 avg60=1.00 avg300=2.00 total=3\nfull avg10=4.00 avg60=5.00 avg300=6.00 total=7\n"
        );
        self.write("proc/pressure/memory", text);
    }

    /// Processor time, in hundredths of a second, half of it in the kernel.
    fn cpu(&self, ticks: u64) {
        let (user, system) = (ticks / 2, ticks - ticks / 2);
        let text =
            format!("42 (a ) b) R 1 42 42 0 -1 0 1 0 0 0 {user} {system} 0 0 20 0 7 0 5 3133440 359 1\n");
        self.write("proc/self/stat", text);
    }

    /// Of a group of version 2.
    fn used(&self, group: &str, bytes: u64, inactive: u64) {
        self.write(&format!("{group}/memory.current"), format!("{bytes}\n"));
        let stat = format!("anon 1\nfile 2\nactive_file 3\ninactive_file {inactive}\n");
        self.write(&format!("{group}/memory.stat"), stat);
    }

    fn pressure(&self) -> Pressure {
        Pressure::from_copy(&self.0).unwrap()
    }

    fn read(&self) -> Result<PressureReading, PressureError> {
        Pressure::from_copy(&self.0)?.read()
    }

    fn watch(&self) -> PressureWatchBuilder {
        PressureWatch::builder(self.pressure())
    }
}

impl Drop for Root {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn limit_of(reading: &PressureReading) -> (MemoryLimit, u64, u64) {
    (reading.limit, reading.used_bytes, reading.limit_bytes)
}

#[test]
fn without_groups_it_is_the_system_that_limits() {
    for root in [Root::new("none"), Root::unified("unlimited"), Root::first("unlimited")] {
        let reading = root.read().unwrap();
        assert_eq!(limit_of(&reading), (MemoryLimit::System, 4096 * MIB, 16_384 * MIB));
        assert_eq!((reading.group.as_deref(), reading.stalled), (None, None));
        assert_eq!((reading.memory(), reading.processors), (0.25, 8.0));
    }
}

#[test]
fn of_all_limits_the_one_that_is_used_most_counts() {
    let root = Root::unified("closest");
    let outer = "sys/fs/cgroup/host.slice";
    let closest = |used: u64, limit: u64, which, group: &str| {
        let reading = root.read().unwrap();
        assert_eq!(limit_of(&reading), (which, used * MIB, limit * MIB));
        assert_eq!(reading.group, Some(root.0.join(group)));
    };
    // 200 of 400 MiB: the page cache that is inactive does not count.
    root.write(&format!("{V2_GROUP}/memory.max"), format!("{}\n", 400 * MIB));
    closest(200, 400, MemoryLimit::CgroupMax, V2_GROUP);
    root.write(&format!("{V2_GROUP}/memory.high"), format!("{}\n", 300 * MIB));
    closest(200, 300, MemoryLimit::CgroupHigh, V2_GROUP);
    // A larger limit, but more of it is used.
    root.used(outer, 1000 * MIB, 100 * MIB);
    root.write(&format!("{outer}/memory.max"), format!("{}\n", 1000 * MIB));
    closest(900, 1000, MemoryLimit::CgroupMax, outer);
    // The system has less left.
    root.memory(16 << 20, 1 << 20);
    assert_eq!(root.read().unwrap().limit, MemoryLimit::System);
    // A limit of nothing is used up by nothing.
    root.write(&format!("{V2_GROUP}/memory.max"), "0\n");
    closest(200, 0, MemoryLimit::CgroupMax, V2_GROUP);
    assert_eq!(root.read().unwrap().memory(), 1.0);
}

#[test]
fn a_limit_beyond_the_system_is_none() {
    let root = Root::unified("beyond");
    root.memory(16 << 20, 16 << 20);
    root.write(&format!("{V2_GROUP}/memory.max"), format!("{}\n", (16_384 * MIB) + 1));
    assert_eq!(root.read().unwrap().limit, MemoryLimit::System);
    root.write(&format!("{V2_GROUP}/memory.max"), format!("{}\n", 16_384 * MIB));
    assert_eq!(root.read().unwrap().limit, MemoryLimit::CgroupMax);
}

#[test]
fn groups_of_version_1_are_read_by_their_own_names() {
    let root = Root::first("first");
    root.write("sys/fs/cgroup/memory/book:1/memory.limit_in_bytes", "419430400\n");
    root.write("sys/fs/cgroup/cpu,cpuacct/book:1/cpu.cfs_quota_us", "150000\n");
    let reading = root.read().unwrap();
    assert_eq!(limit_of(&reading), (MemoryLimit::CgroupV1, 200 * MIB, 400 * MIB));
    assert_eq!(reading.group, Some(root.0.join("sys/fs/cgroup/memory/book:1")));
    assert_eq!(reading.processors, 1.5);
}

#[test]
fn in_a_container_the_mounted_part_is_what_is_read() {
    let limit = "sys/fs/cgroup/memory.max";
    for (part, path) in [
        ("/docker/4f2a", "/docker/4f2a"),
        ("/docker/4f2a", "/docker/other"),
        ("/..", "/../host.slice"),
        ("/", "/"),
        ("/", "/../host.slice"),
    ] {
        let root = Root::new("container");
        root.write("proc/self/mountinfo", V2_MOUNT.replace(" / /sys", &format!(" {part} /sys")));
        root.write("proc/self/cgroup", format!("0::{path}\n"));
        root.write(limit, format!("{}\n", 400 * MIB));
        root.used("sys/fs/cgroup", 300 * MIB, 0);
        let reading = root.read().unwrap();
        assert_eq!(limit_of(&reading), (MemoryLimit::CgroupMax, 300 * MIB, 400 * MIB), "{part} {path}");
    }
    // A group below the mounted part, at a place with a space.
    let root = Root::new("space");
    let place = V2_MOUNT.replace("/ /sys/fs/cgroup", "/docker/4f2a /sys/fs/my\\040groups");
    root.write("proc/self/mountinfo", place);
    root.write("proc/self/cgroup", "0::/docker/4f2a/book\n");
    root.write("sys/fs/my groups/book/memory.max", format!("{}\n", 400 * MIB));
    root.used("sys/fs/my groups/book", 300 * MIB, 0);
    assert_eq!(root.read().unwrap().group, Some(root.0.join("sys/fs/my groups/book")));
}

#[test]
fn stalls_are_of_the_own_group_or_else_of_the_system() {
    let root = Root::unified("stalls");
    assert_eq!(root.read().unwrap().stalled, None);
    root.stalled(12);
    assert_eq!(root.read().unwrap().stalled, Some(0.12));
    let text =
        "some avg10=50.00 avg60=0.00 avg300=0.00 total=0\nfull avg10=1.00 avg60=0.00 avg300=0.00 total=0\n";
    root.write("sys/fs/cgroup/host.slice/memory.pressure", text);
    assert_eq!(root.read().unwrap().stalled, Some(0.12));
    root.write(&format!("{V2_GROUP}/memory.pressure"), text);
    assert_eq!(root.read().unwrap().stalled, Some(0.5));
}

#[test]
fn processors_are_those_allowed_or_less_by_a_quota() {
    let root = Root::unified("processors");
    root.write(&format!("{V2_GROUP}/cpu.max"), "250000 100000\n");
    assert_eq!(root.read().unwrap().processors, 2.5);
    root.write("sys/fs/cgroup/host.slice/cpu.max", "50000 100000\n");
    assert_eq!(root.read().unwrap().processors, 0.5);
    root.write("sys/fs/cgroup/host.slice/cpu.max", "5000000 100000\n");
    root.write("proc/self/status", "Cpus_allowed_list:\t7\n");
    assert_eq!(root.read().unwrap().processors, 1.0);
}

#[test]
fn what_is_odd_is_refused_by_field() {
    let group = |file: &str| format!("{V2_GROUP}/{file}");
    let cases: [(String, &str, &str); 17] = [
        ("proc/meminfo".into(), "MemFree: 1 kB\n", "MemTotal"),
        ("proc/meminfo".into(), "MemTotal: 1 kB\nMemFree: 1 kB\n", "MemAvailable"),
        ("proc/meminfo".into(), "MemTotal: 18446744073709551615 kB\n", "MemTotal"),
        ("proc/self/stat".into(), "1 (cat) R 1 2 3\n", "utime"),
        ("proc/self/status".into(), "Name:\tcat\n", "Cpus_allowed_list"),
        ("proc/self/status".into(), "Cpus_allowed_list:\t\n", "Cpus_allowed_list"),
        ("proc/self/status".into(), "Cpus_allowed_list:\t3-1\n", "Cpus_allowed_list"),
        ("proc/self/status".into(), "Cpus_allowed_list:\t0-18446744073709551615\n", "Cpus_allowed_list"),
        (group("memory.max"), "", "value"),
        (group("memory.max"), "-1\n", "value"),
        (group("memory.current"), "much\n", "value"),
        (group("memory.stat"), "anon 1\n", "inactive_file"),
        (group("cpu.max"), "100000\n", "cpu.max"),
        (group("cpu.max"), "0 0\n", "cpu.max"),
        (group("memory.pressure"), "full avg10=1.00\n", "some avg10"),
        (group("memory.pressure"), "some avg10=NaN\n", "some avg10"),
        (group("memory.pressure"), "some avg10=100.01\n", "some avg10"),
    ];
    for (file, text, expected) in cases {
        let root = Root::unified("odd");
        root.write(&group("memory.high"), format!("{}\n", 400 * MIB));
        root.read().unwrap();
        root.write(&file, text);
        match root.read() {
            Err(PressureError::Malformed { path, field }) => {
                assert_eq!((path, field), (root.0.join(&file), expected));
            }
            other => panic!("{file}, {text:?}: {other:?}"),
        }
    }
}

#[test]
fn what_is_absent_or_endless_is_refused() {
    let group = |file: &str| format!("{V2_GROUP}/{file}");
    let needed = ["mountinfo", "cgroup", "stat", "status"].map(|file| format!("proc/self/{file}"));
    let needed = needed.into_iter().chain(["proc/meminfo".into(), group("memory.current")]);
    let optional = ["memory.max", "memory.high", "memory.stat", "cpu.max"].map(group);
    let all = needed.map(|file| (file, false)).chain(optional.into_iter().map(|file| (file, true)));
    for (file, may_lack) in all {
        let root = Root::unified("absent");
        root.write("sys/fs/cgroup/host.slice/memory.max", format!("{}\n", 400 * MIB));
        root.write(&group("memory.max"), format!("{}\n", 400 * MIB));
        fs::remove_file(root.0.join(&file)).unwrap();
        match root.read() {
            Ok(_) => assert!(may_lack, "{file}"),
            Err(error) => {
                assert!(!may_lack && error.code() == "telemetry.pressure.unreadable", "{file}: {error}");
            }
        }
        std::os::unix::fs::symlink("/dev/zero", root.0.join(&file)).unwrap();
        let error = root.read().unwrap_err();
        assert_eq!(error.code(), "telemetry.pressure.too_long", "{file}: {error}");
    }
}

#[test]
fn a_level_goes_up_at_once_and_down_after_a_dwell() {
    let (root, start) = (Root::new("levels"), Instant::now());
    let watch = root.watch().build().unwrap();
    let at = |seconds: u64, thousandths: u64| {
        root.in_use(thousandths);
        let level = watch.tick(start + Duration::from_secs(seconds)).unwrap();
        assert_eq!(level, watch.level());
        level
    };
    assert_eq!((watch.level(), watch.is_stale()), (Level::Calm, true));
    assert_eq!(at(0, 699), Level::Calm);
    assert!(!watch.is_stale());
    assert_eq!(at(1, 700), Level::Elevated);
    assert_eq!(at(1, 950), Level::Critical);
    // Below where it is entered, but not below where it is left.
    assert_eq!(at(100, 900), Level::Critical);
    assert_eq!(at(200, 899), Level::Critical);
    assert_eq!(at(209, 899), Level::Critical);
    assert_eq!(at(210, 899), Level::High);
    // A dip on its own changes nothing, and does not count later.
    assert_eq!(at(300, 100), Level::High);
    assert_eq!(at(305, 800), Level::High);
    assert_eq!(at(311, 100), Level::High);
    // Of a dwell the highest counts; a second step down has a dwell of its own.
    assert_eq!(at(315, 660), Level::High);
    assert_eq!(at(321, 100), Level::Elevated);
    assert_eq!(at(322, 100), Level::Elevated);
    assert_eq!(at(332, 100), Level::Calm);
    // Stalls alone raise it, and are left out if so told.
    root.stalled(25);
    assert_eq!(at(340, 100), Level::High);
    let deaf = root.watch().ignore_stalls().build().unwrap();
    assert_eq!(deaf.tick(start), Ok(Level::Calm));
}

#[test]
fn a_failed_reading_keeps_level_and_load_and_is_counted() {
    let (root, start) = (Root::new("failed"), Instant::now());
    let watch = root.watch().build().unwrap();
    let at = |seconds| watch.tick(start + Duration::from_secs(seconds));
    root.in_use(960);
    assert_eq!(at(0), Ok(Level::Critical));
    root.in_use(100);
    assert_eq!(at(1), Ok(Level::Critical));
    let before = watch.status();
    root.write("proc/meminfo", "");
    let error = at(5).unwrap_err();
    let after = watch.status();
    assert_eq!((after.level, after.load, after.parts), (before.level, before.load, before.parts));
    assert_eq!((after.readings, after.failures, after.stale, before.stale), (2, 1, true, false));
    assert_eq!((&after.last_error, &after.last_reading), (&Some(error), &before.last_reading));
    // The dwell begins anew: what was read before the failure is not on end with what is read now.
    root.in_use(100);
    assert_eq!(at(11), Ok(Level::Critical));
    assert!(!watch.is_stale() && watch.status().last_error.is_some());
    assert_eq!(at(21), Ok(Level::Calm));
}

#[test]
fn subscribers_are_told_of_changes_in_order_and_one_that_panics_no_more() {
    let (root, start) = (Root::new("told"), Instant::now());
    let watch = root.watch().dwell(Duration::ZERO).build().unwrap();
    let told = Arc::new(Mutex::new(Vec::new()));
    let tell = |name: &'static str| {
        let (told, watch) = (told.clone(), watch.clone());
        move |change: flightdeck::telemetry::LevelChange| {
            told.lock().unwrap().push((name, change.from, change.to));
            // The level is the new one, and a tick from here does nothing.
            assert_eq!(watch.level(), change.to);
            assert_eq!(watch.tick(start), Ok(change.to));
        }
    };
    let first = watch.subscribe(tell("first"));
    let odd = watch.subscribe(|_| panic!("on purpose"));
    watch.subscribe(tell("last")).forever();
    assert!(first.is_active() && odd.is_active());
    let at = |thousandths| {
        root.in_use(thousandths);
        watch.tick(start).unwrap()
    };
    let all = |from, to| vec![("first", from, to), ("last", from, to)];
    at(100);
    assert_eq!(*told.lock().unwrap(), []);
    at(860);
    at(870);
    assert_eq!(std::mem::take(&mut *told.lock().unwrap()), all(Level::Calm, Level::High));
    let status = watch.status();
    assert_eq!((status.detached_subscribers, status.subscribers, status.skipped_ticks), (1, 2, 2));
    assert_eq!(status.last_panic.as_deref(), Some("on purpose"));
    assert!(first.is_active() && !odd.is_active());
    at(100);
    assert_eq!(std::mem::take(&mut *told.lock().unwrap()), all(Level::High, Level::Calm));
    drop(first);
    at(960);
    assert_eq!(*told.lock().unwrap(), [("last", Level::Calm, Level::Critical)]);
    assert_eq!(watch.status().detached_subscribers, 1);
}

#[test]
fn the_load_is_the_maximum_of_its_parts() {
    let (root, start) = (Root::new("parts"), Instant::now());
    let watch = root.watch().smoothing(Duration::ZERO).dead_band(0.0).build().unwrap();
    root.write("proc/self/status", "Cpus_allowed_list:\t0-3\n");
    let at = |millis: u64, thousandths, ticks| {
        root.in_use(thousandths);
        root.cpu(ticks);
        watch.tick(start + Duration::from_millis(millis)).unwrap();
        watch.load()
    };
    assert_eq!(at(0, 250, 1_000), 0.25);
    // 1.2 of 4 x 1 seconds.
    assert!((at(1_000, 250, 1_120) - 0.3).abs() < 1e-12);
    // Too soon to say; 5 hundredths in 0.05 s would be more.
    assert!((at(1_050, 250, 1_135) - 0.3).abs() < 1e-12);
    // All that was used since the last share, 0.8 of 4 x 0.4 seconds.
    assert!((at(1_400, 250, 1_200) - 0.5).abs() < 1e-12);
    // More than there is.
    assert_eq!(at(2_400, 250, 9_000), 1.0);
    assert_eq!(at(3_400, 250, 9_000), 0.25);

    let (queue, pool) = (watch.input("queue").unwrap(), watch.input("pool").unwrap());
    queue.set(0.75);
    pool.set(0.5);
    assert_eq!(at(4_400, 250, 9_000), 0.75);
    queue.set(7.0);
    assert_eq!(at(5_400, 250, 9_000), 1.0);
    queue.set(f64::NAN);
    assert_eq!((queue.value(), queue.refused(), pool.refused()), (1.0, 1, 0));
    queue.set(-1.0);
    assert_eq!(at(6_400, 250, 9_000), 0.5);
    assert_eq!(watch.input("pool").unwrap_err().code(), "telemetry.pressure.input_taken");
    // An input counts as long as it is held, and so does its name.
    let again = pool.clone();
    drop(pool);
    assert_eq!(at(7_400, 250, 9_000), 0.5);
    drop(again);
    assert_eq!(at(8_400, 250, 9_000), 0.25);
    assert_eq!(watch.inputs().iter().map(|input| input.name().to_owned()).collect::<Vec<_>>(), ["queue"]);
    watch.input("pool").unwrap();
}

#[test]
fn the_load_is_smoothed_by_time_and_still_within_its_dead_band() {
    let (root, start) = (Root::new("smooth"), Instant::now());
    let watch = root.watch().build().unwrap();
    let at = |seconds: f64, thousandths| {
        root.in_use(thousandths);
        watch.tick(start + Duration::from_secs_f64(seconds)).unwrap();
        watch.load()
    };
    assert_eq!(at(0.0, 200), 0.2);
    // After the time constant 63 % of a jump are there, however many ticks it took.
    let whole = 0.2 + 0.6 * (1.0 - (-1.0_f64).exp());
    let last = (1..=10).fold(0.0, |_, second| at(f64::from(second), 800));
    assert!((watch.status().parts.smoothed - whole).abs() < 1e-9, "{:?}", watch.status());
    assert!((last - whole).abs() <= 0.02);
    // An earlier time is no time, and the way back from it is none either.
    assert_eq!(at(5.0, 200), last);
    assert_eq!(at(10.0, 200), last);
    assert!((watch.status().parts.smoothed - whole).abs() < 1e-9, "{:?}", watch.status());
    // What swings by less than the dead band is not to be seen.
    at(1_000.0, 500);
    let still = at(2_000.0, 500);
    for n in 0..50 {
        assert_eq!(at(2_000.0 + f64::from(n) * 100.0, 490 + u64::from(n % 2 == 0) * 20), still);
    }
    // And what goes on is.
    assert!((at(9_000.0, 530) - 0.53).abs() < 1e-9);
}

/// A naive watch: keeps what each reading on end asked for.
struct Naive {
    current: usize,
    asked: Vec<(Duration, usize)>,
}

const DWELL: Duration = Duration::from_secs(10);
/// Enter, leave: of memory and of stalls.
const MEMORY: [(f64, f64); 3] = [(0.70, 0.65), (0.85, 0.80), (0.95, 0.90)];
const STALLED: [(f64, f64); 3] = [(0.10, 0.05), (0.25, 0.15), (0.50, 0.35)];

impl Naive {
    fn step(&mut self, at: Duration, memory: f64, stalled: f64) {
        let asks = |level: usize| {
            let (enter, leave) = MEMORY[level - 1];
            let (enter_stalled, leave_stalled) = STALLED[level - 1];
            let entered = memory >= enter || stalled >= enter_stalled;
            entered || level <= self.current && (memory >= leave || stalled >= leave_stalled)
        };
        self.asked.push((at, (1..=3).rev().find(|level| asks(*level)).unwrap_or(0)));
        let latest = self.asked.last().unwrap().1;
        if latest >= self.current {
            self.current = latest;
            self.asked.clear();
        } else if at - self.asked[0].0 >= DWELL {
            self.current = self.asked.iter().map(|(_, level)| *level).max().unwrap();
            self.asked.clear();
        }
    }
}

/// One tick: milliseconds since the last, memory in thousandths (`None`: the reading fails), stalls in percent.
fn tick() -> impl Strategy<Value = (u64, Option<u64>, u64)> {
    let at_a_bound = prop::sample::select(vec![649, 650, 699, 700, 799, 800, 849, 850, 899, 900, 949, 950]);
    let memory = prop_oneof![
        4 => (0_u64..=1_000).prop_map(Some),
        4 => (600_u64..=700).prop_map(Some),
        4 => at_a_bound.prop_map(Some),
        1 => Just(None),
    ];
    let stalled = prop_oneof![6 => 0_u64..=5, 1 => 0_u64..=60];
    (prop_oneof![3 => 0_u64..=6_000, 1 => 9_000_u64..=11_000], memory, stalled)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn the_level_is_what_a_naive_watch_says_and_steps_down_once_a_dwell(
        ticks in prop::collection::vec(tick(), 1..60)
    ) {
        let (root, start) = (Root::new("naive"), Instant::now());
        let watch = root.watch().build().unwrap();
        let mut naive = Naive { current: 0, asked: Vec::new() };
        let (mut at, mut before, mut down) = (Duration::ZERO, Level::Calm, None);
        for (gap, memory, stalled) in ticks {
            at += Duration::from_millis(gap);
            root.stalled(stalled);
            let Some(memory) = memory else {
                root.write("proc/meminfo", "");
                prop_assert!(watch.tick(start + at).is_err() && watch.level() == before);
                naive.asked.clear();
                continue;
            };
            root.in_use(memory);
            let level = watch.tick(start + at).unwrap();
            let (memory, stalled) = (memory as f64 / 1_000.0, stalled as f64 / 100.0);
            naive.step(at, memory, stalled);
            prop_assert_eq!(level as usize, naive.current);
            // What bounds alone say, whatever came before.
            for n in 0..3 {
                let entered = memory >= MEMORY[n].0 || stalled >= STALLED[n].0;
                let left = memory < MEMORY[n].1 && stalled < STALLED[n].1;
                prop_assert!(!entered || level as usize > n, "{level:?} at {memory}, {stalled}");
                let rose_to = level > before && level as usize > n && before as usize <= n;
                prop_assert!(!(rose_to && left), "{level:?} at {memory}, {stalled}");
                let fell_from = before as usize > n && level as usize <= n;
                prop_assert!(!fell_from || left, "{level:?} at {memory}, {stalled}");
            }
            if level < before {
                prop_assert!(down.is_none_or(|down| at - down >= DWELL), "{down:?}, {at:?}");
                down = Some(at);
            }
            before = level;
        }
    }
}

#[test]
fn this_machine_is_what_it_is() {
    let pressure = Pressure::own().unwrap();
    let before = pressure.read().unwrap();
    // SAFETY: asks for two numbers.
    let (pages, size) = unsafe { (libc::sysconf(libc::_SC_PHYS_PAGES), libc::sysconf(libc::_SC_PAGESIZE)) };
    let total = u64::try_from(pages).unwrap() * u64::try_from(size).unwrap();
    assert!(before.limit_bytes > 0 && before.limit_bytes <= total, "{before:?}, {total}");
    assert!(before.used_bytes > 0 && before.memory() > 0.0 && before.memory() < 1.0, "{before:?}");
    assert_eq!(before.group.is_none(), before.limit == MemoryLimit::System);
    // std rounds a quota down, to one at least.
    let processors = std::thread::available_parallelism().unwrap().get() as f64;
    assert_eq!(before.processors.floor().max(1.0), processors, "{before:?}");
    let has_stalls = Path::new("/proc/pressure/memory").exists() && fs::read("/proc/pressure/memory").is_ok();
    assert!(
        !has_stalls || before.stalled.is_some_and(|stalled| (0.0..=1.0).contains(&stalled)),
        "{before:?}"
    );

    let process = Process::own().unwrap();
    let (least, reading, most) =
        (process.read().unwrap().cpu(), pressure.read().unwrap().cpu, process.read().unwrap().cpu());
    // Each is off by less than a microsecond: a float of seconds.
    assert!(reading + Duration::from_micros(1) >= least && reading <= most + Duration::from_micros(1));

    // A watch of it has a level that its bounds allow, and one busy thread shows.
    let watch = PressureWatch::builder(pressure).smoothing(Duration::ZERO).build().unwrap();
    watch.tick(Instant::now()).unwrap();
    let began = Instant::now();
    let mut sum = 0_u64;
    while began.elapsed() < Duration::from_millis(300) {
        sum = std::hint::black_box(sum.wrapping_add(1));
    }
    watch.tick(Instant::now()).unwrap();
    let status = watch.status();
    assert_eq!((status.readings, status.failures, status.stale), (2, 0, false));
    assert!(status.parts.processor > 0.0 && status.parts.processor <= 1.0, "{status:?}");
    assert!((0.0..=1.0).contains(&watch.load()), "{status:?}");
}

/// A watch that goes down at once and is not smoothed.
fn prompt(root: &Root) -> PressureWatch {
    root.watch().dwell(Duration::ZERO).smoothing(Duration::ZERO).dead_band(0.0).build().unwrap()
}

fn gauges(deck: &Flightdeck) -> (i64, f64) {
    let telemetry = deck.telemetry();
    (telemetry.gauge("flightdeck_pressure_level").value(), telemetry.float_gauge("flightdeck_load").value())
}

#[test]
fn a_deck_ticks_its_watch_by_itself_and_tells_of_it_everywhere() {
    let root = Root::new("deck");
    root.in_use(500);
    let watch = prompt(&root);
    let told = Arc::new(Mutex::new(Vec::new()));
    let tell = told.clone();
    let host = watch.subscribe(move |change| tell.lock().unwrap().push((change.from, change.to)));
    let deck = Flightdeck::builder().pressure(watch.clone(), Duration::ZERO).start().unwrap();
    assert!(watch.status().readings >= 1, "the first reading is the start's");
    assert_eq!((gauges(&deck), deck.health().pressure), ((0, 0.5), Some(Level::Calm)));
    assert!(deck.health().is_healthy(), "{}", deck.health());

    root.in_use(970);
    until("the level", || gauges(&deck) == (3, 0.97));
    assert_eq!(deck.pressure().unwrap().level(), Level::Critical);
    assert_eq!(deck.health().concerns, [Concern::MemoryShort { level: Level::Critical }]);
    let status = deck.status();
    assert_eq!(status.state, PartState::Degraded);
    assert_eq!(status.pressure.as_ref().unwrap().level, Level::Critical);
    assert!(status.to_string().contains("\n  level       critical; load 0.97\n"), "{status}");

    root.in_use(720);
    until("the way down", || gauges(&deck) == (1, 0.72));
    assert!(deck.health().is_healthy(), "elevated asks for nothing but restraint: {}", deck.health());
    assert_eq!(deck.health().pressure, Some(Level::Elevated));
    let expected = [(Level::Calm, Level::Critical), (Level::Critical, Level::Elevated)];
    assert_eq!(*told.lock().unwrap(), expected, "the host's subscriber, without a tick of its own");
    let answer = deck.events().query().kind_named("flightdeck.pressure.changed").run().unwrap();
    let recorded: Vec<_> = answer
        .iter()
        .map(|event| {
            ["from", "to", "used_bytes", "limit_bytes", "load"].map(|field| event.field(field).unwrap())
        })
        .collect();
    let (kib, limit) = (1_024, Value::U64(1_000_000 << 10));
    let up = [Value::Str("calm"), Value::Str("critical"), Value::U64(970_000 * kib), limit, Value::F64(0.97)];
    let down =
        [Value::Str("critical"), Value::Str("elevated"), Value::U64(720_000 * kib), limit, Value::F64(0.72)];
    assert_eq!(recorded, [up, down]);

    deck.shutdown(PATIENCE);
    let readings = watch.status().readings;
    assert_eq!(watch.status().subscribers, 2);
    drop((answer, deck));
    assert_eq!(watch.status().subscribers, 1, "the deck's own has gone with it");
    assert_eq!(watch.status().readings, readings, "nobody ticks it any more");
    drop(host);
}

#[test]
fn a_deck_says_that_pressure_is_not_known_until_it_is_again() {
    let root = Root::new("deck unreadable");
    root.in_use(900);
    let deck = Flightdeck::builder().pressure(prompt(&root), Duration::ZERO).start().unwrap();
    assert_eq!(gauges(&deck), (2, 0.9));
    root.write("proc/meminfo", "MemTotal: none\n");
    let errors = || deck.telemetry().counter("flightdeck_pressure_read_errors_total").value();
    until("failed readings", || errors() >= 2);
    let health = deck.health();
    let [Concern::MemoryShort { level: Level::High }, Concern::PressureUnreadable { reason }] =
        &*health.concerns
    else {
        panic!("{health}")
    };
    assert!(reason.contains("MemTotal"), "{reason}");
    assert_eq!(gauges(&deck), (2, 0.9), "what was known last");
    root.in_use(100);
    until("a reading that goes well", || gauges(&deck) == (0, 0.1));
    assert!(deck.health().is_healthy(), "{}", deck.health());
}

#[test]
fn a_deck_refreshes_process_metrics_by_itself() {
    let deck = Flightdeck::builder().process_metrics(Duration::from_millis(10)).start().unwrap();
    let uptime = deck.telemetry().float_gauge("process_uptime_seconds");
    let resident = deck.telemetry().gauge("process_resident_memory_bytes");
    assert!(resident.value() > 0, "the first refresh is the start's");
    let at_start = uptime.value();
    until("a refresh", || uptime.value() > at_start);
    let known = deck.status().process.unwrap().unwrap();
    assert!(known.threads >= 2 && known.resident_bytes > 0);
    assert!(deck.health().is_healthy(), "{}", deck.health());
    assert_eq!(deck.telemetry().counter("process_read_errors_total").value(), 0);
    assert!(deck.pressure().is_none() && deck.status().pressure.is_none());
    // Nothing is asked that nobody wanted to know.
    let plain = Flightdeck::builder().start().unwrap();
    assert!(plain.status().process.is_none());
    assert!(plain.telemetry().metrics().iter().all(|metric| !metric.name.starts_with("process_")));
}
