//! What the tree looks like: the top level, names of files, their length and their first lines.

use std::collections::BTreeSet;
use std::process::Command;

use crate::tree::{Finding, Tree, assert_caught, assert_kept, is_kind, root};

/// All that the top level shows.
const TOP_LEVEL: [&str; 11] = [
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE",
    "README.md",
    "cli",
    "crypto",
    "docs",
    "migrations",
    "node",
    "tests",
    "web-ui",
];
/// The dot-files there.
const TOP_LEVEL_HIDDEN: [&str; 7] =
    [".cargo", ".ci", ".clippy.toml", ".config", ".gitattributes", ".gitignore", ".rustfmt.toml"];

/// Longer than this, a file holds two things.
const FILE_LINES_MAX: usize = 600;
/// Made by a program, and so as long as it comes; or data.
const GENERATED: [&str; 4] =
    ["web-ui/dist/", "web-ui/app/src/api/types.gen.ts", "tests/vectors/", "tests/fuzz/corpus/"];
const CODE_EXTENSIONS: [&str; 8] = ["rs", "ts", "tsx", "mjs", "js", "css", "sql", "sh"];

/// Names that say nothing of what is inside.
const EMPTY_NAMES: [&str; 10] =
    ["util", "utils", "common", "helper", "helpers", "manager", "managers", "service", "services", "misc"];

fn the_top_level_is_small(entries: &BTreeSet<String>) -> Vec<Finding> {
    let is_agreed = |entry: &&String| TOP_LEVEL.contains(&entry.as_str()) || TOP_LEVEL_HIDDEN.contains(&entry.as_str());
    let stray = entries.iter().filter(|entry| !is_agreed(entry));
    stray.map(|entry| finding(entry, 1, "is not one of the names that the top level shows")).collect()
}

fn files_are_named_for_what_they_hold(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, _) in code(tree) {
        if path.ends_with("/mod.rs") {
            findings.push(finding(path, 1, "a module's file has the module's name, beside its folder"));
        }
        let mut parts = path.split('/').map(|part| part.split('.').next().unwrap_or(part));
        if let Some(name) = parts.find(|part| EMPTY_NAMES.contains(&part.to_ascii_lowercase().as_str())) {
            findings.push(finding(path, 1, &format!("`{name}` says nothing of what is inside")));
        }
    }
    findings
}

fn files_fit_in_a_head(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in code(tree) {
        let lines = text.lines().count();
        if lines > FILE_LINES_MAX {
            findings.push(finding(
                path,
                lines,
                &format!("{lines} lines; the limit is {FILE_LINES_MAX}: which two things is it?"),
            ));
        }
    }
    findings
}

fn rust_files_start_with_their_purpose(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in tree.shipped_rust() {
        let first = text.lines().next().unwrap_or_default();
        if first.strip_prefix("//! ").is_none_or(|purpose| purpose.len() < 10) {
            findings.push(finding(path, 1, "starts with a `//!` header that says what this is and what it guarantees"));
        }
    }
    findings
}

fn no_test_is_ignored(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in tree.files().filter(|(path, _)| is_kind(path, "rs")) {
        let is_ignored = |line: &str| line.trim_start().starts_with("#[ignore");
        if let Some(index) = text.lines().position(is_ignored) {
            findings.push(finding(path, index + 1, "an ignored test; make it run, or delete it"));
        }
    }
    findings
}

/// What is written by hand.
fn code(tree: &Tree) -> impl Iterator<Item = (&str, &str)> {
    tree.files().filter(|(path, _)| {
        let is_made = GENERATED.iter().any(|start| path.starts_with(start));
        !is_made && CODE_EXTENSIONS.iter().any(|extension| is_kind(path, extension))
    })
}

fn finding(file: &str, line: usize, sentence: &str) -> Finding {
    Finding { file: file.to_owned(), line, sentence: sentence.to_owned() }
}

/// The top level as git tracks it, or as it lies on the disk where this is not a clone.
fn top_level() -> BTreeSet<String> {
    let listed = Command::new("git").args(["ls-files"]).current_dir(root()).output();
    if let Ok(output) = listed
        && output.status.success()
        && !output.stdout.is_empty()
    {
        let text = String::from_utf8(output.stdout).unwrap();
        return text.lines().filter_map(|path| path.split('/').next().map(str::to_owned)).collect();
    }
    let entries = root().read_dir().unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    entries.filter(|name| name != "target" && name != ".git").collect()
}

#[test]
fn the_top_level_shows_only_the_agreed_names() {
    let entries = top_level();
    assert!(entries.contains("Cargo.toml"), "{entries:?}");
    assert_kept(&the_top_level_is_small(&entries));
}

#[test]
fn a_stray_file_at_the_top_level_is_caught() {
    let entries = ["Cargo.toml", "node", "notes.txt", ".env"].map(str::to_owned).into();
    assert_caught(&the_top_level_is_small(&entries), &[".env", "notes.txt"]);
}

#[test]
fn every_file_has_a_telling_name() {
    assert_kept(&files_are_named_for_what_they_hold(&Tree::repository()));
}

#[test]
fn an_empty_name_and_a_mod_rs_are_caught() {
    let tree = Tree::sample(&[
        ("node/src/store/mod.rs", ""),
        ("node/src/utils.rs", ""),
        ("web-ui/app/src/helpers/time.ts", ""),
        ("web-ui/src/serve.rs", ""),
    ]);
    let expected = ["node/src/store/mod.rs", "node/src/utils.rs", "web-ui/app/src/helpers/time.ts"];
    assert_caught(&files_are_named_for_what_they_hold(&tree), &expected);
}

#[test]
fn no_file_is_longer_than_the_limit() {
    assert_kept(&files_fit_in_a_head(&Tree::repository()));
}

#[test]
fn a_file_over_the_limit_is_caught() {
    let long = "\n".repeat(FILE_LINES_MAX + 1);
    let longest = "\n".repeat(FILE_LINES_MAX);
    let tree = Tree::sample(&[
        ("node/src/engine.rs", &long),
        ("node/src/node.rs", &longest),
        ("web-ui/app/src/api/types.gen.ts", &long),
        ("web-ui/app/src/app.css", &long),
    ]);
    assert_caught(&files_fit_in_a_head(&tree), &["node/src/engine.rs", "web-ui/app/src/app.css"]);
}

#[test]
fn every_rust_file_says_what_it_is() {
    assert_kept(&rust_files_start_with_their_purpose(&Tree::repository()));
}

#[test]
fn a_file_without_a_header_is_caught() {
    let tree = Tree::sample(&[
        ("crypto/src/card.rs", "use std::fmt;\n//! Late."),
        ("crypto/src/card/tests.rs", "use super::*;"),
        ("crypto/src/vault.rs", "//! Passphrase to key to wrapped secrets."),
        ("node/src/engine.rs", "//! .\n"),
        ("node/src/lib.rs", ""),
    ]);
    let expected = ["crypto/src/card.rs", "node/src/engine.rs", "node/src/lib.rs"];
    assert_caught(&rust_files_start_with_their_purpose(&tree), &expected);
}

#[test]
fn every_test_runs() {
    assert_kept(&no_test_is_ignored(&Tree::repository()));
}

#[test]
fn an_ignored_test_is_caught() {
    let tree = Tree::sample(&[
        ("node/src/engine.rs", "#[test]\n#[ignore = \"slow\"]\nfn f() {}"),
        ("node/src/node.rs", "// #[ignore]\n#[test]\nfn f() {}"),
    ]);
    assert_caught(&no_test_is_ignored(&tree), &["node/src/engine.rs"]);
}
