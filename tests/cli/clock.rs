//! Lies to one home's programs about the date, also while they run. Linux only, as the library that it puts before the
//! system's.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

/// Sets a clock: `right`, `1970`, or so many milliseconds ahead. A program that runs is only lied to if it was when it began.
#[expect(clippy::disallowed_methods, reason = "1970 is as far back as the machine's own clock says")]
pub(crate) fn set(folder: &Path, home: &str, to: &str) -> Result<(), String> {
    let told = |error: &dyn std::fmt::Display| format!("clock {home} {to}: {error}");
    let offset_ms: i64 = match to {
        "right" => 0,
        "1970" => {
            let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_err(|error| told(&error))?;
            -i64::try_from(since.as_millis()).map_err(|error| told(&error))?
        }
        ahead_ms => ahead_ms.parse().map_err(|error| told(&error))?,
    };
    if !library(folder).exists() {
        build(folder)?;
    }
    // It is mapped into programs: it must never be shorter.
    let file = File::options().write(true).create(true).truncate(false).open(offset(folder, home));
    let written = file.and_then(|file| file.write_all_at(&offset_ms.to_le_bytes(), 0));
    written.map_err(|error| told(&error))
}

/// A program of this home sees the clock that was set for it.
pub(crate) fn show(folder: &Path, home: &str, command: &mut Command) {
    let offset = offset(folder, home);
    if offset.exists() {
        command.env("LD_PRELOAD", library(folder)).env("CLOCK_OFFSET", offset);
    }
}

fn offset(folder: &Path, home: &str) -> PathBuf {
    folder.join(format!("{home}.clock"))
}

fn library(folder: &Path) -> PathBuf {
    folder.join("clock.so")
}

fn build(folder: &Path) -> Result<(), String> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("cli/clock.c");
    let built = Command::new("cc").args(["-shared", "-fPIC", "-O1", "-o"]).arg(library(folder)).arg(source).status();
    match built {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("cc ended with {status}")),
        Err(error) => Err(format!("cc: {error}")),
    }
}
