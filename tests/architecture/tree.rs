//! The files of the repository, or of a sample, and the paths that Rust code names.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// What the rules read; everything else (pictures, archives) is known by its name only.
const TEXT_EXTENSIONS: [&str; 13] =
    ["rs", "toml", "md", "sql", "ts", "tsx", "mjs", "js", "css", "html", "json", "sh", "sha256"];
/// Never entered: not ours, or made by a build.
const SKIPPED_FOLDERS: [&str; 3] = [".git", "target", "node_modules"];

/// A rule that is not kept, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Finding {
    pub(crate) file: String,
    pub(crate) line: usize,
    pub(crate) sentence: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.file, self.line, self.sentence)
    }
}

/// Files by their path from the root, with `/` between the parts.
#[derive(Debug, Default)]
pub(crate) struct Tree {
    files: BTreeMap<String, String>,
}

impl Tree {
    /// The repository that this test belongs to.
    pub(crate) fn repository() -> Self {
        let mut tree = Self::default();
        tree.read_folder(&root(), "");
        tree
    }

    /// A few files made up for a test of a rule.
    pub(crate) fn sample(files: &[(&str, &str)]) -> Self {
        let owned = |(path, text): &(&str, &str)| ((*path).to_owned(), (*text).to_owned());
        Self { files: files.iter().map(owned).collect() }
    }

    /// The text of one file.
    pub(crate) fn text(&self, path: &str) -> Option<&str> {
        self.files.get(path).map(String::as_str)
    }

    /// Every path and text, in order.
    pub(crate) fn files(&self) -> impl Iterator<Item = (&str, &str)> {
        self.files.iter().map(|(path, text)| (path.as_str(), text.as_str()))
    }

    /// The Rust sources that ship: not the tests that stand beside them in files of their own.
    pub(crate) fn shipped_rust(&self) -> impl Iterator<Item = (&str, &str)> {
        const SHIPPED: [&str; 4] = ["crypto/src/", "node/src/", "web-ui/src/", "cli/src/"];
        self.files().filter(|(path, _)| {
            let is_test = path.ends_with("/tests.rs") || path.contains("/tests/");
            is_kind(path, "rs") && !is_test && SHIPPED.iter().any(|folder| path.starts_with(folder))
        })
    }

    fn read_folder(&mut self, folder: &Path, prefix: &str) {
        for entry in fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            let name = entry.file_name().into_string().unwrap();
            let path = format!("{prefix}{name}");
            if entry.file_type().unwrap().is_dir() {
                if !SKIPPED_FOLDERS.contains(&name.as_str()) {
                    self.read_folder(&entry.path(), &format!("{path}/"));
                }
            } else if TEXT_EXTENSIONS.iter().any(|kind| is_kind(&path, kind)) || path == ".ci/run" {
                self.files.insert(path, fs::read_to_string(entry.path()).unwrap());
            } else {
                self.files.insert(path, String::new());
            }
        }
    }
}

/// The folder of the repository.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// Whether a file's name ends in this extension.
pub(crate) fn is_kind(path: &str, extension: &str) -> bool {
    Path::new(path).extension().is_some_and(|found| found == extension)
}

/// Whether a path is a module: its own file, or any file of the folder beside it (`node/src/store` holds
/// `node/src/store.rs` and `node/src/store/messages.rs`, but not `node/src/store_backup.rs`).
pub(crate) fn is_in_module(path: &str, module: &str) -> bool {
    path.strip_prefix(module).is_some_and(|rest| rest == ".rs" || rest.starts_with('/'))
}

/// The line, from 1, where a word first stands in a text outside a comment; 1 where it is not found.
pub(crate) fn line_of(text: &str, word: &str) -> usize {
    let holds = |line: &str| !line.trim_start().starts_with("//") && line.contains(word);
    text.lines().position(holds).map_or(1, |index| index + 1)
}

