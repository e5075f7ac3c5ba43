//! Coming back (PROTOCOL §3.7): a node that is a member, and has forgotten the epochs that the group is in, takes its
//! place again by an external commit on another member's head.
//!
//! Whoever gives a way in gives nothing that the asker has no right to: it is a member there. Whoever takes one checks
//! everything that it would check of a commit and of a Welcome, and that the giver is somebody whom it knows from
//! the group; what it held before stays readable.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use openmls::{
    messages::group_info::VerifiableGroupInfo,
    prelude::{LeafNodeParameters, MlsGroup, MlsMessageBodyIn, MlsMessageIn, tls_codec::DeserializeBytes},
};
use openmls_traits::OpenMlsProvider;
use rand_core::CryptoRng;
use zeroize::Zeroizing;

use super::{
    BadLeaf, Committed, Forbidden, Group, GroupId, Member, Moment, Refusal,
    authenticated::{Authenticated, Claims},
    check::Checked,
    epochs::{EpochNode, EpochTree, NodeKind, Rank, Standing},
    forgetting::Shell,
    framing::CommitFrame,
    join_config,
    key_package::{LibraryFailure, NodeSigner, capabilities, credential},
    provider::{Crypto, Provider},
    public_epoch::{NoPublicEpoch, PublicEpoch},
    state::{self, EpochState, Known},
    storage::{Overlay, Rows, Slot},
    tree_change::Child,
};
use crate::{
    codec::{Malformed, Reader},
    envelope::{Content, MESSAGE_BYTES_MAX, SealedWayIn, WayIn},
    epoch_id::EpochId,
    identity::{AccountId, LocalNode, NodeId, NotValidNow},
};

/// A group info ends with the leaf of its signer, and an Ed25519 signature with its length in front.
const SIGNER_FROM_END: usize = 70;
const SIGNATURE_LENGTH: [u8; 2] = [0x40, 64];

/// So many accounts have to name the epoch of a way in.
const VOUCHING_ACCOUNTS: usize = 2;

