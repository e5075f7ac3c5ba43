//! Joining a group by a link (PROTOCOL §6.10): whom this node asks to let it in, and what they answer.

use std::collections::BTreeSet;

use tidings_crypto::group::{GroupId, InviteHost, InviteLink, Suite};

use crate::engine::State;
use crate::engine::batch::{Batch, Halt};
use crate::engine::pushes::Asked;
use crate::handle::{self, Refused, Standing};
use crate::ids::{ConversationId, PeerKey};
use crate::network::NetworkCommand;
use crate::store::{ConversationKind, ConversationRow, JoiningRow, StoreError};
use crate::wire::join::JoinRequest;
use crate::wire::request::{JoinVerdict, Request};

/// Whoever asked a member to be let in asks the next after this long without a Welcome.
const NEXT_HOST_AFTER_MS: u64 = 3_000;
/// Once all were asked, each round takes twice as long as the one before, up to this. A guess.
const NEXT_HOST_AFTER_MS_MAX: u64 = 60 * 60 * 1_000;
/// While somebody has to approve, the members are asked again after this long.
const ASK_AGAIN_AFTER_MS: u64 = 60_000;
/// If some of those named in the link refused and the others cannot be asked for this long, the refusal stands.
const REFUSED_AFTER_MS: u64 = 24 * 60 * 60 * 1_000;
/// So many groups may be asked at once.
const JOININGS_MAX: usize = 100;
/// So many refusals are remembered, to tell the reason; then the oldest goes.
const JOININGS_REFUSED_MAX: usize = 100;

/// A group that the owner of this node asked to join.
#[derive(Debug)]
pub(crate) struct Joining {
    link: InviteLink,
    row: JoiningRow,
    /// Which host was asked last.
    last: usize,
    /// Key packages of this node to show, one of each suite.
    packages: Vec<Vec<u8>>,
    /// Who refused.
    refusals: BTreeSet<PeerKey>,
    /// What the last of them said.
    said: String,
    /// When to ask the next one.
    next_ms: u64,
    /// How often somebody was asked in this run.
    asked: u32,
}

impl Joining {
    pub(crate) fn new(row: JoiningRow) -> Option<Self> {
        let link = InviteLink::parse(&row.link).ok()?;
        Some(Self {
            link,
            row,
            last: usize::MAX,
            packages: Vec::new(),
            refusals: BTreeSet::new(),
            said: String::new(),
            next_ms: 0,
            asked: 0,
        })
    }

    /// When to ask the next member; never once it was refused.
    pub(crate) fn due_ms(&self) -> Option<u64> {
        self.row.refused.is_empty().then_some(self.next_ms)
    }

    /// The clock was set back.
    pub(crate) fn hasten(&mut self, now_ms: u64) {
        self.next_ms = self.next_ms.min(now_ms.saturating_add(ASK_AGAIN_AFTER_MS));
    }

    fn is_refused(&self) -> bool {
        !self.row.refused.is_empty()
    }

    /// How long to wait for who was asked now.
    fn pause_ms(&self) -> u64 {
        let hosts = u32::try_from(self.link.hosts.len()).unwrap_or(u32::MAX).max(1);
        let rounds = self.asked.checked_div(hosts).unwrap_or(0).min(16);
        NEXT_HOST_AFTER_MS.saturating_mul(1 << rounds).min(NEXT_HOST_AFTER_MS_MAX)
    }

    pub(crate) fn hosts(&self) -> impl Iterator<Item = &InviteHost> {
        self.link.hosts.iter()
    }
}

impl State {
    /// Asks to join a group.
    pub(crate) async fn join(&mut self, batch: &mut Batch<'_, '_>, link: &str) -> Result<handle::Conversation, Halt> {
        let parsed = InviteLink::parse(link).map_err(|error| Refused::BadLink(error.to_string()))?;
        let (group, id) = (parsed.group, ConversationId::of_group(parsed.group));
        let standing = self.conversation(batch, id).await?.map(|conversation| conversation.row.standing);
        self.open_request(batch, id).await?;
        if !matches!(standing, Some(Standing::Member | Standing::ComingBack)) {
            let waiting = self.joinings.values().filter(|joining| !joining.is_refused()).count();
            if waiting >= JOININGS_MAX && !self.joinings.contains_key(&group) {
                let limit = JOININGS_MAX as u64;
                return Err(Refused::LimitReached { what: "groups asked to be let in", limit }.into());
            }
            if parsed.hosts.is_empty() {
                return Err(Refused::BadLink("this invite names nobody who could let you in".to_owned()).into());
            }
            let row = JoiningRow {
                group,
                link: zeroize::Zeroizing::new(link.split_whitespace().collect()),
                asked_at_ms: batch.steady_ms,
                refused: String::new(),
            };
            batch.tx.put_joining(&row, batch.rng).await?;
            self.forget_refusals(batch).await?;
            if let Some(conversation) = self.conversation(batch, id).await? {
                let row = conversation.change();
                (row.standing, row.refused) = (Standing::Joining, String::new());
            } else {
                let row = ConversationRow::new(
                    id,
                    ConversationKind::Group,
                    parsed.name.clone(),
                    Standing::Joining,
                    batch.now_ms,
                );
                let mut conversation = super::Conversation::new(row, group, Vec::new());
                conversation.groups.clear();
                self.conversations.insert(id, conversation);
            }
            if let Some(joining) = Joining::new(row) {
                for host in joining.hosts() {
                    batch.network(NetworkCommand::Know { peer: host.peer, addresses: host.addresses.clone() });
                }
                self.joinings.insert(group, joining);
            }
            self.ask_to_join(batch, group).await?;
        }
        self.save_conversations(batch).await?;
        batch.tx.flush().await?;
        let view = batch.tx.conversation_view(id, &self.viewer()).await?;
        view.ok_or_else(|| Refused::UnknownConversation.into())
    }

