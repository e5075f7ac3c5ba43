//! Programs in JavaScript that tests talk to: Node.js, the packages of a folder, and a program of lines in and lines out.

use std::env;
use std::fmt::Display;
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, sync_channel};

use anyhow::{Context as _, Result, anyhow, bail, ensure};
use serde_json::Value;

/// The oldest Node.js that the programs run on.
const NODE_MAJOR_MIN: u32 = 20;
/// So many lines of a program wait to be looked at.
const LINES_MAX: usize = 10_000;

/// Node.js on this machine.
#[derive(Debug, Clone)]
pub struct NodeJs {
    /// The program `node`.
    pub node: PathBuf,
    /// The program `npm`.
    pub npm: PathBuf,
}

impl NodeJs {
    /// Node.js, with the packages of a folder of `tests/` installed; `None`, said aloud, where it is missing. With
    /// `CI=true` that is a failure.
    ///
    /// # Panics
    /// If packages cannot be installed, or with `CI=true` if Node.js is missing.
    pub fn for_test(what: &str, folder: &str) -> Option<Self> {
        match Self::find() {
            Ok(found) => {
                let installed = found.install(&tests().join(folder));
                assert!(installed.is_ok(), "{installed:?}");
                Some(found)
            }
            Err(missing) => {
                let sentence = format!("NOT RUN: {what}, because {missing}.");
                assert!(env::var_os("CI").is_none_or(|ci| ci != "true"), "{sentence}");
                // Not `eprintln!`: the test harness would keep it to itself.
                writeln!(io::stderr(), "\n{sentence}").unwrap_or_default();
                None
            }
        }
    }

    /// Node.js and npm.
    pub fn find() -> Result<Self> {
        let node = on_path(&["node", "nodejs"]).context("Node.js is missing: install it, version 20 or newer")?;
        let version = Command::new(&node).arg("--version").output().context("node could not be started")?;
        let version = String::from_utf8_lossy(&version.stdout).trim().to_owned();
        let major = version.trim_start_matches('v').split('.').next().and_then(|number| number.parse::<u32>().ok());
        if major.is_none_or(|major| major < NODE_MAJOR_MIN) {
            bail!("Node.js {version} is too old: version {NODE_MAJOR_MIN} or newer is needed");
        }
        Ok(Self { node, npm: on_path(&["npm"]).context("npm is missing: it comes with Node.js")? })
    }

    /// `npm ci`, where the packages of a folder are missing or older than what its lock file lists.
    pub fn install(&self, folder: &Path) -> Result<()> {
        static INSTALLING: Mutex<()> = Mutex::new(());
        let _one_at_a_time = INSTALLING.lock().map_err(|_| anyhow!("another installation failed"))?;
        let changed = |path: &str| folder.join(path).metadata().and_then(|metadata| metadata.modified()).ok();
        if changed("node_modules/.package-lock.json") < changed("package-lock.json") {
            let output =
                Command::new(&self.npm).args(["ci", "--no-audit", "--no-fund"]).current_dir(folder).output()?;
            ensure!(output.status.success(), "npm ci: {}", String::from_utf8_lossy(&output.stderr));
        }
        Ok(())
    }
}

/// A running program that prints a line of JSON for whatever happens. It is killed when this goes.
#[derive(Debug)]
pub struct Program {
    process: Child,
    orders: ChildStdin,
    /// What it prints.
    pub lines: Receiver<Value>,
}

impl Program {
    /// Starts a command whose lines are JSON.
    pub fn start(command: &mut Command) -> Result<Self> {
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let orders = process.stdin.take().context("it has no standard input")?;
        let printed = BufReader::new(process.stdout.take().context("it has no standard output")?);
        let (sender, lines) = sync_channel(LINES_MAX);
        std::thread::spawn(move || {
            for line in printed.lines() {
                let Ok(line) = line else { return };
                let Ok(value) = serde_json::from_str(&line) else { continue };
                if sender.send(value).is_err() {
                    return;
                }
            }
        });
        Ok(Self { process, orders, lines })
    }

    /// Tells it a line.
    pub fn tell(&mut self, order: &dyn Display) -> Result<()> {
        writeln!(self.orders, "{order}").context("it does not listen any more")
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

/// The folder of the tests.
pub fn tests() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The first of these programs that the path leads to.
pub fn on_path(names: &[&str]) -> Option<PathBuf> {
    let folders = env::var_os("PATH")?;
    let mut files = names.iter().flat_map(|name| env::split_paths(&folders).map(move |folder| folder.join(name)));
    files.find(|file| file.is_file())
}
