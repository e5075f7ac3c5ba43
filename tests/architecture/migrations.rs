//! Migrations are never edited once they have landed: somebody's database has run them.
//!
//! `migrations.sha256` lists each with its SHA-256, as `sha256sum migrations/*.sql` prints it. A new migration adds a
//! line; a line is never changed.

use std::fmt::Write as _;

use sha2::{Digest as _, Sha256};

use crate::tree::{Finding, Tree, assert_caught, assert_kept, is_kind};

const LANDED: &str = include_str!("migrations.sha256");

fn migrations_stay_as_they_landed(tree: &Tree, landed: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    let lines: Vec<(&str, &str)> = landed.lines().filter_map(|line| line.split_once("  ")).collect();
    for (hash, path) in &lines {
        let sentence = match tree.text(path) {
            None => "has landed and is gone; undo it with a new migration",
            Some(text) if sha256(text) != *hash => "has landed and was edited; write a new migration instead",
            Some(_) => continue,
        };
        findings.push(Finding { file: (*path).to_owned(), line: 1, sentence: sentence.to_owned() });
    }
    for (path, text) in tree.files().filter(|(path, _)| path.starts_with("migrations/") && is_kind(path, "sql")) {
        if !lines.iter().any(|(_, listed)| listed == &path) {
            let sentence =
                format!("is new: add this line to tests/architecture/migrations.sha256:\n{}  {path}", sha256(text));
            findings.push(Finding { file: path.to_owned(), line: 1, sentence });
        }
        if !text.starts_with("-- ") {
            let sentence = "starts with a `--` comment that says what and why".to_owned();
            findings.push(Finding { file: path.to_owned(), line: 1, sentence });
        }
    }
    findings
}

fn sha256(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().fold(String::new(), |mut hex, byte| {
        write!(hex, "{byte:02x}").unwrap();
        hex
    })
}

#[test]
fn no_landed_migration_was_edited() {
    assert_kept(&migrations_stay_as_they_landed(&Tree::repository(), LANDED));
}

#[test]
fn an_edited_a_lost_and_an_unlisted_migration_are_caught() {
    let tree = Tree::sample(&[
        ("migrations/0001_start.sql", "-- Starts.\n"),
        ("migrations/0002_edited.sql", "-- Edited.\n"),
        ("migrations/0004_new.sql", "-- New.\n"),
    ]);
    let landed = format!(
        "{}  migrations/0001_start.sql\n{}  migrations/0002_edited.sql\n{}  migrations/0003_lost.sql\n",
        sha256("-- Starts.\n"),
        sha256("-- Landed.\n"),
        sha256("-- Lost.\n"),
    );
    let expected = ["migrations/0002_edited.sql", "migrations/0003_lost.sql", "migrations/0004_new.sql"];
    assert_caught(&migrations_stay_as_they_landed(&tree, &landed), &expected);
    assert_eq!(sha256("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}
