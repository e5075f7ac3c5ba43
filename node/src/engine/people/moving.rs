//! Who moves. My own new addresses are told to everybody I share a conversation with, so that they also wait where I am
//! not met; and where somebody went whom I owe something and do not reach, fellow members are asked (PROTOCOL §6.7).

use std::collections::{BTreeMap, BTreeSet};

use crate::engine::batch::Batch;
use crate::engine::pushes::Asked;
use crate::engine::{State, StoreError};
use crate::ids::{AccountId, Address, PeerKey};
use crate::network::leads_elsewhere;
use crate::wire::request::Request;

/// New addresses are told once nothing more changed for this long: a start brings one after the other.
const SETTLE_MS: u64 = 10_000;
/// Or so long after the first change, however many follow.
const SETTLE_MS_MAX: u64 = 60_000;
/// Not more often than this.
const TELL_PAUSE_MS: u64 = 10 * 60_000;

/// Others are asked for the absent so long after the start, after somebody connected, and after something is owed to who is
/// absent; and every ten minutes. A guess.
const ASK_AFTER_MS: u64 = 15_000;
const ASK_EVERY_MS: u64 = 10 * 60_000;
/// Not more often than this; and for one person after pauses that grow fourfold up to the second of these.
const ASK_PAUSE_MS: (u64, u64) = (60_000, 6 * 60 * 60_000);
/// For so many people at once, so many connected nodes each.
const ABSENT_MAX: usize = 32;
const ASKED_FOR_ONE_MAX: usize = 2;

/// The setting that holds what was told last.
const TOLD: &str = "addresses told";

/// What is known of moves.
#[derive(Debug)]
pub(crate) struct Moving {
    told: Option<BTreeSet<Address>>,
    /// When the first change came that was not told yet, and when it is told.
    change: Option<(u64, u64)>,
    /// When it is told that a mailbox moved.
    mailbox_due_ms: Option<u64>,
    not_before_ms: u64,
    /// When others were asked for the absent, and are again.
    asked_ms: Option<u64>,
    ask_due_ms: u64,
    /// For whom, and when again at the earliest after which pause.
    absent: BTreeMap<AccountId, (u64, u64)>,
}

impl Moving {
    fn new(told: Option<BTreeSet<Address>>, now_ms: u64) -> Self {
        let ask_due_ms = now_ms.saturating_add(ASK_AFTER_MS);
        Self {
            told,
            change: None,
            mailbox_due_ms: None,
            not_before_ms: 0,
            asked_ms: None,
            ask_due_ms,
            absent: BTreeMap::new(),
        }
    }

    /// What was told in earlier runs.
    pub(crate) async fn load(batch: &mut Batch<'_, '_>) -> Result<Self, StoreError> {
        let told = batch.tx.setting(TOLD).await?.map(|bytes| decode(&bytes));
        Ok(Self::new(told, batch.now_ms))
    }

    /// My addresses are these now.
    fn changed(&mut self, addresses: &[Address], now_ms: u64) {
        let is_news = |address: &Address| self.told.as_ref().is_none_or(|told| !told.contains(address));
        if !addresses.iter().filter(|address| leads_elsewhere(address)).any(is_news) {
            self.change = None; // What is gone is tried in vain, and what is there is known.
            return;
        }
        // Somewhere else, others may be reached who were not.
        self.absent.clear();
        let first_ms = self.change.map_or(now_ms, |(first_ms, _)| first_ms);
        let due_ms = now_ms.saturating_add(SETTLE_MS).min(first_ms.saturating_add(SETTLE_MS_MAX));
        self.change = Some((first_ms, due_ms.max(self.not_before_ms)));
    }

    /// Notes that these are told now; says whether anybody must hear of it: what the first run begins with stands on the
    /// card that people are given.
    fn told(&mut self, addresses: &[Address], now_ms: u64) -> bool {
        let addresses = addresses.iter().filter(|address| leads_elsewhere(address)).cloned().collect();
        let is_first = self.told.replace(addresses).is_none();
        self.change = None;
        if !is_first {
            self.not_before_ms = now_ms.saturating_add(TELL_PAUSE_MS);
        }
        !is_first
    }

