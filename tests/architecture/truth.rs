//! What the documents say is so: sections that code cites exist, links lead somewhere, commands are the ones run.

use std::collections::BTreeSet;

use crate::tree::{Finding, Tree, assert_caught, assert_kept, is_kind};

const PROTOCOL: &str = "docs/PROTOCOL.md";

fn cited_sections_exist(tree: &Tree) -> Vec<Finding> {
    let sections = headings(tree.text(PROTOCOL).unwrap_or_default());
    let mut findings = Vec::new();
    for (path, text) in tree.files() {
        let is_code = ["rs", "ts", "tsx", "sql", "mjs"].iter().any(|kind| is_kind(path, kind));
        if !is_code || path.starts_with("tests/architecture/") {
            continue;
        }
        for (index, line) in text.lines().enumerate() {
            for section in cited(line).filter(|section| !sections.contains(section)) {
                let sentence = format!("cites PROTOCOL §{section}, and {PROTOCOL} has no such section");
                findings.push(Finding { file: path.to_owned(), line: index + 1, sentence });
            }
        }
    }
    findings
}

/// The numbers at the start of the headings: `3` of `## 3 The tree`, `3.1` of `### 3.1 The head`.
fn headings(document: &str) -> BTreeSet<String> {
    let numbers = document.lines().filter(|line| line.starts_with('#')).filter_map(|line| {
        let word = line.trim_start_matches('#').split_whitespace().next()?;
        Some(word.trim_start_matches('§').trim_end_matches('.').to_owned())
    });
    numbers.filter(|number| number.starts_with(|first: char| first.is_ascii_digit())).collect()
}

/// The sections that a line cites: `PROTOCOL §4`, `PROTOCOL §§ 4.1`, `PROTOCOL.md §4`, and those after a comma.
fn cited(line: &str) -> impl Iterator<Item = String> {
    line.split("PROTOCOL").skip(1).flat_map(|rest| {
        let rest = rest.strip_prefix(".md").unwrap_or(rest).trim_start();
        let listed = if rest.starts_with('§') { rest } else { "" };
        let is_of_a_list = |letter: char| letter.is_ascii_digit() || matches!(letter, '§' | '.' | ',' | ' ');
        let end = listed.find(|letter: char| !is_of_a_list(letter)).unwrap_or(listed.len());
        let numbers = listed.get(..end).unwrap_or_default().split(['§', ',', ' ']);
        let numbers = numbers.map(|number| number.trim_end_matches('.')).filter(|number| !number.is_empty());
        numbers.map(str::to_owned).collect::<Vec<String>>()
    })
}

fn links_lead_somewhere(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in tree.files().filter(|(path, _)| is_kind(path, "md")) {
        for (index, line) in text.lines().enumerate() {
            for target in links(line).filter(|target| !leads_somewhere(tree, path, target)) {
                let sentence = format!("links to `{target}`, which is not there");
                findings.push(Finding { file: path.to_owned(), line: index + 1, sentence });
            }
        }
    }
    findings
}

/// The targets of `[text](target)` and `src="target"`, without their fragments.
fn links(line: &str) -> impl Iterator<Item = &str> {
    let inline = line.split("](").skip(1).filter_map(|rest| rest.split([')', ' ']).next());
    let pictures = line.split("src=\"").skip(1).filter_map(|rest| rest.split('"').next());
    inline.chain(pictures).filter_map(|target| target.split('#').next())
}

fn leads_somewhere(tree: &Tree, from: &str, target: &str) -> bool {
    if target.is_empty() || target.contains("://") || target.starts_with("mailto:") {
        return true;
    }
    let mut parts: Vec<&str> = from.split('/').collect();
    parts.pop();
    for part in target.trim_end_matches('/').split('/') {
        match part {
            "." => {}
            ".." => drop(parts.pop()),
            name => parts.push(name),
        }
    }
    let wanted = parts.join("/");
    let folder = format!("{wanted}/");
    tree.files().any(|(path, _)| path == wanted || path.starts_with(&folder))
}

/// A path in a code span, such as `node/src/store`, is a file, a folder or a module of this repository.
fn named_paths_exist(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in tree.files().filter(|(path, _)| is_kind(path, "md")) {
        for (index, line) in text.lines().enumerate() {
            for named in named_paths(line).filter(|named| !is_there(tree, named)) {
                let sentence = format!("names `{named}`, which is not there");
                findings.push(Finding { file: path.to_owned(), line: index + 1, sentence });
            }
        }
    }
    findings
}

/// The code spans of a line that are paths from the root; those with a placeholder or a wildcard are none.
fn named_paths(line: &str) -> impl Iterator<Item = &str> {
    const ROOTS: [&str; 8] = [".ci/", "cli/", "crypto/", "docs/", "migrations/", "node/", "tests/", "web-ui/"];
    let spans = line.split('`').skip(1).step_by(2);
    spans.filter(|span| {
        let is_plain = span.chars().all(|letter| letter.is_ascii_alphanumeric() || "/._-".contains(letter));
        is_plain && !span.contains("NNNN") && ROOTS.iter().any(|root| span.starts_with(root) && span.len() > root.len())
    })
}

