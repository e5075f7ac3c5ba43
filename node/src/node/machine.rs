//! The machine that a node runs on: its disk.

use std::io::Write;
use std::path::{Path, PathBuf};

use super::elapsed_us;
use crate::handle::Machine;

/// Written and made durable to see that it works, and how long it takes.
const TEST_FILE: &str = ".disk-test";
const TEST_BYTES: [u8; 4096] = [0x5a; 4096];

/// Looks at the disk where the home is.
pub(crate) async fn examine_machine(home: PathBuf) -> Machine {
    let examined = tokio::task::spawn_blocking(move || {
        let durable = durable_us(&home).map_err(|error| error.to_string());
        Machine { free_bytes: free_bytes(&home), durable: Some(durable), ..Machine::default() }
    });
    examined.await.unwrap_or_default()
}

fn durable_us(home: &Path) -> std::io::Result<u64> {
    let file = home.join(TEST_FILE);
    let (taken, us) = elapsed_us(|| {
        let mut writing = std::fs::File::create(&file)?;
        writing.write_all(&TEST_BYTES)?;
        writing.sync_all()
    });
    // A file that cannot be removed again is not worth a word.
    drop(std::fs::remove_file(&file));
    taken.map(|()| us)
}

#[cfg(unix)]
fn free_bytes(home: &Path) -> Option<u64> {
    let disk = rustix::fs::statvfs(home).ok()?;
    disk.f_bavail.checked_mul(disk.f_frsize)
}

#[cfg(not(unix))]
fn free_bytes(_: &Path) -> Option<u64> {
    None
}
