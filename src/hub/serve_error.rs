//! Why nothing of a deck is served. Here, so that a deck knows it when it is reported.

use crate::config::PathError;
use crate::error::{Diagnostic, Retry, Severity};
use crate::supervisor::StartError;
use std::io;
use std::net::SocketAddr;
use thiserror::Error;

/// Why nothing of a deck is served: see `bridge::serve`.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ServeError {
    /// Somebody else listens there, or nobody may.
    #[error("nobody can be served at {address}: {source}; take another port, or 0 for any that is free")]
    Address {
        /// Where.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// What only this machine should see, for all that reach the address.
    #[error(
        "{what} would be open to whoever reaches {address}: give a token with `ServerBuilder::token`, or serve on 127.0.0.1"
    )]
    Open {
        /// What it is.
        what: &'static str,
        /// Where.
        address: SocketAddr,
    },
    /// A token that is soon guessed, or that no header can carry.
    #[error(
        "the token has {characters} characters, of at least {least}, all of them visible ASCII: take 32 random hexadecimal digits",
        least = Self::LEAST_TOKEN
    )]
    Token {
        /// How long it is.
        characters: usize,
    },
    /// A limit that leaves nothing.
    #[error("`{name}` is {value}, of at least {least}: nobody could be served")]
    Limit {
        /// Which.
        name: &'static str,
        /// What it was to be, in words.
        value: String,
        /// The least that makes sense, in words.
        least: &'static str,
    },
    /// A config that cannot be shown by paths.
    #[error(transparent)]
    Config(#[from] PathError),
    /// There is no such worker to be had.
    #[error(transparent)]
    Worker(#[from] StartError),
}

impl ServeError {
    /// Characters that a token has at least.
    pub const LEAST_TOKEN: usize = 16;

    fn cause(&self) -> Option<&dyn Diagnostic> {
        match self {
            Self::Config(error) => Some(error),
            Self::Worker(error) => Some(error),
            _ => None,
        }
    }
}

impl Diagnostic for ServeError {
    fn code(&self) -> &'static str {
        match self {
            Self::Address { .. } => "serve.address.taken",
            Self::Open { .. } => "serve.address.open",
            Self::Token { .. } => "serve.token.short",
            Self::Limit { .. } => "serve.limit.none",
            Self::Config(_) | Self::Worker(_) => self.cause().map_or("", Diagnostic::code),
        }
    }

    fn severity(&self) -> Severity {
        self.cause().map_or(Severity::Error, Diagnostic::severity)
    }

    fn retry(&self) -> Retry {
        match self {
            Self::Address { .. } => Retry::Later,
            _ => self.cause().map_or(Retry::Never, Diagnostic::retry),
        }
    }
}
