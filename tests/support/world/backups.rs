//! Nodes whose disk is gone, and who go on with a copy of it.

use std::path::Path;

use anyhow::{Context, Result};
use tidings_node::backup::renewed;

use super::site::local_node;
use super::{Place, World, databases};

impl World {
    /// Copies a node's database into a file, as a backup does. A database in memory would be copied into memory.
    pub async fn back_up(&mut self, at: Place, file: &Path) -> Result<()> {
        let reader = self.engine(at)?.reader();
        Ok(reader.copy_into(file).await?)
    }

    /// Kills a node, and starts it with a copy of its database; as one that was restored, or as if nothing had happened.
    pub async fn go_on_with(&mut self, at: Place, file: &Path, restored: bool) -> Result<()> {
        if self.is_up(at) {
            self.crash(at)?;
        }
        let now_ms = self.clock_of(at);
        let site = self.site(at)?;
        site.store.take().context("the node has no database")?.close().await;
        let mut store = databases::open(file).await?;
        if restored {
            let me = renewed(local_node(site.me_seed), now_ms);
            let mut tx = store.begin().await?;
            tx.restored(&me, now_ms, &mut site.rng).await?;
            tx.commit().await?;
        }
        site.store = Some(store);
        Box::pin(self.start(at)).await
    }
}