    fn tell_due_ms(&self) -> Option<u64> {
        self.change.map(|(_, due_ms)| due_ms)
    }

    /// A mailbox is elsewhere: that is told like new addresses of this node.
    pub(crate) fn mailbox_moved(&mut self, now_ms: u64) {
        let due_ms = now_ms.saturating_add(SETTLE_MS).max(self.not_before_ms);
        self.mailbox_due_ms = self.mailbox_due_ms.or(Some(due_ms));
    }

    /// Whether it is time to tell that one moved; if so, it counts as told.
    fn tell_of_mailbox(&mut self, now_ms: u64) -> bool {
        let is_due = self.mailbox_due_ms.is_some_and(|due_ms| due_ms <= now_ms);
        if is_due {
            (self.mailbox_due_ms, self.not_before_ms) = (None, now_ms.saturating_add(TELL_PAUSE_MS));
        }
        is_due
    }

    /// Somebody connected who may know where the absent ones are, or is owed something from then on and absent.
    pub(crate) fn ask_soon(&mut self, from_ms: u64) {
        let allowed_ms = self.asked_ms.map_or(0, |asked_ms| asked_ms.saturating_add(ASK_PAUSE_MS.0));
        self.ask_due_ms = self.ask_due_ms.min(from_ms.saturating_add(ASK_AFTER_MS).max(allowed_ms));
    }

    /// Those of the absent for whom others are asked now. Whoever is not absent any more is forgotten.
    fn take_absent(&mut self, absent: &BTreeSet<AccountId>, now_ms: u64) -> Vec<AccountId> {
        self.asked_ms = Some(now_ms);
        self.ask_due_ms = now_ms.saturating_add(ASK_EVERY_MS);
        self.absent.retain(|account, _| absent.contains(account));
        let mut due = Vec::new();
        for account in absent {
            let (again_ms, pause_ms) = self.absent.get(account).copied().unwrap_or((0, ASK_PAUSE_MS.0));
            if again_ms <= now_ms && due.len() < ABSENT_MAX {
                due.push(*account);
                let longer_ms = pause_ms.saturating_mul(4).min(ASK_PAUSE_MS.1);
                self.absent.insert(*account, (now_ms.saturating_add(pause_ms), longer_ms));
            }
        }
        due
    }

    /// When something is to be told or asked.
    pub(crate) fn due_ms(&self) -> Option<u64> {
        self.tell_due_ms().into_iter().chain(self.mailbox_due_ms).chain([self.ask_due_ms]).min()
    }

    /// The clock was set back.
    pub(crate) fn hasten(&mut self, now_ms: u64) {
        self.change = self.change.map(|_| (now_ms, now_ms.saturating_add(SETTLE_MS)));
        self.not_before_ms = self.not_before_ms.min(now_ms.saturating_add(TELL_PAUSE_MS));
        self.mailbox_due_ms = self.mailbox_due_ms.map(|due_ms| due_ms.min(now_ms.saturating_add(TELL_PAUSE_MS)));
        self.ask_due_ms = self.ask_due_ms.min(now_ms.saturating_add(ASK_EVERY_MS));
        self.asked_ms = None;
        self.absent.clear();
    }
}

impl State {
    /// My addresses may have changed.
    pub(crate) fn note_addresses(&mut self, now_ms: u64) {
        self.moving.changed(self.profile.addresses(), now_ms);
    }

    /// Tells the new addresses, and asks for the absent, when it is time.
    pub(crate) async fn follow_moves(&mut self, batch: &mut Batch<'_, '_>) -> Result<(), StoreError> {
        if self.moving.tell_due_ms().is_some_and(|due_ms| due_ms <= batch.now_ms) {
            let must_hear = self.moving.told(self.profile.addresses(), batch.now_ms);
            batch.tx.set_setting(TOLD, &encode(self.moving.told.iter().flatten())).await?;
            if must_hear {
                self.moving.mailbox_due_ms = None;
                self.tell_card(batch).await?;
            }
        }
        if self.moving.tell_of_mailbox(batch.now_ms) {
            self.tell_card(batch).await?;
        }
        if self.moving.ask_due_ms <= batch.now_ms {
            self.ask_for_absent(batch).await?;
        }
        Ok(())
    }

