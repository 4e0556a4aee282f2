//! Whose events they are.

/// The process whose events are written.
#[derive(Clone, Debug)]
pub(super) struct Process {
    pub(super) id: u32,
    pub(super) name: Box<str>,
}

impl Process {
    /// This one.
    pub(super) fn this() -> Self {
        let program = std::env::current_exe().ok();
        let name = program.as_ref().and_then(|path| path.file_name()).map(|name| name.to_string_lossy());
        Self { id: std::process::id(), name: name.as_deref().unwrap_or("process").into() }
    }
}
