//! `mutants`: breaks a copy of the tree on purpose, one small fault at a time, and runs the test that must notice.
//!
//! A fault is a file in `tests/mutants/cases`: what it is, the file it is made in, the command that must fail, and the
//! text before and after. A text that is not there exactly once is an error: a fault that is not made proves nothing.
#![expect(clippy::print_stdout, reason = "this is a command for people")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context, Result, bail, ensure};
use clap::Parser;

/// Breaks a copy of the tree on purpose and looks whether a test notices.
#[derive(Debug, Parser)]
struct Args {
    /// Where the copy is made; it keeps its builds, so that a second run is quick.
    #[arg(long, default_value = "target/mutants")]
    work: PathBuf,
    /// Only faults whose name contains this.
    #[arg(long, default_value = "")]
    only: String,
}

/// A deliberate fault.
#[derive(Debug)]
struct Fault {
    name: String,
    what: String,
    file: String,
    caught_by: String,
    before: String,
    after: String,
}

fn main() -> Result<ExitCode> {
    let args = Args::parse();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("the tests have no folder above them")?;
    let faults = faults(&root.join("tests/mutants/cases"), &args.only)?;
    std::fs::create_dir_all(&args.work)?;
    let work = args.work.canonicalize()?;
    let copy = work.join("tree");
    let (mut missed, mut green) = (0, BTreeSet::new());
    for fault in &faults {
        copy_tree(root, &copy)?;
        // A test that fails without the fault notices nothing.
        if green.insert(&fault.caught_by) {
            ensure!(run(&fault.caught_by, &copy, &work)?, "without a fault this fails: {}", fault.caught_by);
        }
        apply(fault, &copy)?;
        // A fault that does not compile was not seen by any test.
        let builds = run(&format!("{} --no-run", fault.caught_by), &copy, &work)?;
        ensure!(builds, "{}: the fault does not compile", fault.name);
        let is_caught = !run(&fault.caught_by, &copy, &work)?;
        missed += usize::from(!is_caught);
        println!("{} | {} | {} | {}", verdict(is_caught), fault.name, fault.what, fault.caught_by);
    }
    println!("{} faults, {missed} missed", faults.len());
    Ok(if missed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn verdict(is_caught: bool) -> &'static str {
    if is_caught { "caught" } else { "MISSED" }
}

fn faults(folder: &Path, only: &str) -> Result<Vec<Fault>> {
    let mut faults = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_stem().and_then(|stem| stem.to_str()).context("a fault without a name")?.to_owned();
        if name.contains(only) {
            faults.push(read(&name, &std::fs::read_to_string(&path)?).with_context(|| name.clone())?);
        }
    }
    faults.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(faults)
}

fn read(name: &str, text: &str) -> Result<Fault> {
    let (head, body) = text.split_once("\n--- before\n").context("there is no text before")?;
    let (before, after) = body.split_once("\n--- after\n").context("there is no text after")?;
    let line = |key: &str| -> Result<String> {
        let found = head.lines().find_map(|line| line.strip_prefix(key).and_then(|rest| rest.strip_prefix(": ")));
        Ok(found.with_context(|| format!("there is no line '{key}: '"))?.to_owned())
    };
    Ok(Fault {
        name: name.to_owned(),
        what: line("what")?,
        file: line("file")?,
        caught_by: line("caught by")?,
        before: before.to_owned(),
        after: after.trim_end_matches('\n').to_owned(),
    })
}

/// Brings the copy to what the tree is; a file that is the same is left alone, so that little is built again.
fn copy_tree(from: &Path, to: &Path) -> Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let name = entry.file_name();
        if ["target", ".git", "node_modules"].iter().any(|left_out| name == *left_out) {
            continue;
        }
        let (source, copied) = (entry.path(), to.join(&name));
        if entry.file_type()?.is_dir() {
            copy_tree(&source, &copied)?;
        } else if entry.file_type()?.is_file() {
            let bytes = std::fs::read(&source)?;
            if std::fs::read(&copied).ok().as_deref() != Some(bytes.as_slice()) {
                std::fs::write(&copied, bytes)?;
            }
        }
    }
    Ok(())
}

fn apply(fault: &Fault, tree: &Path) -> Result<()> {
    let path = tree.join(&fault.file);
    let text = std::fs::read_to_string(&path)?;
    let places = text.matches(&fault.before).count();
    if places != 1 {
        bail!("{}: the text before is {places} times in {}", fault.name, fault.file);
    }
    std::fs::write(path, text.replace(&fault.before, &fault.after))?;
    Ok(())
}

fn run(command: &str, tree: &Path, work: &Path) -> Result<bool> {
    let (program, arguments) = command.split_once(' ').context("a command has arguments")?;
    // What is meant for the test itself comes after two dashes, also when it is only built.
    let (arguments, own) = arguments.split_once(" -- ").unwrap_or((arguments, ""));
    let (own, builds_only) = own.strip_suffix(" --no-run").map_or((own, false), |own| (own, true));
    let status = Command::new(program)
        .args(arguments.split_whitespace())
        .args(builds_only.then_some("--no-run"))
        .args((!own.is_empty() && !builds_only).then_some("--"))
        .args(own.split_whitespace().filter(|_| !builds_only))
        .current_dir(tree)
        .env("CARGO_TARGET_DIR", std::env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| work.join("target").into()))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()?;
    Ok(status.success())
}
