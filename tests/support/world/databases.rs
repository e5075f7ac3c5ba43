//! Databases in memory. A world that has ended leaves its own to the next one of its thread, emptied: what is prepared in
//! them stays prepared.

use std::cell::RefCell;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::Result;
use tidings_crypto::vault::DatabaseKey;
use tidings_node::store::Store;

thread_local! {
    static IDLE: RefCell<Vec<Store>> = const { RefCell::new(Vec::new()) };
}

/// Tells the databases of one process apart; it does not enter the trace.
static NAMES: AtomicU64 = AtomicU64::new(0);

/// The key of all of them.
pub fn key() -> DatabaseKey {
    DatabaseKey::from_bytes([7; 32])
}

/// One that is a file.
pub(super) async fn open(file: &std::path::Path) -> Result<Store> {
    Ok(Store::open(file, key()).await?)
}

/// An empty one.
pub(super) async fn take() -> Result<Store> {
    if let Some(store) = IDLE.with_borrow_mut(Vec::pop) {
        return Ok(store);
    }
    let name = format!("{:x}", NAMES.fetch_add(1, Ordering::Relaxed));
    Ok(Store::open_in_memory(&name, key()).await?)
}

/// Empties one and keeps it.
pub(super) async fn give_back(mut store: Store) -> Result<()> {
    store.empty().await?;
    IDLE.with_borrow_mut(|idle| idle.push(store));
    Ok(())
}