    /// Asks for the newest cards of those whom I owe something and do not reach: their mailboxes, fellow members, and
    /// contacts if it is a contact.
    async fn ask_for_absent(&mut self, batch: &mut Batch<'_, '_>) -> Result<(), StoreError> {
        batch.tx.flush().await?;
        let owed = batch.tx.owed_peers().await?;
        let away = owed.into_iter().filter(|peer| !self.is_connected(peer));
        let absent = away.filter_map(|peer| self.accounts_by_peer.get(&peer).copied()).collect();
        let absent = self.moving.take_absent(&absent, batch.now_ms);
        if absent.is_empty() {
            return Ok(());
        }
        let mut there: Vec<(PeerKey, AccountId)> = self
            .connected_peers()
            .filter_map(|peer| self.accounts_by_peer.get(&peer).map(|account| (peer, *account)))
            .collect();
        // Somebody else first each time: one of them may know no more than I do.
        let [turn] = batch.random::<1>();
        let turn = usize::from(turn).checked_rem(there.len()).unwrap_or(0);
        there.rotate_left(turn);
        for account in absent {
            Box::pin(self.ask_for_prekeys(batch, account)).await?;
            let mut asked = 0;
            for (peer, other) in &there {
                let may_know = asked < ASKED_FOR_ONE_MAX
                    && *other != account
                    && (self.are_contacts(other, &account) || batch.tx.are_fellows(*other, account).await?);
                if may_know {
                    self.ask(batch, *peer, Asked::Fellow { account }, Request::Card { account });
                    asked += 1;
                }
            }
        }
        Ok(())
    }
}

impl State {
    /// Whether I added both.
    pub(super) fn are_contacts(&self, one: &AccountId, other: &AccountId) -> bool {
        [one, other].iter().all(|account| self.contacts.get(account).is_some_and(|contact| contact.row.added))
    }
}

/// Each with its length in a byte: an address has at most 128.
fn encode<'addresses>(addresses: impl Iterator<Item = &'addresses Address>) -> Vec<u8> {
    let mut bytes = Vec::new();
    for address in addresses {
        if let Ok(length) = u8::try_from(address.0.len()) {
            bytes.push(length);
            bytes.extend_from_slice(&address.0);
        }
    }
    bytes
}

