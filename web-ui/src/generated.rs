//! Whether what is committed and generated is fresh: TypeScript types, OpenAPI document, built page.

use std::fs;
use std::path::{Path, PathBuf};

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};

/// Compares the committed file (its path relative to this package) with what it should say; with
/// `UPDATE_GENERATED=1` in the environment, writes it instead.
pub(crate) fn assert_fresh(path: &str, expected: &str) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    if std::env::var_os("UPDATE_GENERATED").is_some() {
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(&file, expected).unwrap();
        return;
    }
    let found = fs::read_to_string(&file).unwrap_or_default();
    assert!(
        found == expected,
        "{path} is stale: run `UPDATE_GENERATED=1 cargo test -p tidings-web-ui --lib`, look at the difference, commit it"
    );
}

/// What lies in the app's folder and is no source of the page.
const LEFT_OUT: [&str; 5] = ["browser", "mock", "node_modules", "test", "test-output"];

fn collect(folder: &Path, prefix: &str, into: &mut Vec<(String, PathBuf)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        if prefix.is_empty() && LEFT_OUT.contains(&name.as_str()) {
            continue;
        }
        let path = format!("{prefix}{name}");
        if entry.file_type().unwrap().is_dir() {
            collect(&entry.path(), &format!("{path}/"), into);
        } else {
            into.push((path, entry.path()));
        }
    }
}

/// The stamp that the page's build leaves beside it: one hash of every source (`app/scripts/stamp.mjs`).
fn stamp_of(app: &Path) -> String {
    let mut files = Vec::new();
    collect(app, "", &mut files);
    files.sort_by(|a, b| a.0.as_bytes().cmp(b.0.as_bytes()));
    let mut whole = Sha256::new();
    for (path, file) in files {
        let content = HEXLOWER.encode(&Sha256::digest(fs::read(file).unwrap()));
        whole.update(format!("{path}\0{content}\n"));
    }
    format!("{}\n", HEXLOWER.encode(&whole.finalize()))
}

#[test]
fn the_built_page_is_made_from_the_sources_beside_it() {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let stamp = fs::read_to_string(package.join("dist/.sources.sha256")).unwrap_or_default();
    assert!(
        stamp == stamp_of(&package.join("app")),
        "web-ui/dist is older than web-ui/app: run `npm ci && npm run build` in web-ui/app and commit web-ui/dist"
    );
}
