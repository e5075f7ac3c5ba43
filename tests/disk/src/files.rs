//! The files of one disk: what is durable, what is only written, and what a power cut leaves of that.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rand_chacha::ChaCha20Rng;
use rand_core::{Rng, SeedableRng};

/// How many slots SQLite locks in the shared memory of a log.
const SHARED_LOCKS: usize = 8;
/// What a disk writes at once or not at all: one or the other, as the seed says.
const SECTOR_BYTES: [usize; 2] = [512, 4096];

/// What is done to a disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A write to the database.
    WriteDatabase,
    /// A write to its log.
    WriteLog,
    /// A write to its journal.
    WriteJournal,
    /// A sync of the database.
    SyncDatabase,
    /// A sync of its log.
    SyncLog,
    /// A sync of its journal.
    SyncJournal,
    /// A file is cut shorter, or made longer.
    Truncate,
    /// A file is made.
    Create,
    /// A file is deleted.
    Delete,
}

/// How much of each kind was done.
pub type Counts = BTreeMap<Kind, u64>;

/// What a full disk still takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Full {
    /// Writes into what is there already.
    #[default]
    NoGrowth,
    /// Nothing: a file system that never writes in place.
    NoWrites,
}

/// Why something was not done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The power is gone, or whoever asks opened the file before it was.
    NoPower,
    /// There is no room.
    Full,
    /// There is no such file.
    Missing,
}

/// Something that was written and not synced.
#[derive(Debug)]
enum Change {
    Write { at: usize, bytes: Vec<u8> },
    Resize(usize),
}

/// A file's contents, whatever it is called.
#[derive(Debug, Default)]
struct Inode {
    /// As whoever reads sees it.
    now: Vec<u8>,
    /// As it is on the disk for certain.
    durable: Vec<u8>,
    /// What lies between.
    changes: Vec<Change>,
    /// The locks of the database, by who holds them.
    locks: BTreeMap<u64, i32>,
}

/// A name that was made or went, and is not durable.
#[derive(Debug)]
enum NameChange {
    Made { name: String, inode: u64 },
    Gone { name: String },
}

/// The memory that the connections to one log share.
#[derive(Debug, Default)]
pub(crate) struct Shared {
    regions: Vec<Arc<[AtomicU64]>>,
    slots: [(BTreeSet<u64>, Option<u64>); SHARED_LOCKS],
}

/// All files of a disk.
#[derive(Debug)]
pub(crate) struct Files {
    /// Counts the times that everything open was lost: what was opened before is void.
    life: u64,
    has_power: bool,
    next: u64,
    inodes: BTreeMap<u64, Inode>,
    names: BTreeMap<String, u64>,
    durable_names: BTreeMap<String, u64>,
    name_changes: Vec<NameChange>,
    shared: BTreeMap<String, Shared>,
    cut_in: Option<u64>,
    full_in: Option<u64>,
    full: Full,
    lies: bool,
    counts: Counts,
    cuts: Vec<Kind>,
}

impl Default for Files {
    fn default() -> Self {
        Self {
            life: 0,
            has_power: true,
            next: 0,
            inodes: BTreeMap::new(),
            names: BTreeMap::new(),
            durable_names: BTreeMap::new(),
            name_changes: Vec::new(),
            shared: BTreeMap::new(),
            cut_in: None,
            full_in: None,
            full: Full::NoGrowth,
            lies: false,
            counts: Counts::new(),
            cuts: Vec::new(),
        }
    }
}

/// An open file.
#[derive(Debug, Clone)]
pub(crate) struct Opened {
    /// Names who locks.
    pub(crate) id: u64,
    life: u64,
    inode: u64,
    /// None for a temporary file, to which nothing happens.
    pub(crate) name: Option<String>,
}

impl Files {
    pub(crate) fn cut_at(&mut self, number: Option<u64>) {
        self.cut_in = number;
    }

    pub(crate) fn cut_in(&self) -> Option<u64> {
        self.cut_in
    }

    pub(crate) fn has_power(&self) -> bool {
        self.has_power
    }

    pub(crate) fn fill(&mut self, after: Option<u64>, full: Full) {
        (self.full_in, self.full) = (after, full);
    }

    pub(crate) fn is_full(&self) -> bool {
        self.full_in == Some(0)
    }

    pub(crate) fn lie(&mut self, lies: bool) {
        self.lies = lies;
    }

    pub(crate) fn counts(&self) -> Counts {
        self.counts.clone()
    }

    pub(crate) fn cuts(&self) -> Vec<Kind> {
        self.cuts.clone()
    }

    pub(crate) fn bytes(&self, name: &str) -> Option<Vec<u8>> {
        Some(self.inodes.get(self.names.get(name)?)?.now.clone())
    }