fn decode(bytes: &[u8]) -> BTreeSet<Address> {
    let mut addresses = BTreeSet::new();
    let mut rest = bytes;
    while let Some((length, more)) = rest.split_first() {
        let Some((address, more)) = more.split_at_checked(usize::from(*length)) else { break };
        addresses.insert(Address(address.to_vec()));
        rest = more;
    }
    addresses
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::parse_address;

    fn at(host: &str) -> Address {
        parse_address(&format!("/ip4/{host}/tcp/4001")).unwrap()
    }

    /// A node that told of one address in an earlier run.
    fn moving() -> Moving {
        Moving::new(Some([at("192.0.2.1")].into()), 0)
    }

    #[test]
    fn new_addresses_are_told_when_they_settled_and_not_too_often() {
        let mut moving = moving();
        moving.changed(&[at("192.0.2.2")], 1_000);
        moving.changed(&[at("192.0.2.2"), at("192.0.2.3")], 5_000);
        assert_eq!(moving.tell_due_ms(), Some(5_000 + SETTLE_MS));
        assert!(moving.told(&[at("192.0.2.2"), at("192.0.2.3")], 15_000));
        assert_eq!(moving.tell_due_ms(), None);
        moving.changed(&[at("192.0.2.4")], 16_000);
        assert_eq!(moving.tell_due_ms(), Some(15_000 + TELL_PAUSE_MS));
    }

    #[test]
    fn addresses_that_never_settle_are_told_after_a_minute() {
        let mut moving = moving();
        for second in 0..55 {
            moving.changed(&[at(&format!("192.0.2.{}", second + 2))], second * 1_000);
        }
        assert_eq!(moving.tell_due_ms(), Some(SETTLE_MS_MAX));
    }

    #[test]
    fn what_is_known_what_went_and_what_leads_nowhere_is_not_told() {
        let mut moving = moving();
        for addresses in [vec![], vec![at("192.0.2.1")], vec![at("192.0.2.1"), at("127.0.0.1")]] {
            moving.changed(&addresses, 0);
            assert_eq!(moving.tell_due_ms(), None, "{addresses:?}");
        }
        moving.changed(&[at("192.0.2.2")], 0);
        moving.changed(&[at("192.0.2.1")], 1_000);
        assert_eq!(moving.tell_due_ms(), None, "back where it was");
    }

    #[test]
    fn the_first_run_tells_nobody_what_it_begins_with() {
        let mut moving = Moving::new(None, 0);
        moving.changed(&[at("192.0.2.1")], 0);
        assert!(moving.tell_due_ms().is_some());
        assert!(!moving.told(&[at("192.0.2.1")], SETTLE_MS));
        moving.changed(&[at("192.0.2.2")], SETTLE_MS + 1);
        assert_eq!(moving.tell_due_ms(), Some(2 * SETTLE_MS + 1));
    }

    #[test]
    fn that_a_mailbox_moved_is_told_once_and_not_too_often() {
        let mut moving = moving();
        moving.mailbox_moved(1_000);
        moving.mailbox_moved(5_000);
        assert_eq!(moving.due_ms(), Some(1_000 + SETTLE_MS));
        assert!(!moving.tell_of_mailbox(SETTLE_MS) && moving.tell_of_mailbox(1_000 + SETTLE_MS));
        moving.mailbox_moved(20_000);
        assert!(!moving.tell_of_mailbox(20_000 + SETTLE_MS));
        assert!(moving.tell_of_mailbox(1_000 + SETTLE_MS + TELL_PAUSE_MS));
    }

    #[test]
    fn others_are_asked_for_the_absent_less_and_less_often() {
        let mut moving = moving();
        let [gone, owed] = [[1; 32], [2; 32]].map(AccountId);
        assert_eq!(moving.due_ms(), Some(ASK_AFTER_MS));
        assert_eq!(moving.take_absent(&[gone].into(), 100_000), [gone]);
        assert_eq!(moving.due_ms(), Some(100_000 + ASK_EVERY_MS));
        // Something is owed to another: not before a minute is over, and then for that one alone.
        moving.ask_soon(101_000);
        assert_eq!(moving.due_ms(), Some(100_000 + ASK_PAUSE_MS.0));
        assert_eq!(moving.take_absent(&[gone, owed].into(), 100_000 + ASK_PAUSE_MS.0), [gone, owed]);
        assert_eq!(moving.take_absent(&[gone, owed].into(), 100_000 + 2 * ASK_PAUSE_MS.0), [owed]);
        // Who came back and goes again is asked for at once, and everybody is after a move.
        assert_eq!(moving.take_absent(&[gone].into(), 300_000), []);
        assert_eq!(moving.take_absent(&[gone, owed].into(), 301_000), [owed]);
        moving.changed(&[at("192.0.2.9")], 302_000);
        assert_eq!(moving.take_absent(&[gone, owed].into(), 303_000), [gone, owed]);
    }

    #[test]
    fn what_was_told_survives_a_restart_and_damage_ends_it_early() {
        let told: BTreeSet<Address> = [at("192.0.2.1"), at("192.0.2.77")].into();
        let bytes = encode(told.iter());
        assert_eq!(decode(&bytes), told);
        assert_eq!(decode(&bytes[..bytes.len() - 1]).len(), 1);
    }
}
