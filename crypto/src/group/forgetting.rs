//! What a group forgets, and what it keeps of it (PROTOCOL §3.6); and the ballots by which it knows what it may forget.

use std::sync::Arc;

use openmls::prelude::{ProtocolMessage, PublicMessageIn};
use zeroize::Zeroizing;

use super::{
    Group, Member, Received, Refusal, Standing, Summary,
    authenticated::{COMMIT_AHEAD_MS_MAX, Claims},
    ballot::SignedBallot,
    epochs::{Cast, Electorate, EpochNode, Forgotten, Insertion, NodeKind, Rank},
    key_package::LibraryFailure,
    public_epoch::PublicEpoch,
    state::{self, Known, lottery},
    storage::{Rows, Slot},
};
use crate::{
    epoch_id::EpochId,
    identity::{LocalNode, NodeId},
};

/// What is left of an epoch without its secrets: what is public of it, and of a skeleton the rank key.
pub(super) struct Shell {
    pub(super) rows: Rows,
    pub(super) members: Vec<Member>,
}

/// What a late commit makes: a ghost, or a tombstone if it removed this node.
struct Ghost {
    node: EpochNode,
    shell: Option<Shell>,
    removed_here: Option<Box<Summary>>,
}

/// What became of a ballot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// It counts now.
    Counted {
        /// Whether the head is another epoch than before.
        head_moved: bool,
    },
    /// That one, or a newer one of its node, was there.
    Known,
    /// Its node is a member of no epoch that is here. It may be of one that is still to come.
    Unknown,
}

impl Shell {
    pub(super) fn of(rows: Rows, id: &openmls::prelude::GroupId, known: &Known) -> Result<Self, LibraryFailure> {
        let members = PublicEpoch::of_rows(&rows, id, known).map_err(|_| LibraryFailure)?.members;
        Ok(Self { rows, members })
    }

    pub(super) fn electorate(&self) -> Electorate {
        Electorate::new(self.members.iter().map(|member| (member.account, member.node)))
    }

    fn rank_key(&self) -> Option<Zeroizing<[u8; 32]>> {
        self.rows.get(&Slot::RankKey.key())?.as_slice().try_into().ok().map(Zeroizing::new)
    }
}

impl Group {
    /// Forgets what is to be forgotten by this time; whether that was anything. What is forgotten is gone with the next
    /// [`Group::take_changes`] that is saved.
    pub fn forget(&mut self, now_ms: u64) -> bool {
        let forgotten = self.tree.forget(now_ms);
        self.let_go(&forgotten);
        !forgotten.is_empty()
    }

    /// No time in it lies ahead of this one any more.
    pub fn set_back(&mut self, now_ms: u64) {
        self.tree.set_back(now_ms);
    }

    /// When there is something to forget next.
    pub fn forget_due_at_ms(&self) -> Option<u64> {
        self.tree.forget_due_at_ms()
    }

    /// Where this node stands in the group.
    pub fn standing(&self) -> Standing {
        self.tree.standing()
    }

    /// Looks at where the other members are: where this node stands may be another place than it thought (PROTOCOL §3.5).
    pub fn look_around(&mut self, me: NodeId, now_ms: u64) {
        self.tree.look_around(me, now_ms);
    }

    /// When to look around next.
    pub fn look_around_due_at_ms(&self) -> Option<u64> {
        self.tree.look_around_due_at_ms()
    }

    /// When this node has a new ballot to cast.
    pub fn ballot_due_at_ms(&self, me: NodeId) -> Option<u64> {
        self.tree.ballot_due_at_ms(me)
    }

    /// Casts this node's ballot if a new one is due: it is counted here, and to be sent to everybody else.
    pub fn ballot(&mut self, me: &LocalNode, now_ms: u64) -> Option<SignedBallot> {
        let ballot = self.tree.next_ballot(me.node_id(), now_ms)?;
        let signed = SignedBallot::sign(me, self.id, ballot);
        self.tree.cast(signed.node, signed.ballot.clone(), now_ms);
        self.ballots.insert(signed.node, signed.bytes.clone());
        Some(signed)
    }

    /// Takes a ballot that was sent in place of an MLS message.
    pub fn take_ballot(&mut self, bytes: &[u8], now_ms: u64) -> Result<Taken, Refusal> {
        let signed = SignedBallot::decode(bytes).map_err(|_| Refusal::Malformed)?;
        let Some(member) = self.anywhere_a_member(signed.node) else { return Ok(Taken::Unknown) };
        signed.verify(self.id, member)?;
        let head_before = self.head();
        match self.tree.cast(signed.node, signed.ballot, now_ms) {
            Cast::Taken => {
                self.ballots.insert(signed.node, signed.bytes);
                Ok(Taken::Counted { head_moved: self.head() != head_before })
            }
            Cast::Known => Ok(Taken::Known),
            Cast::NotAMember => Ok(Taken::Unknown),
        }
    }

    /// A node that is or was a member in any epoch that is here. Its signature key is part of what a node is.
    fn anywhere_a_member(&self, node: NodeId) -> Option<&Member> {
        let held = self.states.values().map(|state| &state.members);
        held.chain(self.shells.values().map(|shell| &shell.members)).flatten().find(|member| member.node == node)
    }

