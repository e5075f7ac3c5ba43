//! The cards of fellow members: nobody gave me theirs, so other members of our groups are asked for them.

use tidings_crypto::card::SignedCard;

use crate::engine::batch::Batch;
use crate::engine::pushes::Asked;
use crate::engine::{State, StoreError};
use crate::ids::{AccountId, PeerKey};
use crate::wire::request::Request;

/// The first pause before a missing card is asked for again, and the longest. A guess.
const FELLOWS_PAUSE_MS: (u64, u64) = (1_500, 10 * 60 * 1_000);
/// So many cards are asked for at once, at the least.
const FELLOWS_ASKED_MAX: usize = 256;

impl State {
    /// Asks a member of my groups for the cards of those fellow members that nobody gave me yet: their names, and how
    /// to reach them.
    pub(crate) async fn ask_for_fellows(&mut self, batch: &mut Batch<'_, '_>, peer: PeerKey) -> Result<(), StoreError> {
        const CARDS_MAX: u32 = 64;
        let Some(account) = self.accounts_by_peer.get(&peer).copied() else { return Ok(()) };
        let me = self.me.account_id();
        for fellow in batch.tx.unknown_fellows(account, CARDS_MAX).await? {
            if fellow != me {
                self.ask(batch, peer, Asked::Fellow { account: fellow }, Request::Card { account: fellow });
            }
        }
        Ok(())
    }

    /// There is a member whose card may be missing: the others are asked for it soon.
    pub(crate) fn look_for_fellows(&mut self, now_ms: u64) {
        self.fellows_pause_ms = FELLOWS_PAUSE_MS.0;
        self.fellows_due_ms = Some(now_ms.saturating_add(FELLOWS_PAUSE_MS.0));
    }

    /// Asks everybody connected for the cards that are missing. Who is asked may not know yet that we share a group, so
    /// this is done again, after longer and longer pauses, while one is missing and somebody is there to ask.
    pub(crate) async fn ask_due_fellows(&mut self, batch: &mut Batch<'_, '_>) -> Result<(), StoreError> {
        if self.fellows_due_ms.is_none_or(|due_ms| due_ms > batch.now_ms) {
            return Ok(());
        }
        self.fellows_due_ms = None;
        batch.tx.flush().await?;
        let before = self.asked.len();
        let peers: Vec<PeerKey> = self.connected_peers().collect();
        for peer in peers {
            self.ask_for_fellows(batch, peer).await?;
            if self.asked.len() >= before.saturating_add(FELLOWS_ASKED_MAX) {
                break;
            }
        }
        if self.asked.len() > before {
            self.fellows_due_ms = Some(batch.now_ms.saturating_add(self.fellows_pause_ms));
            self.fellows_pause_ms = self.fellows_pause_ms.saturating_mul(2).min(FELLOWS_PAUSE_MS.1);
        }
        Ok(())
    }

    /// Asks a connected node of this account for the cards of our fellow members.
    pub(crate) async fn ask_fellows_of(
        &mut self,
        batch: &mut Batch<'_, '_>,
        account: AccountId,
    ) -> Result<(), StoreError> {
        batch.tx.flush().await?;
        let mut connected = self.connected_peers();
        let peer = connected.find(|peer| self.accounts_by_peer.get(peer) == Some(&account));
        drop(connected);
        match peer {
            Some(peer) => self.ask_for_fellows(batch, peer).await,
            None => Ok(()),
        }
    }

    /// A member gave the card of another.
    pub(crate) async fn take_fellow_card(
        &mut self,
        batch: &mut Batch<'_, '_>,
        account: AccountId,
        bytes: &[u8],
    ) -> Result<(), StoreError> {
        match SignedCard::decode(bytes) {
            Ok(card) if card.card().account.id() == account => self.put_met_card(batch, card).await,
            _ => Ok(()),
        }
    }
}