    pub(crate) fn put(&mut self, name: &str, bytes: Vec<u8>) {
        self.next += 1;
        let inode = Inode { now: bytes.clone(), durable: bytes, ..Inode::default() };
        self.inodes.insert(self.next, inode);
        self.names.insert(name.to_owned(), self.next);
        self.durable_names.insert(name.to_owned(), self.next);
    }

    /// Whatever was open is void; the files are as they were written.
    pub(crate) fn kill(&mut self) {
        self.life += 1;
        self.shared.clear();
        for inode in self.inodes.values_mut() {
            inode.locks.clear();
        }
    }

    /// What a power cut leaves: a beginning of what happened to names, and of each file what was synced and a part of
    /// what was not.
    pub(crate) fn power_on(&mut self, seed: u64) {
        let mut rng = ChaCha20Rng::seed_from_u64(seed);
        self.kill();
        let made = below(&mut rng, self.name_changes.len() + 1);
        for change in self.name_changes.drain(..).take(made) {
            match change {
                NameChange::Made { name, inode } => self.durable_names.insert(name, inode),
                NameChange::Gone { name } => self.durable_names.remove(&name),
            };
        }
        self.names = self.durable_names.clone();
        let named: BTreeSet<u64> = self.names.values().copied().collect();
        self.inodes.retain(|inode, _| named.contains(inode));
        for inode in self.inodes.values_mut() {
            inode.lose(&mut rng);
        }
        self.has_power = true;
        self.cut_in = None;
    }

    /// Opens a file, and makes it where that is allowed. No name is a temporary file.
    pub(crate) fn open(&mut self, name: Option<&str>, make: bool) -> Result<Opened, Fault> {
        if !self.has_power {
            return Err(Fault::NoPower);
        }
        let found = name.and_then(|name| self.names.get(name).copied());
        self.next += 1;
        let id = self.next;
        let inode = match found {
            Some(inode) => inode,
            None if name.is_some() && !make => return Err(Fault::Missing),
            None => {
                self.next += 1;
                let inode = self.next;
                self.inodes.insert(inode, Inode::default());
                if let Some(name) = name {
                    self.names.insert(name.to_owned(), inode);
                    self.name_changes.push(NameChange::Made { name: name.to_owned(), inode });
                    self.count(Kind::Create)?;
                }
                inode
            }
        };
        Ok(Opened { id, life: self.life, inode, name: name.map(str::to_owned) })
    }

    /// Lets go of a file.
    pub(crate) fn close(&mut self, file: &Opened) {
        if file.life == self.life {
            if let Some(inode) = self.inodes.get_mut(&file.inode) {
                inode.locks.remove(&file.id);
            }
            if file.name.is_none() {
                self.inodes.remove(&file.inode);
            }
        }
    }

    /// Deletes a file; at once durable if that is asked for.
    pub(crate) fn delete(&mut self, name: &str, sync: bool) -> Result<(), Fault> {
        if !self.has_power {
            return Err(Fault::NoPower);
        }
        if self.names.remove(name).is_none() {
            return Err(Fault::Missing);
        }
        self.name_changes.push(NameChange::Gone { name: name.to_owned() });
        self.count(Kind::Delete)?;
        if sync {
            self.sync_names();
        }
        Ok(())
    }

    /// Whether there is such a file.
    pub(crate) fn exists(&self, name: &str) -> Result<bool, Fault> {
        if self.has_power { Ok(self.names.contains_key(name)) } else { Err(Fault::NoPower) }
    }

    /// Fills the buffer; gives how much of it there was.
    pub(crate) fn read(&mut self, file: &Opened, at: usize, into: &mut [u8]) -> Result<usize, Fault> {
        let now = &self.inode(file)?.now;
        let from = now.get(at.min(now.len())..).unwrap_or_default();
        let count = from.len().min(into.len());
        for (to, byte) in into.iter_mut().zip(from) {
            *to = *byte;
        }
        Ok(count)
    }

    /// Writes; not durable before the next sync.
    pub(crate) fn write(&mut self, file: &Opened, at: usize, bytes: &[u8]) -> Result<(), Fault> {
        let length = self.inode(file)?.now.len();
        let kind = match kind_of(file) {
            None => {
                self.inode(file)?.take(Change::Write { at, bytes: bytes.to_vec() });
                return Ok(());
            }
            Some(Role::Database) => Kind::WriteDatabase,
            Some(Role::Log) => Kind::WriteLog,
            Some(Role::Journal) => Kind::WriteJournal,
        };
        self.full_in = self.full_in.map(|left| left.saturating_sub(1));
        if self.is_full() && (self.full == Full::NoWrites || at.saturating_add(bytes.len()) > length) {
            // A little of it may still have fitted.
            if self.full == Full::NoGrowth {
                let fits = bytes.get(..bytes.len() / 2).unwrap_or_default().to_vec();
                self.inode(file)?.take(Change::Write { at, bytes: fits });
            }
            return Err(Fault::Full);
        }
        self.inode(file)?.take(Change::Write { at, bytes: bytes.to_vec() });
        self.count(kind)
    }

