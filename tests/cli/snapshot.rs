//! What a home holds, to tell that a refused command left it alone.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// Each file's content, by its path in the home.
pub(crate) type Snapshot = BTreeMap<String, blake3::Hash>;

/// Every file of a home but those that come and go with a process that looks at it: locks, sockets, and the shared
/// memory of the database, which holds nothing.
pub(crate) fn of(home: &Path) -> Snapshot {
    let mut snapshot = Snapshot::new();
    collect(home, home, &mut snapshot);
    snapshot
}

fn collect(home: &Path, folder: &Path, snapshot: &mut Snapshot) {
    let Ok(entries) = folder.read_dir() else { return };
    for entry in entries {
        let path = entry.unwrap().path();
        let name = path.strip_prefix(home).unwrap().display().to_string();
        if path.is_dir() {
            collect(home, &path, snapshot);
        } else if path.is_file() && !name.ends_with("-shm") && !name.ends_with("lock") {
            let content = fs::read(&path).unwrap();
            // An empty journal is the same as none.
            if !(name.ends_with("-wal") && content.is_empty()) {
                snapshot.insert(name, blake3::hash(&content));
            }
        }
    }
}

/// Whether any file of a home, whatever it is, holds these words as they are.
pub(crate) fn holds(home: &Path, words: &str) -> bool {
    let files = home.read_dir().unwrap().map(|entry| entry.unwrap().path());
    files.into_iter().any(|path| {
        if path.is_dir() {
            return holds(&path, words);
        }
        let content = if path.is_file() { fs::read(&path).unwrap() } else { Vec::new() };
        content.windows(words.len()).any(|window| window == words.as_bytes())
    })
}
