//! Commands that wait a moment for key packages (PROTOCOL §6.12): a group is hybrid for ever or never, so where the packages
//! for that are a round trip away, with those people or at their mailboxes, its founding waits for them; and so does adding
//! people to a hybrid group, and anything else for which no valid package is here.

use super::batch::Batch;
use super::{Command, Effect, Halt, State, Ticket};
use crate::ids::{AccountId, ConversationId, PeerKey};
use crate::store::StoreError;
use tidings_crypto::group::Suite;

/// A command waits for so long at most. A guess: people do not notice two seconds when they begin something.
const WAIT_MS: u64 = 2_000;
/// Or for so long, where mailboxes are asked: a connection has to be made first. A guess.
const MAILBOX_WAIT_MS: u64 = 4_000;
/// Of so many people it is looked at whether any valid package is here before something is begun with them.
const LOOKED_AT_MAX: usize = 64;
/// So many may wait.
const WAITING_MAX: usize = 16;

/// A command that waits for the packages of these people.
#[derive(Debug)]
pub(super) struct Waiting {
    ticket: Ticket,
    needs: Needs,
    command: Command,
    until_ms: u64,
}

/// Whose packages a command needs.
#[derive(Debug, Default)]
struct Needs {
    accounts: Vec<AccountId>,
    /// Whether hybrid ones make a difference.
    hybrid: bool,
}

impl Waiting {
    /// When it waits no more.
    pub(super) fn until_ms(&self) -> u64 {
        self.until_ms
    }

    /// The clock was set back.
    pub(super) fn hasten(&mut self, now_ms: u64) {
        self.until_ms = self.until_ms.min(now_ms.saturating_add(MAILBOX_WAIT_MS));
    }
}

impl State {
    /// Lets a command wait, if what it lacks is on the way; otherwise gives it back.
    pub(super) async fn let_wait(
        &mut self,
        batch: &mut Batch<'_, '_>,
        ticket: Ticket,
        command: Command,
    ) -> Result<Option<Command>, StoreError> {
        let needs = self.needs_packages_of(batch, &command).await?;
        let lacking = self.lacking_packages(batch, &needs).await?;
        let is_near = |(account, peer): &(AccountId, PeerKey)| {
            self.is_connected(peer) || self.may_give_prekeys(account, batch.now_ms)
        };
        if lacking.is_empty() || !lacking.iter().all(is_near) || self.waiting.len() >= WAITING_MAX {
            return Ok(Some(command));
        }
        let all_connected = lacking.iter().all(|(_, peer)| self.is_connected(peer));
        self.ask_for_lacking(batch, &lacking).await?;
        let wait_ms = if all_connected { WAIT_MS } else { MAILBOX_WAIT_MS };
        let until_ms = batch.now_ms.saturating_add(wait_ms);
        self.waiting.push(Waiting { ticket, needs, command, until_ms });
        Ok(None)
    }

    /// Asks those who are connected, and the mailboxes of the others.
    async fn ask_for_lacking(
        &mut self,
        batch: &mut Batch<'_, '_>,
        lacking: &[(AccountId, PeerKey)],
    ) -> Result<(), StoreError> {
        for (account, peer) in lacking {
            if !self.is_connected(peer) {
                self.ask_for_prekeys(batch, *account).await?;
            } else if !self.is_asked_for_packages(*peer) {
                self.ask_for_packages(batch, *peer).await?;
            }
        }
        Ok(())
    }

    /// The people without whose packages a command would not do what it could.
    async fn needs_packages_of(&mut self, batch: &mut Batch<'_, '_>, command: &Command) -> Result<Needs, StoreError> {
        match command {
            Command::CreateConversation { contacts, name } => {
                if let ([contact], None) = (contacts.as_slice(), name) {
                    let id = ConversationId::direct(&self.me.account_id(), contact);
                    if self.conversation(batch, id).await?.is_some() {
                        return Ok(Needs::default());
                    }
                }
                Ok(Needs { accounts: contacts.clone(), hybrid: true })
            }
            Command::AddMembers { conversation, accounts } => {
                let group = self.group_rows.values().find(|row| row.conversation == *conversation).map(|row| row.id);
                let Some(group) = group else { return Ok(Needs::default()) };
                if self.group(batch, group).await?.is_none() {
                    return Ok(Needs::default());
                }
                Ok(Needs { accounts: accounts.clone(), hybrid: self.suite_of(group) == Suite::Hybrid })
            }
            _ => Ok(Needs::default()),
        }
    }

    /// Does what need not wait any more.
    pub(super) async fn end_waiting(&mut self, batch: &mut Batch<'_, '_>) -> Result<(), StoreError> {
        for waiting in std::mem::take(&mut self.waiting) {
            let lacking = self.lacking_packages(batch, &waiting.needs).await?;
            // Mailboxes of many people are asked one after the other.
            let away: Vec<_> = lacking.iter().filter(|(_, peer)| !self.is_connected(peer)).copied().collect();
            self.ask_for_lacking(batch, &away).await?;
            let may_come = |(account, peer): &(AccountId, PeerKey)| {
                if self.is_connected(peer) {
                    self.is_asked_for_packages(*peer)
                } else {
                    self.may_give_prekeys(account, batch.now_ms)
                }
            };
            let coming = !lacking.is_empty() && lacking.iter().all(may_come);
            if coming && waiting.until_ms > batch.now_ms {
                self.waiting.push(waiting);
                continue;
            }
            let reply = match Box::pin(self.command(batch, waiting.command)).await {
                Ok(reply) => Ok(reply),
                Err(Halt::Refused(refused)) => Err(refused),
                Err(Halt::Store(error)) => return Err(error),
            };
            batch.effects.push(Effect::Reply { ticket: waiting.ticket, reply });
        }
        Ok(())
    }

    /// The nodes of these people of which a package is lacking; none if it could not be done anyway.
    async fn lacking_packages(
        &mut self,
        batch: &mut Batch<'_, '_>,
        needs: &Needs,
    ) -> Result<Vec<(AccountId, PeerKey)>, StoreError> {
        let mut lacking = Vec::new();
        let others = needs.accounts.iter().filter(|account| **account != self.me.account_id()).copied();
        let others: Vec<AccountId> = others.collect();
        let mut nodes = Vec::new();
        for account in &others {
            let Ok(card) = self.card_of(account) else { return Ok(Vec::new()) };
            let of_card = card.card().nodes.iter().map(|node| &node.certificate);
            nodes.extend(of_card.map(|known| (*account, known.node_id(), PeerKey(known.peer_key().0))));
        }
        let could_be_hybrid = needs.hybrid && nodes.len() < Suite::Hybrid.members_max();
        if could_be_hybrid {
            for (account, node, peer) in &nodes {
                if !self.has_hybrid_package(batch, *node).await? {
                    lacking.push((*account, *peer));
                }
            }
        } else if others.len() <= LOOKED_AT_MAX {
            for account in &others {
                // A card of long ago shows a certificate that has run out.
                if self.packages_for(batch, Suite::Classic, account).await?.is_none() {
                    let of_account = nodes.iter().filter(|(of, ..)| of == account);
                    lacking.extend(of_account.map(|(account, _, peer)| (*account, *peer)));
                }
            }
        }
        Ok(lacking)
    }
}
