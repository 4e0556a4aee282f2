//! What becomes of the files of earlier lives.

use super::*;
use crate::sync::AtomicUsize;
use std::collections::BTreeSet;
use std::time::{Duration, SystemTime};

fn options(folder: &Folder) -> Options {
    Options::at(folder.file()).program("host")
}

/// A life that ran and was killed: whoever drops a file does not close it.
fn killed(options: &Options) -> Life {
    let file = MappedFile::create(options, &SECTIONS).unwrap();
    file.run();
    file.life().clone()
}

fn numbered(folder: &Folder, number: u32) -> PathBuf {
    folder.0.join(format!("deck.{number}"))
}

fn life_at(path: PathBuf) -> Option<Life> {
    Opened::open(path, &OpenOptions::new()).ok().map(|opened| opened.header().life.clone())
}

fn names(folder: &Folder) -> BTreeSet<String> {
    fs::read_dir(&folder.0).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

#[test]
fn the_lives_before_are_put_aside_in_a_bounded_number() {
    let folder = Folder::new("recover");
    let keep = |keep| options(&folder).recover(keep);
    let lives: Vec<Life> = (0..5).map(|_| killed(&keep(2))).collect();
    assert_eq!(lives.iter().map(|life| life.number).collect::<Vec<_>>(), [1, 2, 3, 4, 5]);
    assert!(lives.windows(2).all(|pair| pair[1].previous == pair[0].file));
    let at = |number| life_at(numbered(&folder, number));
    assert_eq!((at(1).as_ref(), at(2).as_ref(), at(3)), (Some(&lives[3]), Some(&lives[2]), None));
    let aside = Opened::open(numbered(&folder, 1), &OpenOptions::new()).unwrap();
    assert_eq!((aside.header().state, aside.has_writer().unwrap()), (State::Running, false), "it was killed");
    assert!(aside.header().rotated.unwrap() >= aside.header().life.created);

    let file = MappedFile::create(&keep(1), &SECTIONS).unwrap();
    file.run();
    file.close();
    assert_eq!(file.previous(), Some(&*numbered(&folder, 1)));
    assert_eq!((at(1).as_ref(), at(2)), (Some(&lives[4]), None), "fewer are kept than there were");
    drop(file);
    let last = MappedFile::create(&keep(0), &SECTIONS).unwrap();
    assert_eq!((last.previous(), last.life().number), (None, 7));
    assert_eq!(names(&folder), ["deck".to_owned()].into());
}

#[test]
fn a_life_that_runs_keeps_its_file_and_so_does_one_that_nobody_gave_up() {
    let folder = Folder::new("in-use");
    let first = MappedFile::create(&options(&folder), &SECTIONS).unwrap();
    first.run();
    let section = first.section(kind::EVENTS, 0).unwrap();
    drop(first);
    let again = || MappedFile::create(&options(&folder).recover(3), &SECTIONS);
    assert_eq!(again().unwrap_err(), CreateError::InUse { path: folder.file() });
    drop(section);
    let refused = MappedFile::create(&options(&folder), &SECTIONS).unwrap_err();
    assert_eq!(refused, CreateError::Exists { path: folder.file() });
    assert_eq!(again().unwrap().life().number, 2);
}

#[test]
fn what_is_no_deck_stays_and_what_is_a_damaged_one_is_kept() {
    let folder = Folder::new("foreign");
    let recover = || MappedFile::create(&options(&folder).recover(3), &SECTIONS);
    let elsewhere = folder.0.join("elsewhere");
    fs::write(&elsewhere, "a report").unwrap();
    for text in ["", "short", &"a report of 2026 ".repeat(1_000)] {
        fs::write(folder.file(), text).unwrap();
        let CreateError::Foreign { path, .. } = recover().unwrap_err() else { panic!("{text}") };
        assert_eq!((path, fs::read_to_string(folder.file()).unwrap()), (folder.file(), text.to_owned()));
    }
    fs::remove_file(folder.file()).unwrap();
    symlink(&elsewhere, folder.file()).unwrap();
    assert!(matches!(recover(), Err(CreateError::Foreign { .. })));
    fs::remove_file(folder.file()).unwrap();
    fs::create_dir(folder.file()).unwrap();
    assert!(matches!(recover(), Err(CreateError::Foreign { .. })));
    fs::remove_dir(folder.file()).unwrap();

    let _ = killed(&options(&folder));
    let cut = File::options().write(true).open(folder.file()).unwrap();
    cut.set_len(5_000).unwrap();
    let file = recover().unwrap();
    assert_eq!((file.previous(), file.life().number), (Some(&*numbered(&folder, 1)), 2));
    assert_eq!(fs::metadata(numbered(&folder, 1)).unwrap().len(), 5_000);
    file.run();
    drop(file);

    fs::write(numbered(&folder, 2), "notes").unwrap();
    let CreateError::Foreign { path, .. } = recover().unwrap_err() else {
        panic!("it would write over notes")
    };
    assert_eq!(path, numbered(&folder, 2));
    assert!(folder.file().exists() && numbered(&folder, 1).exists());
    assert_eq!(fs::read_to_string(elsewhere).unwrap(), "a report");
}

#[test]
fn no_number_is_given_twice_whatever_became_of_the_files_before() {
    let folder = Folder::new("numbers");
    let keep = || options(&folder).recover(4);
    let change = |path: PathBuf, at: u64, byte: u8| {
        let file = File::options().write(true).open(path).unwrap();
        std::os::unix::fs::FileExt::write_at(&file, &[byte], at).unwrap();
    };
    assert_eq!([killed(&keep()).number, killed(&keep()).number, killed(&keep()).number], [1, 2, 3]);
    // Cut, so it tells its number still.
    File::options().write(true).open(folder.file()).unwrap().set_len(4_096).unwrap();
    assert_eq!(killed(&keep()).number, 4);
    // Of another version: those aside tell theirs.
    change(folder.file(), 8 * at::MAJOR as u64, 77);
    assert_eq!(killed(&keep()).number, 5, "four files, of which three can be read");
    change(numbered(&folder, 2), 8 * at::MAJOR as u64, 77);
    change(folder.file(), 8 * at::MAJOR as u64, 77);
    assert_eq!(killed(&keep()).number, 6, "five files, of which two can be read");
    // Of more lives than are kept.
    let keep = || options(&folder).recover(1);
    assert_eq!(killed(&keep()).number, 7);
    change(folder.file(), 8 * at::MAJOR as u64, 77);
    assert_eq!(killed(&keep()).number, 8, "what lies aside is the sixth, and one came after it");
}

/// Whoever looks while another puts a file aside may meet it under both names.
#[test]
fn a_file_that_is_met_twice_counts_once() {
    let folder = Folder::new("met-twice");
    let keep = || options(&folder).recover(5);
    assert_eq!([killed(&keep()).number, killed(&keep()).number], [1, 2]);
    fs::rename(numbered(&folder, 1), numbered(&folder, 2)).unwrap();
    fs::hard_link(folder.file(), numbered(&folder, 1)).unwrap();
    assert_eq!(killed(&keep()).number, 3, "no life is left out");
}

#[test]
fn a_file_that_was_never_laid_out_is_taken_away() {
    let folder = Folder::new("unfinished");
    drop(MappedFile::create(&options(&folder), &SECTIONS).unwrap());
    let next = MappedFile::create(&options(&folder), &SECTIONS).unwrap();
    assert_eq!((next.previous(), names(&folder)), (None, ["deck".to_owned()].into()));
    next.run();
    drop(next);
    // As if it had died after it put the life before aside.
    let third = MappedFile::create(&options(&folder).recover(3), &SECTIONS).unwrap();
    drop(third);
    let fourth = MappedFile::create(&options(&folder), &SECTIONS).unwrap();
    assert_eq!((fourth.previous(), fourth.life().number), (Some(&*numbered(&folder, 1)), 2));
    fs::remove_file(folder.file()).unwrap();
    assert_eq!(MappedFile::create(&options(&folder), &SECTIONS).unwrap().life().number, 2);
}

#[test]
fn of_several_that_recover_one_file_one_gets_it() {
    for round in 0..30 {
        let folder = Folder::new("race-of-recovery");
        let before = killed(&options(&folder));
        let there = AtomicUsize::new(0);
        let made = thread::scope(|scope| {
            let recover = || {
                there.fetch_add(1, Relaxed);
                while there.load(Relaxed) < 4 {
                    thread::yield_now();
                }
                MappedFile::create(&options(&folder).recover(3), &SECTIONS)
            };
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(recover)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
        });
        let (won, lost): (Vec<_>, Vec<_>) = made.into_iter().partition(Result::is_ok);
        let won: Vec<_> = won.into_iter().map(Result::unwrap).collect();
        assert_eq!(won.len(), 1, "round {round}: {lost:?}");
        for error in lost {
            assert_eq!(error.unwrap_err(), CreateError::InUse { path: folder.file() }, "round {round}");
        }
        won[0].run();
        assert_eq!(life_at(folder.file()).as_ref(), Some(won[0].life()));
        assert_eq!(life_at(numbered(&folder, 1)), Some(before));
        assert_eq!(won[0].life().number, 2);
        assert_eq!(names(&folder), ["deck".to_owned(), "deck.1".to_owned()].into());
    }
}

#[test]
fn a_directory_keeps_the_newest_of_a_program_and_all_that_run() {
    let folder = Folder::new("directory");
    let options = |program: &str| Options::in_directory(&folder.0).program(program);
    let running = MappedFile::create(&options("host"), &SECTIONS).unwrap();
    running.run();
    let other = killed(&options("other"));
    let lives: Vec<Life> = (0..6).map(|_| killed(&options("host"))).collect();
    let name = |life: &Life| format!("{}.{}.{}.deck", life.program, life.process, life.number);
    // The last one, which nobody followed yet, and three before it.
    let kept = lives[2..].iter().chain([running.life(), &other]).map(name).collect();
    assert_eq!(names(&folder), kept);
    assert_eq!(lives.last().unwrap().number, 7);
    let last = MappedFile::create(&options("host").recover(1), &SECTIONS).unwrap();
    assert_eq!(last.previous(), Some(&*folder.0.join(name(&lives[5]))));
    assert_eq!(last.life().previous, lives[5].file);
    let kept = [&lives[5], last.life(), running.life(), &other].map(name).into();
    assert_eq!(names(&folder), kept);
}

#[test]
fn what_was_never_laid_out_in_a_directory_is_no_life_and_pushes_none_out() {
    let folder = Folder::new("unfinished-lives");
    let options = || Options::in_directory(&folder.0).program("host").recover(2);
    let lives = [killed(&options()), killed(&options())];
    let name = |life: &Life| format!("host.{}.{}.deck", life.process, life.number);
    // As their makers leave them who are killed in between.
    for number in 7..12 {
        let file = MappedFile::create(&options(), &SECTIONS).unwrap();
        let copy = folder.0.join(format!("host.1.{number}.deck.copy"));
        fs::copy(file.path().unwrap(), &copy).unwrap();
        drop(file);
        fs::rename(&copy, copy.with_extension("")).unwrap();
    }
    let last = MappedFile::create(&options(), &SECTIONS).unwrap();
    last.run();
    assert_eq!(last.previous(), Some(&*folder.0.join(name(&lives[1]))));
    assert_eq!(names(&folder), [&lives[0], &lives[1], last.life()].map(name).into());
}

#[test]
fn what_a_killed_maker_left_behind_is_swept_unless_it_may_be_at_work() {
    let folder = Folder::new("sweep");
    let [old, fresh, held, others] =
        [".deck.7.a.new", ".deck.8.b.new", ".deck.9.c.new", ".log.7.a.new"].map(|name| folder.0.join(name));
    for path in [&old, &fresh, &held, &others] {
        let file = File::create(path).unwrap();
        if path != &fresh {
            file.set_modified(SystemTime::now() - Duration::from_secs(61)).unwrap();
        }
    }
    let open = File::options().read(true).write(true).open(&held).unwrap();
    let _holds = crate::os::Held::try_hold(open).unwrap().unwrap();
    let _file = MappedFile::create(&options(&folder), &SECTIONS).unwrap();
    assert!(!old.exists() && fresh.exists() && held.exists() && others.exists());
}
