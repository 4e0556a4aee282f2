//! The list for a program: one object a deck.

use super::found::Found;
use crate::shown::{unix_ns, utc};
use flightdeck::Diagnostic;
use serde_json::{Value as Json, json};

/// What a deck tells; of one that cannot be read, why not.
pub fn object(found: &Found) -> Json {
    let file = found.path.to_string_lossy();
    match &found.told {
        Ok(told) => {
            let life = &told.header.life;
            json!({
                "file": file,
                "state": told.fate.name(),
                "program": life.program,
                "pid": life.process,
                "life": life.number,
                "user": life.user,
                "bytes": found.bytes,
                "created": utc(life.created),
                "created_unix_ns": unix_ns(life.created).to_string(),
                "closed": told.header.ended.map(utc),
                "put_aside": told.header.rotated.map(utc),
                "last_event": told.last.map(utc),
            })
        }
        Err(error) => json!({
            "file": file,
            "state": "unreadable",
            "bytes": found.bytes,
            "error": { "code": error.code(), "message": error.to_string() },
        }),
    }
}
