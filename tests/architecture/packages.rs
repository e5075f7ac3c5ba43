//! Who may depend on whom, by what cargo itself resolves.

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::process::Command;

use serde_json::Value;

use crate::tree::{Finding, Tree, assert_caught, assert_kept, line_of, root};

/// Each package with the packages of this workspace that it may use in what ships.
const MAY_USE: [(&str, &[&str]); 4] = [
    ("tidings-crypto", &[]),
    ("tidings-node", &["tidings-crypto"]),
    ("tidings-web-ui", &["tidings-node"]),
    ("tidings-cli", &["tidings-node", "tidings-web-ui"]),
];

/// What nothing below `tidings-crypto` may be: a runtime, a socket, a database.
const NEVER_BELOW_CRYPTO: [&str; 12] = [
    "async-std",
    "futures",
    "hyper",
    "libp2p",
    "mio",
    "polling",
    "reqwest",
    "rusqlite",
    "smol",
    "socket2",
    "sqlx",
    "tokio",
];

/// The packages of the workspace, or a made-up graph: each with the names of what it uses when it ships.
#[derive(Debug, Default)]
struct Graph {
    uses: BTreeMap<String, BTreeSet<String>>,
}

impl Graph {
    fn resolved() -> Self {
        let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let run = |arguments: &[&str]| {
            let output = Command::new(&cargo).args(arguments).current_dir(root()).output().unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            String::from_utf8(output.stdout).unwrap()
        };
        // Only this machine's crates are downloaded, so only they are asked for.
        let version = run(&["-vV"]);
        let host = version.lines().find_map(|line| line.strip_prefix("host: ")).unwrap();
        let arguments = ["metadata", "--format-version", "1", "--locked", "--offline", "--filter-platform", host];
        let metadata: Value = serde_json::from_str(&run(&arguments)).unwrap();

        let rows = |value: &Value| value.as_array().cloned().unwrap_or_default();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let packages = rows(&metadata["packages"]);
        let names: BTreeMap<String, String> =
            packages.iter().map(|package| (text(&package["id"]), text(&package["name"]))).collect();
        let mut graph = Self::default();
        for node in rows(&metadata["resolve"]["nodes"]) {
            let ships = |dep: &&Value| rows(&dep["dep_kinds"]).iter().any(|kind| kind["kind"].is_null());
            let deps = rows(&node["deps"]);
            let used = deps.iter().filter(ships).map(|dep| names[&text(&dep["pkg"])].clone());
            graph.uses.entry(names[&text(&node["id"])].clone()).or_default().extend(used);
        }
        graph
    }

    fn sample(packages: &[(&str, &[&str])]) -> Self {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        Self { uses: packages.iter().map(|(name, uses)| ((*name).to_owned(), owned(uses))).collect() }
    }

    /// What a package uses, directly or not.
    fn below(&self, package: &str) -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        let mut waiting = vec![package.to_owned()];
        while let Some(next) = waiting.pop() {
            for used in self.uses.get(&next).into_iter().flatten() {
                if found.insert(used.clone()) {
                    waiting.push(used.clone());
                }
            }
        }
        found
    }
}

fn packages_use_only_what_is_inside_them(graph: &Graph) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (package, may_use) in MAY_USE {
        for used in graph.uses.get(package).into_iter().flatten() {
            if used.starts_with("tidings-") && !may_use.contains(&used.as_str()) {
                findings.push(finding(package, &format!("uses `{used}`; it may use {may_use:?}")));
            }
        }
    }
    let below = graph.below("tidings-crypto");
    for never in NEVER_BELOW_CRYPTO {
        if below.contains(never) {
            findings.push(finding("tidings-crypto", &format!("has `{never}` below it")));
        }
    }
    findings
}

/// The one package that may hold what is unsafe: it names the lints itself, all of those of the workspace that make code
/// safe among them, because what the workspace forbids nothing below it can allow.
const UNSAFE: &str = "tests/disk/Cargo.toml";

/// Every dependency stands once, in the manifest of the workspace under its reason, and every package keeps the lints.
fn manifests_defer_to_the_workspace(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in
        tree.files().filter(|(path, _)| path.ends_with("/Cargo.toml") && !path.starts_with("tests/fuzz/"))
    {
        let keeps_lints = if path == UNSAFE {
            text.contains("unsafe_code = \"deny\"") && text.contains("undocumented_unsafe_blocks = \"warn\"")
        } else {
            text.contains("[lints]\nworkspace = true")
        };
        if !keeps_lints {
            findings.push(Finding {
                file: path.to_owned(),
                line: 1,
                sentence: "keeps no lints of the workspace".into(),
            });
        }
        for line in dependency_lines(text).filter(|line| !line.contains("workspace = true")) {
            let sentence =
                format!("`{line}` names a version of its own; the workspace manifest lists it with its reason");
            findings.push(Finding { file: path.to_owned(), line: line_of(text, line), sentence });
        }
    }
    findings
}

/// The lines of every table of dependencies.
fn dependency_lines(manifest: &str) -> impl Iterator<Item = &str> {
    let mut is_inside = false;
    manifest.lines().filter(move |line| {
        if line.starts_with('[') {
            is_inside = line.ends_with("dependencies]");
            return false;
        }
        is_inside && line.contains('=') && !line.trim_start().starts_with('#')
    })
}

fn finding(file: &str, sentence: &str) -> Finding {
    Finding { file: file.to_owned(), line: 1, sentence: sentence.to_owned() }
}

#[test]
fn packages_depend_inwards_only() {
    let graph = Graph::resolved();
    for (package, _) in MAY_USE {
        assert!(graph.uses.contains_key(package), "{package} is not resolved");
    }
    assert_kept(&packages_use_only_what_is_inside_them(&graph));
}

#[test]
fn a_dependency_outwards_is_caught() {
    let graph = Graph::sample(&[
        ("tidings-cli", &["tidings-node", "tidings-web-ui"]),
        ("tidings-crypto", &["blake3", "quiet"]),
        ("quiet", &["tokio"]),
        ("tidings-node", &["tidings-crypto", "tidings-web-ui", "tokio"]),
        ("tidings-web-ui", &["tidings-crypto", "tidings-node"]),
    ]);
    let findings = packages_use_only_what_is_inside_them(&graph);
    assert_caught(&findings, &["tidings-node", "tidings-web-ui", "tidings-crypto"]);
}

#[test]
fn every_manifest_defers_to_the_workspace() {
    assert_kept(&manifests_defer_to_the_workspace(&Tree::repository()));
}

#[test]
fn a_manifest_with_a_version_or_lints_of_its_own_is_caught() {
    let tree = Tree::sample(&[
        ("cli/Cargo.toml", "[lints]\nworkspace = true\n[dependencies]\nanyhow.workspace = true\nserde = \"1\"\n"),
        ("crypto/Cargo.toml", "[package]\nname = \"x\"\n[dependencies]\nblake3 = { workspace = true }\n"),
        ("tests/disk/Cargo.toml", "[lints.rust]\nunsafe_code = \"allow\"\n"),
        ("node/Cargo.toml", "[lints]\nworkspace = true\n[features]\nx = []\n[dependencies]\n# a = \"1\"\n"),
    ]);
    assert_caught(
        &manifests_defer_to_the_workspace(&tree),
        &["cli/Cargo.toml", "crypto/Cargo.toml", "tests/disk/Cargo.toml"],
    );
}
