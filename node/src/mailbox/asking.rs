//! Asking for prekeys (PROTOCOL §4.9): what somebody who is away left at its mailboxes, so that it can be added all the same.
//!
//! Each mailbox is asked under a key made for it alone, so that it does not learn who asks. What it gives proves itself or is
//! nothing: a card that its account signed, no older than the one that is here, and key packages of that account's nodes.

use std::collections::{BTreeMap, BTreeSet};

use tidings_crypto::card::SignedCard;
use tidings_crypto::envelope::Prekeys;
use tidings_crypto::group::Suite;
use zeroize::Zeroizing;

use super::hosting::queue_id;
use crate::engine::batch::Batch;
use crate::engine::{Asked, State};
use crate::ids::AccountId;
use crate::network::RequestFailure;
use crate::store::StoreError;
use crate::wire::request::{Request, Response};

/// What a mailbox gave is as new as it was for this long.
const FRESH_MS: u64 = 60_000;
/// Where no mailbox gave anything it is asked again after the first of these, and after twice as long each time up to the
/// second.
const AGAIN_MS: (u64, u64) = (5_000, 10 * 60_000);
/// What was left longer ago is not taken: a mailbox keeps no queue that nobody looked into for so long, and some weeks later its
/// owner may have forgotten the secrets.
const LEFT_FOR_MS: u64 = 200 * 24 * 60 * 60 * 1_000;
/// Of so many people it is remembered how the asking went.
const REMEMBERED_MAX: usize = 512;
/// So many people's mailboxes are asked at once.
const ASKED_AT_ONCE_MAX: usize = 8;

/// Whom mailboxes are, or were, asked about.
#[derive(Debug, Default)]
pub(crate) struct Asking {
    of: BTreeMap<AccountId, Asks>,
    /// The wishes that wait for somebody's keys.
    pub(crate) awaiting: BTreeSet<i64>,
}

/// How it goes with one account.
#[derive(Debug, Default)]
struct Asks {
    /// How many mailboxes have not answered yet.
    under_way: u32,
    /// Whether one gave something in this round.
    has_given: bool,
    not_before_ms: u64,
    failures: u32,
}

/// What was asked of a mailbox.
#[derive(Debug)]
pub(crate) struct PrekeysAsked {
    account: AccountId,
    token: Zeroizing<[u8; 32]>,
}

impl Asking {
    fn is_under_way(&self, account: &AccountId) -> bool {
        self.of.get(account).is_some_and(|asks| asks.under_way > 0)
    }

    fn is_paused(&self, account: &AccountId, now_ms: u64) -> bool {
        self.of.get(account).is_some_and(|asks| asks.under_way == 0 && asks.not_before_ms > now_ms)
    }

    fn may_ask(&self, account: &AccountId, now_ms: u64) -> bool {
        let going = self.of.values().filter(|asks| asks.under_way > 0).count();
        !self.is_under_way(account) && !self.is_paused(account, now_ms) && going < ASKED_AT_ONCE_MAX
    }

    fn begin(&mut self, account: AccountId, mailboxes: u32, now_ms: u64) {
        if self.of.len() >= REMEMBERED_MAX {
            self.of.retain(|_, asks| asks.under_way > 0 || asks.not_before_ms > now_ms);
        }
        let asks = self.of.entry(account).or_default();
        (asks.under_way, asks.has_given) = (mailboxes, false);
    }

    fn answered(&mut self, account: AccountId, has_given: bool, now_ms: u64) {
        let Some(asks) = self.of.get_mut(&account) else { return };
        asks.has_given |= has_given;
        asks.under_way = asks.under_way.saturating_sub(1);
        if asks.under_way > 0 {
            return;
        }
        if asks.has_given {
            (asks.failures, asks.not_before_ms) = (0, now_ms.saturating_add(FRESH_MS));
        } else {
            let pause_ms = AGAIN_MS.0.saturating_mul(1_u64 << asks.failures.min(16)).min(AGAIN_MS.1);
            asks.failures = asks.failures.saturating_add(1);
            asks.not_before_ms = now_ms.saturating_add(pause_ms);
        }
    }

    /// The clock was set back.
    pub(crate) fn hasten(&mut self) {
        for asks in self.of.values_mut() {
            asks.not_before_ms = 0;
        }
    }
}

impl State {
    /// Whether a mailbox of this account may give something soon: one is being asked, or can be.
    pub(crate) fn may_give_prekeys(&self, account: &AccountId, now_ms: u64) -> bool {
        self.has_mailbox(account) && !self.mailboxes.asking.is_paused(account, now_ms)
    }

    /// Whether this account's card names a mailbox.
    pub(crate) fn has_mailbox(&self, account: &AccountId) -> bool {
        let card = self.contacts.get(account).and_then(|contact| contact.card.as_ref());
        card.is_some_and(|card| card.card().nodes.iter().any(|node| !node.mailboxes.is_empty()))
    }

