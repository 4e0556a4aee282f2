//! The command-line tool as a user builds and runs it, for rows about the whole of it.

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Builds the tool in release mode, into `target` or into the workspace's own folder.
///
/// # Panics
/// If it does not build: there is nothing to measure then.
pub fn build(target: Option<&Path>) -> PathBuf {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the benches lie in the workspace");
    let target = target.map_or_else(|| workspace.join("target"), Path::to_owned);
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(cargo)
        .current_dir(workspace)
        .args([
            "build",
            "--release",
            "--quiet",
            "--package",
            "flightdeck",
            "--features",
            "cli",
            "--target-dir",
        ])
        .arg(&target)
        .status();
    assert!(status.is_ok_and(|status| status.success()), "the tool does not build");
    target.join("release").join("flightdeck")
}

/// What the tool says with `--json`.
///
/// # Panics
/// If it fails, or says no JSON.
pub fn run(tool: &Path, args: &[&str]) -> Value {
    let ran = Command::new(tool).args(args).arg("--json").stderr(Stdio::null()).output();
    let ran = ran.unwrap_or_else(|error| panic!("{} does not run: {error}", tool.display()));
    assert!(ran.status.success(), "{args:?}: {}", ran.status);
    serde_json::from_slice(&ran.stdout).unwrap_or_else(|error| panic!("{args:?}: no JSON: {error}"))
}
