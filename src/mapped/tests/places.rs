//! Where files are made, and where not.

use super::*;
use std::os::unix::fs::{MetadataExt, chown};
use std::path::Path;
use std::process::Command;

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

fn create(options: Options) -> Result<MappedFile, CreateError> {
    MappedFile::create(&options.program("host"), &SECTIONS)
}

fn is_root(what: &str) -> bool {
    let root = crate::os::user() == 0;
    if !root {
        eprintln!("SKIPPED: {what} takes root");
    }
    root
}

fn reason_of(error: CreateError) -> String {
    match error {
        CreateError::Directory { reason, .. } => reason.into(),
        other => panic!("{other}"),
    }
}

#[test]
fn a_directory_that_others_can_write_is_refused_or_has_one_of_this_users_in_it() {
    let folder = Folder::new("writable");
    for mode in [0o777, 0o720, 0o702] {
        set_mode(&folder.0, mode);
        for options in [Options::at(folder.file()), Options::in_directory(&folder.0)] {
            assert!(reason_of(create(options).unwrap_err()).contains("chmod go-w"), "{mode:o}");
        }
    }
    set_mode(&folder.0, 0o1777);
    assert!(reason_of(create(Options::at(folder.file())).unwrap_err()).contains("give the directory"));
    let own = folder.0.join(format!("flightdeck-{}", crate::os::user()));
    let file = create(Options::in_directory(&folder.0)).unwrap();
    let name = format!("host.{}.1.deck", std::process::id());
    assert_eq!(file.path(), Some(&*own.join(name)));
    assert_eq!(fs::metadata(&own).unwrap().mode() & 0o7777, 0o700);
    drop(file);
    set_mode(&own, 0o770);
    assert!(reason_of(create(Options::in_directory(&folder.0)).unwrap_err()).contains("chmod go-w"));
    fs::rename(&own, folder.0.join("elsewhere")).unwrap();
    set_mode(&folder.0.join("elsewhere"), 0o700);
    symlink(folder.0.join("elsewhere"), &own).unwrap();
    assert!(reason_of(create(Options::in_directory(&folder.0)).unwrap_err()).contains("no directory"));
    fs::remove_file(&own).unwrap();
    fs::write(&own, "").unwrap();
    assert!(reason_of(create(Options::in_directory(&folder.0)).unwrap_err()).contains("no directory"));
}

#[test]
fn what_belongs_to_another_user_is_neither_written_nor_read() {
    if !is_root("a file of another user") {
        return;
    }
    let folder = Folder::new("owners");
    drop(bytes(&folder));
    chown(folder.file(), Some(1_234), None).unwrap();
    let error = open(&folder).unwrap_err();
    assert_eq!(error, OpenError::ForeignOwner { path: folder.file(), owner: 1_234, user: 0 });
    assert!(Opened::open(folder.file(), &OpenOptions::new().of_any_user(true)).is_ok());
    let again = create(Options::at(folder.file()).recover(1));
    assert!(matches!(again, Err(CreateError::Foreign { .. })), "{again:?}");

    chown(&folder.0, Some(1_234), None).unwrap();
    let refused = create(Options::at(folder.0.join("new"))).unwrap_err();
    assert!(reason_of(refused).contains("another user"));
    chown(&folder.0, Some(0), None).unwrap();
    set_mode(&folder.0, 0o1777);
    let own = folder.0.join("flightdeck-0");
    fs::create_dir(&own).unwrap();
    chown(&own, Some(1_234), None).unwrap();
    assert!(reason_of(create(Options::in_directory(&folder.0)).unwrap_err()).contains("another user"));
}

#[test]
fn a_group_may_read_and_nobody_else() {
    if !is_root("a group that this process is not in") {
        return;
    }
    let folder = Folder::new("group");
    for options in [Options::at(folder.file()), Options::in_directory(&folder.0)] {
        let reason = reason_of(create(options.group(4_321)).unwrap_err());
        assert!(reason.contains("`chgrp 4321`"), "{reason}");
    }
    set_mode(&folder.0, 0o1777);
    // It is there already, and its owner's alone.
    drop(create(Options::in_directory(&folder.0)).unwrap());
    let file = create(Options::in_directory(&folder.0).group(4_321)).unwrap();
    let reason = reason_of(create(Options::in_directory(&folder.0).group(1_234)).unwrap_err());
    assert!(reason.contains("group 4321 reads decks"), "{reason}");
    for (path, mode) in [(file.path().unwrap(), 0o640), (file.path().unwrap().parent().unwrap(), 0o750)] {
        let metadata = fs::metadata(path).unwrap();
        assert_eq!((metadata.gid(), metadata.mode() & 0o777), (4_321, mode), "{}", path.display());
    }
}

