//! A deck's file, read.

use super::configs::{self, RecordedRevision};
use super::error::PartError;
use super::health::{self, RecordedHealth};
use super::told::Told;
use super::workers::{self, RecordedWorker};
use crate::events::{self, RecordingError};
use crate::mapped::{OpenOptions, Opened};
use crate::sync::Arc;
use crate::telemetry;
use std::path::Path;

/// What a deck kept in a file, for whoever may only look: this or another process, while the deck's runs or after it ended, however
/// it did.
///
/// It takes the permission to read the file and nothing else, and stores nothing: the process that writes does not notice. It
/// believes nothing: any content gives an error or an answer, in bounded time and memory. What it will not do: say what was never
/// written, such as where a thread is, or what lay in memory beside the deck's.
///
/// ```
/// use flightdeck::{Flightdeck, Recording};
/// use flightdeck::mapped::{Options, State};
/// flightdeck::kind! { OrderFilled("order.filled") { qty: u64 } }
///
/// let deck = Flightdeck::builder().mapped(Options::in_directory(std::env::temp_dir())).start()?;
/// deck.record(OrderFilled { qty: 5 });
/// // In another process, while this one runs or after it was killed:
/// # let path = deck.file().and_then(|file| file.path()).unwrap();
/// let recording = Recording::open(path)?;
/// assert_eq!(recording.file().state(), Some(State::Running));
/// assert_eq!(recording.events().query().kind_named("order.filled").run()?.len(), 1);
/// # std::fs::remove_file(path)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Recording {
    file: Arc<Opened>,
    events: events::Recording,
}

impl Recording {
    /// Opens a file of this user or root: see [`Recording::of`].
    ///
    /// # Errors
    /// If it cannot be read, is no deck's, or has no events that can be read.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, RecordingError> {
        Self::of(Opened::open(path, &OpenOptions::new())?)
    }

    /// As [`Recording::open`], of a file that is open already. Of a file of events alone, as
    /// [`events::Builder::mapped`](crate::events::Builder::mapped) makes one, the other parts are absent.
    ///
    /// # Errors
    /// As there.
    pub fn of(file: Opened) -> Result<Self, RecordingError> {
        let file = Arc::new(file);
        Ok(Self { events: events::Recording::of_shared(file.clone())?, file })
    }

    /// The file that has its name now, if that is another one: that of the deck's next life at the same place, as a rule.
    ///
    /// # Errors
    /// As of [`Recording::open`]: while the next life begins, for one. Not where there is no such file.
    pub fn successor(&self) -> Result<Option<Self>, RecordingError> {
        self.file.successor()?.map(Self::of).transpose()
    }

    /// The file: whose it is, how far its life came, and whether its writer lives.
    #[must_use]
    pub fn file(&self) -> &Opened {
        &self.file
    }

    /// Its events.
    #[must_use]
    pub fn events(&self) -> &events::Recording {
        &self.events
    }

    /// Its telemetry: a snapshot is to be had of it as of a live one.
    ///
    /// # Errors
    /// If there is none in the file, or none that this version reads.
    pub fn telemetry(&self) -> Result<telemetry::Recording, telemetry::RecordingError> {
        telemetry::Recording::of_shared(self.file.clone())
    }

    /// The last revisions of its configs, as many as 64 KiB hold, in the order in which they were published, those in force among
    /// them in any case; the deck's own settings are the config `flightdeck`. With feature `serde` the values of configs that have
    /// paths, with marks in place of secrets. Reads 64 KiB.
    ///
    /// ```
    /// # use flightdeck::{Flightdeck, Recording};
    /// # use flightdeck::config::{Validate, Violations};
    /// # use flightdeck::mapped::Options;
    /// # struct Limits { orders: u32 }
    /// # impl Validate for Limits { fn validate(&self, _: &mut Violations) {} }
    /// let options = Options::in_directory(std::env::temp_dir());
    /// let deck = Flightdeck::builder().config(Limits { orders: 10 }).mapped(options).start()?;
    /// deck.config().by("ops").because("more load").replace(Limits { orders: 20 }).unwrap();
    /// # let path = deck.file().and_then(|file| file.path()).unwrap();
    /// let recording = Recording::open(path)?;
    /// let revisions = recording.configs()?.what;
    /// let newest = revisions.iter().rfind(|revision| &*revision.config == deck.config().name()).unwrap();
    /// assert_eq!((newest.number, newest.why.as_deref(), newest.is_in_force), (2, Some("more load"), true));
    /// # std::fs::remove_file(path)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// If there are none in the file, or none that this version reads.
    pub fn configs(&self) -> Result<Told<Vec<RecordedRevision>>, PartError> {
        configs::of(&self.file)
    }

    /// How its workers were when that was last written: whenever the deck looked at its [health](crate::Settings::health), and when
    /// it stopped. Events tell what happened after. As many as 32 KiB hold.
    ///
    /// # Errors
    /// As [`Recording::configs`].
    pub fn workers(&self) -> Result<Told<Vec<RecordedWorker>>, PartError> {
        workers::of(&self.file)
    }

    /// How it was, and what was not as it should be, at that moment; `None` before it first looked.
    ///
    /// # Errors
    /// As [`Recording::configs`].
    pub fn health(&self) -> Result<Told<Option<RecordedHealth>>, PartError> {
        health::of(&self.file)
    }
}