fn is_there(tree: &Tree, named: &str) -> bool {
    let named = named.trim_end_matches('/');
    let is_it = |path: &str| {
        path.strip_prefix(named).is_some_and(|rest| rest.is_empty() || rest.starts_with('/') || rest == ".rs")
    };
    named.ends_with("/node_modules") || tree.files().any(|(path, _)| is_it(path))
}

/// Decision records are `docs/decisions/NNNN-what.md`, numbered without a gap or a double.
fn decisions_are_numbered(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    let records = tree.files().filter_map(|(path, _)| Some((path, path.strip_prefix("docs/decisions/")?)));
    for ((path, name), number) in records.zip(1..) {
        if !name.starts_with(&format!("{number:04}-")) || !is_kind(name, "md") {
            let sentence = format!("should be number {number:04}");
            findings.push(Finding { file: path.to_owned(), line: 1, sentence });
        }
    }
    findings
}

/// The commands that the README promises are the ones that are run.
fn promised_commands_are_run(tree: &Tree) -> Vec<Finding> {
    const COMMANDS: [(&str, &[&str]); 2] = [
        ("cargo run --release -- up", &["README.md"]),
        ("cargo test --workspace", &["README.md", ".ci/run", "docs/TESTING.md"]),
    ];
    let mut findings = Vec::new();
    for (command, files) in COMMANDS {
        for file in files.iter().filter(|file| tree.text(file).is_none_or(|text| !text.contains(command))) {
            findings.push(Finding {
                file: (*file).to_owned(),
                line: 1,
                sentence: format!("does not have `{command}`"),
            });
        }
    }
    findings
}

#[test]
fn every_cited_section_of_the_protocol_exists() {
    assert_kept(&cited_sections_exist(&Tree::repository()));
}

#[test]
fn a_citation_of_a_missing_section_is_caught() {
    let tree = Tree::sample(&[
        ("docs/PROTOCOL.md", "# The protocol\n## 1 Keys\n### 1.2 Cards\n## §3. Epochs\nas §9 says"),
        ("crypto/src/card.rs", "//! Cards (PROTOCOL §1.2, §3)."),
        ("crypto/src/group.rs", "//! PROTOCOL §3, §4, and RFC 9420 §12."),
        ("node/src/wire.rs", "//! Frames.\n// PROTOCOL.md §2: as the PROTOCOL says"),
    ]);
    assert_caught(&cited_sections_exist(&tree), &["crypto/src/group.rs", "node/src/wire.rs"]);
}

#[test]
fn every_link_of_the_documents_leads_somewhere() {
    assert_kept(&links_lead_somewhere(&Tree::repository()));
}

#[test]
fn a_dead_link_is_caught() {
    let tree = Tree::sample(&[
        ("README.md", "[a](docs/A.md#top) [b](docs/) [c](https://example.org/x) <img src=\"docs/missing.png\">"),
        ("docs/A.md", "[up](../README.md) [down](B.md) [here](#here)"),
    ]);
    assert_caught(&links_lead_somewhere(&tree), &["README.md", "docs/A.md"]);
}

#[test]
fn every_path_that_the_documents_name_is_there() {
    assert_kept(&named_paths_exist(&Tree::repository()));
}

#[test]
fn a_named_path_that_is_not_there_is_caught() {
    let tree = Tree::sample(&[
        ("README.md", "`node/src/store` and `node/src` and `migrations/NNNN_what.sql` and `cargo run` and `node/`"),
        ("docs/A.md", "`crypto/src/gone.rs` is not `node/src/store.rs`"),
        ("node/src/store.rs", ""),
    ]);
    assert_caught(&named_paths_exist(&tree), &["docs/A.md"]);
}

#[test]
fn decision_records_are_numbered_without_a_gap() {
    assert_kept(&decisions_are_numbered(&Tree::repository()));
}

#[test]
fn a_gap_in_the_decision_records_is_caught() {
    let tree = Tree::sample(&[("docs/decisions/0001-a.md", ""), ("docs/decisions/0003-c.md", "")]);
    assert_caught(&decisions_are_numbered(&tree), &["docs/decisions/0003-c.md"]);
}

#[test]
fn the_promised_commands_are_the_ones_that_are_run() {
    assert_kept(&promised_commands_are_run(&Tree::repository()));
}

#[test]
fn a_promised_command_that_nobody_runs_is_caught() {
    let readme = "cargo run --release -- up\ncargo test --workspace";
    let tree = Tree::sample(&[
        (".ci/run", "cargo nextest run"),
        ("README.md", readme),
        ("docs/TESTING.md", "cargo test --workspace"),
    ]);
    assert_caught(&promised_commands_are_run(&tree), &[".ci/run"]);
}