    /// Destroys the secrets of what was forgotten.
    pub(super) fn let_go(&mut self, forgotten: &Forgotten) {
        for epoch in &forgotten.removed {
            self.states.remove(epoch);
            self.shells.remove(epoch);
            self.recently_used.retain(|used| used != epoch);
        }
        for epoch in &forgotten.stripped {
            self.recently_used.retain(|used| used != epoch);
            let Some(state) = self.states.remove(epoch) else { continue };
            let mut rows = state.rows.public();
            if let Some(key) = rank_key_of(&state.rows, &self.mls_id) {
                rows.put(Slot::RankKey.key(), Zeroizing::new(key.to_vec()));
            }
            self.shells.insert(*epoch, Shell { rows, members: state.members });
        }
    }

    /// Takes a commit on an epoch without secrets, or one of this node's own whose secrets are lost: it is verified by what is public, and its epoch has none either.
    pub(super) fn receive_late_commit(
        &mut self,
        parent_id: EpochId,
        claims: &Claims,
        id: EpochId,
        message: PublicMessageIn,
        now_ms: u64,
    ) -> Received {
        let ghost = match self.make_ghost(parent_id, claims, id, message) {
            Ok(ghost) => ghost,
            Err(refusal) => return refusal.into(),
        };
        if claims.moment.now_ms > now_ms.saturating_add(COMMIT_AHEAD_MS_MAX) {
            return Received::TooEarly;
        }
        let Ghost { node, shell, removed_here } = ghost;
        let electorate = shell.as_ref().map(|shell| Arc::new(shell.electorate()));
        match self.tree.insert(node, electorate, now_ms) {
            Insertion::Inserted => {
                self.shells.extend(shell.map(|shell| (id, shell)));
                self.make_room(now_ms);
                removed_here.map_or(Received::Late(id), |summary| Received::RemovedHere { summary: Some(summary) })
            }
            Insertion::Known => Received::Known,
            Insertion::Gone => Received::Gone,
            Insertion::UnknownParent => Received::UnknownEpoch(parent_id),
        }
    }

    fn make_ghost(
        &self,
        parent_id: EpochId,
        claims: &Claims,
        id: EpochId,
        message: PublicMessageIn,
    ) -> Result<Ghost, Refusal> {
        let (parent_rows, members, rank_key) = match (self.shells.get(&parent_id), self.states.get(&parent_id)) {
            (Some(shell), _) => (&shell.rows, &shell.members, shell.rank_key()),
            // A commit of this node's own whose keys it has lost.
            (None, Some(state)) => (&state.rows, &state.members, rank_key_of(&state.rows, &self.mls_id)),
            (None, None) => return Err(Refusal::Invalid),
        };
        let mut known = Known::new();
        state::learn(&mut known, members);
        let parent = PublicEpoch::of_rows(parent_rows, &self.mls_id, &known).map_err(|_| Refusal::Invalid)?;
        let (checked, staged) = parent.receive(self.id, ProtocolMessage::from(message), claims)?;
        let policy = parent.policy.clone();
        let (next, rows) = parent.advance(staged).map_err(|_| Refusal::Invalid)?;
        let committer = checked.committer.node;
        let lottery = rank_key.map_or([0; 32], |key| lottery(&key, committer));
        let number = self.tree.node(parent_id).ok_or(Refusal::Invalid)?.number.saturating_add(1);
        let rank = Rank { class: checked.class, power: checked.power, lottery, commit: id };
        let node = EpochNode {
            parent: Some(parent_id),
            committer: Some(committer),
            rank,
            kind: NodeKind::Ghost,
            ..EpochNode::root(id, number, 0)
        };
        let is_removed = |me: NodeId| checked.removed.iter().any(|(member, _)| member.node == me);
        if self.own_node().is_some_and(is_removed) {
            // Where this node is no member nobody gives it a way in: to ask for one would be to ask for ever.
            let summary = Box::new(checked.into_summary(parent_id, &policy, claims.moment));
            let node = EpochNode { kind: NodeKind::Tombstone, ..node };
            return Ok(Ghost { node, shell: None, removed_here: Some(summary) });
        }
        Ok(Ghost { node, shell: Some(Shell { rows, members: next.members }), removed_here: None })
    }

    /// Which node this is: it is the same in all epochs.
    fn own_node(&self) -> Option<NodeId> {
        let state = self.head_state().or_else(|| self.states.values().next())?;
        let own_leaf = state::load(&state.rows, &self.mls_id).ok()?.own_leaf_index().u32();
        state.member(own_leaf).map(|member| member.node)
    }

    /// Forgets ahead of time what there is no room for.
    pub(super) fn make_room(&mut self, now_ms: u64) {
        if self.tree.is_crowded() {
            self.forget(now_ms);
        }
    }
}

fn rank_key_of(rows: &Rows, id: &openmls::prelude::GroupId) -> Option<Zeroizing<[u8; 32]>> {
    state::load(rows, id).and_then(|group| state::rank_key(&group)).ok()
}
