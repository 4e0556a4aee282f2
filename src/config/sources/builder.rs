//! Which sources a config has.

use super::environment::check_prefix;
use super::file::Found;
use super::pattern::Patterns;
use super::problem::{LoadError, Problem};
use super::sourced::SourcedConfig;
use super::text::Format;
use crate::config::paths::access::Pattern;
use crate::config::{Builder, Validate};
use crate::sync::Arc;
use serde_core::Serialize;
use serde_core::de::DeserializeOwned;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long a file may be, if the builder does not say otherwise: 1 MiB.
const LONGEST_FILE: usize = 1 << 20;

/// Which sources a config has: defaults, then files, then the environment, then what is set while running, each laid over the
/// one before. Sections are merged name by name; lists are replaced as a whole, and so is everything that meets a
/// `null`, which is a value like others.
///
/// ```
/// use flightdeck::config::{Sources, Validate, Violations};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize, Deserialize)]
/// struct App { listen: String, limits: Limits }
///
/// #[derive(Serialize, Deserialize)]
/// struct Limits { orders_per_second: u32 }
///
/// impl Default for App {
///     fn default() -> Self {
///         Self { listen: "127.0.0.1:80".to_owned(), limits: Limits { orders_per_second: 100 } }
///     }
/// }
///
/// impl Validate for App {
///     fn validate(&self, report: &mut Violations) {
///         let rate = self.limits.orders_per_second;
///         report.require(rate <= 1_000, "limits.orders_per_second", &rate, "must be at most 1000");
///     }
/// }
///
/// # let folder = std::env::temp_dir().join(format!("flightdeck-sources-{}", std::process::id()));
/// # std::fs::create_dir_all(&folder)?;
/// # let file = folder.join("app.toml");
/// std::fs::write(&file, "[limits]\norders_per_second = 200\n")?;
/// let app = Sources::new("APP").file(&file).environment().restart("listen").build::<App>()?;
/// let mut limits = app.config().reader();
/// assert_eq!(limits.get().limits.orders_per_second, 200);
///
/// std::fs::write(&file, "[limits]\norders_per_second = 300\n")?;
/// assert_eq!(app.reload()?.changed, ["limits.orders_per_second"]);
/// assert_eq!(limits.get().limits.orders_per_second, 300);
///
/// std::fs::write(&file, "[limits]\norders_per_second = 5000\n")?;
/// let refused = app.reload().unwrap_err().to_string();
/// assert!(refused.contains("orders_per_second = 5000: must be at most 1000"));
/// assert!(refused.contains("app.toml:2:1"), "{refused}");
/// assert_eq!(limits.get().limits.orders_per_second, 300);
/// # std::fs::remove_dir_all(&folder)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
#[must_use = "nothing is read until `build`"]
pub struct Sources {
    prefix: String,
    files: Vec<SourceFile>,
    environment: Option<Environment>,
    restart: Vec<String>,
    secrets: Vec<String>,
    accepted: Vec<String>,
    unknown: UnknownKeys,
    longest: usize,
}

/// Where variables come from.
#[derive(Clone, Debug)]
pub(super) enum Environment {
    Process,
    Given(Vec<(OsString, OsString)>),
}

impl Environment {
    pub(super) fn variables(&self) -> Vec<(OsString, OsString)> {
        match self {
            Self::Process => std::env::vars_os().collect(),
            Self::Given(variables) => variables.clone(),
        }
    }
}

/// What becomes of names that the config does not have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum UnknownKeys {
    /// They are told, and otherwise have no effect: see [`Reloaded::unknown`](super::Reloaded::unknown) and
    /// [`SourcesStatus::unknown`](super::SourcesStatus::unknown).
    #[default]
    Report,
    /// What has one is refused.
    Refuse,
}

/// A file as a source. Its extension tells its format: `.toml`, `.json`, and with feature `yaml` also `.yaml` and `.yml`.
#[derive(Clone, Debug)]
#[must_use]
pub struct SourceFile {
    pub(super) shown: Arc<Path>,
    pub(super) is_optional: bool,
    pub(super) max_age: Option<Duration>,
    /// Of a file that is none.
    pub(super) text: Option<Arc<[u8]>>,
}