/// Fails with every finding, a line each.
#[track_caller]
pub(crate) fn assert_kept(findings: &[Finding]) {
    let lines: Vec<String> = findings.iter().map(Finding::to_string).collect();
    assert!(findings.is_empty(), "{} findings:\n{}", lines.len(), lines.join("\n"));
}

/// Fails unless the findings name exactly these files.
#[track_caller]
pub(crate) fn assert_caught(findings: &[Finding], files: &[&str]) {
    let named: Vec<&str> = findings.iter().map(|finding| finding.file.as_str()).collect();
    assert_eq!(named, files, "{findings:?}");
}

/// Every path that a source names, groups of `use` unfolded: `use std::{fs, io::Read}` gives `std::fs` and
/// `std::io::Read`. Single words count too. Comments and text in quotes do not.
pub(crate) fn paths(path: &str, source: &str) -> Vec<String> {
    let tokens: TokenStream = source.parse().unwrap_or_else(|error| panic!("{path} is not Rust: {error}"));
    let mut found = Vec::new();
    read_paths(tokens, &mut found);
    found
}

fn read_paths(tokens: TokenStream, found: &mut Vec<String>) {
    let mut current: Vec<String> = Vec::new();
    let mut colons = 0;
    for token in tokens {
        match token {
            TokenTree::Ident(word) => {
                if colons < 2 {
                    finish(&mut current, found);
                }
                current.push(word.to_string());
                colons = 0;
            }
            TokenTree::Punct(punct) if punct.as_char() == ':' => colons += 1,
            TokenTree::Group(group) => {
                if colons == 2 && group.delimiter() == Delimiter::Brace && !current.is_empty() {
                    let mut inside = Vec::new();
                    read_paths(group.stream(), &mut inside);
                    let start = current.join("::");
                    found.extend(inside.iter().map(|rest| format!("{start}::{rest}")));
                    current.clear();
                } else {
                    finish(&mut current, found);
                    read_paths(group.stream(), found);
                }
                colons = 0;
            }
            TokenTree::Punct(_) | TokenTree::Literal(_) => {
                finish(&mut current, found);
                colons = 0;
            }
        }
    }
    finish(&mut current, found);
}

fn finish(current: &mut Vec<String>, found: &mut Vec<String>) {
    if !current.is_empty() {
        found.push(current.join("::"));
        current.clear();
    }
}

/// Whether `path` is `start` or goes on below it: `std::fs::read` is under `std::fs`, `std::fsx` is not.
pub(crate) fn is_under(path: &str, start: &str) -> bool {
    path.strip_prefix(start).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

/// Whether `path` is `end` or ends in it after a `::`.
pub(crate) fn ends_in(path: &str, end: &str) -> bool {
    path.strip_suffix(end).is_some_and(|rest| rest.is_empty() || rest.ends_with("::"))
}

#[test]
fn paths_are_unfolded_and_comments_are_not_read() {
    let source = r#"
        //! use tokio::fs;
        use std::{fs, io::{Read, Write as _}};
        /// sqlx
        fn f() -> a::B<c::D> { let x: u8 = g::<h::I>("libp2p::x"); std::time::Instant::now() }
    "#;
    let found = paths("sample.rs", source);
    for expected in ["std::fs", "std::io::Read", "std::io::Write", "a::B", "c::D", "h::I", "std::time::Instant::now"] {
        assert!(found.iter().any(|path| path == expected), "{expected} in {found:?}");
    }
    assert!(!found.iter().any(|path| path.contains("tokio") || path.contains("sqlx") || path.contains("libp2p")));
}

#[test]
fn a_module_is_its_file_and_the_folder_beside_it() {
    assert!(is_in_module("node/src/store.rs", "node/src/store"));
    assert!(is_in_module("node/src/store/messages.rs", "node/src/store"));
    assert!(!is_in_module("node/src/store_backup.rs", "node/src/store"));
}