    /// Lets go of the oldest refusals beyond those that are remembered.
    async fn forget_refusals(&mut self, batch: &mut Batch<'_, '_>) -> Result<(), StoreError> {
        let refused = self.joinings.iter().filter(|(_, joining)| joining.is_refused());
        let mut refused: Vec<(u64, GroupId)> =
            refused.map(|(group, joining)| (joining.row.asked_at_ms, *group)).collect();
        refused.sort_unstable();
        let excess = refused.len().saturating_sub(JOININGS_REFUSED_MAX);
        for (_, group) in refused.into_iter().take(excess) {
            self.joined(batch, group).await?;
        }
        Ok(())
    }

    /// The owner does not want to join any more: no member is asked again. `None` if nobody is asked to.
    pub(crate) async fn stop_joining(
        &mut self,
        batch: &mut Batch<'_, '_>,
        id: ConversationId,
    ) -> Result<Option<handle::Conversation>, Halt> {
        let group = self.joinings.keys().copied().find(|group| ConversationId::of_group(*group) == id);
        let standing = self.conversation(batch, id).await?.map(|conversation| conversation.row.standing);
        if standing != Some(Standing::Joining) && group.is_none() {
            return Ok(None);
        }
        if let Some(group) = group {
            self.joined(batch, group).await?;
        }
        if let Some(conversation) = self.conversation(batch, id).await? {
            let row = conversation.change();
            (row.standing, row.refused) = (Standing::Left, String::new());
        }
        self.save_conversations(batch).await?;
        batch.tx.flush().await?;
        let view = batch.tx.conversation_view(id, &self.viewer()).await?;
        Ok(Some(view.ok_or(Refused::UnknownConversation)?))
    }

    /// Asks the next connected member of the link to be let in.
    pub(crate) async fn ask_to_join(&mut self, batch: &mut Batch<'_, '_>, group: GroupId) -> Result<(), StoreError> {
        let Some(joining) = self.joinings.get(&group) else { return Ok(()) };
        if joining.packages.is_empty() {
            let hybrid = self.make_key_package(batch, Suite::Hybrid, false).await?;
            let classic = self.make_key_package(batch, Suite::Classic, false).await?;
            let Some(joining) = self.joinings.get_mut(&group) else { return Ok(()) };
            joining.packages = hybrid.into_iter().chain(classic).map(|package| package.bytes).collect();
        }
        let Some(joining) = self.joinings.get(&group) else { return Ok(()) };
        let count = joining.link.hosts.len();
        let order = (1..=count).map(|step| joining.last.wrapping_add(step) % count.max(1));
        let next = order.into_iter().find(|index| {
            let host = joining.link.hosts.get(*index);
            host.is_some_and(|host| self.is_connected(&host.peer) && !joining.refusals.contains(&host.peer))
        });
        let proof = joining.link.seed.prove(group, self.me.account_id());
        let peer = next.and_then(|index| joining.link.hosts.get(index)).map(|host| host.peer);
        let packages = joining.packages.clone();
        let request = JoinRequest { group, proof, card: self.profile.card.clone(), packages };
        if let Some(joining) = self.joinings.get_mut(&group) {
            joining.next_ms = batch.now_ms.saturating_add(joining.pause_ms());
            joining.asked = joining.asked.saturating_add(u32::from(next.is_some()));
            joining.last = next.unwrap_or(joining.last);
        }
        if let Some(peer) = peer {
            self.ask(batch, peer, Asked::Join { group }, Request::Join { request: request.encode() });
        }
        Ok(())
    }