#[test]
fn nobody_can_put_another_directory_in_the_place_of_the_decks() {
    let folder = Folder::new("ancestors");
    let (open, link) = (folder.0.join("open"), folder.0.join("link"));
    let below = open.join("below").join("decks");
    fs::create_dir_all(&below).unwrap();
    [&below, below.parent().unwrap()].iter().for_each(|path| set_mode(path, 0o700));
    let make = |directory: &Path| {
        create(Options::at(directory.join("deck")).recover(0)).map(|file| file.run())?;
        create(Options::in_directory(directory).recover(0)).map(|file| file.run())
    };
    let refused_at = |directory: &Path, at: &Path, why: &str| {
        for options in [Options::at(directory.join("deck")), Options::in_directory(directory)] {
            let error = create(options).unwrap_err();
            let CreateError::Directory { path, reason } = &error else { panic!("{error}") };
            assert!(path == at && reason.contains(why), "{error}");
        }
    };
    set_mode(&open, 0o777);
    refused_at(&below, &open, "chmod o-w");
    // As /tmp is, where nobody gives another's a new name.
    set_mode(&open, 0o1777);
    make(&below).unwrap();
    set_mode(&open, 0o755);
    make(&below).unwrap();
    make(&below.join("..").join("..").join("below/decks")).unwrap();

    symlink("open/below", &link).unwrap();
    make(&link.join("decks")).unwrap();
    set_mode(&open, 0o757);
    refused_at(&link.join("decks"), &open, "chmod o-w");
    set_mode(&open, 0o700);
    fs::remove_file(&link).unwrap();
    symlink("link", &link).unwrap();
    refused_at(&link, &link, "too many links");
    if std::os::unix::fs::chown(&open, Some(54_321), None).is_err() {
        eprintln!("SKIPPED: giving a directory to another takes root");
        return;
    }
    refused_at(&below, &open, "another user (54321)");
    fs::remove_file(&link).unwrap();
    symlink(&folder.0, &link).unwrap();
    make(&link).unwrap();
    std::os::unix::fs::lchown(&link, Some(54_321), None).unwrap();
    refused_at(&link, &link, "another user (54321)");
}

/// A file system of its own, taken away in the end.
struct Mounted(Folder);

impl Mounted {
    /// `None` where this process may not.
    fn new(name: &str, kind: &str, options: &str) -> Option<Self> {
        let folder = Folder::new(name);
        let mut mount = Command::new("mount");
        mount.args(["-t", kind, "-o", options, "flightdeck-test"]).arg(&folder.0);
        let done = mount.output().is_ok_and(|output| output.status.success());
        if !done {
            eprintln!("SKIPPED: mounting {kind} takes root");
        }
        done.then(|| Self(folder))
    }

    fn is_empty(&self) -> bool {
        fs::read_dir(&self.0.0).unwrap().next().is_none()
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.0.0).status();
    }
}

const LARGE: [SectionSpec; 1] =
    [SectionSpec { kind: 7, version: 1, instance: 0, words: 1 << 20, huge_pages: false }];

#[test]
fn a_full_file_system_is_told_with_what_it_has_and_keeps_nothing() {
    let Some(mounted) = Mounted::new("full", "tmpfs", "size=1m,mode=700") else { return };
    let path = mounted.0.file();
    let error = MappedFile::create(&Options::at(&path), &LARGE).unwrap_err();
    let CreateError::NoSpace { wanted, there: Some(there), kept, .. } = error else { panic!("{error}") };
    assert_eq!((wanted, kept), ((8 << 20) + 4_096, 0));
    assert!(there <= 1 << 20 && mounted.is_empty());
    // What fits is there, and another one of it is not.
    let fits = MappedFile::create(&Options::at(&path), &SECTIONS).unwrap();
    fits.run();
    let memory = MappedFile::create(&Options::at(mounted.0.0.join("other")).or_memory(true), &LARGE).unwrap();
    assert!(matches!(memory.instead_of(), Some(CreateError::NoSpace { .. })));
    assert_eq!((memory.path(), memory.section(7, 0).unwrap().words), (None, 1 << 20));
}

