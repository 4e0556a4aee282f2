//! A file as it is on disk: its text, or why there is none, and a print by which a change of either is noticed.

use super::origin::Origin;
use super::position::Lines;
use super::problem::Problem;
use super::text::{Format, Reading, Said};
use crate::sync::Arc;
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::Path;

/// What distinguishes contents. Of two different ones it is the same once in 2^64.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Print(u64);

/// What a file has to say at a moment.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) print: Print,
    pub(super) content: Content,
}

#[derive(Debug)]
pub(super) enum Content {
    /// There is no such file.
    Missing,
    Bytes(Vec<u8>),
    Problem(Problem),
}

impl Found {
    /// Reads a file, following links. Never waits for a pipe, and reads no more than `longest` bytes. What is told names it as `shown`.
    pub(super) fn of_file(
        path: &Path,
        shown: &Arc<Path>,
        longest: usize,
        prints: &ahash::RandomState,
    ) -> Self {
        Self::of(read(path, shown, longest).unwrap_or_else(|content| content), prints)
    }

    pub(super) fn of_text(
        text: &[u8],
        shown: &Arc<Path>,
        longest: usize,
        prints: &ahash::RandomState,
    ) -> Self {
        let content = match text.len() > longest {
            true => Content::Problem(Problem::TooLong { file: shown.clone(), limit: longest }),
            false => Content::Bytes(text.to_vec()),
        };
        Self::of(content, prints)
    }

    fn of(content: Content, prints: &ahash::RandomState) -> Self {
        let print = match &content {
            Content::Missing => prints.hash_one(0_u8),
            Content::Bytes(bytes) => prints.hash_one((1_u8, bytes)),
            Content::Problem(problem) => prints.hash_one((2_u8, problem.to_string())),
        };
        Self { print: Print(print), content }
    }
}

fn read(path: &Path, file: &Arc<Path>, longest: usize) -> Result<Content, Content> {
    let failed = |error: std::io::Error| match error.kind() {
        ErrorKind::NotFound => Content::Missing,
        _ => Content::Problem(Problem::Unreadable { file: file.clone(), reason: error.to_string() }),
    };
    // Before it is opened: to open a pipe may wait for ever.
    if !std::fs::metadata(path).map_err(failed)?.is_file() {
        return Err(Content::Problem(Problem::NotAFile { file: file.clone() }));
    }
    let mut bytes = Vec::new();
    let most = u64::try_from(longest).unwrap_or(u64::MAX).saturating_add(1);
    File::open(path).map_err(failed)?.take(most).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() > longest {
        return Err(Content::Problem(Problem::TooLong { file: file.clone(), limit: longest }));
    }
    Ok(Content::Bytes(bytes))
}

impl Content {
    /// What it says; none if there is no such file.
    pub(super) fn parse(
        self,
        file: &Arc<Path>,
        format: Format,
        longest: usize,
    ) -> Result<Option<Said>, Vec<Problem>> {
        match self {
            Self::Missing => Ok(None),
            Self::Problem(problem) => Err(vec![problem]),
            Self::Bytes(bytes) => parse(&bytes, file, format, longest).map(Some),
        }
    }
}

/// What a text says, which an editor may have marked as UTF-8.
pub(super) fn parse(
    bytes: &[u8],
    file: &Arc<Path>,
    format: Format,
    longest: usize,
) -> Result<Said, Vec<Problem>> {
    let bytes = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes);
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let valid = bytes.get(..error.valid_up_to()).and_then(|valid| std::str::from_utf8(valid).ok());
        let position = Lines::of(valid.unwrap_or_default()).position(error.valid_up_to());
        vec![Problem::NotText { origin: Origin::File { file: file.clone(), position: Some(position) } }]
    })?;
    Reading { file, text, longest }.read(format)
}