impl SourceFile {
    /// A file that must be there.
    pub fn new(path: impl AsRef<Path>) -> Self {
        Self { shown: path.as_ref().into(), is_optional: false, max_age: None, text: None }
    }

    /// A text that the program has, as if it were the content of a file of this name: for defaults that are written as a file is.
    pub fn text(name: impl AsRef<Path>, text: impl AsRef<[u8]>) -> Self {
        Self { text: Some(text.as_ref().into()), ..Self::new(name) }
    }

    /// It need not be there: without it the layers below hold, also when it is deleted while running.
    pub fn optional(mut self) -> Self {
        self.is_optional = true;
        self
    }

    /// How long what it says may be in force without having been found to be still there and still right. While the file is
    /// [watched](SourcedConfig::watch) it is looked at often enough for that.
    pub fn max_age(mut self, age: Duration) -> Self {
        self.max_age = Some(age);
        self
    }
}

impl<P: AsRef<Path>> From<P> for SourceFile {
    fn from(path: P) -> Self {
        Self::new(path)
    }
}

/// What a sourced config goes by.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) prefix: String,
    pub(super) files: Vec<PlannedFile>,
    pub(super) environment: Option<Environment>,
    pub(super) restart: Patterns,
    pub(super) secrets: Patterns,
    pub(super) accepted: Patterns,
    pub(super) unknown: UnknownKeys,
    pub(super) longest: usize,
}

#[derive(Debug)]
pub(super) struct PlannedFile {
    pub(super) given: SourceFile,
    /// Whatever becomes the current folder.
    pub(super) path: Arc<Path>,
    pub(super) format: Format,
}

impl PlannedFile {
    pub(super) fn find(&self, longest: usize, prints: &ahash::RandomState) -> Found {
        match &self.given.text {
            Some(text) => Found::of_text(text, &self.given.shown, longest, prints),
            None => Found::of_file(&self.path, &self.given.shown, longest, prints),
        }
    }
}

impl Sources {
    /// None yet. Variables of the [environment](Sources::environment) begin with `prefix` and two `_`.
    pub fn new(prefix: impl Into<String>) -> Self {
        Self {
            prefix: prefix.into(),
            files: Vec::new(),
            environment: None,
            restart: Vec::new(),
            secrets: Vec::new(),
            accepted: Vec::new(),
            unknown: UnknownKeys::default(),
            longest: LONGEST_FILE,
        }
    }

    /// A file, laid over those named before it. One by its path alone must be there; see [`SourceFile`] for others.
    pub fn file(mut self, file: impl Into<SourceFile>) -> Self {
        self.files.push(file.into());
        self
    }

    /// A file that need not be there.
    pub fn optional_file(self, path: impl AsRef<Path>) -> Self {
        self.file(SourceFile::new(path).optional())
    }

    /// The environment of the process, above all files: with the prefix `APP`, the variable `APP__LIMITS__ORDERS_PER_SECOND` sets
    /// `limits.orders_per_second`. It is read at the start and at each reload.
    ///
    /// Names are found whatever the case of their letters. What a text means follows from the value that the defaults and files
    /// have there: a text is taken as it is; `true` and `false`; a number; a list is JSON in brackets, or its elements between
    /// commas; a section is JSON in braces. Where they have `null`, or nothing, it is JSON if it is any, and else a text; and
    /// a text as well, should the config want one there. A name that has two `_` in it cannot be set, nor can an element of a
    /// list.
    pub fn environment(mut self) -> Self {
        self.environment = Some(Environment::Process);
        self
    }

    /// These variables in place of the environment of the process: for tests, and for what a host has of its own.
    pub fn environment_of<N: Into<OsString>, V: Into<OsString>>(
        mut self,
        variables: impl IntoIterator<Item = (N, V)>,
    ) -> Self {
        let variables = variables.into_iter().map(|(name, value)| (name.into(), value.into()));
        self.environment = Some(Environment::Given(variables.collect()));
        self
    }

