//! Nodes start, die, and start again.

use anyhow::Result;
use tidings_node::engine::{Engine, Input};
use tidings_node::ids::Address;

use super::site::{Happening, local_node, pair};
use super::{Place, REDIAL_MS, World};

impl World {
    /// Kills a node as SIGKILL would: what is committed stays, all else is gone.
    pub fn crash(&mut self, at: Place) -> Result<()> {
        self.crashes += 1;
        let site = self.site(at)?;
        if let Some(engine) = site.engine.take() {
            site.store = Some(engine.into_store());
        }
        site.start += 1;
        site.wake_at_ms = None;
        site.subscribed.clear();
        site.known.clear();
        site.gossip_held.clear();
        site.gossip_seen.clear();
        site.answers_owed.clear();
        self.let_go_of_disk(at)?;
        for other in 0..self.sites.len() {
            if self.connected.remove(&pair(at, other)) {
                // The system closes a dead process's connections: the others learn it at once.
                self.disconnect_side(other, at)?;
            }
        }
        self.end_circuits_of(at)?;
        self.pending_requests.retain(|(from, _), _| *from != at);
        Ok(())
    }

    /// Starts a node that is down.
    pub async fn start(&mut self, at: Place) -> Result<()> {
        let now_ms = self.clock_of(at);
        let Some(store) = Box::pin(self.store_of(at)).await? else { return Ok(()) };
        let site = self.site(at)?;
        site.start += 1;
        site.loop_ms = now_ms;
        let me = local_node(site.me_seed);
        let name = site.name.clone();
        let (engine, outcome) = match Engine::open(store, me, &name, now_ms, &mut site.rng).await {
            Ok(opened) => opened,
            Err(error) => return self.store_failed(at, error),
        };
        let site = self.site(at)?;
        site.engine = Some(engine);
        let _no_commands = self.perform(at, outcome)?;
        let address = Address(vec![4, 127, 0, 0, 1, 6, 16, u8::try_from(at)?]);
        self.handle(at, Input::Addresses(vec![address])).await?;
        if self.site(at)?.serves {
            self.handle(at, Input::ServeMailboxes(true)).await?;
        }
        // Who knows it dials it; those whom it knows it has dialled itself.
        let peer = self.site(at)?.peer;
        for other in 0..self.sites.len() {
            let others = self.site(other)?.peer;
            if self.site(other)?.known.contains(&peer) && !self.site(at)?.known.contains(&others) {
                self.schedule(self.now_ms + REDIAL_MS, Happening::Dial { one: other, other: at });
            }
        }
        self.dial_at_relay();
        Ok(())
    }

    /// Starts a node after a while.
    pub fn restart_after(&mut self, at: Place, after_ms: u64) {
        self.schedule(self.now_ms + after_ms, Happening::Restart { at });
    }
}
