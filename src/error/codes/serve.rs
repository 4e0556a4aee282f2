//! Codes of the server.

use super::{Code, later, never};

pub(super) const CODES: &[Code] = &[
    never(
        "serve.address.open",
        "leave metrics and probes open, and what tells more to this machine: `ssh -L` brings it to yours",
    ),
    later("serve.address.taken", "see who listens there: `ss -ltnp`"),
    never("serve.limit.none", "leave it out: the defaults serve scrapers and a person or two"),
    never("serve.token.short", "make one with `openssl rand -hex 16`, and keep it where secrets are kept"),
];