    /// Cuts a file, or fills it up.
    pub(crate) fn truncate(&mut self, file: &Opened, length: usize) -> Result<(), Fault> {
        self.inode(file)?.take(Change::Resize(length));
        if file.name.is_some() { self.count(Kind::Truncate) } else { Ok(()) }
    }

    /// Makes durable what was written, and which names there are.
    pub(crate) fn sync(&mut self, file: &Opened) -> Result<(), Fault> {
        self.inode(file)?;
        let kind = match kind_of(file) {
            None => return Ok(()),
            Some(Role::Database) => Kind::SyncDatabase,
            Some(Role::Log) => Kind::SyncLog,
            Some(Role::Journal) => Kind::SyncJournal,
        };
        self.count(kind)?;
        if !self.lies {
            self.inode(file)?.sync();
            self.sync_names();
        }
        Ok(())
    }

    /// How long a file is.
    pub(crate) fn length(&mut self, file: &Opened) -> Result<usize, Fault> {
        Ok(self.inode(file)?.now.len())
    }

    /// Takes a lock of the database, from 1 (shared) over 2 (reserved) to 4 (exclusive): false if others are in the way.
    /// Sources: <https://www.sqlite.org/lockingv3.html>.
    pub(crate) fn lock(&mut self, file: &Opened, wanted: i32) -> Result<bool, Fault> {
        let locks = &mut self.inode(file)?.locks;
        let own = locks.get(&file.id).copied().unwrap_or(0);
        if own >= wanted {
            return Ok(true);
        }
        let others = locks.iter().filter(|(id, _)| **id != file.id).map(|(_, level)| *level).max().unwrap_or(0);
        let most = if wanted == 1 { 2 } else { 1 };
        if others > most {
            return Ok(false);
        }
        let is_alone = wanted != 4 || others == 0;
        locks.insert(file.id, if is_alone { wanted } else { 3 });
        Ok(is_alone)
    }

    /// Gives a lock back, down to this level.
    pub(crate) fn unlock(&mut self, file: &Opened, level: i32) -> Result<(), Fault> {
        let locks = &mut self.inode(file)?.locks;
        if level == 0 {
            locks.remove(&file.id);
        } else {
            locks.insert(file.id, level);
        }
        Ok(())
    }

    /// Whether anybody means to write.
    pub(crate) fn is_reserved(&mut self, file: &Opened) -> Result<bool, Fault> {
        Ok(self.inode(file)?.locks.values().any(|level| *level >= 2))
    }

    /// A region of the memory that the connections to a log share; none where it is not there and is not to be made.
    pub(crate) fn region(
        &mut self,
        file: &Opened,
        number: usize,
        bytes: usize,
        make: bool,
    ) -> Result<Option<Arc<[AtomicU64]>>, Fault> {
        self.inode(file)?;
        let shared = self.shared.entry(file.name.clone().unwrap_or_default()).or_default();
        while make && shared.regions.len() <= number {
            shared.regions.push((0..bytes / size_of::<u64>()).map(|_| AtomicU64::new(0)).collect());
        }
        Ok(shared.regions.get(number).cloned())
    }

    /// Takes slots of the shared memory, alone or with others; false if others are in the way.
    pub(crate) fn lock_slots(
        &mut self,
        file: &Opened,
        slots: std::ops::Range<usize>,
        alone: bool,
    ) -> Result<bool, Fault> {
        self.inode(file)?;
        let shared = self.shared.entry(file.name.clone().unwrap_or_default()).or_default();
        let Some(slots) = shared.slots.get_mut(slots) else { return Ok(false) };
        let is_free = slots.iter().all(|(sharing, owner)| {
            let others = alone && sharing.iter().any(|id| *id != file.id);
            !others && owner.is_none_or(|id| id == file.id)
        });
        for (sharing, owner) in slots.iter_mut().filter(|_| is_free) {
            if alone {
                *owner = Some(file.id);
            } else {
                sharing.insert(file.id);
            }
        }
        Ok(is_free)
    }

    /// Gives slots back.
    pub(crate) fn unlock_slots(&mut self, file: &Opened, slots: std::ops::Range<usize>) {
        if file.life != self.life {
            return;
        }
        let shared = self.shared.entry(file.name.clone().unwrap_or_default()).or_default();
        for (sharing, owner) in shared.slots.get_mut(slots).unwrap_or_default() {
            sharing.remove(&file.id);
            *owner = owner.filter(|id| *id != file.id);
        }
    }