    /// A peer appeared: it may let me in.
    pub(crate) async fn host_appeared(&mut self, batch: &mut Batch<'_, '_>, peer: PeerKey) -> Result<(), StoreError> {
        let waiting: Vec<GroupId> = self
            .joinings
            .iter()
            .filter(|(_, joining)| joining.due_ms().is_some() && joining.hosts().any(|host| host.peer == peer))
            .map(|(group, _)| *group)
            .collect();
        for group in waiting {
            self.ask_to_join(batch, group).await?;
        }
        Ok(())
    }

    /// Asks whose turn it is by now.
    pub(crate) async fn ask_due_joins(&mut self, batch: &mut Batch<'_, '_>) -> Result<(), StoreError> {
        let (now_ms, steady_ms) = (batch.now_ms, batch.steady_ms);
        let due = self.joinings.iter().filter(|(_, joining)| joining.due_ms().is_some_and(|due_ms| due_ms <= now_ms));
        let due: Vec<GroupId> = due.map(|(group, _)| *group).collect();
        for group in due {
            let old = |joining: &&Joining| joining.row.asked_at_ms.saturating_add(REFUSED_AFTER_MS) <= steady_ms;
            let refused = self.joinings.get(&group).filter(old).filter(|joining| !joining.said.is_empty());
            match refused.map(|joining| joining.said.clone()) {
                Some(reason) => self.give_joining_up(batch, group, reason).await?,
                None => self.ask_to_join(batch, group).await?,
            }
        }
        Ok(())
    }

    /// A member's answer to a request to join.
    pub(crate) async fn join_answered(
        &mut self,
        batch: &mut Batch<'_, '_>,
        group: GroupId,
        peer: PeerKey,
        verdict: Option<JoinVerdict>,
    ) -> Result<(), StoreError> {
        let Some(joining) = self.joinings.get_mut(&group) else { return Ok(()) };
        match verdict {
            Some(JoinVerdict::Waiting) => {
                joining.next_ms = batch.now_ms.saturating_add(joining.pause_ms().max(ASK_AGAIN_AFTER_MS));
            }
            Some(JoinVerdict::Refused(reason)) => return self.join_refused(batch, group, peer, reason).await,
            Some(JoinVerdict::Coming | JoinVerdict::Later) | None => {}
        }
        Ok(())
    }

    /// One of the members named in the link refused. It may be behind the others, or wrong: it is over once all of them
    /// refused, or those that could be asked within a day.
    async fn join_refused(
        &mut self,
        batch: &mut Batch<'_, '_>,
        group: GroupId,
        peer: PeerKey,
        reason: String,
    ) -> Result<(), StoreError> {
        let Some(joining) = self.joinings.get_mut(&group) else { return Ok(()) };
        joining.refusals.insert(peer);
        joining.said.clone_from(&reason);
        let others = joining.hosts().map(|host| host.peer).filter(|peer| !joining.refusals.contains(peer));
        let others: Vec<PeerKey> = others.collect();
        let is_old = joining.row.asked_at_ms.saturating_add(REFUSED_AFTER_MS) <= batch.steady_ms;
        if others.iter().any(|peer| self.is_connected(peer)) {
            return self.ask_to_join(batch, group).await;
        }
        if others.is_empty() || is_old {
            return self.give_joining_up(batch, group, reason).await;
        }
        batch.touched.insert(ConversationId::of_group(group));
        Ok(())
    }

    async fn give_joining_up(
        &mut self,
        batch: &mut Batch<'_, '_>,
        group: GroupId,
        reason: String,
    ) -> Result<(), StoreError> {
        let Some(joining) = self.joinings.get_mut(&group) else { return Ok(()) };
        let told = format!("The invite was refused: {reason}.");
        joining.row.refused = reason;
        batch.tx.put_joining(&joining.row, batch.rng).await?;
        let id = ConversationId::of_group(group);
        if let Some(conversation) = self.conversation(batch, id).await? {
            let row = conversation.change();
            (row.standing, row.refused) = (Standing::Removed, told);
        }
        batch.touched.insert(id);
        Ok(())
    }

    /// What a member said who refused, while others are still to be asked.
    pub(crate) fn refused_so_far(&self, id: ConversationId) -> Option<String> {
        let joining = self.joinings.values().find(|joining| ConversationId::of_group(joining.row.group) == id);
        let said = joining.filter(|joining| joining.row.refused.is_empty() && !joining.said.is_empty());
        said.map(|joining| {
            format!(
                "A member refused ({}). The others named in the link are asked as soon as they are here.",
                joining.said
            )
        })
    }

    /// The Welcome came.
    pub(crate) async fn joined(&mut self, batch: &mut Batch<'_, '_>, group: GroupId) -> Result<(), StoreError> {
        if self.joinings.remove(&group).is_some() {
            batch.tx.drop_joining(group).await?;
        }
        Box::pin(self.tell_proofs_in(batch, group)).await
    }
}
