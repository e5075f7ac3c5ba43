//! Groups that a restored node does not know, because it came into them after its backup was made (PROTOCOL §8.6): its
//! contacts tell it of them, and let it in again. Without that, what is written there would wait for it for ever.

use tidings_crypto::envelope::{Envelope, SealedWayIn, Week};
use tidings_crypto::group::{Group, GroupId, Moment};

use super::membership::{GROUPS_A_CONVERSATION_MAX, GROUPS_MAX};
use super::send::Owed;
use super::transcript;
use crate::engine::batch::Batch;
use crate::engine::{Asked, State};
use crate::ids::PeerKey;
use crate::outbox::Kind;
use crate::store::{MemberRow, StoreError};
use crate::wire::request::{Request, Response};

/// For so long after it was restored a node asks its contacts. A guess: who was not met by then writes again.
const ASK_FOR_MS: u64 = 400 * 24 * 60 * 60 * 1_000;
/// So many groups are asked into at once: when this node is in, it asks again.
const AT_ONCE_MAX: usize = 8;

impl State {
    /// Asks a contact that appeared in which groups this node is, if it may have forgotten some.
    pub(crate) fn ask_for_groups(&mut self, batch: &mut Batch<'_, '_>, peer: PeerKey) {
        let until_ms = self.copies.restored_ms().saturating_add(ASK_FOR_MS);
        if self.copies.restored_ms() > 0 && batch.now_ms < until_ms && self.is_added(peer) {
            self.ask(batch, peer, Asked::Groups, Request::Groups);
        }
    }

    /// A node asks in which groups it is. Of others it learns nothing.
    pub(crate) async fn answer_groups(
        &mut self,
        batch: &mut Batch<'_, '_>,
        peer: PeerKey,
    ) -> Result<Response, StoreError> {
        if !self.partners.may_answer(peer, batch.now_ms) {
            return Ok(Response::Busy);
        }
        let groups = self.groups_shared_with(batch, peer).await?;
        Ok(Response::Groups { groups: groups.into_iter().map(|(group, _)| group).collect() })
    }

    /// A contact says in which groups this node is there: it asks into those that it has nothing of.
    pub(crate) fn groups_told(&mut self, batch: &mut Batch<'_, '_>, peer: PeerKey, groups: &[GroupId]) {
        let is_unknown = |group: &&GroupId| !self.group_rows.contains_key(*group);
        let unknown: Vec<GroupId> = groups.iter().filter(is_unknown).take(AT_ONCE_MAX).copied().collect();
        for group in unknown {
            let request = Request::WayIn { group, needed: true, ballots: Vec::new() };
            self.ask(batch, peer, Asked::WayIn { group }, request);
        }
    }

    /// A contact lets this node into a group that it has nothing of. That is an invitation like any other: who is no
    /// contact can give none.
    pub(crate) async fn come_in(
        &mut self,
        batch: &mut Batch<'_, '_>,
        group: GroupId,
        from: PeerKey,
        sealed: &[u8],
    ) -> Result<(), StoreError> {
        let opened = SealedWayIn::decode(sealed).ok().and_then(|sealed| sealed.open(&self.me.keys).ok());
        let Some(way_in) = opened.filter(|way_in| way_in.group == group.0) else { return Ok(()) };
        if self.copies.restored_ms() == 0 || self.group_rows.len() >= GROUPS_MAX || !self.is_added(from) {
            return Ok(());
        }
        let moment = Moment { now_ms: batch.steady_ms, place: transcript::place(batch.now_ms, []) };
        let (entered, committed, giver) = match Group::come_in(&self.me, &way_in, moment, batch.rng) {
            Ok(entered) => entered,
            Err(error) => {
                tracing::info!(%error, "a way into a group could not be taken");
                return Ok(());
            }
        };
        if self.accounts_by_peer.get(&from) != Some(&giver.account) {
            return Ok(());
        }
        let Some((id, kind)) = self.conversation_of(&entered, giver.account) else { return Ok(()) };
        if self.group_rows.values().filter(|row| row.conversation == id).count() >= GROUPS_A_CONVERSATION_MAX {
            return Ok(());
        }
        let members = entered.members().to_vec();
        self.begin(batch, id, kind, entered, None).await?;
        self.note_commit(batch, group, committed.epoch, &committed.summary, &members).await?;
        self.note_own_since(batch, group, committed.epoch).await?;
        self.committed_now(batch, group).await?;
        let me = self.me.node_id();
        let others: Vec<MemberRow> =
            self.conversation(batch, id).await?.map(|known| known.others(me).collect()).unwrap_or_default();
        if let Ok(envelope) = Envelope::seal(&way_in.topic, Week::of(batch.now_ms), &committed.content) {
            self.owe_to(batch, id, &envelope, &others, Owed { kind: Kind::Commit, sequence: 0, wait_ms: 0 });
        }
        let is_coming = |asked: &Asked| matches!(asked, Asked::WayIn { group } if !self.group_rows.contains_key(group));
        if !self.asked.values().any(is_coming) {
            self.ask_for_groups(batch, from);
        }
        self.ask_fellows_of(batch, giver.account).await
    }

    /// Whether a peer is a contact's that the owner added.
    fn is_added(&self, peer: PeerKey) -> bool {
        let account = self.accounts_by_peer.get(&peer);
        account.and_then(|account| self.contacts.get(account)).is_some_and(|known| known.row.added)
    }
}
