//! The real `tidings` program, for tests that start it as a person would.

use std::env;
use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

use anyhow::{Context as _, Result, anyhow, ensure};
use serde_json::Value;

/// Where the `tidings` program is, built as this test was (debug or release) and up to date.
///
/// Cargo does not build the programs of one package for the tests of another, so this asks it to, once a process.
pub fn tidings() -> Result<PathBuf> {
    static BUILT: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    let built = BUILT.get_or_init(|| build().map_err(|error| format!("{error:#}")));
    built.clone().map_err(|error| anyhow!(error))
}

fn build() -> Result<PathBuf> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    // With a test of the workspace beside it, the program is built from the very dependencies that `cargo test
    // --workspace` built; by itself it would want some of them with other features, and half the tree built again.
    command.args(["build", "--workspace", "--bin", "tidings", "--test", "architecture", "--message-format", "json"]);
    if !cfg!(debug_assertions) {
        command.arg("--release");
    }
    // What cargo tells a test about itself. The build scripts of some dependencies ask for the same names, and would
    // run again, and half the tree be built again, because a test asked and not a shell.
    for (name, _) in env::vars_os() {
        let is_of_a_test =
            |name: &str| ["CARGO_MANIFEST_", "CARGO_PKG_", "CARGO_CRATE_"].iter().any(|start| name.starts_with(start));
        if name.to_str().is_some_and(is_of_a_test) {
            command.env_remove(name);
        }
    }
    let output = command.current_dir(env!("CARGO_MANIFEST_DIR")).output().context("cargo could not be started")?;
    ensure!(output.status.success(), "tidings does not build:\n{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).context("cargo printed what is not text")?;
    let messages = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let mut programs = messages.filter_map(|message| {
        let is_the_program = message.pointer("/target/name")? == "tidings";
        is_the_program.then(|| message.get("executable")?.as_str().map(PathBuf::from))?
    });
    programs.next_back().context("cargo built no program")
}