    /// What is at this path, and inside, takes effect at a restart only: a reload that changes it keeps the old value, and says so. A
    /// `*` in the path stands for any name.
    pub fn restart(mut self, path: impl Into<String>) -> Self {
        self.restart.push(path.into());
        self
    }

    /// What is at this path, and inside, is not shown: not in errors, not by [`why`](SourcedConfig::why), nor by the config itself,
    /// as if it had been named by [`Paths::secret`](crate::config::Paths::secret). Nor does either show what was named there,
    /// but for errors of the first read, which comes before. A `*` in the path stands for any name.
    pub fn secret(mut self, path: impl Into<String>) -> Self {
        self.secrets.push(path.into());
        self
    }

    /// This path is no unknown one, although neither the defaults nor the config, when it is serialised, have it: for fields with
    /// an alias, and for those that are not serialised. A `*` in the path stands for any name.
    pub fn accept(mut self, path: impl Into<String>) -> Self {
        self.accepted.push(path.into());
        self
    }

    /// What becomes of names that the config does not have; they are reported, by default.
    pub fn unknown_keys(mut self, unknown: UnknownKeys) -> Self {
        self.unknown = unknown;
        self
    }

    /// How many bytes a file may have, and what the aliases of a YAML file may come to; 1 MiB by default.
    pub fn longest_file(mut self, bytes: usize) -> Self {
        self.longest = bytes;
        self
    }

    /// Reads the sources, upon the defaults of `T`.
    ///
    /// # Errors
    /// Everything that speaks against what the sources say: see [`Problem`].
    pub fn build<T>(self) -> Result<SourcedConfig<T>, LoadError>
    where
        T: Serialize + DeserializeOwned + Validate + Default + Send + Sync + 'static,
    {
        self.build_from(&T::default())
    }

    /// Reads the sources, upon these defaults. They alone need not be valid, only what all layers come to.
    ///
    /// # Errors
    /// As [`Sources::build`].
    pub fn build_from<T>(self, defaults: &T) -> Result<SourcedConfig<T>, LoadError>
    where
        T: Serialize + DeserializeOwned + Validate + Send + Sync + 'static,
    {
        self.build_with(defaults, |builder| builder)
    }

    /// Reads the sources, upon these defaults, into a config that is made as `set` says: with a name, say, or a longer history.
    ///
    /// # Errors
    /// As [`Sources::build`].
    pub fn build_with<T>(
        self,
        defaults: &T,
        set: impl FnOnce(Builder<T>) -> Builder<T>,
    ) -> Result<SourcedConfig<T>, LoadError>
    where
        T: Serialize + DeserializeOwned + Validate + Send + Sync + 'static,
    {
        SourcedConfig::start(self.plan()?, defaults, set)
    }

    fn plan(self) -> Result<Plan, LoadError> {
        let mut problems = Vec::new();
        if self.environment.is_some() {
            problems.extend(check_prefix(&self.prefix).err());
        }
        let mut patterns = |paths: Vec<String>| {
            let mut patterns = Patterns::default();
            for path in paths {
                match Pattern::parse(&path) {
                    Ok(pattern) => patterns.add(pattern),
                    Err(error) => problems.push(Problem::no_path(&path, error)),
                }
            }
            patterns
        };
        let [restart, secrets, accepted] = [self.restart, self.secrets, self.accepted].map(&mut patterns);
        let mut files = Vec::new();
        for given in self.files {
            let path =
                std::path::absolute(&given.shown).unwrap_or_else(|_| PathBuf::from(&*given.shown)).into();
            match Format::of(&given.shown) {
                Ok(format) => files.push(PlannedFile { given, path, format }),
                Err(problem) => problems.push(problem),
            }
        }
        if !problems.is_empty() {
            return Err(LoadError::new(problems));
        }
        let Self { prefix, environment, unknown, longest, .. } = self;
        Ok(Plan { prefix, files, environment, restart, secrets, accepted, unknown, longest })
    }
}
