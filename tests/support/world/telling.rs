//! What happens, told on the standard error as it happens: for whoever hunts a seed.

use anyhow::Result;
use tidings_node::engine::Engine;

use super::{Place, START_MS, World};

#[expect(clippy::print_stderr, reason = "it is asked for, to read along")]
impl World {
    /// Tells an input or an effect of a node.
    pub(super) fn tell(&self, at: Place, what: &impl std::fmt::Debug) {
        if self.tells {
            eprintln!("{} {at} {what:?}", self.now_ms - START_MS);
        }
    }

    /// Tells where a node stands in its groups, if that is new.
    pub(super) fn tell_standings(&mut self, at: Place) -> Result<()> {
        if self.tells {
            let site = self.site(at)?;
            let standings = site.engine.as_ref().map(Engine::standings).unwrap_or_default();
            let new: Vec<String> = standings.iter().filter(|line| !site.told.contains(line)).cloned().collect();
            site.told = standings;
            for line in new {
                eprintln!("{} {at} = {line}", self.now_ms - START_MS);
            }
        }
        Ok(())
    }
}
