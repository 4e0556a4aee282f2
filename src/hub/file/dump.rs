//! A copy of a deck in a file, at any time.

use super::error::DumpError;
use super::kept::Kept;
use super::section::{CONFIGS, HEALTH, WORKERS};
use crate::events;
use crate::hub::Flightdeck;
use crate::mapped::{DumpCause, Dumped, Options, kind};
use crate::region::Span;
use crate::region::board::Board;
use crate::region::copied::Copied;
use crate::telemetry;
use std::io;
use std::time::Instant;

crate::kind! {
    pub(super) Written("flightdeck.dump.written", class = Critical) {
        file: str, bytes: u64, took_ns: u64, cause: str, by: str,
    }
    pub(super) Failed("flightdeck.dump.failed", class = Critical, severity = Error) { why: str, cause: str, by: str }
}

impl Kept {
    /// Writes a copy, one at a time; what became of it is counted and written down.
    pub(in crate::hub) fn dump(&self, options: &Options, cause: &DumpCause) -> Result<Dumped, DumpError> {
        if !self.file.is_ours() {
            return Err(DumpError::Forked);
        }
        let began = Instant::now();
        let dumped = {
            let _one = self.dumping.lock();
            self.file.dump(options, cause, &|to| self.copy(to))
        };
        let by = cause.by().unwrap_or_default();
        match &dumped {
            Ok(dumped) => {
                self.dumps.increment(1);
                let took_ns = u64::try_from(began.elapsed().as_nanos()).unwrap_or(u64::MAX);
                let (file, bytes) = (&*dumped.path.to_string_lossy(), dumped.bytes);
                self.events.record(Written { file, bytes, took_ns, cause: cause.name(), by });
            }
            Err(error) => {
                self.dump_errors.increment(1);
                self.events.record(Failed { why: &error.to_string(), cause: cause.name(), by });
            }
        }
        dumped.map_err(DumpError::File)
    }

    /// What happened before is there: the events first, since what they speak of is told before them.
    fn copy(&self, to: &mut Copied<'_>) -> io::Result<()> {
        let damaged =
            |error: telemetry::SectionError| io::Error::new(io::ErrorKind::InvalidData, error.to_string());
        if let Some(section) = self.file.section(kind::EVENTS, 0) {
            let start = section.start;
            events::copy_section(&section.span(), start, to)?;
        }
        if let Some(section) = self.file.section(kind::TELEMETRY, 0) {
            let start = section.start;
            telemetry::Recording::of_span(section.span()).map_err(damaged)?.copy(start, to)?;
        }
        for part in [CONFIGS, WORKERS, HEALTH] {
            let Some((board, start)) = part.board_of(&self.file).zip(part.start_in(&self.file)) else {
                continue;
            };
            let Ok(content) = board.read() else {
                let reason = format!("{} are replaced all the time: try again", part.part);
                return Err(io::Error::new(io::ErrorKind::ResourceBusy, reason));
            };
            let copy = Span::heap(Board::footprint(board.room())).ok_or(io::ErrorKind::OutOfMemory)?;
            Board::at(&copy.region, 0, board.room()).post(&content);
            to.load(start, copy.run(0, copy.len).unwrap_or_default())?;
        }
        Ok(())
    }
}

impl<C: Send + Sync + 'static> Flightdeck<C> {
    /// Writes a copy of the deck to a file, now: what [`Recording`](crate::Recording) reads and the tool `flightdeck` answers
    /// questions about, as of a deck that lives in a file. For a deck that has room for it in its layout: one that was built with
    /// [`Builder::dump_to`](crate::Builder::dump_to), or in a [file](crate::Builder::mapped).
    ///
    /// All that was recorded before the call is there, whole, unless it was overwritten before the copy came by: it goes from the newest
    /// records of each ring to the oldest, and where a thread writes as fast as it copies, half of that thread's ring is left. Of what is
    /// recorded meanwhile some is there, and an answer takes no notice of what is not. Threads that record or count go on and do not
    /// notice. The file is as long as the memory of the [deck](crate::mapped::MappedFile::bytes), is made under another name with space
    /// for all of it, written, synced to the disk, and then gets its name: nobody finds half of one. It [says](crate::mapped::State::Copied) that it is a copy, when it was made and
    /// [why](crate::mapped::DumpCause), and nothing of how the process ended.
    ///
    /// A deck's file that has the name already is put aside, as `path.1` and so on, three of them unless
    /// [`recover`](Options::recover) says otherwise; with 0 it is removed. What is no deck's stays, and is an error, and so does one whose writer lives. In a
    /// directory it is `PROGRAM-dump.PROCESS.NUMBER.deck`, and the newest three of the program are kept.
    ///
    /// Takes as long as the disk does, and 3 MiB of memory. One is written at a time. Not for signal handlers.
    ///
    /// ```
    /// use flightdeck::{Flightdeck, Recording};
    /// use flightdeck::mapped::{DumpCause, Options};
    /// flightdeck::kind! { OrderFilled("order.filled") { qty: u64 } }
    ///
    /// # let folder = std::env::temp_dir().join(format!("flightdeck-doc-dump-{}", std::process::id()));
    /// # std::fs::create_dir_all(&folder)?;
    /// # use std::os::unix::fs::PermissionsExt;
    /// # std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o700))?;
    /// let deck = Flightdeck::builder().dump_to(folder.join("host.deck")).start()?;
    /// deck.record(OrderFilled { qty: 5 });
    /// let dumped = deck.dump(folder.join("now.deck"))?;
    ///
    /// let recording = Recording::open(dumped.path)?;
    /// assert_eq!(recording.file().header().copied, Some(DumpCause::Asked));
    /// assert_eq!(recording.events().query().kind_named("order.filled").run()?.len(), 1);
    /// # drop(deck);
    /// # std::fs::remove_dir_all(folder)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// If the deck has no layout for it, this is a child of the process that built it, or the file cannot be made or written: the last is
    /// counted (`flightdeck_dump_errors_total`) and an event, too (`flightdeck.dump.failed`).
    pub fn dump(&self, to: impl Into<Options>) -> Result<Dumped, DumpError> {
        let kept = self.inner.kept.as_ref().ok_or(DumpError::NoLayout)?;
        kept.dump(&to.into(), &DumpCause::Asked)
    }
}