    /// Asks the mailboxes of an account for what its nodes left there, unless that is being done or was done just now.
    pub(crate) async fn ask_for_prekeys(
        &mut self,
        batch: &mut Batch<'_, '_>,
        account: AccountId,
    ) -> Result<(), StoreError> {
        if !self.mailboxes.asking.may_ask(&account, batch.now_ms) {
            return Ok(());
        }
        let card = self.contacts.get(&account).and_then(|contact| contact.card.as_ref());
        let nodes = card.map(|card| card.card().nodes.as_slice()).unwrap_or_default();
        let mailboxes: Vec<_> = nodes.iter().flat_map(|node| node.mailboxes.iter().cloned()).collect();
        if mailboxes.is_empty() {
            return Ok(());
        }
        self.mailboxes.asking.begin(account, u32::try_from(mailboxes.len()).unwrap_or(u32::MAX), batch.now_ms);
        let me = self.me.keys.peer_key();
        for mailbox in mailboxes {
            let asked = PrekeysAsked { account, token: Zeroizing::new(mailbox.token) };
            if mailbox.peer == me {
                let prekeys = batch.tx.prekeys(queue_id(&mailbox.token)).await?;
                Box::pin(self.prekeys_came(batch, asked, Ok(Response::Prekeys { prekeys }))).await?;
                continue;
            }
            let key = Zeroizing::new(batch.random());
            let body = Request::Prekeys { token: mailbox.token };
            self.ask_apart(batch, key, (mailbox.peer, mailbox.addresses), Asked::Prekeys(asked), body);
        }
        Ok(())
    }

    /// A mailbox answered.
    pub(crate) async fn prekeys_came(
        &mut self,
        batch: &mut Batch<'_, '_>,
        asked: PrekeysAsked,
        outcome: Result<Response, RequestFailure>,
    ) -> Result<(), StoreError> {
        let PrekeysAsked { account, token } = asked;
        let opened = match outcome {
            Ok(Response::Prekeys { prekeys: Some(sealed) }) => Prekeys::open(&sealed, &account, &token).ok(),
            _ => None,
        };
        let has_given = match opened {
            Some(prekeys) => self.take_prekeys(batch, account, prekeys).await?,
            None => false,
        };
        self.mailboxes.asking.answered(account, has_given, batch.now_ms);
        if has_given {
            self.hasten_adding(batch.now_ms, &account);
        }
        Ok(())
    }

    /// Keeps what of prekeys is right and not older than what is here: whether anything is.
    async fn take_prekeys(
        &mut self,
        batch: &mut Batch<'_, '_>,
        account: AccountId,
        prekeys: Prekeys,
    ) -> Result<bool, StoreError> {
        let Ok(card) = SignedCard::decode(&prekeys.card) else { return Ok(false) };
        let known = self.contacts.get(&account).and_then(|contact| contact.card.as_ref());
        let known = known.map_or(0, |known| known.card().serial);
        let is_old = card.card().serial < known || prekeys.left_at_ms.saturating_add(LEFT_FOR_MS) < batch.now_ms;
        if card.account_id() != account || !self.contacts.contains_key(&account) || is_old {
            return Ok(false);
        }
        if card.card().serial > known {
            self.put_met_card(batch, card).await?;
        }
        for bytes in &prekeys.packages {
            let Some(checked) = self.checked_packages.check(bytes, None, batch.now_ms) else { continue };
            let contact = self.contacts.get(&account);
            let is_theirs = contact.is_some_and(|contact| contact.certificate_of(checked.member.node).is_some());
            if is_theirs && checked.last_resort && checked.suite == Suite::Hybrid {
                batch.tx.put_fetched_last_resort(checked.member.node, bytes, batch.now_ms).await?;
            }
        }
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: AccountId = AccountId([1; 32]);

    #[test]
    fn mailboxes_that_gave_nothing_are_asked_again_after_longer_and_longer_pauses() {
        let mut asking = Asking::default();
        let mut pauses = Vec::new();
        for _ in 0..9 {
            asking.begin(ONE, 2, 0);
            asking.answered(ONE, false, 0);
            assert!(asking.is_under_way(&ONE), "the second has not answered");
            asking.answered(ONE, false, 0);
            assert!(!asking.is_under_way(&ONE) && !asking.may_ask(&ONE, 0));
            pauses.push(asking.of[&ONE].not_before_ms / 1_000);
        }
        assert_eq!(pauses, [5, 10, 20, 40, 80, 160, 320, 600, 600]);
        asking.begin(ONE, 2, 0);
        asking.answered(ONE, true, 0);
        asking.answered(ONE, false, 0);
        assert!(!asking.may_ask(&ONE, FRESH_MS - 1) && asking.may_ask(&ONE, FRESH_MS), "one of the two gave");
        asking.hasten();
        assert!(asking.may_ask(&ONE, 0));
    }

    #[test]
    fn no_more_than_so_many_are_asked_about_at_once_and_remembered() {
        let mut asking = Asking::default();
        let account = |number: u16| {
            let mut bytes = [0; 32];
            bytes[..2].copy_from_slice(&number.to_be_bytes());
            AccountId(bytes)
        };
        for number in 0..u16::try_from(ASKED_AT_ONCE_MAX).unwrap() {
            assert!(asking.may_ask(&account(number), 0));
            asking.begin(account(number), 1, 0);
        }
        assert!(!asking.may_ask(&account(100), 0));
        asking.answered(account(0), true, 0);
        assert!(asking.may_ask(&account(100), 0));
        for number in 0..2_000 {
            let now_ms = u64::from(number) * FRESH_MS;
            asking.begin(account(number), 1, now_ms);
            asking.answered(account(number), true, now_ms);
        }
        assert!(asking.of.len() <= REMEMBERED_MAX + ASKED_AT_ONCE_MAX, "{}", asking.of.len());
    }
}