/// Why a node cannot come back by a way in. Nothing has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ComeBackError {
    /// The way in leads into another group.
    #[error("the way in leads into another group")]
    OtherGroup,
    /// This node is not stranded, or is already where it leads: it follows by itself.
    #[error("this node needs no way in: it can follow by itself")]
    NotNeeded,
    /// It is no way in, or forged or damaged, or against the rules of MLS.
    #[error("the way in is damaged or forged")]
    Damaged,
    /// The member who gives it is none where this node stands.
    #[error("the way in comes from somebody who is not known to be a member")]
    Stranger,
    /// This node is not a member where it leads.
    #[error("this node is not a member of the group any more")]
    NotAMember,
    /// A node with the same keys, and a newer certificate, is the member there: another copy of this one.
    #[error("another copy of this node has taken its place in the group")]
    Copied,
    /// A member there does not say who it is.
    #[error("the group has a member whose certificate is wrong: {0}")]
    Member(#[from] BadLeaf),
    /// This node's certificate, or that of the member who gives it, is not valid now.
    #[error(transparent)]
    NotValidNow(#[from] NotValidNow),
    /// The group has no policy that this version knows.
    #[error("the group is of a kind that this version does not know")]
    Policy(Malformed),
    /// The members are against the group's policy.
    #[error(transparent)]
    Forbidden(#[from] Forbidden),
    /// The commit would be refused by the others.
    #[error("the others would refuse it: {0}")]
    Refused(Refusal),
    /// The commit would not fit an envelope.
    #[error("the commit has {bytes} bytes; an envelope holds {MESSAGE_BYTES_MAX}")]
    TooLarge {
        /// How many it has.
        bytes: usize,
    },
    /// The library failed: a bug.
    #[error(transparent)]
    Library(#[from] LibraryFailure),
}

impl From<NoPublicEpoch> for ComeBackError {
    fn from(reason: NoPublicEpoch) -> Self {
        match reason {
            NoPublicEpoch::Damaged => Self::Damaged,
            NoPublicEpoch::Leaf(reason) => Self::Member(reason),
            NoPublicEpoch::Policy(reason) => Self::Policy(reason),
        }
    }
}

impl Group {
    /// All that is here comes from a backup (PROTOCOL §8.6). It is read with, and nothing is encrypted or committed with it:
    /// whoever ran on from it may have used the same keys. This node is stranded until it comes back, as a new leaf. That is
    /// not saved with the group: whoever loads it says it again.
    pub fn restore(&mut self) {
        self.tree.hold_back();
    }

    /// Whether that is so still.
    pub fn is_restored(&self) -> bool {
        self.tree.is_held_back()
    }

    /// When a commit says that it was made, ms since 1970; none for what is no commit.
    pub fn committed_at_ms(&self, content: &Content) -> Option<u64> {
        self.commit_claims(content).map(|claims| claims.moment.now_ms)
    }

    /// A way into this node's head for a node that is a member there, sealed to its mailbox key; none for others, and
    /// none from a node that has itself to come back.
    pub fn way_in<R: CryptoRng + ?Sized>(&self, me: &LocalNode, to: NodeId, rng: &mut R) -> Option<SealedWayIn> {
        let state = self.head_state().filter(|_| self.tree.standing() == Standing::Member)?;
        let asker = state.members.iter().find(|member| member.node == to && member.node != me.node_id())?;
        let group = state::load(&state.rows, &self.mls_id).ok()?;
        let group_info = group.export_group_info(&Crypto::default(), &NodeSigner(&me.keys), true).ok()?;
        let way_in = WayIn {
            group: self.id.0,
            epoch: self.head(),
            rank_key: state::rank_key(&group).ok()?,
            topic: state.topic.clone(),
            group_info: group_info.to_bytes().ok()?,
            above: self.tree.above_epoch(self.head()),
        };
        way_in.seal(&asker.certificate.mailbox_key(), rng).ok()
    }

    /// Whether more than the giver's word says that a way in leads to where the group is: members of two other accounts,
    /// or of the only other one there is, name its epoch in their ballots. Nobody can forge those, and one member alone
    /// can build a group of its own out of what is public.
    pub fn is_vouched_for(&self, way_in: &WayIn, me: AccountId) -> bool {
        let others = || self.members_here().iter().filter(|member| member.account != me);
        let names_it = |member: &&Member| {
            let ballot = self.tree.ballot(member.node);
            ballot.is_some_and(|ballot| ballot.choices.iter().any(|choice| choice.epoch == way_in.epoch))
        };
        let count = |accounts: BTreeSet<AccountId>| accounts.len();
        let vouching = count(others().filter(names_it).map(|member| member.account).collect());
        let all = count(others().map(|member| member.account).collect());
        vouching >= VOUCHING_ACCOUNTS.min(all)
    }

    /// Comes back by a way in: the epoch that it leads to becomes the root of this node's tree, without secrets, and the
    /// commit its child, which is to be sent to everybody else. So a commit beside it arrives and is ranked, and this
    /// node sees it if its own has lost. What it held before is only read from now on.
    ///
    /// It may be done again, by another way in, when another commit wins over this one. Whoever is well never does it:
    /// whatever a member says, nobody is led away from where they are well. Who was removed here may have been so on a branch
    /// that the others have left.
    pub fn come_back<R: CryptoRng + ?Sized>(
        &mut self,
        me: &LocalNode,
        way_in: &WayIn,
        moment: Moment,
        rng: &mut R,
    ) -> Result<Committed, ComeBackError> {
        if way_in.group != self.id.0 {
            return Err(ComeBackError::OtherGroup);
        }
        let is_here = self.tree.leads_to_head(way_in.epoch) && !self.is_restored();
        if self.tree.standing() == Standing::Member || is_here {
            return Err(ComeBackError::NotNeeded);
        }
        let info = read_group_info(way_in)?;
        let is_our_suite = self.suite().is_none_or(|suite| info.ciphersuite() == suite.to_mls());
        if *info.group_id() != self.mls_id || !is_our_suite {
            return Err(ComeBackError::OtherGroup);
        }
        let found = Found::of(way_in, info, me, moment)?;
        if self.kind().is_some_and(|kind| kind != found.parent.policy.kind) {
            return Err(ComeBackError::OtherGroup);
        }
        if !self.members_here().iter().any(|member| member.account == found.giver.account) {
            return Err(ComeBackError::Stranger);
        }
        let Return { shell, child, committed } =
            found.take(self.id, self.brought_in_by(), (me, way_in, moment), rng)?;
        self.land_below(shell, way_in.above.clone(), child, moment.now_ms);
        Ok(committed)
    }

    /// Comes into a group that this node is a member of and has nothing of, because it came into it after its backup was
    /// made (PROTOCOL §8.6). Whether whoever gives the way in is to be believed that this is so, like whoever invites, is for the
    /// caller to say.
    pub fn come_in<R: CryptoRng + ?Sized>(
        me: &LocalNode,
        way_in: &WayIn,
        moment: Moment,
        rng: &mut R,
    ) -> Result<(Self, Committed, Member), ComeBackError> {
        let id = GroupId(way_in.group);
        let info = read_group_info(way_in)?;
        if *info.group_id() != id.to_mls() {
            return Err(ComeBackError::OtherGroup);
        }
        let found = Found::of(way_in, info, me, moment)?;
        let giver = found.giver.clone();
        let Return { shell, child, committed } = found.take(id, Some(giver.account), (me, way_in, moment), rng)?;
        let number = child.node.number.checked_sub(1).ok_or(LibraryFailure)?;
        let root = EpochNode { kind: NodeKind::Skeleton, ..EpochNode::root(way_in.epoch, number, moment.now_ms) };
        let mut group = Self {
            id,
            mls_id: id.to_mls(),
            tree: EpochTree::new(root, Arc::new(shell.electorate())),
            states: BTreeMap::new(),
            shells: BTreeMap::from([(way_in.epoch, shell)]),
            ballots: BTreeMap::new(),
            recently_used: VecDeque::new(),
        };
        group.tree.know_above(way_in.above.iter().copied());
        group.adopt(child, moment.now_ms);
        Ok((group, committed, giver))
    }

    /// The members where this node stands: in its head or, if that removed it, in the epoch before.
    pub(super) fn members_here(&self) -> &[Member] {
        let path = self.tree.path(self.head());
        path.iter().rev().find_map(|epoch| self.members_known_at(*epoch)).unwrap_or_default()
    }

    fn members_known_at(&self, epoch: EpochId) -> Option<&[Member]> {
        let held = self.states.get(&epoch).map(|state| &state.members);
        held.or_else(|| self.shells.get(&epoch).map(|shell| &shell.members)).map(Vec::as_slice)
    }
}

/// What a way in leads to, checked like a Welcome.
struct Found {
    info: VerifiableGroupInfo,
    parent: PublicEpoch,
    rows: Rows,
    giver: Member,
}

/// What an external commit made, not in any tree yet.
struct Return {
    shell: Shell,
    child: Child,
    committed: Committed,
}

impl Found {
    fn of(way_in: &WayIn, info: VerifiableGroupInfo, me: &LocalNode, moment: Moment) -> Result<Self, ComeBackError> {
        let (parent, rows) = PublicEpoch::of_group_info(info.clone())?;
        check_members(&parent, me, moment.now_ms)?;
        let giver = giver(&parent, way_in)?.clone();
        giver.certificate.check_time(moment.now_ms)?;
        Ok(Self { info, parent, rows, giver })
    }

    fn take<R: CryptoRng + ?Sized>(
        self,
        id: GroupId,
        inviter: Option<AccountId>,
        (me, way_in, moment): (&LocalNode, &WayIn, Moment),
        rng: &mut R,
    ) -> Result<Return, ComeBackError> {
        let Self { info, parent, rows: mut parent_rows, .. } = self;
        let mut rows = Rows::default();
        let provider = Provider::seeded(Overlay::writing(&mut rows), rng);
        let claims = Claims { moment, evidence: Vec::new() };
        let authenticated = Authenticated::Commit { parent: way_in.epoch, claims: claims.clone() };
        let (group, message) = stage_return(&provider, me, info, authenticated.encode())?;
        drop(provider);
        if message.len() > MESSAGE_BYTES_MAX {
            return Err(ComeBackError::TooLarge { bytes: message.len() });
        }
        let checked = take_own(id, &parent, &message, &claims)?;
        let epoch = CommitFrame::read(&message).map_err(|_| LibraryFailure)?.id;
        let node = return_node(way_in, epoch, &group, &checked);
        let summary = checked.into_summary(way_in.epoch, &parent.policy, moment);
        let members = state::members(&group, &Known::new()).map_err(|_| LibraryFailure)?;
        if let Some(inviter) = inviter {
            rows.put(Slot::Inviter.key(), Zeroizing::new(inviter.0.to_vec()));
        }
        let state = EpochState::adopt(rows, group, members, Some(way_in.topic.clone()))?;
        parent_rows.put(Slot::RankKey.key(), Zeroizing::new(way_in.rank_key.to_vec()));
        let shell = Shell { rows: parent_rows, members: parent.members };
        let content = Content { epoch: way_in.epoch, message };
        let committed = Committed { content, welcome: None, epoch, summary };
        Ok(Return { shell, child: Child { node, state: Some(state) }, committed })
    }
}

/// The node of the own commit, ranked as everybody else there ranks it.
fn return_node(way_in: &WayIn, epoch: EpochId, group: &MlsGroup, checked: &Checked) -> EpochNode {
    let committer = checked.committer.node;
    let lottery = state::lottery(&way_in.rank_key, committer);
    EpochNode {
        parent: Some(way_in.epoch),
        committer: Some(committer),
        rank: Rank { class: checked.class, power: checked.power, lottery, commit: epoch },
        ..EpochNode::root(epoch, group.epoch().as_u64(), 0)
    }
}

/// Takes the own commit as everybody else there will, by what is public.
fn take_own(id: GroupId, parent: &PublicEpoch, message: &[u8], claims: &Claims) -> Result<Checked, ComeBackError> {
    let message = MlsMessageIn::tls_deserialize_exact_bytes(message).map_err(|_| LibraryFailure)?;
    let message = message.try_into_protocol_message().map_err(|_| LibraryFailure)?;
    let (checked, _) = parent.receive(id, message, claims).map_err(ComeBackError::Refused)?;
    Ok(checked)
}

/// What is checked of a Welcome: the policy allows the members, and this node is one of them.
fn check_members(parent: &PublicEpoch, me: &LocalNode, now_ms: u64) -> Result<(), ComeBackError> {
    parent.policy.permits_members(parent.members.iter())?;
    parent.suite.permits_members(parent.members.len())?;
    let mine = parent.members.iter().find(|member| member.node == me.node_id()).ok_or(ComeBackError::NotAMember)?;
    if mine.certificate.number() > me.certificate.number() {
        return Err(ComeBackError::Copied);
    }
    Ok(me.certificate.check_time(now_ms)?)
}

/// Who signed the group info; OpenMLS verified the signature and keeps the signer to itself.
fn giver<'a>(parent: &'a PublicEpoch, way_in: &WayIn) -> Result<&'a Member, ComeBackError> {
    let mut end = Reader::new(last(&way_in.group_info, SIGNER_FROM_END)?);
    let leaf = end.u32().map_err(|_| ComeBackError::Damaged)?;
    if end.array() != Ok(SIGNATURE_LENGTH) {
        return Err(ComeBackError::Damaged);
    }
    parent.members.iter().find(|member| member.leaf == leaf).ok_or(ComeBackError::Damaged)
}

fn last(bytes: &[u8], count: usize) -> Result<&[u8], ComeBackError> {
    let start = bytes.len().checked_sub(count).ok_or(ComeBackError::Damaged)?;
    bytes.get(start..).ok_or(ComeBackError::Damaged)
}

pub(super) fn read_group_info(way_in: &WayIn) -> Result<VerifiableGroupInfo, ComeBackError> {
    let message = MlsMessageIn::tls_deserialize_exact_bytes(&way_in.group_info).map_err(|_| ComeBackError::Damaged)?;
    match message.extract() {
        MlsMessageBodyIn::GroupInfo(info) => Ok(info),
        _ => Err(ComeBackError::Damaged),
    }
}

/// Builds the external commit, and merges it: the group in its new epoch, and the commit's bytes.
pub(super) fn stage_return(
    provider: &Provider<'_>,
    me: &LocalNode,
    info: VerifiableGroupInfo,
    authenticated: Vec<u8>,
) -> Result<(MlsGroup, Vec<u8>), ComeBackError> {
    let (group, bundle) = MlsGroup::external_commit_builder()
        .with_config(join_config())
        .with_aad(authenticated)
        .skip_lifetime_validation()
        .build_group(provider, info, credential(me))
        .map_err(|_| ComeBackError::Damaged)?
        .leaf_node_parameters(LeafNodeParameters::builder().with_capabilities(capabilities()).build())
        .load_psks(provider.storage())
        .map_err(|_| LibraryFailure)?
        .create_group_info(false)
        .build(provider.rand(), provider.crypto(), &NodeSigner(&me.keys), |_| true)
        .map_err(|_| ComeBackError::Damaged)?
        .finalize(provider)
        .map_err(|_| LibraryFailure)?;
    let message = bundle.commit().to_bytes().map_err(|_| LibraryFailure)?;
    Ok((group, message))
}