    /// A connection is done with the shared memory; the last one may throw it away.
    pub(crate) fn leave_shared(&mut self, file: &Opened, throw_away: bool) {
        self.unlock_slots(file, 0..SHARED_LOCKS);
        let name = file.name.clone().unwrap_or_default();
        if throw_away && file.life == self.life {
            self.shared.remove(&name);
        }
    }

    /// One more of these; power may go at it. What was to be done is only begun then.
    fn count(&mut self, kind: Kind) -> Result<(), Fault> {
        *self.counts.entry(kind).or_default() += 1;
        self.cut_in = self.cut_in.map(|left| left.saturating_sub(1));
        if self.cut_in == Some(0) {
            self.has_power = false;
            self.cuts.push(kind);
            return Err(Fault::NoPower);
        }
        Ok(())
    }

    fn inode(&mut self, file: &Opened) -> Result<&mut Inode, Fault> {
        if !self.has_power || file.life != self.life {
            return Err(Fault::NoPower);
        }
        self.inodes.get_mut(&file.inode).ok_or(Fault::Missing)
    }

    fn sync_names(&mut self) {
        self.name_changes.clear();
        self.durable_names = self.names.clone();
    }
}

impl Inode {
    fn take(&mut self, change: Change) {
        change.apply(&mut self.now);
        self.changes.push(change);
    }

    fn sync(&mut self) {
        for change in self.changes.drain(..) {
            change.apply(&mut self.durable);
        }
    }

    /// The power is gone. Either the disk wrote in order, and some of the last write is torn, or in any order at all.
    fn lose(&mut self, rng: &mut ChaCha20Rng) {
        let sector = SECTOR_BYTES.get(below(rng, SECTOR_BYTES.len())).copied().unwrap_or(512);
        let in_order = below(rng, 2) == 0;
        let whole = below(rng, self.changes.len() + 1);
        let kept_of_ten = [0, 1, 5, 9, 10].get(below(rng, 5)).copied().unwrap_or(5);
        for (number, change) in self.changes.drain(..).enumerate() {
            if in_order && number < whole {
                change.apply(&mut self.durable);
            } else if !in_order || number == whole {
                let kept_of_ten = if in_order { 5 } else { kept_of_ten };
                match change {
                    Change::Resize(_) if below(rng, 10) < kept_of_ten => change.apply(&mut self.durable),
                    Change::Resize(_) => {}
                    Change::Write { at, bytes } => {
                        for (at, bytes) in sectors(at, &bytes, sector) {
                            if below(rng, 10) < kept_of_ten {
                                Change::Write { at, bytes }.apply(&mut self.durable);
                            }
                        }
                    }
                }
            }
        }
        self.now = self.durable.clone();
    }
}

impl Change {
    fn apply(&self, bytes: &mut Vec<u8>) {
        match self {
            Self::Resize(length) => bytes.resize(*length, 0),
            Self::Write { at, bytes: written } => {
                let end = at + written.len();
                if bytes.len() < end {
                    bytes.resize(end, 0);
                }
                if let Some(place) = bytes.get_mut(*at..end) {
                    place.copy_from_slice(written);
                }
            }
        }
    }
}

/// A write in pieces, each in one sector.
fn sectors(at: usize, bytes: &[u8], sector: usize) -> Vec<(usize, Vec<u8>)> {
    let (mut pieces, mut done) = (Vec::new(), 0);
    while done < bytes.len() {
        let here = at + done;
        let length = (sector - here % sector).min(bytes.len() - done);
        pieces.push((here, bytes.get(done..done + length).unwrap_or_default().to_vec()));
        done += length;
    }
    pieces
}

enum Role {
    Database,
    Log,
    Journal,
}

/// By SQLite's names for its files.
fn kind_of(file: &Opened) -> Option<Role> {
    let name = file.name.as_deref()?;
    Some(match name.rsplit('-').next() {
        Some("wal") => Role::Log,
        Some("journal") => Role::Journal,
        _ => Role::Database,
    })
}

fn below(rng: &mut ChaCha20Rng, bound: usize) -> usize {
    let bound = u64::try_from(bound).unwrap_or(1).max(1);
    usize::try_from(rng.next_u64() % bound).unwrap_or(0)
}

/// Where a region lies, for SQLite.
pub(crate) fn address(region: &Arc<[AtomicU64]>) -> *mut u64 {
    region.first().map_or(std::ptr::null_mut(), AtomicU64::as_ptr)
}

/// A write that others of this process see before those that follow.
pub(crate) fn barrier() {
    std::sync::atomic::fence(Ordering::SeqCst);
}