#[test]
fn a_file_in_memory_has_huge_pages_where_its_file_system_has_them() {
    let sections = [SectionSpec { huge_pages: true, ..LARGE[0] }];
    let make = |path: PathBuf| MappedFile::create(&Options::at(path), &sections);
    let made = |mounted: &Mounted| {
        let file = make(mounted.0.file()).unwrap();
        let metadata = fs::metadata(mounted.0.file()).unwrap();
        assert_eq!(metadata.blocks() * 512, metadata.len(), "reserved in full");
        file.section(7, 0).unwrap().region.provided().unwrap()
    };
    let Some(mounted) = Mounted::new("huge", "tmpfs", "huge=advise,size=64m,mode=700") else { return };
    let provided = made(&mounted);
    assert!(provided.huge >= 2 << 20 && provided.all >= 8 << 20, "{provided:?}");
    println!("{provided:?}");

    let Some(without) = Mounted::new("huge-never", "tmpfs", "huge=never,size=64m,mode=700") else { return };
    assert_eq!(made(&without).huge, 0);

    // Full while it is provided: an error as ever, and no signal.
    let Some(small) = Mounted::new("huge-full", "tmpfs", "huge=advise,size=4m,mode=700") else { return };
    let error = make(small.0.file()).unwrap_err();
    assert!(matches!(error, CreateError::NoSpace { there: Some(4_194_304), .. }), "{error}");
    assert!(small.is_empty());
}

#[test]
fn lives_that_are_not_kept_make_room_and_one_that_is_keeps_its_name() {
    let Some(mounted) = Mounted::new("room", "tmpfs", "size=20m,mode=700") else { return };
    let options = || Options::in_directory(&mounted.0.0).program("host");
    let life = |options: Options| MappedFile::create(&options, &LARGE).map(|file| file.run());
    let names = || fs::read_dir(&mounted.0.0).unwrap().count();
    life(options()).unwrap();
    life(options()).unwrap();
    let full = life(options()).unwrap_err();
    assert!(
        matches!(full, CreateError::NoSpace { .. }) && names() == 2,
        "three are kept, and one has no room"
    );
    let CreateError::NoSpace { kept, .. } = full else { panic!("{full}") };
    assert_eq!(kept, 2 * ((8 << 20) + 4_096), "what may go, in bytes");
    let told = full.to_string();
    assert!(told.contains(&format!("beside {kept} bytes of earlier lives")), "{told}");
    life(options().recover(1)).unwrap();
    assert_eq!(names(), 2);

    let at = || Options::at(mounted.0.file()).program("host");
    fs::read_dir(&mounted.0.0)
        .unwrap()
        .skip(1)
        .for_each(|file| fs::remove_file(file.unwrap().path()).unwrap());
    life(at()).unwrap();
    let before = open(&mounted.0).unwrap().header().life.file;
    let full = life(at().recover(1)).unwrap_err();
    let CreateError::NoSpace { kept, .. } = full else { panic!("{full}") };
    assert_eq!(kept, (8 << 20) + 4_096);
    assert_eq!((open(&mounted.0).unwrap().header().life.file, names()), (before, 2), "it stays where it was");
    life(at().recover(0)).unwrap();
    assert_eq!(open(&mounted.0).unwrap().header().life.previous, before);
    let other = fs::read_dir(&mounted.0.0).unwrap().map(|file| file.unwrap().path());
    fs::remove_file(other.into_iter().find(|path| *path != mounted.0.file()).unwrap()).unwrap();
    for _ in 0..3 {
        life(at().recover(1)).unwrap();
        assert_eq!(names(), 2, "one is put aside, and the one before it made room");
    }
}

#[test]
fn a_file_system_that_reserves_nothing_has_zeros_written_or_is_refused() {
    let Some(mounted) = Mounted::new("zeros", "ramfs", "mode=700") else { return };
    let path = mounted.0.file();
    let refused = MappedFile::create(&Options::at(&path), &LARGE).unwrap_err();
    assert_eq!(refused, CreateError::NotReserved { path: path.clone() });
    assert!(mounted.is_empty());
    let file = MappedFile::create(&Options::at(&path).write_zeros(true), &LARGE).unwrap();
    file.run();
    assert_eq!(fs::metadata(&path).unwrap().len(), (8 << 20) + 4_096);
    assert!(open(&mounted.0).is_ok());
    drop(file);
}

#[test]
fn a_read_only_file_system_is_told() {
    let Some(mounted) = Mounted::new("read-only", "tmpfs", "ro,mode=700") else { return };
    let error = create(Options::at(mounted.0.file())).unwrap_err();
    let CreateError::System { step: "open", reason, .. } = error else { panic!("{error}") };
    assert!(reason.contains("Read-only file system"), "{reason}");
}

