//! Whose the nodes of a world are.

use anyhow::{Result, bail};
use tidings_node::engine::{Command, Input, Reply};

use super::{Fate, Place, World};

impl World {
    /// Lets two nodes' owners exchange their full links.
    pub async fn exchange_links(&mut self, one: Place, other: Place) -> Result<()> {
        for (from, to) in [(one, other), (other, one)] {
            let Fate::Answered(Ok(Reply::Card(links))) = self.command(from, Command::Card).await? else {
                bail!("a node gave no card");
            };
            let added = self.command(to, Command::AddContact(links.link)).await?;
            let Fate::Answered(Ok(Reply::Contact(_))) = added else { bail!("a card was not added: {added:?}") };
        }
        Ok(())
    }

    /// From here on a node keeps envelopes for others, or does not; it does so again whenever it starts.
    pub async fn serve_mailboxes(&mut self, at: Place, serves: bool) -> Result<()> {
        self.site(at)?.serves = serves;
        self.input(at, Input::ServeMailboxes(serves)).await
    }

    /// From here on a mailbox takes everything and gives nothing.
    pub fn withhold(&mut self, at: Place) -> Result<()> {
        self.site(at)?.withholds = true;
        Ok(())
    }

    /// Who a node's owner is.
    pub fn account(&mut self, at: Place) -> Result<tidings_node::ids::AccountId> {
        Ok(self.site(at)?.account)
    }

    /// A node's peer.
    pub fn peer(&mut self, at: Place) -> Result<tidings_node::ids::PeerKey> {
        Ok(self.site(at)?.peer)
    }
}
