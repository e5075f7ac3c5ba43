//! A disk that fails on demand, below SQLite: it sees every write, truncation, sync, creation and deletion of the
//! database, its log and its journal, and keeps what is durable apart from what is only written.
//!
//! Power can be cut at any of them. What was synced stays then; of what was not, a seeded part: whole writes, pieces of
//! them, or nothing, as a disk leaves it whose cache is gone. A disk can be full for a while, and it can lie about syncs,
//! which shows that the checks above it notice. All of it is in memory; `vfs` is where SQLite calls in.

mod files;
mod vfs;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use self::files::Files;
pub use self::files::{Counts, Full, Kind};

/// Under which name SQLite knows these disks (`SqliteConnectOptions::vfs`).
pub const VFS: &str = "tidings-disk";

/// The disks there are, by number, and the last number that was given.
struct Disks {
    last: u64,
    disks: BTreeMap<u64, Weak<Mutex<Files>>>,
}

static DISKS: Mutex<Disks> = Mutex::new(Disks { last: 0, disks: BTreeMap::new() });

/// A disk. It is gone when this and whatever is open on it are.
#[derive(Debug, Clone)]
pub struct Disk {
    number: u64,
    files: Arc<Mutex<Files>>,
}

impl Disk {
    /// An empty disk, with power.
    ///
    /// # Errors
    /// SQLite does not take the file layer.
    pub fn new() -> Result<Self, String> {
        vfs::register()?;
        let files = Arc::new(Mutex::new(Files::default()));
        let mut disks = DISKS.lock().unwrap_or_else(PoisonError::into_inner);
        disks.last += 1;
        let number = disks.last;
        disks.disks.retain(|_, files| files.strong_count() > 0);
        disks.disks.insert(number, Arc::downgrade(&files));
        Ok(Self { number, files })
    }

    /// What a file of this disk is called.
    pub fn path(&self, file: &str) -> PathBuf {
        PathBuf::from(format!("/{}/{file}", self.number))
    }

    /// Power goes at the `number`th write, truncation, sync, creation or deletion from now on; 1 is the next. `None`: not.
    pub fn cut_at(&self, number: Option<u64>) {
        self.lock().cut_at(number);
    }

    /// How many more there are to come until then.
    pub fn cut_in(&self) -> Option<u64> {
        self.lock().cut_in()
    }

    /// Whether power is gone: everything fails until [`Self::power_on`].
    pub fn is_cut(&self) -> bool {
        !self.lock().has_power()
    }

    /// The disk comes back after a power cut: what was synced is there, and of all else what the seed says.
    pub fn power_on(&self, seed: u64) {
        self.lock().power_on(seed);
    }

    /// Whatever has files open dies, and the machine goes on: everything that was written is there.
    pub fn kill(&self) {
        self.lock().kill();
    }

    /// From the `after`th write from now on the disk is full; `None`: there is room.
    pub fn fill(&self, after: Option<u64>, full: Full) {
        self.lock().fill(after, full);
    }

    /// Whether it is full now.
    pub fn is_full(&self) -> bool {
        self.lock().is_full()
    }

    /// Whether syncs are said to be done that are not.
    pub fn lie(&self, lies: bool) {
        self.lock().lie(lies);
    }

    /// What was done so far.
    pub fn counts(&self) -> Counts {
        self.lock().counts()
    }

    /// At what power went, since the beginning.
    pub fn cuts(&self) -> Vec<Kind> {
        self.lock().cuts()
    }

    /// What a file holds.
    pub fn bytes(&self, file: &str) -> Option<Vec<u8>> {
        self.lock().bytes(file)
    }

    /// Puts a file there, durably.
    pub fn put(&self, file: &str, bytes: Vec<u8>) {
        self.lock().put(file, bytes);
    }

    fn lock(&self) -> MutexGuard<'_, Files> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The disk and the file of a path.
fn find(path: &str) -> Option<(Arc<Mutex<Files>>, &str)> {
    let (number, file) = path.strip_prefix('/')?.split_once('/')?;
    let disks = DISKS.lock().unwrap_or_else(PoisonError::into_inner);
    Some((disks.disks.get(&number.parse().ok()?)?.upgrade()?, file))
}

#[cfg(test)]
mod tests;
