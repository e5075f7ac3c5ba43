//! Conversations that begin in a moment (PROTOCOL §6.12): a group is hybrid for ever or never, so where the key packages
//! for that are a round trip away, its founding waits for them.

use super::batch::Batch;
use super::{Command, Effect, Halt, Reply, State, Ticket};
use crate::ids::{AccountId, ConversationId, PeerKey};
use crate::store::StoreError;
use tidings_crypto::group::Suite;

/// A founding waits for so long at most. A guess: people do not notice two seconds when they begin something.
const WAIT_MS: u64 = 2_000;
/// So many may wait.
const WAITING_MAX: usize = 16;

/// A founding that waits.
#[derive(Debug)]
pub(super) struct Founding {
    ticket: Ticket,
    contacts: Vec<AccountId>,
    name: Option<String>,
    until_ms: u64,
}

impl Founding {
    /// When it waits no more.
    pub(super) fn until_ms(&self) -> u64 {
        self.until_ms
    }

    /// The clock was set back.
    pub(super) fn hasten(&mut self, now_ms: u64) {
        self.until_ms = self.until_ms.min(now_ms.saturating_add(WAIT_MS));
    }
}

impl State {
    /// Lets a founding wait, if what it lacks is on the way; otherwise gives the command back.
    pub(super) async fn let_wait(
        &mut self,
        batch: &mut Batch<'_, '_>,
        ticket: Ticket,
        command: Command,
    ) -> Result<Option<Command>, StoreError> {
        let Command::CreateConversation { contacts, name } = command else { return Ok(Some(command)) };
        if let ([contact], None) = (contacts.as_slice(), &name) {
            let id = ConversationId::direct(&self.me.account_id(), contact);
            if self.conversation(batch, id).await?.is_some() {
                return Ok(Some(Command::CreateConversation { contacts, name }));
            }
        }
        let lacking = self.lacking_hybrid(batch, &contacts).await?;
        let reachable = lacking.iter().all(|peer| self.is_connected(peer));
        if lacking.is_empty() || !reachable || self.foundings.len() >= WAITING_MAX {
            return Ok(Some(Command::CreateConversation { contacts, name }));
        }
        for peer in lacking {
            if !self.is_asked_for_packages(peer) {
                self.ask_for_packages(batch, peer).await?;
            }
        }
        let until_ms = batch.now_ms.saturating_add(WAIT_MS);
        self.foundings.push(Founding { ticket, contacts, name, until_ms });
        Ok(None)
    }

    /// Begins what need not wait any more.
    pub(super) async fn found_waiting(&mut self, batch: &mut Batch<'_, '_>) -> Result<(), StoreError> {
        for founding in std::mem::take(&mut self.foundings) {
            let lacking = self.lacking_hybrid(batch, &founding.contacts).await?;
            let coming = !lacking.is_empty() && lacking.iter().all(|peer| self.is_asked_for_packages(*peer));
            if coming && founding.until_ms > batch.now_ms {
                self.foundings.push(founding);
                continue;
            }
            let reply = match self.create_conversation(batch, &founding.contacts, founding.name).await {
                Ok(conversation) => Ok(Reply::Conversation(conversation)),
                Err(Halt::Refused(refused)) => Err(refused),
                Err(Halt::Store(error)) => return Err(error),
            };
            batch.effects.push(Effect::Reply { ticket: founding.ticket, reply });
        }
        Ok(())
    }

    /// The peers of these people whose packages a hybrid group lacks; none if it could be none anyway.
    async fn lacking_hybrid(
        &mut self,
        batch: &mut Batch<'_, '_>,
        accounts: &[AccountId],
    ) -> Result<Vec<PeerKey>, StoreError> {
        let mut nodes = Vec::new();
        for account in accounts.iter().filter(|account| **account != self.me.account_id()) {
            let Ok(card) = self.card_of(account) else { return Ok(Vec::new()) };
            let of_card = card.card().nodes.iter().map(|node| &node.certificate);
            nodes.extend(of_card.map(|certificate| (certificate.node_id(), PeerKey(certificate.peer_key().0))));
        }
        if nodes.len() >= Suite::Hybrid.members_max() {
            return Ok(Vec::new());
        }
        let mut lacking = Vec::new();
        for (node, peer) in nodes {
            if !self.has_hybrid_package(batch, node).await? {
                lacking.push(peer);
            }
        }
        Ok(lacking)
    }
}