/// Runs a test of this file again, in a process of its own that `change` sets up.
fn apart(test: &str, change: impl FnOnce(&mut Command)) {
    let mut command = Command::new("sh");
    let this = std::env::current_exe().unwrap();
    command.args(["-c", "eval \"$LIMITS\"; exec \"$0\" --exact \"$1\" --ignored --nocapture"]);
    command
        .arg(this)
        .arg(format!("mapped::tests::places::{test}"))
        .env("LIMITS", ":")
        .env("FLIGHTDECK_APART", "1");
    change(&mut command);
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && said.contains("1 passed"),
        "{said}{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

/// Whether this is what [`apart`] runs, and not somebody who runs all that is ignored.
fn is_apart() -> bool {
    let apart = std::env::var_os("FLIGHTDECK_APART").is_some();
    if !apart {
        eprintln!("SKIPPED: another test runs this one");
    }
    apart
}

#[test]
fn a_limit_on_files_is_an_error_and_not_a_signal() {
    apart("under_a_limit_on_files", |command| {
        command.env("LIMITS", "ulimit -f 8");
    });
}

#[test]
#[ignore = "run by the test above, under a limit"]
fn recovery_under_a_limit_on_files() {
    if !is_apart() {
        return;
    }
    let path = PathBuf::from(std::env::var_os("FLIGHTDECK_BEFORE").unwrap());
    for options in [Options::at(&path).recover(2), Options::in_directory(path.parent().unwrap()).recover(0)] {
        let error = create(options).unwrap_err();
        assert!(matches!(error, CreateError::Limit { limit: 0, .. }), "{error}");
    }
}

#[test]
fn a_limit_on_files_is_found_before_a_life_before_is_touched() {
    let folder = Folder::new("limit-before");
    drop(bytes(&folder));
    let before = fs::read(folder.file()).unwrap();
    apart("recovery_under_a_limit_on_files", |command| {
        command.env("LIMITS", "ulimit -f 0").env("FLIGHTDECK_BEFORE", folder.file());
    });
    assert_eq!(fs::read(folder.file()).unwrap(), before);
    assert_eq!(fs::read_dir(&folder.0).unwrap().count(), 1);
}

#[test]
#[ignore = "run by the test above, under a limit"]
fn under_a_limit_on_files() {
    if !is_apart() {
        return;
    }
    let folder = Folder::new("limit");
    let error = create(Options::at(folder.file())).unwrap_err();
    let CreateError::Limit { wanted, limit, .. } = error else { panic!("{error}") };
    assert!(wanted > limit && limit <= 8 << 10);
    let nameless = create(Options::nameless()).unwrap_err();
    assert!(matches!(nameless, CreateError::Limit { .. }), "it holds for files in memory, too: {nameless}");
    // What is left is the heap.
    let memory = create(Options::at(folder.file()).or_memory(true)).unwrap();
    memory.run();
    assert!(matches!(memory.instead_of(), Some(CreateError::Limit { .. })));
    assert_eq!(
        (memory.path(), memory.section(SECTIONS[0].kind, 0).unwrap().words),
        (None, SECTIONS[0].words)
    );
    memory.sync().unwrap();
    memory.close();
}

#[test]
fn the_first_place_that_will_do_is_taken_and_the_others_are_told() {
    let folder = Folder::new("anywhere");
    let writable = folder.0.join("writable");
    fs::create_dir(&writable).unwrap();
    set_mode(&writable, 0o777);
    apart("anywhere_of_variables", |command| {
        command.env("FLIGHTDECK_DIR", &writable).env("XDG_RUNTIME_DIR", &folder.0);
    });
    let made = fs::read_dir(&folder.0)
        .unwrap()
        .filter(|entry| entry.as_ref().unwrap().file_name().to_str().unwrap().ends_with(".deck"));
    assert_eq!(made.count(), 1);
    apart("anywhere_without_variables", |command| {
        command.env_remove("FLIGHTDECK_DIR").env("XDG_RUNTIME_DIR", "relative").env("TMPDIR", &folder.0);
    });
}

#[test]
#[ignore = "run by the test above, in its environment"]
fn anywhere_of_variables() {
    if !is_apart() {
        return;
    }
    let file = create(Options::anywhere()).unwrap();
    let [writable] = file.passed_over() else { panic!("{:?}", file.passed_over()) };
    assert!(writable.starts_with("FLIGHTDECK_DIR: directory ") && writable.contains("chmod go-w"));
    let runtime = std::env::var_os("XDG_RUNTIME_DIR").unwrap();
    assert_eq!(file.path().unwrap().parent(), Some(Path::new(&runtime)));
    file.run();
    file.close();
}

#[test]
#[ignore = "run by the test above, in its environment"]
fn anywhere_without_variables() {
    if !is_apart() {
        return;
    }
    let file = create(Options::anywhere()).unwrap();
    let told = file.passed_over();
    assert!(
        told[0].starts_with("FLIGHTDECK_DIR is not set") && told[1].starts_with("XDG_RUNTIME_DIR is not set")
    );
    let own = file.path().unwrap().parent().unwrap();
    let places = [Path::new("/dev/shm"), &std::env::temp_dir()];
    assert!(places.iter().any(|place| own.starts_with(place)), "{}", own.display());
    fs::remove_file(file.path().unwrap()).unwrap();
}
